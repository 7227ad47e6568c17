//! Complete and incomplete streams, in the forms that servers use.

use std::time::Duration;

use serde_json::json;

use crate::server::{Reply, Server, delta, finish};
use crate::world::World;

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

/// Describes one record with a server that always sends the same response. Returns the texts of the candidates, the number
/// of requests and the summary.
async fn describe(reply: Reply) -> (Vec<String>, usize, serde_json::Value) {
    let server = Server::start(move |_, _| reply.clone()).await;
    let world = World::new(1, "");
    let (table, _) = world.run(&["generate", "--base-url", &server.url(), "--model", "llava", "--json"]).await;
    let texts = world.candidates().into_iter().map(|(_, text, _)| text).collect();
    (texts, server.requests().len(), table)
}

fn events(events: &[serde_json::Value]) -> Reply {
    Reply::events(events.iter().map(ToString::to_string))
}

fn raw(body: &str) -> Reply {
    Reply::new(200, "text/event-stream", body)
}

/// Each is one complete response with the same text.
#[tokio::test(flavor = "multi_thread")]
async fn complete_responses_in_all_forms_are_candidates() {
    let reasoning = json!({ "choices": [{ "delta": { "content": null, "reasoning_content": "A coat?" } }] });
    let reasoning_2 = json!({ "choices": [{ "delta": { "content": "", "reasoning": "Blue?" } }] });
    let every_chunk = |text: &str| json!({ "choices": [{ "delta": { "content": text }, "finish_reason": "" }] });
    let parts = json!({ "choices": [{ "delta": { "content": [
        { "type": "thinking", "text": "A coat?" }, { "type": "text", "text": GOOD }
    ] } }] });
    let whole = json!({ "choices": [{ "index": 0, "message": { "role": "assistant", "content": GOOD } }] });
    let (one, two) = GOOD.split_at(11);
    let line = |value: &serde_json::Value| format!("data: {value}\r\n\r\n");
    let crlf = line(&delta(one)) + &line(&delta(two)) + &line(&finish("stop"));
    let pretty = serde_json::to_string_pretty(&delta(GOOD)).expect("JSON");
    let several_lines: String = pretty.lines().flat_map(|line| ["data: ", line, "\n"]).collect();
    let split = |text: &str| {
        // One byte at a time, so that tags and characters are split.
        let body = format!("data: {}\n\ndata: {}\n\n", delta(text), finish("stop"));
        let header = Reply::header(200, &[("content-type", "text/event-stream")]);
        body.bytes().fold(header, |reply, byte| reply.then([byte]))
    };
    let cases = [
        ("as OpenAI sends it", Reply::text(GOOD)),
        ("no usage, no [DONE]", events(&[delta(one), delta(two), finish("stop")])),
        ("no finish_reason", Reply::events([delta(GOOD).to_string(), "[DONE]".to_owned()])),
        (
            "finish_reason \"\"",
            Reply::events([every_chunk(one).to_string(), every_chunk(two).to_string(), "[DONE]".to_owned()]),
        ),
        ("[DONE] without a line end", raw(&format!("data: {}\n\ndata: [DONE]", delta(GOOD)))),
        ("reasoning fields", events(&[reasoning, reasoning_2, delta(GOOD), finish("stop")])),
        (
            "<think>",
            events(&[
                delta("<thi"),
                delta("nk>A coat? Red"),
                delta("?</th"),
                delta("ink>\n\n"),
                delta(GOOD),
                finish("stop"),
            ]),
        ),
        ("</think> only", events(&[delta("A coat?"), delta("</think>"), delta(GOOD), finish("stop")])),
        ("an array of parts", events(&[parts, finish("stop")])),
        ("not streamed", Reply::json(200, &whole)),
        ("not streamed, BOM, other type", Reply::new(200, "text/plain", format!("\u{feff}{whole}"))),
        ("CRLF", raw(&crlf)),
        ("several data lines", raw(&format!("{several_lines}\ndata: [DONE]\n\n"))),
        (
            "comments",
            raw(&format!(": OPENROUTER PROCESSING\n\n: keep-alive\n\ndata: {}\n\ndata: [DONE]\n\n", delta(GOOD))),
        ),
        ("BOM", raw(&format!("\u{feff}data: {}\n\ndata: [DONE]\n\n", delta(GOOD)))),
        (
            "other event fields",
            raw(&format!("event: chunk\nid: 7\nretry: 1\ndata: {}\n\ndata: [DONE]\n\n", delta(GOOD))),
        ),
        ("byte by byte", split(&format!("<think>é</think>{GOOD}"))),
        ("an error after the end", events(&[delta(GOOD), finish("stop"), json!({ "error": "too late" })])),
    ];
    for (name, reply) in cases {
        let (texts, requests, table) = describe(reply).await;
        assert_eq!((texts, requests), (vec![GOOD.to_owned()], 1), "{name}: {table}");
        assert_eq!(table["cost_usd"], "0.00", "{name}: a server on this computer is free");
    }
}

/// Each is repeated, and none becomes a candidate. Concurrent, because each waits between five attempts.
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_responses_are_never_candidates() {
    let cut = |reply: Reply| async move { describe(reply).await };
    let half = "data: {\"choices\": [{\"delta\": {\"content\": \"A per";
    let short = Reply::header(200, &[("content-type", "text/event-stream"), ("content-length", "9999")]);
    let body = json!({ "choices": [{ "message": { "content": GOOD } }] }).to_string();
    let cases = [
        (
            "neither finish_reason nor [DONE]",
            events(&[delta("A person in"), delta(" a")]),
            "before the text was complete",
        ),
        ("a cut chunk", raw(half), "corrupt data"),
        ("a reset", events(&[delta("A person in")]).pause(Duration::from_millis(50)).reset(), "interrupted"),
        ("a shorter body than announced", short.then(format!("data: {}\n\n", delta("A person"))), "connection lost"),
        (
            "a cut document",
            Reply::new(200, "application/json", &body.as_bytes()[..body.len() - 4]),
            "before the text was complete",
        ),
        (
            "an error in the stream",
            events(&[delta("A person"), json!({ "error": { "message": "engine died", "code": 500 } })]),
            "engine died",
        ),
        ("finish_reason error", events(&[delta("A person"), finish("error")]), "reported an error"),
        ("no body", raw(""), "before the text was complete"),
    ];
    let runs = cases.map(|(name, reply, phrase)| tokio::spawn(async move { (name, phrase, cut(reply).await) }));
    for run in runs {
        let (name, phrase, (texts, requests, table)) = run.await.expect("no panic");
        assert_eq!((texts, table["failed"].as_u64(), requests), (vec![], Some(1), 5), "{name}: {table}");
        assert!(table.to_string().contains(phrase) || table["failures"].is_null(), "{name}: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_streams_are_repeated_until_one_is_complete() {
    let server = Server::start(|number, _| match number {
        0 => events(&[delta("A fragment")]),
        1 => Reply::default().reset(),
        2 => Reply::new(502, "text/html", "<html><title>502 Bad Gateway</title></html>"),
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(1, "");
    let (table, code) = world.run(&["generate", "--base-url", &server.url(), "--model", "llava", "--json"]).await;
    assert_eq!((table["described"].as_u64(), code, server.requests().len()), (Some(1), 0, 4), "{table}");
    assert_eq!(world.candidates()[0].1, GOOD);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_are_no_caption_are_failures() {
    let thinking = json!({ "choices": [{ "delta": { "reasoning_content": "Hm." } }] });
    let refusal = json!({ "choices": [{ "delta": { "refusal": "I cannot help." } }] });
    let cases = [
        ("empty", events(&[finish("stop")]), 2),
        ("thinking only", events(&[delta("<think>Hm"), finish("stop")]), 2),
        ("all tokens for thinking", events(&[thinking, finish("length")]), 1),
        ("content filter", events(&[delta("A"), finish("content_filter")]), 1),
        ("refusal", events(&[refusal, finish("stop")]), 1),
        ("too long", events(&[delta(&"word ".repeat(7_000)), finish("stop")]), 1),
    ];
    for (name, reply, expected) in cases {
        let (texts, requests, table) = describe(reply).await;
        assert_eq!((texts, table["failed"].as_u64(), requests), (vec![], Some(1), expected), "{name}: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caption_that_is_cut_off_is_marked() {
    let (texts, _, table) = describe(events(&[delta("A person in"), finish("length")])).await;
    assert_eq!((texts.len(), table["cut_off"].as_u64()), (1, Some(1)), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_response_is_discarded() {
    let chunk = format!(": {}\n\n", "x".repeat(1 << 20));
    let header = Reply::header(200, &[("content-type", "text/event-stream")]);
    let (texts, requests, table) = describe((0..12).fold(header, |reply, _| reply.then(chunk.clone()))).await;
    assert_eq!((texts, requests, table["failed"].as_u64()), (vec![], 1, Some(1)), "{table}");
}
