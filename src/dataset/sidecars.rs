//! A folder of images with sidecars (text files with their captions) as a dataset: its lines, and the sidecar of each
//! record.
//!
//! The lines are those that `init` would write, in a temporary file without a name, so that everything that reads a
//! dataset reads a folder as well. Saving rewrites sidecars instead of lines.

mod content;
mod save;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use twox_hash::XxHash3_64;
use twox_hash::xxhash3_128::Hasher;

use super::folder::{FolderImage, FolderScan, FolderText, LeftOut, TextKinds};
use super::source::{Bytes, Stamp};
use super::{DatasetError, FILE_NAME, RecordId, Sibling};

pub(super) use content::with_caption;
pub use save::{SidecarError, SidecarReport, SidecarSave, save_sidecars};

/// The sidecars of the records, as read.
#[derive(Debug)]
pub(super) struct Sidecars {
    /// In the order of the records.
    files: Vec<Sidecar>,
    /// The number of files and folders that are not in the dataset, by reason, and the first of them.
    left_out: BTreeMap<LeftOut, (u64, Vec<String>)>,
    /// The content of the sidecars that were written since.
    written: Mutex<BTreeMap<RecordId, State>>,
}

/// A text file with the caption of a record.
#[derive(Debug)]
struct Sidecar {
    /// Relative to the folder. If the file is missing, where it would be created.
    path: PathBuf,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Missing,
    /// XXH3-64 of its bytes.
    Content(u64),
    /// It cannot be read, or is not UTF-8.
    Unreadable,
}

impl State {
    fn of(bytes: &[u8]) -> Self {
        Self::Content(XxHash3_64::oneshot(bytes))
    }
}

/// The lines of a folder, which is scanned when they are first needed.
#[derive(Debug)]
pub(super) struct FolderLines {
    pub(super) kinds: TextKinds,
    caption_field: String,
    scanned: OnceLock<Result<Scanned, String>>,
}

#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) bytes: Bytes,
    /// XXH3-128 of the lines.
    pub(super) hash: u128,
    pub(super) sidecars: Sidecars,
}

impl FolderLines {
    pub(super) const fn new(kinds: TextKinds, caption_field: String) -> Self {
        Self { kinds, caption_field, scanned: OnceLock::new() }
    }

    /// Returns the place of a record's caption among those of its image, if there are several.
    pub(super) fn sibling(&self, record: RecordId) -> Option<Sibling> {
        let of = u32::try_from(self.kinds.len()).ok().filter(|of| *of > 1)?;
        let number = record.0 % of;
        Some(Sibling { number, of, field: Some(self.kinds.name(number as usize).into()) })
    }

    /// Returns the names of the kinds of text files, if there are several.
    pub(super) fn names(&self) -> Vec<Arc<str>> {
        let count = self.kinds.len();
        if count > 1 { (0..count).map(|kind| self.kinds.name(kind).into()).collect() } else { Vec::new() }
    }

    /// Scans the folder, or waits for another thread to do it.
    pub(super) fn scanned(&self, folder: &Path) -> Result<&Scanned, DatasetError> {
        let scan = || {
            let scanned = Sidecars::scan(folder, &self.kinds, &self.caption_field);
            scanned.map_err(|error| error.to_string())
        };
        let failed =
            |error: &String| DatasetError::Io { path: folder.to_owned(), source: io::Error::other(error.clone()) };
        self.scanned.get_or_init(scan).as_ref().map_err(failed)
    }

    /// Returns the result of the scan if it has ended.
    pub(super) fn known(&self) -> Option<&Scanned> {
        self.scanned.get()?.as_ref().ok()
    }
}

/// The names that are listed for each reason.
const MAX_NAMES: usize = 10;

impl Sidecars {
    /// Scans a folder. The records are in natural order (`a2.jpg` before `a10.jpg`).
    fn scan(folder: &Path, kinds: &TextKinds, caption_field: &str) -> io::Result<Scanned> {
        let mut left_out: BTreeMap<LeftOut, (u64, Vec<String>)> = BTreeMap::new();
        let (mut images, _) = FolderScan::run(folder, kinds, &mut |reason, name| {
            let (count, names) = left_out.entry(reason).or_default();
            *count += 1;
            if names.len() < MAX_NAMES {
                names.push(name.to_owned());
            }
        })?;
        images.sort_by(|one, other| alphanumeric_sort::compare_str(&one.path, &other.path));
        let new: Vec<String> =
            kinds.iter().enumerate().map(|(kind, names)| prevailing_extension(&images, kind, names)).collect();
        let mut out = BufWriter::new(Hashing { file: tempfile::tempfile()?, hasher: Hasher::new(), len: 0 });
        let mut files = Vec::with_capacity(images.len() * kinds.len());
        for image in images {
            let name = image.file_name().into_owned();
            for (text, extension) in image.texts.into_iter().zip(&new) {
                write_line(&mut out, &name, text.caption(), caption_field)?;
                files.push(Sidecar::of(&image.path, text, extension));
            }
        }
        let Hashing { file, hasher, len } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let sidecars = Self { files, left_out, written: Mutex::default() };
        let hash = hasher.finish_128();
        // Identifies the lines: the file is another one at every scan.
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the hash")]
        let (low, high) = (hash as u64, (hash >> 64) as u64);
        let stamp = Stamp { len, modified_ns: low.cast_signed(), device: 0, inode: high };
        Ok(Scanned { bytes: Bytes::new(file, stamp), hash, sidecars })
    }

    /// Returns the files that are not in the dataset: for each reason the number, and the first names.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (LeftOut, u64, &[String])> {
        self.left_out.iter().map(|(reason, (count, names))| (*reason, *count, names.as_slice()))
    }

    /// Returns the path of a record's sidecar, relative to the folder.
    pub(super) fn path(&self, record: RecordId) -> Option<&Path> {
        self.files.get(record.index()).map(|file| file.path.as_path())
    }

    /// Ignores poisoning: no code under the lock can panic with the map half updated.
    fn written(&self) -> MutexGuard<'_, BTreeMap<RecordId, State>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sidecar {
    fn of(image: &str, text: FolderText, extension: &str) -> Self {
        match text {
            FolderText::Found { path, content } => Self { path, state: State::of(content.as_bytes()) },
            FolderText::Unreadable { path } => Self { path, state: State::Unreadable },
            FolderText::Missing { is_shared } => {
                let image = PathBuf::from(image);
                let path = if is_shared {
                    let mut name = image.into_os_string();
                    name.push(format!(".{extension}"));
                    name.into()
                } else {
                    image.with_extension(extension)
                };
                Self { path, state: State::Missing }
            }
        }
    }
}

fn write_line(out: &mut impl Write, name: &str, caption: &str, caption_field: &str) -> io::Result<()> {
    let json = |text: &str| serde_json::Value::from(text).to_string();
    let (name, caption) = (json(name), json(caption));
    writeln!(out, "{{\"{FILE_NAME}\": {name}, {}: {caption}}}", json(caption_field))
}

/// Returns the extension that most sidecars of a kind have, the first one if there are none.
fn prevailing_extension(images: &[FolderImage], kind: usize, extensions: &[String]) -> String {
    let has = |image: &FolderImage, extension: &str| match image.texts.get(kind) {
        Some(FolderText::Found { path, .. }) => {
            path.to_string_lossy().to_lowercase().ends_with(&format!(".{extension}"))
        }
        _ => false,
    };
    let count = |extension: &&String| images.iter().filter(|image| has(image, extension)).count();
    // `max_by_key` returns the last maximum.
    extensions.iter().rev().max_by_key(count).cloned().unwrap_or_default()
}

/// Hashes the written bytes.
struct Hashing {
    file: File,
    hasher: Hasher,
    len: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.write(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests;
