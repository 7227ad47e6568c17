//! Test pictures.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb, RgbImage};
use moxcms::ColorProfile;

pub(crate) const RED: [u8; 3] = [255, 0, 0];
pub(crate) const GREEN: [u8; 3] = [0, 255, 0];
pub(crate) const BLUE: [u8; 3] = [0, 0, 255];
pub(crate) const WHITE: [u8; 3] = [255, 255, 255];

/// Returns four quadrants: red, green, blue and white, from the top left.
pub(crate) fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => RED,
            (false, true) => GREEN,
            (true, false) => BLUE,
            (false, false) => WHITE,
        })
    })
}

/// Returns the colour at the centre of each quadrant.
pub(crate) fn quarter_colours(picture: &DynamicImage) -> [[u8; 3]; 4] {
    let (width, height) = (picture.width(), picture.height());
    let picture = picture.to_rgb8();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| picture.get_pixel(width * x / 4, height * y / 4).0)
}

pub(crate) fn near(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(&a, b)| a.abs_diff(b) <= 12)
}

pub(crate) fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(crate) fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(picture).unwrap();
    bytes
}

/// Returns noise, which compresses badly.
pub(crate) fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, red, green, blue] = state.to_le_bytes();
        Rgb([red, green, blue])
    })
}

/// Encodes a picture with an ICC profile.
pub(crate) fn with_profile(picture: impl Into<DynamicImage>, format: ImageFormat, profile: &[u8]) -> Vec<u8> {
    fn write(picture: &DynamicImage, mut encoder: impl ImageEncoder, profile: &[u8]) {
        encoder.set_icc_profile(profile.to_vec()).unwrap();
        picture.write_with_encoder(encoder).unwrap();
    }
    let (picture, mut bytes) = (picture.into(), Cursor::new(Vec::new()));
    match format {
        ImageFormat::Jpeg => write(&picture, JpegEncoder::new_with_quality(&mut bytes, 95), profile),
        ImageFormat::Png => write(&picture, PngEncoder::new(&mut bytes), profile),
        ImageFormat::WebP => write(&picture, WebPEncoder::new_lossless(&mut bytes), profile),
        ImageFormat::Tiff => write(&picture, TiffEncoder::new(&mut bytes), profile),
        other => panic!("{other:?} has no profiles"),
    }
    bytes.into_inner()
}

/// Returns an ICC profile that is sRGB except that red and green are swapped.
pub(crate) fn swapped_profile() -> Vec<u8> {
    let mut profile = ColorProfile::new_srgb();
    std::mem::swap(&mut profile.red_colorant, &mut profile.green_colorant);
    profile.encode().unwrap()
}

/// Removes data from the middle of a JPEG.
pub(crate) fn with_a_hole(jpeg: &[u8]) -> Vec<u8> {
    let (start, end) = (jpeg.len() / 2, jpeg.len() * 3 / 4);
    [&jpeg[..start], &jpeg[end..]].concat()
}

/// Inserts an EXIF segment with only an orientation after the start marker.
pub(crate) fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut segment = b"\xff\xe1\x00\x22Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    segment.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(segment.len(), 2 + 0x22);
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}
