//! `recaption verify` against a mock of Bedrock.

use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::World;

async fn verify(world: &World, server: &Server, arguments: &[&str]) -> (Value, i32) {
    let url = server.url();
    let base = ["verify", "--describer", "bedrock", "--region", "us-east-1", "--endpoint-url", &url, "--json", "--yes"];
    world.run(&[&base[..], &["--rpm", "6000"], arguments].concat()).await
}

fn verdict(unsupported: &[&str], missing: &[&str]) -> Reply {
    Reply::text(&json!({ "unsupported": unsupported, "missing": missing }).to_string())
}

fn has_schema(body: &Value) -> bool {
    !body["outputConfig"]["textFormat"].is_null()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheap_model_verifies_by_default_with_a_schema() {
    let server = Server::start(|number, _| verdict(&["Old"][..usize::from(number == 0)], &[])).await;
    let world = World::new(3, &server.url());
    let (result, code) = verify(&world, &server, &[]).await;
    assert_eq!((result["verified"].as_u64(), result["clean"].as_u64(), code), (Some(3), Some(2), 1), "{result}");
    for request in server.requests() {
        assert!(request.model.contains("claude-haiku-5-5"), "{}", request.model);
        let format = &request.body["outputConfig"]["textFormat"];
        let schema = format["structure"]["jsonSchema"]["schema"].as_str().expect("a schema");
        assert_eq!((format["type"].as_str(), schema.contains("unsupported")), (Some("json_schema"), true));
        assert!(request.text().contains("Old caption"), "the caption is in the prompt");
    }
    assert_ne!(result["cost_usd"], "0.00");
    // The model of the verifier does not become that of the describer.
    let (generated, _) = world.generate(&["-n", "1"]).await;
    assert!(!generated["models"].to_string().contains("haiku-5-5"), "{generated}");
}

fn has_tool(body: &Value) -> bool {
    !body["toolConfig"].is_null()
}

fn rejection(message: &str) -> Reply {
    Reply::Error { status: 400, code: "ValidationException", message: message.to_owned() }
}

/// A tool call after a preamble, its JSON cut at every third character as the service may.
fn tool_call(unsupported: &[&str]) -> Reply {
    let input: Vec<char> = json!({ "unsupported": unsupported, "missing": [] }).to_string().chars().collect();
    let input = input.chunks(3).map(|piece| piece.iter().collect()).collect();
    Reply::Tool { text: "{\"unsupported\": [\"caption\"]} is not my answer.".to_owned(), input, stop: "tool_use" }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_structured_output_calls_a_tool() {
    let server =
        Server::start(|_, request| if has_tool(&request.body) { tool_call(&["Old"]) } else { verdict(&[], &[]) });
    let server = server.await;
    let world = World::new(3, &server.url());
    let (result, code) = verify(&world, &server, &["--model", "nova-lite"]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(3), Some(0), 1), "{result}");
    for finding in result["findings"].as_array().expect("findings") {
        assert_eq!(finding["unsupported"], json!([{ "phrase": "Old", "start": 0, "end": 3 }]), "{finding}");
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3, "the catalogue has it: nothing is tried in vain");
    for request in requests {
        assert!(!has_schema(&request.body));
        let tool = &request.body["toolConfig"]["tools"][0]["toolSpec"];
        assert_eq!(tool["inputSchema"]["json"]["required"], json!(["unsupported", "missing"]));
        assert_eq!(request.body["toolConfig"]["toolChoice"]["tool"]["name"], tool["name"]);
    }
    // Captions are plain text.
    let (_, code) = world.generate(&["-n", "1", "--model", "nova-lite"]).await;
    assert_eq!(code, 0);
    assert!(server.requests().last().is_some_and(|request| !has_tool(&request.body) && !has_schema(&request.body)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rejected_parameter_is_dropped_once() {
    let server = Server::start(|_, request| {
        if has_schema(&request.body) {
            rejection("The model returned the following errors: output_config.format: Extra inputs are not permitted")
        } else if has_tool(&request.body) {
            rejection("This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.")
        } else {
            Reply::text("{\"unsupported\": [\"Old\"], \"missing\": []}")
        }
    })
    .await;
    let world = World::new(3, &server.url());
    let (result, code) = verify(&world, &server, &["--model", "claude-sonnet-4-5", "--concurrency", "1"]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(3), Some(0), 1), "{result}");
    let ways: Vec<_> = server.requests().iter().map(|it| (has_schema(&it.body), has_tool(&it.body))).collect();
    assert_eq!(ways, [(true, false), (false, true), (false, false), (false, false), (false, false)]);
    assert_eq!(result["findings"].as_array().map(Vec::len), Some(3), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_without_structured_output_is_asked_without_a_schema() {
    let server = Server::start(|_, request| {
        if has_schema(&request.body) {
            rejection("This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat and try again.")
        } else {
            Reply::text("Here is the result:\n```json\n{\"unsupported\": [\"Old\"], \"missing\": []}\n```")
        }
    })
    .await;
    let world = World::new(4, &server.url());
    let (result, code) = verify(&world, &server, &["--model", "claude-sonnet-4-5"]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(4), Some(0), 1), "{result}");
    let refused = server.requests().iter().filter(|request| has_schema(&request.body)).count();
    assert!((1..=4).contains(&refused), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_and_refused_tool_calls_are_failures() {
    let cut = |stop| Reply::Tool { text: String::new(), input: vec!["{\"unsupported\": [".to_owned()], stop };
    let server = Server::start(move |number, _| match number {
        0 => cut("max_tokens"),
        1 => cut("malformed_tool_use"),
        2 => cut("refusal"),
        _ => tool_call(&["not in the caption"]),
    })
    .await;
    let world = World::new(4, &server.url());
    let (result, code) = verify(&world, &server, &["--model", "nova-lite", "--concurrency", "1"]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(1), Some(3), 1), "{result}");
    assert_eq!((result["dropped_phrases"].as_u64(), result["findings"].clone()), (Some(1), json!([])), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_and_refused_responses_are_failures() {
    let server = Server::start(|number, _| match number {
        0 => Reply::Text {
            pieces: vec!["{\"unsupported\": [".to_owned()],
            after: std::time::Duration::ZERO,
            stop: "max_tokens",
        },
        1 => Reply::Text { pieces: vec!["No".to_owned()], after: std::time::Duration::ZERO, stop: "refusal" },
        2 => Reply::text("All good."),
        _ => verdict(&["not in the caption"], &[]),
    })
    .await;
    let world = World::new(4, &server.url());
    let (result, code) = verify(&world, &server, &["--concurrency", "1"]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(1), Some(3), 1), "{result}");
    assert_eq!((result["dropped_phrases"].as_u64(), result["findings"].clone()), (Some(1), json!([])), "{result}");
}
