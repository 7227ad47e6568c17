//! Fast inspection of a picture file without decoding it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use memchr::memmem;

use super::decode::{inspect, jpeg};
use super::source::{self, io_error};
use super::{PictureError, PictureFormat, PictureInfo};

/// The number of bytes read first. Headers are rarely longer, even with an embedded thumbnail and colour profile.
const HEAD: u64 = 256 * 1024;
/// The number of bytes at the end searched for a JPEG's end marker before reading the whole file.
const TAIL: u64 = 4 * 1024;

/// Returns the format and dimensions of the picture at `path` from its headers. Also looks for the end marker of a JPEG,
/// because the headers of a truncated one are intact. Reads only the beginning and the end of most files, and the whole
/// file if these are not conclusive.
pub(crate) fn inspect_file(path: &Path) -> Result<PictureInfo, PictureError> {
    let (path, stamp) = source::found(path)?;
    let (path, bytes) = (path.as_ref(), stamp.len());
    let mut file = File::open(path).map_err(|error| io_error(&error))?;
    let head = read_part(&mut file, SeekFrom::Start(0), HEAD)?;
    let is_all = head.len() as u64 >= bytes;
    let info = match inspect(&head) {
        Err(_) if !is_all => return inspect_all(path),
        info => PictureInfo { bytes, ..info? },
    };
    if info.format != PictureFormat::Jpeg {
        return Ok(info);
    }
    if is_all {
        return check_end(&head, info);
    }
    let tail = read_part(&mut file, SeekFrom::Start(bytes.saturating_sub(TAIL)), TAIL)?;
    if memmem::find(&tail, jpeg::END_OF_IMAGE).is_some() { Ok(info) } else { inspect_all(path) }
}

fn inspect_all(path: &Path) -> Result<PictureInfo, PictureError> {
    let bytes = source::read(path)?;
    let info = inspect(&bytes)?;
    check_end(&bytes, info)
}

fn check_end(bytes: &[u8], info: PictureInfo) -> Result<PictureInfo, PictureError> {
    if info.format == PictureFormat::Jpeg && !jpeg::is_complete(bytes) {
        return Err(PictureError::CutOff(info.format));
    }
    Ok(info)
}

fn read_part(file: &mut File, from: SeekFrom, max: u64) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    file.seek(from).and_then(|_| file.take(max).read_to_end(&mut bytes)).map_err(|error| io_error(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};
    use rstest::rstest;

    use super::*;

    /// Encodes noise, which does not compress.
    fn noise(side: u32, format: ImageFormat) -> Vec<u8> {
        let pixel = |x: u32, y: u32| [x.wrapping_mul(y), x ^ y, x.wrapping_mul(31) ^ y.wrapping_mul(17)];
        let pixels = RgbImage::from_fn(side, side, |x, y| image::Rgb(pixel(x, y).map(|value| value.to_le_bytes()[0])));
        let mut bytes = Cursor::new(Vec::new());
        pixels.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn inspected(bytes: &[u8]) -> Result<PictureInfo, PictureError> {
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
    fn detects_small_and_large_files_of_every_format(#[case] written: ImageFormat, #[case] format: PictureFormat) {
        for side in [9, 900] {
            let file = noise(side, written);
            let bytes = file.len() as u64;
            assert_eq!(inspected(&file), Ok(PictureInfo { width: side, height: side, format, bytes }));
        }
    }

    #[test]
    fn a_truncated_jpeg_of_any_size_is_cut_off() {
        for side in [9, 900] {
            let file = noise(side, ImageFormat::Jpeg);
            assert_eq!(inspected(&file[..file.len() - 2]), Err(PictureError::CutOff(PictureFormat::Jpeg)), "{side}");
        }
    }

    #[test]
    fn bytes_after_the_end_of_a_jpeg_are_ignored() {
        let file = [noise(900, ImageFormat::Jpeg), vec![0; 100_000]].concat();
        assert_eq!(inspected(&file).map(|info| info.width), Ok(900));
    }

    #[test]
    fn finds_headers_beyond_the_first_read() {
        let comment = [&[0xff, 0xfe, 0xff, 0xff][..], &vec![b' '; 0xfffd]].concat();
        let file = noise(9, ImageFormat::Jpeg);
        let long = [&file[..2], &comment.repeat(5), &file[2..]].concat();
        assert!(long.len() as u64 > HEAD);
        assert_eq!(inspected(&long).map(|info| info.width), Ok(9));
    }

    #[test]
    fn other_content_is_an_error() {
        assert!(matches!(inspected(b"not a picture"), Err(PictureError::Unsupported { .. })));
        assert!(matches!(inspected(&vec![b'x'; 300_000]), Err(PictureError::Unsupported { .. })));
        assert_eq!(inspected(b""), Err(PictureError::Empty));
    }
}
