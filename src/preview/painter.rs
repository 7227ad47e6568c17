//! Draws previews into a ratatui buffer, and keeps them intact beside pop-ups and across frames.

mod overlay;

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

use super::encode::{Drawing, Encoded, Preview, Uploads, random_id};
use overlay::{Overlays, Target};

pub(super) use overlay::Payload;

/// Draws previews and tracks the pictures on the screen. Sixel and iTerm2 pictures are sent with the first of their cells and
/// stay until text overwrites them; kitty pictures are uploaded once and then shown with placeholder characters, or laid
/// over the text; half blocks are text. Each interacts with pop-ups in its own way.
///
/// A frame consists of [`Painter::begin`], any number of [`Painter::paint`], and [`Painter::end`].
pub struct Painter {
    uploads: Uploads,
    tmux: bool,
    previous: Vec<Shown>,
    current: Vec<Shown>,
    overlays: Overlays,
}

/// A picture in a frame.
struct Shown {
    preview: Preview,
    area: Rect,
    /// The parts under pop-ups.
    covered: Vec<Rect>,
    /// Has been overwritten by a pop-up that is now closed, and must be sent again.
    damaged: bool,
    /// Flips each time the picture must be sent again.
    resend_parity: bool,
}

impl Painter {
    pub(super) fn new(uploads: Uploads, tmux: bool) -> Self {
        Self { uploads, tmux, previous: Vec::new(), current: Vec::new(), overlays: Overlays::new(random_id()) }
    }

    pub fn begin(&mut self) {
        self.previous = std::mem::take(&mut self.current);
    }

    /// Draws `preview` centred in `area`. `covers` are the pop-ups that will be drawn over it in the same frame. Returns the
    /// rectangle that it occupies, or `None` if it cannot be drawn in this frame, because it is larger than `area` or would
    /// have to be sent while a pop-up covers it.
    pub fn paint(&mut self, preview: &Preview, buffer: &mut Buffer, area: Rect, covers: &[Rect]) -> Option<Rect> {
        let encoded = preview.encoded();
        let target = centred(encoded, area.intersection(buffer.area))?;
        let covered: Vec<Rect> =
            covers.iter().map(|cover| cover.intersection(target)).filter(|cover| !cover.is_empty()).collect();
        let same = self.previous.iter().position(|shown| shown.preview == *preview && shown.area == target);
        let shown = same.map(|same| self.previous.swap_remove(same));

        let first = Rect { width: 1, height: 1, ..target };
        let first_is_covered = covered.iter().any(|cover| cover.intersects(first));
        let must_wait = match &encoded.drawing {
            // Uploaded with the first cell, only once: that cell must reach the terminal.
            Drawing::Placeholders(_, upload) => !upload.is_sent() && first_is_covered,
            // Would overwrite pop-up cells that are unchanged and therefore not written again.
            Drawing::Inline(_) => shown.is_none() && !covered.is_empty(),
            Drawing::Blocks(_) | Drawing::Overlay(_) => false,
        };
        if must_wait {
            return None;
        }

        let mut shown = shown.unwrap_or_else(|| Shown {
            preview: preview.clone(),
            area: target,
            covered: Vec::new(),
            damaged: false,
            resend_parity: false,
        });
        match &encoded.drawing {
            Drawing::Inline(picture) => {
                Image::new(picture).render(target, buffer);
                shown.damaged |= shown.covered.iter().any(|before| !covered.contains(before));
                if shown.damaged && covered.is_empty() {
                    shown.damaged = false;
                    shown.resend_parity = !shown.resend_parity;
                }
                complete_first_cell(buffer, target, shown.resend_parity);
            }
            Drawing::Placeholders(kitty, upload) => {
                Image::new(kitty).render(target, buffer);
                upload.mark_sent();
                set_coordinates(buffer, target, &covered);
            }
            Drawing::Blocks(blocks) => {
                Image::new(blocks).render(target, buffer);
                if !encoded.true_colour {
                    reduce_colours(buffer, target);
                }
            }
            Drawing::Overlay(_) => {}
        }
        shown.covered = covered;
        self.current.push(shown);
        Some(target)
    }

    /// Ends a frame and returns the commands to send to the terminal right after it.
    #[must_use]
    pub fn end(&mut self) -> String {
        self.previous.clear();
        let overlays = self.current.iter().filter(|shown| shown.preview.encoded().drawing.payload().is_some());
        let targets: Vec<Target> = overlays
            .map(|shown| Target { preview: shown.preview.clone(), area: shown.area, visible: shown.covered.is_empty() })
            .collect();
        let mut commands = String::new();
        self.overlays.update(&targets, &mut commands);
        self.delete(&self.uploads.take_discarded(), &mut commands);
        commands
    }

    /// Returns the commands that delete all pictures from the terminal.
    #[must_use]
    pub fn clear_all(&mut self) -> String {
        self.previous.clear();
        self.current.clear();
        let mut commands = String::new();
        self.overlays.clear(&mut commands);
        self.delete(&self.uploads.take_all(), &mut commands);
        commands
    }

    fn delete(&self, ids: &[u32], commands: &mut String) {
        let (start, escape, end) = if self.tmux { ("\x1bPtmux;", "\x1b\x1b", "\x1b\\") } else { ("", "\x1b", "") };
        for id in ids {
            // d=I: delete the picture and its data. q=2: no reply. Writing to a string cannot fail.
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

/// Gives the cells to the right of a pop-up explicit coordinates. A placeholder without coordinates continues its left
/// neighbour, which is now part of the pop-up.
fn set_coordinates(buffer: &mut Buffer, target: Rect, covered: &[Rect]) {
    for cover in covered.iter().filter(|cover| cover.right() < target.right()) {
        for y in cover.top()..cover.bottom() {
            // placeholder, row, column, highest byte of the id
            let leftmost: Vec<char> = buffer[(target.x, y)].symbol().chars().rev().take(4).collect();
            let column = DIACRITICS.get(usize::from(cover.right() - target.x));
            if let (&[highest, _, row, placeholder], Some(&column)) = (&leftmost[..], column) {
                let symbol: String = [placeholder, row, column, highest].iter().collect();
                buffer[(cover.right(), y)].set_symbol(&symbol);
            }
        }
    }
}

/// The combining characters that encode rows and columns in kitty's placeholders, extracted from ratatui-image's output
/// for a picture one cell wide.
static DIACRITICS: LazyLock<Vec<char>> = LazyLock::new(|| {
    let size = Size::new(1, 297);
    let Ok(ruler) = Kitty::new(DynamicImage::new_rgb8(1, 1), size, 1, false, false) else { return Vec::new() };
    let area = Rect::new(0, 0, size.width, size.height);
    let mut buffer = Buffer::empty(area);
    Image::new(&Drawn::Kitty(ruler)).render(area, &mut buffer);
    // The third character from the end: row, column, highest byte of the id.
    buffer.content.iter().filter_map(|cell| cell.symbol().chars().nth_back(2)).collect()
});

/// Wraps the first cell of a picture that is sent as one escape sequence. Moves the cursor to where ratatui expects it, one
/// cell to the right. Alternates an ineffective suffix when the picture must be sent again, because ratatui writes only
/// changed cells.
fn complete_first_cell(buffer: &mut Buffer, target: Rect, resend_parity: bool) {
    const SAVE_CURSOR: &str = "\x1b7";
    const RESTORE_CURSOR_AND_STEP: &str = "\x1b8\x1b[1C";
    const NO_ATTRIBUTES: &str = "\x1b[m";
    let cell = &mut buffer[(target.x, target.y)];
    let suffix = if resend_parity { NO_ATTRIBUTES } else { "" };
    let symbol = format!("{SAVE_CURSOR}{}{RESTORE_CURSOR_AND_STEP}{suffix}", cell.symbol());
    cell.set_symbol(&symbol);
    debug_assert!(!matches!(cell.diff_option, CellDiffOption::Skip), "the cell with the picture is written");
}

/// Replaces colours by the nearest of the 256-colour palette, for terminals without true colour.
fn reduce_colours(buffer: &mut Buffer, target: Rect) {
    for position in target.positions() {
        let cell = &mut buffer[position];
        cell.fg = nearest_indexed(cell.fg);
        cell.bg = nearest_indexed(cell.bg);
    }
}

/// Returns the nearest colour in the 6×6×6 cube (16–231) or the greys (232–255) of xterm's palette, which all 256-colour
/// terminals share.
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
