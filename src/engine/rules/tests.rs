use super::*;
use crate::session::{Draft, EditBase};

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
    let origin = Origin { describer: "test", reason: None, at: Timestamp::UNIX_EPOCH, accept };
    let conclusion = conclude(ledger, RECORD, Ok(description(text, stop)), origin, &rules());
    for event in conclusion.events {
        ledger.apply(event);
    }
    conclusion.result
}

fn spec(ledger: &Ledger) -> JobSpec {
    job_spec(JobId(1), RECORD, Priority::Bulk, ledger.record(RECORD), None)
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
    let current = CurrentCaption::of(&state);
    assert_eq!(current.resolve(Some("what the save wrote".to_owned())), None);
    let state = RecordState { original: Original::Before(Some("First.".to_owned())), ..RecordState::default() };
    assert_eq!(CurrentCaption::of(&state).resolve(None), Some("First.".to_owned()));
}

#[test]
fn imported_captions_are_no_earlier_candidates_of_the_describer() {
    let mut ledger = Ledger::new();
    let import = import(ledger.record(RECORD), RECORD, "Imported.".to_owned(), "older.jsonl", Timestamp::UNIX_EPOCH);
    ledger.apply(import.expect("a new caption"));
    let spec_after_import = spec(&ledger);
    assert_eq!((spec_after_import.detail, spec_after_import.previous), (Detail::Standard, vec![]));
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    let spec = spec(&ledger);
    assert_eq!((spec.detail, spec.previous), (Detail::Detailed, vec!["A hat.".to_owned()]));
}

#[test]
fn an_imported_caption_is_imported_once() {
    let mut ledger = Ledger::new();
    let again = |ledger: &Ledger| {
        import(ledger.record(RECORD), RECORD, "Imported.".to_owned(), "older.jsonl", Timestamp::UNIX_EPOCH)
    };
    ledger.apply(again(&ledger).expect("a new caption"));
    assert_eq!(again(&ledger), None);
}

#[test]
fn a_record_with_something_to_review_needs_no_description() {
    let mut ledger = Ledger::new();
    assert!(needs_description(ledger.record(RECORD)));
    let draft = Draft { text: "A".to_owned(), cursor: 1, base: EditBase::Original };
    ledger.apply(Event::Drafted { record: RECORD, draft: Some(draft) });
    assert!(!needs_description(ledger.record(RECORD)), "a draft");
    ledger.apply(Event::Drafted { record: RECORD, draft: None });
    ledger.apply(Event::Failed { record: RECORD, reason: "busy".to_owned() });
    assert!(needs_description(ledger.record(RECORD)), "failed");
    assert!(needs_retry(ledger.record(RECORD)));
    ledger.apply(edited("Edited."));
    assert!(!needs_description(ledger.record(RECORD)) && !needs_retry(ledger.record(RECORD)), "decided");
    ledger.apply(Event::Undone);
    conclude_with(&mut ledger, "A hat.", StopReason::EndTurn, None).expect("described");
    assert!(!needs_description(ledger.record(RECORD)), "a candidate");
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
        assert_eq!(described.accepted, accepted, "{text}");
        let state = ledger.record(RECORD);
        assert_eq!(state.candidates.len(), 1, "{text}");
        let decision = Decision::Accepted { candidate: state.candidates[0].id, text: text.to_owned() };
        assert_eq!(state.decision, if accepted { decision } else { Decision::Undecided });
    }
    let mut ledger = Ledger::new();
    let described = conclude_with(&mut ledger, "A red coat.", StopReason::EndTurn, None).expect("described");
    assert!(!described.accepted, "nobody asked for it");
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
