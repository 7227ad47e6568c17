//! What the terminal can draw, and the operator's say in it.

use std::str::FromStr;

use super::fit::{CellArea, CellSize, pixels};
use super::zoom::Shot;

/// A way to put pixels on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The kitty graphics protocol.
    Kitty,
    /// iTerm2's inline images.
    Iterm,
    /// DEC sixel graphics.
    Sixel,
    /// Half blocks: two coloured pixels a cell, in any terminal.
    Blocks,
}

/// The operator's `--image-protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProtocolChoice {
    /// The best the terminal says it can do.
    #[default]
    Auto,
    /// This one, whatever the terminal says.
    Only(Protocol),
    /// No pictures.
    None,
}

/// A protocol name nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown image protocol: choose auto, kitty, iterm, sixel, blocks or none")]
pub struct UnknownProtocol;

impl FromStr for ProtocolChoice {
    type Err = UnknownProtocol;

    fn from_str(name: &str) -> Result<Self, UnknownProtocol> {
        match name {
            "auto" => Ok(Self::Auto),
            "kitty" => Ok(Self::Only(Protocol::Kitty)),
            "iterm" => Ok(Self::Only(Protocol::Iterm)),
            "sixel" => Ok(Self::Only(Protocol::Sixel)),
            "blocks" => Ok(Self::Only(Protocol::Blocks)),
            "none" => Ok(Self::None),
            _ => Err(UnknownProtocol),
        }
    }
}

/// What is known of the terminal's pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How a picture is drawn in a pane, among text.
    pub protocol: Protocol,
    /// How a picture is printed at the cursor, where nothing is drawn over it. Some terminals can do more here.
    pub printing: Protocol,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// The ground text is drawn on, where the terminal tells: red, green, blue.
    pub background: Option<[u8; 3]>,
    /// Name and version, where the terminal tells.
    pub terminal: Option<String>,
    /// Whether the kitty protocol's placeholder characters are understood. Where they are not, pictures are laid over
    /// the text.
    pub placeholders: bool,
    /// Whether pictures must be wrapped to pass through tmux.
    pub tmux: bool,
    /// Whether 24-bit colours are shown as they are.
    pub true_colour: bool,
    /// The largest sixel picture, in pixels, where the terminal tells.
    pub largest_sixel: Option<(u16, u16)>,
}

impl Capabilities {
    /// The floor: half blocks. What holds for a terminal that says nothing.
    #[must_use]
    pub const fn floor() -> Self {
        Self {
            protocol: Protocol::Blocks,
            printing: Protocol::Blocks,
            cell: CellSize::USUAL,
            background: None,
            terminal: None,
            placeholders: true,
            tmux: false,
            true_colour: true,
            largest_sixel: None,
        }
    }

    /// What is left after the operator's choice; `None` for no pictures at all.
    #[must_use]
    pub fn chosen(self, choice: ProtocolChoice) -> Option<Self> {
        match choice {
            ProtocolChoice::Auto => Some(self),
            ProtocolChoice::Only(protocol) => Some(Self { protocol, printing: protocol, ..self }),
            ProtocolChoice::None => None,
        }
    }

    /// The part of `room` that `protocol` can fill.
    pub(crate) fn reach(&self, protocol: Protocol, room: CellArea) -> CellArea {
        // Kitty counts rows and columns in diacritics; its table has 297:
        // https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
        const KITTY_CELLS: u16 = 297;
        // No screen has more; a slip of the keyboard after `--width` must not ask for gigabytes.
        const COLUMNS: u16 = 1000;
        const ROWS: u16 = 500;
        let (columns, rows) = match (protocol, self.largest_sixel) {
            (Protocol::Kitty, _) if self.placeholders => (KITTY_CELLS, KITTY_CELLS),
            (Protocol::Sixel, Some((width, height))) => (width / self.cell.width, height / self.cell.height),
            _ => (COLUMNS, ROWS),
        };
        CellArea { columns: room.columns.min(columns), rows: room.rows.min(rows) }
    }

    /// The box of pixels a picture should fill for a shot.
    pub(crate) fn pixels_for(&self, shot: Shot) -> (u32, u32) {
        let (width, height) = pixels(self.reach(self.protocol, shot.area), self.cell);
        let factor = shot.zoom.factor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "more pixels than exist are all of them"
        )]
        let scaled = |side: u32| (f64::from(side) * factor).round() as u32;
        (scaled(width), scaled(height))
    }

    /// The pixels `protocol` draws in an area of cells.
    pub(crate) fn resolution(&self, protocol: Protocol, area: CellArea) -> (u32, u32) {
        match protocol {
            Protocol::Blocks => (u32::from(area.columns), u32::from(area.rows) * 2),
            _ => pixels(area, self.cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_choice_wins() {
        let kitty = Capabilities { protocol: Protocol::Kitty, ..Capabilities::floor() };
        assert_eq!(kitty.clone().chosen(ProtocolChoice::Auto), Some(kitty.clone()));
        assert_eq!(kitty.clone().chosen("none".parse().unwrap()), None);
        let forced = kitty.chosen("sixel".parse().unwrap()).unwrap();
        assert_eq!((forced.protocol, forced.printing), (Protocol::Sixel, Protocol::Sixel));
        assert_eq!("Kitty".parse::<ProtocolChoice>(), Err(UnknownProtocol));
    }

    #[test]
    fn a_picture_stays_within_what_the_protocol_can_say() {
        let terminal = Capabilities { largest_sixel: Some((1000, 1000)), ..Capabilities::floor() };
        let room = CellArea { columns: 400, rows: 300 };
        assert_eq!(terminal.reach(Protocol::Sixel, room), CellArea { columns: 100, rows: 50 });
        assert_eq!(terminal.reach(Protocol::Kitty, room), CellArea { columns: 297, rows: 297 });
        assert_eq!(terminal.reach(Protocol::Iterm, room), room);
    }
}
