//! What a run does with what the service says.

use std::time::Duration;

use serde_json::{Value, json};

use crate::server::{Reply, Server};
use crate::world::World;

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

fn numbers(table: &Value) -> [u64; 4] {
    ["described", "accepted", "failed", "pending"].map(|name| table[name].as_u64().unwrap_or(u64::MAX))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_is_asked_about_once() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(12, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([12, 0, 0, 0], 0), "{table}");
    let asked = server.asked();
    assert_eq!(asked.len(), 12);
    for request in &asked {
        assert_eq!(request.model, "us.anthropic.claude-sonnet-4-6");
        let content = &request.body["messages"][0]["content"];
        assert_eq!(content[0]["image"]["format"], "png", "the picture comes first, as it is");
        assert!(request.text().contains("Old caption"), "the caption there is goes along");
        assert!(request.body["inferenceConfig"]["maxTokens"].as_u64().is_some_and(|most| most < 1000));
    }
    // 1500 tokens in and 60 out, at .003 and .015 dollars a thousand and ten percent more outside the global profile.
    assert_eq!(table["cost_usd"], "0.07128");

    let (again, code) = world.generate(&[]).await;
    assert_eq!((again["selected"].as_u64(), code), (Some(0), 0));
    assert_eq!(server.asked().len(), 12, "what is there is not paid for again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_costs_no_caption() {
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
    assert_eq!(texts, [GOOD; 8], "no fragment is a candidate");
    assert_eq!(server.asked().len(), 8 + 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_model_gives_way_to_the_next() {
    let server = Server::start(|_, asked| {
        if asked.model.contains("3-7-sonnet") {
            let message = "This model version has reached the end of its life. Please refer to the documentation.";
            Reply::Error { status: 404, code: "ResourceNotFoundException", message: message.to_owned() }
        } else {
            Reply::text(GOOD)
        }
    })
    .await;
    let world = World::new(6, &server.url());
    let (table, code) = world.generate(&["--concurrency", "1"]).await;
    assert_eq!((numbers(&table), code), ([6, 0, 0, 0], 0), "{table}");
    assert_eq!(server.asked().len(), 7, "the retired one is asked once");
    assert!(world.candidates().iter().all(|(_, _, model)| model == "us.anthropic.claude-sonnet-4-6"));

    let world = World::new(6, &server.url());
    let (table, code) = world.generate(&["--model", "claude-3-7-sonnet"]).await;
    assert_eq!((numbers(&table), code), ([0, 0, 0, 6], 3), "a model that was named means that model: {table}");
    assert!(table["stopped"].as_str().is_some_and(|why| why.contains("retired")), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_expire_stop_the_run_and_lose_nothing() {
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
    assert_eq!(server.asked().len(), 4);

    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    world.ask(&server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([5, 0, 0, 0], 0), "{table}");
    assert_eq!(world.candidates().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_is_never_overshot() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(20, &server.url());
    let arguments = ["--model", "claude-sonnet-4-6", "--budget", "0.05"];
    let (table, code) = world.generate(&arguments).await;
    assert_eq!(code, 5, "{table}");
    let cost: f64 = table["cost_usd"].as_str().expect("a cost").parse().expect("dollars");
    assert!(cost <= 0.05, "{cost}");
    let [described, _, failed, pending] = numbers(&table);
    assert_eq!((described + pending, failed), (20, 0));
    assert!(described >= 5, "a budget for eight pays for most of them, though each is reserved at its dearest");
    assert_eq!(server.asked().len() as u64, described);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declined_is_a_failure_and_can_be_tried_again() {
    let server = Server::start(|_, asked| {
        let refused = Reply::Text {
            pieces: vec!["I'm sorry, but I can't help with that.".to_owned()],
            after: Duration::ZERO,
            stop: "end_turn",
        };
        let withheld = Reply::Text { pieces: Vec::new(), after: Duration::ZERO, stop: "content_filtered" };
        match asked.text() {
            text if text.contains("Old caption 1.") => refused,
            text if text.contains("Old caption 2.") => withheld,
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
    assert_eq!(captions, expected.map(|text| json!(text)), "a failure is never a caption");

    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    world.ask(&server.url());
    let arguments = ["--model", "claude-sonnet-4-6", "--only", "failed"];
    let (table, code) = world.generate(&arguments).await;
    assert_eq!((numbers(&table), code), ([2, 0, 0, 0], 0), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_is_never_accepted_by_a_run() {
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
async fn a_parameter_a_model_does_not_take_is_left_out_from_then_on() {
    let server = Server::start(|_, asked| {
        if asked.body["inferenceConfig"]["temperature"].is_null() {
            return Reply::text(GOOD);
        }
        let message = "The model returned the following errors: `temperature` is deprecated for this model.".to_owned();
        Reply::Error { status: 400, code: "ValidationException", message }
    })
    .await;
    let world = World::new(5, &server.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]).await;
    assert_eq!((numbers(&table), code), ([5, 0, 0, 0], 0), "{table}");
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_cannot_be_sent_is_left_to_its_record() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(4, &server.url());
    std::fs::write(world.path().join("images/1.png"), b"no picture").expect("written");
    std::fs::remove_file(world.path().join("images/2.png")).expect("removed");
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((numbers(&table), code), ([2, 0, 1, 0], 1), "{table}");
    assert_eq!(server.asked().len(), 2, "nothing is paid for what cannot be seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_asks_nothing_and_writes_nothing() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(4, &server.url());
    let (plan, code) = world.generate(&["--model", "claude-sonnet-4-6", "--dry-run", "-n", "3"]).await;
    assert_eq!((plan["selected"].as_u64(), code), (Some(3), 0), "{plan}");
    assert!(plan["cost_usd"].as_str().is_some_and(|cost| cost.parse::<f64>().is_ok_and(|cost| cost > 0.0)), "{plan}");
    assert_eq!(server.asked().len(), 0);
    assert!(!world.path().join(".recaption").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn much_money_is_not_spent_unasked() {
    let world = World::new(3, "http://127.0.0.1:9");
    let command = world.command(&["generate", "--region", "us-east-1", "--confirm-above", "0"]);
    let output = crate::world::finished(command).await;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("--budget"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_draws_the_same_sample() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let mut drawn = Vec::new();
    for seed in ["7", "7", "8"] {
        let world = World::new(30, &server.url());
        world.generate(&["--model", "claude-sonnet-4-6", "--sample", "5", "--seed", seed]).await;
        drawn.push(world.candidates().into_iter().map(|(name, ..)| name).collect::<Vec<_>>());
    }
    assert_eq!(drawn[0].len(), 5);
    assert_eq!(drawn[0], drawn[1]);
    assert_ne!(drawn[0], drawn[2]);
}

/// A run that is killed has kept all it was answered, and the next one does only the rest.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_goes_on_where_it_was() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(40, &server.url());
    let arguments = world.generating(&["--model", "claude-sonnet-4-6", "--concurrency", "1"]);
    let mut child = world.command(&arguments).spawn().expect("the program starts");
    let stored = || world.path().join(".recaption/metadata.sqlite").exists() && world.candidates().len() >= 5;
    while server.asked().is_empty() || !stored() {
        tokio::task::yield_now().await;
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    let kept = world.candidates().len();
    assert!((5..40).contains(&kept), "{kept} of 40 were there when it was killed");
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!(code, 0, "{table}");
    let names: std::collections::BTreeSet<String> = world.candidates().into_iter().map(|(name, ..)| name).collect();
    assert_eq!((names.len(), world.candidates().len()), (40, 40), "nothing lost, nothing twice");
}

/// ^C lets what is under way end, and begins nothing more.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_finishes_what_is_under_way() {
    let server = Server::start(|_, _| Reply::Text {
        pieces: vec![GOOD.to_owned()],
        after: Duration::from_millis(300),
        stop: "end_turn",
    })
    .await;
    let world = World::new(40, &server.url());
    let arguments = world.generating(&["--model", "claude-sonnet-4-6", "--concurrency", "2"]);
    let child = world.command(&arguments).spawn().expect("the program starts");
    while server.asked().len() < 3 {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("interrupted");
    let output =
        tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("no panic").expect("it ends");
    let table: Value = serde_json::from_slice(&output.stdout).expect("a table");
    assert_eq!(output.status.code(), Some(130));
    let [described, _, failed, pending] = numbers(&table);
    assert_eq!((described, failed), (server.asked().len() as u64, 0), "{table}");
    assert!(pending > 30, "{table}");
}

/// A quota of 600 requests a minute, ten at a time: what is refused is asked again, and nothing is lost or done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_nobody_told_of_is_learned() {
    let bucket = std::sync::Mutex::new((10.0_f64, Duration::ZERO));
    let server = Server::start(move |_, asked| {
        let mut bucket = bucket.lock().expect("no panic under the lock");
        let filled = (bucket.0 + (asked.at.saturating_sub(bucket.1)).as_secs_f64() * 10.0).min(10.0);
        let taken = filled >= 1.0;
        *bucket = (if taken { filled - 1.0 } else { filled }, asked.at);
        if taken { Reply::text(GOOD) } else { Reply::throttled() }
    })
    .await;
    let world = World::new(40, &server.url());
    let (table, code) = world.generate_at(&["--model", "claude-sonnet-4-6", "--rpm", "1200"]).await;
    assert_eq!((numbers(&table), code), ([40, 0, 0, 0], 0), "{table}");
    assert_eq!(world.candidates().len(), 40);
    assert!(server.asked().len() < 60, "{} requests for 40 captions", server.asked().len());
}
