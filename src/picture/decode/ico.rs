//! Icons and cursors (ICO, CUR): the largest picture in the file, which is a PNG or a BMP without its file header.
//!
//! The decoder for the latter expects directories that match the pictures, so it gets a directory of its own.

use std::io::Cursor;

use image::codecs::ico::IcoDecoder;

use super::{Decoded, decode_png, decode_with};
use crate::picture::{Damage, PictureError, PictureFormat, PictureInfo};

/// The size of the header and of an entry of the directory, in bytes.
const HEADER: usize = 6;
const ENTRY: usize = 16;

/// Returns true if the file begins like an icon or a cursor with at least one picture. Other formats begin with the same
/// four bytes.
pub(super) fn is_ico(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 1 | 2, 0, low, high, ..] if (*low, *high) != (0, 0)) && bytes.get(HEADER + 3) == Some(&0)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, PictureError> {
    let (picture, is_cut_off) = largest(bytes).ok_or(PictureError::CutOff(PictureFormat::Ico))?;
    let decoded = if picture.starts_with(b"\x89PNG") {
        decode_png(picture).map_err(as_ico)?
    } else {
        let file = with_directory(picture).ok_or(PictureError::CutOff(PictureFormat::Ico))?;
        decode_with(IcoDecoder::new(Cursor::new(&file[..])), &file, PictureFormat::Ico)?
    };
    // Without its mask, a bitmap counts as complete.
    let damage = decoded.info.damage.or(is_cut_off.then_some(Damage::CutOff));
    let info = PictureInfo { format: PictureFormat::Ico, bytes: bytes.len() as u64, damage, ..decoded.info };
    Ok(Decoded { info, ..decoded })
}

/// Returns the data of the picture with the most pixels and, among those, the most data per pixel; and if it is cut off.
fn largest(bytes: &[u8]) -> Option<(&[u8], bool)> {
    let count = usize::from(u16::from_le_bytes([*bytes.get(4)?, *bytes.get(5)?]));
    let entries = bytes.get(HEADER..)?.as_chunks::<ENTRY>().0.iter().take(count);
    let number = |entry: &[u8; ENTRY], at: usize| {
        entry[at..].first_chunk().map_or(0, |number| u32::from_le_bytes(*number) as usize)
    };
    // 0 is 256.
    let side = |side: u8| u32::from(side.wrapping_sub(1)) + 1;
    let entry = entries.max_by_key(|entry| (side(entry[0]) * side(entry[1]), number(entry, 8)))?;
    let start = number(entry, 12);
    let (data, length) = (bytes.get(start..)?, number(entry, 8));
    Some((&data[..data.len().min(length)], data.len() < length))
}

/// Returns a file with this BMP as its only picture.
fn with_directory(bitmap: &[u8]) -> Option<Vec<u8>> {
    let side = |at: usize| bitmap.get(at..)?.first_chunk().map(|side| i32::from_le_bytes(*side).unsigned_abs());
    // The height in the bitmap's header includes the mask.
    let (width, height) = (side(4)?, side(8)? / 2);
    let byte = |side: u32| u8::try_from(side).unwrap_or(0);
    let mut file = vec![0, 0, 1, 0, 1, 0, byte(width), byte(height), 0, 0, 0, 0, 0, 0];
    file.extend(u32::try_from(bitmap.len()).ok()?.to_le_bytes());
    file.extend(u32::try_from(HEADER + ENTRY).ok()?.to_le_bytes());
    file.extend(bitmap);
    Some(file)
}

fn as_ico(error: PictureError) -> PictureError {
    let format = PictureFormat::Ico;
    match error {
        PictureError::UnsupportedKind { kind, .. } => PictureError::UnsupportedKind { format, kind },
        PictureError::CutOff(_) => PictureError::CutOff(format),
        PictureError::Broken { reason, .. } => PictureError::Broken { format, reason },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgba, RgbaImage};
    use rstest::rstest;

    use super::*;
    use crate::picture::decode::{decode, inspect};
    use crate::picture::fixture::*;

    /// Returns an icon with these pictures, each with the sides in its directory entry.
    fn icon(pictures: &[([u8; 2], &[u8])]) -> Vec<u8> {
        let mut file = vec![0, 0, 1, 0, u8::try_from(pictures.len()).unwrap(), 0];
        let mut start = HEADER + ENTRY * pictures.len();
        for ([width, height], data) in pictures {
            file.extend([*width, *height, 0, 0, 1, 0, 32, 0]);
            file.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
            file.extend(u32::try_from(start).unwrap().to_le_bytes());
            start += data.len();
        }
        file.extend(pictures.iter().flat_map(|(_, data)| *data));
        file
    }

    /// Returns a BMP as in icons, of 32 bits per pixel, with a mask that hides the left half.
    fn bitmap(side: u8, [red, green, blue]: [u8; 3]) -> Vec<u8> {
        let mut data = [40, u32::from(side), 2 * u32::from(side)].map(u32::to_le_bytes).concat();
        data.extend([1, 0, 32, 0]);
        data.resize(40, 0);
        data.extend([blue, green, red, 255].repeat(usize::from(side) * usize::from(side)));
        assert_eq!(side, 32, "a row of the mask is 4 bytes");
        data.extend([0xff, 0xff, 0, 0].repeat(32));
        data
    }

    #[test]
    fn the_largest_picture_is_decoded() {
        let (small, large) =
            (encoded(quarters(16, 16), ImageFormat::Png), encoded(quarters(256, 256), ImageFormat::Png));
        let file = icon(&[([16, 16], &small), ([0, 0], &large), ([32, 32], &bitmap(32, RED))]);
        let decoded = decode(&file, (300, 300)).unwrap();
        assert_eq!(quarter_colours(&decoded.pixels), [RED, GREEN, BLUE, WHITE]);
        let info = decoded.info;
        assert_eq!(
            (info.width, info.format, info.bytes, info.damage),
            (256, PictureFormat::Ico, file.len() as u64, None)
        );
        assert_eq!(inspect(&file), Ok(info));
    }

    /// With the right sides, and with those of another picture.
    #[rstest]
    fn the_mask_of_a_bitmap_is_applied(#[values([32, 32], [16, 48])] sides: [u8; 2], #[values(1, 2)] kind: u8) {
        let mut file = icon(&[(sides, &bitmap(32, GREEN))]);
        file[2] = kind;
        let decoded = decode(&file, (300, 300)).unwrap();
        let pixels: RgbaImage = decoded.pixels.to_rgba8();
        let Rgba([red, green, blue, alpha]) = *pixels.get_pixel(24, 9);
        assert_eq!(([red, green, blue], alpha, pixels.get_pixel(8, 9).0[3]), (GREEN, 255, 0));
        assert_eq!((decoded.info.width, decoded.info.height), (32, 32));
    }

    #[test]
    fn damage_is_reported_as_that_of_an_icon() {
        let file = icon(&[([32, 32], &bitmap(32, GREEN))]);
        for end in HEADER + 4..file.len() {
            match decode(&file[..end], (300, 300)) {
                Ok(decoded) => assert!(decoded.info.damage.is_some(), "{end} bytes"),
                Err(error) => assert!(error.to_string().contains("ICO"), "{error}"),
            }
        }
        assert!(!is_ico(b"\0\0\x02\0\0\0\0\0\0\0\0\0"), "a TGA");
    }
}
