//! Spot checks: only the sampled records, in sample order, and only decisions made since the sample was drawn.

use std::borrow::Cow;

use jiff::Timestamp;
use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::review::{Effect, Mode, Msg, Tab, Version};
use recaption::session::{Actor, Decision, Event, FILE, Ledger, Sample, SampleMember, SampleRequest, Subject};
use recaption::statistics::{Proportion, Stratum};

use crate::world::World;

const CAPTIONS: [&str; 6] = ["Zero.", "One.", "Two.", "Three.", "Four.", "Five."];

/// Returns a sample of these records, drawn from the current session.
pub fn sample(ledger: &Ledger, records: &[u32]) -> Sample {
    sample_of(ledger, records, &CAPTIONS)
}

/// Like [`sample`], of a dataset with these captions.
pub fn sample_of(ledger: &Ledger, records: &[u32], captions: &[&str]) -> Sample {
    let member = |record: &u32| SampleMember {
        record: RecordId(*record),
        subject: Subject {
            file_name: format!("images/{record}.jpg"),
            occurrence: 0,
            caption: Some(captions[*record as usize].to_owned()),
        },
        stratum: 0,
        text: ledger.record(RecordId(*record)).own_text(RecordId(*record)).map(Cow::into_owned),
    };
    Sample {
        request: SampleRequest { size: records.len() as u64, seed: 7, by: None, blind: false },
        hash: 0,
        strata: vec![Stratum { name: String::new(), population: captions.len() as u64, drawn: records.len() as u64 }],
        members: records.iter().map(member).collect(),
        after: ledger.last(),
        at: Timestamp::UNIX_EPOCH,
    }
}

/// Returns a spot check of records 4, 0 and 3; 0 was decided by a run and 3 by hand before.
fn check() -> World {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.sample = Some(SampleRequest { size: 3, seed: 7, by: None, blind: false });
        settings.ahead = 3;
    });
    assert!(world.model.view().is_empty(), "nothing is shown before the sample is drawn");
    world.keys("a");
    assert!(world.stored.is_empty());
    let mut ledger = Ledger::new();
    for (record, by) in [(0, Actor::Run), (3, Actor::Operator)] {
        ledger.apply(Event::Decided { record: RecordId(record), decision: Decision::Kept, by });
    }
    world.model.ledger = ledger;
    world.send(EngineEvent::Sampled(Ok(Box::new(sample(&world.model.ledger, &[4, 0, 3])))));
    world.asked.clear();
    world
}

fn judged(world: &World) -> Proportion {
    world.model.spot_figures().expect("a spot check").accepted
}

#[test]
fn only_the_sample_is_shown_in_its_order() {
    let mut world = check();
    let view = world.model.view();
    let listed: Vec<u32> = (0..view.len()).filter_map(|place| view.nth(place)).map(|record| record.0).collect();
    assert_eq!(listed, [4, 0, 3]);
    assert_eq!(world.cursor(), Some(4));
    world.keys("j j j");
    assert_eq!(world.cursor(), Some(3));
    world.keys("k");
    assert_eq!(world.cursor(), Some(0));
    world.keys(":").write("3").keys("Enter");
    assert_eq!((world.cursor(), world.notice()), (Some(0), "record 3 is not in the sample"));
}

#[test]
fn earlier_decisions_are_judged_again() {
    let mut world = check();
    let counts = |world: &World| [Tab::ToReview, Tab::Decided].map(|tab| world.model.tabs.count(tab));
    assert_eq!((counts(&world), judged(&world)), ([3, 0], Proportion::new(0, 0)));
    world.keys("a");
    assert_eq!((counts(&world), judged(&world)), ([2, 1], Proportion::new(1, 1)));
    world.keys("x X");
    assert_eq!((counts(&world), judged(&world)), ([0, 2], Proportion::new(2, 3)));
    let decided = world.stored.iter().filter(|(_, event)| matches!(event, Event::Decided { .. })).count();
    assert_eq!(decided, 3, "earlier decisions are made again");
    assert!(world.notice().starts_with("sample complete: 66.7 % accepted (20.8–93.9 %)"), "{}", world.notice());
}

#[test]
fn next_to_review_follows_the_sample() {
    let mut world = check();
    world.keys("a");
    assert_eq!(world.cursor(), Some(0));
    world.keys("Tab");
    assert_eq!(world.cursor(), Some(3));
    world.keys("Tab");
    assert_eq!(world.cursor(), Some(0), "wraps around, past the judged record");
    world.keys("shift-Tab");
    assert_eq!(world.cursor(), Some(3));
    world.keys("2");
    assert_eq!(world.model.view().len(), 2);
}

#[test]
fn undo_stops_at_the_start_of_the_sample() {
    let mut world = check();
    world.keys("u");
    assert_eq!(world.notice(), "nothing to undo");
    assert_eq!(world.model.state(RecordId(3)).decision, Decision::Kept);
    world.keys("a u u");
    assert_eq!((world.cursor(), judged(&world)), (Some(4), Proportion::new(0, 0)));
    world.keys("U");
    assert_eq!(judged(&world), Proportion::new(1, 1));
}

#[test]
fn nothing_is_prefetched() {
    let mut world = check();
    world.keys("j k");
    assert!(!world.asked.iter().any(|effect| matches!(effect, Effect::DescribeAhead(_))), "{:?}", world.asked);
    world.keys("g a");
    let asks: Vec<u32> = world.asks().iter().map(|ask| ask.record.0).collect();
    assert_eq!(asks, [4], "only undecided records of the sample, and only on request");
}

#[test]
fn a_new_candidate_does_not_replace_the_judged_text() {
    let mut world = check();
    world.keys("r");
    world.finish(4, "Another.");
    world.keys("a");
    assert_eq!(judged(&world), Proportion::new(0, 1));
}

#[test]
fn a_report_is_written_on_request() {
    let mut world = check();
    for (line, path, force) in [("report", None, false), ("report! out/r.json", Some("out/r.json"), true)] {
        world.asked.clear();
        world.keys(":").write(line).keys("Enter");
        assert_eq!(world.asked, [Effect::WriteReport { path: path.map(Into::into), force }]);
    }
    world.send(Msg::ReportWritten(Err("no room".to_owned())));
    assert_eq!(world.notice(), "no room");
    let mut world = World::new(&CAPTIONS);
    world.keys(":").write("report").keys("Enter");
    assert!(world.notice().contains("--sample"), "{}", world.notice());
}

#[test]
fn without_a_sample_nothing_can_be_judged() {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.sample = Some(SampleRequest { size: 3, seed: 7, by: Some("brand".to_owned()), blind: false });
    });
    world.send(EngineEvent::Sampled(Err("no record has a member \"brand\"".to_owned())));
    assert!(world.notice().contains("no record has a member"));
    world.keys("a x G");
    assert!(world.stored.is_empty() && world.model.view().is_empty());
}

/// Returns a blind spot check of `records`, of which `candidates` have an imported candidate.
fn blind_check(records: &[u32], candidates: &[u32]) -> World {
    let request = SampleRequest { size: records.len() as u64, seed: 7, by: None, blind: true };
    let mut world = World::with(&CAPTIONS, |settings| settings.sample = Some(request.clone()));
    let mut drawn = sample(&world.model.ledger, records);
    drawn.request = request;
    world.send(EngineEvent::Sampled(Ok(Box::new(drawn))));
    let captions = candidates.iter().map(|record| (RecordId(*record), format!("Another {record}."))).collect();
    let at = Timestamp::UNIX_EPOCH;
    world.send(EngineEvent::Imported { describer: FILE, source: "older.jsonl".to_owned(), captions, done: None, at });
    world
}

/// Accepts the candidate of the record under the cursor, or the original.
fn take(world: &mut World, candidate: bool) -> char {
    let about = RecordId(world.cursor().expect("a record"));
    let pair = world.model.pair(about).expect("two texts");
    let wanted = pair.iter().position(|version| (*version != Version::Original) == candidate).expect("both are loaded");
    let keys = if wanted == 0 { "] [ a" } else { "] a" };
    world.keys(keys);
    ['A', 'B'][wanted]
}

#[test]
fn a_blind_decision_reveals_the_texts() {
    let mut world = blind_check(&[4, 0, 3], &[4, 0]);
    world.keys("x r");
    assert!(world.notice().contains("blind comparison"), "{}", world.notice());
    assert!(world.asks().is_empty());
    let letter = take(&mut world, true);
    assert_eq!(world.notice(), format!("accepted {letter}: the candidate from older.jsonl"));
    let letter = take(&mut world, false);
    assert_eq!(world.notice(), format!("accepted {letter}: the original, not the candidate from older.jsonl"));
    assert_eq!(world.decisions(), "kept - - [-] accepted:Another 4. -");
    assert_eq!(world.model.pair(RecordId(3)), None, "without a candidate");
    world.keys("a");
    let figures = world.model.spot_figures().expect("a spot check");
    assert_eq!((figures.preferred, figures.accepted), (Some(Proportion::new(1, 2)), Proportion::new(3, 3)));
    world.keys("u u");
    assert_eq!(world.model.spot_figures().and_then(|figures| figures.preferred), Some(Proportion::new(1, 1)));
}

#[test]
fn the_order_of_blind_texts_is_random() {
    let all = [0, 1, 2, 3, 4, 5];
    let world = blind_check(&all, &all);
    let first = all.map(|record| world.model.pair(RecordId(record)).expect("two texts")[0]);
    assert!(first.contains(&Version::Original) && first.contains(&Version::Candidate(0)), "{first:?}");
}

#[test]
fn bulk_actions_skip_blind_records() {
    let mut world = blind_check(&[4, 0, 3], &[4, 0]);
    world.keys("ctrl-a a");
    assert_eq!(world.notice(), "1 kept; still selected: 2 in a blind comparison · u undoes");
}

#[test]
fn a_rejection_is_a_verdict_that_changes_nothing_in_the_output() {
    let mut world = check();
    let before = world.model.ledger.amendments();
    world.keys("b");
    assert_eq!(world.model.mode, Mode::Reject(RecordId(4)));
    world.keys("3");
    assert_eq!((world.cursor(), judged(&world)), (Some(0), Proportion::new(0, 1)));
    assert_eq!(world.model.ledger.amendments(), before);
    let rejection = world.model.state(RecordId(4)).rejection.clone().expect("rejected");
    assert_eq!(rejection.reason, "wrong colour");
    assert_eq!([Tab::ToReview, Tab::Decided].map(|tab| world.model.tabs.count(tab)), [2, 1]);
    world.keys("u");
    assert_eq!((world.cursor(), judged(&world)), (Some(4), Proportion::new(0, 0)));
    assert_eq!(judged(world.keys("U")), Proportion::new(0, 1));
}

#[test]
fn the_last_verdict_counts() {
    let mut world = check();
    world.keys("b 1 k a");
    assert_eq!(judged(&world), Proportion::new(1, 1));
    world.keys("k b 5").write("the hat is missing").keys("Enter");
    assert_eq!(judged(&world), Proportion::new(0, 1));
    assert_eq!(
        world.model.state(RecordId(4)).rejection.as_ref().map(|known| known.reason.as_str()),
        Some("the hat is missing")
    );
    world.keys("b 2 b 2");
    assert!(world.notice().starts_with("sample complete: 0.0 % accepted"), "{}", world.notice());
}

#[test]
fn several_records_are_rejected_at_once() {
    let mut world = check();
    world.keys("ctrl-a b 2");
    assert_eq!((judged(&world), world.notice()), (Proportion::new(0, 3), "3 records rejected · u undoes"));
    assert_eq!(judged(world.keys("u")), Proportion::new(0, 0));
}

#[test]
fn only_a_spot_check_rejects() {
    let mut world = World::new(&["A coat."]);
    world.keys("b");
    assert_eq!(world.notice(), "not a spot check: start one with recaption PATH --sample N");
}
