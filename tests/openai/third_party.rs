//! Tests against third-party servers: `llmock` injects faults and grades the client (PyPI), and aimock replays responses
//! (npm `@copilotkit/aimock`).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::external_server::ExternalServer;
use crate::world::World;

/// Describes every record of a dataset, each once, and returns the texts.
async fn describe_all(url: &str, records: u32) -> Vec<String> {
    let world = World::new(records, "");
    let arguments = ["generate", "--base-url", url, "--model", "gpt-4o", "--concurrency", "4", "--json"];
    let (table, code) = world.run(&arguments).await;
    assert_eq!((table["described"].as_u64(), code), (Some(records.into()), 0), "{table}");
    let candidates = world.candidates();
    let names: BTreeSet<&String> = candidates.iter().map(|(name, ..)| name).collect();
    assert_eq!((candidates.len(), names.len()), (records as usize, records as usize));
    candidates.into_iter().map(|(_, text, _)| text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn llmock_finds_no_fault_in_the_client() {
    let Some(service) = ExternalServer::start("RECAPTION_LLMOCK", |command, port| {
        let port = port.to_string();
        command.args(["serve", "--port", &port, "--rpm", "600", "--tpm", "2000000", "--stream-chunk-delay-ms", "2"]);
    }) else {
        return;
    };
    let fail = |status: u16| json!({ "type": "fail", "status": status, "times": 1 });
    let stream = |kind: &str| json!({ "type": "stream_fault", "kind": kind, "after_chunks": 3, "times": 1 });
    let limit = json!({ "type": "fail", "status": 429, "retry_after": 1, "times": 2 });
    let reply = json!({ "type": "reply", "text": "A person in a blue coat stands in a quiet street.", "times": null });
    let behaviors = [
        limit,
        fail(500),
        fail(503),
        stream("truncate"),
        stream("disconnect"),
        stream("malformed"),
        json!({ "type": "slow_first_token", "seconds": 1, "times": 1 }),
        reply,
    ];
    service.call("POST", "/_llmock/scenario", &json!({ "behaviors": behaviors }).to_string());
    let texts = describe_all(&format!("{}/v1", service.url()), 12).await;
    assert!(texts.iter().all(|text| text == "A person in a blue coat stands in a quiet street."), "{texts:?}");
    let verdict: Value = serde_json::from_str(&service.call("GET", "/_llmock/verdict", "")).expect("JSON");
    assert_eq!((&verdict["passed"], verdict["errors"].as_u64()), (&json!(true), Some(0)), "{verdict}");
    assert!(verdict["faults_injected"].as_u64().is_some_and(|faults| faults >= 7), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aimock_describes_images_in_spite_of_faults() {
    let text = "A person in a blue coat stands in a quiet street.";
    let folder = tempfile::tempdir().expect("a folder");
    let fixtures = folder.path().join("fixtures.json");
    let fixture = json!({ "fixtures": [{ "match": {}, "response": { "content": text } }] });
    std::fs::write(&fixtures, fixture.to_string()).expect("a file");
    let Some(service) = ExternalServer::start("RECAPTION_AIMOCK", |command, port| {
        command.args(["--port", &port.to_string(), "--latency", "2", "--fixtures"]).arg(&fixtures);
        command.args(["--chaos-ratelimit", "0.1", "--chaos-disconnect", "0.1", "--chaos-drop", "0.1"]);
    }) else {
        return;
    };
    let texts = describe_all(&format!("{}/v1", service.url()), 12).await;
    assert!(texts.iter().all(|found| found == text), "{texts:?}");
}
