//! `recaption export PATH --to FORMAT`: writes the current captions in another format.
//!
//! - `txt`: a text file for each image, with the same name but another extension, that contains the caption and a line
//!   feed. Files are written beside the images, or with the same subfolders into another folder, with the images or without.
//! - `csv`, `tsv`: a table with the columns `file_name`, `text`, `decision`, `by`, `flagged`, `note` and `original`.
//! - `jsonl`: the lines of the dataset, as `recaption save` would write them.
//! - `parquet`: the same as a table, with a typed column for each field, and on request one with the images.
//! - `imagefolder`: a folder with the images and a `metadata.jsonl`, for Hugging Face's `datasets`.
//! - `captions-json`: the list of captions of each image in a JSON object, for diffusion-pipe.
//! - `kohya`: the captions by image in a JSON object, for kohya's fine-tuning scripts.
//! - `webdataset`: a tar archive with the image, the caption and the fields of each record.
//!
//! The session is only read. Existing files are overwritten only by force; this is checked before anything is written.
//! Every export ends with counts that add up: records read = exported + left out, by reason.

mod archive;
mod caption_map;
mod captions_json;
mod first_rows;
mod image_folder;
mod images;
mod outcome;
mod parquet;
mod place;
mod sidecars;
mod source;
mod split;
mod table;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::imagefolder;
use super::input::{self, Input, InputError};
use super::parquet_schema::{self, SchemaError};
use crate::atomic_file::{self, WriteError, WriteWarning};
use crate::cli::Format;
use crate::console::Console;
use crate::dataset::DatasetError;
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::remote_folder;
use crate::session::DecisionKind;
use crate::text::counted;

use image_folder::ImageFolder;
use images::{Images, Unique};
use sidecars::Sidecars;
use source::{Progress, Source, Stopped};

pub use images::Transfer;
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
    pub texts: TextFiles,
    /// Put the images into the exported folder or table, too.
    pub images: Option<Transfer>,
    /// Put an apostrophe before cells of a CSV file that spreadsheets would run as formulas.
    pub safe_csv: bool,
    /// Overwrite existing files.
    pub force: bool,
    /// Show the progress on standard error.
    pub progress: bool,
}

/// How text files are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextFiles {
    /// By default that of the file that exists, else `txt`.
    pub extension: Option<String>,
    /// Put all captions of an image into one file, each on a line.
    pub lines: bool,
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
    /// Outputs of a dataset in a bucket are local files.
    #[error("{url}: an export is a local file or folder; name it with -o")]
    InBucket { url: String },
    /// Images cannot be put into this format, or not there.
    #[error("--{}-images: {why}", if *.transfer == Transfer::Copy { "copy" } else { "link" })]
    Images { transfer: Transfer, why: &'static str },
    /// An output would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    /// Text files would be written outside of the folder, through a link in it.
    #[error(
        "through a link out of the folder: {files}; -o writes to another folder, and --images names that of the images"
    )]
    LeadsOut { files: String },
    /// Two records have the same text file.
    #[error(
        "{message}: two captions in one file; --lines (txt) writes all, each on a line; or select one with --only, or export to captions-json, csv, jsonl or imagefolder"
    )]
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
            Self::Input(_)
            | Self::Schema(_)
            | Self::Target { .. }
            | Self::InBucket { .. }
            | Self::Images { .. }
            | Self::Shared { .. }
            | Self::Extension { .. } => ExitCode::Usage,
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
    options.check_images()?;
    let (dataset, location) = options.input.open()?;
    let beside = (options.to == Format::Txt).then(|| dataset.folder().to_owned());
    if let Some((folder, _)) = options.output.clone().or(beside).and_then(|output| remote_folder::find(&output)) {
        return Err(ExportError::InBucket { url: folder.url().to_owned() });
    }
    let opened = input::read_session(&dataset, &location)?;
    input::report(&opened, &location, errors).map_err(ExportError::output)?;
    // A line has all captions of its image.
    let by_image = matches!(options.to, Format::Jsonl | Format::Parquet | Format::Imagefolder);
    let images = dataset.by_image().filter(|_| by_image);
    let source = Source {
        dataset: images.unwrap_or(&dataset),
        captions: images.is_some().then_some(&dataset),
        ledger: &opened.ledger,
        images: options.input.reading.images.as_deref().unwrap_or(dataset.folder()),
        only: &options.only,
        split: options.split,
        inputs: &Inputs::of(&dataset, &location),
        progress: Progress::new(options.progress),
    };
    let unique = if options.to == Format::Txt { Unique::Stem } else { Unique::Path };
    let images = Images::new(&source, unique);

    let outcome = match (options.to, &options.output) {
        (Format::Txt, folder) => {
            let sidecars = Sidecars {
                source: &source,
                folder: folder.as_deref(),
                extension: options.texts.extension.as_deref(),
                lines: options.texts.lines,
                force: options.force,
                images: options.images.map(|transfer| (&images, transfer)),
            };
            let (outcome, images) = sidecars.write(errors)?;
            let place = folder.as_deref().unwrap_or(source.images);
            let mut written = counted(outcome.exported, "text file", "text files");
            if options.images.is_some() {
                written = format!("{written}, {}", counted(images, "image", "images"));
            }
            summarise(place, &written, out).map_err(ExportError::output)?;
            if options.images.is_none() && dataset.has_images_inside() {
                let note = "the images stay in the files of the dataset; --copy-images -o DIR writes them, too";
                errors.message(note).map_err(ExportError::output)?;
            }
            outcome
        }
        (Format::Imagefolder, Some(folder)) => {
            let transfer = options.images.unwrap_or(Transfer::Copy);
            let force = options.force;
            let (outcome, images) =
                ImageFolder { source: &source, images: &images, folder, transfer, force }.write(errors)?;
            let (records, images) =
                (counted(outcome.exported, "record", "records"), counted(images, "image", "images"));
            summarise(folder, &format!("{records}, {images}"), out).map_err(ExportError::output)?;
            outcome
        }
        (format, Some(path)) => {
            check_file(path, source.inputs, options.force)?;
            let imported = if format == Format::Parquet { parquet_schema::load(dataset.path())? } else { None };
            let mut outcome = Outcome::default();
            let mut notes = Vec::new();
            let warnings = atomic_file::write(path, options.force, &mut |file| {
                outcome = match format {
                    Format::Parquet => {
                        let images = options.images.map(|_| &images);
                        parquet::write(&source, imported.clone().unwrap_or_default(), images, file, &mut notes)?
                    }
                    Format::Kohya => caption_map::write(&source, &images, file, &mut notes)?,
                    Format::CaptionsJson => captions_json::write(&source, &images, file, &mut notes)?,
                    Format::Webdataset => archive::write(&source, &images, file, &mut notes)?,
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
        (Format::Parquet, None) => return Err(needs_output("parquet needs a file; name it with -o")),
        (Format::Webdataset, None) => return Err(needs_output("webdataset needs a file; name it with -o")),
        (Format::Imagefolder, None) => return Err(needs_output("imagefolder needs a folder; name it with -o")),
        (format, None) => {
            let mut out = out.data_stream().map_err(ExportError::output)?;
            let mut notes = Vec::new();
            let written = match format {
                Format::Kohya => caption_map::write(&source, &images, &mut *out, &mut notes),
                Format::CaptionsJson => captions_json::write(&source, &images, &mut *out, &mut notes),
                _ => table::write(&source, format, options.safe_csv, &mut *out, &mut notes),
            };
            let outcome = written.map_err(|stopped| stopped.at(ExportError::Output))?;
            report(&notes, errors)?;
            outcome
        }
    };
    errors.message(outcome).map_err(ExportError::output)?;
    Ok(outcome)
}

impl ExportOptions {
    /// Checks that images can be put into the format.
    fn check_images(&self) -> Result<(), ExportError> {
        let Some(transfer) = self.images else { return Ok(()) };
        let why = match (self.to, transfer) {
            (Format::Txt, _) if self.output.is_none() => "name the folder for the images and text files with -o",
            (Format::Txt | Format::Imagefolder, _) | (Format::Parquet | Format::Webdataset, Transfer::Copy) => {
                return Ok(());
            }
            (Format::Parquet | Format::Webdataset, Transfer::Link) => "a file cannot contain links; use --copy-images",
            _ => "this format has no images; use txt, imagefolder, parquet or webdataset",
        };
        Err(ExportError::Images { transfer, why })
    }
}

/// The error for an export to standard output.
fn needs_output(why: &'static str) -> ExportError {
    ExportError::Target { path: PathBuf::from("standard output"), why }
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

#[cfg(test)]
mod tests;
