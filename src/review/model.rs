//! The whole state of the reviewer, and the questions one can ask of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::filter::{Tab, Tabs, View};
use super::msg::Viewport;
use crate::dataset::{Entry, Record, RecordId};
use crate::describe::{Detail, JobId, Priority};
use crate::lint::{self, Finding};
use crate::preview::{CellArea, Preview, PreviewError};
use crate::session::{Candidate, Decision, Draft, EditBase, Ledger, RecordState, Seq};

/// The describer of candidates that came from a file.
pub const FILE: &str = "file";

/// What is settled before the review begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The dataset's name, for the header.
    pub dataset: String,
    /// The describer's name, for the header; `None` where there is none.
    pub describer: Option<String>,
    /// The most words a caption may have.
    pub max_words: usize,
    /// How many candidates are kept ready ahead of the operator.
    pub ahead: usize,
    /// Whether line breaks in captions are kept.
    pub keep_line_breaks: bool,
}

/// Whether decisions can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    /// Not yet: the stored events are being read.
    Opening,
    /// Yes.
    Open,
    /// No: another process holds the session.
    ReadOnly(String),
    /// No: it cannot be opened or written.
    Failed(String),
}

/// The list of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// The tab shown.
    pub tab: Tab,
    /// The record the operator is at; `None` while there is none in view.
    pub cursor: Option<RecordId>,
    /// The cursor's place in the view.
    pub position: usize,
    /// The place of the first row on the screen.
    pub top: usize,
    /// Whether the operator last moved towards the end.
    pub forward: bool,
}

/// What the caption pane shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptionView {
    /// The version asked for; `None` for the one that matters now.
    pub chosen: Option<Version>,
    /// First row shown.
    pub scroll: u16,
    /// How many rows the text takes on the screen.
    pub rows: u16,
}

/// One of the texts of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The dataset's caption.
    Original,
    /// A candidate, by its place from the oldest.
    Candidate(usize),
    /// The operator's own text.
    Edited,
}

/// A text being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    /// The record it is for. Typed text never reaches another one.
    pub record: RecordId,
    /// The text, the cursor and what it started from.
    pub draft: Draft,
    /// The text it started from.
    pub start: String,
}

/// What the keys mean now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Going through records.
    Browse,
    /// Writing a caption.
    Edit(Editor),
    /// Writing a note.
    Note(Editor),
    /// Writing a command.
    Command(String),
    /// Reading the help, from this row.
    Help(u16),
    /// Looking at the picture alone.
    Zoom,
    /// Asked whether to save before leaving.
    ConfirmQuit,
    /// Asked whether to overwrite a file; why.
    ConfirmOverwrite(String),
}

/// A description that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// How soon.
    pub priority: Priority,
    /// How much is asked for.
    pub detail: Detail,
    /// How far it is.
    pub state: JobState,
    /// The operator has accepted what will come.
    pub accept: bool,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for its turn.
    Queued,
    /// Being written; the text so far.
    Streaming(String),
}

/// A description of all records in view, on its way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bulk {
    /// Records not handed to the queue yet.
    pub waiting: RoaringBitmap,
    /// Records handed over and not ended.
    pub running: HashSet<RecordId>,
    /// How many it was about.
    pub total: u64,
    /// How many have ended with a candidate.
    pub done: u64,
    /// How many have failed.
    pub failed: u64,
}

/// The picture of the record under the cursor.
#[derive(Clone, Debug, Default)]
pub enum PictureSlot {
    /// Nothing is asked for.
    #[default]
    Empty,
    /// It is being made ready for an area.
    Loading(RecordId, CellArea),
    /// It is ready, or cannot be shown.
    Ready(RecordId, CellArea, Result<Preview, PreviewError>),
}

/// Where saving stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveStatus {
    /// A save is under way.
    pub running: bool,
    /// Leave when it is done.
    pub then_quit: bool,
    /// When the last one was complete.
    pub last: Option<Timestamp>,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// Good to know.
    Info,
    /// Something did not happen.
    Warning,
    /// Something is wrong.
    Error,
}

/// A word to the operator. It stands until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub kind: NoticeKind,
    /// One line.
    pub text: String,
}

/// The whole state of the reviewer.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "facts that hold or not, each whatever the others are")]
pub struct Model {
    /// What is settled before the review begins.
    pub settings: Settings,
    /// Whether all records are known.
    pub indexed: bool,
    /// Why the dataset cannot be read any further.
    pub dataset_failure: Option<String>,
    /// Whether decisions can be made.
    pub session: SessionStatus,
    /// What the session's events add up to.
    pub ledger: Ledger,
    /// The newest event that is stored for good.
    pub durable: Seq,
    /// The records of every tab.
    pub tabs: Tabs,
    /// How many records the background check has looked at.
    pub checked: u32,
    /// The list.
    pub list: List,
    /// The caption pane.
    pub caption: CaptionView,
    /// The room on the screen.
    pub viewport: Viewport,
    /// What the keys mean now.
    pub mode: Mode,
    /// Descriptions on their way, by record.
    pub jobs: HashMap<RecordId, Job>,
    /// A description of all in view.
    pub bulk: Option<Bulk>,
    /// Review-ahead has been stopped by the operator until the next description is asked for.
    pub ahead_stopped: bool,
    /// The picture under the cursor.
    pub picture: PictureSlot,
    /// Where saving stands.
    pub save: SaveStatus,
    /// A word to the operator.
    pub notice: Option<Notice>,
    /// The program is about to end.
    pub leaving: bool,
    pub(super) lines: BTreeMap<RecordId, Entry>,
    pub(super) loading: HashSet<RecordId>,
    pub(super) prefetched: Option<(RecordId, bool, CellArea)>,
    pub(super) resume_at: Option<RecordId>,
    pub(super) remembered: Option<RecordId>,
    pub(super) next_job: u64,
    pub(super) stop_pressed: bool,
}

impl Model {
    /// The state before anything is known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            indexed: false,
            dataset_failure: None,
            session: SessionStatus::Opening,
            ledger: Ledger::new(),
            durable: Seq::default(),
            tabs: Tabs::default(),
            checked: 0,
            list: List { forward: true, ..List::default() },
            caption: CaptionView::default(),
            viewport: Viewport::default(),
            mode: Mode::Browse,
            jobs: HashMap::new(),
            bulk: None,
            ahead_stopped: false,
            picture: PictureSlot::Empty,
            save: SaveStatus::default(),
            notice: None,
            leaving: false,
            lines: BTreeMap::new(),
            loading: HashSet::new(),
            prefetched: None,
            resume_at: None,
            remembered: None,
            next_job: 0,
            stop_pressed: false,
        }
    }

    /// The records listed now.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        self.tabs.view(self.list.tab, self.list.cursor)
    }

    /// The line of a record, where it has been read.
    #[must_use]
    pub fn entry(&self, record: RecordId) -> Option<&Entry> {
        self.lines.get(&record)
    }

    /// The record itself, where its line has been read and can be parsed.
    #[must_use]
    pub fn line(&self, record: RecordId) -> Option<&Record> {
        match self.lines.get(&record) {
            Some(Entry::Record(line)) => Some(line),
            Some(Entry::Bad(_)) | None => None,
        }
    }

    /// What happened to a record in this session.
    #[must_use]
    pub fn state(&self, record: RecordId) -> &RecordState {
        self.ledger.record(record)
    }

    /// Whether everything that happened to a record is stored.
    #[must_use]
    pub fn is_durable(&self, record: RecordId) -> bool {
        self.state(record).touched <= self.durable
    }

    /// The dataset's caption of a record; empty where it has none.
    #[must_use]
    pub fn original(&self, record: RecordId) -> Option<&str> {
        let line = self.line(record)?;
        Some(self.state(record).original_caption(line.caption.as_deref()).unwrap_or_default())
    }

    /// The caption that would be saved now.
    #[must_use]
    pub fn current(&self, record: RecordId) -> Option<&str> {
        self.state(record).decision.text().or_else(|| self.original(record))
    }

    /// The texts of a record, from the original to the newest.
    #[must_use]
    pub fn versions(&self, record: RecordId) -> Vec<Version> {
        let state = self.state(record);
        let edited = matches!(state.decision, Decision::Edited { .. });
        std::iter::once(Version::Original)
            .chain((0..state.candidates.len()).map(Version::Candidate))
            .chain(edited.then_some(Version::Edited))
            .collect()
    }

    /// The version a record shows: the one asked for, else an unseen candidate, else what was decided.
    #[must_use]
    pub fn shown(&self, record: RecordId) -> Version {
        let chosen = self.caption.chosen.filter(|_| self.list.cursor == Some(record));
        chosen.unwrap_or_else(|| {
            let state = self.state(record);
            let newest = state.candidates.len().checked_sub(1).map(Version::Candidate);
            match &state.decision {
                _ if state.is_ready() => newest.unwrap_or(Version::Original),
                Decision::Accepted { candidate, .. } => state
                    .candidates
                    .iter()
                    .position(|known| known.id == *candidate)
                    .map_or(Version::Original, Version::Candidate),
                Decision::Edited { .. } => Version::Edited,
                Decision::Kept => Version::Original,
                Decision::Undecided | Decision::Skipped | Decision::Excluded => newest.unwrap_or(Version::Original),
            }
        })
    }

    /// The candidate a version is.
    #[must_use]
    pub fn candidate(&self, record: RecordId, version: Version) -> Option<&Candidate> {
        match version {
            Version::Candidate(index) => self.state(record).candidates.get(index),
            Version::Original | Version::Edited => None,
        }
    }

    /// The text of a version; `None` while the line has not been read.
    #[must_use]
    pub fn text(&self, record: RecordId, version: Version) -> Option<&str> {
        match version {
            Version::Original => self.original(record),
            Version::Candidate(index) => self.state(record).candidates.get(index).map(|known| known.text.as_str()),
            Version::Edited => self.state(record).decision.text(),
        }
    }

    /// What an edit that starts from a version is based on.
    #[must_use]
    pub fn base(&self, record: RecordId, version: Version) -> EditBase {
        match version {
            Version::Original => EditBase::Original,
            Version::Edited => EditBase::Current,
            Version::Candidate(_) => self
                .candidate(record, version)
                .map_or(EditBase::Original, |candidate| EditBase::Candidate(candidate.id)),
        }
    }

    /// The mechanical findings on a version's text.
    #[must_use]
    pub fn findings(&self, record: RecordId, version: Version) -> Vec<Finding> {
        // How a text of a file ended is not known: its last words must tell.
        let stop = self
            .candidate(record, version)
            .filter(|candidate| candidate.provenance.describer != FILE)
            .map(|candidate| &candidate.provenance.stop);
        self.text(record, version).map(|text| self.lint(text, stop)).unwrap_or_default()
    }

    pub(super) fn lint(&self, text: &str, stop: Option<&crate::describe::StopReason>) -> Vec<Finding> {
        let rules = lint::Rules { max_words: self.settings.max_words };
        lint::lint(text, &rules, &lint::Context { stop, same_as: None })
    }

    /// The picture under the cursor, where it is ready for the room there is now.
    #[must_use]
    pub fn preview(&self) -> Option<&Result<Preview, PreviewError>> {
        match &self.picture {
            PictureSlot::Ready(record, _, result) if self.list.cursor == Some(*record) => Some(result),
            PictureSlot::Ready(..) | PictureSlot::Loading(..) | PictureSlot::Empty => None,
        }
    }

    /// The room the picture has now.
    #[must_use]
    pub fn picture_area(&self) -> Option<CellArea> {
        if self.mode == Mode::Zoom { Some(self.viewport.zoom) } else { self.viewport.picture }
    }

    /// How many descriptions are ready or on their way for records ahead of the operator.
    #[must_use]
    pub fn ready_ahead(&self) -> usize {
        let view = self.view();
        (0..self.settings.ahead)
            .map_while(|step| {
                let position = if self.list.forward {
                    self.list.position.checked_add(step + 1)
                } else {
                    self.list.position.checked_sub(step + 1)
                };
                position.and_then(|position| view.nth(position))
            })
            .filter(|record| self.state(*record).is_ready())
            .count()
    }

    pub(super) fn say(&mut self, kind: NoticeKind, text: impl Into<String>) {
        self.notice = Some(Notice { kind, text: text.into() });
    }
}
