//! Pages of a column, decompressed. Zstandard and Brotli are decompressed here, without the C library and the encoder
//! that the `parquet` crate would add; the other codecs are the crate's.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::page::{Page, PageMetadata, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;

/// The size of the buffer for Brotli, in bytes.
const BUFFER: usize = 4096;

/// Returns the pages of a part of a column that has `rows` rows.
pub(super) fn open(file: Arc<File>, chunk: &ColumnChunkMetaData, rows: usize) -> Result<Box<dyn PageReader>> {
    let codec = match chunk.compression() {
        Compression::ZSTD(_) => Codec::Zstandard,
        Compression::BROTLI(_) => Codec::Brotli,
        _ => return Ok(Box::new(SerializedPageReader::new(file, chunk, rows, None)?)),
    };
    let raw = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build()?;
    let limit = u64::try_from(chunk.uncompressed_size()).unwrap_or_default();
    Ok(Box::new(Decompressed { pages: SerializedPageReader::new(file, &raw, rows, None)?, codec, limit }))
}

#[derive(Clone, Copy)]
enum Codec {
    Zstandard,
    Brotli,
}

impl Codec {
    /// Decompresses at most `limit` bytes and one more.
    fn decompress(self, bytes: &[u8], limit: u64, out: &mut Vec<u8>) -> io::Result<()> {
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
    pages: SerializedPageReader<File>,
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
