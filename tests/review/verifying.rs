//! Verification in the reviewer: findings, filter, sort, reasons, dropping phrases, consent, and the calibration in a spot
//! check.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use jiff::Timestamp;
use recaption::dataset::RecordId;
use recaption::describe::verdict::TextHash;
use recaption::describe::{
    Context, DescribeError, Describer, Description, DescriptionEvent, Detail, Dollars, Outcome, Priority, Quote,
    Reason, Request, StopReason, Tokens, Usage, Verdict,
};
use recaption::engine::rules::{JobMode, JobSpec, Judged};
use recaption::engine::verifier::Verifier;
use recaption::engine::{EngineEvent, JobEvent};
use recaption::lint::LintKind;
use recaption::review::{DescribeScope, Effect, Mode, NoticeKind, VerifierSettings, Version};
use recaption::session::{Decision, Event, SampleRequest};

use crate::spot_check;
use crate::world::World;

const CAPTIONS: [&str; 4] = ["A woman, red coat.", "A man, hat.", "A girl, outdoors.", "A boy."];

pub fn settings(price: Option<u64>) -> VerifierSettings {
    let cost = |cents: u64| Dollars::from_billionths(cents * 10_000_000).into();
    VerifierSettings {
        name: "judge".to_owned(),
        version: Some(("m1".to_owned(), "verify·1".to_owned())),
        price: price.map(|cents| Usage { tokens: Tokens { input: 1_000, output: 50 }, cost: cost(cents) }),
        auto: false,
    }
}

fn world() -> World {
    World::with(&CAPTIONS, |world| world.verifier = Some(settings(None)))
}

fn response(text: String) -> Description {
    Description {
        text,
        model: "m1".to_owned(),
        prompt: Some("verify·1".to_owned()),
        parameters: String::new(),
        stop: StopReason::EndTurn,
        usage: Some(Usage {
            tokens: Tokens { input: 1_000, output: 50 },
            cost: Dollars::from_billionths(400_000).into(),
        }),
    }
}

pub fn verdict(caption: &str, unsupported: &[&str], missing: &[&str]) -> Outcome {
    let quote = |phrase: &&str| {
        let start = caption.find(phrase).expect("in the caption");
        Quote::of(caption, start..start + phrase.len())
    };
    let mut quotes: Vec<Quote> = unsupported.iter().map(quote).collect();
    quotes.sort_by_key(|quote| quote.start);
    let verdict = Verdict {
        judged: TextHash::of(caption),
        unsupported: quotes,
        missing: missing.iter().map(|thing| (*thing).to_owned()).collect(),
        dropped: 0,
    };
    Outcome::Verified(Box::new(verdict), response("{}".to_owned()))
}

pub fn end(world: &mut World, spec: &JobSpec, outcome: Outcome) {
    let (job, record) = (spec.job, spec.record);
    world.send(EngineEvent::Job { job, record, event: JobEvent::Started, at: Timestamp::UNIX_EPOCH });
    world.send(EngineEvent::Job { job, record, event: JobEvent::Ended(outcome), at: Timestamp::UNIX_EPOCH });
}

/// The mode of a job for a record without verdicts.
fn judging(text: Judged) -> JobMode {
    JobMode::Verify { text, verified: Vec::new() }
}

/// Presses `V` at the cursor and delivers the verdict.
pub fn verify(world: &mut World, unsupported: &[&str], missing: &[&str]) {
    world.asked.clear();
    world.keys("V");
    let [spec] = &world.asks()[..] else { panic!("no single job: {}", world.notice()) };
    let JobMode::Verify { text: Judged::Text(text), .. } = &spec.mode else { panic!("{spec:?}") };
    end(world, spec, verdict(text, unsupported, missing));
}

fn kinds(world: &World, record: u32, version: Version) -> Vec<LintKind> {
    let findings = world.model.findings(RecordId(record), version);
    findings.iter().map(|finding| finding.kind).filter(|kind| kind.is_of_verifier()).collect()
}

#[test]
fn findings_are_shown_with_their_place_until_the_text_changes() {
    let mut world = world();
    verify(&mut world, &["red coat", "woman"], &["a bag"]);
    assert_eq!(world.notice(), "2 phrases not in the image, 1 thing not mentioned · D drops phrases · R regenerates");
    assert_eq!(kinds(&world, 0, Version::Original), [LintKind::Unsupported, LintKind::Unsupported, LintKind::Missing]);
    let findings = world.model.findings(RecordId(0), Version::Original);
    let span = findings.iter().find_map(|finding| finding.span.clone());
    assert_eq!(span.map(|span| &CAPTIONS[0][span]), Some("woman"), "in the order of the caption");
    assert!(world.model.current_needs_attention(RecordId(0)));
    let verification = world.model.verification(RecordId(0), Version::Original).expect("stored");
    assert_eq!((verification.provenance.model.as_str(), verification.provenance.describer.as_str()), ("m1", "judge"));
    world.restart();
    assert_eq!(kinds(&world, 0, Version::Original).len(), 3, "stored in the session");
    world.keys("e").write("A woman, red coat, hat.").keys("ctrl-s");
    assert_eq!(kinds(&world, 0, Version::Edited), [], "the new text has no verdict");
    assert!(!world.model.current_needs_attention(RecordId(0)));
    world.keys("u");
    assert_eq!(kinds(&world, 0, Version::Original).len(), 3);
    // The same text again costs nothing.
    world.keys("V");
    assert_eq!(world.asks(), []);
    assert!(world.notice().starts_with("verified before with this model and prompt: 2 phrases"), "{}", world.notice());
}

#[test]
fn a_failure_stores_nothing_and_is_shown() {
    let mut world = world();
    world.keys("V");
    let [spec] = &world.asks()[..] else { panic!("no single job") };
    end(&mut world, spec, Outcome::Failed(DescribeError { message: "m1 declined".to_owned() }));
    assert_eq!((world.notice(), world.stored.len()), ("m1 declined", 0));
    assert!(world.model.verifying.is_idle());
}

#[test]
fn without_a_verifier_the_reason_is_shown() {
    let mut world = World::with(&CAPTIONS, |settings| settings.no_verifier = "no server".to_owned());
    world.keys("V");
    assert_eq!(world.notice(), "no server");
    assert_eq!(world.asks(), []);
}

#[test]
fn the_candidate_shown_is_judged_and_not_the_original() {
    let mut world = world();
    world.keys("r");
    world.finish(0, "A woman in a blue coat.");
    world.asked.clear();
    verify(&mut world, &["blue"], &[]);
    assert_eq!(kinds(&world, 0, Version::Candidate(0)), [LintKind::Unsupported]);
    assert_eq!(kinds(&world, 0, Version::Original), []);
    world.keys("f").write("lint:unsupported").keys("Enter");
    assert_eq!(world.listed(), [0], "the caption shown counts");
}

#[test]
fn captions_are_filtered_and_sorted_by_the_verdict() {
    let mut world = world();
    verify(&mut world, &["red coat"], &[]);
    world.keys("j");
    verify(&mut world, &[], &["a hat band"]);
    world.keys("j");
    verify(&mut world, &["girl", "outdoors"], &[]);
    for (query, expected) in [
        ("lint:unsupported", &[0, 2][..]),
        ("lint:missing", &[1]),
        ("lint:unsupported or lint:missing", &[0, 1, 2]),
        ("not lint:unsupported", &[1, 3]),
        ("lint:warning", &[0, 2]),
    ] {
        world.keys("f").write(query).keys("Enter");
        assert_eq!(world.listed(), expected, "{query}");
        world.keys("F");
    }
    world.keys("o v");
    assert_eq!(world.listed(), [2, 0, 1, 3], "worst first");
}

#[test]
fn the_findings_are_a_reason_to_regenerate() {
    let mut world = World::with(&CAPTIONS, |settings| {
        settings.verifier = Some(self::settings(None));
        settings.levels_of_detail = false;
    });
    world.keys("R 6");
    assert_eq!(world.notice(), "no findings of the verifier · V verifies");
    world.keys("Esc");
    verify(&mut world, &["red coat"], &["a bag"]);
    world.keys("R 6");
    let asks = world.asks();
    let reason = asks[0].reason().cloned();
    assert_eq!(reason, Some(Reason::Custom("not in the image: “red coat”; not mentioned: a bag".to_owned())));
}

#[test]
fn an_unsupported_phrase_is_dropped_as_an_edit_to_look_at() {
    let mut world = world();
    world.keys("D");
    assert!(world.notice().starts_with("no phrase"), "{}", world.notice());
    verify(&mut world, &["red coat"], &["a bag"]);
    world.keys("D");
    let Mode::Edit(editor) = &world.model.mode else { panic!("no editor: {}", world.notice()) };
    assert_eq!((editor.draft.text.as_str(), editor.start.as_str()), ("A woman.", CAPTIONS[0]));
    assert_eq!(world.model.state(RecordId(0)).decision, Decision::Undecided, "nothing is decided before a look");
    world.restart();
    assert_eq!(world.model.state(RecordId(0)).draft.as_ref().map(|draft| draft.text.as_str()), Some("A woman."));
    world.keys("D");
    assert!(world.notice().starts_with("unfinished edit"), "{}", world.notice());
    world.keys("e Enter");
    assert_eq!(world.model.state(RecordId(0)).own_text(RecordId(0)).as_deref(), Some("A woman."));
    world.keys("u");
    assert_eq!(world.model.state(RecordId(0)).own_text(RecordId(0)), None);
    assert_eq!(kinds(&world, 0, Version::Original).len(), 2, "the verdict on the original is back");
}

#[test]
fn the_selection_is_verified_in_the_background() {
    let mut world = world();
    verify(&mut world, &[], &[]);
    world.keys("ctrl-a V");
    let specs = world.asks();
    let records: Vec<u32> = specs.iter().map(|spec| spec.record.0).collect();
    assert_eq!(records, [1, 2, 3], "the first one is verified already");
    assert!(specs.iter().all(|spec| spec.priority == Priority::Bulk && spec.mode == judging(Judged::First(None))));
    end(&mut world, &specs[0], verdict(CAPTIONS[1], &["hat"], &[]));
    end(&mut world, &specs[1], verdict(CAPTIONS[2], &[], &[]));
    end(&mut world, &specs[2], Outcome::Failed(DescribeError { message: "m1 declined".to_owned() }));
    assert_eq!(world.notice(), "verified 2 of 3: 1 with findings, 1 failed · o v sorts them");
    assert_eq!(kinds(&world, 1, Version::Original), [LintKind::Unsupported]);
    // Stopped: late results are dropped.
    world.keys("ctrl-a V");
    let specs = world.asks();
    assert_eq!(specs.iter().map(|spec| spec.record.0).collect::<Vec<_>>(), [3]);
    world.keys("ctrl-c");
    assert!(world.notice().starts_with("stopped 1 verifications"), "{}", world.notice());
    assert!(world.asked.contains(&Effect::StopDescriptions));
    let stored = world.stored.len();
    end(&mut world, &specs[0], verdict(CAPTIONS[3], &["boy"], &[]));
    assert_eq!(world.stored.len(), stored);
}

/// The caption of a record whose line is not in memory is known only when its request is made.
#[test]
fn a_selected_record_that_is_not_loaded_is_neither_left_out_nor_verified_twice() {
    let mut world = World::with(&vec!["A red hat."; 3000], |settings| {
        settings.describer = Some("local".to_owned());
        settings.verifier = Some(self::settings(None));
    });
    // A verdict on a candidate that is only offered beside the original, and one on the original.
    world.keys("r");
    world.finish(0, "A person in red.");
    world.keys("]");
    verify(&mut world, &[], &[]);
    world.keys("j");
    verify(&mut world, &["hat"], &[]);
    // Far enough for the lines to be forgotten.
    world.keys("g g").keys(&"PageDown ".repeat(400)).keys("ctrl-a");
    assert!(world.model.original(RecordId(0)).is_none() && world.model.original(RecordId(1)).is_none());
    world.asked.clear();
    world.keys("V");
    let specs = world.asks();
    let mode = |record: u32| &specs.iter().find(|spec| spec.record == RecordId(record)).expect("in the run").mode;
    let text = Judged::First(Some(("A person in red.".to_owned(), true)));
    assert_eq!(mode(0), &JobMode::Verify { text, verified: vec![TextHash::of("A person in red.")] });
    let (text, verified) = (Judged::First(None), vec![TextHash::of("A red hat.")]);
    assert_eq!(mode(1), &JobMode::Verify { text, verified });
}

#[test]
fn the_counts_of_a_run_add_up() {
    let mut world = world();
    world.keys("ctrl-a V");
    let specs = world.asks();
    end(&mut world, &specs[0], verdict(CAPTIONS[0], &["red coat"], &[]));
    let JobSpec { job, record, .. } = specs[1];
    world.send(EngineEvent::Job { job, record, event: JobEvent::AlreadyVerified, at: Timestamp::UNIX_EPOCH });
    end(&mut world, &specs[2], Outcome::Failed(DescribeError { message: "m1 declined".to_owned() }));
    end(&mut world, &specs[3], verdict(CAPTIONS[3], &[], &[]));
    assert_eq!(world.notice(), "verified 2 of 4: 1 with findings, 1 verified before, 1 failed · o v sorts them");
}

#[test]
fn excluded_records_are_not_verified() {
    let mut world = world();
    world.keys("X");
    assert_eq!(world.model.state(RecordId(0)).decision, Decision::Excluded);
    world.keys("g g V");
    assert_eq!(world.notice(), "excluded: not verified");
    assert_eq!(world.asks(), []);
    world.keys("ctrl-a V");
    let records: Vec<u32> = world.asks().iter().map(|spec| spec.record.0).collect();
    assert_eq!(records, [1, 2, 3], "as with `recaption verify`");
}

#[test]
fn nothing_is_sent_before_consent() {
    let mut world = World::with(&CAPTIONS, |world| world.verifier = Some(settings(Some(1))));
    world.keys("V");
    assert_eq!(world.model.mode, Mode::ConfirmVerifying { scope: DescribeScope::Cursor(RecordId(0)), count: 1 });
    assert!(world.asked.contains(&Effect::PrepareVerifier));
    world.keys("n");
    assert_eq!(world.asks(), []);
    world.keys("V y");
    assert!(world.asked.contains(&Effect::ConsentToVerify));
    assert!(!world.asked.contains(&Effect::ConsentToPrice), "consent to the verifier is none to the describer");
    assert_eq!(world.asks().len(), 1);
    world.keys("j V");
    assert_eq!(world.asks().len(), 1, "one consent covers single captions");
    world.keys("ctrl-a V");
    assert!(matches!(world.model.mode, Mode::ConfirmVerifying { scope: DescribeScope::Selected, count: 2 }));
}

#[test]
fn new_candidates_are_verified_if_set_and_consented_to() {
    let auto = |price| {
        World::with(&CAPTIONS, |world| {
            world.verifier = Some(VerifierSettings { auto: true, ..settings(price) });
        })
    };
    let mut world = auto(None);
    world.keys("r");
    world.finish(0, "A woman in a blue coat.");
    let specs = world.asks();
    let verified = specs.iter().filter(|spec| spec.mode.is_verification());
    let texts: Vec<&JobMode> = verified.map(|spec| &spec.mode).collect();
    assert_eq!(texts, [&judging(Judged::Text("A woman in a blue coat.".to_owned()))]);
    // A free describer with a paid verifier needs consent, too.
    let mut world = auto(Some(1));
    world.keys("r");
    assert!(matches!(world.model.mode, Mode::ConfirmSpending { .. }), "{:?}", world.model.mode);
    world.keys("n");
    assert_eq!(world.asks(), []);
    world.keys("r y");
    assert!(world.asked.contains(&Effect::ConsentToVerify));
    // Never in a spot check.
    let mut world = World::with(&CAPTIONS, |world| {
        world.verifier = Some(VerifierSettings { auto: true, ..settings(None) });
        world.sample = Some(SampleRequest { size: 3, seed: 7, by: None, blind: false });
    });
    let sample = spot_check::sample(&world.model.ledger, &[0, 1, 2]);
    world.send(EngineEvent::Sampled(Ok(Box::new(sample))));
    world.keys("r");
    world.finish(0, "A woman in a blue coat.");
    assert!(world.asks().iter().all(|spec| !spec.mode.is_verification()));
}

/// A verifier's model that returns a known response for each caption.
struct Scripted(Box<dyn Fn(&str) -> String + Send + Sync>);

impl Describer for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn describe(&self, request: Request, _priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        let text = (self.0)(request.context.current.as_deref().unwrap_or_default());
        stream::iter([DescriptionEvent::Ended(Outcome::Described(response(text)))]).boxed()
    }
}

fn judge(verifier: &Verifier, caption: &str) -> Outcome {
    let request = Request {
        job: recaption::describe::JobId(1),
        record: RecordId(0),
        image_path: "a.jpg".into(),
        detail: Detail::Standard,
        max_words: 50,
        context: Context { current: Some(caption.to_owned()), ..Context::default() },
    };
    let events = verifier.describe(request, Priority::Bulk).collect::<Vec<_>>();
    match futures::executor::block_on(events).pop() {
        Some(DescriptionEvent::Ended(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// A caption of the fixture with what a verifier reports about it.
#[derive(serde::Deserialize)]
struct Known {
    text: String,
    /// The phrase that the photograph contradicts, according to a person who looked at it.
    wrong: Option<String>,
    unsupported: Vec<String>,
    missing: Vec<String>,
}

/// 50 captions with known errors and a verifier with known answers, counted by hand in the fixture:
///
/// | caption | unsupported | only missing | no finding | all |
/// |---|---|---|---|---|
/// | wrong | 15 | 2 | 3, one of them with a phrase that is not in the caption | 20 |
/// | right | 4 | 3 | 23, one of them with a phrase that is not in the caption | 30 |
///
/// Precision: 15 of 15 + 4 = 19; with missing things 15 + 2 = 17 of 17 + 4 + 3 = 24. Recall: 15 of 20 and 17 of 20. The
/// intervals are those of Wilson for 95 %: for `p = k / n` and `z = 1.96`, `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)`.
#[test]
fn a_spot_check_gives_the_precision_and_recall_of_the_verifier() {
    let lines = include_str!("../fixtures/captions-with-errors.jsonl").lines();
    let known: Vec<Known> = lines.map(|line| serde_json::from_str(line).expect("the fixture")).collect();
    let texts: Vec<&str> = known.iter().map(|caption| caption.text.as_str()).collect();
    let answers: HashMap<String, String> = known
        .iter()
        .map(|Known { text, unsupported, missing, .. }| {
            (text.clone(), serde_json::json!({ "unsupported": unsupported, "missing": missing }).to_string())
        })
        .collect();
    assert_eq!((known.len(), answers.len()), (50, 50), "different captions");
    let verifier = Verifier::new(Arc::new(Scripted(Box::new(move |caption| answers[caption].clone()))));
    let mut world = World::with(&texts, |world| {
        world.verifier = Some(settings(None));
        world.rules.max_words = 50;
        world.sample = Some(SampleRequest { size: 50, seed: 7, by: None, blind: false });
    });
    let all: Vec<u32> = (0..50).collect();
    let mut sample = spot_check::sample_of(&world.model.ledger, &all, &texts);
    sample.after = world.model.ledger.last();
    world.send(EngineEvent::Sampled(Ok(Box::new(sample))));
    for (record, Known { text, wrong, unsupported, missing }) in (0..).zip(&known) {
        assert_eq!(world.cursor(), Some(record));
        world.asked.clear();
        world.keys("V");
        let [spec] = &world.asks()[..] else { panic!("no single job: {}", world.notice()) };
        end(&mut world, spec, judge(&verifier, text));
        assert_eq!(kinds(&world, record, Version::Original), [], "hidden before the verdict of the reviewer");
        assert!(!world.model.current_needs_attention(RecordId(record)));
        assert_eq!(world.notice(), "verified · the result is shown after your verdict");
        assert!(wrong.as_ref().is_none_or(|phrase| text.contains(phrase.as_str())), "{text}");
        world.keys(if wrong.is_some() { "b 3" } else { "x" });
        let is_quoted = |phrase: &&String| text.contains(phrase.as_str());
        let expected = unsupported.iter().filter(is_quoted).count() + usize::from(!missing.is_empty());
        assert_eq!(kinds(&world, record, Version::Original).len(), expected, "shown afterwards: {text}");
    }
    let figures = world.model.spot_figures().expect("a spot check");
    let [verifier] = &figures.verifiers[..] else { panic!("{:?}", figures.verifiers) };
    assert_eq!((verifier.model.as_str(), verifier.prompt.as_str(), verifier.judged), ("m1", "verify·1", 50));
    let row = |name, precision: &str, recall: &str| (name, precision.to_owned(), recall.to_owned());
    assert_eq!(
        verifier.rows(),
        [
            row("unsupported", "78.9 % (56.7–91.5 %), 15 of 19", "75.0 % (53.1–88.8 %), 15 of 20"),
            row("any finding", "70.8 % (50.8–85.1 %), 17 of 24", "85.0 % (64.0–94.8 %), 17 of 20"),
        ]
    );
    let verifiers = &figures.json()["verifiers"];
    let counts = |flagged: &str, figure: &str| {
        let figure = &verifiers[0][flagged][figure];
        (figure["count"].as_u64(), figure["of"].as_u64())
    };
    assert_eq!(counts("unsupported", "precision"), (Some(15), Some(19)));
    assert_eq!(counts("unsupported", "recall"), (Some(15), Some(20)));
    assert_eq!(counts("any", "precision"), (Some(17), Some(24)));
    assert_eq!(counts("any", "recall"), (Some(17), Some(20)));
    let dropped = world.stored.iter().filter_map(|(_, event)| match event {
        Event::Verified { verification, .. } => Some(verification.verdict.dropped),
        _ => None,
    });
    assert_eq!(dropped.sum::<u32>(), 2, "phrases that are not in the caption are counted and never findings");
    assert_ne!(world.model.notice.as_ref().map(|notice| notice.kind), Some(NoticeKind::Error));
}
