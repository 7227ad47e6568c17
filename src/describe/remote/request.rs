//! The request for a description, with its expected and maximum token counts.

use super::backend::ApiRequest;
use super::options::{RemoteOptions, Task};
use crate::describe::catalogue::{Model, Target};
use crate::describe::prompt::{self, EmptyPrompt, MAX_EXAMPLES, RenderedPrompt, Variables, target_words};
use crate::describe::upload::{self, Upload};
use crate::describe::{Context, Request, RequestMode, Tokens, verdict};
use crate::model_api::Thinking;
use crate::reaction::Parameter;
use crate::text::word_count;

/// Additional output tokens for a model that thinks, since thinking counts as output.
const THINKING_TOKENS: u32 = 2_000;
/// The assumed size of an image of unknown size: portrait, larger than any model sees.
const DEFAULT_SIZE: (u32, u32) = (3000, 4000);
/// The expected output tokens of a verification: most captions have few findings.
const VERDICT_TOKENS: u64 = 60;
/// Tokens around the text of a message: its role, the end of the turn.
const MESSAGE_OVERHEAD: u64 = 16;
/// The maximum number of tokens that a service adds to explain a schema or a tool to the model
/// (<https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview#pricing>: 235 to 346).
const STRUCTURE_OVERHEAD: u64 = 400;

pub(super) struct PreparedRequest {
    pub(super) request: ApiRequest,
    /// The expected number of input tokens.
    input: u64,
    max_input: u64,
    /// The variables of the prompt that differ between requests, for display.
    prompt_parameters: Vec<String>,
}

impl PreparedRequest {
    /// `rejected` are the parameters that the model has rejected.
    pub(super) fn new(
        options: &RemoteOptions,
        request: &Request,
        target: &Target,
        upload: Upload,
        mut rejected: Vec<Parameter>,
    ) -> Result<Self, EmptyPrompt> {
        let model = target.model.as_deref();
        let lacks = |has: fn(&Model) -> bool, parameter| model.is_some_and(|model| !has(model)).then_some(parameter);
        rejected.extend(lacks(|model| model.temperature, Parameter::Temperature));
        rejected.extend(lacks(|model| model.structured_output, Parameter::Schema));
        rejected.extend(lacks(|model| model.tool_choice, Parameter::ToolChoice));
        let supports = |parameter| !rejected.contains(&parameter);
        let prompt = options.prompt.render(&variables(options, &request.context, request.max_words))?;
        let prompt = if supports(Parameter::System) { prompt } else { prompt.without_system() };
        // A first description should be reliable, further ones should differ, and a repair should change little.
        let temperature = match (&request.context.mode, request.context.previous.len()) {
            _ if options.task == Task::Verify => 0.0,
            (RequestMode::Repair(_), _) => 0.1,
            (RequestMode::Describe, _) => 0.3,
            (RequestMode::Vary, ..=1) => 0.7,
            (RequestMode::Vary, _) => 1.0,
        };
        let setting = |setting: Option<&String>| setting.cloned().filter(|_| supports(Parameter::Thinking));
        let off = setting(model.and_then(|model| model.thinking.as_ref())).map(Thinking::Off);
        let effort = || setting(model.and_then(|model| model.effort.as_ref())).map(Thinking::Effort);
        let thinks = model.is_some_and(|model| model.thinks) && off.is_none();
        let thinking = off.or_else(effort).unwrap_or_default();
        let image = target.image_tokens(upload.width, upload.height);
        let schema = schema(options.task);
        let input = target.text_tokens(text_tokens(&prompt) + schema_tokens(schema)) + image;
        // A verifier quotes the caption, which may be longer than the limit.
        let current = request.context.current.as_deref().map(word_count);
        let words = match options.task {
            Task::Describe => request.max_words,
            Task::Verify => current.unwrap_or(0).max(request.max_words),
            // Punctuation and keys are tokens, too.
            Task::DescribeObject => current.map_or(OBJECT_WORDS, |words| words.saturating_mul(2)).max(OBJECT_WORDS / 4),
        };
        let max_input = max_text_tokens(&prompt) + schema.map_or(0, |it| it.len() as u64 + STRUCTURE_OVERHEAD) + image;
        let api_request = ApiRequest {
            model: target.id.clone(),
            system: prompt.system,
            text: prompt.user,
            image: upload,
            max_tokens: max_output_tokens(options.task, target, words) + if thinks { THINKING_TOKENS } else { 0 },
            temperature: supports(Parameter::Temperature).then_some(temperature),
            thinking,
            schema,
            rejected,
        };
        let examples = request.context.examples.len();
        let examples = (examples > 0 && options.prompt.uses("examples")).then(|| format!("examples: {examples}"));
        let guide = options.style_guide.as_ref().filter(|_| options.prompt.uses("style_guide"));
        let guide = guide.map(|guide| prompt::version("style guide", guide));
        let prompt_parameters = examples.into_iter().chain(guide).collect();
        Ok(Self { request: api_request, input, max_input, prompt_parameters })
    }

    /// Returns the maximum number of tokens that can be charged.
    pub(super) fn max_tokens(&self) -> Tokens {
        Tokens { input: self.max_input, output: u64::from(self.request.max_tokens) }
    }

    /// Returns the tokens counted against the quota per minute: the service deducts the maximum output in advance.
    pub(super) fn quota_tokens(&self) -> u32 {
        u32::try_from(self.input).unwrap_or(u32::MAX).saturating_add(self.request.max_tokens)
    }

    /// Returns the parameters for display.
    pub(super) fn parameters(&self) -> String {
        let temperature = self.request.temperature.map(|temperature| format!("temperature: {temperature}"));
        let effort = match &self.request.thinking {
            Thinking::Effort(effort) => Some(format!("effort: {effort}")),
            Thinking::Off(_) => Some("no thinking".to_owned()),
            Thinking::ModelDefault => None,
        };
        temperature
            .into_iter()
            .chain(effort)
            .chain(self.prompt_parameters.iter().cloned())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// The words of a caption that is a JSON object, keys included, if there is none yet to tell: those of FIBO have about 600.
const OBJECT_WORDS: usize = 600;

/// Estimates the tokens for an image of this width and height.
pub(super) fn estimate(options: &RemoteOptions, target: &Target, size: Option<(u32, u32)>) -> Tokens {
    let words = |count| vec!["word"; count].join(" ");
    let of_caption = match options.task {
        Task::Describe | Task::Verify => target_words(options.max_words),
        Task::DescribeObject => OBJECT_WORDS / 2,
    };
    // As long as all examples may be together.
    let of_example = of_caption.min(80);
    let examples = if options.prompt.uses("examples") { MAX_EXAMPLES } else { 0 };
    let context = Context {
        current: (options.task != Task::Describe).then(|| words(of_caption)),
        examples: (0..examples).map(|_| words(of_example)).collect(),
        ..Context::default()
    };
    // A prompt that is empty without a record's fields has none for the estimate either.
    let prompt = options.prompt.render(&variables(options, &context, options.max_words)).unwrap_or_default();
    let (width, height) = upload::upload_size(size.unwrap_or(DEFAULT_SIZE), &target.upload_limits());
    let output = match options.task {
        Task::Describe => caption_tokens(target_words(options.max_words)),
        Task::DescribeObject => caption_tokens(OBJECT_WORDS),
        Task::Verify => VERDICT_TOKENS,
    };
    let output = target.text_tokens(output);
    let input = text_tokens(&prompt) + schema_tokens(schema(options.task));
    Tokens { input: target.text_tokens(input) + target.image_tokens(width, height), output }
}

/// Returns the schema of the response, if it is not plain text.
fn schema(task: Task) -> Option<&'static str> {
    match task {
        Task::Describe | Task::DescribeObject => None,
        Task::Verify => Some(verdict::SCHEMA),
    }
}

/// Estimates the tokens of a schema and of its explanation to the model.
fn schema_tokens(schema: Option<&str>) -> u64 {
    schema.map_or(0, |schema| (schema.len() as u64 * 2).div_ceil(7) + STRUCTURE_OVERHEAD / 2)
}

fn variables<'a>(options: &'a RemoteOptions, context: &'a Context, max_words: usize) -> Variables<'a> {
    let (language, style_guide) = (&options.language, options.style_guide.as_deref());
    let schema = options.schema.as_deref();
    Variables { context, max_words, language, people: Some(&options.people), style_guide, schema }
}

/// Estimates the tokens of a prompt: one for 3.5 letters of English
/// (<https://platform.claude.com/docs/en/about-claude/glossary#tokens>), and one for each character of other scripts.
fn text_tokens(prompt: &RenderedPrompt) -> u64 {
    let texts = || prompt.system.iter().chain([&prompt.user]).flat_map(|text| text.chars());
    let characters = texts().count() as u64;
    let others = texts().filter(|character| !character.is_ascii()).count() as u64;
    ((characters - others) * 2).div_ceil(7) + others + MESSAGE_OVERHEAD
}

/// Returns the length in bytes.
fn length(prompt: &RenderedPrompt) -> u64 {
    (prompt.user.len() + prompt.system.as_ref().map_or(0, String::len)) as u64
}

/// Returns the maximum number of tokens of a text: a token is at least one byte.
fn max_text_tokens(prompt: &RenderedPrompt) -> u64 {
    length(prompt) + MESSAGE_OVERHEAD
}

/// Estimates the tokens of a caption.
fn caption_tokens(words: usize) -> u64 {
    words as u64 * 3 / 2
}

/// Returns the output limit: enough for a caption of `max_words` in any language, with a margin because models miscount
/// words, and a caption that is too long is better than one that is cut off. A verdict quotes the caption at most once and
/// names what is missing.
fn max_output_tokens(task: Task, target: &Target, max_words: usize) -> u32 {
    let margin = match task {
        Task::Describe | Task::DescribeObject => 64,
        Task::Verify => 320,
    };
    let tokens = target.text_tokens((max_words as u64).saturating_mul(4).saturating_add(margin));
    u32::try_from(tokens).unwrap_or(u32::MAX).min(4_096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::catalogue::Catalogue;

    #[test]
    fn the_output_limit_is_bounded_and_fits_captions_in_any_language() {
        let targets = ["claude-sonnet-4-6", "claude-sonnet-5-5"]
            .map(|name| Catalogue::built_in().resolve(name, "us-east-1").expect("a known model"));
        for target in &targets {
            for words in [1, 50, 400] {
                let expected = target.text_tokens(caption_tokens(words));
                assert!(u64::from(max_output_tokens(Task::Describe, target, words)) > 2 * expected, "{words}");
            }
            assert_eq!(max_output_tokens(Task::Verify, target, usize::MAX), 4_096);
        }
        let prompt = RenderedPrompt { system: Some("abc".to_owned()), user: "defg".to_owned() };
        assert_eq!(text_tokens(&prompt), 2 + MESSAGE_OVERHEAD);
        // A Korean character is three bytes and about one token.
        let korean = RenderedPrompt { system: None, user: "베이지색 코트를 입은 사람".to_owned() };
        assert!(text_tokens(&korean) >= 13);
        assert!(max_text_tokens(&korean) >= text_tokens(&korean));
    }

    /// From counts of the service: 1,304 for 1000 × 1000 with 8 tokens around it; 1,625 and 2,768 for 1080p, 1,661 for 12
    /// megapixels on a standard model, with prompts of 65 to 85 tokens; 4,760 for pictures above the limits of the others.
    /// The formula is in <https://platform.claude.com/docs/en/build-with-claude/vision>.
    #[test]
    fn image_tokens_are_within_a_tenth_of_the_counts_of_the_service() {
        let (standard, high) = (["claude-sonnet-4-5", "claude-haiku-4-5"], ["claude-sonnet-5-5", "claude-haiku-5-5"]);
        for (size, counted) in [
            ((1000, 1000), [1296, 1296]),
            ((1920, 1080), [1625 - 65, 2768 - 85]),
            ((4000, 3000), [1661 - 65, 4760]),
            ((200, 200), [64, 64]),
        ] {
            for (models, counted) in [standard, high].into_iter().zip(counted) {
                for model in models {
                    let target = Catalogue::built_in().resolve(model, "us-east-1").expect("a known model");
                    let (width, height) = upload::upload_size(size, &target.upload_limits());
                    let estimated = target.image_tokens(width, height);
                    assert!(estimated.abs_diff(counted) * 10 <= counted, "{model} {size:?}: {estimated} for {counted}");
                }
            }
        }
    }
}
