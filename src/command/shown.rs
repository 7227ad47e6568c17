//! Lines of a file on their way to a terminal: whatever in them would command it is made visible instead.

use std::io::{self, Write};

use crate::text::sanitize_multiline;

/// Writes lines to a terminal. What comes after the last line break is held back until the next, or [`flush`](Self::flush).
pub(super) struct Shown<'a> {
    terminal: &'a mut dyn Write,
    line: Vec<u8>,
}

impl<'a> Shown<'a> {
    pub(super) fn new(terminal: &'a mut dyn Write) -> Self {
        Self { terminal, line: Vec::new() }
    }

    fn show(&mut self) -> io::Result<()> {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
        let text = text.strip_suffix('\r').unwrap_or(text);
        write!(self.terminal, "{}{end}", sanitize_multiline(text))
    }
}

impl Write for Shown<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.show()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show()?;
        self.terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_command_the_terminal_is_shown_however_it_comes_in_pieces() {
        let text = "red \u{1b}[31m\u{9b}1m\r\n빨간 코트\nlast \u{202e}";
        for size in 1..text.len() {
            let mut terminal = Vec::new();
            let mut shown = Shown::new(&mut terminal);
            for piece in text.as_bytes().chunks(size) {
                shown.write_all(piece).unwrap();
            }
            shown.flush().unwrap();
            assert_eq!(String::from_utf8(terminal).unwrap(), "red ␛[31m⟨U+009B⟩1m\n빨간 코트\nlast ⟨U+202E⟩");
        }
    }
}
