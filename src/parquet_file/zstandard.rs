//! Columns compressed with Zstandard, written without the C library that the `parquet` crate would add.
//!
//! The crate encodes the values and writes pages that it regards as not compressed; each page is compressed on its way to a
//! temporary file, from which the part of the column is appended to the table.

use std::fs::File;
use std::io::{self, Write};

use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use ::parquet::errors::Result;
use ::parquet::file::properties::WriterPropertiesPtr;
use ::parquet::file::writer::{SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::pages::Codec;
use crate::shared_file::SharedFile;

/// Writes a part of a column to `out`. `fill` writes its values; `properties` must not compress the column.
pub(super) fn write_column<W: Write + Send>(
    descriptor: ColumnDescPtr,
    properties: WriterPropertiesPtr,
    out: &mut SerializedRowGroupWriter<'_, W>,
    fill: &mut dyn FnMut(&mut ColumnWriter<'_>) -> Result<()>,
) -> Result<()> {
    let mut sink = TrackedWrite::new(Temporary(tempfile::tempfile().map_err(|error| of_temporary(&error))?));
    let compressing = CompressingPages(SerializedPageWriter::new(&mut sink));
    let mut column = get_column_writer(descriptor, properties, Box::new(compressing));
    fill(&mut column)?;
    let closed = column.close()?;
    let metadata = closed.metadata.into_builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()?;
    let pages = SharedFile::new(sink.into_inner()?.0).map_err(|error| of_temporary(&error))?;
    out.append_column(&pages, ColumnCloseResult { metadata, ..closed })
}

/// Compresses pages, except for the levels of the second version.
struct CompressingPages<'a>(SerializedPageWriter<'a, Temporary>);

impl PageWriter for CompressingPages<'_> {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        let size = page.uncompressed_size();
        let mut page = page.compressed_page().clone();
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = compressed(buf).into(),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                let levels = usize::try_from(*def_levels_byte_len)? + usize::try_from(*rep_levels_byte_len)?;
                let (levels, values) = buf.split_at(levels.min(buf.len()));
                *is_compressed = !values.is_empty();
                if *is_compressed {
                    *buf = [levels, &compressed(values)].concat().into();
                }
            }
        }
        self.0.write_page(CompressedPage::new(page, size))
    }

    fn close(&mut self) -> Result<()> {
        self.0.close()
    }
}

/// Returns a frame with these bytes. They are stored if compressing does not make them smaller, or if they could not be
/// restored.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let frame = compress_to_vec(bytes, CompressionLevel::Fastest);
    let mut restored = Vec::with_capacity(bytes.len());
    let is_whole = frame.len() < bytes.len()
        && Codec::Zstandard.decompress(&frame, bytes.len() as u64, &mut restored).is_ok()
        && restored == bytes;
    if is_whole { frame } else { compress_to_vec(bytes, CompressionLevel::Uncompressed) }
}

/// A temporary file whose errors are told apart from those of the table.
struct Temporary(File);

impl Write for Temporary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            written => written.map_err(|error| of_temporary(&error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(|error| of_temporary(&error))
    }
}

fn of_temporary(error: &io::Error) -> io::Error {
    let folder = std::env::temp_dir();
    io::Error::new(
        error.kind(),
        format!("temporary file in {}: {error}; TMPDIR names another folder", folder.display()),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restored(frame: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Codec::Zstandard.decompress(frame, u64::MAX - 1, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn captions_are_compressed() {
        let text = "A woman in a navy coat walks along a street. ".repeat(10_000);
        let frame = compressed(text.as_bytes());
        assert!(frame.len() * 4 < text.len(), "{} of {}", frame.len(), text.len());
        assert_eq!(restored(&frame), text.as_bytes());
    }

    proptest! {
        #[test]
        fn every_page_is_restored(parts in prop::collection::vec(("[a-c ]{0,9}", 1..9_000_usize), 0..8), noise in prop::collection::vec(any::<u8>(), 0..300)) {
            let text: String = parts.iter().map(|(text, times)| text.repeat(*times)).collect();
            let bytes = [text.as_bytes(), &noise].concat();
            prop_assert_eq!(restored(&compressed(&bytes)), bytes);
        }
    }
}
