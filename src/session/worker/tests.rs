use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;

use crate::dataset::{CAPTION, RecordId};
use crate::describe::verdict::TextHash;
use crate::describe::{Charge, Cost, Dollars, Quote, StopReason, Tokens, Usage, Verdict};
use crate::session::fixture::*;
use crate::session::{
    Actor, BatchEntry, BatchNote, BatchPlan, CandidateId, Change, Changes, Decision, Draft, EditBase, Event, Ledger,
    Location, Provenance, Receipt, Seq, SessionError, Step, Transaction, Verification, Worker, WorkerEvent, open,
    open_read_only,
};

fn store(worker: &Worker, seq: u64, event: Event) {
    worker.handle().store(Step { first: Seq(seq), changes: event.into() }, Timestamp::UNIX_EPOCH).unwrap();
}

fn start(list: &List) -> (Worker, std::sync::mpsc::Receiver<WorkerEvent>) {
    spawn(open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0)
}

fn failed(acks: &std::sync::mpsc::Receiver<WorkerEvent>) -> Vec<(u64, String)> {
    acks.iter()
        .filter_map(|ack| match ack {
            WorkerEvent::Failed { seq, error } => Some((seq.0, error)),
            _ => None,
        })
        .collect()
}

fn drafted(text: &str) -> Event {
    let draft = Draft { text: text.to_owned(), cursor: text.len(), base: EditBase::Current };
    Event::Drafted { record: RecordId(0), draft: Some(draft) }
}

#[test]
fn a_gap_in_the_numbers_is_rejected_with_everything_after_it() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (worker, acks) = start(&list);
    for seq in [1, 3, 4, 2] {
        store(&worker, seq, Event::Undone);
    }
    assert!(matches!(worker.close(), Err(SessionError::OutOfOrder { due: Seq(2), got: Seq(3) })));
    let failed = failed(&acks);
    assert_eq!(failed.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3, 4, 2]);
    assert!(failed[0].1.contains("event 3 stored instead of event 2"));
    assert_eq!(Review::open(&list).ledger.last(), Seq(1));
}

#[test]
fn a_record_that_is_not_in_the_dataset_is_rejected_with_everything_after_it() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (worker, acks) = start(&list);
    store(&worker, 1, decided(RecordId(0), Decision::Kept));
    store(&worker, 2, decided(RecordId(7), Decision::Kept));
    store(&worker, 3, decided(RecordId(0), Decision::Skipped));
    assert!(matches!(worker.close(), Err(SessionError::Unknown { record: RecordId(7) })));
    assert_eq!(failed(&acks).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [2, 3]);
    let review = Review::open(&list);
    assert_eq!((review.ledger.last(), &review.ledger.record(RecordId(0)).decision), (Seq(1), &Decision::Kept));
}

#[test]
fn a_line_is_read_only_for_the_first_event_of_its_record() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.close();
    let review = List { unreadable: true, ..list.clone() };
    let mut review = Review::open(&review);
    review.decide("a", Decision::Skipped);
    review.close();
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.close();
}

#[test]
fn events_of_new_records_fail_if_the_dataset_cannot_be_read() {
    let folder = folder();
    let list = List { unreadable: true, ..List::new(folder.path(), &[("a", "1")]) };
    let (worker, acks) = start(&list);
    store(&worker, 1, decided(RecordId(0), Decision::Kept));
    assert!(matches!(worker.close(), Err(SessionError::Dataset(_))));
    let [(1, error)] = &failed(&acks)[..] else { panic!("stored without its subject") };
    assert!(error.contains("changed on disk"), "{error}");
}

#[test]
fn what_the_operator_has_seen_is_stored_after_the_dataset_changed() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2"), ("c", "3")]);
    let unreadable = List { unreadable: true, ..list.clone() };
    let (worker, acks) = start(&unreadable);
    let identity = |record: RecordId| {
        let (name, caption) = list.records[record.index()].clone();
        (record, (name, caption))
    };
    worker.handle().show(vec![(RecordId(1), ("old".to_owned(), None)), identity(RecordId(0))]).unwrap();
    worker.handle().show(vec![identity(RecordId(1))]).unwrap();
    store(&worker, 1, decided(RecordId(1), edited("typed")));
    store(&worker, 2, decided(RecordId(0), Decision::Kept));
    store(&worker, 3, decided(RecordId(2), Decision::Kept));
    assert!(matches!(worker.close(), Err(SessionError::Dataset(_))), "the last one was never seen");
    assert_eq!(failed(&acks).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3]);

    // In the changed dataset, the records are found by what was seen.
    let mut grown = list.clone();
    grown.replace(&[("new", "0"), ("a", "1"), ("b", "2"), ("c", "3")]);
    let review = Review::open(&grown);
    assert_eq!(review.ledger.record(RecordId(2)).decision, edited("typed"));
    assert_eq!(review.ledger.record(RecordId(1)).decision, Decision::Kept);
    assert_eq!(review.opened.unmatched, []);
}

#[test]
fn a_refused_transaction_leaves_nothing_behind() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (mut store, mut opened) = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    let step = opened.ledger.perform(decided(RecordId(0), Decision::Kept).into());
    let absent = Step { first: Seq(step.last().0 + 1), changes: decided(RecordId(7), Decision::Kept).into() };
    let transaction = Transaction { steps: vec![step.clone(), absent], ..Transaction::default() };
    store.commit_all(transaction, Timestamp::UNIX_EPOCH).expect_err("no such record");
    let transaction = Transaction { steps: vec![step], ..Transaction::default() };
    store.commit_all(transaction, Timestamp::UNIX_EPOCH).expect("the record is introduced again");
    store.close().unwrap();
    assert_eq!(Review::open(&list).ledger.record(RecordId(0)).decision, Decision::Kept);
}

#[test]
fn what_a_full_disk_refuses_is_kept_and_reported_as_lost_on_closing() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();

    let (file, _) = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    file.limit_pages();
    let (worker, acks) = spawn(file);
    let long = "a long note ".repeat(10_000);
    store(&worker, 2, Event::Noted { record: RecordId(0), note: long });
    let WorkerEvent::Delayed { error } = acks.recv().unwrap() else { panic!("stored on a full disk") };
    assert!(error.contains("full: make room on the disk"), "{error}");
    store(&worker, 3, decided(RecordId(1), Decision::Kept));
    assert!(matches!(acks.recv().unwrap(), WorkerEvent::Delayed { .. }));
    let error = worker.close().unwrap_err();
    assert!(matches!(error, SessionError::Lost { records: 2, .. }), "{error}");
    assert!(error.to_string().starts_with("lost: changes to 2 records: "), "{error}");
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn what_another_programs_lock_delays_is_stored_after_it() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    Review::open(&list).close();
    let (worker, acks) = start(&list);
    let other = rusqlite::Connection::open(list.location().file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store(&worker, 1, decided(RecordId(0), Decision::Kept));
    assert!(matches!(acks.recv().unwrap(), WorkerEvent::Delayed { .. }));
    store(&worker, 2, decided(RecordId(1), Decision::Skipped));
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    let durable = acks.iter().find_map(|event| match event {
        WorkerEvent::Durable { through } if through == Seq(2) => Some(through),
        WorkerEvent::Durable { .. } | WorkerEvent::Delayed { .. } => None,
        other => panic!("{other:?}"),
    });
    assert_eq!(durable, Some(Seq(2)));
    worker.close().unwrap();
    let review = Review::open(&list);
    assert_eq!(review.ledger.record(RecordId(0)).decision, Decision::Kept);
    assert_eq!(review.ledger.record(RecordId(1)).decision, Decision::Skipped);
}

#[test]
fn a_copy_of_an_idle_session_is_complete() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    review.settle();
    let copy = folder.path().join("copy.sqlite");
    let location = Location::find(&list.path, CAPTION, Some(&copy)).unwrap();
    let start = Instant::now();
    loop {
        std::fs::copy(list.location().file(), &copy).unwrap();
        match open_read_only(&location, &list.dataset()) {
            Ok(opened) => break assert_eq!(opened.ledger, review.ledger),
            // Torn copies count as damaged.
            Err(SessionError::LogMissing { .. } | SessionError::Damaged { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(start.elapsed() < Duration::from_mins(1), "not complete while idle");
        std::thread::yield_now();
    }
    review.close();
}

#[test]
fn dropping_the_worker_writes_the_queue() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (worker, acks) = start(&list);
    for seq in 1..=100 {
        store(&worker, seq, Event::Undone);
    }
    drop(worker);
    assert!(matches!(acks.iter().last(), Some(WorkerEvent::Durable { through: Seq(100) })));
    assert_eq!(Review::open(&list).ledger.last(), Seq(100));
}

#[test]
fn only_the_newest_draft_is_stored_but_all_are_counted() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    for length in 1..200 {
        review.apply(drafted(&"a".repeat(length)));
    }
    let ledger = review.close();
    let connection = rusqlite::Connection::open(list.location().file()).unwrap();
    let rows: (i64, i64, i64) = connection
        .query_row("SELECT count(*), sum(writes), (SELECT count(*) FROM event) FROM draft", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!(rows, (1, 199, 0));
    drop(connection);
    let mut review = Review::open(&list);
    assert_eq!(review.ledger, ledger);
    review.apply(Event::Drafted { record: RecordId(0), draft: None });
    review.apply(Event::Flagged { record: RecordId(0), on: true });
    let ledger = review.close();
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn the_cursor_is_stored_without_an_event() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let review = Review::open(&list);
    assert_eq!(review.opened.cursor, None);
    review.worker().set_cursor(RecordId(0), "a".to_owned()).unwrap();
    review.worker().set_cursor(RecordId(1), "b".to_owned()).unwrap();
    review.close();
    assert_eq!(Review::open(&list).opened.cursor, Some(RecordId(1)));
}

#[derive(Clone, Debug)]
enum Deed {
    Changes(Changes),
    /// Saves everything but a number of the newest events.
    Save(u64, u128),
    Restart,
}

fn words() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn record() -> impl Strategy<Value = RecordId> {
    (0_u32..4).prop_map(RecordId)
}

fn base() -> impl Strategy<Value = EditBase> {
    prop_oneof![
        Just(EditBase::Original),
        Just(EditBase::Current),
        any::<u64>().prop_map(|id| EditBase::Candidate(CandidateId(id))),
    ]
}

fn decision() -> impl Strategy<Value = Decision> {
    prop_oneof![
        Just(Decision::Undecided),
        (any::<u64>(), words()).prop_map(|(id, text)| Decision::Accepted { candidate: CandidateId(id), text }),
        (words(), base()).prop_map(|(text, base)| Decision::Edited { text, base }),
        Just(Decision::Kept),
        Just(Decision::Skipped),
        Just(Decision::Excluded),
    ]
}

fn candidate() -> impl Strategy<Value = Provenance> {
    let stop = prop_oneof![
        Just(StopReason::EndTurn),
        Just(StopReason::MaxTokens),
        words().prop_map(StopReason::Other),
        Just(StopReason::Other("end_turn".to_owned())),
    ];
    let times = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
    let usage = (0..1_u64 << 60, 0..1_u64 << 60, 0..1_u64 << 60).prop_map(|(input, output, cost)| Usage {
        tokens: Tokens { input, output },
        cost: Dollars::from_billionths(cost).into(),
    });
    let how = (words(), words(), words(), option::of(words()), option::of(words()), option::of(usage));
    (how, stop, times).prop_map(|((describer, model, parameters, prompt, reason, usage), stop, at)| Provenance {
        describer,
        model,
        prompt,
        parameters,
        reason,
        usage,
        stop,
        at: Timestamp::from_nanosecond(at).unwrap(),
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let quotes = prop::collection::vec((0..1_usize << 40, words()), 0..3);
    (0..3_u128, quotes, prop::collection::vec(words(), 0..3), any::<u32>()).prop_map(
        |(judged, quotes, missing, dropped)| Verdict {
            judged: TextHash(judged),
            unsupported: quotes.into_iter().map(|(start, text)| Quote { start, text }).collect(),
            missing,
            dropped,
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let by = prop_oneof![Just(Actor::Operator), Just(Actor::Run)];
    let draft = prop::option::of((words(), 0..usize::MAX / 4, base()));
    prop_oneof![
        4 => (record(), decision(), by).prop_map(|(record, decision, by)| Event::Decided { record, decision, by }),
        1 => (record(), any::<bool>()).prop_map(|(record, on)| Event::Flagged { record, on }),
        1 => (record(), prop::option::of("[a-c]{0,3}")).prop_map(|(record, reason)| Event::Rejected { record, reason }),
        2 => (record(), option::of(words())).prop_map(|(record, text)| Event::Amended { record, text }),
        1 => (0_u64..6).prop_map(|changes| Event::StepEnded { changes }),
        1 => (record(), words()).prop_map(|(record, note)| Event::Noted { record, note }),
        2 => (record(), words(), candidate())
            .prop_map(|(record, text, provenance)| Event::Generated { record, text, provenance }),
        2 => (record(), verdict(), candidate()).prop_map(|(record, verdict, provenance)| Event::Verified {
            record,
            verification: Box::new(Verification { verdict, provenance: Provenance { reason: None, ..provenance } }),
        }),
        1 => (record(), words()).prop_map(|(record, reason)| Event::Failed { record, reason }),
        1 => (record(), words()).prop_map(|(record, describer)| Event::Unrecognised { record, describer }),
        2 => (record(), draft).prop_map(|(record, draft)| Event::Drafted {
            record,
            draft: draft.map(|(text, cursor, base)| Draft { text, cursor, base }),
        }),
        3 => Just(Event::Undone),
        2 => Just(Event::Redone),
    ]
}

fn changes() -> impl Strategy<Value = Changes> {
    let by = prop_oneof![Just(Actor::Operator), Just(Actor::Run)];
    let change = prop_oneof![
        (decision(), by).prop_map(|(decision, by)| Change::Decided { decision, by }),
        option::of(words()).prop_map(Change::Amended),
        any::<bool>().prop_map(Change::Flagged),
    ];
    let records = prop::collection::btree_set(0_u32..4, 1..4);
    prop_oneof![
        4 => event().prop_map(Changes::One),
        1 => (records, change.clone()).prop_map(|(records, change)| Changes::Same(records.into_iter().collect(), change)),
        1 => prop::collection::vec((record(), change), 1..5).prop_map(Changes::Each),
        2 => prop::collection::vec(event(), 1..5).prop_map(Changes::Events),
        2 => prop::collection::btree_map(0_u32..4, words(), 1..4)
            .prop_map(|texts| Changes::Texts(Arc::new(texts.into_iter().map(|(id, text)| (RecordId(id), text)).collect()))),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        12 => changes().prop_map(Deed::Changes),
        1 => (0_u64..3, any::<u128>()).prop_map(|(behind, hash)| Deed::Save(behind, hash)),
        1 => Just(Deed::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However often the session is closed and reopened, its ledger equals one that stays in memory.
    #[test]
    fn a_session_restores_its_ledger(deeds in prop::collection::vec(deed(), 1..80)) {
        let folder = folder();
        let list = List::new(folder.path(), &[("a", "1"), ("b", "2"), ("c\0c", "3"), ("", "4")]);
        let mut pure = Ledger::new();
        let mut review = Review::open(&list);
        for deed in deeds.into_iter().chain([Deed::Restart]) {
            match deed {
                Deed::Changes(changes) => {
                    match &changes {
                        // In memory, these are not the same as one event for each.
                        Changes::Texts(_) => _ = pure.perform(changes.clone()),
                        _ => changes.events().for_each(|event| _ = pure.apply(event)),
                    }
                    review.perform(changes);
                }
                Deed::Save(behind, hash) => {
                    let through = Seq(pure.last().0.saturating_sub(behind));
                    let event = Event::Saved { path: list.path.with_extension("out"), through, hash };
                    pure.apply(event.clone());
                    review.apply(event);
                }
                Deed::Restart => {
                    review.close();
                    prop_assert_eq!(&read(&list).ledger, &pure);
                    review = Review::open(&list);
                    prop_assert_eq!(&review.ledger, &pure);
                }
            }
        }
    }
}

fn charge() -> Charge {
    let usage = Usage { tokens: Tokens { input: 10, output: 2 }, cost: Cost::default() };
    Charge { record: RecordId(0), model: "m".to_owned(), prompt: "p".to_owned(), usage, estimated: false }
}

/// Plans a part of a batch with both records of a list, and gives it a job.
fn submitted(list: &List) {
    let mut store = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0;
    let plan = BatchPlan {
        token: "t".to_owned(),
        is_verification: false,
        model: "m".to_owned(),
        prompt: "p".to_owned(),
        region: "us-east-1".to_owned(),
        input: "s3://b/i".to_owned(),
        output: "s3://b/o/".to_owned(),
    };
    let entry = |record: u32| BatchEntry { record: RecordId(record), variant: 0, request: 1, judged: None };
    let entries = vec![entry(1), entry(0)];
    let (token, job) = ("t".to_owned(), "arn".to_owned());
    let notes = vec![
        BatchNote::Planned(plan),
        BatchNote::Uploaded { token: token.clone(), entries, parameters: Vec::new() },
        BatchNote::Created { token, job },
    ];
    store.commit_all(Transaction { notes, ..Transaction::default() }, Timestamp::UNIX_EPOCH).unwrap();
    store.close().unwrap();
}

/// The results at a place of that part.
fn results(seq: u64, record: u32, place: u32) -> Transaction {
    let event = Event::Failed { record: RecordId(record), reason: "no image".to_owned() };
    Transaction {
        steps: vec![Step { first: Seq(seq), changes: event.into() }],
        charges: vec![charge()],
        notes: vec![BatchNote::Taken { token: "t".to_owned(), places: [place].into() }],
    }
}

fn spent(list: &List) -> u64 {
    let opened = open_read_only(&list.location(), &list.dataset()).unwrap();
    opened.spending.iter().map(|spending| spending.usage.tokens.input).sum()
}

#[test]
fn results_are_acknowledged_once_they_are_on_disk_with_their_cost_and_do_not_wait_any_more() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    submitted(&list);
    let waiting = || open_read_only(&list.location(), &list.dataset()).unwrap().waiting(false);
    assert_eq!(waiting(), [0, 1].into());
    let (worker, acks) = start(&list);
    let entries = worker.handle().batch_entries("t").unwrap();
    assert_eq!(entries.iter().map(|entry| entry.record.0).collect::<Vec<_>>(), [1, 0]);
    let (receipt, stored) = std::sync::mpsc::channel();
    let receipt = Receipt::new(move || receipt.send(()).unwrap());
    worker.handle().store_results(results(1, 1, 0), Timestamp::UNIX_EPOCH, receipt).unwrap();
    stored.recv().unwrap();
    assert_eq!((waiting(), spent(&list)), ([0].into(), 10), "on disk before the receipt");
    worker.close().unwrap();
    assert!(acks.iter().any(|ack| matches!(ack, WorkerEvent::Durable { through: Seq(1) })));
    let opened = open_read_only(&list.location(), &list.dataset()).unwrap();
    assert_eq!((opened.batches[0].left(), opened.ledger.last()), (1, Seq(1)));
}

#[test]
fn results_whose_record_cannot_be_stored_are_neither_taken_nor_paid() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    submitted(&list);
    let (worker, acks) = start(&list);
    let (receipt, stored) = std::sync::mpsc::channel::<()>();
    let receipt = Receipt::new(move || receipt.send(()).unwrap());
    // It was never sent, and is not in the dataset.
    worker.handle().store_results(results(1, 7, 0), Timestamp::UNIX_EPOCH, receipt).unwrap();
    assert!(stored.recv().is_err(), "the receipt is dropped");
    assert!(matches!(worker.close(), Err(SessionError::Unknown { record: RecordId(7) })));
    assert_eq!(failed(&acks).len(), 1);
    let opened = open_read_only(&list.location(), &list.dataset()).unwrap();
    assert_eq!((opened.batches[0].left(), spent(&list)), (2, 0), "both are collected again");
}
