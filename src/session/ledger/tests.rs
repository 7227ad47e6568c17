//! Steps of undo and redo.

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

fn own_texts(ledger: &Ledger) -> [Option<&str>; 2] {
    [A, B].map(|record| ledger.record(record).own_text())
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
    assert_eq!(own_texts(&ledger), [Some("one"), Some("two")]);
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
    assert_eq!((ledger.record(A).own_text(), &ledger.record(A).decision), (Some("own, mended"), &edited));
    ledger.apply(amended(B, "mended"));
    let expected = [(A, Amendment::Caption("own, mended".to_owned())), (B, Amendment::Caption("mended".to_owned()))];
    assert_eq!(ledger.amendments(), expected);
    ledger.apply(kept(A));
    assert_eq!(ledger.record(A).own_text(), None);
    ledger.apply(Event::Undone);
    assert_eq!(ledger.record(A).own_text(), Some("own, mended"));
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
