//! `recaption check PATH`: looks for mistakes in a dataset, its pictures and its captions as the file has them. The
//! session has no say.
//!
//! Everything is read in file order and nothing is kept but a few bytes a record, so findings come by line, and at the
//! end those that are about no line.

mod finding;
mod folder;
mod progress;

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::dataset::{Dataset, DatasetError, Entry, LineFinding, Occurrences, OpenOptions, Record, RecordId};
use crate::exit::ExitCode;
use crate::lint::{
    self, DuplicateIndex, Duplicates, LintKind, NearDuplicateIndex, NearDuplicatePass, NearDuplicates, Rules,
};
use crate::picture::{self, PictureError};
use crate::text::counted;

pub use finding::Kind;
use finding::{Finding, Report};
use folder::Pictures;
use progress::Progress;

/// What `check` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// The dataset: a JSON Lines file, or a folder with a `metadata.jsonl`.
    pub dataset: PathBuf,
    /// How to read it.
    pub reading: OpenOptions,
    /// What captions are held against.
    pub rules: Rules,
    /// One JSON object a line instead of text: `file`, `line`, `record`, `file_name`, `lint`, `severity`, `message`,
    /// `span`. `file` is seen from the dataset's folder; `line` and `record` count from one; `span` is a pair of byte
    /// offsets into the caption in UTF-8. What does not apply is `null`.
    pub json: bool,
    /// Standard error is a terminal: progress is shown there.
    pub progress: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many records were looked at.
    pub records: u32,
    /// How many findings there are of each kind.
    pub findings: BTreeMap<Kind, u64>,
    /// How many of them want a look.
    pub serious: u64,
}

impl Outcome {
    /// How the program is to end.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        if self.serious == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

/// Why nothing more is checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The dataset cannot be opened or read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[from] io::Error),
}

impl CheckError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Dataset(_) => ExitCode::Usage,
            Self::Output(_) => ExitCode::Write,
        }
    }
}

/// Checks. `out` gets the findings, one a line, `errors` their numbers.
///
/// # Errors
/// When the dataset cannot be read, or the findings cannot be written. A dataset with findings is no error.
pub fn run(options: &CheckOptions, out: &mut dyn Write, errors: &mut dyn Write) -> Result<Outcome, CheckError> {
    let dataset = Dataset::open(&options.dataset, &options.reading)?;
    let progress = Progress::begin(options.progress);
    let mut out = BufWriter::new(progress.beside(out));
    let mut report = Report::new(&dataset, options.json, &mut out);
    let mut pictures = Pictures::default();
    let known = Known::gather(&dataset, &options.rules, &progress)?;

    progress.phase("checking", dataset.record_count());
    each(&dataset, &progress, &mut |entry| match entry {
        Entry::Bad(bad) => Ok(report.add(&Finding::of_line(entry, Kind::BadLine, bad.error.to_string()))?),
        Entry::Record(record) => {
            let mut add = |kind, message| report.add(&Finding::of_line(entry, kind, message));
            for finding in &record.findings {
                add(kind_of(finding), finding.to_string())?;
            }
            if let Some((kind, message)) = look(&dataset, record, &mut pictures) {
                add(kind, message)?;
            }
            match known.occurrences.of(record.id) {
                0 => {}
                earlier => {
                    let earlier = counted(earlier.into(), "record", "records");
                    add(Kind::RepeatedName, format!("{earlier} before it named {} too", record.file_name))?;
                }
            }
            for lint in known.lint(&dataset, record, &options.rules)? {
                report.add(&Finding {
                    span: lint.span,
                    severity: lint.severity,
                    ..Finding::of_line(entry, Kind::Lint(lint.kind), lint.message)
                })?;
            }
            Ok(())
        }
    })?;
    folder::second_metadata(&dataset, &mut report)?;
    pictures.orphans(&dataset, &mut report)?;

    let (findings, serious) = report.finish();
    let outcome = Outcome { records: dataset.record_count(), findings, serious };
    out.flush()?;
    drop(out);
    progress.end();
    writeln!(errors, "{}", summary(&outcome))?;
    Ok(outcome)
}

/// What has to be known of the whole file before a record can be judged.
struct Known {
    occurrences: Occurrences,
    duplicates: Duplicates,
    near: NearDuplicates,
}

impl Known {
    fn gather(dataset: &Dataset, rules: &Rules, progress: &Progress) -> Result<Self, CheckError> {
        progress.phase("reading", 0);
        // It ends early only where it is told to.
        let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
        let occurrences = survey.map(|survey| survey.occurrences).unwrap_or_default();
        let mut captions = DuplicateIndex::new();
        if rules.is_enabled(LintKind::Duplicate) {
            progress.phase("looking for the same captions", dataset.record_count());
            each_caption(dataset, progress, &mut |record, caption| captions.add(record, caption))?;
        }
        let mut near = NearDuplicates::default();
        if rules.is_enabled(LintKind::NearDuplicate) {
            for pass in NearDuplicatePass::all(dataset.record_count()) {
                progress.phase("looking for nearly the same captions", dataset.record_count());
                let mut index = NearDuplicateIndex::new(pass);
                each_caption(dataset, progress, &mut |record, caption| index.add(record, caption))?;
                index.finish(&mut near, |record| caption(dataset, record))?;
            }
        }
        Ok(Self { occurrences, duplicates: captions.finish(), near })
    }

    /// What is to be said against a record's caption.
    fn lint(&self, dataset: &Dataset, record: &Record, rules: &Rules) -> Result<Vec<lint::Finding>, CheckError> {
        let is_text = !record.findings.iter().any(|finding| matches!(finding, LineFinding::CaptionNotString { .. }));
        if !is_text {
            return Ok(Vec::new());
        }
        let text = record.caption.as_deref().unwrap_or_default();
        let duplicate_of = self.duplicates.other(record.id, text, |other| caption(dataset, other))?;
        // Who has the same caption has been told enough.
        let near_duplicate_of = if duplicate_of.is_none() { self.near.other(record.id) } else { None };
        Ok(lint::lint(text, rules, &lint::Context { stop: None, duplicate_of, near_duplicate_of }))
    }
}

/// The caption of a record, read again.
fn caption(dataset: &Dataset, record: RecordId) -> Result<Option<String>, DatasetError> {
    dataset.entry(record).map(|entry| entry.record().and_then(|record| record.caption.clone()))
}

fn each_caption(
    dataset: &Dataset,
    progress: &Progress,
    visit: &mut dyn FnMut(RecordId, &str),
) -> Result<(), CheckError> {
    each(dataset, progress, &mut |entry| {
        if let Entry::Record(Record { id, caption: Some(caption), .. }) = entry {
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
        progress.one_more();
        result = visit(&entry);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result
}

const fn kind_of(finding: &LineFinding) -> Kind {
    match finding {
        LineFinding::CaptionNotString { .. } => Kind::CaptionNotText,
        LineFinding::CaptionLoneSurrogate => Kind::LoneSurrogate,
        LineFinding::Repeated { .. } => Kind::RepeatedMember,
    }
}

/// Looks at a record's picture: that it is there, and by its headers that it can be shown.
fn look(dataset: &Dataset, record: &Record, pictures: &mut Pictures) -> Option<(Kind, String)> {
    let name = &record.file_name;
    let path = match dataset.picture_path(name) {
        Ok(path) => path,
        Err(refused) => return Some((Kind::RefusedPath, format!("{name}: {refused}"))),
    };
    pictures.named(&path);
    match picture::inspect_file(&path) {
        Ok(_) => None,
        Err(PictureError::Missing) => Some((Kind::MissingPicture, format!("{name} is not there"))),
        Err(why) => Some((Kind::UnreadablePicture, format!("{name}: {why}"))),
    }
}

/// `618 records: 589 too-long, 50 cut-off`, the most frequent first.
fn summary(outcome: &Outcome) -> String {
    let records = counted(outcome.records.into(), "record", "records");
    let mut kinds: Vec<_> = outcome.findings.iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {}", kind.name())).collect();
    format!("{records}: {}", if kinds.is_empty() { "nothing found".to_owned() } else { kinds.join(", ") })
}

#[cfg(test)]
mod tests;
