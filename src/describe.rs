//! Describers write captions. This file is what the rest of the program knows of them.

pub mod bedrock;
pub mod budget;
pub mod catalogue;
pub mod cost;
#[cfg(feature = "local")]
pub mod local;
pub mod pacer;
pub mod prompt;
pub mod upload;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use futures::stream::BoxStream;

use crate::dataset::RecordId;

pub use cost::{Dollars, Tokens};

/// Identity of one try at describing one record. Answers whose job is not the record's current one are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// How urgent a job is, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The operator waits for it. The newest runs first, because that is the record they look at.
    Asked,
    /// Review-ahead, nearest first.
    Ahead,
    /// Part of a run, in file order.
    Bulk,
}

/// How much a description should tell. Regenerating asks for the next level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The person and the main garment.
    Brief,
    /// What a caption usually holds.
    #[default]
    Standard,
    /// Everything the describer can tell.
    Detailed,
}

impl Detail {
    /// The level a regenerate asks for: brief → standard → detailed → brief.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Brief => Self::Standard,
            Self::Standard => Self::Detailed,
            Self::Detailed => Self::Brief,
        }
    }

    /// The word shown to the operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brief => "brief",
            Self::Standard => "standard",
            Self::Detailed => "detailed",
        }
    }
}

/// What was wrong with the text before, when another is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It says too much.
    TooLong,
    /// It leaves something out that is in the picture.
    MissedItem,
    /// A colour is wrong.
    WrongColour,
    /// What it says of the person is wrong.
    WrongPerson,
    /// In the operator's own words.
    Own(String),
}

impl Reason {
    /// Those with a name of their own, in the order they are offered.
    pub const NAMED: [Self; 4] = [Self::TooLong, Self::MissedItem, Self::WrongColour, Self::WrongPerson];

    /// The words for it, for the operator and for what is kept.
    #[must_use]
    pub fn words(&self) -> &str {
        match self {
            Self::TooLong => "too long",
            Self::MissedItem => "missed item",
            Self::WrongColour => "wrong colour",
            Self::WrongPerson => "wrong person",
            Self::Own(words) => words,
        }
    }
}

/// What is known of a record besides its picture. A describer may use it or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The picture, as the dataset names it.
    pub file_name: String,
    /// The caption it has now, which may be wrong.
    pub current: Option<String>,
    /// Its line in the dataset: a JSON object.
    pub line: String,
    /// The texts describers wrote for it before, oldest first.
    pub tried: Vec<String>,
    /// Why another one is asked for.
    pub reason: Option<Reason>,
}

/// What a describer is asked: one picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The try this is.
    pub job: JobId,
    /// The record it is for.
    pub record: RecordId,
    /// Where its picture is.
    pub picture: PathBuf,
    /// How much to tell.
    pub detail: Detail,
    /// The most words the caption may have.
    pub max_words: usize,
    /// What else is known of the record.
    pub context: Context,
}

/// Why a text ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The describer had said all it wanted.
    EndTurn,
    /// The limit on tokens cut it off: the text is a fragment of a caption.
    MaxTokens,
    /// Another reason, in the describer's words.
    Other(String),
}

/// A finished description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The text. Never empty.
    pub text: String,
    /// The model that wrote it, with its version.
    pub model: String,
    /// The prompt it was asked with, by name and version; none where a describer has no prompt.
    pub prompt: Option<String>,
    /// The parameters it was written with, as the operator should read them ("detail: brief").
    pub parameters: String,
    /// Why it ended.
    pub stop: StopReason,
    /// What the service counted and charged for it; none where it is free.
    pub usage: Option<Usage>,
}

/// Tokens and their price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The tokens.
    pub tokens: Tokens,
    /// What they cost, by the price list.
    pub cost: Dollars,
}

/// Why there is no description. The message is for the operator: it names the thing and the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DescribeError {
    /// One line for the operator.
    pub message: String,
}

/// What a describer says while it works. A stream of these ends with `Finished` or `Failed`; one that ends without
/// either is broken, and its text is discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescribeEvent {
    /// It waits, or begins again: the text so far is discarded. What for, in a few words ("the stream broke, retrying").
    Waiting(String),
    /// More text of the description.
    Delta(String),
    /// The description is complete.
    Finished(Description),
    /// There will be none.
    Failed(DescribeError),
}

/// Why a describer has stopped for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// One line for the operator: what happened and what to do.
    pub message: String,
    /// What kind of thing it is.
    pub kind: PauseKind,
}

/// What a describer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseKind {
    /// Credentials, access or a model: somebody must do something.
    Access,
    /// A quota of the service: time must pass.
    Quota,
    /// The budget of this run is spent.
    Budget,
}

/// How a describer does, for the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The model in use and where it is asked ("claude-sonnet-4-6 · us-east-1"); empty where there is nothing to tell.
    pub model: String,
    /// Requests a minute it keeps to, where it must.
    pub pace: Option<u32>,
    /// Requests that wait for the pace.
    pub waiting: usize,
    /// What this run has cost.
    pub spent: Dollars,
    /// What it may cost.
    pub budget: Option<Dollars>,
    /// Why it has stopped for now.
    pub paused: Option<Pause>,
}

/// Something paid for, whether or not it led to a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The record it was for.
    pub record: RecordId,
    /// The model.
    pub model: String,
    /// The prompt, by name and version.
    pub prompt: String,
    /// What was used. Where the service did not say, the most it can be.
    pub usage: Usage,
    /// The service did not say, because the answer broke off.
    pub estimated: bool,
}

/// What a describer tells besides its descriptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It does differently now.
    Status(Status),
    /// Something was paid for.
    Spent(Spent),
}

/// Who is told of a describer's news. Called from any thread; it should hand the news on and return.
pub type Listener = Arc<dyn Fn(News) + Send + Sync>;

/// Something that writes captions. Dropping the stream cancels the work.
pub trait Describer: Send + Sync {
    /// The name shown in the header and kept with every candidate ("local").
    fn name(&self) -> &str;

    /// Starts describing one picture.
    fn describe(&self, request: Request, priority: Priority) -> BoxStream<'static, DescribeEvent>;

    /// How many descriptions it makes at once.
    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    /// What describing a picture of this width and height (or, without them, a usual one) is expected to cost; none
    /// where it is free.
    fn estimate(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        let _ = size;
        None
    }

    /// Tells of its news from now on, beginning with how it does now.
    fn listen(&self, listener: Listener) {
        let _ = listener;
    }

    /// Tries again after a [`Pause`].
    fn resume(&self) {}
}
