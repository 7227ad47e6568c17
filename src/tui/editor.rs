//! Editing a text with the user's editor, through a temporary file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempPath;

use crate::text::{self, EncodingError};

/// An editor that returns sooner, with the text unchanged, may have opened a window of its own.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The exit status of a shell that does not find a command.
const NOT_FOUND: i32 = 127;

#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error("no editor is set: export VISUAL or EDITOR")]
    NotSet,
    /// It cannot be started, or its file cannot be written or read.
    #[error("cannot use the editor \"{editor}\": {source}")]
    Failed { editor: String, source: io::Error },
    #[error("editor \"{editor}\" not found: set VISUAL or EDITOR")]
    NotFound { editor: String },
    /// For example after `:cq` in vim.
    #[error("the editor \"{editor}\" ended without success; caption unchanged")]
    ExitStatus { editor: String },
    #[error("no change; if your editor opens a window, let it wait: EDITOR=\"{editor} --wait\" (kept: {})", path.display())]
    AtOnce { editor: String, path: PathBuf },
    #[error("caption unchanged: {} is {error}", path.display())]
    Encoding { path: PathBuf, error: EncodingError },
}

/// Runs the user's editor.
#[derive(Debug, Default)]
pub struct ExternalEditor {
    /// A shell command, like `VISUAL` and `EDITOR`.
    command: Option<String>,
    /// The file of an editor that returned at once: it may still be open in a window. Removed at the next edit.
    kept: Option<TempPath>,
}

impl ExternalEditor {
    #[must_use]
    pub fn new(command: Option<String>) -> Self {
        Self { command, kept: None }
    }

    /// Opens a text in the editor and returns the edited text, with the line ends of the text before.
    ///
    /// # Errors
    /// Returns an error if there is no editor, it cannot be run, it exits with an error, or the file is not UTF-8, in
    /// which case the file is kept.
    pub fn edit(&mut self, text: &str) -> Result<String, EditorError> {
        self.kept = None;
        let command = self.command.as_deref().map(str::trim).filter(|editor| !editor.is_empty());
        let editor = command.ok_or(EditorError::NotSet)?.to_owned();
        let failed = |source| EditorError::Failed { editor: editor.clone(), source };
        let mut file = tempfile::Builder::new().prefix("caption-").suffix(".txt").tempfile().map_err(failed)?;
        let has_crlf = !text.replace("\r\n", "").contains('\n') && text.contains("\r\n");
        let written = format!("{text}{}", if has_crlf { "\r\n" } else { "\n" });
        file.write_all(written.as_bytes()).map_err(failed)?;
        let modified = modification_time(file.path());
        let start = Instant::now();
        let status = shell(&editor, file.path()).status().map_err(failed)?;
        let took = start.elapsed();
        if status.code() == Some(NOT_FOUND) {
            return Err(EditorError::NotFound { editor });
        }
        if !status.success() {
            return Err(EditorError::ExitStatus { editor });
        }
        // Read by name: editors may replace the file.
        let bytes = std::fs::read(file.path()).map_err(failed)?;
        if bytes == written.as_bytes() && took < AT_ONCE && modification_time(file.path()) == modified {
            let path = file.into_temp_path();
            let error = EditorError::AtOnce { editor, path: path.to_path_buf() };
            self.kept = Some(path);
            return Err(error);
        }
        if bytes == written.as_bytes() {
            return Ok(text.to_owned());
        }
        // Line ends stay as they are if the text has several kinds.
        let decode = if text.contains('\r') && !has_crlf { text::decode } else { text::from_file };
        let edited = match decode(bytes) {
            Ok(edited) => edited,
            Err(error) => {
                let path = file.into_temp_path().keep().map_err(|error| failed(error.error))?;
                return Err(EditorError::Encoding { path, error });
            }
        };
        let edited = edited.strip_suffix('\n').unwrap_or(&edited);
        Ok(if has_crlf { edited.replace('\n', "\r\n") } else { edited.to_owned() })
    }
}
fn modification_time(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|file| file.modified()).ok()
}

#[cfg(unix)]
fn shell(editor: &str, file: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg("sh").arg(file);
    command
}

#[cfg(not(unix))]
fn shell(editor: &str, file: &Path) -> Command {
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(editor));
    command.args(words).arg(file);
    command
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    fn edit(editor: &str, text: &str) -> Result<String, EditorError> {
        ExternalEditor::new(Some(editor.to_owned())).edit(text)
    }

    /// Edits with a script that writes `bytes`, in the notation of printf.
    fn written(bytes: &str, text: &str) -> Result<String, EditorError> {
        let folder = tempfile::tempdir().expect("a folder");
        let script = folder.path().join("editor");
        fs::write(&script, format!("#!/bin/sh\nprintf '{bytes}' > \"$1\"\n")).expect("a script");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
        // A shell runs it, because another test's fork may hold the script open for writing.
        edit(&format!("sh {}", script.display()), text)
    }

    #[test]
    fn the_edited_text_is_returned() {
        assert_eq!(edit("sed -i s/red/blue/", "a red coat").expect("sed edits"), "a blue coat");
        assert_eq!(edit("sed -i s/red/blue/", " red\u{2028}\tx\ry\n\n").expect("sed edits"), " blue\u{2028}\tx\ry\n\n");
        assert_eq!(edit("sed -i s/red/blue/", "red\r\nhat").expect("sed edits"), "blue\r\nhat");
    }

    #[rstest]
    #[case::byte_order_mark(r"\357\273\277A coat.\r\nMore.\r\n", "A coat.", "A coat.\nMore.")]
    #[case::no_newline(r"A hat.", "A coat.", "A hat.")]
    #[case::several_newlines(r"A hat.\n\n\n", "A coat.", "A hat.\n\n")]
    #[case::carriage_returns_before(r"a\nc\n", "a\r\nb", "a\r\nc")]
    #[case::mixed_line_ends(r"a\r\nb\nd\n", "a\r\nb\nc", "a\r\nb\nd")]
    #[case::empty("", "A coat.", "")]
    fn line_ends_and_marks_are_normalised(#[case] bytes: &str, #[case] before: &str, #[case] after: &str) {
        assert_eq!(written(bytes, before).expect("text"), after);
    }

    #[rstest]
    #[case(r"caf\351\n", "line 1 is not UTF-8")]
    #[case(r"\377\376a\000", "encoded as UTF-16")]
    fn other_encodings_keep_the_file(#[case] bytes: &str, #[case] message: &str) {
        let error = written(bytes, "A coat.").expect_err("not UTF-8");
        assert!(error.to_string().contains(message), "{error}");
        let EditorError::Encoding { path, .. } = error else { panic!("{error}") };
        assert!(!fs::read(&path).expect("the file is kept").is_empty());
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn an_editor_that_returns_at_once_may_still_be_open() {
        let mut editor = ExternalEditor::new(Some("true".to_owned()));
        let Err(EditorError::AtOnce { path, .. }) = editor.edit("a red coat") else { panic!("returned at once") };
        assert_eq!(fs::read_to_string(&path).expect("the file is kept"), "a red coat\n");
        let _ = editor.edit("a hat");
        assert!(!path.exists(), "removed at the next edit");
    }

    #[test]
    fn a_failing_editor_is_an_error() {
        assert!(matches!(edit("false", "a red coat"), Err(EditorError::ExitStatus { .. })));
        assert!(matches!(edit("no-such-editor", "a red coat"), Err(EditorError::NotFound { .. })));
        assert!(matches!(edit(" ", "a red coat"), Err(EditorError::NotSet)));
        assert!(matches!(ExternalEditor::new(None).edit("a red coat"), Err(EditorError::NotSet)));
    }
}
