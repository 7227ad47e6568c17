//! What a describer is asked: a template, the built-in one or a user's, filled in for one record.
//!
//! In a template `{name}` stands for a value: one of [`VARIABLES`], or else the member of that name in the record's line
//! of the dataset. `{{` and `}}` are braces. A line with a variable that has no value here is left out.

mod template;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::value::RawValue;
use twox_hash::XxHash3_128;

use super::{Context, Reason};
use template::Template;

pub use template::TemplateProblem;

/// The variables that are not members of the record. They come before members of the same name.
pub const VARIABLES: [&str; 7] = ["current", "file_name", "language", "max_words", "people", "previous", "reason"];

/// The name of the built-in prompt. A user's file of this name takes its place.
pub const DEFAULT: &str = "default";

const BUILT_IN: &str = include_str!("../../assets/prompt.md");

/// Prompts in a folder are files with this extension.
const EXTENSION: &str = "md";
/// Bytes of the largest prompt that is read: far more than one needs, and less than a picture named by mistake has.
const MOST_BYTES: u64 = 256 * 1024;
/// The earlier texts a prompt tells of. More of them say little new, and each is paid for.
const MOST_PREVIOUS: usize = 3;

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The name is neither a file nor a prompt in the folder.
    #[error(
        "prompt \"{named}\": there is neither a file nor a prompt of this name; name a file, or one of these: {}",
        known.join(", ")
    )]
    Unknown {
        /// What was asked for.
        named: String,
        /// The names of the prompts there are.
        known: Vec<String>,
    },
    /// The file cannot be read.
    #[error("{}: the prompt cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is too large to be meant.
    #[error("{}: too large for a prompt; the limit is {MOST_BYTES} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not text.
    #[error("{}:{line}: not UTF-8 text; save the prompt as UTF-8", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line with the first byte that is not text, from one.
        line: usize,
    },
    /// The text is no template.
    #[error("{}:{line}: {problem}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong there.
        problem: TemplateProblem,
    },
}

/// What a prompt is filled in with.
#[derive(Clone, Copy, Debug)]
pub struct Variables<'a> {
    /// The record, and what was tried for it.
    pub context: &'a Context,
    /// The most words the caption may have. The prompt asks for fewer: see [`words_to_ask_for`].
    pub max_words: usize,
    /// The language of the caption: a code ("en") or a name.
    pub language: &'a str,
    /// How the set names people, in its owner's words ("Korean woman, Korean man").
    pub people: Option<&'a str>,
}

/// A prompt, ready to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    name: String,
    version: String,
    template: Template,
}

impl Prompt {
    /// The prompt that comes with the program.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the prompt is part of the program, and a test reads it")]
    pub fn built_in() -> Self {
        let template = Template::parse(BUILT_IN).expect("the prompt is part of the program, and a test reads it");
        Self::new(DEFAULT.to_owned(), BUILT_IN, template)
    }

    /// The prompt in the file `named`, else the one of that name: `<folder>/<named>.md`, or the built-in one.
    ///
    /// # Errors
    ///
    /// If there is none, or its text is no template.
    pub fn load(named: &str, folder: Option<&Path>) -> Result<Self, PromptError> {
        let path = Path::new(named);
        if path.components().count() > 1 || path.extension().is_some_and(|it| it == EXTENSION) || path.is_file() {
            return Self::read(path);
        }
        let in_folder = folder.map(|folder| folder.join(format!("{named}.{EXTENSION}")));
        match in_folder.filter(|path| !named.is_empty() && path.exists()) {
            Some(path) => Self::read(&path),
            None if named == DEFAULT => Ok(Self::built_in()),
            None => Err(PromptError::Unknown { named: named.to_owned(), known: names(folder) }),
        }
    }

    fn read(path: &Path) -> Result<Self, PromptError> {
        let unreadable = |source| PromptError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(PromptError::TooLarge { path: path.to_owned() });
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            PromptError::NotText { path: path.to_owned(), line: memchr::memchr_iter(b'\n', before).count() + 1 }
        })?;
        // Some editors put a byte order mark first, which is none of the prompt.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let template = Template::parse(text).map_err(|(line, problem)| PromptError::Template {
            path: path.to_owned(),
            line,
            problem,
        })?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self::new(name.into_owned(), text, template))
    }

    fn new(name: String, text: &str, template: Template) -> Self {
        let version = format!("{name}·{:08x}", XxHash3_128::oneshot(text.as_bytes()) >> 96);
        Self { name, version, template }
    }

    /// Its name: its file's, without the extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its name and a hash of its exact text ("default·1f2e3d4c"): what is kept with every text it led to.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The variables it uses. Those that are not among [`VARIABLES`] are members of the records.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        self.template.variables().collect()
    }

    /// The prompt for one record.
    #[must_use]
    pub fn render(&self, variables: &Variables<'_>) -> String {
        let members = LazyCell::new(|| members(&variables.context.line));
        self.template.render(|name| {
            let context = variables.context;
            let value = match name {
                "current" => context.current.as_deref().map(Cow::Borrowed),
                "file_name" => Some(Cow::Borrowed(context.file_name.as_str())),
                "language" => Some(Cow::Borrowed(language_name(variables.language))),
                "max_words" => Some(Cow::Owned(words_to_ask_for(variables.max_words).to_string())),
                "people" => variables.people.map(Cow::Borrowed),
                "previous" => Some(Cow::Owned(previous(&context.tried))),
                "reason" => context.reason.as_ref().map(|reason| {
                    let rejected = if context.tried.is_empty() { "the caption" } else { "the last description" };
                    Cow::Owned(complaint(reason, rejected, words_to_ask_for(variables.max_words)))
                }),
                member => members.get(member).copied().and_then(member_text),
            };
            value.filter(|value| !value.trim().is_empty())
        })
    }
}

/// The words asked for where `limit` is the most there may be. Models count words by feel and miss by a tenth either way;
/// a tenth fewer keeps most of what is written within the limit, and the rest is a finding.
#[must_use]
pub fn words_to_ask_for(limit: usize) -> usize {
    (limit - limit.div_ceil(10)).max(1)
}

/// The prompts there are, by name: the built-in one, and those in the folder.
fn names(folder: Option<&Path>) -> Vec<String> {
    let files = folder.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let files = files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == EXTENSION));
    let mut names: BTreeSet<String> =
        files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.insert(DEFAULT.to_owned());
    names.into_iter().collect()
}

/// The members of a record's line, as written. Of a member that is repeated the last one counts; a line that is no
/// object has none.
fn members(line: &str) -> BTreeMap<String, &RawValue> {
    serde_json::from_str(line).unwrap_or_default()
}

/// A member as it reads in a prompt: a text without its quotes, anything else as JSON. Null is no value.
fn member_text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get() {
        "null" => None,
        text if text.starts_with('"') => serde_json::from_str(text).ok().map(Cow::Owned),
        json => Some(Cow::Borrowed(json)),
    }
}

/// The latest of the texts tried, each once, oldest first, on one line; empty where there are none.
fn previous(tried: &[String]) -> String {
    let mut latest: Vec<String> = Vec::new();
    for text in tried.iter().rev() {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if latest.len() < MOST_PREVIOUS && !text.is_empty() && !latest.contains(&text) {
            latest.push(text);
        }
    }
    latest.iter().rev().map(|text| format!("“{text}”")).collect::<Vec<_>>().join(" ")
}

/// What was wrong with a text, and what to do about it.
fn complaint(reason: &Reason, rejected: &str, words: usize) -> String {
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
        Reason::Own(words) if words.trim().is_empty() => String::new(),
        Reason::Own(words) => format!("What was wrong with {rejected}, in the reviewer's words: {words}"),
    }
}

/// The English name of a language with a code of ISO 639-1, for the languages captions are most often written in;
/// models read other codes and names as they are.
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
