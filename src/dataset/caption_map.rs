//! A JSON object with the captions of each image by its name, as diffusion-pipe's `captions.json`: its members as lines.
//!
//! The lines are in a temporary file without a name, so that everything that reads a dataset reads the object as well.
//! Saving replaces values and leaves out members.

mod save;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufWriter, Read as _, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;

use super::fields::{Json, members};
use super::folder::stem;
use super::index::BOM;
use super::source::{Bytes, Stamp};
use super::{DatasetError, FILE_NAME, FileKind, LeftOut};

/// The name of the file in a folder of images.
pub(crate) const CAPTIONS: &str = "captions.json";
/// All of the object is in memory while it is read, so a larger one is refused.
const MAX_BYTES: u64 = 1 << 30;
/// The files of a kind that are listed.
const MAX_NAMES: usize = 10;

/// The lines of an object, which is read when they are first needed.
#[derive(Debug)]
pub(super) struct CaptionMap {
    /// The open file.
    pub(super) object: Bytes,
    caption_field: String,
    read: OnceLock<Result<Members, String>>,
}

#[derive(Debug)]
struct Members {
    lines: Bytes,
    /// In the order of the records.
    places: Vec<Place>,
    beside: Beside,
}

/// Files beside the object that are not in the dataset: the number of all, and the first names.
#[derive(Debug, Default)]
struct Beside {
    /// Images that are not in the object.
    images: (u64, Vec<String>),
    /// Text files of images.
    texts: (u64, Vec<String>),
}

/// The place of a member in the file.
#[derive(Clone, Debug)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

/// Returns true if a file begins with an object whose first member is named like an image.
///
/// # Errors
/// Returns an error if it is there and cannot be read: as a file of another format, it would be another dataset.
pub(super) fn is_caption_map(path: &Path) -> io::Result<bool> {
    const PROBE: u64 = 4 * 1024;
    // Opening a named pipe blocks until its other end is opened.
    match fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut start = Vec::new();
    fs::File::open(path)?.take(PROBE).read_to_end(&mut start)?;
    let start = start.strip_prefix(BOM).unwrap_or(&start).trim_ascii_start();
    let Some(key) = start.strip_prefix(b"{").map(<[u8]>::trim_ascii_start) else { return Ok(false) };
    let mut keys = serde_json::Deserializer::from_slice(key).into_iter::<String>();
    let name = keys.next().and_then(Result::ok);
    Ok(name.is_some_and(|name| matches!(FileKind::of(OsStr::new(&name)), FileKind::Image | FileKind::OtherImage)))
}

impl CaptionMap {
    pub(super) fn new(object: Bytes, caption_field: &str) -> Self {
        Self { object, caption_field: caption_field.to_owned(), read: OnceLock::new() }
    }

    /// Returns the lines. Reads the object, or waits for another thread to do it.
    pub(super) fn lines(&self, path: &Path) -> Result<&Bytes, DatasetError> {
        self.members(path).map(|members| &members.lines)
    }

    /// Returns the files beside the object that are not in the dataset, if the object was read.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (LeftOut, u64, &[String])> {
        let beside = self.read.get().and_then(|read| Some(&read.as_ref().ok()?.beside));
        let both = beside.map(|beside| [(LeftOut::NoEntry, &beside.images), (LeftOut::TextBesideMap, &beside.texts)]);
        let both = both.into_iter().flatten().filter(|(_, (count, _))| *count > 0);
        both.map(|(reason, (count, names))| (reason, *count, names.as_slice()))
    }

    fn members(&self, path: &Path) -> Result<&Members, DatasetError> {
        let wrong = |why: &String| DatasetError::Table { path: path.to_owned(), why: why.clone() };
        self.read.get_or_init(|| self.read(path)).as_ref().map_err(wrong)
    }

    fn read(&self, path: &Path) -> Result<Members, String> {
        let text = self.text()?;
        let object = text.trim_start_matches('\u{feff}');
        let start = text.len() - object.len();
        let place = |(key, value): (Range<usize>, Range<usize>)| Place {
            key: shifted(key, start),
            value: shifted(value, start),
        };
        let places: Vec<Place> = members(object).map_err(|error| error.cause())?.into_iter().map(place).collect();
        let lines = self.write_lines(&text, &places).map_err(|error| error.to_string())?;
        Ok(Members { lines, beside: Beside::find(path, &text, &places), places })
    }

    fn write_lines(&self, text: &str, places: &[Place]) -> io::Result<Bytes> {
        let mut out = BufWriter::new(tempfile::tempfile()?);
        for place in places {
            writeln!(out, "{}", one_line(&self.line(text, place)))?;
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let stamp = Stamp::from(&file.metadata()?);
        Ok(Bytes::new(file, stamp))
    }

    /// Returns a member as the line of a record.
    fn line(&self, text: &str, Place { key, value }: &Place) -> String {
        let (name, caption) = (&text[key.clone()], &text[value.clone()]);
        format!("{{\"{FILE_NAME}\": {name}, {}: {caption}}}", json!(self.caption_field))
    }

    fn text(&self) -> Result<String, String> {
        if self.object.stamp().len > MAX_BYTES {
            return Err("larger than 1 GiB; convert it to JSON Lines".to_owned());
        }
        let mut text = String::new();
        self.object.reader().read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// Returns JSON without line breaks, which are white space between values: in strings they are escaped.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

impl Beside {
    fn find(path: &Path, text: &str, places: &[Place]) -> Self {
        let known: HashSet<Cow<'_, str>> =
            places.iter().map(|place| Json::new(&text[place.key.clone()]).to_text()).collect();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let (mut images, mut texts): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for name in entries.map(|entry| entry.file_name()) {
            match FileKind::of(&name) {
                FileKind::Image => images.push(name.to_string_lossy().into_owned()),
                FileKind::Text(_) => texts.push(name.to_string_lossy().into_owned()),
                _ => {}
            }
        }
        let owners: HashSet<&str> = images.iter().flat_map(|image| [image.as_str(), stem(image)]).collect();
        texts.retain(|text| owners.contains(stem(text)));
        drop(owners);
        images.retain(|image| !known.contains(image.as_str()));
        Self { images: first_of(images), texts: first_of(texts) }
    }
}

/// Returns the number of names and the first of them.
fn first_of(mut names: Vec<String>) -> (u64, Vec<String>) {
    names.sort_unstable();
    let count = names.len() as u64;
    names.truncate(MAX_NAMES);
    (count, names)
}

#[cfg(test)]
mod tests;
