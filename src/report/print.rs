//! Session statistics as a page of text.

use std::time::Duration;

use super::page::{percent, percents};
use super::{Bars, Bin, Counted, Counts, Figures, MAX_PAUSE, Page, Phrase, TextOrigin, VerdictCounts};
use crate::describe::Usage;
use crate::session::{DecisionKind, Spending};
use crate::statistics::Proportion;
use crate::text::{counted, span, thousands};

/// Decisions in the order of the page.
const KINDS: [DecisionKind; 5] =
    [DecisionKind::Accepted, DecisionKind::Kept, DecisionKind::Edited, DecisionKind::Excluded, DecisionKind::Skipped];

/// The maximum number of reasons listed.
const MAX_REASONS: usize = 10;

impl Figures {
    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let reviewed = Proportion::new(self.reviewed(), self.records);
        let percentage = reviewed.rate().map(|rate| format!(" ({})", percent(rate))).unwrap_or_default();
        page.heading(format!(
            "{}: {} of {} records reviewed{percentage}",
            self.dataset,
            reviewed.count(),
            self.records
        ));
        if self.unreadable > 0 {
            let lines = counted(self.unreadable, "line", "lines");
            page.row(format!("{lines} unreadable; `recaption check` lists them"));
        }
        if let Some(spot) = &self.spot {
            spot.print(&mut page);
        }
        self.print_decisions(&mut page);
        self.print_sources(&mut page);
        list(&mut page, "Regenerated because", &self.reasons);
        self.print_lengths(&mut page);
        phrases(&mut page, "Most frequent openings (captions)", &self.openings, Counted::Opening);
        phrases(&mut page, "Most frequent three-word phrases (captions)", &self.phrases, Counted::Phrase);
        spending(&mut page, &self.spending);
        list(&mut page, "Failed because", &self.failures);
        page
    }

    fn print_decisions(&self, page: &mut Page) {
        page.heading(format!("{:<16}{:>9}{:>9}", "Decisions", "by hand", "by run"));
        for kind in KINDS {
            let counts = self.decisions.get(&kind).copied().unwrap_or_default();
            let row = format!("{:<14}{:>9}{:>9}", kind.name(), counts.by_hand, counts.by_run);
            if counts == Counts::default() { page.row(row) } else { page.count(row, Counted::Decided(kind)) }
        }
        for (label, count, counted) in
            [("flagged", self.flagged, Counted::Flagged), ("with a note", self.noted, Counted::Noted)]
        {
            if count > 0 {
                page.count(format!("{label:<14}{count:>9}"), counted);
            }
        }
        let VerdictCounts { captions, unsupported, missing } = self.verdicts;
        // In a spot check, the number of findings would bias the reviewer.
        if captions > 0 && self.spot.is_none() {
            page.row(format!("{:<14}{captions:>9}", "verified"));
            page.row(format!("{:<14}{unsupported:>9}", "  unsupported"));
            page.row(format!("{:<14}{missing:>9}", "  missing"));
        }
        page.heading("Acceptance");
        match (self.acceptance.rate(), self.acceptance.interval()) {
            (Some(rate), Some(interval)) => {
                page.row(format!(
                    "{} kept or accepted unchanged, of {} decided by hand",
                    percent(rate),
                    self.acceptance.total()
                ));
                page.row(format!("95 % interval {}, if this were a random sample", percents(interval)));
                if self.spot.is_none() {
                    page.remark("recaption PATH --sample N draws a random sample");
                }
            }
            _ => page.row("no decisions by hand yet"),
        }
        page.heading("Pace");
        match self.pace.per_hour() {
            Some(decisions) => {
                let work = Duration::try_from(self.pace.work).unwrap_or_default();
                page.row(format!("{decisions:.0} decisions per hour, {} of work", span(work)));
                let breaks = self.pace.periods.saturating_sub(1);
                let breaks = counted(breaks, "break", "breaks");
                page.remark(format!("{breaks}: pauses over {} minutes do not count", MAX_PAUSE.as_mins()));
            }
            None => page.row("unknown"),
        }
    }

    fn print_sources(&self, page: &mut Page) {
        if self.texts.is_empty() {
            return;
        }
        page.heading(format!("{:<50}{:>8}{:>8}{:>10}", "Accepted captions by source", "count", "edited", "changed"));
        for text in &self.texts {
            let source = match &text.origin {
                TextOrigin::Dataset => "the dataset".to_owned(),
                TextOrigin::Described { model, prompt: None } => model.clone(),
                TextOrigin::Described { model, prompt: Some(prompt) } => format!("{model} · {prompt}"),
            };
            let edited = text.edited.rate().map(percent).unwrap_or_default();
            let distance = text.distance.map(percent).unwrap_or_default();
            page.row(format!("{}{:>8}{edited:>8}{distance:>10}", page.cell(&source, 48), text.edited.total()));
        }
        page.remark("edited: share of count · changed: mean share of words in edited captions");
    }

    fn print_lengths(&self, page: &mut Page) {
        let lengths = &self.lengths;
        let (Some(median), Some((least, most))) = (lengths.percentile(50), lengths.range()) else { return };
        let unit = if self.in_tags { "Tags" } else { "Words" };
        page.heading(format!("{unit} per caption: median {median}, from {least} to {most}"));
        let bins = lengths.bins();
        let highest = bins.iter().map(|bin| bin.count).max().unwrap_or(0);
        for bin in &bins {
            let label = match bin.to {
                None => format!("{} or more", bin.from),
                Some(to) if to == bin.from => to.to_string(),
                Some(to) => format!("{}–{to}", bin.from),
            };
            let row = format!("{label:>14}{:>9}  {}", bin.count, page.bar(bin.count, highest, 48));
            let Bin { from, to, .. } = *bin;
            if bin.count == 0 { page.row(row) } else { page.count(row, Counted::Words { from, to }) }
        }
        let over = Proportion::new(lengths.over(self.max_words), lengths.captions());
        if let Some(rate) = over.rate().filter(|_| over.count() > 0) {
            let row = format!("over the limit of {}: {} ({})", self.max_words, over.count(), percent(rate));
            page.count(row, Counted::Words { from: self.max_words.saturating_add(1), to: None });
        }
        if lengths.without > 0 {
            page.count(format!("without a caption: {}", lengths.without), Counted::Words { from: 0, to: Some(0) });
        }
    }
}

fn phrases(page: &mut Page, heading: &str, phrases: &[Phrase], counted: fn(String) -> Counted) {
    if phrases.is_empty() {
        return;
    }
    page.heading(heading);
    for phrase in phrases {
        let sign = if phrase.at_least { "+" } else { " " };
        page.count(format!("{:>7}{sign} {}", phrase.captions, phrase.words), counted(phrase.words.clone()));
    }
}

fn list(page: &mut Page, heading: &str, reasons: &[(String, u64)]) {
    if reasons.is_empty() {
        return;
    }
    page.heading(heading);
    for (reason, count) in reasons.iter().take(MAX_REASONS) {
        page.row(format!("{count:>7}  {reason}"));
    }
    let others = reasons.get(MAX_REASONS..).unwrap_or_default();
    if !others.is_empty() {
        let sum: u64 = others.iter().map(|(_, count)| count).sum();
        page.row(format!("{sum:>7}  for {} other reasons", others.len()));
    }
}

fn spending(page: &mut Page, spending: &[Spending]) {
    if spending.is_empty() {
        return;
    }
    page.heading(format!(
        "{:<38}{:>9}{:>10}{:>10}{:>9}",
        "Cost by model and prompt", "requests", "tokens in", "out", "cost"
    ));
    let mut requests = 0;
    let mut sum = Usage::default();
    for Spending { model, prompt, requests: number, usage } in spending {
        requests += number;
        sum.tokens += usage.tokens;
        sum.cost += usage.cost;
        cost(page, &format!("{model} · {prompt}"), *number, *usage);
    }
    if spending.len() > 1 {
        cost(page, "total", requests, sum);
    }
}

fn cost(page: &mut Page, label: &str, requests: u64, usage: Usage) {
    let (input, output) = (thousands(usage.tokens.input), thousands(usage.tokens.output));
    let label = page.cell(label, 36);
    page.row(format!("{label}{requests:>9}{input:>10}{output:>10}{:>9}", usage.cost.to_string()));
}
