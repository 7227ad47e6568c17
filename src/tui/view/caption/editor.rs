//! The editor, in place of the caption that it edits: the original above or beside it, with the number of words, the findings
//! and the difference to the original as they are now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::heading::Heading;
use super::page::{Block, Page};
use super::{Column, mark};
use crate::lint::Finding;
use crate::review::{Editor, Version};
use crate::session::EditBase;
use crate::tui::text_field::TextField;
use crate::tui::view::key_hint;
use crate::tui::view::tags::draw_completions;

/// The keys that are mentioned if there is room, most important first.
const KEYS: [(&str, &str); 5] =
    [("^u ^k ^w", "delete"), ("^y", "insert"), ("^_", "undo"), ("Alt-b Alt-f", "by words"), ("^t", "exchange")];

pub(super) fn draw(
    frame: &mut Frame,
    (left, right): (Rect, Option<Rect>),
    page: &Page,
    editor: &Editor,
    text_field: &TextField,
) {
    let typed = editor.draft.text.as_str();
    let original = match page.model.pair(editor.record) {
        Some(pair) => {
            let other = usize::from(page.model.shown(editor.record) == pair[0]);
            page.unlabelled(pair, other)
        }
        None => page.original_against(Some(typed)),
    };
    // Only the text that is edited is marked.
    let original = Block { version: None, ..original };
    let others = page.other_texts();
    let findings = page.model.findings_of_edit(editor);
    let field = Field { page, editor, typed: text_field, messages: page.findings(&findings), findings };
    let Some(right) = right else {
        let original = Column::new(vec![original]);
        let (above, below) = original.above(left, usize::from(field.rows(left.width)));
        original.draw_start(frame, above, page);
        field.draw(frame, below, others);
        return;
    };
    Column::new(vec![original, others]).draw_start(frame, left, page);
    field.draw(frame, right, Block::default());
}

/// The text field with its heading, and the findings below it.
struct Field<'a> {
    page: &'a Page<'a>,
    editor: &'a Editor,
    typed: &'a TextField,
    findings: Vec<Finding>,
    messages: Vec<Line<'static>>,
}

impl Field<'_> {
    /// Returns the rows that it needs.
    fn rows(&self, width: u16) -> u16 {
        let messages = u16::try_from(self.messages.len()).unwrap_or(u16::MAX);
        self.typed.height(width).saturating_add(messages).saturating_add(1)
    }

    fn draw(self, frame: &mut Frame, area: Rect, others: Block) {
        let Self { page, editor, typed: text_field, ref findings, ref messages } = self;
        let theme = page.theme;
        let messages_height = u16::try_from(messages.len()).unwrap_or(u16::MAX).min(area.height / 3);
        let field = Rect {
            y: area.y + 1.min(area.height),
            height: text_field.height(area.width).min(area.height.saturating_sub(1 + messages_height)),
            ..area
        };
        let heading = self.heading().line(usize::from(area.width), theme);
        frame.render_widget(heading, Rect { height: 1.min(area.height), ..area });
        mark(frame, area, 0..usize::from(field.height) + 1, theme);
        let typed = editor.draft.text.as_str();
        let mut marks = if page.model.pair(editor.record).is_none() { page.added(typed) } else { Vec::new() };
        marks.extend(page.finding_marks(findings));
        text_field.draw(frame, field, theme.text, marks);
        let mut below = messages.clone();
        if !others.lines.is_empty() {
            below.push(Line::default());
            below.extend(others.lines);
        }
        let below_area = Rect { y: field.bottom(), height: area.bottom().saturating_sub(field.bottom()), ..area };
        let used = u16::try_from(below.len()).unwrap_or(u16::MAX);
        frame.render_widget(Text::from(below), below_area);
        if used.saturating_add(1) < below_area.height {
            let mut hints = Line::default();
            for (key, label) in KEYS {
                let hint = key_hint(key, label, theme);
                if hints.width() + hint.iter().map(Span::width).sum::<usize>() > usize::from(area.width) + 2 {
                    break;
                }
                hints.extend(hint);
            }
            let last = Rect { y: area.bottom() - 1, height: 1, ..area };
            frame.render_widget(hints, last);
        }
        if let Some(completion) = &editor.offered {
            draw_completions(frame, area, text_field.cursor_cell(), completion, theme);
        }
    }

    /// Returns the heading of the caption that is edited, with the number of words typed.
    fn heading(&self) -> Heading {
        let (model, record) = (self.page.model, self.editor.record);
        let name = |name: &str| Heading { name: name.to_owned(), ..Heading::default() };
        let heading = match self.editor.draft.base {
            _ if model.pair(record).is_some() => name("edit"),
            EditBase::Original => name("edit"),
            EditBase::Current => self.page.name(Version::Edited),
            EditBase::Candidate(id) => {
                let place = model.state(record).candidates.iter().position(|candidate| candidate.id == id);
                place.map_or_else(|| name("edit"), |place| self.page.name(Version::Candidate(place)))
            }
        };
        // While typing, the number of words is the most important fact.
        Heading { count: Some(self.page.count(&self.editor.draft.text)), essential: 0, ..heading }
    }
}
