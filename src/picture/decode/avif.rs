//! AVIF: the container and the AV1 pictures in it.
//!
//! The decoder turns, mirrors, crops and joins pictures as the container says, which for AVIF stands in place of the
//! EXIF orientation.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage, RgbaImage};
use oxideav_avif::{AvifError, DecodeOptions};

use super::{Decoded, MOST_MEMORY, check_pixels, describe};
use crate::picture::{PictureError, PictureFormat, PictureInfo, plain};

/// The most memory decoding takes for each pixel, in bytes. Measured on pictures of 24 million pixels at 4:4:4: 16 at 8
/// bits a channel, 21 at 12.
const BYTES_A_PIXEL: u64 = 21;

/// Whether a file begins as AVIF does, under whichever of its brands.
pub(super) fn is_avif(bytes: &[u8]) -> bool {
    oxideav_avif::probe(bytes)
}

/// What the file holds, from the container alone.
pub(super) fn inspect(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
    let info = oxideav_avif::info(bytes).map_err(|error| explain(&error))?;
    check_pixels(info.width, info.height, PictureFormat::Avif)?;
    Ok(describe(bytes, PictureFormat::Avif, (info.width, info.height), Orientation::NoTransforms))
}

/// The picture, or the first of an animation, upright.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    inspect(bytes)?;
    // Said by the container, and by each of the pictures in it: the decoder holds all of them to the limit, or to a lower
    // one of its own, before it takes memory for their pixels.
    let most_pixels = MOST_MEMORY / BYTES_A_PIXEL;
    let limits = DecodeOptions::new().with_max_width(None).with_max_height(None).with_max_pixels(Some(most_pixels));
    let picture = oxideav_avif::decode_with(bytes, &limits).map_err(|error| explain(&error))?;

    let (width, height) = (picture.width(), picture.height());
    let pixels = if picture.has_alpha() {
        let mut rgba = picture.to_rgba8();
        if oxideav_avif::inspect(bytes).is_ok_and(|info| info.premultiplied_alpha) {
            straighten(&mut rgba);
        }
        RgbaImage::from_raw(width, height, rgba).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, picture.to_rgb8()).map(DynamicImage::from)
    };
    let pixels = pixels.ok_or_else(|| broken("it has fewer pixels than it claims".to_owned()))?;
    let info = describe(bytes, PictureFormat::Avif, (width, height), Orientation::NoTransforms);
    Ok(Decoded { pixels, orientation: Orientation::NoTransforms, info, reduced: false })
}

/// Takes back that colours were multiplied by their alpha.
fn straighten(rgba: &mut [u8]) {
    for pixel in rgba.chunks_exact_mut(4) {
        let [colours @ .., alpha] = pixel else { continue };
        let alpha = u16::from(*alpha).max(1);
        for colour in colours {
            *colour = u8::try_from((u16::from(*colour) * 255 + alpha / 2) / alpha).unwrap_or(u8::MAX);
        }
    }
}

fn explain(error: &AvifError) -> PictureError {
    match error {
        AvifError::LimitExceeded(_) => PictureError::TooMuchMemory,
        AvifError::Unsupported(_) => {
            PictureError::Unsupported { what: plain(format_args!("a kind of AVIF that is not read ({error})")) }
        }
        _ => broken(plain(error)),
    }
}

fn broken(reason: String) -> PictureError {
    PictureError::Broken { format: PictureFormat::Avif, reason }
}

#[cfg(test)]
mod tests;
