//! `recaption export PATH --to FORMAT`: the captions as they would be saved now, in another form.
//!
//! - `txt`: a text file for each picture, of its name but ending in `.txt`, with the caption and a line break. They go
//!   beside the pictures, or into a folder, there in the same subfolders.
//! - `csv`: a table with the columns `file_name`, `text`, `decision`, `by`, `flagged`, `note` and `original`.
//! - `jsonl`: the lines of the dataset, each as `recaption save` would write it.
//! - `parquet`: the same as a table, with a column of its own type for each member.
//!
//! The session is only read. Files that are there are replaced only by force, and whether any is there is found out
//! before anything is written. An export can be made again, so only the files' being whole is seen to, not their being
//! on the disk when power fails.

mod parquet;
mod place;
mod sidecars;
mod table;

use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::imagefolder;
use super::input::{self, Input, InputError};
use super::shown::Shown;
use crate::cli::{Format, Side};
use crate::dataset::{Dataset, DatasetError, Entry, Line, Record};
use crate::exit::ExitCode;
use crate::session::{DecisionKind, Ledger, RecordState};
use crate::text::{counted, sanitize};

/// What `export` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// What to export.
    pub input: Input,
    /// In what form.
    pub to: Format,
    /// The file to write, or for [`Format::Txt`] the folder to write into. Absent: standard output, or beside the
    /// pictures.
    pub output: Option<PathBuf>,
    /// Only records with one of these decisions; all but the excluded, if empty.
    pub only: Vec<DecisionKind>,
    /// Only records of one side of a split; all, if absent.
    pub split: Option<Split>,
    /// Replace files that are there.
    pub force: bool,
    /// Standard output is a terminal: what would command it is shown instead.
    pub terminal: bool,
}

/// One side of a random split in two. It goes by the names of pictures alone, so all captions of a picture are on one side,
/// and a picture stays on its side whatever else is in the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Which side.
    pub side: Side,
    /// How many of a hundred pictures are for testing.
    pub test_percent: u8,
    /// The same seed gives the same split.
    pub seed: u64,
}

impl Split {
    fn takes(self, file_name: &str) -> bool {
        let for_testing =
            XxHash3_64::oneshot_with_seed(self.seed, file_name.as_bytes()) % 100 < self.test_percent.into();
        for_testing == (self.side == Side::Test)
    }
}

/// What was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many records.
    pub exported: u64,
    /// How many chosen records had no caption to write a file of.
    pub without_caption: u64,
    /// How many chosen records could not be exported, because their line cannot be read or their path leads out of the
    /// folder.
    pub failed: u64,
}

impl Outcome {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

/// Why the export was not made, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing to export.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A folder is where a file should go, or the other way round.
    #[error("{}: {why}", shown(.path))]
    Target {
        /// What was named.
        path: PathBuf,
        /// What is wrong with it, and what to name instead.
        why: &'static str,
    },
    /// Two records would write one text file.
    #[error("{}: two captions do not fit one file; choose among them with --only, or export to csv or jsonl", sanitize(.message))]
    Shared {
        /// The line of the second record, and whose file it is.
        message: String,
    },
    /// Files are in the way. Nothing was written.
    #[error("{}{}: there already; --force replaces, -o writes elsewhere", shown(.path), and_others(*.others))]
    Exists {
        /// The first of them.
        path: PathBuf,
        /// How many there are besides.
        others: u64,
    },
    /// A file could not be written; those before it are.
    #[error("{}: {source}{}", shown(.path), written_before(*.written))]
    Write {
        /// The file.
        path: PathBuf,
        /// How many were written before it.
        written: u64,
        /// Why it could not be.
        source: io::Error,
    },
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[source] io::Error),
}

impl ExportError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Target { .. } | Self::Shared { .. } => ExitCode::Usage,
            Self::Exists { .. } | Self::Write { .. } | Self::Output(_) => ExitCode::Write,
        }
    }
}

impl From<DatasetError> for ExportError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

/// A path as it can be printed: part of it may be the dataset's.
fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy()).into_owned()
}

fn and_others(others: u64) -> String {
    if others == 0 { String::new() } else { format!(" and {}", counted(others, "other file", "other files")) }
}

fn written_before(written: u64) -> String {
    if written == 0 { String::new() } else { format!(" ({} written before it)", counted(written, "file", "files")) }
}

/// Exports. `out` is standard output and gets the table, or one line of what was written; `errors` what else there is
/// to know.
///
/// # Errors
/// When nothing can be exported, or writing failed.
pub fn run(options: &ExportOptions, out: &mut dyn Write, errors: &mut dyn Write) -> Result<Outcome, ExportError> {
    let (dataset, location) = options.input.open()?;
    let opened = input::look(&dataset, &location)?;
    input::report(&opened, &location, errors).map_err(ExportError::Output)?;
    let source = Source { dataset: &dataset, ledger: &opened.ledger, only: &options.only, split: options.split };

    let outcome = match (options.to, &options.output) {
        (Format::Txt, folder) => {
            let (outcome, place) = sidecars::write(&source, folder.as_deref(), options.force, errors)?;
            say(&place, &counted(outcome.exported, "text file", "text files"), out).map_err(ExportError::Output)?;
            outcome
        }
        (format, Some(path)) => {
            check_file(path, &dataset, options.force)?;
            let mut outcome = Outcome::default();
            place::put(path, options.force, &mut |file| {
                outcome = match format {
                    Format::Parquet => parquet::write(&source, file)?,
                    _ => table::write(&source, format, file)?,
                };
                Ok(())
            })?;
            say(path, &counted(outcome.exported, "record", "records"), out).map_err(ExportError::Output)?;
            if let Some(warning) = imagefolder::warning(path) {
                writeln!(errors, "{warning}").map_err(ExportError::Output)?;
            }
            outcome
        }
        (Format::Parquet, None) => return Err(parquet::needs_a_file()),
        (format, None) => {
            let written = if options.terminal {
                table::write(&source, format, &mut Shown::new(out))
            } else {
                table::write(&source, format, &mut BufWriter::new(out))
            };
            written.map_err(|stopped| stopped.at(ExportError::Output))?
        }
    };
    note(outcome, errors).map_err(ExportError::Output)?;
    Ok(outcome)
}

/// Says what was written where.
fn say(place: &Path, what: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {what}", shown(place))?;
    out.flush()
}

/// Says what was left out.
fn note(outcome: Outcome, errors: &mut dyn Write) -> io::Result<()> {
    if outcome.without_caption > 0 {
        writeln!(
            errors,
            "{} without a caption, so without a file",
            counted(outcome.without_caption, "record", "records")
        )?;
    }
    if outcome.failed > 0 {
        let failed = counted(outcome.failed, "record", "records");
        writeln!(errors, "{failed} could not be exported (recaption check names them)")?;
    }
    Ok(())
}

/// Refuses a file that must not be replaced.
fn check_file(path: &Path, dataset: &Dataset, force: bool) -> Result<(), ExportError> {
    if path.is_dir() {
        return Err(ExportError::Target { path: path.to_owned(), why: "a folder; name a file with -o" });
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

/// A record to export.
struct Chosen<'a> {
    line: &'a Line<'a>,
    record: Record,
    state: &'a RecordState,
}

impl Chosen<'_> {
    /// The caption that would be saved now.
    fn caption(&self) -> Option<&str> {
        self.state.current_caption(self.record.caption.as_deref())
    }
}

/// Why going through the records ended early.
enum Stopped {
    /// Not by writing.
    Reading(ExportError),
    /// By writing.
    Writing(io::Error),
}

impl Stopped {
    /// The error, with what is to be said where writing failed.
    fn at(self, writing: impl FnOnce(io::Error) -> ExportError) -> ExportError {
        match self {
            Self::Reading(error) => error,
            Self::Writing(error) => writing(error),
        }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Writing(error)
    }
}

impl Source<'_> {
    /// Visits the chosen records in file order; gives how many chosen lines are no records.
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

impl From<ExportError> for Stopped {
    fn from(error: ExportError) -> Self {
        Self::Reading(error)
    }
}

#[cfg(test)]
mod tests;
