//! Statistics of a small session.

use serde_json::{Value, json};

use super::super::fixture::{Printed, World, decided, edited};
use super::*;
use crate::dataset::{OpenOptions, RecordId};
use crate::describe::verdict::TextHash;
use crate::describe::{Quote, StopReason, Tokens, Usage, Verdict};
use crate::report::draw;
use crate::session::{Actor, CandidateId, Decision, EditBase, Event, Provenance, SampleRequest, Verification, Worker};

const SIX: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A young man in a coat.\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A young man in a red hat.\"}\n",
    "{\"file_name\": \"c.jpg\", \"text\": \"A woman.\"}\n",
    "{\"file_name\": \"d.jpg\", \"text\": \"A dog.\"}\n",
    "{\"file_name\": \"e.jpg\"}\n",
    "not JSON\n",
);

fn generated(record: u32, text: &str, model: &str, reason: Option<&str>) -> Event {
    Event::Generated { record: RecordId(record), text: text.to_owned(), provenance: provenance(model, reason) }
}

/// A verdict on a text, of which the last word may be unsupported.
fn verified(record: u32, text: &str, is_unsupported: bool, missing: &[&str]) -> Event {
    let last = text.rfind(' ').map_or(0, |space| space + 1)..text.len();
    let verdict = Verdict {
        judged: TextHash::of(text),
        unsupported: is_unsupported.then(|| Quote::of(text, last)).into_iter().collect(),
        missing: missing.iter().map(|thing| (*thing).to_owned()).collect(),
        dropped: 0,
    };
    let verification = Verification { verdict, provenance: provenance("judge", None) };
    Event::Verified { record: RecordId(record), verification: Box::new(verification) }
}

fn provenance(model: &str, reason: Option<&str>) -> Provenance {
    Provenance {
        describer: "bedrock".to_owned(),
        model: model.to_owned(),
        prompt: Some("default 1".to_owned()),
        parameters: String::new(),
        reason: reason.map(str::to_owned),
        usage: Some(Usage { tokens: Tokens { input: 1, output: 1 }, ..Usage::default() }),
        stop: StopReason::EndTurn,
        at: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn taken(candidate: u64, text: &str) -> Decision {
    Decision::Accepted { candidate: CandidateId(candidate), text: text.to_owned() }
}

fn rewritten(base: EditBase, text: &str) -> Decision {
    Decision::Edited { text: text.to_owned(), base }
}

/// Two captions of m1 are accepted, one of them edited twice; one original is kept, one edited; a batch run accepted one
/// caption of m2; the last record failed.
fn reviewed() -> World {
    let world = World::new(SIX);
    let first = EditBase::Candidate(CandidateId(1));
    world.record([
        generated(0, "A man in a long coat.", "m1", None),
        generated(1, "A man in a red hat.", "m1", Some("too long")),
        generated(2, "A woman in black.", "m2", Some("too long")),
        generated(2, "A woman in blue.", "m2", Some("wrong colour")),
        decided(0, rewritten(first, "A man in a short coat.")),
        decided(0, rewritten(EditBase::Current, "A man in a short red coat.")),
        decided(1, taken(2, "A man in a red hat.")),
        Event::Decided { record: RecordId(2), decision: taken(4, "A woman in blue."), by: Actor::Run },
        decided(3, Decision::Kept),
        decided(3, edited("A small dog.")),
        Event::Failed { record: RecordId(4), reason: "the picture is too large".to_owned() },
        Event::Flagged { record: RecordId(4), on: true },
    ]);
    world
}

fn options(world: &World) -> StatsOptions {
    StatsOptions {
        input: world.input(),
        rules: Rules { max_words: 5, ..Rules::default() },
        ascii: true,
        ..StatsOptions::default()
    }
}

fn stats(options: &StatsOptions) -> Printed {
    let (result, printed) = Printed::by(|out, errors| run(options, out, errors));
    result.unwrap();
    printed
}

fn json_of(options: StatsOptions) -> Value {
    serde_json::from_str(stats(&StatsOptions { json: true, ..options }).out()).unwrap()
}

#[test]
fn decisions_are_counted_by_who_made_them() {
    let found = json_of(options(&reviewed()));
    assert_eq!((&found["records"], &found["unreadable"], &found["reviewed"]), (&json!(6), &json!(1), &json!(4)));
    assert_eq!(found["decisions"]["accepted"], json!({ "by_hand": 1, "by_run": 1 }));
    assert_eq!(found["decisions"]["edited"], json!({ "by_hand": 2, "by_run": 0 }));
    assert_eq!(found["decisions"]["kept"], json!({ "by_hand": 0, "by_run": 0 }));
    assert_eq!((&found["acceptance"]["count"], &found["acceptance"]["of"]), (&json!(1), &json!(3)));
    assert_eq!(found["flagged"], json!(1));
}

#[test]
fn an_edit_counts_against_the_text_it_began_with() {
    let found = json_of(options(&reviewed()));
    let texts = found["texts"].as_array().unwrap();
    assert_eq!(texts.len(), 2, "captions accepted by a run are not judged: {texts:?}");
    assert_eq!((&texts[0]["model"], &texts[0]["prompt"]), (&json!("m1"), &json!("default 1")));
    assert_eq!((&texts[0]["taken"], &texts[0]["edited"], &texts[0]["edit_rate"]), (&json!(2), &json!(1), &json!(0.5)));
    // "A man in a long coat." to "A man in a short red coat.": one word replaced, one inserted, of seven.
    let distance = texts[0]["mean_word_distance"].as_f64().unwrap();
    assert!((distance - 2.0 / 7.0).abs() < 1e-12);
    assert_eq!((&texts[1]["model"], &texts[1]["taken"], &texts[1]["edited"]), (&Value::Null, &json!(1), &json!(1)));
    // "A dog." to "A small dog.": one of three.
    assert!((texts[1]["mean_word_distance"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-12);
}

#[test]
fn reasons_and_failures_are_counted() {
    let found = json_of(options(&reviewed()));
    assert_eq!(
        found["reasons"],
        json!([{ "reason": "too long", "count": 2 }, { "reason": "wrong colour", "count": 1 }])
    );
    assert_eq!(found["failures"], json!([{ "reason": "the picture is too large", "count": 1 }]));
}

#[test]
fn word_counts_are_those_of_current_captions() {
    let found = json_of(options(&reviewed()));
    let words = &found["words"];
    assert_eq!((&words["least"], &words["median"], &words["most"]), (&json!(3), &json!(4), &json!(7)));
    assert_eq!((&words["over_limit"], &words["without_caption"]), (&json!(2), &json!(1)));
    assert_eq!(found["openings"], json!([{ "words": "a man in", "captions": 2, "at_least": false }]));
    assert_eq!(found["phrases"][0], json!({ "words": "a man in", "captions": 2, "at_least": false }));
}

#[test]
fn the_page_has_80_columns_and_ascii_if_asked() {
    let world = reviewed();
    let printed = stats(&options(&world));
    assert!(printed.out().is_ascii(), "{}", printed.out());
    assert!(printed.out().lines().all(|line| line.len() <= 76), "{}", printed.out());
    assert!(printed.out().contains('#'), "{}", printed.out());
    let blocks = stats(&StatsOptions { ascii: false, ..options(&world) });
    assert!(blocks.out().contains('█') && !blocks.out().contains('\u{1b}'), "{}", blocks.out());
    let (result, colour) = Printed::on_terminal(|out, errors| run(&options(&world), out, errors));
    result.unwrap();
    assert!(colour.out().contains("\u{1b}[1mAcceptance\u{1b}[0m"), "{}", colour.out());
}

#[test]
fn without_a_session_captions_are_counted() {
    let world = World::new(SIX);
    let found = json_of(options(&world));
    assert_eq!((&found["reviewed"], &found["acceptance"]["rate"]), (&json!(0), &Value::Null));
    assert_eq!(found["openings"][0], json!({ "words": "a young man", "captions": 2, "at_least": false }));
    assert!(stats(&options(&world)).out().contains("no decisions by hand yet"));
    assert_eq!(world.files(), ["metadata.jsonl"], "nothing is written");
}

#[test]
fn text_from_files_is_sanitised() {
    let world = World::new("{\"file_name\": \"a.jpg\", \"text\": \"red \\u001b[31m hat\"}\n");
    world.record([Event::Failed { record: RecordId(0), reason: "\u{1b}]0;title\u{7}".to_owned() }]);
    let printed = stats(&StatsOptions { ascii: false, ..options(&world) });
    assert!(!printed.out().contains(['\u{1b}', '\u{7}']), "{printed:?}");
}

/// Two sessions of copies of one dataset. The second copy begins with an additional record.
fn two_reviews() -> (World, World) {
    let first = World::new(SIX);
    first.decide([(0, Decision::Kept), (1, Decision::Kept), (2, edited("A woman in black.")), (3, Decision::Excluded)]);
    let second = World::new(&format!("{{\"file_name\": \"new.jpg\", \"text\": \"New.\"}}\n{SIX}"));
    second.decide([
        (1, Decision::Kept),
        (2, Decision::Excluded),
        (3, edited("A woman in blue.")),
        (5, Decision::Kept),
        (4, Decision::Excluded),
    ]);
    (first, second)
}

#[test]
fn two_sessions_are_compared_by_record() {
    let (first, second) = two_reviews();
    let session = second.path(".recaption/metadata.sqlite");
    for other in [second.folder.path().to_owned(), second.path("metadata.jsonl"), session] {
        let found = json_of(StatsOptions { mode: StatsMode::Compare(other), ..options(&first) });
        assert_eq!(found["decided_in_both"], json!(4));
        assert_eq!(
            (&found["sessions"][0]["decided_alone"], &found["sessions"][1]["decided_alone"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(found["decision"]["observed"]["count"], json!(3));
        assert_eq!(found["decision_counts"], json!([[0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]]));
        // 3 of 4 agree; by chance 2/4·1/4 + 1/4·1/4 + 1/4·2/4 = 5/16, so kappa is (3/4 - 5/16) / (11/16) = 7/11.
        let kappa = found["decision"]["kappa"].as_f64().unwrap();
        assert!((kappa - 7.0 / 11.0).abs() < 1e-12, "{kappa}");
        assert_eq!(found["same_caption"]["count"], json!(2));
        let records: Vec<&Value> =
            found["disagreements"].as_array().unwrap().iter().map(|one| &one["file_name"]).collect();
        assert_eq!(records, ["b.jpg", "c.jpg"]);
        assert_eq!(found["disagreements"][1]["captions"], json!(["A woman in black.", "A woman in blue."]));
        assert_eq!(found["disagreements"][0]["captions"], json!(["A young man in a red hat.", null]));
    }
}

#[test]
fn a_session_file_can_replace_the_dataset_argument() {
    let (first, second) = two_reviews();
    let mut both = options(&first);
    both.input.dataset = first.path(".recaption/metadata.sqlite");
    both.mode = StatsMode::Compare(second.path(".recaption/metadata.sqlite"));
    assert_eq!(json_of(both.clone())["decided_in_both"], json!(4));
    std::fs::rename(second.path("metadata.jsonl"), second.path("elsewhere")).unwrap();
    assert_eq!(json_of(both.clone())["decided_in_both"], json!(4), "the other one's dataset is not needed");
    both.mode = StatsMode::Figures;
    assert_eq!(json_of(both)["reviewed"], json!(4));
}

#[test]
fn a_comparison_has_80_columns() {
    let (first, second) = two_reviews();
    let printed = stats(&StatsOptions { mode: StatsMode::Compare(second.path("metadata.jsonl")), ..options(&first) });
    assert!(printed.out().lines().all(|line| line.len() <= 76) && printed.out().is_ascii(), "{}", printed.out());
    let figures = printed.out().lines().filter(|line| line.contains(" of 4"));
    assert!(figures.clone().count() == 3 && figures.clone().all(|line| !line.ends_with("...")), "{}", printed.out());
    assert!(printed.out().contains("3 of 4"), "{}", printed.out());
    assert!(
        printed.out().lines().any(|line| line.contains("c.jpg") && line.ends_with("other text")),
        "{}",
        printed.out()
    );
}

#[test]
fn without_common_records_there_is_no_agreement() {
    let (first, _) = two_reviews();
    let other = World::new(SIX);
    let compared = StatsOptions { mode: StatsMode::Compare(other.path("metadata.jsonl")), ..options(&first) };
    assert_eq!(json_of(compared.clone())["decision"]["kappa"], Value::Null);
    assert!(stats(&compared).out().starts_with("0 records decided in both"));
    assert_eq!(other.files(), ["metadata.jsonl"]);
}

#[test]
fn a_plan_counts_the_records_that_can_be_read() {
    let world = World::new(SIX);
    let plan = StatsOptions { mode: StatsMode::Plan { target: 0.95 }, ..options(&world) };
    assert_eq!(json_of(plan.clone())["records"], json!(5));
    assert!(stats(&plan).out().is_ascii());
}

/// A session whose latest sample has all five valid records, two of which have been judged.
fn checked() -> World {
    let world = World::new(SIX);
    let dataset = Dataset::open(world.folder.path(), &OpenOptions::default()).unwrap();
    let (store, opened) = world.hold();
    let worker = Worker::adopt(store, |_, _| ()).unwrap();
    worker.handle().set_reviewer(Timestamp::now(), "kim".to_owned()).unwrap();
    for size in [2, 5] {
        let request = SampleRequest { size, seed: 7, by: None, blind: false };
        let drawn = draw(&dataset, &request, &opened.ledger, Timestamp::now(), &mut || ControlFlow::Continue(()));
        worker.handle().store_sample(drawn.unwrap().unwrap()).unwrap();
    }
    worker.close().unwrap();
    world.decide([(3, Decision::Kept), (0, edited("A man."))]);
    world
}

#[test]
fn a_spot_check_is_reported_to_a_file() {
    let world = checked();
    let report = |name: &str, force| {
        let mode = StatsMode::Report { path: world.path(name), force };
        let options = StatsOptions { mode, ..options(&world) };
        let (result, printed) = Printed::by(|out, errors| run(&options, out, errors));
        result.map(|()| printed)
    };
    let printed = report("r.md", false).unwrap();
    assert!(printed.out().ends_with("r.md: 2 of 5 records judged\n"), "{printed:?}");
    assert!(world.read("r.md").contains("1 of 2"), "{}", world.read("r.md"));
    report("r.json", false).unwrap();
    let json: Value = serde_json::from_str(&world.read("r.json")).unwrap();
    assert_eq!((&json["sample"]["size"], &json["dataset_unchanged"]), (&json!(5), &json!(true)));
    assert_eq!(json["records"].as_array().unwrap().len(), 5);

    let error = report("r.md", false).unwrap_err();
    assert!(error.to_string().ends_with("r.md: already exists; --force replaces it"), "{error}");
    report("r.md", true).unwrap();
    let error = report("metadata.jsonl", true).unwrap_err();
    assert!(error.to_string().contains("this is the dataset") && error.exit_code() == ExitCode::Write, "{error}");
    assert_eq!(world.read("metadata.jsonl"), SIX);
}

#[test]
fn statistics_include_the_latest_spot_check() {
    let world = checked();
    let found = json_of(options(&world));
    let spot = &found["spot_check"];
    assert_eq!((&spot["size"], &spot["drawn"], &spot["pending"]), (&json!(5), &json!(5), &json!(3)));
    assert_eq!(
        (&spot["accepted"]["count"], &spot["accepted"]["of"], &spot["edited"]),
        (&json!(1), &json!(2), &json!(1))
    );
    assert!(stats(&options(&world)).out().contains("Spot check: 5 of 5 records, seed 7"));
}

#[test]
fn verdicts_on_captions_that_come_first_are_counted() {
    let world = World::new(SIX);
    world.record([
        verified(0, "A young man in a coat.", true, &["a bag"]),
        // The candidate comes first, so its verdict counts and not that of the original.
        verified(1, "A young man in a red hat.", true, &[]),
        generated(1, "A man.", "m1", None),
        verified(1, "A man.", false, &["a hat"]),
        // Not judged since the edit, or since the candidate came.
        verified(2, "A woman.", true, &[]),
        decided(2, edited("A woman in black.")),
        verified(3, "A dog.", true, &[]),
        generated(3, "A cat.", "m1", None),
    ]);
    let counts = |world: &World| json_of(options(world))["verified"].clone();
    assert_eq!(counts(&world), json!({ "captions": 2, "unsupported": 1, "missing": 2 }));
    let page = stats(&options(&world));
    assert!(page.out().lines().any(|line| line.split_whitespace().eq(["verified", "2"])), "{page:?}");
    world.decide([(0, Decision::Excluded), (1, Decision::Kept)]);
    assert_eq!(counts(&world), json!({ "captions": 1, "unsupported": 1, "missing": 0 }));
}

#[test]
fn a_spot_check_calibrates_the_verifier() {
    let world = checked();
    world.record([
        verified(3, "A dog.", true, &[]),
        verified(0, "A young man in a coat.", false, &["a bag"]),
        // The reviewer has not judged it.
        verified(1, "A young man in a red hat.", true, &[]),
    ]);
    let found = json_of(options(&world));
    let [verifier] = &found["spot_check"]["verifiers"].as_array().unwrap()[..] else { panic!("{found}") };
    assert_eq!((&verifier["model"], &verifier["judged"]), (&json!("judge"), &json!(2)));
    // Record 3 was kept, and record 0 was edited.
    let figure = |flagged: &str, figure: &str| {
        let figure = &verifier[flagged][figure];
        (figure["count"].as_u64().unwrap(), figure["of"].as_u64().unwrap())
    };
    assert_eq!((figure("unsupported", "precision"), figure("unsupported", "recall")), ((0, 1), (0, 1)));
    assert_eq!((figure("any", "precision"), figure("any", "recall")), ((1, 2), (1, 1)));
    let page = stats(&options(&world));
    assert!(page.out().contains("verifier judge, 2 judged by both"), "{page:?}");
}

#[test]
fn without_a_spot_check_there_is_no_report() {
    let world = reviewed();
    let mode = StatsMode::Report { path: world.path("r.md"), force: false };
    let options = StatsOptions { mode, ..options(&world) };
    let error = Printed::by(|out, errors| run(&options, out, errors)).0.unwrap_err();
    assert!(matches!(error, StatsError::NoSample) && error.exit_code() == ExitCode::Usage, "{error}");
    assert_eq!(world.files(), ["metadata.jsonl"]);
}

#[test]
fn tags_of_the_current_captions_are_counted() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"hat, Long_Hair, hat\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"cap\"}\n",
        "{\"file_name\": \"c.jpg\", \"text\": [\"hat\", 1]}\n",
        "{\"file_name\": \"d.jpg\"}\n",
    ));
    world.record([decided(1, edited("long hair, coat"))]);
    let options = |json| StatsOptions { input: world.input(), mode: StatsMode::Tags, json, ..StatsOptions::default() };
    let (result, printed) = Printed::by(|out, errors| run(&options(true), out, errors));
    result.unwrap();
    let tags = json!([
        { "tag": "Long_Hair", "captions": 2 }, { "tag": "coat", "captions": 1 }, { "tag": "hat", "captions": 1 },
    ]);
    let figures: Value = serde_json::from_str(printed.out()).unwrap();
    assert_eq!((&figures["tags"], &figures["captions"], &figures["left_out"]), (&tags, &json!(2), &json!(0)));
    let (result, printed) = Printed::by(|out, errors| run(&options(false), out, errors));
    result.unwrap();
    assert!(printed.out().contains(": 3 tags in 2 captions\n          2  Long_Hair\n"), "{printed:?}");
}
