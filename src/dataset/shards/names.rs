//! The record of each name, in a temporary file: twelve bytes a record would exceed the memory for an index.

use std::io::{self, BufWriter, Write};

use twox_hash::XxHash3_64;

use crate::dataset::source::{Bytes, Stamp};

/// A hash of eight bytes, and the number of the record.
const ENTRY: usize = 12;

/// The records by the hashes of their names, sorted.
#[derive(Debug)]
pub(in crate::dataset) struct Names {
    entries: Bytes,
    len: u64,
}

pub(in crate::dataset) fn hash(name: &str) -> u64 {
    XxHash3_64::oneshot(name.as_bytes())
}

impl Names {
    /// Stores the hashes, each of one record.
    pub(in crate::dataset) fn store(mut hashes: Vec<(u64, u32)>) -> io::Result<Self> {
        hashes.sort_unstable();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for (hash, record) in &hashes {
            out.write_all(&hash.to_be_bytes())?;
            out.write_all(&record.to_be_bytes())?;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let stamp = Stamp::from(&file.metadata()?);
        Ok(Self { entries: Bytes::new(file, stamp), len: hashes.len() as u64 })
    }

    /// Returns the record of a name.
    pub(in crate::dataset) fn find(&self, name: &str) -> Option<u32> {
        let wanted = hash(name);
        let (mut start, mut end) = (0, self.len);
        while start < end {
            let middle = start + (end - start) / 2;
            let (found, record) = self.entry(middle)?;
            match found.cmp(&wanted) {
                std::cmp::Ordering::Equal => return Some(record),
                std::cmp::Ordering::Less => start = middle + 1,
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }

    fn entry(&self, at: u64) -> Option<(u64, u32)> {
        let mut entry = [0; ENTRY];
        self.entries.read_exact_at(at * ENTRY as u64, &mut entry).ok()?;
        let (hash, record) = entry.split_at(8);
        Some((u64::from_be_bytes(hash.try_into().ok()?), u32::from_be_bytes(record.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found() {
        let name = |number: u32| format!("images/{number}.jpg");
        let names = Names::store((0..1000).map(|record| (hash(&name(record)), record)).collect()).unwrap();
        assert!((0..1000).all(|record| names.find(&name(record)) == Some(record)));
        assert_eq!(names.find("another"), None);
    }
}
