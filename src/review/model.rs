//! The reviewer's whole state.

mod batch;
mod mode;
mod queries;
mod work;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::command_line::RecentLines;
use super::counters::Pending;
use super::matches::Matches;
use super::messages::Messages;
use super::msg::{Viewport, Viewports};
use super::pace::Pace;
use super::panes::Panes;
use super::query::Vocabulary;
use super::scan::{ScanId, Snapshot};
use super::selection::Selection;
use super::sheet::Sheet;
use super::sort::Sort;
use super::tabs::{Tab, Tabs};
use super::tags::KnownTags;
use crate::dataset::{Entry, RecordId};
use crate::describe::{Cost, DescriberStatus, Dollars, Usage};
use crate::engine::structured;
use crate::lint::Rules;
use crate::preview::{Areas, PictureView, Preview, PreviewError, Shape};
use crate::report::Figures;
pub use crate::session::{FILE, REVIEWER, SAMPLE};
use crate::session::{Ledger, Sample, SampleRequest, Seq};
pub use batch::{Batch, Collecting};
pub use mode::{
    Closeup, DescribeScope, Editor, EditorKind, FilterEntry, HelpPage, Mode, Offered, Opening, SearchEntry,
};
pub use work::{Bulk, Job, JobState, Rate, SaveStatus, Sorting, VerifyJob, Verifying};

/// The settings of a review. The describer, its price and the number of records ahead can change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings")]
pub struct Settings {
    pub dataset: String,
    /// The file that a save writes, for display.
    pub output: String,
    pub describer: Option<String>,
    /// Describers are set up to write JSON objects.
    pub writes_objects: bool,
    /// The describer varies the level of detail, as the embedded one does; the others vary the wording.
    pub levels_of_detail: bool,
    /// Lint rules.
    pub rules: Rules,
    /// Number of candidates prefetched in the direction of travel.
    pub ahead: usize,
    /// Expected cost of one description; `None` if free.
    pub price: Option<Usage>,
    /// The configuration consents to the cost of review-ahead.
    pub ahead_agreed: bool,
    /// A request for many descriptions above this cost needs consent of its own.
    pub confirm_above: Dollars,
    pub keep_line_breaks: bool,
    /// The sample of a spot check.
    pub sample: Option<SampleRequest>,
    pub verifier: Option<VerifierSettings>,
    /// Why there is no verifier.
    pub no_verifier: String,
}

impl Settings {
    /// Returns true if there is a describer that can write the captions of the dataset.
    #[must_use]
    pub fn can_describe(&self) -> bool {
        let can = |name: &String| structured::check_describer(name, self.writes_objects, &self.rules).is_ok();
        self.describer.as_ref().is_some_and(can)
    }
}

/// The settings of the verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierSettings {
    pub name: String,
    /// The id of its model and the version of its prompt, as expected at the start.
    pub version: Option<(String, String)>,
    /// Expected cost of one verification; `None` if free.
    pub price: Option<Usage>,
    /// Each new candidate is verified, except in a spot check.
    pub auto: bool,
}

/// How a review ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    Quit,
    /// The dataset is opened again.
    Reopen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionStatus {
    Opening,
    Open,
    /// The reason, such as another process that writes the session.
    ReadOnly(String),
    /// It cannot be opened or written.
    Failed(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    pub tab: Tab,
    /// `None` if no record is in view.
    pub cursor: Option<RecordId>,
    /// The cursor's position in the view.
    pub position: usize,
    /// The position of the first row on the screen.
    pub top: usize,
    /// True if the operator last moved towards the end.
    pub forward: bool,
    /// The last record known when the operator went to the end of a dataset that was still being indexed.
    pub to_end: Option<RecordId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptionView {
    /// The version chosen by the operator; `None` for the default.
    pub chosen: Option<Version>,
    /// The version that the operator went to. It stays in view when others arrive.
    pub reading: Option<Version>,
    /// Rows scrolled from there.
    pub scroll: isize,
    pub extent: CaptionExtent,
}

/// How far the captions can be scrolled, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CaptionExtent {
    /// The first row shown before any scrolling.
    pub top: usize,
    /// The last row that can be the first shown.
    pub last: usize,
}

impl CaptionExtent {
    /// Returns the first row shown after scrolling.
    #[must_use]
    pub fn row(self, scroll: isize) -> usize {
        self.top.saturating_add_signed(scroll).min(self.last)
    }
}

/// The cursor of a tab that was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TabCursor {
    pub(super) record: RecordId,
    /// Its row on the screen.
    pub(super) row: usize,
}

/// One of a record's captions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Original,
    /// A candidate, by age from the oldest.
    Candidate(usize),
    /// The operator's edit, or the result of `:s`.
    Edited,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    pub text: String,
    pub hits: Matches,
    /// The match to go to once the scan has found it.
    pub seek: Option<Seek>,
}

/// A pending jump to a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seek {
    pub from: RecordId,
    /// True if `from` itself counts.
    pub inclusive: bool,
    pub forward: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The query as typed.
    pub text: String,
    pub hits: Matches,
}

#[derive(Clone, Debug, Default)]
pub enum PictureSlot {
    #[default]
    Empty,
    /// Requested, with an earlier preview of the record to show meanwhile.
    Loading(RecordId, PictureView, Option<Preview>),
    Ready(RecordId, PictureView, Result<Preview, PreviewError>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    Info,
    Warning,
    Error,
}

/// How long a notice is true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holds {
    /// Until the next key.
    #[default]
    Always,
    /// Until the dataset is indexed and the session open.
    Loading,
    /// Until the run over many records ends.
    Running,
    /// Until the describer continues.
    Paused,
    /// Until the run of verifications ends.
    Verifying,
    /// Until the verifier continues.
    VerifierPaused,
    /// Until every change is on disk.
    Unstored,
}

/// A message, shown until the next key or until it is no longer true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub text: String,
    pub holds: Holds,
}

/// The reviewer's whole state.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Model {
    pub settings: Settings,
    /// The index is complete.
    pub indexed: bool,
    /// Why the dataset cannot be read.
    pub dataset_failure: Option<String>,
    pub session: SessionStatus,
    pub ledger: Ledger,
    /// The newest event known to be on disk.
    pub durable: Seq,
    /// The first reason why later events could not be stored yet. They are kept, and stored as soon as possible.
    pub unstored: Option<String>,
    /// The record that the newest decision moved on from, and the cursor after that.
    pub(super) advanced: Option<(RecordId, Option<RecordId>)>,
    pub tabs: Tabs,
    /// Records passed by the background check.
    pub checked: u32,
    pub list: List,
    /// `None` for file order.
    pub sort: Option<Sort>,
    /// The sort in progress.
    pub sorting: Option<Sorting>,
    pub selection: Selection,
    pub search: Option<Search>,
    pub filter: Option<Filter>,
    /// The records whose captions have a warning or an error, once counted.
    pub(super) attention: Option<Matches>,
    /// The cursors of the tabs that were left.
    pub(super) tab_cursors: HashMap<Tab, TabCursor>,
    /// True if every record has been reviewed, until the next key.
    pub(super) is_summary_shown: bool,
    /// True if it was shown since a record was to be reviewed.
    pub(super) is_summary_seen: bool,
    /// Field names and values for query completion, as far as collected.
    pub vocabulary: Vocabulary,
    /// The scan that collects it.
    pub(super) collecting: Option<ScanId>,
    pub known_tags: KnownTags,
    pub sheet: Sheet,
    pub caption: CaptionView,
    /// The operator's choice of panes.
    pub panes: Panes,
    /// The shape of images that the layout is for.
    pub shape: Shape,
    /// The layout for this shape.
    pub viewport: Viewport,
    pub(super) viewports: Box<Viewports>,
    pub mode: Mode,
    pub opening: Option<Opening>,
    /// The command lines run before.
    pub(super) recent: RecentLines,
    /// The current job of each record that has one.
    pub jobs: HashMap<RecordId, Job>,
    /// The run over many records.
    pub bulk: Option<Bulk>,
    pub verifying: Verifying,
    pub describer: DescriberStatus,
    pub verifier: DescriberStatus,
    pub batch: Batch,
    /// Cost of all descriptions of this dataset so far.
    pub spent: Cost,
    /// The operator has consented to paid descriptions.
    pub agreed_to_pay: bool,
    /// The operator has consented to paid verifications.
    pub agreed_to_verify: bool,
    pub pace: Pace,
    /// Review-ahead is off until the next request.
    pub ahead_stopped: bool,
    /// The sample of a spot check, once drawn.
    pub spot: Option<Box<Sample>>,
    /// Session statistics as of the last request, or the error.
    pub figures: Option<Result<Box<Figures>, String>>,
    pub picture: PictureSlot,
    pub save: SaveStatus,
    pub notice: Option<Notice>,
    pub messages: Messages,
    /// The time of the message being handled.
    pub now: Timestamp,
    /// Set once the review ends.
    pub leaving: Option<Leaving>,
    pub(super) lines: BTreeMap<RecordId, Entry>,
    pub(super) texts: BTreeMap<RecordId, Vec<(String, String)>>,
    pub(super) loading: HashSet<RecordId>,
    pub(super) prefetched: Option<(RecordId, bool, Areas)>,
    /// Captions of a file are being imported as candidates.
    pub(super) importing: bool,
    pub(super) resume_at: Option<RecordId>,
    pub(super) remembered: Option<RecordId>,
    pub(super) next_job: u64,
    pub(super) next_scan: u64,
    pub(super) next_collection: u64,
    /// Records that pass both tab and filter; `None` if the tab alone decides.
    pub(super) listed: Option<RoaringBitmap>,
    pub(super) stop_pressed: bool,
    /// The counters of the steps that are not on disk yet.
    pub(super) pending: Pending,
}

impl Model {
    /// Returns the state before the index and the session are loaded.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        // The configuration consents to known prices only.
        let agreed = settings.price.is_none_or(|price| settings.ahead_agreed && price.cost.amount().is_some());
        let agreed_to_verify = settings.verifier.as_ref().is_none_or(|verifier| verifier.price.is_none());
        let mut tabs = Tabs::default();
        if settings.sample.is_some() {
            // Lists nothing until the sample is drawn.
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
            unstored: None,
            advanced: None,
            tabs,
            checked: 0,
            list: List { forward: true, ..List::default() },
            sort: None,
            sorting: None,
            selection: Selection::default(),
            search: None,
            filter: None,
            attention: None,
            tab_cursors: HashMap::new(),
            is_summary_shown: false,
            is_summary_seen: false,
            vocabulary: Vocabulary::default(),
            collecting: None,
            known_tags: KnownTags::default(),
            sheet: Sheet::default(),
            caption: CaptionView::default(),
            panes: Panes::default(),
            shape: Shape::default(),
            viewport: Viewport::default(),
            viewports: Box::default(),
            mode: Mode::Browse,
            opening: None,
            recent: RecentLines::default(),
            jobs: HashMap::new(),
            bulk: None,
            verifying: Verifying::default(),
            describer: DescriberStatus::default(),
            verifier: DescriberStatus::default(),
            batch: Batch::default(),
            spent: Cost::default(),
            pace: Pace::default(),
            agreed_to_pay: agreed,
            agreed_to_verify,
            ahead_stopped: !agreed,
            spot: None,
            figures: None,
            picture: PictureSlot::Empty,
            save: SaveStatus::default(),
            notice: None,
            messages: Messages::default(),
            now: Timestamp::UNIX_EPOCH,
            leaving: None,
            lines: BTreeMap::new(),
            texts: BTreeMap::new(),
            loading: HashSet::new(),
            prefetched: None,
            importing: false,
            resume_at: None,
            remembered: None,
            next_job: 0,
            next_scan: 0,
            next_collection: 0,
            listed: None,
            stop_pressed: false,
            pending: Pending::default(),
        }
    }

    pub(super) fn new_scan(&mut self) -> ScanId {
        self.next_scan += 1;
        ScanId(self.next_scan)
    }

    /// Returns a snapshot for background scans.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            states: self.ledger.states(),
            bad_pictures: self.tabs.with_bad_pictures().clone(),
            in_batch: self.batch.records(),
            rules: self.settings.rules.clone(),
            sampled: self.sampled(),
        }
    }

    pub(super) fn notify(&mut self, kind: NoticeKind, text: impl Into<String>) {
        self.notify_while(kind, text, Holds::Always);
    }

    pub(super) fn notify_while(&mut self, kind: NoticeKind, text: impl Into<String>, holds: Holds) {
        let notice = Notice { kind, text: text.into(), holds };
        self.messages.add(notice.clone(), self.now);
        self.notice = Some(notice);
    }

    /// Removes a notice that is no longer true.
    pub(super) fn expire_notice(&mut self) {
        let holds = self.notice.as_ref().is_none_or(|notice| match notice.holds {
            Holds::Always => true,
            Holds::Loading => !self.indexed || self.session != SessionStatus::Open,
            Holds::Running => self.bulk.is_some(),
            Holds::Paused => self.describer.paused.is_some(),
            Holds::Verifying => self.verifying.is_running(),
            Holds::VerifierPaused => self.verifier.paused.is_some(),
            Holds::Unstored => self.unstored.is_some(),
        });
        if !holds {
            self.notice = None;
        }
    }
}
