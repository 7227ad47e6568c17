//! Writes an archive with changed captions: all other members are copied byte for byte, those of excluded samples left out.

use std::io::{self, Read as _, Write};

use super::samples::{Sample, Visit, read_text, samples};
use super::{Archive, Archives};
use crate::dataset::fields::{Json, field};
use crate::dataset::file_set::FileSet as _;
use crate::dataset::folder::caption;
use crate::dataset::save::{Change, Counts, SaveError};
use crate::dataset::sidecars::with_caption;
use crate::dataset::{Dataset, DatasetError, Entry, RecordId};
use crate::shared_file::SharedFile;
use crate::tar_file::{BLOCK, Member, MembersError, padding, with_content, with_name};

const BUFFER: usize = 256 * 1024;

/// Why an archive was not written.
enum Stopped {
    Save(SaveError),
    /// Of the archive that is read.
    Members(MembersError),
}

impl From<MembersError> for Stopped {
    fn from(error: MembersError) -> Self {
        Self::Members(error)
    }
}

impl Archives {
    /// Writes an archive with `changes` of its records, which must be in file order.
    pub(in crate::dataset) fn write(
        &self,
        dataset: &Dataset,
        number: usize,
        changes: &mut dyn Iterator<Item = (RecordId, Change)>,
        output: &mut dyn Write,
        not_written: &dyn Fn(io::Error) -> SaveError,
    ) -> Result<Counts, SaveError> {
        let Archive { opened, archive } = &self.files[number];
        let unreadable = |source| SaveError::from(DatasetError::Io { path: opened.path.clone(), source });
        let records = self.records(dataset.path(), number)?;
        let mut copy = Copy {
            file: &archive.file,
            at: 0,
            output,
            not_written,
            unreadable: &unreadable,
            counts: Counts::default(),
        };
        let mut changes = changes.peekable();
        let mut record = RecordId(records.start);
        let walked = samples(&archive.file, &self.texts, &mut |visit| {
            let Visit::Sample(sample) = visit else { return Ok(()) };
            let own = record;
            record.0 += 1;
            if let Some((known, _)) = changes.peek().filter(|(known, _)| *known < own) {
                return Err(Stopped::Save(SaveError::OutOfOrder { record: *known }));
            }
            match changes.next_if(|(known, _)| *known == own) {
                Some((_, change)) => {
                    copy.sample(dataset, own, &self.caption_field, &sample, change).map_err(Stopped::Save)
                }
                None => Ok(()),
            }
        });
        match walked {
            // What follows the damage is copied as it is.
            Ok(()) | Err(Stopped::Members(MembersError::Broken(_))) => {}
            Err(Stopped::Members(MembersError::Io(error))) => return Err(unreadable(error)),
            Err(Stopped::Save(error)) => return Err(error),
        }
        for (record, _) in changes {
            if !records.contains(&record.0) {
                let (path, count) = (dataset.path().into(), dataset.record_count());
                return Err(DatasetError::NoSuchRecord { path, record, count }.into());
            }
            // The damaged part of the archive.
            copy.counts.bad += 1;
        }
        copy.until(archive.file.len())?;
        let counts = copy.counts;
        self.check()?;
        Ok(counts)
    }
}

/// Copies an archive to the output.
struct Copy<'a> {
    file: &'a SharedFile,
    /// The place of the next byte to copy.
    at: u64,
    output: &'a mut dyn Write,
    not_written: &'a dyn Fn(io::Error) -> SaveError,
    unreadable: &'a dyn Fn(io::Error) -> SaveError,
    counts: Counts,
}

impl Copy<'_> {
    /// Writes a sample with a change, and what precedes it.
    fn sample(
        &mut self,
        dataset: &Dataset,
        record: RecordId,
        caption_field: &str,
        sample: &Sample,
        change: Change,
    ) -> Result<(), SaveError> {
        let Entry::Record(known) = dataset.entry(record)? else {
            self.counts.bad += 1;
            return Ok(());
        };
        let new = match change {
            Change::Exclude { records } => {
                for part in &sample.parts {
                    self.until(part.start)?;
                    self.at = part.end;
                }
                self.counts.excluded += records;
                return Ok(());
            }
            Change::Caption(new) if known.caption.other().is_none() => new,
            Change::Caption(_) | Change::Captions(_) => {
                self.counts.not_text += 1;
                return Ok(());
            }
        };
        if known.caption.text() == Some(&new) {
            return Ok(());
        }
        let mut replaced: Vec<(&Member, String)> = Vec::new();
        if let Some(text) = &sample.text {
            let content = self.text(text)?;
            let is_same = |json: Json<'_>| json.text().is_some_and(|old| old.text == caption(&content));
            replaced.push((text, with_caption(&content, &new)));
            // A copy of the caption in the fields would contradict it.
            let fields =
                sample.fields.as_ref().map(|fields| Ok::<_, SaveError>((fields, self.text(fields)?))).transpose()?;
            replaced.extend(
                fields.and_then(|(fields, object)| Some((fields, with_field(&object, caption_field, &new, is_same)?))),
            );
        } else if let Some(fields) = &sample.fields {
            let object = self.text(fields)?;
            replaced.extend(with_field(&object, caption_field, &new, |_| true).map(|object| (fields, object)));
        }
        if replaced.iter().any(|(member, _)| member.has_other_size) {
            self.counts.bad += 1;
            return Ok(());
        }
        self.counts.changed += 1;
        if replaced.is_empty() {
            return self.add_text(sample, &new);
        }
        replaced.sort_by_key(|(member, _)| member.header);
        for (member, content) in replaced {
            let header = self.header(member)?;
            self.until(member.header)?;
            self.put(&with_content(&header, content.len() as u64), &content)?;
            self.at = member.whole.end;
        }
        Ok(())
    }

    /// Adds a text with the caption after the last member of a sample.
    fn add_text(&mut self, sample: &Sample, caption: &str) -> Result<(), SaveError> {
        let (Some(image), Some(last)) = (&sample.image, sample.parts.last()) else { return Ok(()) };
        let header = self.header(image)?;
        self.until(last.end)?;
        self.put(&with_name(&header, &format!("{}.txt", sample.key), caption.len() as u64), caption)
    }

    fn put(&mut self, headers: &[u8], content: &str) -> Result<(), SaveError> {
        let zeros = vec![0; padding(content.len() as u64)];
        [headers, content.as_bytes(), &zeros]
            .into_iter()
            .try_for_each(|part| self.output.write_all(part))
            .map_err(self.not_written)
    }

    fn header(&self, member: &Member) -> Result<Vec<u8>, SaveError> {
        let mut header = vec![0; usize::try_from(BLOCK).unwrap_or_default()];
        self.file.reader(member.header).read_exact(&mut header).map_err(self.unreadable)?;
        Ok(header)
    }

    fn text(&self, member: &Member) -> Result<String, SaveError> {
        // One that cannot be used is no record, or has no fields.
        Ok(read_text(self.file, member).map_err(self.unreadable)?.unwrap_or_default())
    }

    fn until(&mut self, end: u64) -> Result<(), SaveError> {
        let mut reader = self.file.reader(self.at);
        let mut block = vec![0; BUFFER];
        while self.at < end {
            let len = usize::try_from(end - self.at).map_or(BUFFER, |len| len.min(BUFFER));
            reader.read_exact(&mut block[..len]).map_err(self.unreadable)?;
            self.output.write_all(&block[..len]).map_err(self.not_written)?;
            self.at += len as u64;
        }
        Ok(())
    }
}

/// Returns an object with another text in a field, if its value is one that may be replaced.
fn with_field(object: &str, name: &str, text: &str, is_replaced: impl Fn(Json<'_>) -> bool) -> Option<String> {
    let json = field(object, name).ok()??;
    if !is_replaced(json) {
        return None;
    }
    let start = json.raw().as_ptr().addr() - object.as_ptr().addr();
    let (before, after) = (&object[..start], &object[start + json.raw().len()..]);
    Some([before, &serde_json::Value::from(text).to_string(), after].concat())
}
