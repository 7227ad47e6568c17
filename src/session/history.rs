//! What happened when, and who was at the keyboard: what the ledger's sum no longer tells.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use super::event::{Actor, EditBase, Seq};
use super::log::{SubjectIndex, base_from, subjects_from};
use super::open::Opened;
use super::rebind::Bindings;
use crate::dataset::RecordId;

/// A session with its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// What it adds up to.
    pub opened: Opened,
    /// What was done, in order.
    pub actions: Vec<Action>,
    /// Who reviewed, in order.
    pub sittings: Vec<Sitting>,
}

impl History {
    /// Who was at the keyboard when something happened, where that is known.
    #[must_use]
    pub fn reviewer(&self, at: Seq) -> Option<&str> {
        let begun = self.sittings.partition_point(|sitting| sitting.after < at);
        Some(&self.sittings.get(begun.checked_sub(1)?)?.reviewer)
    }

    /// When something was done.
    #[must_use]
    pub fn at(&self, seq: Seq) -> Option<Timestamp> {
        let found = self.actions.binary_search_by_key(&seq, |action| action.seq).ok()?;
        self.actions.get(found).map(|action| action.at)
    }
}

/// Something that somebody did: a decision, an amendment, a flag, a note, an undo, a redo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its event.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// The record; an undo and a redo have none of their own.
    pub record: Option<RecordId>,
    /// What it was.
    pub kind: ActionKind,
}

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// A decision.
    Decided {
        /// Who decided.
        by: Actor,
        /// What it was made from, if it was an edit.
        edited_from: Option<EditBase>,
    },
    /// Anything else. Only a person does it.
    Other,
}

impl ActionKind {
    /// Whether a person did it.
    #[must_use]
    pub const fn is_by_hand(self) -> bool {
        matches!(self, Self::Other | Self::Decided { by: Actor::Operator, .. })
    }
}

/// A time somebody reviewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitting {
    /// The last event before it.
    pub after: Seq,
    /// When it began.
    pub at: Timestamp,
    /// Who.
    pub reviewer: String,
}

pub(super) fn read(connection: &Connection, bindings: &Bindings, opened: Opened) -> Result<History, Fault> {
    Ok(History { actions: actions(connection, bindings)?, sittings: sittings(connection)?, opened })
}

fn actions(connection: &Connection, bindings: &Bindings) -> Result<Vec<Action>, Fault> {
    let mut statement = connection.prepare(
        "SELECT seq, at, kind, subject, actor, decision, base, candidate, subjects FROM event
         WHERE kind IN ('decided', 'amended', 'flagged', 'noted', 'undone', 'redone') ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    let mut actions = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = Seq(row.get::<_, i64>(0)?.cast_unsigned());
        let text = |column| row.get_ref(column).ok().and_then(|value| value.as_str().ok());
        let lacks = |what: &str| Fault::Damaged(format!("event {} lacks {what}", seq.0));
        let subject = row.get::<_, Option<i64>>(3)?.map(SubjectIndex::from_row).transpose()?;
        let kind = if text(2) == Some("decided") {
            let by = match text(4) {
                Some("operator") => Actor::Operator,
                Some("run") => Actor::Run,
                _ => return Err(lacks("who decided")),
            };
            let base = text(6).filter(|_| text(5) == Some("edited"));
            let candidate = row.get(7)?;
            let edited_from =
                base.map(|base| base_from(base, candidate).ok_or_else(|| lacks("its base"))).transpose()?;
            ActionKind::Decided { by, edited_from }
        } else {
            ActionKind::Other
        };
        let at = time(text(1)).ok_or_else(|| lacks("its time"))?;
        let action = |seq, subject: Option<SubjectIndex>| {
            let record = subject.and_then(|subject| bindings.record_of(subject));
            Action { seq, at, record, kind }
        };
        match row.get_ref(8)?.as_blob_or_null().map_err(|_| lacks("its subjects"))? {
            None => actions.push(action(seq, subject)),
            Some(subjects) => {
                let subjects = subjects_from(subjects).ok_or_else(|| lacks("a part of its subjects"))?;
                actions.extend(subjects.zip(seq.0..).map(|(subject, seq)| action(Seq(seq), Some(subject))));
            }
        }
    }
    Ok(actions)
}

fn sittings(connection: &Connection) -> Result<Vec<Sitting>, Fault> {
    let mut statement = connection.prepare("SELECT after, at, reviewer FROM sitting ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut sittings = Vec::new();
    while let Some(row) = rows.next()? {
        let at: String = row.get(1)?;
        sittings.push(Sitting {
            after: Seq(row.get::<_, i64>(0)?.cast_unsigned()),
            at: time(Some(&at)).ok_or_else(|| Fault::Damaged("a sitting lacks its time".to_owned()))?,
            reviewer: row.get(2)?,
        });
    }
    Ok(sittings)
}

pub(super) fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Notes who reviews from here on, unless it is still the one before.
pub(super) fn append_sitting(connection: &Connection, after: Seq, at: Timestamp, reviewer: &str) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO sitting (after, at, reviewer) SELECT ?1, ?2, ?3
             WHERE ?3 IS NOT (SELECT reviewer FROM sitting ORDER BY id DESC LIMIT 1)",
        )?
        .execute(params![after.0.cast_signed(), at.to_string(), reviewer])?;
    Ok(())
}

#[cfg(test)]
mod tests;
