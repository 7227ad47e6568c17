//! Consent to a price, and models that cost more than that.

use std::fs;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::pty::{Reviewer, dataset};
use crate::server::{Reply, Server};
use crate::world::{World, output_of};

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

fn gone() -> Reply {
    let message = "This model version has reached the end of its life.".to_owned();
    Reply::Error { status: 404, code: "ResourceNotFoundException", message }
}

/// A service where only models with `part` in their id answer.
async fn only(part: &'static str) -> Server {
    Server::start(move |_, request| if request.model.contains(part) { Reply::text(GOOD) } else { gone() }).await
}

/// Runs `recaption generate` without `--yes`.
async fn generate(world: &World, server: &Server, more: &[&str]) -> (Value, i32, String) {
    let url = server.url();
    let base = ["generate", "--region", "us-east-1", "--endpoint-url", &url, "--json", "--rpm", "6000"];
    let arguments: Vec<&str> = base.iter().chain(more).copied().collect();
    let Output { status, stdout, stderr } = output_of(world.command(&arguments)).await;
    let table = serde_json::from_slice(&stdout).unwrap_or_default();
    (table, status.code().expect("an exit code"), String::from_utf8_lossy(&stderr).into_owned())
}

/// Returns the estimated cost of a model in dollars.
async fn cost(world: &World, server: &Server, model: &str) -> f64 {
    let (plan, _, _) = generate(world, server, &["--model", model, "--dry-run"]).await;
    plan["cost_usd"].as_str().and_then(|cost| cost.parse().ok()).unwrap_or_else(|| panic!("{plan}"))
}

/// Sets the models that `auto` tries.
fn automatic(folder: &std::path::Path, models: &str) {
    let config = folder.join("home/config/recaption");
    fs::create_dir_all(&config).expect("a folder");
    fs::write(config.join("models.toml"), models).expect("a file");
}

fn models(server: &Server) -> Vec<String> {
    server.requests().into_iter().map(|request| request.model).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_model_is_not_called_without_consent() {
    let server = only("sonnet-4-6").await;
    let world = World::new(12, &server.url());
    let (first, second) =
        (cost(&world, &server, "claude-sonnet-5-5").await, cost(&world, &server, "claude-sonnet-4-6").await);
    assert!(first < second, "{first} {second}");
    let between = format!("{:.6}", f64::midpoint(first, second));

    let (table, code, errors) = generate(&world, &server, &["--confirm-above", &between]).await;
    assert_eq!((table["described"].as_u64(), table["pending"].as_u64(), code), (Some(0), Some(12), 2), "{errors}");
    assert_eq!(models(&server), ["us.anthropic.claude-sonnet-5-5"], "nothing is sent to the dearer model");
    let stopped = table["stopped"].as_str().unwrap_or_default();
    for part in ["claude-sonnet-4-6", "more than claude-sonnet-5-5", "$0.0033 in, $0.0165 out", "--yes", "--budget"] {
        assert!(stopped.contains(part), "{part}: {stopped}");
    }

    // An estimate within the limit needs no consent, at either price.
    let limit = format!("{:.6}", second * 1.2);
    let (table, code, errors) = generate(&world, &server, &["--confirm-above", &limit]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(12), 0), "{table}");
    assert!(errors.contains("using claude-sonnet-4-6: $0.0033 in"), "{errors}");

    for consent in [&["--yes", "--confirm-above", "0"][..], &["--budget", "5"]] {
        let world = World::new(3, &server.url());
        let (table, code, errors) = generate(&world, &server, consent).await;
        assert_eq!((table["described"].as_u64(), code), (Some(3), 0), "{consent:?}: {errors}");
        assert!(errors.contains("using claude-sonnet-4-6: $0.0033 in"), "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cheaper_model_is_used_and_named() {
    let server = only("haiku").await;
    let world = World::new(5, &server.url());
    automatic(world.path(), "auto = [\"claude-opus-5-5\", \"claude-haiku-4-5\"]\n");
    let limit = format!("{:.6}", cost(&world, &server, "claude-opus-5-5").await);
    let (table, code, errors) = generate(&world, &server, &["--confirm-above", &limit]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(5), 0), "{table} {errors}");
    assert!(errors.contains("using claude-haiku-4-5: $0.0011 in, $0.0055 out"), "{errors}");
    assert_eq!(server.requests().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_unknown_price_is_not_called_without_consent() {
    let server = only("mystery").await;
    let world = World::new(5, &server.url());
    let models_file = "auto = [\"claude-opus-5-5\", \"mystery\"]\n[models.mystery]\nid = \"vendor.mystery\"\n";
    automatic(world.path(), models_file);
    let (table, code, errors) = generate(&world, &server, &["--confirm-above", "100"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(0), 2), "{errors}");
    let stopped = table["stopped"].as_str().unwrap_or_default();
    assert!(stopped.contains("mystery") && stopped.contains("price is unknown"), "{stopped}");
    assert_eq!(models(&server), ["us.anthropic.claude-opus-5-5"]);
    let (_, code, errors) = generate(&world, &server, &["--budget", "100"]).await;
    assert!(code == 2 && errors.contains("needs the price of mystery"), "{code}: {errors}");
    assert_eq!(server.requests().len(), 1, "a budget cannot limit an unknown price");
    let (table, code, errors) = generate(&world, &server, &["--yes"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(5), 0), "{errors}");
    assert!(errors.contains("using mystery: price unknown"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reviewer_asks_again_for_a_dearer_model() {
    let server = only("sonnet-4-6").await;
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two.", "Three."]);
    let aws = folder.path().join(".aws");
    fs::create_dir_all(&aws).expect("a folder");
    fs::write(aws.join("credentials"), "[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
        .expect("credentials");
    let path = folder.path().to_str().expect("a path in Unicode").to_owned();
    let url = server.url();
    block_in_place(|| {
        let arguments = [&path, "--region", "us-east-1", "--endpoint-url", &url, "--ahead", "0"];
        let mut reviewer = Reviewer::start(folder.path(), &arguments);
        reviewer.shows("bedrock");
        reviewer.until("the session to open", |screen| !screen.contains("opening"));
        reviewer.shows("One.");
        reviewer.press("r");
        reviewer.shows("claude-sonnet-5-5");
        reviewer.press("y");
        reviewer.shows("asks for your consent");
        assert_eq!(models(&server), ["us.anthropic.claude-sonnet-5-5"]);
        reviewer.press("r");
        reviewer.shows("this costs money");
        reviewer.shows("claude-sonnet-4-6");
        reviewer.shows("$0.0033 in, $0.0165 out");
        reviewer.press("n");
        reviewer.until("the dialog to close", |screen| !screen.contains("this costs money"));
        assert_eq!(server.requests().len(), 1, "no is no");
        reviewer.press("r");
        reviewer.shows("this costs money");
        reviewer.press("y");
        reviewer.shows(&GOOD[..20]);
        reviewer.press("qq");
    });
    assert_eq!(models(&server), ["us.anthropic.claude-sonnet-5-5", "us.anthropic.claude-sonnet-4-6"]);
}
