//! Several captions of an image: a dataset in which every caption is a record of its own.
//!
//! The captions are the elements of a list in one field, or several fields. The lines of the records are in a temporary
//! file without a name, each with one of the captions, so that everything that reads a dataset reads them as well. Saving
//! changes the captions in the lines they came from.

mod find;
mod save;

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::json;
use twox_hash::{XxHash3_64, XxHash3_128};

use super::caption_map::one_line;
use super::fields::{Json, all_fields};
use super::line::LEFT_OUT;
use super::rewrite::Slot;
use super::source::{Bytes, Source, Stamp};
use super::{Dataset, DatasetError, Entry, Line, MAX_LINE_BYTES, RecordId};

pub(super) use find::{are_lists, are_objects, field_names};
pub(super) use save::ImageChanges;

/// The captions of an image, as records.
#[derive(Debug)]
pub(super) struct Siblings {
    /// The dataset in which an image is one record.
    pub(super) images: Dataset,
    form: Form,
    /// The caption field of the records.
    caption_field: String,
    lines: OnceLock<Lines>,
    /// Held while the lines are written.
    writing: Mutex<()>,
}

/// Where the captions of an image are.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// In several fields.
    Fields(Vec<Arc<str>>),
    /// In a list, which is the caption field's value.
    List,
}

#[derive(Debug)]
struct Lines {
    bytes: Bytes,
    /// In the order of the images.
    groups: Vec<Group>,
    /// The number of records.
    records: u32,
}

/// The records of an image.
#[derive(Clone, Copy, Debug)]
struct Group {
    first: RecordId,
    /// The number of the image's line, from one.
    line: u32,
}

/// The place of a record's caption among those of its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sibling {
    /// From zero.
    pub number: u32,
    /// The number of captions of the image.
    pub of: u32,
    /// The field of the caption, if the captions are in several.
    pub field: Option<Arc<str>>,
}

impl Siblings {
    pub(super) fn new(images: Dataset, form: Form, caption_field: String) -> Self {
        Self { images, form, caption_field, lines: OnceLock::new(), writing: Mutex::new(()) }
    }

    /// Returns the fields of the captions, if they are in several.
    pub(super) fn fields(&self) -> &[Arc<str>] {
        match &self.form {
            Form::Fields(names) => names,
            Form::List => &[],
        }
    }

    /// Returns the file with the lines. The first call reads the whole dataset.
    pub(super) fn bytes(&self) -> Result<&Bytes, DatasetError> {
        self.lines().map(|lines| &lines.bytes)
    }

    fn lines(&self) -> Result<&Lines, DatasetError> {
        if let Some(lines) = self.lines.get() {
            return Ok(lines);
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lines) = self.lines.get() {
            return Ok(lines);
        }
        let lines = self.read()?;
        Ok(self.lines.get_or_init(|| lines))
    }

    fn read(&self) -> Result<Lines, DatasetError> {
        let failed = |source| DatasetError::Io { path: self.images.path().to_owned(), source };
        let too_large = || DatasetError::TooLarge { path: self.images.path().to_owned() };
        let mut out = BufWriter::new(tempfile::tempfile().map_err(failed)?);
        let (mut groups, mut records) = (Vec::new(), 0_u32);
        let mut written = Ok(());
        self.images.scan_lines(&mut |line| {
            let number = u32::try_from(line.number()).unwrap_or(u32::MAX);
            groups.push(Group { first: RecordId(records), line: number });
            written = self.write(line, &mut out).map_err(failed).and_then(|count| {
                records = records.checked_add(count).ok_or_else(too_large)?;
                Ok(())
            });
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        written?;
        let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
        let stamp = Stamp::from(&file.metadata().map_err(failed)?);
        Ok(Lines { bytes: Bytes::new(file, stamp), groups, records })
    }

    /// Writes a line for every caption of an image. Returns their number.
    fn write(&self, line: &Line<'_>, out: &mut impl Write) -> io::Result<u32> {
        if let Entry::Bad(bad) = line.entry() {
            let bytes = line.bytes();
            match std::str::from_utf8(bytes) {
                Ok(text) if text.len() <= MAX_LINE_BYTES && !text.contains('\n') => writeln!(out, "{text}")?,
                // One line, whatever is in it.
                _ => writeln!(out, "{}", json!({ LEFT_OUT: bad.error.to_string() }))?,
            }
            return Ok(1);
        }
        let text = std::str::from_utf8(line.bytes()).unwrap_or_default();
        let fields = all_fields(text).unwrap_or_default();
        let value = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, json)| *json);
        let captions: Vec<(&str, Option<Json<'_>>)> = match &self.form {
            Form::Fields(names) => names.iter().map(|name| (&**name, value(name))).collect(),
            Form::List => {
                let field = self.images.caption_field();
                let list = value(field);
                let elements = list.and_then(Json::texts).filter(|elements| !elements.is_empty());
                match elements {
                    Some(elements) => elements.into_iter().map(|element| (field, Some(element))).collect(),
                    None => vec![(field, list.filter(|list| list.elements().is_none_or(|all| !all.is_empty())))],
                }
            }
        };
        let count = u32::try_from(captions.len()).unwrap_or(u32::MAX);
        for (own, caption) in captions {
            let others = fields.iter().filter(|(name, _)| name != own && *name != *self.caption_field);
            let others = others.map(|(name, json)| (&**name, *json));
            let mut separator = "{";
            for (name, json) in others.chain(caption.map(|json| (self.caption_field.as_str(), json))) {
                write!(out, "{separator}{}: {}", json!(name), one_line(json.raw()))?;
                separator = ", ";
            }
            out.write_all(b"}\n")?;
        }
        Ok(count)
    }

    /// Returns the index of the image of a record, if the lines are known.
    fn image(lines: &Lines, record: RecordId) -> Option<usize> {
        (record.0 < lines.records).then(|| lines.groups.partition_point(|group| group.first <= record) - 1)
    }

    /// Returns the records of an image.
    fn records_of(lines: &Lines, image: usize) -> Range<u32> {
        let start = |image: usize| lines.groups.get(image).map_or(lines.records, |group| group.first.0);
        start(image)..start(image.saturating_add(1))
    }

    /// Returns the records that have the image of a record, itself included.
    pub(super) fn of(&self, record: RecordId) -> Option<Range<u32>> {
        let lines = self.lines.get()?;
        Some(Self::records_of(lines, Self::image(lines, record)?))
    }

    /// Returns the line number of a record's image, and its place among the captions if there are several.
    pub(super) fn place(&self, record: RecordId) -> Option<(u64, Option<Sibling>)> {
        let lines = self.lines.get()?;
        let image = Self::image(lines, record)?;
        let records = Self::records_of(lines, image);
        let (number, of) = (record.0 - records.start, records.end - records.start);
        let field = match &self.form {
            Form::Fields(names) => names.get(number as usize).cloned(),
            Form::List => None,
        };
        let sibling = (of > 1).then_some(Sibling { number, of, field });
        Some((lines.groups[image].line.into(), sibling))
    }

    /// Returns the place of a record's caption in the line of its image.
    pub(super) fn slot(&self, number: u32) -> Slot {
        match &self.form {
            Form::Fields(names) => Slot::Field(Arc::clone(&names[number as usize % names.len()])),
            Form::List => Slot::Element(number),
        }
    }

    /// Returns the records of a file of the dataset.
    pub(super) fn shard(&self, shard: usize) -> Result<(Range<u32>, Stamp), DatasetError> {
        let (images, stamp) = self.images.shard(shard)?;
        let lines = self.lines()?;
        let first = |image: u32| Self::records_of(lines, image as usize).start;
        Ok((first(images.start)..first(images.end), stamp))
    }

    /// Returns a stamp that differs from that of the images: the same positions are other records.
    pub(super) fn stamp(&self) -> Stamp {
        let stamp = self.images.stamp();
        Stamp { device: stamp.device ^ XxHash3_64::oneshot(self.key().as_bytes()), ..stamp }
    }

    /// Returns a hash that differs from that of the images, for the same reason.
    pub(super) fn hash(&self) -> Result<u128, DatasetError> {
        Ok(self.images.content_hash()? ^ XxHash3_128::oneshot(self.key().as_bytes()))
    }

    /// Identifies the form.
    fn key(&self) -> Cow<'static, str> {
        match &self.form {
            Form::Fields(names) => format!("fields {}", names.join(",")).into(),
            Form::List => "list".into(),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.images.0.source
    }

    pub(super) fn path(&self) -> &Path {
        self.images.path()
    }
}

#[cfg(test)]
mod tests;
