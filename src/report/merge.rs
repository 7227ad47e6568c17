//! The report of a merge: decisions, flags and notes that were merged, and the reasons for the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::comparison::list;
use super::{Bars, Disagreement, Page};
use crate::session::DecisionKind;
use crate::text::counted;

/// Records listed per reason on a page. JSON lists all.
const MAX_LISTED: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// The other session.
    pub other: String,
    /// The reviewers of the merged decisions, if known.
    pub reviewers: BTreeSet<String>,
    /// Nothing was written.
    pub dry_run: bool,
    /// Decisions in the other session. Each is merged, the same here, in a conflict or a disagreement, left out, or removed.
    pub decisions: u64,
    /// Merged decisions.
    pub merged: BTreeMap<DecisionKind, u64>,
    /// Merged flags.
    pub flags: u64,
    /// Merged notes.
    pub notes: u64,
    /// Merged rejections of spot checks.
    pub rejections: u64,
    /// Merged verdicts of verifiers.
    pub verdicts: u64,
    /// Records with the same decision in both sessions.
    pub same_decision: u64,
    /// Records that other sessions merged with it decided differently. They stay undecided here.
    pub conflicts: u64,
    /// Records that were excluded there and are not in this dataset.
    pub removed: u64,
    /// Records with different decisions, in file order. The decisions of this session stay.
    pub disagreements: Vec<Disagreement>,
    /// File names of records that were not merged completely, by reason.
    pub left_out: BTreeMap<LeftOut, Vec<String>>,
}

/// Why a decision, flag or note was not merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// The record is not in this dataset.
    NotHere,
    /// Several records here have its file name, and it is unknown which one it is, if any.
    Ambiguous,
    /// Its line cannot be read.
    Unreadable,
    /// It was decided on a caption that differs from the one in this dataset.
    OtherCaption,
    /// A command changed its caption here to one that differs from the decision there.
    Amended,
    /// It has an unfinished edit here.
    Draft,
    /// It is pending in a spot check here, and was not judged in the same spot check there.
    SpotCheck,
    /// Its caption is a value that no text may replace.
    NotText,
    /// It has another note here.
    Note,
    /// It was rejected in a spot check there, and judged otherwise or in another spot check here.
    Rejection,
}

impl LeftOut {
    /// Returns the reason in a form that follows "3 records".
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NotHere => "not in this dataset",
            Self::Ambiguous => "of which several here share the name, none certain to be the same",
            Self::Unreadable => "with a line that cannot be read",
            Self::OtherCaption => "decided there on another caption",
            Self::Amended => "changed here by a command",
            Self::Draft => "with an unfinished edit here",
            Self::SpotCheck => "in a spot check here, but not judged in the same one there",
            Self::NotText => "with a caption that is not a string",
            Self::Note => "with another note here",
            Self::Rejection => "rejected there, and judged otherwise or in another spot check here",
        }
    }

    /// Returns true if a decision was left out, false for a note or a rejection.
    const fn is_of_decision(self) -> bool {
        !matches!(self, Self::Note | Self::Rejection)
    }

    /// Returns the key in JSON.
    const fn name(self) -> &'static str {
        match self {
            Self::NotHere => "not_here",
            Self::Ambiguous => "ambiguous",
            Self::Unreadable => "unreadable",
            Self::OtherCaption => "other_caption",
            Self::Amended => "amended_here",
            Self::Draft => "unfinished_edit_here",
            Self::SpotCheck => "spot_check",
            Self::NotText => "not_text",
            Self::Note => "other_note_here",
            Self::Rejection => "rejected_there",
        }
    }
}

impl Merge {
    /// Returns true if the session now has everything from the other one.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.disagreements.is_empty() && self.left_out.is_empty()
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let decisions = counted(self.merged.values().sum(), "decision", "decisions");
        let are = if self.dry_run { "would be merged" } else { "merged" };
        page.heading(format!("{decisions} {are}"));
        let who: Vec<&str> = self.reviewers.iter().map(String::as_str).collect();
        let who = if who.is_empty() { String::new() } else { format!("{}: ", who.join(", ")) };
        page.row(format!("from {who}{}", self.other));
        page.row(format!("of {} there", counted(self.decisions, "decision", "decisions")));
        let mut parts: Vec<String> =
            self.merged.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
        parts.extend((self.flags > 0).then(|| counted(self.flags, "flag", "flags")));
        parts.extend((self.notes > 0).then(|| counted(self.notes, "note", "notes")));
        parts.extend((self.rejections > 0).then(|| counted(self.rejections, "rejection", "rejections")));
        parts.extend((self.verdicts > 0).then(|| counted(self.verdicts, "verdict", "verdicts")));
        if !parts.is_empty() {
            page.row(parts.join(", "));
        }
        page.row(format!("{} with the same decision in both", counted(self.same_decision, "record", "records")));
        if self.removed > 0 {
            let records = counted(self.removed, "record", "records");
            page.row(format!("{records} excluded there and not in this dataset"));
        }
        list(&mut page, ["here", "there"], &self.disagreements);
        if !self.disagreements.is_empty() {
            page.remark("the decisions of this session stay");
        }
        list_left_out(&mut page, &self.left_out);
        page
    }

    /// Returns the number of decisions left out, and of those that are not in this dataset any more.
    pub(super) fn left_out_decisions(&self) -> u64 {
        let decisions = self.left_out.iter().filter(|(reason, _)| reason.is_of_decision());
        decisions.map(|(_, names)| names.len() as u64).sum::<u64>() + self.removed
    }

    /// Returns the report as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let kinds = [DecisionKind::Accepted, DecisionKind::Kept, DecisionKind::Edited, DecisionKind::Excluded];
        let merged: Map<String, Value> = kinds
            .into_iter()
            .map(|kind| (kind.name().to_owned(), json!(self.merged.get(&kind).copied().unwrap_or_default())))
            .collect();
        let left_out: Map<String, Value> =
            self.left_out.iter().map(|(reason, names)| (reason.name().to_owned(), json!(names))).collect();
        json!({
            "session": self.other,
            "reviewers": self.reviewers,
            "dry_run": self.dry_run,
            "decisions": self.decisions,
            "taken": merged,
            "flags": self.flags,
            "notes": self.notes,
            "rejections": self.rejections,
            "verdicts": self.verdicts,
            "decided_alike": self.same_decision,
            "conflicts": self.conflicts,
            "excluded_there_and_not_here": self.removed,
            "disagreements": self.disagreements.iter().map(Disagreement::json).collect::<Vec<_>>(),
            "not_taken": left_out,
        })
    }
}

/// Lists the records that were not merged, by reason.
pub(super) fn list_left_out(page: &mut Page, left_out: &BTreeMap<LeftOut, Vec<String>>) {
    if !left_out.is_empty() {
        page.heading("Not merged");
    }
    for (reason, names) in left_out {
        page.row(format!("{} {}", counted(names.len() as u64, "record", "records"), reason.description()));
        for name in names.iter().take(MAX_LISTED) {
            page.remark(format!("  {name}"));
        }
        match names.len().saturating_sub(MAX_LISTED) {
            0 => {}
            more => page.remark(format!("  and {more} more: --json lists all")),
        }
    }
}
