//! Complete and incomplete streams.

use std::time::Duration;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::super::error::{Interruption, Limit};
use super::super::fixture::{MockResponse, Part, event};
use super::*;
use crate::model_api::{Excess, MAX_CHARACTERS, MAX_RESPONSE_BYTES};
use crate::reaction::Reaction;

const USAGE: Option<Tokens> = Some(Tokens { input: 100, output: 20 });

fn bytes(parts: impl IntoIterator<Item = Part>) -> Vec<u8> {
    let bytes = |part| match part {
        Part::Bytes(bytes) => bytes,
        other => panic!("{other:?} has no bytes"),
    };
    parts.into_iter().flat_map(bytes).collect()
}

async fn response(parts: impl IntoIterator<Item = Part>) -> Result<Complete, (Vec<String>, AwsError)> {
    send(&MockBedrock::new([MockResponse::stream(parts)])).await
}

/// Returns the text before the interruption, and its cause.
async fn interrupted(parts: impl IntoIterator<Item = Part>) -> (String, Interruption) {
    match response(parts).await {
        Err((deltas, AwsError::StreamInterrupted { cause })) => (deltas.concat(), cause),
        other => panic!("not interrupted: {other:?}"),
    }
}

#[tokio::test]
async fn deltas_are_streamed_and_the_end_has_the_token_count() {
    let parts = [
        event::start(),
        event::text("A young woman, "),
        event::text("black hair."),
        event::any("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        event::stop("end_turn"),
        event::metadata(100, 20),
    ];
    let deltas = vec!["A young woman, ".to_owned(), "black hair.".to_owned()];
    assert_eq!(response(parts).await, Ok(Complete { deltas, stop: Stop::Complete, usage: USAGE }));
}

#[rstest]
#[case("end_turn", Stop::Complete)]
#[case("max_tokens", Stop::MaxTokens)]
#[case("stop_sequence", Stop::Complete)]
#[case("content_filtered", Stop::ContentFilter)]
#[case("guardrail_intervened", Stop::Guardrail)]
#[case("refusal", Stop::Refusal)]
#[case("tool_use", Stop::Other("tool_use".to_owned()))]
#[case("something_new", Stop::Other("something_new".to_owned()))]
#[tokio::test]
async fn stop_reasons_are_reported(#[case] reason: &str, #[case] stop: Stop) {
    let complete = response([event::start(), event::text("A"), event::stop(reason)]).await.expect("complete");
    assert_eq!(complete.stop, stop);
}

fn tool_request() -> ConverseRequest {
    ConverseRequest { structure: Some(Structure::Tool { schema: "{}" }), ..request() }
}

fn tool_start(index: i32) -> Part {
    let start = json!({ "toolUse": { "toolUseId": "tooluse_1", "name": "response" } });
    event::any("contentBlockStart", &json!({ "contentBlockIndex": index, "start": start }))
}

fn tool_input(index: i32, json: &str) -> Part {
    event::any("contentBlockDelta", &json!({ "contentBlockIndex": index, "delta": { "toolUse": { "input": json } } }))
}

#[tokio::test]
async fn the_input_of_the_first_tool_call_is_the_response() {
    let parts = [
        event::start(),
        event::text("I will check "),
        event::text("the caption."),
        tool_start(1),
        tool_input(1, ""),
        tool_input(1, "{\"unsupported\": "),
        tool_input(1, "[]}"),
        tool_start(2),
        tool_input(2, "{\"unsupported\": [\"red\"]}"),
        event::text("Done."),
        event::stop("tool_use"),
        event::metadata(100, 20),
    ];
    let bedrock = MockBedrock::new([MockResponse::stream(parts)]);
    let deltas = vec!["{\"unsupported\": ".to_owned(), "[]}".to_owned()];
    let expected = Complete { deltas, stop: Stop::Complete, usage: USAGE };
    assert_eq!(send_request(&bedrock, tool_request()).await, Ok(expected));
}

#[tokio::test]
async fn a_tool_call_cut_off_by_the_limit_is_cut_off() {
    let parts = [event::start(), tool_start(0), tool_input(0, "{\"unsupported\": [\"re"), event::stop("max_tokens")];
    let bedrock = MockBedrock::new([MockResponse::stream(parts)]);
    assert_eq!(send_request(&bedrock, tool_request()).await.expect("complete").stop, Stop::MaxTokens);
}

#[tokio::test]
async fn the_text_of_a_model_that_ignores_the_tool_is_the_response() {
    let bedrock = MockBedrock::new([MockResponse::text("{\"unsupported\": []}")]);
    assert_eq!(send_request(&bedrock, tool_request()).await.expect("complete").deltas, ["{\"unsupported\": []}"]);
}

#[tokio::test]
async fn the_input_of_a_tool_that_was_not_offered_is_no_text() {
    let parts = [event::start(), tool_start(0), tool_input(0, "{}"), event::stop("tool_use")];
    let complete = response(parts).await.expect("complete");
    assert_eq!((complete.deltas.len(), complete.stop), (0, Stop::Other("tool_use".to_owned())));
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
    assert_eq!(response(parts).await.expect("complete").deltas, ["Black hair."]);
}

#[tokio::test]
async fn a_response_of_thinking_only_is_complete_and_empty() {
    let parts = [event::start(), event::thinking("Hm"), event::stop("max_tokens"), event::metadata(100, 20)];
    assert_eq!(response(parts).await, Ok(Complete { deltas: vec![], stop: Stop::MaxTokens, usage: USAGE }));
}

#[tokio::test]
async fn unknown_events_are_ignored() {
    let parts = [
        event::start(),
        event::any("somethingNew", &json!({ "text": "not this" })),
        event::any("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "hologram": { "text": "x" } } })),
        event::text("A"),
        event::text(""),
        event::stop("end_turn"),
    ];
    assert_eq!(response(parts).await.expect("complete").deltas, ["A"]);
}

#[tokio::test]
async fn an_empty_stream_is_truncated() {
    assert_eq!(interrupted([]).await, (String::new(), Interruption::Truncated));
}

#[tokio::test]
async fn a_stream_without_a_stop_event_is_truncated() {
    let parts = [event::start(), event::text("A young wom")];
    assert_eq!(interrupted(parts).await, ("A young wom".to_owned(), Interruption::Truncated));
}

#[tokio::test]
async fn a_connection_reset_is_reported() {
    let (text, cause) = interrupted([event::start(), event::text("A"), Part::Reset]).await;
    assert_eq!(text, "A");
    assert!(matches!(cause, Interruption::ConnectionLost(_)), "{cause:?}");
}

#[tokio::test]
async fn a_page_instead_of_a_stream_is_corrupt() {
    let page = MockResponse::raw(200, "text/html", "<html><body>Please sign in to the network</body></html>");
    let (_, error) = send(&MockBedrock::new([page])).await.expect_err("an error");
    assert!(matches!(error, AwsError::StreamInterrupted { cause: Interruption::Corrupt(_) }), "{error:?}");
}

#[tokio::test]
async fn an_exception_interrupts_the_stream() {
    for name in ["modelStreamErrorException", "internalServerException", "serviceUnavailableException"] {
        let (text, cause) = interrupted([event::start(), event::text("A"), event::exception(name, "Sorry.")]).await;
        assert_eq!(text, "A");
        let Interruption::Exception(message) = cause else { panic!("{cause:?}") };
        assert!(message.to_lowercase().starts_with(&name.to_lowercase()) && message.ends_with("Sorry."), "{message}");
    }
    let (_, cause) = interrupted([event::start(), event::exception("newException", "Sorry.")]).await;
    assert_eq!(cause, Interruption::Exception("Sorry.".to_owned()));
}

#[tokio::test]
async fn throttling_within_a_stream_slows_down() {
    let exception = event::exception("throttlingException", "Too many tokens, please wait before trying again.");
    let (deltas, error) = response([event::start(), event::text("A"), exception]).await.expect_err("throttled");
    assert_eq!(deltas, ["A"]);
    assert!(matches!(error, AwsError::Throttled { limit: Limit::Tokens, .. }), "{error:?}");
    assert_eq!(error.reaction(), Reaction::SlowDown { retry_after: None });
}

#[tokio::test]
async fn an_image_can_be_rejected_within_a_stream() {
    let exception = event::exception("validationException", "Could not process image");
    let (_, error) = response([event::start(), exception]).await.expect_err("a rejection");
    assert_eq!(error.reaction(), Reaction::FailImage);
}

#[tokio::test(start_paused = true)]
async fn a_stall_times_out_at_any_point() {
    let idle_timeout = Duration::from_mins(1);
    for parts in [vec![], vec![event::start()], vec![event::start(), event::text("A")]] {
        let before = tokio::time::Instant::now();
        let (_, cause) = interrupted(parts.into_iter().chain([Part::Stall])).await;
        assert_eq!(cause, Interruption::Timeout(idle_timeout));
        assert_eq!(before.elapsed().as_secs(), idle_timeout.as_secs());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_stream_does_not_time_out() {
    let slow = ["A ", "slow ", "answer."].map(|word| [Part::Delay(Duration::from_secs(59)), event::text(word)]);
    let parts = slow.into_iter().flatten().chain([event::stop("end_turn"), event::metadata(100, 20)]);
    assert_eq!(response(parts).await.expect("complete").deltas.concat(), "A slow answer.");
}

/// Returns the limit that the response exceeded.
async fn excess(parts: impl IntoIterator<Item = Part>) -> Excess {
    match response(parts).await {
        Err((_, error @ AwsError::ResponseDiscarded { .. })) => {
            assert_eq!(error.reaction(), Reaction::FailImage, "a response that was charged is not requested again");
            let AwsError::ResponseDiscarded { model, excess } = error else { unreachable!() };
            assert_eq!(model, MODEL);
            excess
        }
        other => panic!("not discarded: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stays_alive_without_an_end_is_discarded_at_the_deadline() {
    let before = tokio::time::Instant::now();
    let alive = || [Part::Delay(Duration::from_secs(50)), event::thinking("")];
    assert_eq!(excess(std::iter::repeat_with(alive).take(1_000).flatten()).await, Excess::Time(Duration::from_mins(5)));
    assert_eq!(before.elapsed(), Duration::from_mins(5));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_frames_without_text_is_discarded() {
    let Part::Bytes(frame) = event::thinking(&"Hm. ".repeat(1_000)) else { unreachable!() };
    let frames = MAX_RESPONSE_BYTES / frame.len() + 2;
    let flood =
        |frames| (0..frames).map(|_| Part::Bytes(frame.clone())).chain([event::text("A"), event::stop("end_turn")]);
    assert_eq!(excess(flood(frames)).await, Excess::Bytes(MAX_RESPONSE_BYTES));
    assert_eq!(response(flood(frames - 4)).await.expect("below the limit").deltas, ["A"]);
}

#[tokio::test(start_paused = true)]
async fn a_text_beyond_the_limit_is_discarded() {
    // In characters, not in bytes.
    let text = "옷".repeat(MAX_CHARACTERS / 2);
    let parts = |more: &str| [event::text(&text), event::text(&text), event::text(more), event::stop("end_turn")];
    assert_eq!(response(parts("")).await.expect("at the limit").deltas.len(), 2);
    assert_eq!(excess(parts("x")).await, Excess::Characters(MAX_CHARACTERS));
}

#[tokio::test(start_paused = true)]
async fn a_complete_text_survives_a_missing_token_count() {
    let damaged = Part::Bytes(vec![0; 64]);
    let late = event::exception("internalServerException", "Sorry.");
    for end in [None, Some(Part::Stall), Some(Part::Reset), Some(damaged), Some(late)] {
        let parts = [event::start(), event::text("A"), event::stop("end_turn")].into_iter().chain(end);
        let complete = response(parts).await.expect("complete");
        assert_eq!(complete, Complete { deltas: vec!["A".to_owned()], stop: Stop::Complete, usage: None });
    }
}

#[tokio::test(start_paused = true)]
async fn next_is_cancel_safe() {
    let pause = || Part::Delay(Duration::from_secs(3));
    let parts = [
        event::start(),
        pause(),
        event::text("A"),
        pause(),
        event::stop("end_turn"),
        pause(),
        event::metadata(100, 20),
    ];
    let mut stream =
        MockBedrock::new([MockResponse::stream(parts)]).client().converse(request()).await.expect("a stream");
    let mut events = Vec::new();
    while events.len() < 2 {
        if let Ok(event) = tokio::time::timeout(Duration::from_secs(1), stream.next()).await {
            events.push(event.expect("an event"));
        }
    }
    assert_eq!(
        events,
        [ResponseEvent::Text("A".to_owned()), ResponseEvent::Finished { stop: Stop::Complete, usage: USAGE }]
    );
}

#[tokio::test]
async fn a_finished_stream_has_no_more_events() {
    let mut stream = MockBedrock::new([MockResponse::text("A")]).client().converse(request()).await.expect("a stream");
    read(&mut stream).await.expect("complete");
    assert_eq!(stream.next().await, Err(AwsError::StreamInterrupted { cause: Interruption::Truncated }));
}

/// Returns a complete response in Korean, its text, and the offset of the end of the stop event.
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

    /// Chunks may end anywhere, even within a character or the length of a frame.
    #[test]
    fn chunk_boundaries_do_not_matter(sizes in prop::collection::vec(1_usize..40, 1..60)) {
        let (mut wire, text, _) = korean();
        let mut parts = Vec::new();
        for size in sizes {
            let rest = wire.split_off(size.min(wire.len()));
            parts.push(Part::Bytes(std::mem::replace(&mut wire, rest)));
        }
        parts.push(Part::Bytes(wire));
        let complete = on_paused_time(response(parts)).expect("complete");
        prop_assert_eq!(complete.deltas.concat(), text);
        prop_assert_eq!((complete.stop, complete.usage), (Stop::Complete, USAGE));
    }

    #[test]
    fn a_truncated_response_is_never_complete(at in any::<prop::sample::Index>()) {
        let (mut wire, text, complete) = korean();
        wire.truncate(at.index(complete));
        let (deltas, error) = on_paused_time(response([Part::Bytes(wire)])).expect_err("a truncated response");
        prop_assert!(text.starts_with(&deltas.concat()));
        prop_assert_eq!(error.reaction(), Reaction::Retry);
    }

    /// Any changed byte is detected by the checksums of the frames.
    #[test]
    fn a_corrupt_text_is_never_complete(at in any::<prop::sample::Index>(), change in 1_u8..) {
        let (mut wire, text, complete) = korean();
        let at = at.index(wire.len());
        wire[at] ^= change;
        match on_paused_time(response([Part::Bytes(wire)])) {
            Ok(response) => {
                prop_assert!(at >= complete);
                prop_assert_eq!(response.deltas.concat(), text);
                prop_assert_eq!(response.usage, None);
            }
            Err((deltas, error)) => {
                prop_assert!(at < complete);
                prop_assert!(text.starts_with(&deltas.concat()));
                prop_assert_eq!(error.reaction(), Reaction::Retry);
            }
        }
    }
}
