//! Describers write captions. This module has the [`Describer`] trait and its types.

pub mod bedrock;
pub mod budget;
pub mod catalogue;
pub mod cost;
#[cfg(feature = "local")]
pub mod local;
pub mod openai;
pub mod prompt;
pub mod rate_limiter;
pub mod remote;
pub mod upload;
pub mod verdict;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::dataset::RecordId;

pub use crate::model_api::{CompleteResponse, Tokens};
pub use cost::{Cost, Dollars};
pub use verdict::{Quote, Verdict};

/// The name of the embedded describer.
pub const LOCAL: &str = "local";

/// Identifies one request to describe a record. Results are dropped if their job is no longer the current one of the
/// record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// The priority of a job, most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// The operator is waiting. The newest runs first, because it is for the current record.
    Interactive,
    /// For the reviewer, nearest record first.
    Prefetch,
    /// Part of a run, in the order of the dataset.
    Bulk,
}

/// The level of detail of a caption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The person and the main garment.
    Brief,
    #[default]
    Standard,
    /// Everything the describer detects.
    Detailed,
}

impl Detail {
    /// Returns the level for the next regenerate: brief → standard → detailed → brief.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Brief => Self::Standard,
            Self::Standard => Self::Detailed,
            Self::Detailed => Self::Brief,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brief => "brief",
            Self::Standard => "standard",
            Self::Detailed => "detailed",
        }
    }
}

/// Why the operator regenerates a caption.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    TooLong,
    MissedItem,
    WrongColour,
    WrongPerson,
    /// In the operator's words.
    Custom(String),
}

impl Reason {
    /// The reasons other than [`Reason::Custom`], in menu order.
    pub const PRESETS: [Self; 4] = [Self::TooLong, Self::MissedItem, Self::WrongColour, Self::WrongPerson];

    /// Returns the reason of a stored text.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let preset = Self::PRESETS.into_iter().find(|preset| preset.as_str() == text);
        preset.unwrap_or_else(|| Self::Custom(text.to_owned()))
    }

    /// Returns the text for display, which is also stored in the session.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::TooLong => "too long",
            Self::MissedItem => "missed item",
            Self::WrongColour => "wrong colour",
            Self::WrongPerson => "wrong person",
            Self::Custom(text) => text,
        }
    }
}

/// The facts about a record besides its image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The image path as written in the dataset.
    pub file_name: String,
    /// The current caption, which may be wrong.
    pub current: Option<String>,
    /// The record's line in the dataset, a JSON object.
    pub line: String,
    /// The candidates of describers for this record, oldest first.
    pub previous: Vec<String>,
    pub mode: RequestMode,
    /// Captions of other records that the reviewer accepted or edited, newest first.
    pub examples: Vec<String>,
}

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestMode {
    /// A caption, regardless of earlier ones.
    #[default]
    Describe,
    /// A caption in a different wording and with other details than the earlier ones.
    Vary,
    Repair(Repair),
}

/// A correction of a caption that changes only its errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The caption to correct; empty if there is none.
    pub text: String,
    /// The errors, oldest first.
    pub reasons: Vec<Reason>,
}

/// A request to describe one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub job: JobId,
    pub record: RecordId,
    pub image_path: PathBuf,
    pub detail: Detail,
    /// The maximum number of words in the caption.
    pub max_words: usize,
    pub context: Context,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The caption is complete.
    EndTurn,
    /// The token limit cut the caption off.
    MaxTokens,
    /// Another reason, as named by the describer.
    Other(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Never empty.
    pub text: String,
    /// The id of the model, version included.
    pub model: String,
    /// The name and version of the prompt. `None` if the describer has no prompt.
    pub prompt: Option<String>,
    /// The parameters of the request for display ("detail: brief").
    pub parameters: String,
    pub stop: StopReason,
    /// `None` if the describer is free.
    pub usage: Option<Usage>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub tokens: Tokens,
    /// The cost by the price list.
    pub cost: Cost,
}

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Described(Description),
    /// A caption was compared with its image. The text of the response is the model's own.
    Verified(Box<Verdict>, Description),
    /// The image shows nothing that the describer can name: neither a caption nor an error.
    NothingRecognised,
    Failed(DescribeError),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DescribeError {
    /// One line for the operator: the error and how to fix it.
    pub message: String,
}

/// An item of the stream of one description. The last item is `Ended`; the text of a stream that ends without it is
/// discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptionEvent {
    /// The describer waits or retries, for the given reason; the text so far is discarded.
    Waiting(String),
    /// Text to append.
    Delta(String),
    Ended(Outcome),
}

/// Why a describer has paused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// One line for the operator: the error and how to fix it.
    pub message: String,
    pub kind: PauseKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseKind {
    /// Credentials, access or the choice of a model: the operator must act.
    Access,
    /// A quota of the service: resumes with time.
    Quota,
    /// The budget of this run is used up.
    Budget,
    /// The model costs more than the operator has consented to.
    Consent,
}

/// What keeps a describer from sending more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    /// The number of requests in flight.
    Concurrency,
    /// The requests per minute.
    Rate,
    /// The tokens per minute.
    Tokens,
    /// The money that requests in flight have reserved.
    Budget,
}

impl std::fmt::Display for LimitedBy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Concurrency => "concurrency",
            Self::Rate => "rate",
            Self::Tokens => "tokens",
            Self::Budget => "budget",
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescriberStatus {
    /// The account that requests are charged to, once known.
    pub account: Option<Account>,
    /// The expected usage of one request, once connected.
    pub price: Option<Usage>,
    /// The price list ("$0.003 in, $0.015 out for 1,000 tokens on 2026-11-29"), once connected and if known.
    pub rates: Option<String>,
    /// The current model and its region ("claude-sonnet-4-6 · us-east-1"), or empty.
    pub model: String,
    /// The time from the last request to the first text of its response.
    pub first_token: Option<Duration>,
    /// The current rate limit, if any.
    pub requests_per_minute: Option<u32>,
    /// The number of requests waiting for the rate limiter.
    pub waiting: usize,
    /// The limit that delays most requests, if any.
    pub limited_by: Option<LimitedBy>,
    /// The cost of this run so far.
    pub spent: Dollars,
    pub budget: Option<Dollars>,
    pub paused: Option<Pause>,
    /// The last change of the model and its price, for the operator.
    pub model_change: Option<String>,
}

/// An account of a service. Displayed as "account 123456789012, profile work".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `None` if it cannot be determined.
    pub id: Option<String>,
    /// The profile of the configuration with its credentials.
    pub profile: Option<String>,
}

impl Account {
    /// Returns the form for places with little room ("123456789012/work").
    #[must_use]
    pub fn short(&self) -> String {
        [&self.id, &self.profile].into_iter().flatten().cloned().collect::<Vec<_>>().join("/")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "account {}", self.id.as_deref().unwrap_or("unknown"))?;
        self.profile.as_ref().map_or(Ok(()), |profile| write!(f, ", profile {profile}"))
    }
}

/// The model, account and price of requests, for consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// With its region, once connected.
    pub model: String,
    pub account: Option<Account>,
    /// With its date ("$0.003 in, $0.015 out for 1,000 tokens on 2026-11-29"), or how to make it known.
    pub price: Result<String, String>,
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.model)?;
        if let Some(account) = &self.account {
            write!(f, ", {account}")?;
        }
        match &self.price {
            Ok(price) => write!(f, ": {price}"),
            Err(remedy) => write!(f, ": price unknown; {remedy}"),
        }
    }
}

/// What the operator has consented to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// The price that [`Describer::terms`] returns. A model that costs no more is covered.
    Terms,
    /// Any price, even an unknown one: a limit or an option covers it.
    Any,
}

/// The cost of one request, whether or not it led to a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    pub record: RecordId,
    pub model: String,
    /// The name and version of the prompt.
    pub prompt: String,
    /// The usage reported by the service, or the maximum if it reported none.
    pub usage: Usage,
    /// Whether the usage is the maximum because the response was interrupted.
    pub estimated: bool,
}

/// An event of a describer that concerns more than one description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriberEvent {
    /// The status changed.
    Status(DescriberStatus),
    Charged(Charge),
}

/// Receives the events of a describer. Called from any thread; must not block.
pub type Listener = Arc<dyn Fn(DescriberEvent) + Send + Sync>;

pub trait Describer: Send + Sync {
    /// Returns the name that is displayed and stored with every candidate ("local").
    fn name(&self) -> &str;

    /// Describes one image. Dropping the stream cancels the request.
    fn describe(&self, request: Request, priority: Priority) -> BoxStream<'static, DescriptionEvent>;

    /// Returns the fields of a record that its requests use.
    fn fields(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns the number of descriptions to run concurrently, which may change.
    fn concurrency(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    /// Estimates the usage for an image of this width and height, or of typical size. Returns `None` if the describer is
    /// free.
    fn estimate(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        let _ = size;
        None
    }

    /// Connects ahead of the first request, to determine the model, its price and the account for the status. Sends
    /// nothing that is charged.
    fn prepare(&self) -> BoxFuture<'static, ()> {
        std::future::ready(()).boxed()
    }

    /// Returns the id of the model that the next request will probably use, and the version of the prompt. Returns `None` if
    /// the describer has no prompt.
    fn version(&self) -> Option<(String, String)> {
        None
    }

    /// Returns true if it is set up to write JSON objects.
    fn writes_objects(&self) -> bool {
        false
    }

    /// Returns what is known about the requests that would be sent. Returns `None` if the describer is free.
    fn terms(&self) -> Option<Terms> {
        None
    }

    /// Records what the operator has consented to, and ends a pause for consent. Without a call, the terms before the first
    /// description count.
    fn consent(&self, consent: Consent) {
        let _ = consent;
    }

    /// Sets the listener, and sends it the current status.
    fn set_listener(&self, listener: Listener) {
        let _ = listener;
    }

    /// Retries at once after a [`Pause`] that needs neither money nor consent.
    fn resume(&self) {}
}
