//! A dataset in a temporary folder and its session, for tests.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use image::{ImageFormat, RgbImage};
use jiff::Timestamp;
use tempfile::TempDir;

use super::Input;
use crate::console::Console;
use crate::dataset::{Dataset, OpenOptions, RecordId};
use crate::describe::StopReason;
use crate::session::{self, Actor, CandidateId, Decision, EditBase, Event, Location, Provenance, Store, Worker};

pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) reading: OpenOptions,
}

impl World {
    /// Creates a folder with a `metadata.jsonl`.
    pub(super) fn new(dataset: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), reading: OpenOptions::default() };
        world.write("metadata.jsonl", dataset);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Writes an image that can be decoded.
    pub(super) fn picture(&self, name: &str) {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::new(3, 2).write_to(&mut bytes, ImageFormat::Png).unwrap();
        self.write(name, bytes.into_inner());
    }

    /// Returns all files in the folder except the session, sorted.
    pub(super) fn files(&self) -> Vec<String> {
        fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), &mut found);
        let names =
            found.iter().map(|path| path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with(".recaption/")).collect();
        names.sort();
        names
    }

    pub(super) fn input(&self) -> Input {
        Input { dataset: self.folder.path().to_owned(), reading: self.reading.clone(), ..Input::default() }
    }

    /// Opens and locks the session.
    pub(super) fn hold(&self) -> (Store, session::Opened) {
        let dataset = Dataset::open(self.folder.path(), &self.reading).unwrap();
        let location = Location::find(dataset.path(), dataset.caption_field(), None).unwrap();
        session::open(&location, &dataset, Timestamp::now()).unwrap()
    }

    /// Stores events in the session.
    pub(super) fn record(&self, events: impl IntoIterator<Item = Event>) {
        let (store, mut opened) = self.hold();
        let worker = Worker::adopt(store, |_, _| ()).unwrap();
        for event in events {
            worker.handle().store(opened.ledger.perform(event.into()), Timestamp::now()).unwrap();
        }
        worker.close().unwrap();
    }

    pub(super) fn decide(&self, decisions: impl IntoIterator<Item = (u32, Decision)>) {
        self.record(decisions.into_iter().map(|(record, decision)| decided(record, decision)));
    }
}

pub(super) fn decided(record: u32, decision: Decision) -> Event {
    Event::Decided { record: RecordId(record), decision, by: Actor::Operator }
}

pub(super) fn edited(text: &str) -> Decision {
    Decision::Edited { text: text.to_owned(), base: EditBase::Original }
}

/// A candidate as the first event of a session, accepted.
pub(super) fn accepted(record: u32, text: &str) -> [Event; 2] {
    let provenance = Provenance {
        describer: "local".to_owned(),
        model: "model".to_owned(),
        prompt: None,
        parameters: String::new(),
        reason: None,
        usage: None,
        stop: StopReason::EndTurn,
        at: Timestamp::UNIX_EPOCH,
    };
    let generated = Event::Generated { record: RecordId(record), text: text.to_owned(), provenance };
    [generated, decided(record, Decision::Accepted { candidate: CandidateId(1), text: text.to_owned() })]
}

#[derive(Debug, Default)]
pub(super) struct Printed {
    pub(super) out: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

impl Printed {
    /// Runs a command as if its output went to files.
    pub(super) fn by<T>(command: impl FnOnce(&mut Console<'_>, &mut Console<'_>) -> T) -> (T, Self) {
        let mut printed = Self::default();
        let result = command(&mut Console::new(&mut printed.out), &mut Console::new(&mut printed.errors));
        (result, printed)
    }

    /// Runs a command as if its output went to a terminal with colours.
    pub(super) fn on_terminal<T>(command: impl FnOnce(&mut Console<'_>, &mut Console<'_>) -> T) -> (T, Self) {
        let mut printed = Self::default();
        let result =
            command(&mut Console::for_terminal(&mut printed.out), &mut Console::for_terminal(&mut printed.errors));
        (result, printed)
    }

    pub(super) fn out(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    pub(super) fn errors(&self) -> &str {
        std::str::from_utf8(&self.errors).unwrap()
    }
}
