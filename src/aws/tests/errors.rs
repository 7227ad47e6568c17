//! The classification of errors, with messages observed from the service.

use std::io;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use jiff::{SignedDuration, Timestamp, fmt};
use rstest::rstest;

use super::super::client::CredentialsKind;
use super::super::error::{ImageProblem, Interruption, Limit};
use super::super::error_response::{ErrorResponse, RequestInfo};
use super::super::fixture::{MockResponse, config};
use super::super::{Client, Options};
use super::*;
use crate::reaction::{Parameter, PauseCause, Reaction};

const PAUSE: Reaction = Reaction::Pause(PauseCause::Access);

async fn error_for(response: MockResponse) -> AwsError {
    send(&MockBedrock::new([response])).await.expect_err("an error").1
}

/// The message contains all of the phrases.
#[rstest]
#[case::requests(429, "ThrottlingException", "Too many requests, please wait before trying again.",
    &["requests per minute", MODEL], Reaction::SlowDown { retry_after: None })]
#[case::tokens(429, "ThrottlingException", "Too many tokens, please wait before trying again.",
    &["tokens per minute", MODEL], Reaction::SlowDown { retry_after: None })]
#[case::connections(503, "ServiceUnavailableException", "Too many connections, please wait before trying again.",
    &["requests per minute"], Reaction::SlowDown { retry_after: None })]
#[case::daily(429, "ThrottlingException", "Too many tokens per day, please wait before trying again.",
    &["daily token quota", "Service Quotas"], Reaction::Pause(PauseCause::Quota))]
#[case::not_ready(429, "ModelNotReadyException", "Model is not ready for inference.",
    &["busy", "ModelNotReadyException"], Reaction::Retry)]
#[case::internal(500, "InternalServerException", "The system encountered an unexpected error.",
    &["busy", "InternalServerException"], Reaction::Retry)]
#[case::unavailable(503, "ServiceUnavailableException", "Bedrock is unable to process your request.",
    &["busy", "ServiceUnavailableException"], Reaction::Retry)]
#[case::timeout(408, "ModelTimeoutException", "The request took too long to process.",
    &[MODEL, "failed on this image", "ModelTimeoutException"], Reaction::Retry)]
#[case::failed(424, "ModelErrorException", "The system encountered an unexpected error during processing.",
    &[MODEL, "failed on this image", "ModelErrorException"], Reaction::Retry)]
#[case::end_of_life(404, "ResourceNotFoundException",
    "This model version has reached the end of its life. Please refer to the AWS documentation for more details.",
    &[MODEL, "is retired", "--model"], Reaction::NextModel)]
#[case::legacy(404, "ResourceNotFoundException",
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the \
     last 30 days. Please upgrade to an active model on Amazon Bedrock",
    &[MODEL, "is retired", "--model"], Reaction::NextModel)]
#[case::on_demand(400, "ValidationException",
    "Invocation of model ID anthropic.claude-sonnet-4-6 with on-demand throughput isn’t supported. Retry your request \
     with the ID or ARN of an inference profile that contains this model.",
    &[MODEL, "requires an inference profile"], Reaction::NextModel)]
#[case::identifier(400, "ValidationException", "The provided model identifier is invalid.",
    &["not found", MODEL, "in us-east-1", "list-inference-profiles"], Reaction::NextModel)]
#[case::not_found(404, "ResourceNotFoundException",
    "Could not resolve the foundation model from the provided model identifier.",
    &["not found", MODEL, "in us-east-1"], Reaction::NextModel)]
#[case::temperature(400, "ValidationException", "`temperature` is deprecated for this model.",
    &[MODEL, "temperature"], Reaction::DropParameter(Parameter::Temperature))]
#[case::temperature_field(400, "ValidationException",
    "This model doesn't support the temperature field. Remove temperature and try again.",
    &[MODEL, "temperature"], Reaction::DropParameter(Parameter::Temperature))]
#[case::temperature_with_thinking(400, "ValidationException",
    "The model returned the following errors: `temperature` may only be set to 1 when thinking is enabled.",
    &[MODEL, "temperature"], Reaction::DropParameter(Parameter::Temperature))]
#[case::thinking(400, "ValidationException",
    "The model returned the following errors: \"thinking.type.disabled\" is not supported for this model.",
    &[MODEL, "thinking"], Reaction::DropParameter(Parameter::Thinking))]
#[case::effort(400, "ValidationException", "This model doesn't support the outputConfig.effort field.",
    &[MODEL, "thinking"], Reaction::DropParameter(Parameter::Thinking))]
#[case::media_type(400, "ValidationException",
    "The model returned the following errors: messages.0.content.0.image.source.bytes: The image was specified using \
     the image/jpeg media type, but the image appears to be a image/png image",
    &["rejected the image", "format", "appears to be a image/png"], Reaction::FailImage)]
#[case::other_format(400, "ValidationException",
    "The model returned the following errors: The provided image does not match the specified image format.",
    &["rejected the image", "format"], Reaction::FailImage)]
#[case::bytes(400, "ValidationException",
    "The model returned the following errors: messages.0.content.0.image.source.base64: image exceeds 5 MB maximum: \
     5592405 bytes > 5242880 bytes",
    &["rejected the image", "file too large", "5 MB"], Reaction::FailImage)]
#[case::pixels(400, "ValidationException",
    "The model returned the following errors: messages.0.content.0.image.source.base64.data: At least one of the image \
     dimensions exceed max allowed size: 8000 pixels",
    &["rejected the image", "dimensions", "8000"], Reaction::FailImage)]
#[case::filtered(400, "ValidationException", "Output blocked by content filtering policy",
    &["rejected the image", "content filter"], Reaction::FailImage)]
#[case::blind(400, "ValidationException",
    "This model doesn't support the image content block that you provided.",
    &[MODEL, "does not accept images", "--model"], Reaction::NextModel)]
#[case::permission(403, "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/mina is not authorized to perform: \
     bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-x \
     because no identity-based policy allows the bedrock:InvokeModelWithResponseStream action",
    &["missing IAM permission bedrock:InvokeModelWithResponseStream on arn:aws:bedrock:us-east-2::foundation-model/anthropic.claude-x:",
      "policy"], Reaction::NextModel)]
#[case::denied(403, "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/mina is not authorized to perform: bedrock:InvokeModelWithResponseStream on \
     resource: arn:aws:bedrock:us-east-1::foundation-model/x with an explicit deny in a service control policy",
    &["a policy explicitly denies bedrock:InvokeModelWithResponseStream on arn:aws:bedrock:us-east-1::foundation-model/x"],
    Reaction::NextModel)]
#[case::no_access(403, "AccessDeniedException", "You don't have access to the model with the specified model ID.",
    &["no access to", MODEL, "Bedrock console"], Reaction::NextModel)]
#[case::marketplace(403, "AccessDeniedException",
    "Model access is denied due to IAM user or service role is not authorized to perform the required AWS Marketplace \
     actions (aws-marketplace:ViewSubscriptions, aws-marketplace:Subscribe) to enable access to this model.",
    &["no access to", MODEL, "aws-marketplace:Subscribe"], Reaction::NextModel)]
#[case::use_case(404, "ResourceNotFoundException",
    "Model use case details have not been submitted for this account. Fill out the Anthropic use case details form \
     before using the model.",
    &["no access to", MODEL, "use case details"], Reaction::NextModel)]
#[case::expired(403, "ExpiredTokenException", "The security token included in the request is expired",
    &["expired", "aws sso login"], PAUSE)]
#[case::expired_key(403, "AccessDeniedException", "Bearer Token has expired",
    &["expired"], PAUSE)]
#[case::invalid(403, "UnrecognizedClientException", "The security token included in the request is invalid.",
    &["rejected the credentials", "aws configure"], PAUSE)]
#[case::invalid_key(403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.",
    &["rejected the credentials", "AWS_BEARER_TOKEN_BEDROCK"], PAUSE)]
#[case::signature(403, "InvalidSignatureException",
    "The request signature we calculated does not match the signature you provided.",
    &["rejected the credentials"], PAUSE)]
#[case::clock(403, "InvalidSignatureException",
    "Signature expired: 20261123T050000Z is now earlier than 20261123T055500Z (20261123T060000Z - 5 min.)",
    &["check the system clock"], Reaction::RetryThenPause)]
#[case::clock_ahead(403, "InvalidSignatureException",
    "Signature not yet current: 20261123T070000Z is still later than 20261123T060500Z (20261123T060000Z + 5 min.)",
    &["check the system clock"], Reaction::RetryThenPause)]
#[case::account(400, "ServiceQuotaExceededException", "Your account has reached a limit.",
    &["account limit", "Service Quotas", "Your account has reached a limit."], Reaction::Pause(PauseCause::Quota))]
#[case::anything(400, "ValidationException", "The value at messages.0 is not a fish.",
    &[MODEL, "ValidationException, HTTP 400", "is not a fish"], Reaction::FailRequest)]
#[case::forbidden(403, "AccessDeniedException", "The moon is not right.",
    &[MODEL, "HTTP 403", "The moon is not right."], PAUSE)]
#[tokio::test]
async fn errors_are_classified(
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
    #[case] phrases: &[&str],
    #[case] reaction: Reaction,
) {
    let error = error_for(MockResponse::exception(status, code, message)).await;
    let text = error.to_string();
    for phrase in phrases {
        assert!(text.contains(phrase), "{phrase:?} in {text:?}");
    }
    assert_eq!(error.reaction(), reaction, "{error:?}");
}

#[rstest]
#[case(502, "busy (HTTP 502)", Reaction::Retry)]
#[case(504, "busy (HTTP 504)", Reaction::Retry)]
#[case(408, "HTTP 408", Reaction::Retry)]
#[case(429, "requests per minute", Reaction::SlowDown { retry_after: None })]
#[case(404, "HTTP 404", PAUSE)]
#[case(407, "HTTP 407", PAUSE)]
#[case(413, "HTTP 413", Reaction::FailRequest)]
#[tokio::test]
async fn the_page_of_a_proxy_is_classified_by_its_status(
    #[case] status: u16,
    #[case] phrase: &str,
    #[case] reaction: Reaction,
) {
    let error = error_for(MockResponse::raw(status, "text/html", "<html><h1>Bad <b>Gateway</b></h1></html>")).await;
    assert!(error.to_string().contains(phrase), "{error}");
    assert!(!error.to_string().contains('<'), "{error}");
    assert_eq!(error.reaction(), reaction);
}

/// Classified by the status and the headers; the rest of the body is not read.
#[rstest]
#[case(429, "", "requests per minute", Reaction::SlowDown { retry_after: Some(Duration::from_secs(7)) })]
#[case(503, "", "busy (HTTP 503)", Reaction::Retry)]
#[case(
    400,
    "ValidationException:http://internal/",
    "ValidationException, HTTP 400): error response longer than 256 KiB",
    Reaction::FailRequest
)]
#[tokio::test]
async fn an_endless_error_response_is_not_read_to_its_end(
    #[case] status: u16,
    #[case] code: &str,
    #[case] phrase: &str,
    #[case] reaction: Reaction,
) {
    let endless = MockResponse::endless(status, b" sorry".repeat(10_000)).header("retry-after", "7");
    let error = error_for(if code.is_empty() { endless } else { endless.header("x-amzn-errortype", code) }).await;
    assert!(error.to_string().contains(phrase), "{error}");
    assert_eq!(error.reaction(), reaction);
}

#[tokio::test]
async fn retry_after_is_seconds_or_a_date() {
    let throttled = || MockResponse::exception(429, "ThrottlingException", "Too many requests.");
    let after = |error: AwsError| match error {
        AwsError::Throttled { limit: Limit::Requests, retry_after, .. } => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(after(error_for(throttled()).await), None);
    assert_eq!(after(error_for(throttled().header("retry-after", "7")).await), Some(Duration::from_secs(7)));
    let huge = "9".repeat(40);
    assert_eq!(after(error_for(throttled().header("retry-after", &huge)).await), Some(Duration::MAX));
    assert_eq!(after(error_for(throttled().header("retry-after", "soon")).await), None);
    let past = "Mon, 23 Nov 2015 06:26:59 GMT";
    assert_eq!(after(error_for(throttled().header("retry-after", past)).await), None);
    let date = fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&(Timestamp::now() + SignedDuration::from_hours(1)))
        .expect("a date");
    let wait = after(error_for(throttled().header("retry-after", &date)).await).expect("a time");
    assert!(wait <= Duration::from_hours(1) && wait > Duration::from_mins(50), "{wait:?}");
}

#[test]
fn the_suggested_profiles_are_those_of_the_region() {
    for (region, profiles) in [
        ("us-east-1", vec!["us.m", "global.m"]),
        ("eu-central-1", vec!["eu.m", "global.m"]),
        ("ap-northeast-2", vec!["apac.m", "global.m"]),
        ("ap-northeast-1", vec!["jp.m", "apac.m", "global.m"]),
        ("us-gov-west-1", vec!["us-gov.m"]),
        ("sa-east-1", vec!["global.m"]),
    ] {
        for model in ["m", "arn:aws:bedrock:us-east-1::foundation-model/m"] {
            let info = RequestInfo {
                subject: model.to_owned(),
                region: region.to_owned(),
                endpoint: "https://x".to_owned(),
                profile: None,
                structure: Some(Parameter::Schema),
            };
            let message = "on-demand throughput isn’t supported".to_owned();
            let error = ErrorResponse { status: Some(400), message, ..ErrorResponse::default() }.classify(&info);
            let profiles = profiles.iter().map(|&profile| profile.to_owned()).collect();
            assert_eq!(error, AwsError::NeedsInferenceProfile { model: model.to_owned(), profiles });
        }
    }
}

/// The service's clock is an hour ahead: after the rejection, the SDK signs the next request with that time.
#[tokio::test]
async fn a_wrong_clock_is_reported_and_corrected() {
    let server = Timestamp::now() + SignedDuration::from_hours(1);
    let date = fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&server).expect("a date");
    let message = "Signature expired: 20261123T050000Z is now earlier than 20261123T055500Z";
    let rejection = MockResponse::exception(403, "InvalidSignatureException", message).header("date", &date);
    let bedrock = MockBedrock::new([rejection, MockResponse::text("A")]);
    let client = bedrock.client();
    let error = client.converse(request()).await.expect_err("a rejection");
    assert!(error.to_string().contains("(60 minutes behind)") || error.to_string().contains("(59 minutes behind)"));
    client.converse(request()).await.expect("a response");
    let signed: Vec<Timestamp> = bedrock
        .requests()
        .iter()
        .map(|request| jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &request.date).expect("a date"))
        .map(|date| date.to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp())
        .collect();
    assert!(signed[1].duration_since(signed[0]) > SignedDuration::from_mins(50), "{signed:?}");
}

/// Some services quote the whole request, including its token, if the signature is wrong.
#[tokio::test]
async fn messages_contain_no_secrets_or_image_data() {
    let token = "IQoJb3JpZ2luX2VjEExample";
    let message = format!(
        "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for \
         this request should have been\n'POST\n/model\n\nx-amz-security-token:{token}\n'"
    );
    let error = error_for(MockResponse::exception(403, "InvalidSignatureException", &message)).await;
    assert!(!format!("{error:?}").contains(token));

    let image = "iVBORw0KGgoAAAANSUhEUg".repeat(1000);
    let message = format!("Malformed input request:\n\timage {image} is\u{1b}[31m not permitted {}", "x ".repeat(500));
    let error = error_for(MockResponse::exception(400, "ValidationException", &message)).await;
    let AwsError::ImageRejected { problem: ImageProblem::Format(quoted), .. } = &error else { panic!("{error:?}") };
    assert!(quoted.starts_with("Malformed input request: image … is [31m not permitted x"), "{quoted}");
    assert!(quoted.chars().count() <= 301 && !quoted.contains(char::is_control));
}

#[derive(Debug)]
struct FailingProvider(fn() -> CredentialsError);

impl ProvideCredentials for FailingProvider {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::ready(Err(self.0()))
    }
}

#[tokio::test]
async fn credential_errors_are_distinguished() {
    let cases: [(fn() -> CredentialsError, AwsError); 4] = [
        (
            || CredentialsError::not_loaded("no providers in chain provided credentials"),
            AwsError::NoCredentials { profile: Some("work".to_owned()) },
        ),
        (
            || CredentialsError::provider_error("the SSO session associated with this profile has expired"),
            AwsError::CredentialsExpired,
        ),
        (
            || CredentialsError::invalid_configuration(io::Error::other("profile `work` was not defined")),
            AwsError::CredentialsUnavailable {
                reason: "the credentials provider was not properly configured: profile `work` was not defined"
                    .to_owned(),
            },
        ),
        (
            || CredentialsError::provider_error(CredentialsError::provider_error("the program went away")),
            AwsError::CredentialsUnavailable { reason: "the program went away".to_owned() },
        ),
    ];
    for (provide, expected) in cases {
        let provider = SharedCredentialsProvider::new(FailingProvider(provide));
        let config = config().into_builder().credentials_provider(provider).build();
        let options = Options { profile: Some("work".to_owned()), ..Options::default() };
        let client = Client::new(&config, CredentialsKind::Default, &options).expect("a client");
        assert_eq!(client.converse(request()).await.expect_err("no credentials"), expected);
        assert_eq!(expected.reaction(), PAUSE);
    }
}

#[test]
fn a_profile_without_credentials_is_named() {
    let message = |profile: Option<&str>| AwsError::NoCredentials { profile: profile.map(str::to_owned) }.to_string();
    assert!(message(Some("work")).starts_with("no AWS credentials found in profile \"work\":"));
    assert!(message(None).starts_with("no AWS credentials found: sign in with `aws login`"));
}

#[derive(Debug)]
struct PendingProvider;

impl ProvideCredentials for PendingProvider {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_credentials_timeout_is_not_an_interrupted_stream() {
    let config = config().into_builder().credentials_provider(SharedCredentialsProvider::new(PendingProvider));
    let cache = IdentityCache::lazy().load_timeout(Duration::from_secs(20)).build();
    let client = Client::new(&config.identity_cache(cache).build(), CredentialsKind::Default, &Options::default())
        .expect("a client");
    let error = client.converse(request()).await.expect_err("no credentials");
    assert!(matches!(&error, AwsError::CredentialsUnavailable { reason } if reason.contains("20s")), "{error:?}");
}

#[test]
fn a_client_requires_a_region() {
    let config = config().into_builder().region(None).build();
    let error = Client::new(&config, CredentialsKind::Default, &Options::default()).expect_err("no region");
    assert_eq!(error, AwsError::NoRegion);
    assert!(error.to_string().contains("--region") && error.to_string().contains("AWS_REGION"));
}

#[test]
fn an_interrupted_stream_mentions_the_discarded_text() {
    let error = AwsError::StreamInterrupted { cause: Interruption::Timeout(Duration::from_mins(1)) };
    assert_eq!(error.to_string(), "response interrupted (no data for 60 s): partial text discarded");
}

/// A message about a parameter counts only if the parameter was sent. Otherwise the same request would be repeated.
#[rstest]
#[case(
    "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again."
)]
#[case("This model doesn't support tool use.")]
#[case("This model doesn't support tool use in streaming mode.")]
#[case("The model returned the following errors: Thinking may not be enabled when tool_choice forces tool use.")]
#[case("The model returned the following errors: tools.0.custom.input_schema: JSON schema is invalid.")]
#[tokio::test]
async fn a_model_without_forced_tool_calls_is_asked_without_one(#[case] message: &str) {
    let rejection = || MockBedrock::new([MockResponse::exception(400, "ValidationException", message)]).client();
    let tool = Some(Structure::Tool { schema: "{}" });
    let error = rejection().converse(ConverseRequest { structure: tool, ..request() }).await.expect_err("an error");
    assert_eq!(error.reaction(), Reaction::DropParameter(Parameter::ToolChoice), "{error}");
    let error = rejection().converse(request()).await.expect_err("an error");
    assert_ne!(error.reaction(), Reaction::DropParameter(Parameter::ToolChoice), "{error}");
}

#[tokio::test]
async fn a_model_without_structured_output_is_asked_without_a_schema() {
    for message in [
        "This model doesn't support the outputConfig.textFormat field. Remove outputConfig.textFormat and try again.",
        "The model returned the following errors: output_config.format: Extra inputs are not permitted",
    ] {
        let bedrock = MockBedrock::new([MockResponse::exception(400, "ValidationException", message)]);
        let structure = Some(Structure::Text { schema: "{}" });
        let error = bedrock.client().converse(ConverseRequest { structure, ..request() }).await.expect_err("an error");
        assert_eq!(error.reaction(), Reaction::DropParameter(Parameter::Schema), "{error}");
    }
}
