use image::{Rgb, Rgba};
use rstest::rstest;

use super::*;
use crate::picture::PictureInfo;
use crate::picture::decode::{decode, inspect};
use crate::picture::fixture::*;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!($name, ".avif")).as_slice()
    };
}

const BOUNDS: (u32, u32) = (480, 640);

fn byte(value: u32) -> u8 {
    u8::try_from(value).expect("a byte")
}

/// `slopes.png` of README.md in this folder.
fn slopes(x: u32, y: u32) -> [u8; 3] {
    [byte(4 * x), byte(8 * y), byte(255 - 4 * x)]
}

fn grey(x: u32, _: u32) -> [u8; 3] {
    [byte(4 * x); 3]
}

/// Compares every pixel with the original. Rounding in encoder and decoder costs up to three levels of 255 at eight bits.
/// With 4:2:2 subsampling each pixel is half a step of the slope from its chroma sample: 1.3 levels across, and with 4:2:0
/// also 1.3 down; blue is scaled by 1.772 (ITU-T H.273, matrix 6).
#[rstest]
#[case::shared_by_four(fixture!("420-limited"), slopes, 8)]
#[case::shared_by_two(fixture!("422"), slopes, 6)]
#[case::ten_bits(fixture!("444-10-bits"), slopes, 2)]
#[case::twelve_bits(fixture!("444-12-bits"), slopes, 2)]
#[case::grey(fixture!("grey"), grey, 1)]
#[case::alpha(fixture!("alpha"), slopes, 3)]
fn every_kind_matches_the_original(
    #[case] file: &[u8],
    #[case] expected: fn(u32, u32) -> [u8; 3],
    #[case] tolerance: u8,
) {
    let decoded = decode(file, BOUNDS).unwrap();
    let info =
        PictureInfo { width: 64, height: 32, format: PictureFormat::Avif, bytes: file.len() as u64, damage: None };
    assert_eq!((decoded.info, inspect(file)), (info, Ok(info)));
    assert_eq!((decoded.orientation, decoded.reduced), (Orientation::NoTransforms, false));
    let pixels = decoded.pixels.to_rgb8();
    let off = |(x, y, Rgb(found)): (u32, u32, &Rgb<u8>)| {
        found.iter().zip(expected(x, y)).map(|(&found, expected)| found.abs_diff(expected)).max()
    };
    let worst = pixels.enumerate_pixels().filter_map(off).max();
    assert!(worst <= Some(tolerance), "{worst:?}");
}

#[rstest]
#[case::straight(fixture!("alpha"))]
#[case::premultiplied(fixture!("premultiplied"))]
fn premultiplied_alpha_is_undone(#[case] file: &[u8]) {
    let pixels = decode(file, BOUNDS).unwrap().pixels;
    for (x, y, &Rgba([red, green, blue, alpha])) in pixels.as_rgba8().expect("alpha").enumerate_pixels() {
        assert!(alpha.abs_diff(byte(255 - 8 * y)) <= 1, "{x} {y}: {alpha}");
        // Premultiplying by a low alpha loses precision.
        if alpha >= 128 {
            let off = [red, green, blue].iter().zip(slopes(x, y)).map(|(one, other)| one.abs_diff(other)).max();
            assert!(off <= Some(6), "{x} {y}: {red} {green} {blue}");
        }
    }
}

/// Rotated 90° counter-clockwise, and mirrored vertically (ISO 23008-12, 6.5.10 and 6.5.12).
#[rstest]
#[case::turned(fixture!("turned"), (32, 64), [GREEN, WHITE, RED, BLUE])]
#[case::mirrored(fixture!("mirrored"), (64, 32), [BLUE, WHITE, RED, GREEN])]
#[case::grid(fixture!("grid"), (128, 128), [RED, GREEN, BLUE, WHITE])]
#[case::first_frame(fixture!("animated"), (64, 32), [RED, GREEN, BLUE, WHITE])]
fn the_transforms_of_the_container_are_applied(
    #[case] file: &[u8],
    #[case] size: (u32, u32),
    #[case] expected: [[u8; 3]; 4],
) {
    let decoded = decode(file, BOUNDS).unwrap();
    assert_eq!((decoded.pixels.width(), decoded.pixels.height()), size);
    assert_eq!(inspect(file), Ok(decoded.info));
    let colours = quarter_colours(&decoded.pixels);
    assert!(colours.iter().zip(expected).all(|(&a, b)| near(a, b)), "{colours:?}");
}

#[test]
fn a_general_major_brand_is_detected() {
    let mut file = fixture!("grey").to_vec();
    file[8..12].copy_from_slice(b"mif1");
    assert_eq!(inspect(&file).map(|info| info.format), Ok(PictureFormat::Avif));
}

#[test]
fn huge_dimensions_are_rejected() {
    let mut file = fixture!("grey").to_vec();
    let size = memchr::memmem::find(&file, b"ispe").expect("a size") + 8;
    let mut declare = |width: u32, height: u32| {
        file[size..size + 4].copy_from_slice(&width.to_be_bytes());
        file[size + 4..size + 8].copy_from_slice(&height.to_be_bytes());
        decode(&file, BOUNDS).err()
    };
    assert_eq!(declare(20_000, 20_000), Some(PictureError::TooManyPixels { width: 20_000, height: 20_000 }));
    assert_eq!(declare(6_000, 6_000), Some(PictureError::TooMuchMemory));
    assert!(matches!(declare(0, 0), Some(PictureError::Broken { format: PictureFormat::Avif, .. })));
}

#[test]
fn half_a_file_is_an_error() {
    for file in [fixture!("420-limited"), fixture!("grid"), fixture!("animated")] {
        let error = decode(&file[..file.len() / 2], BOUNDS).err();
        assert!(matches!(error, Some(PictureError::Broken { format: PictureFormat::Avif, .. })), "{error:?}");
    }
}
