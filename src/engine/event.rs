//! The events that the engine reports to a front end.

use std::path::PathBuf;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::batch::{Chunk, Jobs};
use super::collection::CollectionId;
use crate::dataset::{Entry, RecordId};
use crate::describe::{DescriberStatus, JobId, Outcome, Usage};
use crate::lint::CaptionStyle;
use crate::report::Figures;
use crate::session::{Opened, Sample, Seq, SessionError};

/// Something that happened in the background.
#[derive(Debug)]
pub enum EngineEvent {
    /// The index has reached this many records.
    Indexed {
        records: u32,
        complete: bool,
    },
    /// The style of the captions, unless it is set.
    StyleRecognised(CaptionStyle),
    DatasetFailed(String),
    /// The background check has got further.
    Checked(Checked),
    /// Lines that were asked for, with the records' other texts by field.
    Lines {
        entries: Vec<Entry>,
        texts: Vec<(RecordId, Vec<(String, String)>)>,
    },
    LoadFailed {
        records: Vec<RecordId>,
        error: String,
    },
    /// The session is open; for reading only, for the given reason. `remark` is for the operator.
    SessionOpened {
        opened: Box<Opened>,
        remark: Option<String>,
        read_only: Option<String>,
    },
    SessionFailed(SessionError),
    /// Every event up to this one is on disk.
    Durable(Seq, Timestamp),
    /// A step was not stored, nor will be any after it until the session is opened again.
    StoreFailed(String),
    /// Steps could not be stored yet, for this reason. They are kept, and stored as soon as possible; `Durable` reports
    /// that.
    StoreDelayed(String),
    /// The sample of a spot check.
    Sampled(Result<Box<Sample>, String>),
    /// Captions of a file will be imported. Emitted before the session is opened, so that none of their records is described
    /// ahead.
    ImportStarted,
    /// The rest of the file is not imported, for this reason.
    ImportFailed(String),
    /// Captions of a file; with the last of them, a summary.
    Imported {
        /// [`FILE`](crate::session::FILE) or [`SAMPLE`](crate::session::SAMPLE).
        describer: &'static str,
        source: String,
        captions: Vec<(RecordId, String)>,
        done: Option<String>,
        at: Timestamp,
    },
    Job {
        job: JobId,
        record: RecordId,
        event: JobEvent,
        at: Timestamp,
    },
    /// Results of a batch job. The next ones follow when these are [stored](super::Engine::store_results).
    Collected {
        id: CollectionId,
        chunk: Box<Chunk>,
        at: Timestamp,
    },
    /// The collection has looked at all jobs, or stopped at an error.
    CollectionEnded {
        id: CollectionId,
        jobs: Box<Jobs>,
        error: Option<String>,
    },
    Describer(DescriberStatus),
    Verifier(DescriberStatus),
    /// The session was charged for a response, whether or not it became a candidate.
    Charged(Usage),
    Saved(SaveSummary),
    SaveFailed(SaveFailure),
    Statistics(Result<Box<Figures>, String>),
    Warning(String),
}

/// A step in the life of a job: `Started`, then any number of `Waiting` and `Delta`, then one end. A job cancelled before
/// it starts has only its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    Started,
    /// The describer waits or retries, and discards the text so far. The reason, in a few words.
    Waiting(String),
    /// More text.
    Delta(String),
    Ended(Outcome),
    /// The caption to verify has a verdict of the same model and prompt: nothing was sent.
    AlreadyVerified,
    /// Cancelled, or replaced by a newer job for the same record.
    Cancelled,
}

/// Progress of the background check of lines and images.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Records checked so far.
    pub records: u32,
    /// Of those checked since the last report: lines that cannot be parsed.
    pub bad_lines: RoaringBitmap,
    /// Of those checked since the last report: captions that no text may replace.
    pub other_captions: RoaringBitmap,
    /// Of those checked since the last report: image files that do not exist.
    pub bad_pictures: RoaringBitmap,
}

/// A finished save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveSummary {
    pub path: PathBuf,
    /// The files of a dataset of several, with the hashes of their contents.
    pub files: Vec<(PathBuf, u128)>,
    pub records: u64,
    /// Captions that differ from the dataset's.
    pub changed: u64,
    pub excluded: u64,
    /// Hash of the file's content.
    pub hash: u128,
    /// The last event that is in it.
    pub through: Seq,
    pub at: Timestamp,
    /// The number of decisions that were not applied.
    pub left_out: u64,
    pub warning: Option<String>,
}

/// Why nothing was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveFailure {
    /// The target is a file this session did not write, or that changed since. Forcing overwrites it.
    Conflict(String),
    Other(String),
}
