//! The effects that the core requests from the runtime. Results come back as messages.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::panes::Panes;
use super::replace::ReplaceScan;
use super::scan::{Scan, ScanId, Snapshot};
use super::sort::SortScan;
use super::tags::TagScan;
use crate::dataset::RecordId;
use crate::describe::{Describer, Usage};
use crate::engine::rules::JobSpec;
use crate::engine::{CollectionId, SaveRequest};
use crate::preview::{Areas, CellArea, PictureView};
use crate::session::{BatchPart, Step, Transaction};

/// An export to a file, or of text files to a folder; without a path to the default place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// A value of `export --to`.
    pub format: &'static str,
    pub path: Option<PathBuf>,
    /// Overwrite existing files.
    pub force: bool,
}

/// A describer that was set up, or none.
#[derive(Clone)]
pub struct ChosenDescriber(pub Option<Arc<dyn Describer>>);

impl ChosenDescriber {
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref().map(Describer::name)
    }

    /// Returns the expected usage of one description; `None` if it is free.
    #[must_use]
    pub fn price(&self) -> Option<Usage> {
        self.0.as_deref().and_then(|describer| describer.estimate(None))
    }
}

impl fmt::Debug for ChosenDescriber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("ChosenDescriber").field(&self.name()).finish()
    }
}

impl PartialEq for ChosenDescriber {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for ChosenDescriber {}

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
    /// Collect the results of these parts of batches.
    CollectBatches(CollectionId, Vec<BatchPart>),
    /// Store what results leave in the session, then continue to collect.
    StoreResults(CollectionId, Transaction),
    StopCollecting,
    /// Determine the account and the price of requests, for consent.
    PrepareDescriber,
    /// Tell the describer that the operator has consented to the price shown.
    ConsentToPrice,
    /// Determine the account and the price of verifications, for consent.
    PrepareVerifier,
    /// Tell the verifier that the operator has consented to the price shown.
    ConsentToVerify,
    /// Let a paused describer or verifier try again.
    ResumeDescriber,
    ShowPicture {
        record: RecordId,
        file_name: String,
        view: PictureView,
    },
    /// Prefetch images, most urgent first, instead of those requested before.
    PrefetchPictures {
        pictures: Vec<(RecordId, String)>,
        /// Images further ahead, to be downloaded if they are in a bucket.
        further: Vec<(RecordId, String)>,
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
    CollectVocabulary(ScanId, Snapshot),
    /// Count the tags or words of the current captions.
    CountTags(TagScan),
    StopScan(ScanId),
    Save(SaveRequest),
    /// Write the report of the spot check, beside the dataset unless a path is given. `force` overwrites.
    WriteReport {
        path: Option<PathBuf>,
        force: bool,
    },
    /// Export the captions in another format.
    Export(ExportRequest),
    /// Set up a describer, with a model if it has several.
    ChooseDescriber {
        name: &'static str,
        model: Option<String>,
    },
    /// Describe with another describer from now on.
    UseDescriber(ChosenDescriber),
    /// Change the colours to a value of `--theme`.
    SetTheme(&'static str),
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
