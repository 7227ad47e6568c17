//! Derived state: the records in view, the caption shown, its findings.

use std::borrow::Cow;
use std::ops::Range;

use super::{Editor, Mode, Model, PictureSlot, SessionStatus, VerifierSettings, Version};
use crate::dataset::{Entry, OtherCaption, Record, RecordId};
use crate::describe::{Dollars, StopReason, Usage};
use crate::engine::{rules, structured};
use crate::lint::{self, Finding};
use crate::preview::{Framing, Preview, PreviewError, Zoom};
use crate::review::query::Pattern;
use crate::review::record_view::{Content, RecordView};
use crate::session::{Candidate, Decision, EditBase, RecordState, Seq, Verification};
use crate::text::{self, JsonObject};

impl Model {
    /// Returns true once the cursor is on the record where the last session ended, with its line loaded.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.session != SessionStatus::Opening
            && self.resume_at.is_none()
            && self.list.cursor.is_some_and(|cursor| self.entry(cursor).is_some())
    }

    /// Returns true if an editor will open when its record is loaded.
    #[must_use]
    pub const fn awaits_editor(&self) -> bool {
        self.opening.is_some()
    }

    /// Returns the line of a record if it is loaded.
    #[must_use]
    pub fn entry(&self, record: RecordId) -> Option<&Entry> {
        self.lines.get(&record)
    }

    /// Returns the record's other texts, by field.
    #[must_use]
    pub fn other_texts(&self, record: RecordId) -> &[(String, String)] {
        self.texts.get(&record).map_or(&[], Vec::as_slice)
    }

    /// Returns the record if its line is loaded and can be parsed.
    #[must_use]
    pub fn line(&self, record: RecordId) -> Option<&Record> {
        match self.lines.get(&record) {
            Some(Entry::Record(line)) => Some(line),
            Some(Entry::Bad(_)) | None => None,
        }
    }

    #[must_use]
    pub fn state(&self, record: RecordId) -> &RecordState {
        self.ledger.record(record)
    }

    #[must_use]
    pub fn record_view(&self, record: RecordId) -> RecordView<'_> {
        let content = match self.lines.get(&record) {
            Some(entry) => Content::of(entry, None),
            None if self.tabs.is_bad_line(record) => Content::Bad,
            None => Content::Unread,
        };
        let (bad_picture, in_batch) = (self.tabs.is_bad_picture(record), self.batch.is_waiting(record));
        let (state, rules, sampled) = (self.state(record), &self.settings.rules, self.sampled());
        RecordView { id: record, content, state, bad_picture, in_batch, rules, sampled }
    }

    /// Returns the patterns to highlight.
    #[must_use]
    pub fn highlighted_patterns(&self) -> Vec<&Pattern> {
        match (&self.search, &self.filter) {
            (Some(search), _) => search.hits.query().patterns(),
            (None, Some(filter)) => filter.hits.query().patterns(),
            (None, None) => Vec::new(),
        }
    }

    /// Returns true if every event of a record is on disk.
    #[must_use]
    pub fn is_durable(&self, record: RecordId) -> bool {
        self.state(record).touched <= self.durable
    }

    /// Returns the number of records with changes that are not on disk.
    #[must_use]
    pub fn unstored_records(&self) -> u64 {
        self.ledger.touched().filter(|(_, state)| state.touched > self.durable).count() as u64
    }

    /// Returns the original caption; empty if there is none, `None` if the line is not loaded.
    #[must_use]
    pub fn original(&self, record: RecordId) -> Option<&str> {
        let line = self.line(record)?;
        Some(self.state(record).original_caption(line.caption.text()).unwrap_or_default())
    }

    /// Returns the original caption of a loaded record if no text may replace it.
    #[must_use]
    pub fn other_caption(&self, record: RecordId) -> Option<&OtherCaption> {
        self.line(record)?.caption.other()
    }

    /// Returns the records with the captions of the same image, itself included; only itself if the line is not loaded.
    #[must_use]
    pub fn siblings(&self, record: RecordId) -> Range<u32> {
        let sibling = self.line(record).and_then(|line| line.sibling.as_ref());
        let (number, of) = sibling.map_or((0, 1), |sibling| (sibling.number, sibling.of));
        let first = record.0.saturating_sub(number);
        first..first.saturating_add(of)
    }

    /// Returns the caption that a save would write.
    #[must_use]
    pub fn current(&self, record: RecordId) -> Option<Cow<'_, str>> {
        self.state(record).own_text(record).or_else(|| self.original(record).map(Cow::Borrowed))
    }

    /// Returns a record's versions, from the original to the newest.
    #[must_use]
    pub fn versions(&self, record: RecordId) -> Vec<Version> {
        if let Some(pair) = self.pair(record) {
            return pair.to_vec();
        }
        let state = self.state(record);
        let edited = state.amended.is_some() || matches!(state.decision, Decision::Edited { .. });
        std::iter::once(Version::Original)
            .chain((0..state.candidates.len()).map(Version::Candidate))
            .chain(edited.then_some(Version::Edited))
            .collect()
    }

    /// Returns the version shown: the operator's choice, else a new candidate unless it is only offered beside the current
    /// caption, else the one decided on.
    #[must_use]
    pub fn shown(&self, record: RecordId) -> Version {
        let chosen = self.caption.chosen.filter(|_| self.list.cursor == Some(record));
        let first = || self.pair(record).map(|[first, _]| first);
        chosen
            .or_else(first)
            .unwrap_or_else(|| Version::default_for(self.state(record), || self.record_view(record).local_displaces()))
    }

    /// Returns the candidate of a version.
    #[must_use]
    pub fn candidate(&self, record: RecordId, version: Version) -> Option<&Candidate> {
        match version {
            Version::Candidate(index) => self.state(record).candidates.get(index),
            Version::Original | Version::Edited => None,
        }
    }

    /// Returns the caption of a version; `None` if the line is not loaded.
    #[must_use]
    pub fn text(&self, record: RecordId, version: Version) -> Option<Cow<'_, str>> {
        match version {
            Version::Original => self.original(record).map(Cow::Borrowed),
            Version::Candidate(index) => {
                self.state(record).candidates.get(index).map(|candidate| candidate.text.as_str().into())
            }
            Version::Edited => self.state(record).own_text(record),
        }
    }

    /// Returns the base of an edit that starts from a version.
    #[must_use]
    pub fn base(&self, record: RecordId, version: Version) -> EditBase {
        match version {
            Version::Original => EditBase::Original,
            Version::Edited => EditBase::Current,
            Version::Candidate(_) => self
                .candidate(record, version)
                .map_or(EditBase::Original, |candidate| EditBase::Candidate(candidate.id)),
        }
    }

    /// Returns the text that an edit started from; `None` if it is no longer known.
    #[must_use]
    pub fn base_text(&self, record: RecordId, base: EditBase) -> Option<Cow<'_, str>> {
        match base {
            EditBase::Original => self.original(record).map(Cow::Borrowed),
            EditBase::Current => self.current(record),
            EditBase::Candidate(id) => {
                let known = self.state(record).candidates.iter().find(|candidate| candidate.id == id);
                known.map(|candidate| candidate.text.as_str().into())
            }
        }
    }

    /// Returns true if accepting the edit will join its lines.
    #[must_use]
    pub fn joins_lines(&self, editor: &Editor) -> bool {
        let before = self.base_text(editor.record, editor.draft.base).unwrap_or_default();
        editor.field.is_none()
            && !self.is_structured(editor.record, &before)
            && text::joins_lines(&before, &editor.draft.text, self.settings.keep_line_breaks)
    }

    /// Returns the findings of a version.
    #[must_use]
    pub fn findings(&self, record: RecordId, version: Version) -> Vec<Finding> {
        let found =
            |text: Cow<str>| lint::lint(&text, &self.settings.rules, &self.lint_context(record, version, &text));
        self.linted(record, version).map(found).unwrap_or_default()
    }

    /// Returns the verification of a version that may be shown.
    #[must_use]
    pub fn verification(&self, record: RecordId, version: Version) -> Option<&Verification> {
        rules::shown_verification(self.state(record), &self.linted(record, version)?, self.sampled())
    }

    /// Returns the settings of the verifier if it verifies new candidates. In a spot check, it never does.
    #[must_use]
    pub fn verifies_new(&self) -> Option<&VerifierSettings> {
        self.settings.verifier.as_ref().filter(|verifier| verifier.auto && self.settings.sample.is_none())
    }

    /// Returns the expected cost of a new candidate, with its verification if new candidates are verified. `None`: free.
    #[must_use]
    pub fn price_of_candidate(&self) -> Option<Usage> {
        let verification = self.verifies_new().and_then(|verifier| verifier.price);
        match (self.settings.price, verification) {
            (Some(one), Some(other)) => {
                let mut sum = one;
                sum.tokens += other.tokens;
                sum.cost += other.cost;
                Some(sum)
            }
            (one, other) => one.or(other),
        }
    }

    /// Returns what this run has spent, and its budget, if it has one. Describer and verifier share it; each reports the
    /// amount at the time of its last request.
    #[must_use]
    pub fn budget(&self) -> Option<(Dollars, Dollars)> {
        let budget = self.describer.budget.or(self.verifier.budget)?;
        Some((self.describer.spent.max(self.verifier.spent), budget))
    }

    /// Returns the findings of the verifier about the caption shown, as a reason for regenerating it.
    #[must_use]
    pub fn verifier_reason(&self, record: RecordId) -> Option<String> {
        let verdict = &self.verification(record, self.shown(record))?.verdict;
        let quoted: Vec<String> = verdict.unsupported.iter().map(|quote| format!("“{}”", quote.text)).collect();
        let unsupported = (!quoted.is_empty()).then(|| format!("not in the image: {}", quoted.join(", ")));
        let missing = (!verdict.missing.is_empty()).then(|| format!("not mentioned: {}", verdict.missing.join(", ")));
        let found: Vec<String> = unsupported.into_iter().chain(missing).collect();
        (!found.is_empty()).then(|| text::single_line(&found.join("; ")).into_owned())
    }

    /// Returns the last event before the sample of a spot check was drawn.
    pub(in crate::review) fn sampled(&self) -> Option<Seq> {
        let sample = self.spot.as_ref().map(|sample| sample.after);
        // Until it is drawn, nothing counts as judged.
        self.settings.sample.is_some().then(|| sample.unwrap_or(Seq(u64::MAX)))
    }

    fn lint_context(&self, record: RecordId, version: Version, text: &str) -> lint::Context<'_> {
        let verification = rules::shown_verification(self.state(record), text, self.sampled());
        lint::Context {
            stop: self.stop(record, version),
            verdict: verification.map(|verification| &verification.verdict),
            ..lint::Context::default()
        }
    }

    /// Returns true if a version may become the caption of its record: a text does not replace a JSON object.
    #[must_use]
    pub fn may_be_caption(&self, record: RecordId, version: Version) -> bool {
        let original = self.line(record).map(|line| &line.caption);
        self.text(record, version).is_none_or(|text| structured::is_allowed(&text, original, &self.settings.rules))
    }

    /// Returns true if a text is edited as a JSON object: it is one, or only one may be the caption of its record.
    #[must_use]
    pub fn is_structured(&self, record: RecordId, text: &str) -> bool {
        let original = self.line(record).map(|line| &line.caption);
        structured::is_required(original, &self.settings.rules) || JsonObject::is(text)
    }

    /// Returns the text that the editor or the table of fields shows for a record: the draft, else the selected caption.
    #[must_use]
    pub fn edited_text(&self, record: RecordId) -> Cow<'_, str> {
        let draft = self.state(record).draft.as_ref().map(|draft| draft.text.as_str().into());
        draft.or_else(|| self.text(record, self.shown(record))).unwrap_or_default()
    }

    /// Returns the findings of a text that no describer is known to have written.
    #[must_use]
    pub fn findings_of_text(&self, text: &str) -> Vec<Finding> {
        rules::findings(text, None, &self.settings.rules)
    }

    /// Returns the findings of the caption that the edit results in. Their spans are those of the text typed; of a field,
    /// there are none.
    #[must_use]
    pub fn findings_of_edit(&self, editor: &Editor) -> Vec<Finding> {
        let typed = editor.draft.text.as_str();
        if let Some(field) = &editor.field {
            let Ok(whole) = field.with_text(typed) else { return Vec::new() };
            let mut findings = rules::findings(&whole, None, &self.settings.rules);
            findings.retain(|finding| finding.span.as_ref().is_none_or(|span| field.contains(&whole, span)));
            for finding in &mut findings {
                finding.span = None;
            }
            return findings;
        }
        let before = self.base_text(editor.record, editor.draft.base).unwrap_or_default();
        if self.is_structured(editor.record, &before) {
            return rules::findings(typed, None, &self.settings.rules);
        }
        let result = text::edited(&before, typed, self.settings.keep_line_breaks);
        let start = typed.find(result.as_ref());
        let mut findings = rules::findings(&result, None, &self.settings.rules);
        for finding in &mut findings {
            let span = finding.span.take().zip(start);
            finding.span = span.map(|(span, start)| span.start + start..span.end + start);
        }
        findings
    }

    /// Returns true if the caption that a save would write has a warning or an error.
    #[must_use]
    pub fn current_needs_attention(&self, record: RecordId) -> bool {
        self.current(record).is_some_and(|text| self.record_view(record).needs_attention(&text))
    }

    /// Returns true if a version has a warning or an error. Cheaper than [`Self::findings`].
    #[must_use]
    pub fn needs_attention(&self, record: RecordId, version: Version) -> bool {
        let needs_attention = |text: Cow<str>| {
            let context = self.lint_context(record, version, &text);
            lint::needs_attention(&text, &self.settings.rules, &context)
        };
        self.linted(record, version).is_some_and(needs_attention)
    }

    /// Returns true if a version is cut off.
    #[must_use]
    pub fn is_cut_off(&self, record: RecordId, version: Version) -> bool {
        let stop = self.stop(record, version);
        self.text(record, version).is_some_and(|text| lint::is_cut_off(&text, &self.settings.rules, stop))
    }

    /// Returns the text of a version, which an original that is not a string does not have.
    fn linted(&self, record: RecordId, version: Version) -> Option<Cow<'_, str>> {
        let is_text = version != Version::Original || self.other_caption(record).is_none();
        self.text(record, version).filter(|_| is_text)
    }

    fn stop(&self, record: RecordId, version: Version) -> Option<&StopReason> {
        self.candidate(record, version).and_then(rules::stop_reason)
    }

    /// Returns the preview under the cursor: as requested or, until that is ready, an earlier one.
    #[must_use]
    pub fn preview(&self) -> Option<Result<&Preview, &PreviewError>> {
        match &self.picture {
            PictureSlot::Ready(record, _, result) if self.list.cursor == Some(*record) => Some(result.as_ref()),
            PictureSlot::Loading(record, _, before) if self.list.cursor == Some(*record) => before.as_ref().map(Ok),
            PictureSlot::Ready(..) | PictureSlot::Loading(..) | PictureSlot::Empty => None,
        }
    }

    /// Returns the zoom of the image.
    #[must_use]
    pub fn zoom(&self) -> Zoom {
        match self.mode {
            Mode::Zoom(closeup) if closeup.of == self.list.cursor => closeup.zoom,
            _ => Zoom::FIT,
        }
    }

    /// Returns the visible part of the image under the cursor, once its size is known.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        let info = self.preview()?.ok()?.info();
        let picture = (info.width, info.height);
        Some(Framing::new(picture, self.picture_areas()?.of(picture), self.viewport.cell))
    }

    /// Returns the number of candidates that are ready in the direction of travel.
    #[must_use]
    pub fn ready_ahead(&self) -> usize {
        let view = self.view();
        (0..self.settings.ahead)
            .map_while(|step| {
                let position = if self.list.forward {
                    self.list.position.checked_add(step + 1)
                } else {
                    self.list.position.checked_sub(step + 1)
                };
                position.and_then(|position| view.nth(position))
            })
            .filter(|record| self.state(*record).is_ready())
            .count()
    }
}

impl Version {
    /// Returns the default version for a state: a new candidate, else the one decided on. `local_displaces` returns true if a
    /// candidate of the embedded describer comes before the current caption. It never comes before a decided one.
    #[must_use]
    pub fn default_for(state: &RecordState, local_displaces: impl FnOnce() -> bool) -> Self {
        let foremost = rules::foremost(state, || !state.decision.is_final() && local_displaces());
        let is_new = |place: usize| state.candidates[place].id.0 > state.decided_at.0;
        match &state.decision {
            _ if foremost.is_some_and(is_new) => foremost.map_or(Self::Original, Self::Candidate),
            _ if state.amended.is_some() => Self::Edited,
            Decision::Accepted { candidate, .. } => {
                let place = state.candidates.iter().position(|stored| stored.id == *candidate);
                place.map_or(Self::Original, Self::Candidate)
            }
            Decision::Edited { .. } => Self::Edited,
            Decision::Kept => Self::Original,
            Decision::Undecided | Decision::Skipped | Decision::Excluded => {
                foremost.map_or(Self::Original, Self::Candidate)
            }
        }
    }
}
