//! What is sent.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::fixture::Answer;
use super::super::{Identity, Picture, PictureFormat};
use super::*;

async fn sent(request: ConverseRequest) -> (String, Value) {
    let bedrock = Bedrock::new([Answer::text("A")]);
    bedrock.client().converse(request).await.expect("a stream");
    let mut requests = bedrock.requests();
    assert_eq!(requests.len(), 1);
    let request = requests.remove(0);
    (request.path, request.body)
}

#[tokio::test]
async fn the_picture_goes_before_the_text_and_the_limits_along() {
    let picture = Picture { format: PictureFormat::Jpeg, bytes: Arc::from(*b"pixels") };
    let (path, body) = sent(ConverseRequest { picture: Some(picture), temperature: Some(0.5), ..question() }).await;
    assert_eq!(path, "/model/us.anthropic.claude-sonnet-4-6/converse-stream");
    // "cGl4ZWxz" is "pixels" in base64.
    let content = json!([
        { "image": { "format": "jpeg", "source": { "bytes": "cGl4ZWxz" } } },
        { "text": "Describe the person." },
    ]);
    let expected = json!({
        "messages": [{ "role": "user", "content": content }],
        "inferenceConfig": { "maxTokens": 300, "temperature": 0.5 },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_is_not_set_is_not_sent() {
    let (_, body) = sent(question()).await;
    assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 300 }));
    let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["inferenceConfig", "messages"]);
}

#[tokio::test]
async fn thinking_is_turned_off_or_limited_where_that_is_asked() {
    let (_, body) = sent(ConverseRequest { thinking: Thinking::Off, ..question() }).await;
    assert_eq!(body["additionalModelRequestFields"], json!({ "thinking": { "type": "disabled" } }));
    let (_, body) = sent(ConverseRequest { thinking: Thinking::Effort("low".to_owned()), ..question() }).await;
    assert_eq!(body["outputConfig"], json!({ "effort": "low" }));
}

#[tokio::test]
async fn every_format_has_its_name() {
    for (format, name) in [
        (PictureFormat::Png, "png"),
        (PictureFormat::Jpeg, "jpeg"),
        (PictureFormat::Gif, "gif"),
        (PictureFormat::Webp, "webp"),
    ] {
        let picture = Some(Picture { format, bytes: Arc::from([0]) });
        let (_, body) = sent(ConverseRequest { picture, ..question() }).await;
        assert_eq!(body["messages"][0]["content"][0]["image"]["format"], name);
    }
}

#[tokio::test]
async fn an_arn_is_one_segment_of_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let (path, _) = sent(ConverseRequest { model: arn.to_owned(), ..question() }).await;
    assert_eq!(path.matches('/').count(), 3, "{path}");
}

#[tokio::test]
async fn a_model_without_a_name_is_refused_before_anything_is_sent() {
    let bedrock = Bedrock::new([]);
    let error = bedrock.client().converse(ConverseRequest { model: String::new(), ..question() }).await;
    assert!(matches!(error, Err(AwsError::Other { status: None, .. })), "{error:?}");
    assert_eq!(bedrock.requests().len(), 0);
}

#[tokio::test]
async fn a_refusal_is_handed_over_at_once() {
    let throttled = || Answer::refusal(429, "ThrottlingException", "Too many requests.");
    let bedrock = Bedrock::new([throttled(), throttled(), Answer::text("A")]);
    assert!(bedrock.client().converse(question()).await.is_err());
    assert_eq!(bedrock.requests().len(), 1);
}

/// An answer of STS.
fn principal() -> Answer {
    let result = "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/mina</Arn><UserId>AIDA</UserId>\
                  <Account>123456789012</Account></GetCallerIdentityResult>";
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{result}\
         </GetCallerIdentityResponse>"
    );
    Answer::page(200, "text/xml", &body)
}

#[tokio::test]
async fn the_identity_is_told_with_the_time_of_the_service() {
    let bedrock = Bedrock::new([principal().header("date", "Mon, 23 Nov 2026 06:26:59 GMT")]);
    let identity = bedrock.client().identity().await.expect("an identity");
    let expected = Identity::Principal {
        account: "123456789012".to_owned(),
        arn: "arn:aws:iam::123456789012:user/mina".to_owned(),
        server_time: Some("2026-11-23T06:26:59Z".parse().expect("a time")),
    };
    assert_eq!(identity, expected);
}

#[tokio::test]
async fn an_unknown_key_has_no_identity() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security \
                token included in the request is invalid.</Message></Error></ErrorResponse>";
    let bedrock = Bedrock::new([Answer::page(403, "text/xml", body)]);
    let error = bedrock.client().identity().await;
    assert_eq!(error, Err(AwsError::CredentialsInvalid { code: "InvalidClientTokenId".to_owned() }));
}
