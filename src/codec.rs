//! What every use of another library's decoder needs, because files are untrusted: its panics become errors, and its
//! messages are made safe to show.

use std::fmt;

/// Makes another library's message safe to show: replaces control characters and truncates it.
pub(crate) fn clean_message(message: impl fmt::Display) -> String {
    const MAX_CHARS: usize = 160;
    message.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_CHARS).collect()
}

/// Runs a decoder or encoder and turns a panic in it into an error, because a malformed picture must not take the
/// program down.
pub(crate) fn catch_panic<T, E>(
    run: impl FnOnce() -> Result<T, E>,
    to_error: impl FnOnce(String) -> E,
) -> Result<T, E> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no panic message".to_owned());
        Err(to_error(clean_message(format_args!("the codec panicked ({message})"))))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn library_messages_lose_their_control_characters() {
        assert_eq!(clean_message("bad \x1b[31mchunk\u{9b}2J\n"), "bad  [31mchunk 2J ");
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let result: Result<(), _> = catch_panic(|| std::panic::panic_any("index out of range"), |why| why);
        assert_eq!(result, Err("the codec panicked (index out of range)".to_owned()));
    }
}
