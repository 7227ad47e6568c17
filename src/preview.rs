//! Picture previews in the terminal.
//!
//! [`probe`] queries the terminal's capabilities once, at startup. A [`Previewer`] decodes, resizes and encodes files to
//! [`Preview`]s on a worker pool, and a [`Painter`] draws them into a ratatui buffer. No other module handles pixels.

mod capabilities;
mod encode;
mod fit;
mod painter;
mod previewer;
mod probe;
mod shape;
mod thumbnails;
mod worker_pool;
mod zoom;

use crate::picture::PictureError;

pub use capabilities::{Capabilities, Charset, Protocol, ProtocolChoice, UnknownProtocol};
pub use encode::{Preview, prepare};
pub use fit::{CellArea, CellSize};
pub use painter::Painter;
pub use previewer::{Previewer, Ready};
pub use probe::{Probe, Surroundings, current_cell_size, probe, tmux_blocks_passthrough};
pub use shape::{Areas, Shape};
pub use thumbnails::{Thumbnails, thumbnail};
pub use zoom::{Crop, Framing, PictureView, Zoom};

pub(crate) use encode::{inline, inline_file, resize_if_large};
pub(crate) use fit::pixels;

/// The message is shown in place of the picture and contains no control characters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreviewError {
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The path in the dataset is outside the allowed folder.
    #[error("not opened: {0}")]
    Refused(String),
    #[error("cannot be drawn in this terminal: {0}")]
    Encode(String),
}
