//! Tests against third-party servers: MiniStack emulates Bedrock (PyPI `ministack`), and microburst is a proxy that injects
//! faults (PyPI `microburst`).

use serde_json::json;

use crate::external_server::ExternalServer;
use crate::server::{Reply, Server};
use crate::world::World;

pub fn ministack() -> Option<ExternalServer> {
    ministack_with(None)
}

/// Starts MiniStack. It forwards requests to the OpenAI-compatible server `model`, if any.
fn ministack_with(model: Option<&str>) -> Option<ExternalServer> {
    ExternalServer::start("RECAPTION_MINISTACK", |command, port| {
        // The default of BIND_HOST is all interfaces.
        command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        command.envs(model.map(|url| ("MINISTACK_BEDROCK_PROXY_URL", url)));
    })
}

fn microburst(upstream: &str) -> Option<ExternalServer> {
    ExternalServer::start("RECAPTION_MICROBURST", |command, port| {
        command.args(["--upstream", upstream, "--host", "127.0.0.1", "--port", &port.to_string()]);
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_describes_images() {
    let Some(service) = ministack() else { return };
    let world = World::new(6, &service.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(6), 0), "{table}");
    assert!(world.candidates().iter().all(|(_, text, _)| !text.trim().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_streams_the_tool_call_of_a_model() {
    let model = Server::start(|_, request| {
        let tool = &request.body["tools"][0]["function"];
        assert_eq!(tool["parameters"]["required"], json!(["unsupported", "missing"]));
        assert_eq!(request.body["tool_choice"]["function"]["name"], tool["name"]);
        let arguments = json!({ "unsupported": ["Old", "not there"], "missing": ["a hat"] }).to_string();
        let call =
            json!({ "id": "1", "type": "function", "function": { "name": tool["name"], "arguments": arguments } });
        let message = json!({ "role": "assistant", "content": "Let me look.", "tool_calls": [call] });
        let body = json!({ "choices": [{ "message": message, "finish_reason": "tool_calls" }] }).to_string();
        Reply::Body { status: 200, header: ("content-type", "application/json"), body }
    })
    .await;
    let Some(service) = ministack_with(Some(&model.url())) else { return };
    let world = World::new(3, &service.url());
    let url = service.url();
    let arguments = ["verify", "--describer", "bedrock", "--region", "us-east-1", "--endpoint-url", &url];
    let (result, code) = world.run(&[&arguments[..], &["--model", "nova-lite", "--json", "--yes"]].concat()).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(3), Some(0), 1), "{result}");
    assert_eq!(result["findings"][0]["unsupported"], json!([{ "phrase": "Old", "start": 0, "end": 3 }]), "{result}");
    assert_eq!((&result["findings"][0]["missing"], &result["dropped_phrases"]), (&json!(["a hat"]), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_network_causes_no_loss_and_no_repetition() {
    let Some(service) = ministack() else { return };
    let Some(faults) = microburst(&service.url()) else { return };
    let error = |code: &str, status: u16| json!({ "service": "bedrock", "times": 1, "error": { "code": code, "status": status } });
    let response = |fault: serde_json::Value| json!({ "service": "bedrock", "times": 1, "response": fault });
    let rules = json!([
        error("ThrottlingException", 429),
        error("ServiceUnavailableException", 503),
        error("InternalServerException", 500),
        error("ModelTimeoutException", 408),
        { "service": "bedrock", "times": 1, "reset": true },
        { "service": "bedrock", "times": 1, "latency": 700 },
        response(json!({ "truncate_frac": 0.5 })),
        response(json!({ "abort_frac": 0.5 })),
        response(json!({ "event_frames": [{ "at": 2, "bad_crc": true }] })),
        response(json!({ "corrupt_bytes": 5 })),
    ]);
    // The first match applies.
    faults.call("POST", "/_microburst/rules", &rules.to_string());
    let world = World::new(12, &faults.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(12), 0), "{table}");
    let candidates = world.candidates();
    let names: std::collections::BTreeSet<&String> = candidates.iter().map(|(name, ..)| name).collect();
    assert_eq!((candidates.len(), names.len()), (12, 12));
    // MiniStack's responses end with `#` and eight digits derived from the request.
    let complete = |text: &str| text.rsplit_once('#').is_some_and(|(_, digits)| digits.len() == 8);
    assert!(candidates.iter().all(|(_, text, _)| complete(text)), "no partial text: {candidates:?}");
}
