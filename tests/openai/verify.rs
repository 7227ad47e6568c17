//! `recaption verify` against a server that sends exact bytes.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::server::{ReceivedRequest, Reply, Server, delta, finish};
use crate::world::{World, output_of};

/// Runs `verify --json` and returns its result and exit code.
async fn verify(world: &World, server: &Server, arguments: &[&str]) -> (Value, i32) {
    let url = server.url();
    world.run(&[&["verify", "--base-url", &url, "--model", "llava", "--json"], arguments].concat()).await
}

fn verdict(unsupported: &[&str], missing: &[&str]) -> Reply {
    Reply::text(&json!({ "unsupported": unsupported, "missing": missing }).to_string())
}

/// Returns the number in "Old caption 3.", the caption in a request.
fn number(request: &ReceivedRequest) -> u32 {
    let text = request.text();
    let (_, rest) = text.split_once("Old caption ").expect("the caption is in the prompt");
    rest.split('.').next().and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_are_listed_worst_first_and_the_exit_code_reports_them() {
    let server = Server::start(|_, request| match number(request) {
        1 => verdict(&["caption 1"], &[]),
        2 => verdict(&["Old", "caption"], &["a hat"]),
        3 => verdict(&[], &["a bag"]),
        _ => verdict(&[], &[]),
    })
    .await;
    let world = World::new(5, "");
    let (result, code) = verify(&world, &server, &[]).await;
    assert_eq!((result["verified"].as_u64(), result["clean"].as_u64(), code), (Some(5), Some(2), 1), "{result}");
    let findings = result["findings"].as_array().expect("findings");
    let files: Vec<&str> = findings.iter().filter_map(|finding| finding["file_name"].as_str()).collect();
    assert_eq!(files, ["images/2.png", "images/1.png", "images/3.png"]);
    assert_eq!(
        findings[0]["unsupported"],
        json!([
            { "phrase": "Old", "start": 0, "end": 3 }, { "phrase": "caption", "start": 4, "end": 11 }
        ])
    );
    assert_eq!((findings[2]["missing"].clone(), findings[2]["model"].as_str()), (json!(["a bag"]), Some("llava")));
    for request in server.requests() {
        assert!(request.image().starts_with("data:image/png;base64,"));
        assert_eq!(request.body["response_format"]["type"], "json_schema");
        assert_eq!(request.body["temperature"], 0.0);
    }
    // The same command again sends nothing and reports the same.
    let (again, code) = verify(&world, &server, &[]).await;
    assert_eq!(
        (again["verified"].as_u64(), again["already_verified"].as_u64(), code),
        (Some(0), Some(5), 1),
        "{again}"
    );
    assert_eq!(again["findings"].as_array().map(Vec::len), Some(3));
    assert_eq!(server.requests().len(), 5);
    // Another model and another prompt are other verdicts.
    let prompt = world.path().join("mine.md");
    std::fs::write(&prompt, "True? {current}").expect("a prompt");
    let (other, _) = verify(&world, &server, &["--prompt", prompt.to_str().expect("UTF-8"), "-n", "1"]).await;
    assert_eq!((other["verified"].as_u64(), server.requests().len()), (Some(1), 6), "{other}");
    let (forced, _) = verify(&world, &server, &["--again"]).await;
    assert_eq!((forced["verified"].as_u64(), server.requests().len()), (Some(5), 11), "{forced}");
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_without_a_verdict_are_failures_and_stay_pending() {
    let server = Server::start(|_, request| match number(request) {
        0 => Reply::text("The caption looks fine to me."),
        1 => Reply::events([delta("{\"unsupported\": [\"Old").to_string(), finish("length").to_string()]),
        2 => Reply::text("I'm sorry, but I can't help with identifying people in images."),
        3 => Reply::events([
            json!({ "choices": [{ "delta": { "refusal": "No." } }] }).to_string(),
            finish("stop").to_string(),
        ]),
        4 => verdict(&["a phrase of another caption", "Old"], &["caption"]),
        _ => Reply::text("```json\n{\"unsupported\": [], \"missing\": []}\n``` Anything else?"),
    })
    .await;
    let world = World::new(6, "");
    let (result, code) = verify(&world, &server, &[]).await;
    let count = |name: &str| result[name].as_u64();
    assert_eq!((count("verified"), count("failed"), code), (Some(2), Some(4), 1), "{result}");
    assert_eq!((count("dropped_phrases"), count("clean"), count("pending")), (Some(2), Some(1), Some(0)), "{result}");
    assert_eq!(result["findings"][0]["unsupported"], json!([{ "phrase": "Old", "start": 0, "end": 3 }]));
    assert_eq!(result["findings"][0]["missing"], json!([]), "a missing thing that the caption has");
    let failures: Vec<&String> = result["failures"].as_object().expect("failures").keys().collect();
    let expected = ["cut off by the token limit", "llava declined", "did not respond with the JSON", "refused"];
    for phrase in expected {
        assert!(failures.iter().any(|reason| reason.contains(phrase)), "{phrase}: {failures:?}");
    }
    let (_, code) = verify(&world, &server, &[]).await;
    assert_eq!((code, server.requests().len()), (1, 10), "failures are verified again, verdicts are not");
    let (plan, _) = verify(&world, &server, &["--dry-run"]).await;
    assert_eq!((plan["selected"].as_u64(), plan["already_verified"].as_u64()), (Some(4), Some(2)), "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_structured_output_gets_the_request_without_a_schema() {
    let refusals = AtomicUsize::new(0);
    let server = Server::start(move |_, request| {
        if request.body["response_format"].is_null() {
            verdict(&[], &[])
        } else {
            refusals.fetch_add(1, Ordering::Relaxed);
            Reply::error(400, "'response_format.type' must be 'text'")
        }
    })
    .await;
    let world = World::new(3, "");
    let (result, code) = verify(&world, &server, &[]).await;
    assert_eq!((result["verified"].as_u64(), result["failed"].as_u64(), code), (Some(3), Some(0), 0), "{result}");
    assert_eq!(server.requests().len(), 4, "one request is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_caption_is_verified_again() {
    let server = Server::start(|_, _| verdict(&["Old"], &[])).await;
    let world = World::new(2, "");
    verify(&world, &server, &[]).await;
    let dataset = world.path().join("metadata.jsonl");
    let text = std::fs::read_to_string(&dataset).expect("the dataset");
    std::fs::write(&dataset, text.replace("Old caption 0.", "Old caption 70.")).expect("the dataset");
    let (result, _) = verify(&world, &server, &[]).await;
    assert_eq!((result["verified"].as_u64(), result["already_verified"].as_u64()), (Some(1), Some(1)), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_without_consent_and_the_budget_stops_the_run() {
    let server = Server::start(|_, _| verdict(&[], &[])).await;
    let world = World::new(30, "");
    let priced = ["--price-in", "1", "--price-out", "10"];
    let (result, code) = verify(&world, &server, &[&priced[..], &["--confirm-above", "0"]].concat()).await;
    assert_eq!((code, server.requests().len()), (2, 0), "{result}");
    let (plan, code) = verify(&world, &server, &[&priced[..], &["--dry-run"]].concat()).await;
    assert_eq!((code, server.requests().len(), plan["selected"].as_u64()), (0, 0, Some(30)), "{plan}");
    // 1,500 and 60 tokens: $0.0021 a verdict.
    let (result, code) = verify(&world, &server, &[&priced[..], &["--budget", "0.05"]].concat()).await;
    assert_eq!(code, 5, "{result}");
    let verified = result["verified"].as_u64().expect("a number");
    assert!(verified > 0 && verified < 30 && server.requests().len() as u64 == verified, "{result}");
    let cost: f64 = result["cost_usd"].as_str().expect("a cost").parse().expect("dollars");
    assert!(cost > 0.0 && cost <= 0.05, "{result}");
    // The rest.
    let (rest, code) = verify(&world, &server, &[&priced[..], &["--yes"]].concat()).await;
    assert_eq!((rest["verified"].as_u64(), code), (Some(30 - verified), 0), "{rest}");
    let (stats, _) = world.run(&["stats", "--json"]).await;
    assert!(stats.to_string().contains("verify"), "the cost is stored with the prompt: {stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_describer_and_a_prompt_without_the_caption_cannot_verify() {
    let world = World::new(1, "");
    let failed = |arguments: Vec<&'static str>| {
        let command = world.command(&[&["verify"], &arguments[..]].concat());
        async move {
            let output = output_of(command).await;
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        }
    };
    let (code, errors) = failed(vec!["--describer", "local"]).await;
    assert!(code == Some(2) && errors.contains("cannot verify") && errors.contains("bedrock or openai"), "{errors}");
    std::fs::write(world.path().join("blind.md"), "Describe it.").expect("a prompt");
    let (code, errors) = failed(vec!["--base-url", "http://127.0.0.1:9/v1", "--prompt", "blind.md"]).await;
    assert!(code == Some(2) && errors.contains("{current}"), "{errors}");
    let (code, errors) = failed(vec!["--only", "failed"]).await;
    assert!(code == Some(2) && errors.contains("expected pending"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_that_comes_first_is_verified_and_stays_undecided() {
    let server = Server::start(|_, request| {
        if request.text().contains("“A person in a blue coat.”") {
            verdict(&["blue coat"], &[])
        } else {
            Reply::text("A person in a blue coat.")
        }
    })
    .await;
    let world = World::new(1, "");
    world.run(&["generate", "--base-url", &server.url(), "--model", "llava", "--json"]).await;
    let (result, code) = verify(&world, &server, &[]).await;
    assert_eq!((result["findings"][0]["caption"].as_str(), code), (Some("A person in a blue coat."), 1), "{result}");
    assert_eq!(world.candidates().len(), 1, "a verdict is no candidate");
    let (stats, _) = world.run(&["stats", "--json"]).await;
    assert!(!stats.to_string().contains("\"accepted\":1"), "{stats}");
}
