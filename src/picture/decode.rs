//! Bytes of a picture file to pixels, within limits, whatever the bytes are.

mod avif;
pub(super) mod jpeg;
#[cfg(test)]
mod tests;

use std::io::{self, Cursor};

use image::error::LimitErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::pixels::upright;
use super::{PictureError, PictureFormat, PictureInfo, guarded, plain};

/// The most pixels a picture may claim. The largest sensors of telephones make 200 million.
const MOST_PIXELS: u64 = 256_000_000;
/// The most memory decoding one picture may take, in bytes: enough for 178 million RGB pixels.
const MOST_MEMORY: u64 = 512 * 1024 * 1024;

/// A decoded picture: 8 bits a channel, not yet turned upright (that is cheaper when it is small).
pub(crate) struct Decoded {
    /// As stored, perhaps at a fraction of the size.
    pub pixels: DynamicImage,
    /// How to turn the pixels upright.
    pub orientation: Orientation,
    /// Of the whole picture, upright.
    pub info: PictureInfo,
    /// Whether `pixels` are fewer than the file's.
    pub reduced: bool,
}

/// Decodes a picture that is to fit into a box of `room` pixels; large JPEGs are decoded at a fraction of their size
/// that still fills it. The format is told from the content.
pub(crate) fn decode(bytes: &[u8], room: (u32, u32)) -> Result<Decoded, PictureError> {
    let format = sniff(bytes)?;
    guarded(
        || {
            if format == PictureFormat::Jpeg {
                if !jpeg::is_complete(bytes) {
                    return Err(PictureError::CutOff(format));
                }
                if let Some(decoded) = jpeg::decode(bytes, room)? {
                    return Ok(decoded);
                }
            }
            if format == PictureFormat::Avif { avif::decode(bytes) } else { whole(bytes, format) }
        },
        |reason| PictureError::Broken { format, reason },
    )
}

/// What a picture file holds, from its headers alone.
pub(crate) fn inspect(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
    let format = sniff(bytes)?;
    guarded(
        || {
            if format == PictureFormat::Avif {
                return avif::inspect(bytes);
            }
            let mut decoder = open(bytes, format)?;
            let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
            Ok(describe(bytes, format, decoder.dimensions(), orientation))
        },
        |reason| PictureError::Broken { format, reason },
    )
}

/// The path for every format but AVIF: the whole picture, through `image`.
fn whole(bytes: &[u8], format: PictureFormat) -> Result<Decoded, PictureError> {
    let mut decoder = open(bytes, format)?;
    let stored = decoder.dimensions();
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // A progressive JPEG holds all its coefficients, two bytes each, before the first pixel is known.
    let coefficients = if format == PictureFormat::Jpeg { 2 * decoder.total_bytes() } else { 0 };
    if decoder.total_bytes().saturating_add(coefficients) > MOST_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let pixels = DynamicImage::from_decoder(decoder).map_err(|error| explain(&error, format))?;
    let info = describe(bytes, format, stored, orientation);
    Ok(Decoded { pixels: eight_bits(pixels), orientation, info, reduced: false })
}

/// Reads the headers and checks what they claim.
fn open(bytes: &[u8], format: PictureFormat) -> Result<impl ImageDecoder + '_, PictureError> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), library_format(format));
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| explain(&error, format))?;
    let (width, height) = decoder.dimensions();
    check_pixels(width, height, format)?;
    Ok(decoder)
}

fn check_pixels(width: u32, height: u32, format: PictureFormat) -> Result<(), PictureError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(PictureError::Broken { format, reason: "it claims to have no pixels".to_owned() }),
        pixels if pixels > MOST_PIXELS => Err(PictureError::TooManyPixels { width, height }),
        _ => Ok(()),
    }
}

fn describe(bytes: &[u8], format: PictureFormat, stored: (u32, u32), orientation: Orientation) -> PictureInfo {
    let (width, height) = upright(stored, orientation);
    PictureInfo { width, height, format, bytes: bytes.len() as u64 }
}

fn eight_bits(pixels: DynamicImage) -> DynamicImage {
    use DynamicImage as Pixels;
    match pixels {
        Pixels::ImageLuma8(_) | Pixels::ImageLumaA8(_) | Pixels::ImageRgb8(_) | Pixels::ImageRgba8(_) => pixels,
        Pixels::ImageLuma16(_) => Pixels::ImageLuma8(pixels.into_luma8()),
        Pixels::ImageLumaA16(_) => Pixels::ImageLumaA8(pixels.into_luma_alpha8()),
        Pixels::ImageRgb16(_) | Pixels::ImageRgb32F(_) => Pixels::ImageRgb8(pixels.into_rgb8()),
        _ => Pixels::ImageRgba8(pixels.into_rgba8()),
    }
}

/// The format by content, or the name of what it is instead.
fn sniff(bytes: &[u8]) -> Result<PictureFormat, PictureError> {
    // Some AVIF files call themselves something more general first.
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
            Err(PictureError::Unsupported { what: format!("a picture of the {} format", name.to_uppercase()) })
        }
        Err(_) => Err(PictureError::Unsupported { what: looks_like(bytes).to_owned() }),
    }
}

/// Files that turn up in picture folders. Signatures from the formats' own specifications.
fn looks_like(bytes: &[u8]) -> &'static str {
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

fn explain(error: &ImageError, format: PictureFormat) -> PictureError {
    match error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) => {
            PictureError::TooMuchMemory
        }
        _ if ended_early(error) => PictureError::CutOff(format),
        ImageError::Unsupported(_) => {
            PictureError::Unsupported { what: plain(format_args!("a kind of {format} that is not read ({error})")) }
        }
        _ => PictureError::Broken { format, reason: plain(error) },
    }
}

/// Whether the bytes came to an end, however deep in the chain of causes that is said.
fn ended_early(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}
