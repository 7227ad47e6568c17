//! What can go wrong with Bedrock: what the operator is told, and what the caller should do.

use std::time::Duration;

use jiff::SignedDuration;

/// Why Bedrock gave no description. The message names the thing and the way out; it holds no secret and no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// More was asked than the account may ask in a minute.
    #[error("the account's {limit} a minute for {model} are used up: slowing down")]
    Throttled {
        /// The model that was asked.
        model: String,
        /// What was counted.
        limit: Limit,
        /// How long the service asks to wait, where it says so.
        retry_after: Option<Duration>,
    },
    /// More tokens were used than the account may use in a day.
    #[error(
        "the daily token quota for {model} is used up: go on tomorrow, choose another model with --model, or raise \
         it in Service Quotas"
    )]
    DailyTokens {
        /// The model that was asked.
        model: String,
    },
    /// The service could not take the request just now.
    #[error("Bedrock is busy ({answer}): try again in a while")]
    Busy {
        /// What it answered: the name of an exception or an HTTP status.
        answer: String,
    },
    /// The model did not finish, or failed.
    #[error("{model} failed on this picture ({answer}): try again")]
    ModelFailed {
        /// The model that was asked.
        model: String,
        /// What the service answered: the name of an exception or an HTTP status.
        answer: String,
    },
    /// The answer did not arrive whole. What came of it is a fragment.
    #[error("the stream broke ({how}): the fragment was discarded")]
    StreamBroken {
        /// What happened to it.
        how: Breakage,
    },
    /// The model has reached its end of life, or is closed to accounts that did not use it lately.
    #[error("{model} is retired: choose another with --model")]
    Retired {
        /// The model that was asked.
        model: String,
    },
    /// The model is only reached through an inference profile.
    #[error("{model} needs an inference profile: --model {}", profiles.join(" or --model "))]
    NeedsInferenceProfile {
        /// The model that was asked.
        model: String,
        /// The profiles it may have in this region.
        profiles: Vec<String>,
    },
    /// No model has this name here.
    #[error(
        "no model {model} in {region}: see `aws bedrock list-inference-profiles --region {region}`, or set another \
         --region"
    )]
    NoSuchModel {
        /// The model that was asked.
        model: String,
        /// The region that was asked.
        region: String,
    },
    /// The model does not look at pictures.
    #[error("{model} takes no pictures: choose another with --model")]
    TakesNoPictures {
        /// The model that was asked.
        model: String,
    },
    /// The model does not take a parameter, or not this value.
    #[error("{model} does not take {parameter} as it was sent: ask without it")]
    ParameterRefused {
        /// The model that was asked.
        model: String,
        /// What it does not take.
        parameter: Parameter,
    },
    /// The model does not take this picture.
    #[error("{model} refused the picture, {problem}")]
    PictureRefused {
        /// The model that was asked.
        model: String,
        /// What is wrong with it.
        problem: PictureProblem,
    },
    /// A permission is missing, or taken away by a policy.
    #[error("{}", if *denied {
        format!("a policy denies {action} on {resource}: whoever manages the account's policies can lift it")
    } else {
        format!("missing {action} on {resource}: have it added to the IAM policy")
    })]
    NotAuthorized {
        /// The permission ("bedrock:InvokeModelWithResponseStream").
        action: String,
        /// What it is needed on: an ARN, or the model where the service names none.
        resource: String,
        /// A policy denies it outright: adding the permission is not enough.
        denied: bool,
    },
    /// The account has no access to the model.
    #[error("no access to {model} in {region}: request it in the Bedrock console (the service says: {said})")]
    NoModelAccess {
        /// The model that was asked.
        model: String,
        /// The region that was asked.
        region: String,
        /// The service's words.
        said: String,
    },
    /// There are no credentials.
    #[error(
        "no AWS credentials found{}: sign in with `aws sso login` or `aws configure`, or set AWS_BEARER_TOKEN_BEDROCK",
        profile.as_ref().map(|name| format!(" in the profile \"{name}\"")).unwrap_or_default()
    )]
    NoCredentials {
        /// The profile that was looked in, where one was named.
        profile: Option<String>,
    },
    /// The credentials are no longer valid.
    #[error("the AWS credentials have expired: sign in again (`aws sso login`, or a new key)")]
    CredentialsExpired,
    /// The service does not know the credentials.
    #[error(
        "AWS does not accept the credentials ({code}): sign in with `aws sso login` or `aws configure`, or check \
         AWS_ACCESS_KEY_ID or AWS_BEARER_TOKEN_BEDROCK"
    )]
    CredentialsInvalid {
        /// What the service answered: the name of an exception or an HTTP status.
        code: String,
    },
    /// There are credentials, but they could not be had.
    #[error("the AWS credentials could not be loaded: {why}; check --profile and ~/.aws/config, or `aws sso login`")]
    CredentialsUnavailable {
        /// What stands in the way.
        why: String,
    },
    /// The request was signed with a wrong time.
    #[error("AWS refuses the time of this request: check this machine's clock{}", off(*offset))]
    ClockSkew {
        /// How far this machine's clock is ahead of the service's, where that is known.
        offset: Option<SignedDuration>,
    },
    /// No region is set.
    #[error("no AWS region is set: use --region, AWS_REGION or `aws configure`")]
    NoRegion,
    /// There was no connection to the service.
    #[error("cannot reach {endpoint} ({why}): check the network, the region and --endpoint-url")]
    Unreachable {
        /// The address that was tried.
        endpoint: String,
        /// What stands in the way.
        why: String,
    },
    /// A limit of the account is reached that waiting does not lift.
    #[error("a limit of the account is reached: see Service Quotas in the AWS console (the service says: {said})")]
    AccountLimit {
        /// The service's words.
        said: String,
    },
    /// Anything else.
    #[error("Bedrock refused the request for {model} ({}): {said}", answer(*status, code.as_deref()))]
    Other {
        /// The model that was asked.
        model: String,
        /// The HTTP status; none where the request was not sent, or the answer had begun.
        status: Option<u16>,
        /// The name of the exception, where there is one.
        code: Option<String>,
        /// The service's words.
        said: String,
    },
}

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        })
    }
}

/// How a stream broke.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Breakage {
    /// Nothing came for so long.
    #[error("nothing came for {} s", .0.as_secs())]
    Silence(Duration),
    /// It ended in good order, but before the model said that it was done.
    #[error("it ended before the text did")]
    EndedEarly,
    /// What came is not what was sent.
    #[error("damaged on the way: {0}")]
    Damaged(String),
    /// The connection was lost.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// The service gave up.
    #[error("{0}")]
    Exception(String),
}

/// A parameter of a request that a model may not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// [`ConverseRequest::temperature`](super::ConverseRequest::temperature).
    Temperature,
    /// [`ConverseRequest::thinking`](super::ConverseRequest::thinking).
    Thinking,
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Temperature => "a temperature",
            Self::Thinking => "the thinking setting",
        })
    }
}

/// What is wrong with a picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureProblem {
    /// Not a format the model reads, or not the one it was sent as.
    #[error("its format: {0}")]
    Format(String),
    /// Too many bytes.
    #[error("its size in bytes: {0}")]
    Size(String),
    /// Too many pixels, or too few.
    #[error("its size in pixels: {0}")]
    Dimensions(String),
    /// What it shows is not described.
    #[error("what it shows: {0}")]
    Content(String),
}

/// What the caller of a request that failed should do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Ask less often, and again for this picture: it is not at fault.
    SlowDown {
        /// Not before so long.
        after: Option<Duration>,
    },
    /// Ask again after a while, a few times; then this picture has failed.
    Retry,
    /// Ask again after a while, a few times; then stop for everybody: no picture is at fault.
    RetryThenPause,
    /// This model will not answer here, another one may. Where there is no other: stop for everybody.
    OtherModel,
    /// Ask again without the parameter, and remember.
    WithoutParameter(Parameter),
    /// This picture has failed; go on with the rest.
    ThisPicture,
    /// Stop for everybody, until something is done about it.
    Pause(Cause),
}

/// What has to change before it is worth asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Credentials, permissions or settings.
    Access,
    /// A quota.
    Quota,
}

impl AwsError {
    /// What the caller should do.
    #[must_use]
    pub const fn reaction(&self) -> Reaction {
        match self {
            Self::Throttled { retry_after, .. } => Reaction::SlowDown { after: *retry_after },
            Self::Busy { .. } | Self::ModelFailed { .. } | Self::StreamBroken { .. } => Reaction::Retry,
            // The SDK learns the service's clock from the refusal, and signs the next request with it.
            Self::ClockSkew { .. } | Self::Unreachable { .. } => Reaction::RetryThenPause,
            Self::Retired { .. }
            | Self::NeedsInferenceProfile { .. }
            | Self::NoSuchModel { .. }
            | Self::TakesNoPictures { .. }
            | Self::NotAuthorized { .. }
            | Self::NoModelAccess { .. } => Reaction::OtherModel,
            Self::ParameterRefused { parameter, .. } => Reaction::WithoutParameter(*parameter),
            Self::DailyTokens { .. } | Self::AccountLimit { .. } => Reaction::Pause(Cause::Quota),
            Self::NoCredentials { .. }
            | Self::CredentialsExpired
            | Self::CredentialsInvalid { .. }
            | Self::CredentialsUnavailable { .. }
            | Self::NoRegion => Reaction::Pause(Cause::Access),
            Self::PictureRefused { .. } => Reaction::ThisPicture,
            Self::Other { status, code, .. } => match status {
                Some(400 | 413 | 422) => Reaction::ThisPicture,
                // In mid-stream.
                None if code.is_some() => Reaction::ThisPicture,
                // A proxy, another service at this address, or a request that cannot be made: the next fares no better.
                _ => Reaction::Pause(Cause::Access),
            },
        }
    }
}

/// " (it is 12 minutes ahead)"
fn off(offset: Option<SignedDuration>) -> String {
    let Some(offset) = offset.filter(|offset| offset.as_mins() != 0) else { return String::new() };
    let direction = if offset.is_positive() { "ahead" } else { "behind" };
    format!(" (it is {} minutes {direction})", offset.as_mins().unsigned_abs())
}

/// "`ValidationException`, HTTP 400"
fn answer(status: Option<u16>, code: Option<&str>) -> String {
    match (code, status) {
        (Some(code), Some(status)) => format!("{code}, HTTP {status}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(status)) => format!("HTTP {status}"),
        (None, None) => "not sent".to_owned(),
    }
}
