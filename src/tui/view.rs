//! Drawing the screen from the model.

mod caption;
mod clicks;
mod dialog;
mod filter_box;
mod header;
mod help;
mod highlight;
mod hints;
mod messages;
mod palette;
mod pending_keys;
mod picture;
mod popup;
mod portable;
mod records;
mod replace;
mod sheet;
mod statistics;
mod status;
mod summary;
mod tags;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::keymap::{Key, Keymap};
use super::layout::{self, Inputs, Layout, ListArea};
use super::text_field::TextField;
use super::theme::Theme;
use crate::preview::Painter;
use crate::review::{CaptionExtent, Context, Mode, Model, Msg};
use crate::text;
pub use clicks::{Clicks, Target};

/// The inputs of drawing other than the model.
#[derive(Clone, Copy, Debug)]
pub struct RenderContext<'a> {
    pub theme: &'a Theme,
    pub keymap: &'a Keymap,
    pub text_field: Option<&'a TextField>,
    /// The keys of an incomplete sequence.
    pub pending: &'a [Key],
    /// True if the layout has a pane for the picture.
    pub pictures: bool,
    /// For times of day.
    pub zone: &'a jiff::tz::TimeZone,
}

/// The facts about a frame that scrolling and clicks depend on.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    /// How far the captions can be scrolled.
    pub caption: CaptionExtent,
    /// The row at which the help begins if it is scrolled to its end; `None` if it is closed.
    pub last_help_row: Option<u16>,
    /// The areas that react to clicks.
    pub clicks: Clicks,
}

impl Drawn {
    /// Returns the messages with the measurements that the model does not have yet.
    pub fn messages(self, model: &Model) -> impl Iterator<Item = Msg> + use<> {
        let caption = (self.caption != model.caption.extent).then_some(Msg::CaptionLaidOut(self.caption));
        let known = match &model.mode {
            Mode::Help(page) => Some(page.last_top),
            _ => None,
        };
        let help = self.last_help_row.filter(|last| known.is_some_and(|known| known != *last));
        caption.into_iter().chain(help.map(|last_top| Msg::HelpLaidOut { last_top }))
    }
}

/// Draws the screen.
pub fn draw(frame: &mut Frame, model: &Model, render: RenderContext, mut painter: Option<&mut Painter>) -> Drawn {
    let screen = frame.area();
    if let Some(painter) = &mut painter {
        painter.begin();
    }
    frame.buffer_mut().set_style(screen, render.theme.background);
    let mut clicks = Clicks::default();
    let Some(layout) = Layout::new(screen, &Inputs::of(model, render.pictures)) else {
        too_small(frame, screen, render.theme);
        return Drawn::default();
    };
    let above_footer = layout.zoom();
    let home = home(&layout, model);
    let dialog = match &model.mode {
        Mode::ConfirmQuit => Some(dialog::quit((home, above_footer), model, render)),
        Mode::ConfirmOverwrite(why) => Some(dialog::overwrite((home, above_footer), why, render)),
        Mode::Reject(_) => Some(dialog::reject((home, above_footer), render)),
        Mode::ChooseReason(record) => {
            Some(dialog::reason((home, above_footer), model.verifier_reason(*record).as_deref(), render))
        }
        Mode::ConfirmSpending { scope, count, .. } => {
            Some(dialog::spending((home, above_footer), (*scope, *count), model, render))
        }
        Mode::ConfirmVerifying { scope, count } => {
            Some(dialog::verifying((home, above_footer), (*scope, *count), model, render))
        }
        Mode::ConfirmMany { action, count, elsewhere } => {
            Some(dialog::many((home, above_footer), action, (*count, *elsewhere), render))
        }
        _ => None,
    };
    let mut last_help_row = None;
    let page = match &model.mode {
        Mode::Help(page) => {
            let (popup, last) = help::popup(above_footer, page, render);
            last_help_row = Some(last);
            Some(popup)
        }
        Mode::Messages(first) => Some(messages::popup(above_footer, *first, model, render)),
        Mode::Statistics(top) => Some(statistics::popup(above_footer, *top, model, render)),
        Mode::Tags(page) => Some(tags::popup(above_footer, page, model, render)),
        Mode::Replace(replacement) => Some(replace::popup(above_footer, replacement, model, render)),
        Mode::Command(line) => palette::popup(above_footer, line, render),
        Mode::Filter(entry) => filter_box::popup(above_footer, entry, &model.vocabulary, render),
        Mode::Browse if model.summary().is_some() => summary::popup(layout.caption, model, render),
        _ if dialog.is_some() => None,
        _ => pending_keys::popup(above_footer, Context::of(model), render),
    };
    // The summary at the end of the list is over the captions, as a dialog is.
    let dims = page.is_some() && model.mode != Mode::Browse;
    let popup = dialog.or(page);
    let mut extent = model.caption.extent;
    let notice = status::notice(home, &layout, model, render);
    let areas = popup.iter().map(|popup| popup.area).chain(notice.iter().map(status::NoticeBox::area));
    let covers: Vec<Rect> = areas.collect();
    if matches!(model.mode, Mode::Zoom(_)) {
        clicks.add(layout.zoom(), Target::Picture);
        picture::draw_full_screen(frame, &layout, model, render, painter, &covers);
    } else {
        header::draw(frame, &layout, model, render.theme, &mut clicks);
        if model.shows_sheet() {
            sheet::draw(frame, &layout, model, render.theme, painter, &covers, &mut clicks);
        } else {
            extent = draw_panes(frame, &layout, model, render, painter, &covers, &mut clicks);
        }
    }
    status::draw(frame, layout.footer, model, render, &mut clicks);
    if let Some(popup) = popup {
        if dims {
            let pictures = if model.shows_sheet() { Some(layout.sheet_pictures()) } else { layout.picture };
            popup::dim_behind(frame, above_footer, popup.area, pictures);
        }
        popup.draw(frame, render.theme);
    }
    if let Some(notice) = notice {
        notice.draw(frame);
    }
    portable::adapt(frame.buffer_mut(), render.theme);
    Drawn { caption: extent, last_help_row, clicks }
}

/// Returns the area of dialogs and notices: over the captions, so that they hide no picture. Over the contact sheet, it is
/// the half without the current record.
fn home(layout: &Layout, model: &Model) -> Rect {
    if model.zoom_shows_texts() {
        return layout.zoom_with_texts(model.picture_shape()).1;
    }
    if matches!(model.mode, Mode::Zoom(_)) {
        return layout.zoom();
    }
    let (Some(grid), Some(page)) = (model.sheet_grid(), model.sheet_page()) else {
        return layout.caption;
    };
    let index = u16::try_from(model.list.position - page.start).unwrap_or(0);
    let sheet = layout.sheet();
    let half = sheet.height / 2;
    let is_below = grid.corner(index).1 >= half;
    Rect { height: if is_below { half } else { sheet.height }, ..sheet }
}

/// Draws the list, the picture and the caption. Returns how far the captions can be scrolled.
fn draw_panes(
    frame: &mut Frame,
    layout: &Layout,
    model: &Model,
    render: RenderContext,
    painter: Option<&mut Painter>,
    covers: &[Rect],
    clicks: &mut Clicks,
) -> CaptionExtent {
    records::draw(frame, layout.list, model, render.theme, clicks);
    if let Some(area) = layout.picture {
        clicks.add(area, Target::Picture);
        picture::draw(frame, area, model, render.theme, painter, covers);
    }
    clicks.add(layout.caption, Target::Caption);
    let extent = caption::draw(frame, layout.caption, model, render);
    draw_separators(frame, layout, render.theme);
    records::draw_map(frame, layout.list, model, render.theme, clicks);
    extent
}

fn too_small(frame: &mut Frame, screen: Rect, theme: &Theme) {
    let (columns, rows) = layout::MINIMUM;
    let size = format!("Terminal too small: {}×{}, needs {columns}×{rows}", screen.width, screen.height);
    let line = Line::styled(theme.words(&size), theme.muted);
    frame.render_widget(Paragraph::new(line).centered().wrap(Wrap { trim: true }), screen);
}

/// Draws the title row of a pane: a horizontal line with a text at either end.
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

/// Draws the vertical lines to the right of the list and of a picture beside the captions.
fn draw_separators(frame: &mut Frame, layout: &Layout, theme: &Theme) {
    let mut draw = |pane: Rect| {
        for y in pane.y..pane.bottom() {
            if let Some(cell) = frame.buffer_mut().cell_mut((pane.right(), y)) {
                cell.set_symbol(theme.glyphs.vertical).set_style(theme.muted);
            }
        }
    };
    if let ListArea::Column(list) | ListArea::Narrow(list) = layout.list {
        draw(list);
    }
    if let Some(picture) = layout.picture.filter(|picture| picture.right() < layout.caption.x) {
        draw(picture);
    }
}

/// Escapes control sequences in text from a file or a service.
fn clean(words: &str) -> String {
    text::sanitize(words).into_owned()
}

fn key_hint(key: &str, label: &'static str, theme: &Theme) -> [Span<'static>; 3] {
    let (key, label) = (theme.words(key).into_owned(), theme.words(label));
    [Span::styled(key, theme.accent), Span::styled(format!(" {label}"), theme.muted), Span::raw("  ")]
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
