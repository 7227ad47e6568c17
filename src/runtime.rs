//! The runtime: performs what the core asks for, off the screen's thread, and reports back in messages.
//!
//! One thread reads lines (the reader), one keeps the session (the clerk); others come and go: the index,
//! the check of the pictures, scans, a save. Descriptions run in the queue, pictures in the previewer.

mod candidates;
mod clerk;
mod reader;
mod replacements;
mod scanner;
mod sorter;
mod spot_report;
mod survey;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, Progress, RecordId};
use crate::describe::{Describer, DescriberEvent};
use crate::engine::queue::Queue;
use crate::engine::request;
use crate::output::{Output, SaveRefused};
use crate::preview::{Capabilities, CellArea, Painter, PreviewError, Previewer, Ready, Shot, Thumbnails};
use crate::report::Figures;
use crate::review::{Effect, Msg, SaveFailure};
use crate::session::{self, Location, SampleRequest};
use clerk::{Clerk, Task};
use reader::Reader;
use scanner::Scanner;

/// What the runtime works with.
pub struct Parts {
    /// The dataset.
    pub dataset: Dataset,
    /// Where its session is kept.
    pub session: Location,
    /// Look, but decide nothing.
    pub read_only: bool,
    /// Who writes captions.
    pub describer: Option<Arc<dyn Describer>>,
    /// The most words a caption may have.
    pub max_words: usize,
    /// Where the updated dataset goes.
    pub output: Output,
    /// Overwrite whatever is there without asking.
    pub force: bool,
    /// The output of an older run, whose texts are taken in as candidates.
    pub candidates: Option<PathBuf>,
    /// The sample to be judged, where this is a spot check.
    pub sample: Option<SampleRequest>,
    /// Who reviews.
    pub reviewer: String,
}

/// The work in the background.
pub struct Runtime {
    parts: Parts,
    messages: UnboundedSender<Msg>,
    clerk: Option<Clerk>,
    reader: Option<Reader>,
    scanner: Scanner,
    queue: Option<Arc<Queue>>,
    previewer: Option<Previewer>,
    threads: Vec<JoinHandle<()>>,
    stopping: Arc<AtomicBool>,
}

impl Runtime {
    /// A runtime that does nothing yet.
    #[must_use]
    pub fn new(parts: Parts, messages: UnboundedSender<Msg>) -> Self {
        Self {
            parts,
            messages,
            clerk: None,
            reader: None,
            scanner: Scanner::default(),
            queue: None,
            previewer: None,
            threads: Vec::new(),
            stopping: Arc::default(),
        }
    }

    /// Begins: the index, the session, the check of the pictures.
    pub fn start(&mut self) {
        let queue = self.parts.describer.clone().map(|describer| {
            let messages = self.messages.clone();
            let concurrency = describer.concurrency();
            let (dataset, max_words) = (self.parts.dataset.clone(), self.parts.max_words);
            let prepare = Arc::new(move |spec| request::build(&dataset, spec, max_words));
            Arc::new(Queue::spawn(describer, concurrency, prepare, move |job, record, event| {
                let _ = messages.send(Msg::Job { job, record, event, at: Timestamp::now() });
            }))
        });
        self.queue.clone_from(&queue);
        self.reader = Some(Reader::spawn(self.parts.dataset.clone(), &self.messages));
        let clerk = Clerk::spawn(&self.parts, queue, &self.messages, self.stopping.clone());
        let inbox = clerk.inbox();
        self.clerk = Some(clerk);
        self.listen(inbox.clone());
        let (dataset, messages, stopping) = (self.parts.dataset.clone(), self.messages.clone(), self.stopping.clone());
        self.spawn("index", move || index(&dataset, &messages, &inbox, &stopping));
    }

    /// Hands on what the describer tells of itself: to the screen, and what was paid for to the session first.
    fn listen(&self, clerk: Sender<Task>) {
        let Some(describer) = &self.parts.describer else { return };
        let messages = self.messages.clone();
        // Nobody listens while the program ends.
        describer.set_listener(Arc::new(move |news| match news {
            DescriberEvent::Status(status) => {
                let _ = messages.send(Msg::Describer(status));
            }
            DescriberEvent::Charged(charge) => {
                let cost = charge.usage.cost;
                let _ = clerk.send(Task::Charge(charge, Timestamp::now()));
                let _ = messages.send(Msg::Spent(cost));
            }
        }));
    }

    /// Starts making pictures ready for a terminal, and gives what draws them.
    pub fn show_pictures(&mut self, terminal: Capabilities) -> Painter {
        let messages = self.messages.clone();
        let thumbnails = self.parts.session.thumbnails().map(Thumbnails::in_folder);
        let previewer = Previewer::spawn(terminal, thumbnails, move |ready| {
            let _ = messages.send(Msg::Picture(ready));
        });
        self.previewer.insert(previewer).painter()
    }

    /// The terminal has lost the pictures it was sent.
    pub fn forget_pictures(&self) {
        if let Some(previewer) = &self.previewer {
            previewer.forget();
        }
    }

    /// Performs an effect. An answer that is there at once is returned.
    pub fn perform(&mut self, effect: Effect) -> Option<Msg> {
        match effect {
            Effect::Load(records) => {
                if let Some(reader) = &self.reader {
                    reader.read(records);
                }
            }
            Effect::Record { seq, event } => self.tell(Task::Record { seq, event, at: Timestamp::now() }),
            Effect::RememberCursor(record, file_name) => self.tell(Task::RememberCursor(record, file_name)),
            Effect::ReopenSession => self.tell(Task::Reopen),
            Effect::Describe(asks) => self.tell(Task::Describe(asks)),
            Effect::DescribeAhead(asks) => self.tell(Task::DescribeAhead(asks)),
            Effect::StopDescriptions => self.tell(Task::StopDescriptions),
            Effect::ResumeDescriber => {
                if let Some(describer) = &self.parts.describer {
                    describer.resume();
                }
            }
            Effect::ShowPicture { record, file_name, shot } => {
                let previewer = self.previewer.as_ref()?;
                let (path, result) = match self.parts.dataset.picture_path(&file_name) {
                    Ok(path) => (path.clone(), previewer.show(record, path, shot)),
                    Err(refused) => (file_name.into(), Some(Err(PreviewError::Refused(refused.to_string())))),
                };
                return result.map(|result| Msg::Picture(Ready { record, path, shot, cell: previewer.cell(), result }));
            }
            Effect::PrefetchPictures { pictures, area } => {
                let dataset = &self.parts.dataset;
                let paths = pictures.iter().filter_map(|(_, name)| dataset.picture_path(name).ok());
                if let Some(previewer) = &self.previewer {
                    previewer.prefetch(paths, Shot::whole(area));
                }
            }
            Effect::ShowThumbnails { pictures, area } => self.show_thumbnails(pictures, area),
            Effect::FindReplacements(scan) => {
                let (dataset, messages) = (self.parts.dataset.clone(), self.messages.clone());
                let stop = self.scanner.start(scan.id);
                self.spawn("replace", move || replacements::find(&dataset, &scan, &messages, &stop));
            }
            Effect::Scan(scan) => {
                let (dataset, messages) = (self.parts.dataset.clone(), self.messages.clone());
                let stop = self.scanner.start(scan.id);
                self.spawn("scan", move || scanner::run(&dataset, &scan, &messages, &stop));
            }
            Effect::Sort(scan) => {
                let (dataset, messages) = (self.parts.dataset.clone(), self.messages.clone());
                let stop = self.scanner.start(scan.id);
                self.spawn("sort", move || sorter::run(&dataset, &scan, &messages, &stop));
            }
            Effect::CollectVocabulary => {
                let (dataset, messages) = (self.parts.dataset.clone(), self.messages.clone());
                self.spawn("vocabulary", move || scanner::learn(&dataset, &messages));
            }
            Effect::StopScan(id) => self.scanner.stop(id),
            Effect::Save { amendments, through, saves, force } => {
                let force = force || self.parts.force;
                let (dataset, output) = (self.parts.dataset.clone(), self.parts.output.clone());
                let messages = self.messages.clone();
                self.spawn("save", move || {
                    let msg = match output.save(&dataset, amendments, &saves, through, force) {
                        Ok(summary) => Msg::Saved(summary),
                        Err(SaveRefused::Conflict(why)) => Msg::SaveFailed(SaveFailure::Conflict(why)),
                        Err(SaveRefused::Failed(why)) => Msg::SaveFailed(SaveFailure::Other(why)),
                    };
                    let _ = messages.send(msg);
                });
            }
            Effect::WriteReport { path, force } => {
                let (dataset, location) = (self.parts.dataset.clone(), self.parts.session.clone());
                let messages = self.messages.clone();
                self.spawn("report", move || {
                    let _ = messages.send(Msg::ReportWritten(spot_report::write(&dataset, &location, path, force)));
                });
            }
            Effect::GatherFigures => {
                let (dataset, location) = (self.parts.dataset.clone(), self.parts.session.clone());
                let (max_words, messages) = (self.parts.max_words, self.messages.clone());
                let stopping = self.stopping.clone();
                self.spawn("statistics", move || {
                    if let Some(figures) = figures(&dataset, &location, max_words, &stopping).transpose() {
                        let _ = messages.send(Msg::Figures(figures));
                    }
                });
            }
            // These are the screen's.
            Effect::EditExternally { .. } | Effect::Copy(_) | Effect::Notify(_) | Effect::Suspend | Effect::Quit => {}
        }
        None
    }

    /// Asks for small pictures. Those that are there at once come with the next messages, before a frame is drawn.
    fn show_thumbnails(&self, pictures: Vec<(RecordId, String)>, area: CellArea) {
        let Some(previewer) = &self.previewer else { return };
        let mut wanted = Vec::with_capacity(pictures.len());
        let mut ready = Vec::new();
        for (record, file_name) in pictures {
            match self.parts.dataset.picture_path(&file_name) {
                Ok(path) => wanted.push((record, path)),
                Err(refused) => {
                    let result = Err(PreviewError::Refused(refused.to_string()));
                    let (path, shot, cell) = (file_name.into(), Shot::whole(area), previewer.cell());
                    ready.push(Ready { record, path, shot, cell, result });
                }
            }
        }
        ready.extend(previewer.show_small(wanted, area));
        for ready in ready {
            let _ = self.messages.send(Msg::Picture(ready));
        }
    }

    /// Stops everything. What was handed to the session is stored before this returns.
    pub async fn close(mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.scanner.stop_all();
        self.previewer = None;
        self.reader = None;
        if let Some(clerk) = self.clerk.take() {
            clerk.close();
        }
        if let Some(queue) = self.queue.take().and_then(Arc::into_inner) {
            queue.close().await;
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    fn tell(&self, task: Task) {
        if let Some(clerk) = &self.clerk {
            clerk.tell(task);
        }
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        self.threads.retain(|thread| !thread.is_finished());
        match thread::Builder::new().name(name.to_owned()).spawn(work) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                let _ = self.messages.send(Msg::Notice(format!("no thread for the {name}: {error}")));
            }
        }
    }
}

impl Drop for Runtime {
    /// Where the review ends in a panic, what was decided is stored all the same.
    fn drop(&mut self) {
        if let Some(clerk) = self.clerk.take() {
            clerk.close();
        }
    }
}

/// Whether long work should go on.
fn go_on(stopping: &AtomicBool) -> ControlFlow<()> {
    if stopping.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// What the session has come to as far as it is stored; nothing where there is no time left to tell.
fn figures(
    dataset: &Dataset,
    location: &Location,
    max_words: usize,
    stopping: &AtomicBool,
) -> Result<Option<Box<Figures>>, String> {
    let history = session::read_history(location, dataset).map_err(|error| error.to_string())?;
    let figures = Figures::gather(dataset, &history, max_words, &mut || go_on(stopping));
    figures.map(|figures| figures.map(Box::new)).map_err(|error| error.to_string())
}

/// Builds the index, then looks at every record's line and picture, then for names that stand more than once.
fn index(dataset: &Dataset, messages: &UnboundedSender<Msg>, clerk: &Sender<Task>, stopping: &AtomicBool) {
    let go_on = || go_on(stopping);
    let report = |progress: &Progress| {
        let _ = messages.send(Msg::Indexed { records: progress.records, complete: progress.complete });
    };
    let built = dataset.build_index(&mut |progress| {
        report(&progress);
        go_on()
    });
    match built {
        Ok(progress) => report(&progress),
        Err(error) => {
            let _ = messages.send(Msg::DatasetFailed(error.to_string()));
            return;
        }
    }
    survey::check(dataset, messages, &go_on);
    match dataset.survey(&mut || go_on()) {
        Ok(Some(survey)) => {
            // A clerk that is gone has nothing to tell apart.
            let _ = clerk.send(Task::Occurrences(survey.occurrences));
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "repeated file names are not known"),
    }
}
