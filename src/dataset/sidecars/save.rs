//! Saving a folder: rewrites the sidecars of the records whose caption changed.
//!
//! The sidecars that will be replaced are first copied to an archive. Then each is replaced atomically. If the process is
//! killed in between, the next save writes the rest, because a sidecar that has its new caption already is left alone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twox_hash::xxhash3_128::Hasher;

use super::content::with_caption;
use super::{Sidecars, State};
use crate::atomic_file::{Batch, BatchError, WriteError};
use crate::dataset::folder::caption;
use crate::dataset::{Amendment, Dataset, DatasetError, RecordId};

/// The changes that are planned, archived and written together.
const GROUP: usize = 4_096;
/// The names listed in a message.
const MAX_NAMES: usize = 3;

#[derive(Clone, Debug)]
pub struct SidecarSave {
    /// The operator agreed that this session rewrites the sidecars of the folder.
    pub confirmed: bool,
    /// The archive to create, with the replaced sidecars.
    pub archive: PathBuf,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SidecarReport {
    /// Records whose caption differs from the one that was read.
    pub captions_changed: u32,
    pub excluded: u32,
    /// Sidecars that were replaced, created or removed.
    pub written: u64,
    /// Their paths, relative to the folder.
    pub paths: Vec<PathBuf>,
    /// Sidecars that changed since they were read or that cannot be read, and were left alone.
    pub left_alone: Vec<PathBuf>,
    /// XXH3-128 of the written captions.
    pub hash: u128,
    /// The archive, if a sidecar was replaced.
    pub archive: Option<PathBuf>,
    pub warnings: Vec<String>,
}

impl SidecarReport {
    /// Returns the first sidecars that were left alone, for a message.
    #[must_use]
    pub fn left_alone_names(&self) -> String {
        let mut names: Vec<String> =
            self.left_alone.iter().take(MAX_NAMES).map(|path| path.display().to_string()).collect();
        if self.left_alone.len() > names.len() {
            names.push(format!("and {} more", self.left_alone.len() - names.len()));
        }
        names.join(", ")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SidecarError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The first save of a session asks.
    #[error("rewrites {records} beside the images in {}; the former ones are kept in {}; --force agrees", .folder.display(), .archive.display())]
    NotConfirmed { folder: PathBuf, records: String, archive: PathBuf },
    #[error("cannot write {}: {source}; no caption was changed after the last complete one; save again to continue", .path.display())]
    Archive { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}; {written} sidecars were written before it; save again to continue", .path.display())]
    Write { path: PathBuf, source: WriteError, written: u64 },
}

impl From<BatchError> for SidecarError {
    fn from(BatchError { path, written, source }: BatchError) -> Self {
        Self::Write { path, source, written }
    }
}

/// A sidecar that is about to change.
struct Change {
    record: RecordId,
    path: PathBuf,
    /// `None` if there is no file.
    old: Option<String>,
    /// `None` removes the file that an earlier save created.
    new: Option<String>,
}

/// Writes the captions of `amendments` to the sidecars, and restores those of records that were amended at an earlier save
/// and are no longer. An excluded record keeps its sidecar.
///
/// # Errors
/// Returns an error if the save is not confirmed, or if a file cannot be written.
///
/// # Panics
/// Panics if the dataset is not a folder.
pub fn save_sidecars(
    dataset: &Dataset,
    amendments: Vec<(RecordId, Amendment)>,
    options: &SidecarSave,
) -> Result<SidecarReport, SidecarError> {
    let lines = dataset.0.source.folder().expect("only folders have sidecars");
    let sidecars = &lines.scanned(dataset.path())?.sidecars;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let mut report = SidecarReport::default();
    let mut wanted: BTreeMap<RecordId, Option<String>> =
        sidecars.written().keys().map(|record| (*record, None)).collect();
    for (record, amendment) in amendments {
        match amendment {
            Amendment::Caption(text) => _ = wanted.insert(record, Some(text)),
            Amendment::Exclude => report.excluded += 1,
        }
    }
    if !options.confirmed && !wanted.is_empty() {
        let records = crate::text::counted(wanted.len() as u64, "caption", "captions");
        let (folder, archive) = (dataset.path().to_owned(), options.archive.clone());
        return Err(SidecarError::NotConfirmed { folder, records, archive });
    }
    let mut archive = Archive { path: &options.archive, open: None };
    let (mut hasher, mut written) = (Hasher::new(), 0);
    let mut rest = wanted.into_iter().peekable();
    while rest.peek().is_some() {
        let mut changes = Vec::new();
        for (record, text) in rest.by_ref().take(GROUP) {
            let original = original(dataset, record)?;
            report.captions_changed += u32::from(text.as_ref().is_some_and(|text| *text != original));
            match plan(sidecars, dataset.folder(), record, text.unwrap_or(original)) {
                Ok(change) => changes.extend(change),
                Err(path) => report.left_alone.push(path),
            }
        }
        for Change { path, old, .. } in &changes {
            if let Some(old) = old {
                archive.add(path, old.as_bytes())?;
            }
        }
        archive.sync()?;
        let paths: Vec<PathBuf> = changes.iter().map(|change| change.path.clone()).collect();
        written += write(sidecars, dataset.folder(), changes, written, &mut hasher, &mut report.warnings)?;
        report.paths.extend(paths);
    }
    report.archive = archive.finish()?;
    Ok(SidecarReport { written, hash: hasher.finish_128(), ..report })
}

/// Returns the caption that was read.
fn original(dataset: &Dataset, record: RecordId) -> Result<String, DatasetError> {
    let entry = dataset.entry(record)?;
    let caption = entry.record().and_then(|record| record.caption.text().map(str::to_owned));
    Ok(caption.unwrap_or_default())
}

/// Returns the change that gives a sidecar this caption, or `None` if it has it already.
///
/// # Errors
/// Returns the path of a sidecar that is not as it was read or written last.
fn plan(sidecars: &Sidecars, folder: &Path, record: RecordId, text: String) -> Result<Option<Change>, PathBuf> {
    let Some(sidecar) = sidecars.files.get(record.index()) else { return Ok(None) };
    let path = sidecar.path.clone();
    let known = sidecars.written().get(&record).copied().unwrap_or(sidecar.state);
    let old = match fs::read(folder.join(&path)) {
        Ok(bytes) => Some(String::from_utf8(bytes).map_err(|_| path.clone())?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => return Err(path),
    };
    if old.as_deref().map_or("", caption) == text && known != State::Unreadable {
        let state = old.as_ref().map_or(State::Missing, |content| State::of(content.as_bytes()));
        if state != known {
            sidecars.written().insert(record, state);
        }
        return Ok(None);
    }
    if old.as_ref().map_or(State::Missing, |content| State::of(content.as_bytes())) != known {
        return Err(path);
    }
    let is_created_by_us = sidecar.state == State::Missing && text.is_empty();
    let new = (!is_created_by_us).then(|| match &old {
        Some(content) => with_caption(content, &text),
        None => text,
    });
    Ok(Some(Change { record, path, old, new }))
}

fn write(
    sidecars: &Sidecars,
    folder: &Path,
    changes: Vec<Change>,
    before: u64,
    hasher: &mut Hasher,
    warnings: &mut Vec<String>,
) -> Result<u64, SidecarError> {
    let count = changes.len() as u64;
    let mut batch = Batch::default();
    for change in &changes {
        let path = folder.join(&change.path);
        match &change.new {
            Some(new) => {
                hasher.write(new.as_bytes());
                batch
                    .write(&path, change.old.is_some(), new.as_bytes())
                    .map_err(|error| counted_from(error, before))?;
            }
            None => {
                fs::remove_file(&path).map_err(|source| SidecarError::Write {
                    path,
                    source: source.into(),
                    written: before,
                })?;
            }
        }
    }
    let notes = batch.sync().map_err(|error| counted_from(error, before))?;
    warnings.extend(notes.iter().map(ToString::to_string));
    let mut written = sidecars.written();
    for Change { record, new, .. } in changes {
        written.insert(record, new.map_or(State::Missing, |new| State::of(new.as_bytes())));
    }
    Ok(count)
}

/// Adds the sidecars of earlier groups to the count of an error.
fn counted_from(error: BatchError, before: u64) -> SidecarError {
    BatchError { written: error.written + before, ..error }.into()
}

/// The archive with the replaced sidecars, created when the first one is added.
struct Archive<'a> {
    path: &'a Path,
    open: Option<tar::Builder<File>>,
}

impl Archive<'_> {
    fn add(&mut self, name: &Path, content: &[u8]) -> Result<(), SidecarError> {
        self.try_add(name, content).map_err(|source| self.failed(source))
    }

    fn try_add(&mut self, name: &Path, content: &[u8]) -> io::Result<()> {
        let builder = match &mut self.open {
            Some(builder) => builder,
            none => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder)?;
                }
                none.insert(tar::Builder::new(File::create_new(self.path)?))
            }
        };
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, content)
    }

    fn sync(&mut self) -> Result<(), SidecarError> {
        let sync = |builder: &mut tar::Builder<File>| {
            builder.get_mut().flush()?;
            builder.get_ref().sync_all()
        };
        self.open.as_mut().map_or(Ok(()), sync).map_err(|source| self.failed(source))
    }

    fn finish(mut self) -> Result<Option<PathBuf>, SidecarError> {
        let Some(builder) = self.open.take() else { return Ok(None) };
        let file = builder.into_inner().and_then(|file| file.sync_all());
        file.map(|()| Some(self.path.to_owned())).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> SidecarError {
        SidecarError::Archive { path: self.path.to_owned(), source }
    }
}
