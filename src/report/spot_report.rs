//! The report of a spot check, to be handed over: with it and the dataset, somebody else can draw the same sample, judge
//! it too, and compare.

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
use crate::text;

/// A spot check, told in full.
#[derive(Clone, Debug, PartialEq)]
pub struct SpotReport {
    /// The dataset's file.
    pub dataset: String,
    /// Whether the dataset is still the one the sample was drawn from.
    pub unchanged: bool,
    /// Its hash when the sample was drawn: XXH3, 128 bits.
    pub hash: u128,
    /// When it was drawn.
    pub drawn_at: Timestamp,
    /// When the report was made.
    pub made_at: Timestamp,
    /// What it has come to.
    pub figures: SpotFigures,
    /// The records, in the order in which they were shown.
    pub records: Vec<SpotRecord>,
}

/// A record of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotRecord {
    /// Its number in the dataset, from one; none where it is not in it any more.
    pub number: Option<u64>,
    /// Its picture.
    pub file_name: String,
    /// The value of the member the sample mirrors.
    pub stratum: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
    /// The text that was judged.
    pub before: String,
    /// The text that was left; none where the record was left out.
    pub after: Option<String>,
    /// Why other texts were asked for.
    pub reasons: Vec<String>,
    /// The note.
    pub note: String,
    /// Who judged, where that is known.
    pub reviewer: Option<String>,
    /// When.
    pub at: Option<Timestamp>,
}

impl SpotReport {
    /// The report of the newest sample of a session; none where there is no sample.
    ///
    /// # Errors
    /// When the dataset cannot be read.
    pub fn gather(dataset: &Dataset, history: &History, now: Timestamp) -> Result<Option<Self>, DatasetError> {
        let Some(sample) = history.opened.samples.last() else { return Ok(None) };
        dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
        let edits = edits(&history.actions);
        let known = u64::from(dataset.record_count());
        let file = dataset.path().file_name().unwrap_or(dataset.path().as_os_str());
        Ok(Some(Self {
            dataset: file.to_string_lossy().into_owned(),
            unchanged: dataset.content_hash()? == sample.hash,
            hash: sample.hash,
            drawn_at: sample.at,
            made_at: now,
            figures: SpotFigures::of(sample, &history.opened.ledger),
            records: sample.members.iter().map(|member| record(sample, member, history, &edits, known)).collect(),
        }))
    }

    /// Everybody who judged.
    fn reviewers(&self) -> BTreeSet<&str> {
        self.records.iter().filter_map(|record| record.reviewer.as_deref()).collect()
    }

    /// The report as JSON.
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

    /// Writes it: as JSON where the file's name ends in `.json`, else as Markdown.
    ///
    /// # Errors
    /// When that fails.
    pub fn write_as(&self, path: &Path, file: &mut dyn io::Write) -> io::Result<()> {
        if path.extension().is_some_and(|extension| extension == "json") {
            writeln!(file, "{}", self.json())
        } else {
            file.write_all(self.markdown().as_bytes())
        }
    }

    /// The report as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut page = String::new();
        // A String takes all that is written to it.
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
            _ => writeln!(page, "Nothing is judged yet.\n")?,
        }
        if let Some(words) = figures.preference() {
            writeln!(page, "Judged without knowing which text was which, {words}, 95 % interval (Wilson).\n")?;
        }
        if figures.pending() > 0 {
            let pending = figures.pending();
            writeln!(page, "{pending} records are not judged yet; the interval holds when all are.\n")?;
        }
        self.facts(page)?;
        if !figures.strata.is_empty() {
            writeln!(page, "## By {}\n", escaped(figures.request.by.as_deref().unwrap_or_default()))?;
            writeln!(page, "| value | records | drawn | judged | accepted | 95 % interval |")?;
            writeln!(page, "|---|--:|--:|--:|--:|---|")?;
            for stratum in &figures.strata {
                let (rate, interval) = shares(stratum.accepted);
                let (name, population, drawn) = (escaped(&stratum.name), stratum.population, stratum.drawn);
                writeln!(
                    page,
                    "| {name} | {population} | {drawn} | {} | {rate} | {interval} |",
                    stratum.accepted.total()
                )?;
            }
            writeln!(page)?;
        }
        writeln!(page, "## Records\n\nIn the order in which they were shown.\n")?;
        writeln!(page, "| record | picture | verdict | by | when | why |")?;
        writeln!(page, "|--:|---|---|---|---|---|")?;
        for record in &self.records {
            let number = record.number.map_or_else(|| "gone".to_owned(), |number| number.to_string());
            let reviewer = escaped(record.reviewer.as_deref().unwrap_or_default());
            let at = record.at.map(seconds).unwrap_or_default();
            let mut why = record.reasons.clone();
            why.extend((!record.note.is_empty()).then(|| record.note.clone()));
            let (name, verdict, why) = (escaped(&record.file_name), record.verdict.name(), escaped(&why.join("; ")));
            writeln!(page, "| {number} | {name} | {verdict} | {reviewer} | {at} | {why} |")?;
        }
        let refused: Vec<&SpotRecord> = self.records.iter().filter(|record| record.is_refused()).collect();
        if !refused.is_empty() {
            writeln!(page, "\n## Not accepted as they were")?;
        }
        for record in refused {
            let number = record.number.map(|number| format!("{number} ")).unwrap_or_default();
            writeln!(page, "\n### {number}{}\n", escaped(&record.file_name))?;
            writeln!(page, "- before: {}", escaped(&record.before))?;
            match &record.after {
                Some(after) => writeln!(page, "- after: {}", escaped(after))?,
                None => writeln!(page, "- left out")?,
            }
        }
        Ok(())
    }

    fn facts(&self, page: &mut String) -> std::fmt::Result {
        let figures = &self.figures;
        let request = &figures.request;
        let by = request.by.as_ref();
        let mirrors = by.map(|by| format!(", in proportion by {}", escaped(by))).unwrap_or_default();
        let mut option = by.map(|by| format!(" --by {}", in_shell(by))).unwrap_or_default();
        if request.blind {
            option.push_str(" --blind");
        }
        let unchanged = if self.unchanged { "unchanged since" } else { "changed since: the first one is needed" };
        let reviewers: Vec<String> = self.reviewers().into_iter().map(escaped).collect();
        let who = if reviewers.is_empty() { "not known".to_owned() } else { reviewers.join(", ") };
        let times = || self.records.iter().filter_map(|record| record.at);
        let when = match (times().min(), times().max()) {
            (Some(first), Some(last)) => format!("{} to {}", seconds(first), seconds(last)),
            _ => "not yet".to_owned(),
        };
        let name = escaped(&self.dataset);
        let file = in_shell(&self.dataset);
        let again =
            format!("recaption {file} --sample {} --seed {}{option} --session mine.sqlite", request.size, request.seed);
        writeln!(page, "| | |\n|---|---|")?;
        writeln!(page, "| dataset | {name}, {} records, {unchanged} |", figures.population)?;
        writeln!(page, "| its XXH3-128 | {:032x} |", self.hash)?;
        let blind = if request.blind { ", judged blind" } else { "" };
        writeln!(page, "| sample | {} records, seed {}{mirrors}{blind} |", figures.drawn, request.seed)?;
        writeln!(page, "| drawn | {} |", seconds(self.drawn_at))?;
        writeln!(page, "| judged by | {who} |")?;
        writeln!(page, "| judged | {when} |")?;
        for (verdict, count) in figures.refused {
            writeln!(page, "| {} | {count} |", verdict.name())?;
        }
        writeln!(page, "| to judge the same sample | {} |", escaped(&again))?;
        writeln!(page, "| then to compare | {} |", escaped(&format!("recaption stats {file} mine.sqlite")))?;
        writeln!(page, "| program | recaption {}, {} |\n", env!("CARGO_PKG_VERSION"), seconds(self.made_at))?;
        writeln!(page, "Accepted: kept, or accepted unchanged. Not: edited, described anew, or left out.\n")
    }
}

impl SpotRecord {
    const fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Edited | Verdict::Regenerated | Verdict::Excluded)
    }
}

fn record(sample: &Sample, member: &SampleMember, history: &History, edits: &Edits, known: u64) -> SpotRecord {
    let state = history.opened.ledger.record(member.record);
    let verdict = sample.verdict(member, state);
    let original = member.subject.caption.as_deref().unwrap_or_default();
    let number = u64::from(member.record.0) + 1;
    let text_of = |id| state.candidates.iter().find(|known| known.id == id).map(|candidate| candidate.text.as_str());
    let judged = match &state.decision {
        _ if member.text.is_some() => member.text.as_deref(),
        Decision::Edited { .. } => origin(edits, member.record, state.decided_at).and_then(text_of),
        // The newest text there was before another was asked for.
        Decision::Accepted { .. } if verdict == Verdict::Regenerated => {
            let before = state.candidates.iter().rev().find(|candidate| candidate.id.0 <= sample.after.0);
            before.map(|candidate| candidate.text.as_str())
        }
        Decision::Accepted { candidate, .. } => text_of(*candidate),
        Decision::Undecided | Decision::Kept | Decision::Skipped | Decision::Excluded => None,
    };
    let after = if verdict == Verdict::Excluded { None } else { Some(state.own_text().unwrap_or(original).to_owned()) };
    let since = state.candidates.iter().filter(|candidate| candidate.id.0 > sample.after.0);
    let is_judged = verdict != Verdict::Pending;
    SpotRecord {
        number: (number <= known).then_some(number),
        file_name: member.subject.file_name.clone(),
        stratum: sample.request.by.as_ref().and(sample.strata.get(member.stratum)).map(|stratum| stratum.name.clone()),
        verdict,
        before: judged.unwrap_or(original).to_owned(),
        after,
        reasons: since.filter_map(|candidate| candidate.provenance.reason.clone()).collect(),
        note: state.note.clone(),
        reviewer: history.reviewer(state.decided_at).filter(|_| is_judged).map(str::to_owned),
        at: history.at(state.decided_at).filter(|_| is_judged),
    }
}

/// The rate and its interval; empty of nothing.
fn shares(proportion: Proportion) -> (String, String) {
    let rate = proportion.rate().map(percent).unwrap_or_default();
    (rate, proportion.interval().map(percents).unwrap_or_default())
}

/// A time to the second, in UTC.
fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A word as a shell takes it.
fn in_shell(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "._/-".contains(character);
    if word.chars().all(is_plain) && !word.starts_with('-') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Text within Markdown that means itself, on one line.
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
