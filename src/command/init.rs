//! `recaption init`: makes a dataset of what there is: a folder of pictures with text files beside them, a table, or a
//! list of pictures.
//!
//! A file that is there is never replaced. What it was made of stays as it is.

mod folder;
mod list;
mod parquet;
mod table;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::imagefolder;
use crate::exit::ExitCode;
use crate::output::fresh;
use crate::text::{counted, sanitize};

/// The member that names a record's picture.
const FILE_NAME: &str = "file_name";

/// What `init` was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitOptions {
    /// What the dataset is made of.
    pub source: InitSource,
    /// The dataset to write; a `metadata.jsonl` in the folder, or a file of the table's name, if absent.
    pub output: Option<PathBuf>,
    /// The member that is to hold the caption.
    pub caption_field: String,
}

/// What a dataset can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitSource {
    /// A folder of pictures, or a table (`.csv`, `.parquet`) of them.
    Path(PathBuf),
    /// A file with the name of a picture on every line.
    List(PathBuf),
    /// The same on standard input.
    StandardInput,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many records.
    pub records: u64,
    /// How many of them have a caption.
    pub captions: u64,
    /// How many files could not be taken in; each was named.
    pub failed: u64,
}

impl Outcome {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::Done } else { ExitCode::Findings }
    }
}

/// Why no dataset was made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// It is neither a folder nor a table.
    #[error("{}: name a folder of pictures, a .csv or .parquet table, or a list of pictures with --list", shown(.0))]
    Source(PathBuf),
    /// The captions would take the place of the names.
    #[error("the caption field cannot be \"{FILE_NAME}\"; name another member to hold the caption")]
    CaptionFieldIsFileName,
    /// There is no picture to make a record of.
    #[error("{}: there are no pictures in it", shown(.0))]
    Nothing(PathBuf),
    /// Something cannot be read.
    #[error("{}: {source}", shown(.path))]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A table that is no table of pictures.
    #[error("{}: {why}", shown(.path))]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The dataset is there already.
    #[error("{}: there already, and left as it is; review it (recaption PATH), or write elsewhere with -o", shown(.0))]
    Exists(PathBuf),
    /// The dataset cannot be written.
    #[error("{}: {source}", shown(.path))]
    Write {
        /// The dataset.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[source] io::Error),
}

impl InitError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Source(_)
            | Self::CaptionFieldIsFileName
            | Self::Nothing(_)
            | Self::Read { .. }
            | Self::Table { .. } => ExitCode::Usage,
            Self::Exists(_) | Self::Write { .. } | Self::Output(_) => ExitCode::Write,
        }
    }
}

/// A path as it can be printed.
fn shown(path: &Path) -> String {
    sanitize(&path.to_string_lossy()).into_owned()
}

/// Makes a dataset. `input` is standard input, `out` gets one line of what was written, `errors` what could not be taken
/// in.
///
/// # Errors
/// When there is nothing to make it of, or it cannot be written.
pub fn run(
    options: &InitOptions,
    input: &mut dyn io::BufRead,
    out: &mut dyn Write,
    errors: &mut dyn Write,
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
    let target = options.target();
    // Found out at once, and once more when it is put there.
    if target.symlink_metadata().is_ok() {
        return Err(InitError::Exists(target));
    }
    let mut file = fresh(&target).map_err(|source| InitError::Write { path: target.clone(), source })?;
    let mut dataset = Records {
        out: BufWriter::new(file.as_file_mut()),
        caption_field: &options.caption_field,
        path: &target,
        errors,
        outcome: Outcome::default(),
    };
    match &options.source {
        InitSource::Path(path) if path.is_dir() => folder::write(path, &mut dataset)?,
        InitSource::Path(path) if ends_in(path, "parquet") => parquet::write(path, &mut dataset)?,
        InitSource::Path(path) => table::write(path, &mut dataset)?,
        InitSource::List(path) => list::write_file(path, &mut dataset)?,
        InitSource::StandardInput => list::write(Path::new("standard input"), input, &mut dataset)?,
    }
    let outcome = dataset.finish()?;
    if outcome.records == 0 {
        let source = match &options.source {
            InitSource::Path(path) | InitSource::List(path) => path.clone(),
            InitSource::StandardInput => "standard input".into(),
        };
        return Err(InitError::Nothing(source));
    }
    file.persist_noclobber(&target).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(target.clone()),
        _ => InitError::Write { path: target.clone(), source: error.error },
    })?;
    let records = counted(outcome.records, "record", "records");
    writeln!(out, "{}: {records}, {} with a caption", shown(&target), outcome.captions).map_err(InitError::Output)?;
    if let Some(warning) = imagefolder::warning(&target) {
        writeln!(errors, "{warning}").map_err(InitError::Output)?;
    }
    Ok(outcome)
}

impl InitOptions {
    /// The dataset to write.
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
    ends_in(path, "csv") || ends_in(path, "parquet")
}

fn ends_in(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The dataset as it is written.
struct Records<'a> {
    out: BufWriter<&'a mut fs::File>,
    caption_field: &'a str,
    path: &'a Path,
    errors: &'a mut dyn Write,
    outcome: Outcome,
}

impl Records<'_> {
    /// A picture and its caption; no caption is an empty one.
    fn add(&mut self, file_name: &str, caption: &str) -> Result<(), InitError> {
        self.line(&[(FILE_NAME, file_name.into()), (self.caption_field, caption.into())])
    }

    /// A record with these members, in this order.
    fn line(&mut self, members: &[(&str, Value)]) -> Result<(), InitError> {
        let is_there = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
        let has_caption = members.iter().any(|(name, value)| *name == self.caption_field && is_there(value));
        self.outcome.records += 1;
        self.outcome.captions += u64::from(has_caption);
        let mut separator = "{";
        for (name, value) in members {
            let member = serde_json::to_string(name).and_then(|name| Ok((name, serde_json::to_string(value)?)));
            let (name, value) = member.map_err(|error| self.failed(error.into()))?;
            write!(self.out, "{separator}{name}: {value}").map_err(|error| self.failed(error))?;
            separator = ", ";
        }
        writeln!(self.out, "}}").map_err(|error| self.failed(error))
    }

    /// Something that cannot be taken in.
    fn skip(&mut self, what: &str, why: &str) -> Result<(), InitError> {
        self.outcome.failed += 1;
        self.note(&format!("{what}: {why}"))
    }

    /// Something to know.
    fn note(&mut self, what: &str) -> Result<(), InitError> {
        writeln!(self.errors, "{}", sanitize(what)).map_err(InitError::Output)
    }

    fn failed(&self, source: io::Error) -> InitError {
        InitError::Write { path: self.path.to_owned(), source }
    }

    fn finish(mut self) -> Result<Outcome, InitError> {
        self.out.flush().map_err(|source| InitError::Write { path: self.path.to_owned(), source })?;
        Ok(self.outcome)
    }
}

#[cfg(test)]
mod tests;
