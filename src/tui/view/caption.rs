//! The caption pane: the captions of a record, or the editor in place of one.

mod comparison;
mod editor;
mod heading;
mod page;

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::{RenderContext, join_dots, title};
use crate::dataset::RecordId;
use crate::review::{CaptionExtent, Mode, Model, Version};
use crate::session::{Actor, Decision};
use crate::text;
use crate::tui::layout::inside;
use crate::tui::theme::Theme;
use page::{Block, Page};

/// The least width for the original and the other captions side by side, in columns.
const SIDE_BY_SIDE: u16 = 60;
/// The least ratio of the width to the height for that, in cells.
const WIDE: u16 = 5;

/// Draws the pane and returns how far it can be scrolled.
pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, render: RenderContext) -> CaptionExtent {
    let theme = render.theme;
    let Some(record) = model.list.cursor else {
        title(frame, area, Line::styled(" caption ", theme.muted), Line::default(), theme);
        return CaptionExtent::default();
    };
    let (left, right) = columns(inside(area));
    let page = |column: Rect| Page { model, record, theme, width: usize::from(column.width) };
    if let (Mode::Edit(editor), Some(text_field)) = (&model.mode, render.text_field) {
        let mut heading = Line::styled(" editing the caption ", theme.accent);
        if model.joins_lines(editor) {
            heading.push_span(Span::styled(format!("{} lines will be joined ", theme.glyphs.dot), theme.warning));
        }
        title(frame, area, heading, Line::default(), theme);
        let page = Page { record: editor.record, ..page(left) };
        editor::draw(frame, (left, right), &page, editor, text_field);
        return CaptionExtent::default();
    }
    title(frame, area, Line::styled(" caption ", theme.muted), decision(model, record, theme), theme);
    let page = page(left);
    let mut first = page.original();
    let Some(right) = right else {
        first.extend(page.others());
        first.push(page.other_texts());
        return Column::new(first).draw(frame, left, &page);
    };
    first.push(page.other_texts());
    let [one, other] = [(first, left), (page.others(), right)];
    let extents = [one, other].map(|(blocks, area)| Column::new(blocks).draw(frame, area, &page));
    let [original, others] = extents;
    if others.last > 0 { others } else { original }
}

/// Returns the columns for the texts: one, or two if the pane is wide and low. Each has a margin of a column at either side.
fn columns(inner: Rect) -> (Rect, Option<Rect>) {
    let is_wide = inner.width >= SIDE_BY_SIDE && inner.width >= WIDE.saturating_mul(inner.height);
    let column = |x: u16, width: u16| Rect { x: x + 1, width: width.saturating_sub(2), ..inner };
    if !is_wide {
        return (column(inner.x, inner.width), None);
    }
    let half = inner.width / 2;
    (column(inner.x, half), Some(column(inner.x + half, half)))
}

/// Blocks with blank rows between them.
struct Column {
    lines: Vec<Line<'static>>,
    /// The captions that can be selected, with their rows.
    versions: Vec<(Version, Range<usize>)>,
}

impl Column {
    fn new(blocks: Vec<Block>) -> Self {
        let mut column = Self { lines: Vec::new(), versions: Vec::new() };
        for block in blocks.into_iter().filter(|block| !block.lines.is_empty()) {
            if !column.lines.is_empty() {
                column.lines.push(Line::default());
            }
            let start = column.lines.len();
            column.lines.extend(block.lines);
            column.versions.extend(block.version.map(|version| (version, start..column.lines.len())));
        }
        column
    }

    /// Draws the column, with the caption that the operator went to in view and the selected one marked.
    fn draw(self, frame: &mut Frame, area: Rect, page: &Page) -> CaptionExtent {
        let Page { model, record, theme, .. } = *page;
        let height = usize::from(area.height);
        let last = self.lines.len().saturating_sub(height);
        let gone_to = self.versions.iter().find(|(version, _)| Some(*version) == model.caption.reading);
        let top = gone_to.map_or(0, |(_, rows)| rows.start.min(rows.end.saturating_sub(height))).min(last);
        let extent = CaptionExtent { top, last };
        let from = extent.row(model.caption.scroll);
        let shown = self.lines.into_iter().skip(from).take(height);
        frame.render_widget(shown.collect::<Text>(), area);
        let selected = model.shown(record);
        for (_, rows) in self.versions.iter().filter(|(version, _)| *version == selected) {
            mark(frame, area, rows.start.saturating_sub(from)..rows.end.saturating_sub(from), theme);
        }
        if from < last {
            more(frame, area, &format!("J more{}", theme.glyphs.ellipsis), theme);
        }
        extent
    }
}

/// Marks rows in the margin.
fn mark(frame: &mut Frame, area: Rect, rows: Range<usize>, theme: &Theme) {
    for row in rows {
        let Some(row) = u16::try_from(row).ok().filter(|row| *row < area.height) else { break };
        if let Some(cell) = frame.buffer_mut().cell_mut((area.x.saturating_sub(1), area.y + row)) {
            cell.set_symbol(theme.glyphs.bar_beside).set_style(theme.accent);
        }
    }
}

/// Shows at the bottom right that the text continues.
fn more(frame: &mut Frame, area: Rect, words: &str, theme: &Theme) {
    let words = format!(" {words}");
    let width = u16::try_from(text::width(&words)).unwrap_or(0).min(area.width);
    let at = Rect { x: area.right() - width, y: area.bottom().saturating_sub(1), width, height: 1.min(area.height) };
    frame.render_widget(Span::styled(words, theme.muted), at);
}

/// Returns the decision, for the title row.
fn decision(model: &Model, record: RecordId, theme: &Theme) -> Line<'static> {
    let state = model.state(record);
    let (glyph, style) = super::records::decision_badge(&state.decision, theme);
    let word = match &state.decision {
        // In a blind check, an earlier decision could reveal which caption is the original.
        _ if model.pair(record).is_some() => return Line::default(),
        Decision::Undecided => return Line::default(),
        Decision::Accepted { .. } => "accepted",
        Decision::Edited { .. } => "edited",
        Decision::Kept => "original kept",
        Decision::Skipped => "skipped",
        Decision::Excluded => "excluded",
    };
    let mut parts = vec![Span::styled(word, style)];
    if state.by == Actor::Run {
        parts.push(Span::styled("by a run", theme.muted));
    }
    if state.original_changed {
        parts.push(Span::styled("original changed", theme.warning));
    }
    let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
    line.spans.insert(0, Span::styled(format!(" {glyph} "), style));
    line.push_span(Span::raw(" "));
    line
}
