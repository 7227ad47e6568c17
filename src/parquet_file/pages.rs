//! Pages of a column, decompressed. Zstandard and Brotli are decompressed here, without the C library and the encoder
//! that the `parquet` crate would add; the other codecs are the crate's.

use std::io::{self, Read};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::page_index::index_reader::decode_offset_index;
use ::parquet::file::page_index::offset_index::PageLocation;
use ::parquet::file::reader::ChunkReader as _;
use ::parquet::file::serialized_reader::SerializedPageReader;

use crate::shared_file::SharedFile;

/// The size of the buffer for Brotli, in bytes.
const BUFFER: usize = 4096;

/// Returns the pages of a part of a column that has `rows` rows.
pub(super) fn open(file: &SharedFile, chunk: &ColumnChunkMetaData, rows: usize) -> Result<Box<dyn PageReader>> {
    let (start, len) =
        (chunk.data_page_offset().min(chunk.dictionary_page_offset().unwrap_or(i64::MAX)), chunk.compressed_size());
    let end = u64::try_from(start).ok().zip(u64::try_from(len).ok()).and_then(|(start, len)| start.checked_add(len));
    if end.is_none_or(|end| end > file.len()) {
        return Err(invalid("it is outside of the file"));
    }
    let locations = locations(file, chunk, rows);
    let file = Arc::new(file.clone());
    let codec = match chunk.compression() {
        Compression::ZSTD(_) => Codec::Zstandard,
        Compression::BROTLI(_) => Codec::Brotli,
        _ => return Ok(Box::new(SerializedPageReader::new(file, chunk, rows, locations)?)),
    };
    let raw = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
    let limit = u64::try_from(chunk.uncompressed_size()).unwrap_or_default();
    Ok(Box::new(Decompressed { pages: SerializedPageReader::new(file, &raw, rows, locations)?, codec, limit }))
}

/// Returns the places of the pages, if the file has them and they are plausible. Otherwise the headers of all pages are
/// read to find one.
fn locations(file: &SharedFile, chunk: &ColumnChunkMetaData, rows: usize) -> Option<Vec<PageLocation>> {
    let range = chunk.offset_index_range()?;
    let bytes = file.get_bytes(range.start, usize::try_from(range.end.checked_sub(range.start)?).ok()?).ok()?;
    let locations = decode_offset_index(&bytes).ok()?.page_locations;
    let (start, len) = chunk.byte_range();
    let within = |page: &PageLocation| {
        let end = page.offset.checked_add(page.compressed_page_size.into());
        u64::try_from(page.offset).is_ok_and(|offset| offset >= start)
            && page.compressed_page_size > 0
            && end.and_then(|end| u64::try_from(end).ok()).is_some_and(|end| end <= start.saturating_add(len))
            && usize::try_from(page.first_row_index).is_ok_and(|row| row < rows)
    };
    let is_first = locations.first().is_some_and(|page| page.first_row_index == 0);
    let in_order = locations.windows(2).all(|pair| pair[0].first_row_index < pair[1].first_row_index);
    (is_first && in_order && locations.iter().all(within)).then_some(locations)
}

#[derive(Clone, Copy)]
pub(super) enum Codec {
    Zstandard,
    Brotli,
}

impl Codec {
    /// Decompresses at most `limit` bytes and one more.
    pub(super) fn decompress(self, bytes: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Zstandard => {
                // A page may consist of several frames.
                let mut rest = bytes;
                while !rest.is_empty() {
                    let frame = ruzstd::decoding::StreamingDecoder::new(&mut rest).map_err(io::Error::other)?;
                    frame.take(limit + 1).read_to_end(out)?;
                    if out.len() as u64 > limit {
                        break;
                    }
                }
            }
            Self::Brotli => {
                brotli_decompressor::Decompressor::new(bytes, BUFFER).take(limit + 1).read_to_end(out)?;
            }
        }
        Ok(())
    }
}

/// The pages of a reader that regards them as not compressed.
struct Decompressed {
    pages: SerializedPageReader<SharedFile>,
    codec: Codec,
    /// The size of the whole column part as declared, which no page may exceed.
    limit: u64,
}

impl Decompressed {
    /// Decompresses a buffer, except for its beginning.
    fn buffer(&self, bytes: &[u8], plain: usize) -> Result<Vec<u8>> {
        let (plain, packed) = bytes.split_at_checked(plain).ok_or_else(|| invalid("levels exceed the page"))?;
        let mut out = plain.to_vec();
        if !packed.is_empty() {
            self.codec.decompress(packed, self.limit, &mut out).map_err(|error| invalid(&error.to_string()))?;
        }
        if out.len() as u64 > self.limit {
            return Err(invalid("a page is larger than its column"));
        }
        Ok(out)
    }
}

fn invalid(reason: &str) -> ParquetError {
    ParquetError::General(format!("damaged page: {reason}"))
}

impl PageReader for Decompressed {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.pages.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = self.buffer(buf, 0)?.into(),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed: true, .. } => {
                // Levels are never compressed.
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                *buf = self.buffer(buf, usize::try_from(levels).unwrap_or(usize::MAX))?.into();
            }
            Page::DataPageV2 { is_compressed: false, .. } => {}
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

impl Iterator for Decompressed {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}
