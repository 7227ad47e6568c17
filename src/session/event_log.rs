//! Events as rows of the database. [`replay()`] reads them back.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params};
use serde_json::json;

use super::error::Fault;
use super::event::{Actor, CandidateId, Decision, Draft, EditBase, Event, MatchOutcome, Provenance, Seq, Verification};
use super::spending;
use super::step::{Changes, Step};
use super::subject::SubjectIndex;
use super::texts::Texts;
use crate::dataset::RecordId;
use crate::describe::{Quote, StopReason, Verdict};

mod replay;
mod text_blocks;

/// The kind of a row with a text for each of its subjects, in the table `text_block`.
const REWORDED: &str = "reworded";

/// Size of an entry of the column `subjects`.
const SUBJECT_BYTES: usize = size_of::<u32>();

pub(super) use replay::replay;
pub(super) use text_blocks::TextBlocks;

/// Inserts the events of a step. Drafts are in a table of their own (see [`put_draft`]).
pub(super) fn append(
    connection: &Connection,
    step: &Step,
    at: Timestamp,
    subject_of: impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let at = at.to_string();
    if let Changes::Texts(texts) = &step.changes {
        append_texts(connection, step.first, &at, texts, &subject_of)?;
        let after = Seq(step.first.0 + texts.len());
        return append_all(connection, after, &at, step.changes.joint().into_iter(), &subject_of);
    }
    let Changes::Same(records, change) = &step.changes else {
        return append_all(connection, step.first, &at, step.changes.events(), &subject_of);
    };
    let event = change.clone().of(RecordId(0));
    let row = EventRow::of(&event);
    if row.text.is_some() {
        // A text needs a row with its subject, because `rebind` looks up the texts decided for a subject.
        return append_all(connection, step.first, &at, step.changes.events(), &subject_of);
    }
    let subjects = subjects_of(records.iter().map(RecordId), records.len(), &subject_of)?;
    insert(connection, step.first, &at, &row, None, Some(&subjects))?;
    let after = Seq(step.first.0 + records.len());
    append_all(connection, after, &at, step.changes.joint().into_iter(), &subject_of)
}

/// Encodes the subjects of records.
fn subjects_of(
    records: impl Iterator<Item = RecordId>,
    count: u64,
    subject_of: &impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<Vec<u8>, Fault> {
    let mut subjects = Vec::with_capacity(usize::try_from(count).unwrap_or_default() * SUBJECT_BYTES);
    for record in records {
        let subject =
            subject_of(record).ok_or_else(|| Fault::Damaged(format!("record {} has no subject", record.0)))?;
        subjects.extend_from_slice(&subject.0.to_le_bytes());
    }
    Ok(subjects)
}

/// Inserts a bulk change of captions: one event, and its texts in blocks.
fn append_texts(
    connection: &Connection,
    seq: Seq,
    at: &str,
    texts: &Texts,
    subject_of: &impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let subjects = subjects_of(texts.records().iter().map(RecordId), texts.len(), subject_of)?;
    insert(connection, seq, at, &EventRow { kind: REWORDED, ..EventRow::default() }, None, Some(&subjects))?;
    let mut block = connection.prepare_cached("INSERT INTO text_block (seq, count, texts) VALUES (?1, ?2, ?3)")?;
    for (count, packed) in texts.blocks() {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        block.execute(params![seq.0.cast_signed(), count, packed])?;
    }
    Ok(())
}

fn append_all(
    connection: &Connection,
    first: Seq,
    at: &str,
    events: impl Iterator<Item = Event>,
    subject_of: &impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    for (event, seq) in events.zip(first.0..) {
        if matches!(event, Event::Drafted { .. }) {
            continue;
        }
        let seq = Seq(seq);
        let subject = event.record().and_then(subject_of).map(SubjectIndex::row);
        insert(connection, seq, at, &EventRow::of(&event), subject, None)?;
        match &event {
            Event::Generated { text, provenance, .. } => append_candidate(connection, seq, text, provenance)?,
            Event::Verified { verification, .. } => append_verification(connection, seq, verification)?,
            Event::Rebound { outcomes } => append_fates(connection, seq, outcomes, subject_of)?,
            _ => {}
        }
    }
    Ok(())
}

fn insert(
    connection: &Connection,
    seq: Seq,
    at: &str,
    row: &EventRow,
    subject: Option<i64>,
    subjects: Option<&[u8]>,
) -> Result<(), Fault> {
    connection
        .prepare_cached(
            "INSERT INTO event
             (seq, at, kind, subject, text, decision, actor, candidate, base, flag, path, through, hash, subjects)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            seq.0.cast_signed(),
            at,
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
            row.hash,
            subjects
        ])?;
    Ok(())
}

/// Decodes the subjects of a row that stands for the same change to each of them. Returns `None` if the length is wrong.
pub(super) fn subjects_from(bytes: &[u8]) -> Option<impl Iterator<Item = SubjectIndex> + '_> {
    let (subjects, []) = bytes.as_chunks::<SUBJECT_BYTES>() else { return None };
    Some(subjects.iter().map(|bytes| SubjectIndex(u32::from_le_bytes(*bytes))))
}

fn append_candidate(connection: &Connection, seq: Seq, text: &str, provenance: &Provenance) -> Result<(), Fault> {
    let Provenance { describer, model, prompt, parameters, reason, usage, stop, at } = provenance;
    connection
        .prepare_cached(
            "INSERT INTO candidate
             (seq, text, describer, model, parameters, stop, at, prompt, reason, input, output, cost)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            seq.0.cast_signed(),
            text,
            describer,
            model,
            parameters,
            stop_name(stop),
            at.to_string(),
            prompt,
            reason,
            usage.map(|usage| usage.tokens.input.cast_signed()),
            usage.map(|usage| usage.tokens.output.cast_signed()),
            usage.map(|usage| spending::to_column(usage.cost, usage.tokens)),
        ])?;
    Ok(())
}

fn append_verification(connection: &Connection, seq: Seq, verification: &Verification) -> Result<(), Fault> {
    let Verification { verdict, provenance } = verification;
    let Verdict { judged, unsupported, missing, dropped } = verdict;
    let Provenance { describer, model, prompt, parameters, reason: _, usage, stop, at } = provenance;
    let quotes: Vec<(usize, &str)> = unsupported.iter().map(|Quote { start, text }| (*start, text.as_str())).collect();
    connection
        .prepare_cached(
            "INSERT INTO verification
             (seq, judged, unsupported, missing, dropped, describer, model, parameters, stop, at, prompt,
              input, output, cost)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            seq.0.cast_signed(),
            hash_text(judged.0),
            json!(quotes).to_string(),
            json!(missing).to_string(),
            dropped,
            describer,
            model,
            parameters,
            stop_name(stop),
            at.to_string(),
            prompt,
            usage.map(|usage| usage.tokens.input.cast_signed()),
            usage.map(|usage| usage.tokens.output.cast_signed()),
            usage.map(|usage| spending::to_column(usage.cost, usage.tokens)),
        ])?;
    Ok(())
}

fn append_fates(
    connection: &Connection,
    seq: Seq,
    outcomes: &[(RecordId, MatchOutcome)],
    subject_of: &impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let mut insert =
        connection.prepare_cached("INSERT INTO fate (seq, subject, fate, caption) VALUES (?1, ?2, ?3, ?4)")?;
    for (record, fate) in outcomes {
        let (name, caption) = match fate {
            MatchOutcome::Gone => ("gone", None),
            MatchOutcome::Returned => ("returned", None),
            MatchOutcome::Changed { before } => ("changed", before.as_deref()),
            MatchOutcome::Ours { original } => ("ours", original.as_deref()),
            MatchOutcome::Restored => ("restored", None),
        };
        insert.execute(params![seq.0.cast_signed(), subject_of(*record).map(SubjectIndex::row), name, caption])?;
    }
    Ok(())
}

/// Replaces the draft of a subject by its newest one, the last of `writes` drafts.
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

/// The columns of an event, without its number, time and subjects.
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
            Event::Amended { text, .. } => Self { kind: "amended", text: text.as_deref(), ..Self::default() },
            Event::StepEnded { changes } => {
                Self { kind: "together", through: Some(changes.cast_signed()), ..Self::default() }
            }
            Event::Flagged { on, .. } => Self { kind: "flagged", flag: Some(*on), ..Self::default() },
            Event::Rejected { reason, .. } => Self { kind: "rejected", text: reason.as_deref(), ..Self::default() },
            Event::Noted { note, .. } => Self { kind: "noted", text: Some(note), ..Self::default() },
            Event::Generated { .. } => Self { kind: "generated", ..Self::default() },
            Event::Failed { reason, .. } => Self { kind: "failed", text: Some(reason), ..Self::default() },
            Event::Unrecognised { describer, .. } => {
                Self { kind: "unrecognised", text: Some(describer), ..Self::default() }
            }
            Event::Verified { .. } => Self { kind: "verified", ..Self::default() },
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

const fn base_names(base: EditBase) -> (&'static str, Option<i64>) {
    match base {
        EditBase::Original => ("original", None),
        EditBase::Current => ("current", None),
        EditBase::Candidate(candidate) => ("candidate", Some(candidate.0.cast_signed())),
    }
}

pub(super) fn base_from(name: &str, candidate: Option<i64>) -> Option<EditBase> {
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

pub(super) fn time_from(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

pub(super) fn hash_text(hash: u128) -> String {
    format!("{hash:032x}")
}

pub(super) fn hash_from(text: &str) -> Option<u128> {
    u128::from_str_radix(text, 16).ok()
}

/// Stores a path as text if it is valid UTF-8, otherwise as bytes.
pub(super) fn path_value(path: &Path) -> Value {
    match path.to_str() {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Blob(path.as_os_str().as_encoded_bytes().to_vec()),
    }
}

pub(super) fn path_from(value: ValueRef) -> Option<PathBuf> {
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
