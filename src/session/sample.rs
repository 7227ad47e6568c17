//! Samples for spot checks. They are stored with the session, so that a sample cannot be drawn again once its decisions are
//! known.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::error::Fault;
use super::event::{CandidateId, Decision, EditBase, Seq};
use super::event_log::{hash_from, hash_text, time_from};
use super::rebind::Bindings;
use super::record_state::{Candidate, RecordState};
use super::subject::{Subject, SubjectIndex};
use crate::dataset::RecordId;
use crate::statistics::Stratum;

/// The parameters of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleRequest {
    pub size: u64,
    /// The same seed gives the same records.
    pub seed: u64,
    /// The field to stratify by.
    pub by: Option<String>,
    /// Candidate and original are shown in random order, unlabelled.
    pub blind: bool,
}

/// A random sample of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    pub request: SampleRequest,
    /// The hash of the dataset it was drawn from.
    pub hash: u128,
    /// The strata, with the numbers drawn; a single one without a name if the sample is not stratified.
    pub strata: Vec<Stratum>,
    /// The records, in the random order in which they are shown.
    pub members: Vec<SampleMember>,
    /// The last event before it was drawn. Only later decisions count.
    pub after: Seq,
    pub at: Timestamp,
}

impl Sample {
    /// Returns the number of records it was drawn from.
    #[must_use]
    pub fn population(&self) -> u64 {
        self.strata.iter().map(|stratum| stratum.population).sum()
    }
}

/// A record of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleMember {
    /// Its position, or a placeholder if it is missing from the dataset.
    pub record: RecordId,
    /// Its caption is the original one.
    pub subject: Subject,
    /// Index of its stratum.
    pub stratum: usize,
    /// The text that was decided before the sample was drawn, if any.
    pub text: Option<String>,
}

/// The result of a spot check for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Not decided by a person since the sample was drawn.
    Pending,
    /// Accepted unchanged.
    Accepted,
    Edited,
    /// A text generated since the sample was drawn was accepted: the one to check was not good enough.
    Regenerated,
    Excluded,
    /// Not acceptable, without a change to the caption.
    Rejected,
}

impl Verdict {
    /// Returns the name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Regenerated => "regenerated",
            Self::Excluded => "excluded",
            Self::Rejected => "rejected",
        }
    }
}

impl Sample {
    /// Returns true if a record's decision counts: by a person, and after the sample was drawn.
    #[must_use]
    pub fn counts(&self, state: &RecordState) -> bool {
        state.is_decided_since(self.after)
    }

    /// Returns true if a person judged a record after the sample was drawn.
    #[must_use]
    pub fn is_judged(&self, state: &RecordState) -> bool {
        self.counts(state) || state.rejected_since(self.after).is_some()
    }

    /// Returns the event of a record's verdict.
    #[must_use]
    pub fn judged_at(&self, state: &RecordState) -> Seq {
        state.rejected_since(self.after).map_or(state.decided_at, |rejection| rejection.at)
    }

    /// Returns true if a candidate was generated after the sample was drawn. Imported ones are older.
    fn is_new(&self, id: CandidateId, state: &RecordState) -> bool {
        let is_imported = |known: &Candidate| known.id == id && known.provenance.is_imported();
        id.0 > self.after.0 && !state.candidates.iter().any(is_imported)
    }

    /// Returns the index of the candidate that is compared with the original in a blind spot check: the newest one when the
    /// sample was drawn. Returns `None` if the check is not blind, the two are the same, one is missing, or an edited text
    /// had been decided.
    #[must_use]
    pub fn blind_candidate(&self, member: &SampleMember, state: &RecordState) -> Option<usize> {
        let place = state.candidates.iter().rposition(|candidate| !self.is_new(candidate.id, state))?;
        let original = member.subject.caption.as_deref().unwrap_or_default();
        let is_own = |text: &String| state.candidates.iter().all(|candidate| candidate.text != *text);
        let is_pair = !original.is_empty()
            && state.candidates[place].text != original
            && !member.text.as_ref().is_some_and(is_own);
        (self.request.blind && is_pair).then_some(place)
    }

    /// Returns true if the candidate was preferred to the original in a blind comparison, false if the original was. Returns
    /// `None` if they were not compared.
    #[must_use]
    pub fn preference(&self, member: &SampleMember, state: &RecordState) -> Option<bool> {
        self.blind_candidate(member, state).filter(|_| self.verdict(member, state) == Verdict::Accepted)?;
        match state.decision {
            Decision::Accepted { .. } => Some(true),
            Decision::Kept => Some(false),
            _ => None,
        }
    }

    /// Returns the caption that the verdict on one of its records is about.
    #[must_use]
    pub fn judged_text<'a>(&self, member: &'a SampleMember, state: &'a RecordState) -> &'a str {
        let original = member.subject.caption.as_deref().unwrap_or_default();
        let text_of = |id: CandidateId| {
            let old = |known: &&Candidate| known.id == id && !self.is_new(id, state);
            state.candidates.iter().find(old).map(|candidate| candidate.text.as_str())
        };
        let decided = match &state.decision {
            _ if !self.counts(state) => None,
            Decision::Accepted { candidate, .. } | Decision::Edited { base: EditBase::Candidate(candidate), .. } => {
                text_of(*candidate)
            }
            Decision::Kept | Decision::Edited { base: EditBase::Original, .. } => Some(original),
            _ => None,
        };
        // The one that was shown.
        let newest = || state.candidates.iter().rfind(|candidate| !self.is_new(candidate.id, state));
        decided
            .or(member.text.as_deref())
            .or_else(|| newest().map(|candidate| candidate.text.as_str()))
            .unwrap_or(original)
    }

    /// Returns the result for one of its records.
    #[must_use]
    pub fn verdict(&self, member: &SampleMember, state: &RecordState) -> Verdict {
        if state.rejected_since(self.after).is_some() {
            return Verdict::Rejected;
        }
        if !self.counts(state) {
            return Verdict::Pending;
        }
        match &state.decision {
            Decision::Undecided | Decision::Skipped => Verdict::Pending,
            Decision::Excluded => Verdict::Excluded,
            // A decision removes a bulk change, so this one was made after it.
            _ if state.amended.is_some() => Verdict::Edited,
            Decision::Accepted { candidate, .. } if self.is_new(*candidate, state) => Verdict::Regenerated,
            Decision::Kept | Decision::Accepted { .. } => Verdict::Accepted,
            // Confirming an earlier edit means that nothing was wrong with it.
            Decision::Edited { text, .. } if member.text.as_ref() == Some(text) => Verdict::Accepted,
            Decision::Edited { .. } => Verdict::Edited,
        }
    }
}

/// Stores a sample. Its records must be subjects already.
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

/// Reads all samples in the order in which they were drawn.
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
            at: time_from(&row.get::<_, String>(2)?).ok_or_else(|| lacks("its time"))?,
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

fn members(connection: &Connection, sample: i64, bindings: &Bindings) -> Result<Vec<SampleMember>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT subject, stratum, text, file_name, occurrence, original
         FROM sampled JOIN subject ON subject.id = sampled.subject WHERE sample = ?1 ORDER BY place",
    )?;
    let mut rows = statement.query([sample])?;
    let mut members = Vec::new();
    while let Some(row) = rows.next()? {
        let subject = SubjectIndex::from_row(row.get(0)?)?;
        let missing = || Fault::Damaged(format!("subject {} is missing", subject.row()));
        members.push(SampleMember {
            record: bindings.record_of(subject).ok_or_else(missing)?,
            subject: Subject { file_name: row.get(3)?, occurrence: row.get(4)?, caption: row.get(5)? },
            stratum: usize::try_from(row.get::<_, i64>(1)?).unwrap_or(usize::MAX),
            text: row.get(2)?,
        });
    }
    Ok(members)
}
