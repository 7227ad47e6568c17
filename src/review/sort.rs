//! Sorting the list: the sort keys and how each is computed. The runtime reads the lines.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use twox_hash::XxHash3_64;

use super::order::Order;
use super::record_view::{Content, RecordView};
use super::scan::{ScanId, Snapshot};
use crate::dataset::{Entry, Line, RecordId};
use crate::describe::Verdict;
use crate::lint;
use crate::session::{Decision, RecordState};
use crate::text;

/// A sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// File name, bytewise.
    Name,
    /// Words of the caption shown, most first.
    Words,
    /// Findings of the caption shown, worst first.
    Findings,
    /// Status: to review first, excluded last.
    Status,
    /// Last change, newest first.
    Change,
    /// Word edit distance between the caption shown and the original, largest first.
    Edits,
    /// Findings of the verifier in the caption shown, worst first.
    Verdict,
    /// Random, by a seed.
    Random(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub by: SortBy,
    /// Equal records stay in file order.
    pub reverse: bool,
}

impl SortBy {
    /// Returns the name of the key, for the title of the list.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Words => "words",
            Self::Findings => "findings",
            Self::Status => "status",
            Self::Change => "change",
            Self::Edits => "edits",
            Self::Verdict => "verifier",
            Self::Random(_) => "random",
        }
    }

    /// Returns true if small keys come first unless reversed.
    const fn ascends(self) -> bool {
        matches!(self, Self::Name | Self::Status | Self::Random(_))
    }

    /// Returns true if the key depends on the dataset's lines.
    const fn is_in_lines(self) -> bool {
        matches!(self, Self::Name | Self::Words | Self::Findings | Self::Edits | Self::Verdict)
    }

    /// Returns the key of a record. Equal keys stay in file order.
    fn key(self, view: &RecordView) -> u32 {
        match self {
            Self::Words => u32::try_from(view.rules.length(&view.shown().0)).unwrap_or(u32::MAX),
            Self::Findings => severity(view),
            Self::Status => status(view.state),
            // Saturates: a session has fewer events.
            Self::Change => u32::try_from(view.state.touched.0).unwrap_or(u32::MAX),
            Self::Edits => distance(view),
            Self::Verdict => judged(view),
            // Computed by the sorter.
            Self::Name | Self::Random(_) => 0,
        }
    }
}

impl Sort {
    /// Returns true if small keys come first.
    #[must_use]
    pub const fn ascends(self) -> bool {
        self.by.ascends() != self.reverse
    }
}

/// Returns a key that compares the worst finding first, then the number of findings.
fn severity(view: &RecordView) -> u32 {
    let (shown, stop) = view.shown();
    if view.content.is_bad() {
        return 0;
    }
    let findings = lint::lint(&shown, view.rules, &lint::Context { stop, ..lint::Context::default() });
    let worst = findings.iter().map(|finding| finding.severity as u32 + 1).max().unwrap_or(0);
    worst << 16 | u32::try_from(findings.len()).unwrap_or(u32::MAX).min(0xffff)
}

/// Returns a key that compares the number of unsupported phrases first, then that of missing things. Captions without a
/// verdict come after those without a finding.
fn judged(view: &RecordView) -> u32 {
    let Some((unsupported, missing)) = view.verdict().flatten().map(Verdict::severity) else { return 0 };
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).min(0x7fff);
    1 + (count(unsupported) << 16 | count(missing))
}

/// Returns a key that puts records to review first: unseen candidates, failures, undecided, skipped.
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

/// Returns the proportion of words that differ, in millionths.
fn distance(view: &RecordView) -> u32 {
    let (shown, original) = (view.shown().0, view.original());
    if shown == original {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a proportion is between 0 and 1")]
    let millionths = (text::word_distance(original, &shown) * 1e6) as u32;
    millionths.max(1)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortScan {
    pub id: ScanId,
    pub sort: Sort,
    /// The number of records.
    pub records: u32,
    pub now: Snapshot,
}

/// Computes the keys of all records and sorts them.
#[derive(Debug)]
pub struct Sorter<'a> {
    scan: &'a SortScan,
    /// The key in the upper bits, the record in the lower.
    keys: Vec<u64>,
    /// All names, without separators.
    names: Vec<u8>,
    /// The end of each name in `names`.
    ends: Vec<usize>,
}

/// Names sorted between two checks for cancellation.
const SORT_CHUNK: usize = 1 << 16;

impl<'a> Sorter<'a> {
    #[must_use]
    pub fn new(scan: &'a SortScan) -> Self {
        Self { scan, keys: Vec::new(), names: Vec::new(), ends: Vec::new() }
    }

    /// Returns true if all lines of the dataset must be added, in file order.
    #[must_use]
    pub const fn needs_lines(&self) -> bool {
        self.scan.sort.by.is_in_lines()
    }

    /// Adds the next line.
    pub fn add(&mut self, line: &Line) {
        if self.scan.sort.by == SortBy::Name {
            if let Entry::Record(record) = line.entry() {
                self.names.extend_from_slice(record.file_name.as_bytes());
            }
            self.ends.push(self.names.len());
        } else {
            let key = self.scan.now.record_view(line, |view| self.scan.sort.by.key(view));
            self.push(line.record(), key);
        }
    }

    /// Adds the lines of a sorter of the same scan, which follow.
    pub fn append(&mut self, next: Self) {
        let start = self.names.len();
        self.keys.extend(next.keys);
        self.names.extend(next.names);
        self.ends.extend(next.ends.into_iter().map(|end| start + end));
    }

    fn push(&mut self, record: RecordId, key: u32) {
        let key = if self.scan.sort.ascends() { key } else { !key };
        self.keys.push(u64::from(key) << 32 | u64::from(record.0));
    }

    /// Returns the order; `None` if cancelled.
    pub fn order(mut self, check_cancelled: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Order> {
        if self.scan.sort.by == SortBy::Name {
            return self.order_by_name(check_cancelled);
        }
        if !self.needs_lines() {
            for record in (0..self.scan.records).map(RecordId) {
                self.push(record, self.key_without_line(record));
            }
        }
        self.keys.sort_unstable();
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is the record's number")]
        let records = self.keys.into_iter().map(|key| RecordId(key as u32)).collect();
        check_cancelled().is_continue().then(|| Order::new(records))
    }

    /// Returns the key of a record whose line is not needed.
    fn key_without_line(&self, record: RecordId) -> u32 {
        if let SortBy::Random(seed) = self.scan.sort.by {
            return (XxHash3_64::oneshot_with_seed(seed, &record.0.to_le_bytes()) >> 32) as u32;
        }
        let Snapshot { states, rules, sampled, .. } = &self.scan.now;
        let (state, sampled) = (states.get(record), *sampled);
        let view = RecordView {
            id: record,
            content: Content::Unread,
            state,
            bad_picture: false,
            in_batch: false,
            rules,
            sampled,
        };
        self.scan.sort.by.key(&view)
    }

    fn order_by_name(self, check_cancelled: &mut dyn FnMut() -> ControlFlow<()>) -> Option<Order> {
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
        // Sorts in chunks, so that the sort can be cancelled. Sorting the presorted chunks is fast.
        for part in records.chunks_mut(SORT_CHUNK) {
            sort(part);
            if check_cancelled().is_break() {
                return None;
            }
        }
        sort(&mut records);
        Some(Order::new(records))
    }
}
