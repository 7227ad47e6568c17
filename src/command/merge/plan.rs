//! Compares two sessions record by record and decides what to merge. Writes nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::claims::{Claims, caption};
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::describe::StopReason;
use crate::report::{Disagreement, LeftOut, Merge, Opinion, UNKNOWN, edits, origin};
use crate::session::{
    ActionKind, Actor, Candidate, CandidateId, Decision, EditBase, History, Opened, Provenance, REVIEWER, RecordState,
    Sample, SampleMember, Seq, Verification,
};

/// The name of decisions that no person made.
const RUN: &str = "run";

#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Ordered by reviewer, then by time.
    pub(super) changes: Vec<RecordChange>,
    pub(super) report: Merge,
    /// The decisions that others contradict, of both sides.
    pub(super) opinions: Vec<Opinion>,
}

/// Whose decisions are merged into which.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) here: &'a Opened,
    pub(super) there: &'a History,
    /// The decisions of all sessions that are merged together.
    pub(super) claims: &'a Claims,
    /// The times and reviewers of the events here, as they were before the merge.
    pub(super) own: &'a History,
    /// The reviewer of an event there.
    pub(super) other: &'a dyn Fn(Seq) -> String,
}

/// The changes merged for one record.
#[derive(Debug)]
pub(super) struct RecordChange {
    pub(super) record: RecordId,
    /// The reviewer in the other session.
    pub(super) by: String,
    /// Position in the other session.
    order: Seq,
    pub(super) at: Timestamp,
    /// The captions of reviewers who decided differently, as candidates.
    pub(super) opinions: Vec<(String, Provenance)>,
    /// The candidate the decision refers to.
    pub(super) candidate: Option<Source>,
    /// The decision, with candidate ids of the other session.
    pub(super) decision: Option<Decision>,
    /// The caption after a command in the other session changed the decided one.
    pub(super) amended: Option<String>,
    pub(super) flagged: bool,
    /// The reason of a rejection.
    pub(super) rejected: Option<String>,
    pub(super) note: Option<String>,
    /// Verdicts that this session does not have.
    pub(super) verifications: Vec<Verification>,
}

/// What is merged of a decision.
enum Choice {
    Decision(Decision),
    /// Its caption, as a candidate beside those of the decisions that contradict it.
    Conflict,
    Nothing,
}

#[derive(Debug)]
pub(super) enum Source {
    /// This session has the candidate too.
    Here(CandidateId),
    /// Only the other session has the candidate.
    There(Box<Candidate>),
}

impl Plan {
    /// Plans to merge the session `there` into `here`. Both belong to this dataset.
    pub(super) fn new(dataset: &Dataset, sides: Sides<'_>) -> Result<Self, DatasetError> {
        let Sides { here, there, .. } = sides;
        dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
        let mut plan = Self::default();
        let lost = there.opened.unmatched.iter().filter(|lost| is_decided(&lost.state));
        for lost in lost {
            plan.report.decisions += 1;
            match &lost.state.decision {
                _ if lost.is_ambiguous => plan.leave(LeftOut::Ambiguous, &lost.file_name),
                Decision::Excluded => plan.report.removed += 1,
                _ => plan.leave(LeftOut::NotHere, &lost.file_name),
            }
        }
        let edits = edits(&there.actions);
        let checks = SpotChecks::new(here, &there.opened);
        // The state of a record has no time for flags, notes and amendments.
        let others = there.actions.iter().filter(|action| action.kind == ActionKind::Other);
        let others: HashMap<RecordId, Seq> = others.filter_map(|action| Some((action.record?, action.seq))).collect();
        for (id, theirs) in there.opened.ledger.touched() {
            plan.report.decisions += u64::from(is_decided(theirs));
            let record = match dataset.entry(id)? {
                Entry::Record(record) => record,
                Entry::Bad(bad) => {
                    if is_decided(theirs) {
                        plan.leave(LeftOut::Unreadable, &format!("line {}", bad.line));
                    }
                    continue;
                }
            };
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
            let choice = plan.choice(&record, ours, theirs, candidate.as_ref(), (&checks, sides.claims));
            let (decision, opinions) = match choice {
                Choice::Decision(decision) => (Some(decision), Vec::new()),
                Choice::Conflict => (None, plan.opinions_of(&record, ours, theirs, sides)),
                Choice::Nothing => (None, Vec::new()),
            };
            let flagged = theirs.flagged && !ours.flagged;
            let note = plan.note(&record, ours, theirs);
            let rejected = plan.rejection(&record, ours, theirs, &checks);
            let is_new = |known: &&Verification| !ours.verifications.iter().any(|own| own.repeats(known));
            let verifications: Vec<Verification> = theirs.verifications.iter().filter(is_new).cloned().collect();
            let is_by_person = decision.is_some() || flagged || rejected.is_some() || note.is_some();
            if !is_by_person && verifications.is_empty() && opinions.is_empty() {
                continue;
            }
            plan.report.verdicts += verifications.len() as u64;
            plan.report.rejections += u64::from(rejected.is_some());
            plan.report.flags += u64::from(flagged);
            plan.report.notes += u64::from(note.is_some());
            let order = match &decision {
                Some(_) => theirs.decided_at,
                None if !opinions.is_empty() => theirs.decided_at,
                None => others.get(&id).copied().unwrap_or(theirs.touched),
            };
            let by = there.reviewer(order).unwrap_or(UNKNOWN).to_owned();
            if is_by_person {
                plan.report.reviewers.insert(by.clone());
            }
            plan.changes.push(RecordChange {
                record: id,
                by,
                order,
                at: there.at(order).unwrap_or_else(Timestamp::now),
                opinions,
                candidate: candidate.filter(|_| decision.is_some()),
                amended: theirs.amended.as_ref().filter(|_| decision.is_some()).map(|text| text.text(id).into_owned()),
                decision,
                flagged,
                rejected,
                note,
                verifications,
            });
        }
        plan.changes.sort_by(|one, other| (&one.by, one.order).cmp(&(&other.by, other.order)));
        Ok(plan)
    }

    /// Returns what to merge of a decision, and adds it to the report.
    fn choice(
        &mut self,
        record: &Record,
        ours: &RecordState,
        theirs: &RecordState,
        candidate: Option<&Source>,
        (checks, claims): (&SpotChecks, &Claims),
    ) -> Choice {
        if !is_decided(theirs) {
            return Choice::Nothing;
        }
        let disagreement = Disagreement::between(record, [ours, theirs]);
        let is_same_caption = disagreement.as_ref().is_none_or(|found| found.captions[0] == found.captions[1]);
        let is_text = record.caption.other().is_none();
        if ours.decision.is_final() {
            // Of several reviewers, one may have typed what another one accepted.
            let is_same = disagreement.is_none() || is_same_caption && claims.are_several();
            self.report.same_decision += u64::from(is_same);
            self.report.disagreements.extend(disagreement.filter(|_| !is_same));
            let is_blind = checks.here.as_ref().is_some_and(|check| check.members.contains_key(&record.id));
            return if is_same_caption || is_blind || !is_text { Choice::Nothing } else { Choice::Conflict };
        }
        let refusal = if !is_text && theirs.has_own_text() {
            Some(LeftOut::NotText)
        } else if ours.draft.is_some() {
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
            return Choice::Nothing;
        }
        if claims.is_conflict(record.id) {
            self.report.conflicts += 1;
            return Choice::Conflict;
        }
        *self.report.merged.entry(theirs.decision.kind()).or_default() += 1;
        Choice::Decision(theirs.decision.clone())
    }

    /// Adds the decisions of both sides to the conflicts. Returns those that are not candidates here yet.
    fn opinions_of(
        &mut self,
        record: &Record,
        ours: &RecordState,
        theirs: &RecordState,
        sides: Sides<'_>,
    ) -> Vec<(String, Provenance)> {
        // A decision here may settle an earlier conflict. If there is none, it is one of the decisions in conflict.
        let own = ours.decision.is_final() && ours.opinions().next().is_none();
        let by = match ours.by {
            Actor::Operator => sides.own.reviewer(ours.decided_at).unwrap_or(UNKNOWN),
            Actor::Run => RUN,
        };
        let at = |history: &History, at: Seq| history.at(at).unwrap_or_else(Timestamp::now);
        let own = own.then(|| (ours, by.to_owned(), at(sides.own, ours.decided_at)));
        let other = (theirs, (sides.other)(theirs.decided_at), at(sides.there, theirs.decided_at));
        let mut new = Vec::new();
        for (state, reviewer, at) in own.into_iter().chain([other]) {
            let in_dataset = record.caption.text();
            let text = state.current_caption(record.id, in_dataset).unwrap_or_default().into_owned();
            let decision = state.decision.kind();
            self.opinions.push(Opinion {
                record: record.id,
                file_name: record.file_name.clone(),
                reviewer: reviewer.clone(),
                decision,
                caption: caption(record.id, state, in_dataset).map(Cow::into_owned),
            });
            let provenance = Provenance {
                describer: REVIEWER.to_owned(),
                model: reviewer,
                prompt: None,
                parameters: decision.name().to_owned(),
                reason: None,
                usage: None,
                stop: StopReason::EndTurn,
                at,
            };
            // Whoever settled the conflict knew this caption, whichever reviewer it was from.
            let is_settled = ours.opinions().next().is_some() && !ours.is_in_conflict();
            let is_known = ours.opinions().any(|known| {
                let is_same = known.text == text && known.provenance.parameters == provenance.parameters;
                is_same && (is_settled || known.provenance.model == provenance.model)
            });
            if !is_known {
                new.push((text, provenance));
            }
        }
        new
    }

    /// Returns the reason of the rejection to merge: one that stands there, of a record without a verdict here.
    fn rejection(
        &mut self,
        record: &Record,
        ours: &RecordState,
        theirs: &RecordState,
        checks: &SpotChecks,
    ) -> Option<String> {
        let theirs = checks.there.as_ref().and_then(|check| theirs.rejected_since(check.sample.after))?;
        if ours.rejection.as_ref().is_some_and(|known| known.reason == theirs.reason) {
            return None;
        }
        let is_judged = checks.here.as_ref().is_some_and(|check| check.sample.is_judged(ours));
        if ours.rejection.is_some() || is_judged || !checks.same_sample(record.id) {
            self.leave(LeftOut::Rejection, &record.file_name);
            return None;
        }
        Some(theirs.reason.clone())
    }

    /// Returns the note to merge: one that this session does not have.
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
        self.report.left_out.entry(why).or_default().push(name.to_owned());
    }
}

/// Returns true if a person decided the record. A record that was kept and whose original has changed since is undecided
/// again, but counts.
pub(super) fn is_decided(state: &RecordState) -> bool {
    state.by == Actor::Operator && (state.decision.is_final() || state.original_changed)
}

/// Returns true if both sessions have the same original caption.
pub(super) fn is_same_text(record: &Record, ours: &RecordState, theirs: &RecordState) -> bool {
    let in_dataset = record.caption.text();
    !theirs.original_changed && theirs.original_caption(in_dataset) == ours.original_caption(in_dataset)
}

/// Finds a candidate of theirs: the same text from the same source in this session, else in theirs.
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

/// Converts a decision of theirs to the id its candidate has in this session.
pub(super) fn with_candidate(decision: &Decision, candidate: Option<CandidateId>) -> Decision {
    let base = candidate.map_or(EditBase::Original, EditBase::Candidate);
    match (decision, candidate) {
        (Decision::Accepted { text, .. }, Some(candidate)) => Decision::Accepted { candidate, text: text.clone() },
        (Decision::Accepted { text, .. } | Decision::Edited { text, .. }, _) => {
            Decision::Edited { text: text.clone(), base }
        }
        (Decision::Undecided | Decision::Kept | Decision::Skipped | Decision::Excluded, _) => decision.clone(),
    }
}

/// The latest spot check of each session. A decision that was not made in the spot check would bias its results.
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
        let latest = |opened: &'a Opened| {
            let sample = opened.samples.last()?;
            let members = sample.members.iter().map(|member| (member.record, member)).collect();
            Some(Check { sample, members })
        };
        Self { here: latest(here), there: latest(there) }
    }

    /// Returns true if the record is not in a spot check here, or the other session has the same one.
    fn same_sample(&self, record: RecordId) -> bool {
        let Some(here) = self.here.as_ref().filter(|check| check.members.contains_key(&record)) else { return true };
        let there = self.there.as_ref().map(|check| check.sample);
        there.is_some_and(|there| there.request == here.sample.request && there.hash == here.sample.hash)
    }

    /// Returns true if a decision may be merged: the record is not in a spot check here, or it was judged in the same one
    /// there with the same result.
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
        there.sample.is_judged(theirs)
            && there.sample.verdict(judged, theirs) == here.sample.verdict(member, &merged)
            && there.sample.preference(judged, theirs) == here.sample.preference(member, &merged)
    }
}

/// Returns the state of a record after the merge.
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
    merged.decision = with_candidate(&theirs.decision, id);
    merged.by = Actor::Operator;
    merged.decided_at = Seq(u64::MAX - 1);
    merged.amended.clone_from(&theirs.amended);
    // A rejection is merged after the decision, if it was made after it.
    merged.rejection = theirs.rejection.clone().filter(|rejection| rejection.at > theirs.decided_at);
    if let Some(rejection) = &mut merged.rejection {
        rejection.at = Seq(u64::MAX);
    }
    merged
}
