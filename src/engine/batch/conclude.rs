//! What the results of batch jobs leave in the session, by the rules of single descriptions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::collect::{Answer, Chunk};
use crate::describe::bedrock::NAME;
use crate::describe::verdict::TextHash;
use crate::describe::{DescribeError, Outcome, Usage};
use crate::engine::rules::{self, Concluded, Origin, Standing};
use crate::engine::verifier;
use crate::lint::Rules;
use crate::session::{Actor, BatchNote, Decision, Ledger, Step, Transaction};

/// The number of different reasons that are counted one by one.
const MAX_REASONS: usize = 100;

/// How results are taken.
#[derive(Clone, Copy, Debug)]
pub struct Taking<'a> {
    /// Who accepts clean candidates.
    pub accept: Option<Actor>,
    pub rules: &'a Rules,
    pub at: Timestamp,
}

/// What became of the results.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub described: u64,
    pub verified: u64,
    pub accepted: u64,
    pub cut_off: u64,
    /// Records without a candidate or a verdict, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Those with yet other reasons.
    pub other_failures: u64,
    /// Results of records that are not in the dataset any more. They are kept in the session.
    pub absent: u64,
    pub usage: Usage,
}

impl Tally {
    /// Returns the number of records without a candidate or a verdict.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().sum::<u64>() + self.other_failures
    }

    fn fail(&mut self, reason: String) {
        if self.failures.len() >= MAX_REASONS && !self.failures.contains_key(&reason) {
            self.other_failures += 1;
        } else {
            *self.failures.entry(reason).or_default() += 1;
        }
    }
}

/// Applies the results of a chunk to the ledger and counts them. Returns what is to be stored in one transaction.
pub fn conclude(chunk: Chunk, ledger: &mut Ledger, taking: Taking<'_>, tally: &mut Tally) -> Transaction {
    let places = chunk.places();
    let Chunk { token, is_verification, answers, ended } = chunk;
    let mut transaction = Transaction::default();
    for mut answer in answers {
        if let Some(charge) = answer.charge.take() {
            tally.usage.tokens += charge.usage.tokens;
            tally.usage.cost += charge.usage.cost;
            tally.absent += u64::from(!answer.is_present);
            transaction.charges.push(charge);
        }
        let conclude = if is_verification { judge } else { describe };
        transaction.steps.extend(conclude(answer, ledger, taking, tally));
    }
    if !places.is_empty() {
        transaction.notes.push(BatchNote::Taken { token: token.clone(), places });
    }
    transaction.notes.extend(ended.map(|outcome| BatchNote::Ended { token, outcome }));
    transaction
}

fn describe(answer: Answer, ledger: &mut Ledger, taking: Taking<'_>, tally: &mut Tally) -> Option<Step> {
    let Answer { record, is_present, in_dataset, outcome, .. } = answer;
    let state = ledger.record(record);
    let is_open = state.decision == Decision::Undecided && state.draft.is_none();
    // A record without a caption has an empty one; that of an absent record is unknown.
    let in_dataset = in_dataset.or_else(|| is_present.then(String::new));
    let current = state.current_caption(record, in_dataset.as_deref());
    let origin = Origin {
        describer: NAME,
        reason: None,
        at: taking.at,
        accept: taking.accept.filter(|_| is_open),
        current: current.as_deref(),
    };
    let conclusion = rules::conclude(ledger, record, outcome, origin, taking.rules);
    match conclusion.result {
        Concluded::Described(described) => {
            tally.described += 1;
            tally.accepted += u64::from(described.standing == Standing::Accepted);
            tally.cut_off += u64::from(described.cut_off);
        }
        Concluded::NothingRecognised => {}
        Concluded::Failed(reason) => tally.fail(reason),
    }
    (!conclusion.events.is_empty()).then(|| ledger.perform(conclusion.events.into()))
}

/// Returns the verdict in a response on the text that was sent, if the record still has it.
fn judge(answer: Answer, ledger: &mut Ledger, taking: Taking<'_>, tally: &mut Tally) -> Option<Step> {
    let Answer { record, in_dataset, judged, outcome, .. } = answer;
    let state = ledger.record(record);
    let in_dataset = in_dataset.as_deref();
    let current = state.current_caption(record, in_dataset);
    let candidates = state.candidates.iter().map(|candidate| candidate.text.as_str());
    let mut texts = candidates.chain(current.as_deref()).chain(in_dataset);
    let outcome = match (outcome, texts.find(|text| Some(TextHash::of(text)) == judged)) {
        (Outcome::Described(description), Some(text)) => verifier::outcome(description, text),
        (Outcome::Described(_), None) => {
            Outcome::Failed(DescribeError { message: "the caption was changed after it was submitted".to_owned() })
        }
        (other, _) => other,
    };
    match rules::conclude_verification(record, outcome, NAME, taking.at) {
        Ok((event, _)) => {
            tally.verified += 1;
            Some(ledger.perform(event.into()))
        }
        Err(reason) => {
            tally.fail(reason);
            None
        }
    }
}
