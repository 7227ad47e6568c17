//! All records in one file: CSV, TSV or JSON Lines.

use std::borrow::Cow;
use std::io::Write;

use super::first_rows::{self, Heading};
use super::outcome::{Named, surrogate_note};
use super::source::{CaptionValue, Chosen, Source, Stopped};
use super::{Format, Outcome};
use crate::session::{Actor, Decision};
use crate::text::counted;

/// The columns. Hugging Face's loader requires `file_name`.
pub(super) const HEADING: Heading = ["file_name", "text", "decision", "by", "flagged", "note", "original"];
/// Who decided a record without a decision. Not empty: a column of empty cells is read as numbers.
const NO_ONE: &str = "none";

/// Writes the selected records to `out` and flushes it. Adds notes about the content to `notes`.
pub(super) fn write(
    source: &Source<'_>,
    format: Format,
    safe_csv: bool,
    out: &mut dyn Write,
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let outcome = match format {
        Format::Csv => write_csv(source, b',', safe_csv, out, notes)?,
        Format::Tsv => write_csv(source, b'\t', safe_csv, out, notes)?,
        _ => write_lines(source, out)?,
    };
    out.flush()?;
    Ok(outcome)
}

/// Returns true if spreadsheets take a cell for a formula. They skip white space at the beginning.
fn is_formula(cell: &str) -> bool {
    cell.trim_start().starts_with(['=', '+', '-', '@'])
}

/// Writes a row, with an apostrophe before formulas if it is to be `safe`: spreadsheets show the cell as text.
fn write_row<'a>(
    table: &mut csv::Writer<&mut dyn Write>,
    row: impl IntoIterator<Item = &'a str>,
    safe: bool,
) -> Result<(), Stopped> {
    let cells = row.into_iter().map(|cell| match cell {
        formula if safe && is_formula(formula) => Cow::Owned(format!("'{formula}")),
        cell => Cow::Borrowed(cell),
    });
    Ok(table.write_record(cells.map(Cell)).map_err(std::io::Error::from)?)
}

/// A cell as the writer takes it.
struct Cell<'a>(Cow<'a, str>);

impl AsRef<[u8]> for Cell<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

fn write_csv(
    source: &Source<'_>,
    separator: u8,
    safe: bool,
    out: &mut dyn Write,
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let first = first_rows::find(source)?;
    let mut table = csv::WriterBuilder::new().delimiter(separator).from_writer(out);
    table.write_record(HEADING).map_err(std::io::Error::from)?;
    for row in first.rows() {
        write_row(&mut table, row.iter().map(String::as_str), safe)?;
    }
    let (mut doubtful, mut surrogates, mut formulas) = (0, Named::default(), 0_u64);
    let mut outcome = source.each(&mut |chosen| {
        doubtful += u64::from(matches!(chosen.caption(), CaptionValue::Json(_)));
        if chosen.has_lone_surrogate() {
            surrogates.add(|| source.dataset.message(chosen.record.line, &"text"));
        }
        formulas += row(chosen).into_iter().filter(|cell| is_formula(cell)).count() as u64;
        if first.contains(chosen.record.id) {
            return Ok(());
        }
        write_row(&mut table, row(chosen), safe)
    })?;
    if formulas > 0 && !safe {
        let cells = counted(formulas, "cell begins", "cells begin");
        notes
            .push(format!("{cells} with = + - or @, which spreadsheets run as a formula; --safe-csv puts ' before it"));
    }
    table.flush()?;
    outcome.doubtful = doubtful + surrogates.count;
    notes.extend(first.note());
    if doubtful > 0 {
        let captions = counted(doubtful, "caption is not a string", "captions are not strings");
        notes.push(format!("{captions}: written as JSON; parquet and jsonl keep their type"));
    }
    notes.extend(surrogate_note(&surrogates));
    Ok(outcome)
}

fn write_lines(source: &Source<'_>, out: &mut dyn Write) -> Result<Outcome, Stopped> {
    source.each(&mut |chosen| {
        out.write_all(&chosen.saved_line())?;
        Ok::<_, Stopped>(out.write_all(b"\n")?)
    })
}

pub(super) fn row<'a>(chosen: &'a Chosen<'_>) -> [&'a str; HEADING.len()] {
    let Chosen { record, state, .. } = chosen;
    let by = match (&state.decision, state.by) {
        (Decision::Undecided, _) => NO_ONE,
        (_, Actor::Operator) => "operator",
        (_, Actor::Run) => "run",
    };
    [
        &record.file_name,
        chosen.caption().cell(),
        state.decision.kind().name(),
        by,
        if state.flagged { "true" } else { "false" },
        &state.note,
        chosen.original().cell(),
    ]
}
