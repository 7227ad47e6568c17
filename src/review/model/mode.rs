//! The reviewer's mode: browsing, editing, or a dialog.

use super::{Filter, Search};
use crate::dataset::RecordId;
use crate::describe::Reason;
use crate::preview::Zoom;
use crate::review::Context;
use crate::review::command_line::CommandLine;
use crate::review::fields::{Field, FieldsPage};
use crate::review::msg::Viewport;
use crate::review::query::{Completion, QueryError};
use crate::review::replace::Replacement;
use crate::review::selection::RecordAction;
use crate::review::tags::{EditCompletion, TagsPage};
use crate::session::Draft;

/// A caption or note being edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Editor {
    /// The record that the text belongs to, even if the cursor moves.
    pub record: RecordId,
    pub draft: Draft,
    /// The text before editing.
    pub start: String,
    pub offered: Option<EditCompletion>,
    /// The field that the text is of, if it is not a whole caption.
    pub field: Option<Box<Field>>,
}

/// A search being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchEntry {
    pub text: String,
    /// Why the text is not a valid pattern.
    pub error: Option<String>,
    /// The record under the cursor before the search.
    pub cursor: Option<RecordId>,
    /// The first row on the screen before the search.
    pub top: usize,
    /// The previous search.
    pub before: Option<Box<Search>>,
}

/// A query being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterEntry {
    pub text: String,
    /// The cursor, in characters.
    pub cursor: usize,
    pub error: Option<QueryError>,
    /// The list does not follow the text, because its last word may become a key.
    pub is_incomplete: bool,
    /// The record under the cursor before the filter.
    pub record: Option<RecordId>,
    /// The first row on the screen before the filter.
    pub top: usize,
    /// The previous filter.
    pub before: Option<Box<Filter>>,
    pub offered: Option<Offered>,
}

impl FilterEntry {
    /// Returns the cursor in bytes.
    #[must_use]
    pub fn cursor_in_bytes(&self) -> usize {
        self.text.char_indices().nth(self.cursor).map_or(self.text.len(), |(at, _)| at)
    }
}

/// An editor that opens when its record is loaded. Keys typed meanwhile are meant for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub editor: EditorKind,
    /// The record under the cursor; `None` for the one the session resumes at.
    pub record: Option<RecordId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditorKind {
    Caption,
    /// The whole caption, even if it has fields.
    Whole,
    Note,
    External,
}

/// The completions of the word at the cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    pub completion: Completion,
    /// The index of the completion inserted.
    pub chosen: usize,
}

/// The help, over the mode it was opened in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelpPage {
    /// The context it was opened in, whose keys are listed first.
    pub context: Context,
    /// The first row on the screen.
    pub top: u16,
    /// The first row if the page is scrolled to its end, as laid out last.
    pub last_top: u16,
    /// Only rows with these words are listed.
    pub search: String,
    /// True while the search is being typed.
    pub typing: bool,
    /// The mode to return to.
    pub before: Box<Mode>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    Browse,
    Edit(Editor),
    Note(Editor),
    Command(CommandLine),
    Search(SearchEntry),
    Filter(FilterEntry),
    Help(HelpPage),
    /// The recent messages, from this one.
    Messages(usize),
    /// The statistics, with the cursor on this row.
    Statistics(usize),
    /// The tags with the numbers of captions that have them.
    Tags(TagsPage),
    /// The fields of a structured caption.
    Fields(FieldsPage),
    /// The image alone.
    Zoom(Closeup),
    ConfirmQuit,
    /// Asks whether to overwrite a file, for the given reason.
    ConfirmOverwrite(String),
    /// Asks for the reason to regenerate a caption.
    ChooseReason(RecordId),
    /// Editing a reason in the operator's own words.
    CustomReason(RecordId, String),
    /// Asks why a caption is not acceptable, in a spot check.
    Reject(RecordId),
    /// Editing such a reason in the operator's own words.
    RejectReason(RecordId, String),
    /// The preview of a change to many captions.
    Replace(Replacement),
    /// Asks for consent to the cost of descriptions.
    ConfirmSpending {
        scope: DescribeScope,
        count: u64,
        reason: Option<Reason>,
    },
    /// Asks for consent to the cost of verifications.
    ConfirmVerifying {
        scope: DescribeScope,
        count: u64,
    },
    /// Asks whether a command is meant for all selected records, `elsewhere` of which are not in the list.
    ConfirmMany {
        action: RecordAction,
        count: u64,
        elsewhere: u64,
    },
}

/// The state of the zoom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closeup {
    /// The record whose image is zoomed. Another one starts unzoomed.
    pub of: Option<RecordId>,
    pub zoom: Zoom,
    /// Whether the captions are shown; `None` if they are where they cost the image nothing.
    pub texts: Option<bool>,
}

impl Closeup {
    /// Returns true if the captions are shown in this layout.
    #[must_use]
    pub fn shows_texts(self, viewport: &Viewport) -> bool {
        self.texts.unwrap_or(viewport.texts_beside_zoom)
    }
}

/// The records of a request for descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DescribeScope {
    /// The one under the cursor.
    Cursor(RecordId),
    /// Those in view that need a description.
    InView,
    /// The selected ones, even if they have candidates.
    Selected,
}

impl DescribeScope {
    #[must_use]
    pub const fn is_many(self) -> bool {
        !matches!(self, Self::Cursor(_))
    }
}
