//! Throughput of the rate limiter, and the number of throttled requests, against simulated services with a quota.

use super::*;

enum Quota {
    /// A token bucket.
    Bucket { tokens: f64, size: f64 },
    /// None: a proportion of the requests is refused at random, whatever the rate.
    Random { generator: u64, percent: u64 },
    /// A fixed window: each minute of the clock.
    Window { minute: u64, used: u32 },
}

/// A service that responds in two seconds and throttles at once.
struct Service {
    /// In requests per minute.
    rate: u32,
    /// Later rates and their start, latest first.
    changes: Vec<(Duration, u32)>,
    quota: Quota,
    last_request: Duration,
    throttled: u32,
    accepted: u32,
}

impl Service {
    fn with_bucket(rate: u32, size: u32) -> Self {
        Self::new(rate, Quota::Bucket { tokens: f64::from(size), size: f64::from(size) })
    }

    fn with_window(rate: u32) -> Self {
        Self::new(rate, Quota::Window { minute: 0, used: 0 })
    }

    /// A busy service that is asked at `rate`, and accepts the requests that it does not refuse.
    fn refusing(percent: u32, rate: u32, seed: u64) -> Self {
        Self::new(rate * (100 - percent) / 100, Quota::Random { generator: seed, percent: percent.into() })
    }

    fn new(rate: u32, quota: Quota) -> Self {
        Self { rate, changes: Vec::new(), quota, last_request: Duration::ZERO, throttled: 0, accepted: 0 }
    }

    fn accepts(&mut self, now: Duration) -> bool {
        while let Some((_, rate)) = self.changes.pop_if(|(from, _)| *from <= now) {
            self.rate = rate;
        }
        let since = now.saturating_sub(std::mem::replace(&mut self.last_request, now));
        let accepted = match &mut self.quota {
            Quota::Bucket { tokens, size } => {
                *tokens = (*tokens + since.as_secs_f64() * f64::from(self.rate) / 60.0).min(*size);
                let accepted = *tokens >= 1.0;
                *tokens -= if accepted { 1.0 } else { 0.0 };
                accepted
            }
            Quota::Random { generator, percent } => {
                *generator += 1;
                random(*generator) % 100 >= *percent
            }
            Quota::Window { minute, used } => {
                if *minute != now.as_secs() / 60 {
                    (*minute, *used) = (now.as_secs() / 60, 0);
                }
                let accepted = *used < self.rate;
                *used += u32::from(accepted);
                accepted
            }
        };
        self.accepted += u32::from(accepted);
        self.throttled += u32::from(!accepted);
        accepted
    }
}

/// Returns a number that looks random (`SplitMix64`).
fn random(seed: u64) -> u64 {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[derive(Debug)]
struct Run {
    seconds: f64,
    /// The time in seconds if the quota were known and fully used.
    ideal: f64,
    throttled: u32,
    accepted: u32,
    /// The most requests in flight.
    most: usize,
    /// Before the last picture.
    limited_by: Option<LimitedBy>,
    status: RateStatus,
}

/// Sends one request per picture, each repeated until the service accepts it and responds in two seconds.
fn simulate(name: &str, limits: RateLimits, service: Service, pictures: u32) -> Run {
    let rate_limiter = RateLimiter::new(limits);
    simulate_with(name, &rate_limiter, service, pictures, |_| Duration::from_secs(2))
}

/// Like [`simulate`], with a latency for each picture. Runs as many jobs as the rate limiter asks for.
fn simulate_with(
    name: &str,
    rate_limiter: &RateLimiter,
    service: Service,
    pictures: u32,
    latency: impl Fn(u32) -> Duration,
) -> Run {
    // The mean latency, because the last responses overlap.
    let latencies: f64 = (0..pictures).map(|picture| latency(picture).as_secs_f64()).sum();
    let ideal = latencies / f64::from(pictures) + 60.0 * f64::from(pictures - 1) / f64::from(service.rate);
    let run = on_paused_time(async {
        let service = Arc::new(Mutex::new(service));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        let (mut most, mut limited_by) = (0, None);
        for picture in 0..pictures {
            while tasks.len() >= rate_limiter.concurrency().get() {
                tasks.join_next().await;
            }
            most = most.max(rate_limiter.status().in_flight);
            limited_by = rate_limiter.status().limited_by;
            let (rate_limiter, service) = (rate_limiter.clone(), Arc::clone(&service));
            let latency = latency(picture);
            tasks.spawn(async move {
                loop {
                    let mut permit = rate_limiter.acquire(Priority::Bulk, 2_000).await;
                    let accepted = service.lock().expect("no panic").accepts(start.elapsed());
                    if !accepted {
                        sleep(Duration::from_millis(200)).await;
                        permit.throttled(None);
                        continue;
                    }
                    sleep(latency / 4).await;
                    permit.accepted();
                    sleep(latency * 3 / 4).await;
                    break;
                }
            });
        }
        timeout(Duration::from_hours(24), tasks.join_all()).await.expect("no request waits forever");
        let service = service.lock().expect("no panic");
        Run {
            seconds: start.elapsed().as_secs_f64(),
            ideal,
            throttled: service.throttled,
            accepted: service.accepted,
            most,
            limited_by,
            status: rate_limiter.status(),
        }
    });
    println!(
        "{name}: {pictures} in {:.0} s, ideal {ideal:.0} s ({:.2}), {} throttled, {} in flight, final rate {}/min",
        run.seconds,
        run.seconds / ideal,
        run.throttled,
        run.most,
        run.status.requests_per_minute
    );
    assert_eq!(run.accepted, pictures, "{name}: one response per picture");
    run
}

#[test]
fn an_unknown_quota_is_found_with_few_throttled_requests() {
    let first = simulate("60 per minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 100);
    // It begins at five times the quota.
    assert!(first.throttled <= 12, "{first:?}");
    assert!(first.seconds <= 1.05 * first.ideal, "{first:?}");
    assert!(first.status.learned && (55..=65).contains(&first.status.requests_per_minute.get()), "{first:?}");

    let long = simulate("60 per minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 1_000);
    assert!(long.throttled <= 30, "{long:?}");
    assert!(long.seconds <= 1.02 * long.ideal, "{long:?}");

    let fast = simulate("600 per minute, bucket of 5", limits(30, None), Service::with_bucket(600, 5), 100);
    assert!(fast.throttled <= 5, "{fast:?}");
    assert!(fast.seconds <= fast.ideal + 25.0, "{fast:?}");
    let fast = simulate("600 per minute, bucket of 5", limits(30, None), Service::with_bucket(600, 5), 1_000);
    assert!(fast.throttled <= 10, "{fast:?}");
    assert!(fast.seconds <= fast.ideal + 40.0, "{fast:?}");
}

#[test]
fn the_quota_is_used_whether_bucket_or_fixed_window() {
    for service in [Service::with_bucket(60, 60), Service::with_window(60)] {
        let run = simulate("60 per minute, in bursts", limits(20, None), service, 1_000);
        assert!(run.throttled <= 30, "{run:?}");
        assert!(run.seconds <= 1.05 * run.ideal, "{run:?}");
    }
}

#[test]
fn a_configured_rate_below_the_quota_is_never_throttled() {
    for (quota, rate, concurrency) in [(60, 58, 10), (600, 580, 30)] {
        let run = simulate(
            "configured just below the quota",
            limits(concurrency, Some(rate)),
            Service::with_bucket(quota, 5),
            100,
        );
        assert_eq!(run.throttled, 0, "{run:?}");
        assert!(!run.status.learned && run.status.requests_per_minute.get() == rate, "{run:?}");
        assert!(run.seconds <= 1.05 * run.ideal, "{run:?}");
    }
}

#[test]
fn a_configured_rate_above_the_quota_is_lowered() {
    let run = simulate("configured at twice the quota", limits(20, Some(120)), Service::with_bucket(60, 5), 100);
    assert!(run.throttled <= 5, "{run:?}");
    assert!(run.seconds <= 1.05 * run.ideal, "{run:?}");
}

#[test]
fn the_rate_follows_a_changing_quota() {
    let shrinks = Service {
        changes: vec![(Duration::from_mins(2), 240), (Duration::from_mins(1), 60)],
        ..Service::with_bucket(240, 5)
    };
    let run = simulate("240 per minute, 60 in the second minute", limits(20, None), shrinks, 1_500);
    assert!(run.throttled <= 40, "{run:?}");
    assert!((200..=280).contains(&run.status.requests_per_minute.get()), "{run:?}");
}

/// The operator's rate is kept: a lower one would not be refused less often.
#[test]
fn random_refusals_do_not_lower_the_rate() {
    for (rate, concurrency) in [(60, 20), (120, 20), (600, 60)] {
        for percent in [30, 50, 80] {
            let (mut ideal, mut seconds) = (0.0, 0.0);
            for seed in 0..8 {
                let service = Service::refusing(percent, rate, seed);
                let ten_minutes = service.rate * 10;
                let name = format!("{rate} per minute, {percent}% refused, seed {seed}");
                let run = simulate(&name, limits(concurrency, Some(rate)), service, ten_minutes);
                ideal += run.ideal;
                seconds += run.seconds;
            }
            let used = ideal / seconds;
            assert!(used >= 0.6, "{used} of what the service accepts at {rate} per minute, {percent}% refused");
        }
    }
}

#[test]
fn random_refusals_do_not_lower_a_rate_that_is_learned() {
    for percent in [30, 50, 80] {
        let service = Service::refusing(percent, 60, 1);
        let ten_minutes = service.rate * 10;
        let name = format!("no rate, {percent}% refused");
        let run = simulate(&name, limits(20, None), service, ten_minutes);
        assert!(run.ideal >= 0.6 * run.seconds, "{name}: {run:?}");
    }
}

#[test]
fn a_rate_far_above_the_quota_is_lowered() {
    for service in [Service::with_bucket(60, 5), Service::with_window(60)] {
        let run = simulate("configured at ten times the quota", limits(20, Some(600)), service, 300);
        assert!(run.throttled <= 45, "{run:?}");
        assert!(run.seconds <= 1.1 * run.ideal, "{run:?}");
        assert!(run.status.requests_per_minute.get() <= 70, "{run:?}");
    }
}

/// Returns latencies from two to eight seconds.
fn two_to_eight(picture: u32) -> Duration {
    Duration::from_millis(2_000 + random(picture.into()) % 6_000)
}

const QUOTAS: [u32; 4] = [60, 600, 1_000, 2_000];

#[test]
fn a_configured_quota_is_used_at_any_latency() {
    for quota in QUOTAS {
        for varies in [false, true] {
            let latency = |picture| if varies { two_to_eight(picture) } else { Duration::from_secs(2) };
            let name = if varies { "2 to 8 s" } else { "2 s" };
            // Eight seconds at 2,000 per minute need more than the default concurrency.
            let told = RateLimiter::new(limits(300, Some(quota)));
            let name = format!("{quota} per minute, told, {name}");
            let run = simulate_with(&name, &told, Service::with_bucket(quota, 5), 2_000, latency);
            assert_eq!(run.throttled, 0, "{name}: {run:?}");
            assert!(run.seconds <= 1.05 * run.ideal, "{name}: {run:?}");
        }
    }
}

#[test]
fn an_unknown_quota_is_used_at_any_latency() {
    for quota in QUOTAS {
        for size in [5, quota / 60, quota / 6, quota] {
            let learned = RateLimiter::new(limits(300, None));
            let name = format!("{quota} per minute, bucket of {size}, learned, 2 to 8 s");
            let run = simulate_with(&name, &learned, Service::with_bucket(quota, size), 2_000, two_to_eight);
            assert!(run.seconds <= 1.2 * run.ideal, "{name}: {run:?}");
            assert!(run.throttled <= 60, "{name}: {run:?}");
        }
    }
}

/// With the default number of requests in flight, as long as the responses are fast enough for the quota.
#[test]
fn an_unknown_quota_is_used_with_the_default_concurrency() {
    let two_to_five = |picture: u32| Duration::from_millis(2_000 + random(picture.into()) % 3_000);
    for (quota, limit) in [(60, 1.02), (600, 1.08), (1_000, 1.1), (2_000, 1.2)] {
        for size in [5, quota / 30] {
            let learned = RateLimiter::new(RateLimits { concurrency: None, ..limits(1, None) });
            let name = format!("{quota} per minute, bucket of {size}, learned, 2 to 5 s");
            let run = simulate_with(&name, &learned, Service::with_bucket(quota, size), 1_000, two_to_five);
            assert!(run.seconds <= limit * run.ideal, "{name}: {run:?}");
            assert!(run.throttled <= 30, "{name}: {run:?}");
        }
    }
}

/// A rate remembered from an earlier run saves the time to learn it; one that is too high is lowered.
#[test]
fn a_remembered_rate_is_a_start() {
    for (quota, remembered, limit) in [(2_000, 1_800, 1.08), (600, 540, 1.05), (60, 2_000, 1.05)] {
        let rate_limiter = RateLimiter::new(limits(300, None));
        rate_limiter.begin_at(NonZeroU32::new(remembered).expect("not zero"));
        let name = format!("{quota} per minute, {remembered} remembered, 2 to 8 s");
        let run = simulate_with(&name, &rate_limiter, Service::with_bucket(quota, 33), 2_000, two_to_eight);
        assert!(run.seconds <= limit * run.ideal, "{name}: {run:?}");
        assert!(run.throttled <= 60, "{name}: {run:?}");
    }
}

/// Little's law: no more requests are in flight than the rate and the latency need, and the limit that applies is known.
#[test]
fn the_concurrency_follows_the_rate_and_the_latency() {
    for (quota, seconds, least, most, limit) in [
        (60, 4, 4, 6, LimitedBy::Rate),
        (600, 4, 38, 44, LimitedBy::Rate),
        // 60/min × 20 s = 20, but 2,000/min would need 667.
        (2_000, 20, 128, 128, LimitedBy::Concurrency),
    ] {
        let told = RateLimiter::new(RateLimits { concurrency: None, ..limits(1, Some(quota)) });
        let name = format!("{quota} per minute, {seconds} s");
        let service = Service::with_bucket(quota, 60);
        let run = simulate_with(&name, &told, service, quota.min(700), |_| Duration::from_secs(seconds));
        assert!((least..=most).contains(&run.most), "{name}: {run:?}");
        assert_eq!(run.limited_by, Some(limit), "{name}: {run:?}");
    }
}
