//! Merging of two sessions.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::fixture::{Printed, World, decided, edited};
use super::super::save::{self, SaveOptions};
use super::super::stats::{StatsMode, StatsOptions};
use super::*;
use crate::dataset::{Dataset, RecordId};
use crate::describe::verdict::TextHash;
use crate::describe::{Quote, StopReason, Verdict};
use crate::report::draw;
use crate::session::{
    Decision, Draft, EditBase, FILE, History, Location, Opened, Provenance, SampleRequest, Verification, Worker,
    read_history,
};

const SIX: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A man.\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A woman.\"}\n",
    "{\"file_name\": \"c.jpg\", \"text\": \"A dog.\"}\n",
    "{\"file_name\": \"d.jpg\", \"text\": \"A cat.\"}\n",
    "not JSON\n",
    "{\"file_name\": \"f.jpg\", \"text\": \"A hat.\"}\n",
);
const BLIND: SampleRequest = SampleRequest { size: 5, seed: 7, by: None, blind: true };

fn second(number: u64) -> Timestamp {
    Timestamp::from_second(number.cast_signed()).unwrap()
}

fn described(record: u32, text: &str, model: &str) -> Event {
    let provenance = Provenance {
        describer: "bedrock".to_owned(),
        model: model.to_owned(),
        prompt: Some("default 1".to_owned()),
        parameters: "detail: brief".to_owned(),
        reason: Some("too long".to_owned()),
        usage: None,
        stop: StopReason::EndTurn,
        at: second(1_000),
    };
    Event::Generated { record: RecordId(record), text: text.to_owned(), provenance }
}

/// A candidate imported from an earlier run.
fn of_file(record: u32, text: &str) -> Event {
    match described(record, text, "old.jsonl") {
        Event::Generated { record, text, provenance } => {
            Event::Generated { record, text, provenance: Provenance { describer: FILE.to_owned(), ..provenance } }
        }
        other => other,
    }
}

fn taken(candidate: u64, text: &str) -> Decision {
    Decision::Accepted { candidate: CandidateId(candidate), text: text.to_owned() }
}

fn from(base: EditBase, text: &str) -> Decision {
    Decision::Edited { text: text.to_owned(), base }
}

fn amended(record: u32, text: &str) -> Event {
    Event::Amended { record: RecordId(record), text: Some(text.to_owned()) }
}

fn noted(record: u32, note: &str) -> Event {
    Event::Noted { record: RecordId(record), note: note.to_owned() }
}

fn flagged(record: u32) -> Event {
    Event::Flagged { record: RecordId(record), on: true }
}

fn drafted(record: u32) -> Event {
    let draft = Draft { text: "A".to_owned(), cursor: 1, base: EditBase::Original };
    Event::Drafted { record: RecordId(record), draft: Some(draft) }
}

/// Stores events in the session of a dataset, one per second, after a sample if there is one.
fn sit(world: &World, reviewer: &str, sample: Option<&SampleRequest>, events: impl IntoIterator<Item = Event>) {
    let dataset = Dataset::open(world.folder.path(), &world.reading).unwrap();
    let namesakes = dataset.survey(&mut || ControlFlow::Continue(())).unwrap().unwrap().namesakes;
    let (store, mut opened) = world.hold();
    let worker = Worker::adopt(store, |_, _| ()).unwrap();
    worker.handle().set_namesakes(namesakes).unwrap();
    worker.handle().set_reviewer(second(1), reviewer.to_owned()).unwrap();
    if let Some(request) = sample {
        let drawn = draw(&dataset, request, &opened.ledger, second(2), &mut || ControlFlow::Continue(()));
        worker.handle().store_sample(drawn.unwrap().unwrap()).unwrap();
    }
    for event in events {
        let step = opened.ledger.perform(event.into());
        let at = second(1_000 + step.first.0);
        worker.handle().store(step, at).unwrap();
    }
    worker.close().unwrap();
}

fn options(here: &World, there: &World) -> MergeOptions {
    MergeOptions {
        input: here.input(),
        others: vec![there.folder.path().to_owned()],
        ascii: true,
        ..MergeOptions::default()
    }
}

fn merge(options: &MergeOptions) -> (Result<ExitCode, MergeError>, Printed) {
    Printed::by(|out, errors| run(options, out, errors))
}

fn json_of(options: &MergeOptions) -> (ExitCode, Value) {
    let (result, printed) = merge(&MergeOptions { json: true, ..options.clone() });
    (result.unwrap(), serde_json::from_str(printed.out()).unwrap())
}

fn opened(world: &World) -> Opened {
    world.hold().1
}

fn history(world: &World) -> History {
    let dataset = Dataset::open(world.folder.path(), &world.reading).unwrap();
    let location = Location::find(dataset.path(), dataset.caption_field(), None).unwrap();
    read_history(&location, &dataset).unwrap()
}

fn saved(world: &World) -> String {
    let options = SaveOptions { input: world.input(), ..SaveOptions::default() };
    Printed::by(|out, errors| save::run(&options, out, errors)).0.unwrap();
    world.read("metadata_updated.jsonl")
}

/// The first record is accepted; the second edited twice and changed by a command; the third kept; the fourth excluded; the
/// last flagged, with a note. The sixth line of `there` is the fifth here.
fn lees(records: [u32; 5]) -> [Event; 11] {
    let [first, second, third, fourth, last] = records;
    [
        described(first, "A tall man.", "m1"),
        described(second, "A tall woman.", "m2"),
        decided(second, from(EditBase::Candidate(CandidateId(2)), "A woman in red.")),
        decided(second, from(EditBase::Current, "A woman in blue.")),
        amended(second, "A woman in navy."),
        decided(first, taken(1, "A tall man.")),
        decided(third, Decision::Kept),
        decided(fourth, Decision::Excluded),
        flagged(last),
        noted(last, "which hat?"),
        decided(last, Decision::Skipped),
    ]
}

#[test]
fn decisions_are_merged_with_candidate_and_reviewer() {
    let here = World::new(SIX);
    sit(&here, "kim", None, [decided(5, Decision::Skipped), described(2, "A small dog.", "m3")]);
    // The other dataset begins with another record.
    let there = World::new(&format!("{{\"file_name\": \"new.jpg\", \"text\": \"New.\"}}\n{SIX}"));
    sit(&there, "lee", None, lees([1, 2, 3, 4, 6]));

    let (code, found) = json_of(&options(&here, &there));
    assert_eq!(code, ExitCode::Done);
    assert_eq!(found["taken"], json!({ "accepted": 1, "kept": 1, "edited": 1, "excluded": 1 }));
    assert_eq!((&found["flags"], &found["notes"], &found["reviewers"]), (&json!(1), &json!(1), &json!(["lee"])));

    let history = history(&here);
    let state = |record| history.opened.ledger.record(RecordId(record));
    let candidate = &state(0).candidates[0];
    assert_eq!((candidate.provenance.model.as_str(), candidate.provenance.at), ("m1", second(1_000)));
    assert_eq!(state(0).decision, taken(candidate.id.0, "A tall man."));
    let base = EditBase::Candidate(state(1).candidates[0].id);
    assert_eq!(state(1).decision, from(base, "A woman in blue."), "it began with the text of m2");
    assert_eq!((&state(2).decision, &state(3).decision), (&Decision::Kept, &Decision::Excluded));
    assert_eq!(
        (&state(5).decision, state(5).flagged, state(5).note.as_str()),
        (&Decision::Skipped, true, "which hat?")
    );

    for (record, at) in [(0, 1_006), (1, 1_004), (2, 1_007), (3, 1_008)] {
        let made = state(record).decided_at;
        assert_eq!((history.reviewer(made), history.at(made)), (Some("lee"), Some(second(at))), "record {record}");
    }
    assert_eq!(history.reviewer(session::Seq(1)), Some("kim"));
    assert_eq!(
        saved(&here),
        concat!(
            "{\"file_name\": \"a.jpg\", \"text\": \"A tall man.\"}\n",
            "{\"file_name\": \"b.jpg\", \"text\": \"A woman in navy.\"}\n",
            "{\"file_name\": \"c.jpg\", \"text\": \"A dog.\"}\n",
            "not JSON\n",
            "{\"file_name\": \"f.jpg\", \"text\": \"A hat.\"}\n",
        )
    );
}

#[test]
fn a_review_merged_into_an_empty_session_has_the_same_statistics() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&there, "lee", None, lees([0, 1, 2, 3, 5]).into_iter().take(10));
    merge(&options(&here, &there)).0.unwrap();
    let figures = |world: &World| {
        let options = StatsOptions { input: world.input(), json: true, ..StatsOptions::default() };
        let (result, printed) = Printed::by(|out, errors| stats::run(&options, out, errors));
        result.unwrap();
        serde_json::from_str::<Value>(printed.out()).unwrap()
    };
    let mut of_both = [figures(&here), figures(&there)];
    for figures in &mut of_both {
        let figures = figures.as_object_mut().unwrap();
        figures.remove("dataset");
        // Decisions that were changed later are not merged.
        figures.remove("pace");
    }
    assert_eq!(of_both[0], of_both[1]);
    assert_eq!(of_both[0]["texts"].as_array().unwrap().len(), 3, "m1, m2 and the dataset's own");
}

#[test]
fn a_merge_is_one_undo_step_and_idempotent() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&here, "kim", None, [decided(5, edited("A red hat."))]);
    sit(&there, "lee", None, lees([0, 1, 2, 3, 5]));
    assert_eq!(merge(&options(&here, &there)).0.unwrap(), ExitCode::Done);
    let once = opened(&here).ledger;

    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["taken"]["kept"], &found["decided_alike"]), (ExitCode::Done, &json!(0), &json!(4)));
    assert_eq!(opened(&here).ledger, once, "a second merge changes nothing");

    let mut undone = once;
    assert_eq!(undone.undo_targets().len(), 7, "four decisions, an amendment, a flag, a note");
    here.record([Event::Undone]);
    undone.apply(Event::Undone);
    assert_eq!(opened(&here).ledger, undone);
    for record in [0, 1, 2, 3] {
        let state = undone.record(RecordId(record));
        assert_eq!((&state.decision, state.has_own_text()), (&Decision::Undecided, false), "record {record}");
    }
    let last = undone.record(RecordId(5));
    let text = last.own_text(RecordId(5));
    assert_eq!((text.as_deref(), last.flagged, last.note.as_str()), (Some("A red hat."), false, ""));
    assert!(saved(&here).starts_with("{\"file_name\": \"a.jpg\", \"text\": \"A man.\"}\n"));

    merge(&options(&here, &there)).0.unwrap();
    let ledger = opened(&here).ledger;
    let candidates = [0, 1].map(|record| ledger.record(RecordId(record)).candidates.len());
    assert_eq!((candidates, &ledger.record(RecordId(2)).decision), ([1, 1], &Decision::Kept), "taken again, not twice");
}

#[test]
fn conflicting_decisions_are_kept_and_listed() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    let run = Event::Decided { record: RecordId(3), decision: edited("A grey cat."), by: Actor::Run };
    sit(
        &here,
        "kim",
        None,
        [decided(0, Decision::Kept), decided(1, Decision::Kept), decided(2, edited("A big dog.")), run],
    );
    sit(
        &there,
        "lee",
        None,
        [
            decided(0, Decision::Kept),
            decided(1, Decision::Excluded),
            decided(2, edited("A small dog.")),
            decided(3, Decision::Kept),
        ],
    );
    let before = opened(&here).ledger;
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["decided_alike"]), (ExitCode::Findings, &json!(1)));
    assert_eq!(
        found["disagreements"],
        json!([
            { "record": 2, "file_name": "b.jpg", "decisions": ["kept", "excluded"], "captions": ["A woman.", null] },
            {
                "record": 3, "file_name": "c.jpg", "decisions": ["edited", "edited"],
                "captions": ["A big dog.", "A small dog."]
            },
            {
                "record": 4, "file_name": "d.jpg", "decisions": ["edited", "kept"],
                "captions": ["A grey cat.", "A cat."]
            },
        ])
    );
    let (_, printed) = merge(&options(&here, &there));
    assert!(printed.out().starts_with("0 decisions merged\n"), "{}", printed.out());
    let row = |name: &str| printed.out().lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(row("b.jpg").ends_with("kept        excluded") && row("c.jpg").ends_with("edited      other text"));
    assert!(printed.out().is_ascii() && printed.out().lines().all(|line| line.len() <= 76), "{}", printed.out());
    let after = opened(&here).ledger;
    for record in (0..6).map(RecordId) {
        let [before, after] = [&before, &after].map(|ledger| ledger.record(record));
        assert_eq!((&after.decision, after.decided_at), (&before.decision, before.decided_at));
    }
    // The captions of both sides are candidates, so that the conflict can be settled in the reviewer.
    let conflicts: Vec<u32> = (0..6).filter(|record| after.record(RecordId(*record)).is_in_conflict()).collect();
    assert_eq!(conflicts, [1, 2, 3]);
    let names: Vec<&str> =
        after.record(RecordId(3)).opinions().map(|opinion| opinion.provenance.model.as_str()).collect();
    assert_eq!(names, ["run", "lee"], "no person decided it here");
}

#[test]
fn decisions_of_a_batch_run_are_not_merged() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(
        &there,
        "lee",
        None,
        [
            described(0, "A tall man.", "m1"),
            Event::Decided { record: RecordId(0), decision: taken(1, "A tall man."), by: Actor::Run },
            decided(1, Decision::Skipped),
            amended(2, "A hound."),
            drafted(3),
            decided(5, Decision::Kept),
            Event::Undone,
        ],
    );
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["not_taken"]), (ExitCode::Done, &json!({})));
    assert_eq!(opened(&here).ledger, Ledger::new());
}

#[test]
fn unfinished_edits_are_not_overwritten() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(
        &here,
        "kim",
        None,
        [drafted(0), amended(1, "A lady."), amended(2, "A hound."), noted(3, "mine"), decided(5, Decision::Skipped)],
    );
    sit(
        &there,
        "lee",
        None,
        [
            decided(0, Decision::Kept),
            decided(1, Decision::Kept),
            decided(2, edited("A hound.")),
            noted(3, "theirs"),
            decided(5, Decision::Kept),
        ],
    );
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!(code, ExitCode::Findings);
    assert_eq!(
        found["not_taken"],
        json!({ "unfinished_edit_here": ["a.jpg"], "amended_here": ["b.jpg"], "other_note_here": ["d.jpg"] })
    );
    let ledger = opened(&here).ledger;
    let state = |record| ledger.record(RecordId(record));
    assert!(state(0).draft.is_some() && state(0).decision == Decision::Undecided);
    let text = state(1).own_text(RecordId(1));
    assert_eq!((&state(1).decision, text.as_deref()), (&Decision::Undecided, Some("A lady.")));
    assert_eq!(state(2).decision, edited("A hound."), "it comes to the same caption");
    assert_eq!((state(3).note.as_str(), &state(5).decision), ("mine", &Decision::Kept));
}

#[test]
fn records_match_by_name_and_caption() {
    let twins = "{\"file_name\": \"t.jpg\", \"text\": \"One.\"}\n{\"file_name\": \"t.jpg\", \"text\": \"Two.\"}\n";
    let changed =
        "{\"file_name\": \"k.jpg\", \"text\": \"Kept.\"}\n{\"file_name\": \"e.jpg\", \"text\": \"Edited.\"}\n";
    let there = World::new(&format!("{twins}{changed}{{\"file_name\": \"gone.jpg\", \"text\": \"Gone.\"}}\n"));
    sit(
        &there,
        "lee",
        None,
        [
            decided(0, edited("First.")),
            decided(1, Decision::Excluded),
            decided(2, Decision::Kept),
            decided(3, edited("Better.")),
            decided(4, Decision::Kept),
        ],
    );
    let mut lines: Vec<&str> = twins.lines().rev().collect();
    let changed = changed.replace("Kept", "Changed").replace("Edited", "Altered");
    lines.extend(changed.lines());
    let here = World::new(&format!("{}\n", lines.join("\n")));
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!(code, ExitCode::Findings);
    assert_eq!(found["not_taken"], json!({ "not_here": ["gone.jpg"], "other_caption": ["k.jpg", "e.jpg"] }));
    let (_, printed) = merge(&options(&here, &there));
    assert!(printed.out().contains("  1 record not in this dataset\n    gone.jpg\n"), "{}", printed.out());
    assert_eq!(
        saved(&here),
        concat!(
            "{\"file_name\": \"t.jpg\", \"text\": \"First.\"}\n",
            "{\"file_name\": \"k.jpg\", \"text\": \"Changed.\"}\n",
            "{\"file_name\": \"e.jpg\", \"text\": \"Altered.\"}\n",
        )
    );
    // They match again in a dataset that has changed once more.
    here.write("metadata.jsonl", format!("{twins}{changed}"));
    let ledger = opened(&here).ledger;
    let decisions = [0, 1].map(|record| ledger.record(RecordId(record)).decision.clone());
    assert_eq!(decisions, [edited("First."), Decision::Excluded]);
}

#[test]
fn a_dry_run_prints_the_same_and_writes_nothing() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&there, "lee", None, lees([0, 1, 2, 3, 5]));
    let dry = MergeOptions { dry_run: true, ..options(&here, &there) };
    let (_, printed) = merge(&dry);
    assert!(printed.out().starts_with("4 decisions would be merged\n  from lee: "), "{}", printed.out());
    assert!(!here.path(".recaption").exists());

    let held = here.hold();
    let (result, _) = merge(&options(&here, &there));
    let error = result.unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::Write);
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    assert_eq!(json_of(&dry).1["taken"]["kept"], json!(1));
    drop(held);
    assert_eq!(opened(&here).ledger, Ledger::new());
    assert_eq!(json_of(&options(&here, &there)).1["taken"]["kept"], json!(1), "and now it is free");
}

#[test]
fn a_session_without_its_dataset_can_be_merged() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&there, "lee", None, lees([0, 1, 2, 3, 5]));
    std::fs::copy(there.path(".recaption/metadata.sqlite"), here.path("lee.sqlite")).unwrap();
    drop(there);
    let from_file = MergeOptions { others: vec![here.path("lee.sqlite")], ..options(&here, &here) };
    let (code, found) = json_of(&from_file);
    assert_eq!((code, &found["taken"]["kept"]), (ExitCode::Done, &json!(1)));

    let (result, _) = merge(&options(&here, &here));
    let error = result.unwrap_err();
    assert!(matches!(error, MergeError::Same(_)) && error.exit_code() == ExitCode::Usage, "{error}");
    let nobody = World::new(SIX);
    let (result, _) = merge(&options(&here, &nobody));
    let error = result.unwrap_err();
    assert!(matches!(error, MergeError::Input(InputError::NoSession(_))), "{error}");
}

#[test]
fn only_decisions_of_the_same_spot_check_are_merged_into_it() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    // Both imported candidates from an earlier run. Those of a describer are only in the other session.
    let texts = [of_file(0, "Man."), of_file(1, "Woman.")];
    sit(&here, "kim", None, texts.clone());
    sit(&there, "lee", None, texts.into_iter().chain([described(3, "Cat.", "m1"), decided(5, Decision::Kept)]));
    sit(&here, "kim", Some(&BLIND), []);
    sit(
        &there,
        "lee",
        Some(&BLIND),
        [
            decided(0, taken(1, "Man.")),
            decided(1, Decision::Kept),
            decided(2, edited("A small dog.")),
            decided(3, taken(3, "Cat.")),
        ],
    );
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["not_taken"]), (ExitCode::Findings, &json!({ "spot_check": ["d.jpg", "f.jpg"] })));
    let opened = opened(&here);
    let figures = crate::report::SpotFigures::of(&opened.samples[0], &opened.ledger).json();
    assert_eq!((&figures["accepted"]["count"], &figures["accepted"]["of"]), (&json!(2), &json!(3)));
    assert_eq!(
        (&figures["candidate_preferred"]["count"], &figures["candidate_preferred"]["of"]),
        (&json!(1), &json!(2)),
        "as they judged it blind"
    );

    let other = World::new(SIX);
    sit(&other, "kim", Some(&SampleRequest { seed: 8, ..BLIND }), []);
    let (_, found) = json_of(&options(&other, &there));
    assert_eq!(found["not_taken"]["spot_check"].as_array().unwrap().len(), 5, "another drawing");
}

fn rejected(record: u32) -> Event {
    Event::Rejected { record: RecordId(record), reason: Some("wrong colour".to_owned()) }
}

#[test]
fn rejections_of_the_same_spot_check_are_merged() {
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&here, "kim", Some(&BLIND), [decided(1, Decision::Kept)]);
    sit(&there, "lee", Some(&BLIND), [rejected(0), rejected(1), decided(2, edited("A small dog.")), rejected(2)]);
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["rejections"]), (ExitCode::Findings, &json!(2)));
    assert_eq!(found["not_taken"], json!({ "rejected_there": ["b.jpg"] }), "it was judged otherwise here");
    let opened = opened(&here);
    let figures = crate::report::SpotFigures::of(&opened.samples[0], &opened.ledger).json();
    assert_eq!((&figures["rejected"], &figures["pending"]), (&json!(2), &json!(2)));
    let (_, found) = json_of(&options(&here, &there));
    assert_eq!(found["rejections"], json!(0), "merging again adds nothing");

    let other = World::new(SIX);
    sit(&other, "kim", Some(&SampleRequest { seed: 8, ..BLIND }), []);
    let (_, found) = json_of(&options(&other, &there));
    let left_out = found["not_taken"]["rejected_there"].as_array().unwrap().len() as u64;
    assert!(left_out >= 2, "another drawing: {found}");
    assert_eq!(found["rejections"].as_u64().unwrap() + left_out, 3);
}

#[test]
fn verdicts_are_merged_once_and_are_no_decisions() {
    let verified = |record: u32, caption: &str, model: &str| {
        let Event::Generated { provenance, .. } = described(record, "", model) else { unreachable!() };
        let verdict = Verdict {
            judged: TextHash::of(caption),
            unsupported: vec![Quote::of(caption, 2..caption.len() - 1)],
            missing: vec!["a bag".to_owned()],
            dropped: 1,
        };
        let provenance = Provenance { reason: None, ..provenance };
        Event::Verified { record: RecordId(record), verification: Box::new(Verification { verdict, provenance }) }
    };
    let (here, there) = (World::new(SIX), World::new(SIX));
    sit(&here, "kim", None, [verified(0, "A man.", "m1")]);
    sit(&there, "lee", None, [verified(0, "A man.", "m1"), verified(0, "A man.", "m2"), verified(1, "A woman.", "m1")]);
    let (code, found) = json_of(&options(&here, &there));
    assert_eq!((code, &found["verdicts"], &found["reviewers"]), (ExitCode::Done, &json!(2), &json!([])), "{found}");
    let (mine, theirs) = (opened(&here).ledger, opened(&there).ledger);
    for record in [0, 1] {
        assert_eq!(mine.record(RecordId(record)).verifications, theirs.record(RecordId(record)).verifications);
        assert_eq!(mine.record(RecordId(record)).decision, Decision::Undecided);
    }
    assert!(!mine.can_undo());
    let (_, found) = json_of(&options(&here, &there));
    assert_eq!(found["verdicts"], json!(0), "merging again adds nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Another reviewer's dataset has lines deleted, added and moved. A merged decision is on a record with the file name and
    /// caption it was made on, and the numbers of the report add up.
    #[test]
    fn no_decision_is_merged_into_a_neighbour(
        there in prop::collection::vec((0..3_u8, 0..3_u8), 1..8),
        choices in prop::collection::vec(0..5_u8, 8),
        ours in prop::collection::vec(0..3_u8, 8),
        is_missing in prop::collection::vec(prop::bool::weighted(0.3), 8),
        added in prop::collection::vec((0..3_u8, 0..3_u8), 0..3),
        is_reversed in any::<bool>(),
    ) {
        let line = |(name, caption): &(u8, u8)| format!("{{\"file_name\": \"{name}\", \"text\": \"{caption}\"}}\n");
        let mut lines: Vec<(u8, u8)> = there.iter().zip(&is_missing).filter(|(_, gone)| !**gone).map(|(it, _)| *it).collect();
        lines.extend(added);
        if is_reversed {
            lines.reverse();
        }
        let world = |lines: &[(u8, u8)]| World::new(&lines.iter().map(line).collect::<String>());
        let (other, here) = (world(&there), world(&lines));
        let mut made = 0;
        let decisions = (0..there.len()).filter_map(|at| {
            let decision = match choices[at] {
                0 => return None,
                1 => Decision::Excluded,
                2 => Decision::Kept,
                _ => edited(&format!("for {} {}", there[at].0, there[at].1)),
            };
            Some(decided(u32::try_from(at).unwrap(), decision))
        });
        let decisions: Vec<Event> = decisions.inspect(|_| made += 1).collect();
        sit(&other, "lee", None, decisions);
        let own = (0..lines.len()).filter(|at| ours.get(*at) == Some(&0));
        sit(&here, "kim", None, own.map(|at| decided(u32::try_from(at).unwrap(), Decision::Kept)).collect::<Vec<_>>());

        let (_, found) = json_of(&options(&here, &other));
        let ledger = opened(&here).ledger;
        for (at, (name, caption)) in (0..).zip(&lines) {
            if let Some(text) = ledger.record(RecordId(at)).decision.text() {
                prop_assert_eq!(text, format!("for {name} {caption}"));
            }
        }
        let sum = |value: &Value, size: &dyn Fn(&Value) -> u64| value.as_object().unwrap().values().map(size).sum::<u64>();
        let merged = sum(&found["taken"], &|count| count.as_u64().unwrap());
        let left = sum(&found["not_taken"], &|names| names.as_array().unwrap().len() as u64);
        let others = [&found["decided_alike"], &found["excluded_there_and_not_here"]].map(|count| count.as_u64().unwrap());
        let differ = found["disagreements"].as_array().unwrap().len() as u64;
        prop_assert_eq!(merged + left + others[0] + others[1] + differ, made, "{}", found);
        prop_assert_eq!(found["decisions"].as_u64().unwrap(), made);
    }
}

const SEVERAL: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\", \"text_ko\": \"A hat.\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\", \"text_ko\": \"외투\"}\n",
    "{\"file_name\": \"c.jpg\", \"text\": \"Shoes.\"}\n",
);

/// The states of all records of the session of several fields.
fn states(world: &World) -> Vec<String> {
    let input = world.input();
    let (dataset, location) = input.open().unwrap();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    let opened = input::read_session(&dataset, &location).unwrap();
    let state = |record| match &opened.ledger.record(RecordId(record)).decision {
        Decision::Undecided => "-".to_owned(),
        Decision::Kept => "kept".to_owned(),
        Decision::Edited { text, .. } => text.clone(),
        other => format!("{other:?}"),
    };
    (0..dataset.record_count()).map(state).collect()
}

fn take_over_all(world: &World) -> Vec<String> {
    let (dataset, location) = world.input().open().unwrap();
    take_over(&dataset, &location).unwrap()
}

#[test]
fn the_session_of_several_fields_takes_over_those_of_single_fields_once() {
    let mut world = World::new(SEVERAL);
    world.decide([(0, Decision::Kept), (2, edited("Boots."))]);
    world.reading.caption_field = "text_ko".to_owned();
    world.decide([(0, edited("모자")), (2, edited("신발"))]);
    assert_eq!(take_over_all(&world), [""; 0], "one field");

    world.reading.caption_field = "text,text_ko".to_owned();
    let notes = take_over_all(&world);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].starts_with("took over the decisions on 2 records from "), "{notes:?}");
    // The caption of `text_ko` that equals the one of `text` keeps its own decision.
    assert_eq!(states(&world), ["kept", "모자", "-", "-", "Boots.", "신발"]);

    assert_eq!(take_over_all(&world), [""; 0], "it is not empty any more");
    world.decide([(2, Decision::Kept)]);
    assert_eq!(states(&world), ["kept", "모자", "kept", "-", "Boots.", "신발"]);
}

#[test]
fn a_decision_follows_its_caption_into_a_list() {
    let world = World::new("{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n");
    world.decide([(0, Decision::Kept)]);
    world.write("metadata.jsonl", "{\"file_name\": \"a.jpg\", \"text\": [\"A cap.\", \"A hat.\"]}\n");
    assert_eq!(states(&world), ["-", "kept"], "it follows its caption into the list");
}

/// Three reviewers of copies of a dataset.
fn three() -> (World, Vec<World>) {
    let decisions = [
        [Decision::Kept, from(EditBase::Original, "A woman in red."), Decision::Kept, Decision::Excluded],
        [
            Decision::Kept,
            from(EditBase::Original, "A woman in blue."),
            from(EditBase::Original, "A dog."),
            Decision::Kept,
        ],
        [Decision::Kept, from(EditBase::Original, "A woman in red."), Decision::Kept, Decision::Kept],
    ];
    let of = |(reviewer, decisions): (&str, [Decision; 4])| {
        let world = World::new(SIX);
        sit(&world, reviewer, None, (0..).zip(decisions).map(|(record, decision)| decided(record, decision)));
        world
    };
    (World::new(SIX), ["kim", "lee", "ana"].into_iter().zip(decisions).map(of).collect())
}

fn all_of(here: &World, others: &[World]) -> MergeOptions {
    let others = others.iter().map(|other| other.folder.path().to_owned()).collect();
    MergeOptions { input: here.input(), others, ascii: true, ..MergeOptions::default() }
}

#[test]
fn decisions_of_several_that_differ_become_candidates() {
    let (here, others) = three();
    let (code, json) = json_of(&all_of(&here, &others));
    assert_eq!(code, ExitCode::Findings);
    assert_eq!((&json["decisions"], &json["merged"], &json["records_in_conflict"]), (&12.into(), &2.into(), &2.into()));
    let opened = opened(&here);
    let state = |record| opened.ledger.record(RecordId(record));
    // The same caption, kept or typed, is one decision.
    assert_eq!([state(0), state(2)].map(|state| state.decision.kind().name()), ["kept", "kept"]);
    assert_eq!([0, 1, 2, 3].map(|record| state(record).is_in_conflict()), [false, true, false, true]);
    let opinions = |record| -> Vec<[String; 3]> {
        let of = |opinion: &Candidate| {
            let Provenance { model, parameters, .. } = &opinion.provenance;
            [model.clone(), parameters.clone(), opinion.text.clone()]
        };
        state(record).opinions().map(of).collect()
    };
    let texts = |rows: [[&str; 3]; 3]| rows.map(|row| row.map(str::to_owned)).to_vec();
    assert_eq!(
        opinions(1),
        texts([
            ["kim", "edited", "A woman in red."],
            ["lee", "edited", "A woman in blue."],
            ["ana", "edited", "A woman in red."]
        ])
    );
    assert_eq!(
        opinions(3),
        texts([["kim", "excluded", "A cat."], ["lee", "kept", "A cat."], ["ana", "kept", "A cat."]])
    );
    assert_eq!(state(1).decision, Decision::Undecided);
    // Of four records, all agree on the first and the third.
    let agreement = &json["agreement"];
    assert_eq!((&agreement["records"], &agreement["same_caption_by_all"]["count"]), (&4.into(), &2.into()));
    let pairs: Vec<(&Value, &Value)> = agreement["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (&pair["reviewers"], &pair["same_caption"]["count"]))
        .collect();
    let expected =
        [(json!(["kim", "lee"]), json!(2)), (json!(["kim", "ana"]), json!(3)), (json!(["lee", "ana"]), json!(3))];
    assert_eq!(pairs, expected.iter().map(|(names, count)| (names, count)).collect::<Vec<_>>());
}

#[test]
fn a_merge_of_several_is_one_undo_step_and_repeating_it_changes_nothing() {
    let (here, others) = three();
    let dry = MergeOptions { dry_run: true, ..all_of(&here, &others) };
    let planned = json_of(&dry).1;
    assert_eq!(opened(&here).ledger.last(), Seq::default(), "a dry run writes nothing");
    let done = json_of(&all_of(&here, &others)).1;
    assert_eq!(
        (&planned["sessions"][0]["taken"], &planned["conflicts"]),
        (&done["sessions"][0]["taken"], &done["conflicts"])
    );
    let last = opened(&here).ledger.last();
    let again = json_of(&all_of(&here, &others)).1;
    assert_eq!(opened(&here).ledger.last(), last);
    assert_eq!((&again["merged"], &again["conflicts"]), (&0.into(), &done["conflicts"]));

    here.record([Event::Undone]);
    let ledger = opened(&here).ledger;
    assert!(ledger.touched().all(|(_, state)| state.decision == Decision::Undecided));
    assert!(!ledger.can_undo());
}

#[test]
fn a_settled_conflict_stays_settled() {
    let (here, others) = three();
    json_of(&all_of(&here, &others));
    let lead = [decided(1, from(EditBase::Original, "A woman in blue.")), decided(3, Decision::Excluded)];
    sit(&here, "max", None, lead);
    let (_, json) = json_of(&all_of(&here, &others));
    assert_eq!(json["conflicts"], json!([]));
    assert!([1, 3].iter().all(|record| !opened(&here).ledger.record(RecordId(*record)).is_in_conflict()));
    let conflicts = |name: &str| {
        let reviewers = json["reviewers"].as_array().unwrap();
        reviewers.iter().find(|reviewer| reviewer["reviewer"] == name).unwrap()["conflicts"].clone()
    };
    // Record 2 was settled as lee had it, record 4 as kim had it.
    assert_eq!(conflicts("kim"), json!({"open": 0, "upheld": 1, "overruled": 1}));
    assert_eq!(conflicts("lee"), json!({"open": 0, "upheld": 1, "overruled": 1}));
    assert_eq!(conflicts("ana"), json!({"open": 0, "upheld": 0, "overruled": 2}));
    let options =
        StatsOptions { input: here.input(), mode: StatsMode::Reviewers, json: true, ..StatsOptions::default() };
    let (result, printed) = Printed::by(|out, errors| super::super::stats::run(&options, out, errors));
    result.unwrap();
    let stats: Value = serde_json::from_str(printed.out()).unwrap();
    let max = stats["reviewers"].as_array().unwrap().iter().find(|reviewer| reviewer["reviewer"] == "max").unwrap();
    assert_eq!((&max["decided"], &max["decisions"]["excluded"]), (&2.into(), &1.into()), "{stats}");
}

#[test]
fn sessions_that_are_merged_one_after_the_other_conflict_too() {
    let (here, others) = three();
    for other in &others {
        merge(&options(&here, other)).0.unwrap();
    }
    let conflicts = |world: &World| -> Vec<u32> {
        let ledger = opened(world).ledger;
        (0..6).filter(|record| ledger.record(RecordId(*record)).is_in_conflict()).collect()
    };
    assert_eq!(conflicts(&here), [1, 3]);
    assert_eq!(opened(&here).ledger.record(RecordId(1)).decision.text(), Some("A woman in red."), "the first stays");
    sit(&here, "max", None, [decided(1, from(EditBase::Original, "A woman in blue.")), decided(3, Decision::Kept)]);
    for other in &others {
        merge(&options(&here, other)).0.unwrap();
    }
    assert_eq!(conflicts(&here), [] as [u32; 0], "settled");
}

#[test]
fn a_merge_of_several_prints_the_sessions_the_conflicts_and_the_agreement() {
    let (here, others) = three();
    let (result, printed) = merge(&all_of(&here, &others));
    assert_eq!(result.unwrap(), ExitCode::Findings);
    let page = printed.out();
    for part in [
        "2 decisions merged",
        "of 12 decisions in 3 sessions",
        "Conflicts (2 records)",
        "b.jpg",
        "edited by kim, lee, ana",
        "kept by lee, ana; excluded by kim",
        "status:conflict",
        "Agreement on 4 records decided by more than one reviewer",
        "2 of 4 50.0 %",
        "kim, lee",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(page.is_ascii() && page.lines().all(|line| line.len() <= 76) && !page.contains("..."), "{page}");
    let twice = MergeOptions { others: vec![others[0].folder.path().to_owned(); 2], ..all_of(&here, &others) };
    assert!(matches!(merge(&twice).0.unwrap_err(), MergeError::Twice(_)));
}
