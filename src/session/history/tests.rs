//! Times, reviewers and samples of a session.

use jiff::{Timestamp, ToSpan};

use super::super::fixture::{List, Review, decided, edited, folder, generated};
use super::super::store::Batch;
use super::super::{Decision, Event, Seq, Step, open, read_history};
use super::super::{Sample, SampleMember, SampleRequest};
use super::*;
use crate::statistics::Stratum;

fn second(number: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + number.seconds()
}

fn sample(list: &List, records: &[u32]) -> Sample {
    let member = |record: &u32| {
        let record = RecordId(*record);
        SampleMember { record, subject: list.subject(record), stratum: 0, text: None }
    };
    Sample {
        request: SampleRequest { size: records.len() as u64, seed: u64::MAX, by: None, blind: false },
        hash: 7,
        strata: vec![Stratum { name: String::new(), population: 3, drawn: records.len() as u64 }],
        members: records.iter().map(member).collect(),
        after: Seq(0),
        at: second(5),
    }
}

#[test]
fn actions_have_an_actor_and_the_base_of_an_edit() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a.jpg", "A"), ("b.jpg", "B")]);
    let mut review = Review::open(&list);
    let (first, second) = (RecordId(0), RecordId(1));
    review.apply(generated(first, "a"));
    review.apply(decided(first, edited("b")));
    review.apply(Event::Decided { record: second, decision: Decision::Kept, by: Actor::Run });
    review.apply(Event::Flagged { record: second, on: true });
    review.apply(Event::Undone);
    review.close();
    let history = read_history(&list.location(), &list.dataset()).unwrap();
    let found: Vec<_> = history.actions.iter().map(|action| (action.seq.0, action.record, action.kind)).collect();
    let edit = ActionKind::Decided { by: Actor::Operator, edited_from: Some(EditBase::Original) };
    let run = ActionKind::Decided { by: Actor::Run, edited_from: None };
    assert_eq!(
        found,
        [
            (2, Some(first), edit),
            (3, Some(second), run),
            (4, Some(second), ActionKind::Other),
            (5, None, ActionKind::Other)
        ]
    );
    assert!(!run.is_by_hand() && edit.is_by_hand() && ActionKind::Other.is_by_hand());
    assert_eq!(history.at(Seq(4)), Some(Timestamp::UNIX_EPOCH));
    assert_eq!(history.at(Seq(1)), None, "a description is not an action");
}

#[test]
fn a_reviewer_is_stored_with_their_first_event() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a.jpg", "A"), ("b.jpg", "B")]);
    let review_as = |reviewer: &str, decisions: &[&str]| {
        let mut review = Review::open(&list);
        review.worker().set_reviewer(second(1), reviewer.to_owned()).unwrap();
        for name in decisions {
            review.decide(name, Decision::Kept);
        }
        review.close();
    };
    review_as("nobody", &[]);
    review_as("kim", &["a.jpg"]);
    review_as("kim", &["b.jpg"]);
    review_as("lee", &["a.jpg"]);
    let history = read_history(&list.location(), &list.dataset()).unwrap();
    let change =
        |after, reviewer: &str| ReviewerChange { after: Seq(after), at: second(1), reviewer: reviewer.to_owned() };
    assert_eq!(history.reviewers, [change(0, "kim"), change(2, "lee")]);
    assert_eq!([0, 1, 2, 3].map(|seq| history.reviewer(Seq(seq))), [None, Some("kim"), Some("kim"), Some("lee")]);
}

#[test]
fn several_reviewers_can_be_in_one_transaction() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a.jpg", "A"), ("b.jpg", "B")]);
    let (mut store, _) = open(&list.location(), &list.dataset(), second(0)).unwrap();
    let mut batch = Batch::default();
    for (seq, record, reviewer) in [(1, RecordId(0), "kim"), (2, RecordId(1), "lee")] {
        batch.set_reviewer(&store, second(1), reviewer.to_owned());
        let event = decided(record, Decision::Kept);
        batch.push(&store, Step { first: Seq(seq), changes: event.into() }, second(2)).unwrap();
    }
    store.commit(&batch, &std::collections::VecDeque::new()).unwrap();
    store.close().unwrap();
    let history = read_history(&list.location(), &list.dataset()).unwrap();
    assert_eq!([1, 2].map(|seq| history.reviewer(Seq(seq))), [Some("kim"), Some("lee")]);
}

#[test]
fn a_sample_is_restored_and_follows_its_records() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a.jpg", "A"), ("b.jpg", "B"), ("c.jpg", "C")]);
    let mut review = Review::open(&list);
    let drawn = sample(&list, &[2, 0]);
    review.worker().store_sample(drawn.clone()).unwrap();
    review.decide("c.jpg", Decision::Kept);
    review.close();
    assert_eq!(read_history(&list.location(), &list.dataset()).unwrap().opened.samples, [drawn]);

    list.replace(&[("new.jpg", "N"), ("a.jpg", "A"), ("b.jpg", "B"), ("c.jpg", "C")]);
    let moved = read_history(&list.location(), &list.dataset()).unwrap();
    let records: Vec<RecordId> = moved.opened.samples[0].members.iter().map(|member| member.record).collect();
    assert_eq!(records, [RecordId(3), RecordId(1)]);
    assert_eq!(moved.opened.ledger.record(RecordId(3)).decision, Decision::Kept);

    list.replace(&[("a.jpg", "A")]);
    let gone = read_history(&list.location(), &list.dataset()).unwrap();
    let record = gone.opened.samples[0].members[0].record;
    assert_eq!(gone.opened.ledger.record(record).decision, Decision::Kept, "the decision is kept");
}

#[test]
fn a_missing_session_has_an_empty_history() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a.jpg", "A")]);
    assert_eq!(read_history(&list.location(), &list.dataset()).unwrap(), History::default());
}
