//! Changes the directory of a page in a copy of the file (TIFF 6.0, section 2).

use tiff::tags::{ByteOrder, Tag};

use super::{Reader, broken};
use crate::picture::PictureError;

/// The type of an entry with offsets: `LONG`, in `BigTIFF` `LONG8`.
const LONG: u64 = 4;
const LONG_8: u64 = 16;

pub(super) struct Directory {
    is_big_endian: bool,
    /// The size of an offset, in bytes.
    offset: usize,
    /// The offsets of the entries.
    entries: Vec<usize>,
}

impl Directory {
    /// Returns the directory of the decoder's page.
    pub fn of(decoder: &mut Reader, bytes: &[u8]) -> Result<Self, PictureError> {
        let is_big_endian = decoder.byte_order() == ByteOrder::BigEndian;
        let page = decoder.ifd_pointer().and_then(|page| usize::try_from(page.0).ok());
        page.and_then(|page| Self::at(page, bytes, is_big_endian)).ok_or_else(|| broken(&"its header is invalid"))
    }

    fn at(page: usize, bytes: &[u8], is_big_endian: bool) -> Option<Self> {
        const MAGIC: usize = 2;
        const BIG: u16 = 43;
        let mut directory = Self { is_big_endian, offset: 4, entries: Vec::new() };
        let is_big = directory.u16_at(bytes, MAGIC)? == BIG;
        // The number of entries has 2 or 8 bytes; the `tiff` crate accepts fewer than 65,536.
        let count_bytes = if is_big { 8 } else { 2 };
        directory.offset = if is_big { 8 } else { 4 };
        let low = if is_big_endian { page + count_bytes - 2 } else { page };
        let (count, entry) = (usize::from(directory.u16_at(bytes, low)?), 4 + 2 * directory.offset);
        directory.entries = (0..count).map(|number| page + count_bytes + number * entry).collect();
        Some(directory)
    }

    /// Gives a tag of the page these values, in place if it is one.
    pub fn set(&self, file: &mut Vec<u8>, tag: Tag, values: &[u64]) -> Result<(), PictureError> {
        let entry = self.entries.iter().find(|at| self.u16_at(file, **at) == Some(tag.to_u16()));
        let field = entry.map(|at| at + 4 + self.offset).filter(|field| field + self.offset <= file.len());
        let (Some(at), Some(field)) = (entry.copied(), field) else { return Err(broken(&"its header is invalid")) };
        let end = file.len() as u64;
        self.put(&mut file[at + 2..at + 4], if self.offset == 8 { LONG_8 } else { LONG });
        self.put(&mut file[at + 4..field], values.len() as u64);
        if let [value] = values {
            self.put(&mut file[field..field + self.offset], *value);
            return Ok(());
        }
        self.put(&mut file[field..field + self.offset], end);
        for value in values {
            let at = file.len();
            file.resize(at + self.offset, 0);
            self.put(&mut file[at..], *value);
        }
        Ok(())
    }

    fn u16_at(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let value = bytes.get(at..)?.first_chunk::<2>()?;
        Some(if self.is_big_endian { u16::from_be_bytes(*value) } else { u16::from_le_bytes(*value) })
    }

    /// Writes the low bytes of a number.
    fn put(&self, field: &mut [u8], value: u64) {
        let size = field.len();
        if self.is_big_endian {
            field.copy_from_slice(&value.to_be_bytes()[8 - size..]);
        } else {
            field.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
}
