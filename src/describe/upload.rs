//! The picture as a service is sent it: in a format it takes, upright, and no larger than its model can use.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;

use super::catalogue::UploadLimits;
use crate::picture::{
    self, ByteCache, Decoded, PictureFormat, Stamp, UnusablePicture, decode, guarded, opaque, plain, read,
};

/// The qualities a JPEG is tried at, until it fits. At the first, loss is hard to see; below the last, a smaller picture
/// shows more than a coarser one.
const QUALITIES: [u8; 5] = [90, 80, 70, 60, 50];

/// The formats Amazon Bedrock takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UploadFormat {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
}

impl UploadFormat {
    /// The format of a file that can be sent as it is.
    const fn of(format: PictureFormat) -> Option<Self> {
        match format {
            PictureFormat::Png => Some(Self::Png),
            PictureFormat::Jpeg => Some(Self::Jpeg),
            PictureFormat::Gif => Some(Self::Gif),
            PictureFormat::WebP => Some(Self::WebP),
            PictureFormat::Bmp | PictureFormat::Tiff | PictureFormat::Avif => None,
        }
    }
}

/// A picture ready to be sent. Cloning is cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// The file.
    pub bytes: Arc<[u8]>,
    /// What kind of file it is.
    pub format: UploadFormat,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Upload {
    /// The tokens the picture is expected to count for.
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        tokens(self.width, self.height)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, format, width, height } = self;
        write!(formatter, "Upload({format:?} {width}×{height}, {} bytes)", bytes.len())
    }
}

/// The tokens a picture of this size is expected to count for: one for 750 pixels, by Anthropic's documentation of
/// vision.
#[must_use]
pub const fn tokens(width: u32, height: u32) -> u64 {
    (width as u64 * height as u64).div_ceil(750)
}

/// Why a picture cannot be sent. The message names the file and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The file is no picture to work with.
    #[error(transparent)]
    Unusable(#[from] UnusablePicture),
    /// Even one pixel takes more bytes than the limit.
    #[error("{}: no picture fits into {limit} bytes (set picture-bytes of this model higher)", path.display())]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// The most bytes the model takes.
        limit: usize,
    },
    /// The picture cannot be written as a JPEG.
    #[error("{}: cannot be made smaller: {reason} (shrink the picture, then regenerate)", path.display())]
    NotWritten {
        /// The file.
        path: PathBuf,
        /// The encoder's words.
        reason: String,
    },
}

/// Reads the picture at `path` and makes it fit, on the calling thread: tens of milliseconds for a large one. A file that
/// fits already is sent as it is, byte for byte, with the data about its making that are in it; but not unless it can be
/// decoded, since a broken one would be paid for too. All others become a JPEG: turned upright, scaled down, of an
/// animation the first frame, and with white behind what is transparent, as on most pages.
///
/// # Errors
///
/// If there is no picture, or it cannot be made to fit.
pub fn prepare(path: &Path, limits: &UploadLimits) -> Result<Upload, UploadError> {
    let edge = limits.long_edge.min(limits.longest_side);
    let bytes = read(path).map_err(|error| error.at(path))?;
    let decoded = decode(&bytes, (edge, edge)).map_err(|error| error.at(path))?;
    let (width, height) = (decoded.info.width, decoded.info.height);
    let fits = within((width, height), edge) == (width, height)
        && decoded.orientation == Orientation::NoTransforms
        && bytes.len() <= limits.bytes;
    match UploadFormat::of(decoded.info.format) {
        Some(format) if fits => Ok(Upload { bytes: bytes.into(), format, width, height }),
        _ => guarded(
            || shrunk(&decoded, edge, limits.bytes, path),
            |reason| UploadError::NotWritten { path: path.to_owned(), reason },
        ),
    }
}

/// A JPEG of at most `most` bytes with no side longer than `edge`: as little coarser as needed, then as little smaller.
fn shrunk(decoded: &Decoded, edge: u32, most: usize, path: &Path) -> Result<Upload, UploadError> {
    let failed = |error: &dyn fmt::Display| UploadError::NotWritten { path: path.to_owned(), reason: plain(error) };
    let mut size = within((decoded.info.width, decoded.info.height), edge);
    loop {
        let picture = without_alpha(decoded.resized(size).map_err(|error| failed(&error))?);
        for quality in QUALITIES {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            picture.write_with_encoder(encoder).map_err(|error| failed(&error))?;
            if bytes.len() <= most {
                return Ok(Upload { bytes: bytes.into(), format: UploadFormat::Jpeg, width: size.0, height: size.1 });
            }
        }
        if size == (1, 1) {
            return Err(UploadError::NoRoom { path: path.to_owned(), limit: most });
        }
        size = within(size, size.0.max(size.1) * 3 / 4);
    }
}

fn without_alpha(picture: DynamicImage) -> DynamicImage {
    if picture.color().has_alpha() { opaque(&picture, |_, _| u8::MAX).into() } else { picture }
}

/// The size a picture of this size is sent in.
#[must_use]
pub fn size_sent(size: (u32, u32), limits: &UploadLimits) -> (u32, u32) {
    within(size, limits.long_edge.min(limits.longest_side))
}

/// The size of a picture shrunk, where needed, so that its longer side is `edge`; at least one pixel each way.
fn within((width, height): (u32, u32), edge: u32) -> (u32, u32) {
    let (longest, edge) = (u64::from(width.max(height)), u64::from(edge.max(1)));
    if longest <= edge {
        return (width, height);
    }
    // Never more than `side`, so it always fits.
    let scaled = |side: u32| u32::try_from((u64::from(side) * edge + longest / 2) / longest).unwrap_or(side).max(1);
    (scaled(width), scaled(height))
}

/// Pictures made ready before, bounded in bytes: describing one again should cost no second conversion. One that changed
/// on the disk since is made anew.
pub struct UploadCache {
    made: Mutex<ByteCache<Key, Upload>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    state: Stamp,
    limits: UploadLimits,
}

impl UploadCache {
    /// Keeps at most so many bytes of pictures, those used last.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { made: Mutex::new(ByteCache::new(most_bytes)) }
    }

    /// As [`prepare`], unless it is known.
    ///
    /// # Errors
    ///
    /// If there is no picture, or it cannot be made to fit.
    pub fn prepare(&self, path: &Path, limits: &UploadLimits) -> Result<Upload, UploadError> {
        let made = || self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let state = picture::stamp(path).map_err(|error| error.at(path))?;
        let key = Key { path: path.to_owned(), state, limits: *limits };
        if let Some(upload) = made().get(&key) {
            return Ok(upload.clone());
        }
        let upload = prepare(path, limits)?;
        made().insert(key, upload.clone(), upload.bytes.len());
        Ok(upload)
    }
}
