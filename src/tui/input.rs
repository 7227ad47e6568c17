//! What the terminal sends, turned into what the core understands.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::entry::Entry;
use super::keymap::{Context, Key, Keymap, Lookup};
use super::layout::{Layout, inside};
use super::view;
use crate::review::{Action, Mode, Model, Msg};

/// Two clicks on the same cell within this time are one double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(400);

/// Keys, text and mouse on their way to the core.
#[derive(Debug)]
pub struct Input {
    keymap: Keymap,
    pressed: Vec<Key>,
    entry: Option<Entry>,
    last_click: Option<(Instant, Position)>,
}

impl Input {
    /// Nothing pressed yet.
    #[must_use]
    pub const fn new(keymap: Keymap) -> Self {
        Self { keymap, pressed: Vec::new(), entry: None, last_click: None }
    }

    /// The keys in force.
    #[must_use]
    pub const fn keymap(&self) -> &Keymap {
        &self.keymap
    }

    /// The text field in use.
    #[must_use]
    pub const fn entry(&self) -> Option<&Entry> {
        self.entry.as_ref()
    }

    /// Keys pressed that are the beginning of an action.
    #[must_use]
    pub fn pending(&self) -> &[Key] {
        &self.pressed
    }

    /// Has the text field follow the core: a new one where something else is written now.
    pub fn follow(&mut self, mode: &Mode) {
        self.entry = Entry::follow(self.entry.take(), mode);
    }

    /// What an event means now, if anything.
    pub fn message(&mut self, event: &Event, model: &Model, layout: Option<&Layout>) -> Option<Msg> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, model),
            Event::Paste(text) => self.entry.as_mut().map(|entry| entry.paste(text)),
            Event::Mouse(mouse) => self.mouse(*mouse, model, layout?),
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn key(&mut self, event: KeyEvent, model: &Model) -> Option<Msg> {
        let context = Context::of(model);
        let key = Key::from(event);
        self.pressed.push(if context.takes_text() { key } else { key.as_latin() });
        let lookup = match self.keymap.lookup(context, &self.pressed) {
            // A key that does not go on with what was begun begins anew.
            Lookup::Unbound if self.pressed.len() > 1 => {
                self.pressed.drain(..self.pressed.len() - 1);
                self.keymap.lookup(context, &self.pressed)
            }
            lookup => lookup,
        };
        match lookup {
            Lookup::Prefix => return None,
            Lookup::Action(action) => {
                self.pressed.clear();
                return Some(Msg::Action(action));
            }
            Lookup::Unbound => self.pressed.clear(),
        }
        self.entry.as_mut().map(|entry| entry.press(event))
    }

    fn mouse(&mut self, event: MouseEvent, model: &Model, layout: &Layout) -> Option<Msg> {
        let at = Position::new(event.column, event.row);
        let over_caption = layout.caption.contains(at) && !model.shows_sheet();
        let action = |action| Some(Msg::Action(action));
        match (event.kind, &model.mode) {
            (MouseEventKind::ScrollDown, Mode::Browse) if over_caption => action(Action::ScrollDown),
            (MouseEventKind::ScrollUp, Mode::Browse) if over_caption => action(Action::ScrollUp),
            (MouseEventKind::ScrollDown, Mode::Browse | Mode::Help(_) | Mode::Figures(_) | Mode::Zoom(_)) => {
                action(Action::Down)
            }
            (MouseEventKind::ScrollUp, Mode::Browse | Mode::Help(_) | Mode::Figures(_) | Mode::Zoom(_)) => {
                action(Action::Up)
            }
            (MouseEventKind::Down(MouseButton::Left), Mode::Browse | Mode::Zoom(_)) => self.click(at, model, layout),
            _ => None,
        }
    }

    fn click(&mut self, at: Position, model: &Model, layout: &Layout) -> Option<Msg> {
        let now = Instant::now();
        let before = self.last_click.replace((now, at));
        let double = before.is_some_and(|(then, place)| place == at && now - then < DOUBLE_CLICK);
        if let (Mode::Browse, Some(grid)) = (&model.mode, model.sheet_grid())
            && layout.sheet().contains(at)
        {
            let room = layout.sheet_pictures();
            let place = grid.place_at(at.x - room.x, at.y.checked_sub(room.y)?)?;
            return Some(if double { Msg::Action(Action::Zoom) } else { Msg::ClickedRow(place) });
        }
        if matches!(model.mode, Mode::Zoom(_)) || layout.picture.is_some_and(|picture| picture.contains(at)) {
            return double.then_some(Msg::Action(Action::Zoom));
        }
        if layout.tabs.contains(at) {
            return view::tab_at(model, layout.tabs.width, at.x - layout.tabs.x).map(Msg::ClickedTab);
        }
        let rows = inside(layout.list);
        match rows.contains(at) {
            true if double => Some(Msg::Action(Action::Zoom)),
            true => Some(Msg::ClickedRow(at.y - rows.y)),
            false => None,
        }
    }
}

/// Keys that were typed while the terminal was being asked what it can do.
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

/// The key that bytes begin with, and how many of them say it. No key: something else that the terminal tells, as of its
/// mouse.
fn first_key(bytes: &[u8]) -> (Option<KeyEvent>, usize) {
    /// As terminals send them in normal and in application mode (xterm's "PC-style function keys").
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
    fn keys_typed_ahead_are_those_pressed() {
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
        // A click of the mouse is among them, and half a letter.
        assert_eq!(typed_ahead("j\x1b[B\x1b[6~\x1b[<0;3;4M한\x1bx\x04\r\x1b".as_bytes()), pressed);
        assert_eq!(typed_ahead(b"a\xed\x95b"), [key(KeyCode::Char('a')), key(KeyCode::Char('b'))]);
    }
}
