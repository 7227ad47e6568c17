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
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, &model.mode),
            Event::Paste(text) => self.entry.as_mut().map(|entry| entry.paste(text)),
            Event::Mouse(mouse) => self.mouse(*mouse, model, layout?),
            Event::Key(_) | Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
        }
    }

    fn key(&mut self, event: KeyEvent, mode: &Mode) -> Option<Msg> {
        let context = Context::of(mode);
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
        let over_caption = layout.caption.contains(at);
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

/// Keys that were typed while the terminal was being asked what it can do. Only what is a key beyond doubt counts.
pub fn typed_ahead(bytes: &[u8]) -> Vec<KeyEvent> {
    if bytes.contains(&0x1b) {
        return Vec::new();
    }
    let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|character| match character {
            '\r' | '\n' => plain(KeyCode::Enter),
            '\t' => plain(KeyCode::Tab),
            '\u{7f}' => plain(KeyCode::Backspace),
            '\u{1}'..='\u{1a}' => {
                let letter = char::from(b'a' + (character as u8) - 1);
                KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)
            }
            other => plain(KeyCode::Char(other)),
        })
        .collect()
}
