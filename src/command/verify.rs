//! `recaption verify PATH`: a second model compares captions with their images. The run is that of `generate`; this is its
//! result: findings, worst first.

use std::cmp::Reverse;
use std::io::{self, Write};

use serde_json::json;

use super::generate::tally::{Stopped, Tally};
use super::generate::{GenerateError, GenerateOptions, print_left_out};
use crate::console::Console;
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::Usage;
use crate::engine::rules::Judged;
use crate::engine::selection::Selected;
use crate::exit::ExitCode;
use crate::session::{Ledger, Verification};
use crate::text::{counted, sanitize, span, thousands};

/// The maximum number of failure reasons listed individually.
const MAX_REASONS: usize = 10;

/// A record with findings.
struct Found<'a> {
    record: RecordId,
    file_name: String,
    caption: String,
    verification: &'a Verification,
}

/// The verdicts on the selected records: those of this run, and earlier ones of the same model and prompt.
#[derive(Default)]
struct Verdicts<'a> {
    clean: u64,
    /// Worst first, otherwise in file order.
    found: Vec<Found<'a>>,
}

impl<'a> Verdicts<'a> {
    fn gather(options: &GenerateOptions, dataset: &Dataset, ledger: &'a Ledger, selected: &Selected) -> Self {
        let mut records = [selected.records.as_slice(), &selected.verified].concat();
        records.sort_unstable();
        let mut verdicts = Self::default();
        for record in records {
            let state = ledger.record(record);
            if state.verifications.is_empty() {
                continue;
            }
            let Ok(Entry::Record(line)) = dataset.entry(record) else { continue };
            let current = state.current_caption(record, line.caption.text());
            let Some(caption) = Judged::first(state).resolve(current.as_deref(), &options.rules) else { continue };
            match state.verification(&caption) {
                Some(verification) if verification.verdict.has_findings() => {
                    verdicts.found.push(Found { record, file_name: line.file_name, caption, verification });
                }
                Some(_) => verdicts.clean += 1,
                None => {}
            }
        }
        verdicts.found.sort_by_key(|found| Reverse(found.verification.verdict.severity()));
        verdicts
    }

    fn with_unsupported(&self) -> usize {
        self.found.iter().filter(|found| !found.verification.verdict.unsupported.is_empty()).count()
    }

    fn with_missing(&self) -> usize {
        self.found.iter().filter(|found| !found.verification.verdict.missing.is_empty()).count()
    }
}

/// Prints the findings and the counts of a finished run, and returns the exit code.
///
/// # Errors
/// Returns an error if the output cannot be written.
pub(super) fn print(
    options: &GenerateOptions,
    dataset: &Dataset,
    ledger: &Ledger,
    selected: &Selected,
    tally: &Tally,
    out: &mut Console<'_>,
) -> Result<ExitCode, GenerateError> {
    let verdicts = Verdicts::gather(options, dataset, ledger, selected);
    if options.json {
        out.json(&to_json(dataset, &verdicts, selected, tally))?;
    } else {
        print_left_out(selected)?;
        print_findings(&verdicts, out)?;
        print_table(options, &verdicts, selected, tally, out)?;
    }
    out.flush()?;
    Ok(match tally.exit_code() {
        ExitCode::Done if !verdicts.found.is_empty() => ExitCode::Findings,
        code => code,
    })
}

fn name(dataset: &Dataset, record: RecordId) -> String {
    match dataset.entry(record) {
        Ok(Entry::Record(line)) => line.file_name,
        _ => format!("record {}", record.0 + 1),
    }
}

fn to_json(dataset: &Dataset, verdicts: &Verdicts<'_>, selected: &Selected, tally: &Tally) -> serde_json::Value {
    let findings: Vec<serde_json::Value> = verdicts
        .found
        .iter()
        .map(|Found { record, file_name, caption, verification: Verification { verdict, provenance } }| {
            let unsupported: Vec<serde_json::Value> = verdict
                .unsupported
                .iter()
                .map(|quote| {
                    json!({ "phrase": quote.text, "start": quote.start, "end": quote.start + quote.text.len() })
                })
                .collect();
            json!({
                "record": record.0 + 1,
                "file_name": file_name,
                "caption": caption,
                "unsupported": unsupported,
                "missing": verdict.missing,
                "dropped": verdict.dropped,
                "describer": provenance.describer,
                "model": provenance.model,
                "prompt": provenance.prompt,
                "at": provenance.at.to_string(),
                "cost_usd": provenance.usage.map(|usage| usage.cost),
            })
        })
        .collect();
    let failures: serde_json::Map<String, serde_json::Value> = tally
        .failures
        .iter()
        .map(|(reason, records)| {
            let names: Vec<String> = records.iter().map(|record| name(dataset, *record)).collect();
            (reason.clone(), json!(names))
        })
        .collect();
    let total = selected.records.len() as u64;
    json!({
        "selected": total,
        "verified": tally.verified,
        "already_verified": selected.verified.len(),
        "clean": verdicts.clean,
        "with_unsupported": verdicts.with_unsupported(),
        "with_missing": verdicts.with_missing(),
        "dropped_phrases": tally.dropped,
        "failed": tally.failed(),
        "pending": total.saturating_sub(tally.ended()),
        "without_picture": selected.without_picture,
        "without_caption": selected.without_caption,
        "other_captions": selected.other_captions,
        "unreadable": selected.unreadable,
        "findings": findings,
        "failures": failures,
        "input_tokens": tally.usage.tokens.input,
        "output_tokens": tally.usage.tokens.output,
        "cost_usd": tally.usage.cost,
        "cost_usd_at_least": tally.usage.cost.at_least(),
        "models": tally.models,
        "seconds": tally.took.as_secs_f64(),
        "stopped": tally.stopped.as_ref().map(Stopped::reason),
    })
}

/// Prints a line for each record with findings.
fn print_findings(verdicts: &Verdicts<'_>, out: &mut Console<'_>) -> io::Result<()> {
    for Found { file_name, verification: Verification { verdict, .. }, .. } in &verdicts.found {
        let quoted: Vec<String> = verdict.unsupported.iter().map(|quote| format!("“{}”", quote.text)).collect();
        let unsupported = (!quoted.is_empty()).then(|| format!("unsupported {}", quoted.join(", ")));
        let missing = (!verdict.missing.is_empty()).then(|| format!("missing {}", verdict.missing.join(", ")));
        let findings = unsupported.into_iter().chain(missing).collect::<Vec<_>>().join(" · ");
        out.message(format_args!("{file_name}: {findings}"))?;
    }
    Ok(())
}

fn print_table(
    options: &GenerateOptions,
    verdicts: &Verdicts<'_>,
    selected: &Selected,
    tally: &Tally,
    out: &mut Console<'_>,
) -> io::Result<()> {
    let dataset = options.path.to_string_lossy();
    let dataset = sanitize(&dataset);
    let total = selected.records.len() as u64;
    writeln!(out, "verified {} of {total} in {}", tally.verified, span(tally.took))?;
    if !selected.verified.is_empty() {
        writeln!(
            out,
            "  before      {:>6}  with this model and prompt (--again repeats them)",
            selected.verified.len()
        )?;
    }
    writeln!(out, "  clean       {:>6}", verdicts.clean)?;
    writeln!(out, "  unsupported {:>6}  records", verdicts.with_unsupported())?;
    writeln!(out, "  missing     {:>6}  records", verdicts.with_missing())?;
    if tally.dropped > 0 {
        let phrases = counted(tally.dropped, "phrase", "phrases");
        writeln!(out, "  ignored     {:>6}  {phrases} that the caption contradicts", tally.dropped)?;
    }
    if tally.failed() > 0 {
        writeln!(out, "  failed      {:>6}", tally.failed())?;
    }
    for (reason, records) in tally.failures.iter().take(MAX_REASONS) {
        writeln!(out, "              {}: {}", sanitize(reason), counted(records.len() as u64, "record", "records"))?;
    }
    if let Some(more) = tally.failures.len().checked_sub(MAX_REASONS + 1) {
        writeln!(out, "              and {}", counted(more as u64 + 1, "other reason", "other reasons"))?;
    }
    let left = total.saturating_sub(tally.ended());
    if left > 0 {
        writeln!(out, "  pending     {left:>6}")?;
    }
    if tally.usage != Usage::default() {
        let (input, output) = (thousands(tally.usage.tokens.input), thousands(tally.usage.tokens.output));
        writeln!(out, "  cost  {:>12}  {input} tokens in, {output} out", tally.usage.cost)?;
    }
    for (model, verdicts) in &tally.models {
        writeln!(out, "  model       {verdicts:>6}  {}", sanitize(model))?;
    }
    match &tally.stopped {
        Some(Stopped::Interrupted) => writeln!(out, "interrupted; results so far are stored")?,
        Some(stopped) => writeln!(out, "stopped: {}", sanitize(stopped.reason()))?,
        None => {}
    }
    if left > 0 || tally.failed() > 0 {
        writeln!(out, "continue:      recaption verify {dataset}")?;
    }
    if !verdicts.found.is_empty() {
        writeln!(out, "review:        recaption {dataset}")?;
    }
    Ok(())
}
