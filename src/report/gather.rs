//! Adding up: the dataset read once, each record with what its session says of it.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::phrases::Phrases;
use super::{Counts, Figures, Judged, Lengths, Pace, SpotFigures, TextFigures};
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::session::{
    Action, ActionKind, Actor, CandidateId, Decision, DecisionKind, EditBase, History, RecordState, Seq,
};
use crate::statistics::{Proportion, to_f64};
use crate::text;

/// Records between two questions whether to go on.
const ASK_EVERY: u32 = 1_024;

/// Openings and phrases: that many of each.
const MOST_LISTED: usize = 10;

impl Figures {
    /// Reads the whole dataset and adds it up with its session. `keep_going` is asked every thousand records; nothing is
    /// returned when it breaks.
    ///
    /// # Errors
    /// When the dataset cannot be read.
    pub fn gather(
        dataset: &Dataset,
        history: &History,
        max_words: usize,
        keep_going: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Self>, DatasetError> {
        let mut sums = Sums { edits: edits(&history.actions), ..Sums::default() };
        let ledger = &history.opened.ledger;
        let mut stopped = false;
        dataset.scan(&mut |entry| {
            let id = entry.id();
            match entry {
                Entry::Bad(_) => sums.unreadable += 1,
                Entry::Record(record) => sums.add(&record, ledger.record(record.id)),
            }
            stopped = id.0.is_multiple_of(ASK_EVERY) && keep_going().is_break();
            if stopped { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if stopped {
            return Ok(None);
        }
        let (openings, phrases) = sums.phrases.most_frequent(MOST_LISTED);
        let count = |kind| sums.decisions.get(&kind).map_or(0, |counts: &Counts| counts.by_hand);
        let accepted = count(DecisionKind::Accepted) + count(DecisionKind::Kept);
        let refused = count(DecisionKind::Edited) + count(DecisionKind::Excluded);
        Ok(Some(Self {
            dataset: dataset.name().to_owned(),
            records: dataset.record_count().into(),
            unreadable: sums.unreadable,
            acceptance: Proportion::new(accepted, accepted + refused),
            decisions: sums.decisions,
            flagged: sums.flagged,
            noted: sums.noted,
            pace: Pace::of(&history.actions),
            texts: texts(sums.judged),
            reasons: sorted(sums.reasons),
            lengths: sums.lengths,
            max_words: max_words as u64,
            openings,
            phrases,
            spot: history.opened.samples.last().map(|sample| SpotFigures::of(sample, ledger)),
            spending: history.opened.spending.clone(),
            failures: sorted(sums.failures),
        }))
    }
}

/// The edits of each record, in order, with what each was made from.
pub(crate) type Edits = HashMap<RecordId, Vec<(Seq, EditBase)>>;

pub(crate) fn edits(actions: &[Action]) -> Edits {
    let mut edits = Edits::new();
    for action in actions {
        if let (Some(record), ActionKind::Decided { edited_from: Some(base), .. }) = (action.record, action.kind) {
            edits.entry(record).or_default().push((action.seq, base));
        }
    }
    edits
}

/// What an edit that stands began with: where it is an edit of an edit, what that began with.
pub(crate) fn origin(edits: &Edits, record: RecordId, at: Seq) -> Option<CandidateId> {
    let made = edits.get(&record)?.iter().rev().filter(|(seq, _)| *seq <= at);
    let mut bases = made.map(|(_, base)| *base);
    match bases.find(|base| *base != EditBase::Current)? {
        EditBase::Candidate(candidate) => Some(candidate),
        EditBase::Original | EditBase::Current => None,
    }
}

/// What became of the texts of one origin.
#[derive(Default)]
struct Fates {
    taken: u64,
    edited: u64,
    distance: f64,
}

#[derive(Default)]
struct Sums {
    edits: Edits,
    unreadable: u64,
    decisions: BTreeMap<DecisionKind, Counts>,
    flagged: u64,
    noted: u64,
    judged: HashMap<Judged, Fates>,
    reasons: HashMap<String, u64>,
    lengths: Lengths,
    phrases: Phrases,
    failures: HashMap<String, u64>,
}

impl Sums {
    fn add(&mut self, record: &Record, state: &RecordState) {
        self.decide(record, state);
        self.flagged += u64::from(state.flagged);
        self.noted += u64::from(!state.note.is_empty());
        for reason in state.candidates.iter().filter_map(|candidate| candidate.provenance.reason.as_ref()) {
            *self.reasons.entry(reason.clone()).or_default() += 1;
        }
        if let Some(reason) = &state.failure {
            *self.failures.entry(reason.clone()).or_default() += 1;
        }
        if state.decision != Decision::Excluded {
            let caption = state.current_caption(record.caption.as_deref()).unwrap_or_default();
            self.lengths.add(text::word_count(caption) as u64);
            self.phrases.add(caption);
        }
    }

    fn decide(&mut self, record: &Record, state: &RecordState) {
        let kind = state.decision.kind();
        if kind == DecisionKind::Undecided {
            return;
        }
        let counts = self.decisions.entry(kind).or_default();
        match state.by {
            Actor::Operator => counts.by_hand += 1,
            Actor::Run => {
                counts.by_run += 1;
                return;
            }
        }
        let (candidate, edited) = match &state.decision {
            Decision::Accepted { candidate, .. } => (Some(*candidate), None),
            Decision::Kept => (None, None),
            Decision::Edited { text, .. } => (origin(&self.edits, record.id, state.decided_at), Some(text)),
            Decision::Undecided | Decision::Skipped | Decision::Excluded => return,
        };
        let candidate = candidate.and_then(|id| state.candidates.iter().find(|known| known.id == id));
        let of = candidate.map_or(Judged::Dataset, |candidate| Judged::Described {
            model: candidate.provenance.model.clone(),
            prompt: candidate.provenance.prompt.clone(),
        });
        let fates = self.judged.entry(of).or_default();
        fates.taken += 1;
        if let Some(text) = edited {
            let original = || state.original_caption(record.caption.as_deref()).unwrap_or_default();
            let before = candidate.map_or_else(original, |candidate| candidate.text.as_str());
            fates.edited += 1;
            fates.distance += text::word_distance(before, text);
        }
    }
}

fn texts(judged: HashMap<Judged, Fates>) -> Vec<TextFigures> {
    let mut texts: Vec<TextFigures> = judged
        .into_iter()
        .map(|(of, fates)| TextFigures {
            of,
            edited: Proportion::new(fates.edited, fates.taken),
            distance: (fates.edited > 0).then(|| fates.distance / to_f64(fates.edited)),
        })
        .collect();
    texts.sort_by(|one, other| other.edited.total().cmp(&one.edited.total()).then_with(|| one.of.cmp(&other.of)));
    texts
}

fn sorted(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts
}
