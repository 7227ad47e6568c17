//! What makes an answer complete, and what does not.

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::super::fixture::{Answer, Part, event};
use super::super::{Breakage, Limit, Reaction};
use super::*;

const USAGE: Option<TokenUsage> = Some(TokenUsage { input: 100, output: 20 });

fn bytes(parts: impl IntoIterator<Item = Part>) -> Vec<u8> {
    let bytes = |part| match part {
        Part::Bytes(bytes) => bytes,
        other => panic!("{other:?} has no bytes"),
    };
    parts.into_iter().flat_map(bytes).collect()
}

async fn answer(parts: impl IntoIterator<Item = Part>) -> Result<Complete, (Vec<String>, AwsError)> {
    ask(&Bedrock::new([Answer::stream(parts)])).await
}

/// The text that came, and how the stream broke.
async fn broken(parts: impl IntoIterator<Item = Part>) -> (String, Breakage) {
    match answer(parts).await {
        Err((deltas, AwsError::StreamBroken { how })) => (deltas.concat(), how),
        other => panic!("not broken: {other:?}"),
    }
}

#[tokio::test]
async fn deltas_come_one_by_one_and_the_end_with_its_count() {
    let parts = [
        event::start(),
        event::text("A young woman, "),
        event::text("black hair."),
        event::any("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        event::stop("end_turn"),
        event::metadata(100, 20),
    ];
    let deltas = vec!["A young woman, ".to_owned(), "black hair.".to_owned()];
    assert_eq!(answer(parts).await, Ok(Complete { deltas, stop: Stop::EndTurn, usage: USAGE }));
}

#[rstest]
#[case("end_turn", Stop::EndTurn)]
#[case("max_tokens", Stop::MaxTokens)]
#[case("stop_sequence", Stop::StopSequence)]
#[case("content_filtered", Stop::ContentFiltered)]
#[case("guardrail_intervened", Stop::Guardrail)]
#[case("refusal", Stop::Refusal)]
#[case("tool_use", Stop::Other("tool_use".to_owned()))]
#[case("something_new", Stop::Other("something_new".to_owned()))]
#[tokio::test]
async fn every_stop_reason_is_told(#[case] reason: &str, #[case] stop: Stop) {
    let complete = answer([event::start(), event::text("A"), event::stop(reason)]).await.expect("complete");
    assert_eq!(complete.stop, stop);
}

#[tokio::test]
async fn thinking_is_not_text() {
    let parts = [
        event::start(),
        event::thinking("The hair looks black"),
        event::thinking(", perhaps."),
        event::text("Black hair."),
        event::stop("end_turn"),
        event::metadata(100, 20),
    ];
    assert_eq!(answer(parts).await.expect("complete").deltas, ["Black hair."]);
}

#[tokio::test]
async fn an_answer_of_thought_alone_is_complete_and_empty() {
    let parts = [event::start(), event::thinking("Hm"), event::stop("max_tokens"), event::metadata(100, 20)];
    assert_eq!(answer(parts).await, Ok(Complete { deltas: vec![], stop: Stop::MaxTokens, usage: USAGE }));
}

#[tokio::test]
async fn what_is_not_known_is_passed_over() {
    let parts = [
        event::start(),
        event::any("somethingNew", &json!({ "text": "not this" })),
        event::any("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "hologram": { "text": "x" } } })),
        event::text("A"),
        event::text(""),
        event::stop("end_turn"),
    ];
    assert_eq!(answer(parts).await.expect("complete").deltas, ["A"]);
}

#[tokio::test]
async fn an_empty_stream_is_broken() {
    assert_eq!(broken([]).await, (String::new(), Breakage::EndedEarly));
}

#[tokio::test]
async fn a_good_end_before_the_text_ended_is_broken() {
    let parts = [event::start(), event::text("A young wom")];
    assert_eq!(broken(parts).await, ("A young wom".to_owned(), Breakage::EndedEarly));
}

#[tokio::test]
async fn a_lost_connection_is_broken() {
    let (text, how) = broken([event::start(), event::text("A"), Part::Reset]).await;
    assert_eq!(text, "A");
    assert!(matches!(how, Breakage::ConnectionLost(_)), "{how:?}");
}

#[tokio::test]
async fn a_page_in_place_of_a_stream_is_broken() {
    let page = Answer::page(200, "text/html", "<html><body>Please sign in to the network</body></html>");
    let (_, error) = ask(&Bedrock::new([page])).await.expect_err("no stream");
    assert!(matches!(error, AwsError::StreamBroken { how: Breakage::Damaged(_) }), "{error:?}");
}

#[tokio::test]
async fn an_exception_of_the_service_breaks_the_stream() {
    for name in ["modelStreamErrorException", "internalServerException", "serviceUnavailableException"] {
        let (text, how) = broken([event::start(), event::text("A"), event::exception(name, "Sorry.")]).await;
        assert_eq!(text, "A");
        let Breakage::Exception(said) = how else { panic!("{how:?}") };
        assert!(said.to_lowercase().starts_with(&name.to_lowercase()) && said.ends_with("Sorry."), "{said}");
    }
    let (_, how) = broken([event::start(), event::exception("newException", "Sorry.")]).await;
    assert_eq!(how, Breakage::Exception("Sorry.".to_owned()));
}

#[tokio::test]
async fn throttling_in_mid_stream_slows_down_like_any_other() {
    let exception = event::exception("throttlingException", "Too many tokens, please wait before trying again.");
    let (deltas, error) = answer([event::start(), event::text("A"), exception]).await.expect_err("throttled");
    assert_eq!(deltas, ["A"]);
    assert!(matches!(error, AwsError::Throttled { limit: Limit::Tokens, .. }), "{error:?}");
    assert_eq!(error.reaction(), Reaction::SlowDown { after: None });
}

#[tokio::test]
async fn a_picture_may_be_refused_in_mid_stream() {
    let exception = event::exception("validationException", "Could not process image");
    let (_, error) = answer([event::start(), exception]).await.expect_err("refused");
    assert_eq!(error.reaction(), Reaction::ThisPicture);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_wherever_it_falls() {
    let idle = Duration::from_mins(1);
    for parts in [vec![], vec![event::start()], vec![event::start(), event::text("A")]] {
        let before = tokio::time::Instant::now();
        let (_, how) = broken(parts.into_iter().chain([Part::Silence])).await;
        assert_eq!(how, Breakage::Silence(idle));
        assert_eq!(before.elapsed().as_secs(), idle.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn slow_is_not_silent() {
    let slow = ["A ", "slow ", "answer."].map(|word| [Part::Wait(Duration::from_secs(59)), event::text(word)]);
    let parts = slow.into_iter().flatten().chain([event::stop("end_turn"), event::metadata(100, 20)]);
    assert_eq!(answer(parts).await.expect("complete").deltas.concat(), "A slow answer.");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_complete_stays_so_whatever_becomes_of_its_count() {
    let damaged = Part::Bytes(vec![0; 64]);
    let late = event::exception("internalServerException", "Sorry.");
    for end in [None, Some(Part::Silence), Some(Part::Reset), Some(damaged), Some(late)] {
        let parts = [event::start(), event::text("A"), event::stop("end_turn")].into_iter().chain(end);
        let complete = answer(parts).await.expect("complete");
        assert_eq!(complete, Complete { deltas: vec!["A".to_owned()], stop: Stop::EndTurn, usage: None });
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_wait_loses_nothing() {
    let pause = || Part::Wait(Duration::from_secs(3));
    let parts = [
        event::start(),
        pause(),
        event::text("A"),
        pause(),
        event::stop("end_turn"),
        pause(),
        event::metadata(100, 20),
    ];
    let mut stream = Bedrock::new([Answer::stream(parts)]).client().converse(question()).await.expect("a stream");
    let mut events = Vec::new();
    while events.len() < 2 {
        if let Ok(event) = tokio::time::timeout(Duration::from_secs(1), stream.next()).await {
            events.push(event.expect("an event"));
        }
    }
    assert_eq!(
        events,
        [ConverseEvent::Text("A".to_owned()), ConverseEvent::Finished { stop: Stop::EndTurn, usage: USAGE }]
    );
}

#[tokio::test]
async fn there_is_nothing_behind_the_end() {
    let mut stream = Bedrock::new([Answer::text("A")]).client().converse(question()).await.expect("a stream");
    read(&mut stream).await.expect("complete");
    assert_eq!(stream.next().await, Err(AwsError::StreamBroken { how: Breakage::EndedEarly }));
}

/// A whole answer in Korean, where the frames of the text end, and where the frame that says it is complete ends.
fn korean() -> (Vec<u8>, &'static str, usize) {
    let text = ["검은 머리의 젊은 여성, ", "흰 블라우스와 ", "청바지."];
    let mut wire = bytes([event::start()].into_iter().chain(text.map(event::text)).chain([event::stop("end_turn")]));
    let complete = wire.len();
    wire.extend(bytes([event::metadata(100, 20)]));
    (wire, "검은 머리의 젊은 여성, 흰 블라우스와 청바지.", complete)
}

fn on_paused_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The network may cut the bytes anywhere, in a character or in a frame's length.
    #[test]
    fn the_pieces_in_which_it_arrives_do_not_matter(sizes in prop::collection::vec(1_usize..40, 1..60)) {
        let (mut wire, text, _) = korean();
        let mut parts = Vec::new();
        for size in sizes {
            let rest = wire.split_off(size.min(wire.len()));
            parts.push(Part::Bytes(std::mem::replace(&mut wire, rest)));
        }
        parts.push(Part::Bytes(wire));
        let complete = on_paused_time(answer(parts)).expect("complete");
        prop_assert_eq!(complete.deltas.concat(), text);
        prop_assert_eq!((complete.stop, complete.usage), (Stop::EndTurn, USAGE));
    }

    /// An answer that is cut off before its end is a fragment, wherever that is.
    #[test]
    fn a_fragment_is_never_complete(at in any::<prop::sample::Index>()) {
        let (mut wire, text, complete) = korean();
        wire.truncate(at.index(complete));
        let (deltas, error) = on_paused_time(answer([Part::Bytes(wire)])).expect_err("a fragment");
        prop_assert!(text.starts_with(&deltas.concat()));
        prop_assert_eq!(error.reaction(), Reaction::Retry);
    }

    /// A byte changed on the way is found out: no text is ever complete but the one that was sent.
    #[test]
    fn a_damaged_text_is_never_complete(at in any::<prop::sample::Index>(), change in 1_u8..) {
        let (mut wire, text, complete) = korean();
        let at = at.index(wire.len());
        wire[at] ^= change;
        match on_paused_time(answer([Part::Bytes(wire)])) {
            Ok(answer) => {
                prop_assert!(at >= complete);
                prop_assert_eq!(answer.deltas.concat(), text);
                prop_assert_eq!(answer.usage, None);
            }
            Err((deltas, error)) => {
                prop_assert!(at < complete);
                prop_assert!(text.starts_with(&deltas.concat()));
                prop_assert_eq!(error.reaction(), Reaction::Retry);
            }
        }
    }
}
