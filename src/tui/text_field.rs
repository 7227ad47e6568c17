//! The text field for captions, notes and commands. The model holds the text; the widget has its own undo and scroll
//! position.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::{Frame, layout::Position};
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use crate::dataset::RecordId;
use crate::review::{Mode, Msg};

/// What is being edited. A change of this needs a new field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Caption(RecordId),
    Note(RecordId),
    Command,
    Search,
    Help,
    Filter,
    Reason(RecordId),
}

#[derive(Debug)]
pub struct TextField {
    purpose: Purpose,
    area: TextArea<'static>,
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
            Mode::CustomReason(record, words) => (Purpose::Reason(*record), words.as_str(), words.chars().count()),
            Mode::Help(page) if page.typing => (Purpose::Help, page.search.as_str(), page.search.chars().count()),
            Mode::Browse
            | Mode::Help(_)
            | Mode::Statistics(_)
            | Mode::Zoom(_)
            | Mode::ChooseReason(_)
            | Mode::ConfirmQuit
            | Mode::ConfirmOverwrite(_)
            | Mode::Replace(_)
            | Mode::ConfirmSpending { .. }
            | Mode::ConfirmMany { .. } => return None,
        };
        // The model may have changed the text: it completes words.
        let same = |field: &Self| field.purpose == purpose && field.text() == text;
        Some(current.filter(same).unwrap_or_else(|| Self::new(purpose, text, cursor)))
    }

    fn new(purpose: Purpose, text: &str, cursor: usize) -> Self {
        let mut area = TextArea::new(text.split('\n').map(ToOwned::to_owned).collect());
        area.set_wrap_mode(match purpose {
            Purpose::Caption(_) => WrapMode::WordOrGlyph,
            Purpose::Note(_)
            | Purpose::Command
            | Purpose::Search
            | Purpose::Help
            | Purpose::Filter
            | Purpose::Reason(_) => WrapMode::None,
        });
        area.set_cursor_line_style(Style::new());
        // The terminal's own cursor is used: input methods open their window there.
        area.set_cursor_style(Style::new());
        let mut left = cursor;
        let mut place = (0, 0);
        for (row, line) in text.split('\n').enumerate() {
            let length = line.chars().count();
            place = (row, left.min(length));
            if left <= length {
                break;
            }
            left -= length + 1;
        }
        let clamp = |index: usize| u16::try_from(index).unwrap_or(u16::MAX);
        area.move_cursor(CursorMove::Jump(clamp(place.0), clamp(place.1)));
        Self { purpose, area }
    }

    #[must_use]
    pub fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Handles a key that is not bound to a command.
    pub fn press(&mut self, key: KeyEvent) -> Msg {
        self.area.input(key);
        self.typed()
    }

    /// Pastes a text, on one line except in a caption.
    pub fn paste(&mut self, text: &str) -> Msg {
        let text = match self.purpose {
            Purpose::Caption(_) => text.replace("\r\n", "\n").replace('\r', "\n"),
            Purpose::Note(_)
            | Purpose::Command
            | Purpose::Search
            | Purpose::Help
            | Purpose::Filter
            | Purpose::Reason(_) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        self.area.insert_str(text);
        self.typed()
    }

    fn typed(&self) -> Msg {
        let cursor = self.area.cursor();
        let before: usize = self.area.lines().iter().take(cursor.0).map(|line| line.chars().count() + 1).sum();
        Msg::Typed { text: self.text(), cursor: before + cursor.1 }
    }

    /// Draws the field and places the terminal's cursor.
    pub fn draw(&self, frame: &mut Frame, area: Rect) {
        if area.is_empty() {
            return;
        }
        // The last column is for the cursor after a full row.
        frame.render_widget(&self.area, Rect { width: area.width.saturating_sub(1).max(1), ..area });
        let (top, left) = self.area.scroll_offset();
        let cursor = self.area.screen_cursor();
        let column = cursor.col.saturating_sub(usize::from(left)).min(usize::from(area.width - 1));
        let row = cursor.row.saturating_sub(usize::from(top)).min(usize::from(area.height - 1));
        let offset = |start: u16, offset: usize| start + u16::try_from(offset).unwrap_or(0);
        frame.set_cursor_position(Position::new(offset(area.x, column), offset(area.y, row)));
    }
}
