//! Answers of the terminal that come when nobody waits for them any more: among the keys, where their letters would be
//! taken for commands.

use std::time::Duration;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

/// How the answers begin that crossterm takes for keys (Alt and a letter, then letters). Those that begin with `ESC [`
/// it passes over by itself.
const ANSWERS: [&str; 3] = ["P>|", "_G", "]11;"];

/// Takes late answers out of what the terminal sends. Passes everything on where none is expected.
#[derive(Clone, Debug, Default)]
pub struct LateAnswers {
    state: State,
    /// What may be the beginning of an answer.
    held: Vec<Event>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// All has been answered.
    #[default]
    NoneExpected,
    /// Keys, or an answer that begins.
    Expected,
    /// Within an answer that ends with `ESC \` or BEL.
    WithinString,
    /// Within one that ends with a letter.
    WithinControl,
}

impl LateAnswers {
    /// After a probe: `begun` is the beginning of an answer whose rest is to come.
    pub fn after(begun: &[u8]) -> Self {
        let state = match begun {
            [] => State::Expected,
            [_, b'[', ..] => State::WithinControl,
            _ => State::WithinString,
        };
        Self { state, held: Vec::new() }
    }

    /// How long to wait for more of what has begun; nothing where nothing has. What may be a key is not held back for
    /// long; what can only be an answer may come over a slow line.
    pub fn patience(&self) -> Option<Duration> {
        match self.state {
            _ if !self.held.is_empty() => Some(Duration::from_millis(500)),
            State::WithinString | State::WithinControl => Some(Duration::from_secs(5)),
            State::NoneExpected | State::Expected => None,
        }
    }

    /// Takes in what the terminal sent, and gives what is no part of an answer.
    pub fn take(&mut self, event: Event) -> Vec<Event> {
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
        if text.as_deref().is_some_and(|text| ANSWERS.contains(&text)) {
            self.held.clear();
            self.state = State::WithinString;
        } else if !text.is_some_and(|text| ANSWERS.iter().any(|answer| answer.starts_with(&text))) {
            keys.append(&mut self.held);
        }
        keys
    }

    /// Nothing followed: what was held is no answer.
    pub fn give_up(&mut self) -> Vec<Event> {
        if self.state != State::NoneExpected {
            self.state = State::Expected;
        }
        std::mem::take(&mut self.held)
    }

    /// The letters held: one with Alt, then plain ones.
    fn held_text(&self) -> Option<String> {
        let letters = self.held.iter().enumerate().map(|(place, event)| match (place, letter(event)) {
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
    // Shift comes along with capitals.
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

    /// The events crossterm makes of bytes without control sequences.
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

    fn passed(late: &mut LateAnswers, bytes: &str) -> Vec<Event> {
        events(bytes).into_iter().flat_map(|event| late.take(event)).collect()
    }

    #[test]
    fn answers_are_taken_out_and_keys_stay() {
        let mut late = LateAnswers::after(b"");
        let received = "j\x1bP>|XTerm(379)\x1b\\k\x1b_Gi=31;OK\x1b\\\x1b]11;rgb:00/00/00\x07\x1b]11;rgb:0/0/0\x1b\\X";
        assert_eq!(passed(&mut late, received), events("jkX"));
        assert_eq!(late.patience(), None);
    }

    #[test]
    fn the_rest_of_an_answer_is_taken_out() {
        assert_eq!(passed(&mut LateAnswers::after(b"\x1bP>|XT"), "erm(379)\x1b\\X"), events("X"));
        assert_eq!(passed(&mut LateAnswers::after(b"\x1b[?62;"), "4;22cX"), events("X"));
    }

    #[test]
    fn what_only_begins_like_an_answer_is_keys() {
        let mut late = LateAnswers::after(b"");
        assert_eq!(passed(&mut late, "\x1bPx\x1b_\x1b]1x"), events("\x1bPx\x1b_\x1b]1x"));
        assert_eq!(passed(&mut late, "\x1bP>"), []);
        assert!(late.patience().is_some());
        assert_eq!(late.give_up(), events("\x1bP>"));
        assert_eq!(passed(&mut late, "|a"), events("|a"));
    }

    #[test]
    fn an_answer_that_breaks_off_does_not_swallow_what_comes_later() {
        let mut late = LateAnswers::after(b"\x1bP>|XT");
        assert_eq!(passed(&mut late, "erm"), []);
        assert_eq!(late.give_up(), []);
        assert_eq!(passed(&mut late, "x"), events("x"));
        let mut late = LateAnswers::after(b"\x1bP>|XT");
        let enter = Event::Key(KeyEvent::new(KeyCode::Enter, KeyModifiers::NONE));
        assert_eq!(late.take(enter.clone()), [enter]);
        assert_eq!(passed(&mut late, "x"), events("x"));
    }

    #[test]
    fn where_all_was_answered_nothing_is_held() {
        let mut late = LateAnswers::default();
        assert_eq!(passed(&mut late, "\x1bP>|X"), events("\x1bP>|X"));
    }
}
