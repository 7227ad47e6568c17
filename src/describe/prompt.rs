//! The prompt: a template, built in or the user's, rendered for one record.
//!
//! In a template, `{name}` is a variable: one of [`VARIABLES`], otherwise the field of that name in the record's JSON
//! object; `{$name}` is the variable and `{.name}` the field even if there are both. A line with a variable that has no
//! value is omitted. `{{` and `}}` are literal braces; other braces that enclose no name are literal too. The text above a
//! line `--- user ---` is the system prompt.

mod template;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_128;

use super::{Context, Reason, RequestMode};
use crate::dataset::Json;
use crate::text::{self, EncodingError};
use template::Template;

pub use template::TemplateError;

/// The variables that are not fields of the record. Those of `YIELDING` give way to a field of the same name, the others
/// take precedence over it; `{$name}` is always the variable, `{.name}` the field.
pub const VARIABLES: [&str; 11] = [
    "current",
    "examples",
    "file_name",
    "language",
    "max_words",
    "people",
    "previous",
    "reason",
    "rejected",
    "schema",
    "style_guide",
];

/// The variables that prompts of version 0.1 may use as the names of fields.
const YIELDING: [&str; 4] = ["examples", "rejected", "schema", "style_guide"];

/// The name of the built-in prompt, which a user's file of this name replaces.
pub const DEFAULT: &str = "default";

/// The name of the built-in prompt with the reviewer's captions as examples.
const WITH_EXAMPLES: &str = "examples";

/// The name of the built-in prompt for captions that are JSON objects.
pub const JSON: &str = "json";

const BUILT_IN_JSON: &str = include_str!("../../assets/prompt_json.md");

const BUILT_IN: &str = include_str!("../../assets/prompt.md");

/// The name of the built-in prompt of a verifier, which a user's file of this name replaces.
pub const VERIFY: &str = "verify";

const BUILT_IN_VERIFY: &str = include_str!("../../assets/verify.md");

/// The extension of prompt files.
const EXTENSION: &str = "md";
/// The maximum size of a prompt file: far more than a prompt needs, but less than an image passed by mistake.
const MAX_BYTES: u64 = 256 * 1024;
/// The maximum number of captions of other records in a prompt. Each costs tokens in every request.
pub const MAX_EXAMPLES: usize = 5;
/// The maximum number of previous candidates in a prompt. More add little, and each costs tokens.
const MAX_PREVIOUS: usize = 3;

#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error("unknown prompt \"{name}\": use the path of a file or one of {}", known.join(", "))]
    Unknown { name: String, known: Vec<String> },
    #[error("{}: cannot read the prompt: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: too large for a prompt: the limit is {MAX_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    #[error("prompt \"{name}\" cannot verify: it does not use {{current}}, the caption to verify")]
    WithoutCaption { name: String },
    #[error("{}: {error}", path.display())]
    Encoding { path: PathBuf, error: EncodingError },
    /// The line is counted from one.
    #[error("{}:{line}: {error}", path.display())]
    Template { path: PathBuf, line: usize, error: TemplateError },
}

/// The values of the variables.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    pub context: &'a Context,
    /// The maximum number of words. The prompt asks for fewer: see [`target_words`].
    pub max_words: usize,
    /// The language of the caption, as a code ("en") or a name.
    pub language: &'a str,
    /// How captions refer to people ("Korean woman, Korean man").
    pub people: Option<&'a str>,
    /// The style guide as instructions.
    pub style_guide: Option<&'a str>,
    /// The JSON Schema of the captions.
    pub schema: Option<&'a str>,
}

/// A prompt for one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenderedPrompt {
    /// The instructions, if the prompt separates them. Not blank.
    pub system: Option<String>,
    pub user: String,
}

impl RenderedPrompt {
    /// Returns the prompt for a model that refuses system prompts: the instructions come first in the user message.
    #[must_use]
    pub fn without_system(self) -> Self {
        let Some(system) = self.system else { return self };
        Self { system: None, user: format!("{system}\n\n{}", self.user.trim_start()) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prompt is empty for this record: no line has a value for all of its variables")]
pub struct EmptyPrompt;

/// A name and the prompt that it stands for.
type BuiltIn = (&'static str, fn() -> Prompt);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    name: String,
    version: String,
    system: Option<Template>,
    user: Template,
}

impl Prompt {
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in prompt is valid, which a test checks")]
    pub fn built_in() -> Self {
        let text: String = BUILT_IN.split_inclusive('\n').filter(|line| !line.contains("{$examples}")).collect();
        Self::parse(DEFAULT, &text).expect("the built-in prompt is valid, which a test checks")
    }

    /// Returns the built-in prompt with the reviewer's captions as examples.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in prompt is valid, which a test checks")]
    pub fn with_examples() -> Self {
        Self::parse(WITH_EXAMPLES, BUILT_IN).expect("the built-in prompt is valid, which a test checks")
    }

    /// Returns the built-in prompt for captions that are JSON objects.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in prompt is valid, which a test checks")]
    pub fn json() -> Self {
        Self::parse(JSON, BUILT_IN_JSON).expect("the built-in prompt is valid, which a test checks")
    }

    /// Returns the built-in prompt of a verifier.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in prompt is valid, which a test checks")]
    pub fn verify() -> Self {
        Self::parse(VERIFY, BUILT_IN_VERIFY).expect("the built-in prompt is valid, which a test checks")
    }

    /// Loads the prompt from the file `name` if it is a path, otherwise from `<folder>/<name>.md` or the built-in one.
    ///
    /// # Errors
    ///
    /// Returns an error if the prompt does not exist or is not a valid template.
    pub fn load(name: &str, folder: Option<&Path>) -> Result<Self, PromptError> {
        Self::load_from(
            name,
            folder,
            &[(DEFAULT, Self::built_in), (WITH_EXAMPLES, Self::with_examples), (JSON, Self::json)],
        )
    }

    /// Loads the prompt of a verifier, like [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// Returns an error if the prompt does not exist, is not a valid template, or does not use the caption.
    pub fn load_verify(name: &str, folder: Option<&Path>) -> Result<Self, PromptError> {
        let prompt = Self::load_from(name, folder, &[(VERIFY, Self::verify)])?;
        if prompt.uses("current") { Ok(prompt) } else { Err(PromptError::WithoutCaption { name: name.to_owned() }) }
    }

    fn load_from(name: &str, folder: Option<&Path>, built_in: &[BuiltIn]) -> Result<Self, PromptError> {
        let path = Path::new(name);
        if path.components().count() > 1 || path.extension().is_some_and(|it| it == EXTENSION) || path.is_file() {
            return Self::read(path);
        }
        let in_folder = folder.map(|folder| folder.join(format!("{name}.{EXTENSION}")));
        if let Some(path) = in_folder.filter(|path| !name.is_empty() && path.exists()) {
            return Self::read(&path);
        }
        let found = built_in.iter().find(|(known, _)| *known == name).map(|(_, prompt)| prompt());
        let known = || names(folder, built_in.iter().map(|(known, _)| *known));
        found.ok_or_else(|| PromptError::Unknown { name: name.to_owned(), known: known() })
    }

    fn read(path: &Path) -> Result<Self, PromptError> {
        let unreadable = |source| PromptError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(PromptError::TooLarge { path: path.to_owned() });
        }
        let text = text::from_file(bytes).map_err(|error| PromptError::Encoding { path: path.to_owned(), error })?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        let invalid = |(line, error)| PromptError::Template { path: path.to_owned(), line, error };
        Self::parse(&name, &text).map_err(invalid)
    }

    /// Parses a prompt. An error has the line number, counted from one.
    fn parse(name: &str, text: &str) -> Result<Self, (usize, TemplateError)> {
        let mut start = 0;
        let mut separator = None;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if is_separator(line) {
                if separator.is_some() {
                    return Err((index + 1, TemplateError::SecondSeparator));
                }
                separator = Some((index + 1, start, start + line.len()));
            }
            start += line.len();
        }
        let (system, user) = match separator {
            None => (None, Template::parse(text)?),
            Some((line, end, start)) => {
                let system = Template::parse(&text[..end])?;
                let user = Template::parse(&text[start..]).map_err(|(at, error)| (line + at, error))?;
                (Some(system), user)
            }
        };
        Ok(Self { name: name.to_owned(), version: version(name, text), system, user })
    }

    /// Returns the name of its file without the extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name and a hash of the text ("default·1f2e3d4c"), which is stored with every candidate.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the variables it uses. Those not in [`VARIABLES`] are fields of the records.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        self.templates().flat_map(Template::variables).map(bare).collect()
    }

    /// Returns the fields of records that it uses.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let is_field = |name: &&str| !VARIABLES.contains(name);
        self.variables().into_iter().filter(is_field).map(|name| field_name(name).to_owned()).collect()
    }

    /// Returns true if it uses the variable.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.templates().flat_map(Template::variables).any(|name| bare(name) == variable)
    }

    /// Returns true if it uses the variable for the record of a line, which may have a field of that name.
    fn shows(&self, variable: &str, line: &str) -> bool {
        let names = || self.templates().flat_map(Template::variables).filter(|name| bare(name) == variable);
        names().any(|name| name != variable) || (names().next().is_some() && field(line, variable).is_none())
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.system.iter().chain([&self.user])
    }

    /// Substitutes the variables.
    ///
    /// # Errors
    ///
    /// Returns an error if no text for the user message remains.
    pub fn render(&self, variables: &Variables<'_>) -> Result<RenderedPrompt, EmptyPrompt> {
        let context = variables.context;
        let repair = match &context.mode {
            RequestMode::Repair(repair) => Some(repair),
            RequestMode::Describe | RequestMode::Vary => None,
        };
        // A prompt without `{rejected}` has the caption to repair in `{previous}`.
        let lists_previous =
            context.mode == RequestMode::Vary || (repair.is_some() && !self.shows("rejected", &context.line));
        let value = |name: &str| {
            let own = field(&context.line, name).filter(|_| YIELDING.contains(&name));
            if let Some(own) = own {
                return Some(own).filter(|value| !value.trim().is_empty());
            }
            let value = match bare(name) {
                "current" => context.current.as_deref().map(Cow::Borrowed),
                "file_name" => Some(Cow::Borrowed(context.file_name.as_str())),
                "language" => Some(Cow::Borrowed(language_name(variables.language))),
                "max_words" => Some(Cow::Owned(target_words(variables.max_words).to_string())),
                "people" => variables.people.map(Cow::Borrowed),
                "style_guide" => variables.style_guide.map(Cow::Borrowed),
                "schema" => variables.schema.map(Cow::Borrowed),
                "examples" => Some(Cow::Owned(quoted(context.examples.iter()))),
                "previous" => lists_previous.then(|| Cow::Owned(previous(&context.previous))),
                "reason" => repair.map(|repair| {
                    let rejected = if context.previous.is_empty() { "the caption" } else { "the last description" };
                    let instruction = |reason| instruction(reason, rejected, target_words(variables.max_words));
                    let instructions: Vec<String> = repair.reasons.iter().map(instruction).collect();
                    Cow::Owned(instructions.join(" "))
                }),
                "rejected" => repair.map(|repair| Cow::Owned(one_line(&repair.text))),
                _ => field(&context.line, field_name(name)),
            };
            value.filter(|value| !value.trim().is_empty())
        };
        let system = self.system.as_ref().map(|system| system.render(value).trim().to_owned());
        let user = self.user.render(value);
        if user.trim().is_empty() {
            return Err(EmptyPrompt);
        }
        Ok(RenderedPrompt { system: system.filter(|system| !system.is_empty()), user })
    }
}

/// Returns the name of a variable without the mark that tells it from a field.
fn bare(name: &str) -> &str {
    name.strip_prefix('$').filter(|bare| VARIABLES.contains(bare)).unwrap_or(name)
}

/// Returns the name of a field without the mark that tells it from a variable.
fn field_name(name: &str) -> &str {
    name.strip_prefix('.').filter(|field| VARIABLES.contains(field)).unwrap_or(name)
}

/// Returns the field of a line as text, if the line has it.
fn field<'a>(line: &'a str, name: &str) -> Option<Cow<'a, str>> {
    Json::field_of(line, name).filter(|json| !json.is_missing()).map(Json::to_text)
}

/// Returns the name and a hash of the text.
pub(super) fn version(name: &str, text: &str) -> String {
    format!("{name}·{:08x}", XxHash3_128::oneshot(text.as_bytes()) >> 96)
}

/// Returns true for the line between the system prompt and the user message: `--- user ---`.
fn is_separator(line: &str) -> bool {
    let line = line.trim();
    let inside = line.trim_matches('-');
    line.starts_with("---") && line.ends_with("---") && inside.trim() == "user"
}

/// Returns the number of words to ask for, given a limit. Models miss a word count by a tenth either way, so asking for a
/// tenth fewer keeps most captions within the limit; the rest get a finding.
#[must_use]
pub fn target_words(limit: usize) -> usize {
    (limit - limit.div_ceil(10)).max(1)
}

/// Returns the names of the built-in prompts and of those in the folder.
fn names(folder: Option<&Path>, built_in: impl Iterator<Item = &'static str>) -> Vec<String> {
    let files = folder.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let files = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
    let mut names: BTreeSet<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.extend(built_in.map(str::to_owned));
    names.into_iter().collect()
}

/// Returns the latest distinct candidates on one line, oldest first.
fn previous(candidates: &[String]) -> String {
    let mut latest: Vec<String> = Vec::new();
    for text in candidates.iter().rev() {
        let text = one_line(text);
        if latest.len() < MAX_PREVIOUS && !text.is_empty() && !latest.contains(&text) {
            latest.push(text);
        }
    }
    quoted(latest.iter().rev())
}

fn quoted<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    texts.map(|text| format!("“{text}”")).collect::<Vec<_>>().join(" ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the instruction for a reason.
fn instruction(reason: &Reason, rejected: &str, words: usize) -> String {
    match reason {
        Reason::TooLong => format!("What was wrong with {rejected}: it was too long. Keep to {words} words."),
        Reason::MissedItem => format!(
            "What was wrong with {rejected}: it missed something that can be seen. Look again at every garment, \
             accessory and object, from head to foot."
        ),
        Reason::WrongColour => format!(
            "What was wrong with {rejected}: it gave something the wrong colour. Look again at the colour of each thing."
        ),
        Reason::WrongPerson => format!(
            "What was wrong with {rejected}: what it said of the person was not right. Look again at who is there, at \
             age group, hair and expression."
        ),
        Reason::Custom(text) if text.trim().is_empty() => String::new(),
        Reason::Custom(text) => format!("What was wrong with {rejected}, in the reviewer's words: {text}"),
    }
}

/// Returns the English name for the ISO 639-1 code of a common caption language. Other codes and names are passed to the
/// model unchanged.
fn language_name(language: &str) -> &str {
    match language {
        "en" => "English",
        "ko" => "Korean",
        "ja" => "Japanese",
        "zh" => "Chinese",
        "de" => "German",
        "fr" => "French",
        "es" => "Spanish",
        "pt" => "Portuguese",
        "it" => "Italian",
        "vi" => "Vietnamese",
        "th" => "Thai",
        "id" => "Indonesian",
        other => other,
    }
}
