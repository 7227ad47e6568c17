//! `recaption check PATH`: checks a dataset, its images and its original captions. The session is ignored.
//!
//! Reads the file in order and keeps a few bytes per record. Findings are printed by line; those that do not belong to a
//! line come last.

mod finding;
mod folder;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::console::Console;
use crate::dataset::{Caption, Dataset, DatasetError, Entry, LineFinding, Occurrences, OpenOptions, Record, RecordId};
use crate::engine::style;
use crate::exit::ExitCode;
use crate::lint::{
    self, DuplicateIndex, Duplicates, LintKind, NearDuplicateIndex, NearDuplicatePass, NearDuplicates, Rules, Severity,
};
use crate::picture::{self, PictureError};
use crate::text::counted;

pub use finding::Kind;
use finding::{Finding, Report};
use folder::Pictures;
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
    each_judged(&dataset, &progress, |entry, error| match entry {
        Entry::Bad(bad) => {
            if let Some(path) = bad.file_name().and_then(|name| dataset.picture_path(&name).ok()) {
                pictures.add(&path);
            }
            report.next_record()?;
            let finding = Finding::of_line(entry, Kind::BadLine, bad.error.to_string());
            Ok(report.add(&finding.because(bad.error.cause()))?)
        }
        Entry::Record(record) => {
            report.next_record()?;
            for finding in &record.findings {
                let (kind, message) = (kind_of(finding), finding.to_string());
                report.add(&Finding::of_line(entry, kind, message.clone()).because(message))?;
            }
            if let Some(finding) = look(&dataset, entry, &record.file_name, &mut pictures, error) {
                report.add(&finding)?;
            }
            let mut add = |kind, message| report.add(&Finding::of_line(entry, kind, message));
            match known.occurrences.of(record.id) {
                0 => {}
                earlier => {
                    let earlier = counted(earlier.into(), "record", "records");
                    add(Kind::RepeatedName, format!("{earlier} before it has {} too", record.file_name))?;
                }
            }
            for lint in known.lint(&dataset, record, &rules)? {
                report.add(&Finding {
                    span: lint.span,
                    severity: lint.severity,
                    ..Finding::of_line(entry, Kind::Lint(lint.kind), lint.message)
                })?;
            }
            Ok(())
        }
    })?;
    report.end_of_records()?;
    if dataset.is_folder() || dataset.is_parquet() {
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
}

impl Known {
    fn gather(dataset: &Dataset, rules: &Rules, progress: &Progress) -> Result<Self, CheckError> {
        progress.phase("reading", 0);
        // The survey cannot end early, because the callback never breaks.
        let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
        let occurrences = survey.map(|survey| survey.namesakes.names).unwrap_or_default();
        let mut captions = DuplicateIndex::new();
        if rules.is_enabled(LintKind::Duplicate) {
            progress.phase("finding duplicate captions", dataset.record_count());
            each_caption(dataset, progress, &mut |record, caption| captions.add(record, caption))?;
        }
        let mut near = NearDuplicates::default();
        if rules.is_enabled(LintKind::NearDuplicate) {
            for pass in NearDuplicatePass::all(dataset.record_count()) {
                progress.phase("finding near-duplicate captions", dataset.record_count());
                let mut index = NearDuplicateIndex::new(pass);
                each_caption(dataset, progress, &mut |record, caption| index.add(record, caption))?;
                index.finish(&mut near, |record| caption(dataset, record))?;
            }
        }
        Ok(Self { occurrences, duplicates: captions.finish(), near })
    }

    /// Returns the findings in a record's caption.
    fn lint(&self, dataset: &Dataset, record: &Record, rules: &Rules) -> Result<Vec<lint::Finding>, CheckError> {
        let is_text = !record.findings.iter().any(|finding| matches!(finding, LineFinding::CaptionNotString { .. }));
        if !is_text {
            return Ok(Vec::new());
        }
        let text = record.caption.text().unwrap_or_default();
        let duplicate_of = self.duplicates.other(record.id, text, |other| caption(dataset, other))?;
        // An exact duplicate is not reported as a near-duplicate too.
        let near_duplicate_of = if duplicate_of.is_none() { self.near.other(record.id) } else { None };
        Ok(lint::lint(text, rules, &lint::Context { duplicate_of, near_duplicate_of, ..lint::Context::default() }))
    }
}

/// Reads a record again for its caption.
fn caption(dataset: &Dataset, record: RecordId) -> Result<Option<String>, DatasetError> {
    dataset.entry(record).map(|entry| entry.record().and_then(|record| record.caption.text()).map(str::to_owned))
}

fn each_caption(
    dataset: &Dataset,
    progress: &Progress,
    visit: &mut dyn FnMut(RecordId, &str),
) -> Result<(), CheckError> {
    each(dataset, progress, &mut |entry| {
        if let Entry::Record(Record { id, caption: Caption::Text(caption), .. }) = entry {
            visit(*id, caption);
        }
        Ok(())
    })
}

fn each(
    dataset: &Dataset,
    progress: &Progress,
    visit: &mut dyn FnMut(&Entry) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    let mut result = Ok(());
    dataset.scan(&mut |entry| {
        progress.advance();
        result = visit(&entry);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result
}

/// Visits every record in order, with the error of its image. Images are decoded on all cores, a batch at a time.
fn each_judged(
    dataset: &Dataset,
    progress: &Progress,
    mut visit: impl FnMut(&Entry, Option<PictureError>) -> Result<(), CheckError>,
) -> Result<(), CheckError> {
    const BATCH: usize = 256;
    let mut batch: Vec<Entry> = Vec::with_capacity(BATCH);
    let mut flush = |batch: &mut Vec<Entry>| {
        let errors = judge_all(dataset, batch);
        batch.drain(..).zip(errors).try_for_each(|(entry, error)| {
            progress.advance();
            visit(&entry, error)
        })
    };
    let mut result = Ok(());
    dataset.scan(&mut |entry| {
        batch.push(entry);
        if batch.len() == BATCH {
            result = flush(&mut batch);
        }
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result?;
    flush(&mut batch)
}

/// Returns the error of each record's image, in their order.
fn judge_all(dataset: &Dataset, entries: &[Entry]) -> Vec<Option<PictureError>> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let errors: Vec<OnceLock<PictureError>> = entries.iter().map(|_| OnceLock::new()).collect();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let taken = std::iter::from_fn(|| {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    entries.get(at).zip(errors.get(at))
                });
                for (entry, found) in taken {
                    let path = entry.record().and_then(|record| dataset.picture_path(&record.file_name).ok());
                    if let Some(Err(error)) = path.map(|path| picture::check(&path)) {
                        // Cannot fail: each index is taken once.
                        let _ = found.set(error);
                    }
                }
            });
        }
    });
    errors.into_iter().map(OnceLock::into_inner).collect()
}

const fn kind_of(finding: &LineFinding) -> Kind {
    match finding {
        LineFinding::CaptionNotString { .. } => Kind::CaptionNotText,
        LineFinding::CaptionLoneSurrogate => Kind::LoneSurrogate,
        LineFinding::NotANumber { .. } => Kind::NotANumber,
        LineFinding::Repeated { .. } => Kind::RepeatedMember,
    }
}

/// Returns the finding on a record's image: its path, or the error of its check.
fn look<'a>(
    dataset: &Dataset,
    entry: &'a Entry,
    name: &str,
    pictures: &mut Pictures,
    error: Option<PictureError>,
) -> Option<Finding<'a>> {
    let path = match dataset.picture_path(name) {
        Ok(path) => path,
        Err(refused) => {
            let finding = Finding::of_line(entry, Kind::RefusedPath, format!("{name}: {refused}"));
            return Some(finding.because(refused.to_string()));
        }
    };
    let other = if pictures.add(&path) { None } else { picture::other_spelling(&path) };
    if let Some(other) = &other {
        pictures.add(other);
    }
    match (error, other) {
        (None, None) => None,
        (None, Some(_)) => {
            let cause = if name.contains('\\') {
                "no such file; read with / in place of \\"
            } else {
                "no such file; read in the other Unicode normalization (NFC, NFD)"
            };
            let finding = Finding::of_line(entry, Kind::OtherSpelling, format!("{name}: {cause}"));
            Some(Finding { severity: Severity::Info, ..finding }.because(cause.to_owned()))
        }
        (Some(PictureError::Missing), _) => {
            let cause = "the image does not exist; --images DIR sets the folder of the images";
            let finding = Finding::of_line(entry, Kind::MissingPicture, format!("{name} does not exist"));
            Some(finding.because(cause.to_owned()))
        }
        (Some(why), _) => Some(Finding::of_line(entry, Kind::UnreadablePicture, format!("{name}: {why}"))),
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
