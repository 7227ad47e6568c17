//! What a model is asked about a picture, and the tokens that takes: about how many, and at most.

use super::BedrockOptions;
use crate::aws::{ConverseRequest, Parameter, Picture, PictureFormat, Thinking};
use crate::describe::catalogue::Target;
use crate::describe::prompt::{Variables, words_to_ask_for};
use crate::describe::upload::{self, Upload, UploadFormat};
use crate::describe::{Context, Request, Tokens};

/// Room for a model that thinks before it writes, in tokens: its thoughts count as output.
const TOKENS_TO_THINK: u32 = 2_000;
/// A picture whose size is not known is taken for one of these pixels: upright, as the model sees it.
const USUAL_SIZE: (u32, u32) = (1176, 1568);
/// What surrounds a text in a request, in tokens: its role, the end of the turn.
const FRAME: u64 = 16;

/// A request, and about the tokens its input is counted as, and at most.
pub(super) struct Question {
    pub(super) request: ConverseRequest,
    input: u64,
    most_input: u64,
}

impl Question {
    /// The question for a description. The model `takes` the parameters it has not refused.
    pub(super) fn new(
        options: &BedrockOptions,
        request: &Request,
        target: &Target,
        upload: Upload,
        takes: impl Fn(Parameter) -> bool,
    ) -> Self {
        let text = options.prompt.render(&variables(options, &request.context, request.max_words));
        let model = target.model.as_deref();
        // The first try is to be dependable; a later one is to be another text.
        let temperature = match request.context.tried.len() {
            0 => 0.3,
            1 => 0.7,
            _ => 1.0,
        };
        let takes_temperature = model.is_none_or(|model| model.temperature) && takes(Parameter::Temperature);
        let thinks = model.is_some_and(|model| model.thinks);
        let thinking = match model.and_then(|model| model.effort.clone()).filter(|_| takes(Parameter::Thinking)) {
            Some(effort) => Thinking::Effort(effort),
            None => Thinking::AsTheModelDoes,
        };
        let input = tokens_of_text(&text) + upload.tokens();
        let most_input = most_tokens_of_text(&text) + upload.tokens();
        let format = match upload.format {
            UploadFormat::Png => PictureFormat::Png,
            UploadFormat::Jpeg => PictureFormat::Jpeg,
            UploadFormat::Gif => PictureFormat::Gif,
            UploadFormat::WebP => PictureFormat::Webp,
        };
        let request = ConverseRequest {
            model: target.id.clone(),
            text,
            picture: Some(Picture { format, bytes: upload.bytes }),
            max_tokens: most_tokens_of_answer(request.max_words) + if thinks { TOKENS_TO_THINK } else { 0 },
            temperature: takes_temperature.then_some(temperature),
            thinking,
        };
        Self { request, input, most_input }
    }

    /// The most it can be counted as, with its answer.
    pub(super) fn most(&self) -> Tokens {
        Tokens { input: self.most_input, output: u64::from(self.request.max_tokens) }
    }

    /// What it takes of an allowance of tokens a minute: the service sets aside the most the answer may have.
    pub(super) fn set_aside(&self) -> u32 {
        u32::try_from(self.input).unwrap_or(u32::MAX).saturating_add(self.request.max_tokens)
    }

    /// The parameters as the operator should read them.
    pub(super) fn parameters(&self) -> String {
        let temperature = self.request.temperature.map(|temperature| format!("temperature: {temperature}"));
        let effort = match &self.request.thinking {
            Thinking::Effort(effort) => Some(format!("effort: {effort}")),
            Thinking::Off | Thinking::AsTheModelDoes => None,
        };
        temperature.into_iter().chain(effort).collect::<Vec<_>>().join(", ")
    }
}

/// What describing a picture of this width and height is expected to be counted as.
pub(super) fn expected(options: &BedrockOptions, target: &Target, size: Option<(u32, u32)>) -> Tokens {
    let text = options.prompt.render(&variables(options, &Context::default(), options.max_words));
    let (width, height) = upload::size_sent(size.unwrap_or(USUAL_SIZE), &target.upload_limits());
    let output = tokens_of_words(words_to_ask_for(options.max_words));
    Tokens { input: tokens_of_text(&text) + upload::tokens(width, height), output }
}

fn variables<'a>(options: &'a BedrockOptions, context: &'a Context, max_words: usize) -> Variables<'a> {
    Variables { context, max_words, language: &options.language, people: Some(&options.people) }
}

/// About as many tokens as a text is counted as: a few bytes of English are one, and so is a Korean character's three.
fn tokens_of_text(text: &str) -> u64 {
    text.len() as u64 / 3 + FRAME
}

/// The most tokens a text can be counted as: no token stands for less than a byte.
fn most_tokens_of_text(text: &str) -> u64 {
    text.len() as u64 + FRAME
}

/// About as many tokens as a caption of so many words takes.
fn tokens_of_words(words: usize) -> u64 {
    words as u64 * 3 / 2
}

/// The most tokens an answer may have: room for a caption of the limit's words in any language, and some for a model
/// that counts badly, so that it is too long rather than cut off.
fn most_tokens_of_answer(max_words: usize) -> u32 {
    u32::try_from(max_words.saturating_mul(4).saturating_add(64)).unwrap_or(u32::MAX).min(4_096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caption_may_cost_is_bounded_and_leaves_room_for_any_language() {
        for words in [1, 50, 400] {
            assert!(u64::from(most_tokens_of_answer(words)) > 2 * tokens_of_words(words), "{words}");
        }
        assert_eq!(most_tokens_of_answer(usize::MAX), 4_096);
        // Korean takes three bytes a character, and about a token each.
        let korean = "베이지색 코트를 입은 사람";
        assert!(tokens_of_text(korean) >= 13);
        assert!(most_tokens_of_text(korean) >= tokens_of_text(korean));
    }
}
