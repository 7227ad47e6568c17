//! Records that wait for a batch job, and results that are taken in during a review.

use jiff::Timestamp;
use recaption::dataset::RecordId;
use recaption::describe::{Charge, Cost, DescribeError, Description, Outcome, StopReason, Tokens, Usage};
use recaption::engine::batch::{Answer, Chunk, Jobs};
use recaption::engine::{CollectionId, EngineEvent};
use recaption::review::{Effect, NoticeKind, SessionStatus, Tab};
use recaption::session::{
    BatchNote, BatchPart, BatchPlan, Event, Ledger, Opened, PartState, SampleRequest, SessionError, Transaction,
};
use roaring::RoaringBitmap;

use crate::screens::screen;
use crate::world::World;

const TOKEN: &str = "20261201-000000-0123456789abcdef";

/// A part of a batch with these records, in this order.
fn part(records: &[u32], is_verification: bool) -> BatchPart {
    BatchPart {
        plan: BatchPlan {
            token: TOKEN.to_owned(),
            is_verification,
            model: "m1".to_owned(),
            prompt: "p".to_owned(),
            region: "us-east-1".to_owned(),
            input: "s3://bucket/input.jsonl".to_owned(),
            output: "s3://bucket/output/".to_owned(),
        },
        at: Timestamp::UNIX_EPOCH,
        state: PartState::Created { job: "arn:job".to_owned() },
        records: records.len() as u64,
        parameters: Vec::new(),
        waiting: records.iter().copied().collect(),
        taken: RoaringBitmap::new(),
    }
}

/// A review of four records, of which the first three wait for candidates.
fn world() -> World {
    world_with(vec![part(&[0, 1, 2], false)])
}

fn world_with(batches: Vec<BatchPart>) -> World {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four."]);
    open(&mut world, batches);
    world
}

fn open(world: &mut World, batches: Vec<BatchPart>) {
    let ledger = std::mem::take(&mut world.model.ledger);
    let opened = Box::new(Opened { ledger, batches, ..Opened::default() });
    world.send(EngineEvent::SessionOpened { opened, remark: None, read_only: None });
    world.asked.clear();
}

fn answer(place: u32, text: &str) -> Answer {
    let usage = Usage { tokens: Tokens { input: 1000, output: 20 }, cost: Cost::default() };
    let description = Description {
        text: text.to_owned(),
        model: "m1".to_owned(),
        prompt: Some("p".to_owned()),
        parameters: "batch".to_owned(),
        stop: StopReason::EndTurn,
        usage: Some(usage),
    };
    let charge =
        Charge { record: RecordId(place), model: "m1".to_owned(), prompt: "p".to_owned(), usage, estimated: false };
    Answer {
        place,
        record: RecordId(place),
        is_present: true,
        in_dataset: Some("Old.".to_owned()),
        judged: None,
        outcome: Outcome::Described(description),
        charge: Some(charge),
    }
}

fn failure(place: u32, reason: &str) -> Answer {
    let outcome = Outcome::Failed(DescribeError { message: reason.to_owned() });
    Answer { outcome, charge: None, ..answer(place, "") }
}

fn arrive(world: &mut World, id: CollectionId, answers: Vec<Answer>, ended: Option<&str>) {
    let ended = ended.map(str::to_owned);
    let chunk = Chunk { token: TOKEN.to_owned(), is_verification: false, answers, ended };
    world.send(EngineEvent::Collected { id, chunk: Box::new(chunk), at: Timestamp::UNIX_EPOCH });
}

fn end(world: &mut World, id: CollectionId, jobs: Jobs, error: Option<&str>) {
    world.send(EngineEvent::CollectionEnded { id, jobs: Box::new(jobs), error: error.map(str::to_owned) });
}

/// Starts a collection. Returns its id and the parts.
fn start(world: &mut World) -> (CollectionId, Vec<BatchPart>) {
    world.keys("g c");
    match world.asked.pop() {
        Some(Effect::CollectBatches(id, parts)) => (id, parts),
        other => panic!("no collection: {other:?}, {:?}", world.model.notice),
    }
}

/// Returns what was to be stored for results since the last call.
fn stored(world: &mut World) -> Vec<Transaction> {
    let asked = std::mem::take(&mut world.asked);
    let of_results = |effect| match effect {
        Effect::StoreResults(_, transaction) => Some(transaction),
        _ => None,
    };
    asked.into_iter().filter_map(of_results).collect()
}

fn notice(world: &World) -> &str {
    world.model.notice.as_ref().map(|notice| notice.text.as_str()).unwrap_or_default()
}

#[test]
fn the_opened_session_says_what_waits_and_how_to_get_it() {
    let world = world();
    assert_eq!(notice(&world), "3 records wait for a batch job · g c collects the results");
}

#[test]
fn waiting_records_are_listed_by_a_filter_and_are_not_described_again() {
    let mut world = world();
    world.keys("f").write("status:waiting").keys("Enter");
    assert_eq!(world.listed(), [0, 1, 2]);
    world.keys("g a");
    assert_eq!(world.asks().len(), 0, "all in view wait");
    world.keys("F");
    world.keys("g a");
    let asked: Vec<u32> = world.asks().iter().map(|spec| spec.record.0).collect();
    assert_eq!(asked, [3]);
}

#[test]
fn results_become_candidates_and_are_stored_with_what_they_cost() {
    let mut world = world();
    world.keys("f").write("status:waiting").keys("Enter");
    let (id, parts) = start(&mut world);
    assert_eq!(parts.len(), 1);
    arrive(&mut world, id, vec![answer(0, "A blue coat."), failure(1, "no image")], None);
    let transactions = stored(&mut world);
    let [transaction] = transactions.as_slice() else { panic!("{transactions:?}") };
    assert_eq!((transaction.steps.len(), transaction.charges.len()), (2, 1));
    let places = RoaringBitmap::from([0, 1]);
    assert_eq!(transaction.notes, [BatchNote::Taken { token: TOKEN.to_owned(), places }]);
    assert_eq!(world.model.state(RecordId(0)).candidates[0].text, "A blue coat.");
    assert_eq!(world.model.state(RecordId(1)).failure.as_deref(), Some("no image"));
    // Only the last one still waits. The record under the cursor stays in view.
    assert_eq!(world.model.batch.records(), RoaringBitmap::from([2]));
    assert_eq!(world.listed(), [0, 2]);
    arrive(&mut world, id, vec![answer(2, "A red coat.")], Some("completed"));
    end(&mut world, id, Jobs { collected: 1, ..Jobs::default() }, None);
    assert_eq!(notice(&world), "collected 1 batch job: 2 described, 1 failed · 3 lists the candidates");
    assert_eq!(world.model.batch.left(), 0);
    world.keys("F").keys("3");
    assert_eq!((world.model.list.tab, world.listed()), (Tab::Ready, vec![0, 2]));
    world.keys("g c");
    assert_eq!(notice(&world), "no records wait for a batch job · `recaption batch submit` creates jobs");
}

#[test]
fn an_undo_reverts_decisions_but_no_results() {
    let mut world = world();
    world.keys("x");
    let (id, _) = start(&mut world);
    arrive(&mut world, id, vec![answer(0, "A blue coat."), answer(1, "A red coat.")], None);
    world.keys("u");
    assert_eq!(world.model.state(RecordId(0)).candidates.len(), 1);
    assert_eq!(world.model.state(RecordId(0)).decision, recaption::session::Decision::Undecided);
    world.keys("u");
    assert_eq!(world.model.state(RecordId(1)).candidates.len(), 1, "nothing else to undo");
}

#[test]
fn a_stopped_collection_keeps_what_it_stored_and_continues_later() {
    let mut world = world();
    let (first, _) = start(&mut world);
    arrive(&mut world, first, vec![answer(0, "A blue coat.")], None);
    world.asked.clear();
    world.keys("ctrl-c");
    assert!(world.asked.contains(&Effect::StopCollecting));
    assert_eq!(notice(&world), "stopped collecting; what was collected is stored · g c continues · ^c again quits");
    // Late.
    arrive(&mut world, first, vec![answer(1, "A red coat.")], None);
    end(&mut world, first, Jobs::default(), None);
    assert_eq!(world.model.state(RecordId(1)).candidates.len(), 0);
    world.asked.clear();
    let (second, parts) = start(&mut world);
    assert_ne!(first, second);
    assert_eq!(parts[0].taken, RoaringBitmap::from([0]), "it continues after the first");
    arrive(&mut world, second, vec![answer(1, "A red coat."), answer(2, "A hat.")], Some("completed"));
    assert_eq!(world.model.batch.left(), 0);
}

#[test]
fn an_error_names_the_way_out_and_the_rest_is_collected_later() {
    let mut world = world();
    let (id, _) = start(&mut world);
    arrive(&mut world, id, vec![answer(0, "A blue coat.")], None);
    let expired = "the credentials have expired: sign in with `aws sso login`";
    end(&mut world, id, Jobs::default(), Some(expired));
    let notice = world.model.notice.clone().expect("a notice");
    assert_eq!(notice.kind, NoticeKind::Error);
    assert_eq!(notice.text, format!("{expired} · collected so far: 1 described · g c continues"));
    let (_, parts) = start(&mut world);
    assert_eq!(parts[0].left(), 2);
}

#[test]
fn jobs_at_work_are_reported() {
    let mut world = world();
    let (id, _) = start(&mut world);
    world.keys("g c");
    assert_eq!(notice(&world), "results are being collected · ^c stops that");
    end(&mut world, id, Jobs { running: 2, waiting: 3, ..Jobs::default() }, None);
    assert_eq!(notice(&world), "2 batch jobs still at work; 3 records still wait");
}

#[test]
fn nothing_is_collected_if_it_could_not_be_stored_or_would_bias_a_spot_check() {
    let mut world = world();
    world.model.session = SessionStatus::ReadOnly("kim has it open".to_owned());
    world.keys("g c");
    assert_eq!((notice(&world), world.asked.len()), ("read-only: kim has it open", 0));
    world.model.session = SessionStatus::Open;
    world.model.settings.sample = Some(SampleRequest { size: 2, seed: 1, by: None, blind: false });
    world.keys("g c");
    assert!(notice(&world).starts_with("not during a spot check"), "{}", notice(&world));
    assert_eq!(world.asked.len(), 0);
}

#[test]
fn a_collection_stops_if_the_session_cannot_be_written() {
    for event in [EngineEvent::StoreFailed("gone".to_owned()), EngineEvent::StoreDelayed("disk full".to_owned())] {
        let mut world = world();
        start(&mut world);
        world.send(event);
        assert!(world.asked.contains(&Effect::StopCollecting), "{:?}", world.asked);
        assert_eq!(world.model.batch.collecting, None);
    }
    let mut world = world();
    start(&mut world);
    world.send(EngineEvent::SessionFailed(SessionError::NotOpen));
    assert_eq!(world.model.batch.collecting, None);
}

#[test]
fn records_that_wait_for_a_verdict_are_listed_too() {
    let mut world = world_with(vec![part(&[1], true)]);
    world.keys("f").write("status:waiting").keys("Enter");
    assert_eq!(world.listed(), [1]);
    world.keys("F").keys("g a");
    assert_eq!(world.asks().len(), 4, "a verdict is no description");
}

#[test]
fn the_ledger_is_the_fold_of_what_was_stored() {
    let mut world = world();
    let (id, _) = start(&mut world);
    arrive(&mut world, id, vec![answer(0, "A blue coat."), failure(1, "no image"), answer(2, "A hat.")], None);
    let mut ledger = Ledger::new();
    for transaction in stored(&mut world) {
        for event in transaction.steps.iter().flat_map(|step| step.changes.events()).collect::<Vec<Event>>() {
            ledger.apply(event);
        }
    }
    assert_eq!(ledger, world.model.ledger);
}

#[test]
fn the_screen_shows_what_waits_and_the_progress_of_a_collection() {
    let mut world = world();
    insta::assert_snapshot!("batch_waiting", screen(&mut world, 80, 24, false).backend());
    let (id, _) = start(&mut world);
    arrive(&mut world, id, vec![answer(0, "A blue coat in a quiet street.")], None);
    world.keys("j");
    insta::assert_snapshot!("batch_collecting", screen(&mut world, 80, 24, false).backend());
    let ascii = screen(&mut world, 100, 30, true).backend().to_string();
    assert!(ascii.contains("w results are being"), "{ascii}");
}
