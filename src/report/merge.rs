//! What was taken from another review of a dataset, and what was not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::comparison::list;
use super::{Bars, Disagreement, Page};
use crate::session::DecisionKind;
use crate::text::counted;

/// The most records named for one reason on a page; JSON names them all.
const MOST_NAMED: usize = 5;

/// What came of merging another review.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// The other session.
    pub other: String,
    /// Who made what was taken, where that is known.
    pub reviewers: BTreeSet<String>,
    /// Nothing was written: this is what would be.
    pub dry_run: bool,
    /// The decisions taken.
    pub taken: BTreeMap<DecisionKind, u64>,
    /// How many flags were taken.
    pub flags: u64,
    /// How many notes were taken.
    pub notes: u64,
    /// Records that were decided alike in both.
    pub alike: u64,
    /// Records decided in both and not alike, in file order. They are as they were.
    pub disagreements: Vec<Disagreement>,
    /// The names of records of which something was not taken, by the reason.
    pub left: BTreeMap<LeftOut, Vec<String>>,
}

/// Why something that the other review says of a record was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The record is not in this dataset.
    NotHere,
    /// It was decided on another caption than this dataset has.
    OtherCaption,
    /// A command changed its caption here to one that is not what was decided there.
    Amended,
    /// There is an unfinished edit of it here.
    Draft,
    /// It is to be judged in a spot check here, and was not judged in the same one there on the same texts.
    SpotCheck,
    /// It has another note here.
    Note,
}

impl LeftOut {
    /// The reason, put after a number of records.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NotHere => "not in this dataset",
            Self::OtherCaption => "decided there on another caption",
            Self::Amended => "changed here by a command",
            Self::Draft => "with an unfinished edit here",
            Self::SpotCheck => "in a spot check here, and not judged in the same one there",
            Self::Note => "with another note here",
        }
    }

    /// The name in output.
    const fn name(self) -> &'static str {
        match self {
            Self::NotHere => "not_here",
            Self::OtherCaption => "other_caption",
            Self::Amended => "amended_here",
            Self::Draft => "unfinished_edit_here",
            Self::SpotCheck => "spot_check",
            Self::Note => "other_note_here",
        }
    }
}

impl Merge {
    /// Whether all that the other review says is now said here too.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.disagreements.is_empty() && self.left.is_empty()
    }

    /// What came of it, for people.
    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let decisions = counted(self.taken.values().sum(), "decision", "decisions");
        let are = if self.dry_run { "would be taken" } else { "taken" };
        page.heading(format!("{decisions} {are}"));
        let who: Vec<&str> = self.reviewers.iter().map(String::as_str).collect();
        let who = if who.is_empty() { String::new() } else { format!("{}: ", who.join(", ")) };
        page.row(format!("from {who}{}", self.other));
        let mut parts: Vec<String> =
            self.taken.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        parts.extend((self.flags > 0).then(|| counted(self.flags, "flag", "flags")));
        parts.extend((self.notes > 0).then(|| counted(self.notes, "note", "notes")));
        if !parts.is_empty() {
            page.row(parts.join(", "));
        }
        page.row(format!("{} decided alike in both", counted(self.alike, "record", "records")));
        list(&mut page, ["here", "there"], &self.disagreements);
        if !self.disagreements.is_empty() {
            page.remark("what was decided here stays");
        }
        if !self.left.is_empty() {
            page.heading("Not taken");
        }
        for (why, names) in &self.left {
            page.row(format!("{} {}", counted(names.len() as u64, "record", "records"), why.words()));
            for name in names.iter().take(MOST_NAMED) {
                page.remark(format!("  {name}"));
            }
            match names.len().saturating_sub(MOST_NAMED) {
                0 => {}
                more => page.remark(format!("  and {more} more: --json names them all")),
            }
        }
        page
    }

    /// What came of it, as one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let kinds = [DecisionKind::Accepted, DecisionKind::Kept, DecisionKind::Edited, DecisionKind::Excluded];
        let taken: Map<String, Value> = kinds
            .into_iter()
            .map(|kind| (kind.name().to_owned(), json!(self.taken.get(&kind).copied().unwrap_or_default())))
            .collect();
        let left: Map<String, Value> =
            self.left.iter().map(|(why, names)| (why.name().to_owned(), json!(names))).collect();
        json!({
            "session": self.other,
            "reviewers": self.reviewers,
            "dry_run": self.dry_run,
            "taken": taken,
            "flags": self.flags,
            "notes": self.notes,
            "decided_alike": self.alike,
            "disagreements": self.disagreements.iter().map(Disagreement::json).collect::<Vec<_>>(),
            "not_taken": left,
        })
    }
}
