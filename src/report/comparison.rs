//! Agreement between two sessions on one dataset.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::json::proportion;
use super::page::percent;
use super::{Bars, Page};
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::session::{DecisionKind, History, RecordState};
use crate::statistics::{Agreement, Proportion};

/// The decisions that need no further review.
pub(super) const KINDS: [DecisionKind; 4] =
    [DecisionKind::Accepted, DecisionKind::Kept, DecisionKind::Edited, DecisionKind::Excluded];

/// The maximum number of disagreements listed on a page. JSON lists all.
const MAX_LISTED: usize = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    pub names: [String; 2],
    /// The reviewers of each session, if known.
    pub reviewers: [BTreeSet<String>; 2],
    /// Number of records decided only in the first session, and only in the second.
    pub alone: [u64; 2],
    /// Decisions on records decided in both, in the order accepted, kept, edited, excluded.
    pub kinds: Agreement<4>,
    /// The same in two classes: unchanged (accepted, kept) or not (edited, excluded).
    pub unchanged: Agreement<2>,
    /// Records with the same caption, or excluded, in both.
    pub same_caption: Proportion,
    /// Records with different decisions or captions, in file order.
    pub disagreements: Vec<Disagreement>,
}

/// A record on which two sessions disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    pub record: RecordId,
    pub file_name: String,
    pub decisions: [DecisionKind; 2],
    /// The current captions; `None` if the record is excluded.
    pub captions: [Option<String>; 2],
}

impl Disagreement {
    /// Returns a disagreement if two states of a record differ in the decision or the current caption.
    #[must_use]
    pub fn between(record: &Record, states: [&RecordState; 2]) -> Option<Self> {
        let decisions = states.map(|state| state.decision.kind());
        let captions = states.map(|state| caption(record, state));
        (decisions[0] != decisions[1] || captions[0] != captions[1]).then(|| Self {
            record: record.id,
            file_name: record.file_name.clone(),
            decisions,
            captions: captions.map(|caption| caption.map(Cow::into_owned)),
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "record": self.record.0 + 1,
            "file_name": self.file_name,
            "decisions": self.decisions.map(DecisionKind::name),
            "captions": self.captions,
        })
    }
}

/// Lists disagreements, with a column for each session.
pub(super) fn list(page: &mut Page, names: [&str; 2], disagreements: &[Disagreement]) {
    if disagreements.is_empty() {
        return;
    }
    page.heading(format!("{:>8}  {:<42}{:<12}{}", "Record", "Disagreements", names[0], names[1]));
    for disagreement in disagreements.iter().take(MAX_LISTED) {
        let Disagreement { record, file_name, decisions, .. } = disagreement;
        let second = if decisions[0] == decisions[1] { "other text" } else { decisions[1].name() };
        let name = page.cell(file_name, 40);
        page.row(format!("{:>6}  {name}  {:<12}{second}", record.0 + 1, decisions[0].name()));
    }
    match disagreements.len().saturating_sub(MAX_LISTED) {
        0 => {}
        more => page.row(format!("and {more} more: --json lists all, with captions")),
    }
}

impl Comparison {
    /// Compares two sessions of this dataset.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn gather(dataset: &Dataset, names: [String; 2], histories: [&History; 2]) -> Result<Self, DatasetError> {
        let reviewers =
            histories.map(|history| history.reviewers.iter().map(|change| change.reviewer.clone()).collect());
        let mut comparison = Self { names, reviewers, ..Self::default() };
        let (mut both, mut same) = (0, 0);
        dataset.scan(&mut |entry| {
            let Entry::Record(record) = entry else { return ControlFlow::Continue(()) };
            let states = histories.map(|history| history.opened.ledger.record(record.id));
            let decisions = states.map(|state| state.decision.kind());
            match decisions.map(|kind| KINDS.iter().position(|known| *known == kind)) {
                [Some(first), Some(second)] => {
                    comparison.kinds.add(first, second);
                    comparison.unchanged.add(usize::from(first > 1), usize::from(second > 1));
                    let captions = states.map(|state| caption(&record, state));
                    both += 1;
                    same += u64::from(captions[0] == captions[1]);
                    comparison.disagreements.extend(Disagreement::between(&record, states));
                }
                [Some(_), None] => comparison.alone[0] += 1,
                [None, Some(_)] => comparison.alone[1] += 1,
                [None, None] => {}
            }
            ControlFlow::Continue(())
        })?;
        comparison.same_caption = Proportion::new(same, both);
        Ok(comparison)
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let both = self.same_caption.total();
        page.heading(format!("{both} records decided in both"));
        for ((name, reviewers), place) in self.names.iter().zip(&self.reviewers).zip(["first", "second"]) {
            let reviewers: Vec<&str> = reviewers.iter().map(String::as_str).collect();
            let reviewers = if reviewers.is_empty() { String::new() } else { format!("{}: ", reviewers.join(", ")) };
            page.row(format!("{place:<8}{reviewers}{name}"));
        }
        page.row(format!("{} only by the first, {} only by the second", self.alone[0], self.alone[1]));
        if both == 0 {
            return page;
        }
        page.heading(format!("{:<24}{:>12}{:>9}{:>8}  {}", "Agreement", "", "", "kappa", "95 % interval"));
        agreement(&mut page, "same decision", &self.kinds);
        agreement(&mut page, "unchanged or not", &self.unchanged);
        let same = self.same_caption.rate().map(percent).unwrap_or_default();
        page.row(format!("{:<22}{:>12}{same:>9}", "same caption", of(self.same_caption)));
        page.remark("kappa: agreement beyond chance, from 0 (chance) to 1 (perfect)");
        let heading = KINDS.map(|kind| format!("{:>10}", kind.name())).concat();
        page.heading(format!("{:<24}{heading}", "First \\ second"));
        for (kind, row) in KINDS.iter().zip(self.kinds.counts()) {
            page.row(format!("{:<22}{}", kind.name(), row.map(|count| format!("{count:>10}")).concat()));
        }
        list(&mut page, ["first", "second"], &self.disagreements);
        page
    }

    /// Returns the comparison as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let sides: Vec<Value> = self
            .names
            .iter()
            .zip(&self.reviewers)
            .zip(self.alone)
            .map(
                |((name, reviewers), alone)| json!({ "session": name, "reviewers": reviewers, "decided_alone": alone }),
            )
            .collect();
        json!({
            "sessions": sides,
            "decided_in_both": self.same_caption.total(),
            "decision": agreement_json(&self.kinds),
            "decision_kinds": KINDS.map(DecisionKind::name),
            "decision_counts": self.kinds.counts(),
            "taken_as_it_was": agreement_json(&self.unchanged),
            "same_caption": proportion(self.same_caption),
            "disagreements": self.disagreements.iter().map(Disagreement::json).collect::<Vec<_>>(),
        })
    }
}

/// Returns the current caption, or `None` if the record is excluded.
fn caption<'a>(record: &'a Record, state: &'a RecordState) -> Option<Cow<'a, str>> {
    let is_excluded = state.decision.kind() == DecisionKind::Excluded;
    (!is_excluded).then(|| state.current_caption(record.id, record.caption.text()).unwrap_or_default())
}

fn agreement<const N: usize>(page: &mut Page, label: &str, agreement: &Agreement<N>) {
    let observed = agreement.observed();
    let rate = observed.rate().map(percent).unwrap_or_default();
    let kappa = match agreement.kappa() {
        Some(kappa) => format!("{:>8.2}  {:.2} to {:.2}", kappa.value, kappa.interval.low, kappa.interval.high),
        None => format!("{:>8}", "none"),
    };
    page.row(format!("{label:<22}{:>12}{rate:>9}{kappa}", of(observed)));
}

pub(super) fn of(proportion: Proportion) -> String {
    format!("{} of {}", proportion.count(), proportion.total())
}

pub(super) fn agreement_json<const N: usize>(agreement: &Agreement<N>) -> Value {
    let kappa = agreement.kappa();
    json!({
        "observed": proportion(agreement.observed()),
        "by_chance": kappa.map(|kappa| kappa.by_chance),
        "kappa": kappa.map(|kappa| kappa.value),
        "low": kappa.map(|kappa| kappa.interval.low),
        "high": kappa.map(|kappa| kappa.interval.high),
    })
}
