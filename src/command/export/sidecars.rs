//! A text file for each picture, as trainers of image models read captions.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use super::{Chosen, ExportError, Outcome, Source, Stopped, place};
use crate::text::{sanitize, trim};

/// Why a record gets no file.
enum Without {
    Caption,
    Path(String),
}

/// Writes the files beside the pictures, or into `folder`. Also gives where they are.
pub(super) fn write(
    source: &Source<'_>,
    folder: Option<&Path>,
    force: bool,
    errors: &mut dyn Write,
) -> Result<(Outcome, PathBuf), ExportError> {
    if let Some(folder) = folder.filter(|folder| folder.exists() && !folder.is_dir()) {
        return Err(ExportError::Target { path: folder.to_owned(), why: "not a folder, which txt needs; see -o" });
    }
    let mut outcome = check(source, folder, force, errors)?;
    source.each(&mut |chosen| {
        let Ok(path) = target(source, chosen, folder) else { return Ok(()) };
        let written = outcome.exported;
        write_one(&path, chosen, force).map_err(|error| match error {
            ExportError::Write { path, source, .. } => ExportError::Write { path, written, source },
            error => error,
        })?;
        outcome.exported += 1;
        Ok::<_, ExportError>(())
    })?;
    Ok((outcome, folder.unwrap_or(source.dataset.folder()).to_owned()))
}

fn write_one(path: &Path, chosen: &Chosen<'_>, force: bool) -> Result<(), ExportError> {
    if let Some(folder) = path.parent() {
        let failed = |source| ExportError::Write { path: folder.to_owned(), written: 0, source };
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let caption = chosen.caption().unwrap_or_default();
    place::put(path, force, &mut |file| writeln!(file, "{caption}").map_err(Stopped::from))
}

/// Finds everything that keeps files from being written, before any is.
fn check(
    source: &Source<'_>,
    folder: Option<&Path>,
    force: bool,
    errors: &mut dyn Write,
) -> Result<Outcome, ExportError> {
    let mut outcome = Outcome::default();
    let mut taken: HashMap<u64, u64> = HashMap::new();
    let mut in_the_way: Option<(PathBuf, u64)> = None;
    let bad = source.each(&mut |chosen| {
        let line = chosen.record.line;
        let path = match target(source, chosen, folder) {
            Ok(path) => path,
            Err(Without::Caption) => {
                outcome.without_caption += 1;
                return Ok(());
            }
            Err(Without::Path(why)) => {
                outcome.failed += 1;
                let message = source.dataset.message(line, &why);
                return writeln!(errors, "{}", sanitize(&message)).map_err(ExportError::Output);
            }
        };
        if let Some(first) = taken.insert(hash(&path), line) {
            let what = format!("{} is the file of line {first} too", path.display());
            return Err(ExportError::Shared { message: source.dataset.message(line, &what) });
        }
        match (place::check(&path, source.dataset.path(), force), &mut in_the_way) {
            (Err(ExportError::Exists { .. }), Some((_, others))) => *others += 1,
            (Err(ExportError::Exists { path, .. }), none) => *none = Some((path, 0)),
            (checked, _) => checked?,
        }
        Ok(())
    })?;
    outcome.failed += bad;
    match in_the_way {
        Some((path, others)) => Err(ExportError::Exists { path, others }),
        None => Ok(outcome),
    }
}

/// The file of a record.
fn target(source: &Source<'_>, chosen: &Chosen<'_>, folder: Option<&Path>) -> Result<PathBuf, Without> {
    if trim(chosen.caption().unwrap_or_default()).is_empty() {
        return Err(Without::Caption);
    }
    let name = &chosen.record.file_name;
    let picture = source.dataset.picture_path(name).map_err(|refused| Without::Path(format!("{name}: {refused}")))?;
    let path = match folder {
        None => picture.with_extension("txt"),
        Some(folder) => {
            // What --images allows to be read is not thereby allowed to be written.
            let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
            if !Path::new(name).components().all(is_inside) {
                return Err(Without::Path(format!("{name}: the path leads out of {}", folder.display())));
            }
            folder.join(name).with_extension("txt")
        }
    };
    if path == picture {
        return Err(Without::Path(format!("{name}: ends in .txt itself")));
    }
    Ok(path)
}

/// Of a path's parts, so that `./a` and `a` are one.
fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}
