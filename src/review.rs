//! The pure core of the reviewer: a [`Model`], the [`Msg`]s it accepts, and [`update`], which turns one message into a
//! new model and the [`Effect`]s to perform. No I/O happens here, so every behaviour can be tested as
//! (before, keys, after).

mod command_line;
mod context;
mod counters;
mod effect;
mod fields;
mod list_view;
mod matches;
mod messages;
mod model;
mod msg;
mod order;
mod pace;
mod panes;
mod possible;
mod prefetch;
pub mod query;
mod record_view;
mod replace;
mod rest;
mod scan;
mod selection;
mod sheet;
mod sort;
mod spot_check;
mod statistics;
mod tabs;
mod tags;
mod update;

pub use command_line::{Choice, CommandLine, DESCRIBERS, FORMATS, RecentLines, THEMES};
pub use context::Context;
pub use counters::Counters;
pub use effect::{ChosenDescriber, Effect, ExportRequest};
pub use fields::{Field, FieldsPage};
pub use list_view::{Match, View};
pub use matches::Matches;
pub use messages::{Message, Messages};
pub use model::{
    Batch, Bulk, CaptionExtent, CaptionView, Closeup, Collecting, DescribeScope, Editor, EditorKind, FILE, Filter,
    FilterEntry, HelpPage, Holds, Job, JobState, Leaving, List, Mode, Model, Notice, NoticeKind, Offered, Opening,
    PictureSlot, REVIEWER, Rate, SAMPLE, SaveStatus, Search, SearchEntry, Seek, SessionStatus, Settings, Sorting,
    VerifierSettings, Verifying, Version,
};
pub use msg::{Msg, Viewport, Viewports};
pub use order::Order;
pub use pace::Pace;
pub use panes::{ListPane, Panes};
pub use record_view::{Content, RecordView};
pub use replace::{Change, Hit, Hits, HitsBuilder, ReplaceError, ReplaceScan, Replacement, Scope, Wanted};
pub use rest::Summary;
pub use scan::{Scan, ScanId, Scanned, Snapshot};
pub use selection::{RecordAction, Selection};
pub use sheet::{Grid, Sheet};
pub use sort::{Sort, SortBy, SortScan, Sorter};
pub use tabs::{FindingCounts, Tab, Tabs};
pub use tags::{Completed, EditCompletion, KnownTags, TagScan, TagsPage};
pub use update::commands::{Command, Group};
pub use update::update;
