//! The query language of the filter. Pure, so that the core and the background scans get the same result for a record.

mod complete;
mod fuzzy;
mod number_range;
mod parse;
mod pattern;
mod print;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use complete::{Completion, Suggestion, complete, is_incomplete};
pub use fuzzy::Fuzzy;
pub use number_range::NumberRange;
pub use parse::{QueryError, parse, parse_known};
pub use pattern::{Pattern, PatternError};
pub(super) use print::quoted;
pub use vocabulary::Vocabulary;

use super::record_view::RecordView;
use super::tabs::Tab;
use crate::dataset::{Json, JsonKind};
use crate::describe::Verdict;
use crate::engine::selection::Origin;
use crate::lint::{LintKind, Severity};
use crate::session::{Actor, Decision, RecordState};
use crate::text::{self, Phrase};

/// A predicate on records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// The current caption or the file name contains a pattern.
    Text(Pattern),
    /// The file name contains these letters in order, with gaps.
    Fuzzy(Fuzzy),
    Name(Value),
    /// The current caption.
    Caption(Value),
    /// The number of words of the current caption.
    Words(NumberRange),
    /// One of the tags of the current caption, or a field of that name.
    Tag(Value),
    /// The current caption starts with these words.
    Begins(Phrase),
    /// The current caption contains these words in a row.
    Phrase(Phrase),
    /// The current caption has this finding, or any.
    Lint(Option<LintKind>),
    /// The current caption has a warning or an error.
    Attention,
    /// The current caption has an error.
    Error,
    Status(Status),
    Flagged,
    Note(Value),
    /// The origin of one of its candidates. For a prompt or a describer, also a field of that name.
    Origin(Origin, Value),
    /// Who decided.
    By(Actor),
    /// Any other field of the record.
    Field(FieldTest),
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTest {
    pub key: String,
    pub value: Value,
}

/// A condition on a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Not empty.
    Any,
    /// Contains a pattern.
    Contains(Pattern),
    /// Is a number in a range.
    InRange(NumberRange),
}

impl Value {
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => !text.is_empty(),
            Self::Contains(pattern) => pattern.matches(text),
            Self::InRange(range) => text.trim().parse().is_ok_and(|number| range.contains(number)),
        }
    }

    /// Tests the tags of a caption: a plain text has to be a whole tag, in any case.
    fn matches_tag_of(&self, caption: &str) -> bool {
        let mut tags = text::tags(caption).map(|place| &caption[place]);
        match self {
            Self::Any => tags.next().is_some(),
            Self::Contains(pattern) if pattern.is_plain() => {
                let key = text::tag_key(pattern.source());
                tags.any(|tag| text::tag_key(tag) == key)
            }
            value => tags.any(|tag| value.matches(tag) || value.matches(&text::tag_key(tag))),
        }
    }

    /// Tests a JSON value. An array matches if one of its elements does. Values other than strings are compared as they
    /// are written.
    fn matches_json(&self, json: Json<'_>) -> bool {
        match json.kind() {
            _ if json.is_missing() => false,
            JsonKind::Array => json.elements().into_iter().flatten().any(|element| self.matches_json(element)),
            _ => self.matches(&json.to_text()),
        }
    }
}

/// The status of a record: a tab, a decision, or the state of its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    In(Tab),
    /// Skipped or excluded.
    Aside,
    Undecided,
    Accepted,
    Edited,
    Kept,
    Skipped,
    Excluded,
    Failed,
    Draft,
    /// Reviewers decided differently.
    Conflict,
    /// Waits for the result of a batch job.
    Waiting,
}

impl Status {
    /// In the order of the tabs, then the others.
    pub const ALL: [Self; 16] = [
        Self::In(Tab::All),
        Self::In(Tab::ToReview),
        Self::In(Tab::Ready),
        Self::In(Tab::Decided),
        Self::Aside,
        Self::In(Tab::Problems),
        Self::Undecided,
        Self::Accepted,
        Self::Edited,
        Self::Kept,
        Self::Skipped,
        Self::Excluded,
        Self::Failed,
        Self::Draft,
        Self::Conflict,
        Self::Waiting,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In(Tab::All) => "all",
            Self::In(Tab::ToReview) => "to-review",
            Self::In(Tab::Ready) => "ready",
            Self::In(Tab::Decided) => "decided",
            Self::Aside => "aside",
            Self::In(Tab::Problems) => "problems",
            Self::Undecided => "undecided",
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Kept => "kept",
            Self::In(Tab::Skipped) | Self::Skipped => "skipped",
            Self::Excluded => "excluded",
            Self::Failed => "failed",
            Self::Draft => "draft",
            Self::Conflict => "conflict",
            Self::Waiting => "waiting",
        }
    }

    fn matches(self, view: &RecordView) -> bool {
        let RecordState { decision, failure, draft, .. } = view.state;
        match self {
            Self::In(tab) => tab.has(view.state, view.content.is_bad(), view.bad_picture),
            Self::Aside => matches!(decision, Decision::Skipped | Decision::Excluded),
            Self::Undecided => *decision == Decision::Undecided,
            Self::Accepted => matches!(decision, Decision::Accepted { .. }),
            Self::Edited => matches!(decision, Decision::Edited { .. }),
            Self::Kept => *decision == Decision::Kept,
            Self::Skipped => *decision == Decision::Skipped,
            Self::Excluded => *decision == Decision::Excluded,
            Self::Failed => failure.is_some(),
            Self::Draft => draft.is_some(),
            Self::Conflict => view.state.is_in_conflict(),
            Self::Waiting => view.in_batch,
        }
    }

    /// Returns true if a record without events can have this status.
    const fn is_untouched(self) -> bool {
        matches!(self, Self::In(Tab::All | Tab::ToReview | Tab::Problems) | Self::Undecided | Self::Waiting)
    }
}

/// The keys of the query language. Any other key is the name of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    Status,
    Lint,
    Words,
    Flag,
    Note,
    Model,
    Prompt,
    Describer,
    By,
    Name,
    Caption,
    Tag,
    Begins,
    Phrase,
    Pattern,
}

impl Aspect {
    /// In the order of completion.
    pub const ALL: [Self; 15] = [
        Self::Status,
        Self::Lint,
        Self::Words,
        Self::Flag,
        Self::Note,
        Self::Model,
        Self::Prompt,
        Self::Describer,
        Self::By,
        Self::Name,
        Self::Caption,
        Self::Tag,
        Self::Begins,
        Self::Phrase,
        Self::Pattern,
    ];

    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Lint => "lint",
            Self::Words => "words",
            Self::Flag => "flag",
            Self::Note => "note",
            Self::Model => Origin::Model.name(),
            Self::Prompt => Origin::Prompt.name(),
            Self::Describer => Origin::Describer.name(),
            Self::By => "by",
            Self::Name => "name",
            Self::Caption => "caption",
            Self::Tag => "tag",
            Self::Begins => "begins",
            Self::Phrase => "phrase",
            Self::Pattern => "re",
        }
    }

    /// Returns a description of its values.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Status => "tab or decision",
            Self::Lint => "with a finding",
            Self::Words => "number of words: 10..50, >50",
            Self::Flag => "flagged",
            Self::Note => "with a note",
            Self::Model => "described by this model",
            Self::Prompt => "described with this prompt",
            Self::Describer => "described by this describer",
            Self::By => "decided by a person or a run",
            Self::Name => "file name: *.png",
            Self::Caption => "text in the caption",
            Self::Tag => "one of its tags",
            Self::Begins => "first words of the caption",
            Self::Phrase => "words in a row",
            Self::Pattern => "regular expression",
        }
    }

    #[must_use]
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.key() == key)
    }
}

/// The value of `lint` for warnings and errors.
const ATTENTION: &str = "warning";
/// The value of `lint` for errors.
const ERROR: &str = "error";

/// Returns the lints that queries support: those that depend on the caption alone.
#[must_use]
pub fn queryable_lints() -> Vec<LintKind> {
    LintKind::ALL.into_iter().filter(|kind| !matches!(kind, LintKind::Duplicate | LintKind::NearDuplicate)).collect()
}

#[must_use]
pub const fn actor_name(actor: Actor) -> &'static str {
    match actor {
        Actor::Operator => "operator",
        Actor::Run => "run",
    }
}

impl Query {
    /// Returns whether the query matches; `None` if that depends on a line that is not loaded.
    #[must_use]
    pub fn matches(&self, view: &RecordView) -> Option<bool> {
        let RecordState { decision, by, flagged, note, candidates, .. } = view.state;
        match self {
            Self::All(parts) => combine(parts, view, true),
            Self::Any(parts) => combine(parts, view, false),
            Self::Not(query) => query.matches(view).map(|matches| !matches),
            Self::Text(pattern) => {
                or(view.caption(|caption| pattern.matches(caption)), view.name(|name| pattern.matches(name)))
            }
            Self::Fuzzy(letters) => view.name(|name| letters.matches(name)),
            Self::Name(value) => view.name(|name| value.matches(name)),
            Self::Caption(value) => view.caption(|caption| value.matches(caption)),
            Self::Words(range) => view.caption(|caption| range.contains(count(view.rules.length(caption)))),
            Self::Tag(value) => {
                let has_tag = view.caption(|caption| view.is_string() && value.matches_tag_of(caption));
                let field = view.field(Aspect::Tag.key());
                or(has_tag, field.map(|json| json.is_some_and(|json| value.matches_json(json))))
            }
            Self::Begins(phrase) => view.caption(|caption| phrase.begins(caption)),
            Self::Phrase(phrase) => view.caption(|caption| phrase.is_in(caption)),
            Self::Lint(Some(kind)) if kind.is_of_verifier() => view.verdict().map(|verdict| {
                let is_on = view.rules.severities.of(*kind) > Severity::Off;
                let found = verdict.filter(|_| is_on).map(Verdict::severity);
                found.is_some_and(|(unsupported, missing)| {
                    (if *kind == LintKind::Missing { missing } else { unsupported }) > 0
                })
            }),
            Self::Lint(kind) => view.caption(|caption| view.has_finding(*kind, caption)),
            Self::Attention => view.caption(|caption| view.needs_attention(caption)),
            Self::Error => view.caption(|caption| view.has_error(caption)),
            // As in the tab, which has the captions with findings, too.
            Self::Status(status @ Status::In(Tab::Problems)) => {
                or(Some(status.matches(view)), view.caption(|caption| view.needs_attention(caption)))
            }
            Self::Status(status) => Some(status.matches(view)),
            Self::Flagged => Some(*flagged),
            Self::Note(value) => Some(!note.is_empty() && value.matches(note)),
            Self::Origin(origin, value) => {
                let has_origin = candidates.iter().any(|candidate| match value {
                    Value::Contains(pattern) if pattern.is_plain() => {
                        origin.includes(pattern.source(), &candidate.provenance)
                    }
                    value => origin.names(&candidate.provenance).any(|name| value.matches(name)),
                });
                match origin {
                    Origin::Model => Some(has_origin),
                    // Fields of these names were searched before these keys existed.
                    Origin::Prompt | Origin::Describer => {
                        let field = view.field(origin.name());
                        or(Some(has_origin), field.map(|json| json.is_some_and(|json| value.matches_json(json))))
                    }
                }
            }
            Self::By(actor) => Some(*decision != Decision::Undecided && by == actor),
            Self::Field(FieldTest { key, value }) => {
                view.field(key).map(|json| json.is_some_and(|json| value.matches_json(json)))
            }
        }
    }

    /// Returns false only if the query cannot match a record without events whose line has these bytes. A cheap
    /// prefilter before the line is parsed, without false negatives.
    #[must_use]
    pub fn may_match(&self, line: &[u8]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.may_match(line)),
            Self::Any(parts) => parts.iter().any(|part| part.may_match(line)),
            Self::Text(pattern)
            | Self::Name(Value::Contains(pattern))
            | Self::Caption(Value::Contains(pattern))
            | Self::Origin(Origin::Prompt | Origin::Describer, Value::Contains(pattern))
            | Self::Field(FieldTest { value: Value::Contains(pattern), .. }) => pattern.may_be_in(line),
            Self::Status(status) => status.is_untouched(),
            Self::Lint(Some(kind)) if kind.is_of_verifier() => false,
            Self::Flagged | Self::Note(_) | Self::Origin(Origin::Model, _) | Self::By(_) => false,
            Self::Not(_)
            | Self::Fuzzy(_)
            | Self::Words(_)
            | Self::Tag(_)
            | Self::Begins(_)
            | Self::Phrase(_)
            | Self::Lint(_)
            | Self::Attention
            | Self::Error
            | Self::Name(_)
            | Self::Caption(_)
            | Self::Origin(..)
            | Self::Field(_) => true,
        }
    }

    /// Returns true if the result depends on the state of the record's image.
    #[must_use]
    pub fn depends_on_pictures(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::depends_on_pictures),
            Self::Not(query) => query.depends_on_pictures(),
            other => *other == Self::Status(Status::In(Tab::Problems)),
        }
    }

    /// Returns the patterns to highlight in matching captions.
    #[must_use]
    pub fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::patterns).collect(),
            Self::Text(pattern) | Self::Caption(Value::Contains(pattern)) | Self::Name(Value::Contains(pattern)) => {
                vec![pattern]
            }
            _ => Vec::new(),
        }
    }
}

/// Combines the results of the parts with "and" (if `all` is true) or "or". The result is unknown if it depends on an
/// unknown part.
fn combine(parts: &[Query], view: &RecordView, all: bool) -> Option<bool> {
    let mut result = Some(all);
    for part in parts {
        match part.matches(view) {
            Some(matches) if matches == all => {}
            Some(decided) => return Some(decided),
            None => result = None,
        }
    }
    result
}

/// Combines two results by "or"; `None` is unknown.
const fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no caption has that many words")]
const fn count(words: usize) -> f64 {
    words as f64
}
