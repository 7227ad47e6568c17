//! The effects that the core requests from the runtime. Results come back as messages.

use std::path::PathBuf;

use super::panes::Panes;
use super::replace::ReplaceScan;
use super::scan::{Scan, ScanId, Snapshot};
use super::sort::SortScan;
use crate::dataset::RecordId;
use crate::engine::SaveRequest;
use crate::engine::rules::JobSpec;
use crate::preview::{Areas, CellArea, PictureView};
use crate::session::Step;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read lines.
    Load(Vec<RecordId>),
    /// Store a step in the session. It is acknowledged with the number of its last event.
    Store(Step),
    /// Remember the record under the cursor, with its file name, for the next start.
    RememberCursor(RecordId, String),
    /// Remember the operator's choice of panes for the next start.
    RememberPanes(Panes),
    /// Open the session again, because the model may be ahead of the disk.
    ReopenSession,
    Describe(Vec<JobSpec>),
    /// Replace the waiting review-ahead jobs by these, nearest first.
    DescribeAhead(Vec<JobSpec>),
    /// Cancel all jobs.
    StopDescriptions,
    /// Determine the account and the price of requests, for consent.
    PrepareDescriber,
    /// Tell the describer that the operator has consented to the price shown.
    ConsentToPrice,
    /// Let a paused describer try again.
    ResumeDescriber,
    ShowPicture {
        record: RecordId,
        file_name: String,
        view: PictureView,
    },
    /// Prefetch images, most urgent first, instead of those requested before.
    PrefetchPictures {
        pictures: Vec<(RecordId, String)>,
        areas: Areas,
    },
    /// Load thumbnails, in this order, instead of those requested before. `area` is the size of one.
    ShowThumbnails {
        pictures: Vec<(RecordId, String)>,
        area: CellArea,
    },
    /// Scan for the records that match a query.
    Scan(Scan),
    Sort(SortScan),
    /// Collect the fields and values that queries can complete, and count them.
    CollectVocabulary(Snapshot),
    StopScan(ScanId),
    Save(SaveRequest),
    /// Write the report of the spot check, beside the dataset unless a path is given. `force` overwrites.
    WriteReport {
        path: Option<PathBuf>,
        force: bool,
    },
    /// Gather the session's statistics.
    GatherStatistics,
    /// Open a text in the external editor.
    EditExternally {
        record: RecordId,
        text: String,
    },
    /// Scan for the captions that a change applies to.
    FindReplacements(ReplaceScan),
    /// Copy to the clipboard.
    Copy(String),
    /// Send a desktop notification: a long run has ended or paused.
    Notify(String),
    /// Draw the whole screen again.
    Redraw,
    /// Suspend to the shell.
    Suspend,
    Quit,
}
