//! The client against answers in the service's own bytes.

mod errors;
mod network;
mod requests;
mod streams;

use super::fixture::Bedrock;
use super::{AwsError, ConverseEvent, ConverseRequest, ConverseStream, Stop, Thinking, TokenUsage};

const MODEL: &str = "us.anthropic.claude-sonnet-4-6";

fn question() -> ConverseRequest {
    ConverseRequest {
        model: MODEL.to_owned(),
        text: "Describe the person.".to_owned(),
        picture: None,
        max_tokens: 300,
        temperature: None,
        thinking: Thinking::default(),
    }
}

/// A complete answer.
#[derive(Debug, PartialEq)]
struct Complete {
    deltas: Vec<String>,
    stop: Stop,
    usage: Option<TokenUsage>,
}

/// Reads an answer to its end; the text that came before an error is given with it.
async fn read(stream: &mut ConverseStream) -> Result<Complete, (Vec<String>, AwsError)> {
    let mut deltas = Vec::new();
    loop {
        match stream.next().await {
            Ok(ConverseEvent::Text(text)) => deltas.push(text),
            Ok(ConverseEvent::Finished { stop, usage }) => return Ok(Complete { deltas, stop, usage }),
            Err(error) => return Err((deltas, error)),
        }
    }
}

/// Asks once and reads the answer to its end.
async fn ask(bedrock: &Bedrock) -> Result<Complete, (Vec<String>, AwsError)> {
    match bedrock.client().converse(question()).await {
        Ok(mut stream) => read(&mut stream).await,
        Err(error) => Err((Vec::new(), error)),
    }
}
