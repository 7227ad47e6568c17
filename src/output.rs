//! The output: where the updated dataset goes, and writing it there.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::NamedTempFile;

use crate::dataset::{self, Amendment, Dataset, Expected, RecordId, SaveError, SaveOptions};
use crate::review::SaveSummary;
use crate::session::Seq;

/// Where the updated dataset goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// It is the dataset itself, whose first original is kept as `.bak`.
    pub in_place: bool,
}

/// Why there was no save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveRefused {
    /// Something else is there. Forcing overwrites it.
    Conflict(String),
    /// It cannot be written.
    Failed(String),
}

impl Output {
    /// The output of a dataset: the file given, the dataset itself, or `<stem>_updated.jsonl` beside it. For captions in
    /// another member than usual that is `<stem>.<member>_updated.jsonl`: neither has the other's changes.
    #[must_use]
    pub fn new(dataset: &Dataset, chosen: Option<PathBuf>, in_place: bool) -> Self {
        let field = dataset::field_suffix(dataset.caption_field());
        let dataset = dataset.path();
        let beside = || {
            let stem = dataset.file_stem().unwrap_or_default().to_string_lossy();
            let extension = dataset.extension().map_or_else(|| "jsonl".into(), |extension| extension.to_string_lossy());
            dataset.with_file_name(format!("{stem}{field}_updated.{extension}"))
        };
        let path = if in_place { dataset.to_owned() } else { chosen.unwrap_or_else(beside) };
        Self { path, in_place }
    }

    /// Writes the dataset with its amendments. `saves` are the files this session wrote before and what their contents
    /// hash to; anything else in the way is overwritten only by force.
    ///
    /// # Errors
    /// Where something else is there, or it cannot be written. The old file is then whole.
    pub fn save(
        &self,
        dataset: &Dataset,
        amendments: Vec<(RecordId, Amendment)>,
        saves: &[(PathBuf, u128)],
        through: Seq,
        force: bool,
    ) -> Result<SaveSummary, SaveRefused> {
        let known = saves.iter().find(|(path, _)| is_same(path, &self.path)).map(|(_, hash)| *hash);
        let expected = match known {
            Some(hash) => Expected::Ours { stamp: None, hash: Some(hash) },
            None if self.in_place => Expected::Ours { stamp: Some(dataset.stamp()), hash: None },
            None => Expected::Nothing,
        };
        let options = SaveOptions { target: self.path.clone(), expected, force, backup: self.in_place };
        let (written, unconfirmed) = match dataset::save(dataset, &mut amendments.into_iter(), &options) {
            Err(SaveError::NotConfirmed { report, source }) => (Ok(*report), Some(source)),
            other => (other, None),
        };
        match written {
            Ok(report) => {
                tracing::info!(path = %report.path.display(), records = report.records_written, "saved");
                let mut warnings: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
                // The file is there, and known to be ours, but may not outlast a power cut: it does not count as saved.
                let through = if unconfirmed.is_some() { Seq::default() } else { through };
                warnings
                    .extend(unconfirmed.map(|source| format!("not certain to be on the disk ({source}): save again")));
                Ok(SaveSummary {
                    // As it was written, links followed: a relative path would mean another file from another folder.
                    path: report.path,
                    records: report.records_written.into(),
                    changed: report.captions_changed.into(),
                    excluded: report.excluded.into(),
                    hash: report.hash,
                    through,
                    at: Timestamp::now(),
                    warning: (!warnings.is_empty()).then(|| warnings.join("; ")),
                })
            }
            Err(conflict @ SaveError::Conflict { .. }) => Err(SaveRefused::Conflict(conflict.to_string())),
            Err(error) => {
                tracing::error!(%error, "not saved");
                Err(SaveRefused::Failed(error.to_string()))
            }
        }
    }
}

/// Writes a file beside its place, then moves it there: it is whole, or not there. One that is there is replaced only by
/// force, which follows links and keeps permissions; without it, that is [`io::ErrorKind::AlreadyExists`].
///
/// # Errors
/// Whatever `fill` fails with, and where the file cannot be written or put in its place.
pub fn put<E: From<io::Error>>(
    path: &Path,
    force: bool,
    fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<(), E> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut new = fresh(&target)?;
    let mut writer = BufWriter::new(new.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if let Ok(replaced) = fs::metadata(&target) {
        new.as_file().set_permissions(replaced.permissions())?;
    }
    let put = if force { new.persist(&target) } else { new.persist_noclobber(&target) };
    Ok(put.map(drop).map_err(|error| error.error)?)
}

/// A new file in the folder of `path`, to be moved to it, with the permissions any program would give it.
pub(crate) fn fresh(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".recaption-export-").suffix(".tmp");
    // Less the user's mask; the crate's own choice is private.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Whether two paths name one file. They may be written differently, and need not exist yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    one == other || matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}
