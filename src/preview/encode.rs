//! Pixels to what the terminal is sent: fitted to whole cells, turned upright, laid on a ground, encoded.

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use image::DynamicImage;
use ratatui::layout::Size;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;

use super::PreviewError;
use super::capabilities::{Capabilities, Protocol};
use super::fit::{CellArea, fit, pixels};
use crate::picture::{self, Decoded, PictureInfo, decode, guarded, opaque, plain};

/// How much a small picture is enlarged at most: a thumbnail can be judged, and a dot stays a dot.
pub(super) const ENLARGE: f64 = 4.0;

/// A picture ready to be drawn: fitted to a room of cells and encoded for this terminal. Cloning is cheap.
#[derive(Clone)]
pub struct Preview(Arc<Encoded>);

pub(super) struct Encoded {
    pub protocol: ratatui_image::protocol::Protocol,
    pub cells: CellArea,
    pub true_colour: bool,
    pub upload: Option<Upload>,
    info: PictureInfo,
    bytes: usize,
}

impl Preview {
    /// What the file holds.
    #[must_use]
    pub fn info(&self) -> PictureInfo {
        self.0.info
    }

    /// The cells it is drawn on.
    #[must_use]
    pub fn cells(&self) -> CellArea {
        self.0.cells
    }

    pub(super) fn encoded(&self) -> &Encoded {
        &self.0
    }

    /// Roughly the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes
    }
}

impl PartialEq for Preview {
    /// Two are equal when they are the same encoding.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Preview {}

impl fmt::Debug for Preview {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Preview").field("info", &self.0.info).field("cells", &self.0.cells).finish()
    }
}

/// Ids of pictures a kitty terminal still holds though nothing here will draw them again.
#[derive(Clone, Default)]
pub(super) struct Discarded(Arc<Mutex<Vec<u32>>>);

impl Discarded {
    pub fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A picture's copy in a kitty terminal. When the last user is gone the copy is to be deleted.
pub(super) struct Upload {
    id: u32,
    sent: AtomicBool,
    discarded: Discarded,
}

impl Upload {
    fn new(discarded: &Discarded) -> Self {
        // Other programs in the same window number their pictures too: start anywhere, then count.
        static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
            let random = RandomState::new().hash_one(()) >> 32;
            AtomicU32::new(u32::try_from(random).unwrap_or(1))
        });
        let id = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        Self { id, sent: AtomicBool::new(false), discarded: discarded.clone() }
    }

    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn mark_sent(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_sent() {
            self.discarded.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.id);
        }
    }
}

/// Reads, decodes and encodes the picture at `path` for a room of cells, on the calling thread.
///
/// # Errors
/// Why there is nothing to see.
pub fn prepare(path: &Path, room: CellArea, terminal: &Capabilities) -> Result<Preview, PreviewError> {
    let room = terminal.reach(terminal.protocol, room);
    let decoded = decode(&picture::read(path)?, pixels(room, terminal.cell))?;
    let cells = cells_for(&decoded, room, terminal)?;
    encode(resize(&decoded, cells, terminal.protocol, terminal)?, cells, decoded.info, terminal, &Discarded::default())
}

/// The cells a decoded picture takes in `room`.
pub(super) fn cells_for(decoded: &Decoded, room: CellArea, terminal: &Capabilities) -> Result<CellArea, PreviewError> {
    let size = (decoded.info.width, decoded.info.height);
    fit(size, terminal.reach(terminal.protocol, room), terminal.cell, ENLARGE)
        .ok_or_else(|| PreviewError::Encode("there is no room".to_owned()))
}

/// The pixels `protocol` needs for `cells`: resized, upright, opaque.
pub(crate) fn resize(
    decoded: &Decoded,
    cells: CellArea,
    protocol: Protocol,
    terminal: &Capabilities,
) -> Result<DynamicImage, PreviewError> {
    // One square of the checker behind transparent pictures is about a cell wide.
    let square = if protocol == Protocol::Blocks { 2 } else { u32::from(terminal.cell.width) };
    let size = terminal.resolution(protocol, cells);
    guarded(
        || {
            let resized = decoded.resized(size).map_err(|error| encode_error(&error))?;
            Ok(if resized.color().has_alpha() { on_checker(&resized, square) } else { resized.into_rgb8().into() })
        },
        PreviewError::Encode,
    )
}

/// Lays a picture with transparent parts on a checker in two greys that neither black nor white vanishes on.
fn on_checker(picture: &DynamicImage, square: u32) -> DynamicImage {
    const GREYS: [u8; 2] = [0xb4, 0x90];
    let square = square.max(1);
    opaque(picture, |x, y| GREYS[((x / square + y / square) % 2) as usize]).into()
}

/// Encodes pixels made by [`resize`].
pub(super) fn encode(
    picture: DynamicImage,
    cells: CellArea,
    info: PictureInfo,
    terminal: &Capabilities,
    discarded: &Discarded,
) -> Result<Preview, PreviewError> {
    use ratatui_image::protocol::Protocol as Drawn;
    let size = Size::new(cells.columns, cells.rows);
    let pixels = picture.width() as usize * picture.height() as usize;
    let upload = (terminal.protocol == Protocol::Kitty).then(|| Upload::new(discarded));
    let protocol = guarded(
        || {
            match (terminal.protocol, &upload) {
                (Protocol::Kitty, Some(upload)) => {
                    Kitty::new(picture, size, upload.id, terminal.tmux, false).map(Drawn::Kitty)
                }
                (Protocol::Iterm, _) => Iterm2::new(picture, size, terminal.tmux).map(Drawn::ITerm2),
                (Protocol::Sixel, _) => Sixel::new(picture, size, terminal.tmux).map(Drawn::Sixel),
                (Protocol::Blocks | Protocol::Kitty, _) => Halfblocks::new(picture, size).map(Drawn::Halfblocks),
            }
            .map_err(|error| encode_error(&error))
        },
        PreviewError::Encode,
    )?;
    let bytes = match &protocol {
        Drawn::Sixel(sixel) => sixel.data.len(),
        Drawn::ITerm2(iterm) => iterm.data.len(),
        // Four bytes a pixel, four letters for three bytes.
        Drawn::Kitty(_) => pixels * 4 / 3 * 4,
        Drawn::Halfblocks(_) => pixels * 6,
    };
    let true_colour = terminal.true_colour;
    Ok(Preview(Arc::new(Encoded { protocol, cells, true_colour, upload, info, bytes })))
}

/// The escape sequence that prints a picture at the cursor and leaves the cursor where it was, for the protocols that
/// have one: sixel and iTerm2.
pub(crate) fn inline(
    picture: DynamicImage,
    cells: CellArea,
    protocol: Protocol,
) -> Result<Option<String>, PreviewError> {
    let size = Size::new(cells.columns, cells.rows);
    guarded(
        || {
            match protocol {
                Protocol::Sixel => Sixel::new(picture, size, false).map(|sixel| Some(sixel.data)),
                Protocol::Iterm => Iterm2::new(picture, size, false).map(|iterm| Some(iterm.data)),
                Protocol::Kitty | Protocol::Blocks => Ok(None),
            }
            .map_err(|error| encode_error(&error))
        },
        PreviewError::Encode,
    )
}

fn encode_error(error: &dyn fmt::Display) -> PreviewError {
    PreviewError::Encode(plain(error))
}
