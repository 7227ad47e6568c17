//! Pixels to what the terminal is sent: fitted to whole cells, turned upright, laid on a ground, encoded.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use image::DynamicImage;
use ratatui::layout::Size;
use ratatui_image::protocol::Protocol as Drawn;
use ratatui_image::protocol::halfblocks::Halfblocks;
use ratatui_image::protocol::iterm2::Iterm2;
use ratatui_image::protocol::kitty::Kitty;
use ratatui_image::protocol::sixel::Sixel;

use super::PreviewError;
use super::capabilities::{Capabilities, Protocol};
use super::fit::CellArea;
use super::painter::Payload;
use super::zoom::{Framing, Seen, Shot};
use crate::picture::{self, Decoded, PictureInfo, decode, guarded, opaque, plain};

/// A picture ready to be drawn: fitted to a room of cells and encoded for this terminal. Cloning is cheap.
#[derive(Clone)]
pub struct Preview(Arc<Encoded>);

pub(super) struct Encoded {
    pub drawing: Drawing,
    pub cells: CellArea,
    pub true_colour: bool,
    info: PictureInfo,
    bytes: usize,
}

/// How a picture gets on the screen.
pub(super) enum Drawing {
    /// Text.
    Blocks(Drawn),
    /// An escape sequence that goes with the first cell (sixel, iTerm2).
    Sent(Drawn),
    /// Characters that stand for a picture the terminal keeps.
    Placeholders(Drawn, Upload),
    /// Laid over the text.
    Placed(Payload),
}

impl Drawing {
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Placed(payload) => Some(payload),
            Self::Blocks(_) | Self::Sent(_) | Self::Placeholders(..) => None,
        }
    }
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

/// Which pictures a kitty terminal holds, by their ids.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    wanted: HashSet<u32>,
    discarded: Vec<u32>,
}

impl Uploads {
    /// Those that nothing here will draw again.
    pub fn take_discarded(&self) -> Vec<u32> {
        std::mem::take(&mut self.held().discarded)
    }

    /// All of them.
    pub fn take_all(&self) -> Vec<u32> {
        let mut held = self.held();
        let mut all = std::mem::take(&mut held.discarded);
        all.extend(held.wanted.drain());
        all
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A picture's copy in a kitty terminal. When the last user is gone the copy is to be deleted.
pub(super) struct Upload {
    id: u32,
    sent: AtomicBool,
    uploads: Uploads,
}

impl Upload {
    fn new(uploads: &Uploads) -> Self {
        static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(some_id()));
        let id = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        Self { id, sent: AtomicBool::new(false), uploads: uploads.clone() }
    }

    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn mark_sent(&self) {
        if !self.sent.swap(true, Ordering::Relaxed) {
            self.uploads.held().wanted.insert(self.id);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut held = self.uploads.held();
        if held.wanted.remove(&self.id) {
            held.discarded.push(self.id);
        }
    }
}

/// Where to start counting pictures: other programs in the same window number theirs too.
pub(super) fn some_id() -> u32 {
    u32::try_from(RandomState::new().hash_one(()) >> 33).unwrap_or(1).max(1)
}

/// Reads, decodes and encodes the picture at `path` for a room of cells, on the calling thread.
///
/// # Errors
/// Why there is nothing to see.
pub fn prepare(path: &Path, room: CellArea, terminal: &Capabilities) -> Result<Preview, PreviewError> {
    let bytes = picture::read(path)?;
    let shot = Shot::whole(room);
    draw(&decode(&bytes, terminal.pixels_for(shot))?, shot, terminal)
}

/// Resizes and encodes a decoded picture.
pub(super) fn draw(decoded: &Decoded, shot: Shot, terminal: &Capabilities) -> Result<Preview, PreviewError> {
    let seen = seen(decoded, shot, terminal)?;
    let picture = resize(decoded, &seen, terminal.protocol, terminal)?;
    encode(picture, seen.cells, decoded.info, terminal, &Uploads::default())
}

/// What a shot shows of a decoded picture.
pub(super) fn seen(decoded: &Decoded, shot: Shot, terminal: &Capabilities) -> Result<Seen, PreviewError> {
    let room = terminal.reach(terminal.protocol, shot.area);
    let framing = Framing::new((decoded.info.width, decoded.info.height), room, terminal.cell);
    framing.seen(shot.zoom).ok_or_else(|| PreviewError::Encode("there is no room".to_owned()))
}

/// The pixels `protocol` needs for what is seen: resized, upright, opaque.
pub(crate) fn resize(
    decoded: &Decoded,
    seen: &Seen,
    protocol: Protocol,
    terminal: &Capabilities,
) -> Result<DynamicImage, PreviewError> {
    // One square of the checker behind transparent pictures is about a cell wide.
    let square = if protocol == Protocol::Blocks { 2 } else { u32::from(terminal.cell.width) };
    let size = terminal.resolution(protocol, seen.cells);
    resize_part(decoded, (seen.start, seen.size), size, square)
}

/// A part of a picture (where it starts, how large it is) at another size: upright, opaque, on a checker of such squares.
pub(super) fn resize_part(
    decoded: &Decoded,
    (start, part): ((u32, u32), (u32, u32)),
    size: (u32, u32),
    square: u32,
) -> Result<DynamicImage, PreviewError> {
    guarded(
        || {
            let resized = decoded.resized_part(start, part, size).map_err(|error| encode_error(&error))?;
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
    uploads: &Uploads,
) -> Result<Preview, PreviewError> {
    let size = Size::new(cells.columns, cells.rows);
    let pixels = picture.width() as usize * picture.height() as usize;
    let drawing = guarded(
        || {
            match terminal.protocol {
                Protocol::Kitty if terminal.placeholders => {
                    let upload = Upload::new(uploads);
                    Kitty::new(picture, size, upload.id, terminal.tmux, false)
                        .map(|kitty| Drawing::Placeholders(Drawn::Kitty(kitty), upload))
                }
                Protocol::Kitty => Ok(Drawing::Placed(Payload::new(&picture))),
                Protocol::Iterm => {
                    Iterm2::new(picture, size, terminal.tmux).map(|iterm| Drawing::Sent(Drawn::ITerm2(iterm)))
                }
                Protocol::Sixel => {
                    Sixel::new(picture, size, terminal.tmux).map(|sixel| Drawing::Sent(Drawn::Sixel(sixel)))
                }
                Protocol::Blocks => {
                    Halfblocks::new(picture, size).map(|blocks| Drawing::Blocks(Drawn::Halfblocks(blocks)))
                }
            }
            .map_err(|error| encode_error(&error))
        },
        PreviewError::Encode,
    )?;
    let bytes = match &drawing {
        Drawing::Sent(Drawn::Sixel(sixel)) => sixel.data.len(),
        Drawing::Sent(Drawn::ITerm2(iterm)) => iterm.data.len(),
        Drawing::Placed(payload) => payload.bytes(),
        // Four bytes a pixel, four letters for three bytes.
        Drawing::Placeholders(..) | Drawing::Sent(_) => pixels * 4 / 3 * 4,
        Drawing::Blocks(_) => pixels * 6,
    };
    let true_colour = terminal.true_colour;
    Ok(Preview(Arc::new(Encoded { drawing, cells, true_colour, info, bytes })))
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

pub(super) fn encode_error(error: &dyn fmt::Display) -> PreviewError {
    PreviewError::Encode(plain(error))
}
