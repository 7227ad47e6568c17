//! `recaption demo`: writes the bundled sample dataset to a folder, and keeps it there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::atomic_file::{self, WriteError};
use crate::dataset::CAPTION;
use crate::engine::CandidateFile;
use crate::session::{self, Location, SAMPLE, SessionError};

macro_rules! samples {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../assets/demo/", $name)).as_slice())),+]
    };
}

/// The files of the sample dataset, with their paths in its folder.
const SAMPLES: &[(&str, &[u8])] = samples![
    "CREDITS.md",
    "candidates.jsonl",
    "images/leather-briefcase.jpg",
    "images/navy-blazer-coffee.jpg",
    "images/orange-tshirt-rooftop.jpg",
    "images/overcoat-camera.png",
    "images/pink-backpack.jpg",
    "images/plaid-shirt-street.jpg",
    "images/printed-dress-walk.jpg",
    "images/yellow-blazer-event.jpg",
    "images/zigzag-jumper-lake.jpg",
    "metadata.jsonl",
];

const DATASET: &str = "metadata.jsonl";
const CANDIDATES: &str = "candidates.jsonl";
const PICTURES: &str = "images";
const SESSION: &str = ".recaption";
/// Files that saving creates beside the dataset; of the backups also `.bak.1`, ….
const OUTPUT: &str = "metadata_updated.jsonl";
const BACKUP: &str = "metadata.jsonl.bak";

/// Marks the folder of the demo. The file is empty until all samples are written, and lists them then.
const MARKER: &str = ".recaption-demo";
const MARKER_TITLE: &str =
    "# Files written by `recaption demo`. `recaption demo --reset` replaces them and nothing else.";

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("no home folder for the samples; name a folder (recaption demo DIR)")]
    NoHome,
    /// The folder is not empty and not the demo's.
    #[error("{}: contains other files (nothing was written); name an empty folder (recaption demo DIR)", .folder.display())]
    NotOurs { folder: PathBuf },
    /// A file in the demo's folder is not one of the samples.
    #[error(
        "{}: not one of the samples (nothing was removed); move it and reset again, or name another folder \
         (recaption demo DIR)",
        .path.display()
    )]
    Foreign { path: PathBuf },
    /// The dataset was removed from the demo's folder.
    #[error("{}: missing; --reset writes the samples again", .path.display())]
    Gone { path: PathBuf },
    #[error("{}: cannot {action}: {source}; fix this, or name another folder (recaption demo DIR)", .path.display())]
    File {
        path: PathBuf,
        /// The operation that failed: "write".
        action: &'static str,
        source: io::Error,
    },
    #[error("{}: cannot write: {source}; fix this, or name another folder (recaption demo DIR)", .path.display())]
    Write { path: PathBuf, source: WriteError },
    /// The session could not be deleted.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Writes the samples to `dir`, or to a folder in the user's data directory, and returns the path of the dataset. Existing
/// samples are left alone unless `reset` is true, which replaces them and removes their session and saved files.
///
/// # Errors
/// Returns an error if the folder has other files; if the samples to reset are open in a reviewer; or if files cannot be
/// written or removed. Except for the last case, nothing is changed.
pub fn prepare(dir: Option<&Path>, reset: bool) -> Result<PathBuf, DemoError> {
    let folder = dir.map_or_else(default_folder, |dir| Ok(dir.to_owned()))?;
    let dataset = folder.join(DATASET);
    match Contents::of(&folder)? {
        Contents::Nothing | Contents::Unfinished => write_samples(&folder)?,
        Contents::Samples(names) if reset => {
            remove(&folder, &names)?;
            write_samples(&folder)?;
        }
        Contents::Samples(_) if !dataset.exists() => return Err(DemoError::Gone { path: dataset }),
        Contents::Samples(_) => {}
    }
    Ok(dataset)
}

/// Returns the file of the sample candidates beside the dataset, if it is there: demos written by 0.1 have none.
#[must_use]
pub fn candidates(dataset: &Path) -> Option<CandidateFile> {
    let path = dataset.with_file_name(CANDIDATES);
    path.is_file().then_some(CandidateFile { path, describer: SAMPLE })
}

fn default_folder() -> Result<PathBuf, DemoError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| DemoError::NoHome)?;
    Ok(folders.data_dir().join("recaption").join("demo"))
}

/// The contents of a folder.
enum Contents {
    /// Empty, or the folder does not exist.
    Nothing,
    /// Incomplete samples, because writing them was interrupted.
    Unfinished,
    /// The samples, with these names.
    Samples(BTreeSet<String>),
}

impl Contents {
    fn of(folder: &Path) -> Result<Self, DemoError> {
        let is_empty = match list(folder) {
            Ok(entries) => entries.is_empty(),
            Err(DemoError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        if is_empty {
            return Ok(Self::Nothing);
        }
        let marker = folder.join(MARKER);
        match fs::read_to_string(&marker) {
            Ok(names) if names.is_empty() => Ok(Self::Unfinished),
            Ok(names) => {
                Ok(Self::Samples(names.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DemoError::NotOurs { folder: folder.to_owned() })
            }
            Err(error) => Err(failed("read", &marker)(error)),
        }
    }
}

/// Writes the samples, and the complete marker last.
fn write_samples(folder: &Path) -> Result<(), DemoError> {
    let create = |path: &Path| fs::create_dir_all(path).map_err(failed("create the folder", path));
    let write = |path: &Path, content: &[u8]| {
        let written = atomic_file::write(path, true, &mut |file| Ok::<_, WriteError>(file.write_all(content)?));
        written.map(drop).map_err(|source| DemoError::Write { path: path.to_owned(), source })
    };
    let marker = folder.join(MARKER);
    create(folder)?;
    write(&marker, b"")?;
    create(&folder.join(PICTURES))?;
    for (name, content) in SAMPLES {
        write(&folder.join(name), content)?;
    }
    let names = SAMPLES.iter().map(|(name, _)| format!("{name}\n"));
    write(&marker, format!("{MARKER_TITLE}\n{}", names.collect::<String>()).as_bytes())
}

/// Removes the samples with these names and their session. The marker is removed last, so an interrupted reset can be
/// repeated.
fn remove(folder: &Path, names: &BTreeSet<String>) -> Result<(), DemoError> {
    let files = removable(folder, names)?;
    let dataset = folder.join(DATASET);
    session::delete(&Location::find(&dataset, CAPTION, None)?, &dataset)?;
    // Only the log and the lock of the session are left in its folder.
    allow_missing(fs::remove_dir_all(folder.join(SESSION))).map_err(failed("remove", &folder.join(SESSION)))?;
    for file in files {
        fs::remove_file(&file).map_err(failed("remove", &file))?;
    }
    let marker = folder.join(MARKER);
    fs::remove_file(&marker).map_err(failed("remove", &marker))
}

/// Returns the files a reset removes. Fails if the folder has a file that is neither a sample nor created by reviewing them.
fn removable(folder: &Path, names: &BTreeSet<String>) -> Result<Vec<PathBuf>, DemoError> {
    let mut files = Vec::new();
    for entry in list(folder)? {
        match (entry.name.as_str(), entry.is_folder) {
            (SESSION, true) | (MARKER, false) => {}
            (PICTURES, true) => {
                for picture in list(&entry.path)? {
                    if picture.is_folder || !names.contains(&format!("{PICTURES}/{}", picture.name)) {
                        return Err(DemoError::Foreign { path: picture.path });
                    }
                    files.push(picture.path);
                }
            }
            (name, false) if names.contains(name) || is_output(name) => files.push(entry.path),
            _ => return Err(DemoError::Foreign { path: entry.path }),
        }
    }
    Ok(files)
}

fn is_output(name: &str) -> bool {
    let is_number = |rest: &str| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    name == OUTPUT || name.strip_prefix(BACKUP).is_some_and(is_number)
}

struct FolderEntry {
    path: PathBuf,
    /// Lossy: no name of ours is invalid UTF-8.
    name: String,
    /// False for links to folders.
    is_folder: bool,
}

fn list(folder: &Path) -> Result<Vec<FolderEntry>, DemoError> {
    let entry = |entry: fs::DirEntry| {
        let is_folder = entry.file_type()?.is_dir();
        Ok(FolderEntry { path: entry.path(), name: entry.file_name().to_string_lossy().into_owned(), is_folder })
    };
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|found| entry(found?)).collect());
    entries.map_err(failed("list the folder", folder))
}

fn allow_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DemoError {
    let path = path.to_owned();
    move |source| DemoError::File { path, action, source }
}

#[cfg(test)]
mod tests;
