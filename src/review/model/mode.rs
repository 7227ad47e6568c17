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
    /// Asks for consent to the cost of descriptions.
    ConfirmSpending { scope: DescribeScope, count: u64, reason: Option<Reason> },
    /// Asks whether a command is meant for all marked records, `elsewhere` of which are not in the list.
    ConfirmMany { action: RecordAction, count: u64, elsewhere: u64 },
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

/// The records of a request for descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescribeScope {
    /// The one under the cursor.
    Cursor(RecordId),
    /// Those in view that need a description.
    InView,
    /// The marked ones, whatever candidates they have.
    Marked,
}

impl DescribeScope {
    #[must_use]
    pub const fn is_many(self) -> bool {
        !matches!(self, Self::Cursor(_))
    }
}
