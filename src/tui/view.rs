//! The screen, drawn from the model. Nothing here changes anything.

mod caption;
mod dialog;
mod figures;
mod header;
mod help;
mod highlight;
mod hints;
mod palette;
mod picture;
mod popup;
mod prefix;
mod records;
mod replace;
mod sheet;
mod status;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::entry::Entry;
use super::keymap::{Context, Key, Keymap};
use super::layout::{self, Layout};
use super::theme::Theme;
use crate::preview::Painter;
use crate::review::{Mode, Model, Tab};
use crate::text;

/// What drawing needs besides the model.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Colours and glyphs.
    pub theme: &'a Theme,
    /// The keys, for the hints.
    pub keymap: &'a Keymap,
    /// The text field in use.
    pub entry: Option<&'a Entry>,
    /// Keys pressed that are not an action yet.
    pub pending: &'a [Key],
    /// Whether there is a pane for pictures.
    pub pictures: bool,
    /// The time zone for times of day.
    pub zone: &'a jiff::tz::TimeZone,
}

/// Draws the whole screen, and says how many rows the caption pane's text takes.
pub fn draw(frame: &mut Frame, model: &Model, look: Look, mut painter: Option<&mut Painter>) -> u16 {
    let screen = frame.area();
    if let Some(painter) = &mut painter {
        painter.begin();
    }
    frame.buffer_mut().set_style(screen, look.theme.ground);
    let Some(layout) = Layout::new(screen, look.pictures) else {
        too_small(frame, screen, look.theme);
        return 0;
    };
    let above_footer = layout.zoom();
    let popup = match &model.mode {
        Mode::Help(top) => Some(help::popup(above_footer, *top, look)),
        Mode::Figures(top) => Some(figures::popup(above_footer, *top, model, look)),
        Mode::ConfirmQuit => Some(dialog::quit(above_footer, model, look)),
        Mode::ConfirmOverwrite(why) => Some(dialog::overwrite(above_footer, why, look)),
        Mode::ChooseReason(_) => Some(dialog::reason(above_footer, look)),
        Mode::ConfirmSpending { scope, count, .. } => {
            Some(dialog::spending(above_footer, (*scope, *count), model, look))
        }
        Mode::ConfirmMany { action, count, elsewhere } => {
            Some(dialog::many(above_footer, action, (*count, *elsewhere), look))
        }
        Mode::Replace(replacement) => Some(replace::popup(above_footer, replacement, look)),
        Mode::Command(line) => palette::popup(above_footer, line, look),
        Mode::Browse
        | Mode::Edit(_)
        | Mode::Note(_)
        | Mode::Search(_)
        | Mode::Filter(_)
        | Mode::OwnReason(..)
        | Mode::Zoom(_) => prefix::popup(above_footer, Context::of(model), look),
    };
    let mut caption_rows = model.caption.rows;
    let covers: Vec<Rect> = popup.iter().map(|popup| popup.area).collect();
    if matches!(model.mode, Mode::Zoom(_)) {
        picture::draw_alone(frame, &layout, model, look, painter);
    } else {
        header::draw(frame, layout.header, model, look.theme);
        header::draw_tabs(frame, layout.tabs, model, look.theme);
        if model.shows_sheet() {
            sheet::draw(frame, &layout, model, look.theme, painter, &covers);
        } else {
            caption_rows = draw_panes(frame, &layout, model, look, painter, &covers);
        }
    }
    status::draw(frame, layout.footer, model, look);
    if let Some(popup) = popup {
        popup.draw(frame, look.theme);
    }
    caption_rows
}

/// Draws the list, the picture and the caption, and says how many rows the caption pane's text takes.
fn draw_panes(
    frame: &mut Frame,
    layout: &Layout,
    model: &Model,
    look: Look,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) -> u16 {
    records::draw(frame, layout.list, model, look.theme);
    if let Some(area) = layout.picture {
        picture::draw(frame, area, model, look.theme, painter, covers);
    }
    let rows = caption::draw(frame, layout.caption, model, look);
    lines_between(frame, layout, look.theme);
    rows
}

/// The tab whose label is at a column of the tabs' row.
#[must_use]
pub fn tab_at(model: &Model, width: u16, column: u16) -> Option<Tab> {
    header::tab_cells(model, width).into_iter().rev().find(|(_, start, _)| *start <= column).map(|(tab, ..)| tab)
}

fn too_small(frame: &mut Frame, screen: Rect, theme: &Theme) {
    let (columns, rows) = layout::MINIMUM;
    let line = Line::styled(format!("recaption needs {columns}×{rows}"), theme.muted);
    frame.render_widget(Paragraph::new(line).centered(), screen);
}

/// A pane's title row: a level line with words in it.
fn title(frame: &mut Frame, pane: Rect, left: Line, right: Line, theme: &Theme) {
    let row = Rect { height: 1, ..pane };
    frame.render_widget(Span::styled(theme.glyphs.rule.repeat(usize::from(pane.width)), theme.muted), row);
    let width = |line: &Line| u16::try_from(line.width()).unwrap_or(u16::MAX);
    let (left_width, right_width) = (width(&left), width(&right));
    let left_area = Rect { x: row.x + 1, width: left_width.min(row.width.saturating_sub(1)), ..row };
    frame.render_widget(left, left_area);
    if left_width.saturating_add(right_width).saturating_add(3) <= row.width {
        let right_area = Rect { x: row.right() - right_width - 1, width: right_width, ..row };
        frame.render_widget(right, right_area);
    }
}

/// The upright lines between panes that stand side by side.
fn lines_between(frame: &mut Frame, layout: &Layout, theme: &Theme) {
    let mut upright = |pane: Rect| {
        if pane.x == 0 {
            return;
        }
        for y in pane.y..pane.bottom() {
            let glyph = if y == layout.list.y { theme.glyphs.hanging } else { theme.glyphs.upright };
            if let Some(cell) = frame.buffer_mut().cell_mut((pane.x - 1, y)) {
                cell.set_symbol(glyph).set_style(theme.muted);
            }
        }
    };
    upright(layout.caption);
    if let Some(picture) = layout.picture {
        upright(picture);
    }
}

/// Text from a file or a service on one line: no byte of it is a command to the terminal.
fn clean(words: &str) -> String {
    text::sanitize(words).into_owned()
}

/// A key as it stands in a hint.
fn key_hint<'a>(key: String, what: &'a str, theme: &Theme) -> [Span<'a>; 3] {
    [Span::styled(key, theme.accent), Span::styled(format!(" {what}"), theme.muted), Span::raw("  ")]
}

fn join_dots(parts: Vec<Span<'static>>, style: Style, dot: &str) -> Line<'static> {
    let mut spans = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        if !spans.is_empty() {
            spans.push(Span::styled(format!(" {dot} "), style));
        }
        spans.push(part);
    }
    Line::from(spans)
}
