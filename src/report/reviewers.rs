//! Figures of each reviewer of a session.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use super::page::percent;
use super::{Bars, Pace, Page, edits, origin};
use crate::dataset::{Dataset, DatasetError, RecordId};
use crate::session::{Action, Actor, Decision, DecisionKind, History, Ledger, RecordState};
use crate::statistics::to_f64;
use crate::text;

const KINDS: [DecisionKind; 5] =
    [DecisionKind::Accepted, DecisionKind::Kept, DecisionKind::Edited, DecisionKind::Excluded, DecisionKind::Skipped];

/// The reviewer if a session does not name one.
pub const UNKNOWN: &str = "unknown";

/// What one person did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewer {
    /// Records by decision, without undecided ones.
    pub decisions: BTreeMap<DecisionKind, u64>,
    /// The sum of the word distances of the edited captions, each as a proportion of the longer text.
    distance: f64,
    pub pace: Pace,
    pub conflicts: Conflicts,
}

/// Records that the reviewer and others decided differently, by the decision that settled them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    pub open: u64,
    /// The final caption is that of the reviewer.
    pub upheld: u64,
    pub overruled: u64,
}

impl Reviewer {
    /// Returns the mean word distance of the edits; `None` if there are none.
    #[must_use]
    pub fn mean_distance(&self) -> Option<f64> {
        let edited = self.count(DecisionKind::Edited);
        (edited > 0).then(|| self.distance / to_f64(edited))
    }

    fn count(&self, kind: DecisionKind) -> u64 {
        self.decisions.get(&kind).copied().unwrap_or_default()
    }

    /// Returns the number of records that need no further review.
    fn decided(&self) -> u64 {
        KINDS.iter().filter(|kind| **kind != DecisionKind::Skipped).map(|kind| self.count(*kind)).sum()
    }
}

/// The reviewers, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviewers(pub BTreeMap<String, Reviewer>);

impl Reviewers {
    /// Adds what the reviewers of a session did. Runs without a person do not count. `unnamed` is the reviewer if the
    /// session does not name one.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn add(&mut self, dataset: &Dataset, history: &History, unnamed: &str) -> Result<(), DatasetError> {
        dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
        let name = |seq| history.reviewer(seq).unwrap_or(unnamed);
        let edits = edits(&history.actions);
        let records: BTreeMap<RecordId, &RecordState> = history.opened.ledger.touched().collect();
        for (record, state) in records {
            if state.by != Actor::Operator || state.decision == Decision::Undecided {
                continue;
            }
            let reviewer = self.0.entry(name(state.decided_at).to_owned()).or_default();
            *reviewer.decisions.entry(state.decision.kind()).or_default() += 1;
            if let Decision::Edited { text, .. } = &state.decision {
                let origin = origin(&edits, record, state.decided_at);
                let candidate = state.candidates.iter().find(|known| Some(known.id) == origin);
                reviewer.distance += if let Some(candidate) = candidate {
                    text::word_distance(&candidate.text, text)
                } else {
                    let entry = dataset.entry(record)?;
                    let in_dataset = entry.record().and_then(|record| record.caption.text());
                    text::word_distance(state.original_caption(in_dataset).unwrap_or_default(), text)
                };
            }
        }
        let names: BTreeSet<&str> = history.actions.iter().map(|action| name(action.seq)).collect();
        for reviewer in names {
            let own = history.actions.iter().filter(|action| name(action.seq) == reviewer && action.kind.is_by_hand());
            let own: Vec<Action> = own.copied().collect();
            if !own.is_empty() {
                let pace = &mut self.0.entry(reviewer.to_owned()).or_default().pace;
                *pace = pace.and(Pace::of(&own));
            }
        }
        Ok(())
    }

    /// Adds reviewers under other names.
    pub fn extend(&mut self, others: Self, name: impl Fn(String) -> String) {
        for (of, other) in others.0 {
            let known = self.0.entry(name(of)).or_default();
            for (kind, count) in other.decisions {
                *known.decisions.entry(kind).or_default() += count;
            }
            known.distance += other.distance;
            known.pace = known.pace.and(other.pace);
        }
    }

    /// Adds the conflicts that a merge found.
    pub fn add_conflicts(&mut self, ledger: &Ledger) {
        let excluded = DecisionKind::Excluded.name();
        for (record, state) in ledger.touched().filter(|(_, state)| state.opinions().next().is_some()) {
            let is_open = state.is_in_conflict();
            // Of a reviewer who decided again, the newest opinion counts.
            let newest: BTreeMap<&str, _> =
                state.opinions().map(|opinion| (opinion.provenance.model.as_str(), opinion)).collect();
            for (name, opinion) in newest {
                let is_excluded = state.decision.kind() == DecisionKind::Excluded;
                let is_same = if is_excluded || opinion.provenance.parameters == excluded {
                    is_excluded && opinion.provenance.parameters == excluded
                } else {
                    // The opinion of a reviewer who kept the original is the original.
                    state
                        .own_text(record)
                        .map_or(opinion.provenance.parameters == DecisionKind::Kept.name(), |text| text == opinion.text)
                };
                let conflicts = &mut self.0.entry(name.to_owned()).or_default().conflicts;
                match (is_open, is_same) {
                    (true, _) => conflicts.open += 1,
                    (false, true) => conflicts.upheld += 1,
                    (false, false) => conflicts.overruled += 1,
                }
            }
        }
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        self.list(&mut page);
        page
    }

    pub(super) fn list(&self, page: &mut Page) {
        if self.0.is_empty() {
            page.heading("No decisions by a person");
            return;
        }
        page.heading(format!(
            "{:<14}{:>8}{:>7}{:>7}{:>7}{:>7}{:>9}{:>6}{:>11}",
            "Reviewer", "decided", "accept", "kept", "edit", "excl", "distance", "an h", "conflicts"
        ));
        for (name, reviewer) in &self.0 {
            let count = |kind| reviewer.count(kind);
            let [accepted, kept, edited, excluded, _] = KINDS.map(count);
            let distance = reviewer.mean_distance().map(percent).unwrap_or_default();
            let hourly = reviewer.pace.per_hour().map(|decisions| format!("{decisions:.0}")).unwrap_or_default();
            let Conflicts { open, upheld, overruled } = reviewer.conflicts;
            let conflicts =
                if open + upheld + overruled == 0 { String::new() } else { format!("{open}/{upheld}/{overruled}") };
            let name = page.cell(name, 12);
            let decided = reviewer.decided();
            page.row(format!(
                "{name}{decided:>8}{accepted:>7}{kept:>7}{edited:>7}{excluded:>7}{distance:>9}{hourly:>6}{conflicts:>11}"
            ));
        }
        page.remark("distance: mean change of edited captions; an h: decisions per hour");
        page.remark("conflicts: open / settled with the reviewer's caption / settled otherwise");
    }

    /// Returns an array with an object for each reviewer.
    #[must_use]
    pub fn json(&self) -> Value {
        let reviewer = |(name, reviewer): (&String, &Reviewer)| {
            let decisions: Map<String, Value> =
                KINDS.into_iter().map(|kind| (kind.name().to_owned(), reviewer.count(kind).into())).collect();
            let Conflicts { open, upheld, overruled } = reviewer.conflicts;
            json!({
                "reviewer": name,
                "decided": reviewer.decided(),
                "decisions": decisions,
                "mean_word_distance": reviewer.mean_distance(),
                "pace": {
                    "decisions": reviewer.pace.decisions, "seconds": reviewer.pace.work.as_secs_f64(),
                    "sittings": reviewer.pace.periods, "decisions_an_hour": reviewer.pace.per_hour(),
                },
                "conflicts": { "open": open, "upheld": upheld, "overruled": overruled },
            })
        };
        self.0.iter().map(reviewer).collect()
    }
}
