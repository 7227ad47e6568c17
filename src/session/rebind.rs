//! Matches a session's records with a dataset that has changed since the session was last open.
//!
//! There are three cases, cheapest first. The file is the same (by its stamp, or else its hash): positions are valid. The
//! file is the last output of this session: excluded records are gone, which shifts the later positions. Otherwise, each
//! record is matched by its file name and caption (see [`match_namesakes`](crate::dataset::match_namesakes)). The caption
//! of the matched record then determines the [`MatchOutcome`](super::MatchOutcome).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Fault, SessionError};
use super::event::{Decision, Seq};
use super::event_log;
use super::owner::{anchored, stored_identity};
use super::setting::{put_setting, setting};
use super::subject::SubjectIndex;
use super::texts::Texts;
use crate::dataset::{Dataset, Record, RecordId, Shared};

mod matching;

use matching::{DecidedTexts, FoundByName, Plan, Row, doubtful, match_by_name, match_own_output, plan};

/// The record of each subject, and the changes to store.
#[derive(Default)]
pub(super) struct Bindings {
    positions: Vec<Option<RecordId>>,
    /// The caption field, if it is not stored yet.
    caption_field: Option<String>,
    /// The dataset's stamp and hash, if they are not stored yet.
    identity: Option<(String, Option<u128>)>,
    /// The result of matching, if the dataset's contents changed.
    pub(super) plan: Option<Plan>,
    /// The record that was last under the cursor.
    pub(super) cursor: Option<RecordId>,
}

impl Bindings {
    /// Compares the dataset with the stored identity and matches the records. Writes nothing.
    pub(super) fn find(connection: &Connection, file: &Path, dataset: &Dataset) -> Result<Self, SessionError> {
        Self::find_among(connection, file, dataset, &[])
    }

    /// Like [`find`](Self::find), also for the session of one of several caption fields, which is only read.
    pub(super) fn find_to_read(connection: &Connection, file: &Path, dataset: &Dataset) -> Result<Self, SessionError> {
        Self::find_among(connection, file, dataset, dataset.caption_fields())
    }

    fn find_among(
        connection: &Connection,
        file: &Path,
        dataset: &Dataset,
        fields: &[Arc<str>],
    ) -> Result<Self, SessionError> {
        let mut bindings = Self::stored(connection).map_err(|fault| fault.of(file))?;
        let field = dataset.caption_field();
        match setting::<String>(connection, "caption_field").map_err(|fault| fault.of(file))? {
            None => bindings.caption_field = Some(field.to_owned()),
            Some(reviewed) if reviewed == field => {}
            Some(reviewed) if fields.iter().any(|field| **field == *reviewed) => {
                bindings.rebind(connection, file, dataset, None, Some(&reviewed))?;
                return Ok(bindings);
            }
            Some(reviewed) => {
                return Err(SessionError::OtherField { file: file.to_owned(), reviewed, requested: field.to_owned() });
            }
        }
        let stored = stored_identity(connection).map_err(|fault| fault.of(file))?;
        let stamp = dataset.stamp().to_string();
        match stored {
            Some(known) if known.stamp == stamp => {
                let is_renamed = known.path != Some(anchored(dataset.path()));
                bindings.identity = is_renamed.then_some((stamp, known.hash));
            }
            Some(known) if !bindings.positions.is_empty() => {
                let hash = dataset.content_hash()?;
                bindings.identity = Some((stamp, Some(hash)));
                if known.hash != Some(hash) {
                    bindings.rebind(connection, file, dataset, Some(hash), None)?;
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

    /// `hash` is that of the dataset, which may be an output of this session. `only` is the caption field of the session if
    /// the dataset has several.
    fn rebind(
        &mut self,
        connection: &Connection,
        file: &Path,
        dataset: &Dataset,
        hash: Option<u128>,
        only: Option<&str>,
    ) -> Result<(), SessionError> {
        let read = || -> Result<_, Fault> {
            let left_out = hash.map(|hash| left_out_by_save(connection, hash)).transpose()?.flatten();
            Ok((rows(connection)?, left_out, setting::<String>(connection, "cursor_name")?))
        };
        let (rows, left_out, cursor_name) = read().map_err(|fault| fault.of(file))?;

        let mut wanted: HashSet<&str> = rows.iter().map(|row| row.file_name.as_str()).collect();
        wanted.extend(cursor_name.as_deref());
        let mut found = FoundByName::new();
        let is_of_field = |record: &Record| {
            let field = record.sibling.as_ref().and_then(|sibling| sibling.field.as_deref());
            only.is_none() || field == only
        };
        dataset.scan(&mut |entry| {
            if !entry.record().is_none_or(is_of_field) {
                return ControlFlow::Continue(());
            }
            let record = entry.id();
            let (name, caption) = entry.into_identity();
            if wanted.contains(name.as_str()) {
                found.entry(name).or_default().push(record, caption);
            }
            ControlFlow::Continue(())
        })?;

        let texts = decided_texts(connection, &doubtful(&rows, &found)).map_err(|fault| fault.of(file))?;
        let exact = left_out.and_then(|left_out| match_own_output(&rows, &found, &left_out, &texts));
        let own_output = exact.is_some();
        let matches = exact.unwrap_or_else(|| match_by_name(&rows, &found, &texts));
        let plan = Plan { own_output, ..plan(rows, &matches, &found, &texts) };

        for row in &plan.rows {
            self.positions[row.subject.index()] = row.position;
        }
        if let Some(name) = cursor_name {
            let from = self.cursor.unwrap_or(RecordId(0)).0;
            let records = found.get(&name).into_iter().flat_map(|namesakes| &namesakes.records);
            self.cursor = records.copied().min_by_key(|record| record.0.abs_diff(from));
        }
        self.plan = Some(plan);
        Ok(())
    }

    /// Returns the position of a subject, or its placeholder.
    pub(super) fn record_of(&self, subject: SubjectIndex) -> Option<RecordId> {
        self.positions.get(subject.index()).map(|position| position.unwrap_or(subject.placeholder()))
    }

    /// Returns the subjects by position or placeholder. Returns an error if two have the same position.
    pub(super) fn subjects(&self) -> Result<BTreeMap<RecordId, SubjectIndex>, Fault> {
        let mut subjects = BTreeMap::new();
        for (subject, position) in (0..).map(SubjectIndex).zip(&self.positions) {
            let record = position.unwrap_or(subject.placeholder());
            if subjects.insert(record, subject).is_some() {
                return Err(Fault::Damaged(format!("two subjects are record {}", record.0)));
            }
        }
        Ok(subjects)
    }

    /// Returns which of the subjects that are to be updated are ambiguous.
    pub(super) fn ambiguity(&self) -> HashMap<SubjectIndex, bool> {
        let rows = self.plan.iter().flat_map(|plan| &plan.rows);
        rows.map(|row| (row.subject, row.is_ambiguous)).collect()
    }

    /// Stores the new positions.
    pub(super) fn store(&self, connection: &Connection, dataset: &Path) -> Result<(), Fault> {
        if let Some(plan) = &self.plan {
            let mut update = connection.prepare(
                "UPDATE subject SET position = ?2, occurrence = ?3, original = ?4, ours = ?5, shared = ?6, ambiguous = ?7
                 WHERE id = ?1",
            )?;
            for row in &plan.rows {
                let Row { subject, position, occurrence, original, ours, shared, is_ambiguous, .. } = row;
                let occurrence = i64::try_from(*occurrence).unwrap_or(i64::MAX);
                let position = position.map(|record| record.0);
                let shared = shared.map(shared_value);
                update.execute(params![subject.row(), position, occurrence, original, ours, shared, is_ambiguous])?;
            }
            put_setting(connection, "cursor", self.cursor.map(|record| record.0))?;
        }
        if let Some(field) = &self.caption_field {
            put_setting(connection, "caption_field", Some(field.clone()))?;
        }
        if let Some((stamp, hash)) = &self.identity {
            connection.execute(
                "INSERT OR REPLACE INTO dataset (id, path, stamp, hash) VALUES (1, ?1, ?2, ?3)",
                params![event_log::path_value(&anchored(dataset)), stamp, hash.map(event_log::hash_text)],
            )?;
        }
        Ok(())
    }
}

/// Returns what a session stores of what a record shares with others.
pub(super) const fn shared_value(shared: Shared) -> u8 {
    match shared {
        Shared::Nothing => 0,
        Shared::Name => 1,
        Shared::Caption => 2,
    }
}

fn shared_from(value: u8) -> Option<Shared> {
    [Shared::Nothing, Shared::Name, Shared::Caption].into_iter().find(|shared| shared_value(*shared) == value)
}

fn rows(connection: &Connection) -> Result<Vec<Row>, Fault> {
    let mut statement = connection.prepare(
        "SELECT id, file_name, occurrence, position, original, ours, shared, ambiguous FROM subject ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        list.push(Row {
            subject: SubjectIndex::from_row(row.get(0)?)?,
            file_name: row.get(1)?,
            occurrence: row.get::<_, u32>(2)? as usize,
            position: row.get::<_, Option<u32>>(3)?.map(RecordId),
            original: row.get(4)?,
            ours: row.get(5)?,
            shared: row.get::<_, Option<u8>>(6)?.and_then(shared_from),
            is_ambiguous: row.get(7)?,
        });
    }
    Ok(list)
}

/// Returns the subjects that were left out of the session's output with this hash. Returns `None` if there is no such
/// output since the positions last changed.
fn left_out_by_save(connection: &Connection, hash: u128) -> Result<Option<HashSet<SubjectIndex>>, Fault> {
    let through: Option<i64> = connection
        .query_row(
            "SELECT through FROM event WHERE kind = 'saved' AND hash = ?1
             AND seq > (SELECT coalesce(max(seq), 0) FROM event WHERE kind = 'rebound') ORDER BY seq DESC LIMIT 1",
            [event_log::hash_text(hash)],
            |row| row.get(0),
        )
        .optional()?;
    let Some(through) = through else { return Ok(None) };
    let saved = event_log::replay(connection, Some(Seq(through.cast_unsigned())), |subject| Some(RecordId(subject.0)))?;
    let left_out = saved.touched().filter(|(_, state)| state.decision == Decision::Excluded);
    Ok(Some(left_out.map(|(record, _)| SubjectIndex(record.0)).collect()))
}

fn decided_texts(connection: &Connection, of: &HashSet<SubjectIndex>) -> Result<DecidedTexts, Fault> {
    let mut texts = DecidedTexts::new();
    if of.is_empty() {
        return Ok(texts);
    }
    let mut statement = connection
        .prepare("SELECT subject, text FROM event WHERE kind IN ('decided', 'amended') AND text IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let subject = SubjectIndex::from_row(row.get(0)?)?;
        if of.contains(&subject) {
            texts.entry(subject).or_default().insert(row.get(1)?);
        }
    }
    let mut blocks = connection.prepare(event_log::TextBlocks::QUERY)?;
    let mut blocks = event_log::TextBlocks::new(blocks.query([])?);
    let mut bulk = connection.prepare("SELECT seq, subjects FROM event WHERE kind = 'reworded' ORDER BY seq")?;
    let mut rows = bulk.query([])?;
    while let Some(row) = rows.next()? {
        let seq = Seq(row.get::<_, i64>(0)?.cast_unsigned());
        let damaged = || Fault::Damaged(format!("the texts of event {} are damaged", seq.0));
        let subjects: Vec<u8> = row.get(1)?;
        // Numbers that stand for the subjects, which are not in order.
        let subjects: Vec<SubjectIndex> = event_log::subjects_from(&subjects).ok_or_else(damaged)?.collect();
        let places = (0..).map(RecordId).take(subjects.len()).collect();
        let written = Texts::from_blocks(blocks.of(seq, places)?).ok_or_else(damaged)?;
        for (place, text) in written.iter() {
            let subject = subjects[place.index()];
            if of.contains(&subject) {
                texts.entry(subject).or_default().insert(text);
            }
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests;
