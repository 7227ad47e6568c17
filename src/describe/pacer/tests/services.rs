//! How fast the pacer gets a hundred descriptions out of services with a quota, and how often it is refused.

use super::*;

/// How a service counts.
enum Counts {
    /// A bucket that fills all the time.
    Bucket { tokens: f64, size: f64 },
    /// So many in each minute of the clock.
    Minutes { minute: u64, taken: u32 },
}

/// A service that answers in two seconds and refuses at once.
struct Service {
    /// Requests a minute.
    quota: u32,
    /// When it changes, and to what; the latest first.
    next: Vec<(Duration, u32)>,
    counts: Counts,
    asked_last: Duration,
    refused: u32,
    answered: u32,
}

impl Service {
    fn with_bucket(quota: u32, size: u32) -> Self {
        Self::new(quota, Counts::Bucket { tokens: f64::from(size), size: f64::from(size) })
    }

    fn with_minutes(quota: u32) -> Self {
        Self::new(quota, Counts::Minutes { minute: 0, taken: 0 })
    }

    fn new(quota: u32, counts: Counts) -> Self {
        Self { quota, next: Vec::new(), counts, asked_last: Duration::ZERO, refused: 0, answered: 0 }
    }

    fn takes(&mut self, now: Duration) -> bool {
        while let Some((_, quota)) = self.next.pop_if(|(from, _)| *from <= now) {
            self.quota = quota;
        }
        let since = now.saturating_sub(std::mem::replace(&mut self.asked_last, now));
        let takes = match &mut self.counts {
            Counts::Bucket { tokens, size } => {
                *tokens = (*tokens + since.as_secs_f64() * f64::from(self.quota) / 60.0).min(*size);
                let takes = *tokens >= 1.0;
                *tokens -= if takes { 1.0 } else { 0.0 };
                takes
            }
            Counts::Minutes { minute, taken } => {
                if *minute != now.as_secs() / 60 {
                    (*minute, *taken) = (now.as_secs() / 60, 0);
                }
                let takes = *taken < self.quota;
                *taken += u32::from(takes);
                takes
            }
        };
        self.answered += u32::from(takes);
        self.refused += u32::from(!takes);
        takes
    }
}

/// What came of it.
#[derive(Debug)]
struct Run {
    seconds: f64,
    /// The seconds it takes who knows the quota.
    ideal: f64,
    refused: u32,
    answered: u32,
    pace: Pace,
}

/// Describes so many pictures, each again until the service takes it.
fn run(name: &str, limits: Limits, service: Service, pictures: u32) -> Run {
    let ideal = 2.0 + 60.0 * f64::from(pictures - 1) / f64::from(service.quota);
    let run = on_paused_time(async {
        let (pacer, service) = (Pacer::new(limits), Arc::new(Mutex::new(service)));
        let began = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..pictures {
            let (pacer, service) = (pacer.clone(), Arc::clone(&service));
            tasks.spawn(async move {
                loop {
                    let mut permit = pacer.admit(Priority::Bulk, 2_000).await;
                    let takes = service.lock().expect("it does not fail").takes(began.elapsed());
                    if !takes {
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
        timeout(Duration::from_hours(24), tasks.join_all()).await.expect("nobody waits for ever");
        let service = service.lock().expect("it does not fail");
        Run {
            seconds: began.elapsed().as_secs_f64(),
            ideal,
            refused: service.refused,
            answered: service.answered,
            pace: pacer.pace(),
        }
    });
    println!(
        "{name}: {pictures} in {:.0} s, ideal {ideal:.0} s ({:.2}), {} refused, ends at {}/min",
        run.seconds,
        run.seconds / ideal,
        run.refused,
        run.pace.requests_per_minute
    );
    assert_eq!(run.answered, pictures, "{name}: one answer a picture");
    run
}

#[test]
fn a_quota_nobody_told_is_found_with_few_refusals() {
    let first = run("60 a minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 100);
    assert!(first.refused <= 5, "{first:?}");
    assert!(first.seconds <= 1.05 * first.ideal, "{first:?}");
    assert!(first.pace.learned && (55..=65).contains(&first.pace.requests_per_minute.get()), "{first:?}");

    let long = run("60 a minute, bucket of 5", limits(20, None), Service::with_bucket(60, 5), 1_000);
    assert!(long.refused <= 20, "{long:?}");
    assert!(long.seconds <= 1.02 * long.ideal, "{long:?}");

    // The pace has to rise tenfold first.
    let fast = run("600 a minute, bucket of 5", limits(30, None), Service::with_bucket(600, 5), 100);
    assert!(fast.refused <= 5, "{fast:?}");
    assert!(fast.seconds <= fast.ideal + 25.0, "{fast:?}");
    let fast = run("600 a minute, bucket of 5", limits(30, None), Service::with_bucket(600, 5), 1_000);
    assert!(fast.refused <= 10, "{fast:?}");
    assert!(fast.seconds <= fast.ideal + 40.0, "{fast:?}");
}

#[test]
fn whatever_way_a_service_counts_its_quota_is_used() {
    for service in [Service::with_bucket(60, 60), Service::with_minutes(60)] {
        let run = run("60 a minute, all at once", limits(20, None), service, 1_000);
        assert!(run.refused <= 30, "{run:?}");
        assert!(run.seconds <= 1.05 * run.ideal, "{run:?}");
    }
}

#[test]
fn a_pace_just_below_the_quota_is_never_refused() {
    for (quota, pace, concurrency) in [(60, 58, 10), (600, 580, 30)] {
        let told = run(
            "told a little less than it takes",
            limits(concurrency, Some(pace)),
            Service::with_bucket(quota, 5),
            100,
        );
        assert_eq!(told.refused, 0, "{told:?}");
        assert!(!told.pace.learned && told.pace.requests_per_minute.get() == pace, "{told:?}");
        assert!(told.seconds <= 1.05 * told.ideal, "{told:?}");
    }
}

#[test]
fn a_pace_above_the_quota_is_corrected() {
    let told = run("told twice what it takes", limits(20, Some(120)), Service::with_bucket(60, 5), 100);
    assert!(told.refused <= 5, "{told:?}");
    assert!(told.seconds <= 1.05 * told.ideal, "{told:?}");
}

#[test]
fn a_quota_that_shrinks_and_grows_is_followed() {
    let shrinks = Service {
        next: vec![(Duration::from_mins(2), 240), (Duration::from_mins(1), 60)],
        ..Service::with_bucket(240, 5)
    };
    let run = run("240 a minute, 60 in the second", limits(20, None), shrinks, 1_500);
    assert!(run.refused <= 30, "{run:?}");
    assert!((200..=280).contains(&run.pace.requests_per_minute.get()), "{run:?}");
}
