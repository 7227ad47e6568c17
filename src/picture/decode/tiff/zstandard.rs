//! Zstandard compression, without the C library that the `tiff` crate would add: the strips or tiles of the page are
//! decompressed and appended to a copy of the file, whose directory then declares them uncompressed.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;
use tiff::tags::{CompressionMethod, Tag};

use super::directory::Directory;
use super::{Reader, broken, chunk_tags, chunks};
use crate::picture::PictureError;
use crate::picture::decode::MAX_MEMORY;

/// Returns the file with its page uncompressed.
pub(super) fn decompressed(decoder: &mut Reader, bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let (mut starts, mut sizes) = (Vec::new(), Vec::new());
    let mut file = bytes.to_vec();
    let mut memory = MAX_MEMORY;
    for chunk in chunks(decoder, bytes)? {
        let mut chunk = chunk?;
        starts.push(file.len() as u64);
        let frame = StreamingDecoder::new(&mut chunk).map_err(|error| broken(&error))?;
        let size = frame.take(memory + 1).read_to_end(&mut file).map_err(|error| broken(&error))? as u64;
        memory = memory.checked_sub(size).ok_or(PictureError::TooMuchMemory)?;
        sizes.push(size);
    }
    let (offsets, lengths) = chunk_tags(decoder);
    let directory = Directory::of(decoder, bytes)?;
    directory.set(&mut file, Tag::Compression, &[CompressionMethod::None.to_u16().into()])?;
    directory.set(&mut file, offsets, &starts)?;
    directory.set(&mut file, lengths, &sizes)?;
    Ok(file)
}
