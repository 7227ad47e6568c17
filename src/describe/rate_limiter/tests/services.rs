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
                // SplitMix64.
                *generator = generator.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*generator ^ (*generator >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed ^ (mixed >> 31)) % 100 >= *percent
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

#[derive(Debug)]
struct Run {
    seconds: f64,
    /// The time in seconds if the quota were known and fully used.
    ideal: f64,
    throttled: u32,
    accepted: u32,
    status: RateStatus,
}

/// Sends one request per picture, each repeated until the service accepts it.
fn simulate(name: &str, limits: RateLimits, service: Service, pictures: u32) -> Run {
    let ideal = 2.0 + 60.0 * f64::from(pictures - 1) / f64::from(service.rate);
    let run = on_paused_time(async {
        let (rate_limiter, service) = (RateLimiter::new(limits), Arc::new(Mutex::new(service)));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..pictures {
            let (rate_limiter, service) = (rate_limiter.clone(), Arc::clone(&service));
            tasks.spawn(async move {
                loop {
                    let mut permit = rate_limiter.acquire(Priority::Bulk, 2_000).await;
                    let accepted = service.lock().expect("no panic").accepts(start.elapsed());
                    if !accepted {
                        sleep(Duration::from_millis(200)).await;
                        permit.throttled(None);
                        continue;
                    }
                    sleep(Duration::from_secs(1)).await;
                    permit.accepted();
                    sleep(Duration::from_secs(1)).await;
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
            status: rate_limiter.status(),
        }
    });
    println!(
        "{name}: {pictures} in {:.0} s, ideal {ideal:.0} s ({:.2}), {} throttled, final rate {}/min",
        run.seconds,
        run.seconds / ideal,
        run.throttled,
        run.status.requests_per_minute
    );
    assert_eq!(run.accepted, pictures, "{name}: one response per picture");
    run
}

#[test]
fn an_unknown_quota_is_found_with_few_throttled_requests() {
    let first = simulate("60 per minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 100);
    assert!(first.throttled <= 5, "{first:?}");
    assert!(first.seconds <= 1.05 * first.ideal, "{first:?}");
    assert!(first.status.learned && (55..=65).contains(&first.status.requests_per_minute.get()), "{first:?}");

    let long = simulate("60 per minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 1_000);
    assert!(long.throttled <= 20, "{long:?}");
    assert!(long.seconds <= 1.02 * long.ideal, "{long:?}");

    // The rate has to rise tenfold first.
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
    assert!(run.throttled <= 30, "{run:?}");
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
