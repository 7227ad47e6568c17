use std::ops::ControlFlow;

use proptest::prelude::*;

use crate::session::fixture::*;
use crate::session::{Binding, Decision, Event, Original, Rebound, RecordState, Seq, SessionError, Step};

fn state(review: &Review, list: &List, name: &str) -> RecordState {
    review.ledger.record(list.find(name)).clone()
}

fn without_touch(state: RecordState) -> RecordState {
    RecordState { touched: Seq(0), ..state }
}

#[test]
fn an_unchanged_dataset_is_not_read() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();
    let unreadable = List { unreadable: true, ..list };
    let review = Review::open(&unreadable);
    assert_eq!(review.opened.binding, Binding::Unchanged);
    assert_eq!(review.close(), ledger);
}

#[test]
fn known_contents_keep_their_positions() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let mut review = Review::open(&list);
    review.decide("b", Decision::Kept);
    review.close();
    list.replace(&[("b", "2"), ("a", "1")]);
    let review = Review::open(&list);
    assert!(review.dataset.is_indexed());
    review.close();
    list.stamp += 1;
    let review = Review::open(&list);
    assert_eq!((&review.opened.binding, review.dataset.is_indexed()), (&Binding::Unchanged, false));
    assert_eq!(review.ledger.record(list.find("b")).decision, Decision::Kept);
}

#[test]
fn a_new_modification_time_alone_is_not_a_change() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();
    list.stamp += 1;
    let review = Review::open(&list);
    assert_eq!((&review.opened.binding, &review.ledger), (&Binding::Unchanged, &ledger));
}

#[test]
fn a_changed_dataset_that_cannot_be_read_is_an_error_and_nothing_is_written() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();
    let unreadable = List { unreadable: true, stamp: 9, ..list.clone() };
    let error = Review::try_open(&unreadable).err().unwrap();
    assert!(matches!(&error, SessionError::Dataset { .. }), "{error}");
    list.stamp = 1;
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn moved_records_are_found() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut review = Review::open(&list);
    review.decide("a", edited("own"));
    review.decide("c", Decision::Kept);
    review.decide("b", Decision::Excluded);
    let (a, b, c) = (state(&review, &list, "a"), state(&review, &list, "b"), state(&review, &list, "c"));
    review.worker().set_cursor(list.find("b"), "b".to_owned()).unwrap();
    review.close();

    list.replace(&[("c", "3"), ("new", "0"), ("b", "2"), ("a", "1")]);
    let mut review = Review::open(&list);
    let expected = Binding::Rebound(Rebound { records: 3, moved: 3, ..Rebound::default() });
    assert_eq!(review.opened.binding, expected);
    assert_eq!(review.opened.cursor, Some(list.find("b")));
    assert_eq!([state(&review, &list, "a"), state(&review, &list, "b"), state(&review, &list, "c")], [a, b, c]);
    assert_eq!(state(&review, &list, "new"), RecordState::default());
    assert_eq!(review.ledger.undo_targets(), [list.find("b")], "undo follows the records");
    review.apply(Event::Undone);
    let ledger = review.close();
    assert_eq!(ledger.record(list.find("b")).decision, Decision::Undecided);
    let review = Review::open(&list);
    assert_eq!((&review.opened.binding, &review.ledger), (&Binding::Unchanged, &ledger));
}

#[test]
fn a_changed_caption_reopens_or_marks_its_decision() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("own", "1"), ("kept", "2"), ("flag", "3"), ("same", "4"), ("out", "5")]);
    let mut review = Review::open(&list);
    let candidate = review.apply(generated(list.find("own"), "better"));
    review.decide("own", accepted(candidate, "better"));
    review.decide("kept", Decision::Kept);
    review.apply(Event::Flagged { record: list.find("flag"), on: true });
    review.decide("same", Decision::Kept);
    review.decide("out", Decision::Excluded);
    let same = state(&review, &list, "same");
    review.close();

    list.replace(&[("own", "1'"), ("kept", "2'"), ("flag", "3'"), ("same", "4"), ("out", "5'")]);
    let review = Review::open(&list);
    let changed = ["own", "kept", "flag", "out"].map(|name| list.find(name)).to_vec();
    let expected = Rebound { records: 5, changed, ..Rebound::default() };
    assert_eq!(review.opened.binding, Binding::Rebound(expected));
    let found = |name| {
        let state = state(&review, &list, name);
        (state.decision, state.original_changed)
    };
    assert_eq!(found("own"), (accepted(candidate, "better"), true));
    assert_eq!(found("kept"), (Decision::Undecided, true));
    assert_eq!(found("flag"), (Decision::Undecided, false));
    assert_eq!(found("out"), (Decision::Excluded, true));
    assert_eq!(state(&review, &list, "same"), same);
    assert!(state(&review, &list, "flag").flagged);
}

#[test]
fn undo_and_redo_do_not_keep_a_caption_that_was_never_shown() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.decide("a", edited("own"));
    review.decide("b", Decision::Kept);
    review.apply(Event::Undone);
    review.close();
    list.replace(&[("a", "1'"), ("b", "2'")]);

    let mut review = Review::open(&list);
    review.apply(Event::Redone);
    assert_eq!(state(&review, &list, "b").decision, Decision::Undecided);
    review.apply(Event::Undone);
    review.apply(Event::Undone);
    assert_eq!(state(&review, &list, "a").decision, Decision::Undecided);
    assert!(state(&review, &list, "a").original_changed);
    let ledger = review.close();
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn a_new_decision_confirms_a_changed_caption() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.close();
    list.replace(&[("a", "1'")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    assert!(!state(&review, &list, "a").original_changed);
    review.close();
    // After another change, this caption is still the one that was kept.
    list.replace(&[("new", "0"), ("a", "1'")]);
    let mut review = Review::open(&list);
    assert_eq!(state(&review, &list, "a").decision, Decision::Kept);
    review.apply(Event::Undone);
    assert!(state(&review, &list, "a").original_changed, "as before that decision");
}

#[test]
fn missing_records_are_listed_and_restored() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2"), ("c", "3")]);
    let mut review = Review::open(&list);
    review.decide("a", edited("first"));
    review.decide("b", edited("second"));
    review.apply(Event::Noted { record: list.find("b"), note: "ask".to_owned() });
    let b = state(&review, &list, "b");
    review.close();

    let whole = list.records.clone();
    list.replace(&[("a", "1"), ("c", "3")]);
    let mut review = Review::open(&list);
    let [unmatched] = review.opened.unmatched.as_slice() else { panic!("{:?}", review.opened.unmatched) };
    assert_eq!((unmatched.file_name.as_str(), unmatched.occurrence), ("b", 0));
    assert_eq!(without_touch(unmatched.state.clone()), without_touch(b.clone()));
    assert_eq!(review.ledger.touched().map(|(record, _)| record).collect::<Vec<_>>(), [list.find("a")]);
    assert_eq!(review.ledger.undo_targets(), [list.find("a")], "missing records are not undone");
    review.apply(Event::Undone);
    assert_eq!(review.ledger.undo_targets(), []);
    review.decide("c", Decision::Kept);
    let ledger = review.close();

    let review = Review::open(&list);
    assert_eq!((&review.opened.binding, &review.ledger), (&Binding::Unchanged, &ledger));
    assert_eq!(review.opened.unmatched.len(), 1, "still listed");
    review.close();

    list.records = whole;
    list.stamp += 1;
    let mut review = Review::open(&list);
    assert_eq!(
        review.opened.binding,
        Binding::Rebound(Rebound { records: 3, moved: 1, returned: 1, ..Rebound::default() })
    );
    assert!(review.opened.unmatched.iter().all(|lost| !lost.is_listed()));
    assert_eq!(without_touch(state(&review, &list, "b")), without_touch(b));
    // Undo follows the order of changes, even if records were missing in between.
    for (name, note) in [("c", "ask"), ("b", ""), ("b", "")] {
        assert_eq!(review.ledger.undo_targets(), [list.find(name)]);
        review.apply(Event::Undone);
        assert_eq!(state(&review, &list, "b").note, note);
    }
    assert_eq!(review.ledger.undo_targets(), []);
    let ledger = review.close();
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn a_record_can_return_with_another_caption() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let mut review = Review::open(&list);
    review.decide("b", Decision::Kept);
    review.close();
    list.replace(&[("a", "1")]);
    Review::open(&list).close();
    list.replace(&[("b", "2'"), ("a", "1")]);
    let review = Review::open(&list);
    assert_eq!((state(&review, &list, "b").decision, review.opened.unmatched.len()), (Decision::Undecided, 0));
    assert!(state(&review, &list, "b").original_changed);
    let ledger = review.close();
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn records_of_one_name_are_distinguished_by_caption_then_by_order() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("a", "2"), ("a", "2"), ("a", "4")]);
    let mut review = Review::open(&list);
    for index in 0..4 {
        review.apply(decided(crate::dataset::RecordId(index), edited(&format!("text {index}"))));
    }
    review.close();
    // The first and last are swapped, the duplicates stay, and a fifth is inserted.
    list.replace(&[("a", "4"), ("a", "2"), ("a", "new"), ("a", "2"), ("a", "1")]);
    let review = Review::open(&list);
    let texts: Vec<_> = (0..5)
        .map(|index| review.ledger.record(crate::dataset::RecordId(index)).decision.text().map(str::to_owned))
        .collect();
    assert_eq!(
        texts.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [Some("text 3"), Some("text 1"), None, Some("text 2"), Some("text 0")]
    );
}

#[test]
fn a_record_of_a_repeated_name_is_not_confused_with_another() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("a", "2")]);
    let mut review = Review::open(&list);
    review.apply(decided(crate::dataset::RecordId(1), edited("own")));
    review.close();
    list.replace(&[("a", "1")]);
    let review = Review::open(&list);
    assert_eq!(review.ledger.touched().count(), 0);
    assert!(review.opened.unmatched[0].is_ambiguous);
}

#[test]
fn an_occurrence_known_later_is_stored() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1"), ("a", "1")]);
    let (store, _) = super::super::open(&list.location(), &list.dataset(), jiff::Timestamp::UNIX_EPOCH).unwrap();
    let (worker, _acks) = spawn(store);
    let record = crate::dataset::RecordId(1);
    let step = Step { first: Seq(1), changes: decided(record, edited("own")).into() };
    worker.handle().store(step, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let survey = list.dataset().survey(&mut || ControlFlow::Continue(())).unwrap().unwrap();
    worker.handle().set_namesakes(survey.namesakes).unwrap();
    worker.close().unwrap();
    list.replace(&[("new", "0"), ("a", "1"), ("a", "1")]);
    let review = Review::open(&list);
    assert_eq!(review.ledger.touched().count(), 1);
    assert_eq!(review.ledger.record(crate::dataset::RecordId(2)).decision, edited("own"));
}

mod in_place {
    use super::*;

    /// Five records with different decisions, saved in place.
    fn saved() -> (tempfile::TempDir, List, List) {
        let folder = folder();
        let before =
            List::new(folder.path(), &[("out", "1"), ("own", "2"), ("kept", "3"), ("out2", "4"), ("none", "5")]);
        let mut list = before.clone();
        let mut review = Review::open(&list);
        review.decide("own", edited("mine"));
        review.decide("kept", Decision::Kept);
        review.decide("out", Decision::Excluded);
        review.decide("out2", Decision::Excluded);
        review.apply(Event::Flagged { record: before.find("none"), on: true });
        review.save(&mut list);
        assert!(!review.ledger.is_unsaved());
        review.close();
        (folder, before, list)
    }

    #[test]
    fn own_output_changes_no_decision() {
        let (_folder, _, list) = saved();
        assert_eq!(list.records.len(), 3);
        let review = Review::open(&list);
        assert_eq!(
            review.opened.binding,
            Binding::Rebound(Rebound { own_output: true, records: 5, moved: 3, gone: 2, ..Rebound::default() })
        );
        assert!(
            review.opened.unmatched.iter().all(|lost| !lost.is_listed()),
            "excluded records are not listed as missing"
        );
        assert!(!review.ledger.is_unsaved());
        let own = state(&review, &list, "own");
        assert_eq!((own.decision, own.original_changed), (edited("mine"), false));
        assert_eq!(own.original, Original::Before(Some("2".to_owned())));
        assert_eq!(state(&review, &list, "kept").decision, Decision::Kept);
        assert!(state(&review, &list, "none").flagged);
        let ledger = review.close();
        let review = Review::open(&list);
        assert_eq!((&review.opened.binding, &review.ledger), (&Binding::Unchanged, &ledger));
    }

    #[test]
    fn undo_restores_the_caption_before_the_save() {
        let (_folder, _, mut list) = saved();
        let mut review = Review::open(&list);
        assert_eq!(review.ledger.undo_targets(), [list.find("none")]);
        for _ in 0..3 {
            review.apply(Event::Undone);
        }
        assert_eq!(state(&review, &list, "own").decision, Decision::Undecided);
        assert!(review.ledger.is_unsaved());
        review.save(&mut list);
        assert_eq!(list.records[0], ("own".to_owned(), Some("2".to_owned())));
        review.close();
        let review = Review::open(&list);
        assert_eq!(state(&review, &list, "own").original, Original::InDataset);
        assert!(
            matches!(&review.opened.binding, Binding::Rebound(Rebound { own_output: true, changed, .. }) if changed.is_empty())
        );
    }

    #[test]
    fn later_edits_keep_the_first_original() {
        let (_folder, _, mut list) = saved();
        let mut review = Review::open(&list);
        review.decide("own", edited("mine again"));
        review.save(&mut list);
        review.close();
        let review = Review::open(&list);
        assert_eq!(state(&review, &list, "own").original, Original::Before(Some("2".to_owned())));
        assert_eq!(state(&review, &list, "own").decision, edited("mine again"));
    }

    #[test]
    fn a_decision_after_the_save_is_kept() {
        let folder = folder();
        let mut list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
        let mut review = Review::open(&list);
        review.decide("a", edited("saved"));
        review.save(&mut list);
        review.decide("a", Decision::Kept);
        review.decide("b", Decision::Excluded);
        review.close();
        let review = Review::open(&list);
        let a = state(&review, &list, "a");
        assert_eq!((a.decision, a.original_changed), (Decision::Kept, false));
        assert_eq!(a.original, Original::Before(Some("1".to_owned())));
        assert_eq!(state(&review, &list, "b").decision, Decision::Excluded, "excluded after the save: still there");
        assert!(review.ledger.is_unsaved());
    }

    #[test]
    fn an_exclusion_is_not_transferred_to_a_duplicate() {
        let folder = folder();
        let mut list = List::new(folder.path(), &[("a", "1"), ("a", "1"), ("b", "2")]);
        let mut review = Review::open(&list);
        review.decide("a", Decision::Excluded);
        review.save(&mut list);
        review.close();
        let mut review = Review::open(&list);
        assert_eq!(state(&review, &list, "a"), RecordState::default());
        review.save(&mut list);
        assert_eq!(list.records.len(), 2);
    }

    #[test]
    fn a_crash_between_the_save_and_its_event_loses_nothing() {
        let folder = folder();
        let mut list = List::new(folder.path(), &[("out", "1"), ("own", "2")]);
        let mut review = Review::open(&list);
        review.decide("own", edited("mine"));
        review.decide("out", Decision::Excluded);
        review.close();
        list.replace(&[("own", "mine")]);
        let review = Review::open(&list);
        assert_eq!(
            review.opened.binding,
            Binding::Rebound(Rebound { records: 2, moved: 1, gone: 1, ..Rebound::default() })
        );
        let own = state(&review, &list, "own");
        assert_eq!((own.original, own.original_changed), (Original::Before(Some("2".to_owned())), false));
        assert!(review.opened.unmatched.iter().all(|lost| !lost.is_listed()));
    }

    #[test]
    fn restoring_the_first_file_restores_everything() {
        let (_folder, mut before, list) = saved();
        Review::open(&list).close();
        before.stamp = list.stamp + 1;
        let review = Review::open(&before);
        assert_eq!(
            review.opened.binding,
            Binding::Rebound(Rebound { records: 5, moved: 3, returned: 2, ..Rebound::default() })
        );
        assert_eq!(state(&review, &before, "out").decision, Decision::Excluded);
        assert_eq!(state(&review, &before, "own").original, Original::InDataset);
        assert_eq!(state(&review, &before, "own").decision, edited("mine"));
        let ledger = review.close();
        assert_eq!(Review::open(&before).close(), ledger);
    }

    #[test]
    fn an_external_change_of_the_output_becomes_the_original() {
        let (_folder, _, mut list) = saved();
        Review::open(&list).close();
        list.replace(&[("own", "theirs"), ("kept", "3"), ("none", "5")]);
        let review = Review::open(&list);
        let own = state(&review, &list, "own");
        assert_eq!((own.decision, own.original_changed), (edited("mine"), true));
        assert_eq!(own.original, Original::InDataset);
    }
}

/// A change of a session or of its dataset of records with unique names.
#[derive(Clone, Debug)]
enum Deed {
    Decide(prop::sample::Index, Decision),
    Undo,
    Redo,
    Move(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index),
    PutBack(prop::sample::Index),
    Reopen,
}

fn deed() -> impl Strategy<Value = Deed> {
    let decision = prop_oneof![Just(Decision::Kept), Just(Decision::Skipped), Just(edited("own"))];
    prop_oneof![
        4 => (any::<prop::sample::Index>(), decision).prop_map(|(at, decision)| Deed::Decide(at, decision)),
        2 => Just(Deed::Undo),
        1 => Just(Deed::Redo),
        1 => any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(from, to)| Deed::Move(from, to)),
        1 => any::<prop::sample::Index>().prop_map(Deed::Remove),
        1 => any::<prop::sample::Index>().prop_map(Deed::PutBack),
        2 => Just(Deed::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is moved, removed and restored between reviews, each record keeps its state, and replaying the session
    /// restores its ledger.
    #[test]
    fn records_keep_their_state_when_they_move(steps in prop::collection::vec(deed(), 1..60)) {
        let folder = folder();
        let names = ["a", "b", "c", "d", "e"];
        let mut list = List::new(folder.path(), &names.map(|name| (name, "caption")));
        let mut away: Vec<(String, Option<String>)> = Vec::new();
        let mut known: std::collections::HashMap<String, Decision> = std::collections::HashMap::new();
        let mut review = Some(Review::open(&list));
        let mut next = list.clone();
        for step in steps.into_iter().chain([Deed::Reopen]) {
            let current = review.as_mut().unwrap();
            match step {
                Deed::Decide(at, decision) if !list.records.is_empty() => {
                    let name = list.records[at.index(list.records.len())].0.clone();
                    current.decide(&name, decision);
                }
                Deed::Undo => drop(current.apply(Event::Undone)),
                Deed::Redo => drop(current.apply(Event::Redone)),
                Deed::Move(from, to) if !next.records.is_empty() => {
                    let record = next.records.remove(from.index(next.records.len()));
                    next.records.insert(to.index(next.records.len() + 1), record);
                    next.stamp += 1;
                }
                Deed::Remove(at) if !next.records.is_empty() => {
                    away.push(next.records.remove(at.index(next.records.len())));
                    next.stamp += 1;
                }
                Deed::PutBack(at) => if let Some(record) = away.pop() {
                    next.records.insert(at.index(next.records.len() + 1), record);
                    next.stamp += 1;
                },
                Deed::Reopen => {
                    for (name, _) in &list.records {
                        known.insert(name.clone(), current.ledger.record(list.find(name)).decision.clone());
                    }
                    review.take().unwrap().close();
                    list = next.clone();
                    let read_only = read(&list);
                    let opened = Review::open(&list);
                    prop_assert_eq!(&read_only, &opened.opened);
                    for (name, _) in &list.records {
                        let decision = &opened.ledger.record(list.find(name)).decision;
                        prop_assert_eq!(decision, known.get(name).unwrap_or(&Decision::Undecided));
                    }
                    let ledger = opened.close();
                    let again = Review::open(&list);
                    prop_assert_eq!(&again.opened.binding, &Binding::Unchanged);
                    prop_assert_eq!(&again.ledger, &ledger);
                    review = Some(again);
                }
                _ => {}
            }
        }
    }
}

#[test]
fn match_outcomes_are_stored_with_the_replaced_caption() {
    let folder = folder();
    let mut list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.close();
    list.replace(&[("a", "2")]);
    Review::open(&list).close();
    let connection = rusqlite::Connection::open(list.location().file()).unwrap();
    let row: (String, String) = connection
        .query_row("SELECT fate, caption FROM fate JOIN event USING (seq) WHERE kind = 'rebound'", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(row, ("changed".to_owned(), "1".to_owned()));
}

/// Records of few names and captions, with a number that stands for the record itself.
mod namesakes {
    use std::collections::HashMap;

    use super::*;
    use crate::dataset::RecordId;

    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Known {
        id: usize,
        name: String,
        caption: String,
    }

    #[derive(Clone, Debug)]
    enum Change {
        Delete(prop::sample::Index),
        Insert(prop::sample::Index, u8, u8),
        Move(prop::sample::Index, prop::sample::Index),
        Caption(prop::sample::Index, u8),
    }

    fn change() -> impl Strategy<Value = Change> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            index().prop_map(Change::Delete),
            (index(), 0..3_u8, 0..3_u8).prop_map(|(at, name, caption)| Change::Insert(at, name, caption)),
            (index(), index()).prop_map(|(from, to)| Change::Move(from, to)),
            (index(), 0..4_u8).prop_map(|(at, caption)| Change::Caption(at, caption)),
        ]
    }

    fn known(id: usize, (name, caption): (u8, u8)) -> Known {
        Known { id, name: format!("{name}.jpg"), caption: format!("caption {caption}") }
    }

    fn list_of(list: &mut List, records: &[Known]) {
        let records: Vec<_> = records.iter().map(|known| (known.name.as_str(), known.caption.as_str())).collect();
        list.replace(&records);
    }

    fn change_records(records: &mut Vec<Known>, changes: Vec<Change>) {
        for (change, id) in changes.into_iter().zip(1_000..) {
            match change {
                Change::Insert(at, name, caption) => {
                    records.insert(at.index(records.len() + 1), known(id, (name, caption)));
                }
                _ if records.is_empty() => {}
                Change::Delete(at) => drop(records.remove(at.index(records.len()))),
                Change::Move(from, to) => {
                    let record = records.remove(from.index(records.len()));
                    records.insert(to.index(records.len() + 1), record);
                }
                Change::Caption(at, caption) => {
                    let at = at.index(records.len());
                    records[at].caption = format!("caption {caption}");
                }
            }
        }
    }

    fn records() -> impl Strategy<Value = Vec<Known>> {
        let records = prop::collection::vec((0..3_u8, 0..3_u8), 1..10);
        records.prop_map(|records| records.into_iter().enumerate().map(|(id, it)| known(id, it)).collect())
    }

    /// Returns the decided text of each record of the dataset.
    fn applied(review: &Review, count: usize) -> Vec<Option<String>> {
        let state = |record| review.ledger.record(RecordId(record)).decision.text().map(str::to_owned);
        (0..u32::try_from(count).unwrap()).map(state).collect()
    }

    fn set_aside(review: &Review) -> Vec<String> {
        let texts = review.opened.unmatched.iter().filter_map(|lost| lost.state.decision.text());
        texts.map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// The rule, stated without the code: a decision is on a record with the file name and the original caption it was
        /// made on; of equal ones, by order; another caption only if the name is unique before and after. No decision is
        /// lost or doubled.
        #[test]
        fn no_decision_lands_on_a_neighbour(
            before in records(),
            is_decided in prop::collection::vec(prop::bool::weighted(0.6), 10),
            changes in prop::collection::vec(change(), 1..5),
        ) {
            let folder = folder();
            let mut list = List::new(folder.path(), &[]);
            list_of(&mut list, &before);
            let mut review = Review::open(&list);
            for known in before.iter().filter(|known| is_decided[known.id]) {
                let record = RecordId(u32::try_from(known.id).unwrap());
                review.apply(decided(record, edited(&format!("text {}", known.id))));
            }
            review.close();
            let mut after = before.clone();
            change_records(&mut after, changes);
            list_of(&mut list, &after);

            let review = Review::open(&list);
            let texts = applied(&review, after.len());
            let named = |records: &[Known], name: &str| records.iter().filter(|known| known.name == name).count();
            let equals = |records: &[Known], one: &Known| {
                let is_equal = |known: &&Known| (&known.name, &known.caption) == (&one.name, &one.caption);
                records.iter().filter(is_equal).map(|known| known.id).collect::<Vec<_>>()
            };
            for (now, text) in after.iter().zip(&texts) {
                let Some(id) = text.as_ref().map(|text| text["text ".len()..].parse::<usize>().unwrap()) else { continue };
                let then = &before[id];
                prop_assert_eq!(&then.name, &now.name);
                let is_unique = named(&before, &then.name) == 1 && named(&after, &then.name) == 1;
                prop_assert!(then.caption == now.caption || is_unique, "{:?} is on {:?}", then, now);
            }
            let mut all: Vec<String> = texts.iter().flatten().cloned().chain(set_aside(&review)).collect();
            all.sort();
            let made = before.iter().filter(|known| is_decided[known.id]);
            let mut made: Vec<String> = made.map(|known| format!("text {}", known.id)).collect();
            made.sort();
            prop_assert_eq!(all, made, "applied and set aside are all");
            // As many equal records as before: the decisions are on the same ones by order.
            for then in before.iter().filter(|known| is_decided[known.id]) {
                let (old, new) = (equals(&before, then), equals(&after, then));
                if old.len() == new.len() {
                    let place = old.iter().position(|id| *id == then.id).unwrap();
                    let now = after.iter().position(|known| known.id == new[place]).unwrap();
                    prop_assert_eq!(texts[now].clone(), Some(format!("text {}", then.id)));
                }
            }
            let ledger = review.close();
            let again = Review::open(&list);
            prop_assert_eq!(&again.opened.binding, &Binding::Unchanged);
            prop_assert_eq!(&again.ledger, &ledger);
        }

        /// After saves in place with exclusions, every decision is still on its own record, whatever the names.
        #[test]
        fn own_output_is_matched_exactly(
            before in records(),
            rounds in prop::collection::vec(prop::collection::vec(0..4_u8, 10), 1..4),
        ) {
            let folder = folder();
            let mut list = List::new(folder.path(), &[]);
            list_of(&mut list, &before);
            let mut ids: Vec<usize> = before.iter().map(|known| known.id).collect();
            let mut texts: HashMap<usize, String> = HashMap::new();
            for (round, choices) in rounds.into_iter().enumerate() {
                let mut review = Review::open(&list);
                for (at, id) in ids.iter().enumerate() {
                    let decision = match choices[at] {
                        0 => Decision::Excluded,
                        // Also a text that is the caption of others.
                        1 => edited("caption 1"),
                        2 => edited(&format!("{round} of {id}")),
                        _ => continue,
                    };
                    texts.insert(*id, decision.text().unwrap_or_default().to_owned());
                    review.apply(decided(RecordId(u32::try_from(at).unwrap()), decision));
                }
                review.save(&mut list);
                let excluded: Vec<usize> = (0..ids.len()).filter(|at| choices[*at] == 0).map(|at| ids[at]).collect();
                ids.retain(|id| !excluded.contains(id));
                review.close();
                let review = Review::open(&list);
                for (at, id) in ids.iter().enumerate() {
                    let state = review.ledger.record(RecordId(u32::try_from(at).unwrap()));
                    prop_assert_eq!(state.decision.text(), texts.get(id).map(String::as_str));
                    let original = state.original_caption(list.records[at].1.as_deref());
                    prop_assert_eq!(original, Some(before[*id].caption.as_str()));
                }
                review.close();
            }
        }
    }

    #[test]
    fn an_edit_of_a_deleted_record_is_set_aside_and_listed() {
        let folder = folder();
        let four = [("0.jpg", "Caption 0."), ("0.jpg", "Caption 1."), ("0.jpg", "Caption 2."), ("0.jpg", "Caption 3.")];
        let mut list = List::new(folder.path(), &four);
        let mut review = Review::open(&list);
        review.decide("0.jpg", edited("Caption 0. EDIT"));
        review.close();
        list.replace(&four[1..]);
        let review = Review::open(&list);
        assert_eq!(applied(&review, 3), [None, None, None]);
        let [aside] = &review.opened.unmatched[..] else { panic!("{:?}", review.opened.unmatched) };
        assert!(aside.is_ambiguous && aside.is_listed());
        let note = review.opened.binding.note().unwrap();
        assert!(note.ends_with("of 1 record in the session: 1 set aside (several records of its name, none certain; kept in the session)"), "{note}");
        review.close();
        // Still listed later, and back if its line is.
        assert!(read(&list).unmatched[0].is_ambiguous);
        list.replace(&[four[3], four[0]]);
        let review = Review::open(&list);
        assert_eq!(applied(&review, 2), [None, Some("Caption 0. EDIT".to_owned())]);
        assert_eq!(review.opened.unmatched, []);
    }

    #[test]
    fn a_line_that_cannot_be_read_shifts_no_decision() {
        let folder = folder();
        let mut list = List::new(folder.path(), &[("a", "1")]);
        let path = list.path.clone();
        let line = |name: &str, text: &str| format!("{{\"file_name\":\"{name}\",\"text\":\"{text}\"}}\n");
        let lines = ["bad\n".to_owned(), line("a", "1"), line("a", "2"), line("a", "3")];
        std::fs::write(&path, lines.concat()).unwrap();
        let dataset = crate::dataset::Dataset::open(&path, &crate::dataset::OpenOptions::default()).unwrap();
        let location = list.location();
        let (store, opened) = super::super::super::open(&location, &dataset, jiff::Timestamp::UNIX_EPOCH).unwrap();
        let mut ledger = opened.ledger;
        let (worker, _acks) = spawn(store);
        let output = [&lines[0], &line("a", "1"), &line("a", "mine"), &line("a", "3")].map(String::as_str).concat();
        for event in [
            decided(RecordId(0), Decision::Excluded),
            decided(RecordId(2), edited("mine")),
            Event::Saved {
                path: path.clone(),
                through: Seq(2),
                hash: twox_hash::XxHash3_128::oneshot(output.as_bytes()),
            },
        ] {
            worker.handle().store(ledger.perform(event.into()), jiff::Timestamp::UNIX_EPOCH).unwrap();
        }
        worker.close().unwrap();
        // A line that cannot be read is never left out of the output.
        std::fs::write(&path, output).unwrap();
        list.stamp += 1;
        let dataset = crate::dataset::Dataset::open(&path, &crate::dataset::OpenOptions::default()).unwrap();
        let opened = super::super::super::open_read_only(&location, &dataset).unwrap();
        assert_eq!(opened.ledger.record(RecordId(2)).decision, edited("mine"));
        assert_eq!(opened.ledger.record(RecordId(1)), &RecordState::default());
    }
}
