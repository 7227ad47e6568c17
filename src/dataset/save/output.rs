//! Writes a file on a thread of its own, and syncs it on another as it grows, while the caller prepares what follows.

use std::fs::File;
use std::io::{self, Write};
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, ScopedJoinHandle};

use twox_hash::xxhash3_128::Hasher;

/// Bytes of a block.
const BLOCK: usize = 1024 * 1024;
/// Blocks that may wait to be written.
const WAITING: usize = 4;
/// Bytes after which the file is synced, so that the disk works while the rest is written.
const SYNC_EVERY: u64 = 32 * 1024 * 1024;

/// Collects bytes in blocks, and passes them to the thread that writes them.
pub(super) struct Output {
    block: Vec<u8>,
    full: SyncSender<Vec<u8>>,
    written: Receiver<Vec<u8>>,
}

impl Output {
    fn send(&mut self) -> io::Result<()> {
        let next = self.written.try_recv().unwrap_or_else(|_| Vec::with_capacity(BLOCK));
        let block = std::mem::replace(&mut self.block, next);
        // The thread has ended early: its error is the one that counts.
        self.full.send(block).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(BLOCK - self.block.len())];
        self.block.extend_from_slice(bytes);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.is_empty() { Ok(()) } else { self.send() }
    }
}

/// What was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) bytes: u64,
    /// XXH3-128 of the bytes, if it was asked for.
    pub(super) hash: Option<u128>,
}

/// Writes what `produce` writes to its output. The file is complete, but the last bytes may not be on the disk.
///
/// # Errors
/// Returns the error of a write or sync, made by `failed`, else that of `produce`.
pub(super) fn write_behind<T, E>(
    file: &mut File,
    is_hashed: bool,
    failed: impl Fn(io::Error) -> E,
    produce: impl FnOnce(&mut Output) -> Result<T, E>,
) -> Result<(T, Written), E> {
    let syncing = file.try_clone().map_err(&failed)?;
    thread::scope(|scope| {
        let (full, blocks) = sync_channel(WAITING);
        let (give_back, written) = channel();
        let (sync, due) = channel();
        let syncer = scope.spawn(move || due.iter().try_for_each(|()| syncing.sync_data()));
        let writer = scope.spawn(move || write_blocks(file, is_hashed, &blocks, &give_back, &sync));
        let mut output = Output { block: Vec::with_capacity(BLOCK), full, written };
        let produced = produce(&mut output).and_then(|value| {
            output.flush().map_err(&failed)?;
            Ok(value)
        });
        drop(output);
        let written = join(writer).and_then(|written| join(syncer).map(|()| written));
        let written = written.map_err(&failed)?;
        Ok((produced?, written))
    })
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn write_blocks(
    file: &mut File,
    is_hashed: bool,
    blocks: &Receiver<Vec<u8>>,
    give_back: &Sender<Vec<u8>>,
    sync: &Sender<()>,
) -> io::Result<Written> {
    let mut hasher = is_hashed.then(Hasher::new);
    let (mut bytes, mut synced) = (0, 0);
    for mut block in blocks {
        file.write_all(&block)?;
        if let Some(hasher) = &mut hasher {
            hasher.write(&block);
        }
        bytes += block.len() as u64;
        if bytes - synced >= SYNC_EVERY {
            synced = bytes;
            // Ended only after an error, which the caller gets.
            let _ = sync.send(());
        }
        block.clear();
        let _ = give_back.send(block);
    }
    Ok(Written { bytes, hash: hasher.map(|hasher| hasher.finish_128()) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn all_bytes_are_written_in_order() {
        let mut file = tempfile::tempfile().expect("a file");
        let bytes: Vec<u8> = (0..BLOCK * 5 + 17).map(|place| u8::try_from(place % 251).expect("small")).collect();
        let written = write_behind(
            &mut file,
            true,
            |error| error,
            |output| bytes.chunks(333_331).try_for_each(|part| output.write_all(part)),
        );
        let expected = Written { bytes: bytes.len() as u64, hash: Some(twox_hash::XxHash3_128::oneshot(&bytes)) };
        assert_eq!(written.expect("written").1, expected);
        file.rewind().expect("rewound");
        let mut found = Vec::new();
        file.read_to_end(&mut found).expect("read");
        assert!(found == bytes);
    }

    #[test]
    fn an_error_of_the_caller_is_returned() {
        let mut file = tempfile::tempfile().expect("a file");
        let written = write_behind(
            &mut file,
            false,
            |error| error.to_string(),
            |output| {
                output.write_all(b"begun").map_err(|error| error.to_string())?;
                Err::<(), _>("stopped".to_owned())
            },
        );
        assert_eq!(written, Err("stopped".to_owned()));
    }

    #[test]
    fn an_error_of_a_write_is_returned() {
        let path = tempfile::NamedTempFile::new().expect("a file").into_temp_path();
        let mut file = File::open(&path).expect("opened for reading only");
        let written = write_behind(
            &mut file,
            false,
            |error| error,
            |output| (0..BLOCK * 8).step_by(1000).try_for_each(|_| output.write_all(&[0; 1000])),
        );
        let error = written.expect_err("not writable");
        assert_ne!(error.kind(), io::ErrorKind::BrokenPipe, "{error}");
    }
}
