//! Decodes untrusted picture files within limits.

mod avif;
pub(super) mod jpeg;
#[cfg(test)]
mod tests;

use std::io::{self, Cursor};

use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::pixels::upright;
use super::{PictureError, PictureFormat, PictureInfo, catch_panic, clean_message};

pub use avif::decoder_process;

/// The most pixels a header may declare. The largest phone sensors have 200 million.
const MAX_PIXELS: u64 = 256_000_000;
/// The memory limit for decoding one picture, in bytes: enough for 178 million RGB pixels.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

/// A decoded picture with 8 bits per channel. Its orientation is not applied yet, which is cheaper after resizing.
pub(crate) struct Decoded {
    /// As stored, possibly at reduced size.
    pub pixels: DynamicImage,
    /// The EXIF orientation of `pixels`.
    pub orientation: Orientation,
    /// Of the full-size, upright picture.
    pub info: PictureInfo,
    /// `pixels` is smaller than the picture in the file.
    pub reduced: bool,
}

/// Decodes a picture that will be shown in `bounds` pixels. Large JPEGs are decoded at a reduced size that still fills
/// the bounds. The format is detected from the content.
pub(crate) fn decode(bytes: &[u8], bounds: (u32, u32)) -> Result<Decoded, PictureError> {
    decode_unless(&|| false, bytes, bounds)
}

/// Like [`decode`], but fails with [`PictureError::Cancelled`] soon after `is_cancelled` returns true, if the decoder is
/// one that can be stopped (AVIF's, by far the slowest).
pub(crate) fn decode_unless(
    is_cancelled: &(dyn Fn() -> bool + Sync),
    bytes: &[u8],
    bounds: (u32, u32),
) -> Result<Decoded, PictureError> {
    let format = sniff(bytes)?;
    catch_panic(
        || {
            if format == PictureFormat::Jpeg {
                if !jpeg::is_complete(bytes) {
                    return Err(PictureError::CutOff(format));
                }
                if let Some(decoded) = jpeg::decode(bytes, bounds)? {
                    return Ok(decoded);
                }
            }
            match format {
                PictureFormat::Avif => avif::decode(is_cancelled, bytes),
                _ => decode_full(bytes, format),
            }
        },
        |reason| PictureError::Broken { format, reason },
    )
}

/// Returns the format and dimensions of a picture from its headers.
pub(crate) fn inspect(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
    let format = sniff(bytes)?;
    catch_panic(
        || {
            if format == PictureFormat::Avif {
                return avif::inspect(bytes);
            }
            let mut decoder = open(bytes, format)?;
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            Ok(picture_info(bytes, format, decoder.dimensions(), orientation))
        },
        |reason| PictureError::Broken { format, reason },
    )
}

/// Decodes at full size with the `image` crate: every format except AVIF.
fn decode_full(bytes: &[u8], format: PictureFormat) -> Result<Decoded, PictureError> {
    let mut decoder = open(bytes, format)?;
    let stored = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // The decoder buffers all coefficients of a progressive JPEG, two bytes each, before it outputs the first pixel.
    let coefficients = if format == PictureFormat::Jpeg { 2 * decoder.total_bytes() } else { 0 };
    if decoder.total_bytes().saturating_add(coefficients) > MAX_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let pixels = DynamicImage::from_decoder(decoder).map_err(|error| picture_error(&error, format))?;
    let info = picture_info(bytes, format, stored, orientation);
    Ok(Decoded { pixels: to_eight_bits(pixels), orientation, info, reduced: false })
}

/// Reads the headers and checks the dimensions in them.
fn open(bytes: &[u8], format: PictureFormat) -> Result<impl ImageDecoder + '_, PictureError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), library_format(format));
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| picture_error(&error, format))?;
    let (width, height) = decoder.dimensions();
    check_pixels(width, height, format)?;
    Ok(decoder)
}

fn check_pixels(width: u32, height: u32, format: PictureFormat) -> Result<(), PictureError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(PictureError::Broken { format, reason: "its width or height is 0".to_owned() }),
        pixels if pixels > MAX_PIXELS => Err(PictureError::TooManyPixels { width, height }),
        _ => Ok(()),
    }
}

fn picture_info(bytes: &[u8], format: PictureFormat, stored: (u32, u32), orientation: Orientation) -> PictureInfo {
    let (width, height) = upright(stored, orientation);
    PictureInfo { width, height, format, bytes: bytes.len() as u64 }
}

fn to_eight_bits(pixels: DynamicImage) -> DynamicImage {
    use DynamicImage as Pixels;
    match pixels {
        Pixels::ImageLuma8(_) | Pixels::ImageLumaA8(_) | Pixels::ImageRgb8(_) | Pixels::ImageRgba8(_) => pixels,
        Pixels::ImageLuma16(_) => Pixels::ImageLuma8(pixels.into_luma8()),
        Pixels::ImageLumaA16(_) => Pixels::ImageLumaA8(pixels.into_luma_alpha8()),
        Pixels::ImageRgb16(_) | Pixels::ImageRgb32F(_) => Pixels::ImageRgb8(pixels.into_rgb8()),
        _ => Pixels::ImageRgba8(pixels.into_rgba8()),
    }
}

/// Detects the format from the content.
///
/// # Errors
///
/// Returns an error with a guess at the content if the format is unsupported.
fn sniff(bytes: &[u8]) -> Result<PictureFormat, PictureError> {
    // Some AVIF files declare a more general major brand.
    if avif::is_avif(bytes) {
        return Ok(PictureFormat::Avif);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => Ok(PictureFormat::Jpeg),
        Ok(ImageFormat::Png) => Ok(PictureFormat::Png),
        Ok(ImageFormat::Gif) => Ok(PictureFormat::Gif),
        Ok(ImageFormat::WebP) => Ok(PictureFormat::WebP),
        Ok(ImageFormat::Bmp) => Ok(PictureFormat::Bmp),
        Ok(ImageFormat::Tiff) => Ok(PictureFormat::Tiff),
        Ok(ImageFormat::Avif) => Ok(PictureFormat::Avif),
        Ok(other) => {
            let name = other.extensions_str().first().unwrap_or(&"another");
            Err(PictureError::Unsupported { content: format!("a picture of the {} format", name.to_uppercase()) })
        }
        Err(_) => Err(PictureError::Unsupported { content: guess_content(bytes).to_owned() }),
    }
}

/// Names the content of other files that are common in picture folders. Signatures are from the specifications.
fn guess_content(bytes: &[u8]) -> &'static str {
    let at = |offset: usize, signature: &[u8]| bytes.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    let text = || {
        let start = &bytes[..bytes.len().min(512)];
        let printable = |byte: &u8| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c);
        start.iter().all(printable)
            && std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true)
    };
    if at(4, b"ftyphei") || at(4, b"ftypmif1") || at(4, b"ftypmsf1") {
        "a HEIC picture"
    } else if at(0, b"\xff\x0a") || at(0, b"\0\0\0\x0cJXL ") {
        "a JPEG XL picture"
    } else if at(0, b"\0\0\0\x0cjP  ") {
        "a JPEG 2000 picture"
    } else if at(0, b"8BPS") {
        "a Photoshop document"
    } else if at(0, b"%PDF-") {
        "a PDF document"
    } else if at(0, b"PK\x03\x04") {
        "a ZIP archive"
    } else if at(0, b"version https://git-lfs") {
        "a Git LFS pointer (run git lfs pull)"
    } else if text() {
        "a text file"
    } else {
        "unknown content"
    }
}

const fn library_format(format: PictureFormat) -> ImageFormat {
    match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Bmp => ImageFormat::Bmp,
        PictureFormat::Tiff => ImageFormat::Tiff,
        PictureFormat::Avif => ImageFormat::Avif,
    }
}

fn picture_error(error: &ImageError, format: PictureFormat) -> PictureError {
    match error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) => {
            PictureError::TooMuchMemory
        }
        _ if ended_early(error) => PictureError::CutOff(format),
        ImageError::Unsupported(_) => PictureError::Unsupported {
            content: clean_message(format_args!("an unsupported kind of {format} ({error})")),
        },
        _ => PictureError::Broken { format, reason: clean_message(error) },
    }
}

/// Returns true if any error in the source chain is an unexpected end of file.
fn ended_early(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}
