use std::fs;

use image::codecs::gif::GifEncoder;
use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::picture::PictureError;
use crate::picture::fixture::*;

const LIMITS: UploadLimits =
    UploadLimits { long_edge: 100, tokens: 1568, longest_side: 8000, bytes: 3_750_000, common_format: false };

fn prepare_within(file: &[u8], limits: &UploadLimits) -> Result<Upload, UploadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    fs::write(&path, file).unwrap();
    prepare(&path, limits)
}

fn prepared(file: &[u8]) -> Upload {
    prepare_within(file, &LIMITS).unwrap()
}

/// Decodes an upload with `image` alone, as the service would.
fn decoded(upload: &Upload) -> DynamicImage {
    let format = match upload.format {
        UploadFormat::Png => ImageFormat::Png,
        UploadFormat::Jpeg => ImageFormat::Jpeg,
        UploadFormat::Gif => ImageFormat::Gif,
        UploadFormat::WebP => ImageFormat::WebP,
    };
    let picture = image::load_from_memory_with_format(&upload.bytes, format).unwrap();
    assert_eq!((picture.width(), picture.height()), (upload.width, upload.height));
    picture
}

fn animation(side: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(side, side, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    bytes
}

#[rstest]
#[case(ImageFormat::Jpeg, UploadFormat::Jpeg)]
#[case(ImageFormat::Png, UploadFormat::Png)]
#[case(ImageFormat::Gif, UploadFormat::Gif)]
#[case(ImageFormat::WebP, UploadFormat::WebP)]
fn an_image_within_the_limits_is_sent_unchanged(#[case] written: ImageFormat, #[case] format: UploadFormat) {
    let file = encoded(noise(100, 60), written);
    let upload = prepared(&file);
    assert_eq!(*upload.bytes, *file);
    assert_eq!((upload.format, upload.width, upload.height), (format, 100, 60));
    // One pixel or one byte over the limit, and it is converted.
    let narrower = UploadLimits { long_edge: 99, ..LIMITS };
    assert_eq!(prepare_within(&file, &narrower).unwrap().width, 99);
    let tighter = UploadLimits { bytes: file.len() - 1, ..LIMITS };
    assert!(prepare_within(&file, &tighter).unwrap().bytes.len() < file.len());
}

#[test]
fn an_animation_is_sent_unchanged_or_reduced_to_its_first_frame() {
    let small = animation(20);
    assert_eq!(*prepared(&small).bytes, *small);
    let large = prepared(&animation(120));
    assert_eq!((large.format, large.width), (UploadFormat::Jpeg, 100));
    assert!(near(decoded(&large).to_rgb8().get_pixel(50, 50).0, RED));
}

#[rstest]
#[case(ImageFormat::Bmp)]
#[case(ImageFormat::Tiff)]
fn unsupported_formats_become_jpegs(#[case] written: ImageFormat) {
    let upload = prepared(&encoded(quarters(64, 32), written));
    assert_eq!((upload.format, upload.width, upload.height), (UploadFormat::Jpeg, 64, 32));
    let colours = quarter_colours(&decoded(&upload));
    assert!(colours.iter().zip([RED, GREEN, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{colours:?}");
}

#[test]
fn an_image_with_another_profile_is_converted_to_srgb() {
    for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let upload = prepared(&with_profile(quarters(64, 32), format, &swapped_profile()));
        assert_eq!(upload.format, UploadFormat::Jpeg, "{format:?}");
        let colours = quarter_colours(&decoded(&upload));
        assert!(colours.iter().zip([GREEN, RED, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{format:?}: {colours:?}");
        assert!(memchr::memmem::find(&upload.bytes, b"ICC_PROFILE").is_none(), "sRGB needs no profile");
    }
}

#[test]
fn an_image_with_an_srgb_profile_is_sent_unchanged() {
    let srgb = moxcms::ColorProfile::new_srgb().encode().unwrap();
    let file = with_profile(quarters(64, 32), ImageFormat::Jpeg, &srgb);
    assert_eq!(*prepared(&file).bytes, *file);
}

#[test]
fn avif_becomes_a_jpeg() {
    let upload = prepared(include_bytes!("../../picture/decode/avif/turned.avif"));
    assert_eq!((upload.format, upload.width, upload.height), (UploadFormat::Jpeg, 32, 64));
    let colours = quarter_colours(&decoded(&upload));
    assert!(colours.iter().zip([GREEN, WHITE, RED, BLUE]).all(|(&a, b)| near(a, b)), "{colours:?}");
}

/// From the EXIF specification (4.6.4, tag 274).
#[rstest]
#[case(1, [RED, GREEN, BLUE, WHITE])]
#[case(2, [GREEN, RED, WHITE, BLUE])]
#[case(3, [WHITE, BLUE, GREEN, RED])]
#[case(4, [BLUE, WHITE, RED, GREEN])]
#[case(5, [RED, BLUE, GREEN, WHITE])]
#[case(6, [BLUE, RED, WHITE, GREEN])]
#[case(7, [WHITE, GREEN, BLUE, RED])]
#[case(8, [GREEN, WHITE, RED, BLUE])]
fn images_are_sent_upright(#[case] orientation: u8, #[case] expected: [[u8; 3]; 4]) {
    for (side, longest) in [(80, 80), (1600, 100)] {
        let file = with_orientation(&jpeg(&quarters(side, side / 2)), orientation);
        let upload = prepared(&file);
        let size = if orientation >= 5 { (longest / 2, longest) } else { (longest, longest / 2) };
        assert_eq!((upload.width, upload.height), size);
        let colours = quarter_colours(&decoded(&upload));
        assert!(colours.iter().zip(expected).all(|(&a, b)| near(a, b)), "{colours:?}");
    }
}

#[test]
fn transparent_pixels_become_white() {
    let cut_out =
        RgbaImage::from_fn(200, 200, |x, _| if x < 100 { Rgba([0, 0, 255, 255]) } else { Rgba([9, 9, 9, 0]) });
    let upload = prepared(&encoded(cut_out, ImageFormat::Png));
    assert_eq!(upload.format, UploadFormat::Jpeg);
    let picture = decoded(&upload).to_rgb8();
    assert!(near(picture.get_pixel(20, 50).0, BLUE) && near(picture.get_pixel(80, 50).0, WHITE));
}

#[test]
fn greyscale_and_16_bit_images_keep_their_brightness() {
    let grey = prepared(&encoded(GrayImage::from_pixel(150, 150, Luma([77])), ImageFormat::Png));
    assert!(near(decoded(&grey).to_rgb8().get_pixel(9, 9).0, [77; 3]));
    let deep = image::ImageBuffer::from_pixel(150, 150, Rgb([65_535_u16, 32_768, 0]));
    let deep = prepared(&encoded(DynamicImage::ImageRgb16(deep), ImageFormat::Png));
    assert!(near(decoded(&deep).to_rgb8().get_pixel(9, 9).0, [255, 128, 0]));
}

#[test]
fn quality_is_reduced_before_size() {
    let noisy = encoded(noise(100, 100), ImageFormat::Png);
    let within = |bytes| prepare_within(&noisy, &UploadLimits { bytes, ..LIMITS }).unwrap();
    let (fine, coarse, small) = (within(20_000), within(13_000), within(2_000));
    assert_eq!((fine.width, coarse.width), (100, 100));
    assert!(coarse.bytes.len() < fine.bytes.len());
    assert!(small.width < 100 && small.width == small.height);
}

#[test]
fn the_smaller_of_the_two_edge_limits_applies() {
    let limits = UploadLimits { long_edge: 1568, longest_side: 50, ..LIMITS };
    assert_eq!(prepare_within(&encoded(quarters(64, 32), ImageFormat::Png), &limits).unwrap().width, 50);
}

#[rstest]
#[case::empty(b"".to_vec(), "the file is empty (replace the file, then regenerate)")]
#[case::text(b"just words".to_vec(), "a text file: not a JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, ICO or Netpbm picture (convert it")]
#[case::cut_avif(b"\0\0\0\x1cftypavif".to_vec(), "broken AVIF: ")]
#[case::cut_jpeg(jpeg(&noise(64, 64))[..2000].to_vec(), "cut off: the JPEG file ends before its picture does (replace the file, then regenerate)")]
#[case::no_end_marker(jpeg(&noise(64, 64)).split_last_chunk::<2>().unwrap().0.to_vec(), "cut off: the JPEG file ends")]
#[case::damaged(with_a_hole(&jpeg(&noise(64, 64))), "damaged: part of the JPEG file cannot be decoded (replace the file")]
#[case::cut_png(encoded(noise(64, 64), ImageFormat::Png)[..2000].to_vec(), "cut off: the PNG file ends before")]
#[case::cut_webp(encoded(noise(64, 64), ImageFormat::WebP)[..2000].to_vec(), "WebP")]
fn errors_name_the_file_and_the_fix(#[case] file: Vec<u8>, #[case] expected: &str) {
    let message = prepare_within(&file, &LIMITS).unwrap_err().to_string();
    assert!(message.contains("/picture: ") && message.contains(expected), "{message}");
}

#[test]
fn a_missing_file_and_an_impossible_limit_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("0151.jpg");
    let message = prepare(&missing, &LIMITS).unwrap_err().to_string();
    assert!(message.contains("0151.jpg: missing") && message.contains("--images"), "{message}");
    let error = prepare_within(&encoded(noise(9, 9), ImageFormat::Bmp), &UploadLimits { bytes: 100, ..LIMITS });
    let message = error.unwrap_err().to_string();
    assert!(message.contains("cannot be reduced to 100 bytes: raise picture-bytes"), "{message}");
}

#[test]
fn a_header_with_an_enormous_size_is_rejected_before_allocation() {
    let mut bitmap = encoded(RgbImage::new(1, 1), ImageFormat::Bmp);
    for side in [18, 22] {
        bitmap[side..side + 4].copy_from_slice(&30_000_u32.to_le_bytes());
    }
    let error = prepare_within(&bitmap, &LIMITS).unwrap_err();
    let UploadError::Unusable(unusable) = &error else { panic!("{error}") };
    assert_eq!(unusable.error, PictureError::TooManyPixels { width: 30_000, height: 30_000 });
    assert!(error.to_string().contains("shrink the picture"));
}

#[test]
fn an_image_has_a_token_for_each_square_of_28_pixels() {
    // The table of https://platform.claude.com/docs/en/build-with-claude/vision has 64, 1,296 and 1,521.
    assert_eq!(image_tokens(200, 200), 64);
    assert_eq!(image_tokens(1000, 1000), 1296);
    assert_eq!(image_tokens(1092, 1092), 1521);
    assert_eq!(image_tokens(1, 1), 1);
    assert_eq!(image_tokens(u32::MAX, u32::MAX), 153_391_690 * 153_391_690);
    assert_eq!(prepared(&encoded(quarters(100, 60), ImageFormat::Png)).tokens(), 12);
}

#[test]
fn both_the_edge_and_the_tokens_are_limited() {
    let standard = UploadLimits::default();
    let high = UploadLimits { long_edge: 2576, tokens: 4784, ..standard };
    // 12 megapixels: 1,564 tokens, and not more on the long edge of 1,568 pixels, which would make 2,352.
    assert_eq!(upload_size((4000, 3000), &standard), (1269, 952));
    assert_eq!(upload_size((3000, 4000), &standard), (952, 1269));
    assert_eq!(upload_size((4000, 3000), &high), (2212, 1659));
    // The edge is the limit of wide images.
    assert_eq!(upload_size((8000, 1000), &standard), (1568, 196));
    assert_eq!(upload_size((1568, 784), &standard), (1568, 784));
    assert_eq!(upload_size((1, 30_000), &standard), (1, 1568));
    let none = UploadLimits { long_edge: 1, tokens: 0, ..standard };
    assert_eq!(upload_size((4000, 3000), &none), (1, 1));
}

/// Inserts a segment after the start of a JPEG.
fn with_segment(file: &[u8], marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&file[..2], &[0xFF, marker], &length, content, &file[2..]].concat()
}

/// Inserts a chunk after the header of a PNG.
fn with_chunk(file: &[u8], kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let checksum = crc32(&[&kind, content].concat()).to_be_bytes();
    [&file[..33], &length, &kind, content, &checksum, &file[33..]].concat()
}

/// The checksum of a PNG chunk (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 })
    })
}

/// Appends a chunk to a WebP.
fn with_riff_chunk(file: &[u8], kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_le_bytes();
    let mut bytes = [file, &kind, &length, content].concat();
    let size = u32::try_from(bytes.len() - 8).unwrap().to_le_bytes();
    bytes[4..8].copy_from_slice(&size);
    bytes
}

#[test]
fn metadata_is_not_sent() {
    const SECRET: &[u8] = b"secret position.";
    let exif = [b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0".as_slice(), SECRET].concat();
    let xmp = [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), SECRET].concat();
    let jpeg = jpeg(&quarters(64, 32));
    let png = encoded(quarters(64, 32), ImageFormat::Png);
    let webp = encoded(quarters(64, 32), ImageFormat::WebP);
    let gif = animation(20);
    let files = [
        with_segment(&jpeg, 0xE1, &exif),
        with_segment(&jpeg, 0xE1, &xmp),
        with_segment(&jpeg, 0xED, &[b"Photoshop 3.0\0".as_slice(), SECRET].concat()),
        with_segment(&jpeg, 0xE2, &[b"MPF\0".as_slice(), SECRET].concat()),
        with_segment(&jpeg, 0xEE, SECRET),
        with_segment(&jpeg, 0xFE, SECRET),
        // A video behind the image.
        [&jpeg, SECRET].concat(),
        with_chunk(&png, *b"eXIf", &exif[6..]),
        with_chunk(&png, *b"tEXt", &[b"Comment\0".as_slice(), SECRET].concat()),
        [&png, SECRET].concat(),
        with_riff_chunk(&webp, *b"XMP ", SECRET),
        with_riff_chunk(&webp, *b"EXIF", SECRET),
        [&gif[..gif.len() - 1], b"!\xFE\x10", SECRET, b"\0;"].concat(),
        [&gif[..gif.len() - 1], b"!\xFF\x0BXMP DataXMP\x10", SECRET, b"\0;"].concat(),
        [&gif, SECRET].concat(),
    ];
    for (number, file) in files.iter().enumerate() {
        assert!(memchr::memmem::find(file, SECRET).is_some());
        let upload = prepared(file);
        assert!(memchr::memmem::find(&upload.bytes, SECRET).is_none(), "file {number}");
        assert_eq!(upload.format, UploadFormat::Jpeg, "file {number}");
    }
    for file in [&jpeg, &png, &webp, &gif] {
        assert_eq!(*prepared(file).bytes, **file, "without metadata, a file is sent unchanged");
    }
}

#[test]
fn uploads_are_cached_by_file_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.bmp");
    fs::write(&path, encoded(quarters(64, 32), ImageFormat::Bmp)).unwrap();
    let cache = UploadCache::new(1_000_000);
    let first = cache.prepare(&path, &LIMITS, &|| false).unwrap();
    assert!(Arc::ptr_eq(&first.bytes, &cache.prepare(&path, &LIMITS, &|| false).unwrap().bytes));
    let narrower = UploadLimits { long_edge: 16, ..LIMITS };
    assert_eq!(cache.prepare(&path, &narrower, &|| false).unwrap().width, 16);

    let other = folder.path().join("b.bmp");
    fs::write(&other, encoded(quarters(32, 64), ImageFormat::Bmp)).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(cache.prepare(&path, &LIMITS, &|| false).unwrap().height, 64, "the file was replaced");

    fs::remove_file(&path).unwrap();
    assert!(cache.prepare(&path, &LIMITS, &|| false).is_err());
    let none = UploadCache::new(0);
    fs::write(&path, encoded(quarters(64, 32), ImageFormat::Png)).unwrap();
    assert!(none.prepare(&path, &LIMITS, &|| false).is_ok(), "an upload larger than the cache is not cached");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn limits_hold_and_aspect_ratios_are_kept(
        width in 1..300_u32,
        height in 1..300_u32,
        long_edge in 1..200_u32,
        bytes in 1_000..30_000_usize,
        format in prop::sample::select(vec![ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Jpeg, ImageFormat::WebP]),
    ) {
        let file = encoded(noise(width, height), format);
        let limits = UploadLimits { long_edge, bytes, ..LIMITS };
        let upload = prepare_within(&file, &limits).unwrap();
        prop_assert!(upload.bytes.len() <= bytes);
        prop_assert!(upload.width.max(upload.height) <= long_edge);
        prop_assert!(upload.width <= width && upload.height <= height, "never enlarged");
        decoded(&upload);
        // Both sides are scaled by the same factor, up to rounding, which accumulates when the size is reduced in steps.
        let across = f64::from(upload.width) * f64::from(height);
        let down = f64::from(upload.height) * f64::from(width);
        prop_assert!((across - down).abs() <= 4.0 * f64::from(width.max(height)), "{upload:?}");
        let fits = width.max(height) <= long_edge && file.len() <= bytes;
        prop_assert_eq!(*upload.bytes == *file, fits && format != ImageFormat::Bmp);
    }

    #[test]
    fn an_upload_is_the_largest_that_fits(
        width in 1..20_000_u32,
        height in 1..20_000_u32,
        long_edge in 1..3_000_u32,
        tokens in 1..5_000_u64,
    ) {
        let limits = UploadLimits { long_edge, tokens, ..LIMITS };
        let (across, down) = upload_size((width, height), &limits);
        prop_assert!(across <= width && down <= height && across.max(down) <= long_edge);
        prop_assert!(image_tokens(across, down) <= tokens.max(1));
        let longer = within((width, height), across.max(down) + 1);
        let larger = longer == (width, height) && (across, down) == longer;
        prop_assert!(larger || across.max(down) == long_edge || image_tokens(longer.0, longer.1) > tokens);
        prop_assert_eq!(upload_size((across, down), &limits), (across, down), "fitted already");
    }

    #[test]
    fn any_file_can_be_searched_for_metadata(bytes in prop::collection::vec(any::<u8>(), 0..200), head in 0..4_usize) {
        let heads: [&[u8]; 4] = [&[0xFF, 0xD8], b"\x89PNG\r\n\x1A\n", b"RIFF\0\0\0\0WEBP", b"GIF89a"];
        let formats = [UploadFormat::Jpeg, UploadFormat::Png, UploadFormat::WebP, UploadFormat::Gif];
        let _ = metadata::draws_only(&[heads[head], &bytes].concat(), formats[head]);
    }

    #[test]
    fn a_size_is_scaled_down_to_the_edge_exactly(width in 1..100_000_u32, height in 1..100_000_u32, edge in 1..9_000_u32) {
        let size = within((width, height), edge);
        prop_assert_eq!(size.0.max(size.1), edge.min(width.max(height)));
        prop_assert!(size.0 >= 1 && size.1 >= 1);
    }
}
