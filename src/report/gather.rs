//! Computes session statistics in one pass over the dataset.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use super::phrases::{Hashes, Phrases};
use super::{Counts, Figures, Lengths, Pace, SpotFigures, TextFigures, TextOrigin, VerdictCounts};
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::describe::LOCAL;
use crate::lint::Rules;
use crate::session::{
    Action, ActionKind, Actor, CandidateId, Decision, DecisionKind, EditBase, History, RecordState, Seq,
};
use crate::statistics::{Proportion, to_f64};
use crate::text;

/// Records between two calls of `keep_going`.
const CHECK_INTERVAL: u32 = 1_024;

/// The maximum number of openings and of phrases listed.
const MAX_LISTED: usize = 10;

impl Figures {
    /// Reads the whole dataset. `keep_going` is called every thousand records. Returns `None` if it breaks.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn gather(
        dataset: &Dataset,
        history: &History,
        rules: &Rules,
        keep_going: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Self>, DatasetError> {
        let mut sums = Sums { edits: edits(&history.actions), ..Sums::default() };
        let ledger = &history.opened.ledger;
        let read_texts = |entry| {
            let texts = match &entry {
                Entry::Bad(_) => None,
                Entry::Record(record) => {
                    current(record, ledger.record(record.id)).map(|caption| Texts::of(&caption, rules))
                }
            };
            (entry, texts)
        };
        let read = dataset.scan_parallel(read_texts, |(entry, texts)| {
            match &entry {
                Entry::Bad(_) => sums.unreadable += 1,
                Entry::Record(record) => sums.add(record, ledger.record(record.id), texts.take()),
            }
            let is_stopped = entry.id().0.is_multiple_of(CHECK_INTERVAL) && keep_going().is_break();
            if is_stopped { Err(Stop::Cancelled) } else { Ok(()) }
        });
        match read {
            Ok(()) => {}
            Err(Stop::Cancelled) => return Ok(None),
            Err(Stop::Failed(error)) => return Err(error),
        }
        let (openings, phrases) = sums.phrases.most_frequent(MAX_LISTED, |record| {
            let entry = dataset.entry(record)?;
            Ok::<_, DatasetError>(match entry.record() {
                Some(record) => current(record, ledger.record(record.id)).unwrap_or_default().into_owned(),
                None => String::new(),
            })
        })?;
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
            texts: texts(sums.texts),
            reasons: sorted(sums.reasons),
            lengths: sums.lengths,
            max_words: rules.max_words as u64,
            in_tags: rules.are_tags(),
            openings,
            phrases,
            verdicts: sums.verdicts,
            spot: history.opened.samples.last().map(|sample| SpotFigures::of(sample, ledger)),
            spending: history.opened.spending.clone(),
            failures: sorted(sums.failures),
        }))
    }
}

/// Why not all records were read.
enum Stop {
    Cancelled,
    Failed(DatasetError),
}

impl From<DatasetError> for Stop {
    fn from(error: DatasetError) -> Self {
        Self::Failed(error)
    }
}

/// Returns the current caption, of a JSON object the texts in it; `None` if the record is excluded.
fn current<'a>(record: &'a Record, state: &'a RecordState) -> Option<Cow<'a, str>> {
    let caption = || state.current_caption(record.id, record.caption.text()).unwrap_or_default();
    (state.decision != Decision::Excluded).then(caption).map(text::plain_text)
}

/// The counts of a caption.
struct Texts {
    words: u64,
    phrases: Hashes,
}

impl Texts {
    fn of(caption: &str, rules: &Rules) -> Self {
        Self { words: rules.length(caption) as u64, phrases: Hashes::of(caption) }
    }
}

/// The edits of each record, in order, each with its base.
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

/// Returns the candidate from which the edit at `at` started, following edits of edits to the first one. Returns `None`
/// if that one started from the original caption.
pub(crate) fn origin(edits: &Edits, record: RecordId, at: Seq) -> Option<CandidateId> {
    let earlier = edits.get(&record)?.iter().rev().filter(|(seq, _)| *seq <= at);
    let mut bases = earlier.map(|(_, base)| *base);
    match bases.find(|base| *base != EditBase::Current)? {
        EditBase::Candidate(candidate) => Some(candidate),
        EditBase::Original | EditBase::Current => None,
    }
}

/// Counts of accepted captions of one origin.
#[derive(Default)]
struct TextCounts {
    accepted: u64,
    edited: u64,
    distance: f64,
}

#[derive(Default)]
struct Sums {
    edits: Edits,
    unreadable: u64,
    verdicts: VerdictCounts,
    decisions: BTreeMap<DecisionKind, Counts>,
    flagged: u64,
    noted: u64,
    texts: HashMap<TextOrigin, TextCounts>,
    reasons: HashMap<String, u64>,
    lengths: Lengths,
    phrases: Phrases,
    failures: HashMap<String, u64>,
}

impl Sums {
    fn add(&mut self, record: &Record, state: &RecordState, texts: Option<Texts>) {
        self.decide(record, state);
        self.judge(record, state);
        self.flagged += u64::from(state.flagged);
        self.noted += u64::from(!state.note.is_empty());
        for reason in state.candidates.iter().filter_map(|candidate| candidate.provenance.reason.as_ref()) {
            *self.reasons.entry(reason.clone()).or_default() += 1;
        }
        if let Some(reason) = &state.failure {
            *self.failures.entry(reason.clone()).or_default() += 1;
        }
        if let Some(Texts { words, phrases }) = texts {
            self.lengths.add(words);
            self.phrases.add(record.id, phrases);
        }
    }

    fn judge(&mut self, record: &Record, state: &RecordState) {
        if state.verifications.is_empty() || state.decision == Decision::Excluded {
            return;
        }
        let is_undecided = state.decision == Decision::Undecided;
        let candidates = || state.candidates.iter().rev().filter(|_| is_undecided);
        let known = match candidates().find(|candidate| candidate.provenance.describer != LOCAL) {
            Some(first) => state.verification(&first.text),
            // A candidate of the embedded describer may be beside the current caption.
            None => state
                .verification(&state.current_caption(record.id, record.caption.text()).unwrap_or_default())
                .or_else(|| state.verification(&candidates().next()?.text)),
        };
        if let Some(known) = known {
            self.verdicts.captions += 1;
            self.verdicts.unsupported += u64::from(!known.verdict.unsupported.is_empty());
            self.verdicts.missing += u64::from(!known.verdict.missing.is_empty());
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
        let origin = candidate.map_or(TextOrigin::Dataset, |candidate| TextOrigin::Described {
            model: candidate.provenance.model.clone(),
            prompt: candidate.provenance.prompt.clone(),
        });
        let counts = self.texts.entry(origin).or_default();
        counts.accepted += 1;
        if let Some(text) = edited {
            let original = || state.original_caption(record.caption.text()).unwrap_or_default();
            let before = candidate.map_or_else(original, |candidate| candidate.text.as_str());
            counts.edited += 1;
            counts.distance += text::word_distance(before, text);
        }
    }
}

fn texts(counts: HashMap<TextOrigin, TextCounts>) -> Vec<TextFigures> {
    let mut texts: Vec<TextFigures> = counts
        .into_iter()
        .map(|(origin, counts)| TextFigures {
            origin,
            edited: Proportion::new(counts.edited, counts.accepted),
            distance: (counts.edited > 0).then(|| counts.distance / to_f64(counts.edited)),
        })
        .collect();
    texts.sort_by(|one, other| {
        other.edited.total().cmp(&one.edited.total()).then_with(|| one.origin.cmp(&other.origin))
    });
    texts
}

fn sorted(counts: HashMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts
}
