//! Finds the records of JSON Lines in blocks. Blocks are searched on all processors, and their results joined in order.

use super::{Mark, is_blank};

/// The lines of a block, found without the blocks around it. A block has at most 2³¹ bytes.
#[derive(Debug, Default)]
pub(super) struct BlockLines {
    len: usize,
    /// The end of each line that ends here, in bytes, times two, plus one if its part in this block is not blank.
    ends: Vec<u32>,
    /// True if the part of a line after the last end is not blank.
    has_tail: bool,
}

impl BlockLines {
    pub(super) fn of(block: &[u8]) -> Self {
        let mut begin = 0;
        let end = |newline: usize| {
            let has_content = !is_blank(&block[begin..newline]);
            begin = newline + 1;
            u32::try_from(newline << 1 | usize::from(has_content)).unwrap_or(u32::MAX)
        };
        let ends = memchr::memchr_iter(b'\n', block).map(end).collect();
        Self { len: block.len(), ends, has_tail: !is_blank(&block[begin..]) }
    }
}

#[derive(Debug)]
pub(super) struct LineScanner {
    /// Offset of the next byte.
    offset: u64,
    line_start: u64,
    line_has_content: bool,
    /// Lines from the start of the last record to the current line.
    step: u64,
}

impl LineScanner {
    pub(super) const fn new(start: u64) -> Self {
        Self { offset: start, line_start: start, line_has_content: false, step: 1 }
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the end of the last complete record and of the blank lines after it.
    pub(super) const fn settled(&self) -> u64 {
        self.line_start
    }

    /// Adds the next block.
    pub(super) fn add(&mut self, block: &BlockLines, marks: &mut Vec<Mark>) {
        for end in &block.ends {
            if self.line_has_content || end & 1 == 1 {
                marks.push(Mark { start: self.line_start, step: self.step });
                self.step = 0;
            }
            self.step += 1;
            self.line_start = self.offset + u64::from(end >> 1) + 1;
            self.line_has_content = false;
        }
        self.line_has_content |= block.has_tail;
        self.offset += block.len as u64;
    }

    /// Adds the last line if it does not end with a newline.
    pub(super) fn finish(&mut self, marks: &mut Vec<Mark>) {
        if std::mem::take(&mut self.line_has_content) {
            marks.push(Mark { start: self.line_start, step: self.step });
        }
        self.line_start = self.offset;
    }
}
