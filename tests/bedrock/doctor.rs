//! What `recaption doctor` finds.

use serde_json::Value;

use crate::ministack::Theirs;
use crate::world::{World, finished};

/// Each finding as (about, level, words), and the exit code.
async fn findings(world: &World, arguments: &[&str], without: &[&str]) -> (Vec<(String, String, String)>, i32) {
    let mut command = world.command(&[&["doctor", "--json"], arguments].concat());
    for variable in without {
        command.env_remove(variable);
    }
    let output = finished(command).await;
    let lines = String::from_utf8(output.stdout).expect("text");
    let found = lines.lines().map(|line| {
        let parsed: Value = serde_json::from_str(line).expect("JSON");
        let said = |name: &str| parsed[name].as_str().expect("a word").to_owned();
        (said("about"), said("level"), said("says"))
    });
    (found.collect(), output.status.code().expect("it was not killed"))
}

fn of<'a>(findings: &'a [(String, String, String)], about: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|finding| finding.0 == about);
    let (_, level, says) = found.unwrap_or_else(|| panic!("{about}: {findings:?}"));
    (level, says)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_at_ministack() {
    let Some(service) = Theirs::ministack() else { return };
    let world = World::new(3, &service.url());
    let arguments = ["--endpoint-url", &service.url(), "--region", "us-east-1", "--probe"];
    let (found, code) = findings(&world, &arguments, &[]).await;
    assert_eq!(code, 0, "{found:?}");
    for about in ["credentials", "clock", "region", "model", "prompt", "dataset", "session"] {
        assert_eq!(of(&found, about).0, "ok", "{found:?}");
    }
    assert!(of(&found, "dataset").1.contains("3 records"));
    assert!(found.iter().filter(|(about, ..)| about == "model").all(|(.., says)| says.contains("answers")));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_it_says_how_to_get_some() {
    let world = World::new(1, "http://127.0.0.1:9");
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let (found, code) = findings(&world, &["--describer", "bedrock", "--region", "us-east-1"], &keys).await;
    let (level, says) = of(&found, "credentials");
    assert_eq!((level, code), ("fail", 3), "{found:?}");
    assert!(says.contains("aws configure"), "{says}");

    // Where nobody asked for Bedrock, that there are none is no fault.
    let (found, code) = findings(&world, &[], &keys).await;
    assert_eq!((of(&found, "describer").0, code), ("ok", 0), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_region_it_says_how_to_set_one() {
    let world = World::new(1, "http://127.0.0.1:9");
    let (found, code) = findings(&world, &[], &[]).await;
    let (level, says) = of(&found, "region");
    assert_eq!((level, code), ("fail", 3), "{found:?}");
    assert!(says.contains("--region"), "{says}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_that_is_not_there_is_named() {
    let world = World::new(1, "http://127.0.0.1:9");
    let (found, code) = findings(&world, &["nowhere.jsonl", "--describer", "none"], &[]).await;
    assert_eq!((of(&found, "dataset").0, code), ("fail", 1), "{found:?}");
    assert!(of(&found, "dataset").1.contains("nowhere.jsonl"));
}
