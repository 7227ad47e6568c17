//! Follows the quotes and lines of a CSV file while it is read. The `csv` crate accepts any quotes, as most readers do, and
//! does not report how it understands them. Its line numbers are wrong after blank lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    RowStart,
    CellStart,
    Plain,
    Quoted,
    /// After a quote in a quoted cell: it ends the cell, unless another one follows.
    AfterQuote,
}

impl State {
    const fn after(self, byte: u8, separator: u8) -> Self {
        match (self, byte) {
            (Self::Quoted, b'"') => Self::AfterQuote,
            (Self::RowStart | Self::CellStart | Self::AfterQuote, b'"') | (Self::Quoted, _) => Self::Quoted,
            (_, b'\n' | b'\r') => Self::RowStart,
            (_, byte) if byte == separator => Self::CellStart,
            (Self::RowStart | Self::CellStart | Self::Plain | Self::AfterQuote, _) => Self::Plain,
        }
    }
}

/// Returns the place of a cell in the bytes of a row.
pub(super) fn cell(row: &[u8], separator: u8, column: usize) -> Option<Range<usize>> {
    let blank = row.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let (mut state, mut found, mut start) = (State::RowStart, 0, blank);
    for (at, byte) in row.iter().enumerate().skip(blank) {
        state = state.after(*byte, separator);
        if !matches!(state, State::CellStart | State::RowStart) {
            continue;
        }
        if found == column {
            return Some(start..at);
        }
        if state == State::RowStart {
            return None;
        }
        (found, start) = (found + 1, at + 1);
    }
    (found == column).then_some(start..row.len())
}

/// The problems found.
#[derive(Debug, Default)]
pub(super) struct Quotes {
    /// The line that each row starts in, of the rows that are not taken yet.
    lines: VecDeque<u64>,
    /// Offsets of the bytes after a closing quote that do not end the cell.
    misplaced: VecDeque<u64>,
    unclosed: Option<u64>,
}

impl Quotes {
    /// Returns the line that the next row starts in.
    pub(super) fn next_line(&mut self) -> u64 {
        self.lines.pop_front().unwrap_or_default()
    }

    /// Returns true if there was text after a closing quote before this offset, and forgets it.
    pub(super) fn is_misplaced_before(&mut self, offset: u64) -> bool {
        let count = self.misplaced.iter().take_while(|at| **at < offset).count();
        self.misplaced.drain(..count).count() > 0
    }

    /// Returns the line with the opening quote of a cell that the end of the file is in.
    pub(super) const fn unclosed(&self) -> Option<u64> {
        self.unclosed
    }
}

/// Reads through to `inner`.
pub(super) struct QuoteScanner<R> {
    inner: R,
    separator: u8,
    state: State,
    offset: u64,
    line: u64,
    opened: u64,
    after_return: bool,
    quotes: Rc<RefCell<Quotes>>,
}

impl<R> QuoteScanner<R> {
    pub(super) fn new(inner: R, separator: u8, quotes: Rc<RefCell<Quotes>>) -> Self {
        let state = State::RowStart;
        Self { inner, separator, state, offset: 0, line: 1, opened: 0, after_return: false, quotes }
    }

    fn scan(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.state == State::RowStart && !matches!(byte, b'\n' | b'\r') {
                self.quotes.borrow_mut().lines.push_back(self.line);
            }
            let next = self.state.after(*byte, self.separator);
            match (self.state, next) {
                (State::RowStart | State::CellStart, State::Quoted) => self.opened = self.line,
                (State::AfterQuote, State::Plain) => self.quotes.borrow_mut().misplaced.push_back(self.offset),
                _ => {}
            }
            self.state = next;
            self.offset += 1;
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.after_return));
            self.after_return = *byte == b'\r';
        }
    }
}

impl<R: Read> Read for QuoteScanner<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.scan(&buffer[..count]);
        if count == 0 && !buffer.is_empty() && self.state == State::Quoted {
            self.quotes.borrow_mut().unclosed = Some(self.opened);
        }
        Ok(count)
    }
}
