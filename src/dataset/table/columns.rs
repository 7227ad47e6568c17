//! The column names of a table: which are required, and what a missing one may be called instead.

use crate::dataset::FILE_NAME;
use crate::parquet_file::FILE_NAMES;

/// Names that other programs use for the caption.
const CAPTIONS: [&str; 6] = ["text", "caption", "captions", "description", "prompt", "txt"];

/// The columns of a table that have other names than the fields they become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Renames<'a> {
    /// The column with the paths of the images.
    pub file: Option<&'a str>,
    /// The column with the captions, and its field.
    pub caption: Option<(&'a str, &'a str)>,
}

impl Renames<'_> {
    /// Renames columns to the fields they become.
    ///
    /// # Errors
    /// Returns the message if there is no such column, or another one has the name of the field.
    pub fn apply(self, names: &mut [String]) -> Result<(), String> {
        for (column, field) in self.file.map(|column| (column, FILE_NAME)).into_iter().chain(self.caption) {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let at = known.iter().position(|name| *name == column);
            let at = at.ok_or_else(|| format!("no column \"{column}\" (found {})", list(&known)))?;
            if column != field && known.contains(&field) {
                return Err(format!(
                    "columns \"{column}\" and \"{field}\": only one can become \"{field}\"; rename one"
                ));
            }
            field.clone_into(&mut names[at]);
        }
        Ok(())
    }
}

/// Checks that there is a column of file names, and no name occurs twice.
///
/// # Errors
/// Returns the message, with a suggestion if another column may be the one.
pub fn check(names: &[&str]) -> Result<(), String> {
    if let Some((_, twice)) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(format!("duplicate column \"{twice}\""));
    }
    if names.contains(&FILE_NAME) {
        return Ok(());
    }
    let similar = names.iter().find(|name| plain(name) == FILE_NAME);
    let other = || FILE_NAMES.iter().find_map(|known| names.iter().find(|name| plain(name) == *known));
    Err(match similar.or_else(other) {
        Some(name) => {
            format!("no column \"{FILE_NAME}\"; if \"{name}\" contains the image paths, add --file-column \"{name}\"")
        }
        None => format!("no column \"{FILE_NAME}\" (found {})", list(names)),
    })
}

/// Returns a note if there is no column of captions, but one that may be meant.
#[must_use]
pub fn caption_note(names: &[&str], caption_field: &str) -> Option<String> {
    if names.contains(&caption_field) {
        return None;
    }
    let similar = names.iter().find(|name| plain(name) == plain(caption_field));
    let name = similar.or_else(|| CAPTIONS.iter().find_map(|known| names.iter().find(|name| plain(name) == *known)))?;
    Some(format!("no column \"{caption_field}\"; if \"{name}\" contains the captions, add --caption-field \"{name}\""))
}

/// Normalises case, spaces and hyphens.
fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Returns the first names, for a message.
pub(in crate::dataset) fn list(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let mut list: Vec<String> = names.iter().take(SHOWN).map(|name| format!("\"{name}\"")).collect();
    if names.len() > SHOWN {
        list.push(format!("and {} more", names.len() - SHOWN));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_column_is_suggested() {
        let message = |names: &[&str]| check(names).unwrap_err();
        assert_eq!(check(&["a", "file_name"]), Ok(()));
        for name in ["File_Name", " file_name", "file name", "image", "filename", "Image Path"] {
            let expected = format!("if \"{name}\" contains the image paths, add");
            let message = message(&["text", name]);
            assert!(
                message.contains(&expected) && message.ends_with(&format!("--file-column \"{name}\"")),
                "{message}"
            );
        }
        assert_eq!(message(&["a", "b"]), "no column \"file_name\" (found \"a\", \"b\")");
        assert_eq!(message(&["a", "a"]), "duplicate column \"a\"");
        assert_eq!(caption_note(&["caption", "text"], "text"), None);
        assert_eq!(caption_note(&["file_name"], "text"), None);
        assert!(caption_note(&["file_name", "Text"], "text").unwrap().ends_with("add --caption-field \"Text\""));
        assert!(caption_note(&["file_name", "caption"], "text").unwrap().ends_with("add --caption-field \"caption\""));
    }

    #[test]
    fn columns_are_renamed() {
        let renamed = |file, caption: Option<&'static str>, names: &[&str]| {
            let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let renames = Renames { file, caption: caption.map(|column| (column, "text")) };
            renames.apply(&mut names).map(|()| names.join(","))
        };
        assert_eq!(renamed(Some("path"), Some("prompt"), &["n", "prompt", "path"]).unwrap(), "n,text,file_name");
        assert_eq!(renamed(Some("file_name"), Some("text"), &["text", "file_name"]).unwrap(), "text,file_name");
        assert_eq!(renamed(Some("a"), None, &["b"]).unwrap_err(), "no column \"a\" (found \"b\")");
        let both = renamed(Some("a"), None, &["a", "file_name"]).unwrap_err();
        assert!(both.ends_with("only one can become \"file_name\"; rename one"), "{both}");
    }
}
