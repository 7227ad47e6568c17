//! The dataset's bytes, once, in order, in large reads: copied in runs, with a closer look at single lines.

use std::ops::Range;

use twox_hash::xxhash3_128::Hasher;

use crate::dataset::index::{BOM, is_blank};
use crate::dataset::line::MAX_LINE_BYTES;
use crate::dataset::read::{RawLine, first_line};
use crate::dataset::source::{Source, clamp_len};
use crate::dataset::{DatasetError, RecordId};

/// Bytes of a read.
const BLOCK: usize = 1024 * 1024;

pub(super) struct Feed<'a> {
    source: &'a Source,
    buffer: Vec<u8>,
    /// What of the buffer is read and not yet passed on.
    pending: Range<usize>,
    /// Of the first pending byte.
    offset: u64,
    /// The byte before it.
    before: Option<u8>,
    hasher: Option<Hasher>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(source: &'a Source, with_hash: bool) -> Self {
        let hasher = with_hash.then(Hasher::new);
        Self { source, buffer: vec![0; BLOCK], pending: 0..0, offset: 0, before: None, hasher }
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

    /// The record's line, which begins at the next byte; nothing if the bytes are not what was indexed: one line with
    /// something on it, then blank ones.
    pub(super) fn line(&mut self, span: &Range<u64>, record: RecordId) -> Result<Option<RawLine<'_>>, DatasetError> {
        let len = clamp_len(span.end - span.start, MAX_LINE_BYTES + 1);
        self.fill(len)?;
        let bytes = &self.buffer[self.pending.start..self.pending.start + len];
        let (line, too_long) = first_line(bytes);
        let after_mark = span.start == BOM.len() as u64 && self.before == BOM.last().copied();
        let begins = after_mark || self.before.is_none_or(|before| before == b'\n');
        let is_as_indexed = begins && !is_blank(line) && is_blank(&bytes[line.len()..]);
        let line = RawLine { record, number: 0, bytes: line, too_long };
        Ok((too_long || is_as_indexed).then_some(line))
    }

    /// Leaves out bytes that were looked at.
    pub(super) fn skip(&mut self, len: u64) {
        let len = clamp_len(len, self.pending.len());
        if len > 0 {
            self.pending.start += len;
            self.offset += len as u64;
            self.before = Some(self.buffer[self.pending.start - 1]);
        }
    }

    /// Leaves out the newline that ends the line just skipped, if one does.
    pub(super) fn skip_newline(&mut self) {
        if self.buffer[self.pending.clone()].first() == Some(&b'\n') {
            self.skip(1);
        }
    }

    /// Of everything read.
    pub(super) fn hash(&self) -> Option<u128> {
        self.hasher.as_ref().map(Hasher::finish_128)
    }

    /// Makes at least `len` bytes pending, reading as many as fit.
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
        let read = clamp_len(self.source.stamp().len.saturating_sub(at), room);
        let block = &mut self.buffer[self.pending.end..self.pending.end + read];
        self.source.read(at, block)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.write(block);
        }
        self.pending.end += read;
        Ok(())
    }
}
