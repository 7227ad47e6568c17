//! Events as rows and rows as events: the only place that knows how what happened is spelled in the database.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Row, params};

use super::error::Fault;
use super::ledger::{Actor, CandidateId, Decision, Draft, EditBase, Event, Fate, Ledger, Provenance, Seq};
use crate::dataset::RecordId;
use crate::describe::StopReason;

/// Number of a subject in its table, less one: subjects are numbered without gaps in the order they were touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubjectIndex(pub(super) u32);

impl SubjectIndex {
    pub(super) const fn row(self) -> i64 {
        self.0 as i64 + 1
    }

    pub(super) fn from_row(id: i64) -> Result<Self, Fault> {
        u32::try_from(id - 1).map(Self).map_err(|_| Fault::Damaged(format!("subject {id} is out of range")))
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// The number a ledger knows the subject by while it has no position. Positions are less than 2³¹ (the table checks
    /// it), and so are subjects, so the two never meet.
    pub(super) const fn stand_in(self) -> RecordId {
        RecordId(u32::MAX - self.0)
    }

    /// The subject a number stands in for.
    pub(super) const fn standing_in(record: RecordId) -> Self {
        Self(u32::MAX - record.0)
    }
}

/// Adds an event that is not a draft.
pub(super) fn append(
    connection: &Connection,
    seq: Seq,
    at: Timestamp,
    event: &Event,
    subject_of: impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let row = EventRow::of(event);
    let subject = event.record().and_then(&subject_of).map(SubjectIndex::row);
    connection
        .prepare_cached(
            "INSERT INTO event (seq, at, kind, subject, text, decision, actor, candidate, base, flag, path, through, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            seq.0.cast_signed(),
            at.to_string(),
            row.kind,
            subject,
            row.text,
            row.decision,
            row.actor,
            row.candidate,
            row.base,
            row.flag,
            row.path,
            row.through,
            row.hash
        ])?;
    match event {
        Event::Generated { text, provenance, .. } => append_candidate(connection, seq, text, provenance)?,
        Event::Rebound { fates } => append_fates(connection, seq, fates, subject_of)?,
        _ => {}
    }
    Ok(())
}

fn append_candidate(connection: &Connection, seq: Seq, text: &str, provenance: &Provenance) -> Result<(), Fault> {
    let Provenance { describer, model, parameters, stop, at } = provenance;
    connection
        .prepare_cached(
            "INSERT INTO candidate (seq, text, describer, model, parameters, stop, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![seq.0.cast_signed(), text, describer, model, parameters, stop_name(stop), at.to_string()])?;
    Ok(())
}

fn append_fates(
    connection: &Connection,
    seq: Seq,
    fates: &[(RecordId, Fate)],
    subject_of: impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO fate (seq, subject, fate, caption) VALUES (?1, ?2, ?3, ?4)")?;
    for (record, fate) in fates {
        let (name, caption) = match fate {
            Fate::Gone => ("gone", None),
            Fate::Returned => ("returned", None),
            Fate::Changed { before } => ("changed", before.as_deref()),
            Fate::Ours { original } => ("ours", original.as_deref()),
            Fate::Restored => ("restored", None),
        };
        insert.execute(params![seq.0.cast_signed(), subject_of(*record).map(SubjectIndex::row), name, caption])?;
    }
    Ok(())
}

/// Puts the newest draft of a subject in place of the one before, after `writes` of them came.
pub(super) fn put_draft(
    connection: &Connection,
    subject: SubjectIndex,
    seq: Seq,
    draft: Option<&Draft>,
    writes: u64,
) -> Result<(), Fault> {
    let base = draft.map(|draft| base_names(draft.base));
    connection
        .prepare_cached(
            "INSERT INTO draft (subject, seq, writes, text, cursor, base, candidate) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (subject) DO UPDATE SET seq = excluded.seq, writes = writes + excluded.writes,
             text = excluded.text, cursor = excluded.cursor, base = excluded.base, candidate = excluded.candidate",
        )?
        .execute(params![
            subject.row(),
            seq.0.cast_signed(),
            writes.cast_signed(),
            draft.map(|draft| &draft.text),
            draft.map(|draft| i64::try_from(draft.cursor).unwrap_or(i64::MAX)),
            base.map(|(name, _)| name),
            base.and_then(|(_, candidate)| candidate),
        ])?;
    Ok(())
}

/// The columns of an event besides its number, time and subject.
#[derive(Default)]
struct EventRow<'event> {
    kind: &'static str,
    text: Option<&'event str>,
    decision: Option<&'static str>,
    actor: Option<&'static str>,
    candidate: Option<i64>,
    base: Option<&'static str>,
    flag: Option<bool>,
    path: Option<Value>,
    through: Option<i64>,
    hash: Option<String>,
}

impl<'event> EventRow<'event> {
    fn of(event: &'event Event) -> Self {
        match event {
            Event::Decided { decision, by, .. } => Self::of_decision(decision, *by),
            Event::Flagged { on, .. } => Self { kind: "flagged", flag: Some(*on), ..Self::default() },
            Event::Noted { note, .. } => Self { kind: "noted", text: Some(note), ..Self::default() },
            Event::Generated { .. } => Self { kind: "generated", ..Self::default() },
            Event::Failed { reason, .. } => Self { kind: "failed", text: Some(reason), ..Self::default() },
            Event::Drafted { .. } => Self { kind: "drafted", ..Self::default() },
            Event::Undone => Self { kind: "undone", ..Self::default() },
            Event::Redone => Self { kind: "redone", ..Self::default() },
            Event::Saved { path, through, hash } => Self {
                kind: "saved",
                path: Some(path_value(path)),
                through: Some(through.0.cast_signed()),
                hash: Some(hash_text(*hash)),
                ..Self::default()
            },
            Event::Rebound { .. } => Self { kind: "rebound", ..Self::default() },
        }
    }

    fn of_decision(decision: &'event Decision, by: Actor) -> Self {
        let (name, base, candidate) = match decision {
            Decision::Undecided => ("undecided", None, None),
            Decision::Accepted { candidate, .. } => ("accepted", None, Some(candidate.0.cast_signed())),
            Decision::Edited { base, .. } => {
                let (base, candidate) = base_names(*base);
                ("edited", Some(base), candidate)
            }
            Decision::Kept => ("kept", None, None),
            Decision::Skipped => ("skipped", None, None),
            Decision::Excluded => ("excluded", None, None),
        };
        let actor = match by {
            Actor::Operator => "operator",
            Actor::Run => "run",
        };
        Self {
            kind: "decided",
            text: decision.text(),
            decision: Some(name),
            actor: Some(actor),
            candidate,
            base,
            ..Self::default()
        }
    }
}

/// Adds up the stored events: all of them, or those up to one. `record_of` names the subjects.
///
/// A hole in the numbers, an unknown word or a missing value is damage: better no session than half of one.
pub(super) fn replay(
    connection: &Connection,
    until: Option<Seq>,
    record_of: impl Fn(SubjectIndex) -> Option<RecordId>,
) -> Result<Ledger, Fault> {
    let reader = Reader { record_of };
    let limit = until.map_or(i64::MAX, |seq| seq.0.cast_signed());
    let mut ledger = Ledger::new();

    let (drafts, draft_writes) = reader.drafts(connection)?;
    let mut drafts = drafts.into_iter().take_while(|(seq, _)| seq.0.cast_signed() <= limit).peekable();
    let mut fates = reader.fates(connection)?;
    let mut candidates =
        connection.prepare("SELECT seq, text, describer, model, parameters, stop, at FROM candidate ORDER BY seq")?;
    let mut candidates = candidates.query([])?;
    let mut events = connection.prepare(
        "SELECT seq, kind, subject, text, decision, actor, candidate, base, flag, path, through, hash
         FROM event WHERE seq <= ?1 ORDER BY seq",
    )?;
    let mut events = events.query([limit])?;

    let mut count = 0_u64;
    while let Some(row) = events.next()? {
        count += 1;
        let seq = seq(row, 0)?;
        while let Some((seq, draft)) = drafts.next_if(|(draft, _)| *draft < seq) {
            ledger.apply_as(seq, draft);
        }
        let event = match text(row, 1)? {
            "generated" => match candidates.next()? {
                Some(candidate) if self::seq(candidate, 0)? == seq => reader.generated(row, candidate)?,
                _ => return Err(Fault::Damaged(format!("the text of candidate {} is missing", seq.0))),
            },
            "rebound" => Event::Rebound { fates: fates.remove(&seq).unwrap_or_default() },
            kind => reader.event(kind, row)?,
        };
        ledger.apply_as(seq, event);
    }
    for (seq, draft) in drafts {
        ledger.apply_as(seq, draft);
    }
    if until.is_none() && ledger.last().0 != count + draft_writes {
        let lost = i128::from(ledger.last().0) - i128::from(count) - i128::from(draft_writes);
        return Err(Fault::Damaged(format!("{lost} of {} events are missing", ledger.last().0)));
    }
    Ok(ledger)
}

/// Turns rows into events.
struct Reader<F> {
    record_of: F,
}

impl<F: Fn(SubjectIndex) -> Option<RecordId>> Reader<F> {
    fn record(&self, row: &Row, column: usize) -> Result<RecordId, Fault> {
        let id: Option<i64> = row.get(column)?;
        let subject = SubjectIndex::from_row(id.ok_or_else(|| missing(row, "its subject"))?)?;
        (self.record_of)(subject).ok_or_else(|| Fault::Damaged(format!("subject {} is missing", subject.row())))
    }

    fn event(&self, kind: &str, row: &Row) -> Result<Event, Fault> {
        Ok(match kind {
            "decided" => Event::Decided { record: self.record(row, 2)?, decision: decision(row)?, by: actor(row)? },
            "flagged" => Event::Flagged { record: self.record(row, 2)?, on: row.get(8)? },
            "noted" => Event::Noted { record: self.record(row, 2)?, note: text(row, 3)?.to_owned() },
            "failed" => Event::Failed { record: self.record(row, 2)?, reason: text(row, 3)?.to_owned() },
            "undone" => Event::Undone,
            "redone" => Event::Redone,
            "saved" => Event::Saved {
                path: path_from(row.get_ref(9)?).ok_or_else(|| missing(row, "its path"))?,
                through: seq(row, 10)?,
                hash: hash_from(text(row, 11)?).ok_or_else(|| missing(row, "its hash"))?,
            },
            other => return Err(Fault::Damaged(format!("an event is of the unknown kind \"{other}\""))),
        })
    }

    fn generated(&self, row: &Row, candidate: &Row) -> Result<Event, Fault> {
        let word = |column| text(candidate, column).map(str::to_owned);
        Ok(Event::Generated {
            record: self.record(row, 2)?,
            text: word(1)?,
            provenance: Provenance {
                describer: word(2)?,
                model: word(3)?,
                parameters: word(4)?,
                stop: stop_from(text(candidate, 5)?),
                at: text(candidate, 6)?.parse().map_err(|_| missing(candidate, "its time"))?,
            },
        })
    }

    /// The newest draft of each subject, oldest first, and how many drafts there have been.
    fn drafts(&self, connection: &Connection) -> Result<(Vec<(Seq, Event)>, u64), Fault> {
        let mut drafts = Vec::new();
        let mut count = 0;
        let mut statement =
            connection.prepare("SELECT seq, subject, writes, text, cursor, base, candidate FROM draft ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let writes: i64 = row.get(2)?;
            count += writes.cast_unsigned();
            let draft = match row.get::<_, Option<String>>(3)? {
                None => None,
                Some(text) => Some(Draft {
                    text,
                    cursor: usize::try_from(row.get::<_, i64>(4)?).map_err(|_| missing(row, "its cursor"))?,
                    base: base_from(self::text(row, 5)?, row.get(6)?).ok_or_else(|| missing(row, "its base"))?,
                }),
            };
            drafts.push((seq(row, 0)?, Event::Drafted { record: self.record(row, 1)?, draft }));
        }
        Ok((drafts, count))
    }

    fn fates(&self, connection: &Connection) -> Result<HashMap<Seq, Vec<(RecordId, Fate)>>, Fault> {
        let mut fates: HashMap<_, Vec<_>> = HashMap::new();
        let mut statement = connection.prepare("SELECT seq, subject, fate, caption FROM fate ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let fate = match text(row, 2)? {
                "gone" => Fate::Gone,
                "returned" => Fate::Returned,
                "changed" => Fate::Changed { before: row.get(3)? },
                "ours" => Fate::Ours { original: row.get(3)? },
                "restored" => Fate::Restored,
                other => return Err(Fault::Damaged(format!("a record has the unknown fate \"{other}\""))),
            };
            fates.entry(seq(row, 0)?).or_default().push((self.record(row, 1)?, fate));
        }
        Ok(fates)
    }
}

fn missing(row: &Row, what: &str) -> Fault {
    let seq = row.get::<_, i64>(0).map_or_else(|_| "?".to_owned(), |seq| seq.to_string());
    Fault::Damaged(format!("event {seq} lacks {what}"))
}

fn text<'row>(row: &'row Row, column: usize) -> Result<&'row str, Fault> {
    row.get_ref(column)?.as_str().map_err(|_| missing(row, row.as_ref().column_name(column).unwrap_or("a text")))
}

fn seq(row: &Row, column: usize) -> Result<Seq, Fault> {
    Ok(Seq(row.get::<_, i64>(column)?.cast_unsigned()))
}

fn decision(row: &Row) -> Result<Decision, Fault> {
    let own = || text(row, 3).map(str::to_owned);
    let candidate = row.get::<_, Option<i64>>(6)?;
    Ok(match text(row, 4)? {
        "undecided" => Decision::Undecided,
        "accepted" => Decision::Accepted {
            candidate: CandidateId(candidate.ok_or_else(|| missing(row, "its candidate"))?.cast_unsigned()),
            text: own()?,
        },
        "edited" => Decision::Edited {
            text: own()?,
            base: base_from(text(row, 7)?, candidate).ok_or_else(|| missing(row, "its base"))?,
        },
        "kept" => Decision::Kept,
        "skipped" => Decision::Skipped,
        "excluded" => Decision::Excluded,
        other => return Err(Fault::Damaged(format!("a record has the unknown decision \"{other}\""))),
    })
}

fn actor(row: &Row) -> Result<Actor, Fault> {
    match text(row, 5)? {
        "operator" => Ok(Actor::Operator),
        "run" => Ok(Actor::Run),
        other => Err(Fault::Damaged(format!("a decision is by the unknown actor \"{other}\""))),
    }
}

const fn base_names(base: EditBase) -> (&'static str, Option<i64>) {
    match base {
        EditBase::Original => ("original", None),
        EditBase::Current => ("current", None),
        EditBase::Candidate(candidate) => ("candidate", Some(candidate.0.cast_signed())),
    }
}

fn base_from(name: &str, candidate: Option<i64>) -> Option<EditBase> {
    match (name, candidate) {
        ("original", _) => Some(EditBase::Original),
        ("current", _) => Some(EditBase::Current),
        ("candidate", Some(candidate)) => Some(EditBase::Candidate(CandidateId(candidate.cast_unsigned()))),
        _ => None,
    }
}

fn stop_name(stop: &StopReason) -> String {
    match stop {
        StopReason::EndTurn => "end_turn".to_owned(),
        StopReason::MaxTokens => "max_tokens".to_owned(),
        StopReason::Other(words) => format!("other: {words}"),
    }
}

fn stop_from(name: &str) -> StopReason {
    match name {
        "end_turn" => StopReason::EndTurn,
        "max_tokens" => StopReason::MaxTokens,
        other => StopReason::Other(other.strip_prefix("other: ").unwrap_or(other).to_owned()),
    }
}

pub(super) fn hash_text(hash: u128) -> String {
    format!("{hash:032x}")
}

pub(super) fn hash_from(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

/// A path as text, so that a person can read it; one that is no text, as its bytes.
pub(super) fn path_value(path: &Path) -> Value {
    match path.to_str() {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Blob(path.as_os_str().as_encoded_bytes().to_vec()),
    }
}

fn path_from(value: ValueRef) -> Option<PathBuf> {
    match value {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok().map(PathBuf::from),
        #[cfg(unix)]
        ValueRef::Blob(bytes) => {
            use std::os::unix::ffi::OsStrExt;
            Some(PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
        }
        _ => None,
    }
}
