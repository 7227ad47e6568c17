use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::picture::PictureError;
use crate::preview::fit::CellArea;

#[derive(Debug, PartialEq, Eq)]
enum Event {
    Stamped(String),
    Started(String),
    Cancelled(String),
}

/// Outputs "name@length", after its gate has opened.
struct TestRunner {
    sources: Mutex<HashMap<String, Result<Stamp, PreviewError>>>,
    gates: Mutex<HashMap<String, Receiver<()>>>,
    events: Mutex<Sender<Event>>,
}

impl TestRunner {
    fn log(&self, event: Event) {
        // Fails after the end of the test.
        let _ = self.events.lock().unwrap().send(event);
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

impl Runner for Arc<TestRunner> {
    type Output = String;

    fn stamp(&self, path: &Path, _is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Stamp, PreviewError> {
        self.log(Event::Stamped(name(path)));
        self.sources.lock().unwrap().get(&name(path)).cloned().unwrap_or(Ok(Stamp::for_test(1)))
    }

    fn run(
        &self,
        job: &Job,
        stamp: Stamp,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Option<Result<String, PreviewError>> {
        let name = name(&job.path);
        self.log(Event::Started(name.clone()));
        let gate = self.gates.lock().unwrap().remove(&name);
        if let Some(gate) = gate {
            // A dropped gate is open.
            let _ = gate.recv();
        }
        if is_cancelled() {
            self.log(Event::Cancelled(name));
            return None;
        }
        let version = [1, 2].into_iter().find(|&length| Stamp::for_test(length) == stamp).unwrap();
        Some(Ok(format!("{name}@{version}")))
    }

    fn bytes(&self, output: &String) -> usize {
        output.len()
    }
}

type Answer = (u32, Result<String, PreviewError>);

struct Fixture {
    pool: WorkerPool<Arc<TestRunner>>,
    runner: Arc<TestRunner>,
    events: Receiver<Event>,
    answers: Receiver<Answer>,
}

impl Fixture {
    /// Puts a gate in front of each of the `gated` jobs; dropping its sender opens it.
    fn new<const N: usize>(gated: [&str; N]) -> (Self, [Sender<()>; N]) {
        let (event, events) = channel();
        let (answer, answers) = channel();
        let runner =
            Arc::new(TestRunner { sources: Mutex::default(), gates: Mutex::default(), events: Mutex::new(event) });
        let openers = gated.map(|name| {
            let (open, gate) = channel();
            runner.gates.lock().unwrap().insert(name.to_owned(), gate);
            open
        });
        let answer = Mutex::new(answer);
        let pool = WorkerPool::start(Arc::clone(&runner), 1 << 20, move |response: Response<String>| {
            let _ = answer.lock().unwrap().send((response.record.0, response.result));
        });
        (Self { pool, runner, events, answers }, openers)
    }

    fn request(&self, record: u32, name: &str) -> Option<Result<String, PreviewError>> {
        self.pool.request(RecordId(record), job(name))
    }

    fn batch(&self, requests: &[(u32, &str)]) -> Vec<Answer> {
        let jobs = requests.iter().map(|(record, name)| (RecordId(*record), job(name)));
        self.pool.request_batch(jobs).into_iter().map(|cached| (cached.record.0, cached.result)).collect()
    }

    fn prefetch(&self, names: &[&str]) {
        self.pool.prefetch(names.iter().map(|name| job(name)));
    }

    /// Waits for an event and skips those before it.
    fn wait(&self, event: &Event) {
        while self.events.recv().unwrap() != *event {}
    }

    /// Waits for the start of all these jobs, in any order.
    fn wait_for_starts(&self, names: &[&str]) {
        let mut waiting: Vec<Event> = names.iter().map(|name| started(name)).collect();
        while !waiting.is_empty() {
            let event = self.events.recv().unwrap();
            waiting.retain(|other| *other != event);
        }
    }

    fn answer(&self) -> Answer {
        self.answers.recv().unwrap()
    }

    fn source(&self, name: &str, stamp: Result<Stamp, PreviewError>) {
        self.runner.sources.lock().unwrap().insert(name.to_owned(), stamp);
    }

    /// Ends the threads and returns the remaining events and answers.
    fn end(self) -> (Vec<Event>, Vec<Answer>) {
        let Self { pool, runner, events, answers } = self;
        drop(pool);
        drop(runner);
        (events.into_iter().collect(), answers.into_iter().collect())
    }
}

fn job(name: &str) -> Job {
    Job { path: PathBuf::from(name), view: PictureView::fit(CellArea { columns: 4, rows: 3 }), small: false }
}

fn started(name: &str) -> Event {
    Event::Started(name.to_owned())
}

fn cancelled(name: &str) -> Event {
    Event::Cancelled(name.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "matches the errors in the assertions")]
fn ok(text: &str) -> Result<String, PreviewError> {
    Ok(text.to_owned())
}

#[test]
fn the_newest_request_wins() {
    let (fixture, [open_a, open_b]) = Fixture::new(["a", "b"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    fixture.request(2, "b");
    fixture.wait(&started("b"));
    // Both threads are busy.
    fixture.request(3, "c");
    fixture.request(4, "d");
    drop((open_a, open_b));
    assert_eq!(fixture.answer(), (4, ok("d@1")));
    let (events, answers) = fixture.end();
    assert!(!events.contains(&started("c")), "{events:?}");
    assert_eq!(answers, [], "cancelled requests get no response");
}

#[test]
fn a_batch_runs_in_its_order_after_the_newest_request() {
    let (fixture, [open_a, open_b]) = Fixture::new(["a", "b"]);
    assert!(fixture.batch(&[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "c")]).is_empty());
    fixture.wait_for_starts(&["a", "b"]);
    fixture.prefetch(&["e"]);
    fixture.request(9, "z");
    drop(open_a);
    let order: Vec<u32> = (0..5).map(|_| fixture.answer().0).collect();
    assert_eq!(order, [1, 9, 3, 5, 4], "the picture of two records is rendered once");
    drop(open_b);
    assert_eq!(fixture.answer(), (2, ok("b@1")));
    fixture.wait(&started("e"));
}

#[test]
fn a_new_batch_cancels_the_previous_one() {
    let (fixture, [open_a, open_b]) = Fixture::new(["a", "b"]);
    fixture.batch(&[(1, "a"), (2, "b"), (3, "c")]);
    fixture.wait_for_starts(&["a", "b"]);
    fixture.batch(&[(4, "d"), (2, "b")]);
    drop((open_a, open_b));
    let mut answers = [fixture.answer(), fixture.answer()];
    answers.sort_by_key(|answer| answer.0);
    assert_eq!(answers, [(2, ok("b@1")), (4, ok("d@1"))]);
    let (events, answers) = fixture.end();
    assert!(events.contains(&cancelled("a")) && !events.contains(&started("c")), "{events:?}");
    assert_eq!(answers, []);
}

#[test]
fn a_batch_returns_cached_results_and_revalidates_them() {
    let (fixture, []) = Fixture::new([]);
    fixture.batch(&[(1, "a"), (2, "b")]);
    let mut answers = [fixture.answer(), fixture.answer()];
    answers.sort_by_key(|answer| answer.0);
    fixture.source("b", Ok(Stamp::for_test(2)));
    assert_eq!(fixture.batch(&[(3, "a"), (4, "b")]), [(3, ok("a@1")), (4, ok("b@1"))]);
    assert_eq!(fixture.answer(), (4, ok("b@2")), "the file has changed");
    let (_, answers) = fixture.end();
    assert_eq!(answers, [], "the other one has not");
}

#[test]
fn a_superseded_job_is_cancelled_between_stages() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    assert_eq!(fixture.request(2, "b"), None);
    assert_eq!(fixture.answer(), (2, ok("b@1")));
    drop(open);
    fixture.wait(&cancelled("a"));
    assert_eq!(fixture.request(3, "a"), None, "a cancelled job has no result");
    assert_eq!(fixture.answer(), (3, ok("a@1")));
}

#[test]
fn requesting_a_job_in_flight_again_does_not_restart_it() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    fixture.request(2, "b");
    assert_eq!(fixture.answer(), (2, ok("b@1")));
    fixture.request(3, "a");
    drop(open);
    assert_eq!(fixture.answer(), (3, ok("a@1")));
    assert!(!fixture.end().0.contains(&started("a")));
}

#[test]
fn a_cached_result_is_returned_without_a_response() {
    let (fixture, []) = Fixture::new([]);
    assert_eq!(fixture.request(1, "a"), None);
    assert_eq!(fixture.answer(), (1, ok("a@1")));
    assert_eq!(fixture.request(2, "a"), Some(ok("a@1")));
    // The source is checked again anyway.
    fixture.wait(&Event::Stamped("a".to_owned()));
    fixture.wait(&Event::Stamped("a".to_owned()));
    fixture.request(3, "b");
    assert_eq!(fixture.answer(), (3, ok("b@1")));
}

#[test]
fn a_changed_source_is_rendered_again() {
    let (fixture, []) = Fixture::new([]);
    fixture.request(1, "a");
    assert_eq!(fixture.answer(), (1, ok("a@1")));
    fixture.source("a", Ok(Stamp::for_test(2)));
    assert_eq!(fixture.request(1, "a"), Some(ok("a@1")), "first the cached result");
    assert_eq!(fixture.answer(), (1, ok("a@2")), "then the new one");
    fixture.source("a", Err(PictureError::Missing.into()));
    assert_eq!(fixture.request(1, "a"), Some(ok("a@2")));
    assert_eq!(fixture.answer(), (1, Err(PictureError::Missing.into())));
    assert_eq!(fixture.request(1, "a"), Some(Err(PictureError::Missing.into())), "errors are cached too");
    fixture.source("a", Ok(Stamp::for_test(1)));
    fixture.request(1, "a");
    assert_eq!(fixture.answer(), (1, ok("a@1")));
}

#[test]
fn a_prefetched_result_is_cached() {
    let (fixture, []) = Fixture::new([]);
    fixture.prefetch(&["a", "b"]);
    // One at a time: the second starts after the first is cached.
    fixture.wait(&started("b"));
    assert_eq!(fixture.request(1, "a"), Some(ok("a@1")));
}

#[test]
fn a_prefetch_in_flight_answers_a_request() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.prefetch(&["a"]);
    fixture.wait(&started("a"));
    assert_eq!(fixture.request(7, "a"), None);
    drop(open);
    assert_eq!(fixture.answer(), (7, ok("a@1")));
    assert!(!fixture.end().0.contains(&started("a")));
}

#[test]
fn prefetches_leave_a_thread_free() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.prefetch(&["a", "b"]);
    fixture.wait(&started("a"));
    fixture.request(1, "c");
    assert_eq!(fixture.answer(), (1, ok("c@1")));
    drop(open);
    fixture.wait(&started("b"));
}

#[test]
fn new_prefetches_replace_the_old_ones() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.prefetch(&["a", "b"]);
    fixture.wait(&started("a"));
    fixture.prefetch(&["c", "d"]);
    drop(open);
    fixture.wait(&cancelled("a"));
    fixture.wait(&started("d"));
    assert!(!fixture.end().0.contains(&started("b")));
}

#[test]
fn prefetches_are_bounded() {
    let (fixture, [open]) = Fixture::new(["0"]);
    let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    fixture.prefetch(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(fixture.pool.shared.state().prefetches.len(), MAX_PREFETCHES);
    drop(open);
    fixture.wait(&started(&(MAX_PREFETCHES - 1).to_string()));
}

#[test]
fn dropping_the_pool_cancels_jobs_in_flight() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    fixture.prefetch(&["b"]);
    let shared = Arc::clone(&fixture.pool.shared);
    let ending = std::thread::spawn(move || fixture.end());
    // The gate opens once the pool is closing.
    while !shared.state().closing {
        std::thread::yield_now();
    }
    drop(shared);
    drop(open);
    let (events, answers) = ending.join().unwrap();
    assert!(events.contains(&cancelled("a")), "{events:?}");
    assert_eq!(answers, []);
}

/// A read from a stalled network mount does not hold up the exit.
#[test]
fn dropping_the_pool_does_not_wait_for_jobs() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    let Fixture { pool, events, .. } = fixture;
    // With a wait for the job, this would never return.
    drop(pool);
    drop(open);
    assert!(events.iter().any(|event| event == cancelled("a")));
}

#[test]
fn a_cancelled_request_gets_no_response() {
    let (fixture, [open]) = Fixture::new(["a"]);
    fixture.request(1, "a");
    fixture.wait(&started("a"));
    fixture.pool.cancel_request();
    drop(open);
    fixture.wait(&cancelled("a"));
    assert_eq!(fixture.end().1, []);
}

#[test]
fn clearing_the_cache_renders_again() {
    let (fixture, []) = Fixture::new([]);
    fixture.request(1, "a");
    assert_eq!(fixture.answer(), (1, ok("a@1")));
    fixture.pool.clear_cache();
    assert_eq!(fixture.request(1, "a"), None);
    assert_eq!(fixture.answer(), (1, ok("a@1")));
}
