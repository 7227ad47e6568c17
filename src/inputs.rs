//! The files that a command reads and must keep. No output replaces one of them, whatever is forced.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, FileKind};
use crate::session::{FOLDER, Location};

/// What SQLite adds to the name of a session, and the lock.
const SESSION_SUFFIXES: [&str; 5] = ["", "-wal", "-shm", "-journal", ".lock"];
/// The magic number of a session. See <https://www.sqlite.org/fileformat.html>.
const SQLITE: &[u8] = b"SQLite format 3\0";
/// The magic numbers of images.
const IMAGES: [&[u8]; 6] = [b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"RIFF", b"II*\0", b"MM\0*"];

const DATASET: &str = "the dataset";

/// An output that would replace an input.
#[derive(Debug, thiserror::Error)]
#[error("{}: this is {what}, which recaption reads; name another file{in_place}", .path.display())]
pub struct IsInput {
    path: PathBuf,
    what: &'static str,
    in_place: &'static str,
}

impl IsInput {
    fn new(path: &Path, what: &'static str) -> Self {
        Self { path: path.to_owned(), what, in_place: "" }
    }

    /// Returns the error of a command that can save in place.
    #[must_use]
    pub fn of_save(self) -> Self {
        let in_place = if self.what == DATASET { ", or replace it with --in-place, which keeps a .bak" } else { "" };
        Self { in_place, ..self }
    }
}

/// The files that a command reads.
#[derive(Debug, Default)]
pub struct Inputs {
    /// Without links.
    files: Vec<(PathBuf, &'static str)>,
    /// The beginnings of the paths of the dataset's backups.
    backups: Vec<PathBuf>,
    /// The folder of images that is the dataset.
    folder: Option<PathBuf>,
}

impl Inputs {
    #[must_use]
    pub fn of(dataset: &Dataset, session: &Location) -> Self {
        let mut inputs = Self::default();
        inputs.add(dataset.path(), DATASET);
        dataset.files().iter().for_each(|file| inputs.add(file, DATASET));
        inputs.add_session(session.file());
        inputs.folder = dataset.is_folder().then(|| real(dataset.path()));
        inputs.backups = dataset.files().iter().map(|file| with_suffix(&real(file), ".bak")).collect();
        inputs
    }

    pub fn add(&mut self, path: &Path, what: &'static str) {
        self.files.push((real(path), what));
    }

    pub fn add_session(&mut self, file: &Path) {
        for suffix in SESSION_SUFFIXES {
            self.add(&with_suffix(file, suffix), "a session");
        }
    }

    /// Checks that an output would not replace an input: a file that is known to be one, a session or an image of
    /// whatever dataset.
    ///
    /// # Errors
    /// Returns an error if it would.
    pub fn check(&self, output: &Path) -> Result<(), IsInput> {
        self.check_known(output)?;
        let what = if !output.is_file() {
            None
        } else if self.folder.as_ref().is_some_and(|folder| is_sidecar(&real(output), folder)) {
            Some("a caption of the dataset")
        } else if is_ours(&real(output)) {
            Some("a file of its own folder")
        } else {
            kind(output)
        };
        what.map_or(Ok(()), |what| Err(IsInput::new(output, what)))
    }

    /// Checks that an output is not one of the known inputs.
    ///
    /// # Errors
    /// Returns an error if it is.
    pub fn check_known(&self, output: &Path) -> Result<(), IsInput> {
        let path = real(output);
        let known = self.files.iter().find(|(input, _)| *input == path).map(|(_, what)| *what);
        let is_backup = |backup: &PathBuf| {
            path.as_os_str().as_encoded_bytes().starts_with(backup.as_os_str().as_encoded_bytes()) && path.exists()
        };
        let what = known.or_else(|| self.backups.iter().find(|start| is_backup(start)).map(|_| "a backup"));
        what.map_or(Ok(()), |what| Err(IsInput::new(output, what)))
    }
}

/// Returns the path without links. The file need not exist.
fn real(path: &Path) -> PathBuf {
    let absolute = || {
        let path = std::path::absolute(path).ok()?;
        Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(absolute).unwrap_or_else(|| path.to_owned())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Returns true if a file is a text file in a folder of images.
fn is_sidecar(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && path.file_name().is_some_and(|name| matches!(FileKind::of(name), FileKind::Text(_)))
}

/// Returns true if a file is in a folder of sessions. Its logs may be written.
fn is_ours(path: &Path) -> bool {
    let is_log = path.extension() == Some(OsStr::new("log"));
    !is_log && path.ancestors().skip(1).any(|folder| folder.file_name() == Some(OsStr::new(FOLDER)))
}

/// Returns what a file is if it cannot be an output of recaption.
fn kind(path: &Path) -> Option<&'static str> {
    let mut start = Vec::new();
    // One that cannot be read cannot be recognised, and is reported when it is replaced.
    File::open(path).and_then(|file| file.take(16).read_to_end(&mut start)).ok()?;
    let is_image = IMAGES.iter().any(|magic| start.starts_with(magic)) || start.get(4..8) == Some(b"ftyp");
    if start.starts_with(SQLITE) { Some("a session or another database") } else { is_image.then_some("an image") }
}

/// Returns true if `path`, which is in `folder` by its spelling, leads out of it through a link. Both need not exist.
#[must_use]
pub fn leads_out(path: &Path, folder: &Path) -> bool {
    if !path.starts_with(folder) {
        return false;
    }
    let root = real(folder);
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    match path.canonicalize() {
        Ok(path) => !path.starts_with(&root),
        Err(_) if is_link => true,
        // What does not exist yet is created in the nearest folder that does.
        Err(_) => {
            let existing = path.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
            existing.is_some_and(|folder| !folder.starts_with(&root) && !root.starts_with(&folder))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::OpenOptions;

    #[test]
    fn every_kind_of_input_is_recognised_by_name_and_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path(FOLDER)).unwrap();
        fs::write(path("d.jsonl"), "{}\n").unwrap();
        fs::write(path("d.jsonl.bak.1"), "{}\n").unwrap();
        fs::write(path("other.db"), [SQLITE, b"rest"].concat()).unwrap();
        fs::write(path("a.dat"), b"\x89PNG\r\n\x1a\n").unwrap();
        fs::write(path(".recaption/d.jsonl.schema"), "").unwrap();
        fs::write(path(".recaption/a.log"), "").unwrap();
        fs::write(path("prompt.md"), "").unwrap();
        fs::write(path("out.jsonl"), "{}\n").unwrap();
        let dataset = Dataset::open(&path("d.jsonl"), &OpenOptions::default()).unwrap();
        let session = Location::find(dataset.path(), dataset.caption_field(), Some(&path("s.sqlite"))).unwrap();
        let mut inputs = Inputs::of(&dataset, &session);
        inputs.add(&path("prompt.md"), "the prompt");
        let refused = [
            ("d.jsonl", "the dataset"),
            ("./d.jsonl", "the dataset"),
            ("d.jsonl.bak.1", "a backup"),
            ("s.sqlite", "a session"),
            ("s.sqlite-wal", "a session"),
            ("s.sqlite.lock", "a session"),
            ("other.db", "database"),
            ("a.dat", "an image"),
            (".recaption/d.jsonl.schema", "its own folder"),
            ("prompt.md", "the prompt"),
        ];
        for (name, what) in refused {
            let error = inputs.check(&path(name)).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(what), "{error}");
        }
        for name in ["out.jsonl", "new.jsonl", ".recaption/a.log", "d.jsonl.backup2", "missing/out"] {
            inputs.check(&path(name)).unwrap();
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("d.jsonl", path("link")).unwrap();
            inputs.check(&path("link")).unwrap_err();
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_a_folder_are_recognised() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["in", "in/real", "out"] {
            fs::create_dir(path(name)).unwrap();
        }
        symlink(path("out"), path("in/away")).unwrap();
        symlink("real", path("in/inside")).unwrap();
        symlink(path("in"), path("root")).unwrap();
        symlink(path("out/none"), path("in/dangling.txt")).unwrap();
        let leads = |name: &str, root: &str| leads_out(&path(name), &path(root));
        assert!(leads("in/away/a.txt", "in") && leads("in/away/new/a.txt", "in") && leads("in/dangling.txt", "in"));
        assert!(!leads("in/inside/a.txt", "in") && !leads("in/a.txt", "in") && !leads("in/new/a.txt", "in"));
        assert!(!leads("root/a.txt", "root") && leads("root/away/a.txt", "root"));
        assert!(!leads("new/sub/a.txt", "new"), "a folder that will be created");
        assert!(!leads("out/a.txt", "in"), "not in it by its spelling");
    }
}
