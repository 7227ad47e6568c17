//! Sorting the list: by what, and what of each record counts for it. The reading is another's.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use twox_hash::XxHash3_64;

use super::order::Order;
use super::record_view::{Content, RecordView};
use super::scan::{ScanId, Snapshot};
use crate::dataset::{Entry, Line, RecordId};
use crate::lint;
use crate::session::{Decision, RecordState};
use crate::text;

/// What records are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The name of the picture, as it is written.
    Name,
    /// The words of the text that is shown, most first.
    Words,
    /// What can be said against the text that is shown, worst first.
    Findings,
    /// What is to be looked at first, what is done last.
    Status,
    /// The last time something happened to it, newest first.
    Change,
    /// How far the text that is shown is from the original, farthest first.
    Edits,
    /// Chance, by a seed.
    Random(u64),
}

/// An order the list can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// What by.
    pub by: SortBy,
    /// The other way round. Equal records stay in file order.
    pub reverse: bool,
}

impl SortBy {
    /// In a word or two.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Words => "words",
            Self::Findings => "findings",
            Self::Status => "status",
            Self::Change => "change",
            Self::Edits => "edits",
            Self::Random(_) => "chance",
        }
    }

    /// Whether what is less comes first, unless it is reversed.
    const fn ascends(self) -> bool {
        matches!(self, Self::Name | Self::Status | Self::Random(_))
    }

    /// Whether the dataset's lines tell it.
    const fn is_in_lines(self) -> bool {
        matches!(self, Self::Name | Self::Words | Self::Findings | Self::Edits)
    }

    /// How much of it a record has; of what has the same, the first in the file comes first.
    fn amount(self, view: &RecordView) -> u32 {
        match self {
            Self::Words => u32::try_from(text::word_count(view.shown().0)).unwrap_or(u32::MAX),
            Self::Findings => badness(view),
            Self::Status => status(view.state),
            // So many events are more than a session has.
            Self::Change => u32::try_from(view.state.touched.0).unwrap_or(u32::MAX),
            Self::Edits => distance(view),
            // Neither is an amount.
            Self::Name | Self::Random(_) => 0,
        }
    }
}

impl Sort {
    /// Whether what is less comes first.
    #[must_use]
    pub const fn ascends(self) -> bool {
        self.by.ascends() != self.reverse
    }
}

/// The worst finding first, and of equally bad ones the number of them.
fn badness(view: &RecordView) -> u32 {
    let (shown, stop) = view.shown();
    if view.content.is_bad() {
        return 0;
    }
    let findings = lint::lint(shown, view.rules, &lint::Context { stop, ..lint::Context::default() });
    let worst = findings.iter().map(|finding| finding.severity as u32 + 1).max().unwrap_or(0);
    worst << 16 | u32::try_from(findings.len()).unwrap_or(u32::MAX).min(0xffff)
}

/// What waits for the operator comes first: unseen texts, failures, the undecided, the skipped.
fn status(state: &RecordState) -> u32 {
    match state.decision {
        _ if state.is_ready() => 0,
        Decision::Undecided | Decision::Skipped if state.failure.is_some() => 1,
        Decision::Undecided => 2,
        Decision::Skipped => 3,
        Decision::Accepted { .. } => 4,
        Decision::Edited { .. } => 5,
        Decision::Kept => 6,
        Decision::Excluded => 7,
    }
}

/// The share of words that differ, in millionths.
fn distance(view: &RecordView) -> u32 {
    let (shown, original) = (view.shown().0, view.original());
    if shown == original {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
    let millionths = (text::word_distance(original, shown) * 1e6) as u32;
    millionths.max(1)
}

/// A sort to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortScan {
    /// Its identity.
    pub id: ScanId,
    /// The order that is wanted.
    pub sort: Sort,
    /// How many records there are.
    pub records: u32,
    /// What was known when it was asked for.
    pub now: Snapshot,
}

/// What a sort has learned of the records so far.
#[derive(Debug)]
pub struct Sorter<'a> {
    scan: &'a SortScan,
    /// What counts, above the record's number.
    keys: Vec<u64>,
    names: Vec<u8>,
    /// Where each name ends; it begins where the one before does.
    ends: Vec<usize>,
}

/// Names compared between two looks whether anybody still waits.
const AT_ONCE: usize = 1 << 16;

impl<'a> Sorter<'a> {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(scan: &'a SortScan) -> Self {
        Self { scan, keys: Vec::new(), names: Vec::new(), ends: Vec::new() }
    }

    /// Whether it has to see the dataset's lines, all of them, in file order.
    #[must_use]
    pub const fn wants_lines(&self) -> bool {
        self.scan.sort.by.is_in_lines()
    }

    /// Sees the next line.
    pub fn see(&mut self, line: &Line) {
        if self.scan.sort.by == SortBy::Name {
            if let Entry::Record(record) = line.entry() {
                self.names.extend_from_slice(record.file_name.as_bytes());
            }
            self.ends.push(self.names.len());
        } else {
            let amount = self.scan.now.record_view(line, |view| self.scan.sort.by.amount(view));
            self.push(line.record(), amount);
        }
    }

    fn push(&mut self, record: RecordId, amount: u32) {
        let amount = if self.scan.sort.ascends() { amount } else { !amount };
        self.keys.push(u64::from(amount) << 32 | u64::from(record.0));
    }

    /// The order. Nothing where `go_on` breaks.
    pub fn order(mut self, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Order> {
        if self.scan.sort.by == SortBy::Name {
            return self.by_name(go_on);
        }
        if !self.wants_lines() {
            for record in (0..self.scan.records).map(RecordId) {
                self.push(record, self.amount_unread(record));
            }
        }
        self.keys.sort_unstable();
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is the record's number")]
        let records = self.keys.into_iter().map(|key| RecordId(key as u32)).collect();
        go_on().is_continue().then(|| Order::new(records))
    }

    /// What counts of a record, where its line is not needed.
    fn amount_unread(&self, record: RecordId) -> u32 {
        if let SortBy::Random(seed) = self.scan.sort.by {
            return (XxHash3_64::oneshot_with_seed(seed, &record.0.to_le_bytes()) >> 32) as u32;
        }
        let Snapshot { states, rules, .. } = &self.scan.now;
        let view = RecordView { content: Content::Unread, state: states.get(record), bad_picture: false, rules };
        self.scan.sort.by.amount(&view)
    }

    fn by_name(self, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Order> {
        let Self { scan, names, ends, .. } = self;
        let name = |record: &RecordId| {
            let start = record.index().checked_sub(1).map_or(0, |before| ends[before]);
            &names[start..ends[record.index()]]
        };
        let mut records: Vec<RecordId> = (0..).map(RecordId).take(ends.len()).collect();
        let sort = |records: &mut [RecordId]| {
            if scan.sort.reverse {
                records.sort_by(|one, other| Reverse(name(one)).cmp(&Reverse(name(other))));
            } else {
                records.sort_by(|one, other| name(one).cmp(name(other)));
            }
        };
        // What is sorted in parts is quickly sorted as a whole, and can be given up between them.
        for part in records.chunks_mut(AT_ONCE) {
            sort(part);
            if go_on().is_break() {
                return None;
            }
        }
        sort(&mut records);
        Some(Order::new(records))
    }
}
