//! Reads the dataset sequentially in large blocks, to copy runs of bytes and to inspect single lines.

use std::ops::Range;

use twox_hash::xxhash3_128::Hasher;

use crate::dataset::format::Layout;
use crate::dataset::index::{BOM, is_blank};
use crate::dataset::line::MAX_LINE_BYTES;
use crate::dataset::read::{CaptionForm, RawLine};
use crate::dataset::source::{Source, clamp_len};
use crate::dataset::{DatasetError, RecordId};

const BLOCK: usize = 1024 * 1024;

pub(super) struct Feed<'a> {
    source: &'a Source,
    layout: Layout,
    captions: CaptionForm,
    buffer: Vec<u8>,
    /// The part of the buffer that is read and not yet consumed.
    pending: Range<usize>,
    /// Offset of the first pending byte.
    offset: u64,
    /// The byte before the first pending one.
    before: Option<u8>,
    hasher: Option<Hasher>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(source: &'a Source, (layout, captions): (Layout, CaptionForm), with_hash: bool) -> Self {
        let hasher = with_hash.then(Hasher::new);
        Self { source, layout, captions, buffer: vec![0; BLOCK], pending: 0..0, offset: 0, before: None, hasher }
    }

    /// Passes everything before `offset` to `take`.
    pub(super) fn copy_until<E: From<DatasetError>>(
        &mut self,
        offset: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.offset < offset {
            self.fill(1)?;
            let len = clamp_len(offset - self.offset, self.pending.len());
            let start = self.pending.start;
            take(&self.buffer[start..start + len])?;
            self.skip(len as u64);
        }
        Ok(())
    }

    /// Returns the record's line, which starts at the next byte. Returns `None` if the bytes are not as indexed: a record,
    /// then blank lines.
    pub(super) fn line(&mut self, span: &Range<u64>, record: RecordId) -> Result<Option<RawLine<'_>>, DatasetError> {
        let len = clamp_len(span.end - span.start, MAX_LINE_BYTES + 1);
        self.fill(len)?;
        let bytes = &self.buffer[self.pending.start..self.pending.start + len];
        let line = self.layout.record(bytes);
        let too_long = line.len() > MAX_LINE_BYTES;
        let after_mark = span.start == BOM.len() as u64 && self.before == BOM.last().copied();
        let begins = after_mark || self.before.is_none_or(|before| self.layout.may_precede(before));
        let is_as_indexed = begins && !is_blank(line) && is_blank(&bytes[line.len()..]);
        let line = RawLine { too_long, captions: self.captions, ..RawLine::of(record, line) };
        Ok((too_long || is_as_indexed).then_some(line))
    }

    /// Consumes bytes without copying them.
    pub(super) fn skip(&mut self, len: u64) {
        let len = clamp_len(len, self.pending.len());
        if len > 0 {
            self.pending.start += len;
            self.offset += len as u64;
            self.before = Some(self.buffer[self.pending.start - 1]);
        }
    }

    /// Consumes the newline after the line just skipped, if there is one.
    pub(super) fn skip_newline(&mut self) {
        if self.buffer[self.pending.clone()].first() == Some(&b'\n') {
            self.skip(1);
        }
    }

    /// Returns the XXH3-128 of everything read.
    pub(super) fn hash(&self) -> Option<u128> {
        self.hasher.as_ref().map(Hasher::finish_128)
    }

    /// Reads until at least `len` bytes are pending, filling the buffer.
    fn fill(&mut self, len: usize) -> Result<(), DatasetError> {
        if self.pending.len() >= len {
            return Ok(());
        }
        self.buffer.copy_within(self.pending.clone(), 0);
        self.pending = 0..self.pending.len();
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
        let at = self.offset + self.pending.end as u64;
        let room = self.buffer.len() - self.pending.end;
        let read = clamp_len(self.source.len().saturating_sub(at), room);
        let block = &mut self.buffer[self.pending.end..self.pending.end + read];
        self.source.read(at, block)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.write(block);
        }
        self.pending.end += read;
        Ok(())
    }
}
