//! A text file for each image, as training scripts expect.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use super::{Chosen, ExportError, Outcome, Source, place};
use crate::atomic_file::{Batch, WriteError};
use crate::console::Console;
use crate::text::trim;

/// Why a record has no text file.
enum NoFile {
    NoCaption,
    BadPath(String),
}

/// Writes the files beside the images, or into `folder`. Returns the folder too.
pub(super) fn write(
    source: &Source<'_>,
    folder: Option<&Path>,
    force: bool,
    errors: &mut Console<'_>,
) -> Result<(Outcome, PathBuf), ExportError> {
    if let Some(folder) = folder.filter(|folder| folder.exists() && !folder.is_dir()) {
        return Err(ExportError::Target { path: folder.to_owned(), why: "not a folder; txt needs one" });
    }
    let mut outcome = check(source, folder, force, errors)?;
    let mut batch = Batch::default();
    source.each(&mut |chosen| {
        let Ok(path) = target(source, chosen, folder) else { return Ok(()) };
        let written = outcome.exported;
        write_one(&mut batch, &path, chosen, force).map_err(|error| match error {
            ExportError::Write { path, source, .. } => ExportError::Write { path, written, source },
            error => error,
        })?;
        outcome.exported += 1;
        Ok::<_, ExportError>(())
    })?;
    let place = folder.unwrap_or(source.dataset.folder()).to_owned();
    let written = outcome.exported;
    let warnings = batch.sync().map_err(|source| ExportError::Write { path: place.clone(), written, source })?;
    super::warn(&warnings, errors)?;
    Ok((outcome, place))
}

fn write_one(batch: &mut Batch, path: &Path, chosen: &Chosen<'_>, force: bool) -> Result<(), ExportError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| place::failed(folder, error.into()))?;
    }
    let caption = chosen.caption().unwrap_or_default();
    let written = batch.write(path, force, &mut |file| Ok::<_, WriteError>(writeln!(file, "{caption}")?));
    written.map_err(|error| place::failed(path, error))
}

/// Finds all problems before anything is written.
fn check(
    source: &Source<'_>,
    folder: Option<&Path>,
    force: bool,
    errors: &mut Console<'_>,
) -> Result<Outcome, ExportError> {
    let mut outcome = Outcome::default();
    let mut taken: HashMap<u64, u64> = HashMap::new();
    let mut existing: Option<(PathBuf, u64)> = None;
    let bad = source.each(&mut |chosen| {
        let line = chosen.record.line;
        let path = match target(source, chosen, folder) {
            Ok(path) => path,
            Err(NoFile::NoCaption) => {
                outcome.without_caption += 1;
                return Ok(());
            }
            Err(NoFile::BadPath(why)) => {
                outcome.failed += 1;
                let message = source.dataset.message(line, &why);
                return errors.message(message).map_err(ExportError::output);
            }
        };
        if let Some(first) = taken.insert(hash(&path), line) {
            let what = format!("{} is the text file of line {first} too", path.display());
            return Err(ExportError::Shared { message: source.dataset.message(line, &what) });
        }
        match (place::check(&path, source.dataset.path(), force), &mut existing) {
            (Err(ExportError::Exists { .. }), Some((_, others))) => *others += 1,
            (Err(ExportError::Exists { path, .. }), none) => *none = Some((path, 0)),
            (checked, _) => checked?,
        }
        Ok(())
    })?;
    outcome.failed += bad;
    match existing {
        Some((path, others)) => Err(ExportError::Exists { path, others }),
        None => Ok(outcome),
    }
}

/// Returns the text file of a record.
fn target(source: &Source<'_>, chosen: &Chosen<'_>, folder: Option<&Path>) -> Result<PathBuf, NoFile> {
    if trim(chosen.caption().unwrap_or_default()).is_empty() {
        return Err(NoFile::NoCaption);
    }
    let name = &chosen.record.file_name;
    let picture = source.dataset.picture_path(name).map_err(|refused| NoFile::BadPath(format!("{name}: {refused}")))?;
    let path = match folder {
        None => picture.with_extension("txt"),
        Some(folder) => {
            // --images allows reading outside of the folder, but not writing.
            let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if !Path::new(name).components().all(is_inside) {
                return Err(NoFile::BadPath(format!("{name}: the path leads out of {}", folder.display())));
            }
            folder.join(name).with_extension("txt")
        }
    };
    if path == picture {
        return Err(NoFile::BadPath(format!("{name}: the image itself ends in .txt")));
    }
    Ok(path)
}

/// Hashes the components of a path, so that `./a` equals `a`.
fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
