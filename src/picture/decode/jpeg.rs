//! Decodes large baseline JPEGs at reduced size: the common case, and by far the fastest path.

use std::io;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{CodingProcess, Decoder, Error, PixelFormat};
use memchr::memmem;

use super::{Decoded, MAX_MEMORY, check_pixels, picture_info};
use crate::picture::pixels::upright;
use crate::picture::{PictureError, PictureFormat};

/// The marker after the last scan (ITU T.81, B.1.1.3). It cannot occur within a scan.
pub(in crate::picture) const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// Decodes a baseline picture in greyscale or `YCbCr`, at the smallest of 1/8, 1/4 and 1/2 of its size that fills `bounds`.
/// Returns `None` if the full size is needed, for kinds that the general decoder handles better (progressive, CMYK, RGB),
/// and for errors that it may tolerate.
pub(super) fn decode(bytes: &[u8], bounds: (u32, u32)) -> Result<Option<Decoded>, PictureError> {
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
    // The orientation is in an application segment, before the frame header at which `read_info` stops.
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);

    let (width, height) = fill_size(stored, upright(bounds, orientation));
    let Ok(scaled) = decoder.scale(width, height) else { return Ok(None) };
    let (width, height) = (u32::from(scaled.0), u32::from(scaled.1));
    if (width, height) == stored {
        return Ok(None);
    }
    if u64::from(width) * u64::from(height) * 3 > MAX_MEMORY {
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
    let info = picture_info(bytes, PictureFormat::Jpeg, stored, orientation);
    Ok(pixels.map(|pixels| Decoded { pixels, orientation, info, reduced: (width, height) != stored }))
}

/// Returns the size at which a picture just fits `bounds` with its aspect ratio kept; never enlarges.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the stored size, which is a u16")]
fn fill_size((width, height): (u32, u32), bounds: (u32, u32)) -> (u16, u16) {
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (f64::from(bounds.0) / width).min(f64::from(bounds.1) / height).min(1.0);
    ((width * scale).ceil() as u16, (height * scale).ceil() as u16)
}

/// Returns true if the end marker is present. Decoders tolerate its absence and fill the rest with grey, so a partial
/// download would pass as complete. Searches after the headers only, because an embedded thumbnail has its own end marker.
pub(in crate::picture) fn is_complete(bytes: &[u8]) -> bool {
    headers(bytes).is_some_and(|headers| memmem::rfind(&bytes[headers.scan..], END_OF_IMAGE).is_some())
}

struct Headers {
    /// The offset of the first scan.
    scan: usize,
    /// Three components are RGB: Adobe's segment declares no colour transform.
    is_rgb: bool,
}

/// Parses the segments before the first scan (ITU T.81, B.1.1).
fn headers(bytes: &[u8]) -> Option<Headers> {
    const START_OF_SCAN: u8 = 0xda;
    const APPLICATION_14: u8 = 0xee;
    // Name, version (2 bytes), flags (4 bytes), transform.
    const ADOBE: &[u8] = b"Adobe";
    const ADOBE_TRANSFORM: usize = 11;
    let mut at = 2;
    let mut is_rgb = false;
    loop {
        // A marker is 0xff and a code, after any number of 0xff fill bytes. Some encoders leave stray bytes between
        // segments; decoders skip them.
        at += memchr::memchr(0xff, bytes.get(at..)?)?;
        at += bytes[at..].iter().position(|&byte| byte != 0xff)?;
        let marker = bytes[at];
        match marker {
            START_OF_SCAN => return Some(Headers { scan: at, is_rgb }),
            // Markers without a length field: stuffing, TEM, RSTn, SOI.
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
    fn ignores_the_end_marker_of_a_thumbnail() {
        let thumbnail = [0xff, 0xe1, 0, 6, 0xff, 0xda, 0xff, 0xd9];
        let scan = [0xff, 0xff, 0xda, 0, 4, 1, 2, 77, 78];
        let cut_off = [&[0xff, 0xd8], &thumbnail[..], &scan].concat();
        assert!(!is_complete(&cut_off));
        assert!(is_complete(&[&cut_off[..], &[0xff, 0xd9], b"trailing bytes"].concat()));
        assert!(!is_complete(&[0xff, 0xd8]));
    }

    #[test]
    fn fill_size_keeps_the_aspect_ratio_and_never_enlarges() {
        assert_eq!(fill_size((4000, 6000), (480, 720)), (480, 720));
        assert_eq!(fill_size((4000, 6000), (1000, 720)), (480, 720));
        assert_eq!(fill_size((40, 60), (1000, 1000)), (40, 60));
        assert_eq!(fill_size((65_000, 1), (100, 100)), (100, 1));
    }
}
