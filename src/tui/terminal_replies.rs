//! Replies of the terminal that arrive after the capability probe has timed out. They arrive among the keys, and their
//! letters would run commands.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// The beginnings of the replies that crossterm decodes as keys (Alt and a letter, then letters). It skips those that begin
/// with `ESC [` itself.
const REPLIES: [&str; 3] = ["P>|", "_G", "]11;"];

/// Filters late replies out of the events of the terminal. Passes everything through if no reply is expected.
#[derive(Clone, Debug, Default)]
pub struct ReplyFilter {
    state: State,
    /// Events that may be the beginning of a reply.
    held: Vec<Event>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    NoneExpected,
    /// Outside of a reply.
    Expected,
    /// Within a reply that ends with `ESC \` or BEL.
    WithinString,
    /// Within a reply that ends with a letter.
    WithinControl,
}

impl ReplyFilter {
    /// Creates a filter for the time after a probe. `begun` is the part of an incomplete reply that has been read.
    pub fn after(begun: &[u8]) -> Self {
        let state = match begun {
            [] => State::Expected,
            [_, b'[', ..] => State::WithinControl,
            _ => State::WithinString,
        };
        Self { state, held: Vec::new() }
    }

    /// Returns how long to wait for the rest of a sequence, or `None` if none has begun. Events that may be keys are not
    /// held for long; the rest of a reply may arrive over a slow connection.
    pub fn timeout(&self) -> Option<Duration> {
        match self.state {
            _ if !self.held.is_empty() => Some(Duration::from_millis(500)),
            State::WithinString | State::WithinControl => Some(Duration::from_secs(5)),
            State::NoneExpected | State::Expected => None,
        }
    }

    /// Filters an event and returns the events that are not part of a reply.
    pub fn filter(&mut self, event: Event) -> Vec<Event> {
        let letter = letter(&event);
        match (self.state, letter) {
            (State::NoneExpected, _) => return vec![event],
            (State::WithinString, Some(Letter::Plain(_))) => return Vec::new(),
            (State::WithinString, Some(Letter::Alt('\\') | Letter::Control('g'))) => {
                self.state = State::Expected;
                return Vec::new();
            }
            (State::WithinControl, Some(Letter::Plain(letter))) => {
                if ('@'..='~').contains(&letter) {
                    self.state = State::Expected;
                }
                return Vec::new();
            }
            (State::WithinString | State::WithinControl, _) => self.state = State::Expected,
            (State::Expected, _) => {}
        }
        let begins = matches!(letter, Some(Letter::Alt(_)));
        let mut keys = if begins { std::mem::take(&mut self.held) } else { Vec::new() };
        self.held.push(event);
        let text = self.held_text();
        if text.as_deref().is_some_and(|text| REPLIES.contains(&text)) {
            self.held.clear();
            self.state = State::WithinString;
        } else if !text.is_some_and(|text| REPLIES.iter().any(|reply| reply.starts_with(&text))) {
            keys.append(&mut self.held);
        }
        keys
    }

    /// Returns the held events after the timeout: they are not a reply.
    pub fn flush(&mut self) -> Vec<Event> {
        if self.state != State::NoneExpected {
            self.state = State::Expected;
        }
        std::mem::take(&mut self.held)
    }

    /// Returns the held events as text; `None` unless they are a letter with Alt, followed by plain letters.
    fn held_text(&self) -> Option<String> {
        let letters = self.held.iter().enumerate().map(|(index, event)| match (index, letter(event)) {
            (0, Some(Letter::Alt(letter))) | (1.., Some(Letter::Plain(letter))) => Some(letter),
            _ => None,
        });
        letters.collect()
    }
}

#[derive(Clone, Copy)]
enum Letter {
    Plain(char),
    Alt(char),
    Control(char),
}

fn letter(event: &Event) -> Option<Letter> {
    let Event::Key(KeyEvent { code: KeyCode::Char(letter), modifiers, .. }) = *event else { return None };
    // Capitals come with Shift.
    match modifiers - KeyModifiers::SHIFT {
        KeyModifiers::NONE => Some(Letter::Plain(letter)),
        KeyModifiers::ALT => Some(Letter::Alt(letter)),
        KeyModifiers::CONTROL => Some(Letter::Control(letter)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes bytes without control sequences as crossterm does.
    fn events(bytes: &str) -> Vec<Event> {
        let mut events = Vec::new();
        let mut characters = bytes.chars();
        while let Some(character) = characters.next() {
            let (letter, modifiers) = match character {
                '\x1b' => (characters.next().expect("a letter with Alt"), KeyModifiers::ALT),
                '\x07' => ('g', KeyModifiers::CONTROL),
                other => (other, KeyModifiers::NONE),
            };
            let shift = if letter.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
            events.push(Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers | shift)));
        }
        events
    }

    fn filtered(filter: &mut ReplyFilter, bytes: &str) -> Vec<Event> {
        events(bytes).into_iter().flat_map(|event| filter.filter(event)).collect()
    }

    #[test]
    fn replies_are_dropped_and_keys_pass() {
        let mut filter = ReplyFilter::after(b"");
        let received = "j\x1bP>|XTerm(379)\x1b\\k\x1b_Gi=31;OK\x1b\\\x1b]11;rgb:00/00/00\x07\x1b]11;rgb:0/0/0\x1b\\X";
        assert_eq!(filtered(&mut filter, received), events("jkX"));
        assert_eq!(filter.timeout(), None);
    }

    #[test]
    fn the_rest_of_a_reply_is_dropped() {
        assert_eq!(filtered(&mut ReplyFilter::after(b"\x1bP>|XT"), "erm(379)\x1b\\X"), events("X"));
        assert_eq!(filtered(&mut ReplyFilter::after(b"\x1b[?62;"), "4;22cX"), events("X"));
    }

    #[test]
    fn an_incomplete_beginning_of_a_reply_is_keys() {
        let mut filter = ReplyFilter::after(b"");
        assert_eq!(filtered(&mut filter, "\x1bPx\x1b_\x1b]1x"), events("\x1bPx\x1b_\x1b]1x"));
        assert_eq!(filtered(&mut filter, "\x1bP>"), []);
        assert!(filter.timeout().is_some());
        assert_eq!(filter.flush(), events("\x1bP>"));
        assert_eq!(filtered(&mut filter, "|a"), events("|a"));
    }

    #[test]
    fn a_truncated_reply_does_not_swallow_the_keys_after_it() {
        let mut filter = ReplyFilter::after(b"\x1bP>|XT");
        assert_eq!(filtered(&mut filter, "erm"), []);
        assert_eq!(filter.flush(), []);
        assert_eq!(filtered(&mut filter, "x"), events("x"));
        let mut filter = ReplyFilter::after(b"\x1bP>|XT");
        let enter = Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        assert_eq!(filter.filter(enter.clone()), [enter]);
        assert_eq!(filtered(&mut filter, "x"), events("x"));
    }

    #[test]
    fn nothing_is_held_if_no_reply_is_expected() {
        let mut filter = ReplyFilter::default();
        assert_eq!(filtered(&mut filter, "\x1bP>|X"), events("\x1bP>|X"));
    }
}
