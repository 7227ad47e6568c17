//! Prepares an image for upload: in a format the service accepts, upright, no larger than the model can use, and without
//! private metadata.

mod metadata;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;

use super::catalogue::UploadLimits;
use crate::picture::{
    self, ByteCache, Decoded, PictureFormat, Stamp, UnusablePicture, catch_panic, clean_message, decode_undamaged,
    opaque, read,
};

/// The JPEG qualities to try, in order, until the image fits. At the first, loss is hardly visible; below the last,
/// reducing the resolution loses less.
const QUALITIES: [u8; 5] = [90, 80, 70, 60, 50];

/// The formats Amazon Bedrock accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UploadFormat {
    Png,
    Jpeg,
    Gif,
    WebP,
}

impl UploadFormat {
    /// Returns `None` if files of this format have to be converted.
    const fn of(format: PictureFormat) -> Option<Self> {
        match format {
            PictureFormat::Png => Some(Self::Png),
            PictureFormat::Jpeg => Some(Self::Jpeg),
            PictureFormat::Gif => Some(Self::Gif),
            PictureFormat::WebP => Some(Self::WebP),
            PictureFormat::Bmp
            | PictureFormat::Tiff
            | PictureFormat::Avif
            | PictureFormat::Ico
            | PictureFormat::Netpbm => None,
        }
    }
}

/// An encoded image, cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    pub bytes: Arc<[u8]>,
    pub format: UploadFormat,
    pub width: u32,
    pub height: u32,
}

impl Upload {
    #[must_use]
    pub const fn tokens(&self) -> u64 {
        image_tokens(self.width, self.height)
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, format, width, height } = self;
        write!(formatter, "Upload({format:?} {width}×{height}, {} bytes)", bytes.len())
    }
}

/// The side of a square of pixels that makes one token. See <https://platform.claude.com/docs/en/build-with-claude/vision>
const TOKEN_SIDE: u32 = 28;

/// Returns the tokens of an image that Claude does not scale down.
#[must_use]
pub const fn image_tokens(width: u32, height: u32) -> u64 {
    width.div_ceil(TOKEN_SIDE) as u64 * height.div_ceil(TOKEN_SIDE) as u64
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error(transparent)]
    Unusable(#[from] UnusablePicture),
    /// Even a single pixel exceeds the limit.
    #[error("{}: cannot be reduced to {limit} bytes: raise picture-bytes of this model in models.toml", path.display())]
    LimitTooSmall { path: PathBuf, limit: usize },
    #[error("{}: cannot be converted to JPEG: {reason}; convert the image, then regenerate", path.display())]
    NotEncoded { path: PathBuf, reason: String },
}

/// Reads the image at `path` and fits it to the limits, blocking for tens of milliseconds if it is large. A file within
/// the limits is sent unchanged, but only if it can be decoded, is in sRGB and has no metadata, because a broken image
/// would be charged for, a service may ignore colour profiles, and metadata may name a place or a person. Any other
/// becomes a JPEG in sRGB: the first frame of an animation, upright, scaled down, with transparency over white.
///
/// # Errors
///
/// Returns an error if the file is not a readable image or cannot be fitted to the limits.
pub fn prepare(path: &Path, limits: &UploadLimits) -> Result<Upload, UploadError> {
    prepare_unless(&|| false, path, limits)
}

/// Like [`prepare`], but stops early if `is_cancelled` returns true.
fn prepare_unless(
    is_cancelled: &(dyn Fn() -> bool + Sync),
    path: &Path,
    limits: &UploadLimits,
) -> Result<Upload, UploadError> {
    let edge = limits.long_edge.min(limits.longest_side);
    let bytes = read(path).map_err(|error| error.at(path))?;
    let decoded = decode_undamaged(is_cancelled, &bytes, (edge, edge)).map_err(|error| error.at(path))?;
    let (width, height) = (decoded.info.width, decoded.info.height);
    let size = upload_size((width, height), limits);
    let fits = size == (width, height)
        && decoded.orientation == Orientation::NoTransforms
        && decoded.is_srgb
        && bytes.len() <= limits.bytes;
    let accepted = |format| !limits.common_format || matches!(format, UploadFormat::Jpeg | UploadFormat::Png);
    match UploadFormat::of(decoded.info.format).filter(|format| accepted(*format)) {
        Some(format) if fits && metadata::draws_only(&bytes, format) => {
            Ok(Upload { bytes: bytes.into(), format, width, height })
        }
        _ => catch_panic(
            || fit_jpeg(&decoded, size, limits.bytes, path),
            |reason| UploadError::NotEncoded { path: path.to_owned(), reason },
        ),
    }
}

/// Encodes a JPEG of at most `max_bytes` and this size, reducing first the quality, then the size.
fn fit_jpeg(decoded: &Decoded, mut size: (u32, u32), max_bytes: usize, path: &Path) -> Result<Upload, UploadError> {
    let failed =
        |error: &dyn fmt::Display| UploadError::NotEncoded { path: path.to_owned(), reason: clean_message(error) };
    loop {
        let picture = without_alpha(decoded.resized(size).map_err(|error| failed(&error))?);
        for quality in QUALITIES {
            let mut bytes = Vec::new();
            let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
            picture.write_with_encoder(encoder).map_err(|error| failed(&error))?;
            if bytes.len() <= max_bytes {
                return Ok(Upload { bytes: bytes.into(), format: UploadFormat::Jpeg, width: size.0, height: size.1 });
            }
        }
        if size == (1, 1) {
            return Err(UploadError::LimitTooSmall { path: path.to_owned(), limit: max_bytes });
        }
        size = within(size, size.0.max(size.1) * 3 / 4);
    }
}

fn without_alpha(picture: DynamicImage) -> DynamicImage {
    if picture.color().has_alpha() { opaque(&picture, |_, _| u8::MAX).into() } else { picture }
}

/// Returns the dimensions after fitting an image of this size to the limits: the largest within them, as the service
/// would choose.
#[must_use]
pub fn upload_size(size: (u32, u32), limits: &UploadLimits) -> (u32, u32) {
    let fitting = |edge: u32| {
        let (width, height) = within(size, edge);
        image_tokens(width, height) <= limits.tokens
    };
    let longest = size.0.max(size.1).min(limits.long_edge).min(limits.longest_side).max(1);
    if fitting(longest) {
        return within(size, longest);
    }
    // The longest edge that fits, by bisection: more pixels never make fewer tokens.
    let (mut fits, mut exceeds) = (1, longest);
    while exceeds - fits > 1 {
        let edge = fits.midpoint(exceeds);
        if fitting(edge) { fits = edge } else { exceeds = edge }
    }
    within(size, fits)
}

/// Scales a size down so that its longer side is at most `edge`; each side stays at least one pixel.
fn within((width, height): (u32, u32), edge: u32) -> (u32, u32) {
    let (longest, edge) = (u64::from(width.max(height)), u64::from(edge.max(1)));
    if longest <= edge {
        return (width, height);
    }
    // The result never exceeds `side`, so it fits a `u32`.
    let scaled = |side: u32| u32::try_from((u64::from(side) * edge + longest / 2) / longest).unwrap_or(side).max(1);
    (scaled(width), scaled(height))
}

/// An LRU cache of prepared images, bounded in bytes, so that regenerating does not convert an image again. A file that
/// changed on disk since is prepared again.
pub struct UploadCache {
    cache: Mutex<ByteCache<Key, Upload>>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: PathBuf,
    stamp: Stamp,
    limits: UploadLimits,
}

impl UploadCache {
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self { cache: Mutex::new(ByteCache::new(max_bytes)) }
    }

    /// Returns the cached upload, if the file has not changed.
    #[must_use]
    pub fn cached(&self, path: &Path, limits: &UploadLimits) -> Option<Upload> {
        // Preparing it reports the error of a file that cannot be read.
        let stamp = picture::stamp(path).ok()?;
        self.lock().get(&Key { path: path.to_owned(), stamp, limits: *limits }).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, ByteCache<Key, Upload>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Like [`prepare`], but returns the cached upload if the file has not changed.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is not a readable image or cannot be fitted to the limits.
    pub fn prepare(
        &self,
        path: &Path,
        limits: &UploadLimits,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Upload, UploadError> {
        let stamp = picture::stamp(path).map_err(|error| error.at(path))?;
        let key = Key { path: path.to_owned(), stamp, limits: *limits };
        if let Some(upload) = self.lock().get(&key) {
            return Ok(upload.clone());
        }
        let upload = prepare_unless(is_cancelled, path, limits)?;
        self.lock().insert(key, upload.clone(), upload.bytes.len());
        Ok(upload)
    }
}
