//! Random parts of a dataset that were drawn to be judged, kept with the session: what was drawn cannot be chosen anew
//! once its decisions are known.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use super::event::{CandidateId, Decision, FILE, Seq};
use super::history::time;
use super::ledger::{Candidate, RecordState};
use super::log::{SubjectIndex, hash_from, hash_text};
use super::rebind::Bindings;
use super::store::Subject;
use crate::dataset::RecordId;
use crate::statistics::Stratum;

/// What is asked of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRequest {
    /// How many records.
    pub size: u64,
    /// The same seed gives the same records.
    pub seed: u64,
    /// The member whose values the sample is to mirror.
    pub by: Option<String>,
    /// Candidate and original are shown without saying which is which.
    pub blind: bool,
}

/// A sample that was drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What was asked for.
    pub request: SampleRequest,
    /// The hash of the dataset it was drawn from.
    pub hash: u128,
    /// The parts of the dataset, with how many were drawn of each; a single one without a name where it was drawn from
    /// all alike.
    pub strata: Vec<Stratum>,
    /// The records, in the random order in which they are shown.
    pub members: Vec<Sampled>,
    /// The last event before it was drawn. Decisions that came later count.
    pub after: Seq,
    /// When it was drawn.
    pub at: Timestamp,
}

impl Sample {
    /// How many records it was drawn from.
    #[must_use]
    pub fn population(&self) -> u64 {
        self.strata.iter().map(|stratum| stratum.population).sum()
    }
}

/// A record of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// Where it is in the dataset now. One that is not there any more has a number that is no position.
    pub record: RecordId,
    /// What it is beyond its position. Its caption is the one that counts as its original.
    pub subject: Subject,
    /// The number of its stratum.
    pub stratum: usize,
    /// The text that had been decided on when the sample was drawn, if any.
    pub text: Option<String>,
}

/// What came of a record of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nobody has judged it since the sample was drawn. What was decided before, or by a run, is what is to be judged.
    Pending,
    /// Its text was taken as it was.
    Accepted,
    /// Its text was changed.
    Edited,
    /// A text was taken that was asked for since: the one that was to be judged was not good enough.
    Regenerated,
    /// It was left out.
    Excluded,
}

impl Verdict {
    /// The name in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Regenerated => "regenerated",
            Self::Excluded => "excluded",
        }
    }
}

impl Sample {
    /// Whether what was decided of a record counts: by a person, since the sample was drawn.
    #[must_use]
    pub fn counts(&self, state: &RecordState) -> bool {
        state.is_judged_since(self.after)
    }

    /// Whether a text was written since. Those of an older run are only taken in, also after the drawing.
    fn is_new(&self, id: CandidateId, state: &RecordState) -> bool {
        let is_from_file = |candidate: &Candidate| candidate.provenance.describer == FILE;
        id.0 > self.after.0 && !state.candidates.iter().any(|known| known.id == id && is_from_file(known))
    }

    /// The candidate that is held against the original of a record, where that is done blind: the newest there was when
    /// the sample was drawn, by its place from the oldest. Nothing where the two are the same, one is missing, or an own
    /// text had been decided on.
    #[must_use]
    pub fn opponent(&self, member: &Sampled, state: &RecordState) -> Option<usize> {
        let place = state.candidates.iter().rposition(|candidate| !self.is_new(candidate.id, state))?;
        let original = member.subject.caption.as_deref().unwrap_or_default();
        let is_own = |text: &String| state.candidates.iter().all(|candidate| candidate.text != *text);
        let is_pair = !original.is_empty()
            && state.candidates[place].text != original
            && !member.text.as_ref().is_some_and(is_own);
        (self.request.blind && is_pair).then_some(place)
    }

    /// Whether a candidate was preferred to the original (or not) by who did not know which was which; nothing where they
    /// were not held against one another.
    #[must_use]
    pub fn preference(&self, member: &Sampled, state: &RecordState) -> Option<bool> {
        self.opponent(member, state).filter(|_| self.verdict(member, state) == Verdict::Accepted)?;
        match state.decision {
            Decision::Accepted { .. } => Some(true),
            Decision::Kept => Some(false),
            _ => None,
        }
    }

    /// What came of one of its records.
    #[must_use]
    pub fn verdict(&self, member: &Sampled, state: &RecordState) -> Verdict {
        if !self.counts(state) {
            return Verdict::Pending;
        }
        match &state.decision {
            Decision::Undecided | Decision::Skipped => Verdict::Pending,
            Decision::Excluded => Verdict::Excluded,
            // A decision takes amendments away: this one was made after it.
            _ if state.amended.is_some() => Verdict::Edited,
            Decision::Accepted { candidate, .. } if self.is_new(*candidate, state) => Verdict::Regenerated,
            Decision::Kept | Decision::Accepted { .. } => Verdict::Accepted,
            // Who confirms an earlier edit has found nothing wrong with it.
            Decision::Edited { text, .. } if member.text.as_ref() == Some(text) => Verdict::Accepted,
            Decision::Edited { .. } => Verdict::Edited,
        }
    }
}

/// Stores a sample whose records are subjects.
pub(super) fn append(
    connection: &Connection,
    sample: &Sample,
    subject_of: impl Fn(RecordId) -> Option<SubjectIndex>,
) -> Result<(), Fault> {
    let SampleRequest { size, seed, by, blind } = &sample.request;
    connection.execute(
        "INSERT INTO sample (after, at, size, seed, by, hash, blind) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            sample.after.0.cast_signed(),
            sample.at.to_string(),
            size.cast_signed(),
            seed.cast_signed(),
            by,
            hash_text(sample.hash),
            blind
        ],
    )?;
    let id = connection.last_insert_rowid();
    let mut strata = connection
        .prepare_cached("INSERT INTO stratum (sample, number, name, population, drawn) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (stratum, number) in sample.strata.iter().zip(0_i64..) {
        let Stratum { name, population, drawn } = stratum;
        strata.execute(params![id, number, name, population.cast_signed(), drawn.cast_signed()])?;
    }
    let mut members = connection
        .prepare_cached("INSERT INTO sampled (sample, place, subject, stratum, text) VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (member, place) in sample.members.iter().zip(0_i64..) {
        let subject = subject_of(member.record).map(SubjectIndex::row);
        let stratum = i64::try_from(member.stratum).unwrap_or(i64::MAX);
        members.execute(params![id, place, subject, stratum, member.text])?;
    }
    Ok(())
}

/// Every sample, in the order they were drawn.
pub(super) fn read(connection: &Connection, bindings: &Bindings) -> Result<Vec<Sample>, Fault> {
    let mut statement =
        connection.prepare("SELECT id, after, at, size, seed, by, hash, blind FROM sample ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut samples = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let lacks = |what: &str| Fault::Damaged(format!("sample {id} lacks {what}"));
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        samples.push(Sample {
            request: SampleRequest { size: number(3)?, seed: number(4)?, by: row.get(5)?, blind: row.get(7)? },
            hash: hash_from(&row.get::<_, String>(6)?).ok_or_else(|| lacks("its hash"))?,
            strata: strata(connection, id)?,
            members: members(connection, id, bindings)?,
            after: Seq(number(1)?),
            at: time(Some(&row.get::<_, String>(2)?)).ok_or_else(|| lacks("its time"))?,
        });
    }
    Ok(samples)
}

fn strata(connection: &Connection, sample: i64) -> Result<Vec<Stratum>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT name, population, drawn FROM stratum WHERE sample = ?1 ORDER BY number")?;
    let rows = statement.query_map([sample], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Stratum { name: row.get(0)?, population: number(1)?, drawn: number(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn members(connection: &Connection, sample: i64, bindings: &Bindings) -> Result<Vec<Sampled>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT subject, stratum, text, file_name, occurrence, original
         FROM sampled JOIN subject ON subject.id = sampled.subject WHERE sample = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([sample])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let subject = SubjectIndex::from_row(row.get(0)?)?;
        let missing = || Fault::Damaged(format!("subject {} is missing", subject.row()));
        members.push(Sampled {
            record: bindings.record_of(subject).ok_or_else(missing)?,
            subject: Subject { file_name: row.get(3)?, occurrence: row.get(4)?, caption: row.get(5)? },
            stratum: usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX),
            text: row.get(2)?,
        });
    }
    Ok(members)
}
