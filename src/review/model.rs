//! The whole state of the reviewer.

mod mode;
mod queries;
mod work;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::matches::Matches;
use super::msg::Viewport;
use super::pace::Pace;
use super::query::Vocabulary;
use super::scan::{ScanId, Snapshot};
use super::selection::Marks;
use super::sheet::Sheet;
use super::sort::Sort;
use super::tabs::{Tab, Tabs};
use crate::dataset::{Entry, RecordId};
use crate::describe::{Dollars, Status, Usage};
use crate::lint::Rules;
use crate::preview::{CellArea, Preview, PreviewError, Shot};
use crate::report::Figures;
pub use crate::session::FILE;
use crate::session::{Ledger, Sample, SampleRequest, Seq};
pub use mode::{Closeup, DescribeScope, Editor, FilterEntry, Mode, Offered, SearchEntry};
pub use work::{Bulk, Job, JobState, SaveStatus, Sorting};

/// What is settled before the review begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The dataset's name, for the header.
    pub dataset: String,
    /// The describer's name, for the header; `None` where there is none.
    pub describer: Option<String>,
    /// What captions are held against.
    pub rules: Rules,
    /// How many candidates are kept ready ahead of the operator.
    pub ahead: usize,
    /// What one description is expected to cost; none where it is free.
    pub price: Option<Usage>,
    /// The operator's settings ask for review-ahead, so it need not be agreed to once more.
    pub ahead_agreed: bool,
    /// Describing all in view is asked about once more where it is expected to cost more than this.
    pub confirm_above: Dollars,
    /// Whether line breaks in captions are kept.
    pub keep_line_breaks: bool,
    /// The sample to be judged, where this is a spot check.
    pub sample: Option<SampleRequest>,
}

impl Settings {
    /// Whether the describer writes at the level of detail it is asked for.
    #[must_use]
    pub fn has_levels_of_detail(&self) -> bool {
        self.describer.is_some() && self.price.is_none()
    }
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

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// The text.
    pub text: String,
    /// The records that have it.
    pub hits: Matches,
    /// The match the operator waits for.
    pub seek: Option<Seek>,
}

/// A match to go to, once it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seek {
    /// Where to begin.
    pub from: RecordId,
    /// Whether that record counts too.
    pub here: bool,
    /// Which way to look.
    pub forward: bool,
}

/// What the list is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The query, as it was typed.
    pub text: String,
    /// The records it holds for.
    pub hits: Matches,
}

/// The picture of the record under the cursor.
#[derive(Clone, Debug, Default)]
pub enum PictureSlot {
    /// Nothing is asked for.
    #[default]
    Empty,
    /// It is being made ready. Until then, what there is of it from before.
    Loading(RecordId, Shot, Option<Preview>),
    /// It is ready, or cannot be shown.
    Ready(RecordId, Shot, Result<Preview, PreviewError>),
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
    /// What the list is sorted by; nothing where it is in file order.
    pub sort: Option<Sort>,
    /// A sort under way.
    pub sorting: Option<Sorting>,
    /// The records that are marked.
    pub marks: Marks,
    /// What is searched for.
    pub search: Option<Search>,
    /// What the list is narrowed to.
    pub filter: Option<Filter>,
    /// What the dataset offers for queries, once it was asked.
    pub vocabulary: Option<Vocabulary>,
    /// The contact sheet, which can be looked at in place of the list.
    pub sheet: Sheet,
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
    /// How the describer does.
    pub describer: Status,
    /// What describing this dataset has cost in all.
    pub spent: Dollars,
    /// The operator knows that descriptions cost money, and wants them.
    pub agreed_to_pay: bool,
    /// How fast the operator goes.
    pub pace: Pace,
    /// Review-ahead is off until the next description is asked for.
    pub ahead_stopped: bool,
    /// The sample of a spot check, once it is drawn.
    pub spot: Option<Box<Sample>>,
    /// What the session had come to when it was last asked for; why not, where it cannot be said.
    pub figures: Option<Result<Box<Figures>, String>>,
    /// The picture under the cursor.
    pub picture: PictureSlot,
    /// Where saving stands.
    pub save: SaveStatus,
    /// A word to the operator.
    pub notice: Option<Notice>,
    /// The program is about to end.
    pub leaving: bool,
    pub(super) lines: BTreeMap<RecordId, Entry>,
    pub(super) texts: BTreeMap<RecordId, Vec<(String, String)>>,
    pub(super) loading: HashSet<RecordId>,
    pub(super) prefetched: Option<(RecordId, bool, CellArea)>,
    pub(super) resume_at: Option<RecordId>,
    pub(super) remembered: Option<RecordId>,
    pub(super) next_job: u64,
    pub(super) next_scan: u64,
    /// What the tab and the filter let through together; `None` where that is the tab.
    pub(super) listed: Option<RoaringBitmap>,
    pub(super) stop_pressed: bool,
}

impl Model {
    /// The state before anything is known.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let agreed = settings.price.is_none() || settings.ahead_agreed;
        let mut tabs = Tabs::default();
        if settings.sample.is_some() {
            // Nothing is listed before it is drawn.
            tabs.set_order(Some(Arc::default()));
            tabs.count_after(Seq::default());
        }
        Self {
            settings,
            indexed: false,
            dataset_failure: None,
            session: SessionStatus::Opening,
            ledger: Ledger::new(),
            durable: Seq::default(),
            tabs,
            checked: 0,
            list: List { forward: true, ..List::default() },
            sort: None,
            sorting: None,
            marks: Marks::default(),
            search: None,
            filter: None,
            vocabulary: None,
            sheet: Sheet::default(),
            caption: CaptionView::default(),
            viewport: Viewport::default(),
            mode: Mode::Browse,
            jobs: HashMap::new(),
            bulk: None,
            describer: Status::default(),
            spent: Dollars::default(),
            pace: Pace::default(),
            agreed_to_pay: agreed,
            ahead_stopped: !agreed,
            spot: None,
            figures: None,
            picture: PictureSlot::Empty,
            save: SaveStatus::default(),
            notice: None,
            leaving: false,
            lines: BTreeMap::new(),
            texts: BTreeMap::new(),
            loading: HashSet::new(),
            prefetched: None,
            resume_at: None,
            remembered: None,
            next_job: 0,
            next_scan: 0,
            listed: None,
            stop_pressed: false,
        }
    }

    /// An identity no scan has had.
    pub(super) fn new_scan(&mut self) -> ScanId {
        self.next_scan += 1;
        ScanId(self.next_scan)
    }

    /// What is known now, for work that goes on beside the review.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            states: self.ledger.states(),
            bad_pictures: self.tabs.with_bad_pictures().clone(),
            rules: self.settings.rules.clone(),
        }
    }

    pub(super) fn notify(&mut self, kind: NoticeKind, text: impl Into<String>) {
        self.notice = Some(Notice { kind, text: text.into() });
    }
}
