//! The verifier: a describer whose request is a picture with its caption, and whose response is a [`Verdict`].

mod answer;

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::describe::{
    Consent, DescribeError, Describer, Description, DescriptionEvent, Listener, Outcome, Priority, Request, StopReason,
    Terms, Usage, Verdict,
};
use crate::lint::{self, LintKind, Rules};
use crate::text::excerpt;

/// Reads the responses of a describer as verdicts. Its prompt asks for them.
pub struct Verifier(Arc<dyn Describer>);

impl Verifier {
    #[must_use]
    pub fn new(describer: Arc<dyn Describer>) -> Self {
        Self(describer)
    }
}

impl Describer for Verifier {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn describe(&self, request: Request, priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        let caption = request.context.current.clone().unwrap_or_default();
        let judged = move |event| match event {
            // The text means nothing until it is complete.
            DescriptionEvent::Delta(_) => DescriptionEvent::Delta(String::new()),
            DescriptionEvent::Ended(Outcome::Described(description)) => {
                DescriptionEvent::Ended(outcome(description, &caption))
            }
            other => other,
        };
        self.0.describe(request, priority).map(judged).boxed()
    }

    fn fields(&self) -> Vec<String> {
        self.0.fields()
    }

    fn concurrency(&self) -> NonZeroUsize {
        self.0.concurrency()
    }

    fn estimate(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        self.0.estimate(size)
    }

    fn prepare(&self) -> BoxFuture<'static, ()> {
        self.0.prepare()
    }

    fn version(&self) -> Option<(String, String)> {
        self.0.version()
    }

    fn terms(&self) -> Option<Terms> {
        self.0.terms()
    }

    fn consent(&self, consent: Consent) {
        self.0.consent(consent);
    }

    fn set_listener(&self, listener: Listener) {
        self.0.set_listener(listener);
    }

    fn resume(&self) {
        self.0.resume();
    }
}

/// Returns the verdict on a caption in a response, or why it has none.
#[must_use]
pub fn outcome(description: Description, caption: &str) -> Outcome {
    match verdict(&description, caption) {
        Ok(verdict) => Outcome::Verified(Box::new(verdict), description),
        Err(problem) => {
            tracing::warn!(model = description.model, text = excerpt(&description.text), problem, "no verdict");
            Outcome::Failed(DescribeError { message: format!("{} {problem}", description.model) })
        }
    }
}

fn verdict(description: &Description, caption: &str) -> Result<Verdict, &'static str> {
    // The part that is left may lack the findings.
    if description.stop == StopReason::MaxTokens {
        return Err("was cut off by the token limit");
    }
    answer::parse(&description.text, caption).ok_or_else(|| {
        let findings = lint::lint(&description.text, &Rules::default(), &lint::Context::default());
        if findings.iter().any(|finding| finding.kind == LintKind::Refusal) {
            "declined"
        } else {
            "did not respond with the JSON that the prompt asks for"
        }
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(text: &str, stop: StopReason) -> Outcome {
        let description = Description {
            text: text.to_owned(),
            model: "m".to_owned(),
            prompt: None,
            parameters: String::new(),
            stop,
            usage: None,
        };
        outcome(description, "A red coat.")
    }

    #[rstest]
    #[case::cut_off(
        "{\"unsupported\": [], \"missing\": []}",
        StopReason::MaxTokens,
        "m was cut off by the token limit"
    )]
    #[case::refused("I'm sorry, but I can't help with identifying people.", StopReason::EndTurn, "m declined")]
    #[case::prose("The coat is blue.", StopReason::EndTurn, "m did not respond with the JSON that the prompt asks for")]
    fn a_response_without_a_verdict_is_a_failure(#[case] text: &str, #[case] stop: StopReason, #[case] message: &str) {
        assert_eq!(of(text, stop), Outcome::Failed(DescribeError { message: message.to_owned() }));
    }

    #[test]
    fn a_verdict_keeps_what_the_model_wrote() {
        let text = "{\"unsupported\": [\"red\"], \"missing\": []}";
        let Outcome::Verified(verdict, description) = of(text, StopReason::EndTurn) else { panic!("no verdict") };
        assert_eq!((verdict.severity(), description.text.as_str()), ((1, 0), text));
    }
}
