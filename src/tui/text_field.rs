//! The text field for captions, notes and commands. The model holds the text; the widget has its own undo and scroll
//! position.

mod buffer;
mod kills;

use std::cell::Cell;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;

use self::buffer::{Buffer, Move};
pub use self::kills::Kills;
use super::marked_text::{Mark, MarkedText};
use crate::dataset::RecordId;
use crate::review::{Mode, Msg};
use crate::text::{self, Rows};

/// The text being edited. Another one needs a new field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Caption(RecordId),
    Note(RecordId),
    Command,
    Search,
    Help,
    Tags,
    Filter,
    Reason(RecordId),
}

#[derive(Debug)]
pub struct TextField {
    purpose: Purpose,
    buffer: Buffer,
    /// The column that movements between rows aim at.
    goal: Option<usize>,
    /// The area of the last frame.
    area: Cell<Rect>,
    /// The first row and column shown, as of the last frame.
    scroll: Cell<(usize, usize)>,
}

impl TextField {
    /// Returns the field that a mode needs: the current one if it still has the text, otherwise a new one.
    #[must_use]
    pub fn follow(current: Option<Self>, mode: &Mode) -> Option<Self> {
        let (purpose, text, cursor) = match mode {
            Mode::Edit(editor) => (Purpose::Caption(editor.record), editor.draft.text.as_str(), editor.draft.cursor),
            Mode::Note(editor) => (Purpose::Note(editor.record), editor.draft.text.as_str(), editor.draft.cursor),
            Mode::Command(line) => (Purpose::Command, line.text.as_str(), line.text.chars().count()),
            Mode::Search(entry) => (Purpose::Search, entry.text.as_str(), entry.text.chars().count()),
            Mode::Filter(entry) => (Purpose::Filter, entry.text.as_str(), entry.cursor),
            Mode::CustomReason(record, words) | Mode::RejectReason(record, words) => {
                (Purpose::Reason(*record), words.as_str(), words.chars().count())
            }
            Mode::Help(page) if page.typing => (Purpose::Help, page.search.as_str(), page.search.chars().count()),
            Mode::Tags(page) if page.typing => (Purpose::Tags, page.search.as_str(), page.search.chars().count()),
            Mode::Browse
            | Mode::Tags(_)
            | Mode::Help(_)
            | Mode::Messages(_)
            | Mode::Statistics(_)
            | Mode::Fields(_)
            | Mode::Zoom(_)
            | Mode::ChooseReason(_)
            | Mode::Reject(_)
            | Mode::ConfirmQuit
            | Mode::ConfirmOverwrite(_)
            | Mode::Replace(_)
            | Mode::ConfirmSpending { .. }
            | Mode::ConfirmVerifying { .. }
            | Mode::ConfirmMany { .. } => return None,
        };
        // The model may have changed the text: it completes words.
        let Some(mut field) = current.filter(|field| field.purpose == purpose) else {
            return Some(Self::new(purpose, Buffer::new(text, cursor)));
        };
        if field.text() != text {
            field.buffer.change_to(text, cursor);
            field.goal = None;
        }
        Some(field)
    }

    fn new(purpose: Purpose, buffer: Buffer) -> Self {
        Self { purpose, buffer, goal: None, area: Cell::default(), scroll: Cell::default() }
    }

    const fn is_multiline(&self) -> bool {
        matches!(self.purpose, Purpose::Caption(_))
    }

    #[must_use]
    pub fn text(&self) -> &str {
        self.buffer.text()
    }

    /// Handles a key that is not bound to a command: the keys of readline.
    pub fn press(&mut self, key: KeyEvent, kills: &mut Kills) -> Msg {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let shift = key.modifiers.contains(KeyModifiers::SHIFT);
        let (is_multiline, buffer) = (self.is_multiline(), &mut self.buffer);
        let goal = self.goal.take();
        let killing = match (key.code, ctrl, alt) {
            (KeyCode::Backspace | KeyCode::Char('h'), false, true) | (KeyCode::Backspace, true, false) => {
                Some((Move::WordBack, true))
            }
            (KeyCode::Char('w'), true, false) => Some((Move::SpaceBack, true)),
            (KeyCode::Char('u'), true, false) => Some((Move::LineStart, true)),
            (KeyCode::Char('k'), true, false) => Some((Move::LineEndOrNext, false)),
            (KeyCode::Delete | KeyCode::Char('d'), false, true) | (KeyCode::Delete, true, false) => {
                Some((Move::WordForward, false))
            }
            _ => None,
        };
        if let Some((movement, backwards)) = killing {
            kills.add(&buffer.delete(movement), backwards);
            return self.typed();
        }
        kills.end();
        match (key.code, ctrl, alt) {
            (KeyCode::Char(character), false, false) => buffer.insert(character.encode_utf8(&mut [0; 4])),
            (KeyCode::Enter, ..) | (KeyCode::Char('j' | 'm'), true, false) if is_multiline => {
                buffer.insert("\n");
            }
            (KeyCode::Backspace, ..) | (KeyCode::Char('h'), true, false) => {
                buffer.delete(Move::Back);
            }
            (KeyCode::Delete, ..) | (KeyCode::Char('d'), true, false) => {
                buffer.delete(Move::Forward);
            }
            (KeyCode::Char('y'), true, false) => buffer.insert(kills.text()),
            (KeyCode::Char('t'), true, false) => buffer.transpose(),
            // Terminals send the code of ^7 for ^_ and ^/.
            (KeyCode::Char('_' | '/' | '7'), true, false) => buffer.undo(),
            (KeyCode::Char('r'), true, false) | (KeyCode::Char('_' | '/'), _, true) => buffer.redo(),
            (KeyCode::Left, true, _) | (KeyCode::Left | KeyCode::Char('b'), false, true) => {
                buffer.go(Move::WordBack, shift);
            }
            (KeyCode::Right, true, _) | (KeyCode::Right | KeyCode::Char('f'), false, true) => {
                buffer.go(Move::WordForward, shift);
            }
            (KeyCode::Left, ..) | (KeyCode::Char('b'), true, false) => buffer.go(Move::Back, shift),
            (KeyCode::Right, ..) | (KeyCode::Char('f'), true, false) => buffer.go(Move::Forward, shift),
            (KeyCode::Home, true, _) | (KeyCode::Char('<'), false, true) => buffer.go(Move::Top, shift),
            (KeyCode::End, true, _) | (KeyCode::Char('>'), false, true) => buffer.go(Move::Bottom, shift),
            (KeyCode::Home, ..) | (KeyCode::Char('a'), true, false) => buffer.go(Move::LineStart, shift),
            (KeyCode::End, ..) | (KeyCode::Char('e'), true, false) => buffer.go(Move::LineEnd, shift),
            (KeyCode::Up, ..) | (KeyCode::Char('p'), true, false) => self.go_rows(-1, goal, shift),
            (KeyCode::Down, ..) | (KeyCode::Char('n'), true, false) => self.go_rows(1, goal, shift),
            (KeyCode::PageUp, ..) => self.go_rows(-self.page(), goal, shift),
            (KeyCode::PageDown, ..) => self.go_rows(self.page(), goal, shift),
            _ => {}
        }
        self.typed()
    }

    fn rows(&self) -> Rows<'_> {
        // The last column is for the cursor after a full row.
        let columns = usize::from(self.area.get().width).saturating_sub(1).max(1);
        Rows::new(self.text(), self.is_multiline().then_some(columns))
    }

    fn page(&self) -> isize {
        isize::try_from(self.area.get().height.saturating_sub(1).max(1)).unwrap_or(1)
    }

    /// Moves over rows, and to an end of the text if there are fewer.
    fn go_rows(&mut self, step: isize, goal: Option<usize>, selects: bool) {
        let rows = self.rows();
        let (row, column) = rows.position(self.buffer.cursor());
        let column = goal.unwrap_or(column);
        let target = match row.checked_add_signed(step) {
            None => Move::Top,
            Some(row) if row >= rows.len() => Move::Bottom,
            Some(row) => Move::To(rows.offset(row, column)),
        };
        self.buffer.go(target, selects);
        self.goal = Some(column);
    }

    /// Moves the cursor to a cell of the screen; `None` if the field is elsewhere.
    pub fn click(&mut self, at: Position) -> Option<Msg> {
        let area = self.area.get();
        if !area.contains(at) {
            return None;
        }
        let (top, left) = self.scroll.get();
        let target = self.rows().offset(top + usize::from(at.y - area.y), left + usize::from(at.x - area.x));
        self.goal = None;
        self.buffer.go(Move::To(target), false);
        Some(self.typed())
    }

    /// Pastes a text without control characters, on one line except in a caption.
    pub fn paste(&mut self, text: &str) -> Msg {
        let text = match self.purpose {
            Purpose::Caption(_) => text.replace("\r\n", "\n").replace('\r', "\n"),
            Purpose::Note(_)
            | Purpose::Command
            | Purpose::Search
            | Purpose::Help
            | Purpose::Tags
            | Purpose::Filter
            | Purpose::Reason(_) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        self.buffer.insert(&text::without_controls(&text));
        self.goal = None;
        self.typed()
    }

    fn typed(&self) -> Msg {
        Msg::Typed { text: self.text().to_owned(), cursor: self.buffer.characters_before() }
    }

    /// Returns the number of rows in a number of columns.
    #[must_use]
    pub fn height(&self, columns: u16) -> u16 {
        let columns = usize::from(columns).saturating_sub(1).max(1);
        u16::try_from(Rows::new(self.text(), self.is_multiline().then_some(columns)).len()).unwrap_or(u16::MAX)
    }

    /// Returns the cell of the cursor in the last frame.
    pub(super) fn cursor_cell(&self) -> Position {
        let (area, (top, left)) = (self.area.get(), self.scroll.get());
        let (row, column) = self.rows().position(self.buffer.cursor());
        let cell = |offset: usize, size: u16| u16::try_from(offset).unwrap_or(u16::MAX).min(size.saturating_sub(1));
        Position::new(
            area.x + cell(column.saturating_sub(left), area.width),
            area.y + cell(row.saturating_sub(top), area.height),
        )
    }

    /// Draws the field and places the terminal's cursor: input methods open their window there.
    pub fn draw(&self, frame: &mut Frame, area: Rect, style: Style, mut marks: Vec<Mark>) {
        self.area.set(area);
        if area.is_empty() {
            return;
        }
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let rows = self.rows();
        let (row, column) = rows.position(self.buffer.cursor());
        let (top, left) = self.scroll.get();
        let top = top.min(row).max((row + 1).saturating_sub(height)).min(rows.len().saturating_sub(height));
        let left =
            if self.is_multiline() { 0 } else { Self::first_column(&rows, row, left.min(column), column, width) };
        self.scroll.set((top, left));
        marks.extend(self.buffer.selection().map(|range| (range, Style::new().add_modifier(Modifier::REVERSED))));
        let text = MarkedText { text: self.text(), style, marks };
        let shown = (top..rows.len().min(top + height)).map(|row| text.line(&rows, row, left..left + width));
        frame.render_widget(shown.collect::<Text>(), area);
        frame.set_cursor_position(self.cursor_cell());
    }

    /// Returns the first column to show: that of a cluster, so that the cursor is within the width.
    fn first_column(rows: &Rows, row: usize, left: usize, column: usize, width: usize) -> usize {
        let least = (column + 1).saturating_sub(width);
        let from = left.max(least);
        let starts = rows.clusters(row).map(|cluster| cluster.column).find(|start| *start >= from);
        starts.unwrap_or(column).min(column)
    }
}

#[cfg(test)]
mod tests;
