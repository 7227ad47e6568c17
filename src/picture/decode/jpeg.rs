//! Large baseline JPEGs, decoded at a fraction of their size: the common case, and much the fastest way.

use std::io;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{CodingProcess, Decoder, Error, PixelFormat};
use memchr::memmem;

use super::{Decoded, MOST_MEMORY, check_pixels, describe};
use crate::picture::pixels::upright;
use crate::picture::{PictureError, PictureFormat};

/// The marker behind the last scan (ITU T.81, B.1.1.3). It cannot come within one.
pub(in crate::picture) const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// Decodes a baseline picture in grey or colour, at the smallest of 1/8, 1/4 and 1/2 of its size that fills a box of
/// `room` pixels. `None` where the whole is needed, for the kinds the general decoder does better (progressive, CMYK,
/// RGB), and for what it may forgive.
pub(super) fn decode(bytes: &[u8], room: (u32, u32)) -> Result<Option<Decoded>, PictureError> {
    let mut decoder = Decoder::new(bytes);
    if decoder.read_info().is_err() {
        return Ok(None);
    }
    let Some(info) = decoder.info() else { return Ok(None) };
    let grey = match info.pixel_format {
        PixelFormat::L8 => true,
        PixelFormat::RGB24 => false,
        PixelFormat::L16 | PixelFormat::CMYK32 => return Ok(None),
    };
    if info.coding_process != CodingProcess::DctSequential || !grey && headers(bytes).is_some_and(|it| it.is_rgb) {
        return Ok(None);
    }
    let stored = (u32::from(info.width), u32::from(info.height));
    check_pixels(stored.0, stored.1, PictureFormat::Jpeg)?;
    // Orientation stands in an application segment, before the frame header that `read_info` stops at.
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);

    let (width, height) = filling(stored, upright(room, orientation));
    let Ok(scaled) = decoder.scale(width, height) else { return Ok(None) };
    let (width, height) = (u32::from(scaled.0), u32::from(scaled.1));
    if (width, height) == stored {
        return Ok(None);
    }
    if u64::from(width) * u64::from(height) * 3 > MOST_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let raw = match decoder.decode() {
        Ok(raw) => raw,
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(PictureError::CutOff(PictureFormat::Jpeg));
        }
        Err(_) => return Ok(None),
    };
    let pixels = if grey {
        GrayImage::from_raw(width, height, raw).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, raw).map(DynamicImage::ImageRgb8)
    };
    let info = describe(bytes, PictureFormat::Jpeg, stored, orientation);
    Ok(pixels.map(|pixels| Decoded { pixels, orientation, info, reduced: (width, height) != stored }))
}

/// The size at which a picture just fills a box, in its own proportions and never enlarged.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the stored size, which is a u16")]
fn filling((width, height): (u32, u32), room: (u32, u32)) -> (u16, u16) {
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (f64::from(room.0) / width).min(f64::from(room.1) / height).min(1.0);
    ((width * scale).ceil() as u16, (height * scale).ceil() as u16)
}

/// Whether the end marker is there. Decoders forgive its absence and fill with grey, and then a half-downloaded picture
/// passes for a whole one. Looks behind the headers only: a thumbnail among them has an end marker of its own.
pub(in crate::picture) fn is_complete(bytes: &[u8]) -> bool {
    headers(bytes).is_some_and(|headers| memmem::rfind(&bytes[headers.scan..], END_OF_IMAGE).is_some())
}

/// What the segments before the first scan say.
struct Headers {
    /// Where the first scan begins.
    scan: usize,
    /// Three components are red, green and blue: Adobe's segment says there was no colour transform.
    is_rgb: bool,
}

/// Walks over the segments before the first scan (ITU T.81, B.1.1).
fn headers(bytes: &[u8]) -> Option<Headers> {
    const START_OF_SCAN: u8 = 0xda;
    const APPLICATION_14: u8 = 0xee;
    // Name, version (2 bytes), flags (4 bytes), transform.
    const ADOBE: &[u8] = b"Adobe";
    const ADOBE_TRANSFORM: usize = 11;
    let mut at = 2;
    let mut is_rgb = false;
    loop {
        // A marker is 0xff and a code; any number of 0xff may stand before it. Some encoders leave stray bytes between
        // segments, and decoders skip those.
        at += memchr::memchr(0xff, bytes.get(at..)?)?;
        at += bytes[at..].iter().position(|&byte| byte != 0xff)?;
        let marker = bytes[at];
        match marker {
            START_OF_SCAN => return Some(Headers { scan: at, is_rgb }),
            // Markers without a length: stuffing, TEM, RSTn, SOI.
            0x00 | 0x01 | 0xd0..=0xd8 => at += 1,
            _ => {
                let length = usize::from(u16::from_be_bytes([*bytes.get(at + 1)?, *bytes.get(at + 2)?]));
                let content = bytes.get(at + 3..at + 1 + length).unwrap_or_default();
                if marker == APPLICATION_14 && content.starts_with(ADOBE) {
                    is_rgb = content.get(ADOBE_TRANSFORM) == Some(&0);
                }
                at += 1 + length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_marker_of_a_thumbnail_is_not_that_of_the_picture() {
        let thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xda, 0xff, 0xd9];
        let scan = [0xff, 0xff, 0xda, 0, 4, 1, 2, 77, 78];
        let cut_off = [&[0xff, 0xd8], &thumbnail[..], &scan].concat();
        assert!(!is_complete(&cut_off));
        assert!(is_complete(&[&cut_off[..], &[0xff, 0xd9], b"trailing bytes of a telephone"].concat()));
        assert!(!is_complete(&[0xff, 0xd8]));
    }

    #[test]
    fn filling_keeps_proportions_and_never_enlarges() {
        assert_eq!(filling((4000, 6000), (480, 720)), (480, 720));
        assert_eq!(filling((4000, 6000), (1000, 720)), (480, 720));
        assert_eq!(filling((40, 60), (1000, 1000)), (40, 60));
        assert_eq!(filling((65_000, 1), (100, 100)), (100, 1));
    }
}
