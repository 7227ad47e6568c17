//! Finds the touched records again in a dataset that has changed since the session was last open.
//!
//! Three answers, cheapest first: the file is as it was (its stamp, or else its hash, is the same) and positions hold;
//! the file is what this session last saved, so the new positions are the old ones less the records left out before
//! them; or somebody changed it, and each touched record is looked for by its name and occurrence. Whatever way a
//! record is found, its caption then tells what became of it (see [`Fate`]).

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Fault, SessionError};
use super::ledger::{Decision, Fate, Seq};
use super::log::{self, SubjectIndex};
use crate::dataset::RecordId;

/// What a session asks of the dataset it belongs to.
pub trait DatasetFacts {
    /// Where the dataset is.
    fn path(&self) -> &Path;

    /// Changes whenever the file may have changed; only compared with itself.
    fn stamp(&self) -> String;

    /// A hash of the file's contents. Asked only where the stamp is not the one of last time.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    fn hash(&self) -> io::Result<u128>;

    /// Gives the position, file name and caption of every record whose file name is `wanted`, in file order. A record
    /// without a file name has the empty one. Asked only where the contents are not those of last time.
    ///
    /// # Errors
    ///
    /// When the file cannot be read to its end.
    fn visit(
        &self,
        wanted: &dyn Fn(&str) -> bool,
        found: &mut dyn FnMut(RecordId, &str, Option<&str>),
    ) -> io::Result<()>;
}

/// Which record each subject is, and what is to be written where that is news.
#[derive(Default)]
pub(super) struct Bindings {
    positions: Vec<Option<RecordId>>,
    /// The dataset as it is, where the session knew it differently.
    identity: Option<(String, Option<u128>)>,
    /// What became of the records, where the dataset's contents changed.
    pub(super) plan: Option<Plan>,
    /// The record the operator was last on.
    pub(super) cursor: Option<RecordId>,
}

/// What a changed dataset means for the session.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) fates: Vec<(RecordId, Fate)>,
    /// How many records are in another position than before.
    pub(super) moved: usize,
    /// Whether the dataset now is what the session last saved.
    pub(super) own_output: bool,
    /// The subjects with news.
    rows: Vec<Row>,
}

impl Plan {
    /// Whether it says that anything is not as it was.
    pub(super) fn is_news(&self) -> bool {
        self.moved > 0 || !self.fates.is_empty()
    }
}

/// A subject as the database has it.
#[derive(Clone)]
struct Row {
    subject: SubjectIndex,
    file_name: String,
    occurrence: usize,
    position: Option<RecordId>,
    original: Option<String>,
    caption: Option<String>,
}

/// A record of the dataset that bears the name of a subject.
struct Found {
    record: RecordId,
    caption: Option<String>,
}

/// The records found, by name and in file order, so that an index is an occurrence.
type FoundByName = HashMap<String, Vec<Found>>;

/// The texts that were ever decided for a subject.
type DecidedTexts = HashMap<SubjectIndex, HashSet<String>>;

impl Bindings {
    /// Compares the dataset with what the session knows of it and finds the records again. Writes nothing.
    pub(super) fn find(connection: &Connection, file: &Path, dataset: &dyn DatasetFacts) -> Result<Self, SessionError> {
        let unreadable = |source| SessionError::Dataset { dataset: dataset.path().to_owned(), source };
        let mut bindings = Self::stored(connection).map_err(|fault| fault.of(file))?;
        let stored = stored_identity(connection).map_err(|fault| fault.of(file))?;
        let stamp = dataset.stamp();
        match stored {
            Some((stored, _)) if stored == stamp => {}
            Some((_, stored)) if !bindings.positions.is_empty() => {
                let hash = dataset.hash().map_err(unreadable)?;
                bindings.identity = Some((stamp, Some(hash)));
                if stored != Some(hash) {
                    bindings.rebind(connection, file, dataset, hash)?;
                }
            }
            _ => bindings.identity = Some((stamp, None)),
        }
        Ok(bindings)
    }

    fn stored(connection: &Connection) -> Result<Self, Fault> {
        let mut positions = Vec::new();
        let mut statement = connection.prepare("SELECT id, position FROM subject ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if SubjectIndex::from_row(row.get(0)?)?.index() != positions.len() {
                return Err(Fault::Damaged(format!("subject {} is missing", positions.len() + 1)));
            }
            positions.push(row.get::<_, Option<u32>>(1)?.map(RecordId));
        }
        let cursor = setting(connection, "cursor")?.map(RecordId);
        Ok(Self { positions, cursor, ..Self::default() })
    }

    fn rebind(
        &mut self,
        connection: &Connection,
        file: &Path,
        dataset: &dyn DatasetFacts,
        hash: u128,
    ) -> Result<(), SessionError> {
        let read = || -> Result<_, Fault> {
            Ok((rows(connection)?, left_out_by_save(connection, hash)?, setting::<String>(connection, "cursor_name")?))
        };
        let (rows, left_out, cursor_name) = read().map_err(|fault| fault.of(file))?;

        let mut wanted: HashSet<&str> = rows.iter().map(|row| row.file_name.as_str()).collect();
        wanted.extend(cursor_name.as_deref());
        let mut found = FoundByName::new();
        dataset
            .visit(&|name| wanted.contains(name), &mut |record, name, caption| {
                let caption = caption.map(str::to_owned);
                match found.get_mut(name) {
                    Some(records) => records.push(Found { record, caption }),
                    None => drop(found.insert(name.to_owned(), vec![Found { record, caption }])),
                }
            })
            .map_err(|source| SessionError::Dataset { dataset: dataset.path().to_owned(), source })?;

        let texts = decided_texts(connection, &doubtful(&rows, &found)).map_err(|fault| fault.of(file))?;
        let exact = left_out.and_then(|left_out| match_own_output(&rows, &found, &left_out));
        let own_output = exact.is_some();
        let matches = exact.unwrap_or_else(|| match_by_name(&rows, &found, &texts));
        let plan = Plan { own_output, ..plan(rows, &matches, &found, &texts) };

        for row in &plan.rows {
            self.positions[row.subject.index()] = row.position;
        }
        if let Some(name) = cursor_name {
            let from = self.cursor.unwrap_or(RecordId(0)).0;
            let records = found.get(&name).map_or(&[][..], Vec::as_slice);
            self.cursor = records.iter().map(|found| found.record).min_by_key(|record| record.0.abs_diff(from));
        }
        self.plan = Some(plan);
        Ok(())
    }

    /// The number a ledger knows a subject by.
    pub(super) fn record_of(&self, subject: SubjectIndex) -> Option<RecordId> {
        self.positions.get(subject.index()).map(|position| position.unwrap_or(subject.stand_in()))
    }

    /// The subjects by the numbers a ledger knows them by. Two in one place are damage.
    pub(super) fn subjects(&self) -> Result<HashMap<RecordId, SubjectIndex>, Fault> {
        let mut subjects = HashMap::with_capacity(self.positions.len());
        for (subject, position) in (0..).map(SubjectIndex).zip(&self.positions) {
            let record = position.unwrap_or(subject.stand_in());
            if subjects.insert(record, subject).is_some() {
                return Err(Fault::Damaged(format!("two subjects are record {}", record.0)));
            }
        }
        Ok(subjects)
    }

    /// Writes down where the subjects are now.
    pub(super) fn store(&self, connection: &Connection, dataset: &Path) -> Result<(), Fault> {
        if let Some(plan) = &self.plan {
            let mut update = connection.prepare(
                "UPDATE subject SET position = ?2, occurrence = ?3, original = ?4, caption = ?5 WHERE id = ?1",
            )?;
            for row in &plan.rows {
                let occurrence = i64::try_from(row.occurrence).unwrap_or(i64::MAX);
                let position = row.position.map(|record| record.0);
                update.execute(params![row.subject.row(), position, occurrence, row.original, row.caption])?;
            }
            put_setting(connection, "cursor", self.cursor.map(|record| record.0))?;
        }
        if let Some((stamp, hash)) = &self.identity {
            connection.execute(
                "INSERT OR REPLACE INTO dataset (id, path, stamp, hash) VALUES (1, ?1, ?2, ?3)",
                params![log::path_value(dataset), stamp, hash.map(log::hash_text)],
            )?;
        }
        Ok(())
    }
}

fn stored_identity(connection: &Connection) -> Result<Option<(String, Option<u128>)>, Fault> {
    let row = connection
        .query_row("SELECT stamp, hash FROM dataset", [], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?)))
        .optional()?;
    Ok(row.map(|(stamp, hash)| (stamp, hash.as_deref().and_then(log::hash_from))))
}

pub(super) fn setting<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> Result<Option<T>, Fault> {
    let value = connection
        .prepare_cached("SELECT value FROM setting WHERE name = ?1")?
        .query_row([name], |row| row.get::<_, Option<T>>(0))
        .optional()?;
    Ok(value.flatten())
}

pub(super) fn put_setting(connection: &Connection, name: &str, value: Option<impl Into<Value>>) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value.map(Into::into)])?;
    Ok(())
}

fn rows(connection: &Connection) -> Result<Vec<Row>, Fault> {
    let mut statement =
        connection.prepare("SELECT id, file_name, occurrence, position, original, caption FROM subject ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(Row {
            subject: SubjectIndex::from_row(row.get(0)?)?,
            file_name: row.get(1)?,
            occurrence: row.get::<_, u32>(2)? as usize,
            position: row.get::<_, Option<u32>>(3)?.map(RecordId),
            original: row.get(4)?,
            caption: row.get(5)?,
        });
    }
    Ok(list)
}

/// If contents of this hash are what the session saved from the records as they are bound now: the subjects that were
/// left out of it.
fn left_out_by_save(connection: &Connection, hash: u128) -> Result<Option<HashSet<SubjectIndex>>, Fault> {
    let through: Option<i64> = connection
        .query_row(
            "SELECT through FROM event WHERE kind = 'saved' AND hash = ?1
             AND seq > (SELECT coalesce(max(seq), 0) FROM event WHERE kind = 'rebound') ORDER BY seq DESC LIMIT 1",
            [log::hash_text(hash)],
            |row| row.get(0),
        )
        .optional()?;
    let Some(through) = through else { return Ok(None) };
    let saved = log::replay(connection, Some(Seq(through.cast_unsigned())), |subject| Some(RecordId(subject.0)))?;
    let left_out = saved.touched().filter(|(_, state)| state.decision == Decision::Excluded);
    Ok(Some(left_out.map(|(record, _)| SubjectIndex(record.0)).collect()))
}

/// The subjects that are not plainly the one record of their name with the caption it had.
fn doubtful(rows: &[Row], found: &FoundByName) -> HashSet<SubjectIndex> {
    let plain = |row: &Row| match found.get(&row.file_name).map(Vec::as_slice) {
        None => true,
        Some([only]) => row.occurrence == 0 && only.caption == row.caption,
        Some(_) => false,
    };
    rows.iter().filter(|row| !plain(row)).map(|row| row.subject).collect()
}

fn decided_texts(connection: &Connection, of: &HashSet<SubjectIndex>) -> Result<DecidedTexts, Fault> {
    let mut texts = DecidedTexts::new();
    if of.is_empty() {
        return Ok(texts);
    }
    let mut statement =
        connection.prepare("SELECT subject, text FROM event WHERE kind = 'decided' AND text IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let subject = SubjectIndex::from_row(row.get(0)?)?;
        if of.contains(&subject) {
            texts.entry(subject).or_default().insert(row.get(1)?);
        }
    }
    Ok(texts)
}

/// Where each subject is in the session's own output: nothing was moved, some records were left out. None if the names
/// don't bear that out.
fn match_own_output(rows: &[Row], found: &FoundByName, left_out: &HashSet<SubjectIndex>) -> Option<Vec<Option<usize>>> {
    let mut gone: Vec<RecordId> =
        rows.iter().filter(|row| left_out.contains(&row.subject)).filter_map(|row| row.position).collect();
    gone.sort_unstable();
    let mut matches = Vec::with_capacity(rows.len());
    for row in rows {
        matches.push(match row.position {
            Some(position) if !left_out.contains(&row.subject) => {
                let before = u32::try_from(gone.partition_point(|gone| *gone < position)).ok()?;
                let target = RecordId(position.0 - before);
                Some(found.get(&row.file_name)?.binary_search_by_key(&target, |found| found.record).ok()?)
            }
            _ => None,
        });
    }
    Some(matches)
}

/// Which of the records of its name each subject is. Where a name occurs more than once, the caption tells them apart
/// as far as it can and the occurrence decides the rest.
fn match_by_name(rows: &[Row], found: &FoundByName, texts: &DecidedTexts) -> Vec<Option<usize>> {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        groups.entry(&row.file_name).or_default().push(index);
    }
    let mut matches = vec![None; rows.len()];
    for (name, mut group) in groups {
        let Some(records) = found.get(name) else { continue };
        group.sort_by_key(|&index| (rows[index].position.is_none(), rows[index].position));
        let mut namesakes = Namesakes::new(records);
        // The surest sign first; each is tried on the whole group before a weaker one.
        for sign in [Sign::PlaceAndCaption, Sign::Caption, Sign::Decided, Sign::Place] {
            for &index in &group {
                if matches[index].is_none() {
                    matches[index] = namesakes.claim(&rows[index], sign, texts.get(&rows[index].subject));
                }
            }
        }
    }
    matches
}

/// By what a subject is taken to be one of several records of its name.
#[derive(Clone, Copy)]
enum Sign {
    /// It has the same occurrence and the caption it had, or once had.
    PlaceAndCaption,
    /// It has the caption the subject had, or once had.
    Caption,
    /// It has a caption that was decided for the subject.
    Decided,
    /// It has the same occurrence.
    Place,
}

/// The records of one name, each of which can be claimed once.
struct Namesakes<'a> {
    records: &'a [Found],
    free: Vec<bool>,
    /// Their places by caption, the first one last.
    places: HashMap<Option<&'a str>, Vec<usize>>,
}

impl<'a> Namesakes<'a> {
    fn new(records: &'a [Found]) -> Self {
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (place, found) in records.iter().enumerate().rev() {
            places.entry(found.caption.as_deref()).or_default().push(place);
        }
        Self { records, free: vec![true; records.len()], places }
    }

    fn claim(&mut self, row: &'a Row, sign: Sign, decided: Option<&'a HashSet<String>>) -> Option<usize> {
        let captions = [row.caption.as_deref(), row.original.as_deref()];
        let here = row.occurrence;
        let is_free = self.free.get(here).copied().unwrap_or(false);
        let place = match sign {
            Sign::PlaceAndCaption => {
                (is_free && captions.contains(&self.records[here].caption.as_deref())).then_some(here)
            }
            Sign::Caption => captions.into_iter().find_map(|caption| self.free_with(caption)),
            Sign::Decided => decided?.iter().find_map(|text| self.free_with(Some(text))),
            Sign::Place => is_free.then_some(here),
        }?;
        self.free[place] = false;
        Some(place)
    }

    /// The first free place with a caption.
    fn free_with(&mut self, caption: Option<&'a str>) -> Option<usize> {
        let places = self.places.get_mut(&caption)?;
        while places.pop_if(|place| !self.free[*place]).is_some() {}
        places.last().copied()
    }
}

/// What became of each subject, by the caption of the record it is.
fn plan(rows: Vec<Row>, matches: &[Option<usize>], found: &FoundByName, texts: &DecidedTexts) -> Plan {
    let mut plan = Plan::default();
    for (mut row, place) in rows.into_iter().zip(matches) {
        let stand_in = row.subject.stand_in();
        let before = row.position;
        let Some((occurrence, now)) = place.and_then(|place| Some((place, found.get(&row.file_name)?.get(place)?)))
        else {
            if before.is_some() {
                plan.fates.push((stand_in, Fate::Gone));
                plan.rows.push(Row { position: None, ..row });
            }
            continue;
        };
        let mut is_news = row.occurrence != occurrence || before != Some(now.record);
        match before {
            None => plan.fates.push((now.record, Fate::Returned)),
            Some(before) if before != now.record => plan.moved += 1,
            Some(_) => {}
        }
        if row.caption != now.caption {
            let ours = || {
                let texts = texts.get(&row.subject)?;
                now.caption.as_ref().filter(|caption| texts.contains(*caption))
            };
            let fate = if now.caption == row.original {
                Fate::Restored
            } else if ours().is_some() {
                Fate::Ours { original: row.original.clone() }
            } else {
                let before = std::mem::replace(&mut row.original, now.caption.clone());
                Fate::Changed { before }
            };
            row.caption.clone_from(&now.caption);
            plan.fates.push((now.record, fate));
            is_news = true;
        }
        if is_news {
            plan.rows.push(Row { position: Some(now.record), occurrence, ..row });
        }
    }
    plan
}

#[cfg(test)]
mod tests;
