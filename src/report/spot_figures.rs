//! Results of a spot check.

use serde_json::{Value, json};

use super::json::proportion;
use super::page::{percent, percents};
use super::{Calibration, Page};
use crate::session::{Ledger, Sample, SampleRequest, Verdict};
use crate::statistics::Proportion;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotFigures {
    pub request: SampleRequest,
    /// Number of records from which the sample was drawn.
    pub population: u64,
    /// Number of records drawn: less than requested if the dataset is smaller.
    pub drawn: u64,
    /// Records accepted unchanged, as a proportion of those judged.
    pub accepted: Proportion,
    /// In a blind spot check, how often the candidate was preferred to the original; `None` if it is not blind.
    pub preferred: Option<Proportion>,
    /// Number of records edited, regenerated, excluded and rejected.
    pub refused: [(Verdict, u64); 4],
    /// Results by stratum, if the sample is stratified.
    pub strata: Vec<StratumFigures>,
    /// The verifiers that judged captions of the sample, too.
    pub verifiers: Vec<Calibration>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StratumFigures {
    /// The value of the field in this stratum.
    pub name: String,
    /// Number of records.
    pub population: u64,
    /// Number of records drawn.
    pub drawn: u64,
    /// Records accepted unchanged, as a proportion of those judged.
    pub accepted: Proportion,
}

impl SpotFigures {
    /// Evaluates a sample with the current decisions of a ledger.
    #[must_use]
    pub fn of(sample: &Sample, ledger: &Ledger) -> Self {
        let verdicts = [Verdict::Edited, Verdict::Regenerated, Verdict::Excluded, Verdict::Rejected];
        let mut refused = verdicts.map(|verdict| (verdict, 0));
        let mut counts = vec![(0, 0); sample.strata.len()];
        let mut preferences = (0, 0);
        for member in &sample.members {
            if let Some(preferred) = sample.preference(member, ledger.record(member.record)) {
                preferences = (preferences.0 + u64::from(preferred), preferences.1 + 1);
            }
            let verdict = sample.verdict(member, ledger.record(member.record));
            let Some((accepted, judged)) = counts.get_mut(member.stratum) else { continue };
            *judged += u64::from(verdict != Verdict::Pending);
            *accepted += u64::from(verdict == Verdict::Accepted);
            for (kind, count) in &mut refused {
                *count += u64::from(*kind == verdict);
            }
        }
        let sum = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let strata = sample.strata.iter().zip(&counts).filter(|_| sample.request.by.is_some());
        let strata = strata.map(|(stratum, (accepted, judged))| StratumFigures {
            name: stratum.name.clone(),
            population: stratum.population,
            drawn: stratum.drawn,
            accepted: Proportion::new(*accepted, *judged),
        });
        Self {
            request: sample.request.clone(),
            population: sample.population(),
            drawn: sample.members.len() as u64,
            accepted: Proportion::new(sum.0, sum.1),
            preferred: sample.request.blind.then(|| Proportion::new(preferences.0, preferences.1)),
            refused,
            strata: strata.collect(),
            verifiers: Calibration::of(sample, ledger),
        }
    }

    /// Returns the number of records not judged yet.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.drawn.saturating_sub(self.accepted.total())
    }

    /// Returns `94.0 % accepted (83.8–97.9 %)`, or `None` if no record is judged yet.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        let interval = self.accepted.interval()?;
        Some(format!("{} accepted ({})", percent(self.accepted.rate()?), percents(interval)))
    }

    /// Returns `the candidate was preferred in 6 of 10: 60.0 % (31.3–83.2 %)`, or `None` if no record was judged blind.
    #[must_use]
    pub fn preference(&self) -> Option<String> {
        let preferred = self.preferred?;
        let (count, of) = (preferred.count(), preferred.total());
        let (rate, interval) = (percent(preferred.rate()?), percents(preferred.interval()?));
        Some(format!("the candidate was preferred in {count} of {of}: {rate} ({interval})"))
    }

    pub(super) fn print(&self, page: &mut Page) {
        let SampleRequest { seed, by, .. } = &self.request;
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let (drawn, population) = (self.drawn, self.population);
        page.heading(format!("Spot check: {drawn} of {population} records{by}, seed {seed}"));
        match (self.accepted.rate(), self.accepted.interval()) {
            (Some(rate), Some(interval)) => {
                page.row(format!(
                    "{} accepted unchanged, {} of {} judged",
                    percent(rate),
                    self.accepted.count(),
                    self.accepted.total()
                ));
                page.row(format!("95 % interval {}", percents(interval)));
                let refused = self.refused.iter().filter(|(_, count)| *count > 0);
                let refused: Vec<String> =
                    refused.map(|(verdict, count)| format!("{count} {}", verdict.name())).collect();
                if !refused.is_empty() {
                    page.row(refused.join(", "));
                }
                if let Some(words) = self.preference() {
                    page.row(format!("blind, {words}"));
                }
            }
            _ => page.row("no record is judged yet"),
        }
        for verifier in &self.verifiers {
            let (judged, model) = (verifier.judged, page.cell(&verifier.model, 40));
            page.row(format!("verifier {}, {judged} judged by both", model.trim_end()));
            for (flagged, precision, recall) in verifier.rows() {
                page.row(format!("  {flagged:<12} precision {precision}"));
                page.row(format!("  {:<12} recall    {recall}", ""));
            }
        }
        if self.pending() > 0 {
            page.remark(format!("{} pending: the interval is valid once all are judged", self.pending()));
        }
        if self.strata.is_empty() {
            return;
        }
        page.row(format!("{:<26}{:>10}{:>8}{:>10}  95 % interval", "", "records", "judged", "accepted"));
        for stratum in &self.strata {
            let rate = stratum.accepted.rate().map(percent).unwrap_or_default();
            let interval = stratum.accepted.interval().map(percents).unwrap_or_default();
            let judged = format!("{}/{}", stratum.accepted.total(), stratum.drawn);
            let name = page.cell(&stratum.name, 26);
            page.row(format!("{name}{:>10}{judged:>8}{rate:>10}  {interval}", stratum.population));
        }
    }

    /// Returns the results as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let strata = self.strata.iter();
        let strata: Vec<Value> = strata
            .map(|stratum| {
                json!({
                    "value": stratum.name, "records": stratum.population, "drawn": stratum.drawn,
                    "accepted": proportion(stratum.accepted),
                })
            })
            .collect();
        let [edited, regenerated, excluded, rejected] = self.refused.map(|(_, count)| count);
        json!({
            "size": self.request.size, "seed": self.request.seed, "by": self.request.by, "blind": self.request.blind,
            "records": self.population, "drawn": self.drawn, "pending": self.pending(),
            "accepted": proportion(self.accepted), "candidate_preferred": self.preferred.map(proportion),
            "edited": edited, "regenerated": regenerated, "excluded": excluded, "rejected": rejected,
            "strata": strata,
            "verifiers": self.verifiers.iter().map(Calibration::json).collect::<Vec<_>>(),
        })
    }
}
