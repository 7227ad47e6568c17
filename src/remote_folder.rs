//! Folders on this computer whose files are copies of objects in a bucket: a mount table of this process.
//!
//! All modules keep to paths on this computer. What must know that a file is a copy asks here: `picture`, because images
//! are downloaded when they are first read, and saving, because the copy must reach the bucket.

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The folder of sessions in a dataset's folder, which is no part of the copy.
const SESSIONS: &str = ".recaption";

/// Who asks for downloads ahead of need. A request replaces the one of the same kind before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Thumbnails on the screen.
    Visible,
    /// Images in the direction of travel.
    Travel,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    Missing,
    /// The caller no longer needs the file.
    Cancelled,
    /// The message names the object and the remedy.
    Failed(String),
}

/// Why files of a save are not in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// An object that recaption did not write, or that changed since. Forcing replaces it.
    InTheWay(String),
    Failed(String),
}

/// Names are relative to the folder.
pub trait RemoteFolder: Send + Sync {
    /// Returns the URL of the folder, which ends with a slash.
    fn url(&self) -> &str;

    /// Returns true if there is such an object, or if that cannot be told. May wait for a listing, but sends no request.
    fn holds(&self, name: &str) -> bool;

    /// Returns the path of a file with the content of an object, which is downloaded unless it is in the cache.
    ///
    /// # Errors
    /// Returns an error if there is no such object, it cannot be downloaded, or `is_cancelled` returned true.
    fn fetch(&self, name: &str, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<PathBuf, FetchError>;

    /// Downloads objects in the background, the first ones first.
    fn prefetch(&self, ahead: Ahead, names: Vec<String>);

    /// Prepares to replace files of the folder, which are not in the bucket until [`publish`](Self::publish) has sent them.
    /// Returns the paths of those that earlier saves have written and that could not be sent. If `keeps_originals` is true,
    /// the names of backups that are taken in the bucket are taken in the folder as well.
    ///
    /// # Errors
    /// Returns an error if the folder may only be read, or cannot be written.
    fn begin_save(&self, keeps_originals: bool) -> Result<Vec<PathBuf>, String>;

    /// Sends files that were written or removed since [`begin_save`](Self::begin_save), and those that could not be sent
    /// before. An object that changed in the bucket is not replaced, unless it is no part of the dataset and `force` is
    /// true.
    ///
    /// # Errors
    /// Returns an error if not all of them are in the bucket.
    fn publish(&self, names: Vec<String>, force: bool) -> Result<(), PublishError>;

    /// Reads the dataset from the bucket again.
    ///
    /// # Errors
    /// Returns an error if it cannot be read.
    fn refresh(&self) -> Result<(), String>;
}

struct Mount {
    root: PathBuf,
    folder: Arc<dyn RemoteFolder>,
}

static MOUNTS: RwLock<Vec<Mount>> = RwLock::new(Vec::new());
/// Without a copy, asking for one costs nothing.
static HAS_MOUNTS: AtomicBool = AtomicBool::new(false);

/// Makes the files below `root`, an absolute path, copies of the objects of a folder until the process ends.
pub fn mount(root: PathBuf, folder: Arc<dyn RemoteFolder>) {
    let mut mounts = MOUNTS.write().unwrap_or_else(PoisonError::into_inner);
    mounts.retain(|mount| mount.root != root);
    mounts.push(Mount { root, folder });
    HAS_MOUNTS.store(true, Ordering::Release);
}

fn with_mounts<T>(visit: impl FnOnce(&[Mount]) -> Option<T>) -> Option<T> {
    if !HAS_MOUNTS.load(Ordering::Acquire) {
        return None;
    }
    visit(&MOUNTS.read().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the folder that contains a path, and the name of the file in it: with `/` on every system and without `.`.
/// Returns `None` for other paths.
pub fn find(path: &Path) -> Option<(Arc<dyn RemoteFolder>, String)> {
    with_mounts(|mounts| {
        let inside = |mount: &Mount| Some((Arc::clone(&mount.folder), name(path.strip_prefix(&mount.root).ok()?)?));
        mounts.iter().find_map(inside)
    })
}

fn name(inside: &Path) -> Option<String> {
    let mut name = String::new();
    for part in inside.components() {
        match part {
            Component::Normal(part) => {
                if !name.is_empty() {
                    name.push('/');
                }
                name.push_str(part.to_str()?);
            }
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(name)
}

/// Returns true if a path is that of a copy.
pub fn contains(path: &Path) -> bool {
    find(path).is_some()
}

/// Downloads images in the background. Paths outside of such folders are left out.
pub fn prefetch<'a>(ahead: Ahead, paths: impl IntoIterator<Item = &'a Path>) {
    let found: Vec<_> = paths.into_iter().filter_map(find).collect();
    let Some((first, _)) = found.first() else { return };
    let names = found.iter().filter(|(folder, _)| Arc::ptr_eq(folder, first)).map(|(_, name)| name.clone());
    first.prefetch(ahead, names.collect());
}

/// Returns a message with URLs in place of the paths of copies. Sessions have no URL.
#[must_use]
pub fn with_urls(message: &str) -> String {
    let replaced = with_mounts(|mounts| {
        let mut message = message.to_owned();
        for Mount { root, folder } in mounts {
            let root = root.to_string_lossy();
            let mut rest = std::mem::take(&mut message);
            while let Some(at) = rest.find(&*root) {
                let after = rest.split_off(at + root.len());
                rest.truncate(at);
                message.push_str(&rest);
                let inside = after.strip_prefix(['/', '\\']);
                match inside {
                    Some(inside) if inside.starts_with(SESSIONS) => message.push_str(&root),
                    Some(_) => message.push_str(folder.url().trim_end_matches('/')),
                    None => message.push_str(folder.url()),
                }
                rest = after;
            }
            message.push_str(&rest);
        }
        Some(message)
    });
    replaced.unwrap_or_else(|| message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bucket;

    impl RemoteFolder for Bucket {
        fn url(&self) -> &'static str {
            "s3://sets/fashion/"
        }
        fn holds(&self, _name: &str) -> bool {
            false
        }
        fn fetch(&self, _name: &str, _is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<PathBuf, FetchError> {
            Err(FetchError::Missing)
        }
        fn prefetch(&self, _ahead: Ahead, _names: Vec<String>) {}
        fn begin_save(&self, _keeps_originals: bool) -> Result<Vec<PathBuf>, String> {
            Ok(Vec::new())
        }
        fn publish(&self, _names: Vec<String>, _force: bool) -> Result<(), PublishError> {
            Ok(())
        }
        fn refresh(&self) -> Result<(), String> {
            Ok(())
        }
    }

    #[test]
    fn paths_of_copies_have_names_and_urls() {
        let root = Path::new("/state/unit-test/fashion");
        mount(root.to_owned(), Arc::new(Bucket));
        let name = |path: &str| find(Path::new(path)).map(|(_, name)| name);
        assert_eq!(name("/state/unit-test/fashion/./images/a.jpg").as_deref(), Some("images/a.jpg"));
        assert_eq!(name("/state/unit-test/fashion").as_deref(), Some(""));
        for outside in ["/state/unit-test/fashion2/a.jpg", "/state/unit-test/fashion/../a.jpg", "fashion/a.jpg"] {
            assert_eq!(name(outside), None, "{outside}");
        }
        assert_eq!(
            with_urls(
                "/state/unit-test/fashion/m.jsonl:1: bad; /state/unit-test/fashion/.recaption/m.sqlite; /state/unit-test/fashion"
            ),
            "s3://sets/fashion/m.jsonl:1: bad; /state/unit-test/fashion/.recaption/m.sqlite; s3://sets/fashion/"
        );
    }
}
