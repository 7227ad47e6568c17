//! Two threads that make things nobody waits for in vain: the newest request first, then the row of those asked for
//! besides, then wishes, and nothing that is no longer wanted. Knows nothing of pictures beyond their paths.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::PreviewError;
use super::zoom::Shot;
use crate::dataset::RecordId;
use crate::picture::{ByteCache, Stamp};

/// Two: one may be busy with a picture the operator has left while the other takes the one they see.
const THREADS: usize = 2;
/// The most wishes kept: two records each way, and a few to spare.
const MOST_WISHES: usize = 8;

/// What is made: the picture of a path, shown in some way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub path: PathBuf,
    pub shot: Shot,
    /// A thumbnail will do.
    pub small: bool,
}

/// The work itself, and what it looks at.
pub(super) trait Maker: Send + Sync + 'static {
    /// What is made.
    type Output: Clone + Send + 'static;

    /// The present state of the source, or why it cannot be read.
    fn stamp(&self, path: &Path) -> Result<Stamp, PreviewError>;

    /// Makes it. Asks `still_wanted` between stages, and may stop with `None` when told no.
    fn make(
        &self,
        wanted: &Wanted,
        stamp: Stamp,
        still_wanted: &dyn Fn() -> bool,
    ) -> Option<Result<Self::Output, PreviewError>>;

    /// The bytes a result takes.
    fn bytes(&self, output: &Self::Output) -> usize;
}

/// The answer to a request.
pub(super) struct Answer<O> {
    pub record: RecordId,
    pub wanted: Wanted,
    pub result: Result<O, PreviewError>,
}

/// A result, and the state of the source it was made of.
#[derive(Clone)]
struct Made<O> {
    stamp: Result<Stamp, PreviewError>,
    result: Result<O, PreviewError>,
}

/// A request, until it is answered.
struct Asked {
    record: RecordId,
    wanted: Wanted,
    /// The state of the source of what the asker was given at once.
    given: Option<Result<Stamp, PreviewError>>,
}

struct State<O> {
    asked: Option<Asked>,
    /// What is asked for besides the newest request, in this order.
    besides: Vec<Asked>,
    wishes: Vec<Wanted>,
    in_flight: Vec<Wanted>,
    made: ByteCache<Wanted, Made<O>>,
    closing: bool,
}

impl<O: Clone> State<O> {
    /// The next thing to do. At most one wish is granted at a time, so that a request finds a thread free.
    fn next(&mut self) -> Option<Wanted> {
        let job = match self.asked().find(|wanted| !self.in_flight.contains(wanted)) {
            Some(wanted) => wanted.clone(),
            None if self.in_flight.iter().any(|wanted| !self.is_asked(wanted)) => return None,
            None => self.wishes.iter().find(|wanted| !self.in_flight.contains(wanted))?.clone(),
        };
        self.in_flight.push(job.clone());
        Some(job)
    }

    fn asked(&self) -> impl Iterator<Item = &Wanted> {
        self.asked.iter().chain(&self.besides).map(|asked| &asked.wanted)
    }

    fn is_asked(&self, wanted: &Wanted) -> bool {
        self.asked().any(|asked| asked == wanted)
    }

    fn is_wanted(&self, wanted: &Wanted) -> bool {
        !self.closing && (self.is_asked(wanted) || self.wishes.contains(wanted))
    }

    /// Makes a request of what is wanted, with what is known of it.
    fn request(&mut self, record: RecordId, wanted: Wanted) -> (Asked, Option<Result<O, PreviewError>>) {
        let known = self.made.get(&wanted).cloned();
        let (given, result) = known.map(|made| (made.stamp, made.result)).unzip();
        (Asked { record, wanted, given }, result)
    }
}

struct Shared<M: Maker> {
    maker: M,
    state: Mutex<State<M::Output>>,
    work: Condvar,
    on_answer: Box<dyn Fn(Answer<M::Output>) + Send + Sync>,
}

impl<M: Maker> Shared<M> {
    fn state(&self) -> MutexGuard<'_, State<M::Output>> {
        // Nothing panics while holding the lock; if it did, the state would still be a valid one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(wanted) = self.wait_for_work() {
            let stamp = self.maker.stamp(&wanted.path);
            let known = self.state().made.get(&wanted).filter(|made| made.stamp == stamp).cloned();
            let made = known.or_else(|| {
                let result = match stamp.clone() {
                    Ok(stamp) => self.maker.make(&wanted, stamp, &|| self.state().is_wanted(&wanted))?,
                    Err(refusal) => Err(refusal),
                };
                Some(Made { stamp, result })
            });
            for answer in self.finish(&wanted, made) {
                (self.on_answer)(answer);
            }
        }
    }

    fn wait_for_work(&self) -> Option<Wanted> {
        let mut state = self.state();
        loop {
            if state.closing {
                return None;
            }
            if let Some(wanted) = state.next() {
                return Some(wanted);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Files a result away and says whom it answers: several records may have the same picture. Without one (it was
    /// given up) the job can be taken anew.
    fn finish(&self, wanted: &Wanted, made: Option<Made<M::Output>>) -> Vec<Answer<M::Output>> {
        let mut state = self.state();
        state.in_flight.retain(|other| other != wanted);
        // A thread may wait because of what was in flight.
        self.work.notify_all();
        let Some(made) = made else { return Vec::new() };
        state.wishes.retain(|other| other != wanted);
        let bytes = made.result.as_ref().map_or(size_of::<PreviewError>(), |output| self.maker.bytes(output));
        state.made.insert(wanted.clone(), made.clone(), bytes);
        let newest = state.asked.take_if(|asked| asked.wanted == *wanted);
        let answered = state.besides.extract_if(.., |asked| asked.wanted == *wanted).chain(newest);
        answered
            .filter(|asked| asked.given.as_ref() != Some(&made.stamp))
            .map(|asked| Answer { record: asked.record, wanted: asked.wanted, result: made.result.clone() })
            .collect()
    }
}

/// The threads and their queue. Dropping it gives up the work, and waits for the stage each thread is in.
pub(super) struct Workers<M: Maker> {
    shared: Arc<Shared<M>>,
    threads: Vec<JoinHandle<()>>,
}

impl<M: Maker> Workers<M> {
    /// Starts the threads. `most_bytes` bounds what is kept of the results; `on_answer` is called on a worker thread.
    pub fn start(maker: M, most_bytes: usize, on_answer: impl Fn(Answer<M::Output>) + Send + Sync + 'static) -> Self {
        let state = State {
            asked: None,
            besides: Vec::new(),
            wishes: Vec::new(),
            in_flight: Vec::new(),
            made: ByteCache::new(most_bytes),
            closing: false,
        };
        let on_answer = Box::new(on_answer);
        let shared = Arc::new(Shared { maker, state: Mutex::new(state), work: Condvar::new(), on_answer });
        let threads = (1..=THREADS)
            .filter_map(|number| {
                let shared = Arc::clone(&shared);
                let builder = std::thread::Builder::new().name(format!("picture-{number}"));
                builder.spawn(move || shared.run()).ok()
            })
            .collect();
        Self { shared, threads }
    }

    pub fn maker(&self) -> &M {
        &self.shared.maker
    }

    /// Asks for one thing, in place of whatever was asked before. What is known is returned at once; an answer follows
    /// if it is not known, or no longer true of the source.
    pub fn ask(&self, record: RecordId, wanted: Wanted) -> Option<Result<M::Output, PreviewError>> {
        let mut state = self.shared.state();
        let (asked, result) = state.request(record, wanted);
        state.asked = Some(asked);
        self.shared.work.notify_one();
        result
    }

    /// Asks for many things besides, to be made in this order, in place of those asked for this way before. What is
    /// known is returned at once, as by [`Self::ask`].
    pub fn ask_besides(&self, all: impl IntoIterator<Item = (RecordId, Wanted)>) -> Vec<Answer<M::Output>> {
        let mut state = self.shared.state();
        state.besides.clear();
        let mut known = Vec::new();
        for (record, wanted) in all {
            let (asked, result) = state.request(record, wanted);
            known.extend(result.map(|result| Answer { record, wanted: asked.wanted.clone(), result }));
            state.besides.push(asked);
        }
        self.shared.work.notify_all();
        known
    }

    /// Takes the last request back.
    pub fn ask_nothing(&self) {
        self.shared.state().asked = None;
    }

    /// What may be asked for soon, the likeliest first, in place of the wishes before.
    pub fn wish(&self, wishes: impl IntoIterator<Item = Wanted>) {
        let mut state = self.shared.state();
        state.wishes.clear();
        for wanted in wishes.into_iter().take(MOST_WISHES) {
            if !state.made.contains(&wanted) && !state.wishes.contains(&wanted) {
                state.wishes.push(wanted);
            }
        }
        self.shared.work.notify_one();
    }

    /// Forgets all results.
    pub fn forget(&self) {
        self.shared.state().made.clear();
    }
}

impl<M: Maker> Drop for Workers<M> {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing left to wait for.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
