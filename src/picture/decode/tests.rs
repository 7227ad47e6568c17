use std::fmt::Write as _;

use image::{GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::picture::fixture::*;

const BOUNDS: (u32, u32) = (480, 640);

/// Returns a JPEG of 16×16 pixels in one colour, assembled by hand (ITU T.81): every block has only a DC coefficient, and
/// the Huffman codes have four bits for each DC category and one bit for the end of a block.
fn flat_jpeg(frame_marker: u8, components: &[u8], adobe_transform: Option<u8>) -> Vec<u8> {
    let count = u8::try_from(components.len()).unwrap();
    let mut file = vec![0xff, 0xd8];
    if let Some(transform) = adobe_transform {
        file.extend(b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0");
        file.push(transform);
    }
    file.extend([0xff, 0xdb, 0, 67, 0]);
    file.extend([1; 64]);
    file.extend([0xff, frame_marker, 0, 8 + 3 * count, 8, 0, 16, 0, 16, count]);
    (1..=count).for_each(|id| file.extend([id, 0x11, 0]));
    file.extend([0xff, 0xc4, 0, 19 + 12, 0x00, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend(0..12);
    file.extend([0xff, 0xc4, 0, 19 + 1, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let progressive = frame_marker == 0xc2;
    file.extend([0xff, 0xda, 0, 6 + 2 * count, count]);
    (1..=count).for_each(|id| file.extend([id, 0x00]));
    file.extend([0, if progressive { 0 } else { 63 }, 0]);

    let mut bits = String::new();
    for block in 0..4 {
        for &value in components {
            let difference = if block == 0 { (i32::from(value) - 128) * 8 } else { 0 };
            let category = (32 - difference.unsigned_abs().leading_zeros()) as usize;
            write!(bits, "{category:04b}").unwrap();
            if category > 0 {
                let value = if difference < 0 { difference + (1 << category) - 1 } else { difference };
                write!(bits, "{value:0category$b}").unwrap();
            }
            if !progressive {
                bits.push('0');
            }
        }
    }
    while !bits.len().is_multiple_of(8) {
        bits.push('1');
    }
    for byte in bits.as_bytes().chunks(8) {
        let byte = u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap();
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend([0xff, 0xd9]);
    file
}

fn decoded(bytes: &[u8]) -> Decoded {
    decode(bytes, BOUNDS).unwrap()
}

fn decode_error(bytes: &[u8]) -> PictureError {
    decode(bytes, BOUNDS).err().expect("an error")
}

#[rstest]
#[case(ImageFormat::Jpeg, PictureFormat::Jpeg)]
#[case(ImageFormat::Png, PictureFormat::Png)]
#[case(ImageFormat::Gif, PictureFormat::Gif)]
#[case(ImageFormat::WebP, PictureFormat::WebP)]
#[case(ImageFormat::Bmp, PictureFormat::Bmp)]
#[case(ImageFormat::Tiff, PictureFormat::Tiff)]
#[case(ImageFormat::Ico, PictureFormat::Ico)]
#[case(ImageFormat::Pnm, PictureFormat::Netpbm)]
fn every_format_is_decoded_and_inspected(#[case] written: ImageFormat, #[case] format: PictureFormat) {
    let bytes = encoded(quarters(64, 32), written);
    let decoded = decoded(&bytes);
    let colours = quarter_colours(&decoded.pixels);
    assert!(colours.iter().zip([RED, GREEN, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{colours:?}");
    let info = PictureInfo { width: 64, height: 32, format, bytes: bytes.len() as u64, damage: None };
    assert_eq!(decoded.info, info);
    assert_eq!(inspect(&bytes), Ok(info));
}

#[test]
fn a_large_jpeg_is_decoded_at_a_reduced_size_that_fills_the_bounds() {
    let bytes = jpeg(&quarters(1600, 2400));
    let decoded = decode(&bytes, (210, 1000)).unwrap();
    assert_eq!((decoded.pixels.width(), decoded.pixels.height()), (400, 600));
    assert_eq!((decoded.info.width, decoded.info.height), (1600, 2400));
    let colours = quarter_colours(&decoded.pixels);
    assert!(colours.iter().zip([RED, GREEN, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{colours:?}");
}

#[test]
fn trailing_bytes_are_ignored() {
    // Some phones append a video to their pictures.
    let bytes = [jpeg(&quarters(64, 32)), b"ftypmp4 and so on".repeat(100)].concat();
    assert_eq!(decoded(&bytes).info.format, PictureFormat::Jpeg);
}

#[rstest]
#[case::grey(0xc0, &[200], None, [200, 200, 200])]
#[case::colour(0xc0, &[76, 85, 255], None, RED)]
#[case::extended(0xc1, &[76, 85, 255], None, RED)]
#[case::progressive_grey(0xc2, &[200], None, [200, 200, 200])]
#[case::progressive(0xc2, &[76, 85, 255], None, RED)]
#[case::rgb(0xc0, &[255, 0, 0], Some(0), RED)]
// Adobe writes CMYK inverted: 255 is no ink.
#[case::cmyk(0xc0, &[255, 0, 0, 255], Some(0), RED)]
#[case::cmyk_black(0xc0, &[255, 255, 255, 0], Some(0), [0, 0, 0])]
fn kinds_of_jpeg(
    #[case] frame_marker: u8,
    #[case] components: &[u8],
    #[case] adobe_transform: Option<u8>,
    #[case] expected: [u8; 3],
) {
    let file = flat_jpeg(frame_marker, components, adobe_transform);
    // At full and at reduced size.
    for bounds in [BOUNDS, (4, 4)] {
        let decoded = decode(&file, bounds).unwrap();
        assert_eq!((decoded.info.width, decoded.info.height), (16, 16));
        let colours = quarter_colours(&decoded.pixels);
        assert!(colours.iter().all(|&colour| near(colour, expected)), "{colours:?}");
    }
}

#[test]
fn sixteen_bit_pictures_are_converted_to_eight_bits() {
    let deep = ImageBuffer::from_pixel(5, 4, Rgb([65_535_u16, 32_768, 0]));
    let pixels = decoded(&encoded(DynamicImage::ImageRgb16(deep), ImageFormat::Png)).pixels;
    assert_eq!(pixels.as_rgb8().unwrap().get_pixel(2, 2).0, [255, 128, 0]);

    let deep = ImageBuffer::from_pixel(5, 4, LumaA([32_768_u16, 65_535]));
    let pixels = decoded(&encoded(DynamicImage::ImageLumaA16(deep), ImageFormat::Png)).pixels;
    assert_eq!(pixels.as_luma_alpha8().unwrap().get_pixel(2, 2).0, [128, 255]);

    let grey = GrayImage::from_pixel(5, 4, Luma([77]));
    assert_eq!(decoded(&encoded(grey, ImageFormat::Png)).pixels.as_luma8().unwrap().get_pixel(0, 0).0, [77]);
}

#[test]
fn decodes_the_first_frame_of_an_animation() {
    use image::codecs::gif::GifEncoder;
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(8, 8, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    assert_eq!(decoded(&bytes).pixels.to_rgb8().get_pixel(3, 3).0, RED);
}

/// The first rows of a file that is cut off are shown, if the decoder returns rows as it reads them.
#[rstest]
#[case(ImageFormat::Jpeg, Some(Damage::CutOff))]
#[case(ImageFormat::Png, Some(Damage::CutOff))]
#[case(ImageFormat::Gif, Some(Damage::CutOff))]
#[case(ImageFormat::Bmp, Some(Damage::CutOff))]
#[case(ImageFormat::Pnm, Some(Damage::CutOff))]
// The directory is at the end of the file.
#[case(ImageFormat::Tiff, None)]
#[case(ImageFormat::WebP, None)]
fn half_a_file_is_cut_off(#[case] written: ImageFormat, #[case] damage: Option<Damage>) {
    let whole = encoded(noise(128, 128), written);
    let half = &whole[..whole.len() / 2];
    if damage.is_some() {
        assert_eq!(decoded(half).info.damage, damage);
    } else {
        let error = decode_error(half);
        assert!(matches!(error, PictureError::CutOff(_) | PictureError::Broken { .. }), "{error:?}");
    }
    assert_eq!(decoded(&whole).info.damage, None);
}

#[test]
fn a_jpeg_that_is_cut_off_is_shown_as_far_as_it_goes() {
    let progressive = flat_jpeg(0xc2, &[76, 85, 255], None);
    for whole in [jpeg(&quarters(320, 320)), jpeg(&noise(100, 60)), progressive] {
        for bounds in [BOUNDS, (16, 16)] {
            let cut = &whole[..whole.len() - 2];
            let (cut, whole) = (decode(cut, bounds).unwrap(), decode(&whole, bounds).unwrap());
            assert_eq!((cut.info.damage, whole.info.damage), (Some(Damage::CutOff), None));
            assert!(cut.pixels == whole.pixels, "only the end marker is missing");
        }
    }
    let whole = jpeg(&quarters(320, 320));
    let half = decoded(&with_orientation(&whole[..whole.len() * 3 / 4], 3));
    assert_eq!(half.info.damage, Some(Damage::CutOff));
    assert!(near(half.pixels.to_rgb8().get_pixel(10, 10).0, RED), "the first quadrant is there");
    let headers_only = &whole[..300];
    assert_eq!(decode_error(headers_only), PictureError::CutOff(PictureFormat::Jpeg));
}

/// The data consists of valid codes: only its amount shows that some is missing.
#[test]
fn a_jpeg_whose_scan_ends_early_is_damaged() {
    let whole = jpeg(&noise(320, 320));
    let with_an_early_end = [&whole[..whole.len() / 2], b"\xff\xd9"].concat();
    for file in [with_a_hole(&whole), with_an_early_end] {
        for bounds in [BOUNDS, (16, 16)] {
            let decoded = decode(&file, bounds).unwrap();
            assert_eq!(decoded.info.damage, Some(Damage::Corrupt));
            assert_eq!(decoded.info.error(), Some(PictureError::Damaged(PictureFormat::Jpeg)));
        }
    }
}

#[test]
fn a_png_with_a_wrong_checksum_is_damaged() {
    let mut file = encoded(noise(128, 128), ImageFormat::Png);
    let middle = file.len() * 2 / 3;
    file[middle] ^= 0xff;
    assert_eq!(decoded(&file).info.damage, Some(Damage::Corrupt));
}

/// Kinds of JPEG in the frame header (ITU T.81, table B.1).
#[rstest]
#[case(0xc3, 8, "an unsupported kind of JPEG: lossless")]
#[case(0xc9, 8, "an unsupported kind of JPEG: arithmetic coding")]
#[case(0xca, 8, "an unsupported kind of JPEG: arithmetic coding")]
#[case(0xc1, 12, "an unsupported kind of JPEG: 12 bits per channel")]
fn kinds_of_jpeg_without_a_decoder_are_named(#[case] frame: u8, #[case] precision: u8, #[case] message: &str) {
    let mut file = flat_jpeg(frame, &[200], None);
    let at = memchr::memmem::find(&file, &[0xff, frame]).unwrap();
    file[at + 4] = precision;
    let error = decode_error(&file);
    assert_eq!((error.to_string().as_str(), error.remedy()), (message, "convert it to PNG or baseline JPEG"));
}

#[test]
fn huge_dimensions_are_rejected_before_allocating() {
    let mut bitmap = encoded(RgbImage::new(1, 1), ImageFormat::Bmp);
    let mut declare = |width: u32, height: u32| {
        bitmap[18..22].copy_from_slice(&width.to_le_bytes());
        bitmap[22..26].copy_from_slice(&height.to_le_bytes());
        decode_error(&bitmap)
    };
    assert_eq!(declare(20_000, 20_000), PictureError::TooManyPixels { width: 20_000, height: 20_000 });
    assert_eq!(declare(15_000, 15_000), PictureError::TooMuchMemory);

    let mut gif = encoded(RgbImage::new(1, 1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[0xff; 4]);
    assert_eq!(decode_error(&gif), PictureError::TooManyPixels { width: 65_535, height: 65_535 });

    for marker in [0xc0, 0xc2] {
        let mut jpeg = flat_jpeg(marker, &[76, 85, 255], None);
        let frame = memchr::memmem::find(&jpeg, &[0xff, marker]).unwrap();
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
        assert_eq!(decode_error(&jpeg), PictureError::TooManyPixels { width: 0xffdc, height: 0xffdc });
        // 225 million pixels: a baseline picture is decoded at 1/8 size, which is impossible for a progressive one.
        jpeg[frame + 5..frame + 9].copy_from_slice(&[0x3a, 0x98, 0x3a, 0x98]);
        if marker == 0xc0 {
            assert_eq!(decoded(&jpeg).pixels.width(), 15_000 / 8);
        } else {
            assert_eq!(decode_error(&jpeg), PictureError::TooMuchMemory);
        }
    }
}

#[rstest]
#[case(
    b"{\"file_name\": \"a.png\"}\n",
    "a text file: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture"
)]
#[case(
    b"version https://git-lfs.github.com/spec/v1\n",
    "a Git LFS pointer (run git lfs pull): not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture"
)]
#[case(
    b"\0\0\0\x18ftypheic\0\0\0\0",
    "a HEIC picture: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture"
)]
#[case(
    b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>",
    "an SVG drawing: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture"
)]
#[case(
    b"<!DOCTYPE html><title>404</title>",
    "an HTML page (a failed download?): not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture"
)]
#[case(b"\xff\x0a\x01", "a JPEG XL picture: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture")]
#[case(b"\x01\x02\x03\x04", "unknown content: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture")]
fn the_error_names_other_content(#[case] bytes: &[u8], #[case] message: &str) {
    assert_eq!(decode_error(bytes).to_string(), message);
    assert_eq!(inspect(bytes).unwrap_err().to_string(), message);
}

fn samples() -> Vec<Vec<u8>> {
    let picture = quarters(24, 16);
    let formats = [
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::Ico,
        ImageFormat::Pnm,
    ];
    let mut samples: Vec<_> = formats.into_iter().map(|format| encoded(picture.clone(), format)).collect();
    samples.push(with_orientation(&jpeg(&picture), 6));
    samples.push(flat_jpeg(0xc2, &[76, 85, 255], None));
    samples.push(flat_jpeg(0xc0, &[255, 0, 0, 255], Some(0)));
    samples.push(include_bytes!("avif/alpha.avif").to_vec());
    samples.push(include_bytes!("avif/grid.avif").to_vec());
    samples.push(include_bytes!("tiff/zstandard.tif").to_vec());
    samples
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// No complete JPEG counts as damaged, at full or reduced size.
    #[test]
    fn complete_jpegs_are_undamaged(
        width in 1..70_u32,
        height in 1..70_u32,
        quality in 1..=100_u8,
        is_flat in any::<bool>(),
        is_grey in any::<bool>(),
        bounds in 1..80_u32,
    ) {
        let picture = if is_flat { RgbImage::from_pixel(width, height, Rgb([90, 20, 200])) } else { noise(width, height) };
        let picture = DynamicImage::from(picture);
        let picture = if is_grey { picture.into_luma8().into() } else { picture };
        let mut bytes = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, quality);
        picture.write_with_encoder(encoder).unwrap();
        let decoded = decode(&bytes, (bounds, bounds)).unwrap();
        prop_assert_eq!((decoded.info.damage, decoded.info.width), (None, width));
    }

    /// Any input decodes within the limits or fails with a message that is safe to show.
    #[test]
    fn damaged_files_are_handled(
        which in 0..13_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = samples()[which].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        check(&bytes);
    }

    #[test]
    fn arbitrary_bytes_are_handled(which in 0..14_usize, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let start = samples().get(which).map(|sample| sample[..sample.len().min(30)].to_vec()).unwrap_or_default();
        check(&[start, bytes].concat());
    }
}

fn check(bytes: &[u8]) {
    match decode(bytes, (80, 60)) {
        Ok(decoded) => {
            assert!(decoded.pixels.width() > 0 && decoded.pixels.height() > 0);
            assert!(decoded.pixels.as_bytes().len() as u64 <= MAX_MEMORY);
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
    if let Err(error) = inspect(bytes) {
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
}
