//! `recaption init`: creates a dataset from a folder of images with text files beside them, a table, or a list of images.
//!
//! Existing files are never overwritten.

mod folder;
mod list;
mod parquet;
mod report;
mod table;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::imagefolder;
use super::parquet_schema::{self, SchemaError};
use crate::atomic_file::{Replacement, WriteError};
use crate::console::Console;
use crate::dataset::columns::Renames;
use crate::exit::ExitCode;
use crate::text::counted;
use report::Report;

/// The field with the image path of a record.
const FILE_NAME: &str = "file_name";
const STANDARD_INPUT: &str = "standard input";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitOptions {
    pub source: InitSource,
    /// The dataset to write; by default `metadata.jsonl` in the folder, or a file with the name of the table.
    pub output: Option<PathBuf>,
    /// The field for the caption.
    pub caption_field: String,
    /// The column of a table that has the paths of the images, if not `file_name`.
    pub file_column: Option<String>,
    /// The column of a table that has the captions, if not the caption field.
    pub caption_column: Option<String>,
    /// Print the summary and the reasons as one JSON object.
    pub json: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitSource {
    /// A folder of images, or a table (`.csv`, `.tsv` or `.parquet`).
    Path(PathBuf),
    /// A file with an image path on each line.
    List(PathBuf),
    /// A list on standard input.
    StandardInput,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub records: u64,
    /// Number of records with a caption.
    pub captions: u64,
    /// Number of files, rows or lines read: records, text files with captions and those left out.
    pub read: u64,
    /// Number of text files with a caption of a record.
    pub texts: u64,
    /// Number of files, rows or lines that are not in the dataset. Each reason was printed.
    pub left_out: u64,
    /// Number of files, rows, lines and values left out that may have been meant to be included.
    pub failed: u64,
}

impl Outcome {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::Done } else { ExitCode::Findings }
    }

    fn summary(&self, target: &Path, source: &InitSource) -> String {
        let records = counted(self.records, "record", "records");
        let left_out = match self.left_out {
            0 => String::new(),
            some => format!("; {some} of {} left out", source.counted(self.read)),
        };
        format!("{}: {records}, {} with a caption{left_out}", target.display(), self.captions)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Neither a folder nor a table.
    #[error("{}: name a folder of images, a .csv, .tsv or .parquet table, or a list of images with --list", .0.display())]
    Source(PathBuf),
    #[error("the caption field cannot be \"{FILE_NAME}\"; use another field for the caption")]
    CaptionFieldIsFileName,
    #[error("--{0}-column is for .csv, .tsv and .parquet tables")]
    NoColumns(&'static str),
    #[error("{}: no images found", .0.display())]
    Nothing(PathBuf),
    #[error("{}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The table or list cannot be read.
    #[error("{}: {why}", .path.display())]
    Table { path: PathBuf, why: String },
    #[error("{}: already exists; review it (recaption PATH), or write elsewhere with -o", .0.display())]
    Exists(PathBuf),
    #[error("{}: {source}", .path.display())]
    Write { path: PathBuf, source: WriteError },
    /// The dataset is written.
    #[error("{0}; export --to parquet will infer the types of the columns")]
    Schema(#[from] SchemaError),
    /// Standard output or standard error is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[source] io::Error),
}

impl InitError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Source(_)
            | Self::CaptionFieldIsFileName
            | Self::NoColumns(_)
            | Self::Nothing(_)
            | Self::Read { .. }
            | Self::Table { .. } => ExitCode::Usage,
            Self::Exists(_) | Self::Write { .. } | Self::Schema(_) | Self::Output(_) => ExitCode::Write,
        }
    }
}

/// Creates a dataset. `input` is standard input. Prints a summary to `out`, and files that could not be added to `errors`.
///
/// # Errors
/// Returns an error if there are no images, or if the dataset cannot be written.
pub fn run(
    options: &InitOptions,
    input: &mut dyn io::BufRead,
    out: &mut Console<'_>,
    errors: &mut Console<'_>,
) -> Result<Outcome, InitError> {
    if options.caption_field == FILE_NAME {
        return Err(InitError::CaptionFieldIsFileName);
    }
    if let InitSource::Path(path) = &options.source {
        fs::metadata(path).map_err(|source| InitError::Read { path: path.clone(), source })?;
        if !path.is_dir() && !is_table(path) {
            return Err(InitError::Source(path.clone()));
        }
    }
    if !matches!(&options.source, InitSource::Path(path) if !path.is_dir()) {
        let given = [("file", &options.file_column), ("caption", &options.caption_column)];
        if let Some((name, _)) = given.into_iter().find(|(_, column)| column.is_some()) {
            return Err(InitError::NoColumns(name));
        }
    }
    let target = options.target();
    // Fails early; the commit checks again.
    if target.symlink_metadata().is_ok() {
        return Err(InitError::Exists(target));
    }
    let failed = |source| InitError::Write { path: target.clone(), source };
    let mut replacement = Replacement::begin(&target).map_err(failed)?;
    let mut dataset = Records {
        out: BufWriter::new(replacement.file()),
        caption_field: &options.caption_field,
        renames: Renames {
            file: options.file_column.as_deref(),
            caption: options.caption_column.as_deref().map(|column| (column, options.caption_field.as_str())),
        },
        path: &target,
        errors,
        outcome: Outcome::default(),
        report: Report::default(),
        read: 0,
    };
    let mut columns = None;
    match &options.source {
        InitSource::Path(path) if path.is_dir() => folder::write(path, &mut dataset)?,
        InitSource::Path(path) if ends_in(path, "parquet") => columns = Some(parquet::write(path, &mut dataset)?),
        InitSource::Path(path) => table::write(path, &mut dataset)?,
        InitSource::List(path) => list::write_file(path, &mut dataset)?,
        InitSource::StandardInput => list::write(Path::new(STANDARD_INPUT), input, &mut dataset)?,
    }
    let (outcome, report) = dataset.finish()?;
    if !options.json {
        report.print(errors).map_err(InitError::Output)?;
    }
    if outcome.records == 0 {
        let source = match &options.source {
            InitSource::Path(path) | InitSource::List(path) => path.clone(),
            InitSource::StandardInput => STANDARD_INPUT.into(),
        };
        return Err(InitError::Nothing(source));
    }
    let committed = replacement.sync().and_then(|complete| complete.commit(false)).map_err(|error| match error {
        WriteError::Exists => InitError::Exists(target.clone()),
        source => failed(source),
    })?;
    committed.synced.map_err(|error| failed(WriteError::NotConfirmed(error)))?;
    let warnings = match columns {
        Some(columns) => parquet_schema::store(&target, columns)?,
        None => parquet_schema::remove(&target).map(|()| Vec::new())?,
    };
    for warning in committed.warnings.into_iter().chain(warnings) {
        errors.message(warning).map_err(InitError::Output)?;
    }
    let summary = if options.json {
        out.json(&json!({
            "path": target.to_string_lossy(), "records": outcome.records, "captions": outcome.captions,
            "read": outcome.read, "text_files": outcome.texts, "left_out": outcome.left_out,
            "reasons": report.json(),
        }))
    } else {
        out.message(outcome.summary(&target, &options.source))
    };
    summary.map_err(InitError::Output)?;
    if let Some(warning) = imagefolder::warning(&target) {
        errors.message(warning).map_err(InitError::Output)?;
    }
    Ok(outcome)
}

impl InitSource {
    /// Formats a number of the parts that are read one by one.
    fn counted(&self, number: u64) -> String {
        match self {
            Self::Path(path) if path.is_dir() => counted(number, "file", "files"),
            Self::Path(_) => counted(number, "row", "rows"),
            Self::List(_) | Self::StandardInput => counted(number, "line", "lines"),
        }
    }
}

impl InitOptions {
    fn target(&self) -> PathBuf {
        const METADATA: &str = "metadata.jsonl";
        match (&self.output, &self.source) {
            (Some(output), _) if output.is_dir() => output.join(METADATA),
            (Some(output), _) => output.clone(),
            (None, InitSource::Path(path)) if is_table(path) && !path.is_dir() => path.with_extension("jsonl"),
            (None, InitSource::Path(folder)) => folder.join(METADATA),
            (None, InitSource::List(list)) => list.with_file_name(METADATA),
            (None, InitSource::StandardInput) => METADATA.into(),
        }
    }
}

fn is_table(path: &Path) -> bool {
    ["csv", "tsv", "parquet"].into_iter().any(|extension| ends_in(path, extension))
}

fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Returns the JSON of a string.
fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The dataset that is being written.
struct Records<'a, 'b> {
    out: BufWriter<&'a mut fs::File>,
    caption_field: &'a str,
    renames: Renames<'a>,
    path: &'a Path,
    errors: &'a mut Console<'b>,
    outcome: Outcome,
    report: Report,
    /// Number of files, rows or lines read.
    read: u64,
}

impl Records<'_, '_> {
    /// Adds a record with these fields, in this order. Their values are JSON.
    fn line<'a>(&mut self, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), InitError> {
        self.outcome.records += 1;
        let mut separator = "{";
        for (name, value) in fields {
            let has_caption = name == self.caption_field && !matches!(value, "null" | "\"\"");
            self.outcome.captions += u64::from(has_caption);
            write!(self.out, "{separator}{}: {value}", json_string(name)).map_err(|error| self.failed(error))?;
            separator = ", ";
        }
        writeln!(self.out, "}}").map_err(|error| self.failed(error))
    }

    fn note(&mut self, what: &str) -> Result<(), InitError> {
        self.errors.message(what).map_err(InitError::Output)
    }

    fn failed(&self, source: io::Error) -> InitError {
        InitError::Write { path: self.path.to_owned(), source: source.into() }
    }

    /// Returns the counts, with everything left out.
    fn finish(mut self) -> Result<(Outcome, Report), InitError> {
        self.out.flush().map_err(|error| self.failed(error))?;
        let (left_out, failed) = (self.report.entries(), self.report.findings());
        Ok((Outcome { read: self.read, left_out, failed, ..self.outcome }, self.report))
    }
}

#[cfg(test)]
mod tests;
