//! Where the picture a record names may be. A dataset comes from elsewhere, and its names are not to be trusted.

use std::path::{Component, Path, PathBuf};

/// Why a `file_name` is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    /// It starts at the root of a file system or a drive.
    #[error("the path is absolute; --images DIR allows it")]
    Absolute,
    /// It has `..` in it.
    #[error("the path leaves the dataset's folder (\"..\"); --images DIR allows it")]
    Parent,
    /// It has a NUL character in it.
    #[error("the path has a NUL character in it, which no file's name can have")]
    Nul,
    /// It names a folder, or nothing.
    #[error("the path names no file")]
    NoFile,
}

/// A picture that has to be inside `folder`.
pub(super) fn inside(folder: &Path, file_name: &str) -> Result<PathBuf, PathRefused> {
    if is_absolute_somewhere(file_name) {
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

/// A picture that may be anywhere; a relative path starts at `folder`.
pub(super) fn anywhere(folder: &Path, file_name: &str) -> Result<PathBuf, PathRefused> {
    if file_name.contains('\0') {
        return Err(PathRefused::Nul);
    }
    if file_name.ends_with('/') || Path::new(file_name).file_name().is_none() {
        return Err(PathRefused::NoFile);
    }
    Ok(folder.join(file_name))
}

/// Whether a path is absolute here or on Windows: a dataset travels, and should mean the same everywhere.
fn is_absolute_somewhere(path: &str) -> bool {
    let bytes = path.as_bytes();
    let has_drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    path.starts_with(['/', '\\']) || has_drive && matches!(bytes.get(2), Some(b'/' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_inside_the_folder_are_joined() {
        let joined = |name| inside(Path::new("data"), name);
        assert_eq!(joined("a.jpg"), Ok("data/a.jpg".into()));
        assert_eq!(joined("./sub/a..b.jpg"), Ok("data/./sub/a..b.jpg".into()));
        assert_eq!(joined("사진/…:é.jpg"), Ok("data/사진/…:é.jpg".into()));
        #[cfg(unix)]
        assert_eq!(joined("C:note.jpg"), Ok("data/C:note.jpg".into()));
    }

    #[test]
    fn names_that_lead_out_are_refused() {
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
    fn with_a_folder_given_any_path_is_followed() {
        let joined = |name| anywhere(Path::new("pictures"), name);
        assert_eq!(joined("a.jpg"), Ok("pictures/a.jpg".into()));
        assert_eq!(joined("../a.jpg"), Ok("pictures/../a.jpg".into()));
        assert_eq!(joined("/srv/a.jpg"), Ok("/srv/a.jpg".into()));
        assert_eq!(joined("a\0"), Err(PathRefused::Nul));
        assert_eq!(joined(".."), Err(PathRefused::NoFile));
    }
}
