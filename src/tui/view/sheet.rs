//! The contact sheet: a page of thumbnails with badges and numbers, and a line about the record under the cursor.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::Block;

use super::clicks::{Clicks, Target};
use super::picture::draw_message;
use super::{clean, popup, records, title};
use crate::dataset::{Entry, RecordId};
use crate::preview::Painter;
use crate::review::{Grid, Model};
use crate::text;
use crate::tui::layout::Layout;
use crate::tui::theme::{Glyphs, Theme};

pub(super) fn draw(
    frame: &mut Frame,
    layout: &Layout,
    model: &Model,
    theme: &Theme,
    mut painter: Option<&mut Painter>,
    covers: &[Rect],
    clicks: &mut Clicks,
) {
    let (Some(grid), Some(page)) = (model.sheet_grid(), model.sheet_page()) else { return };
    let view = model.view();
    draw_title(frame, layout.sheet(), grid, model, theme);
    let pictures = layout.sheet_pictures();
    if view.is_empty() {
        records::draw_empty(frame, pictures, model, theme);
        return;
    }
    for (index, position) in (0..).zip(page) {
        let Some(record) = view.nth(position) else { break };
        let (x, y) = grid.corner(index);
        let area = Rect::new(pictures.x + x, pictures.y + y, grid.cell.columns, grid.cell.rows);
        clicks.add(area, Target::Row(index));
        draw_cell(frame, area, model, record, theme, painter.as_deref_mut(), covers);
    }
    let line = Rect { y: pictures.bottom(), height: 1, ..pictures };
    frame.render_widget(current_record(model, usize::from(line.width), theme), line);
}

fn draw_title(frame: &mut Frame, area: Rect, grid: Grid, model: &Model, theme: &Theme) {
    let (position, total) = (model.list.position, model.view().len());
    let page = if total == 0 {
        String::new()
    } else {
        let (page, pages) = (position / grid.capacity() + 1, total.div_ceil(grid.capacity()));
        format!(" {}/{total} {} page {page}/{pages} ", position + 1, theme.glyphs.dot)
    };
    let mut left = Line::styled(" contact sheet ", theme.muted);
    if model.filter.is_some() || model.sort.is_some() || model.sorting.is_some() {
        let width = usize::from(area.width).saturating_sub(left.width() + page.len() + 4);
        left.extend(records::heading(model, width, theme).spans);
    }
    title(frame, area, left, Line::styled(page, theme.muted), theme);
}

/// Draws a thumbnail with the badge, the number and the glyphs of its record. The one under the cursor has a border, a
/// selected one a line on the left.
fn draw_cell(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    record: RecordId,
    theme: &Theme,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    let (is_current, is_selected) = (model.list.cursor == Some(record), model.is_selected(record));
    if is_selected {
        for y in area.top()..area.bottom() {
            frame.render_widget(
                Span::styled(theme.glyphs.selected, theme.accent),
                Rect { y, width: 1, height: 1, ..area },
            );
        }
    }
    if is_current {
        let set = if theme.glyphs == Glyphs::ASCII { popup::ASCII } else { border::THICK };
        frame.render_widget(Block::bordered().border_set(set).border_style(theme.accent), area);
    }
    let inside = Rect {
        x: area.x + 1,
        y: area.y + 1,
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    };
    draw_picture(frame, inside, model, record, theme, painter, covers);

    let label = Rect { y: area.bottom().saturating_sub(1), height: 1, ..inside };
    let (badge, badge_style) = records::badge(model, record, theme);
    // The border covers the line.
    let mark = if is_selected && is_current { theme.glyphs.selected } else { " " };
    let number_style = if is_selected { theme.accent } else { theme.muted };
    let words = Line::from(vec![
        Span::styled(mark, theme.accent),
        Span::styled(badge, badge_style),
        Span::styled(format!(" {} ", record.0 + 1), number_style),
    ]);
    let marks = Line::from(records::right(model, record, theme).0);
    let (words_width, marks_width) = (cells(&words), cells(&marks));
    let left = Rect { width: words_width.min(label.width), ..label };
    frame.render_widget(words, left);
    if is_current {
        frame.buffer_mut().set_style(left, theme.selected);
    }
    if marks_width > 0 && words_width + marks_width < label.width {
        frame.render_widget(marks, Rect { x: label.right() - marks_width - 1, width: marks_width, ..label });
    }
}

fn cells(line: &Line) -> u16 {
    u16::try_from(line.width()).unwrap_or(u16::MAX)
}

/// Draws the thumbnail, or the reason if there is none.
fn draw_picture(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    record: RecordId,
    theme: &Theme,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    let is_drawn = match (model.sheet.picture(record), painter) {
        (Some(Ok(preview)), Some(painter)) => painter.paint(preview, frame.buffer_mut(), area, covers).is_some(),
        _ => false,
    };
    if is_drawn {
        return;
    }
    let lines = match (model.entry(record), model.sheet.picture(record)) {
        (None, _) => return,
        (Some(Entry::Bad(_)), _) => vec![Line::styled("invalid line", theme.bad)],
        (Some(Entry::Record(_)), Some(Err(error))) => vec![
            Line::styled(format!("{} no picture", theme.glyphs.no_picture), theme.warning),
            Line::styled(clean(&error.to_string()), theme.muted),
        ],
        (Some(Entry::Record(_)), _) => vec![Line::styled(theme.glyphs.ellipsis, theme.muted)],
    };
    draw_message(frame, area, lines);
}

/// Renders the file name and the caption of the record under the cursor on one line.
fn current_record(model: &Model, width: usize, theme: &Theme) -> Line<'static> {
    let Some(record) = model.list.cursor else { return Line::default() };
    let (name, caption) = match model.entry(record) {
        Some(Entry::Record(line)) => {
            let caption = model.text(record, model.shown(record)).unwrap_or_default();
            (line.file_name.rsplit('/').next().unwrap_or_default(), caption)
        }
        Some(Entry::Bad(bad)) => ("", bad.preview.as_str().into()),
        None => ("", "".into()),
    };
    let cut =
        |text: &str, width: usize| text::truncate_to_width(&clean(text), width, theme.glyphs.ellipsis).into_owned();
    // A long name takes at most half of the line.
    let name = cut(name, width / 2);
    let caption_width = width.saturating_sub(text::width(&name) + 4);
    Line::from(vec![
        Span::raw(" "),
        Span::styled(name, theme.muted),
        Span::raw("  "),
        Span::styled(cut(&text::single_line(&caption), caption_width), theme.text),
    ])
}
