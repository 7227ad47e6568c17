//! The throughput of `recaption generate` with a service that has a quota and takes seconds to respond.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::server::{Reply, Server};
use crate::world::World;

/// A service with a token bucket of `quota` requests per minute, which responds after two to eight seconds.
async fn service(quota: u32, burst: u32) -> Server {
    let (rate, burst) = (f64::from(quota) / 60.0, f64::from(burst));
    let bucket = Mutex::new((burst, Duration::ZERO));
    Server::start(move |number, request| {
        let mut bucket = bucket.lock().expect("no panic under the lock");
        let filled = (bucket.0 + request.at.saturating_sub(bucket.1).as_secs_f64() * rate).min(burst);
        let accepted = filled >= 1.0;
        *bucket = (if accepted { filled - 1.0 } else { filled }, request.at);
        if !accepted {
            return Reply::throttled();
        }
        let after = Duration::from_millis(2_000 + (number as u64 * 2_654_435_761) % 6_000);
        Reply::Text {
            pieces: vec!["A person in a blue coat stands in a quiet street.".to_owned()],
            after,
            stop: "end_turn",
        }
    })
    .await
}

/// Returns the seconds of a run and the number of requests.
async fn run(images: u32, server: &Server, arguments: &[&str]) -> (f64, usize) {
    let world = World::new(images, &server.url());
    let start = Instant::now();
    let arguments = [&["--model", "claude-sonnet-4-6"], arguments].concat();
    let (table, code) = world.generate_at_rate(&arguments).await;
    assert_eq!((table["described"].as_u64(), code), (Some(images.into()), 0), "{table}");
    (start.elapsed().as_secs_f64(), server.requests().len())
}

/// With eight requests in flight, 120 responses of five seconds took more than a minute.
#[tokio::test(flavor = "multi_thread")]
async fn as_many_requests_are_in_flight_as_the_quota_needs() {
    let server = service(1_200, 10).await;
    let (seconds, requests) = run(120, &server, &["--rpm", "1100"]).await;
    // 6.5 s for the requests, 8 s for the last response, the first response before any other request, and the start.
    assert!(seconds < 30.0, "{seconds} s");
    assert_eq!(requests, 120);
}

/// `RECAPTION_PACE="600 2000" cargo test --test bedrock figures -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: prints the time of runs for the documentation"]
async fn figures() {
    let setting = std::env::var("RECAPTION_PACE").unwrap_or_else(|_| "1000 2000".to_owned());
    let mut numbers = setting.split(' ').map(|number| number.parse::<u32>().expect("a number"));
    let (quota, images) = (numbers.next().expect("a quota"), numbers.next().expect("a number of images"));
    let ideal = 5.0 + 60.0 * f64::from(images) / f64::from(quota);
    let told = quota.to_string();
    let kinds: [(&str, &[&str]); 2] = [("told", &["--rpm", &told, "--concurrency", "200"]), ("learned", &[])];
    for (name, arguments) in kinds {
        let server = service(quota, quota / 30).await;
        let (seconds, requests) = run(images, &server, arguments).await;
        println!(
            "{images} at {quota}/min, {name}: {seconds:.0} s, {:.2} × the ideal, {requests} requests",
            seconds / ideal
        );
    }
}
