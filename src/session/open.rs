//! Opening a session: what is stored is added up and its records are found in the dataset.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::connection::{connect, connect_read_only, log_of};
use super::error::{Fault, SessionError};
use super::event::{Decision, Event, Fate};
use super::history::{self, History};
use super::ledger::{Ledger, RecordState};
use super::location::Location;
use super::lock::Lock;
use super::log::{self, SubjectIndex};
use super::rebind::Bindings;
use super::sample::{self, Sample};
use super::spending::{self, Spending};
use super::step::Step;
use super::store::Store;
use crate::dataset::{Dataset, RecordId};

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
    /// What describing has cost so far, by model and prompt.
    pub spending: Vec<Spending>,
    /// The samples that were drawn, in order.
    pub samples: Vec<Sample>,
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

/// Opens a session for writing, creates it where there is none, and finds its records in the dataset again. `now` is
/// the time to note if the dataset turns out to have changed.
///
/// # Errors
///
/// When another process writes it, when it is not a readable session, when the folder or file cannot be written, and
/// when the dataset changed and cannot be read.
pub fn open(location: &Location, dataset: &Dataset, now: Timestamp) -> Result<(Store, Opened), SessionError> {
    location.prepare()?;
    let lock = Lock::acquire(location.file(), dataset.path())?;
    let file = location.file();
    let mut connection = connect(file)?;
    let bindings = Bindings::find(&connection, file, dataset)?;
    let finish = |connection: &mut Connection| -> Result<_, Fault> {
        let subjects = bindings.subjects()?;
        let (opened, event) = add_up(connection, &bindings)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        bindings.store(&transaction, dataset.path())?;
        if let Some(event) = event {
            let step = Step { first: opened.ledger.last(), changes: event.into() };
            log::append(&transaction, &step, now, |record| subjects.get(&record).copied())?;
        }
        transaction.commit()?;
        // Until here nothing but a good session was written to; from here the log is folded in as it goes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        Ok((opened, subjects))
    };
    let (opened, subjects) = finish(&mut connection).map_err(|fault| fault.of(file))?;
    let last = opened.ledger.last();
    Ok((Store::new(file.to_owned(), connection, dataset.clone(), subjects, last, lock), opened))
}

/// Reads a session without locking or changing it, also while another process writes it. Where there is none, nothing
/// has happened.
///
/// # Errors
///
/// When it is not a readable session, and when the dataset changed and cannot be read.
pub fn open_read_only(location: &Location, dataset: &Dataset) -> Result<Opened, SessionError> {
    look(location, dataset, |_, _, opened| Ok(opened))
}

/// Reads a session as [`open_read_only`] does, with the times at which things were done.
///
/// # Errors
///
/// As [`open_read_only`].
pub fn read_history(location: &Location, dataset: &Dataset) -> Result<History, SessionError> {
    look(location, dataset, history::read)
}

/// Reads what is there and what `rest` finds besides.
fn look<T: Default>(
    location: &Location,
    dataset: &Dataset,
    rest: impl Fn(&Connection, &Bindings, Opened) -> Result<T, Fault>,
) -> Result<T, SessionError> {
    let file = location.file();
    let log = log_of(file);
    // The log is there as long as somebody has the session open, and after that only if they were killed.
    let at_rest = !log.exists();
    let found = read(file, dataset, at_rest, &rest);
    if at_rest && log.exists() {
        // Somebody opened it meanwhile, so what was read may be half old and half new.
        return read(file, dataset, false, &rest);
    }
    found
}

fn read<T: Default>(
    file: &Path,
    dataset: &Dataset,
    at_rest: bool,
    rest: &impl Fn(&Connection, &Bindings, Opened) -> Result<T, Fault>,
) -> Result<T, SessionError> {
    let Some((connection, _copy)) = connect_read_only(file, at_rest)? else {
        return Ok(T::default());
    };
    // One view of everything, whatever is written meanwhile.
    let connection = connection.unchecked_transaction().map_err(|error| Fault::from(error).of(file))?;
    let bindings = Bindings::find(&connection, file, dataset)?;
    let read = || -> Result<_, Fault> {
        bindings.subjects()?;
        let (opened, _) = add_up(&connection, &bindings)?;
        rest(&connection, &bindings, opened)
    };
    read().map_err(|fault| fault.of(file))
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
    let spending = spending::read(connection)?;
    let samples = sample::read(connection, bindings)?;
    Ok((Opened { ledger, cursor: bindings.cursor, binding, unmatched, spending, samples }, event))
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

#[cfg(test)]
mod tests;
