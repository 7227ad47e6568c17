//! Test helpers: a dataset written from a list, and a session with its ledger.

use std::fs::{self, File, Metadata};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tempfile::TempDir;
use twox_hash::XxHash3_128;

use super::{
    Actor, CandidateId, Changes, Decision, EditBase, Event, Ledger, Location, Opened, Provenance, Seq, SessionError,
    Step, Store, Subject, Worker, WorkerEvent, WorkerHandle, open, open_read_only,
};
use crate::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use crate::describe::StopReason;

/// File names and captions of a dataset.
#[derive(Clone, Debug, Default)]
pub struct List {
    pub path: PathBuf,
    pub caption_field: String,
    pub stamp: u32,
    pub records: Vec<(String, Option<String>)>,
    /// The file is truncated once it is open, so that every read fails.
    pub unreadable: bool,
}

impl List {
    pub fn new(folder: &Path, records: &[(&str, &str)]) -> Self {
        let mut list =
            Self { path: folder.join("metadata.jsonl"), caption_field: CAPTION.to_owned(), ..Self::default() };
        list.replace(records);
        list
    }

    /// Replaces the contents and the modification time.
    pub fn replace(&mut self, records: &[(&str, &str)]) {
        self.stamp += 1;
        self.records =
            records.iter().map(|(name, caption)| ((*name).to_owned(), Some((*caption).to_owned()))).collect();
    }

    pub fn contents_hash(&self) -> u128 {
        XxHash3_128::oneshot(self.contents().as_bytes())
    }

    fn contents(&self) -> String {
        let line = |(name, caption): &(String, Option<String>)| {
            let mut line = serde_json::json!({ "file_name": name });
            if let Some(caption) = caption {
                line[&self.caption_field] = caption.as_str().into();
            }
            format!("{line}\n")
        };
        self.records.iter().map(line).collect()
    }

    /// Opens it as a dataset. The file is replaced only if its contents or modification time differ.
    pub fn dataset(&self) -> Dataset {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(self.stamp.into());
        let is_same = |metadata: Metadata| metadata.modified().is_ok_and(|time| time == modified);
        let contents = self.contents();
        if !fs::metadata(&self.path).is_ok_and(is_same) || fs::read_to_string(&self.path).unwrap() != contents {
            let new = self.path.with_extension("new");
            fs::write(&new, contents).unwrap();
            File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
            fs::rename(new, &self.path).unwrap();
        }
        let options = OpenOptions { caption_field: self.caption_field.clone(), ..OpenOptions::default() };
        let dataset = Dataset::open(&self.path, &options).unwrap();
        if self.unreadable {
            File::options().write(true).open(&self.path).unwrap().set_len(0).unwrap();
        }
        dataset
    }

    pub fn subject(&self, record: RecordId) -> Subject {
        let (file_name, caption) = &self.records[record.index()];
        let before =
            self.records[..record.index()].iter().filter(|other| *other == &self.records[record.index()]).count();
        Subject { file_name: file_name.clone(), occurrence: u32::try_from(before).unwrap(), caption: caption.clone() }
    }

    /// Returns the first record of a name.
    pub fn find(&self, name: &str) -> RecordId {
        let index = self.records.iter().position(|(other, _)| other == name).unwrap();
        RecordId(u32::try_from(index).unwrap())
    }

    pub fn location(&self) -> Location {
        Location::find(&self.path, &self.caption_field, None).unwrap()
    }
}

/// A ledger and the session it is stored in.
pub struct Review {
    pub ledger: Ledger,
    pub opened: Opened,
    pub dataset: Dataset,
    list: List,
    worker: Worker,
    acks: Receiver<WorkerEvent>,
    acknowledged: Seq,
}

impl Review {
    pub fn open(list: &List) -> Self {
        Self::try_open(list).unwrap()
    }

    pub fn try_open(list: &List) -> Result<Self, SessionError> {
        let dataset = list.dataset();
        let (store, opened) = open(&list.location(), &dataset, Timestamp::UNIX_EPOCH)?;
        let ledger = opened.ledger.clone();
        let (worker, acks) = spawn(store);
        let acknowledged = ledger.last();
        if !list.unreadable {
            // By another handle: some tests check what `dataset` has read.
            let survey = list.dataset().survey(&mut || ControlFlow::Continue(())).unwrap().unwrap();
            worker.handle().set_namesakes(survey.namesakes).unwrap();
        }
        Ok(Self { ledger, opened, dataset, list: list.clone(), worker, acks, acknowledged })
    }

    pub fn apply(&mut self, event: Event) -> Seq {
        let (seq, _) = self.ledger.apply(event.clone());
        self.worker.handle().store(Step { first: seq, changes: event.into() }, Timestamp::UNIX_EPOCH).unwrap();
        seq
    }

    pub fn perform(&mut self, changes: Changes) {
        let step = self.ledger.perform(changes);
        self.worker.handle().store(step, Timestamp::UNIX_EPOCH).unwrap();
    }

    pub fn decide(&mut self, name: &str, decision: Decision) -> Seq {
        self.apply(decided(self.list.find(name), decision))
    }

    /// Writes the output to `target` and stores the save.
    pub fn save(&mut self, target: &mut List) {
        use super::Original;
        let through = self.ledger.last();
        target.stamp += 1;
        target.records = (0..)
            .map(RecordId)
            .zip(&self.list.records)
            .map(|(record, line)| (self.ledger.record(record), line))
            .filter(|(state, _)| state.decision != Decision::Excluded)
            .map(|(state, (name, caption))| {
                let original = match &state.original {
                    Original::InDataset => caption.clone(),
                    Original::Before(original) => original.clone(),
                };
                (name.clone(), state.decision.text().map(str::to_owned).or(original))
            })
            .collect();
        self.apply(Event::Saved { path: target.path.clone(), through, hash: target.contents_hash() });
    }

    pub fn worker(&self) -> &WorkerHandle {
        self.worker.handle()
    }

    /// Waits until everything is on disk.
    pub fn settle(&mut self) {
        while self.acknowledged < self.ledger.last() {
            match self.acks.recv().unwrap() {
                WorkerEvent::Durable { through } => self.acknowledged = through,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Closes the session. Everything must have been acknowledged in order.
    pub fn close(mut self) -> Ledger {
        self.worker.close().unwrap();
        while let Ok(ack) = self.acks.recv() {
            match ack {
                WorkerEvent::Durable { through } if through > self.acknowledged => self.acknowledged = through,
                other => panic!("{other:?} after {:?}", self.acknowledged),
            }
        }
        assert_eq!(self.acknowledged, self.ledger.last());
        self.ledger
    }
}

pub fn spawn(store: Store) -> (Worker, Receiver<WorkerEvent>) {
    let (send, acks) = channel();
    (Worker::adopt(store, move |_, event| send.send(event).unwrap()).unwrap(), acks)
}

pub fn read(list: &List) -> Opened {
    open_read_only(&list.location(), &list.dataset()).unwrap()
}

pub fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub fn decided(record: RecordId, decision: Decision) -> Event {
    Event::Decided { record, decision, by: Actor::Operator }
}

pub fn edited(text: &str) -> Decision {
    Decision::Edited { text: text.to_owned(), base: EditBase::Original }
}

pub fn accepted(candidate: Seq, text: &str) -> Decision {
    Decision::Accepted { candidate: CandidateId(candidate.0), text: text.to_owned() }
}

pub fn generated(record: RecordId, text: &str) -> Event {
    Event::Generated { record, text: text.to_owned(), provenance: provenance(StopReason::EndTurn) }
}

pub fn provenance(stop: StopReason) -> Provenance {
    Provenance {
        describer: "local".to_owned(),
        model: "figure 1".to_owned(),
        prompt: None,
        parameters: "detail: brief".to_owned(),
        reason: None,
        usage: None,
        stop,
        at: Timestamp::from_nanosecond(1_700_000_000_123_456_789).unwrap(),
    }
}
