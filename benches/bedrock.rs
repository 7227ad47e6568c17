//! The duration of `recaption generate` against a mock service with a quota, as a ratio to the ideal: 100 images, responses
//! after two seconds, 60 and 600 requests per minute.
//!
//! `cargo bench --bench bedrock` takes about two minutes, the ideal duration of the slowest run.

#[path = "../tests/bedrock/server.rs"]
#[allow(dead_code, reason = "only the tests use all of it")]
mod server;
#[path = "../tests/bedrock/world.rs"]
#[allow(dead_code, reason = "only the tests use all of it")]
mod world;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use server::{Reply, Server};
use world::World;

const IMAGES: u32 = 100;
const LATENCY: Duration = Duration::from_secs(2);
/// The size of the token bucket of the service, in requests.
const BURST: f64 = 5.0;

#[tokio::main]
async fn main() {
    println!("{IMAGES} images, responses after {} s, bursts of {BURST}", LATENCY.as_secs());
    println!("  quota/min  rate       time   ideal  ratio  requests/caption  lost  repeated");
    let runs = [(60.0, true), (60.0, false), (600.0, true), (600.0, false)];
    // The runs are concurrent, since they only wait for their services.
    let runs = runs.map(|(quota, configured)| tokio::spawn(run(quota, configured)));
    for run in runs {
        println!("{}", run.await.expect("no panic"));
    }
}

async fn run(quota: f64, configured: bool) -> String {
    let per_second = quota / 60.0;
    let bucket = Mutex::new((BURST, Duration::ZERO));
    let server = Server::start(move |_, request| {
        let mut bucket = bucket.lock().expect("no panic under the lock");
        let passed = request.at.saturating_sub(bucket.1).as_secs_f64();
        let filled = (bucket.0 + passed * per_second).min(BURST);
        let accepted = filled >= 1.0;
        *bucket = (filled - f64::from(u8::from(accepted)), request.at);
        if !accepted {
            return Reply::throttled();
        }
        let pieces = "A person in a blue coat stands in a quiet street.".split_inclusive(' ').map(str::to_owned);
        Reply::Text { pieces: pieces.collect(), after: LATENCY, stop: "end_turn" }
    })
    .await;
    let world = World::new(IMAGES, &server.url());
    // More than rate × latency (Little's law), so that the quota is the limit.
    let rate = format!("{quota:.0}");
    let mut arguments = vec!["--model", "claude-sonnet-4-6", "--concurrency", "40"];
    if configured {
        arguments.extend(["--rpm", &rate]);
    }
    let start = Instant::now();
    let (table, _) = world.generate_at_rate(&arguments).await;
    let seconds = start.elapsed().as_secs_f64();
    let ideal = (f64::from(IMAGES) - BURST) / per_second + LATENCY.as_secs_f64();
    let described = table["described"].as_u64().unwrap_or_default();
    let mut names: Vec<String> = world.candidates().into_iter().map(|(name, ..)| name).collect();
    let candidates = names.len() as u64;
    names.dedup();
    let requests = f64::from(u32::try_from(server.requests().len()).unwrap_or(u32::MAX)) / f64::from(IMAGES);
    format!(
        "  {quota:>9}  {:<8} {seconds:>5.1} s {ideal:>5.1} s  {:>5.2}  {requests:>16.2}  {:>4}  {:>8}",
        if configured { "given" } else { "learned" },
        seconds / ideal,
        u64::from(IMAGES) - described,
        candidates - names.len() as u64,
    )
}
