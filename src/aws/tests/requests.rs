//! The requests that are sent.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::fixture::MockResponse;
use super::super::{Identity, Image, ImageFormat};
use super::*;

async fn sent(request: ConverseRequest) -> (String, Value) {
    let bedrock = MockBedrock::new([MockResponse::text("A")]);
    bedrock.client().converse(request).await.expect("a stream");
    let mut requests = bedrock.requests();
    assert_eq!(requests.len(), 1);
    let request = requests.remove(0);
    (request.path, request.body)
}

#[tokio::test]
async fn the_image_is_sent_before_the_text() {
    let image = Image { format: ImageFormat::Jpeg, bytes: Arc::from(*b"pixels") };
    let (path, body) = sent(ConverseRequest { image: Some(image), temperature: Some(0.5), ..request() }).await;
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
async fn unset_parameters_are_not_sent() {
    let (_, body) = sent(request()).await;
    assert_eq!(body["inferenceConfig"], json!({ "maxTokens": 300 }));
    let fields: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["inferenceConfig", "messages"]);
}

#[tokio::test]
async fn the_effort_of_thinking_can_be_limited() {
    let (_, body) = sent(ConverseRequest { thinking: Thinking::Effort("low".to_owned()), ..request() }).await;
    assert_eq!(body["outputConfig"], json!({ "effort": "low" }));
}

#[tokio::test]
async fn thinking_can_be_turned_off() {
    for setting in ["disabled", "between_tools"] {
        let (_, body) = sent(ConverseRequest { thinking: Thinking::Off(setting.to_owned()), ..request() }).await;
        assert_eq!(body["additionalModelRequestFields"], json!({ "thinking": { "type": setting } }));
        assert_eq!(body["outputConfig"], Value::Null);
    }
}

#[tokio::test]
async fn a_line_of_a_batch_is_the_body_of_a_single_request() {
    let image = Image { format: ImageFormat::Webp, bytes: Arc::from(*b"pixels") };
    let thinking =
        [Thinking::ModelDefault, Thinking::Effort("low".to_owned()), Thinking::Off("between_tools".to_owned())];
    let structures = [None, Some(Structure::Text { schema: SCHEMA }), Some(Structure::Text { schema: SCHEMA })];
    for ((thinking, structure), temperature) in thinking.into_iter().zip(structures).zip([None, Some(0.3), Some(0.0)]) {
        let system = temperature.map(|_| "Be brief. \u{2028}\"".to_owned());
        let request =
            ConverseRequest { image: Some(image.clone()), system, thinking, temperature, structure, ..request() };
        let line = request.batch_body();
        // As the service reads it: the SDK writes more decimals than the number has.
        let (_, body) = sent(request).await;
        let rounded = |mut body: Value| {
            if let Some(temperature) = body.pointer_mut("/inferenceConfig/temperature") {
                *temperature = json!((temperature.as_f64().expect("a number") * 1e6).round());
            }
            body
        };
        assert_eq!(rounded(line), rounded(body));
    }
}

/// A schema with every type of JSON value.
const SCHEMA: &str = r#"{"type":"object","required":["a"],"properties":{"a":{"enum":[-1,2,0.5,true,null]}}}"#;

#[tokio::test]
async fn a_structured_response_is_requested_as_text_or_as_the_input_of_a_tool() {
    let text = Some(Structure::Text { schema: SCHEMA });
    let (_, body) = sent(ConverseRequest { structure: text, ..request() }).await;
    let format = &body["outputConfig"]["textFormat"];
    assert_eq!((&format["type"], &body["toolConfig"]), (&json!("json_schema"), &Value::Null));
    assert_eq!(format["structure"]["jsonSchema"]["schema"], SCHEMA, "Bedrock takes it as a string");
    let tool = Some(Structure::Tool { schema: SCHEMA });
    let (_, body) = sent(ConverseRequest { structure: tool, ..request() }).await;
    let spec = &body["toolConfig"]["tools"][0]["toolSpec"];
    assert_eq!(spec["inputSchema"]["json"], serde_json::from_str::<Value>(SCHEMA).expect("JSON"));
    assert_eq!(body["toolConfig"]["toolChoice"], json!({ "tool": { "name": spec["name"] } }));
    assert_eq!(body["outputConfig"], Value::Null);
}

#[tokio::test]
async fn a_schema_and_the_effort_are_sent_together() {
    let structure = Some(Structure::Text { schema: SCHEMA });
    let thinking = Thinking::Effort("low".to_owned());
    let (_, body) = sent(ConverseRequest { thinking, structure, ..request() }).await;
    assert_eq!(
        (&body["outputConfig"]["effort"], body["outputConfig"]["textFormat"].is_object()),
        (&json!("low"), true)
    );
}

#[tokio::test]
async fn image_formats_are_named() {
    for (format, name) in
        [(ImageFormat::Png, "png"), (ImageFormat::Jpeg, "jpeg"), (ImageFormat::Gif, "gif"), (ImageFormat::Webp, "webp")]
    {
        let image = Some(Image { format, bytes: Arc::from([0]) });
        let (_, body) = sent(ConverseRequest { image, ..request() }).await;
        assert_eq!(body["messages"][0]["content"][0]["image"]["format"], name);
    }
}

#[tokio::test]
async fn an_arn_is_one_segment_of_the_path() {
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    let (path, _) = sent(ConverseRequest { model: arn.to_owned(), ..request() }).await;
    assert_eq!(path.matches('/').count(), 3, "{path}");
}

#[tokio::test]
async fn a_model_without_a_name_is_rejected_before_sending() {
    let bedrock = MockBedrock::new([]);
    let error = bedrock.client().converse(ConverseRequest { model: String::new(), ..request() }).await;
    assert!(matches!(error, Err(AwsError::Other { status: None, .. })), "{error:?}");
    assert_eq!(bedrock.requests().len(), 0);
}

#[tokio::test]
async fn a_throttled_request_is_not_retried() {
    let throttled = || MockResponse::exception(429, "ThrottlingException", "Too many requests.");
    let bedrock = MockBedrock::new([throttled(), throttled(), MockResponse::text("A")]);
    assert!(bedrock.client().converse(request()).await.is_err());
    assert_eq!(bedrock.requests().len(), 1);
}

/// A response of STS.
fn principal() -> MockResponse {
    let result = "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/mina</Arn><UserId>AIDA</UserId>\
                  <Account>123456789012</Account></GetCallerIdentityResult>";
    let body = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{result}\
         </GetCallerIdentityResponse>"
    );
    MockResponse::raw(200, "text/xml", &body)
}

#[tokio::test]
async fn the_identity_has_the_time_of_the_service() {
    let bedrock = MockBedrock::new([principal().header("date", "Mon, 23 Nov 2026 06:26:59 GMT")]);
    let identity = bedrock.client().identity().await.expect("an identity");
    let expected = Identity::Principal {
        account: "123456789012".to_owned(),
        arn: "arn:aws:iam::123456789012:user/mina".to_owned(),
        server_time: Some("2026-11-23T06:26:59Z".parse().expect("a time")),
    };
    assert_eq!(identity, expected);
}

#[tokio::test]
async fn an_unknown_key_is_invalid() {
    let body = "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security \
                token included in the request is invalid.</Message></Error></ErrorResponse>";
    let bedrock = MockBedrock::new([MockResponse::raw(403, "text/xml", body)]);
    let error = bedrock.client().identity().await;
    assert_eq!(error, Err(AwsError::CredentialsInvalid { code: "InvalidClientTokenId".to_owned() }));
}
