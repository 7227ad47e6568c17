//! Tests of the queue with a scripted describer.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::stream::{self, BoxStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::describe::{Context, Description, Detail, Outcome, StopReason};
use crate::engine::rules::{CurrentCaption, JobMode};

pub(super) fn spec(job: u64, record: u32) -> JobSpec {
    JobSpec {
        job: JobId(job),
        record: RecordId(record),
        priority: Priority::Bulk,
        detail: Detail::Standard,
        current: CurrentCaption::InDataset,
        previous: Vec::new(),
        current_stop: None,
        mode: JobMode::Describe,
        examples: Vec::new(),
    }
}

/// Rejects record 404, like a record without an image.
#[expect(clippy::needless_pass_by_value, reason = "as the queue calls it")]
fn prepare(spec: JobSpec) -> Result<Request, NotSent> {
    let JobSpec { job, record, detail, .. } = spec;
    let request =
        Request { job, record, image_path: "picture.jpg".into(), detail, max_words: 50, context: Context::default() };
    if record == RecordId(404) { Err("no image".into()) } else { Ok(request) }
}

/// A describer whose streams are controlled by the test.
struct Scripted {
    calls: UnboundedSender<Call>,
    concurrency: Arc<AtomicUsize>,
}

/// One running description. Dropping `events` ends its stream.
struct Call {
    job: u64,
    events: UnboundedSender<DescriptionEvent>,
}

impl Describer for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.concurrency.load(Ordering::Relaxed)).expect("not zero")
    }

    fn describe(&self, request: Request, _priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        assert_ne!(request.record, RecordId(666), "the number of the beast");
        let (events, mut receiver) = unbounded_channel();
        self.calls.send(Call { job: request.job.0, events }).expect("a running test");
        stream::poll_fn(move |context| receiver.poll_recv(context)).boxed()
    }
}

struct Harness {
    queue: Queue,
    calls: UnboundedReceiver<Call>,
    concurrency: Arc<AtomicUsize>,
    events: UnboundedReceiver<(u64, u32, JobEvent)>,
}

impl Harness {
    fn new(concurrency: usize) -> Self {
        let (calls_in, calls) = unbounded_channel();
        let (events_in, events) = unbounded_channel();
        let concurrency = Arc::new(AtomicUsize::new(concurrency));
        let describer = Arc::new(Scripted { calls: calls_in, concurrency: Arc::clone(&concurrency) });
        let queue = Queue::spawn(describer, Arc::new(prepare), move |job, record, event| {
            // Fails if the test has ended.
            let _ = events_in.send((job.0, record.0, event));
        });
        Self { queue, calls, concurrency, events }
    }

    fn add(&self, priority: Priority, job: u64, record: u32) {
        self.queue.add(JobSpec { priority, ..spec(job, record) }).expect("room");
    }

    /// Returns the next call of the describer.
    async fn call(&mut self) -> Call {
        self.calls.recv().await.expect("a running queue")
    }

    async fn event(&mut self) -> (u64, u32, JobEvent) {
        self.events.recv().await.expect("a running queue")
    }

    /// Closes the queue and returns the remaining events.
    async fn close(mut self) -> Vec<(u64, u32, JobEvent)> {
        self.queue.close().await;
        let mut rest = Vec::new();
        while let Some(event) = self.events.recv().await {
            rest.push(event);
        }
        rest
    }
}

fn finished(text: &str) -> DescriptionEvent {
    DescriptionEvent::Ended(Outcome::Described(description(text)))
}

fn description(text: &str) -> Description {
    Description {
        text: text.to_owned(),
        model: "script 1".to_owned(),
        prompt: None,
        parameters: String::new(),
        stop: StopReason::EndTurn,
        usage: None,
    }
}

#[tokio::test]
async fn events_have_the_job_and_record() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 7, 3);
    let call = harness.call().await;
    assert_eq!(harness.event().await, (7, 3, JobEvent::Started));
    call.events.send(DescriptionEvent::Delta("A red".to_owned())).expect("a listener");
    assert_eq!(harness.event().await, (7, 3, JobEvent::Delta("A red".to_owned())));
    call.events.send(finished("A red coat.")).expect("a listener");
    assert_eq!(harness.event().await, (7, 3, JobEvent::Ended(Outcome::Described(description("A red coat.")))));
    assert_eq!(harness.close().await, []);
}

#[tokio::test]
async fn concurrency_is_limited_and_the_most_urgent_job_is_next() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Bulk, 1, 1);
    let first = harness.call().await;
    harness.add(Priority::Bulk, 2, 2);
    harness.add(Priority::Prefetch, 3, 3);
    harness.add(Priority::Interactive, 4, 4);
    first.events.send(finished("One.")).expect("a listener");
    let mut order = vec![first.job];
    for _ in 0..3 {
        let call = harness.call().await;
        call.events.send(finished("Next.")).expect("a listener");
        order.push(call.job);
    }
    assert_eq!(order, [1, 4, 3, 2]);
    let mut running = 0;
    for _ in 0..8 {
        running += match harness.event().await.2 {
            JobEvent::Started => 1,
            _ => -1,
        };
        assert!(running <= 1);
    }
}

#[tokio::test]
async fn more_jobs_run_when_the_describer_asks_for_more() {
    let mut harness = Harness::new(1);
    for job in 1..=4 {
        harness.add(Priority::Bulk, job, u32::try_from(job).expect("small"));
    }
    let first = harness.call().await;
    harness.concurrency.store(3, Ordering::Relaxed);
    first.events.send(finished("One.")).expect("a listener");
    let running = [harness.call().await, harness.call().await, harness.call().await];
    // It asks for fewer than are running. The operator does not wait for their end.
    harness.concurrency.store(1, Ordering::Relaxed);
    harness.add(Priority::Interactive, 5, 5);
    let asked = harness.call().await;
    assert_eq!(asked.job, 5);
    harness.add(Priority::Bulk, 6, 6);
    for call in running {
        call.events.send(finished("Next.")).expect("a listener");
    }
    asked.events.send(finished("Five.")).expect("a listener");
    assert_eq!(harness.call().await.job, 6);
}

#[tokio::test]
async fn jobs_run_concurrently() {
    let mut harness = Harness::new(2);
    for job in 1..=3 {
        harness.add(Priority::Bulk, job, u32::try_from(job).expect("small"));
    }
    // Their requests are prepared concurrently too, so either may be the first.
    let (one, other) = (harness.call().await, harness.call().await);
    assert_eq!(one.job + other.job, 3);
    one.events.send(finished("Two.")).expect("a listener");
    assert_eq!(harness.call().await.job, 3);
}

#[tokio::test]
async fn an_interrupted_stream_is_a_failure() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let call = harness.call().await;
    call.events.send(DescriptionEvent::Delta("A red".to_owned())).expect("a listener");
    drop(call);
    let _started_and_delta = (harness.event().await, harness.event().await);
    assert_eq!(harness.event().await, (1, 1, failed("description interrupted: partial text discarded")));
}

#[tokio::test]
async fn an_empty_text_is_a_failure() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    harness.call().await.events.send(finished(" \n")).expect("a listener");
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (1, 1, failed("the describer returned no text")));
}

#[tokio::test]
async fn a_failed_record_can_be_described_again() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let error = DescribeError { message: "no picture".to_owned() };
    harness.call().await.events.send(DescriptionEvent::Ended(Outcome::Failed(error.clone()))).expect("a listener");
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (1, 1, JobEvent::Ended(Outcome::Failed(error))));
    harness.add(Priority::Interactive, 2, 1);
    harness.call().await.events.send(finished("A coat.")).expect("a listener");
    assert_eq!(harness.event().await, (2, 1, JobEvent::Started));
    assert_eq!(harness.event().await, (2, 1, JobEvent::Ended(Outcome::Described(description("A coat.")))));
}

#[tokio::test]
async fn a_panic_of_the_describer_fails_only_its_job() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 666);
    assert_eq!(harness.event().await, (1, 666, JobEvent::Started));
    let (job, _, end) = harness.event().await;
    let JobEvent::Ended(Outcome::Failed(error)) = end else { panic!("{end:?}") };
    assert_eq!(job, 1);
    assert!(error.message.starts_with("the describer crashed: ") && error.message.contains("beast"), "{error}");
    harness.add(Priority::Interactive, 2, 1);
    assert_eq!(harness.call().await.job, 2);
}

#[tokio::test]
async fn cancelling_a_running_job_drops_its_stream() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let call = harness.call().await;
    harness.queue.cancel(JobId(1));
    call.events.closed().await;
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (1, 1, JobEvent::Cancelled));
    assert_eq!(harness.close().await, []);
}

#[tokio::test]
async fn requests_in_flight_are_not_cancelled_with_the_others() {
    let mut harness = Harness::new(2);
    harness.add(Priority::Bulk, 1, 1);
    harness.add(Priority::Bulk, 2, 2);
    harness.add(Priority::Bulk, 3, 3);
    let (sent, waiting) = (harness.call().await, harness.call().await);
    let (_first, _second) = (harness.event().await, harness.event().await);
    let busy = || DescriptionEvent::Waiting("rate limit".to_owned());
    for event in [busy(), DescriptionEvent::Delta(String::new())] {
        // The queue has not seen them when the jobs are cancelled.
        sent.events.send(event).expect("a listener");
    }
    waiting.events.send(busy()).expect("a listener");
    harness.queue.cancel_unsent();
    assert_eq!(harness.event().await, (3, 3, JobEvent::Cancelled));
    waiting.events.closed().await;
    sent.events.send(finished("A coat.")).expect("a listener");
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let event = harness.event().await;
        ends.extend(matches!(event.2, JobEvent::Cancelled | JobEvent::Ended(_)).then_some(event));
    }
    ends.sort_by_key(|(job, ..)| *job);
    let described = JobEvent::Ended(Outcome::Described(description("A coat.")));
    assert_eq!(ends, [(1, 1, described), (2, 2, JobEvent::Cancelled)]);
}

#[tokio::test]
async fn a_cancelled_waiting_job_never_starts() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let call = harness.call().await;
    harness.add(Priority::Interactive, 2, 2);
    harness.add(Priority::Bulk, 3, 3);
    harness.queue.cancel(JobId(2));
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (2, 2, JobEvent::Cancelled));
    call.events.send(finished("A coat.")).expect("a listener");
    assert_eq!(harness.call().await.job, 3);
}

#[tokio::test]
async fn a_newer_job_for_a_record_cancels_the_running_one() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let old = harness.call().await;
    harness.add(Priority::Interactive, 2, 1);
    old.events.closed().await;
    assert_eq!(harness.call().await.job, 2);
    assert_eq!(harness.event().await, (1, 1, JobEvent::Started));
    assert_eq!(harness.event().await, (1, 1, JobEvent::Cancelled));
    assert_eq!(harness.event().await, (2, 1, JobEvent::Started));
}

#[tokio::test]
async fn repeating_a_running_job_has_no_effect() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Prefetch, 1, 1);
    let call = harness.call().await;
    harness.add(Priority::Interactive, 1, 1);
    assert_eq!(harness.queue.replace_ahead(vec![spec(1, 1)]), []);
    call.events.send(finished("A coat.")).expect("a listener");
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (1, 1, JobEvent::Ended(Outcome::Described(description("A coat.")))));
    assert_eq!(harness.close().await, []);
}

#[tokio::test]
async fn prefetch_jobs_are_replaced() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let running = harness.call().await;
    assert_eq!(harness.queue.replace_ahead(vec![spec(2, 2), spec(3, 3)]), []);
    assert_eq!(harness.queue.replace_ahead(vec![spec(3, 3), spec(4, 4)]), []);
    let _started = harness.event().await;
    assert_eq!(harness.event().await, (2, 2, JobEvent::Cancelled));
    running.events.send(finished("A coat.")).expect("a listener");
    let next = harness.call().await;
    assert_eq!(next.job, 3);
    next.events.send(finished("A hat.")).expect("a listener");
    assert_eq!(harness.call().await.job, 4);
}

#[tokio::test]
async fn cancelling_all_ends_every_job_once_and_keeps_the_queue_open() {
    let mut harness = Harness::new(1);
    for job in 1..=3 {
        harness.add(Priority::Bulk, job, u32::try_from(job).expect("small"));
    }
    let running = harness.call().await;
    harness.queue.cancel_all();
    running.events.closed().await;
    let _started = harness.event().await;
    let mut cancelled = Vec::new();
    for _ in 0..3 {
        let (job, _, event) = harness.event().await;
        assert_eq!(event, JobEvent::Cancelled);
        cancelled.push(job);
    }
    cancelled.sort_unstable();
    assert_eq!(cancelled, [1, 2, 3]);
    harness.add(Priority::Interactive, 4, 1);
    assert_eq!(harness.call().await.job, 4);
}

#[tokio::test]
async fn closing_cancels_running_jobs_and_waits_for_them() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    harness.add(Priority::Bulk, 2, 2);
    let call = harness.call().await;
    let mut events = harness.close().await;
    assert!(call.events.is_closed());
    events.sort_by_key(|(job, ..)| *job);
    assert_eq!(events, [(1, 1, JobEvent::Started), (1, 1, JobEvent::Cancelled), (2, 2, JobEvent::Cancelled)]);
}

#[tokio::test]
async fn dropping_the_queue_cancels_running_jobs() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 1);
    let call = harness.call().await;
    drop(harness.queue);
    call.events.closed().await;
}

#[tokio::test]
async fn a_full_queue_rejects_jobs_without_events() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 0, 0);
    let _running = harness.call().await;
    for job in 1..=LIMIT {
        harness.add(Priority::Bulk, job as u64, u32::try_from(job).expect("small"));
    }
    let refused = harness.queue.add(spec(5_000, 5_000)).expect_err("no room");
    assert_eq!(refused.spec.job, JobId(5_000));
    let events = harness.close().await;
    assert_eq!(events.len(), LIMIT + 2);
    assert!(events.iter().all(|(job, ..)| *job != 5_000));
}

#[tokio::test]
async fn a_job_without_a_request_fails_and_never_starts() {
    let mut harness = Harness::new(1);
    harness.add(Priority::Interactive, 1, 404);
    let failed = JobEvent::Ended(Outcome::Failed(DescribeError { message: "no image".to_owned() }));
    assert_eq!(harness.event().await, (1, 404, failed));
    assert_eq!(harness.close().await, []);
}
