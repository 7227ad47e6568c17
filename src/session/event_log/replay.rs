//! Replays the stored events.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::super::error::Fault;
use super::super::event::{Actor, CandidateId, Decision, Draft, Event, MatchOutcome, Provenance, Seq, Verification};
use super::super::ledger::Ledger;
use super::super::spending;
use super::super::step::Change;
use super::super::subject::SubjectIndex;
use super::super::texts::Texts;
use super::{REWORDED, TextBlocks, base_from, hash_from, path_from, stop_from, subjects_from};
use crate::dataset::RecordId;
use crate::describe::verdict::TextHash;
use crate::describe::{Quote, Tokens, Usage, Verdict};

/// Replays the stored events, all or up to `until`. `record_of` maps subjects to records.
///
/// Returns an error if a number, value or kind is missing or unknown: a session is not opened in part.
pub(in crate::session) fn replay(
    connection: &Connection,
    until: Option<Seq>,
    record_of: impl Fn(SubjectIndex) -> Option<RecordId>,
) -> Result<Ledger, Fault> {
    let reader = Reader { record_of };
    let limit = until.map_or(i64::MAX, |seq| seq.0.cast_signed());
    let mut ledger = Ledger::with_capacity(room(connection)?);

    let (drafts, draft_writes) = reader.drafts(connection)?;
    let mut drafts = drafts.into_iter().take_while(|(seq, _)| seq.0.cast_signed() <= limit).peekable();
    let mut outcomes = reader.outcomes(connection)?;
    let mut candidates = connection.prepare(
        "SELECT seq, describer, model, parameters, stop, at, prompt, input, output, cost, text, reason
         FROM candidate ORDER BY seq",
    )?;
    let mut candidates = candidates.query([])?;
    let mut verifications = connection.prepare(
        "SELECT seq, describer, model, parameters, stop, at, prompt, input, output, cost,
                judged, unsupported, missing, dropped
         FROM verification ORDER BY seq",
    )?;
    let mut verifications = verifications.query([])?;
    let mut texts = connection.prepare(TextBlocks::QUERY)?;
    let mut texts = TextBlocks::new(texts.query([])?);
    let mut events = connection.prepare(
        "SELECT seq, kind, subject, text, decision, actor, candidate, base, flag, through, subjects FROM event
         WHERE seq <= ?1 ORDER BY seq",
    )?;
    let mut events = events.query([limit])?;

    let mut count = 0_u64;
    while let Some(row) = events.next()? {
        let seq = seq(row, 0)?;
        while let Some((seq, draft)) = drafts.next_if(|(draft, _)| *draft < seq) {
            ledger.apply_as(seq, draft);
        }
        if let Some(subjects) = row.get_ref(10)?.as_blob_or_null().map_err(|_| missing(row, "its subjects"))? {
            let subjects = subjects_from(subjects).ok_or_else(|| missing(row, "a part of its subjects"))?;
            if text(row, 1)? == REWORDED {
                let records = subjects.map(|subject| reader.position(subject)).collect::<Result<Vec<_>, _>>()?;
                count += records.len() as u64;
                let blocks = texts.of(seq, records)?;
                let damaged = || Fault::Damaged(format!("the texts of event {} are damaged", seq.0));
                ledger.amend_as(seq, Texts::from_blocks(blocks).ok_or_else(damaged)?);
                continue;
            }
            let change = change(text(row, 1)?, row)?;
            for (subject, seq) in subjects.zip(seq.0..) {
                ledger.apply_as(Seq(seq), change.clone().of(reader.position(subject)?));
                count += 1;
            }
            continue;
        }
        count += 1;
        let event = match text(row, 1)? {
            "generated" => match candidates.next()? {
                Some(candidate) if self::seq(candidate, 0)? == seq => reader.generated(row, candidate)?,
                _ => return Err(Fault::Damaged(format!("the text of candidate {} is missing", seq.0))),
            },
            "verified" => match verifications.next()? {
                Some(verification) if self::seq(verification, 0)? == seq => reader.verified(row, verification)?,
                _ => return Err(Fault::Damaged(format!("the verification of event {} is missing", seq.0))),
            },
            "rebound" => Event::Rebound { outcomes: outcomes.remove(&seq).unwrap_or_default() },
            "saved" => saved(connection, seq)?,
            kind => reader.event(kind, row)?,
        };
        ledger.apply_as(seq, event);
    }
    for (seq, draft) in drafts {
        ledger.apply_as(seq, draft);
    }
    if until.is_none() && ledger.last().0 != draft_writes.saturating_add(count) {
        let lost = i128::from(ledger.last().0) - i128::from(count) - i128::from(draft_writes);
        return Err(Fault::Damaged(format!("{lost} of {} events are missing", ledger.last().0)));
    }
    Ok(ledger)
}

/// Estimates the number of events, limited by the size of the file in case it is damaged.
fn room(connection: &Connection) -> Result<usize, Fault> {
    let last: i64 = connection.query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| row.get(0))?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(usize::try_from(last.min(pages.saturating_mul(500))).unwrap_or_default())
}

struct Reader<F> {
    record_of: F,
}

impl<F: Fn(SubjectIndex) -> Option<RecordId>> Reader<F> {
    fn record(&self, row: &Row, column: usize) -> Result<RecordId, Fault> {
        let id: Option<i64> = row.get(column)?;
        self.position(SubjectIndex::from_row(id.ok_or_else(|| missing(row, "its subject"))?)?)
    }

    fn position(&self, subject: SubjectIndex) -> Result<RecordId, Fault> {
        (self.record_of)(subject).ok_or_else(|| Fault::Damaged(format!("subject {} is missing", subject.row())))
    }

    fn event(&self, kind: &str, row: &Row) -> Result<Event, Fault> {
        Ok(match kind {
            "rejected" => Event::Rejected { record: self.record(row, 2)?, reason: row.get(3)? },
            "noted" => Event::Noted { record: self.record(row, 2)?, note: text(row, 3)?.to_owned() },
            "failed" => Event::Failed { record: self.record(row, 2)?, reason: text(row, 3)?.to_owned() },
            "unrecognised" => Event::Unrecognised { record: self.record(row, 2)?, describer: text(row, 3)?.to_owned() },
            "together" => Event::StepEnded { changes: row.get::<_, i64>(9)?.cast_unsigned() },
            "undone" => Event::Undone,
            "redone" => Event::Redone,
            other => change(other, row)?.of(self.record(row, 2)?),
        })
    }

    fn generated(&self, row: &Row, candidate: &Row) -> Result<Event, Fault> {
        let provenance = Provenance { reason: candidate.get(11)?, ..provenance(candidate)? };
        Ok(Event::Generated { record: self.record(row, 2)?, text: text(candidate, 10)?.to_owned(), provenance })
    }

    fn verified(&self, row: &Row, verification: &Row) -> Result<Event, Fault> {
        let lacks = |what| missing(verification, what);
        let quotes: Vec<(usize, String)> =
            serde_json::from_str(text(verification, 11)?).map_err(|_| lacks("its unsupported phrases"))?;
        let verdict = Verdict {
            judged: TextHash(hash_from(text(verification, 10)?).ok_or_else(|| lacks("the text it is about"))?),
            unsupported: quotes.into_iter().map(|(start, text)| Quote { start, text }).collect(),
            missing: serde_json::from_str(text(verification, 12)?).map_err(|_| lacks("what is missing"))?,
            dropped: verification.get(13)?,
        };
        let verification = Box::new(Verification { verdict, provenance: provenance(verification)? });
        Ok(Event::Verified { record: self.record(row, 2)?, verification })
    }

    /// Returns the newest draft of each subject, oldest first, and the total number of drafts.
    fn drafts(&self, connection: &Connection) -> Result<(Vec<(Seq, Event)>, u64), Fault> {
        let mut drafts = Vec::new();
        let mut count = 0;
        let mut statement =
            connection.prepare("SELECT seq, subject, writes, text, cursor, base, candidate FROM draft ORDER BY seq")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let writes: i64 = row.get(2)?;
            count = writes.cast_unsigned().saturating_add(count);
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

    fn outcomes(&self, connection: &Connection) -> Result<HashMap<Seq, Vec<(RecordId, MatchOutcome)>>, Fault> {
        let mut outcomes: HashMap<_, Vec<_>> = HashMap::new();
        let mut statement = connection.prepare("SELECT seq, subject, fate, caption FROM fate ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let fate = match text(row, 2)? {
                "gone" => MatchOutcome::Gone,
                "returned" => MatchOutcome::Returned,
                "changed" => MatchOutcome::Changed { before: row.get(3)? },
                "ours" => MatchOutcome::Ours { original: row.get(3)? },
                "restored" => MatchOutcome::Restored,
                other => return Err(Fault::Damaged(format!("unknown match outcome \"{other}\""))),
            };
            outcomes.entry(seq(row, 0)?).or_default().push((self.record(row, 1)?, fate));
        }
        Ok(outcomes)
    }
}

fn change(kind: &str, row: &Row) -> Result<Change, Fault> {
    Ok(match kind {
        "decided" => Change::Decided { decision: decision(row)?, by: actor(row)? },
        "amended" => Change::Amended(row.get(3)?),
        "flagged" => Change::Flagged(row.get(8)?),
        other => return Err(Fault::Damaged(format!("unknown event kind \"{other}\""))),
    })
}

/// Reads the columns that only saves have. Saves are rare, so the query for all events omits these columns.
fn saved(connection: &Connection, at: Seq) -> Result<Event, Fault> {
    let mut statement = connection.prepare_cached("SELECT seq, path, through, hash FROM event WHERE seq = ?1")?;
    let mut rows = statement.query([at.0.cast_signed()])?;
    let Some(row) = rows.next()? else {
        return Err(Fault::Damaged(format!("event {} is missing", at.0)));
    };
    Ok(Event::Saved {
        path: path_from(row.get_ref(1)?).ok_or_else(|| missing(row, "its path"))?,
        through: seq(row, 2)?,
        hash: hash_from(text(row, 3)?).ok_or_else(|| missing(row, "its hash"))?,
    })
}

/// Returns the provenance in columns 1 to 9, without a reason.
fn provenance(row: &Row) -> Result<Provenance, Fault> {
    let word = |column| text(row, column).map(str::to_owned);
    Ok(Provenance {
        describer: word(1)?,
        model: word(2)?,
        parameters: word(3)?,
        stop: stop_from(text(row, 4)?),
        at: text(row, 5)?.parse().map_err(|_| missing(row, "its time"))?,
        prompt: row.get(6)?,
        reason: None,
        usage: usage(row)?,
    })
}

/// Returns the usage in columns 7 to 9, which are all set or all `NULL`.
fn usage(row: &Row) -> Result<Option<Usage>, Fault> {
    let number = |column| row.get::<_, Option<i64>>(column);
    Ok(match (number(7)?, number(8)?, number(9)?) {
        (Some(input), Some(output), Some(cost)) => {
            let tokens = Tokens { input: input.cast_unsigned(), output: output.cast_unsigned() };
            Some(Usage { tokens, cost: spending::from_column(cost, tokens) })
        }
        _ => None,
    })
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
        other => return Err(Fault::Damaged(format!("unknown decision \"{other}\""))),
    })
}

fn actor(row: &Row) -> Result<Actor, Fault> {
    match text(row, 5)? {
        "operator" => Ok(Actor::Operator),
        "run" => Ok(Actor::Run),
        other => Err(Fault::Damaged(format!("unknown actor \"{other}\""))),
    }
}
