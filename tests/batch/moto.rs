//! Against moto, which emulates S3 closely: files in several parts, and results in them. Jobs are those of the test server.

use std::fs;

use image::RgbImage;
use serde_json::{Value, json};

use crate::external_server::ExternalServer;
use crate::runs::command;
use crate::server::{Server, answered};
use crate::world::{World, output_of};

/// Runs a command with S3 at one endpoint and the jobs at another.
async fn batch(world: &World, s3: &str, jobs: &str, arguments: &[&str]) -> (Value, i32) {
    let mut command = command(world, jobs, arguments);
    command.env_remove("RECAPTION_ENDPOINT_URL").env("AWS_ENDPOINT_URL", jobs).env("AWS_ENDPOINT_URL_S3", s3);
    let output = output_of(command).await;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let result = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| json!({ "errors": errors }));
    (result, output.status.code().unwrap_or(-1))
}

/// An image of a megabyte, which no compression makes smaller.
fn noise(seed: u64) -> RgbImage {
    let mut state = seed + 1;
    let bytes = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    });
    RgbImage::from_vec(600, 600, bytes.take(600 * 600 * 3).collect()).expect("an image")
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_takes_a_file_in_parts_and_gives_the_results_back() {
    let service = ExternalServer::start("RECAPTION_MOTO", |command, port| {
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    });
    let Some(service) = service else { return };
    service.call("PUT", "/bucket", "");
    let world = World::new(8, "");
    for number in 0..8 {
        noise(number).save(world.path().join(format!("images/{number}.png"))).expect("an image file");
    }
    let server = Server::start("Completed", |_| Vec::new()).await;
    let (s3, jobs) = (service.url(), server.url());
    let (submitted, code) = batch(&world, &s3, &jobs, &["submit", "--yes"]).await;
    assert_eq!((submitted["submitted"].as_u64(), code), (Some(8), 0), "{submitted}");
    let sent = submitted["bytes"].as_u64().expect("a number");
    assert!(sent > 11_000_000, "{submitted}");
    let listing = service.call("GET", "/bucket?list-type=2", "");
    assert!(listing.contains(&format!("<Size>{sent}</Size>")), "{listing}");
    // The ETag of an object in parts ends with their number.
    assert!(listing.contains("-2&quot;") || listing.contains("-2\""), "two parts of up to 8 MiB: {listing}");

    let request = server.state().jobs[0].request.clone();
    let path = |url: &Value| url.as_str().expect("a URL").replacen("s3:/", "", 1);
    let input = service.call("GET", &path(&request["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]), "");
    let lines: Vec<Value> = input.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 8);
    let results: Vec<String> = lines
        .iter()
        .enumerate()
        .rev()
        .map(|(number, line)| answered(line, &format!("Image {number}.")).to_string())
        .collect();
    let folder = path(&request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]);
    service.call("PUT", &format!("{folder}job/input.jsonl.out"), &results.join("\n"));
    for _ in 0..4 {
        batch(&world, &s3, &jobs, &["status"]).await;
    }
    let (collected, code) = batch(&world, &s3, &jobs, &["collect"]).await;
    assert_eq!((collected["described"].as_u64(), code), (Some(8), 0), "{collected}");
    for (file, text, _) in world.candidates() {
        assert_eq!(file, text.replace("Image ", "images/").replace('.', ".png"), "{text}");
    }
    assert!(fs::read_dir(world.path()).expect("a folder").count() > 0);
}
