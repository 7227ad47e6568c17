//! Whole runs: submit, status, collect, stop.

use std::collections::BTreeSet;
use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::server::{Server, answered, failed, image};
use crate::world::{World, output_of};

/// Runs a command of `recaption batch` for jobs of 4 to 8 records.
pub async fn batch(world: &World, server: &str, arguments: &[&str]) -> (Value, i32) {
    let output = output_of(command(world, server, arguments)).await;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let result = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!({ "errors": errors }));
    (result, output.status.code().unwrap_or(-1))
}

pub fn command(world: &World, server: &str, arguments: &[&str]) -> std::process::Command {
    let mut command = world.command(&["batch"]);
    command.args(arguments).arg("--json").envs([
        ("RECAPTION_BATCH_FOLDER", "s3://bucket/captions"),
        ("RECAPTION_BATCH_ROLE", "arn:aws:iam::123456789012:role/batch"),
        ("RECAPTION_BATCH_MIN_RECORDS", "4"),
        ("RECAPTION_BATCH_MAX_RECORDS", "8"),
        ("RECAPTION_REGION", "us-east-1"),
        ("RECAPTION_ENDPOINT_URL", server),
        ("RECAPTION_DESCRIBER", "bedrock"),
        ("RECAPTION_MODEL", "claude-haiku-4-5"),
    ]);
    command
}

/// Returns the caption of a line, which shows the record that its image belongs to.
fn caption(world: &World, line: &Value) -> String {
    caption_of(world.path(), image(line))
}

fn caption_of(folder: &std::path::Path, image: &str) -> String {
    let bytes = BASE64_STANDARD.decode(image).expect("base64");
    let is_of = |number: &u32| fs::read(folder.join(format!("images/{number}.png"))).expect("an image") == bytes;
    format!("Image number {}.", (0..1000).find(is_of).expect("the image of a record"))
}

/// Lets a job walk through its states.
pub async fn wait(world: &World, server: &Server) {
    for _ in 0..4 {
        batch(world, &server.url(), &["status"]).await;
    }
}

/// A new world and a server whose results name the image of each record, shuffled, in two files.
pub async fn world(
    images: u32,
    end: &'static str,
    change: impl Fn(Vec<Value>) -> Vec<Value> + Send + Sync + 'static,
) -> (World, Server) {
    let world = World::new(images, "");
    let folder = world.path().to_owned();
    let server = Server::start(end, move |lines| {
        let answers = lines.iter().map(|line| answered(line, &caption_of(&folder, image(line)))).collect();
        let mut answers = change(answers);
        answers.reverse();
        let second = answers.split_off(answers.len() / 2);
        vec![second, answers]
    })
    .await;
    (world, server)
}

/// Checks that each candidate is on the record of its image, and that no record has two. Returns their number.
pub fn candidates(world: &World) -> usize {
    let candidates = world.candidates();
    for (file, text, model) in &candidates {
        let number = file.trim_start_matches("images/").trim_end_matches(".png");
        assert_eq!(text, &format!("Image number {number}."), "{file}");
        assert_eq!(model, "us.anthropic.claude-haiku-4-5-20251001-v1:0");
    }
    let files: BTreeSet<&String> = candidates.iter().map(|(file, ..)| file).collect();
    assert_eq!(files.len(), candidates.len(), "one candidate for each record");
    candidates.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_missing_repeated_and_failed_results_join_their_records() {
    let (world, server) = world(20, "Completed", |mut answers| {
        answers[1] = failed(&answers[1]);
        answers.remove(2);
        answers.push(answers[3].clone());
        let mut foreign = answers[0].clone();
        foreign["recordId"] = "00000000000".into();
        answers.push(foreign);
        answers
    })
    .await;
    let url = server.url();
    let (submitted, code) = batch(&world, &url, &["submit", "--yes"]).await;
    assert_eq!((submitted["submitted"].as_u64(), code), (Some(20), 0), "{submitted}");
    let inputs = server.inputs();
    assert_eq!(
        inputs.iter().map(Vec::len).collect::<Vec<_>>(),
        [7, 7, 6],
        "parts within the limit of 8, spread evenly"
    );
    let keys: BTreeSet<&str> = inputs.iter().flatten().filter_map(|line| line["recordId"].as_str()).collect();
    assert!(keys.len() == 20 && keys.iter().all(|key| key.len() == 11), "{keys:?}");
    for (number, line) in inputs.iter().flatten().enumerate() {
        assert_eq!(caption(&world, line), format!("Image number {number}."), "in the order of the dataset");
    }
    let (status, _) = batch(&world, &url, &["status"]).await;
    assert_eq!((status["waiting"].as_u64(), &status["jobs"][0]["state"]), (Some(20), &json!("submitted")), "{status}");
    let (early, code) = batch(&world, &url, &["collect"]).await;
    assert_eq!((early["jobs_running"].as_u64(), early["described"].as_u64(), code), (Some(3), Some(0), 0), "{early}");
    // What waits is not submitted again, nor described by other commands.
    let (again, _) = batch(&world, &url, &["submit", "--yes"]).await;
    assert_eq!((again["selected"].as_u64(), server.state().jobs.len()), (Some(0), 3), "{again}");
    wait(&world, &server).await;
    let (collected, code) = batch(&world, &url, &["collect"]).await;
    assert_eq!(code, 1, "{collected}");
    let names =
        ["jobs_collected", "described", "failed", "repeated", "foreign", "unreadable", "lines", "waiting", "absent"];
    let numbers = names.map(|name| collected[name].as_u64().expect("a number"));
    assert_eq!(numbers, [3, 14, 6, 3, 3, 0, 23, 0, 0], "{collected}");
    assert_eq!(collected["failures"]["batch inference: the image cannot be processed (400)"], 3, "{collected}");
    assert_eq!(collected["failures"]["the batch job has no result for this record"], 3, "{collected}");
    assert_eq!(candidates(&world), 14);
    // Half of $1 and $5 for a million tokens, plus 10 % of a regional profile: 17 responses of 1,500 and 60 tokens.
    assert_eq!(collected["cost_usd"], "0.01386", "{collected}");
    let (twice, code) = batch(&world, &url, &["collect"]).await;
    assert_eq!((twice["lines"].as_u64(), code), (Some(0), 0), "{twice}");
    let (few, _) = batch(&world, &url, &["submit", "--only", "failed", "-n", "3", "--yes"]).await;
    assert!(few["errors"].as_str().is_some_and(|error| error.contains(" --only failed`")), "the same selection: {few}");
    let (retried, _) = batch(&world, &url, &["submit", "--only", "failed", "--yes"]).await;
    assert_eq!(retried["submitted"], 6, "{retried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_results_of_a_job_that_expired_are_kept() {
    let (world, server) = world(8, "Expired", |answers| answers[..3].to_vec()).await;
    let url = server.url();
    batch(&world, &url, &["submit", "--yes"]).await;
    wait(&world, &server).await;
    let (collected, code) = batch(&world, &url, &["collect", "--accept"]).await;
    assert_eq!(
        (collected["described"].as_u64(), collected["failed"].as_u64(), code),
        (Some(3), Some(5), 1),
        "{collected}"
    );
    assert_eq!(collected["failures"]["the batch job expired before this record"], 5);
    assert_eq!(candidates(&world), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_job_ends_with_the_results_that_it_has() {
    let (world, server) = world(8, "Completed", |answers| answers[..2].to_vec()).await;
    let url = server.url();
    batch(&world, &url, &["submit", "--yes"]).await;
    let (stopped, code) = batch(&world, &url, &["stop"]).await;
    assert_eq!((stopped["stopped"].as_u64(), code), (Some(1), 0), "{stopped}");
    let (collected, _) = batch(&world, &url, &["collect"]).await;
    assert_eq!((collected["described"].as_u64(), collected["failed"].as_u64()), (Some(2), Some(6)), "{collected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_answer_is_found_again() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    server.state().unanswered = 1;
    let (submitted, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
    assert_eq!((submitted["submitted"].as_u64(), code), (Some(8), 0), "{submitted}");
    assert_eq!(server.state().jobs.len(), 1);
    // Now the client gives up, and the next run looks for the job first.
    let (world, server) = self::world(8, "Completed", |answers| answers).await;
    server.state().unanswered = usize::MAX;
    let mut child = command(&world, &server.url(), &["submit", "--yes"]).spawn().expect("a child process");
    while server.state().jobs.is_empty() {
        tokio::task::yield_now().await;
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
    server.state().unanswered = 0;
    let listings = server.state().listings;
    let (resumed, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
    assert_eq!((resumed["submitted"].as_u64(), code), (Some(8), 0), "{resumed}");
    assert_eq!(server.state().jobs.len(), 1, "one job");
    assert!(server.state().listings > listings, "it is looked for before another is asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_job_is_asked_for_again_without_another_upload() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    server.state().refused = 1;
    let (refused, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
    assert_eq!(code, 3, "{refused}");
    let (status, _) = batch(&world, &server.url(), &["status"]).await;
    assert_eq!(status["jobs"][0]["state"], "uploaded, without a job", "{status}");
    let (submitted, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
    assert_eq!(
        (submitted["submitted"].as_u64(), submitted["bytes"].as_u64(), code),
        (Some(8), Some(0), 0),
        "{submitted}"
    );
    assert_eq!(server.state().objects.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_submitted_without_consent_or_below_the_minimum() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    let url = server.url();
    let (refused, code) = batch(&world, &url, &["submit", "--confirm-above", "0"]).await;
    assert_eq!(code, 2, "{refused}");
    assert!(refused["errors"].as_str().is_some_and(|error| error.contains("--yes")), "{refused}");
    let (few, code) = batch(&world, &url, &["submit", "--yes", "-n", "3"]).await;
    assert_eq!(code, 2, "{few}");
    assert!(few["errors"].as_str().is_some_and(|error| error.contains("`recaption generate ")), "{few}");
    let (none, code) = batch(&world, &url, &["submit", "--yes", "--model", "claude-haiku-5-5"]).await;
    assert_eq!(code, 2, "{none}");
    assert!(
        none["errors"].as_str().is_some_and(|error| error.contains("claude-haiku-5-5 has no batch inference")),
        "{none}"
    );
    assert!(server.state().objects.is_empty() && server.state().jobs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_budget_covers_the_maximum_cost() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    let (plan, _) = batch(&world, &server.url(), &["submit", "--dry-run"]).await;
    let (stopped, code) = batch(&world, &server.url(), &["submit", "--budget", "0.01"]).await;
    let submitted = stopped["submitted"].as_u64().expect("a number");
    assert!((4..8).contains(&submitted) && code == 5, "{stopped} {plan}");
    assert_eq!(stopped["left"].as_u64(), Some(8 - submitted), "{stopped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_sends_nothing_and_names_cheaper_models() {
    let (world, server) = world(20, "Completed", |answers| answers).await;
    let (plan, code) = batch(&world, &server.url(), &["submit", "--dry-run"]).await;
    assert_eq!((plan["selected"].as_u64(), plan["jobs"].as_u64(), code), (Some(20), Some(3), 0), "{plan}");
    let dollars = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("dollars");
    let (batch_cost, on_demand) = (dollars(&plan["cost_usd"]), dollars(&plan["on_demand_cost_usd"]));
    assert!((batch_cost * 2.0 - on_demand).abs() < 1e-6, "{plan}");
    let cheaper = plan["cheaper"].as_array().expect("models");
    let haiku = cheaper.iter().find(|model| model["model"] == "claude-haiku-5-5").expect("a cheaper model");
    assert_eq!(haiku["in_batch"], false, "{plan}");
    assert!(server.state().objects.is_empty() && server.state().jobs.is_empty());
    let (_, code) = batch(&world, &server.url(), &["submit", "--yes"]).await;
    assert_eq!(code, 0);
    let sent: usize = server.state().objects.values().map(bytes::Bytes::len).sum();
    assert_eq!(plan["bytes"].as_u64().map(|bytes| bytes.abs_diff(sent as u64) < 100), Some(true), "{plan} {sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_record_gets_its_own_result() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    let url = server.url();
    batch(&world, &url, &["submit", "--yes"]).await;
    wait(&world, &server).await;
    let file = world.path().join("metadata.jsonl");
    let text = fs::read_to_string(&file).expect("a dataset");
    // The first record is removed, and the others are in reverse order.
    let lines: Vec<&str> = text.lines().skip(1).collect();
    fs::write(&file, lines.into_iter().rev().collect::<Vec<_>>().join("\n") + "\n").expect("written");
    let (collected, _) = batch(&world, &url, &["collect"]).await;
    assert_eq!((collected["described"].as_u64(), collected["absent"].as_u64()), (Some(8), Some(1)), "{collected}");
    assert_eq!(candidates(&world), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_are_verified_in_a_batch() {
    let world = World::new(8, "");
    let server = Server::start("Completed", |lines| {
        let verdict = json!({ "unsupported": ["Old"], "missing": ["a hat"] }).to_string();
        vec![lines.iter().map(|line| answered(line, &verdict)).collect()]
    })
    .await;
    let url = server.url();
    let (submitted, code) = batch(&world, &url, &["verify", "--yes"]).await;
    assert_eq!((submitted["submitted"].as_u64(), code), (Some(8), 0), "{submitted}");
    assert_eq!(submitted["model"], "claude-haiku-4-5", "one that has batch inference");
    let line = &server.inputs()[0][5]["modelInput"];
    assert!(line.to_string().contains("Old caption 5."), "the caption is sent");
    let format = &line["outputConfig"]["textFormat"];
    assert_eq!(format["type"], "json_schema", "{format}");
    assert!(format["structure"]["jsonSchema"]["schema"].as_str().is_some_and(|it| it.contains("unsupported")));
    assert!(line["toolConfig"].is_null(), "batches accept no tools");
    wait(&world, &server).await;
    // A caption that was edited meanwhile has no verdict.
    let file = world.path().join("metadata.jsonl");
    let text = fs::read_to_string(&file).expect("a dataset").replace("Old caption 7.", "A new caption.");
    fs::write(&file, text).expect("written");
    let (collected, _) = batch(&world, &url, &["collect"]).await;
    assert_eq!((collected["verified"].as_u64(), collected["failed"].as_u64()), (Some(7), Some(1)), "{collected}");
    let verdicts: u32 = world
        .session()
        .query_row("SELECT count(*) FROM verification WHERE unsupported = '[[0,\"Old\"]]'", [], |row| row.get(0))
        .expect("a session");
    assert_eq!(verdicts, 7);
}
