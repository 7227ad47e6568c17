//! The session's file, written one batch of events at a time.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior, params};

use super::error::{Fault, SessionError};
use super::event::{Draft, Event, Seq};
use super::history;
use super::lock::Lock;
use super::log::{self, SubjectIndex};
use super::rebind::put_setting;
use super::sample::{self, Sample};
use super::spending;
use crate::dataset::{self, Dataset, DatasetError, Occurrences, RecordId};
use crate::describe::Charge;

/// What a record is beyond its position, said when it is first touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The name in its line; empty where it has none.
    pub file_name: String,
    /// How many records of the same name come before it. Zero until that is known
    /// (see [`Writer::set_occurrences`](super::Writer::set_occurrences)).
    pub occurrence: u32,
    /// The caption in its line.
    pub caption: Option<String>,
}

impl Subject {
    /// Reads a record's subject from its dataset.
    ///
    /// # Errors
    ///
    /// Returns an error if the line cannot be read.
    pub fn read(dataset: &Dataset, record: RecordId, occurrences: &Occurrences) -> Result<Self, DatasetError> {
        let occurrence = occurrences.of(record);
        Ok(match dataset.entry(record)? {
            dataset::Entry::Record(line) => Self { file_name: line.file_name, occurrence, caption: line.caption },
            dataset::Entry::Bad(_) => Self { file_name: String::new(), occurrence, caption: None },
        })
    }
}

/// An event on its way into the session.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number [`Ledger::apply`](super::Ledger::apply) gave it.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// What its record is. Needed with the first event of a record and ignored later.
    pub subject: Option<Subject>,
}

/// The file of a session, held for writing.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    connection: Connection,
    subjects: BTreeMap<RecordId, SubjectIndex>,
    last: Seq,
    // Last, so that it is given back when the file is closed.
    _lock: Lock,
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// The records that are touched here for the first time.
    new: HashSet<RecordId>,
    /// The record the operator is on, and its name.
    pub(super) cursor: Option<(RecordId, String)>,
    /// What was paid for, and when.
    pub(super) charges: Vec<(Timestamp, Charge)>,
    /// What was learned about which of several records of a name each is.
    pub(super) occurrences: Vec<(RecordId, u32)>,
    /// Who reviews, after which event and since when.
    pub(super) reviewers: Vec<(Seq, Timestamp, String)>,
    /// Samples that were drawn.
    pub(super) samples: Vec<Sample>,
}

impl Batch {
    /// Adds an entry if it is the next one and its record is known.
    pub(super) fn push(&mut self, store: &Store, entry: Entry) -> Result<(), SessionError> {
        let due = Seq(self.last().unwrap_or(store.last).0 + 1);
        if entry.seq != due {
            return Err(SessionError::OutOfOrder { due, got: entry.seq });
        }
        if let Some(record) = entry.event.record().filter(|record| !store.subjects.contains_key(record)) {
            if entry.subject.is_none() && !self.new.contains(&record) {
                return Err(SessionError::Unknown { record });
            }
            self.new.insert(record);
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Notes who does what is pushed from here on.
    pub(super) fn set_reviewer(&mut self, store: &Store, at: Timestamp, reviewer: String) {
        self.reviewers.push((self.last().unwrap_or(store.last), at, reviewer));
    }

    /// Number of the newest event in it.
    pub(super) fn last(&self) -> Option<Seq> {
        self.entries.last().map(|entry| entry.seq)
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
            && self.charges.is_empty()
            && self.occurrences.is_empty()
            && self.cursor.is_none()
            && self.samples.is_empty()
    }

    /// The numbers of its events.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Seq> {
        self.entries.iter().map(|entry| entry.seq)
    }
}

impl Store {
    /// A file that is open and whose events up to `last` are added up.
    pub(super) fn new(
        file: PathBuf,
        connection: Connection,
        subjects: BTreeMap<RecordId, SubjectIndex>,
        last: Seq,
        lock: Lock,
    ) -> Self {
        Self { file, connection, subjects, last, _lock: lock }
    }

    /// The session's file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Writes a batch: all of it is on the disk, or none. After an error nothing more can be written, because what
    /// follows builds on what is missing.
    pub(super) fn commit(&mut self, batch: &Batch) -> Result<(), SessionError> {
        self.write(batch).map_err(|fault| {
            // What could not be synced is not to be synced a second time: the second sync may lie.
            // If this cannot be set, the file is folded in on closing, and only what was acknowledged is.
            _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            fault.of(&self.file)
        })
    }

    fn write(&mut self, batch: &Batch) -> Result<(), Fault> {
        let subjects = &mut self.subjects;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut drafts: HashMap<SubjectIndex, (Seq, Option<&Draft>, u64)> = HashMap::new();
        for (after, at, reviewer) in &batch.reviewers {
            history::append_sitting(&transaction, *after, *at, reviewer)?;
        }
        for sample in &batch.samples {
            for member in &sample.members {
                subject(&transaction, subjects, member.record, Some(&member.subject))?;
            }
            sample::append(&transaction, sample, |record| subjects.get(&record).copied())?;
        }
        for entry in &batch.entries {
            let record = entry.event.record();
            let known = record.map(|record| subject(&transaction, subjects, record, entry.subject.as_ref()));
            let known = known.transpose()?;
            match (&entry.event, known) {
                (Event::Drafted { draft, .. }, Some(subject)) => {
                    let newest = drafts.entry(subject).or_default();
                    *newest = (entry.seq, draft.as_ref(), newest.2 + 1);
                }
                (event, _) => {
                    log::append(&transaction, entry.seq, entry.at, event, |record| subjects.get(&record).copied())?;
                }
            }
        }
        for (subject, (seq, draft, writes)) in drafts {
            log::put_draft(&transaction, subject, seq, draft, writes)?;
        }
        for (record, occurrence) in &batch.occurrences {
            if let Some(subject) = subjects.get(record) {
                transaction
                    .prepare_cached("UPDATE subject SET occurrence = ?2 WHERE id = ?1")?
                    .execute(params![subject.row(), occurrence])?;
            }
        }
        for (at, charge) in &batch.charges {
            spending::append(&transaction, *at, charge)?;
        }
        if let Some((record, name)) = &batch.cursor {
            put_setting(&transaction, "cursor", Some(record.0))?;
            put_setting(&transaction, "cursor_name", Some(name.clone()))?;
        }
        transaction.commit()?;
        self.last = batch.last().unwrap_or(self.last);
        Ok(())
    }

    /// Lets the file grow no further.
    #[cfg(test)]
    pub(super) fn limit_pages(&self) {
        let pages: i64 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    }

    /// Folds the log into the database and gives the session back.
    pub(super) fn close(self) -> Result<(), SessionError> {
        let Self { file, connection, .. } = self;
        connection.close().map_err(|(_, error)| Fault::from(error).of(&file))
    }
}

/// The subject that a record is, made if this is its first event.
fn subject(
    connection: &Connection,
    subjects: &mut BTreeMap<RecordId, SubjectIndex>,
    record: RecordId,
    known: Option<&Subject>,
) -> Result<SubjectIndex, Fault> {
    if let Some(subject) = subjects.get(&record) {
        return Ok(*subject);
    }
    let subject = SubjectIndex(u32::try_from(subjects.len()).unwrap_or(u32::MAX));
    let Some(Subject { file_name, occurrence, caption }) = known else {
        return Err(Fault::Damaged(format!("record {} is not known", record.0)));
    };
    connection
        .prepare_cached(
            "INSERT INTO subject (id, file_name, occurrence, position, original) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![subject.row(), file_name, occurrence, record.0, caption])?;
    subjects.insert(record, subject);
    Ok(subject)
}
