//! The samples of archives as JSON lines.
//!
//! A record is named by the path of its image in the archive, of several archives with the stem of its archive before it:
//! keys often start over in each. A name that is not unique gets the number of its record.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::json;

use super::Archive;
use super::samples::{Sample, Visit, read_text, samples};
use crate::dataset::caption_map::one_line;
use crate::dataset::fields::{Json, all_fields};
use crate::dataset::file_set::Starts;
use crate::dataset::folder::caption;
use crate::dataset::line::LEFT_OUT;
use crate::dataset::shards::{Names, name_hash};
use crate::dataset::source::{Bytes, Stamp};
use crate::dataset::{FILE_NAME, LeftOut};
use crate::shared_file::SharedFile;
use crate::tar_file::MembersError;

/// The names that are listed for each reason.
const MAX_NAMES: usize = 10;

#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}; download or write it again")]
    Broken(String),
    #[error("too many samples; split the dataset (at most 4 294 967 295 records)")]
    TooMany,
}

impl From<MembersError> for LinesError {
    fn from(error: MembersError) -> Self {
        match error {
            MembersError::Io(error) => Self::Io(error),
            MembersError::Broken(why) => Self::Broken(why),
        }
    }
}

/// The lines of all archives.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) bytes: Bytes,
    pub(super) starts: Starts,
    /// The place of the header of each record's image.
    pub(super) images: Vec<u64>,
    pub(super) names: Names,
    /// The number of members and archives that are not in the dataset, by reason, and the first of them.
    pub(super) left_out: BTreeMap<LeftOut, (u64, Vec<String>)>,
}

struct Writer<'a> {
    out: BufWriter<File>,
    caption_field: &'a str,
    images: Vec<u64>,
    names: Vec<(u64, u32)>,
    known: HashSet<u64>,
    left_out: BTreeMap<LeftOut, (u64, Vec<String>)>,
}

impl Lines {
    pub(super) fn read(archives: &[Archive], caption_field: &str, texts: &[String]) -> Result<Self, LinesError> {
        let mut writer = Writer {
            out: BufWriter::new(tempfile::tempfile()?),
            caption_field,
            images: Vec::new(),
            names: Vec::new(),
            known: HashSet::new(),
            left_out: BTreeMap::new(),
        };
        let mut starts = vec![0_u32];
        for Archive { opened, archive } in archives {
            let stem = opened.path.file_stem().unwrap_or_default().to_string_lossy().replace('.', "_");
            let label = if archives.len() > 1 { format!("{stem}/") } else { String::new() };
            let file = &archive.file;
            let read = samples(file, texts, &mut |visit| match visit {
                Visit::Sample(sample) => writer.sample(file, &sample, &label),
                Visit::LeftOut(reason, name) => {
                    writer.leave_out(reason, format!("{label}{name}"));
                    Ok(())
                }
            });
            match read {
                Ok(()) => {}
                // The samples before the damage can be used.
                Err(error @ LinesError::Broken(_)) if archives.len() > 1 || !writer.images.is_empty() => {
                    writer.line(0, &format!("{}: {error}", opened.name()))?;
                }
                Err(error) => return Err(error),
            }
            starts.push(u32::try_from(writer.images.len()).map_err(|_| LinesError::TooMany)?);
        }
        let Writer { out, images, names, left_out, .. } = writer;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let stamp = Stamp::from(&file.metadata()?);
        let (bytes, names) = (Bytes::new(file, stamp), Names::store(names)?);
        Ok(Self { bytes, starts: Starts::new(starts), images, names, left_out })
    }
}

impl Writer<'_> {
    fn leave_out(&mut self, reason: LeftOut, name: String) {
        let (count, names) = self.left_out.entry(reason).or_default();
        *count += 1;
        if names.len() < MAX_NAMES {
            names.push(name);
        }
    }

    /// Writes the line of what is no record. It is reported, and saved unchanged.
    fn line(&mut self, image: u64, why: &str) -> Result<(), LinesError> {
        self.images.push(image);
        Ok(writeln!(self.out, "{}", json!({ LEFT_OUT: why }))?)
    }

    fn sample(&mut self, file: &SharedFile, sample: &Sample, label: &str) -> Result<(), LinesError> {
        let Some(image) = &sample.image else { return Ok(()) };
        let record = u32::try_from(self.images.len()).map_err(|_| LinesError::TooMany)?;
        let member = image.name.as_deref().unwrap_or_default();
        let text = sample.text.as_ref().map(|text| read_text(file, text)).transpose()?;
        let object = sample.fields.as_ref().map(|fields| read_text(file, fields)).transpose()?;
        let text = match text.transpose() {
            Ok(text) => text,
            Err(why) => {
                return self.line(image.header, &format!("the caption of {label}{member} cannot be read: {why}"));
            }
        };
        let object = match object.transpose() {
            Ok(object) => object,
            Err(why) if text.is_none() => {
                return self.line(image.header, &format!("the fields of {label}{member} cannot be read: {why}"));
            }
            Err(why) => {
                self.leave_out(LeftOut::Unreadable, format!("{label}{}.json ({why})", sample.key));
                None
            }
        };
        let fields = match object.as_deref().map(all_fields).transpose() {
            Ok(fields) => fields.unwrap_or_default(),
            Err(error) if text.is_none() => {
                return self.line(image.header, &format!("the fields of {label}{member}: {}", error.cause()));
            }
            Err(error) => {
                self.leave_out(LeftOut::Unreadable, format!("{label}{}.json ({})", sample.key, error.cause()));
                Vec::new()
            }
        };
        let name = self.name(format!("{label}{member}"), record);
        write!(self.out, "{{\"{FILE_NAME}\": {}", json!(name))?;
        if let Some(text) = &text {
            write!(self.out, ", {}: {}", json!(self.caption_field), json!(caption(text)))?;
        }
        let is_other = |(field, _): &&(Cow<'_, str>, Json<'_>)| {
            field != FILE_NAME && (text.is_none() || *field != *self.caption_field)
        };
        for (field, json) in fields.iter().filter(is_other) {
            write!(self.out, ", {}: {}", json!(field), one_line(json.raw()))?;
        }
        self.out.write_all(b"}\n")?;
        self.images.push(image.header);
        Ok(())
    }

    /// Returns a name that no other record has.
    fn name(&mut self, name: String, record: u32) -> String {
        let mut unique = name;
        while !self.known.insert(name_hash(&unique)) {
            unique = format!("{unique}#{}", record + 1);
        }
        self.names.push((name_hash(&unique), record));
        unique
    }
}
