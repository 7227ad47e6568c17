//! Imports the captions of a file, such as an earlier run's output, as candidates.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use twox_hash::XxHash3_128;

use super::{CandidateFile, Emit, EngineEvent, Stopping};
use crate::dataset::{Dataset, DatasetError, Entry, Match, OpenOptions, Record, RecordId, Sought, match_namesakes};
use crate::text::{counted, is_blank};

/// Captions in one event: large enough to be quick, small enough to keep the screen responsive.
const BATCH: usize = 256;

/// Reads the file and emits its captions for the records of `dataset`. They are matched by file name; if several records
/// share one, only if it is certain which is which (see [`match_namesakes`]).
pub(super) fn run(dataset: &Dataset, file: &CandidateFile, emit: &Emit, stopping: &Stopping) {
    if let Err(error) = import(dataset, file, emit, stopping) {
        emit(EngineEvent::ImportFailed(format!("no candidates imported: {error}")));
    }
}

fn import(dataset: &Dataset, file: &CandidateFile, emit: &Emit, stopping: &Stopping) -> Result<(), DatasetError> {
    let CandidateFile { path: file, describer } = file;
    let source = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let (mut captions, report) = candidates(dataset, file, stopping)?;
    let summary = report.summary(&source, dataset.caption_field());
    loop {
        let rest = captions.split_off(captions.len().min(BATCH));
        let done = rest.is_empty().then(|| summary.clone());
        let is_last = done.is_some();
        let (source, at) = (source.clone(), Timestamp::now());
        emit(EngineEvent::Imported { describer, source, captions, done, at });
        if is_last || stopping.check().is_break() {
            return Ok(());
        }
        captions = rest;
    }
}

/// Why a line is left out. In the order of the summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum LeftOut {
    Unreadable,
    NoCaption,
    Empty,
    Same,
    NoRecord,
    Ambiguous,
    /// The record's caption is not a string, and no text may replace it.
    NotText,
}

impl LeftOut {
    fn words(self, field: &str) -> String {
        match self {
            Self::Unreadable => "unreadable".to_owned(),
            Self::NoCaption => format!("without a string in \"{field}\""),
            Self::Empty => "empty".to_owned(),
            Self::Same => "equal to the original".to_owned(),
            Self::NoRecord => "without a record of this \"file_name\"".to_owned(),
            Self::NotText => "for a record whose caption is not a string".to_owned(),
            Self::Ambiguous => "ambiguous (several records share the \"file_name\")".to_owned(),
        }
    }
}

/// What became of the lines of the file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    lines: u64,
    taken: u64,
    left: BTreeMap<LeftOut, u64>,
    /// The beginning of the first line that cannot be read.
    first_bad: Option<String>,
}

impl Report {
    fn leave(&mut self, why: LeftOut) {
        *self.left.entry(why).or_default() += 1;
    }

    fn summary(&self, source: &str, field: &str) -> String {
        let lines = counted(self.lines, "line", "lines");
        let only = (self.left.len() == 1).then(|| self.left.first_key_value()).flatten().map(|(why, _)| *why);
        match only.filter(|_| self.taken == 0) {
            _ if self.lines == 0 => format!("no candidates from {source}: the file is empty"),
            Some(LeftOut::Unreadable) => {
                let none = if self.lines == 1 {
                    "its only line cannot be read".to_owned()
                } else {
                    format!("none of its {lines} can be read")
                };
                format!("no candidates from {source}: {none}{}", self.way_out())
            }
            Some(LeftOut::NoCaption) => {
                format!(
                    "no candidates from {source}: no line has \"{field}\" as a string ({lines}; see --caption-field)"
                )
            }
            _ => {
                let candidates = counted(self.taken, "candidate", "candidates");
                let left: Vec<String> =
                    self.left.iter().map(|(why, count)| format!("{count} {}", why.words(field))).collect();
                let left = if left.is_empty() { String::new() } else { format!("; left out: {}", left.join(", ")) };
                format!("imported {candidates} from {source}, of {lines}{left}")
            }
        }
    }

    /// Returns the likely format of a file without a readable line, with the remedy.
    fn way_out(&self) -> &'static str {
        let first = self.first_bad.as_deref().unwrap_or_default();
        if first.contains("file_name") && !first.starts_with('{') && first.contains([',', ';', '\t']) {
            ": it is CSV; convert it with recaption init"
        } else {
            ": it is not JSON Lines (one object with \"file_name\" on each line)"
        }
    }
}

/// Returns the captions to import, in file order.
fn candidates(
    dataset: &Dataset,
    file: &Path,
    stopping: &Stopping,
) -> Result<(Vec<(RecordId, String)>, Report), DatasetError> {
    let options = OpenOptions { caption_field: dataset.caption_field().to_owned(), ..OpenOptions::default() };
    let mut report = Report::default();
    let mut lines: HashMap<String, Vec<Option<String>>> = HashMap::new();
    Dataset::open(file, &options)?.scan(&mut |entry| {
        report.lines += 1;
        match entry {
            Entry::Record(Record { file_name, caption, .. }) => {
                lines.entry(file_name).or_default().push(caption.into_text());
            }
            Entry::Bad(bad) => {
                report.leave(LeftOut::Unreadable);
                report.first_bad.get_or_insert(bad.preview);
            }
        }
        stopping.check()
    })?;
    let mut records: HashMap<&str, Vec<(RecordId, u128)>> = HashMap::new();
    let mut not_text = HashSet::new();
    dataset.scan(&mut |entry| {
        if let Entry::Record(record) = entry
            && let Some((name, _)) = lines.get_key_value(&record.file_name)
        {
            records.entry(name).or_default().push((record.id, hash(record.caption.text())));
            not_text.extend(record.caption.other().map(|_| record.id));
        }
        stopping.check()
    })?;

    let mut taken = Vec::new();
    for (name, captions) in &lines {
        let records = records.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let found: Vec<u128> = records.iter().map(|(_, caption)| *caption).collect();
        let sought: Vec<u128> = captions.iter().map(|caption| hash(caption.as_deref())).collect();
        let matches = match_namesakes(&Sought::all(&sought), &found);
        for ((caption, hash), found) in captions.iter().zip(sought).zip(matches) {
            match (caption, found) {
                (None, _) => report.leave(LeftOut::NoCaption),
                (Some(caption), _) if is_blank(caption) => report.leave(LeftOut::Empty),
                (Some(_), Match::Missing) => report.leave(LeftOut::NoRecord),
                (Some(_), Match::Ambiguous) => report.leave(LeftOut::Ambiguous),
                (Some(_), Match::Found(place)) if not_text.contains(&records[place].0) => {
                    report.leave(LeftOut::NotText);
                }
                (Some(_), Match::Found(place)) if records[place].1 == hash => report.leave(LeftOut::Same),
                (Some(caption), Match::Found(place)) => taken.push((records[place].0, caption.clone())),
            }
        }
    }
    taken.sort_unstable_by_key(|(record, _)| *record);
    report.taken = taken.len() as u64;
    Ok((taken, report))
}

fn hash(caption: Option<&str>) -> u128 {
    caption.map_or(0, |caption| XxHash3_128::oneshot(caption.as_bytes()))
}

#[cfg(test)]
mod tests;
