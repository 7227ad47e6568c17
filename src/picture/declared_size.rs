//! The size in the header of a picture, without decoding it.

use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::{ImageFormat, ImageReader};

use super::decode::sniff;
use super::source::{Encoded, open};
use super::{PictureFormat, catch_panic};

/// Of a picture whose header is not understood, or not read (AVIF).
const USUAL: u64 = 12_000_000;

/// Returns the number of pixels that a picture declares, to estimate the memory that it takes. Decoding reports what is
/// wrong with it.
pub(crate) fn declared_pixels(path: &Path) -> u64 {
    let size = catch_panic(|| size(path).ok_or(()), |_| ());
    size.map_or(USUAL, |(width, height)| u64::from(width) * u64::from(height))
}

fn size(path: &Path) -> Option<(u32, u32)> {
    match open(path)? {
        Encoded::File(file) => size_in(BufReader::new(file)),
        Encoded::Bytes(bytes) => size_in(Cursor::new(bytes)),
    }
}

fn size_in(mut file: impl BufRead + Seek) -> Option<(u32, u32)> {
    let format = match sniff(file.fill_buf().ok()?).ok()? {
        // The `image` crate reads the whole file.
        PictureFormat::Jpeg => {
            let mut decoder = jpeg_decoder::Decoder::new(file);
            decoder.read_info().ok()?;
            return decoder.info().map(|info| (info.width.into(), info.height.into()));
        }
        PictureFormat::Tiff => return tiff::decoder::Decoder::new(file).ok()?.dimensions().ok(),
        PictureFormat::Avif => return None,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::Gif => ImageFormat::Gif,
        PictureFormat::WebP => ImageFormat::WebP,
        PictureFormat::Bmp => ImageFormat::Bmp,
        PictureFormat::Ico => ImageFormat::Ico,
        PictureFormat::Netpbm => ImageFormat::Pnm,
    };
    ImageReader::with_format(file, format).into_dimensions().ok()
}

#[cfg(test)]
mod tests {
    use image::ImageFormat::{Bmp, Gif, Ico, Jpeg, Png, Pnm, Tiff, WebP};

    use super::*;
    use crate::parquet_file::fixture::{Form, Row, write};
    use crate::picture::fixture::{encoded, quarters};

    #[test]
    fn the_size_is_read_from_the_header_of_every_format() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("picture");
        for format in [Png, Jpeg, Gif, WebP, Bmp, Tiff, Ico, Pnm] {
            std::fs::write(&path, encoded(quarters(40, 30), format)).expect("a file");
            assert_eq!(declared_pixels(&path), 1_200, "{format:?}");
        }
        let rows = [encoded(quarters(40, 30), Png), encoded(quarters(8, 9), Jpeg), b"not a picture".to_vec()];
        let table = folder.path().join("train.parquet");
        write(&table, &rows.map(|bytes| Row::new(&bytes, "a", "A hat.", 0)), &Form::default());
        let rows = ["1", "2", "3", "4"].map(|row| declared_pixels(&table.join(row)));
        assert_eq!(rows, [1_200, 72, USUAL, USUAL], "rows of a Parquet file");
        for bytes in [&b"not a picture"[..], b"", b"\xff\xd8\xff\xe0"] {
            std::fs::write(&path, bytes).expect("a file");
            assert_eq!(declared_pixels(&path), USUAL);
        }
        assert_eq!(declared_pixels(&folder.path().join("missing")), USUAL);
    }
}
