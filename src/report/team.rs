//! The report of a merge of several sessions.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::merge::list_left_out;
use super::{Bars, Merge, Overlap, Page, Reviewers};
use crate::dataset::RecordId;
use crate::session::DecisionKind;
use crate::text::{self, counted};

/// The maximum number of conflicts listed on a page. JSON lists all.
const MAX_LISTED: usize = 40;

/// The columns for the decisions of a conflict.
const DECISIONS: usize = 38;

/// A decision of a session that another decision contradicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub record: RecordId,
    pub file_name: String,
    pub reviewer: String,
    pub decision: DecisionKind,
    /// `None` if the record is excluded.
    pub caption: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Team {
    /// The report of each session, with the name of its reviewer.
    pub sessions: Vec<(String, Merge)>,
    /// The records that reviewers decided differently and that are not settled here, with the decision of each.
    pub conflicts: BTreeMap<RecordId, Vec<Opinion>>,
    pub overlap: Overlap,
    pub reviewers: Reviewers,
    pub dry_run: bool,
}

impl Team {
    /// Returns true if the session now has everything from the others.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.conflicts.is_empty() && self.sessions.iter().all(|(_, merge)| merge.is_complete())
    }

    /// Returns the number of decisions in the other sessions, and of those that were merged.
    fn decisions(&self) -> (u64, u64) {
        let merged = |merge: &Merge| merge.merged.values().sum::<u64>();
        self.sessions.iter().fold((0, 0), |(all, taken), (_, merge)| (all + merge.decisions, taken + merged(merge)))
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let (decisions, merged) = self.decisions();
        let are = if self.dry_run { "would be merged" } else { "merged" };
        page.heading(format!("{} {are}", counted(merged, "decision", "decisions")));
        let there = counted(decisions, "decision", "decisions");
        page.row(format!("of {there} in {} sessions", self.sessions.len()));
        page.heading(format!(
            "{:<20}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}",
            "Session", "decided", "merged", "the same", "conflicts", "differ", "left out"
        ));
        for (name, merge) in &self.sessions {
            let name = page.cell(name, 18);
            let [taken, left] = [merge.merged.values().sum::<u64>(), merge.left_out_decisions()];
            let Merge { decisions, same_decision, conflicts, disagreements, .. } = merge;
            let differ = disagreements.len();
            page.row(format!("{name}{decisions:>9}{taken:>9}{same_decision:>9}{conflicts:>10}{differ:>9}{left:>9}"));
        }
        page.remark("differ: decided otherwise in this session, whose decision stays");
        self.list_conflicts(&mut page);
        self.overlap.list(&mut page);
        self.reviewers.list(&mut page);
        let mut left_out: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (reason, names) in self.sessions.iter().flat_map(|(_, merge)| &merge.left_out) {
            left_out.entry(*reason).or_default().extend(names.iter().cloned());
        }
        list_left_out(&mut page, &left_out);
        page
    }

    fn list_conflicts(&self, page: &mut Page) {
        if self.conflicts.is_empty() {
            return;
        }
        let records = counted(self.conflicts.len() as u64, "record", "records");
        page.heading(format!("{:>8}  Conflicts ({records})", "Record"));
        for (record, opinions) in self.conflicts.iter().take(MAX_LISTED) {
            let name = opinions.first().map(|opinion| opinion.file_name.as_str()).unwrap_or_default();
            let name = page.cell(name, 26);
            page.row(format!("{:>6}  {name}  {}", record.0 + 1, decisions(opinions)));
        }
        match self.conflicts.len().saturating_sub(MAX_LISTED) {
            0 => {}
            more => page.row(format!("and {more} more: --json lists all, with captions")),
        }
        page.remark("to settle them, open the dataset and filter by status:conflict (key f)");
    }

    /// Returns the report as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let conflict = |(record, opinions): (&RecordId, &Vec<Opinion>)| {
            let decisions: Vec<Value> = opinions
                .iter()
                .map(|opinion| {
                    json!({
                        "reviewer": opinion.reviewer, "decision": opinion.decision.name(), "caption": opinion.caption,
                    })
                })
                .collect();
            let name = opinions.first().map(|opinion| &opinion.file_name);
            json!({ "record": record.0 + 1, "file_name": name, "decisions": decisions })
        };
        let session = |(name, merge): &(String, Merge)| {
            let mut json = merge.json();
            json["name"] = name.as_str().into();
            json
        };
        let (decisions, merged) = self.decisions();
        json!({
            "dry_run": self.dry_run,
            "decisions": decisions,
            "merged": merged,
            "sessions": self.sessions.iter().map(session).collect::<Vec<_>>(),
            "records_in_conflict": self.conflicts.len(),
            "conflicts": self.conflicts.iter().map(conflict).collect::<Vec<_>>(),
            "agreement": self.overlap.json(),
            "reviewers": self.reviewers.json(),
        })
    }
}

/// Returns the decisions with their reviewers, or with their numbers if there are too many names.
fn decisions(opinions: &[Opinion]) -> String {
    let mut by_kind: BTreeMap<DecisionKind, Vec<&str>> = BTreeMap::new();
    for opinion in opinions {
        by_kind.entry(opinion.decision).or_default().push(&opinion.reviewer);
    }
    let named: Vec<String> =
        by_kind.iter().map(|(kind, names)| format!("{} by {}", kind.name(), names.join(", "))).collect();
    let named = named.join("; ");
    if text::width(&named) <= DECISIONS {
        return named;
    }
    let counts: Vec<String> = by_kind.iter().map(|(kind, names)| format!("{} {}", names.len(), kind.name())).collect();
    counts.join(", ")
}
