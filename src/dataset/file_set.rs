//! Datasets of one or several files with many records each, whose images may be inside: Parquet files and tar archives.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use twox_hash::xxhash3_128::Hasher;

use super::source::{Bytes, Change, Stamp};
use super::{DatasetError, LeftOut};

/// A file of the dataset.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) stamp: Stamp,
}

impl OpenFile {
    pub(super) fn open(path: PathBuf) -> Result<Self, DatasetError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound { path: path.clone() },
            _ => DatasetError::Io { path: path.clone(), source },
        };
        // Checked before opening, because opening a named pipe blocks until its other end is opened.
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(DatasetError::NotAFile { path });
        }
        let file = File::open(&path).map_err(failed)?;
        let stamp = Stamp::from(&file.metadata().map_err(failed)?);
        Ok(Self { path, file, stamp })
    }

    /// Returns the file name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Checks that the open file still has the content it was opened with.
    fn check(&self) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::Io { path: self.path.clone(), source };
        let changed = |change| Err(DatasetError::ChangedOnDisk { path: self.path.clone(), change });
        let now = Stamp::from(&self.file.metadata().map_err(failed)?);
        match now.len.cmp(&self.stamp.len) {
            std::cmp::Ordering::Less => changed(Change::Shorter),
            std::cmp::Ordering::Greater => changed(Change::Longer),
            std::cmp::Ordering::Equal if now.modified_ns != self.stamp.modified_ns => changed(Change::Written),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// Checks that the path still refers to the open file.
    fn check_path(&self) -> Result<(), DatasetError> {
        let changed = |change| Err(DatasetError::ChangedOnDisk { path: self.path.clone(), change });
        match Stamp::of(&self.path) {
            Ok(now) if now.is_same_file(&self.stamp) => Ok(()),
            Ok(_) => changed(Change::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => changed(Change::Removed),
            Err(source) => Err(DatasetError::Io { path: self.path.clone(), source }),
        }
    }
}

/// A dataset of such files.
pub(super) trait FileSet {
    fn files(&self) -> Vec<&OpenFile>;

    /// Returns the file with the lines of all records. The first call reads the files except for their images, or waits
    /// for another thread to do it.
    fn bytes(&self, path: &Path) -> Result<&Bytes, DatasetError>;

    /// Returns the records of each file, if they have been read.
    fn starts(&self) -> Option<&Starts>;

    /// Returns the name of the place of a record in a file for messages, without that of the file.
    fn place_in(&self, record: u32, row: u64) -> Option<String>;

    /// Returns true if the files have been read and there are images in them.
    fn has_images(&self) -> bool;

    /// Returns the path of the picture that has this name, if it is in a file.
    fn picture(&self, path: &Path, name: &str) -> Option<PathBuf>;

    /// Returns the files, and what is in them, that are not in the dataset: the number, and the first names.
    fn left_out(&self) -> Vec<(LeftOut, u64, &[String])>;

    /// Returns the records of a file.
    fn records(&self, path: &Path, file: usize) -> Result<Range<u32>, DatasetError> {
        self.bytes(path)?;
        Ok(self.starts().map_or(0..0, |starts| starts.of(file)))
    }

    /// Returns the place of a line for messages.
    fn place(&self, line: u64) -> Option<String> {
        let record = u32::try_from(line.checked_sub(1)?).ok()?;
        let (file, row) = self.starts()?.place(record)?;
        Some(format!("{}:{}", self.files().get(file)?.name(), self.place_in(record, row)?))
    }

    /// Returns the stamp of the file, or of all.
    fn stamp(&self) -> Stamp {
        let files = self.files();
        if let [only] = files.as_slice() {
            return only.stamp;
        }
        let mut hasher = Hasher::new();
        for file in &files {
            hasher.write(format!("{}\0{}\n", file.name(), file.stamp).as_bytes());
        }
        let hash = hasher.finish_128();
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the hash")]
        let (low, high) = (hash as u64, (hash >> 64) as u64);
        let len = files.iter().map(|file| file.stamp.len).sum();
        Stamp { len, modified_ns: low.cast_signed(), device: 0, inode: high }
    }

    /// Checks that the open files still have the content they were opened with.
    fn check(&self) -> Result<(), DatasetError> {
        self.files().into_iter().try_for_each(OpenFile::check)
    }

    /// Checks that the paths still refer to the open files.
    fn check_paths(&self) -> Result<(), DatasetError> {
        self.files().into_iter().try_for_each(OpenFile::check_path)
    }

    /// Returns the hash of the content, except for the images: of one file as [`hash_of`](super::hash_of) returns it.
    fn hash(&self) -> Result<u128, DatasetError> {
        let hash = |file: &OpenFile| {
            let failed = |source| DatasetError::Io { path: file.path.clone(), source };
            super::save::hash_of_file(&file.file).map_err(failed)
        };
        let hashes = self.files().into_iter().map(hash).collect::<Result<Vec<_>, _>>()?;
        self.check()?;
        Ok(together_hash(&hashes))
    }
}

/// Returns the hash of a set from those of its files.
pub(super) fn together_hash(hashes: &[u128]) -> u128 {
    if let [only] = hashes {
        return *only;
    }
    let mut whole = Hasher::new();
    for one in hashes {
        whole.write(&one.to_le_bytes());
    }
    whole.finish_128()
}

/// The first record of each file, and the number of all.
#[derive(Debug, Default)]
pub(super) struct Starts(Vec<u32>);

impl Starts {
    pub(super) fn new(starts: Vec<u32>) -> Self {
        Self(starts)
    }

    /// Returns the file of a record, and the number of records before it in that file.
    pub(super) fn place(&self, record: u32) -> Option<(usize, u64)> {
        let file = self.0.partition_point(|start| *start <= record).checked_sub(1)?;
        let end = self.0.get(file + 1)?;
        (record < *end).then(|| (file, u64::from(record - self.0[file])))
    }

    /// Returns the records of a file.
    pub(super) fn of(&self, file: usize) -> Range<u32> {
        let at = |file: usize| self.0.get(file).copied().unwrap_or_default();
        at(file)..at(file + 1)
    }
}
