//! Rows that a CSV file begins with, so that pandas takes its columns for text.
//!
//! pandas and Hugging Face's loader infer the type of each column from the first 10,000 rows. If a column of captions or
//! notes is empty or looks numeric in all of them, a text in a later row is an error. The first row with a text in this
//! column is therefore moved to the beginning. Other rows stay in the order of the dataset.

use std::collections::BTreeMap;

use super::source::{Source, Stopped};
use super::table::{HEADING, row};
use crate::dataset::RecordId;
use crate::text::counted;

pub(super) type Heading = [&'static str; 7];
/// Rows from which the types are inferred.
const INFERRED_FROM: u64 = 10_000;
/// Columns that may be empty or numeric: `text`, `note`, `original`.
const UNCERTAIN: [usize; 3] = [1, 5, 6];
/// Words that pandas reads as missing values. See `na_values` in <https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html>.
const MISSING: [&str; 17] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA",
    "NULL", "None", "n/a", "null",
];

/// Rows by record, to be written before the others.
#[derive(Default)]
pub(super) struct FirstRows(BTreeMap<RecordId, Vec<String>>);

impl FirstRows {
    pub(super) fn contains(&self, record: RecordId) -> bool {
        self.0.contains_key(&record)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Vec<String>> {
        self.0.values()
    }

    pub(super) fn note(&self) -> Option<String> {
        let rows = counted(self.0.len() as u64, "row was", "rows were");
        (!self.0.is_empty()).then(|| {
            format!("{rows} moved to the beginning: pandas infers column types from the first {INFERRED_FROM} rows")
        })
    }
}

/// Finds the rows to move. Reads until each uncertain column has a text.
pub(super) fn find(source: &Source<'_>) -> Result<FirstRows, Stopped> {
    // A column whose only texts are in a few records would need a scan of the whole dataset even if it has none at all.
    let has_notes = source.ledger.touched().any(|(_, state)| !state.note.is_empty());
    let mut open: Vec<usize> = UNCERTAIN.into_iter().filter(|column| HEADING[*column] != "note" || has_notes).collect();
    let mut first = FirstRows::default();
    let mut rows = 0;
    source.scan(&mut |chosen| {
        let Ok(chosen) = chosen else { return Ok(true) };
        let cells = row(chosen);
        let before = open.len();
        open.retain(|column| !is_text(cells[*column]));
        if open.len() < before && rows >= INFERRED_FROM {
            first.0.insert(chosen.record.id, cells.map(str::to_owned).to_vec());
        }
        rows += 1;
        Ok::<_, Stopped>(!open.is_empty())
    })?;
    Ok(first)
}

/// Returns true if pandas reads a cell as text, wherever it is.
fn is_text(cell: &str) -> bool {
    // `parse` also accepts `inf` and `nan`, as pandas does.
    let word = cell.trim();
    let is_boolean = word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false");
    !MISSING.contains(&word) && !is_boolean && word.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_missing_values_are_not_text() {
        for cell in ["", " ", "NA", "nan", "None", "-1.5e3", " 7", "inf", "TRUE", "false"] {
            assert!(!is_text(cell), "{cell}");
        }
        for cell in ["A hat.", "7 hats", "none", "1,5", "빨간 모자"] {
            assert!(is_text(cell), "{cell}");
        }
    }
}
