//! `recaption split PATH`: writes a part of a dataset for each of several reviewers.
//!
//! A part is a JSON Lines file with lines of the dataset, byte for byte, so that `merge` matches a part's session with
//! the dataset by file name and caption, like any other. It is beside the dataset, where the same relative paths lead to
//! the images; or, with `-o`, in a folder of its own with copies of its images.

mod images;
mod outcome;
mod shares;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, BufWriter, Write as _};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use super::input::{self, Input, InputError};
use crate::atomic_file::{BatchError, Replacement, WriteError};
use crate::cli::Overlap;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, Entry, Line, LineError, RecordId};
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::remote_folder;
use crate::session::Ledger;
use images::Images;
use outcome::{Outcome, Part};
use shares::{Group, Share, shares};

const METADATA: &str = "metadata.jsonl";

#[derive(Clone, Debug, Default, PartialEq)]
pub struct SplitOptions {
    pub input: Input,
    /// The names of the parts, at least two.
    pub names: Vec<String>,
    pub overlap: Overlap,
    pub seed: u64,
    /// The folder for the folders of the parts and their images. By default, parts are beside the dataset.
    pub output: Option<PathBuf>,
    /// Include decided records.
    pub all: bool,
    /// Write nothing, and print what would be written.
    pub dry_run: bool,
    /// Print one JSON object.
    pub json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SplitError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("--parts {parts}, but --names has {names} names; give one name for each part")]
    Names { parts: u8, names: usize },
    #[error("{0} names; give the names of 2 to 100 parts")]
    Number(usize),
    #[error("two parts named \"{0}\"; give each part a name of its own")]
    SameName(String),
    #[error("{images} images to review are not enough for {parts} parts{remedy}")]
    TooFew { images: u64, parts: usize, remedy: &'static str },
    #[error(
        "{}: its images are inside the file, so a part needs copies of them; write the parts to a folder with -o DIR",
        .0.display()
    )]
    ImagesInside(PathBuf),
    #[error("{0}; shorten or remove this line first")]
    TooLong(String),
    #[error("{}: already exists; remove it or choose other names with --names", .0.display())]
    Exists(PathBuf),
    #[error(transparent)]
    IsInput(#[from] IsInput),
    #[error("{}: {source}", .path.display())]
    Write { path: PathBuf, source: WriteError },
    #[error(transparent)]
    Image(#[from] BatchError),
    #[error("{0}: parts are local files; name a folder with -o, which gets copies of the images as well")]
    InBucket(String),
    /// Standard output or standard error is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[from] io::Error),
}

impl SplitError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_)
            | Self::Names { .. }
            | Self::Number(_)
            | Self::SameName(_)
            | Self::TooFew { .. }
            | Self::ImagesInside(_)
            | Self::InBucket(_)
            | Self::TooLong(_) => ExitCode::Usage,
            Self::Exists(_) | Self::IsInput(_) | Self::Write { .. } | Self::Image(_) | Self::Output(_) => {
                ExitCode::Write
            }
        }
    }
}

impl From<DatasetError> for SplitError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

/// Writes the parts of a dataset. Prints a summary to `out` and notes to `errors`.
///
/// # Errors
/// Returns an error if the dataset or its session cannot be read, a part exists, or a part cannot be written. No part is
/// in place then, unless the error is that of the last step, which puts them there.
pub fn run(options: &SplitOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<ExitCode, SplitError> {
    check_names(&options.names)?;
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    if dataset.has_images_inside() && options.output.is_none() {
        return Err(SplitError::ImagesInside(dataset.path().to_owned()));
    }
    if let Some((folder, _)) = remote_folder::find(dataset.path()).filter(|_| options.output.is_none()) {
        return Err(SplitError::InBucket(folder.url().to_owned()));
    }
    let opened = input::read_session(&dataset, &location)?;
    input::report(&opened, &location, errors)?;

    let mut parts = options.parts(&dataset);
    let inputs = Inputs::of(&dataset, &location);
    for part in &parts {
        inputs.check(&part.path)?;
        if part.path.symlink_metadata().is_ok() {
            return Err(SplitError::Exists(part.path.clone()));
        }
    }
    let Survey { groups, of_image, mut outcome } = Survey::of(&dataset, &opened.ledger, options.all)?;
    let shares = shares(&groups, options.names.len(), options.overlap, options.seed).ok_or_else(|| {
        let images = groups.iter().filter(|group| !group.is_done).count() as u64;
        let remedy = if outcome.decided > 0 { "; --all includes the decided ones" } else { "" };
        SplitError::TooFew { images, parts: options.names.len(), remedy }
    })?;
    let share_of = |image: u32| of_image[image as usize].map(|group| shares[group as usize]);
    outcome.seed = options.seed;
    outcome.dry_run = options.dry_run;
    outcome.overlap_images = shares.iter().filter(|share| **share == Share::All).count() as u64;
    if options.dry_run {
        each(&dataset, &mut |line, captions| {
            let share = share_of(line.record().0);
            count(share, captions, &mut parts, &mut outcome);
            Ok(())
        })?;
    } else {
        write(&dataset, options.output.is_some(), share_of, &mut parts, &mut outcome, errors)?;
    }
    outcome.parts = parts;
    outcome.options = outcome::reading(&options.input, &dataset);
    outcome.print(options.json, &dataset, out)?;
    out.flush()?;
    Ok(ExitCode::Done)
}

/// Checks that there are several names, and that they are distinct, also on file systems that ignore case.
fn check_names(names: &[String]) -> Result<(), SplitError> {
    if !(2..=100).contains(&names.len()) {
        return Err(SplitError::Number(names.len()));
    }
    let mut known = HashSet::new();
    let repeated = names.iter().find(|name| !known.insert(name.to_lowercase()));
    repeated.map_or(Ok(()), |name| Err(SplitError::SameName(name.clone())))
}

impl SplitOptions {
    fn parts(&self, dataset: &Dataset) -> Vec<Part> {
        // The `*` of a pattern of Parquet files is no character of file names on all systems.
        let beside = |name: &String| {
            let beside = dataset.beside(&format!("-{name}.jsonl"));
            let file = beside.file_name().unwrap_or_default().to_string_lossy().replace('*', "_");
            beside.with_file_name(file)
        };
        let path = |name: &String| {
            let inside = self.output.as_ref().map(|folder| folder.join(name).join(METADATA));
            inside.unwrap_or_else(|| beside(name))
        };
        self.names.iter().map(|name| Part { name: name.clone(), path: path(name), ..Part::default() }).collect()
    }
}

/// The images of a dataset.
struct Survey {
    groups: Vec<Group>,
    /// The group of each line; `None` for a line that is in no part.
    of_image: Vec<Option<u32>>,
    outcome: Outcome,
}

impl Survey {
    fn of(dataset: &Dataset, ledger: &Ledger, all: bool) -> Result<Self, SplitError> {
        let images = dataset.by_image().unwrap_or(dataset);
        // The line of a row or an image that cannot be read is empty.
        let has_lines =
            !(images.is_folder() || images.is_table() || images.is_parquet() || images.is_archive() || images.is_map());
        let mut survey = Self { groups: Vec::new(), of_image: Vec::new(), outcome: Outcome::default() };
        let mut known: HashMap<String, u32> = HashMap::new();
        let mut next = 0;
        each(dataset, &mut |line, captions| {
            let records = next..next + captions;
            next = records.end;
            survey.outcome.read += u64::from(captions);
            let is_done = !all && records.clone().all(|record| ledger.record(RecordId(record)).decision.is_final());
            let group = u32::try_from(survey.groups.len()).unwrap_or(u32::MAX);
            let found = match line.entry() {
                Entry::Record(record) => {
                    let group = *known.entry(record.file_name.clone()).or_insert(group);
                    match survey.groups.get_mut(group as usize) {
                        Some(known) => known.is_done &= is_done,
                        None => survey.groups.push(Group { file_name: record.file_name, is_done }),
                    }
                    Some(group)
                }
                Entry::Bad(bad) if has_lines => {
                    if matches!(bad.error, LineError::TooLong) {
                        return Err(SplitError::TooLong(dataset.message(bad.line, &bad.error)));
                    }
                    survey.groups.push(Group { file_name: String::new(), is_done });
                    Some(group)
                }
                Entry::Bad(_) => {
                    survey.outcome.unreadable += u64::from(captions);
                    None
                }
            };
            survey.of_image.push(found);
            Ok(())
        })?;
        Ok(survey)
    }
}

/// Visits each line with the number of its captions, each of which is a record.
fn each(dataset: &Dataset, visit: &mut dyn FnMut(&Line<'_>, u32) -> Result<(), SplitError>) -> Result<(), SplitError> {
    let images = dataset.by_image().unwrap_or(dataset);
    let has_several = dataset.by_image().is_some();
    let mut next = 0;
    let mut result = Ok(());
    images.scan_lines(&mut |line| {
        let records = if has_several { dataset.siblings(RecordId(next)) } else { next..next + 1 };
        next = records.end;
        result = visit(line, records.end - records.start);
        if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    result
}

/// Counts the records of a line. Returns the parts it is in.
fn count(share: Option<Share>, captions: u32, parts: &mut [Part], outcome: &mut Outcome) -> Range<usize> {
    let captions = u64::from(captions);
    let range = match share {
        None => return 0..0,
        Some(Share::Done) => {
            outcome.decided += captions;
            return 0..0;
        }
        Some(Share::All) => {
            outcome.overlap += captions;
            0..parts.len()
        }
        Some(Share::One(part)) => {
            parts[part].own += captions;
            part..part + 1
        }
    };
    for part in &mut parts[range.clone()] {
        part.records += captions;
    }
    range
}

/// A part that is being written.
struct Writer {
    out: BufWriter<fs::File>,
    replacement: Replacement,
    images: Option<Images>,
}

fn write(
    dataset: &Dataset,
    with_images: bool,
    share_of: impl Fn(u32) -> Option<Share>,
    parts: &mut [Part],
    outcome: &mut Outcome,
    errors: &mut Console<'_>,
) -> Result<(), SplitError> {
    let images = dataset.by_image().unwrap_or(dataset);
    let mut writers = parts.iter().map(|part| Writer::begin(&part.path, with_images)).collect::<Result<Vec<_>, _>>()?;
    let mut missing = Vec::new();
    each(dataset, &mut |line, captions| {
        for index in count(share_of(line.record().0), captions, parts, outcome) {
            let (part, writer) = (&mut parts[index], &mut writers[index]);
            let written = writer.out.write_all(line.bytes()).and_then(|()| writer.out.write_all(b"\n"));
            written.map_err(|error| failed(&part.path, error.into()))?;
            if let (Some(copies), Entry::Record(record)) = (&mut writer.images, line.entry())
                && let Some(why) = copies.copy(images, &record)?
            {
                part.without_image += 1;
                missing.push(why);
            }
        }
        Ok(())
    })?;
    let mut complete = Vec::with_capacity(writers.len());
    for (part, writer) in parts.iter_mut().zip(writers) {
        let Writer { mut out, replacement, images } = writer;
        out.flush().map_err(|error| failed(&part.path, error.into()))?;
        drop(out);
        if let Some(images) = images {
            part.images = Some(images.finish()?);
        }
        complete.push(replacement.sync().map_err(|error| failed(&part.path, error))?);
    }
    for (part, complete) in parts.iter().zip(complete) {
        let committed = complete.commit(false).map_err(|error| failed(&part.path, error))?;
        for warning in committed.warnings {
            errors.message(warning)?;
        }
        committed.synced.map_err(|error| failed(&part.path, WriteError::NotConfirmed(error)))?;
    }
    missing.sort();
    missing.dedup();
    outcome::note_missing(&missing, errors)?;
    Ok(())
}

impl Writer {
    fn begin(path: &Path, with_images: bool) -> Result<Self, SplitError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        if with_images {
            images::create_folder(folder)?;
        }
        let mut replacement = Replacement::begin(path).map_err(|error| failed(path, error))?;
        let out = replacement.file().try_clone().map_err(|error| failed(path, error.into()))?;
        let images = with_images.then(|| Images::new(folder));
        Ok(Self { out: BufWriter::with_capacity(1 << 16, out), replacement, images })
    }
}

fn failed(path: &Path, source: WriteError) -> SplitError {
    match source {
        WriteError::Exists => SplitError::Exists(path.to_owned()),
        source => SplitError::Write { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests;
