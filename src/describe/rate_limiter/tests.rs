//! Properties of the rate limiter for arbitrary sequences of requests, and its throughput against services with different
//! kinds of quota. All tests run on paused time.

mod services;

use std::collections::BTreeSet;
use std::future::Future;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// Runs a future on a paused clock, which advances to the next timer when the runtime is idle.
fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

fn limits(concurrency: usize, requests_per_minute: Option<u32>) -> RateLimits {
    RateLimits {
        concurrency: NonZeroUsize::new(concurrency),
        requests_per_minute: requests_per_minute.and_then(NonZeroU32::new),
        tokens_per_minute: None,
        delay: Duration::ZERO,
    }
}

#[derive(Clone, Debug)]
struct Client {
    priority: Priority,
    tokens: u32,
    /// In milliseconds after the start.
    arrives: u64,
    /// The time in flight, in milliseconds.
    latency: u64,
    outcome: Outcome,
    /// Milliseconds in the queue after which it gives up.
    patience: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Throttled,
    NeverSent,
}

fn client() -> impl Strategy<Value = Client> {
    let priority = prop_oneof![
        1 => Just(Priority::Interactive),
        2 => Just(Priority::Prefetch),
        4 => Just(Priority::Bulk)
    ];
    let outcome =
        prop_oneof![8 => Just(Outcome::Accepted), 1 => Just(Outcome::Throttled), 1 => Just(Outcome::NeverSent)];
    let arrives = prop_oneof![1 => Just(0), 2 => 0_u64..120_000];
    let patience = proptest::option::weighted(0.2, 0_u64..30_000);
    (priority, 0_u32..5_000, arrives, 0_u64..20_000, outcome, patience).prop_map(
        |(priority, tokens, arrives, latency, outcome, patience)| Client {
            priority,
            tokens,
            arrives,
            latency,
            outcome,
            patience,
        },
    )
}

fn any_limits() -> impl Strategy<Value = RateLimits> {
    let tokens = proptest::option::weighted(0.5, 1_000_u32..200_000);
    let delay = prop_oneof![3 => Just(0), 1 => 0_u64..3_000];
    (1_usize..6, proptest::option::weighted(0.8, 1_u32..300), tokens, delay).prop_map(
        |(concurrency, requests, tokens, delay)| RateLimits {
            tokens_per_minute: tokens.and_then(NonZeroU32::new),
            delay: Duration::from_millis(delay),
            ..limits(concurrency, requests)
        },
    )
}

#[derive(Default)]
struct Observed {
    /// The waiting clients, by priority and order of arrival.
    waiting: BTreeSet<(Priority, usize)>,
    arrived: usize,
    in_flight: usize,
    /// The time and tokens of each request sent.
    admitted: Vec<(Duration, u32)>,
    gave_up: usize,
}

/// Serves all clients, checking the invariants at every step.
fn serve(limits: RateLimits, clients: Vec<Client>) -> Observed {
    let observed = Arc::new(Mutex::new(Observed::default()));
    on_paused_time(async {
        let rate_limiter = RateLimiter::new(limits);
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for client in clients {
            tasks.spawn(visit(rate_limiter.clone(), start, limits, client, Arc::clone(&observed)));
        }
        // A day, since all clients together take hours at the floor of one request per minute.
        let all = timeout(Duration::from_hours(24), tasks.join_all()).await;
        assert!(all.is_ok(), "no client waits forever");
        assert_eq!((rate_limiter.status().waiting, rate_limiter.status().in_flight), (0, 0));
    });
    Arc::into_inner(observed).expect("all clients are done").into_inner().expect("no check failed")
}

async fn visit(
    rate_limiter: RateLimiter,
    start: Instant,
    limits: RateLimits,
    client: Client,
    observed: Arc<Mutex<Observed>>,
) {
    sleep(Duration::from_millis(client.arrives)).await;
    let place = {
        let mut observed = observed.lock().expect("no check failed");
        observed.arrived += 1;
        let place = (client.priority, observed.arrived);
        observed.waiting.insert(place);
        place
    };
    let patience = client.patience.map_or(Duration::MAX, Duration::from_millis);
    let permit = timeout(patience, rate_limiter.acquire(client.priority, client.tokens)).await;
    {
        let mut observed = observed.lock().expect("no check failed");
        let first = observed.waiting.first().copied();
        observed.waiting.remove(&place);
        if permit.is_err() {
            observed.gave_up += 1;
            return;
        }
        assert_eq!(first, Some(place), "order of priority, then of arrival");
        let slots = limits.slots() + usize::from(client.priority == Priority::Interactive);
        observed.in_flight += 1;
        assert!(observed.in_flight <= slots, "{} requests in flight", observed.in_flight);
        observed.admitted.push((start.elapsed(), client.tokens));
    }
    let mut permit = permit.expect("the client did not give up");
    if client.outcome != Outcome::NeverSent {
        sleep(Duration::from_millis(client.latency)).await;
    }
    observed.lock().expect("no check failed").in_flight -= 1;
    match client.outcome {
        Outcome::Accepted => permit.accepted(),
        Outcome::Throttled => permit.throttled(None),
        Outcome::NeverSent => {}
    }
}

/// Returns the maximum total in any half-open minute.
fn max_per_minute(admitted: &[(Duration, u32)], weight: impl Fn(u32) -> u64) -> u64 {
    let from_each = admitted.iter().enumerate().map(|(first, (from, _))| {
        admitted[first..].iter().take_while(|(at, _)| *at < *from + MINUTE).map(|(_, tokens)| weight(*tokens)).sum()
    });
    from_each.max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn limits_and_order_hold_and_every_client_is_served_once(
        limits in any_limits(),
        clients in vec(client(), 1..120),
    ) {
        let arrived = clients.len();
        let observed = serve(limits, clients);
        prop_assert_eq!(observed.admitted.len() + observed.gave_up, arrived);

        let requests = limits.requests_per_minute.map_or(100_000, NonZeroU32::get);
        prop_assert!(max_per_minute(&observed.admitted, |_| 1) <= u64::from(requests));
        if let Some(quota) = limits.tokens_per_minute.map(NonZeroU32::get) {
            let counted = |tokens: u32| tokens.min(quota);
            let largest = observed.admitted.iter().map(|(_, tokens)| counted(*tokens)).max().unwrap_or(0);
            let bound = u64::from(quota) + u64::from(largest.saturating_sub(quota / 32));
            prop_assert!(max_per_minute(&observed.admitted, |tokens| u64::from(counted(tokens))) <= bound);
        }
        prop_assert!(observed.admitted.windows(2).all(|pair| pair[1].0 >= pair[0].0 + limits.delay));
    }
}

#[tokio::test(start_paused = true)]
async fn interactive_requests_overtake_bulk_requests_and_have_an_extra_slot() {
    let rate_limiter = RateLimiter::new(limits(1, Some(6_000)));
    let bulk = rate_limiter.acquire(Priority::Bulk, 0).await;
    let waiting = tokio::spawn({
        let rate_limiter = rate_limiter.clone();
        async move { rate_limiter.acquire(Priority::Bulk, 0).await }
    });
    sleep(MINUTE).await;
    assert_eq!((rate_limiter.status().waiting, rate_limiter.status().in_flight), (1, 1));

    let interactive =
        timeout(MINUTE, rate_limiter.acquire(Priority::Interactive, 0)).await.expect("not blocked by the bulk request");
    assert_eq!((rate_limiter.status().waiting, rate_limiter.status().in_flight), (1, 2));
    drop(interactive);
    sleep(MINUTE).await;
    assert!(!waiting.is_finished(), "the extra slot is not for bulk requests");
    drop(bulk);
    drop(timeout(MINUTE, waiting).await.expect("a permit"));
    assert_eq!((rate_limiter.status().waiting, rate_limiter.status().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn cancelling_the_first_waiter_does_not_block_the_others() {
    let rate_limiter = RateLimiter::new(limits(1, Some(6_000)));
    let first = rate_limiter.acquire(Priority::Bulk, 0).await;
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let rate_limiter = rate_limiter.clone();
            tokio::spawn(async move { drop(rate_limiter.acquire(Priority::Bulk, 0).await) })
        })
        .collect();
    sleep(MINUTE).await;
    drop(first);
    // It has been notified but has not run since.
    waiters[0].abort();
    for waiting in waiters.into_iter().skip(1) {
        timeout(MINUTE, waiting).await.expect("a permit").expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_delays_all_requests_including_interactive_ones() {
    let rate_limiter = RateLimiter::new(limits(4, Some(600)));
    let throttled = rate_limiter.acquire(Priority::Bulk, 0).await;
    let before = Instant::now();
    throttled.throttled(Some(Duration::from_secs(7)));
    assert!(rate_limiter.status().learned);
    assert!(rate_limiter.status().requests_per_minute.get() < 600);
    drop(timeout(MINUTE, rate_limiter.acquire(Priority::Interactive, 0)).await.expect("a permit"));
    assert_eq!(before.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_tokens_does_not_use_up_the_request_quota() {
    let rate_limiter =
        RateLimiter::new(RateLimits { tokens_per_minute: NonZeroU32::new(60_000), ..limits(2, Some(2)) });
    let before = Instant::now();
    let first = rate_limiter.acquire(Priority::Bulk, 45_000).await;
    sleep(Duration::from_secs(35)).await;
    let second = timeout(MINUTE, rate_limiter.acquire(Priority::Bulk, 1_000)).await.expect("a permit");
    // The tokens of the first request are paid for within 47 s. If the wait had used a request, the next would be at 65 s.
    assert!(before.elapsed() < Duration::from_secs(50), "{:?}", before.elapsed());
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn accepting_a_permit_twice_counts_once() {
    let rate_limiter = RateLimiter::new(limits(1, None));
    let initial = rate_limiter.status().requests_per_minute;
    drop(rate_limiter.acquire(Priority::Bulk, 0).await);
    let mut permit = rate_limiter.acquire(Priority::Bulk, 0).await;
    permit.accepted();
    let grown = rate_limiter.status().requests_per_minute;
    assert!(grown > initial);
    permit.accepted();
    assert_eq!(rate_limiter.status().requests_per_minute, grown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_waiter_is_served_on_many_threads() {
    let rate_limiter = RateLimiter::new(limits(3, Some(u32::MAX)));
    let mut tasks = JoinSet::new();
    for number in 0..3_000 {
        let rate_limiter = rate_limiter.clone();
        let priority = [Priority::Interactive, Priority::Prefetch, Priority::Bulk][number % 3];
        let task = tasks.spawn(async move {
            let mut permit = rate_limiter.acquire(priority, 0).await;
            tokio::task::yield_now().await;
            permit.accepted();
        });
        if number % 7 == 0 {
            task.abort();
        }
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    timeout(MINUTE, all).await.expect("no client waits forever");
    assert_eq!((rate_limiter.status().waiting, rate_limiter.status().in_flight), (0, 0));
}
