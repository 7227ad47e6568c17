//! Batch inference: what was sent away to be described, and what became of it. Every step is stored before it is taken, so
//! that a run that was killed continues without paying twice.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::error::Fault;
use super::event_log::time_from;
use super::subject::SubjectIndex;
use crate::dataset::RecordId;
use crate::describe::verdict::TextHash;

/// A part of a batch run: one input file, and the job that describes its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPart {
    pub plan: BatchPlan,
    pub at: Timestamp,
    pub state: PartState,
    /// The number of records in its input file; zero until it is uploaded.
    pub records: u64,
    /// The parameters of its requests for display, to which its entries refer.
    pub parameters: Vec<String>,
    /// The records that wait for a result. Those that are missing from the dataset are not among them.
    pub waiting: RoaringBitmap,
    /// The positions in the input file of the records whose result was stored.
    pub taken: RoaringBitmap,
}

/// What is known about a part before it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPlan {
    /// Identifies the part, also in the names of its job and its files.
    pub token: String,
    pub is_verification: bool,
    /// The id sent to the service.
    pub model: String,
    /// The name and version of the prompt.
    pub prompt: String,
    pub region: String,
    /// The URL of the input file.
    pub input: String,
    /// The URL of the folder of its results.
    pub output: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartState {
    /// The input file is being uploaded. Its records wait for nothing yet.
    Uploading,
    /// Complete, but without a job.
    Uploaded,
    /// A job was asked for. Whether the service has one is unknown.
    Creating { attempt: u32 },
    /// A job works on it, by its ARN.
    Created { job: String },
    /// Every record has its result, or a reason why there is none.
    Ended { outcome: String },
}

impl PartState {
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

impl BatchPart {
    /// Returns true if its records wait: its file is complete, and not all results were taken.
    #[must_use]
    pub const fn is_waiting(&self) -> bool {
        !matches!(self.state, PartState::Uploading | PartState::Ended { .. })
    }

    /// Returns the number of its records without a result.
    #[must_use]
    pub fn left(&self) -> u64 {
        if self.state.is_ended() { 0 } else { self.records.saturating_sub(self.taken.len()) }
    }

    /// Follows that the results at these positions, which are of these records, were stored.
    pub fn take(&mut self, places: &RoaringBitmap, records: impl IntoIterator<Item = RecordId>) {
        self.taken |= places;
        for record in records {
            self.waiting.remove(record.0);
        }
    }

    /// Follows that nothing more is expected.
    pub fn end(&mut self, outcome: String) {
        self.state = PartState::Ended { outcome };
        self.waiting.clear();
    }
}

/// A record of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEntry {
    /// Its position, or a placeholder if it is missing from the dataset.
    pub record: RecordId,
    /// The index of its parameters.
    pub variant: u8,
    /// The XXH3-64 of the request, the image included.
    pub request: u64,
    /// The text that is verified.
    pub judged: Option<TextHash>,
}

impl BatchEntry {
    /// Returns true if its record is in the dataset.
    #[must_use]
    pub const fn is_present(&self) -> bool {
        // Positions are less than 2³¹, placeholders are not.
        self.record.0 <= i32::MAX.cast_unsigned()
    }
}

/// A step of a part, stored before it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchNote {
    /// The part's file will be uploaded.
    Planned(BatchPlan),
    /// The part's file is complete.
    Uploaded {
        token: String,
        entries: Vec<BatchEntry>,
        parameters: Vec<String>,
    },
    /// The job will be created.
    Creating {
        token: String,
        attempt: u32,
    },
    Created {
        token: String,
        job: String,
    },
    /// The service refused to create the job.
    Rejected {
        token: String,
        reason: String,
    },
    /// The results of the records at these positions of the input file are stored in the same transaction.
    Taken {
        token: String,
        places: RoaringBitmap,
    },
    Ended {
        token: String,
        outcome: String,
    },
}

impl BatchNote {
    pub(super) fn records(&self) -> impl Iterator<Item = RecordId> {
        let entries = match self {
            Self::Uploaded { entries, .. } => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|entry| entry.record)
    }

    fn parts(&self) -> (&str, &'static str) {
        match self {
            Self::Planned(plan) => (&plan.token, "planned"),
            Self::Uploaded { token, .. } => (token, "uploaded"),
            Self::Creating { token, .. } => (token, "creating"),
            Self::Created { token, .. } => (token, "created"),
            Self::Rejected { token, .. } => (token, "rejected"),
            Self::Taken { token, .. } => (token, "taken"),
            Self::Ended { token, .. } => (token, "ended"),
        }
    }
}

/// The size of a stored entry: the subject (4 bytes), the variant (1), the hash of the request (8) and of the text (16).
const ENTRY_BYTES: usize = 29;

fn encoded(entry: &BatchEntry, subject: SubjectIndex) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..4].copy_from_slice(&subject.0.to_le_bytes());
    bytes[4] = entry.variant;
    bytes[5..13].copy_from_slice(&entry.request.to_le_bytes());
    bytes[13..].copy_from_slice(&entry.judged.map_or(0, |judged| judged.0).to_le_bytes());
    bytes
}

fn decoded(bytes: &[u8; ENTRY_BYTES], of: impl Fn(SubjectIndex) -> Option<RecordId>) -> Option<BatchEntry> {
    let (subject, rest) = bytes.split_first_chunk::<4>()?;
    let (variant, rest) = rest.split_first()?;
    let (request, judged) = rest.split_first_chunk::<8>()?;
    let judged = u128::from_le_bytes(judged.try_into().ok()?);
    Some(BatchEntry {
        record: of(SubjectIndex(u32::from_le_bytes(*subject)))?,
        variant: *variant,
        request: u64::from_le_bytes(*request),
        judged: (judged != 0).then_some(TextHash(judged)),
    })
}

fn decode_all(
    blob: &[u8],
    token: &str,
    of: impl Fn(SubjectIndex) -> Option<RecordId>,
) -> Result<Vec<BatchEntry>, Fault> {
    let damaged = || Fault::Damaged(format!("the records of batch part {token} are damaged"));
    let (entries, []) = blob.as_chunks::<ENTRY_BYTES>() else { return Err(damaged()) };
    entries.iter().map(|bytes| decoded(bytes, &of).ok_or_else(damaged)).collect()
}

fn bitmap_bytes(bitmap: &RoaringBitmap) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    bitmap.serialize_into(&mut bytes).map_err(|error| Fault::Damaged(error.to_string()))?;
    Ok(bytes)
}

/// Inserts a step. The subjects of its records are known.
pub(super) fn append(
    connection: &Connection,
    at: Timestamp,
    note: &BatchNote,
    subject_of: impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let (token, kind) = note.parts();
    let (detail, data) = match note {
        BatchNote::Planned(plan) => (Some(to_json(plan)?), None),
        BatchNote::Uploaded { entries, parameters, .. } => {
            let mut data = Vec::with_capacity(entries.len() * ENTRY_BYTES);
            for entry in entries {
                let unknown = || Fault::Damaged(format!("record {} has no subject", entry.record.0));
                data.extend(encoded(entry, subject_of(entry.record).ok_or_else(unknown)?));
            }
            (Some(to_json(parameters)?), Some(data))
        }
        BatchNote::Creating { attempt, .. } => (Some(attempt.to_string()), None),
        BatchNote::Created { job, .. } => (Some(job.clone()), None),
        BatchNote::Rejected { reason, .. } => (Some(reason.clone()), None),
        BatchNote::Taken { places, .. } => (None, Some(bitmap_bytes(places)?)),
        BatchNote::Ended { outcome, .. } => (Some(outcome.clone()), None),
    };
    connection
        .prepare_cached("INSERT INTO batch_step (token, at, kind, detail, data) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![token, at.to_string(), kind, detail, data])?;
    Ok(())
}

fn to_json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Damaged(error.to_string()))
}

/// Reads the parts in the order in which they were planned. `record_of` returns the record of a subject.
pub(super) fn read(
    connection: &Connection,
    record_of: impl Fn(SubjectIndex) -> Option<RecordId>,
) -> Result<Vec<BatchPart>, Fault> {
    let ended: HashSet<String> = connection
        .prepare("SELECT token FROM batch_step WHERE kind = 'ended'")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut parts: Vec<BatchPart> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // The records of the parts that have not ended, in the order of their input files.
    let mut sent: HashMap<String, Vec<RecordId>> = HashMap::new();
    let mut statement = connection.prepare("SELECT token, at, kind, detail, data FROM batch_step ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (token, kind): (String, String) = (row.get(0)?, row.get(2)?);
        let detail = row.get::<_, Option<String>>(3)?.unwrap_or_default();
        let damaged = |what: &str| Fault::Damaged(format!("step \"{what}\" of batch part {token} is damaged"));
        if kind == "planned" {
            let plan: BatchPlan = serde_json::from_str(&detail).map_err(|_| damaged(&kind))?;
            places.insert(token, parts.len());
            parts.push(BatchPart {
                at: time_from(&row.get::<_, String>(1)?)
                    .ok_or_else(|| Fault::Damaged(format!("the time of batch part {} is damaged", plan.token)))?,
                plan,
                state: PartState::Uploading,
                records: 0,
                parameters: Vec::new(),
                waiting: RoaringBitmap::new(),
                taken: RoaringBitmap::new(),
            });
            continue;
        }
        let Some(part) = places.get(&token).map(|place| &mut parts[*place]) else { return Err(damaged(&kind)) };
        match kind.as_str() {
            "uploaded" => {
                let data = row.get_ref(4)?.as_blob().map_err(|_| damaged(&kind))?;
                part.records = (data.len() / ENTRY_BYTES) as u64;
                part.parameters = serde_json::from_str(&detail).map_err(|_| damaged(&kind))?;
                part.state = PartState::Uploaded;
                // Nothing waits any more in a part that has ended.
                if !ended.contains(&token) {
                    let entries = decode_all(data, &token, &record_of)?;
                    let records: Vec<RecordId> = entries.iter().map(|entry| entry.record).collect();
                    part.waiting =
                        entries.iter().filter(|entry| entry.is_present()).map(|entry| entry.record.0).collect();
                    sent.insert(token, records);
                }
            }
            "creating" => {
                part.state = PartState::Creating { attempt: detail.parse().map_err(|_| damaged(&kind))? };
            }
            "created" => part.state = PartState::Created { job: detail },
            "rejected" => part.state = PartState::Uploaded,
            "taken" => {
                let data = row.get_ref(4)?.as_blob().map_err(|_| damaged(&kind))?;
                let stored = RoaringBitmap::deserialize_from(data).map_err(|_| damaged(&kind))?;
                let sent = sent.get(&token).map(Vec::as_slice).unwrap_or_default();
                let records = stored.iter().filter_map(|place| sent.get(place as usize).copied());
                part.take(&stored, records.collect::<Vec<_>>());
            }
            "ended" => part.end(detail),
            _ => return Err(damaged(&kind)),
        }
    }
    Ok(parts)
}

/// Reads the records of a part in the order of its input file. The positions of the subjects are stored.
pub(super) fn read_entries(connection: &Connection, token: &str) -> Result<Vec<BatchEntry>, Fault> {
    let data: Vec<u8> = connection.query_row(
        "SELECT data FROM batch_step WHERE token = ?1 AND kind = 'uploaded' ORDER BY id DESC LIMIT 1",
        [token],
        |row| row.get(0),
    )?;
    // One look-up for each record, because a session may have millions of them and a part has thousands.
    let position = RefCell::new(connection.prepare("SELECT position FROM subject WHERE id = ?1")?);
    decode_all(&data, token, |subject| {
        let position: Option<u32> = position.borrow_mut().query_row([subject.row()], |row| row.get(0)).ok()?;
        Some(position.map_or_else(|| subject.placeholder(), RecordId))
    })
}

/// Returns how often the service refused to create the job of a part.
pub(super) fn refusals(connection: &Connection, token: &str) -> Result<u32, Fault> {
    let query = "SELECT count(*) FROM batch_step WHERE token = ?1 AND kind = 'rejected'";
    Ok(connection.query_row(query, [token], |row| row.get(0))?)
}
