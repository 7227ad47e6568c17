//! Findings, and how they are printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use serde::Serialize;

use crate::dataset::{Dataset, Entry};
use crate::lint::{LintKind, Severity};
use crate::text::{hidden_characters, sanitize};

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A line that is no record.
    BadLine,
    /// A caption that is a number, a list…
    CaptionNotText,
    /// A caption with half a character in it.
    LoneSurrogate,
    /// A member that a line has twice.
    RepeatedMember,
    /// A picture's path that leads out of the dataset's folder, or to no file.
    RefusedPath,
    /// A picture that is not there.
    MissingPicture,
    /// A picture that is there and cannot be shown.
    UnreadablePicture,
    /// A picture that an earlier record named.
    RepeatedName,
    /// Something about the caption.
    Lint(LintKind),
    /// A second file that Hugging Face's loader takes for metadata.
    SecondMetadata,
    /// A picture that no record names.
    OrphanedPicture,
}

impl Kind {
    /// The name in output. These do not change from one version to the next.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadLine => "bad-line",
            Self::CaptionNotText => "caption-not-text",
            Self::LoneSurrogate => "lone-surrogate",
            Self::RepeatedMember => "repeated-member",
            Self::RefusedPath => "refused-path",
            Self::MissingPicture => "missing-picture",
            Self::UnreadablePicture => "unreadable-picture",
            Self::RepeatedName => "repeated-name",
            Self::Lint(lint) => lint.name(),
            Self::SecondMetadata => "second-metadata",
            Self::OrphanedPicture => "orphaned-picture",
        }
    }
}

/// One thing that was found.
pub(super) struct Finding<'a> {
    pub(super) place: Place<'a>,
    pub(super) kind: Kind,
    pub(super) severity: Severity,
    /// What is wrong. It may hold what the dataset says, control characters and all.
    pub(super) message: String,
    /// The part of the caption it is about, in bytes.
    pub(super) span: Option<Range<usize>>,
}

/// Where it was found.
pub(super) enum Place<'a> {
    /// In a line of the dataset.
    Line(&'a Entry),
    /// In another file, as seen from the dataset's folder.
    File(String),
}

impl<'a> Finding<'a> {
    pub(super) fn of_line(entry: &'a Entry, kind: Kind, message: String) -> Self {
        Self { place: Place::Line(entry), kind, severity: Severity::Error, message, span: None }
    }

    pub(super) fn of_file(file: String, kind: Kind, message: String) -> Finding<'static> {
        Finding { place: Place::File(file), kind, severity: Severity::Error, message, span: None }
    }
}

/// A finding as JSON has it.
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

/// Prints findings as they come, and counts them.
pub(super) struct Report<'a> {
    dataset: &'a Dataset,
    file: String,
    json: bool,
    out: &'a mut dyn Write,
    counts: BTreeMap<Kind, u64>,
    serious: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(dataset: &'a Dataset, json: bool, out: &'a mut dyn Write) -> Self {
        let path = dataset.path();
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Self { dataset, file, json, out, counts: BTreeMap::new(), serious: 0 }
    }

    pub(super) fn add(&mut self, finding: &Finding<'_>) -> io::Result<()> {
        *self.counts.entry(finding.kind).or_default() += 1;
        self.serious += u64::from(finding.severity >= Severity::Warn);
        let line = if self.json { self.row(finding)? } else { self.line(finding) };
        writeln!(self.out, "{line}")
    }

    /// How many of each kind there were, and how many want a look.
    pub(super) fn finish(self) -> (BTreeMap<Kind, u64>, u64) {
        (self.counts, self.serious)
    }

    fn line(&self, finding: &Finding<'_>) -> String {
        let what = format_args!("{}: {}", finding.kind.name(), finding.message);
        let line = match &finding.place {
            Place::Line(entry) => self.dataset.message(entry.line(), &what),
            Place::File(file) => format!("{file}: {what}"),
        };
        sanitize(&line).into_owned()
    }

    fn row(&self, finding: &Finding<'_>) -> io::Result<String> {
        let span = finding.span.as_ref().map(|span| (span.start, span.end));
        let (lint, message) = (finding.kind.name(), finding.message.as_str());
        let severity = finding.severity.name();
        let row = match &finding.place {
            Place::Line(entry) => Row {
                file: &self.file,
                line: Some(entry.line()),
                record: Some(u64::from(entry.id().0) + 1),
                file_name: entry.record().map(|record| record.file_name.as_str()),
                lint,
                severity,
                message,
                span,
            },
            Place::File(file) => Row { file, line: None, record: None, file_name: None, lint, severity, message, span },
        };
        Ok(escaped(&serde_json::to_string(&row)?))
    }
}

/// The same JSON with every character that does not show, or commands a terminal, as its number: all such characters
/// are within strings, where that means the same.
fn escaped(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    let mut copied = 0;
    for (at, character) in hidden_characters(json) {
        safe.push_str(&json[copied..at]);
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(safe, "\\u{unit:04x}").expect("a String takes all there is memory for");
        }
        copied = at + character.len_utf8();
    }
    safe.push_str(&json[copied..]);
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn escaping_changes_how_json_is_written_and_not_what_it_says(
            text in prop_oneof![any::<String>(), "[a\"\\\\\u{7f}\u{9b}\u{202e}\u{200d}\u{e0041}👩]{0,12}"],
        ) {
            let json = escaped(&serde_json::to_string(&text).unwrap());
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            prop_assert_eq!(hidden_characters(&json).next(), None);
        }
    }
}
