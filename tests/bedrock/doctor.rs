//! `recaption doctor` with Bedrock.

use std::process::Command;

use serde_json::Value;

use crate::ministack::ministack;
use crate::world::{World, output_of};

/// Each finding as (about, level, message), and the exit code.
pub type Findings = (Vec<(String, String, String)>, i32);

async fn findings(world: &World, arguments: &[&str], unset: &[&str]) -> Findings {
    findings_in(world, arguments, |command| {
        for variable in unset {
            command.env_remove(variable);
        }
    })
    .await
}

/// Runs `recaption doctor` in an environment changed by `prepare`.
pub async fn findings_in(world: &World, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Findings {
    let mut command = world.command(&[&["doctor", "--json"], arguments].concat());
    prepare(&mut command);
    let output = output_of(command).await;
    let lines = String::from_utf8(output.stdout).expect("text");
    let found = lines.lines().map(|line| {
        let parsed: Value = serde_json::from_str(line).expect("JSON");
        let field = |name: &str| parsed[name].as_str().expect("a string").to_owned();
        (field("about"), field("level"), field("says"))
    });
    (found.collect(), output.status.code().expect("an exit code"))
}

pub fn of<'a>(findings: &'a [(String, String, String)], about: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|finding| finding.0 == about);
    let (_, level, message) = found.unwrap_or_else(|| panic!("{about}: {findings:?}"));
    (level, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_passes_all_checks() {
    let Some(service) = ministack() else { return };
    let world = World::new(3, &service.url());
    let arguments = ["--endpoint-url", &service.url(), "--region", "us-east-1", "--probe"];
    let (found, code) = findings(&world, &arguments, &[]).await;
    assert_eq!(code, 0, "{found:?}");
    for about in ["credentials", "clock", "region", "model", "prompt", "dataset", "session"] {
        assert_eq!(of(&found, about).0, "ok", "{found:?}");
    }
    assert!(of(&found, "dataset").1.contains("3 records"));
    assert!(found.iter().filter(|(about, ..)| about == "model").all(|(.., message)| message.contains("responds")));
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_an_error_for_bedrock_only() {
    let world = World::new(1, "http://127.0.0.1:9");
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let (found, code) = findings(&world, &["--describer", "bedrock", "--region", "us-east-1"], &keys).await;
    let (level, message) = of(&found, "credentials");
    assert_eq!((level, code), ("fail", 3), "{found:?}");
    assert!(message.contains("aws configure"), "{message}");

    // Without --describer bedrock, credentials are optional.
    let (found, code) = findings(&world, &[], &keys).await;
    assert_eq!((of(&found, "describer").0, code), ("ok", 0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_region_is_an_error() {
    let world = World::new(1, "http://127.0.0.1:9");
    let (found, code) = findings(&world, &[], &[]).await;
    let (level, message) = of(&found, "region");
    assert_eq!((level, code), ("fail", 3), "{found:?}");
    assert!(message.contains("--region"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_dataset_is_an_error() {
    let world = World::new(1, "http://127.0.0.1:9");
    let (found, code) = findings(&world, &["nowhere.jsonl", "--describer", "none"], &[]).await;
    assert_eq!((of(&found, "dataset").0, code), ("fail", 1), "{found:?}");
    assert!(of(&found, "dataset").1.contains("nowhere.jsonl"));
}
