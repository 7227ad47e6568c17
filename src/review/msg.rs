//! Everything the core accepts: keys turned into actions, and what the runtime reports back.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::order::Order;
use super::query::Vocabulary;
use super::replace::Hit;
use super::scan::ScanId;
use super::{Command, Scanned};
use crate::dataset::{Entry, RecordId};
use crate::describe::{DescriberStatus, Dollars, JobId};
use crate::engine::event::JobEvent;
use crate::preview::{CellArea, CellSize, Ready};
use crate::report::Figures;
use crate::session::{Ledger, Sample, Seq};

/// The room the screen has for the parts the core must know of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Viewport {
    /// Rows of the list.
    pub list_rows: u16,
    /// Room for the picture; `None` where the layout has none.
    pub picture: Option<CellArea>,
    /// Room for a picture on the full screen.
    pub zoom: CellArea,
    /// The same with the texts below it.
    pub zoom_above_texts: CellArea,
    /// Room for the pictures of the contact sheet; `None` where no pictures are drawn.
    pub sheet: Option<CellArea>,
    /// Pixels of a cell.
    pub cell: CellSize,
    /// Rows of the caption pane.
    pub caption_rows: u16,
}

/// What the background check of the whole dataset has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many records were looked at.
    pub records: u32,
    /// Those whose picture is missing, not a file or outside the folder.
    pub bad_pictures: Vec<RecordId>,
    /// Those whose line cannot be read.
    pub bad_lines: Vec<RecordId>,
}

/// What a save did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveSummary {
    /// The file written.
    pub path: PathBuf,
    /// Records in it.
    pub records: u64,
    /// Captions that differ from the dataset's.
    pub changed: u64,
    /// Records left out.
    pub excluded: u64,
    /// Content hash of the file.
    pub hash: u128,
    /// The last event that is in it.
    pub through: Seq,
    /// When it was complete.
    pub at: Timestamp,
    /// Something the operator should know (a hard link was broken …).
    pub warning: Option<String>,
}

/// Why a save did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaveFailure {
    /// There is a file this session did not write: overwriting it needs a yes.
    Conflict(String),
    /// Anything else.
    Other(String),
}

/// A message to the core.
#[derive(Debug)]
pub enum Msg {
    /// The operator ran a command.
    Command(Command),
    /// The text being written is now this, with the cursor after that many characters.
    Typed {
        /// The whole text.
        text: String,
        /// The cursor, in characters from the start.
        cursor: usize,
    },
    /// A row of the list was clicked, or a picture of the contact sheet; its place from the first on the screen.
    ClickedRow(u16),
    /// A tab was clicked.
    ClickedTab(super::Tab),
    /// The screen has another size.
    Resized(Viewport),
    /// The caption pane's text was laid out in this many rows.
    CaptionLaidOut(u16),
    /// The index has grown.
    Indexed {
        /// Records known.
        records: u32,
        /// Nothing more will come.
        complete: bool,
    },
    /// The dataset cannot be read any further.
    DatasetFailed(String),
    /// The session is open: what it holds, the record the operator was at, and a remark for the operator.
    SessionOpened {
        /// The sum of its events.
        ledger: Box<Ledger>,
        /// The record the cursor was on.
        cursor: Option<RecordId>,
        /// Something the operator should know (rebound to a changed dataset …).
        remark: Option<String>,
        /// Set when another process holds it: nothing can be decided here.
        read_only: Option<String>,
        /// What describing has cost so far.
        spent: Dollars,
    },
    /// The session cannot be opened: nothing can be decided.
    SessionFailed(String),
    /// Lines were read.
    Loaded(Vec<Entry>),
    /// The other texts of lines that were read, by the names of their members.
    Texts(Vec<(RecordId, Vec<(String, String)>)>),
    /// Lines could not be read.
    LoadFailed {
        /// Which.
        records: Vec<RecordId>,
        /// Why.
        error: String,
    },
    /// All events up to this one are durable since then.
    Durable(Seq, Timestamp),
    /// An event could not be stored; neither can those after it.
    StoreFailed(String),
    /// News of a job.
    Job {
        /// The job.
        job: JobId,
        /// Its record.
        record: RecordId,
        /// The news.
        event: JobEvent,
        /// When.
        at: Timestamp,
    },
    /// The describer does differently now.
    Describer(DescriberStatus),
    /// Something was paid for.
    Spent(Dollars),
    /// The terminal has lost the pictures it was sent.
    PicturesLost,
    /// Captions that a change would change.
    Replacements {
        /// The scan that found them.
        id: ScanId,
        /// The captions, in file order.
        hits: Vec<Hit>,
        /// There are no more.
        complete: bool,
    },
    /// A sort has looked at so many lines.
    Sorting {
        /// Which sort.
        id: ScanId,
        /// How many.
        seen: u32,
    },
    /// The records are sorted.
    Sorted {
        /// Which sort.
        id: ScanId,
        /// Their order.
        order: Arc<Order>,
    },
    /// A picture is ready, or cannot be.
    Picture(Ready),
    /// The background check has got further.
    Checked(Checked),
    /// Captions of an older run's output.
    Imported {
        /// The file they are from.
        source: String,
        /// The records they are about.
        captions: Vec<(RecordId, String)>,
        /// With the last of them, what to say.
        done: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// The sample of a spot check, or why there is none.
    Sampled(Result<Box<Sample>, String>),
    /// The report of a spot check was written there, or why not.
    ReportWritten(Result<PathBuf, String>),
    /// What the session has come to, or why that cannot be said.
    Figures(Result<Box<Figures>, String>),
    /// What the dataset's lines offer for queries.
    VocabularyReady(Vocabulary),
    /// A scan has got further.
    Scanned(Scanned),
    /// The save is done.
    Saved(SaveSummary),
    /// There was no save.
    SaveFailed(SaveFailure),
    /// The operator's editor was closed.
    EditedExternally {
        /// The record that was edited.
        record: RecordId,
        /// The text, or why there is none.
        result: Result<String, String>,
    },
    /// Something happened outside that the operator should know.
    Notice(String),
}
