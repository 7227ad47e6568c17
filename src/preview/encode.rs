//! Encodes pictures for the terminal: resized to whole cells, upright, opaque, in the terminal's protocol.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use image::DynamicImage;
use image::metadata::Orientation;
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
use super::zoom::{Crop, Framing, PictureView};
use crate::picture::{self, Decoded, PictureFormat, PictureInfo, catch_panic, clean_message, decode, opaque};

/// A picture resized to an area of cells and encoded for this terminal. Cheap to clone.
#[derive(Clone)]
pub struct Preview(Arc<Encoded>);

pub(super) struct Encoded {
    pub drawing: Drawing,
    pub cells: CellArea,
    pub true_colour: bool,
    info: PictureInfo,
    bytes: usize,
}

/// How a picture gets to the screen.
pub(super) enum Drawing {
    /// As text.
    Blocks(Drawn),
    /// As an escape sequence in the first cell (sixel, iTerm2).
    Inline(Drawn),
    /// As placeholder characters that refer to a picture uploaded to the terminal.
    Placeholders(Drawn, Upload),
    /// Laid over the text.
    Overlay(Payload),
}

impl Drawing {
    pub fn payload(&self) -> Option<&Payload> {
        match self {
            Self::Overlay(payload) => Some(payload),
            Self::Blocks(_) | Self::Inline(_) | Self::Placeholders(..) => None,
        }
    }
}

impl Preview {
    /// Returns the format and size of the file.
    #[must_use]
    pub fn info(&self) -> PictureInfo {
        self.0.info
    }

    /// Returns the area that it is drawn on.
    #[must_use]
    pub fn cells(&self) -> CellArea {
        self.0.cells
    }

    pub(super) fn encoded(&self) -> &Encoded {
        &self.0
    }

    /// Returns its approximate memory use.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes
    }
}

impl PartialEq for Preview {
    /// Compares by identity.
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

/// The IDs of the pictures that a kitty terminal stores.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    in_use: HashSet<u32>,
    discarded: Vec<u32>,
}

impl Uploads {
    /// Takes the IDs that are no longer in use.
    pub fn take_discarded(&self) -> Vec<u32> {
        std::mem::take(&mut self.stored().discarded)
    }

    /// Takes all IDs.
    pub fn take_all(&self) -> Vec<u32> {
        let mut stored = self.stored();
        let mut all = std::mem::take(&mut stored.discarded);
        all.extend(stored.in_use.drain());
        all
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A picture stored in a kitty terminal. Dropping it marks the picture for deletion.
pub(super) struct Upload {
    id: u32,
    sent: AtomicBool,
    uploads: Uploads,
}

impl Upload {
    fn new(uploads: &Uploads) -> Self {
        static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(random_id()));
        let id = NEXT.fetch_add(1, Ordering::Relaxed).max(1);
        Self { id, sent: AtomicBool::new(false), uploads: uploads.clone() }
    }

    pub fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn mark_sent(&self) {
        if !self.sent.swap(true, Ordering::Relaxed) {
            self.uploads.stored().in_use.insert(self.id);
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut stored = self.uploads.stored();
        if stored.in_use.remove(&self.id) {
            stored.discarded.push(self.id);
        }
    }
}

/// Returns a random first ID, because other programs in the same window upload pictures too.
pub(super) fn random_id() -> u32 {
    u32::try_from(RandomState::new().hash_one(()) >> 33).unwrap_or(1).max(1)
}

/// Reads, decodes and encodes the picture at `path` for an area of cells, on the calling thread.
///
/// # Errors
///
/// Returns an error if the file is unusable or cannot be encoded.
pub fn prepare(path: &Path, area: CellArea, terminal: &Capabilities) -> Result<Preview, PreviewError> {
    let bytes = picture::read(path)?;
    let view = PictureView::fit(area);
    draw(&decode(&bytes, terminal.pixels_for(view))?, view, terminal)
}

/// Resizes and encodes a decoded picture.
pub(super) fn draw(decoded: &Decoded, view: PictureView, terminal: &Capabilities) -> Result<Preview, PreviewError> {
    let crop = crop(decoded, view, terminal)?;
    let picture = resize(decoded, &crop, terminal.protocol, terminal)?;
    encode(picture, crop.cells, decoded.info, terminal, &Uploads::default())
}

/// Returns the part of a picture that a view shows.
pub(super) fn crop(decoded: &Decoded, view: PictureView, terminal: &Capabilities) -> Result<Crop, PreviewError> {
    let picture = (decoded.info.width, decoded.info.height);
    let area = terminal.max_area(terminal.protocol, view.areas.of(picture));
    let framing = Framing::new(picture, area, terminal.cell);
    framing.crop(view.zoom).ok_or_else(|| PreviewError::Encode("no space for it".to_owned()))
}

/// Resizes a crop to the pixels that `protocol` needs: upright and opaque.
pub(super) fn resize(
    decoded: &Decoded,
    crop: &Crop,
    protocol: Protocol,
    terminal: &Capabilities,
) -> Result<DynamicImage, PreviewError> {
    // A square of the checkerboard behind transparent pictures is about a cell wide.
    let square = if protocol == Protocol::Blocks { 2 } else { u32::from(terminal.cell.width) };
    let size = terminal.resolution(protocol, crop.cells);
    resize_part(decoded, (crop.start, crop.size), size, square)
}

/// Like [`resize`], but leaves a picture of few pixels to the terminal to scale.
pub(crate) fn resize_if_large(
    decoded: &Decoded,
    crop: &Crop,
    protocol: Protocol,
    terminal: &Capabilities,
) -> Result<DynamicImage, PreviewError> {
    /// More take longer to send than to resize.
    const MOST: u64 = 1_500_000;
    let (width, height) = decoded.upright();
    let is_whole = crop.size == (decoded.info.width, decoded.info.height);
    if protocol == Protocol::Kitty && is_whole && u64::from(width) * u64::from(height) <= MOST {
        return resize_part(decoded, (crop.start, crop.size), (width, height), u32::from(terminal.cell.width));
    }
    resize(decoded, crop, protocol, terminal)
}

/// Returns the escape sequence that prints an image file at the cursor in an area of cells (iTerm2), or `None` if the terminal
/// may show it differently: it is large, damaged, rotated, in other colours or not JPEG.
pub(crate) fn inline_file(bytes: &[u8], decoded: &Decoded, cells: CellArea) -> Option<String> {
    const LARGEST: usize = 1_000_000;
    let is_plain = decoded.orientation == Orientation::NoTransforms && decoded.is_srgb && decoded.info.damage.is_none();
    if decoded.info.format != PictureFormat::Jpeg || !is_plain || bytes.len() > LARGEST {
        return None;
    }
    let CellArea { columns, rows } = cells;
    let (size, data) = (bytes.len(), BASE64_STANDARD.encode(bytes));
    let options = format!("inline=1;size={size};width={columns};height={rows};preserveAspectRatio=0;doNotMoveCursor=1");
    Some(format!("\x1b]1337;File={options}:{data}\x07"))
}

/// Resizes a part of a picture, given by start and size: upright, opaque, on a checkerboard with squares of this size.
pub(super) fn resize_part(
    decoded: &Decoded,
    (start, part): ((u32, u32), (u32, u32)),
    size: (u32, u32),
    square: u32,
) -> Result<DynamicImage, PreviewError> {
    catch_panic(
        || {
            let resized = decoded.resized_part(start, part, size).map_err(|error| encode_error(&error))?;
            Ok(if resized.color().has_alpha() { on_checkerboard(&resized, square) } else { resized.into_rgb8().into() })
        },
        PreviewError::Encode,
    )
}

/// Composites a picture over a checkerboard in two greys, against which both black and white are visible.
fn on_checkerboard(picture: &DynamicImage, square: u32) -> DynamicImage {
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
    let drawing = catch_panic(
        || {
            match terminal.protocol {
                Protocol::Kitty if terminal.placeholders => {
                    let upload = Upload::new(uploads);
                    Kitty::new(picture, size, upload.id, terminal.tmux, false)
                        .map(|kitty| Drawing::Placeholders(Drawn::Kitty(kitty), upload))
                }
                Protocol::Kitty => Ok(Drawing::Overlay(Payload::new(&picture))),
                Protocol::Iterm => {
                    Iterm2::new(picture, size, terminal.tmux).map(|iterm| Drawing::Inline(Drawn::ITerm2(iterm)))
                }
                Protocol::Sixel => {
                    Sixel::new(picture, size, terminal.tmux).map(|sixel| Drawing::Inline(Drawn::Sixel(sixel)))
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
        Drawing::Inline(Drawn::Sixel(sixel)) => sixel.data.len(),
        Drawing::Inline(Drawn::ITerm2(iterm)) => iterm.data.len(),
        Drawing::Overlay(payload) => payload.bytes(),
        // Four bytes per pixel, four base64 characters for three bytes.
        Drawing::Placeholders(..) | Drawing::Inline(_) => pixels * 4 / 3 * 4,
        Drawing::Blocks(_) => pixels * 6,
    };
    let true_colour = terminal.true_colour;
    Ok(Preview(Arc::new(Encoded { drawing, cells, true_colour, info, bytes })))
}

/// Returns the escape sequence that prints a picture at the cursor without moving the cursor, or `None` for protocols
/// other than sixel and iTerm2.
pub(crate) fn inline(
    picture: DynamicImage,
    cells: CellArea,
    protocol: Protocol,
) -> Result<Option<String>, PreviewError> {
    let size = Size::new(cells.columns, cells.rows);
    catch_panic(
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
    PreviewError::Encode(clean_message(error))
}
