//! AVIF: the container and the AV1 pictures in it.
//!
//! The decoder applies the container's transforms (rotation, mirroring, cropping, grids), which replace the EXIF
//! orientation in AVIF.

mod subprocess;

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, RgbaImage};
use oxideav_avif::{AvifError, DecodeOptions};

use super::colour::{Profile, Samples, ToSrgb};
use super::{Decoded, MAX_MEMORY, check_pixels, picture_info};
use crate::picture::{PictureError, PictureFormat, clean_message};

pub use subprocess::decoder_process;

/// The decoder's peak memory in bytes per pixel. Measured on pictures of 24 million pixels at 4:4:4: 16 at 8 bits per
/// channel, 21 at 12.
const BYTES_PER_PIXEL: u64 = 21;

/// The most pixels decoded.
const MAX_PIXELS: u64 = MAX_MEMORY / BYTES_PER_PIXEL;

/// Returns true if the file type box names one of AVIF's brands.
pub(super) fn is_avif(bytes: &[u8]) -> bool {
    oxideav_avif::probe(bytes)
}

/// Decodes the picture, or the first frame of an animation.
///
/// The decoder is young, so it runs in a subprocess with limits on memory and time, and is killed if `is_cancelled`
/// returns true. Programs that do not call [`decoder_process`] (tests, benchmarks, the fuzzer) decode in-process and rely
/// on the limit on pixels.
pub(super) fn decode(is_cancelled: &(dyn Fn() -> bool + Sync), bytes: &[u8]) -> Result<Decoded, PictureError> {
    let pixels = match subprocess::command(bytes.len()) {
        Some(command) => subprocess::decode(command, bytes, is_cancelled)?,
        None => decode_in_process(bytes)?,
    };
    let info = picture_info(bytes, PictureFormat::Avif, (pixels.width(), pixels.height()), Orientation::NoTransforms);
    // Converted with the decoder's knowledge of the colour space.
    Ok(Decoded { is_srgb: false, ..Decoded::from_srgb(pixels, info) })
}

fn decode_in_process(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let info = oxideav_avif::info(bytes).map_err(|error| picture_error(&error))?;
    check_pixels(info.width, info.height, PictureFormat::Avif)?;
    // Applies to the dimensions in the container and to those of each AV1 picture in it, before their pixels are allocated.
    let limits = DecodeOptions::new().with_max_width(None).with_max_height(None).with_max_pixels(Some(MAX_PIXELS));
    let picture = oxideav_avif::decode_with(bytes, &limits).map_err(|error| picture_error(&error))?;

    let (width, height) = (picture.width(), picture.height());
    let profile = match &picture.metadata.icc {
        Some(icc) => Profile::Icc(icc),
        None => Profile::Cicp { primaries: picture.color.primaries, transfer: picture.color.transfer },
    };
    let pixels = if picture.has_alpha() {
        let mut rgba = picture.to_rgba8();
        if oxideav_avif::inspect(bytes).is_ok_and(|info| info.premultiplied_alpha) {
            unpremultiply(&mut rgba);
        }
        to_pixels(width, height, 4, rgba)
    } else {
        to_pixels(width, height, 3, picture.to_rgb8())
    };
    let mut pixels = pixels.ok_or_else(|| broken("it has fewer pixels than its header declares".to_owned()))?;
    if let Some(to_srgb) = Samples::of(&pixels).and_then(|samples| ToSrgb::from_profile(profile, samples)) {
        to_srgb.apply(&mut pixels);
    }
    Ok(pixels)
}

fn unpremultiply(rgba: &mut [u8]) {
    for pixel in rgba.chunks_exact_mut(4) {
        let [colours @ .., alpha] = pixel else { continue };
        let alpha = u16::from(*alpha).max(1);
        for colour in colours {
            *colour = u8::try_from((u16::from(*colour) * 255 + alpha / 2) / alpha).unwrap_or(u8::MAX);
        }
    }
}

/// Returns `None` if there are too few samples.
fn to_pixels(width: u32, height: u32, channels: u32, samples: Vec<u8>) -> Option<DynamicImage> {
    match channels {
        3 => RgbImage::from_raw(width, height, samples).map(DynamicImage::from),
        _ => RgbaImage::from_raw(width, height, samples).map(DynamicImage::from),
    }
}

fn picture_error(error: &AvifError) -> PictureError {
    match error {
        AvifError::LimitExceeded(_) => PictureError::TooMuchMemory,
        AvifError::Unsupported(_) => {
            PictureError::UnsupportedKind { format: PictureFormat::Avif, kind: clean_message(error) }
        }
        _ => broken(clean_message(error)),
    }
}

fn broken(reason: String) -> PictureError {
    PictureError::Broken { format: PictureFormat::Avif, reason }
}

#[cfg(test)]
mod tests;
