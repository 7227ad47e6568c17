//! The hash that tells whether a Parquet file changed: of all its bytes but those of its images, which are most of it.
//!
//! If an image changed, so did its size, the sizes of its page and its column in the footer, or both.

use std::fs::File;
use std::io::{self, Read as _};

use ::parquet::file::metadata::ColumnChunkMetaData;
use twox_hash::xxhash3_128::Hasher;

use super::cells::OpenTable;
use crate::shared_file::SharedFile;

const MAGIC: &[u8] = b"PAR1";
const BLOCK: usize = 256 * 1024;

/// Returns the XXH3-128 of a file; `None` if it is no Parquet file that can be read.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub(crate) fn content_hash(file: &File) -> io::Result<Option<u128>> {
    let shared = SharedFile::new(file.try_clone()?)?;
    let mut magic = [0; MAGIC.len()];
    if shared.len() < MAGIC.len() as u64 {
        return Ok(None);
    }
    shared.reader(0).read_exact(&mut magic)?;
    if magic != MAGIC {
        return Ok(None);
    }
    let Ok(open) = OpenTable::of(file.try_clone()?, None) else { return Ok(None) };
    let mut images: Vec<(u64, u64)> = Vec::new();
    for (group, _) in open.table.groups().iter().enumerate() {
        let chunk = open.roles.images.and_then(|leaf| open.table.chunk(group, leaf).ok());
        let start = chunk.map(|chunk| chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset()));
        let len = chunk.map(ColumnChunkMetaData::compressed_size);
        let number = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
        images.extend(number(start).zip(number(len)));
    }
    images.sort_unstable();
    let mut hasher = Hasher::new();
    hasher.write(&shared.len().to_le_bytes());
    let mut at = 0;
    for (start, len) in images.into_iter().chain([(shared.len(), 0)]) {
        hash_range(&shared, at, start.min(shared.len()), &mut hasher)?;
        at = at.max(start.saturating_add(len));
    }
    Ok(Some(hasher.finish_128()))
}

/// Returns the XXH3-128 of all bytes of an open file, without moving its cursor.
pub(crate) fn whole_hash(file: &File) -> io::Result<u128> {
    let shared = SharedFile::new(file.try_clone()?)?;
    let mut hasher = Hasher::new();
    hash_range(&shared, 0, shared.len(), &mut hasher)?;
    Ok(hasher.finish_128())
}

/// Adds the bytes between two places.
pub(crate) fn hash_range(file: &SharedFile, start: u64, end: u64, hasher: &mut Hasher) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut reader = file.reader(start);
    let mut left = end.saturating_sub(start);
    while left > 0 {
        let len = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
        reader.read_exact(&mut block[..len])?;
        hasher.write(&block[..len]);
        left -= len as u64;
    }
    Ok(())
}
