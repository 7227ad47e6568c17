//! The parts of an open file, as the `parquet` crate reads them.

use std::io::{BufReader, Read as _};

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

use crate::shared_file::{Reader, SharedFile};

/// Reads a file in large blocks, to copy parts of it.
pub(super) struct Blocks<'a>(pub(super) &'a SharedFile);

impl Blocks<'_> {
    const LEN: usize = 1 << 20;
}

impl Length for Blocks<'_> {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Blocks<'_> {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(Self::LEN, self.0.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.0.get_bytes(start, length)
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.len()
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // Checked before anything is allocated: the length may be invented.
        if start.checked_add(length as u64).is_none_or(|end| end > self.len()) {
            return Err(ParquetError::EOF("the file ends before its data does".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.reader(start).read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
