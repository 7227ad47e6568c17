//! Standard output and standard error. Everything written to a [`Console`] is escaped, so that a file name, a caption or
//! an error message from a service cannot move the cursor, change colours, set the title or reorder text.
//!
//! Nothing else in the program writes to the two streams (`tests/architecture.rs` checks it). Escape sequences of our own
//! come from [`Console::styled`] only. Three kinds of output are not escaped as text, each by a method of its own: JSON,
//! which can escape the same characters without changing its meaning; data such as an export, if it does not go to a
//! terminal; and picture protocols.

mod progress_bar;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::mem;

use serde::Serialize;

use crate::text::{hidden_characters, sanitize, sanitize_multiline};

pub use progress_bar::ProgressBar;

/// An output stream that escapes control characters, bidirectional controls and invalid UTF-8. Line feeds stay.
///
/// Text after the last line feed is held back until the next one or until [`flush`](Write::flush), because a character
/// may arrive in pieces. Dropping a console flushes it and ignores errors: flush first if they matter.
pub struct Console<'a> {
    stream: Box<dyn Write + 'a>,
    /// The unfinished line, not escaped yet.
    line: Vec<u8>,
    /// Escaped output.
    ready: Vec<u8>,
    /// Bytes of `ready` that are collected before they are written.
    block: usize,
    is_terminal: bool,
    has_colour: bool,
}

/// How a piece of text is emphasised, if the stream shows colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

impl Style {
    /// Returns the parameter of the SGR sequence.
    const fn code(self) -> u8 {
        match self {
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
        }
    }
}

impl Console<'static> {
    #[must_use]
    pub fn stdout() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self::with(io::stdout(), is_terminal, is_terminal && !no_colour())
    }

    #[must_use]
    pub fn stderr() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self::with(io::stderr(), is_terminal, is_terminal && !no_colour())
    }
}

impl<'a> Console<'a> {
    /// Creates a console for a stream that is not a terminal.
    #[must_use]
    pub fn new(stream: impl Write + 'a) -> Self {
        Self::with(stream, false, false)
    }

    /// Creates a console that treats the stream as a terminal with colours.
    #[must_use]
    pub fn for_terminal(stream: impl Write + 'a) -> Self {
        Self::with(stream, true, true)
    }

    fn with(stream: impl Write + 'a, is_terminal: bool, has_colour: bool) -> Self {
        Self { stream: Box::new(stream), line: Vec::new(), ready: Vec::new(), block: 0, is_terminal, has_colour }
    }

    /// Writes `message` on one line: line breaks within it are escaped too.
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full.
    pub fn message(&mut self, message: impl Display) -> io::Result<()> {
        writeln!(self, "{}", sanitize(&message.to_string()))
    }

    /// Writes `text`, emphasised if the stream shows colours. `text` itself is escaped.
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full.
    pub fn styled(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        if !self.has_colour {
            return write!(self, "{text}");
        }
        self.escape_line();
        let text = text.to_string();
        write!(self.ready, "\x1b[{}m{}\x1b[0m", style.code(), sanitize_multiline(&text))
    }

    /// Writes a value as one line of JSON. Characters that this console escapes are written as `\uXXXX`, so a parser
    /// reads exactly the value.
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full, or if the value cannot be represented as JSON.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.write_json(&serde_json::to_string(value)?)
    }

    /// Writes a value as indented JSON, escaped like [`json`](Self::json).
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full, or if the value cannot be represented as JSON.
    pub fn json_pretty(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.write_json(&serde_json::to_string_pretty(value)?)
    }

    fn write_json(&mut self, json: &str) -> io::Result<()> {
        self.escape_line();
        self.ready.extend_from_slice(escape_json(json).as_bytes());
        self.ready.push(b'\n');
        self.emit_block()
    }

    /// Returns the stream for data that another program will read, such as an export or a completion script. It is exact
    /// byte for byte, unless it goes to a terminal, where it is escaped like any text. Flush it.
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full.
    pub fn data_stream(&mut self) -> io::Result<Box<dyn Write + '_>> {
        if self.is_terminal {
            return Ok(Box::new(self));
        }
        Ok(Box::new(BufWriter::new(self.raw_stream()?)))
    }

    /// Returns the stream itself for the escape sequences of a picture protocol. Nothing written to it is escaped.
    ///
    /// # Errors
    /// Returns an error if the stream is closed or full.
    pub fn raw_stream(&mut self) -> io::Result<&mut (dyn Write + 'a)> {
        self.escape_line();
        self.emit()?;
        Ok(&mut *self.stream)
    }

    /// Moves the unfinished line to the escaped output.
    fn escape_line(&mut self) {
        let bytes = mem::take(&mut self.line);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line);
            let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
            let text = text.strip_suffix('\r').filter(|_| !end.is_empty()).unwrap_or(text);
            self.ready.extend_from_slice(sanitize_multiline(text).as_bytes());
            self.ready.extend_from_slice(end.as_bytes());
        }
    }

    fn emit_block(&mut self) -> io::Result<()> {
        if self.ready.len() > self.block { self.emit() } else { Ok(()) }
    }

    fn emit(&mut self) -> io::Result<()> {
        // After an error the rest is dropped, not tried again.
        self.stream.write_all(&mem::take(&mut self.ready))
    }
}

impl Write for Console<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let complete = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        self.line.extend_from_slice(&bytes[..complete]);
        if complete > 0 {
            self.escape_line();
            self.emit_block()?;
        }
        self.line.extend_from_slice(&bytes[complete..]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.escape_line();
        self.emit()?;
        self.stream.flush()
    }
}

impl Drop for Console<'_> {
    fn drop(&mut self) {
        // Writing nothing to a closed pipe would fail for no reason.
        if !self.line.is_empty() || !self.ready.is_empty() {
            let _ = self.flush();
        }
    }
}

/// Returns standard output for the reviewer's screen: the one place that draws, moves the cursor and queries the
/// terminal. Text on the screen is escaped by the widgets that draw it.
#[must_use]
pub fn screen() -> Stdout {
    io::stdout()
}

/// Returns true if the user wants no colours in any program. See <https://no-color.org>.
#[must_use]
pub fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Returns true if the locale of the terminal is UTF-8: the first that is set of `LC_ALL`, `LC_CTYPE` and `LANG`.
#[must_use]
pub fn is_utf8_locale() -> bool {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    cfg!(not(unix)) || names_utf8(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
}

/// Returns true if a locale, such as `ko_KR.UTF-8@modifier`, names UTF-8. None is `C`.
fn names_utf8(locale: Option<&str>) -> bool {
    let locale = locale.unwrap_or_default().split('@').next().unwrap_or_default();
    // macOS sets `LC_CTYPE=UTF-8`.
    let charset = locale.split_once('.').map_or(locale, |(_, charset)| charset);
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Prints panics through a [`Console`]: a panic message may quote a file name or a caption.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut errors = Console::stderr();
        // If standard error is closed, the message is lost with it.
        let _ = writeln!(errors, "recaption: internal error: {panic}");
        let backtrace = Backtrace::capture();
        let _ = match backtrace.status() {
            BacktraceStatus::Captured => writeln!(errors, "{backtrace}"),
            _ => writeln!(errors, "set RUST_BACKTRACE=1 for a backtrace"),
        };
    }));
}

/// Escapes hidden characters in JSON. They only occur within strings, in which `\uXXXX` has the same meaning.
fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut copied = 0;
    for (at, character) in hidden_characters(json) {
        escaped.push_str(&json[copied..at]);
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(escaped, "\\u{unit:04x}").expect("writing to a String cannot fail");
        }
        copied = at + character.len_utf8();
    }
    escaped.push_str(&json[copied..]);
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const HOSTILE: &str = "red \u{1b}[31m\u{9b}1m\r\n빨간 코트\ttab\nlast \u{202e}";
    const ESCAPED: &str = "red ␛[31m⟨U+009B⟩1m\n빨간 코트    tab\nlast ⟨U+202E⟩";

    fn written(write: impl FnOnce(&mut Console<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Console::new(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }

    fn written_to_terminal(write: impl FnOnce(&mut Console<'_>)) -> String {
        let mut bytes = Vec::new();
        write(&mut Console::for_terminal(&mut bytes));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn text_written_in_pieces_is_escaped() {
        for size in 1..HOSTILE.len() {
            let text = written(|console| {
                for piece in HOSTILE.as_bytes().chunks(size) {
                    console.write_all(piece).unwrap();
                }
            });
            assert_eq!(text, ESCAPED, "pieces of {size}");
        }
    }

    #[test]
    fn invalid_utf_8_becomes_a_replacement_character() {
        assert_eq!(written(|console| console.write_all(b"a\xff\x1bb\n").unwrap()), "a\u{fffd}␛b\n");
    }

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(written(|console| console.message("a\nb: c").unwrap()), "a⏎b: c\n");
    }

    #[test]
    fn only_styles_of_ours_reach_a_terminal_with_colours() {
        let print = |console: &mut Console<'_>| {
            write!(console, "\u{1b}a ").unwrap();
            console.styled(Style::Bold, "\u{1b}[31mb").unwrap();
            writeln!(console, " c").unwrap();
        };
        assert_eq!(written_to_terminal(print), "␛a \u{1b}[1m␛[31mb\u{1b}[0m c\n");
        assert_eq!(written(print), "␛a ␛[31mb c\n");
    }

    #[test]
    fn data_is_exact_unless_it_goes_to_a_terminal() {
        let print = |console: &mut Console<'_>| {
            writeln!(console, "head").unwrap();
            let mut data = console.data_stream().unwrap();
            data.write_all(HOSTILE.as_bytes()).unwrap();
            data.flush().unwrap();
        };
        assert_eq!(written(print), format!("head\n{HOSTILE}"));
        assert_eq!(written_to_terminal(print), format!("head\n{ESCAPED}"));
    }

    #[test]
    fn raw_bytes_follow_the_text_before_them() {
        let text = written(|console| {
            write!(console, "text ").unwrap();
            console.raw_stream().unwrap().write_all(b"\x1b7").unwrap();
        });
        assert_eq!(text, "text \u{1b}7");
    }

    #[test]
    fn the_charset_is_taken_from_the_locale() {
        for locale in ["ko_KR.UTF-8", "C.utf8", "de_DE.UTF-8@euro", "UTF-8"] {
            assert!(names_utf8(Some(locale)), "{locale}");
        }
        for locale in ["C", "POSIX", "en_US", "de_DE.ISO-8859-15", "de_DE@euro", "ja_JP.eucJP"] {
            assert!(!names_utf8(Some(locale)), "{locale}");
        }
        assert!(!names_utf8(None));
    }

    #[test]
    fn a_failing_stream_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut console = Console::new(Closed);
        assert_eq!(writeln!(console, "a").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(console.json(&1).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    proptest! {
        #[test]
        fn escaped_json_has_the_same_value(
            text in prop_oneof![any::<String>(), "[a\"\\\\\u{7f}\u{9b}\u{202e}\u{200d}\u{e0041}👩]{0,12}"],
        ) {
            let value = json!({ "text": text });
            let line = written(|console| console.json(&value).unwrap());
            prop_assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
            prop_assert_eq!(hidden_characters(&line).next(), None);
        }

        #[test]
        fn control_characters_never_reach_the_stream(pieces in prop::collection::vec(any::<Vec<u8>>(), 0..6)) {
            let text = written_to_terminal(|console| {
                for piece in &pieces {
                    console.write_all(piece).unwrap();
                }
            });
            prop_assert_eq!(hidden_characters(&text).next(), None);
        }
    }
}
