//! Which records a headless run describes.

use std::fmt;
use std::ops::ControlFlow;
use std::str::FromStr;

use roaring::RoaringBitmap;

use super::rules::{self, Judged};
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::lint::{self, Rules};
use crate::picture;
use crate::session::{Ledger, Provenance, RecordState};
use crate::statistics::{draw, sample_key};
use crate::text;

/// Stands between the name and the hash of a prompt.
const VERSION_SEPARATOR: char = '·';

/// A kind of undecided records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Only {
    /// Records that need a description, including those whose last one failed.
    #[default]
    Pending,
    /// Records whose last description failed.
    Failed,
    /// Records that need a description and whose current caption has a warning or an error.
    Lint,
    /// Records that need a description and whose current caption has this tag.
    Tag(String),
    /// Records whose newest candidate has this origin, to describe them again. Once described by another model, prompt or
    /// describer, they are no longer selected, so that a run can be continued.
    By(Origin, String),
}

/// A part of the provenance of a candidate, by which runs and filters select.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    Model,
    Prompt,
    Describer,
}

impl Origin {
    pub const ALL: [Self; 3] = [Self::Model, Self::Prompt, Self::Describer];

    /// Returns the name in options and queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Describer => "describer",
        }
    }

    /// Returns the names that a provenance has: the model goes by the name of its describer, too.
    pub fn names(self, provenance: &Provenance) -> impl Iterator<Item = &str> {
        let names = match self {
            Self::Model => [Some(&provenance.model), Some(&provenance.describer)],
            Self::Prompt => [provenance.prompt.as_ref(), None],
            Self::Describer => [Some(&provenance.describer), None],
        };
        names.into_iter().flatten().map(String::as_str)
    }

    /// Returns true if a provenance has this origin: a part of the name of a model, in any case; the name of a prompt, or its
    /// name and version; the name of a describer.
    #[must_use]
    pub fn includes(self, text: &str, provenance: &Provenance) -> bool {
        self.names(provenance).any(|name| match self {
            Self::Model => name.to_lowercase().contains(&text.to_lowercase()),
            Self::Prompt => {
                name.strip_prefix(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(VERSION_SEPARATOR))
            }
            Self::Describer => name == text,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected pending, failed, lint, tag:NAME, model:TEXT, prompt:NAME or describer:NAME")]
pub struct OnlyError;

impl FromStr for Only {
    type Err = OnlyError;

    fn from_str(text: &str) -> Result<Self, OnlyError> {
        match text {
            "pending" => return Ok(Self::Pending),
            "failed" => return Ok(Self::Failed),
            "lint" => return Ok(Self::Lint),
            _ => {}
        }
        let (key, value) = text.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or(OnlyError)?;
        if key == "tag" {
            return Ok(Self::Tag(value.to_owned()));
        }
        let origin = Origin::ALL.into_iter().find(|origin| origin.name() == key).ok_or(OnlyError)?;
        Ok(Self::By(origin, value.to_owned()))
    }
}

impl fmt::Display for Only {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pending => f.write_str("pending"),
            Self::Failed => f.write_str("failed"),
            Self::Lint => f.write_str("lint"),
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::By(origin, text) => write!(f, "{}:{text}", origin.name()),
        }
    }
}

/// A simple random sample of the selected records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub size: usize,
    /// The same seed selects the same records.
    pub seed: u64,
}

/// The options that select records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    pub only: Only,
    /// Keep at most this many, the first in file order.
    pub number: Option<usize>,
    pub sample: Option<Sample>,
    /// Records that wait for the result of a batch. They are left out, so that nothing is paid for twice.
    pub waiting: RoaringBitmap,
}

/// The selected records, and the number of those left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// In file order.
    pub records: Vec<RecordId>,
    pub without_picture: u64,
    pub unreadable: u64,
    /// Records that wait for the result of a batch.
    pub in_batch: u64,
    /// Captions that no text may replace.
    pub other_captions: u64,
    /// Of a verification: records without a caption.
    pub without_caption: u64,
    /// Of a verification: records whose caption has a verdict of this model and prompt, in file order.
    pub verified: Vec<RecordId>,
}

impl Selection {
    /// Scans the dataset and checks that each selected record's image file exists.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn select(
        &self,
        dataset: &Dataset,
        ledger: &Ledger,
        describer: &str,
        rules: &Rules,
    ) -> Result<Selected, DatasetError> {
        self.select_by(dataset, &mut |record, _| self.only.includes(record, ledger.record(record.id), describer, rules))
    }

    /// Selects like [`Selection::select`], and those whose newest candidate is of another describer, model or prompt.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn select_again(
        &self,
        dataset: &Dataset,
        ledger: &Ledger,
        (describer, version): (&str, Option<&(String, String)>),
        rules: &Rules,
    ) -> Result<Selected, DatasetError> {
        self.select_by(dataset, &mut |record, _| {
            let state = ledger.record(record.id);
            let is_needed = || rules::needs_another_description(state, describer, version);
            match &self.only {
                Only::Pending => is_needed(),
                Only::Lint => is_needed() && has_findings(record, state, rules),
                Only::Tag(tag) => is_needed() && has_tag(record, state, tag),
                only @ (Only::Failed | Only::By(..)) => only.includes(record, state, describer, rules),
            }
        })
    }

    /// Selects the records whose caption is to be verified: the one that comes first, of every record that the output has.
    /// Those with a verdict of this model and prompt are counted, and selected if `again` is true.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn select_unverified(
        &self,
        dataset: &Dataset,
        ledger: &Ledger,
        version: Option<&(String, String)>,
        again: bool,
        rules: &Rules,
    ) -> Result<Selected, DatasetError> {
        self.select_by(dataset, &mut |record, selected| {
            let state = ledger.record(record.id);
            if !rules::is_verifiable(state) {
                return false;
            }
            let current = state.current_caption(record.id, record.caption.text());
            let Some(text) = Judged::first(state).resolve(current.as_deref(), rules) else {
                // An array, an object or a number has a reason of its own.
                selected.without_caption += u64::from(record.caption.other().is_none());
                return record.caption.other().is_some();
            };
            let is_included = match &self.only {
                Only::Pending => true,
                Only::Failed => false,
                Only::Lint => lint::needs_attention(&text, rules, &lint::Context::default()),
                Only::Tag(tag) => text::has_tag(&text, &text::tag_key(tag)),
                Only::By(origin, name) => {
                    let candidate = state.candidates.iter().rfind(|candidate| candidate.text == text);
                    candidate.is_some_and(|candidate| origin.includes(name, &candidate.provenance))
                }
            };
            let is_verified = version
                .is_some_and(|(model, prompt)| rules::is_verified(state, &text, (model.as_str(), prompt.as_str())));
            if is_included && is_verified && !again {
                selected.verified.push(record.id);
                return false;
            }
            is_included
        })
    }

    /// Selects the records that `includes` returns true for.
    fn select_by(
        &self,
        dataset: &Dataset,
        includes: &mut dyn FnMut(&Record, &mut Selected) -> bool,
    ) -> Result<Selected, DatasetError> {
        let mut selected = Selected::default();
        let mut keys = Vec::new();
        dataset.scan(&mut |entry| {
            match entry {
                Entry::Bad(_) => selected.unreadable += 1,
                Entry::Record(record) if !includes(&record, &mut selected) => {}
                Entry::Record(record) if self.waiting.contains(record.id.0) => selected.in_batch += 1,
                Entry::Record(record) if record.caption.other().is_some() => selected.other_captions += 1,
                Entry::Record(record) => {
                    let picture = dataset.picture_path(&record.file_name).ok();
                    if picture.is_some_and(|path| picture::located(&path).is_some()) {
                        selected.records.push(record.id);
                        keys.extend(self.sample.map(|sample| sample_key(sample.seed, record.id.0, &record.file_name)));
                    } else {
                        selected.without_picture += 1;
                    }
                }
            }
            let enough = self.sample.is_none() && self.number.is_some_and(|number| selected.records.len() >= number);
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(Sample { size, .. }) = self.sample {
            let found = selected.records.len() as u64;
            let items = keys.into_iter().zip(selected.records).map(|(key, record)| (key, 0, record));
            let (drawn, _) = draw(items, &[found], size as u64);
            selected.records = drawn.into_iter().map(|drawn| drawn.item).collect();
            selected.records.sort_unstable();
        }
        selected.records.truncate(self.number.unwrap_or(usize::MAX));
        Ok(selected)
    }
}

impl Only {
    fn includes(&self, record: &Record, state: &RecordState, describer: &str, rules: &Rules) -> bool {
        match self {
            Self::Pending => rules::needs_description(state, describer),
            Self::Failed => rules::needs_retry(state),
            Self::By(origin, text) => {
                rules::newest_proposal(state).is_some_and(|candidate| origin.includes(text, &candidate.provenance))
            }
            Self::Lint => rules::needs_description(state, describer) && has_findings(record, state, rules),
            Self::Tag(tag) => rules::needs_description(state, describer) && has_tag(record, state, tag),
        }
    }
}

/// Returns true if the current caption has a warning or an error.
fn has_findings(record: &Record, state: &RecordState, rules: &Rules) -> bool {
    let caption = state.current_caption(record.id, record.caption.text()).unwrap_or_default();
    lint::needs_attention(&caption, rules, &lint::Context::default())
}

/// Returns true if the current caption has a tag.
fn has_tag(record: &Record, state: &RecordState, tag: &str) -> bool {
    let caption = state.current_caption(record.id, record.caption.text()).unwrap_or_default();
    text::has_tag(&caption, &text::tag_key(tag))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::describe::StopReason;
    use crate::session::{Decision, Event};

    #[rstest]
    #[case("model:HAIKU", true)]
    #[case("model:sonnet", false)]
    #[case("prompt:short", true)]
    #[case("prompt:short·1f2e3d4c", true)]
    #[case("prompt:sho", false)]
    #[case("describer:bedrock", true)]
    #[case("describer:local", false)]
    fn records_are_selected_by_the_origin_of_their_newest_candidate(#[case] only: Only, #[case] expected: bool) {
        let generated = |model: &str, describer: &str| Event::Generated {
            record: RecordId(0),
            text: format!("By {model}."),
            provenance: Provenance {
                describer: describer.to_owned(),
                model: model.to_owned(),
                prompt: Some("short·1f2e3d4c".to_owned()),
                parameters: String::new(),
                reason: None,
                usage: None,
                stop: StopReason::EndTurn,
                at: jiff::Timestamp::UNIX_EPOCH,
            },
        };
        let mut ledger = Ledger::new();
        ledger.apply(generated("us.anthropic.claude-sonnet-4-6", "local"));
        ledger.apply(generated("us.anthropic.claude-haiku-4-5", "bedrock"));
        let includes = |ledger: &Ledger| match &only {
            Only::By(origin, text) => rules::newest_proposal(ledger.record(RecordId(0)))
                .is_some_and(|it| origin.includes(text, &it.provenance)),
            other => panic!("{other}"),
        };
        assert_eq!(includes(&ledger), expected);
        assert_eq!(only.to_string().parse(), Ok(only.clone()));
        let by = crate::session::Actor::Operator;
        ledger.apply(Event::Decided { record: RecordId(0), decision: Decision::Kept, by });
        assert!(!includes(&ledger), "a decision is never touched");
    }

    #[rstest]
    #[case("tag:long hair", &[0, 2])]
    #[case("tag:Long_Hair", &[0, 2])]
    #[case("tag:hair", &[])]
    fn records_are_selected_by_a_tag_of_their_current_caption(#[case] only: Only, #[case] expected: &[u32]) {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = ["1girl, long hair", "1girl, hat", "1girl, cap"]
            .map(|caption| format!("{{\"file_name\": \"a.png\", \"text\": \"{caption}\"}}\n"));
        std::fs::write(folder.path().join("metadata.jsonl"), lines.concat()).expect("written");
        std::fs::write(folder.path().join("a.png"), "").expect("written");
        let dataset = Dataset::open(folder.path(), &crate::dataset::OpenOptions::default()).expect("a dataset");
        let mut ledger = Ledger::new();
        ledger.perform(vec![(RecordId(2), crate::session::Change::Amended(Some("hat, long hair".to_owned())))].into());
        let selection = Selection { only: only.clone(), ..Selection::default() };
        let selected = selection.select(&dataset, &ledger, "test", &Rules::default()).expect("readable");
        assert_eq!(selected.records, expected.iter().map(|id| RecordId(*id)).collect::<Vec<_>>());
        assert_eq!(only.to_string().parse(), Ok(only));
    }

    #[test]
    fn other_kinds_are_errors() {
        for wrong in ["", "model:", "tag:", "by:x", "Pending"] {
            assert_eq!(wrong.parse::<Only>(), Err(OnlyError), "{wrong}");
        }
    }
}
