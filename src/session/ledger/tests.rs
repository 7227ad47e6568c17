//! Steps of undo and redo.

use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

const A: RecordId = RecordId(0);
const B: RecordId = RecordId(1);

fn amended(record: RecordId, text: &str) -> Event {
    Event::Amended { record, text: Some(text.to_owned()) }
}

fn kept(record: RecordId) -> Event {
    Event::Decided { record, decision: Decision::Kept, by: Actor::Operator }
}

fn own_texts(ledger: &Ledger) -> [Option<Cow<'_, str>>; 2] {
    [A, B].map(|record| ledger.record(record).own_text(record))
}

#[test]
fn joined_changes_are_one_step() {
    let mut ledger = Ledger::new();
    for event in [kept(A), amended(A, "one"), amended(B, "two"), Event::StepEnded { changes: 2 }] {
        ledger.apply(event);
    }
    assert_eq!(ledger.undo_targets(), [A, B]);
    ledger.apply(Event::Undone);
    assert_eq!((own_texts(&ledger), &ledger.record(A).decision), ([None, None], &Decision::Kept));
    assert_eq!((ledger.undo_targets(), ledger.redo_targets()), (vec![A], vec![A, B]));
    ledger.apply(Event::Redone);
    assert_eq!(own_texts(&ledger), [Some("one".into()), Some("two".into())]);
    ledger.apply(Event::Undone);
    ledger.apply(Event::Undone);
    assert_eq!((ledger.undo_targets(), &ledger.record(A).decision), (vec![], &Decision::Undecided));
}

#[test]
fn a_bulk_change_keeps_the_decision_and_a_decision_removes_the_bulk_change() {
    let mut ledger = Ledger::new();
    let edited = Decision::Edited { text: "own".to_owned(), base: super::super::EditBase::Original };
    ledger.apply(Event::Decided { record: A, decision: edited.clone(), by: Actor::Operator });
    ledger.apply(amended(A, "own, mended"));
    assert_eq!((ledger.record(A).own_text(A).as_deref(), &ledger.record(A).decision), (Some("own, mended"), &edited));
    ledger.apply(amended(B, "mended"));
    let expected = [(A, Amendment::Caption("own, mended".to_owned())), (B, Amendment::Caption("mended".to_owned()))];
    assert!(ledger.amendments().iter().eq(expected));
    ledger.apply(kept(A));
    assert_eq!(ledger.record(A).own_text(A), None);
    ledger.apply(Event::Undone);
    assert_eq!(ledger.record(A).own_text(A).as_deref(), Some("own, mended"));
}

#[test]
fn the_last_decisions_are_found_behind_a_step_of_many_changes() {
    let mut ledger = Ledger::new();
    ledger.apply(kept(A));
    ledger.perform(Changes::from((10..50_000).map(|id| amended(RecordId(id), "mended")).collect::<Vec<_>>()));
    ledger.apply(kept(B));
    ledger.apply(kept(A));
    ledger.apply(Event::Undone);
    let recent = |ledger: &Ledger| ledger.recently_decided().map(|(record, _)| record).collect::<Vec<_>>();
    assert_eq!(recent(&ledger), [B, A]);
    ledger.apply(kept(A));
    assert_eq!(recent(&ledger), [A, B], "each record once");
    ledger.apply(Event::Decided { record: B, decision: Decision::Kept, by: Actor::Run });
    assert_eq!(recent(&ledger), [A]);
}

/// Changes of two records, in steps of one to four.
fn steps() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let record = prop::sample::select(vec![A, B]);
    let change = (record, 0_u8..4, "[a-z]{1,3}").prop_map(|(record, kind, text)| match kind {
        0 => kept(record),
        1 => Event::Flagged { record, on: text.len() == 1 },
        2 => Event::Noted { record, note: text },
        _ => amended(record, &text),
    });
    prop::collection::vec(prop::collection::vec(change, 1..5), 0..12)
}

/// The states without event numbers.
fn seen(ledger: &Ledger) -> Vec<RecordState> {
    [A, B].map(|record| RecordState { touched: Seq(0), ..ledger.record(record).clone() }).to_vec()
}

proptest! {
    #[test]
    fn undo_reverts_step_by_step_and_redo_restores_each(steps in steps()) {
        let mut ledger = Ledger::new();
        let mut states = vec![seen(&ledger)];
        for step in &steps {
            for event in step {
                ledger.apply(event.clone());
            }
            if step.len() > 1 {
                ledger.apply(Event::StepEnded { changes: step.len() as u64 });
            }
            states.push(seen(&ledger));
        }
        for state in states.iter().rev().skip(1) {
            ledger.apply(Event::Undone);
            prop_assert_eq!(&seen(&ledger), state);
        }
        prop_assert_eq!(ledger.undo_targets(), []);
        for state in &states[1..] {
            ledger.apply(Event::Redone);
            prop_assert_eq!(&seen(&ledger), state);
        }
        prop_assert_eq!(ledger.redo_targets(), []);
    }
}

/// What a ledger can be told.
#[derive(Clone, Debug)]
enum Deed {
    Event(Event),
    /// A bulk change of captions.
    Texts(Vec<(RecordId, String)>),
    /// The dataset changed: a record is missing, or in it again.
    Missing(RecordId, bool),
}

const FEW: u32 = 6;

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let record = || (0..FEW).prop_map(RecordId);
    let texts = prop::collection::btree_map(0..FEW, "[a-z]{1,3}", 1..6);
    let deed = prop_oneof![
        3 => texts.prop_map(|texts| Deed::Texts(texts.into_iter().map(|(id, text)| (RecordId(id), text)).collect())),
        2 => (record(), "[a-z]{1,3}").prop_map(|(record, text)| Deed::Event(amended(record, &text))),
        1 => record().prop_map(|record| Deed::Event(kept(record))),
        1 => (record(), "[a-z]{1,3}").prop_map(|(record, reason)| Deed::Event(Event::Failed { record, reason })),
        1 => (record(), any::<bool>()).prop_map(|(record, is_missing)| Deed::Missing(record, is_missing)),
        3 => Just(Deed::Event(Event::Undone)),
        2 => Just(Deed::Event(Event::Redone)),
    ];
    prop::collection::vec(deed, 0..40)
}

proptest! {
    /// However it is stored, a bulk change does what one change for each record does.
    #[test]
    fn a_bulk_change_equals_a_change_for_each_record(deeds in deeds()) {
        let (mut bulk, mut each) = (Ledger::new(), Ledger::new());
        for deed in deeds {
            match deed {
                Deed::Event(event) => {
                    bulk.apply(event.clone());
                    each.apply(event);
                }
                Deed::Texts(texts) => {
                    bulk.perform(Changes::Texts(Arc::new(texts.iter().cloned().collect())));
                    each.perform(Changes::Events(texts.iter().map(|(record, text)| amended(*record, text)).collect()));
                }
                Deed::Missing(record, is_missing) => {
                    let outcome = if is_missing { MatchOutcome::Gone } else { MatchOutcome::Returned };
                    let rebound = Event::Rebound { outcomes: vec![(record, outcome)] };
                    bulk.apply(rebound.clone());
                    each.apply(rebound);
                }
            }
            for record in (0..FEW).map(RecordId) {
                let [one, other] = [&bulk, &each].map(|ledger| ledger.record(record));
                prop_assert_eq!(one.own_text(record), other.own_text(record));
                prop_assert_eq!((&one.decision, &one.failure), (&other.decision, &other.failure));
            }
            let touched = |ledger: &Ledger| ledger.touched().map(|(record, _)| record).collect::<Vec<_>>();
            prop_assert_eq!(touched(&bulk), touched(&each));
            prop_assert_eq!(bulk.undo_targets(), each.undo_targets());
            prop_assert_eq!(bulk.redo_targets(), each.redo_targets());
            prop_assert_eq!((bulk.last(), bulk.is_unsaved()), (each.last(), each.is_unsaved()));
            prop_assert!(bulk.amendments().iter().eq(each.amendments().iter()));
        }
    }
}
