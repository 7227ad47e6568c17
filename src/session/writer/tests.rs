use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;

use crate::dataset::RecordId;
use crate::describe::{Dollars, StopReason, Tokens, Usage};
use crate::session::fixture::*;
use crate::session::{
    Ack, Actor, CandidateId, Decision, Draft, EditBase, Entry, Event, Ledger, Provenance, Seq, SessionError, open,
};

fn entry(list: &List, seq: u64, event: Event) -> Entry {
    let subject = event.record().map(|record| list.subject(record));
    Entry { seq: Seq(seq), at: Timestamp::UNIX_EPOCH, event, subject }
}

fn start(list: &List) -> (crate::session::Writer, std::sync::mpsc::Receiver<Ack>) {
    spawn(open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap().0)
}

fn failed(acks: &std::sync::mpsc::Receiver<Ack>) -> Vec<(u64, String)> {
    acks.iter()
        .filter_map(|ack| match ack {
            Ack::Failed { seq, error } => Some((seq.0, error)),
            Ack::Durable { .. } => None,
        })
        .collect()
}

fn drafted(text: &str) -> Event {
    let draft = Draft { text: text.to_owned(), cursor: text.len(), base: EditBase::Current };
    Event::Drafted { record: RecordId(0), draft: Some(draft) }
}

#[test]
fn a_hole_in_the_numbers_is_refused_and_so_is_all_that_follows() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (writer, acks) = start(&list);
    for seq in [1, 3, 4, 2] {
        writer.record(entry(&list, seq, Event::Undone)).unwrap();
    }
    assert!(matches!(writer.close(), Err(SessionError::OutOfOrder { due: Seq(2), got: Seq(3) })));
    let failed = failed(&acks);
    assert_eq!(failed.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3, 4, 2]);
    assert!(failed[0].1.contains("event 3 came where 2 was due"));
    assert_eq!(Review::open(&list).ledger.last(), Seq(1));
}

#[test]
fn a_record_nobody_introduced_is_refused() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (writer, acks) = start(&list);
    let stranger = Entry { subject: None, ..entry(&list, 1, decided(RecordId(0), Decision::Kept)) };
    writer.record(stranger).unwrap();
    assert!(matches!(writer.close(), Err(SessionError::Unknown { record: RecordId(0) })));
    assert_eq!(failed(&acks).len(), 1);
}

#[test]
fn a_record_is_introduced_once() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (writer, acks) = start(&list);
    writer.record(entry(&list, 1, decided(RecordId(0), Decision::Kept))).unwrap();
    writer.record(Entry { subject: None, ..entry(&list, 2, decided(RecordId(0), Decision::Skipped)) }).unwrap();
    writer.close().unwrap();
    assert_eq!(acks.iter().last(), Some(Ack::Durable { through: Seq(2) }));
    let (writer, _acks) = start(&list);
    writer.record(Entry { subject: None, ..entry(&list, 3, decided(RecordId(0), Decision::Kept)) }).unwrap();
    writer.close().unwrap();
}

#[test]
fn a_full_disk_fails_the_batch_and_all_that_follows_and_what_was_durable_stays() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let mut review = Review::open(&list);
    review.decide("a", Decision::Kept);
    let ledger = review.close();

    let (store, _) = open(&list.location(), &list.dataset(), Timestamp::UNIX_EPOCH).unwrap();
    store.limit_pages();
    let (writer, acks) = spawn(store);
    let long = "a long note ".repeat(10_000);
    writer.record(entry(&list, 2, Event::Noted { record: RecordId(0), note: long })).unwrap();
    let Ack::Failed { seq: Seq(2), error } = acks.recv().unwrap() else { panic!("stored on a full disk") };
    assert!(error.contains("full: make room on the disk"), "{error}");
    writer.record(entry(&list, 3, Event::Undone)).unwrap();
    assert!(matches!(acks.recv().unwrap(), Ack::Failed { seq: Seq(3), .. }));
    assert!(matches!(writer.close(), Err(SessionError::Database { .. })));
    assert_eq!(Review::open(&list).close(), ledger);
}

#[test]
fn dropping_the_writer_writes_what_is_queued() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1")]);
    let (writer, acks) = start(&list);
    for seq in 1..=100 {
        writer.record(entry(&list, seq, Event::Undone)).unwrap();
    }
    drop(writer);
    assert_eq!(acks.iter().last(), Some(Ack::Durable { through: Seq(100) }));
    assert_eq!(Review::open(&list).ledger.last(), Seq(100));
}

#[test]
fn only_the_newest_draft_is_stored_and_every_number_is_accounted_for() {
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
fn the_cursor_is_kept_without_an_event() {
    let folder = folder();
    let list = List::new(folder.path(), &[("a", "1"), ("b", "2")]);
    let review = Review::open(&list);
    assert_eq!(review.opened.cursor, None);
    review.writer().set_cursor(RecordId(0), "a".to_owned()).unwrap();
    review.writer().set_cursor(RecordId(1), "b".to_owned()).unwrap();
    review.close();
    assert_eq!(Review::open(&list).opened.cursor, Some(RecordId(1)));
}

#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    /// Saves all there is, or all but the newest so many events.
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
        cost: Dollars::from_billionths(cost),
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

fn event() -> impl Strategy<Value = Event> {
    let by = prop_oneof![Just(Actor::Operator), Just(Actor::Run)];
    let draft = prop::option::of((words(), 0..usize::MAX / 4, base()));
    prop_oneof![
        4 => (record(), decision(), by).prop_map(|(record, decision, by)| Event::Decided { record, decision, by }),
        1 => (record(), any::<bool>()).prop_map(|(record, on)| Event::Flagged { record, on }),
        2 => (record(), option::of(words())).prop_map(|(record, text)| Event::Amended { record, text }),
        1 => (0_u64..6).prop_map(|changes| Event::Together { changes }),
        1 => (record(), words()).prop_map(|(record, note)| Event::Noted { record, note }),
        2 => (record(), words(), candidate())
            .prop_map(|(record, text, provenance)| Event::Generated { record, text, provenance }),
        1 => (record(), words()).prop_map(|(record, reason)| Event::Failed { record, reason }),
        2 => (record(), draft).prop_map(|(record, draft)| Event::Drafted {
            record,
            draft: draft.map(|(text, cursor, base)| Draft { text, cursor, base }),
        }),
        3 => Just(Event::Undone),
        2 => Just(Event::Redone),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => event().prop_map(Step::Event),
        1 => (0_u64..3, any::<u128>()).prop_map(|(behind, hash)| Step::Save(behind, hash)),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens and however often the session is left and opened again, it is the ledger that never left memory.
    #[test]
    fn a_session_is_the_pure_ledger(steps in prop::collection::vec(step(), 1..80)) {
        let folder = folder();
        let list = List::new(folder.path(), &[("a", "1"), ("b", "2"), ("c\0c", "3"), ("", "4")]);
        let mut pure = Ledger::new();
        let mut review = Review::open(&list);
        for step in steps.into_iter().chain([Step::Restart]) {
            match step {
                Step::Event(event) => {
                    pure.apply(event.clone());
                    review.apply(event);
                }
                Step::Save(behind, hash) => {
                    let through = Seq(pure.last().0.saturating_sub(behind));
                    let event = Event::Saved { path: list.path.with_extension("out"), through, hash };
                    pure.apply(event.clone());
                    review.apply(event);
                }
                Step::Restart => {
                    review.close();
                    prop_assert_eq!(&read(&list).ledger, &pure);
                    review = Review::open(&list);
                    prop_assert_eq!(&review.ledger, &pure);
                }
            }
        }
    }
}
