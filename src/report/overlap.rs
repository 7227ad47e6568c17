//! Agreement of several reviewers on the records that more than one of them decided.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Page;
use super::comparison::{KINDS, agreement_json, of};
use super::json::proportion;
use super::page::{percent, percents};
use crate::session::DecisionKind;
use crate::statistics::{Agreement, Coincidences, Proportion};

/// A decision of one of the sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rating {
    pub session: usize,
    pub decision: DecisionKind,
    /// A hash of the caption; `None` if the record is excluded.
    pub caption: Option<u128>,
}

/// Agreement of two sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pair {
    /// Accepted, kept, edited, excluded.
    kinds: Agreement<4>,
    /// Unchanged (accepted, kept) or not (edited, excluded).
    unchanged: Agreement<2>,
    same_caption: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    names: Vec<String>,
    pairs: HashMap<(usize, usize), Pair>,
    kinds: Coincidences<4>,
    unchanged: Coincidences<2>,
    /// Records on which all agree on the caption, or on excluding it.
    unanimous: u64,
}

impl Overlap {
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self { names, ..Self::default() }
    }

    /// Adds a record: one rating by each session that decided it, in the order of the sessions.
    pub fn add(&mut self, ratings: &[Rating]) {
        let category = |rating: &Rating| KINDS.iter().position(|kind| *kind == rating.decision);
        let known: Vec<(Rating, usize)> =
            ratings.iter().filter_map(|rating| Some((*rating, category(rating)?))).collect();
        if known.len() < 2 {
            return;
        }
        let (mut kinds, mut unchanged) = ([0; 4], [0; 2]);
        for (index, (one, kind)) in known.iter().enumerate() {
            kinds[*kind] += 1;
            unchanged[usize::from(*kind > 1)] += 1;
            for (other, other_kind) in &known[index + 1..] {
                let pair = self.pairs.entry((one.session, other.session)).or_default();
                pair.kinds.add(*kind, *other_kind);
                pair.unchanged.add(usize::from(*kind > 1), usize::from(*other_kind > 1));
                pair.same_caption += u64::from(one.caption == other.caption);
            }
        }
        self.kinds.add(kinds);
        self.unchanged.add(unchanged);
        self.unanimous += u64::from(known.iter().all(|(rating, _)| rating.caption == known[0].0.caption));
    }

    /// Returns the number of records that more than one session decided.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.kinds.items()
    }

    const fn unanimous(&self) -> Proportion {
        Proportion::new(self.unanimous, self.records())
    }

    fn pairs(&self) -> Vec<([&str; 2], &Pair)> {
        let mut pairs: Vec<_> = self.pairs.iter().collect();
        pairs.sort_by_key(|(sessions, _)| **sessions);
        let name = |session: usize| self.names.get(session).map_or("", String::as_str);
        pairs.into_iter().map(|(&(one, other), pair)| ([name(one), name(other)], pair)).collect()
    }

    pub(super) fn list(&self, page: &mut Page) {
        let records = self.records();
        if records == 0 {
            page.heading("No record was decided by more than one reviewer");
            return;
        }
        page.heading(format!("Agreement on {records} records decided by more than one reviewer"));
        let interval = self.unanimous().interval().map(percents).unwrap_or_default();
        let rate = self.unanimous().rate().map(percent).unwrap_or_default();
        page.row(format!("same caption by all   {} {rate} (95 %: {interval})", of(self.unanimous())));
        let alpha = |alpha: Option<f64>| alpha.map_or_else(|| "none".to_owned(), |alpha| format!("{alpha:.2}"));
        page.row(format!("Krippendorff's alpha  same decision {}", alpha(self.kinds.alpha())));
        page.row(format!("                      unchanged or not {}", alpha(self.unchanged.alpha())));
        page.remark("alpha, kappa: agreement beyond chance, from 0 (chance) to 1 (perfect)");
        page.heading(format!("{:<30}{:>8}{:>9}{:>9}{:>20}", "Pair", "records", "caption", "decision", "kappa (95 %)"));
        for ([one, other], pair) in self.pairs() {
            let observed = pair.kinds.observed();
            let caption = Proportion::new(pair.same_caption, observed.total());
            let [caption, decision] = [caption, observed].map(|part| part.rate().map(percent).unwrap_or_default());
            let kappa = pair.kinds.kappa().map_or_else(
                || "none".to_owned(),
                |kappa| format!("{:.2} ({:.2}–{:.2})", kappa.value, kappa.interval.low, kappa.interval.high),
            );
            let names = page.cell(&format!("{one}, {other}"), 28);
            page.row(format!("{names}{:>8}{caption:>9}{decision:>9}{kappa:>20}", observed.total()));
        }
    }

    /// Returns the agreement as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let pair = |([one, other], pair): ([&str; 2], &Pair)| {
            let total = pair.kinds.observed().total();
            json!({
                "reviewers": [one, other],
                "records": total,
                "decision": agreement_json(&pair.kinds),
                "unchanged": agreement_json(&pair.unchanged),
                "same_caption": proportion(Proportion::new(pair.same_caption, total)),
            })
        };
        json!({
            "records": self.records(),
            "same_caption_by_all": proportion(self.unanimous()),
            "alpha": { "decision": self.kinds.alpha(), "unchanged": self.unchanged.alpha() },
            "pairs": self.pairs().into_iter().map(pair).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_records_of_several_reviewers_count() {
        let rating = |session, decision, caption| Rating { session, decision, caption };
        let mut overlap = Overlap::new(vec!["kim".to_owned(), "lee".to_owned(), "ana".to_owned()]);
        overlap.add(&[rating(0, DecisionKind::Kept, Some(1))]);
        overlap.add(&[rating(0, DecisionKind::Kept, Some(1)), rating(2, DecisionKind::Accepted, Some(1))]);
        overlap.add(&[
            rating(0, DecisionKind::Kept, Some(1)),
            rating(1, DecisionKind::Kept, Some(1)),
            rating(2, DecisionKind::Excluded, None),
        ]);
        assert_eq!(overlap.records(), 2);
        assert_eq!(overlap.unanimous(), Proportion::new(1, 2));
        let json = overlap.json();
        let pairs: Vec<(&Value, &Value)> = json["pairs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pair| (&pair["records"], &pair["same_caption"]["count"]))
            .collect();
        // kim and lee agree on one record; kim and ana on one of two; lee and ana on none of one.
        assert_eq!(pairs, [(&json!(1), &json!(1)), (&json!(2), &json!(1)), (&json!(1), &json!(0))]);
    }
}
