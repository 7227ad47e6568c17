//! Tests of the client with responses in the wire format.

mod errors;
mod network;
mod requests;
mod streams;

use super::converse::ConverseStream;
use super::fixture::MockBedrock;
use super::{AwsError, ConverseRequest, Structure};
use crate::model_api::{ResponseEvent, Stop, Thinking, Tokens};

const MODEL: &str = "us.anthropic.claude-sonnet-4-6";

fn request() -> ConverseRequest {
    ConverseRequest {
        model: MODEL.to_owned(),
        system: None,
        text: "Describe the person.".to_owned(),
        image: None,
        max_tokens: 300,
        temperature: None,
        thinking: Thinking::default(),
        structure: None,
    }
}

/// A complete response.
#[derive(Debug, PartialEq)]
struct Complete {
    deltas: Vec<String>,
    stop: Stop,
    usage: Option<Tokens>,
}

/// Reads a response to its end. An error has the text before it.
async fn read(stream: &mut ConverseStream) -> Result<Complete, (Vec<String>, AwsError)> {
    let mut deltas = Vec::new();
    loop {
        match stream.next().await {
            Ok(ResponseEvent::Text(text)) => deltas.push(text),
            Ok(ResponseEvent::Discard) => deltas.clear(),
            Ok(ResponseEvent::Finished { stop, usage }) => return Ok(Complete { deltas, stop, usage }),
            Err(error) => return Err((deltas, error)),
        }
    }
}

/// Sends one request and reads the response to its end.
async fn send(bedrock: &MockBedrock) -> Result<Complete, (Vec<String>, AwsError)> {
    send_request(bedrock, request()).await
}

async fn send_request(bedrock: &MockBedrock, request: ConverseRequest) -> Result<Complete, (Vec<String>, AwsError)> {
    match bedrock.client().converse(request).await {
        Ok(mut stream) => read(&mut stream).await,
        Err(error) => Err((Vec::new(), error)),
    }
}
