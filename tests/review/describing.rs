//! Descriptions: on request, prefetched and in bulk; success, failure and cancellation.

use recaption::dataset::RecordId;
use recaption::describe::{JobId, Priority, StopReason};
use recaption::engine::rules::{JobMode, JobSpec, Judged};
use recaption::engine::{EngineEvent, JobEvent};
use recaption::review::{Effect, JobState, Msg, Tab, Version};
use recaption::session::{BatchPart, BatchPlan, FILE, Opened, PartState, SAMPLE};
use roaring::RoaringBitmap;

use crate::world::World;

fn records(world: &mut World) -> Vec<u32> {
    world.asks().iter().map(|ask| ask.record.0).collect()
}

#[test]
fn regenerate_requests_at_once_and_never_overwrites() {
    let mut world = World::new(&["One."]);
    world.keys("a k r");
    let asks = world.asks();
    assert_eq!((asks.len(), asks[0].priority), (1, Priority::Interactive));
    world.finish(0, "A hat.");
    assert_eq!(world.decisions(), "[kept]");
    assert_eq!(world.model.shown(RecordId(0)), Version::Candidate(0), "the new candidate is shown");
    assert_eq!(world.model.tabs.count(Tab::Ready), 1);
}

#[test]
fn regenerate_cycles_through_the_levels_of_detail() {
    let mut world = World::new(&["One."]);
    let mut levels = Vec::new();
    for text in ["A hat.", "A red hat.", "Hat.", "A hat."] {
        world.keys("r");
        levels.extend(world.asks().iter().map(|ask| ask.detail.name()));
        world.finish(0, text);
    }
    assert_eq!(levels, ["standard", "detailed", "brief", "standard"]);
    assert!(world.notice().contains("same as an earlier candidate"));
    assert_eq!(world.model.state(RecordId(0)).candidates.len(), 3);
}

#[test]
fn text_is_streamed() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r");
    let job = world.job(0);
    world.news(job, 0, JobEvent::Started);
    world.news(job, 0, JobEvent::Delta("A red".to_owned()));
    world.news(job, 0, JobEvent::Delta(" hat".to_owned()));
    assert_eq!(world.model.jobs[&RecordId(0)].state, JobState::Streaming("A red hat".to_owned()));
    assert_eq!(world.model.state(RecordId(0)).candidates, []);
}

#[test]
fn events_of_cancelled_jobs_are_dropped() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r");
    let old = world.job(0);
    world.keys("ctrl-c r");
    world.news(old, 0, JobEvent::Delta("stale".to_owned()));
    assert_eq!(world.model.jobs[&RecordId(0)].state, JobState::Queued);
    world.news(JobId(999), 1, JobEvent::Delta("unknown".to_owned()));
    assert!(!world.model.jobs.contains_key(&RecordId(1)));
}

#[test]
fn failures_are_recorded_and_survive_a_restart() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r");
    world.fail(0, "images/0.jpg: no such file");
    assert_eq!(world.notice(), "images/0.jpg: no such file");
    assert_eq!(world.model.state(RecordId(0)).candidates, []);
    assert_eq!(world.model.tabs.count(Tab::Problems), 1);
    world.restart();
    assert_eq!(world.model.state(RecordId(0)).failure.as_deref(), Some("images/0.jpg: no such file"));
    world.keys("r");
    world.finish(0, "A hat.");
    assert_eq!(world.model.tabs.count(Tab::Problems), 0);
}

#[test]
fn a_refusal_is_a_failure_not_a_candidate() {
    let mut world = World::new(&["One."]);
    world.keys("r a");
    world.finish(0, "I'm sorry, but I can't help with identifying people.");
    assert_eq!(world.model.state(RecordId(0)).candidates, []);
    assert!(world.notice().contains("declined"), "{}", world.notice());
    assert_eq!((world.decisions().as_str(), world.model.tabs.count(Tab::Problems)), ("[-]", 1));
}

#[test]
fn accepting_in_advance_waits_for_a_clean_candidate() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("r a");
    assert_eq!(world.decisions(), "[-] - -");
    world.finish(0, "A hat.");
    assert_eq!(world.decisions(), "accepted:A hat. [-] -");

    world.keys("r a j");
    world.finish(1, "A scarf.");
    assert_eq!(world.decisions(), "accepted:A hat. accepted:A scarf. [-]", "the cursor may move on meanwhile");
}

#[test]
fn accepting_in_advance_rejects_candidates_with_findings() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r a");
    world.finish_as(0, "A hat and", StopReason::MaxTokens);
    assert_eq!(world.decisions(), "[-] -");
    assert!(world.notice().contains("was not accepted"));
    assert_eq!(world.model.tabs.count(Tab::Ready), 1);
    world.keys("r a");
    world.finish(0, "One two three four five six seven eight nine ten eleven.");
    assert_eq!(world.decisions(), "[-] -", "over the limit of ten words");
    world.keys("r a");
    world.fail(0, "busy");
    assert_eq!((world.decisions().as_str(), world.notice()), ("[-] -", "busy"));
}

#[test]
fn accepting_in_advance_can_be_cancelled() {
    for key in ["u", "x", "Esc"] {
        let mut world = World::new(&["One.", "Two."]);
        world.keys("s k r a").keys(key);
        world.finish(0, "A hat.");
        assert_eq!(world.decisions(), "[skipped] -", "{key}");
    }
}

#[test]
fn a_decision_made_while_waiting_wins() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r a X");
    world.finish(0, "A hat.");
    assert_eq!(world.decisions(), "excluded [-]");
}

#[test]
fn describe_all_selects_the_records_that_need_it() {
    let mut world = World::new(&["One.", "{broken", "Three.", "Four.", "Five."]);
    world.keys("a");
    world.keys("G r");
    world.finish(4, "A hat.");
    world.asks();
    world.keys("g a");
    assert_eq!(records(&mut world), [2, 3], "not decided, unreadable or with a candidate");
    world.finish(2, "A scarf.");
    world.fail(3, "busy");
    assert_eq!(world.notice(), "busy · described 1 of 2, 1 failed (tab 6)".split(" · ").last().unwrap_or_default());
    world.keys("g a");
    assert_eq!(records(&mut world), [3], "failures are retried");
}

#[test]
fn a_bulk_run_is_queued_in_batches() {
    let mut world = World::new(&["A caption."; 400]);
    world.keys("g a");
    let first = records(&mut world);
    // A describer may run 128 at once.
    assert!((144..200).contains(&first.len()), "{} at once", first.len());
    let mut described = Vec::new();
    let mut next = first;
    while !next.is_empty() {
        for record in &next {
            world.finish(*record, &format!("Picture {record}."));
        }
        described.append(&mut next);
        next = records(&mut world);
    }
    assert_eq!(described, (0..400).collect::<Vec<_>>());
    assert_eq!(world.notice(), "described 400 of 400");
}

#[test]
fn stop_cancels_everything_and_twice_quits() {
    let mut world = World::new(&["A caption."; 100]);
    world.keys("g a");
    world.asked.clear();
    world.keys("ctrl-c");
    assert_eq!(world.asked, [Effect::StopDescriptions]);
    assert!(world.model.jobs.is_empty() && world.model.bulk.is_none());
    world.keys("ctrl-c");
    assert!(world.asked.contains(&Effect::Quit));
}

#[test]
fn another_key_between_two_stops_does_not_quit() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("ctrl-c j ctrl-c");
    assert!(!world.asked.contains(&Effect::Quit));
}

#[test]
fn prefetch_follows_the_direction_of_travel() {
    let mut world = World::with(&["A caption."; 20], |settings| settings.ahead = 2);
    world.keys("j");
    let first = records(&mut world);
    assert_eq!(first.last(), Some(&3));
    world.keys("G");
    assert_eq!(records(&mut world), [19], "no record after the last one");
    world.keys("k");
    let back = records(&mut world);
    assert!(back.contains(&17) && back.contains(&16), "{back:?}");
    assert!(!world.model.jobs.contains_key(&RecordId(3)), "jobs outside the prefetch window are cancelled");
}

#[test]
fn records_that_wait_for_a_batch_job_are_not_described_again() {
    let mut world = World::with(&["A caption."; 6], |settings| settings.ahead = 3);
    let part = BatchPart {
        plan: BatchPlan {
            token: "a".to_owned(),
            is_verification: false,
            model: "m".to_owned(),
            prompt: "p".to_owned(),
            region: "us-east-1".to_owned(),
            input: String::new(),
            output: String::new(),
        },
        at: jiff::Timestamp::UNIX_EPOCH,
        state: PartState::Created { job: "job".to_owned() },
        records: 2,
        parameters: Vec::new(),
        waiting: [4, 5].into_iter().collect(),
        taken: RoaringBitmap::new(),
    };
    world.send(EngineEvent::SessionOpened {
        opened: Box::new(Opened { batches: vec![part], ..Opened::default() }),
        remark: None,
        read_only: None,
    });
    assert!(world.notice().contains("2 records wait for a batch job"), "{}", world.notice());
    world.keys("j j");
    let mut ahead: Vec<u32> = world.model.jobs.keys().map(|record| record.0).collect();
    ahead.sort_unstable();
    assert!(ahead.contains(&3) && !ahead.contains(&4) && !ahead.contains(&5), "{ahead:?}");
}

#[test]
fn prefetch_skips_decided_records() {
    let mut world = World::with(&["A caption."; 6], |settings| settings.ahead = 3);
    world.finish(0, "A hat.");
    world.keys("a");
    world.asks();
    world.keys("X");
    world.asks();
    world.keys("s");
    for record in records(&mut world) {
        assert!(record >= 3, "record {record} is decided");
    }
    world.keys("ctrl-c");
    world.asks();
    world.keys("j");
    assert_eq!(records(&mut world), [] as [u32; 0], "stopped until the next request");
    world.keys("r");
    assert!(!records(&mut world).is_empty());
}

#[test]
fn without_a_describer_nothing_is_requested() {
    let mut world = World::with(&["One."], |settings| {
        settings.describer = None;
        settings.ahead = 3;
    });
    world.keys("r g a");
    assert_eq!(world.asks(), []);
    assert!(world.notice().contains("no describer"));
}

/// A reviewer with the embedded describer.
fn with_local(captions: &[&str]) -> World {
    World::with(captions, |settings| settings.describer = Some("local".to_owned()))
}

#[test]
fn nothing_recognised_is_neither_a_candidate_nor_a_failure() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("r a");
    world.recognise_nothing(0);
    assert!(world.notice().contains("nothing recognised"), "{}", world.notice());
    assert_eq!((world.decisions().as_str(), world.model.tabs.count(Tab::Problems)), ("[-] - -", 0));
    assert_eq!(world.model.tabs.count(Tab::Ready), 0);
    world.asks();
    world.restart();
    world.keys("g a");
    assert_eq!(records(&mut world), [1, 2], "not tried again");
    world.recognise_nothing(1);
    world.finish(2, "A hat.");
    assert_eq!(world.notice(), "described 1 of 2, nothing recognised: 1");
    world.keys("r");
    assert_eq!(records(&mut world), [0], "unless asked for");
}

#[test]
fn a_local_candidate_is_offered_beside_a_good_caption() {
    let mut world = with_local(&["A red hat.", "Two."]);
    world.keys("r a");
    assert_eq!(world.decisions(), "kept [-]", "accepting does not wait for it");
    let mut world = with_local(&["A red hat.", "Two."]);
    world.keys("r");
    world.finish(0, "A person in red.");
    assert!(world.notice().contains("] selects it"), "{}", world.notice());
    assert_eq!(world.model.shown(RecordId(0)), Version::Original);
    world.keys("]");
    assert_eq!(world.model.shown(RecordId(0)), Version::Candidate(0));
    world.keys("a");
    assert_eq!(world.decisions(), "accepted:A person in red. [-]", "the operator chose it");
    world.keys("u [");
    assert_eq!(world.model.shown(RecordId(0)), Version::Original);
}

#[test]
fn a_local_candidate_comes_before_a_caption_that_needs_attention() {
    let mut world = with_local(&["I'm sorry, but I can't help with that.", "", "A person in"]);
    for record in 0..3 {
        world.keys("r");
        world.finish(record, "A person in red.");
        assert_eq!(world.model.shown(RecordId(record)), Version::Candidate(0), "{record}");
        world.keys("j");
    }
}

#[test]
fn a_new_local_candidate_replaces_the_one_that_is_looked_at() {
    let mut world = with_local(&["A red hat.", "Two."]);
    world.keys("r");
    world.finish(0, "A person.");
    world.keys("] r");
    world.finish(0, "A person in red.");
    assert_eq!(world.model.shown(RecordId(0)), Version::Candidate(1));
    world.keys("r");
    world.finish(0, "A person.");
    assert_eq!(world.model.state(RecordId(0)).candidates.len(), 2, "no text twice");
}

/// A candidate of another describer comes first by default.
#[test]
fn a_local_candidate_that_was_asked_for_replaces_one_of_a_file() {
    for caption in ["A person in", "A red hat."] {
        let mut world = with_local(&[caption, "Two."]);
        world.send(EngineEvent::Imported {
            describer: FILE,
            source: "older.jsonl".to_owned(),
            captions: vec![(RecordId(0), "A hat in red.".to_owned())],
            done: None,
            at: jiff::Timestamp::UNIX_EPOCH,
        });
        assert_eq!(world.model.shown(RecordId(0)), Version::Candidate(0), "{caption}");
        world.keys("r");
        world.finish(0, "A person in red.");
        assert_eq!(world.model.shown(RecordId(0)), Version::Candidate(1), "{caption}");
        world.keys("a");
        assert_eq!(world.decisions(), "accepted:A person in red. [-]", "{caption}");
    }
}

#[test]
fn a_local_candidate_never_comes_before_a_decision() {
    let mut world = with_local(&["A person in", "Two."]);
    world.keys("x k r");
    world.finish(0, "A person in red.");
    assert_eq!(world.model.shown(RecordId(0)), Version::Original);
    world.keys("e").write("A red hat.").keys("Enter k r");
    world.finish(0, "A person in orange.");
    assert_eq!(world.model.shown(RecordId(0)), Version::Edited);
}

#[test]
fn selected_records_keep_good_captions() {
    let mut world = with_local(&["A red hat.", "I'm sorry, but I can't help with that."]);
    world.keys("g a");
    world.finish(0, "A person in red.");
    world.finish(1, "A person in blue.");
    world.keys("ctrl-a a");
    assert_eq!(world.decisions(), "[kept] accepted:A person in blue.");
}

#[test]
fn local_describes_ahead_only_what_needs_attention() {
    let captions = ["A red hat.", "", "A blue hat.", "I'm sorry, but I can't help with that.", "A hat."];
    let mut world = World::with(&captions, |settings| {
        settings.describer = Some("local".to_owned());
        settings.ahead = 4;
    });
    let mut ahead: Vec<u32> = world.model.jobs.keys().map(|record| record.0).collect();
    ahead.sort_unstable();
    assert_eq!(ahead, [1, 3]);
    world.keys("r");
    assert!(world.model.jobs.contains_key(&RecordId(0)), "on request, any record");
}

#[test]
fn nothing_is_described_ahead_while_candidates_are_imported() {
    let imported = EngineEvent::Imported {
        describer: SAMPLE,
        source: "older.jsonl".to_owned(),
        captions: vec![(RecordId(0), "A red hat.".to_owned())],
        done: Some("imported 1 candidate".to_owned()),
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let failed = EngineEvent::ImportFailed("no candidates imported: older.jsonl: not found".to_owned());
    for (end, described) in [(imported, vec![1]), (failed, vec![0, 1])] {
        let mut world = World::with(&["", "", "A hat."], |settings| settings.describer = Some("local".to_owned()));
        world.send(EngineEvent::ImportStarted);
        world.model.settings.ahead = 4;
        world.send(Msg::PicturesLost);
        assert!(world.model.jobs.is_empty(), "the file may have a candidate");
        world.send(end);
        let mut ahead: Vec<u32> = world.model.jobs.keys().map(|record| record.0).collect();
        ahead.sort_unstable();
        assert_eq!(ahead, described);
    }
}

#[test]
fn a_reason_that_local_cannot_use_is_refused() {
    let mut world = with_local(&["A red hat."]);
    world.keys("R 3");
    assert_eq!(world.asks(), []);
    assert!(world.notice().contains("can only use the reasons"), "{}", world.notice());
    world.keys("R 1");
    assert_eq!(world.asks().len(), 1);
}

#[test]
fn a_repair_corrects_the_selected_caption() {
    let mut world = World::new(&["A coat."]);
    let repaired = |world: &mut World| {
        let asks = world.asks();
        let [JobSpec { mode: JobMode::Repair { rejected, .. }, .. }] = &asks[..] else { panic!("{asks:?}") };
        rejected.clone()
    };
    world.keys("r");
    world.finish(0, "A hat.");
    world.keys("r");
    world.finish(0, "A cap.");
    world.asks();
    world.keys("R 3");
    assert_eq!(repaired(&mut world), Judged::Text("A cap.".to_owned()), "the newest is selected");
    world.finish(0, "A beret.");
    world.keys("[ R 3");
    assert_eq!(repaired(&mut world), Judged::Text("A cap.".to_owned()));
    world.finish(0, "A bonnet.");
    world.keys("[ [ [ [ R 1");
    assert_eq!(repaired(&mut world), Judged::Text("A coat.".to_owned()), "the original");
}
