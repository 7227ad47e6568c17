//! An open file that several threads read at once, each at a position of its own. Readers of `File` share one cursor.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

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

    /// Returns the length of the file when it was opened.
    pub(crate) fn len(&self) -> u64 {
        self.0.len
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0.handle, buffer, at)
    }

    #[cfg(not(unix))]
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.0.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read(buffer)
    }

    #[cfg(unix)]
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.0.handle.metadata()
    }

    #[cfg(not(unix))]
    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.0.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).metadata()
    }

    /// Returns a reader of the bytes from `start`.
    pub(crate) fn reader(&self, start: u64) -> Reader {
        Reader { file: self.clone(), at: start }
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

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.file.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}
