//! Describers write captions. This file is what the rest of the program knows of them.

#[cfg(feature = "local")]
pub mod local;
pub mod queue;

use std::path::PathBuf;

use futures::stream::BoxStream;

use crate::dataset::RecordId;

pub use queue::{JobEvent, Priority, Queue};

/// Identity of one try at describing one record. Answers whose job is not the record's current one are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

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
    /// The parameters it was written with, as the operator should read them ("detail: brief").
    pub parameters: String,
    /// Why it ended.
    pub stop: StopReason,
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
    /// More text of the description.
    Delta(String),
    /// The description is complete.
    Finished(Description),
    /// There will be none.
    Failed(DescribeError),
}

/// Something that writes captions. Dropping the stream cancels the work.
pub trait Describer: Send + Sync {
    /// The name shown in the header and kept with every candidate ("local").
    fn name(&self) -> &str;

    /// Starts describing one picture.
    fn describe(&self, request: Request) -> BoxStream<'static, DescribeEvent>;
}
