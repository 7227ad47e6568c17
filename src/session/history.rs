//! When things were done and by whom, which the ledger does not contain.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use super::event::{Actor, EditBase, Seq};
use super::event_log::{base_from, subjects_from, time_from};
use super::opened::Opened;
use super::rebind::Bindings;
use super::subject::SubjectIndex;
use crate::dataset::RecordId;

/// A session with the times and authors of its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    pub opened: Opened,
    /// In order.
    pub actions: Vec<Action>,
    /// In order.
    pub reviewers: Vec<ReviewerChange>,
}

impl History {
    /// Returns the reviewer at the time of an event, if known.
    #[must_use]
    pub fn reviewer(&self, at: Seq) -> Option<&str> {
        let begun = self.reviewers.partition_point(|change| change.after < at);
        Some(&self.reviewers.get(begun.checked_sub(1)?)?.reviewer)
    }

    /// Returns the time of an action.
    #[must_use]
    pub fn at(&self, seq: Seq) -> Option<Timestamp> {
        let found = self.actions.binary_search_by_key(&seq, |action| action.seq).ok()?;
        self.actions.get(found).map(|action| action.at)
    }
}

/// A decision, a bulk change, a flag, a note, an undo or a redo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    pub seq: Seq,
    pub at: Timestamp,
    /// `None` for an undo or redo.
    pub record: Option<RecordId>,
    pub kind: ActionKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    Decided {
        by: Actor,
        /// The base of an edit.
        edited_from: Option<EditBase>,
    },
    /// Anything else, always by a person.
    Other,
}

impl ActionKind {
    /// Returns true if it was done by a person.
    #[must_use]
    pub const fn is_by_hand(self) -> bool {
        matches!(self, Self::Other | Self::Decided { by: Actor::Operator, .. })
    }
}

/// The point from which on a person reviews.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewerChange {
    /// The last event before.
    pub after: Seq,
    pub at: Timestamp,
    pub reviewer: String,
}

pub(super) fn read(connection: &Connection, bindings: &Bindings, opened: Opened) -> Result<History, Fault> {
    Ok(History { actions: actions(connection, bindings)?, reviewers: reviewers(connection)?, opened })
}

fn actions(connection: &Connection, bindings: &Bindings) -> Result<Vec<Action>, Fault> {
    let mut statement = connection.prepare(
        "SELECT seq, at, kind, subject, actor, decision, base, candidate, subjects FROM event
         WHERE kind IN ('decided', 'amended', 'reworded', 'flagged', 'rejected', 'noted', 'undone', 'redone') ORDER BY seq",
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
        let at = text(1).and_then(time_from).ok_or_else(|| lacks("its time"))?;
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

fn reviewers(connection: &Connection) -> Result<Vec<ReviewerChange>, Fault> {
    let mut statement = connection.prepare("SELECT after, at, reviewer FROM sitting ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut reviewers = Vec::new();
    while let Some(row) = rows.next()? {
        let at: String = row.get(1)?;
        reviewers.push(ReviewerChange {
            after: Seq(row.get::<_, i64>(0)?.cast_unsigned()),
            at: time_from(&at).ok_or_else(|| Fault::Damaged("a reviewer lacks the time".to_owned()))?,
            reviewer: row.get(2)?,
        });
    }
    Ok(reviewers)
}

/// Stores who reviews from here on, unless it is the same person as before.
pub(super) fn append_reviewer(connection: &Connection, after: Seq, at: Timestamp, reviewer: &str) -> Result<(), Fault> {
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
