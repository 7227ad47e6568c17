//! How far to trust a verifier: its verdicts compared with those of the reviewer in a spot check.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json::proportion;
use super::page::{percent, percents};
use crate::session::{Ledger, Sample, Verdict};
use crate::statistics::Proportion;

/// The verdicts of one model with one prompt on captions that the reviewer judged too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calibration {
    /// The id of the model.
    pub model: String,
    /// Name and version.
    pub prompt: String,
    /// Captions that both judged.
    pub judged: u64,
    /// Captions with a phrase that the verifier does not find in the image.
    pub unsupported: Alarms,
    /// Captions with any finding of the verifier.
    pub any: Alarms,
}

/// The captions that a verifier flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    flagged: u64,
    /// Captions that the reviewer refused.
    refused: u64,
    /// Flagged and refused.
    right: u64,
}

impl Alarms {
    fn count(&mut self, is_flagged: bool, is_refused: bool) {
        self.flagged += u64::from(is_flagged);
        self.refused += u64::from(is_refused);
        self.right += u64::from(is_flagged && is_refused);
    }

    /// Returns the proportion of flagged captions that the reviewer refused.
    #[must_use]
    pub const fn precision(self) -> Proportion {
        Proportion::new(self.right, self.flagged)
    }

    /// Returns the proportion of refused captions that are flagged.
    #[must_use]
    pub const fn recall(self) -> Proportion {
        Proportion::new(self.right, self.refused)
    }

    fn json(self) -> Value {
        json!({ "precision": proportion(self.precision()), "recall": proportion(self.recall()) })
    }
}

impl Calibration {
    /// Compares the verdicts on the captions of a sample, by model and prompt, most captions first.
    #[must_use]
    pub fn of(sample: &Sample, ledger: &Ledger) -> Vec<Self> {
        let mut verifiers: BTreeMap<(&str, &str), Self> = BTreeMap::new();
        for member in &sample.members {
            let state = ledger.record(member.record);
            let is_refused = match sample.verdict(member, state) {
                Verdict::Pending => continue,
                Verdict::Accepted => false,
                Verdict::Edited | Verdict::Regenerated | Verdict::Excluded | Verdict::Rejected => true,
            };
            let text = sample.judged_text(member, state);
            for known in state.verifications.iter().filter(|known| known.verdict.is_about(text)) {
                let prompt = known.provenance.prompt.as_deref().unwrap_or_default();
                let verifier = verifiers.entry((&known.provenance.model, prompt)).or_default();
                verifier.judged += 1;
                verifier.unsupported.count(!known.verdict.unsupported.is_empty(), is_refused);
                verifier.any.count(known.verdict.has_findings(), is_refused);
            }
        }
        let named = verifiers.into_iter().map(|((model, prompt), verifier)| Self {
            model: model.to_owned(),
            prompt: prompt.to_owned(),
            ..verifier
        });
        let mut verifiers: Vec<Self> = named.collect();
        verifiers.sort_by_key(|verifier| std::cmp::Reverse(verifier.judged));
        verifiers
    }

    /// Returns the flagged phrases and missing things, with precision and recall in words.
    #[must_use]
    pub fn rows(&self) -> [(&'static str, String, String); 2] {
        let words = |proportion: Proportion| {
            let (count, of) = (proportion.count(), proportion.total());
            match (proportion.rate(), proportion.interval()) {
                (Some(rate), Some(interval)) => format!("{} ({}), {count} of {of}", percent(rate), percents(interval)),
                _ => "none".to_owned(),
            }
        };
        [("unsupported", self.unsupported), ("any finding", self.any)]
            .map(|(name, alarms)| (name, words(alarms.precision()), words(alarms.recall())))
    }

    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "model": self.model, "prompt": self.prompt, "judged": self.judged,
            "unsupported": self.unsupported.json(), "any": self.any.json(),
        })
    }
}
