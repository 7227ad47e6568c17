//! Words of a POSIX shell.

/// Quotes a word for a shell. An option is quoted too: it may be the name of a file.
#[must_use]
pub fn shell_quoted(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "._/-".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
