//! `recaption export PATH --to FORMAT`: writes the current captions in another format.
//!
//! - `txt`: a text file for each image, with the same name but the extension `.txt`, that contains the caption and a line
//!   feed. Files are written beside the images, or with the same subfolders into another folder.
//! - `csv`: a table with the columns `file_name`, `text`, `decision`, `by`, `flagged`, `note` and `original`.
//! - `jsonl`: the lines of the dataset, as `recaption save` would write them.
//! - `parquet`: the same as a table, with a typed column for each field.
//!
//! The session is only read. Existing files are overwritten only by force; this is checked before anything is written.

mod parquet;
mod place;
mod sidecars;
mod table;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::imagefolder;
use super::input::{self, Input, InputError};
use crate::atomic_file::{self, WriteError, WriteWarning};
use crate::cli::{Format, Side};
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, Entry, Line, Record};
use crate::exit::ExitCode;
use crate::session::{DecisionKind, Ledger, RecordState};
use crate::text::counted;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    pub input: Input,
    pub to: Format,
    /// The file to write, or for [`Format::Txt`] the folder. By default standard output, or beside the images.
    pub output: Option<PathBuf>,
    /// Only records with one of these decisions. If empty, all records that are not excluded.
    pub only: Vec<DecisionKind>,
    /// Only records on one side of a split.
    pub split: Option<Split>,
    /// Overwrite existing files.
    pub force: bool,
}

/// One side of a random train/test split. It depends on file names only, so all captions of an image are on one side, and an
/// image stays on its side when the dataset changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    pub side: Side,
    /// Percentage of images on the test side.
    pub test_percent: u8,
    pub seed: u64,
}

impl Split {
    fn takes(self, file_name: &str) -> bool {
        let for_testing =
            XxHash3_64::oneshot_with_seed(self.seed, file_name.as_bytes()) % 100 < self.test_percent.into();
        for_testing == (self.side == Side::Test)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Number of exported records.
    pub exported: u64,
    /// Number of selected records without a caption, for which no text file was written.
    pub without_caption: u64,
    /// Number of selected records that could not be exported: the line cannot be parsed, or the path leads out of the folder.
    pub failed: u64,
}

impl Outcome {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Input(#[from] InputError),
    /// A folder instead of a file, or the other way round.
    #[error("{}: {why}", .path.display())]
    Target { path: PathBuf, why: &'static str },
    /// Two records have the same text file.
    #[error("{message}: two captions in one file; select one with --only, or export to csv or jsonl")]
    Shared { message: String },
    /// Files exist. Nothing was written.
    #[error("{}{}: already exists; --force overwrites, -o writes elsewhere", .path.display(), and_others(*.others))]
    Exists { path: PathBuf, others: u64 },
    /// A file could not be written. `written` files were written before it.
    #[error("{}: {source}{}", .path.display(), written_before(*.written))]
    Write { path: PathBuf, written: u64, source: WriteError },
    /// Standard output or standard error is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[source] WriteError),
}

impl ExportError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Target { .. } | Self::Shared { .. } => ExitCode::Usage,
            Self::Exists { .. } | Self::Write { .. } | Self::Output(_) => ExitCode::Write,
        }
    }
}

impl ExportError {
    fn output(source: io::Error) -> Self {
        Self::Output(source.into())
    }
}

impl From<DatasetError> for ExportError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

fn and_others(others: u64) -> String {
    if others == 0 { String::new() } else { format!(" and {}", counted(others, "other file", "other files")) }
}

fn written_before(written: u64) -> String {
    if written == 0 { String::new() } else { format!(" ({} written before it)", counted(written, "file", "files")) }
}

/// Exports captions. Prints the data or a summary to `out`, and notes to `errors`.
///
/// # Errors
/// Returns an error if nothing can be exported, or if a file cannot be written.
pub fn run(options: &ExportOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<Outcome, ExportError> {
    let (dataset, location) = options.input.open()?;
    let opened = input::read_session(&dataset, &location)?;
    input::report(&opened, &location, errors).map_err(ExportError::output)?;
    let source = Source { dataset: &dataset, ledger: &opened.ledger, only: &options.only, split: options.split };

    let outcome = match (options.to, &options.output) {
        (Format::Txt, folder) => {
            let (outcome, place) = sidecars::write(&source, folder.as_deref(), options.force, errors)?;
            summarise(&place, &counted(outcome.exported, "text file", "text files"), out)
                .map_err(ExportError::output)?;
            outcome
        }
        (format, Some(path)) => {
            check_file(path, &dataset, options.force)?;
            let mut outcome = Outcome::default();
            let warnings = atomic_file::write(path, options.force, &mut |file| {
                outcome = match format {
                    Format::Parquet => parquet::write(&source, file)?,
                    _ => table::write(&source, format, file)?,
                };
                Ok(())
            });
            let warnings = warnings.map_err(|stopped: Stopped| stopped.at(|error| place::failed(path, error)))?;
            warn(&warnings, errors)?;
            summarise(path, &counted(outcome.exported, "record", "records"), out).map_err(ExportError::output)?;
            if let Some(warning) = imagefolder::warning(path) {
                errors.message(warning).map_err(ExportError::output)?;
            }
            outcome
        }
        (Format::Parquet, None) => return Err(parquet::needs_a_file()),
        (format, None) => {
            let mut out = out.data_stream().map_err(ExportError::output)?;
            table::write(&source, format, &mut *out).map_err(|stopped| stopped.at(ExportError::Output))?
        }
    };
    note(outcome, errors).map_err(ExportError::output)?;
    Ok(outcome)
}

fn warn(warnings: &[WriteWarning], errors: &mut Console<'_>) -> Result<(), ExportError> {
    warnings.iter().try_for_each(|warning| errors.message(warning)).map_err(ExportError::output)
}

fn summarise(path: &Path, written: &str, out: &mut Console<'_>) -> io::Result<()> {
    out.message(format_args!("{}: {written}", path.display()))?;
    out.flush()
}

/// Prints the number of records that were not exported.
fn note(outcome: Outcome, errors: &mut Console<'_>) -> io::Result<()> {
    if outcome.without_caption > 0 {
        writeln!(
            errors,
            "{} without a caption: no file written",
            counted(outcome.without_caption, "record", "records")
        )?;
    }
    if outcome.failed > 0 {
        let failed = counted(outcome.failed, "record", "records");
        writeln!(errors, "{failed} could not be exported; `recaption check` lists them")?;
    }
    Ok(())
}

/// Checks that a file may be written, before anything is.
fn check_file(path: &Path, dataset: &Dataset, force: bool) -> Result<(), ExportError> {
    if path.is_dir() {
        return Err(ExportError::Target { path: path.to_owned(), why: "this is a folder; name a file with -o" });
    }
    place::check(path, dataset.path(), force)
}

/// The records to export.
struct Source<'a> {
    dataset: &'a Dataset,
    ledger: &'a Ledger,
    only: &'a [DecisionKind],
    split: Option<Split>,
}

struct Chosen<'a> {
    line: &'a Line<'a>,
    record: Record,
    state: &'a RecordState,
}

impl Chosen<'_> {
    fn caption(&self) -> Option<&str> {
        self.state.current_caption(self.record.caption.text())
    }
}

/// Why an iteration over the records ended early.
enum Stopped {
    Reading(ExportError),
    Writing(WriteError),
}

impl Stopped {
    /// Converts the error. `writing` is called for a write error.
    fn at(self, writing: impl FnOnce(WriteError) -> ExportError) -> ExportError {
        match self {
            Self::Reading(error) => error,
            Self::Writing(error) => writing(error),
        }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Writing(error.into())
    }
}

impl Source<'_> {
    /// Visits the selected records in file order. Returns the number of selected lines that cannot be parsed.
    fn each<E: From<ExportError>>(&self, visit: &mut dyn FnMut(&Chosen<'_>) -> Result<(), E>) -> Result<u64, E> {
        let mut bad = 0;
        let mut result = Ok(());
        let scanned = self.dataset.scan_lines(&mut |line| {
            let entry = line.entry();
            let state = self.ledger.record(entry.id());
            match entry {
                _ if !self.takes(state.decision.kind()) => {}
                Entry::Bad(_) => bad += 1,
                Entry::Record(record) if self.split.is_some_and(|split| !split.takes(&record.file_name)) => {}
                Entry::Record(record) => result = visit(&Chosen { line, record, state }),
            }
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        scanned.map_err(ExportError::from)?;
        result.map(|()| bad)
    }

    fn takes(&self, kind: DecisionKind) -> bool {
        if self.only.is_empty() { kind != DecisionKind::Excluded } else { self.only.contains(&kind) }
    }
}

impl From<WriteError> for Stopped {
    fn from(error: WriteError) -> Self {
        Self::Writing(error)
    }
}

impl From<ExportError> for Stopped {
    fn from(error: ExportError) -> Self {
        Self::Reading(error)
    }
}

#[cfg(test)]
mod tests;
