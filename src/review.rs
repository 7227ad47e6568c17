//! The pure core of the reviewer: a [`Model`], the [`Msg`]s it accepts, and [`update`], which turns one message into a
//! new model and the [`Effect`]s to perform. No I/O happens here, so every behaviour can be tested as
//! (before, keys, after).

mod action;
mod demand;
mod effect;
mod filter;
mod model;
mod msg;
mod update;

pub use action::{Action, Group};
pub use effect::{Ask, Effect};
pub use filter::{Tab, Tabs, View};
pub use model::{
    Bulk, CaptionView, Closeup, Editor, FILE, Job, JobState, List, Mode, Model, Notice, NoticeKind, PictureSlot,
    SaveStatus, SessionStatus, Settings, Version, Wish,
};
pub use msg::{Checked, Msg, SaveFailure, SaveSummary, Viewport};
pub use update::update;
