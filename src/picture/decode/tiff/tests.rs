use std::io::Seek;

use rstest::rstest;
use tiff::encoder::{TiffEncoder, TiffKind, TiffValue, colortype};

use super::*;
use crate::picture::decode::{decode, inspect};
use crate::picture::fixture::*;

const WIDTH: u32 = 8;
const HEIGHT: u32 = 4;
const PIXELS: usize = (WIDTH * HEIGHT) as usize;

fn decoded(bytes: &[u8]) -> DynamicImage {
    decode(bytes, (100, 100)).unwrap().into_srgb()
}

fn error(bytes: &[u8]) -> String {
    decode(bytes, (100, 100)).err().expect("an error").to_string()
}

/// Returns a little-endian TIFF with one strip (TIFF 6.0, section 2).
fn tiff(tags: &[(u16, &[u16])], strip: &[u8]) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let strip_offset = 8_u32;
    let mut file = b"II*\0\0\0\0\0".to_vec();
    file.extend(strip);
    let mut entries: Vec<(u16, u16, u32, u32)> = vec![
        (256, LONG, 1, WIDTH),
        (257, LONG, 1, HEIGHT),
        (273, LONG, 1, strip_offset),
        (279, LONG, 1, u32::try_from(strip.len()).unwrap()),
    ];
    for (tag, values) in tags {
        let value = if values.len() <= 2 {
            values.iter().rev().fold(0, |sum, value| sum << 16 | u32::from(*value))
        } else {
            let offset = u32::try_from(file.len()).unwrap();
            file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            offset
        };
        entries.push((*tag, SHORT, u32::try_from(values.len()).unwrap(), value));
    }
    entries.sort_unstable();
    let directory = u32::try_from(file.len()).unwrap();
    file[4..8].copy_from_slice(&directory.to_le_bytes());
    file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}

const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const CHANNELS: u16 = 277;
const COLOUR_MAP: u16 = 320;

fn encoded<C: colortype::ColorType>(sample: &[C::Inner], copies: usize) -> Vec<u8>
where
    [C::Inner]: TiffValue,
    C::Inner: Copy,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    encoder.write_image::<C>(WIDTH, HEIGHT, &sample.repeat(copies)).unwrap();
    bytes.into_inner()
}

#[rstest]
#[case::grey_32(encoded::<colortype::Gray32>(&[0x8000_0000], PIXELS), [128; 3])]
#[case::grey_float(encoded::<colortype::Gray32Float>(&[0.5], PIXELS), [128; 3])]
#[case::grey_64_float(encoded::<colortype::Gray64Float>(&[1.0], PIXELS), [255; 3])]
#[case::grey_signed(encoded::<colortype::GrayI16>(&[0], PIXELS), [128; 3])]
#[case::colour_32(encoded::<colortype::RGB32>(&[u32::MAX, 0x8000_0000, 0], PIXELS), [255, 128, 0])]
#[case::colour_16(encoded::<colortype::RGB16>(&[u16::MAX, 0x8000, 0], PIXELS), [255, 128, 0])]
#[case::colour_float(encoded::<colortype::RGB32Float>(&[1.0, 0.5, 0.0], PIXELS), [255, 128, 0])]
#[case::cmyk(encoded::<colortype::CMYK8>(&[0, 255, 255, 0], PIXELS), RED)]
fn samples_of_every_depth_are_scaled(#[case] file: Vec<u8>, #[case] expected: [u8; 3]) {
    let found = decoded(&file).to_rgb8().get_pixel(3, 2).0;
    assert!(near(found, expected), "{found:?}");
}

#[test]
fn floats_beyond_one_are_stretched() {
    let mut values = vec![0.0_f32; PIXELS];
    values[0] = 400.0;
    values[1] = 200.0;
    let pixels = decoded(&encoded::<colortype::Gray32Float>(&values, 1)).into_luma8();
    assert_eq!([0, 1, 2].map(|x| pixels.get_pixel(x, 0).0[0]), [255, 128, 0]);
}

/// Returns a palette with these first colours.
fn colour_map(colours: &[[u8; 3]], entries: usize, scale: u16) -> Vec<u16> {
    let value = |channel: usize, at: usize| colours.get(at).map_or(0, |colour| u16::from(colour[channel]) * scale);
    (0..3).flat_map(|channel| (0..entries).map(move |at| value(channel, at))).collect()
}

#[rstest]
#[case::eight_bits(8, 257, vec![2; PIXELS])]
#[case::values_of_eight_bits(8, 1, vec![2; PIXELS])]
#[case::four_bits(4, 257, vec![0x22; PIXELS / 2])]
#[case::two_bits(2, 257, vec![0b1010_1010; PIXELS / 4])]
fn palettes_are_applied(#[case] bits: u16, #[case] scale: u16, #[case] strip: Vec<u8>) {
    let map = colour_map(&[RED, GREEN, [10, 200, 130]], 1 << bits, scale);
    let file = tiff(&[(BITS, &[bits]), (PHOTOMETRIC, &[3]), (COLOUR_MAP, &map)], &strip);
    assert_eq!(decoded(&file).to_rgb8().get_pixel(5, 3).0, [10, 200, 130]);
}

#[test]
fn jpeg_in_tiff_is_decoded() {
    let strip = jpeg(&RgbImage::from_pixel(WIDTH, HEIGHT, image::Rgb(GREEN)));
    let tags: [(u16, &[u16]); 4] = [(BITS, &[8, 8, 8]), (COMPRESSION, &[7]), (PHOTOMETRIC, &[6]), (CHANNELS, &[3])];
    let found = decoded(&tiff(&tags, &strip)).to_rgb8().get_pixel(4, 2).0;
    assert!(near(found, GREEN), "{found:?}");

    let mut huge = strip.clone();
    let frame = memchr::memmem::find(&huge, &[0xff, 0xc0]).unwrap();
    huge[frame + 5..frame + 9].copy_from_slice(&[0x3f, 0xff, 0x3f, 0xff]);
    assert_eq!(decode(&tiff(&tags, &huge), (9, 9)).err(), Some(PictureError::TooMuchMemory));
}

#[test]
fn big_tiff_is_decoded() {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut bytes).unwrap();
    encoder.write_image::<colortype::RGB8>(WIDTH, HEIGHT, &RED.repeat(PIXELS)).unwrap();
    assert_eq!(decoded(&bytes.into_inner()).to_rgb8().get_pixel(4, 2).0, RED);
}

fn page(encoder: &mut TiffEncoder<impl std::io::Write + Seek, impl TiffKind>, kind: u32, side: u32, colour: [u8; 3]) {
    let mut page = encoder.new_image::<colortype::RGB8>(side, side).unwrap();
    page.encoder().write_tag(Tag::NewSubfileType, kind).unwrap();
    page.write_data(&colour.repeat((side * side) as usize)).unwrap();
}

#[test]
fn reduced_pages_are_skipped() {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    page(&mut encoder, 1, 4, RED);
    page(&mut encoder, 0, 16, GREEN);
    page(&mut encoder, 0, 32, BLUE);
    let bytes = bytes.into_inner();
    let picture = decoded(&bytes).to_rgb8();
    assert_eq!((picture.width(), picture.get_pixel(2, 2).0), (16, GREEN));

    let mut only_reduced = Cursor::new(Vec::new());
    page(&mut TiffEncoder::new(&mut only_reduced).unwrap(), 1, 4, RED);
    assert_eq!(inspect(&only_reduced.into_inner()).unwrap().width, 4);
}

/// Lines of 2 white and 6 black pixels (ITU-T T.4, tables 2 and 3), each after an end marker.
#[rstest]
#[case::white_is_zero(0, 6, [255, 0])]
#[case::black_is_zero(1, 6, [0, 255])]
#[case::without_an_end(1, 0, [0, 255])]
fn group_3_is_decoded(#[case] photometric: u16, #[case] ends: usize, #[case] expected: [u8; 2]) {
    const END: &str = "000000000001";
    const WHITE_2: &str = "0111";
    const BLACK_6: &str = "0010";
    let lines = format!("{END}{WHITE_2}{BLACK_6}").repeat(HEIGHT as usize) + &END.repeat(ends);
    let bits = lines.into_bytes();
    let strip: Vec<u8> = bits.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | (bit - b'0'))).collect();
    let file = tiff(&[(BITS, &[1]), (COMPRESSION, &[3]), (PHOTOMETRIC, &[photometric])], &strip);
    let pixels = decoded(&file).into_luma8();
    assert_eq!([1, 2].map(|x| pixels.get_pixel(x, 3).0[0]), expected);
}

/// Written by libtiff: four strips, with a horizontal predictor.
#[test]
fn zstandard_is_decompressed() {
    let file = include_bytes!("zstandard.tif");
    assert_eq!(quarter_colours(&decoded(file)), [RED, GREEN, BLUE, WHITE]);
    let (mut cut, mut damaged) = (file.to_vec(), file.to_vec());
    let (start, length) = (8, 24);
    damaged[start..start + length].fill(7);
    assert!(error(&damaged).starts_with("broken TIFF: "));
    let counts = memchr::memmem::find(&cut, &[31, 0]).unwrap() + 1;
    cut[counts] = 0xff;
    assert_eq!(error(&cut), "cut off: the TIFF file ends before its picture does");
}

/// A frame that declares no size and repeats one byte (RFC 8878, 3.1.1.2).
#[test]
fn zstandard_that_expands_beyond_the_limit_is_rejected() {
    const REPEATED: u32 = 1 << 1;
    const LARGEST_BLOCK: u32 = 128 * 1024;
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for _ in 0..=MAX_MEMORY / u64::from(LARGEST_BLOCK) {
        frame.extend(&(REPEATED | LARGEST_BLOCK << 3).to_le_bytes()[..3]);
        frame.push(0);
    }
    frame.extend([1, 0, 0]);
    let tags: [(u16, &[u16]); 3] = [(BITS, &[8]), (COMPRESSION, &[50_000]), (PHOTOMETRIC, &[1])];
    assert_eq!(decode(&tiff(&tags, &frame), (9, 9)).err(), Some(PictureError::TooMuchMemory));
}

#[rstest]
#[case::lzma(34_925, &[8], 1, "LZMA compression")]
#[case::old_jpeg(6, &[8], 1, "old-style JPEG compression")]
#[case::lab(1, &[8, 8, 8], 8, "Lab colours")]
#[case::deep_palette(1, &[16], 3, "a palette of more than 256 colours")]
fn other_kinds_are_named(#[case] compression: u16, #[case] bits: &[u16], #[case] photometric: u16, #[case] kind: &str) {
    let channels = u16::try_from(bits.len()).unwrap();
    let tags: [(u16, &[u16]); 5] = [
        (BITS, bits),
        (COMPRESSION, &[compression]),
        (PHOTOMETRIC, &[photometric]),
        (CHANNELS, &[channels]),
        (COLOUR_MAP, &[0; 6]),
    ];
    assert_eq!(error(&tiff(&tags, &[0; 3 * PIXELS])), format!("an unsupported kind of TIFF: {kind}"));
}
