//! `recaption generate` with different responses of the service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::World;

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

fn numbers(table: &Value) -> [u64; 4] {
    ["described", "accepted", "failed", "pending"].map(|name| table[name].as_u64().unwrap_or(u64::MAX))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_image_is_described_once() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(12, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([12, 0, 0, 0], 0), "{table}");
    let requests = server.requests();
    assert_eq!(requests.len(), 12);
    for request in &requests {
        assert_eq!(request.model, "us.anthropic.claude-sonnet-4-6");
        let content = &request.body["messages"][0]["content"];
        assert_eq!(content[0]["image"]["format"], "png", "the image is first and unchanged");
        assert!(request.text().contains("Old caption"), "the current caption is in the prompt");
        assert!(request.body["inferenceConfig"]["maxTokens"].as_u64().is_some_and(|max| max < 1000));
    }
    // 1500 input and 60 output tokens at $0.003 and $0.015 per 1,000, plus 10% for a regional profile.
    assert_eq!(table["cost_usd"], "0.07128");

    let (again, code) = world.generate(&[]).await;
    assert_eq!((again["selected"].as_u64(), code), (Some(0), 0));
    assert_eq!(server.requests().len(), 12, "existing candidates are not described again");
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_errors_are_retried() {
    let server = Server::start(|number, _| match number {
        1 => Reply::throttled(),
        2 => Reply::Fragment { pieces: vec!["A fragment that".to_owned()], exception: None },
        3 => Reply::Fragment { pieces: vec!["Another".to_owned()], exception: Some("modelStreamErrorException") },
        4 => Reply::Reset,
        5 => Reply::Error { status: 503, code: "ServiceUnavailableException", message: "later".to_owned() },
        6 => Reply::Error { status: 424, code: "ModelErrorException", message: "oops".to_owned() },
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(8, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([8, 0, 0, 0], 0), "{table}");
    let texts: Vec<String> = world.candidates().into_iter().map(|(_, text, _)| text).collect();
    assert_eq!(texts, [GOOD; 8], "no partial text is stored");
    assert_eq!(server.requests().len(), 8 + 6);
}

fn retired() -> Reply {
    let message = "This model version has reached the end of its life. Please refer to the documentation.";
    Reply::Error { status: 404, code: "ResourceNotFoundException", message: message.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_skips_retired_models_with_one_request_each() {
    // 3.7 is past its end of life, so it is tried last.
    let server = Server::start(|_, request| match request.model.as_str() {
        "us.anthropic.claude-sonnet-5-5" => retired(),
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(20, &server.url());
    let (table, code) = world.generate(&[]).await;
    assert_eq!((numbers(&table), code), ([20, 0, 0, 0], 0), "{table}");
    assert_eq!(server.requests().len(), 21, "the retired model gets one request");
    assert!(world.candidates().iter().all(|(_, _, model)| model == "us.anthropic.claude-sonnet-4-6"));

    let server = Server::start(|_, _| retired()).await;
    let world = World::new(20, &server.url());
    let (table, code) = world.generate(&["--model", "claude-3-7-sonnet"]).await;
    assert_eq!((numbers(&table), code), ([0, 0, 0, 20], 3), "an explicit model has no fallback: {table}");
    assert!(table["stopped"].as_str().is_some_and(|why| why.contains("retired")), "{table}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_remembers_the_model_that_answered() {
    let server = Server::start(|_, request| {
        if request.model.contains("haiku-4-5") {
            return Reply::text(GOOD);
        }
        let message = "You don't have access to the model with the specified model ID.";
        Reply::Error { status: 403, code: "AccessDeniedException", message: message.to_owned() }
    })
    .await;
    let world = World::new(30, &server.url());
    let (table, code) = world.generate(&["-n", "20"]).await;
    assert_eq!((numbers(&table), code), ([20, 0, 0, 0], 0), "{table}");
    let wasted: Vec<String> = server.requests().into_iter().map(|request| request.model).collect();
    let expected = ["sonnet-5-5", "sonnet-4-6", "sonnet-4-5", "haiku-5-5", "haiku-4-5"];
    assert!(wasted.iter().zip(expected).all(|(model, name)| model.contains(name)), "{wasted:?}");
    assert_eq!(wasted.len(), 20 + 4, "one request for each model without access");
    // The next run begins with the model that answered, in its plan too.
    let (plan, _) = world.generate(&["--dry-run"]).await;
    assert_eq!(plan["model"], "claude-haiku-4-5", "{plan}");
    let (table, _) = world.generate(&[]).await;
    assert_eq!(numbers(&table), [10, 0, 0, 0], "{table}");
    assert_eq!(server.requests().len(), 34);
    let file = world.path().join("home/state/recaption/describers.json");
    let text = std::fs::read_to_string(&file).expect("the state file");
    assert!(!text.contains("test"), "no key: {text}");
    // A damaged file costs the probes again.
    std::fs::write(&file, &text[..text.len() / 2]).expect("written");
    let (plan, code) = world.generate(&["--dry-run"]).await;
    assert_eq!((&plan["model"], code), (&json!("claude-sonnet-5-5"), 0), "{plan}");
}

/// Many descriptions are prepared at once, but the maximum cost of two does not fit.
#[tokio::test(flavor = "multi_thread")]
async fn a_small_budget_is_enough_for_a_request() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(40, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--budget", "0.02"]).await;
    let described = table["described"].as_u64().expect("a number");
    assert!((1..=3).contains(&described), "{table}");
    assert_eq!((server.requests().len() as u64, code), (described, 5), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn again_describes_what_another_model_or_prompt_described() {
    let server =
        Server::start(|number, _| Reply::text(&format!("A person in coat {number} stands in a street."))).await;
    let world = World::new(3, &server.url());
    let selected = async |arguments: &[&str]| world.generate(arguments).await.0["selected"].as_u64();
    let (sonnet, haiku) = (["--model", "claude-sonnet-4-6"], ["--model", "claude-haiku-4-5", "--again"]);
    assert_eq!(selected(&sonnet).await, Some(3));
    assert_eq!(selected(&["--model", "claude-haiku-4-5"]).await, Some(0), "described already");
    assert_eq!(selected(&["--model", "claude-haiku-4-5", "--again", "-n", "2"]).await, Some(2));
    assert_eq!(selected(&haiku).await, Some(1), "continued");
    assert_eq!(selected(&haiku).await, Some(0));
    assert_eq!(selected(&["--model", "claude-haiku-4-5", "--again", "--prompt", "examples"]).await, Some(3));
    assert_eq!(server.requests().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rejections_in_a_row_pause_the_run() {
    let server = Server::start(|_, _| {
        let message = "The gateway does not forward this field.".to_owned();
        Reply::Error { status: 400, code: "ValidationException", message }
    })
    .await;
    let world = World::new(30, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([0, 0, 4, 26], 3), "{table}");
    assert!(table["stopped"].as_str().is_some_and(|why| why.contains("5 requests in a row")), "{table}");
    assert_eq!(server.requests().len(), 5);

    // Rejections between accepted requests are those of their images.
    let server = Server::start(|number, _| match number % 3 {
        0 => Reply::text(GOOD),
        _ => Reply::Error { status: 400, code: "ValidationException", message: "An odd image.".to_owned() },
    })
    .await;
    let world = World::new(30, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]).await;
    assert_eq!((numbers(&table), code), ([10, 0, 20, 0], 1), "{table}");
}

/// Each attempt is charged.
#[tokio::test(flavor = "multi_thread")]
async fn responses_that_are_throttled_in_the_stream_are_repeated_a_few_times() {
    let server = Server::start(|_, _| {
        let pieces = vec!["A person".to_owned()];
        Reply::Fragment { pieces, exception: Some("throttlingException") }
    })
    .await;
    let world = World::new(1, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([0, 0, 1, 0], 1), "{table}");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_stop_the_run_and_lose_nothing() {
    let server = Server::start(|number, _| {
        if number < 3 {
            return Reply::text(GOOD);
        }
        let message = "The security token included in the request is expired".to_owned();
        Reply::Error { status: 403, code: "ExpiredTokenException", message }
    })
    .await;
    let mut world = World::new(8, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]).await;
    assert_eq!((numbers(&table), code), ([3, 0, 0, 5], 3), "{table}");
    assert!(table["stopped"].as_str().is_some_and(|why| why.contains("aws sso login")), "{table}");
    assert_eq!(server.requests().len(), 4);

    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    world.set_endpoint(&server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([5, 0, 0, 0], 0), "{table}");
    assert_eq!(world.candidates().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_never_exceeded() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(20, &server.url());
    let arguments = ["--model", "claude-sonnet-4-6", "--budget", "0.05"];
    let (table, code) = world.generate(&arguments).await;
    assert_eq!(code, 5, "{table}");
    let cost: f64 = table["cost_usd"].as_str().expect("a cost").parse().expect("dollars");
    assert!(cost <= 0.05, "{cost}");
    let [described, _, failed, pending] = numbers(&table);
    assert_eq!((described + pending, failed), (20, 0));
    assert!(described >= 5, "most of the budget is used, although each request reserves its maximum cost");
    assert_eq!(server.requests().len() as u64, described);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_failures_and_can_be_retried() {
    let server = Server::start(|_, request| {
        let refusal = Reply::Text {
            pieces: vec!["I'm sorry, but I can't help with that.".to_owned()],
            after: Duration::ZERO,
            stop: "end_turn",
        };
        let filtered = Reply::Text { pieces: Vec::new(), after: Duration::ZERO, stop: "content_filtered" };
        match request.text() {
            text if text.contains("Old caption 1.") => refusal,
            text if text.contains("Old caption 2.") => filtered,
            _ => Reply::text(GOOD),
        }
    })
    .await;
    let mut world = World::new(5, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--accept", "--save"]).await;
    assert_eq!((numbers(&table), code), ([3, 3, 2, 0], 1), "{table}");
    let saved = std::fs::read_to_string(world.path().join("metadata_updated.jsonl")).expect("saved");
    let captions: Vec<Value> =
        saved.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["text"].clone()).collect();
    let expected = [GOOD, "Old caption 1.", "Old caption 2.", GOOD, GOOD];
    assert_eq!(captions, expected.map(|text| json!(text)), "failures are not saved as captions");

    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    world.set_endpoint(&server.url());
    let arguments = ["--model", "claude-sonnet-4-6", "--only", "failed"];
    let (table, code) = world.generate(&arguments).await;
    assert_eq!((numbers(&table), code), ([2, 0, 0, 0], 0), "{table}");
}

/// Each attempt is charged.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_response_is_requested_once_more() {
    let server = Server::start(|_, request| {
        let empty = Reply::Text { pieces: Vec::new(), after: Duration::ZERO, stop: "end_turn" };
        if request.text().contains("Old caption 1.") { empty } else { Reply::text(GOOD) }
    })
    .await;
    let world = World::new(3, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([2, 0, 1, 0], 1), "{table}");
    assert_eq!(server.requests().len(), 4, "two for the record without text");
    // Four requests at the price of `every_image_is_described_once`.
    assert_eq!(table["cost_usd"], "0.02376");
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_that_are_cut_off_are_not_accepted() {
    let server = Server::start(|_, _| Reply::Text {
        pieces: vec!["A person in a blue coat.".to_owned()],
        after: Duration::ZERO,
        stop: "max_tokens",
    })
    .await;
    let world = World::new(2, &server.url());
    let (table, _) = world.generate(&["--model", "claude-sonnet-4-6", "--accept"]).await;
    assert_eq!((numbers(&table), table["cut_off"].as_u64()), ([2, 0, 0, 0], Some(2)), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_of_the_users_own_is_sent_as_it_is() {
    let server = Server::start(|_, _| Reply::text("A person in a blue coat.")).await;
    let world = World::new(1, &server.url());
    let prompt = world.path().join("json.md");
    std::fs::write(&prompt, "Of {file_name}: {\"a\": {\"b\": {}}} {{x}}\n---\n{missing}\n").expect("a prompt");
    let (table, code) = world.generate(&["--prompt", "json.md"]).await;
    assert_eq!((code, server.requests().len()), (2, 0), "{table}");
    let error = table["errors"].as_str().expect("an error");
    assert!(error.contains("{missing}") && error.contains("fields: file_name, text"), "{error}");
    std::fs::write(&prompt, "Of {file_name}: {\"a\": {\"b\": {}}} {{x}}\n---\nb\n").expect("a prompt");
    assert_eq!(world.generate(&["--prompt", "json.md"]).await.1, 0);
    let request = server.requests().remove(0);
    assert_eq!(request.text(), "Of images/0.png: {\"a\": {\"b\": {}}} {x}\n---\nb\n");
    assert!(request.body["system"].is_null(), "a prompt without a separator is the user message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_parameter_is_omitted_from_later_requests() {
    let server = Server::start(|_, request| {
        if request.body["inferenceConfig"]["temperature"].is_null() {
            return Reply::text(GOOD);
        }
        let message = "The model returned the following errors: `temperature` is deprecated for this model.".to_owned();
        Reply::Error { status: 400, code: "ValidationException", message }
    })
    .await;
    let world = World::new(5, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]).await;
    assert_eq!((numbers(&table), code), ([5, 0, 0, 0], 0), "{table}");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_image_fails_only_its_record() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(4, &server.url());
    std::fs::write(world.path().join("images/1.png"), b"not an image").expect("a file");
    std::fs::remove_file(world.path().join("images/2.png")).expect("a file");
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([2, 0, 1, 0], 1), "{table}");
    assert_eq!(server.requests().len(), 2, "unusable images are not sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_sends_and_writes_nothing() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(4, &server.url());
    let (plan, code) = world.generate(&["--model", "claude-sonnet-4-6", "--dry-run", "-n", "3"]).await;
    assert_eq!((plan["selected"].as_u64(), code), (Some(3), 0), "{plan}");
    assert!(plan["cost_usd"].as_str().is_some_and(|cost| cost.parse::<f64>().is_ok_and(|cost| cost > 0.0)), "{plan}");
    assert_eq!(server.requests().len(), 0);
    assert!(!world.path().join(".recaption").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_above_the_threshold_need_confirmation() {
    let world = World::new(3, "http://127.0.0.1:9");
    let command = world.command(&["generate", "--region", "us-east-1", "--confirm-above", "0"]);
    let output = crate::world::output_of(command).await;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("--budget"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_determines_the_sample() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let mut samples = Vec::new();
    for seed in ["7", "7", "8"] {
        let world = World::new(30, &server.url());
        world.generate(&["--model", "claude-sonnet-4-6", "--sample", "5", "--seed", seed]).await;
        samples.push(world.candidates().into_iter().map(|(name, ..)| name).collect::<Vec<_>>());
    }
    assert_eq!(samples[0].len(), 5);
    assert_eq!(samples[0], samples[1]);
    assert_ne!(samples[0], samples[2]);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_resumes_without_loss_or_repetition() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(40, &server.url());
    let arguments = world.generate_arguments(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]);
    let mut child = world.command(&arguments).spawn().expect("a child process");
    let stored = || world.path().join(".recaption/metadata.sqlite").exists() && world.candidates().len() >= 5;
    while server.requests().is_empty() || !stored() {
        tokio::task::yield_now().await;
    }
    child.kill().expect("killed");
    child.wait().expect("an exit status");
    let kept = world.candidates().len();
    assert!((5..40).contains(&kept), "{kept} of 40 were stored when it was killed");
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!(code, 0, "{table}");
    let names: std::collections::BTreeSet<String> = world.candidates().into_iter().map(|(name, ..)| name).collect();
    assert_eq!((names.len(), world.candidates().len()), (40, 40), "no loss, no repetition");
}

/// ^C stops new requests and waits for those in flight.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_finishes_requests_in_flight() {
    let server = Server::start(|_, _| Reply::Text {
        pieces: vec![GOOD.to_owned()],
        after: Duration::from_millis(300),
        stop: "end_turn",
    })
    .await;
    let world = World::new(40, &server.url());
    let arguments = world.generate_arguments(&["--model", "claude-sonnet-4-6", "--concurrency", "2"]);
    let child = world.command(&arguments).spawn().expect("a child process");
    while server.requests().len() < 3 {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupted");
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic").expect("output");
    let table: Value = serde_json::from_slice(&output.stdout).expect("a table");
    assert_eq!(output.status.code(), Some(130));
    let [described, _, failed, pending] = numbers(&table);
    assert_eq!((described, failed), (server.requests().len() as u64, 0), "{table}");
    assert!(pending > 30, "{table}");
}

/// The quota is 600 requests per minute in bursts of ten. Throttled requests are retried without loss or repetition.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_quota_is_learned() {
    let bucket = std::sync::Mutex::new((10.0_f64, Duration::ZERO));
    let server = Server::start(move |_, request| {
        let mut bucket = bucket.lock().expect("no panic under the lock");
        let filled = (bucket.0 + (request.at.saturating_sub(bucket.1)).as_secs_f64() * 10.0).min(10.0);
        let accepted = filled >= 1.0;
        *bucket = (if accepted { filled - 1.0 } else { filled }, request.at);
        if accepted { Reply::text(GOOD) } else { Reply::throttled() }
    })
    .await;
    let world = World::new(40, &server.url());
    let (table, code) = world.generate_at_rate(&["--model", "claude-sonnet-4-6", "--rpm", "1200"]).await;
    assert_eq!((numbers(&table), code), ([40, 0, 0, 0], 0), "{table}");
    assert_eq!(world.candidates().len(), 40);
    assert!(server.requests().len() < 60, "{} requests for 40 captions", server.requests().len());
}
