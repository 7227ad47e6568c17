//! Findings of `check`, printed as text or JSON.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use serde::Serialize;

use crate::console::Console;
use crate::dataset::{Dataset, Entry, RecordId};
use crate::lint::{LintKind, Severity};
use crate::text::counted;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A line that is not a record.
    BadLine,
    /// A caption that is not a string.
    CaptionNotText,
    /// A caption with half of a surrogate pair.
    LoneSurrogate,
    /// A field that occurs twice in one record.
    RepeatedMember,
    /// `NaN` or `Infinity`, which are not JSON.
    NotANumber,
    /// An image path that leads out of the dataset's folder, or not to a file.
    RefusedPath,
    MissingPicture,
    /// An image whose file is named differently: with another separator or Unicode normalization.
    OtherSpelling,
    /// An image that exists but cannot be decoded.
    UnreadablePicture,
    /// An image that an earlier record has too.
    RepeatedName,
    /// A finding in the caption.
    Lint(LintKind),
    /// A second file that Hugging Face's loader reads as metadata.
    SecondMetadata,
    /// An image without a record.
    OrphanedPicture,
    /// Files in a folder of images that are not in the dataset.
    LeftOut,
}

impl Kind {
    /// Returns the name used in output. Names are stable across versions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadLine => "bad-line",
            Self::CaptionNotText => "caption-not-text",
            Self::LoneSurrogate => "lone-surrogate",
            Self::RepeatedMember => "repeated-member",
            Self::NotANumber => "nan",
            Self::RefusedPath => "refused-path",
            Self::MissingPicture => "missing-picture",
            Self::OtherSpelling => "other-spelling",
            Self::UnreadablePicture => "unreadable-picture",
            Self::RepeatedName => "repeated-name",
            Self::Lint(lint) => lint.name(),
            Self::SecondMetadata => "second-metadata",
            Self::OrphanedPicture => "orphaned-picture",
            Self::LeftOut => "left-out",
        }
    }
}

pub(super) struct Finding<'a> {
    pub(super) place: Place<'a>,
    pub(super) kind: Kind,
    pub(super) severity: Severity,
    /// Not sanitised: it may quote the dataset.
    pub(super) message: String,
    /// Range in the caption, in bytes.
    pub(super) span: Option<Range<usize>>,
    /// What it has in common with others, and the way out: findings of a cause that affects most records are printed once.
    pub(super) cause: Option<String>,
}

pub(super) enum Place<'a> {
    /// A line of the dataset.
    Line(&'a Entry),
    /// Another file, relative to the dataset's folder.
    File(String),
}

impl<'a> Finding<'a> {
    pub(super) fn of_line(entry: &'a Entry, kind: Kind, message: String) -> Self {
        Self { place: Place::Line(entry), kind, severity: Severity::Error, message, span: None, cause: None }
    }

    pub(super) fn because(self, cause: String) -> Self {
        Self { cause: Some(cause), ..self }
    }

    pub(super) fn of_file(file: String, kind: Kind, message: String) -> Finding<'static> {
        Finding { place: Place::File(file), kind, severity: Severity::Error, message, span: None, cause: None }
    }
}

/// The JSON object of a finding.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: Option<u64>,
    record: Option<u64>,
    file_name: Option<&'a str>,
    lint: &'static str,
    severity: &'static str,
    message: &'a str,
    span: Option<(usize, usize)>,
}

/// Records whose findings show which causes are common.
const SAMPLE: u64 = 1_000;
/// The smallest number of findings printed as one.
const COMMON: u64 = 4;

/// Prints and counts findings.
pub(super) struct Report<'a, 'out> {
    dataset: &'a Dataset,
    file: String,
    json: bool,
    out: &'a mut Console<'out>,
    counts: BTreeMap<Kind, u64>,
    serious: u64,
    records: u64,
    causes: BTreeMap<CauseKey, Cause>,
    /// The lines of the first records, until it is known which causes affect most of them.
    held: Option<Vec<(String, Option<CauseKey>)>>,
}

/// A kind of finding, and its [`Finding::cause`].
type CauseKey = (Kind, String);

/// A cause that several findings may have.
#[derive(Default)]
struct Cause {
    count: u64,
    first_line: u64,
    /// Its findings are counted and not printed.
    is_common: bool,
}

impl<'a, 'out> Report<'a, 'out> {
    pub(super) fn new(dataset: &'a Dataset, json: bool, out: &'a mut Console<'out>) -> Self {
        let file = if dataset.path() == dataset.folder() {
            dataset.name().to_owned()
        } else {
            let path = dataset.path();
            path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
        };
        Self {
            dataset,
            file,
            json,
            out,
            counts: BTreeMap::new(),
            serious: 0,
            records: 0,
            causes: BTreeMap::new(),
            held: Some(Vec::new()),
        }
    }

    fn count(&mut self, finding: &Finding<'_>) {
        *self.counts.entry(finding.kind).or_default() += 1;
        self.serious += u64::from(finding.severity >= Severity::Warn);
    }

    pub(super) fn add(&mut self, finding: &Finding<'_>) -> io::Result<()> {
        self.count(finding);
        if self.json {
            return self.out.json(&row(&self.file, finding));
        }
        let cause = finding.cause.clone().map(|cause| (finding.kind, cause));
        if let (Some(key), Place::Line(entry)) = (&cause, &finding.place) {
            let cause = self.causes.entry(key.clone()).or_default();
            cause.count += 1;
            if cause.count == 1 {
                cause.first_line = entry.line();
            }
            if cause.is_common {
                return Ok(());
            }
        }
        let line = self.line(finding);
        match &mut self.held {
            Some(held) => held.push((line, cause)),
            None => self.out.message(line)?,
        }
        Ok(())
    }

    /// Adds a finding in a caption that the records `same` share, if there are several. As text, it is printed with the first
    /// of them.
    pub(super) fn add_of_caption(&mut self, finding: Finding<'_>, same: &[RecordId]) -> io::Result<()> {
        if self.json || same.is_empty() {
            return self.add(&finding);
        }
        let Place::Line(entry) = finding.place else { return self.add(&finding) };
        if same[0] != entry.id() {
            self.count(&finding);
            return Ok(());
        }
        let is_group = finding.kind == Kind::Lint(LintKind::Duplicate) && same.len() > 2;
        let message = if is_group { same_captions(same) } else { finding.message };
        self.add(&Finding { message, ..finding })
    }

    /// Counts a record, before its findings.
    pub(super) fn next_record(&mut self) -> io::Result<()> {
        if self.records == SAMPLE {
            self.release()?;
        }
        self.records += 1;
        Ok(())
    }

    /// Prints the lines held back, without those of common causes.
    fn release(&mut self) -> io::Result<()> {
        let Some(held) = self.held.take() else { return Ok(()) };
        for cause in self.causes.values_mut() {
            cause.is_common = cause.count >= COMMON && cause.count * 2 > self.records;
        }
        for (line, cause) in held {
            if !cause.is_some_and(|cause| self.causes.get(&cause).is_some_and(|cause| cause.is_common)) {
                self.out.message(line)?;
            }
        }
        Ok(())
    }

    /// Prints each common cause once.
    pub(super) fn end_of_records(&mut self) -> io::Result<()> {
        self.release()?;
        for ((kind, text), Cause { count, first_line, .. }) in self.causes.iter().filter(|(_, cause)| cause.is_common) {
            let of = counted(self.records, "record", "records");
            let message = format_args!("{}: {count} of {of}: {text}", kind.name());
            self.out.message(self.dataset.message(*first_line, &message))?;
        }
        Ok(())
    }

    /// Returns the number of findings by kind, and the number of warnings and errors among them.
    pub(super) fn finish(self) -> (BTreeMap<Kind, u64>, u64) {
        (self.counts, self.serious)
    }

    fn line(&self, finding: &Finding<'_>) -> String {
        let text = format_args!("{}: {}", finding.kind.name(), finding.message);
        match &finding.place {
            Place::Line(entry) => self.dataset.message(entry.line(), &text),
            Place::File(file) => format!("{file}: {text}"),
        }
    }
}

/// The number of records that a message names.
const NAMED: usize = 5;

/// Formats the other records with a caption: `same caption as 7 other records: 2, 3, 5, 9, 11, …`.
fn same_captions(same: &[RecordId]) -> String {
    let others = &same[1..];
    let mut named: Vec<String> = others.iter().take(NAMED).map(|other| (other.index() + 1).to_string()).collect();
    named.extend((others.len() > NAMED).then(|| "…".to_owned()));
    format!("same caption as {} other records: {}", others.len(), named.join(", "))
}

fn row<'a>(dataset: &'a str, finding: &'a Finding<'_>) -> Row<'a> {
    let span = finding.span.as_ref().map(|span| (span.start, span.end));
    let (lint, message) = (finding.kind.name(), finding.message.as_str());
    let severity = finding.severity.name();
    match &finding.place {
        Place::Line(entry) => Row {
            file: dataset,
            line: Some(entry.line()),
            record: Some(u64::from(entry.id().0) + 1),
            file_name: entry.record().map(|record| record.file_name.as_str()),
            lint,
            severity,
            message,
            span,
        },
        Place::File(file) => Row { file, line: None, record: None, file_name: None, lint, severity, message, span },
    }
}
