//! Pictures made ready for the terminal: what the terminal can draw, and the way there from a file, off the screen's
//! thread.
//!
//! [`probe`] asks the terminal once, at start. A [`Previewer`] then turns paths into [`Preview`]s on two threads of its
//! own, and a [`Painter`] puts a `Preview` into a ratatui buffer. Nothing outside this module sees pixels.

mod capabilities;
mod encode;
mod fit;
mod painter;
mod previewer;
mod probe;
mod thumbnails;
mod workers;
mod zoom;

use crate::picture::PictureError;

pub use capabilities::{Capabilities, Protocol, ProtocolChoice, UnknownProtocol};
pub use encode::{Preview, prepare};
pub use fit::{CellArea, CellSize};
pub use painter::Painter;
pub use previewer::{Previewer, Ready};
pub use probe::{Probe, cell_now, probe, tmux_is_in_the_way};
pub use thumbnails::{Thumbnails, thumbnail};
pub use zoom::{Framing, Seen, Shot, Zoom};

pub(crate) use encode::{inline, resize};
pub(crate) use fit::pixels;

/// Why there is no picture to see. The message stands in the picture's place; it holds no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    /// The file is no picture to work with.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The dataset names a path that is not to be opened.
    #[error("not opened: {0}")]
    Refused(String),
    /// The picture could not be put into the terminal's protocol.
    #[error("cannot be drawn in this terminal: {0}")]
    Encode(String),
}
