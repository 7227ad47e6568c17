use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::picture::decode::{Decoded, decode};
use crate::picture::fixture::*;

const BOUNDS: (u32, u32) = (480, 640);

fn decoded(bytes: &[u8]) -> Decoded {
    decode(bytes, BOUNDS).unwrap()
}

fn icc(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().unwrap()
}

#[rstest]
fn every_format_is_converted(
    #[values(ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff)] format: ImageFormat,
) {
    let file = with_profile(quarters(640, 320), format, &swapped_profile());
    // At full size, at reduced size, and after resizing.
    let small = decode(&file, (40, 40)).unwrap();
    for pixels in [decoded(&file).into_srgb(), small.resized((32, 16)).unwrap(), small.into_srgb()] {
        let colours = quarter_colours(&pixels);
        assert!(colours.iter().zip([GREEN, RED, BLUE, WHITE]).all(|(&a, b)| near(a, b)), "{colours:?}");
    }
    assert!(!decoded(&file).is_srgb);
}

/// The primaries of sRGB in Adobe RGB (1998) and `ProPhoto` RGB (ROMM, ISO 22028-2), by the matrices of their
/// specifications.
#[rstest]
#[case(ColorProfile::new_adobe_rgb(), [219, 0, 0], RED)]
#[case(ColorProfile::new_adobe_rgb(), [144, 255, 60], GREEN)]
#[case(ColorProfile::new_pro_photo_rgb(), [179, 70, 27], RED)]
#[case(ColorProfile::new_display_p3(), [234, 51, 35], RED)]
#[case(ColorProfile::new_display_p3(), [117, 251, 76], GREEN)]
fn wide_gamuts_show_the_right_colours(
    #[case] profile: ColorProfile,
    #[case] stored: [u8; 3],
    #[case] expected: [u8; 3],
) {
    let file = with_profile(RgbImage::from_pixel(8, 8, Rgb(stored)), ImageFormat::Png, &icc(&profile));
    let found = decoded(&file).into_srgb().to_rgb8().get_pixel(4, 4).0;
    assert!(near(found, expected), "{found:?}");
}

#[test]
fn alpha_is_kept() {
    let picture = RgbaImage::from_pixel(8, 8, Rgba([255, 0, 0, 77]));
    let pixels = decoded(&with_profile(picture, ImageFormat::Png, &swapped_profile())).into_srgb();
    let Rgba([red, green, blue, alpha]) = *pixels.to_rgba8().get_pixel(4, 4);
    assert!(near([red, green, blue], GREEN) && alpha == 77);
}

#[test]
fn grey_is_converted_by_its_curve() {
    // Linear light: 0.214 of white is shade 127.5 of sRGB (IEC 61966-2-1).
    let linear = icc(&ColorProfile::new_gray_with_gamma(1.0));
    let picture = GrayImage::from_pixel(8, 8, Luma([55]));
    let pixels = decoded(&with_profile(picture, ImageFormat::Png, &linear)).into_srgb();
    assert!(pixels.as_luma8().unwrap().get_pixel(4, 4).0[0].abs_diff(128) <= 1);
}

#[test]
fn a_profile_in_several_jpeg_segments_is_joined() {
    let mut profile = swapped_profile();
    profile.resize(150_000, 0);
    let length = u32::try_from(profile.len()).unwrap();
    profile[..4].copy_from_slice(&length.to_be_bytes());
    let colours = quarter_colours(&decoded(&with_profile(quarters(64, 32), ImageFormat::Jpeg, &profile)).into_srgb());
    assert!(near(colours[0], GREEN), "{colours:?}");
}

#[test]
fn srgb_costs_nothing() {
    let srgb = icc(&ColorProfile::new_srgb());
    for samples in [Samples::Rgb, Samples::Rgba] {
        assert!(ToSrgb::from_profile(Profile::Icc(&srgb), samples).is_none());
        // As written by Little CMS, for example by Pillow and ImageMagick.
        let another = include_bytes!("srgb-lcms.icc");
        assert!(ToSrgb::from_profile(Profile::Icc(another), samples).is_none());
        assert!(ToSrgb::from_profile(Profile::Cicp { primaries: 1, transfer: 13 }, samples).is_none());
        assert!(ToSrgb::from_profile(Profile::Cicp { primaries: 2, transfer: 2 }, samples).is_none(), "unspecified");
        assert!(ToSrgb::from_profile(Profile::Cicp { primaries: 12, transfer: 13 }, samples).is_some(), "Display P3");
    }
    let decoded = decoded(&with_profile(quarters(64, 32), ImageFormat::Jpeg, &srgb));
    assert!(decoded.to_srgb.is_none() && decoded.is_srgb);
}

#[rstest]
#[case::broken(b"not a profile".to_vec())]
#[case::cut_off(swapped_profile()[..200].to_vec())]
#[case::of_other_pixels(icc(&ColorProfile::new_gray_with_gamma(1.0)))]
#[case::huge(vec![0; 40_000_000])]
fn other_profiles_are_ignored(#[case] profile: Vec<u8>) {
    let picture = decoded(&with_profile(quarters(64, 32), ImageFormat::Png, &profile));
    assert!(picture.is_srgb && picture.info.damage.is_none());
    assert_eq!(quarter_colours(&picture.into_srgb()), [RED, GREEN, BLUE, WHITE]);
}

proptest! {
    /// Any profile is used or ignored.
    #[test]
    fn damaged_profiles_are_handled(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut profile = swapped_profile();
        for (at, byte) in changes {
            let at = at.index(profile.len());
            profile[at] = byte;
        }
        if is_cut {
            profile.truncate(length.index(profile.len()));
        }
        for samples in [Samples::Grey, Samples::Rgb, Samples::Rgba, Samples::Cmyk] {
            let _ = ToSrgb::from_profile(Profile::Icc(&profile), samples);
        }
    }
}
