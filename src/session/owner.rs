//! The dataset that a session file belongs to, read without opening the session.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::connection::peek;
use super::error::{Fault, SessionError};
use super::event_log;
use super::log_mark::check_without_log;
use super::sqlite_file::wal_of;
use crate::dataset::{Dataset, OpenOptions, Stamp};

/// Records of the session, and of the dataset, that are compared to recognise a renamed dataset that has also changed.
const COMPARED: u32 = 64;
const COMPARED_WITH: u32 = 4096;

/// Whose session a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// There is no such file.
    Nobody,
    /// The dataset's own, or a file whose dataset cannot be read, which opening it reports.
    Own,
    /// That of another dataset, which exists.
    Other(PathBuf),
    /// That of a dataset which is gone, and whose contents were others.
    Gone(PathBuf),
}

/// Returns the owner of a session in the folder beside `dataset`.
pub(super) fn owner(session: &Path, dataset: &Path, caption_field: &str) -> Owner {
    if !session.exists() {
        return Owner::Nobody;
    }
    let Ok(Some((connection, StoredIdentity { path: Some(known), stamp, .. }))) = read(session, Some(dataset)) else {
        return Owner::Own;
    };
    let Some(name) = known.file_name().filter(|name| Some(*name) != dataset.file_name()) else { return Owner::Own };
    let other = dataset.with_file_name(name);
    match (Stamp::of(&other), Stamp::of(dataset)) {
        // Another spelling of the name, or a link.
        (Ok(other), Ok(own)) if other.is_same_file(&own) => Owner::Own,
        (Err(error), Ok(own)) if error.kind() == io::ErrorKind::NotFound => {
            let is_renamed = own.to_string() == stamp || is_similar(&connection, dataset, caption_field);
            if is_renamed { Owner::Own } else { Owner::Gone(other) }
        }
        _ => Owner::Other(other),
    }
}

/// Returns true if a session away from its dataset belongs to `dataset`, or to a file that was renamed to it.
pub(super) fn is_own(session: &Path, dataset: &Path) -> bool {
    let Ok(Some((_, StoredIdentity { path: Some(known), stamp, .. }))) = read(session, Some(dataset)) else {
        return false;
    };
    let is_renamed = || Stamp::of(dataset).is_ok_and(|own| own.to_string() == stamp) && !known.exists();
    known == dataset || is_renamed()
}

/// Returns the dataset a session was last opened with.
pub(super) fn dataset(session: &Path) -> Result<PathBuf, SessionError> {
    check_without_log(session)?;
    let known = read(session, None).map_err(|fault| fault.of(session))?.and_then(|(_, identity)| identity.path);
    known.ok_or_else(|| SessionError::Damaged { file: session.to_owned(), what: "no dataset stored".to_owned() })
}

/// Returns the absolute path with its folder resolved. A symlink to the file itself is not followed: images and session
/// are looked up beside the link.
pub(super) fn anchored(dataset: &Path) -> PathBuf {
    let path = std::path::absolute(dataset).unwrap_or_else(|_| dataset.to_owned());
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The dataset a session was last opened with.
pub(super) struct StoredIdentity {
    pub(super) path: Option<PathBuf>,
    pub(super) stamp: String,
    pub(super) hash: Option<u128>,
}

pub(super) fn stored_identity(connection: &Connection) -> Result<Option<StoredIdentity>, Fault> {
    let identity = |row: &rusqlite::Row| {
        let hash: Option<String> = row.get(2)?;
        let path = event_log::path_from(row.get_ref(0)?);
        Ok(StoredIdentity { path, stamp: row.get(1)?, hash: hash.as_deref().and_then(event_log::hash_from) })
    };
    Ok(connection.query_row("SELECT path, stamp, hash FROM dataset", [], identity).optional()?)
}

/// Reads the identity of a session's dataset. The write-ahead log is only read if the database alone does not name
/// `dataset`, because that creates files.
fn read(session: &Path, dataset: Option<&Path>) -> Result<Option<(Connection, StoredIdentity)>, Fault> {
    let look = |at_rest| -> Result<_, Fault> {
        let Some(connection) = peek(session, at_rest)? else { return Ok(None) };
        Ok(stored_identity(&connection)?.map(|identity| (connection, identity)))
    };
    let found = look(true);
    let name = dataset.and_then(Path::file_name);
    let is_named = |identity: &StoredIdentity| name == identity.path.as_ref().and_then(|path| path.file_name());
    if matches!(&found, Ok(Some((_, identity))) if is_named(identity)) || !wal_of(session).exists() {
        return found;
    }
    // In a read-only folder, SQLite cannot read the write-ahead log.
    look(false).or(found)
}

/// Returns true if at least half of the first records in the session are among the first ones of the dataset.
fn is_similar(connection: &Connection, dataset: &Path, caption_field: &str) -> bool {
    let compare = || -> Option<bool> {
        let options = OpenOptions { caption_field: caption_field.to_owned(), ..OpenOptions::default() };
        let dataset = Dataset::open(dataset, &options).ok()?;
        dataset.build_index(&mut |_| ControlFlow::Break(())).ok()?;
        let mut known = HashSet::new();
        let range = 0..dataset.record_count().min(COMPARED_WITH);
        let end = range.end;
        let read = dataset.lines(range, &mut |line| {
            known.insert(line.entry().into_identity());
            ControlFlow::Continue(())
        });
        read.ok()?;
        let mut statement = connection
            .prepare("SELECT file_name, original, ours FROM subject WHERE position < ?1 ORDER BY position LIMIT ?2")
            .ok()?;
        let mut rows = statement.query([end, COMPARED]).ok()?;
        let (mut found, mut missing) = (0, 0);
        while let Some(row) = rows.next().ok()? {
            let (name, original, ours): (String, Option<String>, Option<String>) =
                (row.get(0).ok()?, row.get(1).ok()?, row.get(2).ok()?);
            let is_there = known.contains(&(name, ours.or(original)));
            *(if is_there { &mut found } else { &mut missing }) += 1;
        }
        Some(found > 0 && found >= missing)
    };
    // If it cannot be read, the session of the other dataset is not touched.
    compare().unwrap_or(false)
}
