//! Opens a session: replays its events and matches its records with the dataset.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};

use super::batch;
use super::connection::{connect, connect_read_only};
use super::error::{Fault, SessionError, retry_damaged};
use super::event::{Event, MatchOutcome, Seq};
use super::event_log;
use super::history::{self, History};
use super::ledger::Ledger;
use super::location::Location;
use super::lock::Lock;
use super::log_mark::LogMark;
use super::opened::{Binding, Opened, Rebound, Unmatched};
use super::rebind::Bindings;
use super::sample;
use super::spending;
use super::sqlite_file::wal_of;
use super::step::Step;
use super::store::Store;
use super::subject::SubjectIndex;
use crate::dataset::Dataset;

/// Opens a session for writing, or creates it, and matches its records with the dataset. `now` is the time of the event
/// that is stored if the dataset has changed.
///
/// # Errors
///
/// Returns an error if another process has the session open for writing, it is not a readable session, its folder or file
/// cannot be written, or the dataset has changed and cannot be read.
pub fn open(location: &Location, dataset: &Dataset, now: Timestamp) -> Result<(Store, Opened), SessionError> {
    retry_damaged(|| open_once(location, dataset, now))
}

fn open_once(location: &Location, dataset: &Dataset, now: Timestamp) -> Result<(Store, Opened), SessionError> {
    location.prepare()?;
    let lock = Lock::acquire(location.file(), dataset.path())?;
    // Since the location was found, another dataset may have created this session.
    location.check_owner(dataset)?;
    let file = location.file();
    let mut connection = connect(file)?;
    let bindings = Bindings::find(&connection, file, dataset)?;
    let finish = |connection: &mut Connection| -> Result<_, Fault> {
        let subjects = bindings.subjects()?;
        let (opened, event) = replay(connection, &bindings)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        bindings.store(&transaction, dataset.path())?;
        if let Some(event) = event {
            let step = Step { first: opened.ledger.last(), changes: event.into() };
            event_log::append(&transaction, &step, now, |record| subjects.get(&record).copied())?;
        }
        // The file has no event that a copy of it alone could lack, but soon will.
        let is_new = opened.ledger.last() == Seq(0) && LogMark::read(&transaction)? == LogMark::None;
        if is_new {
            LogMark::Logged.store(&transaction)?;
        }
        transaction.commit()?;
        Ok((opened, subjects, LogMark::read(connection)?, is_new))
    };
    let (opened, subjects, mark, is_new) = finish(&mut connection).map_err(|fault| fault.of(file))?;
    let last = opened.ledger.last();
    let mut store = Store::new(file.to_owned(), connection, dataset.clone(), subjects, last, mark, lock);
    if is_new {
        store.checkpoint();
    }
    Ok((store, opened))
}

/// Reads a session without locking or changing it, even while another process writes it. Returns an empty one if there is
/// none.
///
/// # Errors
///
/// Returns an error if it is not a readable session, or the dataset has changed and cannot be read.
pub fn open_read_only(location: &Location, dataset: &Dataset) -> Result<Opened, SessionError> {
    read_session(location, dataset, |_, _, opened| Ok(opened))
}

/// Reads a session like [`open_read_only`], with the times and authors of its events.
///
/// # Errors
///
/// See [`open_read_only`].
pub fn read_history(location: &Location, dataset: &Dataset) -> Result<History, SessionError> {
    read_session(location, dataset, history::read)
}

/// Reads a session, and passes it to `rest` in the same read transaction.
fn read_session<T: Default>(
    location: &Location,
    dataset: &Dataset,
    rest: impl Fn(&Connection, &Bindings, Opened) -> Result<T, Fault>,
) -> Result<T, SessionError> {
    let file = location.file();
    let log = wal_of(file);
    // The write-ahead log exists while a process has the session open, and afterwards only if that was killed.
    let at_rest = !log.exists();
    let found = retry_damaged(|| read(file, dataset, at_rest, &rest));
    if at_rest && log.exists() {
        // Opened by another process in the meantime, so the result may be inconsistent.
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
    // A read transaction, for a consistent view.
    let connection = connection.unchecked_transaction().map_err(|error| Fault::from(error).of(file))?;
    let bindings = Bindings::find_to_read(&connection, file, dataset)?;
    let read = || -> Result<_, Fault> {
        bindings.subjects()?;
        let (opened, _) = replay(&connection, &bindings)?;
        rest(&connection, &bindings, opened)
    };
    read().map_err(|fault| fault.of(file))
}

/// Replays the stored events and applies the result of matching the records. Returns the event to store for it, if any.
fn replay(connection: &Connection, bindings: &Bindings) -> Result<(Opened, Option<Event>), Fault> {
    let mut ledger = event_log::replay(connection, None, |subject| bindings.record_of(subject))?;
    let batches = batch::read(connection, |subject| bindings.record_of(subject))?;
    LogMark::read(connection)?.check(ledger.last())?;
    let (mut binding, mut event) = (Binding::Unchanged, None);
    if let Some(plan) = bindings.plan.as_ref().filter(|plan| plan.has_changes()) {
        let gone = plan.outcomes.iter().filter(|(_, outcome)| *outcome == MatchOutcome::Gone).count();
        binding = Binding::Rebound(Rebound {
            own_output: plan.own_output,
            records: plan.subjects,
            moved: plan.moved,
            gone: gone - plan.ambiguous,
            ambiguous: plan.ambiguous,
            absent: plan.absent,
            returned: plan.returned,
            changed: plan.changed.clone(),
        });
        let rebound = Event::Rebound { outcomes: plan.outcomes.clone() };
        ledger.apply(rebound.clone());
        event = Some(rebound);
    }
    let unmatched = unmatched(connection, &ledger, bindings)?;
    let spending = spending::read(connection)?;
    let samples = sample::read(connection, bindings)?;
    Ok((Opened { ledger, cursor: bindings.cursor, binding, unmatched, spending, samples, batches }, event))
}

fn unmatched(connection: &Connection, ledger: &Ledger, bindings: &Bindings) -> Result<Vec<Unmatched>, Fault> {
    let mut missing: Vec<_> = ledger.absent().collect();
    missing.sort_unstable_by_key(|(placeholder, _)| std::cmp::Reverse(*placeholder));
    let newly = bindings.ambiguity();
    let mut row = connection.prepare("SELECT file_name, occurrence, ambiguous FROM subject WHERE id = ?1")?;
    missing
        .into_iter()
        .map(|(placeholder, state)| {
            let subject = SubjectIndex::of_placeholder(placeholder);
            let state = state.clone();
            Ok(row.query_row([subject.row()], |row| {
                let is_ambiguous = newly.get(&subject).map_or_else(|| row.get(2), |newly| Ok(*newly))?;
                Ok(Unmatched { file_name: row.get(0)?, occurrence: row.get(1)?, is_ambiguous, state })
            })?)
        })
        .collect()
}

#[cfg(test)]
mod tests;
