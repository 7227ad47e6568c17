//! Reads lines in runs: one positioned read for adjacent records.

use std::ops::{ControlFlow, Range};

use super::format::Layout;
use super::index::{Index, Span};
use super::line::MAX_LINE_BYTES;
use super::source::{Source, clamp_len};
use super::{DatasetError, RecordId, Sibling};

/// Maximum bytes of a read, unless a single line needs more.
const RUN_BYTES: u64 = 4 * 1024 * 1024;
/// Records looked up in the index at a time.
const LOOKED_UP: u32 = 4096;

/// What a caption can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum CaptionForm {
    /// A string, or an object in place of an object.
    #[default]
    Text,
    /// An object, also in place of a missing caption.
    Object,
    /// Of the type of a column, so that an object cannot be replaced.
    Typed,
}

#[derive(Debug)]
pub(super) struct RawLine<'a> {
    pub(super) record: RecordId,
    /// Line number, from one.
    pub(super) number: u64,
    /// The record's line or lines without the last newline; only the beginning if they are too long.
    pub(super) bytes: &'a [u8],
    pub(super) too_long: bool,
    /// Its place among the captions of its image, if there are several.
    pub(super) sibling: Option<Sibling>,
    pub(super) captions: CaptionForm,
}

impl<'a> RawLine<'a> {
    /// A line without a place in a file.
    pub(super) const fn of(record: RecordId, bytes: &'a [u8]) -> Self {
        Self { record, number: 0, bytes, too_long: false, sibling: None, captions: CaptionForm::Text }
    }
}

/// Visits every indexed record of a range in order, until `visit` breaks.
pub(super) fn lines(
    source: &Source,
    (index, captions): (&Index, CaptionForm),
    range: Range<u32>,
    visit: &mut dyn FnMut(RawLine<'_>) -> ControlFlow<()>,
) -> Result<(), DatasetError> {
    let mut buffer = Vec::new();
    let mut next = range.start;
    while next < range.end {
        let spans = index.spans(next..range.end.min(next.saturating_add(LOOKED_UP)));
        let mut rest = spans.as_slice();
        while let Some(first) = rest.first() {
            let start = first.start;
            let together = rest.iter().take_while(|span| span.end - start <= RUN_BYTES).count().max(1);
            let (run, after) = rest.split_at(together);
            let end = run.last().map_or(start, |span| span.end);
            // One byte more than the limit distinguishes a line that is too long from one that just fits.
            let len = clamp_len(end - start, MAX_LINE_BYTES + 1);
            if buffer.len() < len {
                buffer.resize(len, 0);
            }
            source.read(start, &mut buffer[..len])?;
            source.check()?;
            for span in run {
                let mut raw =
                    raw_line(index.layout(), RecordId(next), span, &buffer[clamp_len(span.start - start, len)..len]);
                let (line, sibling) = source.place(raw.record);
                (raw.number, raw.sibling, raw.captions) = (line.unwrap_or(raw.number), sibling, captions);
                next += 1;
                if visit(raw).is_break() {
                    return Ok(());
                }
            }
            rest = after;
        }
        if spans.is_empty() {
            break;
        }
    }
    Ok(())
}

fn raw_line<'a>(layout: Layout, record: RecordId, span: &Span, bytes: &'a [u8]) -> RawLine<'a> {
    let bytes = &bytes[..clamp_len(span.end - span.start, bytes.len())];
    let bytes = layout.record(bytes);
    RawLine { number: span.line, too_long: bytes.len() > MAX_LINE_BYTES, ..RawLine::of(record, bytes) }
}
