//! `recaption check PATH`: checks a dataset, its images and its original captions. The session is ignored.
//!
//! Reads the file twice, on all processors, and keeps up to a hundred bytes per record. Findings are printed by line; those
//! that do not belong to a line come last.

mod finding;
mod folder;
mod image;
mod progress;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::console::Console;
use crate::dataset::{Caption, Dataset, DatasetError, Entry, LineFinding, Occurrences, OpenOptions, Record, RecordId};
use crate::engine::style;
use crate::exit::ExitCode;
use crate::lint::{
    self, CaptionHash, DuplicateIndex, Duplicates, LintKind, NearDuplicateIndex, NearDuplicates, Rules, Sketch,
};
use crate::text::counted;

pub use finding::Kind;
use finding::{Finding, Report};
use folder::Pictures;
use image::Image;
use progress::Progress;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// The dataset: a JSON Lines file, or a folder with a `metadata.jsonl`.
    pub dataset: PathBuf,
    pub reading: OpenOptions,
    pub rules: Rules,
    /// Print one JSON object per line: `file`, `line`, `record`, `file_name`, `lint`, `severity`, `message`, `span`. `file`
    /// is relative to the dataset's folder; `line` and `record` count from one; `span` is a pair of byte offsets into the
    /// caption in UTF-8. Fields that do not apply are `null`.
    pub json: bool,
    /// Show progress on standard error.
    pub progress: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of records.
    pub records: u32,
    /// Number of findings by kind.
    pub findings: BTreeMap<Kind, u64>,
    /// Number of warnings and errors.
    pub serious: u64,
}

impl Outcome {
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.serious == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Standard output or standard error is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[from] io::Error),
}

impl CheckError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Dataset(_) => ExitCode::Usage,
            Self::Output(_) => ExitCode::Write,
        }
    }
}

/// Checks a dataset. Prints findings to `out`, one per line, and a summary to `errors`.
///
/// # Errors
/// Returns an error if the dataset cannot be read or output cannot be written. Findings are not errors.
pub fn run(options: &CheckOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<Outcome, CheckError> {
    let dataset = Dataset::open(&options.dataset, &options.reading)?;
    let progress = Progress::begin(options.progress);
    let mut out = progress.0.beside(out)?;
    let mut report = Report::new(&dataset, options.json, &mut out);
    let mut pictures = Pictures::default();
    let rules = style::settled(&dataset, &options.rules)?;
    let known = Known::gather(&dataset, &rules, &progress)?;

    progress.phase("checking", dataset.record_count());
    let judge = |entry| Judged::new(&dataset, &known, &rules, entry);
    dataset.scan_parallel(judge, |judged| {
        progress.advance();
        report.next_record()?;
        judged.report(&known, &rules, &mut pictures, &mut report)
    })?;
    report.end_of_records()?;
    if dataset.is_folder() || dataset.is_parquet() || dataset.is_map() || dataset.is_archive() {
        folder::left_out(&dataset, &mut report)?;
    }
    if !dataset.is_folder() {
        folder::second_metadata(&dataset, &mut report)?;
        pictures.orphans(&dataset, &mut report)?;
    }

    let (findings, serious) = report.finish();
    let outcome = Outcome { records: dataset.record_count(), findings, serious };
    out.flush()?;
    drop(out);
    progress.end();
    writeln!(errors, "{}", summary(&outcome))?;
    Ok(outcome)
}

/// Facts about the whole file that the checks of a single record need.
struct Known {
    occurrences: Occurrences,
    duplicates: Duplicates,
    near: NearDuplicates,
    /// By the first of [`MANY`] records and more: their caption with its findings, which are those of the others, too, unless
    /// the white space around it differs.
    of_repeats: HashMap<RecordId, OnceLock<(String, Vec<lint::Finding>)>>,
}

/// The least number of records whose common caption is linted twice, not for each of them.
const MANY: usize = 8;

impl Known {
    fn gather(dataset: &Dataset, rules: &Rules, progress: &Progress) -> Result<Self, CheckError> {
        progress.phase("reading", 0);
        // The survey cannot end early, because the callback never breaks.
        let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
        let occurrences = survey.map(|survey| survey.namesakes.names).unwrap_or_default();
        let (mut captions, mut near) = (DuplicateIndex::default(), NearDuplicateIndex::default());
        let finds_near = rules.is_enabled(LintKind::NearDuplicate);
        if finds_near || rules.is_enabled(LintKind::Duplicate) {
            progress.phase("comparing captions", dataset.record_count());
            let hashes = |entry: Entry| match entry {
                Entry::Record(Record { id, caption: Caption::Text(caption) | Caption::Object(caption), .. }) => {
                    let sketch = finds_near.then(|| Sketch::of(&caption)).flatten();
                    Some((id, CaptionHash::of(&caption), sketch))
                }
                _ => None,
            };
            dataset.scan_parallel(hashes, |hashes| -> Result<(), CheckError> {
                progress.advance();
                if let Some((record, hash, sketch)) = hashes.take() {
                    captions.extend(hash.map(|hash| (record, hash)));
                    near.extend(sketch.map(|sketch| (record, sketch)));
                }
                Ok(())
            })?;
        }
        let duplicates = captions.finish();
        // A caption that several records share is compared with others once.
        let near = near.finish(|record| duplicates.is_repeat(record), |record| caption(dataset, record))?;
        let many = duplicates.groups().filter(|group| group.len() >= MANY);
        let of_repeats = many.map(|group| (group[0], OnceLock::new())).collect();
        Ok(Self { occurrences, duplicates, near, of_repeats })
    }

    /// Returns the records that are reported to have the caption of a record, itself included.
    fn same(&self, record: RecordId, rules: &Rules) -> &[RecordId] {
        if rules.is_enabled(LintKind::Duplicate) { self.duplicates.group(record) } else { &[] }
    }

    /// Returns the findings in a record's caption.
    fn lint(&self, record: &Record, rules: &Rules) -> Vec<lint::Finding> {
        let is_text = !record.findings.iter().any(|finding| matches!(finding, LineFinding::CaptionNotString { .. }));
        if !is_text {
            return Vec::new();
        }
        let first = self.duplicates.group(record.id).first().copied().unwrap_or(record.id);
        let duplicate_of = self.same(record.id, rules).iter().find(|other| **other != record.id).copied();
        // An exact duplicate is not reported as a near-duplicate too.
        let near_duplicate_of = if duplicate_of.is_none() { self.near.other(first) } else { None };
        let context = lint::Context { duplicate_of, near_duplicate_of, ..lint::Context::default() };
        let text = record.caption.text().unwrap_or_default();
        let lint = || lint::lint(text, rules, &context);
        let known = self.of_repeats.get(&first).filter(|_| first != record.id);
        match known.map(|known| known.get_or_init(|| (text.to_owned(), lint()))) {
            Some((known, findings)) if known == text => findings.clone(),
            _ => lint(),
        }
    }
}

/// Reads a record again for its caption.
fn caption(dataset: &Dataset, record: RecordId) -> Result<Option<String>, DatasetError> {
    dataset.entry(record).map(|entry| entry.record().and_then(|record| record.caption.text()).map(str::to_owned))
}

/// A record with the findings that do not depend on others.
struct Judged {
    entry: Entry,
    image: Option<Image>,
    lints: Vec<lint::Finding>,
}

impl Judged {
    fn new(dataset: &Dataset, known: &Known, rules: &Rules, entry: Entry) -> Self {
        let (image, lints) = match &entry {
            Entry::Bad(bad) => (bad.file_name().map(|name| Image::find(dataset, &name)), Vec::new()),
            Entry::Record(record) => (Some(Image::check(dataset, &record.file_name)), known.lint(record, rules)),
        };
        Self { entry, image, lints }
    }

    fn report(
        &mut self,
        known: &Known,
        rules: &Rules,
        pictures: &mut Pictures,
        report: &mut Report<'_, '_>,
    ) -> Result<(), CheckError> {
        let Self { entry, image, lints } = self;
        let entry = &*entry;
        for (path, file) in image.iter().flat_map(Image::files) {
            pictures.add(path, *file);
        }
        let record = match entry {
            Entry::Bad(bad) => {
                let finding = Finding::of_line(entry, Kind::BadLine, bad.error.to_string());
                return Ok(report.add(&finding.because(bad.error.cause()))?);
            }
            Entry::Record(record) => record,
        };
        for finding in &record.findings {
            let (kind, message) = (kind_of(finding), finding.to_string());
            report.add(&Finding::of_line(entry, kind, message.clone()).because(message))?;
        }
        if let Some(finding) = image.take().and_then(|image| image.finding(entry, &record.file_name)) {
            report.add(&finding)?;
        }
        // The captions of an image have its name.
        let siblings = record.sibling.as_ref().map_or(0, |sibling| sibling.number);
        match known.occurrences.of(record.id).saturating_sub(siblings) {
            0 => {}
            earlier => {
                let earlier = counted(earlier.into(), "record", "records");
                let message = format!("{earlier} before it has {} too", record.file_name);
                report.add(&Finding::of_line(entry, Kind::RepeatedName, message))?;
            }
        }
        let same = known.same(record.id, rules);
        for lint::Finding { kind, severity, message, span } in lints.drain(..) {
            let finding = Finding { severity, span, ..Finding::of_line(entry, Kind::Lint(kind), message) };
            report.add_of_caption(finding, same)?;
        }
        Ok(())
    }
}

const fn kind_of(finding: &LineFinding) -> Kind {
    match finding {
        LineFinding::CaptionNotString { .. } => Kind::CaptionNotText,
        LineFinding::CaptionLoneSurrogate => Kind::LoneSurrogate,
        LineFinding::NotANumber { .. } => Kind::NotANumber,
        LineFinding::Repeated { .. } => Kind::RepeatedMember,
    }
}

/// Formats a summary, the most frequent kind first: `618 records: 589 too-long, 50 cut-off`.
fn summary(outcome: &Outcome) -> String {
    let records = counted(outcome.records.into(), "record", "records");
    let mut kinds: Vec<_> = outcome.findings.iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
    format!("{records}: {}", if kinds.is_empty() { "no findings".to_owned() } else { kinds.join(", ") })
}

#[cfg(test)]
mod tests;
