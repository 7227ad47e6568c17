//! A picture file looked at without decoding it, to tell in little time whether it is one that can be shown.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use memchr::memmem;

use super::decode::{inspect, jpeg};
use super::source::{self, refusal};
use super::{PictureError, PictureFormat, PictureInfo};

/// Bytes read first. Headers rarely reach further, even with a thumbnail and a colour profile among them.
const HEAD: u64 = 256 * 1024;
/// Bytes at the end in which a JPEG's end is looked for before all of the file is.
const TAIL: u64 = 4 * 1024;

/// What the picture at `path` is, from its headers, and for a JPEG from its end: half of one looks whole otherwise. Of
/// most files only the beginning and the end are read; all of it where these do not settle it.
pub(crate) fn inspect_file(path: &Path) -> Result<PictureInfo, PictureError> {
    let bytes = source::stamp(path)?.len();
    let mut file = File::open(path).map_err(|error| refusal(&error))?;
    let head = part(&mut file, SeekFrom::Start(0), HEAD)?;
    let is_all = head.len() as u64 >= bytes;
    let info = match inspect(&head) {
        Err(_) if !is_all => return whole(path),
        looked => PictureInfo { bytes, ..looked? },
    };
    if info.format != PictureFormat::Jpeg {
        return Ok(info);
    }
    if is_all {
        return ended(&head, info);
    }
    let tail = part(&mut file, SeekFrom::Start(bytes.saturating_sub(TAIL)), TAIL)?;
    if memmem::find(&tail, jpeg::END_OF_IMAGE).is_some() { Ok(info) } else { whole(path) }
}

fn whole(path: &Path) -> Result<PictureInfo, PictureError> {
    let bytes = source::read(path)?;
    let info = inspect(&bytes)?;
    ended(&bytes, info)
}

fn ended(bytes: &[u8], info: PictureInfo) -> Result<PictureInfo, PictureError> {
    if info.format == PictureFormat::Jpeg && !jpeg::is_complete(bytes) {
        return Err(PictureError::CutOff(info.format));
    }
    Ok(info)
}

fn part(file: &mut File, from: SeekFrom, most: u64) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    file.seek(from).and_then(|_| file.take(most).read_to_end(&mut bytes)).map_err(|error| refusal(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};
    use rstest::rstest;

    use super::*;

    /// A picture without two equal rows, so that it is not compressed to nothing.
    fn picture(side: u32, format: ImageFormat) -> Vec<u8> {
        let noise = |x: u32, y: u32| [x.wrapping_mul(y), x ^ y, x.wrapping_mul(31) ^ y.wrapping_mul(17)];
        let pixels = RgbImage::from_fn(side, side, |x, y| image::Rgb(noise(x, y).map(|value| value.to_le_bytes()[0])));
        let mut bytes = Cursor::new(Vec::new());
        pixels.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn looked(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture");
        fs::write(&path, bytes).unwrap();
        inspect_file(&path)
    }

    #[rstest]
    #[case(ImageFormat::Jpeg, PictureFormat::Jpeg)]
    #[case(ImageFormat::Png, PictureFormat::Png)]
    #[case(ImageFormat::Gif, PictureFormat::Gif)]
    #[case(ImageFormat::WebP, PictureFormat::WebP)]
    #[case(ImageFormat::Bmp, PictureFormat::Bmp)]
    #[case(ImageFormat::Tiff, PictureFormat::Tiff)]
    fn small_and_large_pictures_are_known(#[case] written: ImageFormat, #[case] format: PictureFormat) {
        for side in [9, 900] {
            let file = picture(side, written);
            let bytes = file.len() as u64;
            assert_eq!(looked(&file), Ok(PictureInfo { width: side, height: side, format, bytes }));
        }
    }

    #[test]
    fn half_a_jpeg_is_cut_off_whatever_its_size() {
        for side in [9, 900] {
            let file = picture(side, ImageFormat::Jpeg);
            assert_eq!(looked(&file[..file.len() - 2]), Err(PictureError::CutOff(PictureFormat::Jpeg)), "{side}");
        }
    }

    #[test]
    fn what_a_telephone_appends_to_a_jpeg_does_no_harm() {
        let file = [picture(900, ImageFormat::Jpeg), vec![0; 100_000]].concat();
        assert_eq!(looked(&file).map(|info| info.width), Ok(900));
    }

    #[test]
    fn headers_behind_the_first_part_are_found() {
        let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &vec![b' '; 0xfffd]].concat();
        let file = picture(9, ImageFormat::Jpeg);
        let long = [&file[..2], &comment.repeat(5), &file[2..]].concat();
        assert!(long.len() as u64 > HEAD);
        assert_eq!(looked(&long).map(|info| info.width), Ok(9));
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        assert!(matches!(looked(b"not a picture"), Err(PictureError::Unsupported { .. })));
        assert!(matches!(looked(&vec![b'x'; 300_000]), Err(PictureError::Unsupported { .. })));
        assert_eq!(looked(b""), Err(PictureError::Empty));
    }
}
