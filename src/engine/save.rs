//! Saving: the dataset and the session's changes, combined into the target file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use twox_hash::XxHash3_64;

use super::event::{SaveFailure, SaveSummary};
use crate::atomic_file::is_same_path;
use crate::dataset::{
    self, Amendment, Dataset, Expected, PreparedSave, RecordId, SaveError, SaveOptions, SidecarError, SidecarSave,
    save_sidecars,
};
use crate::inputs::{Inputs, IsInput};
use crate::remote_folder::{self, PublishError};
use crate::session::{self, Amendments, Event, Ledger, Seq};
use crate::text::counted;

/// Files that are written before the first of them is put in its place. Each has two open file descriptors; systems allow at
/// least 256.
const TOGETHER: usize = 64;

/// Where the updated dataset is saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveTarget {
    pub path: PathBuf,
    /// The target is the dataset itself. Its first version is kept as `.bak`, or `.bak.1`, … if that is taken.
    pub in_place: bool,
}

/// The session's part of a save, as of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveRequest {
    amendments: Amendments,
    /// The files this session wrote before, with the hashes of their contents.
    saves: Vec<(PathBuf, u128)>,
    /// The last event that is in it.
    pub through: Seq,
    /// Overwrite any existing file.
    pub force: bool,
}

impl SaveRequest {
    #[must_use]
    pub fn new(ledger: &Ledger, force: bool) -> Self {
        let saves = ledger.saves().map(|(path, hash)| (path.to_owned(), hash)).collect();
        Self { amendments: ledger.amendments(), saves, through: ledger.last(), force }
    }

    /// Returns the differences to the dataset.
    #[must_use]
    pub const fn amendments(&self) -> &Amendments {
        &self.amendments
    }

    /// Adds files that this session has written, but that are not in the bucket.
    fn with_unsent(mut self, dataset: &Dataset, unsent: Vec<PathBuf>) -> Self {
        if !unsent.is_empty() && dataset.is_folder() {
            let folder = dataset.path().canonicalize().unwrap_or_else(|_| dataset.path().to_owned());
            self.saves.push((folder, 0));
        } else {
            let with_hash = |path: PathBuf| dataset::hash_of(&path).ok().map(|hash| (path, hash));
            // A removed one cannot be in the way.
            let unsent: Vec<(PathBuf, u128)> = unsent.into_iter().filter_map(with_hash).collect();
            self.saves.splice(0..0, unsent);
        }
        self
    }

    #[must_use]
    pub fn forced_if(self, force: bool) -> Self {
        Self { force: self.force || force, ..self }
    }
}

impl SaveSummary {
    /// Returns the events that store the save in the session: one of each file, then one of all.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let whole = (self.path.clone(), self.hash);
        let files = self.files.iter().cloned().chain([whole]);
        files.map(|(path, hash)| Event::Saved { path, through: self.through, hash }).collect()
    }
}

impl SaveTarget {
    /// Returns the dataset itself if `in_place` is true, else the chosen file, or for several Parquet files the chosen folder
    /// or a pattern. The default is a folder of images itself, otherwise `<stem>_updated.jsonl` beside the dataset. For a caption field other than the default, that is `<stem>.<field>_updated.jsonl`, because each file has
    /// the changes of one field only.
    #[must_use]
    pub fn new(dataset: &Dataset, chosen: Option<PathBuf>, in_place: bool) -> Self {
        let field = dataset::field_suffix(dataset.caption_field());
        let in_place = in_place || (dataset.is_folder() && chosen.is_none());
        if dataset.files().len() > 1 && !in_place {
            let extension =
                dataset.files().first().and_then(|file| file.extension().map(|it| it.to_string_lossy().into_owned()));
            let extension = extension.unwrap_or_default();
            let beside = || dataset.folder().join(format!("*{field}_updated.{extension}"));
            return Self { path: chosen.unwrap_or_else(beside), in_place };
        }
        let dataset = dataset.path();
        let beside = || {
            let stem = dataset.file_stem().unwrap_or_default().to_string_lossy();
            let extension = dataset.extension().map_or_else(|| "jsonl".into(), |extension| extension.to_string_lossy());
            dataset.with_file_name(format!("{stem}{field}_updated.{extension}"))
        };
        let path = if in_place { dataset.to_owned() } else { chosen.unwrap_or_else(beside) };
        Self { path, in_place }
    }

    /// Checks that the target is no input, other than the dataset if that was asked for.
    ///
    /// # Errors
    /// Returns an error if it is one.
    pub fn check(&self, inputs: &Inputs) -> Result<(), IsInput> {
        if self.in_place { Ok(()) } else { inputs.check(&self.path).map_err(IsInput::of_save) }
    }

    /// Writes the dataset with the session's changes. That of a dataset in a bucket is then sent there.
    ///
    /// # Errors
    /// Returns an error if a file that this session did not write is in the way, unless forced, or if the target cannot
    /// be written or sent. The old file is intact then.
    pub fn save(&self, dataset: &Dataset, request: SaveRequest) -> Result<SaveSummary, SaveFailure> {
        let Some((folder, _)) = remote_folder::find(&self.path) else {
            return self.write(dataset, request).map(|(summary, _)| summary);
        };
        let force = request.force;
        let unsent = folder.begin_save(self.in_place && !dataset.is_folder()).map_err(SaveFailure::Other)?;
        let request = request.with_unsent(dataset, unsent);
        let (summary, mut paths) = self.write(dataset, request).map_err(|failure| {
            // Nothing was written, so that nothing has to be found.
            let is_unwritten = matches!(failure, SaveFailure::Conflict(_)) && dataset.files().len() == 1;
            if is_unwritten && let Err(error) = folder.publish(Vec::new(), false) {
                tracing::warn!(?error, "an earlier save is not in the bucket");
            }
            failure.with_urls()
        })?;
        if self.in_place && !dataset.is_folder() {
            // Before what they are a copy of is replaced.
            let backups: Vec<PathBuf> = paths.iter().flat_map(|path| dataset::backups(path)).collect();
            folder.publish(names(&backups), false).map_err(failure)?;
        }
        paths.dedup();
        folder.publish(names(&paths), force).map_err(failure)?;
        let warning = summary.warning.as_deref().map(remote_folder::with_urls);
        Ok(SaveSummary { warning, ..summary })
    }

    /// Writes the dataset with the session's changes. Also returns the paths of the files that were written or removed.
    fn write(&self, dataset: &Dataset, request: SaveRequest) -> Result<(SaveSummary, Vec<PathBuf>), SaveFailure> {
        if self.in_place && dataset.is_folder() {
            return save_folder(dataset, request);
        }
        let SaveRequest { amendments, saves, through, force } = request;
        let files = dataset.files();
        let mut parts: Parts = Parts { through, ..Parts::default() };
        if let [file] = files.as_slice() {
            let target = if self.in_place { file.clone() } else { self.path.clone() };
            let part = Part { target, saves: &saves, in_place: self.in_place, force };
            parts.commit(part.prepare(dataset, 0, &mut amendments.iter())?)?;
            return Ok(parts.finish(None));
        }
        let mut amendments = amendments.iter().peekable();
        let mut prepared = Vec::new();
        for (shard, file) in files.iter().enumerate() {
            let (records, _) = dataset.shard(shard).map_err(|error| SaveFailure::Other(error.to_string()))?;
            let mut of_shard = std::iter::from_fn(|| amendments.next_if(|(record, _)| record.0 < records.end));
            let target = self.target_of(file)?;
            let part = Part { target, saves: &saves, in_place: self.in_place, force };
            let one = part.prepare(dataset, shard, &mut of_shard);
            prepared.push(one.map_err(|failure| failure.after(parts.files.len(), files.len()))?);
            if prepared.len() == TOGETHER || shard + 1 == files.len() {
                for one in prepared.drain(..) {
                    let written = parts.files.len();
                    parts.commit(one).map_err(|failure| failure.after(written, files.len()))?;
                }
            }
        }
        Ok(parts.finish(Some(self.path.clone())))
    }

    /// Returns the target of one of several files.
    fn target_of(&self, file: &Path) -> Result<PathBuf, SaveFailure> {
        let name = file.file_name().unwrap_or_default();
        let pattern = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if self.in_place {
            return Ok(file.to_owned());
        }
        if let Some((start, end)) = pattern.split_once('*') {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            return Ok(self.path.with_file_name(format!("{start}{stem}{end}")));
        }
        let failed = |why: String| SaveFailure::Other(format!("{}: {why}", self.path.display()));
        if self.path.extension().is_some() && !self.path.is_dir() {
            return Err(failed("several files are saved into a folder; name one with -o DIR".to_owned()));
        }
        std::fs::create_dir_all(&self.path).map_err(|error| failed(error.to_string()))?;
        Ok(self.path.join(name))
    }
}

/// Returns the names of files in a bucket.
fn names(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().filter_map(|path| remote_folder::find(path)).map(|(_, name)| name).collect()
}

fn failure(error: PublishError) -> SaveFailure {
    match error {
        PublishError::InTheWay(why) => SaveFailure::Conflict(why),
        PublishError::Failed(why) => SaveFailure::Other(why),
    }
}

impl SaveFailure {
    /// Names objects in a bucket by their URLs.
    fn with_urls(self) -> Self {
        match self {
            Self::Conflict(why) => Self::Conflict(remote_folder::with_urls(&why)),
            Self::Other(why) => Self::Other(remote_folder::with_urls(&why)),
        }
    }

    /// Adds how many of several files were written before.
    fn after(self, written: usize, all: usize) -> Self {
        let note = |why: String| match written {
            0 => why,
            _ => format!("{why} ({written} of {all} files were written before it; save again to continue)"),
        };
        match self {
            Self::Conflict(why) => Self::Conflict(note(why)),
            Self::Other(why) => Self::Other(note(why)),
        }
    }
}

/// A file to write.
struct Part<'a> {
    target: PathBuf,
    /// The files this session wrote before.
    saves: &'a [(PathBuf, u128)],
    in_place: bool,
    force: bool,
}

/// The files written: the dataset's only one, or one after the other.
#[derive(Default)]
struct Parts {
    files: Vec<(PathBuf, u128)>,
    records: u64,
    changed: u64,
    excluded: u64,
    not_text: u64,
    partly_excluded: u64,
    bad: u64,
    through: Seq,
    warnings: Vec<String>,
}

/// A file that is ready to be put in its place.
enum Prepared {
    /// It stays as it is.
    Unchanged {
        path: PathBuf,
        hash: u128,
        records: u64,
    },
    New(Box<PreparedSave>),
}

impl Part<'_> {
    /// Writes a new file beside the target.
    fn prepare(
        &self,
        dataset: &Dataset,
        shard: usize,
        amendments: &mut dyn Iterator<Item = (RecordId, Amendment)>,
    ) -> Result<Prepared, SaveFailure> {
        let mut amendments = amendments.peekable();
        let Self { target, saves, in_place, force } = self;
        let is_target = |(path, _): &&(PathBuf, u128)| is_same_path(path, target);
        // If the folder was moved, the file is recognised by its content.
        let known = saves.iter().find(is_target).map(|(_, hash)| *hash).or_else(|| {
            let found = dataset::hash_of(target).ok()?;
            saves.iter().map(|(_, hash)| *hash).find(|hash| *hash == found)
        });
        let other = |error: &dyn std::fmt::Display| SaveFailure::Other(error.to_string());
        let (records, stamp) = dataset.shard(shard).map_err(|error| other(&error))?;
        // In place, a file that no decision changes stays untouched, unless an earlier save changed it.
        if *in_place && dataset.files().len() > 1 && amendments.peek().is_none() && known.is_none() {
            let hash = dataset::hash_of(target).map_err(|error| other(&error))?;
            let records = u64::from(records.end - records.start);
            return Ok(Prepared::Unchanged { path: target.clone(), hash, records });
        }
        let expected = match known {
            Some(hash) => Expected::Ours { stamp: None, hash: Some(hash) },
            None if *in_place => Expected::Ours { stamp: Some(stamp), hash: None },
            None => Expected::Nothing,
        };
        let options = SaveOptions { target: target.clone(), expected, force: *force, backup: *in_place };
        let prepared = dataset::prepare_shard(dataset, shard, &mut amendments, &options);
        prepared.map(|prepared| Prepared::New(prepared.into())).map_err(failed)
    }
}

fn failed(error: SaveError) -> SaveFailure {
    match error {
        conflict @ SaveError::Conflict { .. } => SaveFailure::Conflict(conflict.to_string()),
        error => {
            tracing::error!(%error, "not saved");
            SaveFailure::Other(error.to_string())
        }
    }
}

impl Parts {
    /// Puts a file in its place.
    fn commit(&mut self, prepared: Prepared) -> Result<(), SaveFailure> {
        let prepared = match prepared {
            Prepared::Unchanged { path, hash, records } => {
                self.files.push((path, hash));
                self.records += records;
                return Ok(());
            }
            Prepared::New(prepared) => prepared,
        };
        let (report, unconfirmed) = match prepared.commit() {
            Ok(report) => (report, None),
            Err(SaveError::NotConfirmed { report, source }) => (*report, Some(source)),
            Err(error) => return Err(failed(error)),
        };
        tracing::info!(path = %report.path.display(), records = report.records_written, "saved");
        self.warnings.extend(report.warnings.iter().map(ToString::to_string));
        self.not_text += u64::from(report.not_text_left);
        self.partly_excluded += u64::from(report.partly_excluded);
        self.bad += u64::from(report.bad_lines_left);
        self.records += u64::from(report.records_written);
        self.changed += u64::from(report.captions_changed);
        self.excluded += u64::from(report.excluded);
        // Absolute and without links: a relative path would be another file in another working folder.
        self.files.push((report.path, report.hash));
        if let Some(source) = unconfirmed {
            // The new file is in place but may not survive a power failure, so its changes do not count as saved.
            self.through = Seq::default();
            self.warnings.push(format!("may be lost in a power failure ({source}); save again"));
        }
        Ok(())
    }

    /// Returns the summary and the paths of the files. `path` stands for several files.
    fn finish(self, path: Option<PathBuf>) -> (SaveSummary, Vec<PathBuf>) {
        let paths = self.files.iter().map(|(path, _)| path.clone()).collect();
        (self.summary(path), paths)
    }

    fn summary(mut self, path: Option<PathBuf>) -> SaveSummary {
        let warnings = &mut self.warnings;
        let mut left = |count: u64, why| {
            let decisions = counted(count, "decision", "decisions");
            warnings.extend((count > 0).then(|| format!("{decisions} not applied: {why}")));
        };
        left(self.not_text, "the caption is an array, an object, a number or a boolean, which text cannot replace");
        left(self.bad, "the line is not a record");
        left(self.partly_excluded, "an image is left out with all of its captions; exclude the others as well");
        let hashes: Vec<u128> = self.files.iter().map(|(_, hash)| *hash).collect();
        let (path, files) = match path {
            Some(path) => (path, self.files),
            None => (self.files.into_iter().next().map(|(path, _)| path).unwrap_or_default(), Vec::new()),
        };
        SaveSummary {
            path: std::path::absolute(&path).unwrap_or(path),
            files,
            records: self.records,
            changed: self.changed,
            excluded: self.excluded,
            hash: dataset::hash_of_set(&hashes),
            through: self.through,
            at: Timestamp::now(),
            left_out: self.not_text + self.bad + self.partly_excluded,
            warning: (!self.warnings.is_empty()).then(|| self.warnings.join("; ")),
        }
    }
}

/// Rewrites the sidecars in a folder of images. The first save of a session asks.
fn save_folder(dataset: &Dataset, request: SaveRequest) -> Result<(SaveSummary, Vec<PathBuf>), SaveFailure> {
    let SaveRequest { amendments, saves, through, force } = request;
    let at = Timestamp::now();
    let path = dataset.path().canonicalize().unwrap_or_else(|_| dataset.path().to_owned());
    let Some(archive) = archive(&path, at) else {
        return Err(SaveFailure::Other(format!("{}: no folder for the replaced captions: set HOME", path.display())));
    };
    let confirmed = force || saves.iter().any(|(saved, _)| *saved == path);
    let report =
        save_sidecars(dataset, amendments.iter().collect(), &SidecarSave { confirmed, archive }).map_err(|error| {
            match error {
                SidecarError::NotConfirmed { .. } => SaveFailure::Conflict(error.to_string()),
                error => {
                    tracing::error!(%error, "not saved");
                    SaveFailure::Other(error.to_string())
                }
            }
        })?;
    tracing::info!(path = %path.display(), sidecars = report.written, "saved");
    let left_out = report.left_alone.len() as u64;
    let mut warnings = report.warnings.clone();
    if left_out > 0 {
        let decisions = counted(left_out, "decision", "decisions");
        warnings.push(format!(
            "{decisions} not applied: {} changed since it was read, or is not UTF-8; :reopen reads it again",
            report.left_alone_names()
        ));
    }
    let paths = report.paths.iter().map(|inside| dataset.path().join(inside)).collect();
    let summary = SaveSummary {
        path,
        files: Vec::new(),
        records: dataset.record_count().into(),
        changed: report.captions_changed.into(),
        excluded: report.excluded.into(),
        hash: report.hash,
        through,
        at,
        left_out,
        warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
    };
    Ok((summary, paths))
}

/// Returns the path of the archive for the sidecars that a save replaces, in the user's state folder.
fn archive(folder: &Path, at: Timestamp) -> Option<PathBuf> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let hash = XxHash3_64::oneshot(folder.as_os_str().as_encoded_bytes());
    let stamp = at.strftime("%Y%m%dT%H%M%S%.3fZ");
    Some(
        session::state_folder()?
            .join("recaption")
            .join("captions")
            .join(format!("{name}-{hash:016x}"))
            .join(format!("{stamp}.tar")),
    )
}
