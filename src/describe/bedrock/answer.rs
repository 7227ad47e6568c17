//! An answer as it is written, and what its end makes of it.

use super::bill::Bill;
use super::connection::Connection;
use super::gate::Leave;
use super::{Say, Service, Setback};
use crate::aws::{AwsError, ConverseEvent, ConverseRequest, Stop};
use crate::describe::catalogue::Target;
use crate::describe::pacer::Permit;
use crate::describe::{DescribeEvent, Description, StopReason, Tokens, Usage};

/// A text that arrived whole.
pub(super) struct Answer {
    text: String,
    stop: Stop,
    usage: Usage,
    most: u32,
}

impl Service {
    /// Sends a request and follows its answer to the end.
    pub(super) async fn ask(
        &self,
        connection: &Connection,
        request: ConverseRequest,
        (leave, permit): (&Leave<'_>, &mut Permit),
        mut bill: Bill<'_>,
        say: &Say,
    ) -> Result<Answer, AwsError> {
        let most = request.max_tokens;
        bill.sent();
        let mut stream = match connection.client.converse(request).await {
            Ok(stream) => stream,
            Err(error) => {
                // A request that was refused costs nothing; of one that was lost on the way nobody knows.
                if !matches!(error, AwsError::StreamBroken { .. }) {
                    bill.refused();
                }
                return Err(error);
            }
        };
        permit.accepted();
        if leave.got_through() {
            self.tell();
        }
        let mut text = String::new();
        loop {
            match stream.next().await? {
                ConverseEvent::Text(more) => {
                    text.push_str(&more);
                    let _ = say.send(DescribeEvent::Delta(more));
                }
                ConverseEvent::Finished { stop, usage } => {
                    // Uncounted, it stays at the most it can be: the bill is told when it is dropped.
                    let usage = usage.map_or_else(Usage::default, |counted| {
                        bill.settle(Tokens { input: counted.input, output: counted.output })
                    });
                    return Ok(Answer { text, stop, usage, most });
                }
            }
        }
    }
}

impl Answer {
    /// The description it is, or why it is none.
    pub(super) fn concluded(
        self,
        target: &Target,
        prompt: Option<String>,
        parameters: String,
    ) -> Result<Description, Setback> {
        let Self { text, stop, usage, most } = self;
        let name = &target.name;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let stop = match stop {
            Stop::EndTurn | Stop::StopSequence => StopReason::EndTurn,
            Stop::MaxTokens => StopReason::MaxTokens,
            Stop::Other(reason) => StopReason::Other(reason),
            Stop::ContentFiltered => return Err(Setback::Failed(format!("{name}: the service withheld the text"))),
            Stop::Guardrail => return Err(Setback::Failed(format!("{name}: a guardrail of the account stepped in"))),
            Stop::Refusal => return Err(Setback::Failed(format!("{name} declined to describe this picture"))),
        };
        match (text.is_empty(), &stop) {
            (false, _) => {
                Ok(Description { text, model: target.id.clone(), prompt, parameters, stop, usage: Some(usage) })
            }
            (true, StopReason::MaxTokens) => {
                Err(Setback::Failed(format!("{name} used all {most} tokens before it wrote a word")))
            }
            (true, _) => Err(Setback::Later(format!("{name} answered without a text"))),
        }
    }
}
