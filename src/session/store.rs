//! The session's file, written one batch of steps at a time.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Statement, TransactionBehavior, params};

use super::batch::{self, BatchEntry, BatchNote};
use super::error::{Fault, SessionError, retry_damaged};
use super::event::{Draft, Event, Seq};
use super::event_log;
use super::history;
use super::lock::Lock;
use super::log_mark::LogMark;
use super::rebind;
use super::sample::{self, Sample};
use super::setting::put_setting;
use super::spending;
use super::step::{Changes, Step};
use super::subject::{Subject, SubjectIndex};
use crate::dataset::{Dataset, DatasetError, Namesakes, RecordId};
use crate::describe::Charge;
use crate::parallel::{Beside, in_order};

/// Records between two new ones that are read along with them, rather than seeking.
const READ_ALONG: u32 = 16;
/// The most records that a thread reads at a time.
const MAX_RUN: usize = 2048;

/// The file name and caption of a record.
pub type Identity = (String, Option<String>);

/// An event of another session, for [`Store::import`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    pub reviewer: String,
    pub at: Timestamp,
    pub event: Event,
}

/// What is stored in one transaction: all of it, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    pub steps: Vec<Step>,
    pub charges: Vec<Charge>,
    pub notes: Vec<BatchNote>,
}

/// The file of a session, held for writing.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    connection: Connection,
    dataset: Dataset,
    /// Which records share their identity, once that is known.
    namesakes: Option<Namesakes>,
    subjects: BTreeMap<RecordId, SubjectIndex>,
    last: Seq,
    database: DatabaseFile,
    // The last field, so that the lock is released after the file is closed.
    _lock: Lock,
}

/// The database file compared with its write-ahead log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DatabaseFile {
    /// As complete as a checkpoint can make it.
    Settled,
    /// The log may have changes that are not in it, but none since it was marked as complete.
    Opened,
    /// The newest transaction marks it as incomplete, but it was not checkpointed since.
    Unmarked,
    /// Marked as incomplete.
    Marked,
    /// Writing it failed. After a failed fsync a second one may report success without having written anything, so there
    /// are no more checkpoints, and the log stays.
    Failed,
}

/// The rows written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    steps: Vec<(Step, Timestamp)>,
    /// All steps are stored or none. Otherwise those before one that cannot be stored are.
    atomic: bool,
    /// The record under the cursor, and its file name.
    pub(super) cursor: Option<(RecordId, String)>,
    /// Requests that were paid for, and when.
    pub(super) charges: Vec<(Timestamp, Charge)>,
    /// The store has learned which records share their identity, and some subjects lack it.
    pub(super) namesakes: bool,
    /// Who reviews after which event, and since when.
    reviewers: Vec<(Seq, Timestamp, String)>,
    pub(super) samples: Vec<Sample>,
    /// Steps of batch inference, and when.
    notes: Vec<(Timestamp, BatchNote)>,
    /// What the results of batch jobs cost. Stored only together with the notes that they were taken.
    collected: Vec<(Timestamp, Charge)>,
    /// Told once everything is on disk.
    receipts: Vec<Receipt>,
}

/// Called once a transaction is on disk.
pub struct Receipt(Box<dyn FnOnce() + Send>);

impl Receipt {
    pub fn new(stored: impl FnOnce() + Send + 'static) -> Self {
        Self(Box::new(stored))
    }

    pub(super) fn give(self) {
        (self.0)();
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

impl Batch {
    /// Adds a step if it is the next one.
    pub(super) fn push(&mut self, store: &Store, step: Step, at: Timestamp) -> Result<(), SessionError> {
        let due = Seq(self.last().unwrap_or(store.last).0 + 1);
        if step.first != due {
            return Err(SessionError::OutOfOrder { due, got: step.first });
        }
        self.steps.push((step, at));
        Ok(())
    }

    /// Adds results of batch jobs: steps, what they cost, and the notes that they were taken.
    pub(super) fn collect(
        &mut self,
        store: &Store,
        transaction: Transaction,
        at: Timestamp,
        receipt: Receipt,
    ) -> Result<(), SessionError> {
        for step in transaction.steps {
            self.push(store, step, at)?;
        }
        self.collected.extend(transaction.charges.into_iter().map(|charge| (at, charge)));
        self.notes.extend(transaction.notes.into_iter().map(|note| (at, note)));
        self.receipts.push(receipt);
        Ok(())
    }

    pub(super) fn take_receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    /// Sets the reviewer of the steps pushed from here on.
    pub(super) fn set_reviewer(&mut self, store: &Store, at: Timestamp, reviewer: String) {
        self.reviewers.push((self.last().unwrap_or(store.last), at, reviewer));
    }

    /// Returns the number of the newest event in it.
    pub(super) fn last(&self) -> Option<Seq> {
        self.steps.last().map(|(step, _)| step.last())
    }

    /// Returns true if it has to be written at once: the cursor, the reviewer and the namesakes wait for a step.
    pub(super) fn is_urgent(&self) -> bool {
        !self.steps.is_empty() || !self.charges.is_empty() || !self.samples.is_empty() || !self.notes.is_empty()
    }

    /// Returns true if there is something to write when the session is closed. A reviewer without a step is not stored.
    pub(super) fn is_pending(&self) -> bool {
        self.is_urgent() || self.namesakes || self.cursor.is_some()
    }

    pub(super) fn forget_reviewers(&mut self) {
        self.reviewers.clear();
    }

    /// Returns the number of records that its steps change.
    pub(super) fn changed_records(&self) -> u64 {
        self.steps().flat_map(|step| step.changes.records()).map(|record| record.0).collect::<RoaringBitmap>().len()
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().map(|(step, _)| step)
    }
}

impl Store {
    /// A file that is open and whose events up to `last` have been replayed.
    pub(super) fn new(
        file: PathBuf,
        connection: Connection,
        dataset: Dataset,
        subjects: BTreeMap<RecordId, SubjectIndex>,
        last: Seq,
        mark: LogMark,
        lock: Lock,
    ) -> Self {
        let database = if mark == LogMark::Logged { DatabaseFile::Marked } else { DatabaseFile::Opened };
        Self { file, connection, dataset, namesakes: None, subjects, last, database, _lock: lock }
    }

    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Sets how long a commit waits for another program that has the file locked.
    pub(super) fn wait_for_lock(&self, limit: Duration) {
        // Fails only for a connection that is closed.
        _ = self.connection.busy_timeout(limit);
    }

    /// Returns the number of the newest stored event.
    pub(super) const fn last(&self) -> Seq {
        self.last
    }

    /// Sets which records share their identity, for the records touched from here on.
    pub fn set_namesakes(&mut self, namesakes: Namesakes) {
        self.namesakes = Some(namesakes);
    }

    /// Returns true if there are subjects that were stored before it was known which records share their identity.
    pub(super) fn lacks_namesakes(&self) -> bool {
        // If this fails, so does the next step, which is reported.
        let query = "SELECT 1 FROM subject WHERE shared IS NULL AND file_name <> '' AND position IS NOT NULL LIMIT 1";
        self.connection.query_row(query, [], |_| Ok(())).is_ok()
    }

    /// Stores a step and returns once it is on disk.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be written or a record cannot be read.
    pub fn append(&mut self, step: Step, at: Timestamp) -> Result<(), SessionError> {
        let mut batch = Batch::default();
        batch.push(self, step, at)?;
        self.commit(&batch, &VecDeque::new())
    }

    /// Stores everything in one transaction, and returns once it is on disk.
    ///
    /// # Errors
    ///
    /// Returns an error, with nothing stored, if the session cannot be written or a record cannot be read.
    pub fn commit_all(&mut self, transaction: Transaction, at: Timestamp) -> Result<(), SessionError> {
        let Transaction { steps, charges, notes } = transaction;
        let mut batch = Batch { atomic: true, ..Batch::default() };
        for step in steps {
            batch.push(self, step, at)?;
        }
        batch.charges = charges.into_iter().map(|charge| (at, charge)).collect();
        batch.notes = notes.into_iter().map(|note| (at, note)).collect();
        self.commit(&batch, &VecDeque::new())
    }

    /// Reads the records of a part of a batch in the order of its input file.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be read.
    pub fn batch_entries(&self, token: &str) -> Result<Vec<BatchEntry>, SessionError> {
        batch::read_entries(&self.connection, token).map_err(|fault| fault.of(&self.file))
    }

    /// Returns how often the service refused to create the job of a part.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be read.
    pub fn batch_refusals(&self, token: &str) -> Result<u32, SessionError> {
        batch::refusals(&self.connection, token).map_err(|fault| fault.of(&self.file))
    }

    /// Stores what other reviewers did in one transaction, as the events from `first` on.
    ///
    /// # Errors
    ///
    /// Returns an error, with nothing stored, if the session cannot be written or a record cannot be read.
    pub fn import(&mut self, first: Seq, imports: impl IntoIterator<Item = Import>) -> Result<(), SessionError> {
        let mut batch = Batch { atomic: true, ..Batch::default() };
        let mut reviewer = None;
        for (Import { reviewer: by, at, event }, seq) in imports.into_iter().zip(first.0..) {
            if reviewer.as_ref() != Some(&by) {
                batch.set_reviewer(self, Timestamp::now(), by.clone());
                reviewer = Some(by);
            }
            batch.push(self, Step { first: Seq(seq), changes: Changes::One(event) }, at)?;
        }
        self.commit(&batch, &VecDeque::new())
    }

    /// Writes a batch in one transaction. Afterwards [`last`](Self::last) is the newest event on disk, also if this
    /// returns an error; only the same batch can be written then, because later events build on those that are missing.
    /// `shown` are records that need not be read from the dataset.
    pub(super) fn commit(&mut self, batch: &Batch, shown: &VecDeque<(RecordId, Identity)>) -> Result<(), SessionError> {
        retry_damaged(|| self.commit_once(batch, shown))
    }

    fn commit_once(&mut self, batch: &Batch, shown: &VecDeque<(RecordId, Identity)>) -> Result<(), SessionError> {
        let known = self.subjects.len();
        let written = self.write(batch, shown);
        let is_stored = match &written {
            Ok(refused) => refused.is_none() || !batch.atomic,
            Err(_) => false,
        };
        if !is_stored {
            // Nor are the records that the transaction introduced.
            self.subjects.retain(|_, index| (index.0 as usize) < known);
        }
        match written {
            Ok(refused) => refused.map_or(Ok(()), Err),
            Err(fault) => {
                let error = fault.of(&self.file);
                // The transaction itself is written again by the next attempt.
                self.keep_log_after(&error);
                Err(error)
            }
        }
    }

    /// Writes a batch up to the first step that cannot be stored because its records cannot be read. Returns why.
    fn write(&mut self, batch: &Batch, shown: &VecDeque<(RecordId, Identity)>) -> Result<Option<SessionError>, Fault> {
        let Self { connection, dataset, namesakes, subjects, database, .. } = self;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut subjects =
            Subjects { connection: &transaction, dataset, namesakes: namesakes.as_ref(), shown, known: subjects };
        let mut drafts: HashMap<SubjectIndex, (Seq, Option<&Draft>, u64)> = HashMap::new();
        let (mut last, mut refused) = (self.last, None);
        for (after, at, reviewer) in &batch.reviewers {
            history::append_reviewer(&transaction, *after, *at, reviewer)?;
        }
        for sample in &batch.samples {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for member in &sample.members {
                subjects.add(&mut insert, member.record, &member.subject)?;
            }
            sample::append(&transaction, sample, |record| subjects.get(record))?;
        }
        for (step, at) in &batch.steps {
            if let Err(error) = subjects.introduce(step.changes.records())? {
                refused = Some(error);
                break;
            }
            last = step.last();
            event_log::append(&transaction, step, *at, |record| subjects.get(record))?;
            for (seq, record, draft) in step.drafts() {
                let Some(subject) = subjects.get(record) else { continue };
                let newest = drafts.entry(subject).or_default();
                *newest = (seq, draft, newest.2 + 1);
            }
        }
        for (at, note) in batch.notes.iter().filter(|_| refused.is_none()) {
            if let Err(error) = subjects.introduce(note.records())? {
                refused = Some(error);
                break;
            }
            batch::append(&transaction, *at, note, |record| subjects.get(record))?;
        }
        if let Some(error) = refused.take_if(|_| batch.atomic) {
            return Ok(Some(error));
        }
        for (subject, (seq, draft, writes)) in drafts {
            event_log::put_draft(&transaction, subject, seq, draft, writes)?;
        }
        if batch.namesakes {
            subjects.complete()?;
        }
        let collected = batch.collected.iter().filter(|_| refused.is_none());
        for (at, charge) in batch.charges.iter().chain(collected) {
            spending::append(&transaction, *at, charge)?;
        }
        if let Some((record, name)) = &batch.cursor {
            put_setting(&transaction, "cursor", Some(record.0))?;
            put_setting(&transaction, "cursor_name", Some(name.clone()))?;
        }
        let unmarked = matches!(database, DatabaseFile::Settled | DatabaseFile::Opened);
        if unmarked {
            LogMark::Logged.store(&transaction)?;
        }
        transaction.commit()?;
        if unmarked {
            *database = DatabaseFile::Unmarked;
        }
        self.last = last;
        Ok(refused)
    }

    /// Returns true if [`settle`](Self::settle) has something to do.
    pub(super) const fn is_unsettled(&self) -> bool {
        matches!(self.database, DatabaseFile::Opened | DatabaseFile::Unmarked | DatabaseFile::Marked)
    }

    /// Marks the database file as incomplete after the first commit since it was settled. Call it after the commit was
    /// acknowledged.
    pub(super) fn mark(&mut self) {
        if self.database == DatabaseFile::Unmarked {
            self.database = DatabaseFile::Marked;
            self.checkpoint();
        }
    }

    /// Completes the database file, so that a copy of it needs no write-ahead log. To be called when idle.
    pub(super) fn settle(&mut self) {
        if !self.is_unsettled() {
            return;
        }
        match self.mark_complete() {
            Ok(()) => {
                self.database = DatabaseFile::Settled;
                self.checkpoint();
            }
            // If it is passing, it is tried again.
            Err(error) => self.keep_log_after(&error),
        }
    }

    fn mark_complete(&mut self) -> Result<(), SessionError> {
        if self.database == DatabaseFile::Opened {
            return Ok(());
        }
        let mut mark = || -> Result<(), Fault> {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            LogMark::Complete(self.last).store(&transaction)?;
            Ok(transaction.commit()?)
        };
        mark().map_err(|fault| fault.of(&self.file))
    }

    /// Copies the write-ahead log into the database file as far as readers allow.
    pub(super) fn checkpoint(&mut self) {
        let checkpoint = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = checkpoint.map_err(|error| Fault::from(error).of(&self.file)) {
            // Nothing is lost: the changes are in the log.
            self.keep_log_after(&error);
        }
    }

    fn keep_log_after(&mut self, error: &SessionError) {
        if !error.is_without_effect() {
            tracing::warn!(%error, "the session's log is not folded into its file any more");
            self.database = DatabaseFile::Failed;
        }
    }

    /// Stops the file from growing, as a full disk does.
    #[cfg(test)]
    pub(super) fn limit_pages(&self) {
        let pages: i64 = self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        self.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
    }

    /// Folds the write-ahead log into the database and releases the session.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be written.
    pub fn close(mut self) -> Result<(), SessionError> {
        if self.is_unsettled()
            && let Err(error) = self.mark_complete()
        {
            tracing::warn!(%error, "the session's file is not complete without its log");
            self.database = DatabaseFile::Failed;
        }
        let Self { file, connection, database, .. } = self;
        if database != DatabaseFile::Failed {
            // Without it, as after a panic, the log stays. The next process reads it.
            let allowed = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
            allowed.map_err(|error| Fault::from(error).of(&file))?;
        }
        connection.close().map_err(|(_, error)| Fault::from(error).of(&file))
    }
}

/// Inserts a subject.
const INSERT: &str = "INSERT INTO subject (id, file_name, occurrence, position, original, shared)
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Why records could not be added.
enum Refused {
    Read(SessionError),
    Stored(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Stored(fault)
    }
}

/// Splits records into runs to read, with a few others in between.
fn runs(records: &RoaringBitmap) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for record in records {
        match runs.last_mut().filter(|run| record - run.end < READ_ALONG && run.len() < MAX_RUN) {
            Some(run) => run.end = record.saturating_add(1),
            None => runs.push(record..record.saturating_add(1)),
        }
    }
    runs
}

/// The subjects of a session, and the dataset that new ones are read from.
struct Subjects<'a> {
    connection: &'a Connection,
    dataset: &'a Dataset,
    namesakes: Option<&'a Namesakes>,
    /// Some records as the operator has seen them, the newest last.
    shown: &'a VecDeque<(RecordId, Identity)>,
    known: &'a mut BTreeMap<RecordId, SubjectIndex>,
}

impl Subjects<'_> {
    fn get(&self, record: RecordId) -> Option<SubjectIndex> {
        self.known.get(&record).copied()
    }

    /// `insert` is [`INSERT`].
    fn add(&mut self, insert: &mut Statement, record: RecordId, subject: &Subject) -> Result<(), Fault> {
        if self.known.contains_key(&record) {
            return Ok(());
        }
        let index = SubjectIndex(u32::try_from(self.known.len()).unwrap_or(u32::MAX));
        let Subject { file_name, occurrence, caption } = subject;
        let (occurrence, shared) = match self.namesakes.filter(|_| !file_name.is_empty()) {
            Some(namesakes) => (namesakes.twins.of(record), Some(rebind::shared_value(namesakes.shared(record)))),
            None => (*occurrence, None),
        };
        insert.execute(params![index.row(), file_name, occurrence, record.0, caption, shared])?;
        self.known.insert(record, index);
        Ok(())
    }

    /// Adds the records that are touched for the first time. Returns an error if one cannot be read.
    fn introduce(&mut self, records: impl Iterator<Item = RecordId>) -> Result<Result<(), SessionError>, Fault> {
        let mut new: RoaringBitmap = records.filter(|id| !self.known.contains_key(id)).map(|id| id.0).collect();
        if new.is_empty() {
            return Ok(Ok(()));
        }
        let connection = self.connection;
        let mut insert = connection.prepare_cached(INSERT)?;
        // The record as the operator has seen it counts, not as it is in the file now.
        for (record, (file_name, caption)) in self.shown.iter().rev() {
            if new.is_empty() {
                break;
            }
            if new.remove(record.0) {
                let subject = Subject { file_name: file_name.clone(), occurrence: 0, caption: caption.clone() };
                self.add(&mut insert, *record, &subject)?;
            }
        }
        let Some(newest) = new.max() else { return Ok(Ok(())) };
        let dataset = self.dataset;
        if newest >= dataset.record_count()
            && let Err(error) = dataset.build_index(&mut |_| ControlFlow::Continue(()))
        {
            return Ok(Err(error.into()));
        }
        let runs = runs(&new);
        let read = |run: usize| -> Result<Vec<(RecordId, Subject)>, DatasetError> {
            let mut found = Vec::new();
            dataset.lines(runs[run].clone(), &mut |line| {
                let record = line.record();
                if new.contains(record.0) {
                    let (file_name, caption) = line.entry().into_identity();
                    found.push((record, Subject { file_name, occurrence: 0, caption }));
                }
                ControlFlow::Continue(())
            })?;
            Ok(found)
        };
        let mut add = |found: Result<Vec<(RecordId, Subject)>, DatasetError>| {
            let found = found.map_err(|error| Refused::Read(error.into()))?;
            found.iter().try_for_each(|(record, subject)| self.add(&mut insert, *record, subject))?;
            Ok(())
        };
        // A thread is not worth a single run.
        let added = if runs.len() == 1 { add(read(0)) } else { in_order(runs.len(), Beside::Nothing, read, add) };
        match added {
            Ok(()) => {}
            Err(Refused::Read(error)) => return Ok(Err(error)),
            Err(Refused::Stored(fault)) => return Err(fault),
        }
        let missing = new.iter().map(RecordId).find(|record| !self.known.contains_key(record));
        Ok(missing.map_or(Ok(()), |record| Err(SessionError::Unknown { record })))
    }

    /// Completes the subjects that were added before it was known which records share their identity.
    fn complete(&self) -> Result<(), Fault> {
        let Some(namesakes) = self.namesakes else { return Ok(()) };
        let mut update = self.connection.prepare_cached(
            "UPDATE subject SET occurrence = ?2, shared = ?3 WHERE id = ?1 AND shared IS NULL AND file_name <> ''",
        )?;
        for (record, subject) in self.known.iter().filter(|(record, _)| record.0 < self.dataset.record_count()) {
            let (twin, shared) = (namesakes.twins.of(*record), rebind::shared_value(namesakes.shared(*record)));
            update.execute(params![subject.row(), twin, shared])?;
        }
        Ok(())
    }
}
