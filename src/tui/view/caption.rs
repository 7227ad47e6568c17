//! The caption pane: the captions of a record, or the editor in place of one.

mod comparison;
mod editor;
mod fields;
mod heading;
mod page;
mod record;

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::{RenderContext, title};
use crate::review::{CaptionExtent, Mode, Model, Version};
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
    let column = with_margins(inside(area));
    let page = |column: Rect| Page { model, record, theme, width: usize::from(column.width) };
    if let (Mode::Edit(editor), Some(text_field)) = (&model.mode, render.text_field) {
        let mut label = Line::styled(" editing ", theme.accent);
        if model.joins_lines(editor) {
            label.push_span(Span::styled(format!("{} lines will be joined ", theme.glyphs.dot), theme.warning));
        }
        record::draw(frame, area, model, record, Some(label), theme);
        if let Some(field) = &editor.field {
            fields::draw_editor(frame, column, &page(column), (editor, field), text_field);
            return CaptionExtent::default();
        }
        let page = Page { record: editor.record, ..page(left) };
        editor::draw(frame, (left, right), &page, editor, text_field);
        return CaptionExtent::default();
    }
    if let Mode::Fields(fields) = &model.mode {
        let label = Line::styled(" fields ", theme.accent);
        record::draw(frame, area, model, record, Some(label), theme);
        fields::draw(frame, column, &page(column), *fields);
        return CaptionExtent::default();
    }
    record::draw(frame, area, model, record, None, theme);
    let page = page(left);
    let mut original = page.original();
    let mut others = page.others();
    let Some(right) = right else {
        others.push(page.other_texts());
        let [original, others] = [original, others].map(Column::new);
        return match others.rows_of(model.caption.reading) {
            // The original stays in view beside the caption that the operator went to.
            Some(rows) if original.height() + 1 + others.height() > usize::from(left.height) => {
                let (above, below) = original.above(left, rows.len());
                original.draw_start(frame, above, &page);
                others.draw(frame, below, &page)
            }
            _ => original.followed_by(others).draw(frame, left, &page),
        };
    };
    original.push(page.other_texts());
    let [original, others] =
        [(original, left), (others, right)].map(|(blocks, area)| Column::new(blocks).draw(frame, area, &page));
    if others.last > 0 { others } else { original }
}

/// Returns the columns for the texts: one, or two if the pane is wide and low. Each has a margin of a column at either side.
fn columns(inner: Rect) -> (Rect, Option<Rect>) {
    let is_wide = inner.width >= SIDE_BY_SIDE && inner.width >= WIDE.saturating_mul(inner.height);
    if !is_wide {
        return (with_margins(inner), None);
    }
    let half = inner.width / 2;
    let column = |x: u16| with_margins(Rect { x, width: half, ..inner });
    (column(inner.x), Some(column(inner.x + half)))
}

const fn with_margins(area: Rect) -> Rect {
    Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area }
}

/// Blocks with blank rows between them.
struct Column {
    lines: Vec<Line<'static>>,
    /// The captions that can be selected, with their rows.
    versions: Vec<(Version, Range<usize>)>,
    /// The number of the last rows that are findings.
    findings: usize,
}

/// The part of the pane that the original has at least above another caption, if it needs it.
const ORIGINAL: u16 = 3;

impl Column {
    fn new(blocks: Vec<Block>) -> Self {
        let mut column = Self { lines: Vec::new(), versions: Vec::new(), findings: 0 };
        for block in blocks.into_iter().filter(|block| !block.lines.is_empty()) {
            column.push_gap();
            let start = column.lines.len();
            column.lines.extend(block.lines);
            column.versions.extend(block.version.map(|version| (version, start..column.lines.len())));
            column.findings = block.findings;
        }
        column
    }

    fn push_gap(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    fn followed_by(mut self, other: Self) -> Self {
        if other.lines.is_empty() {
            return self;
        }
        self.push_gap();
        let start = self.lines.len();
        self.lines.extend(other.lines);
        let moved = |(version, rows): (Version, Range<usize>)| (version, rows.start + start..rows.end + start);
        self.versions.extend(other.versions.into_iter().map(moved));
        Self { findings: other.findings, ..self }
    }

    fn height(&self) -> usize {
        self.lines.len()
    }

    fn rows_of(&self, version: Option<Version>) -> Option<Range<usize>> {
        let found = self.versions.iter().find(|(known, _)| Some(*known) == version);
        found.map(|(_, rows)| rows.clone())
    }

    /// Returns the areas of the column and of what is below it, which needs some rows. If both do not fit, the column has a
    /// third at least.
    fn above(&self, area: Rect, needed: usize) -> (Rect, Rect) {
        let rows = u16::try_from(self.height()).unwrap_or(u16::MAX);
        let needed = u16::try_from(needed).unwrap_or(u16::MAX).saturating_add(1);
        let height = rows.min(area.height.saturating_sub(needed)).max(rows.min(area.height / ORIGINAL));
        let used = height + u16::from(height > 0);
        let below = Rect { y: area.y + used, height: area.height.saturating_sub(used), ..area };
        (Rect { height, ..area }, below)
    }

    /// Draws as much as fits of the text, and the findings below it.
    fn draw_start(mut self, frame: &mut Frame, area: Rect, page: &Page) {
        let height = usize::from(area.height);
        let findings = self.findings.min(height / 2);
        let cut = self.height().saturating_sub(height);
        if cut > 0 {
            let end = self.height() - self.findings;
            self.lines.truncate(end + findings);
            self.lines.drain(height - findings..end);
        }
        let selected = self.rows_of(Some(page.model.shown(page.record)));
        frame.render_widget(self.lines.into_iter().take(height).collect::<Text>(), area);
        mark(frame, area, selected.map_or(0..0, |rows| rows.start..rows.end.min(height)), page.theme);
        if cut > 0 {
            let text = Rect { height: area.height - u16::try_from(findings).unwrap_or(0), ..area };
            more(frame, text, page.theme.glyphs.ellipsis, page.theme);
        }
    }

    /// Draws the column, with the caption that the operator went to in view and the selected one marked.
    fn draw(self, frame: &mut Frame, area: Rect, page: &Page) -> CaptionExtent {
        let Page { model, record, theme, .. } = *page;
        let height = usize::from(area.height);
        let last = self.height().saturating_sub(height);
        let gone_to = self.rows_of(model.caption.reading);
        let top = gone_to.map_or(0, |rows| rows.start.min(rows.end.saturating_sub(height))).min(last);
        let extent = CaptionExtent { top, last };
        let from = extent.row(model.caption.scroll);
        let selected = self.rows_of(Some(model.shown(record)));
        let shown = self.lines.into_iter().skip(from).take(height);
        frame.render_widget(shown.collect::<Text>(), area);
        if let Some(rows) = selected {
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
