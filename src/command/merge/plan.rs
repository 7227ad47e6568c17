//! What is to be taken from another review: the two held against each other, record by record. Writes nothing.

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::report::{Disagreement, LeftOut, Merge, edits, origin};
use crate::session::{
    ActionKind, Actor, Candidate, CandidateId, Decision, EditBase, History, Opened, RecordState, Sample, SampleMember,
    Seq,
};

/// Who did something where the session does not say it.
const UNKNOWN: &str = "somebody";

/// What a merge takes, and what it tells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is taken: person by person, and of each in the order in which they did it.
    pub(super) taken: Vec<Taken>,
    /// What there is to tell.
    pub(super) report: Merge,
}

/// What is taken of a record.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) record: RecordId,
    /// Who said it there.
    pub(super) by: String,
    /// When, by the order of events there.
    order: Seq,
    /// When.
    pub(super) at: Timestamp,
    /// The candidate the decision is about.
    pub(super) candidate: Option<Source>,
    /// The decision, with the identities of candidates there.
    pub(super) decision: Option<Decision>,
    /// The caption a command there put in place of the one decided.
    pub(super) amended: Option<String>,
    pub(super) flagged: bool,
    pub(super) note: Option<String>,
}

/// Where a candidate is.
#[derive(Debug)]
pub(super) enum Source {
    /// Among the candidates here.
    Here(CandidateId),
    /// Only there.
    There(Box<Candidate>),
}

impl Plan {
    /// Compares the session `here` with the one `there`, both read with this dataset.
    pub(super) fn new(dataset: &Dataset, here: &Opened, there: &History) -> Result<Self, DatasetError> {
        dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
        let mut plan = Self::default();
        let gone = there.opened.unmatched.iter().filter(|lost| is_decided(&lost.state));
        for lost in gone {
            plan.leave(LeftOut::NotHere, &lost.file_name);
        }
        let edits = edits(&there.actions);
        let checks = SpotChecks::new(here, &there.opened);
        // When a flag, a note or an amendment was made is not in the state of its record.
        let others = there.actions.iter().filter(|action| action.kind == ActionKind::Other);
        let others: HashMap<RecordId, Seq> = others.filter_map(|action| Some((action.record?, action.seq))).collect();
        for (id, theirs) in there.opened.ledger.touched() {
            let Entry::Record(record) = dataset.entry(id)? else { continue };
            let ours = here.ledger.record(id);
            if !is_same_text(&record, ours, theirs) {
                if is_decided(theirs) {
                    plan.leave(LeftOut::OtherCaption, &record.file_name);
                }
                continue;
            }
            let candidate = match &theirs.decision {
                Decision::Accepted { candidate, .. } => Some(*candidate),
                Decision::Edited { .. } => origin(&edits, id, theirs.decided_at),
                _ => None,
            };
            let candidate = candidate.and_then(|candidate| source(candidate, ours, theirs));
            let decision = plan.decision(&record, ours, theirs, candidate.as_ref(), &checks);
            let flagged = theirs.flagged && !ours.flagged;
            let note = plan.note(&record, ours, theirs);
            if decision.is_none() && !flagged && note.is_none() {
                continue;
            }
            plan.report.flags += u64::from(flagged);
            plan.report.notes += u64::from(note.is_some());
            let order = match &decision {
                Some(_) => theirs.decided_at,
                None => others.get(&id).copied().unwrap_or(theirs.touched),
            };
            plan.taken.push(Taken {
                record: id,
                by: there.reviewer(order).unwrap_or(UNKNOWN).to_owned(),
                order,
                at: there.at(order).unwrap_or_else(Timestamp::now),
                candidate: candidate.filter(|_| decision.is_some()),
                amended: theirs.amended.clone().filter(|_| decision.is_some()),
                decision,
                flagged,
                note,
            });
        }
        plan.taken.sort_by(|one, other| (&one.by, one.order).cmp(&(&other.by, other.order)));
        plan.report.reviewers = plan.taken.iter().map(|taken| taken.by.clone()).collect();
        Ok(plan)
    }

    /// The decision there, if it is to be taken. If not, the report says why.
    fn decision(
        &mut self,
        record: &Record,
        ours: &RecordState,
        theirs: &RecordState,
        candidate: Option<&Source>,
        checks: &SpotChecks,
    ) -> Option<Decision> {
        if !is_decided(theirs) {
            return None;
        }
        let disagreement = Disagreement::between(record, [ours, theirs]);
        if ours.decision.is_final() {
            self.report.alike += u64::from(disagreement.is_none());
            self.report.disagreements.extend(disagreement);
            return None;
        }
        let is_same_caption = disagreement.is_some_and(|found| found.captions[0] == found.captions[1]);
        let refusal = if ours.draft.is_some() {
            Some(LeftOut::Draft)
        } else if ours.amended.is_some() && !is_same_caption {
            Some(LeftOut::Amended)
        } else if !checks.allow(record.id, ours, theirs, candidate) {
            Some(LeftOut::SpotCheck)
        } else {
            None
        };
        if let Some(why) = refusal {
            self.leave(why, &record.file_name);
            return None;
        }
        *self.report.taken.entry(theirs.decision.kind()).or_default() += 1;
        Some(theirs.decision.clone())
    }

    /// The note there, where there is none here.
    fn note(&mut self, record: &Record, ours: &RecordState, theirs: &RecordState) -> Option<String> {
        if theirs.note.is_empty() || theirs.note == ours.note {
            return None;
        }
        if !ours.note.is_empty() {
            self.leave(LeftOut::Note, &record.file_name);
            return None;
        }
        Some(theirs.note.clone())
    }

    fn leave(&mut self, why: LeftOut, name: &str) {
        self.report.left.entry(why).or_default().push(name.to_owned());
    }
}

/// Whether a person decided of it, on whatever caption: keeping an original that has changed since is undecided again.
fn is_decided(state: &RecordState) -> bool {
    state.by == Actor::Operator && (state.decision.is_final() || state.original_changed)
}

/// Whether what was decided there was about the caption that is the original here.
fn is_same_text(record: &Record, ours: &RecordState, theirs: &RecordState) -> bool {
    let in_dataset = record.caption.as_deref();
    !theirs.original_changed && theirs.original_caption(in_dataset) == ours.original_caption(in_dataset)
}

/// A candidate of theirs: the same text from the same source here, else the one there.
fn source(id: CandidateId, ours: &RecordState, theirs: &RecordState) -> Option<Source> {
    let candidate = theirs.candidates.iter().find(|candidate| candidate.id == id)?;
    let known = ours.candidates.iter().find(|known| {
        let (one, other) = (&known.provenance, &candidate.provenance);
        known.text == candidate.text
            && (&one.describer, &one.model, &one.prompt, &one.parameters)
                == (&other.describer, &other.model, &other.prompt, &other.parameters)
    });
    Some(known.map_or_else(|| Source::There(Box::new(candidate.clone())), |known| Source::Here(known.id)))
}

/// A decision of theirs, about the candidate that has this identity here.
pub(super) fn on(decision: &Decision, candidate: Option<CandidateId>) -> Decision {
    let base = candidate.map_or(EditBase::Original, EditBase::Candidate);
    match (decision, candidate) {
        (Decision::Accepted { text, .. }, Some(candidate)) => Decision::Accepted { candidate, text: text.clone() },
        (Decision::Accepted { text, .. } | Decision::Edited { text, .. }, _) => {
            Decision::Edited { text: text.clone(), base }
        }
        (Decision::Undecided | Decision::Kept | Decision::Skipped | Decision::Excluded, _) => decision.clone(),
    }
}

/// The newest spot check here, and there. A decision that was not made in it would make its figures worthless.
struct SpotChecks<'a> {
    here: Option<Check<'a>>,
    there: Option<Check<'a>>,
}

struct Check<'a> {
    sample: &'a Sample,
    members: HashMap<RecordId, &'a SampleMember>,
}

impl<'a> SpotChecks<'a> {
    fn new(here: &'a Opened, there: &'a Opened) -> Self {
        let newest = |opened: &'a Opened| {
            let sample = opened.samples.last()?;
            let members = sample.members.iter().map(|member| (member.record, member)).collect();
            Some(Check { sample, members })
        };
        Self { here: newest(here), there: newest(there) }
    }

    /// Whether a decision may be taken: the record is not in a spot check here, or was judged in the same one there, and
    /// what came of it there is what comes of it here.
    fn allow(&self, record: RecordId, ours: &RecordState, theirs: &RecordState, candidate: Option<&Source>) -> bool {
        let Some((here, member)) = self.here.as_ref().and_then(|check| Some((check, *check.members.get(&record)?)))
        else {
            return true;
        };
        let there = self
            .there
            .as_ref()
            .filter(|there| there.sample.request == here.sample.request && there.sample.hash == here.sample.hash);
        let Some((there, judged)) = there.and_then(|check| Some((check, *check.members.get(&record)?))) else {
            return false;
        };
        let merged = merged(ours, theirs, candidate);
        there.sample.counts(theirs)
            && there.sample.verdict(judged, theirs) == here.sample.verdict(member, &merged)
            && there.sample.preference(judged, theirs) == here.sample.preference(member, &merged)
    }
}

/// A record as it would be after the merge, which comes after everything that happened here.
fn merged(ours: &RecordState, theirs: &RecordState, candidate: Option<&Source>) -> RecordState {
    let mut merged = ours.clone();
    let id = candidate.map(|source| match source {
        Source::Here(id) => *id,
        Source::There(candidate) => {
            let id = CandidateId(u64::MAX - 1);
            merged.candidates.push(Candidate { id, ..Candidate::clone(candidate) });
            id
        }
    });
    merged.decision = on(&theirs.decision, id);
    merged.by = Actor::Operator;
    merged.decided_at = Seq(u64::MAX);
    merged.amended.clone_from(&theirs.amended);
    merged
}
