use super::*;
use crate::session::{Draft, EditBase, FILE};

const RECORD: RecordId = RecordId(3);

fn description(text: &str, stop: StopReason) -> Description {
    Description {
        text: text.to_owned(),
        model: "m1".to_owned(),
        prompt: None,
        parameters: String::new(),
        stop,
        usage: None,
    }
}

fn rules() -> Rules {
    Rules { max_words: 10, min_words: 1, ..Rules::default() }
}

fn conclude_with(
    ledger: &mut Ledger,
    text: &str,
    stop: StopReason,
    accept: Option<Actor>,
) -> Result<Described, String> {
    match conclude_by("test", Some("A coat on a chair."), ledger, Outcome::Described(description(text, stop)), accept) {
        Concluded::Described(described) => Ok(described),
        Concluded::NothingRecognised => panic!("{text}"),
        Concluded::Failed(reason) => Err(reason),
    }
}

fn conclude_by(
    describer: &str,
    current: Option<&str>,
    ledger: &mut Ledger,
    outcome: Outcome,
    accept: Option<Actor>,
) -> Concluded {
    let origin = Origin { describer, reason: None, at: Timestamp::UNIX_EPOCH, accept, current };
    let conclusion = conclude(ledger, RECORD, outcome, origin, &rules());
    for event in conclusion.events {
        ledger.apply(event);
    }
    conclusion.result
}

fn caption(text: &str) -> Outcome {
    Outcome::Described(description(text, StopReason::EndTurn))
}

fn spec(ledger: &Ledger) -> JobSpec {
    job_spec(JobId(1), RECORD, Priority::Bulk, ledger, "test", Wish::Another)
}

fn edited(text: &str) -> Event {
    let decision = Decision::Edited { text: text.to_owned(), base: EditBase::Original };
    Event::Decided { record: RECORD, decision, by: Actor::Operator }
}

#[test]
fn the_current_caption_is_the_one_a_save_would_write() {
    let mut ledger = Ledger::new();
    assert_eq!(spec(&ledger).current, CurrentCaption::InDataset);
    ledger.apply(edited("Edited."));
    assert_eq!(spec(&ledger).current, CurrentCaption::InSession(Some("Edited.".to_owned())));
    ledger.apply(Event::Amended { record: RECORD, text: Some("Amended.".to_owned()) });
    assert_eq!(spec(&ledger).current, CurrentCaption::InSession(Some("Amended.".to_owned())));
    ledger.apply(Event::Undone);
    ledger.apply(Event::Undone);
    assert_eq!(spec(&ledger).current, CurrentCaption::InDataset);
}

#[test]
fn after_an_in_place_save_an_undo_leads_back_to_the_first_caption() {
    let state = RecordState { original: Original::Before(None), ..RecordState::default() };
    let current = CurrentCaption::of(RECORD, &state);
    assert_eq!(current.resolve(Some("what the save wrote".to_owned())), None);
    let state = RecordState { original: Original::Before(Some("First.".to_owned())), ..RecordState::default() };
    assert_eq!(CurrentCaption::of(RECORD, &state).resolve(None), Some("First.".to_owned()));
}

#[test]
fn imported_captions_are_no_earlier_candidates_of_the_describer() {
    let mut ledger = Ledger::new();
    let import =
        import(ledger.record(RECORD), RECORD, "Imported.".to_owned(), (FILE, "older.jsonl"), Timestamp::UNIX_EPOCH);
    ledger.apply(import.expect("a new caption"));
    let spec_after_import = spec(&ledger);
    assert_eq!((spec_after_import.detail, spec_after_import.previous), (Detail::Standard, vec![]));
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    let spec = spec(&ledger);
    assert_eq!((spec.detail, spec.previous), (Detail::Detailed, vec!["A hat.".to_owned()]));
}

/// Stores a candidate with the reason for which it was asked.
fn generate(ledger: &mut Ledger, describer: &str, text: &str, reason: Option<&Reason>) {
    let origin = Origin { describer, reason, at: Timestamp::UNIX_EPOCH, accept: None, current: Some("A coat.") };
    let conclusion = conclude(ledger, RECORD, caption(text), origin, &rules());
    conclusion.events.into_iter().for_each(|event| _ = ledger.apply(event));
}

#[test]
fn a_repair_has_the_last_candidate_and_all_reasons() {
    let mut ledger = Ledger::new();
    let spec = |ledger: &Ledger, wish| job_spec(JobId(1), RECORD, Priority::Bulk, ledger, "bedrock", wish);
    assert_eq!(spec(&ledger, Wish::Another).mode, JobMode::Describe, "no candidate to differ from");
    let repair = spec(&ledger, Wish::Repair(Reason::TooLong, None));
    assert_eq!(repair.mode, JobMode::Repair { rejected: Judged::First(None), reasons: vec![Reason::TooLong] });

    generate(&mut ledger, "bedrock", "A hat.", None);
    generate(&mut ledger, "bedrock", "A cap.", Some(&Reason::TooLong));
    generate(&mut ledger, "bedrock", "A beret.", Some(&Reason::Custom("no cap".to_owned())));
    generate(&mut ledger, "bedrock", "A red beret.", Some(&Reason::TooLong));
    assert_eq!(spec(&ledger, Wish::Another).mode, JobMode::Vary);
    assert_eq!(spec(&ledger, Wish::Describe).mode, JobMode::Describe);
    let selected = spec(&ledger, Wish::Repair(Reason::TooLong, Some("A cap.".to_owned())));
    let reasons = vec![Reason::Custom("no cap".to_owned()), Reason::TooLong];
    assert_eq!(selected.mode, JobMode::Repair { rejected: Judged::Text("A cap.".to_owned()), reasons });
    let reasons = vec![Reason::Custom("no cap".to_owned()), Reason::TooLong, Reason::WrongColour];
    let rejected = Judged::First(Some(("A red beret.".to_owned(), false)));
    assert_eq!(spec(&ledger, Wish::Repair(Reason::WrongColour, None)).mode, JobMode::Repair { rejected, reasons });
}

#[test]
fn local_candidates_count_for_the_local_describer_only() {
    let mut ledger = Ledger::new();
    generate(&mut ledger, LOCAL, "A hat.", None);
    let state = ledger.record(RECORD);
    assert_eq!((needs_description(state, LOCAL), needs_description(state, "bedrock")), (false, true));
    let spec = |describer| job_spec(JobId(1), RECORD, Priority::Bulk, &ledger, describer, Wish::Another);
    assert_eq!((spec(LOCAL).mode, spec(LOCAL).previous), (JobMode::Vary, vec!["A hat.".to_owned()]));
    assert_eq!((spec("bedrock").mode, spec("bedrock").previous), (JobMode::Describe, vec![]));
    generate(&mut ledger, "bedrock", "A cap.", None);
    assert!(!needs_description(ledger.record(RECORD), "openai"));
}

#[test]
fn examples_are_the_last_captions_that_a_person_accepted_or_edited() {
    let mut ledger = Ledger::new();
    let decide = |ledger: &mut Ledger, record: u32, text: &str, by| {
        let decision = Decision::Edited { text: text.to_owned(), base: EditBase::Original };
        ledger.apply(Event::Decided { record: RecordId(record), decision, by });
    };
    let examples =
        |ledger: &Ledger| job_spec(JobId(1), RECORD, Priority::Bulk, ledger, "bedrock", Wish::Describe).examples;
    for (record, text) in [(10, "One."), (11, "Two\n lines."), (12, "One."), (RECORD.0, "Its own.")] {
        decide(&mut ledger, record, text, Actor::Operator);
    }
    decide(&mut ledger, 13, "By the run.", Actor::Run);
    ledger.apply(Event::Decided { record: RecordId(14), decision: Decision::Kept, by: Actor::Operator });
    decide(&mut ledger, 15, &"long ".repeat(500), Actor::Operator);
    assert_eq!(examples(&ledger), ["One.", "Two lines."], "newest first, each text once, within the limit of length");
    decide(&mut ledger, 11, "Two, edited.", Actor::Operator);
    assert_eq!(examples(&ledger), ["Two, edited.", "One."]);
    ledger.apply(Event::Undone);
    assert_eq!(examples(&ledger), ["One.", "Two lines."]);
    (20..30).for_each(|record| decide(&mut ledger, record, &format!("{record}."), Actor::Operator));
    assert_eq!(examples(&ledger), ["29.", "28.", "27.", "26.", "25."]);
}

#[test]
fn a_caption_with_an_error_is_no_hint() {
    let rules = Rules { banned: vec![lint::WordList::new(["Acme"])], ..rules() };
    let is_hint = |caption, stop: Option<&StopReason>| is_hint(caption, stop, &rules);
    assert!(is_hint("A woman in a red coat.", None));
    assert!(is_hint("A woman in a a red coat.", None), "a warning");
    for caption in ["", "I'm sorry, I can't describe people in images.", "An Acme coat."] {
        assert!(!is_hint(caption, None), "{caption}");
    }
    assert!(!is_hint("A woman in a red coat.", Some(&StopReason::MaxTokens)));
    let mut strict = rules.clone();
    strict.severities.set(LintKind::CutOff, Severity::Error);
    assert!(is_hint("A woman in red", None) && !super::is_hint("A woman in red", None, &strict));
}

#[test]
fn an_imported_caption_is_imported_once() {
    let mut ledger = Ledger::new();
    let again = |ledger: &Ledger| {
        import(ledger.record(RECORD), RECORD, "Imported.".to_owned(), (FILE, "older.jsonl"), Timestamp::UNIX_EPOCH)
    };
    ledger.apply(again(&ledger).expect("a new caption"));
    assert_eq!(again(&ledger), None);
}

#[test]
fn a_record_with_something_to_review_needs_no_description() {
    let mut ledger = Ledger::new();
    assert!(needs_description(ledger.record(RECORD), "test"));
    let draft = Draft { text: "A".to_owned(), cursor: 1, base: EditBase::Original };
    ledger.apply(Event::Drafted { record: RECORD, draft: Some(draft) });
    assert!(!needs_description(ledger.record(RECORD), "test"), "a draft");
    ledger.apply(Event::Drafted { record: RECORD, draft: None });
    ledger.apply(Event::Failed { record: RECORD, reason: "busy".to_owned() });
    assert!(needs_description(ledger.record(RECORD), "test"), "failed");
    assert!(needs_retry(ledger.record(RECORD)));
    ledger.apply(edited("Edited."));
    assert!(!needs_description(ledger.record(RECORD), "test") && !needs_retry(ledger.record(RECORD)), "decided");
    ledger.apply(Event::Undone);
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    assert!(!needs_description(ledger.record(RECORD), "test"), "a candidate");
}

#[test]
fn only_a_clean_candidate_is_accepted() {
    for (text, stop, accepted) in [
        ("A woman in a red coat.", StopReason::EndTurn, true),
        ("A woman in a red", StopReason::MaxTokens, false),
        ("One two three four five six seven eight nine ten eleven.", StopReason::EndTurn, false),
        ("A woman in a red coat.", StopReason::Other("content_filtered".to_owned()), false),
    ] {
        let mut ledger = Ledger::new();
        let described = conclude_with(&mut ledger, text, stop, Some(Actor::Run)).expect("described");
        assert_eq!(described.standing == Standing::Accepted, accepted, "{text}");
        let state = ledger.record(RECORD);
        assert_eq!(state.candidates.len(), 1, "{text}");
        let decision = Decision::Accepted { candidate: state.candidates[0].id, text: text.to_owned() };
        assert_eq!(state.decision, if accepted { decision } else { Decision::Undecided });
    }
    let mut ledger = Ledger::new();
    let described = conclude_with(&mut ledger, "A red coat.", StopReason::EndTurn, None).expect("described");
    assert_eq!(described.standing, Standing::First, "not requested by the operator");
}

#[test]
fn a_refusal_is_a_failure() {
    let mut ledger = Ledger::new();
    let text = "I'm sorry, but I can't help with identifying people.";
    let reason = conclude_with(&mut ledger, text, StopReason::EndTurn, Some(Actor::Run)).expect_err("a refusal");
    assert!(reason.starts_with("m1 declined: "), "{reason}");
    assert_eq!(ledger.record(RECORD).failure.as_deref(), Some(reason.as_str()));
    assert_eq!(ledger.record(RECORD).candidates, []);
}

#[test]
fn if_nothing_is_recognised_there_is_no_candidate_and_no_retry() {
    let mut ledger = Ledger::new();
    ledger.apply(Event::Failed { record: RECORD, reason: "busy".to_owned() });
    let result = conclude_by("local", None, &mut ledger, Outcome::NothingRecognised, Some(Actor::Run));
    assert_eq!(result, Concluded::NothingRecognised);
    let state = ledger.record(RECORD);
    assert_eq!((state.candidates.len(), &state.failure, &state.decision), (0, &None, &Decision::Undecided));
    assert!(!needs_retry(state) && !needs_description(state, "local"));
    assert!(needs_description(state, "bedrock"), "another describer may recognise something");
}

#[test]
fn a_local_candidate_displaces_only_a_caption_that_needs_attention() {
    for (current, displaced) in [
        (Some("A red coat on a chair."), false),
        (Some(""), true),
        (Some(" \n"), true),
        (Some("I'm sorry, but I can't help with that."), true),
        (Some("A red coat that is"), true),
        (None, false),
    ] {
        let mut ledger = Ledger::new();
        let result = conclude_by("local", current, &mut ledger, caption("A person in red."), Some(Actor::Run));
        let Concluded::Described(described) = result else { panic!("{result:?}") };
        let expected = if displaced { Standing::Accepted } else { Standing::Beside };
        assert_eq!(described.standing, expected, "{current:?}");
        assert_eq!(ledger.record(RECORD).candidates.len(), 1, "{current:?}: offered");
        assert!(displaces("bedrock", current, &rules()), "{current:?}");
    }
}

#[test]
fn a_local_candidate_that_is_no_better_is_offered_beside_the_caption() {
    for (current, candidate, displaced) in [
        ("A red coat that is", "Red skirt with", false),
        ("I'm sorry, but I can't help with that.", "Red skirt with", true),
        ("", "Red skirt with", true),
    ] {
        let mut ledger = Ledger::new();
        conclude_by("local", Some(current), &mut ledger, caption(candidate), None);
        let state = ledger.record(RECORD);
        assert_eq!(local_displaces(state, Some(current), &rules()), displaced, "{current:?}");
    }
}

#[test]
fn the_foremost_candidate_is_the_newest_of_another_describer_than_local() {
    let mut ledger = Ledger::new();
    assert_eq!(foremost(ledger.record(RECORD), || true), None);
    conclude_by("local", Some("A coat."), &mut ledger, caption("One."), None);
    assert_eq!(foremost(ledger.record(RECORD), || true), Some(0));
    assert_eq!(foremost(ledger.record(RECORD), || false), None);
    conclude_by("bedrock", Some("A coat."), &mut ledger, caption("Two."), None);
    conclude_by("local", Some("A coat."), &mut ledger, caption("Three."), None);
    assert_eq!(foremost(ledger.record(RECORD), || true), Some(1));
    assert_eq!(foremost(ledger.record(RECORD), || false), Some(1));
}

#[test]
fn no_text_is_stored_twice() {
    let mut ledger = Ledger::new();
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    let first = ledger.record(RECORD).candidates[0].id;
    let again = conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, Some(Actor::Run)).expect("described");
    assert!(again.repeated && again.standing == Standing::Accepted);
    let state = ledger.record(RECORD);
    assert_eq!(state.candidates.len(), 1);
    assert_eq!(state.decision, Decision::Accepted { candidate: first, text: "A hat.".to_owned() });
}

#[test]
fn a_repetition_after_a_failure_ends_the_failure() {
    let mut ledger = Ledger::new();
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    ledger.apply(Event::Failed { record: RECORD, reason: "busy".to_owned() });
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    assert_eq!(ledger.record(RECORD).failure, None);
}

#[test]
fn local_uses_two_reasons() {
    let usable: Vec<&str> =
        Reason::PRESETS.iter().filter(|reason| can_use(LOCAL, reason)).map(Reason::as_str).collect();
    assert_eq!(usable, ["too long", "missed item"]);
    assert!(!can_use(LOCAL, &Reason::Custom("no hat".to_owned())));
    assert!(can_use("bedrock", &Reason::WrongColour));
}
