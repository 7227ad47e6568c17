//! An open file that several threads read at once. The readers of `File` that the `parquet` crate has share one cursor.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::reader::{ChunkReader, Length};
use bytes::Bytes;

#[cfg(unix)]
type Handle = File;
/// Without positioned reads, reading moves the cursor, so there is one reader at a time.
#[cfg(not(unix))]
type Handle = std::sync::Mutex<File>;

#[derive(Clone, Debug)]
pub(crate) struct SharedFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    handle: Handle,
    len: u64,
}

impl SharedFile {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Ok(Self(Arc::new(Inner { handle: file, len })))
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0.handle, buffer, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        use std::io::{Seek, SeekFrom};
        let mut file = self.0.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read(buffer)
    }

    #[cfg(unix)]
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.0.handle.metadata()
    }

    #[cfg(not(unix))]
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.0.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).metadata()
    }

    /// Returns a reader of the bytes from `start`.
    pub(crate) fn reader(&self, start: u64) -> Reader {
        Reader { file: self.clone(), at: start }
    }
}

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

/// Reads from a position of its own.
pub(crate) struct Reader {
    file: SharedFile,
    at: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.at, buffer)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Length for SharedFile {
    fn len(&self) -> u64 {
        self.0.len
    }
}

impl ChunkReader for SharedFile {
    type T = BufReader<Reader>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // Checked before anything is allocated: the length may be invented.
        if start.checked_add(length as u64).is_none_or(|end| end > self.0.len) {
            return Err(ParquetError::EOF("the file ends before its data does".to_owned()));
        }
        let mut bytes = vec![0; length];
        self.reader(start).read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
