//! TIFF and `BigTIFF`: the first page that is not a reduced version of another.
//!
//! The `tiff` crate reads the samples. It refuses palettes, reads CCITT Group 4 but not Group 3, and needs a C library for
//! Zstandard; these are handled here.

mod directory;
mod zstandard;

use std::borrow::Cow;
use std::io::{self, Cursor};

use fax::Color;
use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, Tag};
use tiff::{ColorType, TiffError, TiffUnsupportedError};

use self::directory::Directory;
use super::colour::{Profile, Samples, ToSrgb};
use super::{Decoded, MAX_MEMORY, check_pixels, jpeg, picture_info};
use crate::picture::{Damage, PictureError, PictureFormat, PictureInfo, clean_message};

/// The most pages searched for one at full size.
const MAX_PAGES: usize = 16;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions().map_err(|error| tiff_error(&error))?;
    check_pixels(width, height, PictureFormat::Tiff)?;
    let orientation = tag(&mut decoder, Tag::Orientation).and_then(|value| u8::try_from(value).ok());
    let orientation = orientation.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms);
    let icc = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let icc = icc.as_deref().map(Profile::Icc);

    let photometric = tag(&mut decoder, Tag::PhotometricInterpretation);
    let compression = tag(&mut decoder, Tag::Compression);
    let is_compressed_by = |method: CompressionMethod| compression == Some(method.to_u16().into());
    let file = if is_compressed_by(CompressionMethod::ZSTD) {
        Cow::Owned(zstandard::decompressed(&mut decoder, bytes)?)
    } else {
        Cow::Borrowed(bytes)
    };
    let mut decoder = open(&file)?;
    if is_compressed_by(CompressionMethod::ModernJPEG) {
        // The decoder reports those that are missing.
        chunks(&mut decoder, &file)?.into_iter().flatten().try_for_each(jpeg::check_embedded)?;
    }
    let (pixels, damage) = if is_compressed_by(CompressionMethod::Fax3) {
        (group_3(&mut decoder, &file, (width, height))?.into(), None)
    } else if photometric == Some(PhotometricInterpretation::RGBPalette.to_u16().into()) {
        palette(&mut decoder, &file)?
    } else {
        let colours = decoder.colortype().map_err(|error| tiff_error(&error))?;
        let (samples, damage) = Raster::read(&mut decoder)?;
        (samples.into_pixels(colours, icc)?, damage)
    };
    let to_srgb = icc.and_then(|profile| ToSrgb::from_profile(profile, Samples::of(&pixels)?));
    let info = picture_info(bytes, PictureFormat::Tiff, (width, height), orientation);
    let is_srgb = to_srgb.is_none();
    Ok(Decoded { pixels, to_srgb, is_srgb, orientation, info: PictureInfo { damage, ..info }, reduced: false })
}

/// Opens the first page at full size, or the first page if there is none.
fn open(bytes: &[u8]) -> Result<Reader<'_>, PictureError> {
    const REDUCED_OR_MASK: u32 = 0b101;
    let memory = usize::try_from(MAX_MEMORY).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (memory, memory);
    limits.ifd_value_size = bytes.len();
    let new = || Ok(Decoder::new(Cursor::new(bytes)).map_err(|error| tiff_error(&error))?.with_limits(limits.clone()));
    let mut decoder: Reader = new()?;
    for _ in 0..MAX_PAGES {
        if tag(&mut decoder, Tag::NewSubfileType).is_none_or(|kind| kind & REDUCED_OR_MASK == 0) {
            return Ok(decoder);
        }
        if !decoder.more_images() || decoder.next_image().is_err() {
            break;
        }
    }
    new()
}

/// Returns the value of a tag with one number.
fn tag(decoder: &mut Reader, tag: Tag) -> Option<u32> {
    decoder.find_tag_unsigned(tag).ok().flatten()
}

/// Returns the tags of the offsets and lengths of the page's strips or tiles.
fn chunk_tags(decoder: &mut Reader) -> (Tag, Tag) {
    match tag(decoder, Tag::TileWidth) {
        Some(_) => (Tag::TileOffsets, Tag::TileByteCounts),
        None => (Tag::StripOffsets, Tag::StripByteCounts),
    }
}

/// Returns the data of the page's strips or tiles, each with an error if it is cut off.
fn chunks<'a>(decoder: &mut Reader, bytes: &'a [u8]) -> Result<Vec<Result<&'a [u8], PictureError>>, PictureError> {
    let (offsets, lengths) = chunk_tags(decoder);
    let mut list = |tag| decoder.get_tag_u64_vec(tag).map_err(|error| tiff_error(&error));
    let chunks = list(offsets)?.into_iter().zip(list(lengths)?).map(|(start, length)| {
        let (start, end) = (usize::try_from(start), usize::try_from(start.saturating_add(length)));
        let chunk = start.ok().zip(end.ok()).and_then(|(start, end)| bytes.get(start..end));
        chunk.ok_or(PictureError::CutOff(PictureFormat::Tiff))
    });
    Ok(chunks.collect())
}

/// Samples with 8 bits, interleaved.
struct Raster {
    width: u32,
    height: u32,
    channels: usize,
    samples: Vec<u8>,
}

impl Raster {
    /// Reads the samples of the page. If some cannot be read, the rest is returned with the damage.
    fn read(decoder: &mut Reader) -> Result<(Self, Option<Damage>), PictureError> {
        let (width, height) = decoder.dimensions().map_err(|error| tiff_error(&error))?;
        let colours = decoder.colortype().map_err(|error| tiff_error(&error))?;
        let layout = decoder.image_buffer_layout().map_err(|error| tiff_error(&error))?;
        if layout.complete_len as u64 > MAX_MEMORY {
            return Err(PictureError::TooMuchMemory);
        }
        let mut result = DecodingResult::U8(Vec::new());
        let damage = match decoder.read_image_to_buffer(&mut result) {
            Ok(_) => None,
            Err(error) if result.as_buffer(0).as_bytes().iter().all(|byte| *byte == 0) => {
                return Err(tiff_error(&error));
            }
            Err(TiffError::IoError(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Some(Damage::CutOff),
            Err(_) => Some(Damage::Corrupt),
        };
        let channels = usize::from(colours.num_samples());
        let mut samples = to_eight_bits(result);
        if colours.bit_depth() < 8 {
            samples = unpacked(&samples, colours.bit_depth(), width as usize * channels);
        }
        if layout.planes > 1 {
            let plane = samples.len() / layout.planes;
            samples = (0..plane)
                .flat_map(|at| (0..layout.planes).map(move |of| of * plane + at))
                .map(|at| samples[at])
                .collect();
        }
        samples.resize(width as usize * height as usize * channels, 0);
        Ok((Self { width, height, channels, samples }, damage))
    }

    /// Interprets the samples.
    fn into_pixels(self, colours: ColorType, icc: Option<Profile>) -> Result<DynamicImage, PictureError> {
        let Self { width, height, channels, mut samples } = self;
        let pixels = match colours {
            ColorType::Gray(bits) => {
                scale(&mut samples, bits);
                GrayImage::from_raw(width, height, samples).map(DynamicImage::from)
            }
            ColorType::GrayA(_) => GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::from),
            // Grey with further channels, such as alpha.
            ColorType::Multiband { bit_depth, .. } => {
                let mut grey = samples.chunks_exact(channels).map(|pixel| pixel[0]).collect::<Vec<_>>();
                scale(&mut grey, bit_depth);
                GrayImage::from_raw(width, height, grey).map(DynamicImage::from)
            }
            ColorType::RGB(_) => RgbImage::from_raw(width, height, samples).map(DynamicImage::from),
            ColorType::RGBA(_) => RgbaImage::from_raw(width, height, samples).map(DynamicImage::from),
            ColorType::YCbCr(_) => {
                samples.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| *pixel = ycbcr_to_rgb(*pixel));
                RgbImage::from_raw(width, height, samples).map(DynamicImage::from)
            }
            ColorType::CMYK(_) | ColorType::CMYKA(_) => {
                let cmyk: Vec<u8> = samples.chunks_exact(channels).flat_map(|pixel| &pixel[..4]).copied().collect();
                let to_srgb = icc.and_then(|profile| ToSrgb::from_profile(profile, Samples::Cmyk));
                let converted = to_srgb.and_then(|to_srgb| to_srgb.cmyk_to_rgb(&cmyk, width, height));
                converted.or_else(|| RgbImage::from_raw(width, height, cmyk_to_rgb(&cmyk))).map(DynamicImage::from)
            }
            _ => return Err(unsupported("an unusual colour space")),
        };
        pixels.ok_or_else(|| broken(&"it has too few samples"))
    }
}

/// Reads a picture whose samples are indices into a palette. The `tiff` crate reads the indices if the header declares
/// them to be shades of grey.
fn palette(decoder: &mut Reader, bytes: &[u8]) -> Result<(DynamicImage, Option<Damage>), PictureError> {
    if tag(decoder, Tag::BitsPerSample).is_some_and(|bits| bits > 8) {
        return Err(unsupported("a palette of more than 256 colours"));
    }
    let colours = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(|error| tiff_error(&error))?;
    let mut declared_grey = bytes.to_vec();
    let grey = PhotometricInterpretation::BlackIsZero.to_u16();
    Directory::of(decoder, bytes)?.set(&mut declared_grey, Tag::PhotometricInterpretation, &[grey.into()])?;

    let (indices, damage) = Raster::read(&mut open(&declared_grey)?)?;
    // All reds, then all greens, then all blues (TIFF 6.0, section 5). Some writers use 8 of the 16 bits.
    let is_deep = colours.iter().any(|value| *value > 0xff);
    let third = colours.len() / 3;
    let colour = |index: u8, channel: usize| {
        let value = colours.get(channel * third + usize::from(index)).copied().unwrap_or_default();
        if is_deep { value.to_be_bytes()[0] } else { value.to_be_bytes()[1] }
    };
    let channels = indices.channels;
    let rgb =
        indices.samples.chunks_exact(channels).flat_map(|index| [0, 1, 2].map(|channel| colour(index[0], channel)));
    let pixels = RgbImage::from_raw(indices.width, indices.height, rgb.collect()).map(DynamicImage::from);
    Ok((pixels.ok_or_else(|| broken(&"it has too few samples"))?, damage))
}

/// Decodes CCITT Group 3 in one dimension (ITU-T T.4), which the `tiff` crate does not.
fn group_3(decoder: &mut Reader, bytes: &[u8], (width, height): (u32, u32)) -> Result<GrayImage, PictureError> {
    const OPTIONS: Tag = Tag::Unknown(292);
    const TWO_DIMENSIONS: u32 = 1;
    const REVERSED: u32 = 2;
    if tag(decoder, OPTIONS).is_some_and(|options| options & TWO_DIMENSIONS != 0) {
        return Err(unsupported("two-dimensional CCITT Group 3 compression"));
    }
    let is_reversed = tag(decoder, Tag::FillOrder) == Some(REVERSED);
    // Without the tag, black is 0, but fax machines send white as 0.
    let white_is_zero = tag(decoder, Tag::PhotometricInterpretation) == Some(0);
    let width_16 = u16::try_from(width).map_err(|_| unsupported("a wide fax"))?;
    let mut pixels = Vec::new();
    let complete = width as usize * height as usize;
    for strip in chunks(decoder, bytes)? {
        let strip = strip?;
        // Not every writer ends the page with six end markers.
        let end = [0, 1].repeat(6);
        let strip = strip.iter().map(|byte| if is_reversed { byte.reverse_bits() } else { *byte }).chain(end);
        fax::decoder::decode_g3(strip, |line| {
            // The line after the last end marker is empty.
            if line.is_empty() || pixels.len() >= complete {
                return;
            }
            let is_white = |colour| (colour == Color::White) == white_is_zero;
            pixels.extend(fax::decoder::pels(line, width_16).map(|colour| if is_white(colour) { u8::MAX } else { 0 }));
        });
    }
    GrayImage::from_raw(width, height, pixels).ok_or_else(|| broken(&"it has fewer lines than its header declares"))
}

/// Converts samples to 8 bits. Signed integers are shifted to unsigned ones; floating-point numbers are stretched from
/// their range, unless all are between 0 and 1.
fn to_eight_bits(samples: DecodingResult) -> Vec<u8> {
    use DecodingResult as Result;
    const SIGN: u8 = 0x80;
    let rounded = |sample: u16| u8::try_from((u32::from(sample) + 128) / 257).unwrap_or(u8::MAX);
    match samples {
        Result::U8(samples) => samples,
        Result::U16(samples) => samples.into_iter().map(rounded).collect(),
        Result::U32(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0]).collect(),
        Result::U64(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0]).collect(),
        Result::I8(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0] ^ SIGN).collect(),
        Result::I16(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0] ^ SIGN).collect(),
        Result::I32(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0] ^ SIGN).collect(),
        Result::I64(samples) => samples.into_iter().map(|sample| sample.to_be_bytes()[0] ^ SIGN).collect(),
        Result::F16(samples) => stretched(samples.into_iter().map(f32::from)),
        Result::F32(samples) => stretched(samples.into_iter()),
        #[expect(clippy::cast_possible_truncation, reason = "more precise than 8 bits")]
        Result::F64(samples) => stretched(samples.into_iter().map(|sample| sample as f32)),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
fn stretched(samples: impl Iterator<Item = f32> + Clone) -> Vec<u8> {
    let finite = samples.clone().filter(|sample| sample.is_finite());
    let (low, high) = finite.fold((0.0_f32, 1.0_f32), |(low, high), sample| (low.min(sample), high.max(sample)));
    samples.map(|sample| ((sample - low) / (high - low) * 255.0).round().clamp(0.0, 255.0) as u8).collect()
}

/// Unpacks samples of less than 8 bits. Each row of `row` samples begins with a new byte.
fn unpacked(packed: &[u8], bits: u8, row: usize) -> Vec<u8> {
    let per_byte = usize::from(8 / bits.clamp(1, 8));
    let mask = u8::MAX >> (8 - bits);
    let sample = |bytes: &[u8], at: usize| {
        let shift = usize::from(bits) * (per_byte - 1 - at % per_byte);
        bytes.get(at / per_byte).copied().unwrap_or_default() >> shift & mask
    };
    let rows = packed.chunks(row.div_ceil(per_byte).max(1));
    rows.flat_map(|bytes| (0..row).map(move |at| sample(bytes, at))).collect()
}

/// Stretches samples of less than 8 bits to 8.
fn scale(samples: &mut [u8], bits: u8) {
    if bits < 8 {
        let factor = u8::MAX / (u8::MAX >> (8 - bits));
        for sample in samples {
            *sample = sample.saturating_mul(factor);
        }
    }
}

/// ITU-T T.871.
fn ycbcr_to_rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255")]
    let clamped = |value: f32| value.round().clamp(0.0, 255.0) as u8;
    let (luma, blue, red) = (f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0);
    [luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue].map(clamped)
}

/// Converts without a profile.
fn cmyk_to_rgb(cmyk: &[u8]) -> Vec<u8> {
    let light = |ink: u8, black: u8| {
        let (ink, black) = (u16::from(u8::MAX - ink), u16::from(u8::MAX - black));
        u8::try_from((ink * black + 127) / 255).unwrap_or(u8::MAX)
    };
    let pixels = cmyk.as_chunks::<4>().0.iter();
    pixels.flat_map(|[cyan, magenta, yellow, black]| [cyan, magenta, yellow].map(|ink| light(*ink, *black))).collect()
}

fn tiff_error(error: &TiffError) -> PictureError {
    match error {
        TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            PictureError::CutOff(PictureFormat::Tiff)
        }
        TiffError::LimitsExceeded => PictureError::TooMuchMemory,
        TiffError::UnsupportedError(error) => unsupported(&kind(error)),
        _ => broken(error),
    }
}

/// Names a kind of TIFF in the words of its specification.
fn kind(error: &TiffUnsupportedError) -> String {
    use TiffUnsupportedError as Error;
    match error {
        Error::UnsupportedCompressionMethod(method) => match method.to_u16() {
            2 => "modified Huffman compression".to_owned(),
            6 => "old-style JPEG compression".to_owned(),
            34_712 => "JPEG 2000 compression".to_owned(),
            34_925 => "LZMA compression".to_owned(),
            50_001 => "WebP compression".to_owned(),
            50_002 => "JPEG XL compression".to_owned(),
            number => format!("compression method {number}"),
        },
        Error::InconsistentBitsPerSample(_) => "channels of different depths".to_owned(),
        Error::UnsupportedSampleFormat(_) => "an unusual number format".to_owned(),
        Error::InterpretationWithBits(PhotometricInterpretation::CIELab | PhotometricInterpretation::ItuLab, _)
        | Error::UnsupportedColorType(ColorType::Lab(_)) => "Lab colours".to_owned(),
        Error::UnsupportedColorType(colours) => format!("{} bits per channel", colours.bit_depth()),
        Error::UnsupportedBitsPerChannel(bits) => format!("{bits} bits per channel"),
        Error::HorizontalPredictor(_) | Error::FloatingPointPredictor(_) => "an unusual predictor".to_owned(),
        Error::ChromaSubsampling => "reduced chroma resolution without JPEG".to_owned(),
        _ => "an unusual colour space".to_owned(),
    }
}

fn unsupported(kind: &str) -> PictureError {
    PictureError::UnsupportedKind { format: PictureFormat::Tiff, kind: kind.to_owned() }
}

fn broken(reason: &dyn std::fmt::Display) -> PictureError {
    PictureError::Broken { format: PictureFormat::Tiff, reason: clean_message(reason) }
}

#[cfg(test)]
mod tests;
