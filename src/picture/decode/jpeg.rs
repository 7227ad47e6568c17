//! JPEG: headers, decoding at full or reduced size, and detection of files that are cut off or damaged.

use std::borrow::Cow;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{CodingProcess, Decoder, PixelFormat};
use memchr::memmem;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

use super::colour::{Profile, Samples, ToSrgb};
use super::{Decoded, MAX_MEMORY, check_pixels, picture_info};
use crate::picture::pixels::upright;
use crate::picture::{Damage, PictureError, PictureFormat, clean_message};

/// The marker after the last scan (ITU T.81, B.1.1.3). It cannot occur within a scan.
const END_OF_IMAGE: &[u8] = &[0xff, 0xd9];

/// Inserted before the end marker of a file with one scan. At a marker, decoders silently make up the rest of a scan that has
/// less data than the picture needs. With this, they report it: it is data of ones only, which is no valid code (ITU T.81,
/// C.2). Decoders skip it if the scan is complete.
const INVALID_CODES: &[u8] =
    &[0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00, 0xff, 0x00];

/// Decodes a picture. A baseline picture in greyscale or `YCbCr` is decoded at the smallest of 1/8, 1/4 and 1/2 of its size
/// that fills `bounds`: the common case, and by far the fastest path. What is left of a damaged picture is returned with
/// its damage.
pub(super) fn decode(bytes: &[u8], bounds: (u32, u32)) -> Result<Decoded, PictureError> {
    let headers = Headers::parse(bytes)?;
    headers.check_kind()?;
    let stored = headers.size;
    check_pixels(stored.0, stored.1, PictureFormat::Jpeg)?;
    let (source, mut damage) = match memmem::rfind(&bytes[headers.scan..], END_OF_IMAGE) {
        None => (Cow::Owned([bytes, END_OF_IMAGE].concat()), Some(Damage::CutOff)),
        Some(_) => match end_of_scan(bytes, headers.scan).filter(|_| headers.one_scan) {
            Some(end) if bytes[end..].starts_with(END_OF_IMAGE) => {
                (Cow::Owned([&bytes[..end], INVALID_CODES, END_OF_IMAGE].concat()), None)
            }
            _ => (Cow::Borrowed(bytes), None),
        },
    };
    let icc = headers.icc.as_deref().map(Profile::Icc);
    let decode = |bytes: &[u8], strict: bool| {
        if let Some(pixels) = reduced(bytes, bounds, &headers)? {
            return Ok(pixels);
        }
        headers.check_memory()?;
        let from_press = icc.filter(|_| strict && headers.components == 4);
        let converted = from_press.and_then(|profile| cmyk_to_srgb(bytes, profile)).map(DynamicImage::from);
        converted.map_or_else(|| full(bytes, strict), Ok)
    };
    let pixels = match decode(&source, damage.is_none()) {
        Ok(pixels) => pixels,
        Err(PictureError::Broken { .. }) if damage.is_some() => {
            return Err(PictureError::CutOff(PictureFormat::Jpeg));
        }
        Err(error) if damage.is_some() => return Err(error),
        Err(_) => {
            damage = Some(Damage::Corrupt);
            decode(bytes, false)?
        }
    };
    let is_reduced = (pixels.width(), pixels.height()) != stored;
    let to_srgb = icc.and_then(|profile| ToSrgb::from_profile(profile, Samples::of(&pixels)?));
    let is_srgb = to_srgb.is_none() && headers.components != 4;
    let info = picture_info(bytes, PictureFormat::Jpeg, stored, headers.orientation);
    let (orientation, info) = (headers.orientation, crate::picture::PictureInfo { damage, ..info });
    Ok(Decoded { pixels, to_srgb, is_srgb, orientation, info, reduced: is_reduced })
}

/// Checks the size in the headers of a JPEG within another file, which may contradict that file.
pub(super) fn check_embedded(bytes: &[u8]) -> Result<(), PictureError> {
    // The decoder reports other faults.
    Headers::parse(bytes).map_or(Ok(()), |headers| headers.check_memory())
}

/// Returns `None` if the full size is needed, for kinds that the general decoder handles better (progressive, CMYK, RGB),
/// and for errors.
fn reduced(bytes: &[u8], bounds: (u32, u32), headers: &Headers) -> Result<Option<DynamicImage>, PictureError> {
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
    if info.coding_process != CodingProcess::DctSequential || !grey && headers.is_rgb {
        return Ok(None);
    }
    let (width, height) = fill_size(headers.size, upright(bounds, headers.orientation));
    let Ok(scaled) = decoder.scale(width, height) else { return Ok(None) };
    let (width, height) = (u32::from(scaled.0), u32::from(scaled.1));
    if (width, height) == headers.size {
        return Ok(None);
    }
    if u64::from(width) * u64::from(height) * 3 > MAX_MEMORY {
        return Err(PictureError::TooMuchMemory);
    }
    let Ok(raw) = decoder.decode() else { return Ok(None) };
    Ok(to_pixels(width, height, grey, raw))
}

/// Decodes at full size. If it is `strict`, anything that the decoder would have to make up is an error.
fn full(bytes: &[u8], strict: bool) -> Result<DynamicImage, PictureError> {
    let broken = |reason: &dyn std::fmt::Display| PictureError::Broken {
        format: PictureFormat::Jpeg,
        reason: clean_message(reason),
    };
    // Stray bytes between the headers are harmless.
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| broken(&error))?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colours = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.set_strict_mode(strict).jpeg_set_out_colorspace(colours));
    let raw = decoder.decode().map_err(|error| broken(&error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let size = |side: usize| u32::try_from(side).unwrap_or_default();
    to_pixels(size(width), size(height), grey, raw).ok_or_else(|| broken(&"it has too few pixels"))
}

fn to_pixels(width: u32, height: u32, grey: bool, raw: Vec<u8>) -> Option<DynamicImage> {
    if grey {
        GrayImage::from_raw(width, height, raw).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, raw).map(DynamicImage::from)
    }
}

/// Converts CMYK by the profile of a printing press. Returns `None` if that is impossible; the general decoder converts
/// without a profile.
fn cmyk_to_srgb(bytes: &[u8], profile: Profile) -> Option<RgbImage> {
    let to_srgb = ToSrgb::from_profile(profile, Samples::Cmyk)?;
    let mut decoder = Decoder::new(bytes);
    let cmyk = decoder.decode().ok()?;
    let info = decoder.info().filter(|info| info.pixel_format == PixelFormat::CMYK32)?;
    to_srgb.cmyk_to_rgb(&cmyk, info.width.into(), info.height.into())
}

/// Returns the size at which a picture just fits `bounds` with its aspect ratio kept; never enlarges.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most the stored size, which is a u16")]
fn fill_size((width, height): (u32, u32), bounds: (u32, u32)) -> (u16, u16) {
    let (width, height) = (f64::from(width), f64::from(height));
    let scale = (f64::from(bounds.0) / width).min(f64::from(bounds.1) / height).min(1.0);
    ((width * scale).ceil() as u16, (height * scale).ceil() as u16)
}

/// The segments before the first scan (ITU T.81, B.1.1).
#[derive(Debug)]
struct Headers {
    size: (u32, u32),
    /// The marker of the frame header, which gives the coding process.
    frame: u8,
    precision: u8,
    components: u8,
    /// The first scan has all components, and the coding process needs no more scans.
    one_scan: bool,
    /// The offset of the data of the first scan.
    scan: usize,
    /// Three components are RGB: Adobe's segment declares no colour transform.
    is_rgb: bool,
    orientation: Orientation,
    icc: Option<Vec<u8>>,
}

impl Headers {
    /// # Errors
    ///
    /// Returns an error if the file ends before the first scan.
    fn parse(bytes: &[u8]) -> Result<Self, PictureError> {
        const EXIF: &[u8] = b"Exif\0\0";
        const ICC: &[u8] = b"ICC_PROFILE\0";
        // Name, version (2 bytes), flags (4 bytes), transform.
        const ADOBE: &[u8] = b"Adobe";
        const ADOBE_TRANSFORM: usize = 11;
        let (mut frame, mut size, mut precision, mut components) = (0, (0, 0), 8, 0);
        let (mut is_rgb, mut orientation) = (false, None);
        let mut icc: Vec<(u8, &[u8])> = Vec::new();
        let mut at = 2;
        let mut next = || {
            let start = segment_start(bytes, at)?;
            let marker = bytes[start];
            // Markers without a length field: stuffing, TEM, RSTn, SOI.
            if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8) {
                at = start + 1;
                return Some((at, marker, &[][..]));
            }
            let length = usize::from(u16::from_be_bytes([*bytes.get(start + 1)?, *bytes.get(start + 2)?]));
            at = start + 1 + length.max(2);
            Some((at, marker, bytes.get(start + 3..at).unwrap_or_default()))
        };
        while let Some((scan, marker, content)) = next() {
            match (marker, content) {
                (0xda, [in_scan, ..]) => {
                    let one_scan = *in_scan == components && matches!(frame, 0xc0 | 0xc1);
                    let icc = joined(icc);
                    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
                    return Ok(Self { size, frame, precision, components, one_scan, scan, is_rgb, orientation, icc });
                }
                // Frame headers: all but DHT, JPG and DAC.
                (0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, [bits, y1, y0, x1, x0, count, ..]) => {
                    let pixels = |high: u8, low: u8| u32::from(u16::from_be_bytes([high, low]));
                    (frame, size, precision, components) =
                        (marker, (pixels(*x1, *x0), pixels(*y1, *y0)), *bits, *count);
                }
                (0xe1, _) if orientation.is_none() => {
                    orientation = content.strip_prefix(EXIF).and_then(Orientation::from_exif_chunk);
                }
                (0xe2, _) => {
                    let parts = content.strip_prefix(ICC).and_then(|part| part.split_first_chunk::<2>());
                    icc.extend(parts.map(|([number, _], data)| (*number, data)));
                }
                (0xee, _) if content.starts_with(ADOBE) => is_rgb = content.get(ADOBE_TRANSFORM) == Some(&0),
                _ => {}
            }
        }
        Err(PictureError::CutOff(PictureFormat::Jpeg))
    }

    /// # Errors
    ///
    /// Returns an error for coding processes without a decoder.
    fn check_kind(&self) -> Result<(), PictureError> {
        let kind = match (self.frame, self.precision) {
            (0xc3 | 0xc7 | 0xcb | 0xcf, _) => "lossless",
            (0xc9 | 0xca | 0xcd | 0xce, _) => "arithmetic coding",
            (0xc5 | 0xc6, _) => "hierarchical",
            (_, 8) => return Ok(()),
            (_, 12) => "12 bits per channel",
            _ => "an unusual number of bits per channel",
        };
        Err(PictureError::UnsupportedKind { format: PictureFormat::Jpeg, kind: kind.to_owned() })
    }

    /// The decoder buffers all coefficients of a progressive picture, two bytes each, before it outputs the first pixel.
    fn check_memory(&self) -> Result<(), PictureError> {
        let channels = if self.components == 1 { 1 } else { 3 };
        let bytes = u64::from(self.size.0) * u64::from(self.size.1) * channels;
        if 3 * bytes > MAX_MEMORY { Err(PictureError::TooMuchMemory) } else { Ok(()) }
    }
}

/// Returns the offset of the code of the next marker: 0xff and a code, after any number of 0xff fill bytes. Some encoders
/// leave stray bytes between segments; decoders skip them.
fn segment_start(bytes: &[u8], mut at: usize) -> Option<usize> {
    at += memchr::memchr(0xff, bytes.get(at..)?)?;
    Some(at + bytes[at..].iter().position(|&byte| byte != 0xff)?)
}

/// Returns the offset of the marker after the data of a scan, in which 0xff is followed by 0 or is part of a restart marker
/// (ITU T.81, B.1.1.5).
fn end_of_scan(bytes: &[u8], scan: usize) -> Option<usize> {
    let is_marker = |at: &usize| !matches!(bytes.get(at + 1), None | Some(0x00 | 0xd0..=0xd7 | 0xff));
    memchr::memchr_iter(0xff, bytes.get(scan..)?).map(|at| scan + at).find(is_marker)
}

/// Joins the segments of an ICC profile, which are numbered from 1. Returns `None` if there are none.
fn joined(mut parts: Vec<(u8, &[u8])>) -> Option<Vec<u8>> {
    parts.sort_by_key(|(number, _)| *number);
    parts.dedup_by_key(|(number, _)| *number);
    let is_complete =
        !parts.is_empty() && parts.iter().zip(1_u16..).all(|((number, _), expected)| u16::from(*number) == expected);
    is_complete.then(|| parts.into_iter().flat_map(|(_, data)| data).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_size_keeps_the_aspect_ratio_and_never_enlarges() {
        assert_eq!(fill_size((4000, 6000), (480, 720)), (480, 720));
        assert_eq!(fill_size((4000, 6000), (1000, 720)), (480, 720));
        assert_eq!(fill_size((40, 60), (1000, 1000)), (40, 60));
        assert_eq!(fill_size((65_000, 1), (100, 100)), (100, 1));
    }

    #[test]
    fn a_profile_is_joined_in_the_order_of_its_numbers() {
        assert_eq!(joined(vec![(2, b"cd"), (1, b"ab"), (3, b"e")]).as_deref(), Some(&b"abcde"[..]));
        assert_eq!(joined(vec![(2, b"cd"), (3, b"e")]), None, "the first is missing");
        assert_eq!(joined(Vec::new()), None);
        let most = (1..=u8::MAX).map(|number| (number, &b"x"[..])).collect();
        assert_eq!(joined(most).map(|profile| profile.len()), Some(255));
    }
}
