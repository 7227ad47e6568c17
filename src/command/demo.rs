//! `recaption demo`: the bundled sample dataset, put into a folder and left there from one time to the next.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::dataset::CAPTION;
use crate::session::{self, Location, SessionError};

macro_rules! samples {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_bytes!(concat!("../../assets/demo/", $name)).as_slice())),+]
    };
}

/// The sample dataset: where each file goes in its folder, and what is in it.
const SAMPLES: &[(&str, &[u8])] = samples![
    "CREDITS.md",
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
const PICTURES: &str = "images";
const SESSION: &str = ".recaption";
/// What saving writes beside the dataset.
const OUTPUTS: [&str; 2] = ["metadata_updated.jsonl", "metadata.jsonl.bak"];

/// Marks a folder as the samples'. It is there before them, empty, and lists them once they are all there.
const MARKER: &str = ".recaption-demo";
const MARKER_TITLE: &str =
    "# The files recaption put here. `recaption demo --reset` replaces them; other files it leaves alone.";

/// Why there is no sample dataset to review.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// Nobody said where, and the user has no folder for such things.
    #[error("there is no home folder to keep the samples in: name a folder (recaption demo DIR)")]
    NoHome,
    /// The folder is in use for something else.
    #[error(
        "{}: has other files in it, and the samples need a folder of their own (nothing was written): \
         name a new one (recaption demo DIR)",
        .folder.display()
    )]
    NotOurs {
        /// The folder.
        folder: PathBuf,
    },
    /// Somebody put something of their own beside the samples.
    #[error(
        "{}: is not one of the samples (nothing was removed): move it away and reset again, \
         or name a new folder (recaption demo DIR)",
        .path.display()
    )]
    Foreign {
        /// What it is.
        path: PathBuf,
    },
    /// The samples were here, and somebody removed the dataset.
    #[error("{}: is gone: --reset puts the samples there anew", .path.display())]
    Gone {
        /// The dataset.
        path: PathBuf,
    },
    /// A file or folder could not be used.
    #[error("{}: cannot {doing}: {source}: mend this, or name another folder (recaption demo DIR)", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried ("write").
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// What was decided on the samples cannot be forgotten.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Puts the samples into `dir`, or into a folder in the user's data directory, and returns the path of their dataset.
/// Where they are already, nothing is touched, unless `reset` asks to start anew: then they are replaced, and what was
/// decided on them and saved of them is removed.
///
/// # Errors
///
/// When the folder holds something else, or, where it is to be reset, anything besides; when the samples to be reset are
/// being reviewed. Nothing is written or removed then. When files cannot be written or removed.
pub fn prepare(dir: Option<&Path>, reset: bool) -> Result<PathBuf, DemoError> {
    let folder = dir.map_or_else(default_folder, |dir| Ok(dir.to_owned()))?;
    let dataset = folder.join(DATASET);
    match Contents::of(&folder)? {
        Contents::Nothing | Contents::Unfinished => put(&folder)?,
        Contents::Samples(names) if reset => {
            remove(&folder, &names)?;
            put(&folder)?;
        }
        Contents::Samples(_) if !dataset.exists() => return Err(DemoError::Gone { path: dataset }),
        Contents::Samples(_) => {}
    }
    Ok(dataset)
}

fn default_folder() -> Result<PathBuf, DemoError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| DemoError::NoHome)?;
    Ok(folders.data_dir().join("recaption").join("demo"))
}

/// What a folder holds.
enum Contents {
    /// Nothing; it may not even exist.
    Nothing,
    /// Samples of which some may be missing: putting them there was interrupted.
    Unfinished,
    /// The samples, under these names.
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

/// Writes the samples, and lastly that they are all there.
fn put(folder: &Path) -> Result<(), DemoError> {
    let create = |path: &Path| fs::create_dir_all(path).map_err(failed("create the folder", path));
    let write = |path: &Path, content: &[u8]| fs::write(path, content).map_err(failed("write", path));
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

/// Removes the samples of these names and their review. The marker goes last: what is interrupted can be done again.
fn remove(folder: &Path, names: &BTreeSet<String>) -> Result<(), DemoError> {
    let files = removable(folder, names)?;
    let dataset = folder.join(DATASET);
    session::delete(&Location::find(&dataset, CAPTION, None)?, &dataset)?;
    // The session is forgotten; what is left beside it is its log and its lock.
    allow_missing(fs::remove_dir_all(folder.join(SESSION))).map_err(failed("remove", &folder.join(SESSION)))?;
    for file in files {
        fs::remove_file(&file).map_err(failed("remove", &file))?;
    }
    let marker = folder.join(MARKER);
    fs::remove_file(&marker).map_err(failed("remove", &marker))
}

/// The files a reset removes, once it is certain that everything in the folder is a sample or comes from reviewing them.
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
            (name, false) if names.contains(name) || OUTPUTS.contains(&name) => files.push(entry.path),
            _ => return Err(DemoError::Foreign { path: entry.path }),
        }
    }
    Ok(files)
}

/// Something in a folder.
struct Entry {
    path: PathBuf,
    /// Its name; one that is not UTF-8 is none of ours.
    name: String,
    /// A folder itself, not a link to one.
    is_folder: bool,
}

fn list(folder: &Path) -> Result<Vec<Entry>, DemoError> {
    let entry = |entry: fs::DirEntry| {
        let is_folder = entry.file_type()?.is_dir();
        Ok(Entry { path: entry.path(), name: entry.file_name().to_string_lossy().into_owned(), is_folder })
    };
    let entries = fs::read_dir(folder).and_then(|entries| entries.map(|found| entry(found?)).collect());
    entries.map_err(failed("look into the folder", folder))
}

fn allow_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DemoError {
    let path = path.to_owned();
    move |source| DemoError::File { path, doing, source }
}

#[cfg(test)]
mod tests;
