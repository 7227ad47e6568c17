//! The index of line offsets: built once, in the background, and readable while it grows.

mod line_scanner;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use super::DatasetError;
use super::format::{self, Layout, PROBE};
use super::objects::ObjectScanner;
use super::source::{Source, clamp_len};
use crate::parallel::{self, Beside};
use line_scanner::{BlockLines, LineScanner};

/// Bytes read at a time: fits the L2 cache of a core.
const BLOCK: usize = 256 * 1024;
/// Bytes that a thread searches at a time if all processors do.
const PIECE: usize = 1024 * 1024;
/// Bytes between publications after the first.
const PUBLISH_EVERY: u64 = 4 * 1024 * 1024;
/// Records in a segment. Computing a line number adds up at most this many steps.
const SEGMENT: usize = 4096;
/// Bits of a mark that hold the record's offset. The others hold the number of lines from the start of the record before.
const START_BITS: u32 = 48;
const START_MASK: u64 = (1 << START_BITS) - 1;
/// Stands for a step that does not fit in its bits and is kept in a map.
const WIDE_STEP: u64 = u64::MAX >> START_BITS;

/// The byte order mark of UTF-8.
pub(super) const BOM: &[u8] = b"\xEF\xBB\xBF";

thread_local! {
    /// The piece that a thread searches. Fresh memory for each would take as long as the search.
    static READ: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub records: u32,
    pub bytes_read: u64,
    pub bytes_total: u64,
    pub complete: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    /// The start of the next record or the end of the file: blank lines in between are part of the span.
    pub(super) end: u64,
    /// Line number, from one, blank lines included.
    pub(super) line: u64,
}

/// The records found so far. One thread builds the index, any number read it.
#[derive(Debug)]
pub(super) struct Index {
    layout: Layout,
    published: RwLock<Published>,
    scanner: Mutex<Scanner>,
}

impl Index {
    /// Creates an empty index. Reads the beginning of the file.
    pub(super) fn new(source: &Source) -> Result<Self, DatasetError> {
        let total = source.len();
        if total > START_MASK {
            return Err(DatasetError::TooLarge { path: source.path().into() });
        }
        let mut probe = [0; PROBE];
        let probe = &mut probe[..clamp_len(total, PROBE)];
        source.read(0, probe)?;
        let layout = format::detect(probe, probe.len() as u64 == total)
            .map_err(|found| DatasetError::Foreign { path: source.path().into(), found })?;
        let body = if probe.starts_with(BOM) { BOM.len() as u64 } else { 0 };
        let published = Published { end: body, ..Published::default() };
        let scanner = match layout {
            Layout::Lines => Scanner::Lines(LineScanner::new(body)),
            Layout::Objects => Scanner::Objects(ObjectScanner::new(body)),
        };
        Ok(Self { layout, published: RwLock::new(published), scanner: Mutex::new(scanner) })
    }

    /// Creates an empty index of the lines of a folder or a table, which need not exist yet.
    pub(super) fn of_lines() -> Self {
        let published = Published::default();
        let scanner = Mutex::new(Scanner::Lines(LineScanner::new(0)));
        Self { layout: Layout::Lines, published: RwLock::new(published), scanner }
    }

    pub(super) fn build(
        &self,
        source: &Source,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Progress, DatasetError> {
        source.prepare()?;
        let total = source.len();
        let mut scanner: MutexGuard<'_, Scanner> = self.scanner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut marks = Vec::new();
        match self.scan(source, &mut scanner, &mut marks, progress) {
            Ok(()) => {}
            Err(Stop::Cancelled(now)) => return Ok(now),
            Err(Stop::Failed(error)) => return Err(error),
        }
        if !self.is_complete() {
            source.check()?;
            scanner.finish(&mut marks);
            self.publish(&mut marks, scanner.offset(), source)?;
            self.published.write().unwrap_or_else(PoisonError::into_inner).complete = true;
        }
        let now = self.progress(scanner.offset(), total);
        // The index is complete, so there is nothing left for a break to stop.
        let _ = progress(now);
        Ok(now)
    }

    /// Scans the bytes that are not scanned yet. The last marks are not published.
    fn scan(
        &self,
        source: &Source,
        scanner: &mut Scanner,
        marks: &mut Vec<Mark>,
        progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), Stop> {
        let total = source.len();
        let mut published_at = scanner.offset();
        let mut follow = |scanner: &Scanner, marks: &mut Vec<Mark>| {
            let is_first = self.count() == 0 && !marks.is_empty();
            if is_first || scanner.offset() - published_at >= PUBLISH_EVERY {
                self.publish(marks, scanner.settled(), source)?;
                published_at = scanner.offset();
                let now = self.progress(scanner.offset(), total);
                if progress(now).is_break() {
                    return Err(Stop::Cancelled(now));
                }
            }
            Ok(())
        };
        let mut block = vec![0; BLOCK];
        while scanner.offset() < total {
            let start = scanner.offset();
            // The first block is published at once.
            let is_parallel = start >= BLOCK as u64 && total - start > PUBLISH_EVERY && source.is_plain_file();
            if is_parallel && scanner.lines().is_some() {
                let pieces = usize::try_from((total - start).div_ceil(PIECE as u64)).unwrap_or(usize::MAX);
                let search = |piece: usize| search(source, start + (piece * PIECE) as u64);
                return parallel::in_order(pieces, Beside::Nothing, search, |found| {
                    let found = found?;
                    scanner.lines().into_iter().for_each(|lines| lines.add(&found, marks));
                    follow(scanner, marks)
                });
            }
            let block = &mut block[..clamp_len(total - scanner.offset(), BLOCK)];
            source.read(scanner.offset(), block)?;
            scanner.feed(block, marks);
            follow(scanner, marks)?;
        }
        Ok(())
    }

    fn publish(&self, marks: &mut Vec<Mark>, end: u64, source: &Source) -> Result<(), DatasetError> {
        let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
        for mark in marks.drain(..) {
            if !published.push(mark) {
                return Err(DatasetError::TooLarge { path: source.path().into() });
            }
        }
        published.end = end;
        Ok(())
    }

    fn progress(&self, bytes_read: u64, bytes_total: u64) -> Progress {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        Progress { records: published.count, bytes_read, bytes_total, complete: published.complete }
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn count(&self) -> u32 {
        self.published.read().unwrap_or_else(PoisonError::into_inner).count
    }

    pub(super) fn is_complete(&self) -> bool {
        self.published.read().unwrap_or_else(PoisonError::into_inner).complete
    }

    /// Returns the byte range of a record's line and of the blank lines after it.
    pub(super) fn bytes(&self, record: u32) -> Option<Range<u64>> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        Some(published.mark(record)? & START_MASK..published.end_of(record))
    }

    /// Returns the spans of those records of a range that are indexed.
    pub(super) fn spans(&self, range: Range<u32>) -> Vec<Span> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        let range = range.start..range.end.min(published.count);
        let Some(mut line) = published.line(range.start) else { return Vec::new() };
        let mut spans = Vec::with_capacity(range.len());
        for record in range.clone() {
            let Some(mark) = published.mark(record) else { break };
            if record != range.start {
                line += published.step(record, mark);
            }
            spans.push(Span { start: mark & START_MASK, end: published.end_of(record), line });
        }
        spans
    }
}

/// Why a scan ended early.
enum Stop {
    Cancelled(Progress),
    Failed(DatasetError),
}

impl From<DatasetError> for Stop {
    fn from(error: DatasetError) -> Self {
        Self::Failed(error)
    }
}

/// Finds the lines of the piece of a file at an offset.
fn search(source: &Source, at: u64) -> Result<BlockLines, DatasetError> {
    READ.with_borrow_mut(|buffer| {
        buffer.resize(PIECE, 0);
        let piece = &mut buffer[..clamp_len(source.len().saturating_sub(at), PIECE)];
        source.read(at, piece)?;
        Ok(BlockLines::of(piece))
    })
}

/// A record found by the scanner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) start: u64,
    /// Lines from the line on which the record before starts; from the line before the file for the first record.
    pub(super) step: u64,
}

/// Eight bytes a record, in fixed segments: growing copies nothing, so a reader never waits for a large copy.
#[derive(Debug, Default)]
struct Published {
    segments: Vec<Segment>,
    wide_steps: BTreeMap<u32, u64>,
    count: u32,
    /// The end of the last record's line and of the blank lines known after it.
    end: u64,
    /// The number of the line on which the last record starts.
    last_line: u64,
    complete: bool,
}

#[derive(Debug)]
struct Segment {
    first_line: u64,
    marks: Vec<u64>,
}

impl Published {
    /// Returns false if there is no room.
    fn push(&mut self, mark: Mark) -> bool {
        let Some(count) = self.count.checked_add(1) else { return false };
        let line = self.last_line + mark.step;
        if self.segments.last().is_none_or(|segment| segment.marks.len() == SEGMENT) {
            self.segments.push(Segment { first_line: line, marks: Vec::with_capacity(SEGMENT) });
        }
        if mark.step >= WIDE_STEP {
            self.wide_steps.insert(self.count, mark.step);
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.marks.push(mark.step.min(WIDE_STEP) << START_BITS | mark.start);
        }
        self.count = count;
        self.last_line = line;
        true
    }

    fn mark(&self, record: u32) -> Option<u64> {
        let record = record as usize;
        self.segments.get(record / SEGMENT)?.marks.get(record % SEGMENT).copied()
    }

    fn step(&self, record: u32, mark: u64) -> u64 {
        match mark >> START_BITS {
            WIDE_STEP => self.wide_steps.get(&record).copied().unwrap_or(WIDE_STEP),
            step => step,
        }
    }

    fn end_of(&self, record: u32) -> u64 {
        self.mark(record + 1).map_or(self.end, |next| next & START_MASK)
    }

    fn line(&self, record: u32) -> Option<u64> {
        self.mark(record)?;
        let index = record as usize;
        let segment = self.segments.get(index / SEGMENT)?;
        let first = record - u32::try_from(index % SEGMENT).ok()?;
        let after = segment.marks.iter().zip(first..=record).skip(1);
        Some(segment.first_line + after.map(|(mark, record)| self.step(record, *mark)).sum::<u64>())
    }
}

/// Finds the records in a stream of blocks.
#[derive(Debug)]
enum Scanner {
    Lines(LineScanner),
    Objects(ObjectScanner),
}

impl Scanner {
    const fn offset(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.offset(),
            Self::Objects(objects) => objects.offset(),
        }
    }

    /// Returns the end of the last complete record and of the blank lines after it.
    fn settled(&self) -> u64 {
        match self {
            Self::Lines(lines) => lines.settled(),
            Self::Objects(objects) => objects.settled(),
        }
    }

    fn feed(&mut self, block: &[u8], marks: &mut Vec<Mark>) {
        match self {
            Self::Lines(lines) => lines.add(&BlockLines::of(block), marks),
            Self::Objects(objects) => objects.feed(block, marks),
        }
    }

    /// Returns the scanner of lines, whose blocks can be searched in parallel.
    const fn lines(&mut self) -> Option<&mut LineScanner> {
        match self {
            Self::Lines(lines) => Some(lines),
            Self::Objects(_) => None,
        }
    }

    fn finish(&mut self, marks: &mut Vec<Mark>) {
        match self {
            Self::Lines(lines) => lines.finish(marks),
            Self::Objects(objects) => objects.finish(marks),
        }
    }
}

/// Returns true if a line consists of white space, so that it is not a record.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// (start, line) of each record, by splitting at newlines.
    fn naive(bytes: &[u8]) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        let mut start = 0;
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if !is_blank(line) {
                found.push((start, number as u64 + 1));
            }
            start += line.len() as u64 + 1;
        }
        found
    }

    fn in_blocks(bytes: &[u8], cuts: &[usize]) -> Published {
        let mut scanner = LineScanner::new(0);
        let mut published = Published::default();
        let mut marks = Vec::new();
        let mut rest = bytes;
        for cut in cuts {
            let (block, after) = rest.split_at((*cut).min(rest.len()));
            scanner.add(&BlockLines::of(block), &mut marks);
            rest = after;
        }
        scanner.add(&BlockLines::of(rest), &mut marks);
        scanner.finish(&mut marks);
        assert!(marks.into_iter().all(|mark| published.push(mark)));
        published.end = bytes.len() as u64;
        published
    }

    fn found(published: &Published) -> Vec<(u64, u64)> {
        let of = |record| Some((published.mark(record)? & START_MASK, published.line(record)?));
        (0..published.count).map(|record| of(record).expect("counted")).collect()
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_match_splitting_at_newlines(
            bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'\r'), any::<u8>()], 0..200),
            cuts in prop::collection::vec(0_usize..9, 0..60),
        ) {
            prop_assert_eq!(found(&in_blocks(&bytes, &cuts)), naive(&bytes));
        }
    }

    #[test]
    fn line_numbers_survive_segments_and_wide_steps() {
        let wide = usize::try_from(WIDE_STEP).expect("sixteen bits");
        let mut text = b"\n".repeat(wide - 1);
        for record in 0..SEGMENT * 2 + 7 {
            text.extend_from_slice(b"{}\n");
            text.extend_from_slice(&b" \n".repeat(record % 3));
        }
        text.extend_from_slice(&b"\n".repeat(wide + 5));
        text.extend_from_slice(b"x\n\n{}");
        assert_eq!(found(&in_blocks(&text, &[])), naive(&text));
    }

    #[test]
    fn a_span_ends_at_the_next_record() {
        let published = in_blocks(b"a\n\n bb\n\nc", &[]);
        assert_eq!((0..3).map(|record| published.end_of(record)).collect::<Vec<_>>(), [3, 8, 9]);
    }
}
