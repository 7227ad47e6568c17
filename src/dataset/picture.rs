//! Resolution of image paths. Datasets are downloaded, so their paths are untrusted.

use std::path::{Component, Path, PathBuf};

/// Why a `file_name` is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    #[error("the path is absolute; --images DIR allows it")]
    Absolute,
    #[error("the path leaves the dataset's folder (\"..\"); --images DIR allows it")]
    Parent,
    #[error("the path contains a NUL character")]
    Nul,
    /// It names a folder, or is empty.
    #[error("the path names no file")]
    NoFile,
}

/// Resolves a path that must stay inside `folder`.
pub(super) fn inside(folder: &Path, file_name: &str) -> Result<PathBuf, PathRefused> {
    if is_absolute_anywhere(file_name) {
        return Err(PathRefused::Absolute);
    }
    for component in Path::new(file_name).components() {
        match component {
            Component::Normal(_) | Component::CurDir => {}
            Component::ParentDir => return Err(PathRefused::Parent),
            Component::RootDir | Component::Prefix(_) => return Err(PathRefused::Absolute),
        }
    }
    anywhere(folder, file_name)
}

/// Resolves any path against `folder`.
pub(super) fn anywhere(folder: &Path, file_name: &str) -> Result<PathBuf, PathRefused> {
    if file_name.contains('\0') {
        return Err(PathRefused::Nul);
    }
    if file_name.ends_with('/') || Path::new(file_name).file_name().is_none() {
        return Err(PathRefused::NoFile);
    }
    Ok(folder.join(file_name))
}

/// Returns true if a path is absolute on Unix or Windows: a dataset should mean the same on every system.
fn is_absolute_anywhere(path: &str) -> bool {
    let bytes = path.as_bytes();
    let has_drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    path.starts_with(['/', '\\']) || has_drive && matches!(bytes.get(2), Some(b'/' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_the_folder_are_joined() {
        let joined = |name| inside(Path::new("data"), name);
        assert_eq!(joined("a.jpg"), Ok("data/a.jpg".into()));
        assert_eq!(joined("./sub/a..b.jpg"), Ok("data/./sub/a..b.jpg".into()));
        assert_eq!(joined("사진/…:é.jpg"), Ok("data/사진/…:é.jpg".into()));
        #[cfg(unix)]
        assert_eq!(joined("C:note.jpg"), Ok("data/C:note.jpg".into()));
    }

    #[test]
    fn paths_that_leave_the_folder_are_rejected() {
        use PathRefused::{Absolute, NoFile, Nul, Parent};
        let cases = [
            ("/etc/passwd", Absolute),
            ("//host/a", Absolute),
            ("C:\\a.jpg", Absolute),
            ("c:/a.jpg", Absolute),
            ("\\\\host\\a", Absolute),
            ("..", Parent),
            ("../a.jpg", Parent),
            ("a/../../b.jpg", Parent),
            ("a/../b.jpg", Parent),
            ("a\0.jpg", Nul),
            (".", NoFile),
            ("", NoFile),
            ("sub/", NoFile),
        ];
        for (name, refused) in cases {
            assert_eq!(inside(Path::new("data"), name), Err(refused), "{name:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn any_path_is_allowed_with_an_image_folder() {
        let joined = |name| anywhere(Path::new("pictures"), name);
        assert_eq!(joined("a.jpg"), Ok("pictures/a.jpg".into()));
        assert_eq!(joined("../a.jpg"), Ok("pictures/../a.jpg".into()));
        assert_eq!(joined("/srv/a.jpg"), Ok("/srv/a.jpg".into()));
        assert_eq!(joined("a\0"), Err(PathRefused::Nul));
        assert_eq!(joined(".."), Err(PathRefused::NoFile));
    }
}
