//! Tells refusals that do not depend on our rate (a busy region, a shared account) from those of a quota.
//!
//! A quota of Q accepts the proportion Q / r of the requests at rate r; a busy service accepts the same proportion at any
//! rate, so that a lower rate only loses captions. If refusals persist at a lowered rate, a trial compares the proportion
//! at the lower rate with that at the earlier one, by a sequential probability ratio test (SPRT).
//!
//! Rates are in thousandths of a request per minute.

use std::collections::VecDeque;
use std::time::Duration;

use super::adaptive_rate::Sent;
use super::gcra::MINUTE;

/// The number of outcomes at the lowered rate before its proportion is known. Refusals in a row count as one, because a quota per fixed
/// window refuses everything until its end.
const LOW_OUTCOMES: u32 = 10;
/// The same, with every refusal counted.
const LOW_REQUESTS: u32 = 20;
/// The maximum number at the higher rate.
const HIGH_OUTCOMES: u32 = 100;
/// Refusals arrive before the first responses. Before this time at the higher rate, they are all there is.
const HIGH_TIME: Duration = Duration::from_secs(1);
/// The log-likelihood ratio that decides for random refusals.
const RANDOM_BOUND: f64 = 1.5;
/// The log-likelihood ratio that decides for a quota. Higher, because this mistake costs more.
const QUOTA_BOUND: f64 = 2.5;
/// The time without trials after one found a quota.
const QUIET: Duration = Duration::from_secs(15);
/// The number of recent outcomes kept during random refusals.
const RECENT: usize = 128;

#[derive(Debug, Default)]
pub(super) struct Refusals {
    state: State,
    /// No trial begins before.
    quiet_until: Duration,
    /// The lower bound until then: half the quota found.
    floor: u64,
    /// The highest rate before the last trials. If refusals are random after all, the rate returns to it.
    peak: u64,
    /// The end of its validity.
    peak_until: Duration,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    NoTrial,
    Low(Low),
    High {
        low: Low,
        since: Duration,
        counts: Counts,
    },
    Random {
        /// The proportion accepted.
        accepted: f64,
        recent: VecDeque<bool>,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    accepted: u32,
    refused: u32,
}

/// The part of a trial at the lowered rate.
#[derive(Clone, Copy, Debug)]
struct Low {
    /// The rate before it was lowered.
    high: u64,
    since: Duration,
    counts: Counts,
    /// The number of refusals, those in a row counted once.
    runs: u32,
    last_refused: bool,
    sum_of_rates: u64,
}

/// The consequence of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Lower the rate as for a quota.
    Decrease,
    /// Keep the rate, without a backoff.
    Keep,
    /// A trial found a quota, and the rate of accepted requests.
    Quota(u64),
}

impl Counts {
    fn add(&mut self, refused: bool) {
        if refused {
            self.refused += 1;
        } else {
            self.accepted += 1;
        }
    }

    fn total(self) -> u32 {
        self.accepted + self.refused
    }

    /// Returns the rate of accepted requests at a rate of requests.
    fn accepted_of(self, rate: u64) -> u64 {
        rate.saturating_mul(self.accepted.into()) / u64::from(self.total().max(1))
    }

    fn proportion(self) -> f64 {
        f64::from(self.accepted) / f64::from(self.total().max(1))
    }
}

impl Low {
    /// Returns the mean rate.
    fn rate(&self) -> u64 {
        self.sum_of_rates / u64::from(self.counts.total().max(1))
    }
}

impl Refusals {
    /// Returns true while requests are refused at random, so that the rate can rise quickly.
    pub fn are_random(&self) -> bool {
        matches!(self.state, State::Random { .. })
    }

    /// Returns true until a trial has found or excluded random refusals.
    pub fn are_in_trial(&self) -> bool {
        matches!(self.state, State::Low(_) | State::High { .. })
    }

    /// Returns the rate to return to if refusals are random.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Returns true if the lowered rate accepts some requests.
    pub fn are_mixed(&self) -> bool {
        matches!(&self.state, State::Low(low) if low.counts.accepted > 0)
    }

    /// Returns the lower bound of the rate. `in_a_row` is true after another refusal without an accepted request between.
    pub fn floor(&self, in_a_row: bool, now: Duration) -> u64 {
        match &self.state {
            State::Low(low) if in_a_row && low.counts.accepted == 0 => low.high / 4,
            State::Low(low) => low.high / 2,
            _ if now < self.quiet_until && !in_a_row => self.floor,
            _ => 0,
        }
    }

    /// Begins a trial unless there is one, after a refusal at `rate`.
    pub fn begin(&mut self, rate: u64, now: Duration) {
        if matches!(self.state, State::NoTrial) && now >= self.quiet_until {
            self.state = State::Low(Low {
                high: rate,
                since: now,
                counts: Counts::default(),
                runs: 0,
                // The refusal that began it is the first of its run.
                last_refused: true,
                sum_of_rates: 0,
            });
        }
    }

    /// Counts an accepted request. Returns the rate to try next, if that is higher.
    pub fn on_accepted(&mut self, sent: Sent, now: Duration) -> Option<u64> {
        match &mut self.state {
            State::Low(low) if sent.at > low.since => {
                low.count(sent, false);
                if low.counts.accepted + low.runs < LOW_OUTCOMES && low.counts.total() < LOW_REQUESTS {
                    return None;
                }
                if low.runs <= 1 && low.counts.refused <= low.counts.accepted {
                    let high = low.high;
                    self.end_without_randomness(high, now);
                    return None;
                }
                let mut low = *low;
                low.high = low.high.max(self.peak.min(low.rate().saturating_mul(4)));
                self.state = State::High { low, since: now, counts: Counts::default() };
                Some(low.high)
            }
            State::High { since, counts, .. } if sent.at > *since => {
                counts.add(false);
                None
            }
            State::Random { recent, .. } => {
                push(recent, true);
                let accepted = recent.iter().filter(|accepted| **accepted).count();
                if recent.len() >= 40 && accepted * 20 > recent.len() * 19 {
                    self.state = State::NoTrial;
                }
                None
            }
            _ => None,
        }
    }

    /// Ends a trial that began at the rate `high`.
    fn end_without_randomness(&mut self, high: u64, now: Duration) {
        self.peak = if now < self.peak_until { self.peak.max(high) } else { high };
        self.peak_until = now + MINUTE * 2;
        self.state = State::NoTrial;
    }

    /// Counts a refused request.
    pub fn on_refused(&mut self, sent: Sent, now: Duration) -> Consequence {
        match &mut self.state {
            State::NoTrial => Consequence::Decrease,
            State::Low(low) => {
                if sent.at > low.since {
                    low.count(sent, true);
                }
                Consequence::Decrease
            }
            State::High { low, since, counts } => {
                if sent.at > *since {
                    counts.add(true);
                }
                let (low, counts) = (*low, *counts);
                let ratio = likelihood_ratio(&low, counts);
                let decided = ratio >= RANDOM_BOUND || ratio <= -QUOTA_BOUND || counts.total() >= HIGH_OUTCOMES;
                if !decided || now < *since + HIGH_TIME {
                    return Consequence::Keep;
                }
                if ratio > 0.0 {
                    let both = Counts {
                        accepted: low.counts.accepted + counts.accepted,
                        refused: low.counts.refused + counts.refused,
                    };
                    self.state = State::Random { accepted: both.proportion().max(0.05), recent: VecDeque::new() };
                    return Consequence::Keep;
                }
                self.quiet_until = now + QUIET;
                self.floor = low.counts.accepted_of(low.rate()) / 2;
                self.end_without_randomness(low.high, now);
                Consequence::Quota(counts.accepted_of(low.high))
            }
            State::Random { accepted, recent } => {
                push(recent, false);
                // Enough for 25 accepted requests.
                let enough = (20..RECENT).find(|outcomes| float(*outcomes) * *accepted >= 25.0).unwrap_or(RECENT);
                let sample = recent.iter().rev().take(enough).filter(|accepted| **accepted).count();
                let run = recent.iter().rev().take_while(|accepted| !**accepted).count();
                // A run this long has a probability below 1 in 2,000.
                let too_long = (0.0005_f64.ln() / (1.0 - 0.8 * *accepted).ln()).min(float(RECENT));
                let proportion = float(sample) / float(enough);
                if float(run) >= too_long || (recent.len() >= enough && proportion < 0.4 * *accepted) {
                    self.state = State::NoTrial;
                    return Consequence::Decrease;
                }
                if recent.len() >= enough {
                    *accepted += 0.02 * (proportion - *accepted);
                }
                Consequence::Keep
            }
        }
    }
}

impl Low {
    fn count(&mut self, sent: Sent, refused: bool) {
        self.counts.add(refused);
        self.runs += u32::from(refused && !self.last_refused);
        self.last_refused = refused;
        self.sum_of_rates = self.sum_of_rates.saturating_add(sent.rate);
    }
}

fn float(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

fn push(recent: &mut VecDeque<bool>, accepted: bool) {
    recent.push_back(accepted);
    if recent.len() > RECENT {
        recent.pop_front();
    }
}

/// Returns the logarithm of the ratio of two likelihoods of the outcomes at the higher rate: that of random refusals, and
/// that of a quota.
#[expect(clippy::cast_precision_loss, reason = "rates are below 2^52, and their ratio is approximate")]
fn likelihood_ratio(low: &Low, high: Counts) -> f64 {
    let random = low.counts.proportion().clamp(0.03, 0.95);
    let quota = random * (low.rate() as f64 / low.high as f64).clamp(0.2, 0.8);
    f64::from(high.accepted) * (random / quota).ln() + f64::from(high.refused) * ((1.0 - random) / (1.0 - quota)).ln()
}
