//! Puts a preview into a ratatui buffer, so that what lies over it, before it and after it on the screen comes out right.

mod placed;

use std::fmt::Write as _;
use std::sync::LazyLock;

use image::DynamicImage;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::{Rect, Size};
use ratatui::style::Color;
use ratatui::widgets::Widget as _;
use ratatui_image::Image;
use ratatui_image::protocol::Protocol as Drawn;
use ratatui_image::protocol::kitty::Kitty;

use super::encode::{Drawing, Encoded, Preview, Uploads, some_id};
use placed::{Placements, Want};

pub(super) use placed::Payload;

/// Draws previews and remembers what is on the screen. Sixel and iTerm2 pictures are sent with the first of their cells
/// and stay until something is written over them; kitty pictures are sent once and then shown by placeholder
/// characters, or laid over the text; half blocks are text. Each needs care of its own beside pop-ups.
///
/// A frame is [`Painter::begin`], any number of [`Painter::paint`], and [`Painter::end`].
pub struct Painter {
    uploads: Uploads,
    tmux: bool,
    before: Vec<Shown>,
    now: Vec<Shown>,
    placements: Placements,
}

/// A picture in a frame.
struct Shown {
    preview: Preview,
    place: Rect,
    /// The parts of it that pop-ups covered.
    covered: Vec<Rect>,
    /// Something was written over the picture and is no longer there: send it again.
    damaged: bool,
    /// Changes each time the picture is to be sent again.
    odd_sending: bool,
}

impl Painter {
    pub(super) fn new(uploads: Uploads, tmux: bool) -> Self {
        Self { uploads, tmux, before: Vec::new(), now: Vec::new(), placements: Placements::new(some_id()) }
    }

    /// Begins a frame.
    pub fn begin(&mut self) {
        self.before = std::mem::take(&mut self.now);
    }

    /// Draws `preview` in the middle of `area`. `covers` are the rectangles that will be drawn over it in this same
    /// frame (pop-ups). Returns the cells it takes, or `None` where it cannot be drawn in this frame: it was made for
    /// a larger area, or would have to be sent through a pop-up.
    pub fn paint(&mut self, preview: &Preview, buffer: &mut Buffer, area: Rect, covers: &[Rect]) -> Option<Rect> {
        let encoded = preview.encoded();
        let place = centred(encoded, area.intersection(buffer.area))?;
        let covered: Vec<Rect> =
            covers.iter().map(|cover| cover.intersection(place)).filter(|cover| !cover.is_empty()).collect();
        let same = self.before.iter().position(|shown| shown.preview == *preview && shown.place == place);
        let shown = same.map(|same| self.before.swap_remove(same));

        let first = Rect { width: 1, height: 1, ..place };
        let first_is_covered = covered.iter().any(|cover| cover.intersects(first));
        let must_wait = match &encoded.drawing {
            // Sent with the first cell, and never again: that cell must reach the terminal.
            Drawing::Placeholders(_, upload) => !upload.is_sent() && first_is_covered,
            // Sending would draw over pop-up cells that did not change and so are not written again.
            Drawing::Sent(_) => shown.is_none() && !covered.is_empty(),
            Drawing::Blocks(_) | Drawing::Placed(_) => false,
        };
        if must_wait {
            return None;
        }

        let mut shown = shown.unwrap_or_else(|| Shown {
            preview: preview.clone(),
            place,
            covered: Vec::new(),
            damaged: false,
            odd_sending: false,
        });
        match &encoded.drawing {
            Drawing::Sent(sent) => {
                Image::new(sent).render(place, buffer);
                shown.damaged |= shown.covered.iter().any(|before| !covered.contains(before));
                if shown.damaged && covered.is_empty() {
                    shown.damaged = false;
                    shown.odd_sending = !shown.odd_sending;
                }
                seal(buffer, place, shown.odd_sending);
            }
            Drawing::Placeholders(kitty, upload) => {
                Image::new(kitty).render(place, buffer);
                upload.mark_sent();
                say_where(buffer, place, &covered);
            }
            Drawing::Blocks(blocks) => {
                Image::new(blocks).render(place, buffer);
                if !encoded.true_colour {
                    reduce_colours(buffer, place);
                }
            }
            Drawing::Placed(_) => {}
        }
        shown.covered = covered;
        self.now.push(shown);
        Some(place)
    }

    /// Ends a frame: what the terminal must be sent right after it.
    #[must_use]
    pub fn end(&mut self) -> String {
        self.before.clear();
        let placed = self.now.iter().filter(|shown| shown.preview.encoded().drawing.payload().is_some());
        let wanted: Vec<Want> = placed
            .map(|shown| Want { preview: shown.preview.clone(), place: shown.place, open: shown.covered.is_empty() })
            .collect();
        let mut commands = String::new();
        self.placements.follow(&wanted, &mut commands);
        self.delete(&self.uploads.take_discarded(), &mut commands);
        commands
    }

    /// Takes leave of the terminal: what makes it forget every picture it was sent.
    #[must_use]
    pub fn farewell(&mut self) -> String {
        self.before.clear();
        self.now.clear();
        let mut commands = String::new();
        self.placements.clear(&mut commands);
        self.delete(&self.uploads.take_all(), &mut commands);
        commands
    }

    /// Has the terminal delete pictures behind placeholders.
    fn delete(&self, ids: &[u32], commands: &mut String) {
        let (start, escape, end) = if self.tmux { ("\x1bPtmux;", "\x1b\x1b", "\x1b\\") } else { ("", "\x1b", "") };
        for id in ids {
            // d=I: the picture and its data. q=2: no reply. Writing into a string cannot fail.
            let _ = write!(commands, "{start}{escape}_Ga=d,d=I,i={id},q=2{escape}\\{end}");
        }
    }
}

fn centred(encoded: &Encoded, area: Rect) -> Option<Rect> {
    let (width, height) = (encoded.cells.columns, encoded.cells.rows);
    let x = area.x + area.width.checked_sub(width)? / 2;
    let y = area.y + area.height.checked_sub(height)? / 2;
    Some(Rect { x, y, width, height })
}

/// Gives the cells to the right of a pop-up their own coordinates. A placeholder without continues its left neighbour,
/// which is now a letter of the pop-up.
fn say_where(buffer: &mut Buffer, place: Rect, covered: &[Rect]) {
    for cover in covered.iter().filter(|cover| cover.right() < place.right()) {
        for y in cover.top()..cover.bottom() {
            // placeholder, row, column, highest byte of the id
            let leftmost: Vec<char> = buffer[(place.x, y)].symbol().chars().rev().take(4).collect();
            let column = COUNTING_MARKS.get(usize::from(cover.right() - place.x));
            if let (&[highest, _, row, placeholder], Some(&column)) = (&leftmost[..], column) {
                let symbol: String = [placeholder, row, column, highest].iter().collect();
                buffer[(cover.right(), y)].set_symbol(&symbol);
            }
        }
    }
}

/// The combining characters kitty counts rows and columns with, as ratatui-image writes them down the rows of a picture
/// one cell wide.
static COUNTING_MARKS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let size = Size::new(1, 297);
    let Ok(ruler) = Kitty::new(DynamicImage::new_rgb8(1, 1), size, 1, false, false) else { return Vec::new() };
    let area = Rect::new(0, 0, size.width, size.height);
    let mut buffer = Buffer::empty(area);
    Image::new(&Drawn::Kitty(ruler)).render(area, &mut buffer);
    // The third character from the end: row, column, highest byte of the id.
    buffer.content.iter().filter_map(|cell| cell.symbol().chars().nth_back(2)).collect()
});

/// Completes the first cell of a picture that is sent as one escape sequence. The terminal's cursor is put where
/// ratatui believes it to be: one cell on. And a picture to be sent again becomes another text: ratatui writes only
/// cells that changed.
fn seal(buffer: &mut Buffer, place: Rect, odd_sending: bool) {
    const SAVE_CURSOR: &str = "\x1b7";
    const RESTORE_CURSOR_AND_STEP: &str = "\x1b8\x1b[1C";
    const NO_ATTRIBUTES: &str = "\x1b[m";
    let cell = &mut buffer[(place.x, place.y)];
    let again = if odd_sending { NO_ATTRIBUTES } else { "" };
    let symbol = format!("{SAVE_CURSOR}{}{RESTORE_CURSOR_AND_STEP}{again}", cell.symbol());
    cell.set_symbol(&symbol);
    debug_assert!(!matches!(cell.diff_option, CellDiffOption::Skip), "the cell that carries the picture is written");
}

/// The nearest of the 256 colours, for terminals that show no others.
fn reduce_colours(buffer: &mut Buffer, place: Rect) {
    for position in place.positions() {
        let cell = &mut buffer[position];
        cell.fg = nearest_indexed(cell.fg);
        cell.bg = nearest_indexed(cell.bg);
    }
}

/// In the 6×6×6 cube (16–231) or the greys (232–255) of the palette every 256-colour terminal has from xterm.
fn nearest_indexed(colour: Color) -> Color {
    const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let Color::Rgb(red, green, blue) = colour else { return colour };
    let step = |value: u8| (0..6_u8).min_by_key(|&step| CUBE[usize::from(step)].abs_diff(value)).unwrap_or(0);
    let distance = |[r, g, b]: [u8; 3]| {
        [(r, red), (g, green), (b, blue)].iter().map(|&(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum::<u32>()
    };
    let [r, g, b] = [red, green, blue].map(step);
    let cube = [r, g, b].map(|step| CUBE[usize::from(step)]);
    let mean = (u16::from(red) + u16::from(green) + u16::from(blue)) / 3;
    // The 24 greys are 8, 18, … 238.
    let grey = u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(23);
    if distance([8 + 10 * grey; 3]) < distance(cube) {
        Color::Indexed(232 + grey)
    } else {
        Color::Indexed(16 + 36 * r + 6 * g + b)
    }
}

#[cfg(test)]
mod tests;
