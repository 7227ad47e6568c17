//! Other spellings of a missing file's path: with `/` for the `\` of Windows, and in the other Unicode normalization, as
//! macOS and other systems write it.

use std::path::{Component, Path, PathBuf};

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// Returns the path of an existing file that a missing one may mean. Only for paths that do not exist: it asks the file
/// system about each part.
pub(crate) fn other_spelling(path: &Path) -> Option<PathBuf> {
    if has_one_spelling(path) {
        return None;
    }
    let mut found = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => {
                let part = part.to_str()?;
                let mut spellings = [part.to_owned(), part.replace('\\', "/")].into_iter().flat_map(normalized);
                found = spellings.find_map(|part| below(&found, &part))?;
            }
            other => found.push(other),
        }
    }
    (found != path).then_some(found)
}

/// Returns the path of the file that a path means, which need not exist.
pub(crate) fn actual_path(path: PathBuf) -> PathBuf {
    if has_one_spelling(&path) || path.exists() { path } else { other_spelling(&path).unwrap_or(path) }
}

fn has_one_spelling(path: &Path) -> bool {
    path.to_str().is_none_or(|text| text.is_ascii() && !text.contains('\\'))
}

/// Joins a part that exists. One with `\` in place of separators cannot leave the folder.
fn below(folder: &Path, part: &str) -> Option<PathBuf> {
    let is_inside =
        Path::new(part).components().all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    let path = folder.join(part);
    (is_inside && path.exists()).then_some(path)
}

/// Returns the names of objects that a name may mean: as it is, with `/` for `\`, composed and decomposed.
pub(super) fn spellings(name: &str) -> impl Iterator<Item = String> {
    [name.to_owned(), name.replace('\\', "/")].into_iter().flat_map(normalized)
}

/// Returns a name as it is, composed and decomposed.
fn normalized(part: String) -> [String; 3] {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&part).into_owned();
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&part).into_owned();
    [part, composed, decomposed]
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_found_under_another_spelling() {
        let folder = tempfile::tempdir().unwrap();
        let (composed, decomposed) = ("한/é.png", "\u{1112}\u{1161}\u{11ab}/e\u{301}.png");
        for name in ["images/sub/0.png", composed, "back\\slash/1.png", ".hidden"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |name: &str| {
            let found = other_spelling(&folder.path().join(name))?;
            Some(found.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
        };
        for (name, expected) in [
            ("images\\sub\\0.png", Some("images/sub/0.png")),
            (".\\images\\sub/0.png", Some("images/sub/0.png")),
            (decomposed, Some(composed)),
            ("images\\sub\\1.png", None),
            ("images/sub/0.png", None),
            ("images\\..\\.hidden", None),
            ("..\\images\\sub\\0.png", None),
            ("\\images\\sub\\0.png", None),
            ("back\\slash/1.png", None),
            ("other/é.png", None),
        ] {
            assert_eq!(found(name).as_deref(), expected, "{name:?}");
        }
        assert_eq!(other_spelling(&folder.path().join(composed)), None);
    }
}
