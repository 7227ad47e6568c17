//! Copies the images of a part into its folder, under the paths that its lines name.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::SplitError;
use crate::atomic_file::Batch;
use crate::dataset::{Dataset, Record};
use crate::picture;

/// The images of one part.
pub(super) struct Images {
    folder: PathBuf,
    batch: Batch,
    written: HashSet<PathBuf>,
}

impl Images {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), batch: Batch::default(), written: HashSet::new() }
    }

    /// Copies the image of a record. Returns why there is none, if so.
    pub(super) fn copy(&mut self, dataset: &Dataset, record: &Record) -> Result<Option<String>, SplitError> {
        let name = &record.file_name;
        let Some(inside) = inside(name) else {
            return Ok(Some(format!("{name}: the path leads out of the dataset's folder")));
        };
        if self.written.contains(&inside) {
            return Ok(None);
        }
        let path = match dataset.picture_path(name) {
            Ok(path) => path,
            Err(refused) => return Ok(Some(format!("{name}: {refused}"))),
        };
        let path = picture::located(&path).unwrap_or(path.as_path().into());
        let bytes = match picture::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Some(format!("{name}: {error}"))),
        };
        let target = self.folder.join(&inside);
        if let Some(folder) = target.parent() {
            create_folder(folder)?;
        }
        self.batch.write(&target, false, &bytes)?;
        self.written.insert(inside);
        Ok(None)
    }

    /// Syncs the images. Returns the number of them.
    pub(super) fn finish(self) -> Result<u64, SplitError> {
        let written = self.written.len() as u64;
        self.batch.sync()?;
        Ok(written)
    }
}

pub(super) fn create_folder(folder: &Path) -> Result<(), SplitError> {
    fs::create_dir_all(folder).map_err(|source| SplitError::Write { path: folder.to_owned(), source: source.into() })
}

/// Returns the path without `.`; `None` if it leads out of its folder or names no file.
fn inside(file_name: &str) -> Option<PathBuf> {
    let is_inside = |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    let path = Path::new(file_name);
    if file_name.ends_with('/') || !path.components().all(|part| is_inside(&part)) {
        return None;
    }
    let path: PathBuf = path.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    (!path.as_os_str().is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_stay_in_the_folder_of_the_part() {
        assert_eq!(inside("./a/./b.jpg"), Some("a/b.jpg".into()));
        for name in ["../a.jpg", "a/../../b.jpg", "/etc/a.jpg", ".", "a/"] {
            assert_eq!(inside(name), None, "{name}");
        }
    }
}
