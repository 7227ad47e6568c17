//! The pure core of the reviewer: a [`Model`], the [`Msg`]s it accepts, and [`update`], which turns one message into a
//! new model and the [`Effect`]s to perform. No I/O happens here, so every behaviour can be tested as
//! (before, keys, after).

mod action;
mod demand;
mod effect;
mod facts;
mod filter;
mod hits;
mod model;
mod msg;
mod pace;
mod palette;
pub mod query;
mod replace;
mod scan;
mod update;

pub use action::{Action, Group};
pub use effect::{Ask, Effect};
pub use facts::{Content, Facts};
pub use filter::{Match, Tab, Tabs, View};
pub use hits::Hits;
pub use model::{
    Bulk, CaptionView, Closeup, Editor, FILE, Job, JobState, List, Mode, Model, Notice, NoticeKind, PictureSlot,
    SaveStatus, Search, SearchEntry, Seek, SessionStatus, Settings, Version, Wish,
};
pub use msg::{Checked, Msg, SaveFailure, SaveSummary, Viewport};
pub use pace::Pace;
pub use palette::CommandLine;
pub use replace::{Change, Hit, ReplaceError, ReplaceId, Replacement, Wanted};
pub use scan::{Scan, ScanId, Scanned};
pub use update::update;
