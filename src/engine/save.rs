//! Saving: the dataset and the session's changes, combined into the target file.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use twox_hash::XxHash3_64;

use super::event::{SaveFailure, SaveSummary};
use crate::atomic_file::is_same_path;
use crate::dataset::{
    self, Amendment, Dataset, Expected, RecordId, SaveError, SaveOptions, SidecarError, SidecarSave, save_sidecars,
};
use crate::inputs::{Inputs, IsInput};
use crate::session::{self, Event, Ledger, Seq};
use crate::text::counted;

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
    amendments: Vec<(RecordId, Amendment)>,
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

    /// Returns the differences to the dataset, in file order.
    #[must_use]
    pub fn amendments(&self) -> &[(RecordId, Amendment)] {
        &self.amendments
    }

    #[must_use]
    pub fn forced_if(self, force: bool) -> Self {
        Self { force: self.force || force, ..self }
    }
}

impl SaveSummary {
    /// Returns the event that stores the save in the session.
    #[must_use]
    pub fn event(&self) -> Event {
        Event::Saved { path: self.path.clone(), through: self.through, hash: self.hash }
    }
}

impl SaveTarget {
    /// Returns the dataset itself if `in_place` is true, else the chosen file. The default is a folder of images itself,
    /// otherwise `<stem>_updated.jsonl` beside the dataset. For a caption field other than the default, that is `<stem>.<field>_updated.jsonl`, because each file has
    /// the changes of one field only.
    #[must_use]
    pub fn new(dataset: &Dataset, chosen: Option<PathBuf>, in_place: bool) -> Self {
        let field = dataset::field_suffix(dataset.caption_field());
        let in_place = in_place || (dataset.is_folder() && chosen.is_none());
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

    /// Writes the dataset with the session's changes.
    ///
    /// # Errors
    /// Returns an error if a file that this session did not write is in the way, unless forced, or if the target cannot
    /// be written. The old file is intact then.
    pub fn save(&self, dataset: &Dataset, request: SaveRequest) -> Result<SaveSummary, SaveFailure> {
        if self.in_place && dataset.is_folder() {
            return save_folder(dataset, request);
        }
        let SaveRequest { amendments, saves, through, force } = request;
        let is_target = |(path, _): &&(PathBuf, u128)| is_same_path(path, &self.path);
        // If the folder was moved, the file is recognised by its content.
        let known = saves.iter().find(is_target).map(|(_, hash)| *hash).or_else(|| {
            let found = dataset::hash_of(&self.path).ok()?;
            saves.iter().map(|(_, hash)| *hash).find(|hash| *hash == found)
        });
        let expected = match known {
            Some(hash) => Expected::Ours { stamp: None, hash: Some(hash) },
            None if self.in_place => Expected::Ours { stamp: Some(dataset.stamp()), hash: None },
            None => Expected::Nothing,
        };
        let options = SaveOptions { target: self.path.clone(), expected, force, backup: self.in_place };
        let (report, unconfirmed) = match dataset::save(dataset, &mut amendments.into_iter(), &options) {
            Ok(report) => (report, None),
            Err(SaveError::NotConfirmed { report, source }) => (*report, Some(source)),
            Err(conflict @ SaveError::Conflict { .. }) => return Err(SaveFailure::Conflict(conflict.to_string())),
            Err(error) => {
                tracing::error!(%error, "not saved");
                return Err(SaveFailure::Other(error.to_string()));
            }
        };
        tracing::info!(path = %report.path.display(), records = report.records_written, "saved");
        let mut warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
        let mut left = |count: u32, why| {
            let decisions = counted(count.into(), "decision", "decisions");
            warnings.extend((count > 0).then(|| format!("{decisions} not applied: {why}")));
        };
        left(
            report.not_text_left,
            "the caption is an array, an object, a number or a boolean, which text cannot replace",
        );
        left(report.bad_lines_left, "the line is not a record");
        // The new file is in place but may not survive a power failure, so its changes do not count as saved.
        let through = if unconfirmed.is_some() { Seq::default() } else { through };
        warnings.extend(unconfirmed.map(|source| format!("may be lost in a power failure ({source}); save again")));
        Ok(SaveSummary {
            // Absolute and without links: a relative path would be another file in another working folder.
            path: report.path,
            records: report.records_written.into(),
            changed: report.captions_changed.into(),
            excluded: report.excluded.into(),
            hash: report.hash,
            through,
            at: Timestamp::now(),
            left_out: u64::from(report.not_text_left) + u64::from(report.bad_lines_left),
            warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
        })
    }
}

/// Rewrites the sidecars in a folder of images. The first save of a session asks.
fn save_folder(dataset: &Dataset, request: SaveRequest) -> Result<SaveSummary, SaveFailure> {
    let SaveRequest { amendments, saves, through, force } = request;
    let at = Timestamp::now();
    let path = dataset.path().canonicalize().unwrap_or_else(|_| dataset.path().to_owned());
    let Some(archive) = archive(&path, at) else {
        return Err(SaveFailure::Other(format!("{}: no folder for the replaced captions: set HOME", path.display())));
    };
    let confirmed = force || saves.iter().any(|(saved, _)| *saved == path);
    let report =
        save_sidecars(dataset, amendments, &SidecarSave { confirmed, archive }).map_err(|error| match error {
            SidecarError::NotConfirmed { .. } => SaveFailure::Conflict(error.to_string()),
            error => {
                tracing::error!(%error, "not saved");
                SaveFailure::Other(error.to_string())
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
    Ok(SaveSummary {
        path,
        records: dataset.record_count().into(),
        changed: report.captions_changed.into(),
        excluded: report.excluded.into(),
        hash: report.hash,
        through,
        at,
        left_out,
        warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
    })
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
