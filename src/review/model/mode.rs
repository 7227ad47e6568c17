//! What the operator is doing: going through records, writing, being asked.

use super::{Filter, Search};
use crate::dataset::RecordId;
use crate::describe::Reason;
use crate::preview::Zoom;
use crate::review::palette::CommandLine;
use crate::review::query::{Completion, QueryError};
use crate::review::replace::Replacement;
use crate::review::selection::RecordAction;
use crate::session::Draft;

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

/// A search being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchEntry {
    /// The text so far.
    pub text: String,
    /// Why it cannot be looked for.
    pub error: Option<String>,
    /// The record the operator was at.
    pub cursor: Option<RecordId>,
    /// The place of the first row on the screen then.
    pub top: usize,
    /// What was searched for before.
    pub before: Option<Box<Search>>,
}

/// A query being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterEntry {
    /// The text so far.
    pub text: String,
    /// The cursor, in characters from the start.
    pub cursor: usize,
    /// Why it is no query.
    pub error: Option<QueryError>,
    /// The record the operator was at.
    pub record: Option<RecordId>,
    /// The place of the first row on the screen then.
    pub top: usize,
    /// The filter that was on.
    pub before: Option<Box<Filter>>,
    /// What the word at the cursor may become.
    pub offered: Option<Offered>,
}

/// What the word at the cursor may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// The choices.
    pub completion: Completion,
    /// The one that stands there now.
    pub chosen: usize,
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
    /// Writing a command, or looking for one.
    Command(CommandLine),
    /// Writing what to search for.
    Search(SearchEntry),
    /// Writing what to filter by.
    Filter(FilterEntry),
    /// Reading the help, from this row.
    Help(u16),
    /// Reading the figures, at this row.
    Figures(usize),
    /// Looking at the picture alone.
    Zoom(Closeup),
    /// Asked whether to save before leaving.
    ConfirmQuit,
    /// Asked whether to overwrite a file; why.
    ConfirmOverwrite(String),
    /// Asked what is wrong with a record's text, for another one.
    ChooseReason(RecordId),
    /// Writing what is wrong with it.
    OwnReason(RecordId, String),
    /// Looking at what a change to many captions would change.
    Replace(Replacement),
    /// Asked whether a description may cost what it costs.
    ConfirmSpending(Wish),
    /// Asked whether so many records are meant.
    ConfirmMany {
        /// What is to become of them.
        action: RecordAction,
        /// How many are marked.
        count: u64,
        /// How many of those are not in the list now.
        elsewhere: u64,
    },
}

/// How the picture alone on the screen is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closeup {
    /// The record whose picture it is. Another one's is looked at whole first.
    pub of: Option<RecordId>,
    /// How closely, and where.
    pub zoom: Zoom,
    /// Whether the texts stand below it.
    pub texts: bool,
}

/// Descriptions that were asked for, before it was agreed what they may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// One record's, perhaps for a reason.
    One(RecordId, Option<Reason>),
    /// Those of so many records in view.
    All(u64),
    /// Those of so many marked records, perhaps for a reason.
    Marked(u64, Option<Reason>),
}
