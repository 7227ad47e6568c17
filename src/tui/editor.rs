//! The operator's own editor: a text goes to it as a file and comes back.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

/// Why there is no text from the editor.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    /// None is set.
    #[error("no editor is set: export VISUAL or EDITOR")]
    NotSet,
    /// It could not be started, or its file could not be written or read.
    #[error("the editor \"{editor}\" could not be used: {source}")]
    Failed {
        /// The command.
        editor: String,
        /// Why.
        source: io::Error,
    },
    /// It ended with a failure, as when one leaves `vim` with `:cq`: the text is left as it was.
    #[error("the editor \"{editor}\" ended without success: the text is as it was")]
    Refused {
        /// The command.
        editor: String,
    },
}

/// Has a text edited. `editor` is a shell command, as `VISUAL` and `EDITOR` are.
///
/// # Errors
/// Where there is no editor, it cannot be run, or it fails.
pub fn edit(editor: Option<&str>, text: &str) -> Result<String, EditorError> {
    let editor = editor.map(str::trim).filter(|editor| !editor.is_empty()).ok_or(EditorError::NotSet)?;
    let failed = |source| EditorError::Failed { editor: editor.to_owned(), source };
    let mut file = tempfile::Builder::new().prefix("caption-").suffix(".txt").tempfile().map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)?;
    let status = command(editor, file.path()).status().map_err(failed)?;
    if !status.success() {
        return Err(EditorError::Refused { editor: editor.to_owned() });
    }
    // Editors may put a new file in the place of the old one: it is read by name.
    std::fs::read_to_string(file.path()).map_err(failed)
}

#[cfg(unix)]
fn command(editor: &str, file: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg("sh").arg(file);
    command
}

#[cfg(not(unix))]
fn command(editor: &str, file: &Path) -> Command {
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(editor));
    command.args(words).arg(file);
    command
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_the_editor_leaves_comes_back() {
        let text = edit(Some("sed -i s/red/blue/"), "a red coat").expect("sed edits");
        assert_eq!(text, "a blue coat\n");
    }

    #[test]
    fn an_editor_that_fails_changes_nothing() {
        assert!(matches!(edit(Some("false"), "a red coat"), Err(EditorError::Refused { .. })));
        assert!(matches!(edit(Some(" "), "a red coat"), Err(EditorError::NotSet)));
        assert!(matches!(edit(None, "a red coat"), Err(EditorError::NotSet)));
    }
}
