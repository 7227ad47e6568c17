//! The vocabulary for completion: the dataset's fields, and the values of fields and keys with their counts.

use std::collections::{BTreeMap, BTreeSet};

use super::{ATTENTION, Aspect, ERROR, Query, Status, actor_name};
use crate::dataset::{JsonKind, Line};
use crate::lint::{Finding, LintKind, Severity};
use crate::review::Snapshot;
use crate::session::{Decision, Provenance};
use crate::text;

/// The maximum number of fields.
const MAX_FIELDS: usize = 64;
/// The maximum number of values of a field; further values are ignored.
const MAX_VALUES: usize = 200;
/// The maximum length of a value, in characters; longer values are ignored.
const MAX_LENGTH: usize = 40;

/// Numbers of records by value.
type Counts = BTreeMap<String, u64>;

/// A field of the dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Field {
    /// The number of records that have it.
    records: u64,
    values: Counts,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The number of records it was collected from.
    records: u64,
    /// True if these are all records.
    complete: bool,
    fields: BTreeMap<String, Field>,
    /// The fields of the image and the caption.
    own_fields: BTreeSet<String>,
    /// Numbers of records by the value of a key.
    aspects: BTreeMap<&'static str, Counts>,
}

impl Vocabulary {
    /// Adds the fields of a line and the state of its record.
    pub fn add(&mut self, line: &Line, now: &Snapshot) {
        self.records += 1;
        self.own_fields.extend(line.own_fields().map(str::to_owned));
        for (key, json) in line.others() {
            if !self.fields.contains_key(&*key) && self.fields.len() >= MAX_FIELDS {
                continue;
            }
            let field = self.fields.entry(key.into_owned()).or_default();
            field.records += u64::from(!json.is_missing());
            let texts = json.elements().unwrap_or_else(|| vec![json]).into_iter();
            let values = texts.filter(|json| matches!(json.kind(), JsonKind::String | JsonKind::Boolean));
            // A value that an array repeats is one record.
            for text in values.map(|json| json.to_text().into_owned()).collect::<BTreeSet<_>>() {
                let is_listed = field.values.len() < MAX_VALUES || field.values.contains_key(&text);
                if is_listed && !text.is_empty() && text.chars().count() <= MAX_LENGTH {
                    *field.values.entry(text).or_default() += 1;
                }
            }
        }
        now.record_view(line, |view| {
            let mut count = |aspect: Aspect, value: &str| {
                *self.aspects.entry(aspect.key()).or_default().entry(value.to_owned()).or_default() += 1;
            };
            let has = |status: &Status| Query::Status(*status).matches(view) == Some(true);
            for status in Status::ALL.into_iter().filter(has) {
                count(Aspect::Status, status.name());
            }
            let mut findings = Vec::new();
            view.caption(|caption| {
                findings = view.findings(caption);
                true
            });
            let mut kinds: BTreeSet<&str> = findings.iter().map(|finding| finding.kind.name()).collect();
            // Those of the verifier are about the caption shown.
            for kind in LintKind::ALL.into_iter().filter(|kind| kind.is_of_verifier()) {
                if Query::Lint(Some(kind)).matches(view) == Some(true) {
                    kinds.insert(kind.name());
                }
            }
            for kind in &kinds {
                count(Aspect::Lint, kind);
            }
            if kinds.is_empty() {
                count(Aspect::Lint, "no");
            }
            if findings.iter().any(Finding::needs_attention) {
                count(Aspect::Lint, ATTENTION);
            }
            if findings.iter().any(|finding| finding.severity == Severity::Error) {
                count(Aspect::Lint, ERROR);
            }
            count(Aspect::Flag, if view.state.flagged { "yes" } else { "no" });
            if view.state.decision != Decision::Undecided {
                count(Aspect::By, actor_name(view.state.by));
            }
            let origins = view.state.candidates.iter().flat_map(|candidate| {
                let Provenance { model, prompt, describer, .. } = &candidate.provenance;
                let prompt = prompt.as_ref().map(|prompt| (Aspect::Prompt.key(), prompt));
                [(Aspect::Model.key(), model), (Aspect::Describer.key(), describer)].into_iter().chain(prompt)
            });
            for (key, name) in origins.collect::<BTreeSet<_>>() {
                *self.aspects.entry(key).or_default().entry(name.clone()).or_default() += 1;
            }
        });
    }

    /// Marks the end of the collection, after every record was added.
    #[must_use]
    pub const fn finished(mut self) -> Self {
        self.complete = true;
        self
    }

    /// Returns the number of records it was collected from.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Returns true if it was collected from all records.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the fields other than the image and the caption, with the numbers of records that have them.
    pub fn fields(&self) -> impl Iterator<Item = (&str, u64)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field.records))
    }

    /// Returns the values of a field, the most frequent first.
    #[must_use]
    pub fn values(&self, field: &str) -> Vec<(&str, u64)> {
        let values = self.fields.get(field).into_iter().flat_map(|field| &field.values);
        let mut values: Vec<(&str, u64)> = values.map(|(value, count)| (value.as_str(), *count)).collect();
        values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        values
    }

    /// Returns the number of records with a value of a key; `None` if it was not counted.
    #[must_use]
    pub fn count(&self, aspect: Aspect, value: &str) -> Option<u64> {
        let counts = self.aspects.get(aspect.key());
        (self.records > 0).then(|| counts.and_then(|counts| counts.get(value)).copied().unwrap_or(0))
    }

    /// Returns the models, prompts or describers of candidates.
    pub(super) fn origins(&self, aspect: Aspect) -> impl Iterator<Item = &str> {
        self.aspects.get(aspect.key()).into_iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Returns an error if a key is not a field, as far as that is known: a field may begin later in a large dataset.
    pub(super) fn unknown_field(&self, key: &str) -> Option<String> {
        let names = || Aspect::ALL.iter().map(|aspect| aspect.key()).chain(self.fields.keys().map(String::as_str));
        if self.records == 0 || names().any(|name| name == key) || self.own_fields.contains(key) {
            return None;
        }
        let distance = |name: &str| text::char_distance(&name.to_lowercase(), &key.to_lowercase());
        let most = ((key.chars().count() + 1) / 3).max(1);
        let nearest = names().map(|name| (distance(name), name)).filter(|(distance, _)| *distance <= most).min();
        match nearest {
            Some((_, name)) => Some(format!("unknown field \"{key}\": did you mean \"{name}\"? In quotes, it is text")),
            None if self.complete && self.fields.len() < MAX_FIELDS => {
                Some(format!("unknown field \"{key}\". In quotes, it is text"))
            }
            None => None,
        }
    }
}
