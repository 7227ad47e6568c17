//! How fast a whole run is against a service with a quota, as a ratio to what the quota allows: 100 pictures, answers
//! after two seconds, 60 and 600 requests a minute. The real program asks a service of the tests that keeps time.
//!
//! `cargo bench --bench bedrock` takes about two minutes, because the quota of the slowest run does.

#[path = "../tests/bedrock/server.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod server;
#[path = "../tests/bedrock/world.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod world;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use server::{Reply, Server};
use world::World;

const PICTURES: u32 = 100;
const LATENCY: Duration = Duration::from_secs(2);
/// Requests that the service takes at once after a while without any.
const BURST: f64 = 5.0;

#[tokio::main]
async fn main() {
    println!("{PICTURES} pictures, answers after {} s, bursts of {BURST}", LATENCY.as_secs());
    println!("  quota/min  told       took   ideal  ratio  requests a caption  lost  twice");
    let runs = [(60.0, true), (60.0, false), (600.0, true), (600.0, false)];
    // They wait for their services, not for each other.
    let runs = runs.map(|(quota, told)| tokio::spawn(run(quota, told)));
    for run in runs {
        println!("{}", run.await.expect("no panic"));
    }
}

async fn run(quota: f64, told: bool) -> String {
    let per_second = quota / 60.0;
    let bucket = Mutex::new((BURST, Duration::ZERO));
    let server = Server::start(move |_, asked| {
        let mut bucket = bucket.lock().expect("no panic under the lock");
        let passed = asked.at.saturating_sub(bucket.1).as_secs_f64();
        let filled = (bucket.0 + passed * per_second).min(BURST);
        let taken = filled >= 1.0;
        *bucket = (filled - f64::from(u8::from(taken)), asked.at);
        if !taken {
            return Reply::throttled();
        }
        let pieces = "A person in a blue coat stands in a quiet street.".split_inclusive(' ').map(str::to_owned);
        Reply::Text { pieces: pieces.collect(), after: LATENCY, stop: "end_turn" }
    })
    .await;
    let world = World::new(PICTURES, &server.url());
    // Enough at once to keep the quota busy: its rate times the latency, and some.
    let rate = format!("{quota:.0}");
    let mut arguments = vec!["--model", "claude-sonnet-4-6", "--concurrency", "40"];
    if told {
        arguments.extend(["--rpm", &rate]);
    }
    let begun = Instant::now();
    let (table, _) = world.generate_at(&arguments).await;
    let took = begun.elapsed().as_secs_f64();
    let ideal = (f64::from(PICTURES) - BURST) / per_second + LATENCY.as_secs_f64();
    let described = table["described"].as_u64().unwrap_or_default();
    let mut names: Vec<String> = world.candidates().into_iter().map(|(name, ..)| name).collect();
    let candidates = names.len() as u64;
    names.dedup();
    let requests = f64::from(u32::try_from(server.asked().len()).unwrap_or(u32::MAX)) / f64::from(PICTURES);
    format!(
        "  {quota:>9}  {:<8} {took:>5.1} s {ideal:>5.1} s  {:>5.2}  {requests:>18.2}  {:>4}  {:>5}",
        if told { "yes" } else { "learned" },
        took / ideal,
        u64::from(PICTURES) - described,
        candidates - names.len() as u64,
    )
}
