//! Terminal events to messages.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::keymap::{Key, Keymap, Lookup};
use super::text_field::{Kills, TextField};
use super::view::{Clicks, Target};
use crate::review::{Command, Context, Mode, Model, Msg};

/// The longest time between the clicks of a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

#[derive(Debug)]
pub struct Input {
    keymap: Keymap,
    pressed: Vec<Key>,
    text_field: Option<TextField>,
    kills: Kills,
    last_click: Option<(Instant, Position)>,
}

impl Input {
    #[must_use]
    pub fn new(keymap: Keymap) -> Self {
        Self { keymap, pressed: Vec::new(), text_field: None, kills: Kills::default(), last_click: None }
    }

    #[must_use]
    pub const fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    #[must_use]
    pub const fn text_field(&self) -> Option<&TextField> {
        self.text_field.as_ref()
    }

    /// The keys of an incomplete sequence.
    #[must_use]
    pub fn pending(&self) -> &[Key] {
        &self.pressed
    }

    /// Opens, replaces or closes the text field after the mode has changed.
    pub fn follow(&mut self, mode: &Mode) {
        self.text_field = TextField::follow(self.text_field.take(), mode);
    }

    /// Returns the message for an event, if it means anything in the current context.
    pub fn message(&mut self, event: &Event, model: &Model, clicks: &Clicks) -> Option<Msg> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, model),
            Event::Paste(text) => self.text_field.as_mut().map(|field| field.paste(text)),
            Event::Mouse(mouse) => self.mouse(*mouse, model, clicks),
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn key(&mut self, event: KeyEvent, model: &Model) -> Option<Msg> {
        let context = Context::of(model);
        let key = Key::from(event);
        self.pressed.push(if context.takes_text() { key } else { key.as_latin() });
        let lookup = match self.keymap.lookup(context, &self.pressed) {
            // A key that does not complete the pending sequence starts a new one.
            Lookup::Unbound if self.pressed.len() > 1 => {
                self.pressed.drain(..self.pressed.len() - 1);
                self.keymap.lookup(context, &self.pressed)
            }
            lookup => lookup,
        };
        match lookup {
            Lookup::Prefix => return None,
            Lookup::Command(command) => {
                self.pressed.clear();
                return Some(Msg::Command(command));
            }
            Lookup::Unbound => self.pressed.clear(),
        }
        self.text_field.as_mut().map(|field| field.press(event, &mut self.kills))
    }

    fn mouse(&mut self, event: MouseEvent, model: &Model, clicks: &Clicks) -> Option<Msg> {
        let at = Position::new(event.column, event.row);
        if let (MouseEventKind::Down(MouseButton::Left), Some(field)) = (event.kind, &mut self.text_field)
            && let Some(msg) = field.click(at)
        {
            return Some(msg);
        }
        let over_caption = clicks.at(at) == Some(Target::Caption);
        let command = |command| Some(Msg::Command(command));
        match (event.kind, &model.mode) {
            (MouseEventKind::ScrollDown, Mode::Browse) if over_caption => command(Command::ScrollDown),
            (MouseEventKind::ScrollUp, Mode::Browse) if over_caption => command(Command::ScrollUp),
            (
                MouseEventKind::ScrollDown,
                Mode::Browse
                | Mode::Help(_)
                | Mode::Messages(_)
                | Mode::Statistics(_)
                | Mode::Tags(_)
                | Mode::Fields(_)
                | Mode::Zoom(_),
            ) => command(Command::Down),
            (
                MouseEventKind::ScrollUp,
                Mode::Browse
                | Mode::Help(_)
                | Mode::Messages(_)
                | Mode::Statistics(_)
                | Mode::Tags(_)
                | Mode::Fields(_)
                | Mode::Zoom(_),
            ) => command(Command::Up),
            (MouseEventKind::Down(MouseButton::Left), mode) => self.click(at, mode, clicks),
            _ => None,
        }
    }

    fn click(&mut self, at: Position, mode: &Mode, clicks: &Clicks) -> Option<Msg> {
        let now = Instant::now();
        let before = self.last_click.replace((now, at));
        let double = before.is_some_and(|(then, place)| place == at && now - then < DOUBLE_CLICK);
        match clicks.at(at)? {
            Target::Command(command) => Some(Msg::Command(command)),
            // A dialog or a text field keeps what is behind it.
            _ if !matches!(mode, Mode::Browse | Mode::Zoom(_)) => None,
            Target::Picture | Target::Row(_) | Target::Position(_) if double => Some(Msg::Command(Command::Zoom)),
            Target::Tab(tab) => Some(Msg::ClickedTab(tab)),
            Target::Row(row) => Some(Msg::ClickedRow(row)),
            Target::Position(position) => Some(Msg::ClickedPosition(position)),
            Target::Picture | Target::Caption => None,
        }
    }
}

/// Decodes the keys that were typed during the capability probe.
pub fn typed_ahead(bytes: &[u8]) -> Vec<KeyEvent> {
    let mut keys = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (key, length) = first_key(rest);
        keys.extend(key);
        rest = &rest[length..];
    }
    keys
}

/// Returns true for the keys that cancel a command that still waits.
pub fn cancels(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    key.code == KeyCode::Esc || (key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL)
}

/// Decodes the first key and returns it with its length in bytes. Other sequences, such as mouse events, are skipped.
fn first_key(bytes: &[u8]) -> (Option<KeyEvent>, usize) {
    /// Cursor keys in normal and application mode (xterm's "PC-style function keys").
    const NAMED: [(&[u8], KeyCode); 22] = [
        (b"\x1b[A", KeyCode::Up),
        (b"\x1bOA", KeyCode::Up),
        (b"\x1b[B", KeyCode::Down),
        (b"\x1bOB", KeyCode::Down),
        (b"\x1b[C", KeyCode::Right),
        (b"\x1bOC", KeyCode::Right),
        (b"\x1b[D", KeyCode::Left),
        (b"\x1bOD", KeyCode::Left),
        (b"\x1b[H", KeyCode::Home),
        (b"\x1bOH", KeyCode::Home),
        (b"\x1b[1~", KeyCode::Home),
        (b"\x1b[F", KeyCode::End),
        (b"\x1bOF", KeyCode::End),
        (b"\x1b[4~", KeyCode::End),
        (b"\x1b[3~", KeyCode::Delete),
        (b"\x1b[5~", KeyCode::PageUp),
        (b"\x1b[6~", KeyCode::PageDown),
        (b"\x1b[Z", KeyCode::BackTab),
        (b"\x1bOP", KeyCode::F(1)),
        (b"\x1bOQ", KeyCode::F(2)),
        (b"\x1bOR", KeyCode::F(3)),
        (b"\x1bOS", KeyCode::F(4)),
    ];
    let plain = |code| Some(KeyEvent::new(code, KeyModifiers::NONE));
    if let Some((sequence, code)) = NAMED.iter().find(|(sequence, _)| bytes.starts_with(sequence)) {
        return (plain(*code), sequence.len());
    }
    match bytes {
        [0x1b, b'[', parameters @ ..] => {
            let end = parameters.iter().position(|byte| (0x40..=0x7e).contains(byte));
            (None, end.map_or(bytes.len(), |end| 2 + end + 1))
        }
        [0x1b] | [0x1b, 0x1b, ..] => (plain(KeyCode::Esc), 1),
        [0x1b, rest @ ..] => {
            let (key, length) = first_key(rest);
            (key.map(|key| KeyEvent::new(key.code, key.modifiers | KeyModifiers::ALT)), 1 + length)
        }
        [b'\r' | b'\n', ..] => (plain(KeyCode::Enter), 1),
        [b'\t', ..] => (plain(KeyCode::Tab), 1),
        [0x7f, ..] => (plain(KeyCode::Backspace), 1),
        [control @ 0x01..=0x1a, ..] => {
            let letter = char::from(b'a' + control - 1);
            (Some(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)), 1)
        }
        [0x00..=0x1f, ..] | [] => (None, 1),
        _ => {
            let text = bytes.utf8_chunks().next().map(|chunk| chunk.valid()).unwrap_or_default();
            text.chars().next().map_or((None, 1), |letter| (plain(KeyCode::Char(letter)), letter.len_utf8()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_typed_during_the_probe_are_decoded() {
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let held = |letter, modifiers| KeyEvent::new(KeyCode::Char(letter), modifiers);
        let pressed = [
            key(KeyCode::Char('j')),
            key(KeyCode::Down),
            key(KeyCode::PageDown),
            key(KeyCode::Char('한')),
            held('x', KeyModifiers::ALT),
            held('d', KeyModifiers::CONTROL),
            key(KeyCode::Enter),
            key(KeyCode::Esc),
        ];
        // A mouse event and a truncated character are skipped.
        assert_eq!(typed_ahead("j\x1b[B\x1b[6~\x1b[<0;3;4M한\x1bx\x04\r\x1b".as_bytes()), pressed);
        assert_eq!(typed_ahead(b"a\xed\x95b"), [key(KeyCode::Char('a')), key(KeyCode::Char('b'))]);
    }
}
