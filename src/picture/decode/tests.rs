use std::fmt::Write as _;

use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
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
fn every_format_is_decoded_and_inspected(#[case] written: ImageFormat, #[case] format: PictureFormat) {
    let bytes = encoded(quarters(64, 32), written);
    let decoded = decoded(&bytes);
    let colours = quarter_colours(&decoded.pixels);
    assert!(colours.iter().zip([RED, GREEN, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{colours:?}");
    let info = PictureInfo { width: 64, height: 32, format, bytes: bytes.len() as u64 };
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

#[rstest]
#[case(ImageFormat::Jpeg, PictureFormat::Jpeg)]
#[case(ImageFormat::Png, PictureFormat::Png)]
#[case(ImageFormat::Gif, PictureFormat::Gif)]
#[case(ImageFormat::WebP, PictureFormat::WebP)]
#[case(ImageFormat::Bmp, PictureFormat::Bmp)]
#[case(ImageFormat::Tiff, PictureFormat::Tiff)]
fn half_a_file_is_an_error(#[case] written: ImageFormat, #[case] format: PictureFormat) {
    let byte = |value: u32| u8::try_from(value % 251).unwrap();
    let noise = RgbImage::from_fn(64, 64, |x, y| Rgb([byte(x * 37), byte(y * 91), byte(x * y)]));
    let bytes = encoded(noise, written);
    let error = decode_error(&bytes[..bytes.len() / 2]);
    assert!(
        error == PictureError::CutOff(format)
            || matches!(&error, PictureError::Broken { format: of, .. } if *of == format),
        "{error:?}"
    );
}

#[test]
fn a_truncated_jpeg_of_any_kind_is_cut_off() {
    let baseline = jpeg(&quarters(320, 320));
    let progressive = flat_jpeg(0xc2, &[76, 85, 255], None);
    for whole in [baseline, progressive] {
        let cut = &whole[..whole.len() - 2];
        assert_eq!(decode_error(cut), PictureError::CutOff(PictureFormat::Jpeg));
        assert_eq!(decode_error(&with_orientation(cut, 6)), PictureError::CutOff(PictureFormat::Jpeg));
    }
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
#[case(b"{\"file_name\": \"a.png\"}\n", "a text file: not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF picture")]
#[case(
    b"version https://git-lfs.github.com/spec/v1\n",
    "a Git LFS pointer (run git lfs pull): not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF picture"
)]
#[case(b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture: not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF picture")]
#[case(b"\x01\x02\x03\x04", "unknown content: not a JPEG, PNG, GIF, WebP, BMP, TIFF or AVIF picture")]
fn the_error_names_other_content(#[case] bytes: &[u8], #[case] message: &str) {
    assert_eq!(decode_error(bytes).to_string(), message);
    assert_eq!(inspect(bytes).unwrap_err().to_string(), message);
}

fn samples() -> Vec<Vec<u8>> {
    let picture = quarters(24, 16);
    let formats = [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Tiff];
    let mut samples: Vec<_> = formats.into_iter().map(|format| encoded(picture.clone(), format)).collect();
    samples.push(with_orientation(&jpeg(&picture), 6));
    samples.push(flat_jpeg(0xc2, &[76, 85, 255], None));
    samples.push(flat_jpeg(0xc0, &[255, 0, 0, 255], Some(0)));
    samples.push(include_bytes!("avif/alpha.avif").to_vec());
    samples.push(include_bytes!("avif/grid.avif").to_vec());
    samples
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Any input decodes within the limits or fails with a message that is safe to show.
    #[test]
    fn damaged_files_are_handled(
        which in 0..10_usize,
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
    fn arbitrary_bytes_are_handled(which in 0..11_usize, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
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
