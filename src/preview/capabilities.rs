//! The terminal's graphics capabilities, and the `--image-protocol` option.

use std::str::FromStr;

use super::fit::{CellArea, CellSize, pixels};
use super::zoom::PictureView;

/// A terminal graphics protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    Kitty,
    /// iTerm2's inline images protocol.
    Iterm,
    Sixel,
    /// Half blocks: two coloured pixels per cell, in any terminal.
    Blocks,
}

/// The value of `--image-protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ProtocolChoice {
    /// The best protocol detected.
    #[default]
    Auto,
    Only(Protocol),
    None,
}

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

/// How the terminal decodes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    /// Each byte is a character, and some are control characters.
    Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// For pictures in a pane, among text that is redrawn.
    pub protocol: Protocol,
    /// For pictures printed at the cursor, with nothing drawn over them. Some terminals support more in this case.
    pub printing: Protocol,
    pub cell: CellSize,
    /// The default background colour (RGB), if the terminal reported it.
    pub background: Option<[u8; 3]>,
    /// Name and version, if the terminal reported them.
    pub terminal: Option<String>,
    /// Supports kitty's Unicode placeholders. Without them, pictures are laid over the text.
    pub placeholders: bool,
    /// Graphics commands need tmux's passthrough sequence around them.
    pub tmux: bool,
    pub true_colour: bool,
    pub charset: Charset,
    /// The largest sixel picture (width and height in pixels), if the terminal reported it.
    pub largest_sixel: Option<(u16, u16)>,
}

impl Capabilities {
    /// Returns the capabilities assumed for a terminal that answers no query: half blocks.
    #[must_use]
    pub const fn minimal() -> Self {
        Self {
            protocol: Protocol::Blocks,
            printing: Protocol::Blocks,
            cell: CellSize::TYPICAL,
            background: None,
            terminal: None,
            placeholders: true,
            tmux: false,
            true_colour: true,
            charset: Charset::Utf8,
            largest_sixel: None,
        }
    }

    /// Applies `--image-protocol`. Returns `None` if pictures are disabled.
    #[must_use]
    pub fn with_choice(self, choice: ProtocolChoice) -> Option<Self> {
        match choice {
            ProtocolChoice::Auto => Some(self),
            ProtocolChoice::Only(protocol) => Some(Self { protocol, printing: protocol, ..self }),
            ProtocolChoice::None => None,
        }
    }

    /// Limits `area` to the largest that `protocol` supports.
    pub(crate) fn max_area(&self, protocol: Protocol, area: CellArea) -> CellArea {
        // Kitty encodes rows and columns as diacritics, of which it defines 297:
        // https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
        const KITTY_CELLS: u16 = 297;
        // Larger than any screen. A typo in `--width` must not allocate gigabytes.
        const COLUMNS: u16 = 1000;
        const ROWS: u16 = 500;
        let (columns, rows) = match (protocol, self.largest_sixel) {
            (Protocol::Kitty, _) if self.placeholders => (KITTY_CELLS, KITTY_CELLS),
            (Protocol::Sixel, Some((width, height))) => (width / self.cell.width, height / self.cell.height),
            _ => (COLUMNS, ROWS),
        };
        CellArea { columns: area.columns.min(columns), rows: area.rows.min(rows) }
    }

    /// Returns the size in pixels that the whole picture should fill for a view.
    pub(crate) fn pixels_for(&self, view: PictureView) -> (u32, u32) {
        let (width, height) = pixels(self.max_area(self.protocol, view.areas.bounds()), self.cell);
        let factor = view.zoom.factor();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, which is at least the size of any picture"
        )]
        let scaled = |side: u32| (f64::from(side) * factor).round() as u32;
        (scaled(width), scaled(height))
    }

    /// Returns the size in pixels at which `protocol` draws an area of cells.
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
    fn the_option_overrides_the_detected_protocol() {
        let kitty = Capabilities { protocol: Protocol::Kitty, ..Capabilities::minimal() };
        assert_eq!(kitty.clone().with_choice(ProtocolChoice::Auto), Some(kitty.clone()));
        assert_eq!(kitty.clone().with_choice("none".parse().unwrap()), None);
        let forced = kitty.with_choice("sixel".parse().unwrap()).unwrap();
        assert_eq!((forced.protocol, forced.printing), (Protocol::Sixel, Protocol::Sixel));
        assert_eq!("Kitty".parse::<ProtocolChoice>(), Err(UnknownProtocol));
    }

    #[test]
    fn the_area_is_limited_by_the_protocol() {
        let terminal = Capabilities { largest_sixel: Some((1000, 1000)), ..Capabilities::minimal() };
        let area = CellArea { columns: 400, rows: 300 };
        assert_eq!(terminal.max_area(Protocol::Sixel, area), CellArea { columns: 100, rows: 50 });
        assert_eq!(terminal.max_area(Protocol::Kitty, area), CellArea { columns: 297, rows: 297 });
        assert_eq!(terminal.max_area(Protocol::Iterm, area), area);
    }
}
