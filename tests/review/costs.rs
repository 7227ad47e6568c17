//! Costs: confirmation before paid requests, and describers that pause.

use recaption::dataset::RecordId;
use recaption::describe::{Cost, DescriberStatus, Dollars, Pause, PauseKind, Priority, Reason, Tokens, Usage};
use recaption::engine::EngineEvent;
use recaption::engine::JobEvent;
use recaption::engine::rules::CurrentCaption;
use recaption::review::{DescribeScope, Effect, JobState, Mode, Msg, NoticeKind};

use crate::world::World;

/// A describer that charges one cent per description.
fn paid(captions: &[&str], ahead: usize) -> World {
    World::with(captions, |settings| {
        settings.ahead = ahead;
        settings.price = Some(Usage {
            tokens: Tokens { input: 2000, output: 100 },
            cost: Dollars::from_billionths(10_000_000).into(),
        });
        settings.confirm_above = "1".parse().expect("dollars");
    })
}

fn records(world: &mut World) -> Vec<u32> {
    world.asks().iter().map(|ask| ask.record.0).collect()
}

#[test]
fn only_the_first_paid_description_is_confirmed() {
    let mut world = paid(&["One.", "Two.", "Three."], 1);
    world.send(Msg::ClickedRow(0));
    assert_eq!(records(&mut world), [] as [u32; 0], "nothing is charged without confirmation");
    world.keys("r");
    assert_eq!(
        world.model.mode,
        Mode::ConfirmSpending { scope: DescribeScope::Cursor(RecordId(0)), count: 1, reason: None }
    );
    assert_eq!(records(&mut world), [] as [u32; 0]);
    world.keys("n r y");
    assert_eq!(records(&mut world), [0, 1], "the requested record, and the next one prefetched");
    world.finish(0, "A hat.");
    world.keys("r");
    assert_eq!(world.model.mode, Mode::Browse, "confirmed once");
    assert_eq!(records(&mut world), [0]);
}

#[test]
fn selected_records_are_confirmed_together() {
    let mut world = paid(&["A caption."; 120], 0);
    world.keys("Space j Space R 3");
    assert_eq!(
        world.model.mode,
        Mode::ConfirmSpending { scope: DescribeScope::Selected, count: 2, reason: Some(Reason::WrongColour) }
    );
    world.keys("n");
    assert_eq!(records(&mut world), [] as [u32; 0]);
    world.keys("r y");
    assert_eq!(records(&mut world), [0, 2]);
    world.finish(0, "A hat.");
    world.finish(2, "A scarf.");
    world.keys("ctrl-a r");
    assert_eq!(
        world.model.mode,
        Mode::ConfirmSpending { scope: DescribeScope::Selected, count: 120, reason: None },
        "more than the operator's limit"
    );
}

#[test]
fn configured_prefetch_needs_no_confirmation() {
    let mut world = World::with(&["One.", "Two.", "Three."], |settings| {
        settings.ahead = 1;
        settings.ahead_agreed = true;
        settings.price = Some(Usage::default());
    });
    world.keys("j");
    assert_eq!(records(&mut world), [1, 2]);
}

#[test]
fn every_expensive_bulk_run_is_confirmed() {
    let mut world = paid(&["A caption."; 120], 0);
    world.keys("r y");
    world.finish(0, "A hat.");
    world.asks();
    world.keys("g a");
    assert_eq!(world.model.mode, Mode::ConfirmSpending { scope: DescribeScope::InView, count: 119, reason: None });
    world.keys("Esc");
    assert!(world.model.bulk.is_none());
    world.keys("g a y");
    assert_eq!(world.model.bulk.as_ref().map(|bulk| bulk.total), Some(119));

    let mut world = paid(&["A caption."; 20], 0);
    world.keys("r y");
    world.finish(0, "A hat.");
    world.keys("g a");
    assert_eq!(world.model.mode, Mode::Browse, "19 cents need no confirmation");
    assert!(world.model.bulk.is_some());
}

#[test]
fn a_reason_is_sent_with_the_next_request_and_stored_with_the_candidate() {
    let mut world = World::new(&["One."]);
    world.keys("r");
    world.asks();
    world.finish(0, "A hat.");
    world.keys("R 3");
    let ask = world.asks().remove(0);
    assert_eq!((ask.priority, ask.reason()), (Priority::Interactive, Some(&Reason::WrongColour)));
    assert_eq!(ask.previous, ["A hat."]);
    world.finish(0, "A red hat.");
    let reasons: Vec<_> =
        world.model.state(RecordId(0)).candidates.iter().map(|c| c.provenance.reason.clone()).collect();
    assert_eq!(reasons, [None, Some("wrong colour".to_owned())]);

    world.keys("R 5").write(" mention\nthe bag ").keys("Enter");
    assert_eq!(world.asks().remove(0).reason(), Some(&Reason::Custom("mention the bag".to_owned())));
}

#[test]
fn without_a_reason_nothing_is_requested() {
    let mut world = World::new(&["One."]);
    world.keys("R Esc R 5 Esc R 5 Enter");
    assert_eq!(world.asks(), []);
    assert_eq!(world.model.mode, Mode::Browse);
}

#[test]
fn the_request_contains_the_current_caption() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("e").write("My own text.").keys("ctrl-s r");
    assert_eq!(world.asks().remove(0).current, CurrentCaption::InSession(Some("My own text.".to_owned())));
    world.keys("j r");
    assert_eq!(world.asks().remove(0).current, CurrentCaption::InDataset);
}

#[test]
fn a_retry_discards_the_partial_text() {
    let mut world = World::new(&["One."]);
    world.keys("r");
    let job = world.job(0);
    world.news(job, 0, JobEvent::Started);
    world.news(job, 0, JobEvent::Delta("A blue".to_owned()));
    world.news(job, 0, JobEvent::Waiting("the stream broke, retrying".to_owned()));
    assert_eq!(world.model.jobs[&RecordId(0)].state, JobState::Waiting("the stream broke, retrying".to_owned()));
    world.news(job, 0, JobEvent::Delta("A red".to_owned()));
    assert_eq!(world.model.jobs[&RecordId(0)].state, JobState::Streaming("A red".to_owned()));
}

#[test]
fn a_paused_describer_reports_once_and_resumes_on_request() {
    let mut world = World::with(&["One.", "Two.", "Three."], |settings| settings.ahead = 1);
    let pause = Pause { message: "Sign in: aws sso login".to_owned(), kind: PauseKind::Access };
    let paused = DescriberStatus { paused: Some(pause), ..DescriberStatus::default() };
    world.send(EngineEvent::Describer(paused.clone()));
    let notice = world.model.notice.clone().expect("a word");
    assert_eq!((notice.kind, notice.text.as_str()), (NoticeKind::Error, "Sign in: aws sso login"));
    world.asks();
    world.keys("j");
    world.send(EngineEvent::Describer(paused));
    assert_eq!(world.notice(), "", "reported once");
    assert_eq!(world.asks(), [], "nothing is prefetched");
    world.keys("r");
    assert!(world.asked.contains(&Effect::ResumeDescriber));
    world.asked.clear();
    world.send(EngineEvent::Describer(DescriberStatus::default()));
    assert!(!world.asked.contains(&Effect::ResumeDescriber));
    assert_eq!(records(&mut world), [2], "prefetched again");
}

#[test]
fn a_higher_price_needs_another_consent() {
    let mut world = paid(&["One.", "Two.", "Three."], 0);
    world.keys("r y");
    assert!(world.asked.contains(&Effect::ConsentToPrice));
    assert_eq!(records(&mut world), [0]);
    world.asked.clear();
    let pause = |kind| Some(Pause { message: "not sent to opus".to_owned(), kind });
    let status = |kind| DescriberStatus { paused: pause(kind), ..DescriberStatus::default() };
    world.send(EngineEvent::Describer(status(PauseKind::Access)));
    world.send(EngineEvent::Describer(status(PauseKind::Consent)));
    assert_eq!(world.model.mode, Mode::Browse, "no dialog under the fingers of the operator");
    assert_eq!(world.notice(), "not sent to opus · r asks for your consent");
    world.keys("r n j r");
    assert!(matches!(world.model.mode, Mode::ConfirmSpending { scope: DescribeScope::Cursor(RecordId(1)), .. }));
    assert!(!world.asked.contains(&Effect::ConsentToPrice));
    world.keys("y");
    assert!(world.asked.contains(&Effect::ConsentToPrice));
    assert_eq!(records(&mut world), [1]);
    let change = Some("sonnet is retired; using haiku: $0.001 in".to_owned());
    world.send(EngineEvent::Describer(DescriberStatus { model_change: change, ..DescriberStatus::default() }));
    assert_eq!(world.notice(), "sonnet is retired; using haiku: $0.001 in");
}

#[test]
fn the_price_is_determined_for_consent() {
    let mut world = World::with(&["One."], |settings| {
        settings.price = Some(Usage { cost: Cost::UNKNOWN, ..Usage::default() });
    });
    world.keys("r");
    assert!(world.asked.contains(&Effect::PrepareDescriber));
    let cost = Dollars::from_billionths(20_000_000).into();
    world.send(EngineEvent::Describer(DescriberStatus {
        price: Some(Usage { cost, ..Usage::default() }),
        ..DescriberStatus::default()
    }));
    assert_eq!(world.model.settings.price.map(|price| price.cost), Some(cost));
}

#[test]
fn charges_add_up() {
    let mut world = World::new(&["One."]);
    for cents in [1_u64, 2] {
        let cost = Dollars::from_billionths(cents * 10_000_000).into();
        world.send(EngineEvent::Charged(Usage { cost, ..Usage::default() }));
    }
    assert_eq!(world.model.spent, Dollars::from_billionths(30_000_000).into());
    world.send(EngineEvent::Charged(Usage { cost: Cost::UNKNOWN, ..Usage::default() }));
    assert_eq!(world.model.spent.to_string(), "at least $0.030");
}

#[test]
fn an_unknown_price_always_asks() {
    let mut world = World::with(&["A caption."; 4], |settings| {
        settings.ahead = 2;
        settings.ahead_agreed = true;
        settings.price = Some(Usage { tokens: Tokens { input: 2000, output: 100 }, cost: Cost::UNKNOWN });
        settings.confirm_above = "100".parse().expect("dollars");
    });
    world.send(Msg::ClickedRow(0));
    assert_eq!(records(&mut world), [] as [u32; 0], "the configuration does not consent to an unknown price");
    world.keys("r");
    assert!(matches!(world.model.mode, Mode::ConfirmSpending { count: 1, .. }), "{:?}", world.model.mode);
    world.keys("y ctrl-c");
    world.asks();
    for _ in 0..2 {
        world.keys("g a");
        assert!(matches!(world.model.mode, Mode::ConfirmSpending { .. }), "many: {:?}", world.model.mode);
        world.keys("n");
    }
}
