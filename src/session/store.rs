//! The session's file: opened and added up, and written one batch of events at a time.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};
use tempfile::TempDir;

use super::error::{Fault, SessionError};
use super::ledger::{Decision, Draft, Event, Fate, Ledger, RecordState, Seq};
use super::location::Location;
use super::lock::Lock;
use super::log::{self, SubjectIndex};
use super::rebind::{Bindings, DatasetFacts, put_setting};
use super::schema::{self, Header, MIGRATIONS};
use crate::dataset::RecordId;

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

/// An event on its way into the session.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number [`Ledger::apply`] gave it.
    pub seq: Seq,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// What its record is. Needed with the first event of a record and ignored later.
    pub subject: Option<Subject>,
}

/// A session as it was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Everything that happened.
    pub ledger: Ledger,
    /// The record the operator was last on.
    pub cursor: Option<RecordId>,
    /// How it fits the dataset.
    pub binding: Binding,
    /// What is known of records that are not in the dataset now, in the order they were first touched. It comes back
    /// if they do. Excluded ones are not listed: that they are missing is what was asked for.
    pub unmatched: Vec<Unmatched>,
}

/// Whether the dataset is as the session left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Every touched record is where it was and as it was.
    #[default]
    Unchanged,
    /// The dataset changed in between; all that could be found again was.
    Rebound {
        /// The dataset now is what this session last saved: nobody else changed it.
        own_output: bool,
        /// How many touched records are in another position.
        moved: usize,
        /// How many touched records are missing since.
        gone: usize,
        /// How many that were missing before are there again.
        returned: usize,
        /// The touched records whose caption somebody else changed, in the order they were first touched.
        changed: Vec<RecordId>,
    },
}

impl Binding {
    /// What the operator should know, where somebody else changed the dataset.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let Self::Rebound { own_output: false, moved, gone, returned, changed } = self else { return None };
        let parts = [
            (*moved, "moved"),
            (changed.len(), "with another caption"),
            (*gone, "gone (kept in the session)"),
            (*returned, "back"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let what = if parts.is_empty() { "no reviewed record is affected".to_owned() } else { parts.join(", ") };
        Some(format!("the dataset changed since last time: {what}"))
    }
}

/// A record that was touched and is not in the dataset now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    /// Its name.
    pub file_name: String,
    /// How many records of that name came before it.
    pub occurrence: u32,
    /// What is known of it.
    pub state: RecordState,
}

/// The file of a session, held for writing.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    connection: Connection,
    subjects: HashMap<RecordId, SubjectIndex>,
    last: Seq,
    // Last, so that it is given back when the file is closed.
    _lock: Lock,
}

/// Opens a session for writing, creates it where there is none, and finds its records in the dataset again. `now` is
/// the time to note if the dataset turns out to have changed.
///
/// # Errors
///
/// When another process writes it, when it is not a readable session, when the folder or file cannot be written, and
/// when the dataset changed and cannot be read.
pub fn open(location: &Location, dataset: &dyn DatasetFacts, now: Timestamp) -> Result<(Store, Opened), SessionError> {
    location.prepare()?;
    let lock = Lock::acquire(location.file(), dataset.path())?;
    let file = location.file();
    let mut connection = connect(file)?;
    let bindings = Bindings::find(&connection, file, dataset)?;
    let finish = |connection: &mut Connection| -> Result<_, Fault> {
        let (opened, event) = add_up(connection, &bindings)?;
        let subjects = bindings.subjects()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        bindings.store(&transaction, dataset.path())?;
        if let Some(event) = event {
            log::append(&transaction, opened.ledger.last(), now, &event, |record| subjects.get(&record).copied())?;
        }
        transaction.commit()?;
        // Until here nothing but a good session was written to; from here the log is folded in as it goes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok((opened, subjects))
    };
    let (opened, subjects) = finish(&mut connection).map_err(|fault| fault.of(file))?;
    let last = opened.ledger.last();
    Ok((Store { file: file.to_owned(), connection, subjects, last, _lock: lock }, opened))
}

/// Reads a session without locking or changing it, also while another process writes it. Where there is none, nothing
/// has happened.
///
/// # Errors
///
/// When it is not a readable session, and when the dataset changed and cannot be read.
pub fn open_read_only(location: &Location, dataset: &dyn DatasetFacts) -> Result<Opened, SessionError> {
    let file = location.file();
    let connection = connect_read_only(file)?;
    let (bindings, connection) = match &connection {
        None => return Ok(Opened::default()),
        Some((connection, _copy)) => (Bindings::find(connection, file, dataset)?, connection),
    };
    let (opened, _) = add_up(connection, &bindings).map_err(|fault| fault.of(file))?;
    Ok(opened)
}

/// Opens the database for writing. Nothing is written to a file that is not a session this program knows.
fn connect(file: &Path) -> Result<Connection, SessionError> {
    let open = || -> Result<_, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok((schema::header(&connection)?, connection))
    };
    let (header, mut connection) = open().map_err(|fault| fault.of(file))?;
    let version = known_version(header, file)?;
    let mut prepare = || -> Result<_, Fault> {
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        // A commit returns once it is on the disk: `fullfsync` is what that takes on macOS and means nothing elsewhere.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if mode == "wal" {
            schema::migrate(&mut connection, version, MIGRATIONS)?;
        }
        Ok(mode)
    };
    let mode = prepare().map_err(|fault| fault.of(file))?;
    if mode != "wal" {
        let source = io::Error::new(io::ErrorKind::Unsupported, format!("the file system only allows \"{mode}\""));
        return Err(SessionError::File { path: file.to_owned(), doing: "keep a write-ahead log", source });
    }
    Ok(connection)
}

/// The format of a session, zero for none yet.
fn known_version(header: Header, file: &Path) -> Result<u32, SessionError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match header {
        Header::Empty => Ok(0),
        Header::Session(version) if version <= known => Ok(version),
        Header::Session(version) => Err(SessionError::TooNew { file: file.to_owned(), version, known }),
        Header::Foreign => Err(SessionError::NotASession { file: file.to_owned() }),
    }
}

/// Opens the database for reading; none where there is no session yet.
fn connect_read_only(file: &Path) -> Result<Option<(Connection, Option<TempDir>)>, SessionError> {
    if !file.try_exists().map_err(|source| unreadable(file, source))? {
        return Ok(None);
    }
    let open = || -> Result<_, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        Ok((schema::header(&connection)?, connection))
    };
    let (header, connection, copy) = match open() {
        Ok((header, connection)) => (header, connection, None),
        // In a folder that cannot be written, SQLite can't make the shared memory its log needs.
        Err(Fault::Database(error)) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
            let (connection, folder) = open_copy(file)?;
            let header = schema::header(&connection).map_err(|fault| fault.of(file))?;
            (header, connection, Some(folder))
        }
        Err(fault) => return Err(fault.of(file)),
    };
    Ok((known_version(header, file)? > 0).then_some((connection, copy)))
}

/// Opens a copy of the database and its log, so that what is only in the log counts too.
fn open_copy(file: &Path) -> Result<(Connection, TempDir), SessionError> {
    let folder = tempfile::tempdir().map_err(|source| unreadable(file, source))?;
    let copy = folder.path().join("session.sqlite");
    let log = |path: &Path| {
        let mut path = path.as_os_str().to_owned();
        path.push("-wal");
        PathBuf::from(path)
    };
    match fs::copy(log(file), log(&copy)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unreadable(file, error)),
        _ => {}
    }
    fs::copy(file, &copy).map_err(|source| unreadable(file, source))?;
    let connection = Connection::open(copy).map_err(|error| Fault::from(error).of(file))?;
    Ok((connection, folder))
}

fn unreadable(file: &Path, source: io::Error) -> SessionError {
    SessionError::File { path: file.to_owned(), doing: "read", source }
}

/// Adds up what is stored and what the dataset's changes make of it. Also gives the event that is to be stored for it.
fn add_up(connection: &Connection, bindings: &Bindings) -> Result<(Opened, Option<Event>), Fault> {
    let mut ledger = log::replay(connection, None, |subject| bindings.record_of(subject))?;
    let (mut binding, mut event) = (Binding::Unchanged, None);
    if let Some(plan) = bindings.plan.as_ref().filter(|plan| plan.is_news()) {
        let count = |fate: &Fate| plan.fates.iter().filter(|(_, other)| other == fate).count();
        let changed = plan.fates.iter().filter(|(_, fate)| matches!(fate, Fate::Changed { .. }));
        binding = Binding::Rebound {
            own_output: plan.own_output,
            moved: plan.moved,
            gone: count(&Fate::Gone),
            returned: count(&Fate::Returned),
            changed: changed.map(|(record, _)| *record).collect(),
        };
        let rebound = Event::Rebound { fates: plan.fates.clone() };
        ledger.apply(rebound.clone());
        event = Some(rebound);
    }
    let unmatched = unmatched(connection, &ledger)?;
    Ok((Opened { ledger, cursor: bindings.cursor, binding, unmatched }, event))
}

fn unmatched(connection: &Connection, ledger: &Ledger) -> Result<Vec<Unmatched>, Fault> {
    let mut missing: Vec<_> = ledger.absent().filter(|(_, state)| state.decision != Decision::Excluded).collect();
    missing.sort_unstable_by_key(|(stand_in, _)| std::cmp::Reverse(*stand_in));
    let mut name = connection.prepare("SELECT file_name, occurrence FROM subject WHERE id = ?1")?;
    missing
        .into_iter()
        .map(|(stand_in, state)| {
            let subject = SubjectIndex::standing_in(stand_in);
            let (file_name, occurrence) = name.query_row([subject.row()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(Unmatched { file_name, occurrence, state: state.clone() })
        })
        .collect()
}

/// What is written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// The records that are touched here for the first time.
    new: HashSet<RecordId>,
    /// The record the operator is on, and its name.
    pub(super) cursor: Option<(RecordId, String)>,
    /// What was learned about which of several records of a name each is.
    pub(super) occurrences: Vec<(RecordId, u32)>,
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

    /// Number of the newest event in it.
    pub(super) fn last(&self) -> Option<Seq> {
        self.entries.last().map(|entry| entry.seq)
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.occurrences.is_empty() && self.cursor.is_none()
    }

    /// The numbers of its events.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Seq> {
        self.entries.iter().map(|entry| entry.seq)
    }
}

impl Store {
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
        for entry in &batch.entries {
            let known =
                entry.event.record().map(|record| subject(&transaction, subjects, record, entry)).transpose()?;
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
        if let Some((record, name)) = &batch.cursor {
            put_setting(&transaction, "cursor", Some(record.0))?;
            put_setting(&transaction, "cursor_name", Some(name.clone()))?;
        }
        transaction.commit()?;
        self.last = batch.last().unwrap_or(self.last);
        Ok(())
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
    subjects: &mut HashMap<RecordId, SubjectIndex>,
    record: RecordId,
    entry: &Entry,
) -> Result<SubjectIndex, Fault> {
    if let Some(subject) = subjects.get(&record) {
        return Ok(*subject);
    }
    let subject = SubjectIndex(u32::try_from(subjects.len()).unwrap_or(u32::MAX));
    let Some(Subject { file_name, occurrence, caption }) = &entry.subject else {
        return Err(Fault::Damaged(format!("record {} is not known", record.0)));
    };
    connection
        .prepare_cached(
            "INSERT INTO subject (id, file_name, occurrence, position, original, caption)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![subject.row(), file_name, occurrence, record.0, caption])?;
    subjects.insert(record, subject);
    Ok(subject)
}
