//! A record as seen by queries, sorts and lints: its line and its state, as far as they are loaded.

use std::borrow::Cow;

use crate::dataset::{Caption, Entry, Json, Line, RecordId};
use crate::describe::{StopReason, Verdict};
use crate::engine::rules;
use crate::lint::{self, Finding, LintKind, Rules};
use crate::session::{RecordState, Seq};

use super::Version;

/// The content of a record's line.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// Not loaded.
    Unread,
    /// Not a record: the line cannot be parsed.
    Bad,
    Read {
        /// The image, as the dataset names it.
        name: &'a str,
        /// The dataset's caption.
        caption: &'a Caption,
        /// The line itself, if it is loaded.
        line: Option<&'a Line<'a>>,
    },
}

impl<'a> Content<'a> {
    #[must_use]
    pub fn of(entry: &'a Entry, line: Option<&'a Line<'a>>) -> Self {
        match entry {
            Entry::Bad(_) => Self::Bad,
            Entry::Record(record) => Self::Read { name: &record.file_name, caption: &record.caption, line },
        }
    }

    /// Returns true if the line cannot be parsed.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Bad)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    pub id: RecordId,
    pub content: Content<'a>,
    pub state: &'a RecordState,
    /// True if its image is known to be missing or broken.
    pub bad_picture: bool,
    /// True if it waits for the result of a batch job.
    pub in_batch: bool,
    pub rules: &'a Rules,
    /// In a spot check, the last event before its sample was drawn.
    pub sampled: Option<Seq>,
}

impl<'a> RecordView<'a> {
    /// Tests the file name; `None` if it is not loaded.
    pub fn name(&self, test: impl FnOnce(&str) -> bool) -> Option<bool> {
        match self.content {
            Content::Unread => None,
            Content::Bad => Some(false),
            Content::Read { name, .. } => Some(test(name)),
        }
    }

    /// Tests the current caption; `None` if it is not loaded.
    pub fn caption(&self, test: impl FnOnce(&str) -> bool) -> Option<bool> {
        match self.content {
            Content::Bad => Some(false),
            Content::Unread => self.own_text().map(|text| test(&text)),
            Content::Read { .. } => Some(test(&self.current())),
        }
    }

    fn own_text(&self) -> Option<Cow<'a, str>> {
        self.state.own_text(self.id)
    }

    /// Returns the current caption of a line that is loaded.
    fn current(&self) -> Cow<'a, str> {
        self.own_text().unwrap_or_else(|| self.original().into())
    }

    /// Returns the original caption as it is shown: one that is not a string as JSON. Empty if there is none or it is
    /// not loaded.
    #[must_use]
    pub fn original(&self) -> &'a str {
        match self.content {
            Content::Read { caption: Caption::Other(other), .. } => &other.json,
            Content::Read { caption, .. } => self.state.original_caption(caption.text()).unwrap_or_default(),
            Content::Bad | Content::Unread => "",
        }
    }

    /// Returns the caption shown in the list, with the stop reason of its description if known.
    #[must_use]
    pub fn shown(&self) -> (Cow<'a, str>, Option<&'a StopReason>) {
        match Version::default_for(self.state, || self.local_displaces()) {
            Version::Original => (self.original().into(), None),
            Version::Edited => (self.own_text().unwrap_or_default(), None),
            Version::Candidate(place) => {
                let candidate = self.state.candidates.get(place);
                candidate.map_or_else(Default::default, |candidate| {
                    (candidate.text.as_str().into(), rules::stop_reason(candidate))
                })
            }
        }
    }

    /// Returns true if a candidate of the embedded describer comes before the current caption.
    #[must_use]
    pub fn local_displaces(&self) -> bool {
        let current = match self.content {
            Content::Unread => self.own_text(),
            Content::Bad | Content::Read { caption: Caption::Other(_), .. } => None,
            Content::Read { .. } => Some(self.current()),
        };
        rules::local_displaces(self.state, current.as_deref(), self.rules)
    }

    /// Returns a field of the line. The outer `None` means that the line is not loaded.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<Option<Json<'a>>> {
        match self.content {
            Content::Bad => Some(None),
            Content::Unread | Content::Read { line: None, .. } => None,
            Content::Read { line: Some(line), .. } => Some(line.field(key)),
        }
    }

    /// Returns true if the caption that would be saved has a warning or an error. Cheaper than [`Self::findings`].
    #[must_use]
    pub fn needs_attention(&self, caption: &str) -> bool {
        self.is_string() && lint::needs_attention(caption, self.rules, &self.context(caption))
    }

    /// Returns true if the caption that would be saved has an error.
    #[must_use]
    pub fn has_error(&self, caption: &str) -> bool {
        self.is_string() && lint::has_error(caption, self.rules, &self.context(caption))
    }

    /// Returns true if the caption that would be saved has a finding, or one of a kind.
    #[must_use]
    pub fn has_finding(&self, kind: Option<LintKind>, caption: &str) -> bool {
        self.is_string() && lint::has_finding(kind, caption, self.rules, &self.context(caption))
    }

    /// Returns true unless the caption that would be saved is known not to be a string.
    #[must_use]
    pub fn is_string(&self) -> bool {
        self.state.has_own_text() || !matches!(self.content, Content::Read { caption: Caption::Other(_), .. })
    }

    /// Lints the caption that would be saved, if it is a string.
    #[must_use]
    pub fn findings(&self, caption: &str) -> Vec<Finding> {
        if !self.is_string() {
            return Vec::new();
        }
        lint::lint(caption, self.rules, &self.context(caption))
    }

    fn context(&self, caption: &str) -> lint::Context<'a> {
        let verification = rules::shown_verification(self.state, caption, self.sampled);
        lint::Context {
            stop: rules::current_stop_reason(self.state),
            verdict: verification.map(|verification| &verification.verdict),
            ..lint::Context::default()
        }
    }

    /// Returns the verdict on the caption shown in the list, else on the one that would be saved. Outer `None`: that caption
    /// is not loaded.
    #[must_use]
    pub fn verdict(&self) -> Option<Option<&'a Verdict>> {
        if self.state.verifications.is_empty() || self.content.is_bad() {
            return Some(None);
        }
        let of = |text: &str| rules::shown_verification(self.state, text, self.sampled).map(|known| &known.verdict);
        let is_unread = matches!(self.content, Content::Unread);
        match of(&self.shown().0).or_else(|| of(&self.current())) {
            None if is_unread && !self.state.has_own_text() => None,
            verdict => Some(verdict),
        }
    }
}
