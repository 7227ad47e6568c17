//! A test harness around the core: records in memory, a recording session store, and a describer scripted by the test.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;
use recaption::dataset::{Dataset, Entry, Line, OpenOptions, RecordId};
use recaption::describe::{DescribeError, Description, Dollars, JobId, Outcome, StopReason};
use recaption::engine::JobEvent;
use recaption::engine::rules::JobSpec;
use recaption::engine::{EngineEvent, SaveSummary};
use recaption::lint::Rules;
use recaption::preview::{CellArea, PictureView, Preview, PreviewError, Ready};
use recaption::report::Figures;
use recaption::review::query::Vocabulary;
use recaption::review::{
    Context, Effect, HitsBuilder, Model, Msg, Scan, Scanned, Settings, SortScan, Sorter, Viewport, update,
};
use recaption::session::{Decision, Event, History, Ledger, Opened, Seq, Step};
use recaption::text::TagCounter;
use recaption::tui::{Key, Keymap, Lookup};
use roaring::RoaringBitmap;

pub struct World {
    pub model: Model,
    /// All durable events, in order.
    pub stored: Vec<(Seq, Event)>,
    /// Effects that the harness does not execute itself, in order.
    pub asked: Vec<Effect>,
    /// Hold back events instead of storing them at once.
    pub slow_disk: bool,
    waiting: Vec<Step>,
    /// Hold back lines instead of reading them at once.
    pub slow_reads: bool,
    unread: Vec<RecordId>,
    /// Hold back scans instead of running them at once.
    pub slow_scans: bool,
    scans: Vec<Scan>,
    sorts: Vec<SortScan>,
    /// The last request for the vocabulary.
    pub collected: Option<Effect>,
    dataset: Dataset,
    entries: Vec<Entry>,
    keymap: Keymap,
    _folder: tempfile::TempDir,
}

impl World {
    /// Creates a reviewer for records with these captions, with a describer but without prefetching.
    pub fn new(captions: &[&str]) -> Self {
        Self::with(captions, |_| {})
    }

    /// Like [`new`](Self::new), with changed settings.
    pub fn with(captions: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let lines: String = captions
            .iter()
            .enumerate()
            .map(|(number, caption)| {
                if caption.starts_with('{') {
                    format!("{caption}\n")
                } else {
                    format!("{}\n", serde_json::json!({"file_name": format!("images/{number}.jpg"), "text": caption}))
                }
            })
            .collect();
        let mut settings = Settings {
            output: "out.jsonl".to_owned(),
            dataset: "test".to_owned(),
            describer: Some("scripted".to_owned()),
            rules: Rules { max_words: 10, min_words: 1, ..Rules::default() },
            ahead: 0,
            price: None,
            writes_objects: true,
            levels_of_detail: true,
            ahead_agreed: false,
            confirm_above: Dollars::default(),
            keep_line_breaks: false,
            sample: None,
            verifier: None,
            no_verifier: String::new(),
        };
        change(&mut settings);
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (dataset, entries) = parse(folder.path(), &lines);
        let mut world = Self {
            model: Model::new(settings),
            stored: Vec::new(),
            asked: Vec::new(),
            slow_disk: false,
            waiting: Vec::new(),
            slow_reads: false,
            unread: Vec::new(),
            slow_scans: false,
            scans: Vec::new(),
            sorts: Vec::new(),
            collected: None,
            dataset,
            entries,
            keymap: Keymap::defaults().expect("the embedded keymap is valid"),
            _folder: folder,
        };
        world.begin(Ledger::new());
        world
    }

    fn begin(&mut self, ledger: Ledger) {
        let room = CellArea { columns: 20, rows: 10 };
        let viewport = Viewport { list_rows: 5, picture: Some(room), zoom: room, ..Viewport::default() };
        self.send(Msg::Resized(Box::new(viewport.into())));
        self.send(EngineEvent::Indexed {
            records: u32::try_from(self.entries.len()).expect("few records"),
            complete: true,
        });
        self.send(EngineEvent::SessionOpened {
            opened: Box::new(Opened { ledger, ..Opened::default() }),
            remark: None,
            read_only: None,
        });
        self.asked.clear();
    }

    pub fn len(&self) -> u32 {
        u32::try_from(self.entries.len()).expect("few records")
    }

    /// Simulates a kill and a restart: only stored events survive.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.model = Model::new(self.model.settings.clone());
        let mut ledger = Ledger::new();
        for (seq, event) in &self.stored {
            assert_eq!(ledger.apply(event.clone()).0, *seq, "events are numbered without gaps");
        }
        self.begin(ledger);
    }

    /// Sends a message to the core and executes the resulting effects.
    pub fn send(&mut self, msg: impl Into<Msg>) {
        let mut messages = vec![msg.into()];
        while let Some(msg) = messages.pop() {
            for effect in update(&mut self.model, msg) {
                match effect {
                    Effect::Load(records) if self.slow_reads => self.unread.extend(records),
                    Effect::Load(records) => messages.push(self.lines(&records)),
                    Effect::Store(step) if self.slow_disk => self.waiting.push(step),
                    Effect::Store(step) => {
                        self.stored.extend((step.first.0..).map(Seq).zip(step.changes.events()));
                        messages.push(EngineEvent::Durable(step.last(), Timestamp::UNIX_EPOCH).into());
                    }
                    Effect::StoreResults(id, transaction) => {
                        for step in &transaction.steps {
                            self.stored.extend((step.first.0..).map(Seq).zip(step.changes.events()));
                            messages.push(EngineEvent::Durable(step.last(), Timestamp::UNIX_EPOCH).into());
                        }
                        self.asked.push(Effect::StoreResults(id, transaction));
                    }
                    Effect::FindReplacements(scan) => {
                        let mut hits = HitsBuilder::default();
                        let visit = &mut |line: &recaption::dataset::Line| {
                            if scan.records.contains(line.record().0) {
                                scan.add(line, &mut hits);
                            }
                            std::ops::ControlFlow::Continue(())
                        };
                        self.dataset.scan_lines(visit).expect("the dataset can be read");
                        messages.push(Msg::Replacements { id: scan.id, hits: hits.finish(), complete: true });
                    }
                    Effect::Sort(scan) if self.slow_scans => self.sorts.push(scan),
                    Effect::Sort(scan) => messages.push(self.sorted(&scan)),
                    Effect::Scan(scan) if self.slow_scans => self.scans.push(scan),
                    Effect::Scan(scan) => messages.push(Msg::Scanned(self.scanned(&scan))),
                    Effect::CollectVocabulary(id, now) => {
                        self.collected = Some(Effect::CollectVocabulary(id, now.clone()));
                        let mut vocabulary = Vocabulary::default();
                        let learn = &mut |line: &Line| {
                            vocabulary.add(line, &now);
                            std::ops::ControlFlow::Continue(())
                        };
                        self.dataset.scan_lines(learn).expect("the dataset can be read");
                        messages.push(Msg::VocabularyReady(id, vocabulary.finished()));
                    }
                    Effect::CountTags(scan) => {
                        let mut counter = TagCounter::new(scan.unit);
                        let count = &mut |line: &Line| {
                            scan.add(line, &mut counter);
                            std::ops::ControlFlow::Continue(())
                        };
                        self.dataset.scan_lines(count).expect("the dataset can be read");
                        let table = Arc::new(counter.table());
                        messages.push(Msg::TagsCounted { id: scan.id, table, complete: true });
                    }
                    Effect::StopScan(id) => {
                        self.scans.retain(|scan| scan.id != id);
                        self.sorts.retain(|scan| scan.id != id);
                    }
                    Effect::ShowPicture { .. } | Effect::PrefetchPictures { .. } | Effect::RememberCursor(..) => {}
                    other => self.asked.push(other),
                }
            }
        }
    }

    fn lines(&self, records: &[RecordId]) -> Msg {
        let entries = records.iter().map(|record| self.entries[record.index()].clone()).collect();
        EngineEvent::Lines { entries, texts: Vec::new() }.into()
    }

    /// Reads the lines held back.
    pub fn reads_catch_up(&mut self) {
        self.slow_reads = false;
        let unread = std::mem::take(&mut self.unread);
        self.send(self.lines(&unread));
    }

    /// Stores the events held back.
    pub fn disk_catches_up(&mut self) {
        for step in std::mem::take(&mut self.waiting) {
            self.stored.extend((step.first.0..).map(Seq).zip(step.changes.events()));
            self.send(EngineEvent::Durable(step.last(), Timestamp::UNIX_EPOCH));
        }
    }

    /// Returns the complete result of a scan.
    fn scanned(&self, scan: &Scan) -> Scanned {
        let all = || (0..u32::try_from(self.entries.len()).expect("few records")).collect();
        let among: RoaringBitmap = scan.records.clone().unwrap_or_else(all);
        let mut report = Scanned { id: scan.id, done: true, ..Scanned::default() };
        self.dataset
            .scan_lines(&mut |line| {
                if among.contains(line.record().0) {
                    scan.add(line, &mut report);
                }
                std::ops::ControlFlow::Continue(())
            })
            .expect("the dataset can be read");
        Scanned { among, ..report }
    }

    /// Returns the result of a sort.
    fn sorted(&self, scan: &SortScan) -> Msg {
        let mut sorter = Sorter::new(scan);
        if sorter.needs_lines() {
            let see = &mut |line: &Line| {
                sorter.add(line);
                std::ops::ControlFlow::Continue(())
            };
            self.dataset.scan_lines(see).expect("the dataset can be read");
        }
        let order = sorter.order(&mut || std::ops::ControlFlow::Continue(())).expect("never cancelled");
        Msg::Sorted { id: scan.id, order: Arc::new(order) }
    }

    /// Runs the scans and sorts held back.
    pub fn scans_catch_up(&mut self) {
        for scan in std::mem::take(&mut self.sorts) {
            let sorted = self.sorted(&scan);
            self.send(sorted);
        }
        for scan in std::mem::take(&mut self.scans) {
            let scanned = self.scanned(&scan);
            self.send(Msg::Scanned(scanned));
        }
    }

    /// Delivers a partial result for these records of the scan held back.
    pub fn scan_reaches(&mut self, records: std::ops::Range<u32>) {
        let Some(scan) = self.scans.last() else { panic!("no scan is waiting") };
        let among: RoaringBitmap = records.collect();
        let Scanned { id, found, errors, .. } = self.scanned(scan);
        let (found, errors) = (found & &among, errors & &among);
        self.send(Msg::Scanned(Scanned { id, found, errors, among, done: false }));
    }

    /// Delivers an image or an error, for the cell size of the screen.
    pub fn picture(&mut self, record: u32, view: PictureView, result: Result<Preview, PreviewError>) {
        let (path, cell) = (format!("images/{record}.jpg").into(), self.model.viewport.cell);
        self.send(Msg::Picture(Ready { record: RecordId(record), path, view, cell, result }));
    }

    /// Gathers the statistics of the session like the runtime.
    pub fn figures(&self) -> Figures {
        let opened = Opened { ledger: self.model.ledger.clone(), ..Opened::default() };
        let history = History { opened, ..History::default() };
        let rules = &self.model.settings.rules;
        let figures = Figures::gather(&self.dataset, &history, rules, &mut || ControlFlow::Continue(()));
        figures.expect("the dataset can be read").expect("not cancelled")
    }

    /// Returns the records in the list.
    pub fn listed(&self) -> Vec<u32> {
        let view = self.model.view();
        (0..view.len()).filter_map(|position| view.nth(position)).map(|record| record.0).collect()
    }

    /// Presses keys, in keymap notation.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        let mut pressed = Vec::new();
        for key in Key::parse_sequence(keys).expect("the test writes keys that exist") {
            pressed.push(key);
            match self.keymap.lookup(Context::of(&self.model), &pressed) {
                Lookup::Command(command) => {
                    pressed.clear();
                    self.send(Msg::Command(command));
                }
                Lookup::Prefix => {}
                Lookup::Unbound => panic!("{keys}: nothing is bound in {:?}", self.model.mode),
            }
        }
        self
    }

    /// Replaces the text in the editor.
    pub fn write(&mut self, text: &str) -> &mut Self {
        assert!(Context::of(&self.model).takes_text(), "no editor is open");
        self.send(Msg::Typed { text: text.to_owned(), cursor: text.chars().count() });
        self
    }

    /// Returns the descriptions requested since the last call.
    pub fn asks(&mut self) -> Vec<JobSpec> {
        let asked = std::mem::take(&mut self.asked);
        asked
            .into_iter()
            .filter_map(|effect| match effect {
                Effect::Describe(asks) | Effect::DescribeAhead(asks) => Some(asks),
                _ => None,
            })
            .flatten()
            .collect()
    }

    /// Returns the job of a record.
    pub fn job(&self, record: u32) -> JobId {
        self.model.jobs[&RecordId(record)].id
    }

    /// Delivers a job event.
    pub fn news(&mut self, job: JobId, record: u32, event: JobEvent) {
        self.send(EngineEvent::Job { job, record: RecordId(record), event, at: Timestamp::UNIX_EPOCH });
    }

    /// Finishes the job of a record.
    pub fn finish(&mut self, record: u32, text: &str) {
        self.finish_as(record, text, StopReason::EndTurn);
    }

    /// Finishes the job of a record with a stop reason.
    pub fn finish_as(&mut self, record: u32, text: &str, stop: StopReason) {
        let description = Description {
            text: text.to_owned(),
            model: "m1".to_owned(),
            prompt: None,
            parameters: String::new(),
            stop,
            usage: None,
        };
        self.news(self.job(record), record, JobEvent::Ended(Outcome::Described(description)));
    }

    /// Fails the job of a record.
    pub fn fail(&mut self, record: u32, message: &str) {
        let error = DescribeError { message: message.to_owned() };
        self.news(self.job(record), record, JobEvent::Ended(Outcome::Failed(error)));
    }

    /// Ends the job of a record without a candidate.
    pub fn recognise_nothing(&mut self, record: u32) {
        self.news(self.job(record), record, JobEvent::Ended(Outcome::NothingRecognised));
    }

    /// Completes the requested save.
    pub fn save_succeeds(&mut self) {
        let asked = self.asked.iter().rev().find_map(|effect| match effect {
            Effect::Save(request) => Some(request.through),
            _ => None,
        });
        let summary = SaveSummary {
            files: Vec::new(),
            left_out: 0,
            path: "out.jsonl".into(),
            records: 0,
            changed: 0,
            excluded: 0,
            hash: 7,
            through: asked.expect("a requested save"),
            at: Timestamp::UNIX_EPOCH,
            warning: None,
        };
        self.send(EngineEvent::Saved(summary));
    }

    /// Returns the decision of every record, that of the record under the cursor in brackets.
    pub fn decisions(&self) -> String {
        let words = (0..self.entries.len()).map(|number| {
            let record = RecordId(u32::try_from(number).expect("few records"));
            let word = match &self.model.state(record).decision {
                Decision::Undecided => "-".to_owned(),
                Decision::Accepted { text, .. } => format!("accepted:{text}"),
                Decision::Edited { text, .. } => format!("edited:{text}"),
                Decision::Kept => "kept".to_owned(),
                Decision::Skipped => "skipped".to_owned(),
                Decision::Excluded => "excluded".to_owned(),
            };
            if self.model.list.cursor == Some(record) { format!("[{word}]") } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns the record under the cursor.
    pub fn cursor(&self) -> Option<u32> {
        self.model.list.cursor.map(|record| record.0)
    }

    /// Returns the status-line message.
    pub fn notice(&self) -> &str {
        self.model.notice.as_ref().map_or("", |notice| notice.text.as_str())
    }
}

/// Writes and parses a dataset.
fn parse(folder: &std::path::Path, lines: &str) -> (Dataset, Vec<Entry>) {
    let path = folder.join("metadata.jsonl");
    std::fs::write(&path, lines).expect("a dataset for the test");
    let dataset = Dataset::open(&path, &OpenOptions::default()).expect("the dataset opens");
    let mut entries = Vec::new();
    dataset
        .scan(&mut |entry| {
            entries.push(entry);
            std::ops::ControlFlow::Continue(())
        })
        .expect("the dataset can be read");
    (dataset, entries)
}
