//! The report of a spot check. With it and the dataset, another person can draw the same sample, review it and compare.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SpotFigures;
use super::gather::{Edits, edits, origin};
use super::page::{percent, percents};
use crate::dataset::{Dataset, DatasetError};
use crate::session::{Decision, History, Sample, SampleMember, Verdict};
use crate::statistics::Proportion;
use crate::text::{self, shell_quoted};

#[derive(Clone, Debug, PartialEq)]
pub struct SpotReport {
    /// File name of the dataset.
    pub dataset: String,
    /// The dataset has not changed since the sample was drawn.
    pub unchanged: bool,
    /// XXH3-128 of the dataset when the sample was drawn.
    pub hash: u128,
    pub drawn_at: Timestamp,
    /// The time of this report.
    pub made_at: Timestamp,
    pub figures: SpotFigures,
    /// The sampled records, in the order they were shown.
    pub records: Vec<SpotRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotRecord {
    /// Number in the dataset, from one; `None` if the record is not in the dataset any more.
    pub number: Option<u64>,
    pub file_name: String,
    /// The value of the field the sample is stratified by.
    pub stratum: Option<String>,
    pub verdict: Verdict,
    /// The caption that was judged.
    pub before: String,
    /// The current caption; `None` if the record is excluded.
    pub after: Option<String>,
    /// Reasons given for regenerating, and for the rejection.
    pub reasons: Vec<String>,
    pub note: String,
    /// Who judged the record, if known.
    pub reviewer: Option<String>,
    /// When the record was judged.
    pub at: Option<Timestamp>,
}

impl SpotReport {
    /// Returns the report of the latest sample of a session, or `None` if there is no sample.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn gather(dataset: &Dataset, history: &History, now: Timestamp) -> Result<Option<Self>, DatasetError> {
        let Some(sample) = history.opened.samples.last() else { return Ok(None) };
        dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
        let edits = edits(&history.actions);
        let record_count = u64::from(dataset.record_count());
        let file = dataset.path().file_name().unwrap_or(dataset.path().as_os_str());
        Ok(Some(Self {
            dataset: file.to_string_lossy().into_owned(),
            unchanged: dataset.content_hash()? == sample.hash,
            hash: sample.hash,
            drawn_at: sample.at,
            made_at: now,
            figures: SpotFigures::of(sample, &history.opened.ledger),
            records: sample
                .members
                .iter()
                .map(|member| record(sample, member, history, &edits, record_count))
                .collect(),
        }))
    }

    fn reviewers(&self) -> BTreeSet<&str> {
        self.records.iter().filter_map(|record| record.reviewer.as_deref()).collect()
    }

    /// Returns the report as a JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let records: Vec<Value> = self
            .records
            .iter()
            .map(|record| {
                json!({
                    "record": record.number, "file_name": record.file_name, "stratum": record.stratum,
                    "verdict": record.verdict.name(), "before": record.before, "after": record.after,
                    "reasons": record.reasons, "note": record.note, "reviewer": record.reviewer,
                    "at": record.at.map(|at| at.to_string()),
                })
            })
            .collect();
        json!({
            "program": format!("recaption {}", env!("CARGO_PKG_VERSION")),
            "dataset": self.dataset,
            "dataset_xxh3_128": format!("{:032x}", self.hash),
            "dataset_unchanged": self.unchanged,
            "drawn_at": self.drawn_at.to_string(),
            "made_at": self.made_at.to_string(),
            "reviewers": self.reviewers(),
            "sample": self.figures.json(),
            "records": records,
        })
    }

    /// Writes the report as JSON if the file name ends in `.json`, else as Markdown.
    ///
    /// # Errors
    /// Returns an error if writing fails.
    pub fn write_as(&self, path: &Path, file: &mut dyn io::Write) -> io::Result<()> {
        if path.extension().is_some_and(|extension| extension == "json") {
            writeln!(file, "{}", self.json())
        } else {
            file.write_all(self.markdown().as_bytes())
        }
    }

    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        let figures = &self.figures;
        writeln!(page, "# Spot check of {}\n", escaped(&self.dataset))?;
        let accepted = figures.accepted;
        match (accepted.rate(), accepted.interval()) {
            (Some(rate), Some(interval)) => {
                let (count, of) = (accepted.count(), accepted.total());
                writeln!(page, "**{}** accepted unchanged: {count} of {of}.", percent(rate))?;
                writeln!(page, "95 % interval (Wilson): **{}**.\n", percents(interval))?;
            }
            _ => writeln!(page, "No record is judged yet.\n")?,
        }
        if let Some(words) = figures.preference() {
            writeln!(page, "Judged blind, {words}, 95 % interval (Wilson).\n")?;
        }
        if figures.pending() > 0 {
            let pending = figures.pending();
            writeln!(page, "{pending} records are not judged yet; the interval is valid once all are.\n")?;
        }
        self.details(page)?;
        if !figures.strata.is_empty() {
            writeln!(page, "## By {}\n", escaped(figures.request.by.as_deref().unwrap_or_default()))?;
            writeln!(page, "| value | records | drawn | judged | accepted | 95 % interval |")?;
            writeln!(page, "|---|--:|--:|--:|--:|---|")?;
            for stratum in &figures.strata {
                let (rate, interval) = rate_and_interval(stratum.accepted);
                let (name, population, drawn) = (escaped(&stratum.name), stratum.population, stratum.drawn);
                writeln!(
                    page,
                    "| {name} | {population} | {drawn} | {} | {rate} | {interval} |",
                    stratum.accepted.total()
                )?;
            }
            writeln!(page)?;
        }
        self.verifiers(page)?;
        writeln!(page, "## Records\n\nIn the order they were shown.\n")?;
        writeln!(page, "| record | picture | verdict | by | when | why |")?;
        writeln!(page, "|--:|---|---|---|---|---|")?;
        for record in &self.records {
            let number = record.number.map_or_else(|| "removed".to_owned(), |number| number.to_string());
            let reviewer = escaped(record.reviewer.as_deref().unwrap_or_default());
            let at = record.at.map(seconds).unwrap_or_default();
            let mut reasons = record.reasons.clone();
            reasons.extend((!record.note.is_empty()).then(|| record.note.clone()));
            let reasons = escaped(&reasons.join("; "));
            let (name, verdict) = (escaped(&record.file_name), record.verdict.name());
            writeln!(page, "| {number} | {name} | {verdict} | {reviewer} | {at} | {reasons} |")?;
        }
        let refused: Vec<&SpotRecord> = self.records.iter().filter(|record| record.is_refused()).collect();
        if !refused.is_empty() {
            writeln!(page, "\n## Not accepted unchanged")?;
        }
        for record in refused {
            let number = record.number.map(|number| format!("{number} ")).unwrap_or_default();
            writeln!(page, "\n### {number}{}\n", escaped(&record.file_name))?;
            if record.verdict == Verdict::Rejected {
                writeln!(page, "- rejected: {}", escaped(&record.before))?;
                continue;
            }
            writeln!(page, "- before: {}", escaped(&record.before))?;
            match &record.after {
                Some(after) => writeln!(page, "- after: {}", escaped(after))?,
                None => writeln!(page, "- excluded")?,
            }
        }
        Ok(())
    }

    fn verifiers(&self, page: &mut String) -> std::fmt::Result {
        for verifier in &self.figures.verifiers {
            writeln!(page, "## Verifier {}\n", escaped(&verifier.model))?;
            let (prompt, judged) = (escaped(&verifier.prompt), verifier.judged);
            writeln!(
                page,
                "Prompt {prompt}; {judged} captions judged by it and by the reviewer, who did not see its findings."
            )?;
            writeln!(page, "Precision: flagged captions that the reviewer did not accept. Recall: captions that the")?;
            writeln!(page, "reviewer did not accept and that are flagged. 95 % intervals (Wilson).\n")?;
            writeln!(page, "| flagged by | precision | recall |\n|---|---|---|")?;
            for (name, precision, recall) in verifier.rows() {
                writeln!(page, "| {name} | {precision} | {recall} |")?;
            }
            writeln!(page)?;
        }
        Ok(())
    }

    fn details(&self, page: &mut String) -> std::fmt::Result {
        let figures = &self.figures;
        let request = &figures.request;
        let by = request.by.as_ref();
        let strata = by.map(|by| format!(", stratified by {}", escaped(by))).unwrap_or_default();
        let mut option = by.map(|by| format!(" --by {}", shell_quoted(by))).unwrap_or_default();
        if request.blind {
            option.push_str(" --blind");
        }
        let unchanged = if self.unchanged { "unchanged since" } else { "changed since; use the original file" };
        let reviewers: Vec<String> = self.reviewers().into_iter().map(escaped).collect();
        let reviewers = if reviewers.is_empty() { "unknown".to_owned() } else { reviewers.join(", ") };
        let times = || self.records.iter().filter_map(|record| record.at);
        let period = match (times().min(), times().max()) {
            (Some(first), Some(last)) => format!("{} to {}", seconds(first), seconds(last)),
            _ => "not yet".to_owned(),
        };
        let name = escaped(&self.dataset);
        let file = shell_quoted(&self.dataset);
        let command =
            format!("recaption {file} --sample {} --seed {}{option} --session mine.sqlite", request.size, request.seed);
        writeln!(page, "| | |\n|---|---|")?;
        writeln!(page, "| dataset | {name}, {} records, {unchanged} |", figures.population)?;
        writeln!(page, "| XXH3-128 | {:032x} |", self.hash)?;
        let blind = if request.blind { ", judged blind" } else { "" };
        writeln!(page, "| sample | {} records, seed {}{strata}{blind} |", figures.drawn, request.seed)?;
        writeln!(page, "| drawn | {} |", seconds(self.drawn_at))?;
        writeln!(page, "| judged by | {reviewers} |")?;
        writeln!(page, "| judged | {period} |")?;
        for (verdict, count) in figures.refused {
            writeln!(page, "| {} | {count} |", verdict.name())?;
        }
        writeln!(page, "| to judge the same sample | {} |", escaped(&command))?;
        writeln!(page, "| then to compare | {} |", escaped(&format!("recaption stats {file} mine.sqlite")))?;
        writeln!(page, "| program | recaption {}, {} |\n", env!("CARGO_PKG_VERSION"), seconds(self.made_at))?;
        writeln!(
            page,
            "Accepted: kept or accepted unchanged. Not accepted: edited, regenerated, excluded or rejected.\n"
        )
    }
}

impl SpotRecord {
    const fn is_refused(&self) -> bool {
        !matches!(self.verdict, Verdict::Accepted | Verdict::Pending)
    }
}

fn record(sample: &Sample, member: &SampleMember, history: &History, edits: &Edits, record_count: u64) -> SpotRecord {
    let state = history.opened.ledger.record(member.record);
    let verdict = sample.verdict(member, state);
    let original = member.subject.caption.as_deref().unwrap_or_default();
    let number = u64::from(member.record.0) + 1;
    let text_of =
        |id| state.candidates.iter().find(|candidate| candidate.id == id).map(|candidate| candidate.text.as_str());
    let judged = match &state.decision {
        _ if member.text.is_some() => member.text.as_deref(),
        Decision::Edited { .. } => origin(edits, member.record, state.decided_at).and_then(text_of),
        // The latest candidate before it was regenerated.
        Decision::Accepted { .. } if verdict == Verdict::Regenerated => {
            let before = state.candidates.iter().rev().find(|candidate| candidate.id.0 <= sample.after.0);
            before.map(|candidate| candidate.text.as_str())
        }
        Decision::Accepted { candidate, .. } => text_of(*candidate),
        Decision::Undecided | Decision::Kept | Decision::Skipped | Decision::Excluded => None,
    };
    let after = (verdict != Verdict::Excluded)
        .then(|| state.own_text(member.record).map_or_else(|| original.to_owned(), Cow::into_owned));
    let since = state.candidates.iter().filter(|candidate| candidate.id.0 > sample.after.0);
    let is_judged = verdict != Verdict::Pending;
    let rejection = state.rejected_since(sample.after).map(|rejection| rejection.reason.clone());
    SpotRecord {
        number: (number <= record_count).then_some(number),
        file_name: member.subject.file_name.clone(),
        stratum: sample.request.by.as_ref().and(sample.strata.get(member.stratum)).map(|stratum| stratum.name.clone()),
        verdict,
        before: judged.unwrap_or(original).to_owned(),
        after,
        reasons: since.filter_map(|candidate| candidate.provenance.reason.clone()).chain(rejection).collect(),
        note: state.note.clone(),
        reviewer: history.reviewer(sample.judged_at(state)).filter(|_| is_judged).map(str::to_owned),
        at: history.at(sample.judged_at(state)).filter(|_| is_judged),
    }
}

/// Formats the rate and its interval. Both are empty if there are no observations.
fn rate_and_interval(proportion: Proportion) -> (String, String) {
    let rate = proportion.rate().map(percent).unwrap_or_default();
    (rate, proportion.interval().map(percents).unwrap_or_default())
}

/// Formats a time in UTC, to the second.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Escapes text for one line of Markdown.
fn escaped(words: &str) -> String {
    let words = text::sanitize(words);
    let mut safe = String::with_capacity(words.len());
    for character in words.chars() {
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

#[cfg(test)]
mod tests;
