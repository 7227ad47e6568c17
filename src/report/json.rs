//! Session statistics as JSON.

use serde_json::{Map, Value, json};

use super::{Figures, MAX_PAUSE, Phrase, TextOrigin};
use crate::session::{DecisionKind, Spending};
use crate::statistics::Proportion;

impl Figures {
    /// Returns the statistics as a JSON object. Proportions are from 0 to 1; unknown values are `null`.
    #[must_use]
    pub fn json(&self) -> Value {
        let kinds = [
            DecisionKind::Accepted,
            DecisionKind::Kept,
            DecisionKind::Edited,
            DecisionKind::Excluded,
            DecisionKind::Skipped,
        ];
        let decisions: Map<String, Value> = kinds
            .into_iter()
            .map(|kind| {
                let counts = self.decisions.get(&kind).copied().unwrap_or_default();
                (kind.name().to_owned(), json!({ "by_hand": counts.by_hand, "by_run": counts.by_run }))
            })
            .collect();
        let texts: Vec<Value> = self
            .texts
            .iter()
            .map(|text| {
                let (model, prompt) = match &text.origin {
                    TextOrigin::Dataset => (None, None),
                    TextOrigin::Described { model, prompt } => (Some(model), prompt.as_ref()),
                };
                json!({
                    "model": model, "prompt": prompt, "taken": text.edited.total(), "edited": text.edited.count(),
                    "edit_rate": text.edited.rate(), "mean_word_distance": text.distance,
                })
            })
            .collect();
        let words: Vec<Value> =
            self.lengths.counts().map(|(words, captions)| json!({ "words": words, "captions": captions })).collect();
        json!({
            "dataset": self.dataset,
            "records": self.records,
            "unreadable": self.unreadable,
            "reviewed": self.reviewed(),
            "decisions": decisions,
            "flagged": self.flagged,
            "noted": self.noted,
            "acceptance": proportion(self.acceptance),
            "verified": {
                "captions": self.verdicts.captions, "unsupported": self.verdicts.unsupported,
                "missing": self.verdicts.missing,
            },
            "spot_check": self.spot.as_ref().map(super::SpotFigures::json),
            "pace": {
                "decisions": self.pace.decisions,
                "seconds": self.pace.work.as_secs_f64(),
                "sittings": self.pace.periods,
                "decisions_an_hour": self.pace.per_hour(),
                "longest_pause_seconds": MAX_PAUSE.as_secs(),
            },
            "texts": texts,
            "reasons": counted(&self.reasons),
            "words": {
                "median": self.lengths.percentile(50),
                "least": self.lengths.range().map(|(least, _)| least),
                "most": self.lengths.range().map(|(_, most)| most),
                "unit": if self.in_tags { "tags" } else { "words" },
                "limit": self.max_words,
                "over_limit": self.lengths.over(self.max_words),
                "without_caption": self.lengths.without,
                "histogram": words,
            },
            "openings": phrases(&self.openings),
            "phrases": phrases(&self.phrases),
            "spending": self.spending.iter().map(spending).collect::<Vec<_>>(),
            "failures": counted(&self.failures),
        })
    }
}

/// Returns a proportion with its 95 % interval as a JSON object.
pub(super) fn proportion(proportion: Proportion) -> Value {
    let interval = proportion.interval();
    json!({
        "count": proportion.count(),
        "of": proportion.total(),
        "rate": proportion.rate(),
        "low": interval.map(|interval| interval.low),
        "high": interval.map(|interval| interval.high),
    })
}

fn counted(reasons: &[(String, u64)]) -> Vec<Value> {
    reasons.iter().map(|(reason, count)| json!({ "reason": reason, "count": count })).collect()
}

fn phrases(phrases: &[Phrase]) -> Vec<Value> {
    let phrases = phrases.iter();
    phrases
        .map(|phrase| json!({ "words": phrase.words, "captions": phrase.captions, "at_least": phrase.at_least }))
        .collect()
}

fn spending(spending: &Spending) -> Value {
    let Spending { model, prompt, requests, usage } = spending;
    json!({
        "model": model, "prompt": prompt, "requests": requests, "input_tokens": usage.tokens.input,
        "output_tokens": usage.tokens.output, "cost_usd": usage.cost,
        "cost_usd_at_least": usage.cost.at_least(),
    })
}
