//! Which server is used, and what it may cost.

use crate::server::{Reply, Server};
use crate::world::{World, output_of};

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

/// Runs `generate --json` and returns its output, its errors and its exit code.
async fn generate(world: &World, variables: &[(&str, &str)], arguments: &[&str]) -> (String, String, i32) {
    let mut command = world.command(&[&["generate", "--json"], arguments].concat());
    command.envs(variables.iter().copied());
    let output = output_of(command).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().expect("an exit code"))
}

/// The world has AWS credentials, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_in_the_environment_is_used_by_default_and_is_free_on_this_computer() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(2, "");
    let (table, errors, code) =
        generate(&world, &[("OPENAI_BASE_URL", &server.url())], &["--confirm-above", "0"]).await;
    assert_eq!((code, server.requests().len()), (0, 2), "{table}{errors}");
    // An explicit describer wins.
    let variables = [("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")];
    let (table, _, code) = generate(&World::new(1, ""), &variables, &["--describer", "bedrock"]).await;
    assert!(code == 3 && table.contains("no AWS region set"), "{code}: {table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_price_needs_confirmation() {
    let world = World::new(2, "");
    // An address that must not be called.
    let server = ["--base-url", "http://192.0.2.1:9/v1", "--model", "a/b"];
    let (table, errors, code) = generate(&world, &[], &server).await;
    assert_eq!(code, 2, "{table}{errors}");
    assert!(errors.contains("--yes") && errors.contains("unknown"), "{errors}");
    let (_, errors, code) = generate(&world, &[], &[&server[..], &["--budget", "1"]].concat()).await;
    assert!(code == 2 || code == 3, "{code}: {errors}");
    assert!(errors.contains("--price-in"), "{errors}");
    let priced = ["--price-in", "0.10", "--price-out", "0.40", "--dry-run"];
    let (plan, errors, code) = generate(&world, &[], &[&server[..], &priced].concat()).await;
    assert_eq!(code, 0, "{errors}");
    let plan: serde_json::Value = serde_json::from_str(&plan).expect("JSON");
    let cost: f64 = plan["cost_usd"].as_str().expect("a cost").parse().expect("dollars");
    assert!(cost > 0.0 && cost < 0.01, "{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_limits_a_priced_server_on_this_computer() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(30, "");
    // 1,500 and 60 tokens: $0.0021 a caption.
    let arguments = ["--base-url", &server.url(), "--price-in", "1", "--price-out", "10", "--budget", "0.05"];
    let (table, errors, code) = generate(&world, &[], &arguments).await;
    assert_eq!(code, 5, "{table}{errors}");
    let table: serde_json::Value = serde_json::from_str(&table).expect("JSON");
    let cost: f64 = table["cost_usd"].as_str().expect("a cost").parse().expect("dollars");
    assert!(cost > 0.0 && cost <= 0.05, "{table}");
    assert_eq!(server.requests().len() as u64, table["described"].as_u64().expect("a number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_one_service_is_not_sent_to_another() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(1, "");
    let url = server.url();
    let variables = [("OPENAI_API_KEY", "sk-openai"), ("MY_KEY", "sk-mine")];
    // The address of the test server in place of the preset's.
    generate(&world, &variables, &["--preset", "ollama", "--base-url", &url]).await;
    let world = World::new(1, "");
    generate(&world, &variables, &["--base-url", &url, "--api-key-env", "MY_KEY"]).await;
    let keys: Vec<Option<String>> = server.requests().into_iter().map(|request| request.authorization).collect();
    assert_eq!(keys, [None, Some("Bearer sk-mine".to_owned())]);
    let (_, errors, code) = generate(&world, &[], &["--base-url", &url, "--api-key-env", "UNSET_KEY"]).await;
    assert!(code != 0 && errors.contains("UNSET_KEY is not set"), "{code}: {errors}");
}
