//! Writes the dataset with changed captions to a temporary file, and renames it to the target once it is complete and
//! synced.
//!
//! Everything between two changed lines is copied unchanged. If anything fails before the rename, the target is
//! untouched.

mod feed;
mod output;
mod report;

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::read::RawLine;
use super::rewrite::{Rewritten, Slot, rewrite, rewrite_slot};
use super::siblings::ImageChanges;
use super::source;
use super::{Dataset, DatasetError, Line, RecordId, Stamp};
use crate::atomic_file::{self, Committed, Complete, Replacement, WriteError};
use crate::{parquet_file, tar_file};
use feed::Feed;
use output::{Written, write_behind};

pub use report::{Backup, ConflictKind, SaveError, SaveReport};

/// A change of a record on saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amendment {
    Caption(String),
    /// The record is left out.
    Exclude,
}

/// A change of a line.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Caption(String),
    /// Of some of its captions, in their order.
    Captions(Vec<(Slot, String)>),
    /// The line is left out, with all records in it.
    Exclude {
        records: u32,
    },
}

impl From<Amendment> for Change {
    fn from(amendment: Amendment) -> Self {
        match amendment {
            Amendment::Caption(caption) => Self::Caption(caption),
            Amendment::Exclude => Self::Exclude { records: 1 },
        }
    }
}

/// What the caller expects at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No file.
    Nothing,
    /// The last output of this session, or, in place, the dataset as it was opened. If it is gone, that is no conflict.
    Ours {
        stamp: Option<Stamp>,
        /// Of its content, if known: a file that was copied or touched, but not changed, still counts as ours.
        hash: Option<u128>,
    },
}

#[derive(Clone, Debug)]
pub struct SaveOptions {
    /// Symlinks are followed.
    pub target: PathBuf,
    pub expected: Expected,
    /// Replace the target even if it is not as expected.
    pub force: bool,
    /// Keep the replaced file as `<name>.bak`, or `<name>.bak.1`, … if that is another file, unless this session wrote it.
    /// Required to replace the dataset itself.
    pub backup: bool,
}

/// Writes the dataset to the target with `amendments`, which must be in file order. If an amendment does not change the
/// caption, its line is copied unchanged. Of several Parquet files, writes the first; [`save_shard`] writes any.
///
/// # Errors
/// Returns an error if the dataset changed, the target is not as expected, or it could not be written.
pub fn save(
    dataset: &Dataset,
    amendments: &mut dyn Iterator<Item = (RecordId, Amendment)>,
    options: &SaveOptions,
) -> Result<SaveReport, SaveError> {
    save_shard(dataset, 0, amendments, options)
}

/// Like [`save()`], for one of the dataset's [`files`](Dataset::files).
///
/// # Errors
/// See [`save()`].
pub fn save_shard(
    dataset: &Dataset,
    shard: usize,
    amendments: &mut dyn Iterator<Item = (RecordId, Amendment)>,
    options: &SaveOptions,
) -> Result<SaveReport, SaveError> {
    prepare_shard(dataset, shard, amendments, options)?.commit()
}

/// Writes one of the dataset's [`files`](Dataset::files) to a temporary file beside its target. If several are prepared
/// before the first is committed, an error or a kill while they are written leaves all targets as they were.
///
/// # Errors
/// See [`save()`]. The target is untouched.
pub fn prepare_shard(
    dataset: &Dataset,
    shard: usize,
    amendments: &mut dyn Iterator<Item = (RecordId, Amendment)>,
    options: &SaveOptions,
) -> Result<PreparedSave, SaveError> {
    let Some(siblings) = dataset.0.source.siblings() else {
        let changes = &mut amendments.map(|(record, amendment)| (record, amendment.into()));
        return prepare_lines(dataset, shard, changes, options);
    };
    let (records, _) = dataset.shard(shard)?;
    let ImageChanges { changes, partly_excluded } = siblings.changes(amendments)?;
    let prepared = prepare_lines(&siblings.images, shard, &mut changes.into_iter(), options)?;
    Ok(PreparedSave { partly_excluded, records: records.end - records.start, ..prepared })
}

/// A complete new file that is not in its place yet. Dropping it removes it.
pub struct PreparedSave {
    complete: Complete,
    target: PathBuf,
    expected: Expected,
    force: bool,
    backs_up: bool,
    /// The number of records, excluded ones included.
    records: u32,
    counts: Counts,
    partly_excluded: u32,
    bytes: u64,
    hash: u128,
}

impl PreparedSave {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// Returns an error if the target is not as expected any more, or cannot be replaced. It is untouched then, unless the
    /// error is [`SaveError::NotConfirmed`].
    pub fn commit(self) -> Result<SaveReport, SaveError> {
        let Self { complete, target, expected, force, backs_up, records, counts, partly_excluded, bytes, hash } = self;
        if !force {
            check_target(&target, expected)?;
        }
        let backup = if backs_up { back_up(&target)? } else { None };
        // The check allows a file that is there; one that appears after it is not overwritten.
        let overwrite = force || target.symlink_metadata().is_ok();
        let committed = complete.commit(overwrite).map_err(|error| SaveError::at(&target, error))?;
        let Committed { metadata, warnings, synced } = committed;
        let report = SaveReport {
            path: target,
            records_written: records.saturating_sub(counts.excluded),
            captions_changed: counts.changed,
            excluded: counts.excluded,
            bad_lines_left: counts.bad,
            not_text_left: counts.not_text,
            partly_excluded,
            bytes,
            stamp: Stamp::from(&metadata),
            hash,
            backup,
            warnings,
        };
        match synced {
            Ok(()) => Ok(report),
            Err(source) => Err(SaveError::NotConfirmed { report: Box::new(report), source }),
        }
    }
}

/// Prepares one of the dataset's files with `changes` of its lines.
fn prepare_lines(
    dataset: &Dataset,
    shard: usize,
    changes: &mut dyn Iterator<Item = (RecordId, Change)>,
    options: &SaveOptions,
) -> Result<PreparedSave, SaveError> {
    if dataset.is_table() && !super::is_table(&options.target) {
        return Err(SaveError::NotATable { path: options.target.clone() });
    }
    if dataset.is_parquet() && !parquet_file::is_parquet(&options.target) {
        return Err(SaveError::NotParquet { path: options.target.clone() });
    }
    if dataset.is_archive() && !tar_file::is_tar(&options.target) {
        return Err(SaveError::NotATar { path: options.target.clone() });
    }
    if dataset.is_map() && options.target.extension().is_none_or(|extension| extension != "json") {
        return Err(SaveError::NotJson { path: options.target.clone() });
    }
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let own = dataset.files().into_iter().nth(shard).unwrap_or_else(|| dataset.path().to_owned());
    let (records, _) = dataset.shard(shard)?;
    let mut replacement = Replacement::begin(&options.target).map_err(|error| SaveError::at(&options.target, error))?;
    let target = replacement.target().to_owned();
    let is_dataset = match own.canonicalize() {
        Ok(path) => path == target,
        // Reported by `check_on_disk` below.
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(source) => return Err(SaveError::Io { path: target, source }),
    };
    if is_dataset {
        // After an in-place save the path does not refer to the open file; `check_target` compares it with `expected`.
        if !options.backup {
            return Err(SaveError::IsDataset { path: target });
        }
        dataset.0.source.check()?;
    } else {
        dataset.check_on_disk()?;
    }
    let expected = check_target(&target, options.expected);
    let is_own_output = expected.is_ok() && matches!(options.expected, Expected::Ours { hash: Some(_), .. });
    let conflict = match expected {
        // The file may still be the same: of a save that ended before the session stored it.
        Err(error @ SaveError::Conflict { .. }) if !options.force => Some((error, Stamp::of(&target))),
        Err(error) if !options.force => return Err(error),
        _ => None,
    };
    // What this session wrote is no original, and the first one was kept when it was replaced.
    let backs_up = options.backup && !is_own_output && conflict.is_none();

    let failed = |source| SaveError::Io { path: target.clone(), source };
    let own_source = &dataset.0.source;
    // The hash of a Parquet file or an archive leaves out the images.
    let is_hashed = !dataset.is_parquet() && !dataset.is_archive();
    let (counts, Written { bytes, hash }) = write_behind(replacement.file(), is_hashed, failed, |output| {
        if let Some(table) = own_source.table() {
            table.write(dataset, changes, output, &failed)
        } else if let Some(shards) = own_source.shards() {
            shards.write(dataset, shard, changes, output, &failed)
        } else if let Some(archives) = own_source.archives() {
            archives.write(dataset, shard, changes, output, &failed)
        } else if let Some(map) = own_source.map() {
            map.write(dataset, changes, output, &failed)
        } else {
            write(dataset, changes, output, &failed)
        }
    })?;
    let hash = hash.map_or_else(|| hash_of_file(replacement.file()).map_err(failed), Ok)?;
    let expected = match conflict {
        None => options.expected,
        Some((error, stamp)) => {
            let stamp = stamp.map_err(failed)?;
            if stamp.len != bytes || hash_of(&target).map_err(failed)? != hash {
                return Err(error);
            }
            Expected::Ours { stamp: Some(stamp), hash: None }
        }
    };

    let complete = replacement.sync().map_err(|error| SaveError::at(&target, error))?;
    Ok(PreparedSave {
        complete,
        target,
        expected,
        force: options.force,
        backs_up,
        records: records.end - records.start,
        counts,
        partly_excluded: 0,
        bytes,
        hash,
    })
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) changed: u32,
    pub(super) excluded: u32,
    pub(super) bad: u32,
    pub(super) not_text: u32,
}

impl Counts {
    /// Counts the result, and returns the line if it changed.
    fn count(&mut self, rewritten: Rewritten) -> Option<Vec<u8>> {
        match rewritten {
            Rewritten::Same => {}
            Rewritten::Bad => self.bad += 1,
            Rewritten::NotText => self.not_text += 1,
            Rewritten::Changed(line) => {
                self.changed += 1;
                return Some(line);
            }
        }
        None
    }
}

/// Applies a change to a line, and counts it. Returns the line if its captions changed.
pub(super) fn rewrite_change(
    line: &RawLine<'_>,
    caption_field: &str,
    change: Change,
    counts: &mut Counts,
) -> Option<Vec<u8>> {
    match change {
        Change::Exclude { records } if super::line::is_record(line, caption_field) => counts.excluded += records,
        Change::Exclude { .. } => counts.bad += 1,
        Change::Caption(caption) => return counts.count(rewrite(line, caption_field, &caption)),
        Change::Captions(captions) => return rewrite_all(line, caption_field, &captions, counts),
    }
    None
}

/// Returns the bytes of a line with other captions.
pub(super) fn with_captions<'a>(line: &Line<'a>, captions: &[(Slot, String)]) -> Cow<'a, [u8]> {
    let changed = rewrite_all(line.raw(), line.caption_field(), captions, &mut Counts::default());
    changed.map_or_else(|| line.bytes().into(), Cow::Owned)
}

/// Replaces several captions of a line. Returns it if it changed.
fn rewrite_all(
    line: &RawLine<'_>,
    caption_field: &str,
    captions: &[(Slot, String)],
    counts: &mut Counts,
) -> Option<Vec<u8>> {
    let mut changed: Option<Vec<u8>> = None;
    for (slot, caption) in captions {
        let bytes = changed.as_deref().unwrap_or(line.bytes);
        let now = RawLine { captions: line.captions, ..RawLine::of(line.record, bytes) };
        let rewritten = rewrite_slot(&now, caption_field, slot, caption);
        if let Some(line) = counts.count(rewritten) {
            changed = Some(line);
        }
    }
    changed
}

fn write(
    dataset: &Dataset,
    changes: &mut dyn Iterator<Item = (RecordId, Change)>,
    output: &mut impl Write,
    failed: &impl Fn(io::Error) -> SaveError,
) -> Result<Counts, SaveError> {
    let source = &dataset.0.source;
    // Hashed only if the hash of the opened content is known: detects a change that kept length and modification time.
    let mut feed = Feed::new(source, (dataset.0.index.layout(), dataset.0.captions), dataset.0.hash.get().is_some());
    let mut counts = Counts::default();
    let mut before = None;
    for (record, change) in changes {
        if before.is_some_and(|before| record <= before) {
            return Err(SaveError::OutOfOrder { record });
        }
        before = Some(record);
        let Some(span) = dataset.0.index.bytes(record.0) else {
            let (path, count) = (dataset.path().into(), dataset.record_count());
            return Err(DatasetError::NoSuchRecord { path, record, count }.into());
        };
        feed.copy_until(span.start, &mut |bytes| output.write_all(bytes).map_err(failed))?;
        let Some(line) = feed.line(&span, record)? else { return Err(source.changed(source::Change::Written).into()) };
        let len = line.bytes.len() as u64;
        let before = counts.excluded;
        let rewritten = rewrite_change(&line, dataset.caption_field(), change, &mut counts);
        if counts.excluded > before {
            feed.skip(len);
            feed.skip_newline();
        }
        if let Some(line) = rewritten {
            output.write_all(&line).map_err(failed)?;
            feed.skip(len);
        }
    }
    feed.copy_until(source.len(), &mut |bytes| output.write_all(bytes).map_err(failed))?;
    source.check()?;
    if dataset.0.hash.get().is_some_and(|known| feed.hash() != Some(*known)) {
        return Err(source.changed(source::Change::Written).into());
    }
    Ok(counts)
}

/// Checks that the target is as expected.
fn check_target(target: &Path, expected: Expected) -> Result<(), SaveError> {
    let conflict = |kind| Err(SaveError::Conflict { path: target.into(), kind });
    let failed = |source| SaveError::Io { path: target.into(), source };
    let found = match Stamp::of(target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    match expected {
        Expected::Nothing => conflict(ConflictKind::Foreign),
        Expected::Ours { stamp, .. } if stamp == Some(found) => Ok(()),
        Expected::Ours { stamp, hash: Some(hash) } if stamp.is_none_or(|stamp| stamp.len == found.len) => {
            if hash_of(target).map_err(failed)? == hash { Ok(()) } else { conflict(ConflictKind::Changed) }
        }
        Expected::Ours { .. } => conflict(ConflictKind::Changed),
    }
}

/// Returns the XXH3-128 of a file's content; of a Parquet file or an archive without its images.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub fn hash_of(path: &Path) -> io::Result<u128> {
    hash_of_file(&File::open(path)?)
}

/// Returns the hash of a dataset of several files, from theirs.
#[must_use]
pub fn hash_of_set(hashes: &[u128]) -> u128 {
    super::file_set::together_hash(hashes)
}

/// Like [`hash_of`], for an open file.
pub(super) fn hash_of_file(file: &File) -> io::Result<u128> {
    let of_content = match parquet_file::content_hash(file)? {
        None => super::archives::content_hash(file)?,
        found => found,
    };
    of_content.map_or_else(|| parquet_file::whole_hash(file), Ok)
}

/// Keeps the target as the first free of `<name>.bak`, `<name>.bak.1`, …, unless one of them is a copy already: as a second
/// name of the file, which is replaced and not written to, or as a copy if the file system has no such links.
fn back_up(target: &Path) -> Result<Option<Backup>, SaveError> {
    let mut original = match File::open(target) {
        Ok(original) => original,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SaveError::Io { path: target.into(), source }),
    };
    let mut hash = None;
    let mut number = 0_u32;
    loop {
        let path = backup_path(target, number);
        number = number.saturating_add(1);
        let failed = |source| SaveError::Io { path: path.clone(), source };
        if path.symlink_metadata().is_ok() {
            if is_copy(&path, target, &mut hash) {
                return Ok(Some(Backup::Kept(path)));
            }
            continue;
        }
        let at = |error| SaveError::at(&path, error);
        if atomic_file::link(target, &path).map_err(at)? {
            return Ok(Some(Backup::Made(path)));
        }
        let mut copy = Replacement::begin_like(&path, target).map_err(at)?;
        original.rewind().and_then(|()| io::copy(&mut original, copy.file())).map_err(failed)?;
        let modified = original.metadata().and_then(|metadata| metadata.modified()).map_err(failed)?;
        copy.file().set_modified(modified).map_err(failed)?;
        match copy.sync().and_then(|copy| copy.commit(false)) {
            // Its warnings are the same as those of the target.
            Ok(Committed { synced, .. }) => synced.map_err(failed)?,
            // Another process has just created it.
            Err(WriteError::Exists) => continue,
            Err(error) => return Err(at(error)),
        }
        return Ok(Some(Backup::Made(path)));
    }
}

fn backup_path(target: &Path, number: u32) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(if number == 0 { ".bak".to_owned() } else { format!(".bak.{number}") });
    name.into()
}

/// Returns the backups of a file that have content.
#[must_use]
pub fn backups(target: &Path) -> Vec<PathBuf> {
    let paths = (0..=u32::MAX).map(|number| backup_path(target, number)).take_while(|path| path.exists());
    paths.filter(|path| fs::metadata(path).is_ok_and(|found| found.len() > 0)).collect()
}

/// Returns true if both are files with the same content. `hash` caches that of the target. A backup that cannot be read
/// counts as another file.
fn is_copy(backup: &Path, target: &Path, hash: &mut Option<u128>) -> bool {
    let is_link = |one: Stamp, other: Stamp| one.inode > 0 && one.is_same_file(&other);
    if Stamp::of(backup).ok().zip(Stamp::of(target).ok()).is_some_and(|(backup, target)| is_link(backup, target)) {
        return true;
    }
    let len = |path: &Path| fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|metadata| metadata.len());
    if len(backup).is_none() || len(backup) != len(target) {
        return false;
    }
    let hash_of = |path: &Path| File::open(path).and_then(|file| parquet_file::whole_hash(&file));
    let of_target = hash.or_else(|| hash_of(target).ok());
    *hash = of_target;
    of_target.is_some() && hash_of(backup).ok() == of_target
}

#[cfg(test)]
mod tests;
