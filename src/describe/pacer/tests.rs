//! The pacer's laws, for any crowd of requests, and how it does with services that count in different ways. All on
//! paused time.

mod services;

use std::collections::BTreeSet;
use std::future::Future;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// Runs to the end on a clock that jumps to the next timer whenever there is nothing to do.
fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work)
}

fn limits(concurrency: usize, requests_per_minute: Option<u32>) -> Limits {
    Limits {
        concurrency: NonZeroUsize::new(concurrency).expect("at least one"),
        requests_per_minute: requests_per_minute.and_then(NonZeroU32::new),
        tokens_per_minute: None,
        delay: Duration::ZERO,
    }
}

/// One that comes to the pacer.
#[derive(Clone, Debug)]
struct Customer {
    priority: Priority,
    tokens: u32,
    /// Milliseconds after the beginning.
    comes: u64,
    /// Milliseconds it is under way.
    takes: u64,
    fate: Fate,
    /// Milliseconds after which it leaves if it is still in line.
    patience: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    Throttled,
    NeverSent,
}

fn customer() -> impl Strategy<Value = Customer> {
    let priority = prop_oneof![
        1 => Just(Priority::Asked),
        2 => Just(Priority::Ahead),
        4 => Just(Priority::Bulk)
    ];
    let fate = prop_oneof![8 => Just(Fate::Accepted), 1 => Just(Fate::Throttled), 1 => Just(Fate::NeverSent)];
    let comes = prop_oneof![1 => Just(0), 2 => 0_u64..120_000];
    let patience = proptest::option::weighted(0.2, 0_u64..30_000);
    (priority, 0_u32..5_000, comes, 0_u64..20_000, fate, patience).prop_map(
        |(priority, tokens, comes, takes, fate, patience)| Customer { priority, tokens, comes, takes, fate, patience },
    )
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let tokens = proptest::option::weighted(0.5, 1_000_u32..200_000);
    let delay = prop_oneof![3 => Just(0), 1 => 0_u64..3_000];
    (1_usize..6, proptest::option::weighted(0.8, 1_u32..300), tokens, delay).prop_map(
        |(concurrency, requests, tokens, delay)| Limits {
            tokens_per_minute: tokens.and_then(NonZeroU32::new),
            delay: Duration::from_millis(delay),
            ..limits(concurrency, requests)
        },
    )
}

/// What was seen while customers came and went.
#[derive(Default)]
struct Seen {
    /// Who is in line, and when each came in order.
    line: BTreeSet<(Priority, usize)>,
    came: usize,
    running: usize,
    /// When each was let through, and its tokens.
    admitted: Vec<(Duration, u32)>,
    left: usize,
}

/// Lets all customers come, and checks at every moment what must hold then.
fn serve(limits: Limits, customers: Vec<Customer>) -> Seen {
    let seen = Arc::new(Mutex::new(Seen::default()));
    on_paused_time(async {
        let pacer = Pacer::new(limits);
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for customer in customers {
            tasks.spawn(visit(pacer.clone(), began, limits, customer, Arc::clone(&seen)));
        }
        // A day: at the floor of one a minute all of them take hours.
        let all = timeout(Duration::from_hours(24), tasks.join_all()).await;
        assert!(all.is_ok(), "nobody waits for ever");
        assert_eq!((pacer.pace().waiting, pacer.pace().running), (0, 0));
    });
    Arc::into_inner(seen).expect("all have left").into_inner().expect("no check failed")
}

async fn visit(pacer: Pacer, began: Instant, limits: Limits, customer: Customer, seen: Arc<Mutex<Seen>>) {
    sleep(Duration::from_millis(customer.comes)).await;
    let place = {
        let mut seen = seen.lock().expect("no check failed");
        seen.came += 1;
        let place = (customer.priority, seen.came);
        seen.line.insert(place);
        place
    };
    let patience = customer.patience.map_or(Duration::MAX, Duration::from_millis);
    let permit = timeout(patience, pacer.admit(customer.priority, customer.tokens)).await;
    {
        let mut seen = seen.lock().expect("no check failed");
        let first = seen.line.first().copied();
        seen.line.remove(&place);
        if permit.is_err() {
            seen.left += 1;
            return;
        }
        assert_eq!(first, Some(place), "the most urgent goes first, and of those the first come");
        let places = limits.concurrency.get() + usize::from(customer.priority == Priority::Asked);
        seen.running += 1;
        assert!(seen.running <= places, "{} are under way", seen.running);
        seen.admitted.push((began.elapsed(), customer.tokens));
    }
    let mut permit = permit.expect("it did not leave");
    if customer.fate != Fate::NeverSent {
        sleep(Duration::from_millis(customer.takes)).await;
    }
    seen.lock().expect("no check failed").running -= 1;
    match customer.fate {
        Fate::Accepted => permit.accepted(),
        Fate::Throttled => permit.throttled(None),
        Fate::NeverSent => {}
    }
}

/// The most in any half-open minute.
fn most_in_a_minute(admitted: &[(Duration, u32)], weight: impl Fn(u32) -> u64) -> u64 {
    let from_each = admitted.iter().enumerate().map(|(first, (from, _))| {
        admitted[first..].iter().take_while(|(at, _)| *at < *from + MINUTE).map(|(_, tokens)| weight(*tokens)).sum()
    });
    from_each.max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn limits_hold_order_holds_and_everybody_is_served_once(
        limits in any_limits(),
        customers in vec(customer(), 1..120),
    ) {
        let came = customers.len();
        let seen = serve(limits, customers);
        prop_assert_eq!(seen.admitted.len() + seen.left, came);

        let requests = limits.requests_per_minute.map_or(1_000, NonZeroU32::get);
        prop_assert!(most_in_a_minute(&seen.admitted, |_| 1) <= u64::from(requests));
        if let Some(quota) = limits.tokens_per_minute.map(NonZeroU32::get) {
            let counted = |tokens: u32| tokens.min(quota);
            let largest = seen.admitted.iter().map(|(_, tokens)| counted(*tokens)).max().unwrap_or(0);
            let bound = u64::from(quota) + u64::from(largest.saturating_sub(quota / 32));
            prop_assert!(most_in_a_minute(&seen.admitted, |tokens| u64::from(counted(tokens))) <= bound);
        }
        prop_assert!(seen.admitted.windows(2).all(|pair| pair[1].0 >= pair[0].0 + limits.delay));
    }
}

#[tokio::test(start_paused = true)]
async fn the_operator_passes_those_who_wait_and_has_a_place_of_their_own() {
    let pacer = Pacer::new(limits(1, Some(6_000)));
    let bulk = pacer.admit(Priority::Bulk, 0).await;
    let waiting = tokio::spawn({
        let pacer = pacer.clone();
        async move { pacer.admit(Priority::Bulk, 0).await }
    });
    sleep(MINUTE).await;
    assert_eq!((pacer.pace().waiting, pacer.pace().running), (1, 1));

    let asked = timeout(MINUTE, pacer.admit(Priority::Asked, 0)).await.expect("it need not wait for the bulk request");
    assert_eq!((pacer.pace().waiting, pacer.pace().running), (1, 2));
    drop(asked);
    sleep(MINUTE).await;
    assert!(!waiting.is_finished(), "the place is not for bulk requests");
    drop(bulk);
    drop(timeout(MINUTE, waiting).await.expect("it is let through"));
    assert_eq!((pacer.pace().waiting, pacer.pace().running), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_head_of_the_line_holds_up_nobody() {
    let pacer = Pacer::new(limits(1, Some(6_000)));
    let first = pacer.admit(Priority::Bulk, 0).await;
    let lines: Vec<_> = (0..3)
        .map(|_| {
            let pacer = pacer.clone();
            tokio::spawn(async move { drop(pacer.admit(Priority::Bulk, 0).await) })
        })
        .collect();
    sleep(MINUTE).await;
    drop(first);
    // Called by now, but it has not run since.
    lines[0].abort();
    for waiting in lines.into_iter().skip(1) {
        timeout(MINUTE, waiting).await.expect("it is let through").expect("it ends well");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nothing_is_sent_until_the_service_said_not_even_for_the_operator() {
    let pacer = Pacer::new(limits(4, Some(600)));
    let refused = pacer.admit(Priority::Bulk, 0).await;
    let before = Instant::now();
    refused.throttled(Some(Duration::from_secs(7)));
    assert!(pacer.pace().learned);
    assert!(pacer.pace().requests_per_minute.get() < 600);
    drop(timeout(MINUTE, pacer.admit(Priority::Asked, 0)).await.expect("it is let through"));
    assert_eq!(before.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_tokens_keeps_their_turn_among_requests() {
    let pacer = Pacer::new(Limits { tokens_per_minute: NonZeroU32::new(60_000), ..limits(2, Some(2)) });
    let before = Instant::now();
    let first = pacer.admit(Priority::Bulk, 45_000).await;
    sleep(Duration::from_secs(35)).await;
    let second = timeout(MINUTE, pacer.admit(Priority::Bulk, 1_000)).await.expect("it is let through");
    // The tokens of the first are paid for within 47 s. Another request would have to wait for the 65th second.
    assert!(before.elapsed() < Duration::from_secs(50), "{:?}", before.elapsed());
    drop((first, second));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_reported_twice_counts_once() {
    let pacer = Pacer::new(limits(1, None));
    let begins = pacer.pace().requests_per_minute;
    drop(pacer.admit(Priority::Bulk, 0).await);
    let mut permit = pacer.admit(Priority::Bulk, 0).await;
    permit.accepted();
    let grown = pacer.pace().requests_per_minute;
    assert!(grown > begins);
    permit.accepted();
    assert_eq!(pacer.pace().requests_per_minute, grown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_nobody_is_forgotten() {
    let pacer = Pacer::new(limits(3, Some(u32::MAX)));
    let mut tasks = JoinSet::new();
    for number in 0..3_000 {
        let pacer = pacer.clone();
        let priority = [Priority::Asked, Priority::Ahead, Priority::Bulk][number % 3];
        let task = tasks.spawn(async move {
            let mut permit = pacer.admit(priority, 0).await;
            tokio::task::yield_now().await;
            permit.accepted();
        });
        if number % 7 == 0 {
            task.abort();
        }
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    timeout(MINUTE, all).await.expect("nobody waits for ever");
    assert_eq!((pacer.pace().waiting, pacer.pace().running), (0, 0));
}
