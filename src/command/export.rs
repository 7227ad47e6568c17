//! `recaption export PATH --to FORMAT`: writes the current captions in another format.
//!
//! - `txt`: a text file for each image, with the same name but another extension, that contains the caption and a line
//!   feed. Files are written beside the images, or with the same subfolders into another folder.
//! - `csv`: a table with the columns `file_name`, `text`, `decision`, `by`, `flagged`, `note` and `original`.
//! - `jsonl`: the lines of the dataset, as `recaption save` would write them.
//! - `parquet`: the same as a table, with a typed column for each field.
//!
//! The session is only read. Existing files are overwritten only by force; this is checked before anything is written.
//! Every export ends with counts that add up: records read = exported + left out, by reason.

mod first_rows;
mod outcome;
mod parquet;
mod place;
mod sidecars;
mod split;
mod table;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::imagefolder;
use super::input::{self, Input, InputError};
use super::parquet_schema::{self, SchemaError};
use crate::atomic_file::{self, WriteError, WriteWarning};
use crate::cli::Format;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, Line, LineFinding, Record};
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::session::{DecisionKind, Ledger, RecordState};
use crate::text::counted;

use outcome::LeftOut;
pub use outcome::Outcome;
pub use split::Split;

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
    /// Extension of text files. By default that of the file that exists, else `txt`.
    pub extension: Option<String>,
    /// Put an apostrophe before cells of a CSV file that spreadsheets would run as formulas.
    pub safe_csv: bool,
    /// Overwrite existing files.
    pub force: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Input(#[from] InputError),
    /// The types of the imported table cannot be read.
    #[error(transparent)]
    Schema(Box<SchemaError>),
    /// A folder instead of a file, or the other way round.
    #[error("{}: {why}", .path.display())]
    Target { path: PathBuf, why: &'static str },
    /// An output would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    /// Text files would be written outside of the folder, through a link in it.
    #[error(
        "through a link out of the folder: {files}; -o writes to another folder, and --images names that of the images"
    )]
    LeadsOut { files: String },
    /// Two records have the same text file.
    #[error("{message}: two captions in one file; select one with --only, or export to csv or jsonl")]
    Shared { message: String },
    /// The extension of text files is unusable.
    #[error("--ext {extension}: {why}")]
    Extension { extension: String, why: &'static str },
    /// Files exist. Nothing was written.
    #[error("{}; --force overwrites, -o writes elsewhere", existing(.path, *.others))]
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
            Self::Input(_) | Self::Schema(_) | Self::Target { .. } | Self::Shared { .. } | Self::Extension { .. } => {
                ExitCode::Usage
            }
            Self::IsInput(_) | Self::LeadsOut { .. } | Self::Exists { .. } | Self::Write { .. } | Self::Output(_) => {
                ExitCode::Write
            }
        }
    }
}

impl ExportError {
    fn output(source: io::Error) -> Self {
        Self::Output(source.into())
    }
}

impl From<SchemaError> for ExportError {
    fn from(error: SchemaError) -> Self {
        Self::Schema(error.into())
    }
}

impl From<DatasetError> for ExportError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

/// Returns what [`ExportError::Exists`] is about: `a.csv and 2 other files: already exists`.
pub(super) fn existing(path: &Path, others: u64) -> String {
    let others =
        if others == 0 { String::new() } else { format!(" and {}", counted(others, "other file", "other files")) };
    format!("{}{others}: already exists", path.display())
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
    let source = Source {
        dataset: &dataset,
        ledger: &opened.ledger,
        images: options.input.reading.images.as_deref().unwrap_or(dataset.folder()),
        only: &options.only,
        split: options.split,
        inputs: &Inputs::of(&dataset, &location),
    };

    let outcome = match (options.to, &options.output) {
        (Format::Txt, folder) => {
            let sidecars = sidecars::Sidecars {
                source: &source,
                folder: folder.as_deref(),
                extension: options.extension.as_deref(),
                force: options.force,
            };
            let outcome = sidecars.write(errors)?;
            let place = folder.as_deref().unwrap_or(source.images);
            summarise(place, &counted(outcome.exported, "text file", "text files"), out)
                .map_err(ExportError::output)?;
            outcome
        }
        (format, Some(path)) => {
            check_file(path, source.inputs, options.force)?;
            let imported = if format == Format::Parquet { parquet_schema::load(dataset.path())? } else { None };
            let mut outcome = Outcome::default();
            let mut notes = Vec::new();
            let warnings = atomic_file::write(path, options.force, &mut |file| {
                outcome = match format {
                    Format::Parquet => parquet::write(&source, imported.clone().unwrap_or_default(), file, &mut notes)?,
                    _ => table::write(&source, format, options.safe_csv, file, &mut notes)?,
                };
                Ok(())
            });
            let warnings = warnings.map_err(|stopped: Stopped| stopped.at(|error| place::failed(path, error)))?;
            warn(&warnings, errors)?;
            summarise(path, &counted(outcome.exported, "record", "records"), out).map_err(ExportError::output)?;
            if let Some(warning) = imagefolder::warning(path) {
                errors.message(warning).map_err(ExportError::output)?;
            }
            report(&notes, errors)?;
            outcome
        }
        (Format::Parquet, None) => return Err(parquet::needs_a_file()),
        (format, None) => {
            let mut out = out.data_stream().map_err(ExportError::output)?;
            let mut notes = Vec::new();
            let written = table::write(&source, format, options.safe_csv, &mut *out, &mut notes);
            let outcome = written.map_err(|stopped| stopped.at(ExportError::Output))?;
            report(&notes, errors)?;
            outcome
        }
    };
    errors.message(outcome).map_err(ExportError::output)?;
    Ok(outcome)
}

fn report(notes: &[String], errors: &mut Console<'_>) -> Result<(), ExportError> {
    notes.iter().try_for_each(|note| errors.message(note)).map_err(ExportError::output)
}

fn warn(warnings: &[WriteWarning], errors: &mut Console<'_>) -> Result<(), ExportError> {
    warnings.iter().try_for_each(|warning| errors.message(warning)).map_err(ExportError::output)
}

fn summarise(path: &Path, written: &str, out: &mut Console<'_>) -> io::Result<()> {
    out.message(format_args!("{}: {written}", path.display()))?;
    out.flush()
}

/// Checks that a file may be written, before anything is.
fn check_file(path: &Path, inputs: &Inputs, force: bool) -> Result<(), ExportError> {
    if path.is_dir() {
        return Err(ExportError::Target { path: path.to_owned(), why: "this is a folder; name a file with -o" });
    }
    inputs.check(path)?;
    place::check(path, force)
}

/// The records to export.
struct Source<'a> {
    dataset: &'a Dataset,
    ledger: &'a Ledger,
    /// The folder of the images.
    images: &'a Path,
    only: &'a [DecisionKind],
    split: Option<Split>,
    inputs: &'a Inputs,
}

struct Chosen<'a> {
    line: &'a Line<'a>,
    record: &'a Record,
    state: &'a RecordState,
}

/// A caption as it would be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CaptionValue<'a> {
    Missing,
    Text(&'a str),
    /// A list, an object, a number or a boolean, as in the dataset.
    Json(&'a str),
}

impl<'a> CaptionValue<'a> {
    /// Returns the caption for a table of texts: JSON if it is not a string.
    const fn cell(self) -> &'a str {
        match self {
            Self::Missing => "",
            Self::Text(text) | Self::Json(text) => text,
        }
    }
}

impl Chosen<'_> {
    fn caption(&self) -> CaptionValue<'_> {
        self.or_json(self.state.current_caption(self.record.caption.text()))
    }

    fn original(&self) -> CaptionValue<'_> {
        self.or_json(self.state.original_caption(self.record.caption.text()))
    }

    /// Returns true if the caption in the dataset contains half of a surrogate pair, which no text can contain.
    fn has_lone_surrogate(&self) -> bool {
        self.state.own_text().is_none() && self.record.findings.contains(&LineFinding::CaptionLoneSurrogate)
    }

    fn or_json<'a>(&'a self, text: Option<&'a str>) -> CaptionValue<'a> {
        let json = || self.record.caption.other().map(|other| CaptionValue::Json(&other.json));
        text.map(CaptionValue::Text).or_else(json).unwrap_or(CaptionValue::Missing)
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

/// Called with each record, selected or not. Returns false to stop.
type Visit<'a, E> = dyn FnMut(Result<&Chosen<'_>, &Record>) -> Result<bool, E> + 'a;

impl Source<'_> {
    /// Visits the selected records in file order. Returns the counts, with all selected records as exported.
    fn each<E: From<ExportError>>(&self, visit: &mut dyn FnMut(&Chosen<'_>) -> Result<(), E>) -> Result<Outcome, E> {
        self.scan(&mut |record| record.map_or(Ok(()), &mut *visit).map(|()| true))
    }

    /// Visits all records in file order until `visit` returns false. Those that are not selected are the errors.
    fn scan<E: From<ExportError>>(&self, visit: &mut Visit<'_, E>) -> Result<Outcome, E> {
        let mut outcome = Outcome::default();
        let mut result = Ok(true);
        let scanned = self.dataset.scan_lines(&mut |line| {
            let entry = line.entry();
            let state = self.ledger.record(entry.id());
            outcome.read += 1;
            match (self.left_out(state.decision.kind(), entry.record()), entry.record()) {
                (None, Some(record)) => {
                    outcome.exported += 1;
                    result = visit(Ok(&Chosen { line, record, state }));
                }
                (reason, record) => {
                    outcome.leave_out(reason.unwrap_or(LeftOut::Unreadable));
                    result = record.map_or(Ok(true), |record| visit(Err(record)));
                }
            }
            if matches!(result, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        scanned.map_err(ExportError::from)?;
        result.map(|_| outcome)
    }

    /// Returns why a record is not selected.
    fn left_out(&self, kind: DecisionKind, record: Option<&Record>) -> Option<LeftOut> {
        if self.only.is_empty() && kind == DecisionKind::Excluded {
            return Some(LeftOut::Excluded);
        }
        if !self.only.is_empty() && !self.only.contains(&kind) {
            return Some(LeftOut::OtherDecision);
        }
        let split = self.split?;
        record.filter(|record| !split.takes(&record.file_name)).map(|_| LeftOut::OtherSide)
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
