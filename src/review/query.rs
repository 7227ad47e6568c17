//! What records can be asked for: a query, and whether it holds for a record. Both are pure, so that the screen's thread
//! and the one that reads the dataset come to the same answer.

mod complete;
mod fuzzy;
mod parse;
mod pattern;
mod print;
mod span;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use complete::{Completion, complete};
pub use fuzzy::Fuzzy;
pub use parse::{QueryError, parse};
pub use pattern::{Pattern, PatternError};
pub(super) use print::quoted;
pub use span::Span;
pub use vocabulary::Vocabulary;

use serde_json::value::RawValue;

use super::record_view::RecordView;
use super::tabs::Tab;
use crate::lint::LintKind;
use crate::session::{Actor, Decision, RecordState};
use crate::text::{self, Phrase};

/// A question about a record that is answered with yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// All of these hold.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// The caption, as it would be saved now, or the file name has this in it.
    Text(Pattern),
    /// The file name has these letters in this order.
    Fuzzy(Fuzzy),
    /// The file name.
    Name(Value),
    /// The caption, as it would be saved now.
    Caption(Value),
    /// The number of words of the caption, as it would be saved now.
    Words(Span),
    /// That caption begins with these words.
    Begins(Phrase),
    /// That caption has these words in a row.
    Phrase(Phrase),
    /// What can be said against that caption: this, or anything.
    Lint(Option<LintKind>),
    /// Where the record stands.
    Status(Status),
    /// It is flagged.
    Flagged,
    /// It has a note.
    Note(Value),
    /// A model that has described it.
    Model(Value),
    /// Who decided.
    By(Actor),
    /// Another member of its line.
    Member(Member),
}

/// A member of a record's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub key: String,
    /// What is asked of it.
    pub value: Value,
}

/// What a text has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything but nothing.
    Any,
    /// Something with this in it.
    Has(Pattern),
    /// A number, and which.
    Is(Span),
}

impl Value {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => !text.is_empty(),
            Self::Has(pattern) => pattern.matches(text),
            Self::Is(span) => text.trim().parse().is_ok_and(|number| span.contains(number)),
        }
    }

    /// Whether a value as JSON writes it fits; of a list, one has to. What is no text is taken as it is written.
    fn fits_json(&self, json: &str) -> bool {
        match json.as_bytes().first() {
            None | Some(b'n') => false,
            Some(b'"') => serde_json::from_str::<String>(json).is_ok_and(|text| self.fits(&text)),
            Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(json)
                .is_ok_and(|values| values.iter().any(|value| self.fits_json(value.get()))),
            Some(_) => self.fits(json),
        }
    }
}

/// Where a record stands: a tab it is in, what was decided, what became of its description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is in this tab.
    In(Tab),
    /// Nothing was decided.
    Undecided,
    /// A candidate was accepted.
    Accepted,
    /// It has a text of the operator's.
    Edited,
    /// The original stands.
    Kept,
    /// It was skipped.
    Skipped,
    /// It is left out of the output.
    Excluded,
    /// Its last description failed.
    Failed,
    /// It has an unfinished edit.
    Draft,
}

impl Status {
    /// All of them: the tabs, in their order, and the others.
    pub const ALL: [Self; 14] = [
        Self::In(Tab::All),
        Self::In(Tab::ToReview),
        Self::In(Tab::Ready),
        Self::In(Tab::Decided),
        Self::In(Tab::Aside),
        Self::In(Tab::Problems),
        Self::Undecided,
        Self::Accepted,
        Self::Edited,
        Self::Kept,
        Self::Skipped,
        Self::Excluded,
        Self::Failed,
        Self::Draft,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::In(Tab::All) => "all",
            Self::In(Tab::ToReview) => "to-review",
            Self::In(Tab::Ready) => "ready",
            Self::In(Tab::Decided) => "decided",
            Self::In(Tab::Aside) => "aside",
            Self::In(Tab::Problems) => "problems",
            Self::Undecided => "undecided",
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Kept => "kept",
            Self::Skipped => "skipped",
            Self::Excluded => "excluded",
            Self::Failed => "failed",
            Self::Draft => "draft",
        }
    }

    fn holds(self, view: &RecordView) -> bool {
        let RecordState { decision, failure, draft, .. } = view.state;
        match self {
            Self::In(tab) => tab.has(view.state, view.content.is_bad(), view.bad_picture),
            Self::Undecided => *decision == Decision::Undecided,
            Self::Accepted => matches!(decision, Decision::Accepted { .. }),
            Self::Edited => matches!(decision, Decision::Edited { .. }),
            Self::Kept => *decision == Decision::Kept,
            Self::Skipped => *decision == Decision::Skipped,
            Self::Excluded => *decision == Decision::Excluded,
            Self::Failed => failure.is_some(),
            Self::Draft => draft.is_some(),
        }
    }

    /// Whether a record nothing happened to can be in it.
    const fn is_untouched(self) -> bool {
        matches!(self, Self::In(Tab::All | Tab::ToReview | Tab::Problems) | Self::Undecided)
    }
}

/// What can be asked with a key of its own. All other keys are names of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// Where the record stands.
    Status,
    /// What can be said against its caption.
    Lint,
    /// How many words the caption has.
    Words,
    /// Whether it is flagged.
    Flag,
    /// Its note.
    Note,
    /// A model that has described it.
    Model,
    /// Who decided.
    By,
    /// The file name.
    Name,
    /// The caption.
    Caption,
    /// The words the caption begins with.
    Begins,
    /// Words in a row in the caption.
    Phrase,
    /// The caption, by a regular expression.
    Pattern,
}

impl Aspect {
    /// All of them, in the order they are offered in.
    pub const ALL: [Self; 12] = [
        Self::Status,
        Self::Lint,
        Self::Words,
        Self::Flag,
        Self::Note,
        Self::Model,
        Self::By,
        Self::Name,
        Self::Caption,
        Self::Begins,
        Self::Phrase,
        Self::Pattern,
    ];

    /// Its key.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Lint => "lint",
            Self::Words => "words",
            Self::Flag => "flag",
            Self::Note => "note",
            Self::Model => "model",
            Self::By => "by",
            Self::Name => "name",
            Self::Caption => "caption",
            Self::Begins => "begins",
            Self::Phrase => "phrase",
            Self::Pattern => "re",
        }
    }

    /// The one with this key.
    #[must_use]
    pub fn named(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aspect| aspect.key() == key)
    }
}

/// The findings that can be asked for: those that a caption alone tells, and no other record.
#[must_use]
pub fn askable_lints() -> Vec<LintKind> {
    LintKind::ALL.into_iter().filter(|kind| !matches!(kind, LintKind::Duplicate | LintKind::NearDuplicate)).collect()
}

/// The word for who decided.
#[must_use]
pub const fn actor_name(actor: Actor) -> &'static str {
    match actor {
        Actor::Operator => "operator",
        Actor::Run => "run",
    }
}

impl Query {
    /// Whether it holds; `None` where that cannot be told before the record's line is read.
    #[must_use]
    pub fn holds(&self, view: &RecordView) -> Option<bool> {
        let RecordState { decision, by, flagged, note, candidates, .. } = view.state;
        match self {
            Self::All(parts) => every(parts, view, true),
            Self::Any(parts) => every(parts, view, false),
            Self::Not(query) => query.holds(view).map(|holds| !holds),
            Self::Text(pattern) => {
                either(view.caption(|caption| pattern.matches(caption)), view.name(|name| pattern.matches(name)))
            }
            Self::Fuzzy(letters) => view.name(|name| letters.matches(name)),
            Self::Name(value) => view.name(|name| value.fits(name)),
            Self::Caption(value) => view.caption(|caption| value.fits(caption)),
            Self::Words(span) => view.caption(|caption| span.contains(count(text::word_count(caption)))),
            Self::Begins(phrase) => view.caption(|caption| phrase.begins(caption)),
            Self::Phrase(phrase) => view.caption(|caption| phrase.is_in(caption)),
            Self::Lint(kind) => view.caption(|caption| {
                let findings = view.findings(caption);
                kind.map_or(!findings.is_empty(), |kind| findings.iter().any(|finding| finding.kind == kind))
            }),
            Self::Status(status) => Some(status.holds(view)),
            Self::Flagged => Some(*flagged),
            Self::Note(value) => Some(!note.is_empty() && value.fits(note)),
            Self::Model(value) => {
                let mut names = candidates.iter().flat_map(|candidate| {
                    let provenance = &candidate.provenance;
                    [&provenance.model, &provenance.describer]
                });
                Some(names.any(|name| value.fits(name)))
            }
            Self::By(actor) => Some(*decision != Decision::Undecided && by == actor),
            Self::Member(Member { key, value }) => {
                view.member(key).map(|member| member.is_some_and(|member| value.fits_json(member)))
            }
        }
    }

    /// Whether it may hold for a record nothing happened to whose line has these bytes: a quick look before the line is
    /// parsed. Never says no where [`holds`](Self::holds) would say yes.
    #[must_use]
    pub fn may_hold(&self, line: &[u8]) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.may_hold(line)),
            Self::Any(parts) => parts.iter().any(|part| part.may_hold(line)),
            Self::Text(pattern)
            | Self::Name(Value::Has(pattern))
            | Self::Caption(Value::Has(pattern))
            | Self::Member(Member { value: Value::Has(pattern), .. }) => pattern.may_be_in(line),
            Self::Status(status) => status.is_untouched(),
            Self::Flagged | Self::Note(_) | Self::Model(_) | Self::By(_) => false,
            Self::Not(_)
            | Self::Fuzzy(_)
            | Self::Words(_)
            | Self::Begins(_)
            | Self::Phrase(_)
            | Self::Lint(_)
            | Self::Name(_)
            | Self::Caption(_)
            | Self::Member(_) => true,
        }
    }

    /// Whether the answer may change with what is known of the record's picture.
    #[must_use]
    pub fn asks_for_pictures(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::asks_for_pictures),
            Self::Not(query) => query.asks_for_pictures(),
            other => *other == Self::Status(Status::In(Tab::Problems)),
        }
    }

    /// The texts that make it hold, to be set off where they are shown.
    #[must_use]
    pub fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::patterns).collect(),
            Self::Text(pattern) | Self::Caption(Value::Has(pattern)) | Self::Name(Value::Has(pattern)) => vec![pattern],
            _ => Vec::new(),
        }
    }
}

/// The parts as one: with `all`, each has to hold, else any. What is not known matters only if the others leave it open.
fn every(parts: &[Query], view: &RecordView, all: bool) -> Option<bool> {
    let mut known = Some(all);
    for part in parts {
        match part.holds(view) {
            Some(holds) if holds == all => {}
            Some(settled) => return Some(settled),
            None => known = None,
        }
    }
    known
}

const fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
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
