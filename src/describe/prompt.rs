//! The prompt: a template, built in or the user's, rendered for one record.
//!
//! In a template, `{name}` is a variable: one of [`VARIABLES`], otherwise the field of that name in the record's JSON
//! object. `{{` and `}}` are literal braces. A line with a variable that has no value is omitted.

mod template;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_128;

use super::{Context, Reason};
use crate::dataset::Json;
use crate::text::{self, EncodingError};
use template::Template;

pub use template::TemplateError;

/// The variables that are not fields of the record. They take precedence over fields of the same name.
pub const VARIABLES: [&str; 7] = ["current", "file_name", "language", "max_words", "people", "previous", "reason"];

/// The name of the built-in prompt, which a user's file of this name replaces.
pub const DEFAULT: &str = "default";

const BUILT_IN: &str = include_str!("../../assets/prompt.md");

/// The extension of prompt files.
const EXTENSION: &str = "md";
/// The maximum size of a prompt file: far more than a prompt needs, but less than an image passed by mistake.
const MAX_BYTES: u64 = 256 * 1024;
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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    name: String,
    version: String,
    template: Template,
}

impl Prompt {
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in prompt is valid, which a test checks")]
    pub fn built_in() -> Self {
        let template = Template::parse(BUILT_IN).expect("the built-in prompt is valid, which a test checks");
        Self::new(DEFAULT.to_owned(), BUILT_IN, template)
    }

    /// Loads the prompt from the file `name` if it is a path, otherwise from `<folder>/<name>.md` or the built-in one.
    ///
    /// # Errors
    ///
    /// Returns an error if the prompt does not exist or is not a valid template.
    pub fn load(name: &str, folder: Option<&Path>) -> Result<Self, PromptError> {
        let path = Path::new(name);
        if path.components().count() > 1 || path.extension().is_some_and(|it| it == EXTENSION) || path.is_file() {
            return Self::read(path);
        }
        let in_folder = folder.map(|folder| folder.join(format!("{name}.{EXTENSION}")));
        match in_folder.filter(|path| !name.is_empty() && path.exists()) {
            Some(path) => Self::read(&path),
            None if name == DEFAULT => Ok(Self::built_in()),
            None => Err(PromptError::Unknown { name: name.to_owned(), known: names(folder) }),
        }
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
        let template = Template::parse(&text).map_err(|(line, error)| PromptError::Template {
            path: path.to_owned(),
            line,
            error,
        })?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self::new(name.into_owned(), &text, template))
    }

    fn new(name: String, text: &str, template: Template) -> Self {
        let version = format!("{name}·{:08x}", XxHash3_128::oneshot(text.as_bytes()) >> 96);
        Self { name, version, template }
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
        self.template.variables().collect()
    }

    #[must_use]
    pub fn render(&self, variables: &Variables<'_>) -> String {
        self.template.render(|name| {
            let context = variables.context;
            let value = match name {
                "current" => context.current.as_deref().map(Cow::Borrowed),
                "file_name" => Some(Cow::Borrowed(context.file_name.as_str())),
                "language" => Some(Cow::Borrowed(language_name(variables.language))),
                "max_words" => Some(Cow::Owned(target_words(variables.max_words).to_string())),
                "people" => variables.people.map(Cow::Borrowed),
                "previous" => Some(Cow::Owned(previous(&context.previous))),
                "reason" => context.reason.as_ref().map(|reason| {
                    let rejected = if context.previous.is_empty() { "the caption" } else { "the last description" };
                    Cow::Owned(instruction(reason, rejected, target_words(variables.max_words)))
                }),
                field => {
                    let field = Json::field_of(&context.line, field).filter(|json| !json.is_missing());
                    field.map(Json::to_text)
                }
            };
            value.filter(|value| !value.trim().is_empty())
        })
    }
}

/// Returns the number of words to ask for, given a limit. Models miss a word count by a tenth either way, so asking for a
/// tenth fewer keeps most captions within the limit; the rest get a finding.
#[must_use]
pub fn target_words(limit: usize) -> usize {
    (limit - limit.div_ceil(10)).max(1)
}

/// Returns the names of the built-in prompt and of those in the folder.
fn names(folder: Option<&Path>) -> Vec<String> {
    let files = folder.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let files = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
    let mut names: BTreeSet<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.insert(DEFAULT.to_owned());
    names.into_iter().collect()
}

/// Returns the latest distinct candidates on one line, oldest first.
fn previous(candidates: &[String]) -> String {
    let mut latest: Vec<String> = Vec::new();
    for text in candidates.iter().rev() {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if latest.len() < MAX_PREVIOUS && !text.is_empty() && !latest.contains(&text) {
            latest.push(text);
        }
    }
    latest.iter().rev().map(|text| format!("“{text}”")).collect::<Vec<_>>().join(" ")
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
