use image::{ImageFormat, Pixel as _, Rgb, RgbImage, Rgba, RgbaImage};
use rstest::rstest;

use super::*;
use crate::picture::fixture::*;
use crate::picture::inspect;

/// Returns the whole picture on an area.
fn fit_to(cells: CellArea, decoded: &Decoded) -> Crop {
    Crop { start: (0, 0), size: (decoded.info.width, decoded.info.height), cells }
}

fn decoded(bytes: &[u8]) -> Decoded {
    decode(bytes, (480, 640)).unwrap()
}

/// The table of the EXIF specification (4.6.4, tag 274): the sides of the upright picture that hold the first stored row
/// and the first stored column.
#[rstest]
#[case(1, [RED, GREEN, BLUE, WHITE])]
#[case(2, [GREEN, RED, WHITE, BLUE])]
#[case(3, [WHITE, BLUE, GREEN, RED])]
#[case(4, [BLUE, WHITE, RED, GREEN])]
#[case(5, [RED, BLUE, GREEN, WHITE])]
#[case(6, [BLUE, RED, WHITE, GREEN])]
#[case(7, [WHITE, GREEN, BLUE, RED])]
#[case(8, [GREEN, WHITE, RED, BLUE])]
fn orientations_are_applied(#[case] orientation: u8, #[case] expected: [[u8; 3]; 4]) {
    let terminal = Capabilities { protocol: Protocol::Sixel, ..Capabilities::minimal() };
    let bytes = with_orientation(&jpeg(&quarters(320, 160)), orientation);
    let swapped = orientation >= 5;
    // Decoded at full size and at reduced size.
    for (bounds, reduced) in [((640, 640), false), ((40, 40), true)] {
        let decoded = decode(&bytes, bounds).unwrap();
        assert_eq!(decoded.reduced, reduced);
        assert_eq!((decoded.info.width, decoded.info.height), if swapped { (160, 320) } else { (320, 160) });
        let cells = if swapped { CellArea { columns: 2, rows: 2 } } else { CellArea { columns: 4, rows: 1 } };
        let upright = resize(&decoded, &fit_to(cells, &decoded), Protocol::Sixel, &terminal).unwrap();
        assert_eq!((upright.width(), upright.height()), if swapped { (20, 40) } else { (40, 20) });
        let colours = quarter_colours(&upright);
        assert!(colours.iter().zip(expected).all(|(&a, b)| near(a, b)), "{orientation}: {colours:?}");
    }
    assert_eq!(inspect(&bytes).unwrap(), decoded(&bytes).info);
}

#[test]
fn transparent_parts_show_a_checkerboard() {
    let terminal = Capabilities { protocol: Protocol::Kitty, ..Capabilities::minimal() };
    let half = RgbaImage::from_fn(40, 40, |x, _| if x < 20 { Rgba([255, 0, 0, 255]) } else { Rgba([9, 9, 9, 0]) });
    let decoded = decoded(&encoded(half, ImageFormat::Png));
    let cells = CellArea { columns: 4, rows: 2 };
    let picture = resize(&decoded, &fit_to(cells, &decoded), Protocol::Kitty, &terminal).unwrap();
    assert!(!picture.color().has_alpha());
    let at = |x, y| picture.to_rgb8().get_pixel(x, y).to_rgb().0;
    assert_eq!(at(5, 5), RED);
    let (one, other) = (at(25, 5), at(35, 5));
    assert_ne!(one, other, "squares are a cell wide");
    assert_eq!((at(25, 15), at(35, 15)), (other, one));
}

#[rstest]
#[case(1, 1)]
#[case(8000, 1)]
#[case(1, 8000)]
fn extreme_shapes_decode_and_resize(#[case] width: u32, #[case] height: u32) {
    let terminal = Capabilities { protocol: Protocol::Kitty, ..Capabilities::minimal() };
    let picture = RgbImage::from_pixel(width, height, Rgb(BLUE));
    for bytes in [jpeg(&picture), encoded(picture, ImageFormat::Png)] {
        let decoded = decoded(&bytes);
        let crop = crop(&decoded, PictureView::fit(CellArea { columns: 48, rows: 32 }), &terminal).unwrap();
        let drawn = resize(&decoded, &crop, Protocol::Kitty, &terminal).unwrap();
        assert!(drawn.to_rgb8().pixels().all(|pixel| near(pixel.0, BLUE)));
    }
}
