//! The request for a job: the session's part ([`JobSpec`]) and the dataset's part, put together.

use crate::dataset::{Dataset, DatasetError, Entry, LineFinding};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::rules::{self, JobMode, JobSpec};
use crate::describe::verdict::TextHash;
use crate::describe::{Context, Describer, Repair, Request, RequestMode};
use crate::lint::Rules;
use crate::text::counted;

/// Why a job sends no request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotSent {
    /// A message for the operator.
    Failed(String),
    /// The caption has a verdict already.
    AlreadyVerified,
}

impl<M: Into<String>> From<M> for NotSent {
    fn from(message: M) -> Self {
        Self::Failed(message.into())
    }
}

/// Reads the record's line and returns the request for it.
///
/// # Errors
/// Returns an error if the caption is verified already, if the line cannot be read, its caption cannot be replaced by a text, or it names no
/// image inside the dataset's folder.
pub fn build(dataset: &Dataset, spec: JobSpec, rules: &Rules) -> Result<Request, NotSent> {
    let JobSpec { job, record, priority: _, detail, current, current_stop, previous, mode, examples } = spec;
    let (entry, line) = dataset.entry_and_line(record).map_err(|error| error.to_string())?;
    let parsed = match entry {
        Entry::Record(parsed) => parsed,
        Entry::Bad(bad) => return Err(bad.error.to_string().into()),
    };
    if let Some(other) = parsed.caption.other() {
        return Err(LineFinding::CaptionNotString { found: other.kind }.to_string().into());
    }
    let image_path = dataset.picture_path(&parsed.file_name).map_err(|error| error.to_string())?;
    let current = current.resolve(parsed.caption.into_text());
    let mut judged = None;
    let mode = match mode {
        JobMode::Verify { text, verified } => {
            judged = Some((text, verified));
            RequestMode::Describe
        }
        JobMode::Describe => RequestMode::Describe,
        JobMode::Vary => RequestMode::Vary,
        JobMode::Repair { rejected, reasons } => {
            let text = rejected.resolve(current.as_deref(), rules).unwrap_or_default();
            RequestMode::Repair(Repair { text, reasons })
        }
    };
    let current = match judged {
        Some((judged, verified)) => {
            let text = judged.resolve(current.as_deref(), rules).ok_or("no caption to verify")?;
            if verified.contains(&TextHash::of(&text)) {
                return Err(NotSent::AlreadyVerified);
            }
            Some(text)
        }
        None => current.filter(|caption| rules::is_hint(caption, current_stop.as_ref(), rules)),
    };
    let context = Context { file_name: parsed.file_name, current, line, previous, mode, examples };
    Ok(Request { job, record, image_path, detail, max_words: rules.max_words, context })
}

/// The number of records whose fields are compared with a prompt.
const CHECKED_RECORDS: u32 = 1_000;
/// The maximum number of fields listed in an error.
const MAX_FIELDS: usize = 30;

#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(
        "unknown variable {{{name}}} in the prompt: none of the first {records} has such a field; fields: {fields}; \
         {{{{{name}}}}} is literal text"
    )]
    Unknown { name: String, records: String, fields: String },
}

/// Checks that each field that the describer's requests use exists in one of the first records.
///
/// # Errors
/// Returns an error that lists the fields if one does not exist, or if the dataset cannot be read.
pub fn check_fields(dataset: &Dataset, describer: &dyn Describer) -> Result<(), FieldError> {
    check_used_fields(dataset, describer.fields())
}

/// Checks that each of the fields exists in one of the first records.
///
/// # Errors
/// Returns an error that lists the fields if one does not exist, or if the dataset cannot be read.
pub fn check_used_fields(dataset: &Dataset, mut unknown: Vec<String>) -> Result<(), FieldError> {
    let (mut fields, mut records) = (BTreeSet::new(), 0_u64);
    if unknown.is_empty() {
        return Ok(());
    }
    // A large dataset is indexed later, in the background.
    dataset.build_index(&mut |_| {
        let is_enough = dataset.record_count() >= CHECKED_RECORDS;
        if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    dataset.lines(0..dataset.record_count().min(CHECKED_RECORDS), &mut |line| {
        if let Entry::Record(_) = line.entry() {
            records += 1;
            unknown.retain(|name| line.field(name).is_none());
            fields.extend(line.own_fields().map(str::to_owned));
            fields.extend(line.others().into_iter().map(|(name, _)| name.into_owned()));
        }
        if unknown.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let Some(name) = unknown.into_iter().next().filter(|_| records > 0) else { return Ok(()) };
    let more = fields.len().saturating_sub(MAX_FIELDS);
    let fields = fields.into_iter().take(MAX_FIELDS).collect::<Vec<_>>().join(", ");
    let fields = if more > 0 { format!("{fields} and {more} more") } else { fields };
    Err(FieldError::Unknown { name, records: counted(records, "record", "records"), fields })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{OpenOptions, RecordId};
    use crate::describe::{JobId, Priority};
    use crate::engine::rules::Judged;
    use crate::session::RecordState;

    const CAPTION: &str = "A person in a red hat.";

    /// Returns the text that is sent, for [`CAPTION`] with a candidate of the embedded describer beside it.
    fn verified(candidate: &str, verified: &[&str]) -> Result<Option<String>, NotSent> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("set.jsonl");
        let line = serde_json::json!({ "file_name": "a.jpg", "text": CAPTION });
        std::fs::write(&path, format!("{line}\n")).expect("a dataset");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("a dataset");
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("an index");
        let judged = Judged::First(Some((candidate.to_owned(), true)));
        let verified = verified.iter().map(|text| TextHash::of(text)).collect();
        let spec =
            rules::verification_spec(JobId(1), RecordId(0), Priority::Bulk, &RecordState::default(), judged, verified);
        build(&dataset, spec, &Rules::default()).map(|request| request.context.current)
    }

    #[test]
    fn a_text_with_a_verdict_is_not_sent_again() {
        let original = Ok(Some(CAPTION.to_owned()));
        assert_eq!(
            verified("A person.", &[]),
            original,
            "a good caption comes before a candidate of the embedded describer"
        );
        assert_eq!(verified("A person.", &["A person."]), original, "the verdict is on another text");
        assert_eq!(verified("A person.", &["A person.", CAPTION]), Err(NotSent::AlreadyVerified));
    }
}
