//! Editing a text with the user's editor, through a temporary file.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error("no editor is set: export VISUAL or EDITOR")]
    NotSet,
    /// It cannot be started, or its file cannot be written or read.
    #[error("cannot use the editor \"{editor}\": {source}")]
    Failed { editor: String, source: io::Error },
    /// For example after `:cq` in vim.
    #[error("the editor \"{editor}\" exited with an error; caption unchanged")]
    ExitStatus { editor: String },
}

/// Opens a text in an editor and returns the edited text. `editor` is a shell command, like `VISUAL` and `EDITOR`.
///
/// # Errors
/// Returns an error if there is no editor, it cannot be run, or it exits with an error.
pub fn edit(editor: Option<&str>, text: &str) -> Result<String, EditorError> {
    let editor = editor.map(str::trim).filter(|editor| !editor.is_empty()).ok_or(EditorError::NotSet)?;
    let failed = |source| EditorError::Failed { editor: editor.to_owned(), source };
    let mut file = tempfile::Builder::new().prefix("caption-").suffix(".txt").tempfile().map_err(failed)?;
    writeln!(file, "{text}").map_err(failed)?;
    let status = command(editor, file.path()).status().map_err(failed)?;
    if !status.success() {
        return Err(EditorError::ExitStatus { editor: editor.to_owned() });
    }
    // Read by name: editors may replace the file.
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
    fn the_edited_text_is_returned() {
        let text = edit(Some("sed -i s/red/blue/"), "a red coat").expect("sed edits");
        assert_eq!(text, "a blue coat\n");
    }

    #[test]
    fn a_failing_editor_is_an_error() {
        assert!(matches!(edit(Some("false"), "a red coat"), Err(EditorError::ExitStatus { .. })));
        assert!(matches!(edit(Some(" "), "a red coat"), Err(EditorError::NotSet)));
        assert!(matches!(edit(None, "a red coat"), Err(EditorError::NotSet)));
    }
}
