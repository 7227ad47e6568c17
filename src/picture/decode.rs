//! Decodes untrusted picture files within limits.

mod avif;
mod colour;
mod ico;
mod jpeg;
mod netpbm;
mod sniff;
#[cfg(test)]
mod tests;
mod tiff;

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{LimitErrorKind, UnsupportedErrorKind};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, GrayImage, ImageBuffer, ImageDecoder, ImageError, Limits, RgbImage, RgbaImage};

use self::colour::{MAX_ICC_BYTES, Profile, Samples, ToSrgb};
pub(crate) use self::sniff::sniff;
use super::pixels::upright;
use super::source::read;
use super::{Damage, PictureError, PictureFormat, PictureInfo, catch_panic, clean_message};

pub use avif::decoder_process;

/// The most pixels a header may declare. The largest phone sensors have 200 million.
const MAX_PIXELS: u64 = 256_000_000;
/// The memory limit for decoding one picture, in bytes: enough for 178 million RGB pixels.
const MAX_MEMORY: u64 = 512 * 1024 * 1024;

/// A decoded picture with 8 bits per channel. Its orientation and colour profile are not applied yet, which is cheaper
/// after resizing.
pub(crate) struct Decoded {
    /// As stored, possibly at reduced size.
    pub(super) pixels: DynamicImage,
    /// The conversion of `pixels` to sRGB, if they are not.
    pub(super) to_srgb: Option<Arc<ToSrgb>>,
    /// The file shows the right colours in a program that ignores its profile.
    pub is_srgb: bool,
    /// The EXIF orientation of `pixels`.
    pub orientation: Orientation,
    /// Of the full-size, upright picture.
    pub info: PictureInfo,
    /// `pixels` is smaller than the picture in the file.
    pub reduced: bool,
}

/// Decodes a picture that will be shown in `bounds` pixels. Large JPEGs are decoded at a reduced size that still fills
/// the bounds. The format is detected from the content. The intact part of a damaged picture is returned with the damage.
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
        || match format {
            PictureFormat::Avif => avif::decode(is_cancelled, bytes),
            PictureFormat::Jpeg => jpeg::decode(bytes, bounds),
            PictureFormat::Tiff => tiff::decode(bytes),
            PictureFormat::Png => decode_png(bytes),
            PictureFormat::Gif => decode_with(GifDecoder::new(Cursor::new(bytes)), bytes, format),
            PictureFormat::WebP => decode_with(WebPDecoder::new(Cursor::new(bytes)), bytes, format),
            PictureFormat::Bmp => decode_with(BmpDecoder::new(Cursor::new(bytes)), bytes, format),
            PictureFormat::Ico => ico::decode(bytes),
            PictureFormat::Netpbm => netpbm::decode(bytes),
        },
        |reason| PictureError::Broken { format, reason },
    )
}

/// Like [`decode_unless`], but a damaged picture is an error. For describers: a failure is better than a description of
/// half a picture.
pub(crate) fn decode_undamaged(
    is_cancelled: &(dyn Fn() -> bool + Sync),
    bytes: &[u8],
    bounds: (u32, u32),
) -> Result<Decoded, PictureError> {
    let decoded = decode_unless(is_cancelled, bytes, bounds)?;
    decoded.info.error().map_or(Ok(decoded), Err)
}

/// Judges a picture by decoding it. Returns the error that a describer would fail with.
pub(crate) fn check(path: &Path) -> Result<PictureInfo, PictureError> {
    let info = inspect(&read(path)?)?;
    info.error().map_or(Ok(info), Err)
}

/// Returns the facts about a picture, including its damage.
pub(crate) fn inspect(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
    const SMALLEST: (u32, u32) = (1, 1);
    decode(bytes, SMALLEST).map(|decoded| decoded.info)
}

fn decode_png(bytes: &[u8]) -> Result<Decoded, PictureError> {
    /// The end chunk.
    const END: &[u8] = b"IEND";
    // For the metadata, which is compressed.
    let mut limits = Limits::default();
    limits.max_alloc = Some(4 * MAX_ICC_BYTES as u64);
    let mut decoded = decode_with(PngDecoder::with_limits(Cursor::new(bytes), limits), bytes, PictureFormat::Png)?;
    if memchr::memmem::rfind(bytes, END).is_none() {
        decoded.info.damage = Some(Damage::CutOff);
    }
    Ok(decoded)
}

/// Decodes with the `image` crate, at full size.
fn decode_with(
    decoder: Result<impl ImageDecoder, ImageError>,
    bytes: &[u8],
    format: PictureFormat,
) -> Result<Decoded, PictureError> {
    let mut decoder = decoder.map_err(|error| picture_error(&error, format))?;
    let stored = decoder.dimensions();
    check_pixels(stored.0, stored.1, format)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_MEMORY);
    decoder.set_limits(limits).map_err(|error| picture_error(&error, format))?;
    if decoder.total_bytes() > MAX_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    // A broken profile is ignored.
    let icc = decoder.icc_profile().ok().flatten();
    let colours = decoder.color_type();
    let mut raw = vec![0; usize::try_from(decoder.total_bytes()).map_err(|_| PictureError::TooMuchMemory)?];
    let damage = match decoder.read_image(&mut raw) {
        Ok(()) => None,
        Err(error) => {
            let error = picture_error(&error, format);
            let damage = match error {
                PictureError::CutOff(_) => Damage::CutOff,
                PictureError::Broken { .. } => Damage::Corrupt,
                _ => return Err(error),
            };
            if raw.iter().all(|byte| *byte == 0) {
                return Err(error);
            }
            let is_deep = colours.bytes_per_pixel() > colours.channel_count();
            // The decoders convert the samples of a complete picture only.
            if is_deep && format == PictureFormat::Netpbm {
                return Err(error);
            }
            if is_deep && format == PictureFormat::Png {
                raw.as_chunks_mut::<2>()
                    .0
                    .iter_mut()
                    .for_each(|sample| *sample = u16::from_be_bytes(*sample).to_ne_bytes());
            }
            Some(damage)
        }
    };
    let pixels = to_pixels(stored, colours, raw).ok_or_else(|| PictureError::Broken {
        format,
        reason: "it has fewer pixels than its header declares".to_owned(),
    })?;
    let to_srgb = icc.and_then(|icc| ToSrgb::from_profile(Profile::Icc(&icc), Samples::of(&pixels)?));
    let info = PictureInfo { damage, ..picture_info(bytes, format, stored, orientation) };
    let is_srgb = to_srgb.is_none();
    Ok(Decoded { pixels, to_srgb, is_srgb, orientation, info, reduced: false })
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
    PictureInfo { width, height, format, bytes: bytes.len() as u64, damage: None }
}

/// Converts raw samples, those with 16 bits in native byte order, to 8 bits per channel. Returns `None` if there are too
/// few.
fn to_pixels((width, height): (u32, u32), colours: ColorType, raw: Vec<u8>) -> Option<DynamicImage> {
    let deep = |raw: Vec<u8>| raw.as_chunks().0.iter().map(|sample| u16::from_ne_bytes(*sample)).collect::<Vec<_>>();
    Some(match colours {
        ColorType::L8 => GrayImage::from_raw(width, height, raw)?.into(),
        ColorType::La8 => DynamicImage::ImageLumaA8(ImageBuffer::from_raw(width, height, raw)?),
        ColorType::Rgb8 => RgbImage::from_raw(width, height, raw)?.into(),
        ColorType::Rgba8 => RgbaImage::from_raw(width, height, raw)?.into(),
        ColorType::L16 => {
            let pixels = DynamicImage::ImageLuma16(ImageBuffer::from_raw(width, height, deep(raw))?);
            pixels.into_luma8().into()
        }
        ColorType::La16 => {
            let pixels = DynamicImage::ImageLumaA16(ImageBuffer::from_raw(width, height, deep(raw))?);
            pixels.into_luma_alpha8().into()
        }
        ColorType::Rgb16 => {
            let pixels = DynamicImage::ImageRgb16(ImageBuffer::from_raw(width, height, deep(raw))?);
            pixels.into_rgb8().into()
        }
        ColorType::Rgba16 => {
            let pixels = DynamicImage::ImageRgba16(ImageBuffer::from_raw(width, height, deep(raw))?);
            pixels.into_rgba8().into()
        }
        // Of no format but TIFF.
        _ => return None,
    })
}

fn picture_error(error: &ImageError, format: PictureFormat) -> PictureError {
    match error {
        ImageError::Limits(limit) if matches!(limit.kind(), LimitErrorKind::InsufficientMemory) => {
            PictureError::TooMuchMemory
        }
        _ if ended_early(error) => PictureError::CutOff(format),
        ImageError::Unsupported(error) => {
            let kind = match error.kind() {
                UnsupportedErrorKind::GenericFeature(feature) => clean_message(feature),
                _ => "an unusual kind of pixels".to_owned(),
            };
            PictureError::UnsupportedKind { format, kind }
        }
        _ => PictureError::Broken { format, reason: clean_message(error) },
    }
}

/// Returns true if any error in the source chain is an unexpected end of file.
fn ended_early(error: &(dyn std::error::Error + 'static)) -> bool {
    const NETPBM_CUT_OFF: &str = "Not enough data was provided to the Decoder to decode the image";
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
            // Several decoders pass only the message on.
            || ["unexpected end of file", "unexpected EOF", "failed to fill whole buffer", NETPBM_CUT_OFF]
                .iter()
                .any(|message| error.to_string().eq_ignore_ascii_case(message))
    })
}
