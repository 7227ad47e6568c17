//! Messages of services.

/// The maximum number of characters of a message of the service in our errors.
const MAX_MESSAGE: usize = 300;

/// The longest word to keep. ARNs are shorter; anything longer is data.
const MAX_WORD: usize = 160;

/// Reduces a message of the service to one line of limited length.
#[must_use]
pub fn excerpt(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if word.chars().count() > MAX_WORD { "…" } else { word });
    }
    if let Some((end, _)) = line.char_indices().nth(MAX_MESSAGE) {
        line.truncate(end);
        line.push('…');
    }
    line
}
