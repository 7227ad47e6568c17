//! What the core asks the runtime to do. Results come back as messages.

use std::path::PathBuf;

use super::replace::ReplaceScan;
use super::scan::{Scan, ScanId};
use super::sort::SortScan;
use crate::dataset::RecordId;
use crate::engine::SaveRequest;
use crate::engine::rules::JobSpec;
use crate::preview::{CellArea, PictureView};
use crate::session::Step;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Read these lines.
    Load(Vec<RecordId>),
    /// Store a step in the session. It is acknowledged by its last event's number.
    Store(Step),
    /// Keep the cursor's place for the next start: the record, and its picture's name.
    RememberCursor(RecordId, String),
    /// Open the session anew: what is in memory may be more than what is stored.
    ReopenSession,
    /// Describe these records.
    Describe(Vec<JobSpec>),
    /// Let these be the review-ahead jobs, in this order, instead of those still waiting.
    DescribeAhead(Vec<JobSpec>),
    /// Stop all descriptions, under way or waiting.
    StopDescriptions,
    /// Let a describer that has stopped for now try again.
    ResumeDescriber,
    /// Show a record's picture.
    ShowPicture {
        /// The record.
        record: RecordId,
        /// The picture, as the dataset names it.
        file_name: String,
        /// How.
        view: PictureView,
    },
    /// Have these pictures ready, most wanted first, instead of those wished for before.
    PrefetchPictures {
        /// The records and their pictures' names.
        pictures: Vec<(RecordId, String)>,
        /// The room for them.
        area: CellArea,
    },
    /// Have these pictures ready in the size of the contact sheet, in this order, instead of those asked for this way
    /// before.
    ShowThumbnails {
        /// The records and their pictures' names.
        pictures: Vec<(RecordId, String)>,
        /// The room for each.
        area: CellArea,
    },
    /// Look for the records a query holds for.
    Scan(Scan),
    /// Sort the records for the list.
    Sort(SortScan),
    /// Find out what the dataset's lines offer for queries.
    CollectVocabulary,
    /// Stop looking: nobody waits for what that scan would find.
    StopScan(ScanId),
    Save(SaveRequest),
    /// Write the report of the spot check.
    WriteReport {
        /// Where to; beside the dataset where nothing is said.
        path: Option<PathBuf>,
        /// Replace what is there.
        force: bool,
    },
    /// Add up what the session has come to.
    GatherFigures,
    /// Let the operator's own editor have this text.
    EditExternally {
        /// The record.
        record: RecordId,
        /// The text to start from.
        text: String,
    },
    /// Look for the captions that a change would change.
    FindReplacements(ReplaceScan),
    /// Put this text on the clipboard.
    Copy(String),
    /// Something the operator has waited for is done: tell them, also where they look elsewhere.
    Notify(String),
    /// Give the terminal back until the shell continues the program.
    Suspend,
    /// Leave the program.
    Quit,
}
