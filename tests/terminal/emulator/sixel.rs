//! A strict sixel decoder (DEC STD 070, chapter 9): any deviation from the standard is an error.

use std::collections::HashMap;

use image::{Rgb, RgbImage};

/// Decodes the content of a device control string, which starts with the parameters before the `q`. Every pixel must be
/// drawn.
pub fn decode(text: &[u8]) -> Result<RgbImage, String> {
    let start = text.iter().position(|&byte| byte == b'q').ok_or("no q")?;
    if !text[..start].iter().all(|byte| byte.is_ascii_digit() || *byte == b';') {
        return Err("invalid parameters".to_owned());
    }
    let mut reader = Reader { rest: &text[start + 1..] };
    if reader.command() != Some(b'"') {
        return Err("missing raster attributes".to_owned());
    }
    let [1, 1, width, height] = reader.numbers()?[..] else { return Err("pixels are not square".to_owned()) };
    let mut pixels: HashMap<(u32, u32), Rgb<u8>> = HashMap::new();
    let mut colours: HashMap<u32, Rgb<u8>> = HashMap::new();
    let (mut x, mut y, mut colour) = (0, 0, None);
    while let Some(command) = reader.command() {
        let (count, data) = match command {
            b'#' => {
                match reader.numbers()?[..] {
                    [register] => colour = Some(*colours.get(&register).ok_or("undefined colour")?),
                    [register @ 0..=255, 2, red @ 0..=100, green @ 0..=100, blue @ 0..=100] => {
                        let scaled = |percent: u32| u8::try_from((percent * 255 + 50) / 100).unwrap_or(u8::MAX);
                        colours.insert(register, Rgb([red, green, blue].map(scaled)));
                        colour = Some(colours[&register]);
                    }
                    ref other => return Err(format!("invalid colour {other:?}")),
                }
                continue;
            }
            b'$' => {
                x = 0;
                continue;
            }
            b'-' => {
                (x, y) = (0, y + 6);
                continue;
            }
            b'!' => {
                let [count] = reader.numbers()?[..] else { return Err("invalid repeat count".to_owned()) };
                (count, reader.command().ok_or("repeat without a sixel")?)
            }
            data => (1, data),
        };
        let bits = data.checked_sub(0x3f).filter(|bits| *bits < 64).ok_or(format!("invalid byte {data:#x}"))?;
        for row in (0..6).filter(|row| bits & (1 << row) != 0) {
            for column in x..x + count {
                if column >= width || y + row >= height {
                    return Err(format!("pixel {column}, {} outside {width}×{height}", y + row));
                }
                pixels.insert((column, y + row), colour.ok_or("pixel without a colour")?);
            }
        }
        x += count;
    }
    if pixels.len() != width as usize * height as usize {
        return Err(format!("only {} of {width}×{height} pixels", pixels.len()));
    }
    Ok(RgbImage::from_fn(width, height, |x, y| pixels[&(x, y)]))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Returns the next byte that is not a line break.
    fn command(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if matches!(first, b'\r' | b'\n') { self.command() } else { Some(first) }
    }

    fn numbers(&mut self) -> Result<Vec<u32>, String> {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';').unwrap_or(self.rest.len());
        let (numbers, rest) = self.rest.split_at(end);
        self.rest = rest;
        let numbers = String::from_utf8_lossy(numbers);
        numbers.split(';').map(|number| number.parse().map_err(|_| format!("not numbers: {numbers:?}"))).collect()
    }
}

#[test]
fn a_handwritten_image_is_decoded() {
    // Two by seven: red on the left, and green on the right; the last row is blue.
    let picture = decode(b"0;1;0q\"1;1;2;7#0;2;100;0;0#1;2;0;100;0#2;2;0;0;100#0~$#1?~-#2!2@").expect("a picture");
    assert_eq!(picture.dimensions(), (2, 7));
    let at = |x, y| picture.get_pixel(x, y).0;
    assert_eq!([at(0, 0), at(1, 5), at(0, 6), at(1, 6)], [[255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 255]]);
}

#[test]
fn invalid_images_are_rejected() {
    for (reason, text) in [
        ("a hole", &b"q\"1;1;2;1#0;2;0;0;0@"[..]),
        ("no size", b"q#0;2;0;0;0@"),
        ("beyond its size", b"q\"1;1;1;1#0;2;0;0;0A"),
        ("no colour", b"q\"1;1;1;1@"),
        ("an unknown colour", b"q\"1;1;1;1#7@"),
        ("an invalid byte", b"q\"1;1;1;1#0;2;0;0;0@\x01"),
    ] {
        assert!(decode(text).is_err(), "{reason}");
    }
}
