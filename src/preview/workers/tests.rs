use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::picture::PictureError;
use crate::preview::fit::CellArea;

/// What the maker of these tests reports.
#[derive(Debug, PartialEq, Eq)]
enum Event {
    Looked(String),
    Started(String),
    GaveUp(String),
}

/// Makes "name@length of source", when its gate is opened.
struct Scripted {
    sources: Mutex<HashMap<String, Result<Stamp, PreviewError>>>,
    gates: Mutex<HashMap<String, Receiver<()>>>,
    events: Mutex<Sender<Event>>,
}

impl Scripted {
    fn tell(&self, event: Event) {
        // After the test's end nobody listens.
        let _ = self.events.lock().unwrap().send(event);
    }
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

impl Maker for Arc<Scripted> {
    type Output = String;

    fn stamp(&self, path: &Path) -> Result<Stamp, PreviewError> {
        self.tell(Event::Looked(name(path)));
        self.sources.lock().unwrap().get(&name(path)).cloned().unwrap_or(Ok(Stamp::made_up(1)))
    }

    fn make(
        &self,
        wanted: &Wanted,
        stamp: Stamp,
        still_wanted: &dyn Fn() -> bool,
    ) -> Option<Result<String, PreviewError>> {
        let name = name(&wanted.path);
        self.tell(Event::Started(name.clone()));
        let gate = self.gates.lock().unwrap().remove(&name);
        if let Some(gate) = gate {
            // A gate that is gone is open.
            let _ = gate.recv();
        }
        if !still_wanted() {
            self.tell(Event::GaveUp(name));
            return None;
        }
        let version = [1, 2].into_iter().find(|&length| Stamp::made_up(length) == stamp).unwrap();
        Some(Ok(format!("{name}@{version}")))
    }

    fn bytes(&self, output: &String) -> usize {
        output.len()
    }
}

/// An answer: for which record, and what.
type Given = (u32, Result<String, PreviewError>);

struct Bench {
    workers: Workers<Arc<Scripted>>,
    script: Arc<Scripted>,
    events: Receiver<Event>,
    answers: Receiver<Given>,
}

impl Bench {
    /// With a gate before each of the `gated`; a gate opens when its sender says so, or is dropped.
    fn new<const N: usize>(gated: [&str; N]) -> (Self, [Sender<()>; N]) {
        let (event, events) = channel();
        let (answer, answers) = channel();
        let script =
            Arc::new(Scripted { sources: Mutex::default(), gates: Mutex::default(), events: Mutex::new(event) });
        let openers = gated.map(|name| {
            let (open, gate) = channel();
            script.gates.lock().unwrap().insert(name.to_owned(), gate);
            open
        });
        let answer = Mutex::new(answer);
        let workers = Workers::start(Arc::clone(&script), 1 << 20, move |given: Answer<String>| {
            let _ = answer.lock().unwrap().send((given.record.0, given.result));
        });
        (Self { workers, script, events, answers }, openers)
    }

    fn ask(&self, record: u32, name: &str) -> Option<Result<String, PreviewError>> {
        self.workers.ask(RecordId(record), wanted(name))
    }

    fn besides(&self, asked: &[(u32, &str)]) -> Vec<Given> {
        let wanted = asked.iter().map(|(record, name)| (RecordId(*record), wanted(name)));
        self.workers.ask_besides(wanted).into_iter().map(|known| (known.record.0, known.result)).collect()
    }

    fn wish(&self, names: &[&str]) {
        self.workers.wish(names.iter().map(|name| wanted(name)));
    }

    /// Waits for an event, whatever else happens before it.
    fn wait(&self, event: &Event) {
        while self.events.recv().unwrap() != *event {}
    }

    fn answer(&self) -> Given {
        self.answers.recv().unwrap()
    }

    fn source(&self, name: &str, stamp: Result<Stamp, PreviewError>) {
        self.script.sources.lock().unwrap().insert(name.to_owned(), stamp);
    }

    /// Ends the threads; what happened that nobody waited for.
    fn end(self) -> (Vec<Event>, Vec<Given>) {
        let Self { workers, script, events, answers } = self;
        drop(workers);
        drop(script);
        (events.into_iter().collect(), answers.into_iter().collect())
    }
}

fn wanted(name: &str) -> Wanted {
    Wanted { path: PathBuf::from(name), shot: Shot::whole(CellArea { columns: 4, rows: 3 }), small: false }
}

fn started(name: &str) -> Event {
    Event::Started(name.to_owned())
}

fn gave_up(name: &str) -> Event {
    Event::GaveUp(name.to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "reads well beside the errors")]
fn ok(text: &str) -> Result<String, PreviewError> {
    Ok(text.to_owned())
}

#[test]
fn the_newest_request_wins() {
    let (bench, [open_a, open_b]) = Bench::new(["a", "b"]);
    bench.ask(1, "a");
    bench.wait(&started("a"));
    bench.ask(2, "b");
    bench.wait(&started("b"));
    // Both threads are busy.
    bench.ask(3, "c");
    bench.ask(4, "d");
    drop((open_a, open_b));
    assert_eq!(bench.answer(), (4, ok("d@1")));
    let (events, answers) = bench.end();
    assert!(!events.contains(&started("c")), "{events:?}");
    assert_eq!(answers, [], "nobody hears of what is no longer wanted");
}

#[test]
fn what_is_asked_for_besides_comes_in_its_order_after_the_newest_request() {
    let (bench, [open_a, open_b]) = Bench::new(["a", "b"]);
    assert!(bench.besides(&[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "c")]).is_empty());
    bench.wait(&started("a"));
    bench.wait(&started("b"));
    bench.wish(&["e"]);
    bench.ask(9, "z");
    drop(open_a);
    let order: Vec<u32> = (0..5).map(|_| bench.answer().0).collect();
    assert_eq!(order, [1, 9, 3, 5, 4], "one picture of two records is made once");
    drop(open_b);
    assert_eq!(bench.answer(), (2, ok("b@1")));
    bench.wait(&started("e"));
}

#[test]
fn what_is_no_longer_asked_for_besides_is_not_made() {
    let (bench, [open_a, open_b]) = Bench::new(["a", "b"]);
    bench.besides(&[(1, "a"), (2, "b"), (3, "c")]);
    bench.wait(&started("a"));
    bench.wait(&started("b"));
    bench.besides(&[(4, "d"), (2, "b")]);
    drop((open_a, open_b));
    let mut answers = [bench.answer(), bench.answer()];
    answers.sort_by_key(|answer| answer.0);
    assert_eq!(answers, [(2, ok("b@1")), (4, ok("d@1"))]);
    let (events, answers) = bench.end();
    assert!(events.contains(&gave_up("a")) && !events.contains(&started("c")), "{events:?}");
    assert_eq!(answers, []);
}

#[test]
fn what_is_known_besides_is_there_at_once_and_looked_at_again() {
    let (bench, []) = Bench::new([]);
    bench.besides(&[(1, "a"), (2, "b")]);
    let mut answers = [bench.answer(), bench.answer()];
    answers.sort_by_key(|answer| answer.0);
    bench.source("b", Ok(Stamp::made_up(2)));
    assert_eq!(bench.besides(&[(3, "a"), (4, "b")]), [(3, ok("a@1")), (4, ok("b@1"))]);
    assert_eq!(bench.answer(), (4, ok("b@2")), "the file has changed");
    let (_, answers) = bench.end();
    assert_eq!(answers, [], "the other has not");
}

#[test]
fn work_nobody_wants_is_given_up_between_stages() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.ask(1, "a");
    bench.wait(&started("a"));
    assert_eq!(bench.ask(2, "b"), None);
    assert_eq!(bench.answer(), (2, ok("b@1")));
    drop(open);
    bench.wait(&gave_up("a"));
    assert_eq!(bench.ask(3, "a"), None, "there is no result");
    assert_eq!(bench.answer(), (3, ok("a@1")));
}

#[test]
fn returning_to_work_under_way_does_not_start_it_again() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.ask(1, "a");
    bench.wait(&started("a"));
    bench.ask(2, "b");
    assert_eq!(bench.answer(), (2, ok("b@1")));
    bench.ask(3, "a");
    drop(open);
    assert_eq!(bench.answer(), (3, ok("a@1")));
    assert!(!bench.end().0.contains(&started("a")));
}

#[test]
fn what_is_known_is_returned_at_once_and_not_announced_again() {
    let (bench, []) = Bench::new([]);
    assert_eq!(bench.ask(1, "a"), None);
    assert_eq!(bench.answer(), (1, ok("a@1")));
    assert_eq!(bench.ask(2, "a"), Some(ok("a@1")));
    // The source is looked at again all the same.
    bench.wait(&Event::Looked("a".to_owned()));
    bench.wait(&Event::Looked("a".to_owned()));
    bench.ask(3, "b");
    assert_eq!(bench.answer(), (3, ok("b@1")));
}

#[test]
fn a_changed_source_is_made_anew() {
    let (bench, []) = Bench::new([]);
    bench.ask(1, "a");
    assert_eq!(bench.answer(), (1, ok("a@1")));
    bench.source("a", Ok(Stamp::made_up(2)));
    assert_eq!(bench.ask(1, "a"), Some(ok("a@1")), "what is known, at once");
    assert_eq!(bench.answer(), (1, ok("a@2")), "then what is true");
    bench.source("a", Err(PictureError::Missing.into()));
    assert_eq!(bench.ask(1, "a"), Some(ok("a@2")));
    assert_eq!(bench.answer(), (1, Err(PictureError::Missing.into())));
    assert_eq!(bench.ask(1, "a"), Some(Err(PictureError::Missing.into())), "reasons are kept too");
    bench.source("a", Ok(Stamp::made_up(1)));
    bench.ask(1, "a");
    assert_eq!(bench.answer(), (1, ok("a@1")));
}

#[test]
fn a_granted_wish_is_there_when_it_is_asked_for() {
    let (bench, []) = Bench::new([]);
    bench.wish(&["a", "b"]);
    // One at a time: the second begins when the first is filed away.
    bench.wait(&started("b"));
    assert_eq!(bench.ask(1, "a"), Some(ok("a@1")));
}

#[test]
fn a_wish_under_way_answers_the_request_that_overtakes_it() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.wish(&["a"]);
    bench.wait(&started("a"));
    assert_eq!(bench.ask(7, "a"), None);
    drop(open);
    assert_eq!(bench.answer(), (7, ok("a@1")));
    assert!(!bench.end().0.contains(&started("a")));
}

#[test]
fn a_request_finds_a_thread_free_beside_wishes() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.wish(&["a", "b"]);
    bench.wait(&started("a"));
    bench.ask(1, "c");
    assert_eq!(bench.answer(), (1, ok("c@1")));
    drop(open);
    bench.wait(&started("b"));
}

#[test]
fn new_wishes_replace_the_old_ones() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.wish(&["a", "b"]);
    bench.wait(&started("a"));
    bench.wish(&["c", "d"]);
    drop(open);
    bench.wait(&gave_up("a"));
    bench.wait(&started("d"));
    assert!(!bench.end().0.contains(&started("b")));
}

#[test]
fn wishes_are_bounded() {
    let (bench, [open]) = Bench::new(["0"]);
    let names: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    bench.wish(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(bench.workers.shared.state().wishes.len(), MOST_WISHES);
    drop(open);
    bench.wait(&started(&(MOST_WISHES - 1).to_string()));
}

#[test]
fn ending_gives_up_what_is_under_way() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.ask(1, "a");
    bench.wait(&started("a"));
    bench.wish(&["b"]);
    let workers = Arc::clone(&bench.workers.shared);
    let ending = std::thread::spawn(move || bench.end());
    // The gate opens when the end has begun.
    while !workers.state().closing {
        std::thread::yield_now();
    }
    drop(workers);
    drop(open);
    let (events, answers) = ending.join().unwrap();
    assert!(events.contains(&gave_up("a")), "{events:?}");
    assert_eq!(answers, []);
}

#[test]
fn what_was_asked_and_taken_back_is_not_answered() {
    let (bench, [open]) = Bench::new(["a"]);
    bench.ask(1, "a");
    bench.wait(&started("a"));
    bench.workers.ask_nothing();
    drop(open);
    bench.wait(&gave_up("a"));
    assert_eq!(bench.end().1, []);
}

#[test]
fn what_is_forgotten_is_made_again() {
    let (bench, []) = Bench::new([]);
    bench.ask(1, "a");
    assert_eq!(bench.answer(), (1, ok("a@1")));
    bench.workers.forget();
    assert_eq!(bench.ask(1, "a"), None);
    assert_eq!(bench.answer(), (1, ok("a@1")));
}
