//! The questions one can ask of the model: what is in view, what is shown of a record, what can be said against it.

use super::{Mode, Model, PictureSlot, SessionStatus, Version};
use crate::dataset::{Entry, Record, RecordId};
use crate::describe::StopReason;
use crate::engine::rules;
use crate::lint::{self, Finding};
use crate::preview::{CellArea, Framing, Preview, PreviewError, Zoom};
use crate::review::query::Pattern;
use crate::review::record_view::{Content, RecordView};
use crate::session::{Candidate, Decision, EditBase, RecordState};

impl Model {
    /// Whether the cursor stands where the review goes on, on a record that can be read and decided on.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.session != SessionStatus::Opening
            && self.resume_at.is_none()
            && self.list.cursor.is_some_and(|cursor| self.entry(cursor).is_some())
    }

    /// The line of a record, where it has been read.
    #[must_use]
    pub fn entry(&self, record: RecordId) -> Option<&Entry> {
        self.lines.get(&record)
    }

    /// The record's other texts, by the names of their members.
    #[must_use]
    pub fn other_texts(&self, record: RecordId) -> &[(String, String)] {
        self.texts.get(&record).map_or(&[], Vec::as_slice)
    }

    /// The record itself, where its line has been read and can be parsed.
    #[must_use]
    pub fn line(&self, record: RecordId) -> Option<&Record> {
        match self.lines.get(&record) {
            Some(Entry::Record(line)) => Some(line),
            Some(Entry::Bad(_)) | None => None,
        }
    }

    /// What happened to a record in this session.
    #[must_use]
    pub fn state(&self, record: RecordId) -> &RecordState {
        self.ledger.record(record)
    }

    /// What is known of a record.
    #[must_use]
    pub fn record_view(&self, record: RecordId) -> RecordView<'_> {
        let content = match self.lines.get(&record) {
            Some(entry) => Content::of(entry, None),
            None if self.tabs.is_bad_line(record) => Content::Bad,
            None => Content::Unread,
        };
        let bad_picture = self.tabs.is_bad_picture(record);
        RecordView { content, state: self.state(record), bad_picture, rules: &self.settings.rules }
    }

    /// The texts to be set off wherever they are shown.
    #[must_use]
    pub fn sought(&self) -> Vec<&Pattern> {
        match (&self.search, &self.filter) {
            (Some(search), _) => search.hits.query().patterns(),
            (None, Some(filter)) => filter.hits.query().patterns(),
            (None, None) => Vec::new(),
        }
    }

    /// Whether everything that happened to a record is stored.
    #[must_use]
    pub fn is_durable(&self, record: RecordId) -> bool {
        self.state(record).touched <= self.durable
    }

    /// The dataset's caption of a record; empty where it has none.
    #[must_use]
    pub fn original(&self, record: RecordId) -> Option<&str> {
        let line = self.line(record)?;
        Some(self.state(record).original_caption(line.caption.as_deref()).unwrap_or_default())
    }

    /// The caption that would be saved now.
    #[must_use]
    pub fn current(&self, record: RecordId) -> Option<&str> {
        self.state(record).own_text().or_else(|| self.original(record))
    }

    /// The texts of a record, from the original to the newest.
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

    /// The version a record shows: the one asked for, else an unseen candidate, else what was decided.
    #[must_use]
    pub fn shown(&self, record: RecordId) -> Version {
        let chosen = self.caption.chosen.filter(|_| self.list.cursor == Some(record));
        let first = || self.pair(record).map(|[first, _]| first);
        chosen.or_else(first).unwrap_or_else(|| Version::that_matters(self.state(record)))
    }

    /// The candidate a version is.
    #[must_use]
    pub fn candidate(&self, record: RecordId, version: Version) -> Option<&Candidate> {
        match version {
            Version::Candidate(index) => self.state(record).candidates.get(index),
            Version::Original | Version::Edited => None,
        }
    }

    /// The text of a version; `None` while the line has not been read.
    #[must_use]
    pub fn text(&self, record: RecordId, version: Version) -> Option<&str> {
        match version {
            Version::Original => self.original(record),
            Version::Candidate(index) => self.state(record).candidates.get(index).map(|known| known.text.as_str()),
            Version::Edited => self.state(record).own_text(),
        }
    }

    /// What an edit that starts from a version is based on.
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

    /// The mechanical findings on a version's text.
    #[must_use]
    pub fn findings(&self, record: RecordId, version: Version) -> Vec<Finding> {
        let stop = self.stop(record, version);
        self.text(record, version).map(|text| rules::findings(text, stop, &self.settings.rules)).unwrap_or_default()
    }

    /// Whether a version's text has a finding that wants a look: as [`Self::findings`], in a part of the time.
    #[must_use]
    pub fn wants_a_look(&self, record: RecordId, version: Version) -> bool {
        let context = lint::Context { stop: self.stop(record, version), ..lint::Context::default() };
        self.text(record, version).is_some_and(|text| lint::wants_a_look(text, &self.settings.rules, &context))
    }

    /// Whether a version's text is known to lack its end.
    #[must_use]
    pub fn is_cut_off(&self, record: RecordId, version: Version) -> bool {
        let stop = self.stop(record, version);
        self.text(record, version).is_some_and(|text| lint::is_cut_off(text, &self.settings.rules, stop))
    }

    fn stop(&self, record: RecordId, version: Version) -> Option<&StopReason> {
        self.candidate(record, version).and_then(rules::stop_reason)
    }

    /// The picture under the cursor, as it is to be shown now or, until that is ready, as it was before.
    #[must_use]
    pub fn preview(&self) -> Option<Result<&Preview, &PreviewError>> {
        match &self.picture {
            PictureSlot::Ready(record, _, result) if self.list.cursor == Some(*record) => Some(result.as_ref()),
            PictureSlot::Loading(record, _, before) if self.list.cursor == Some(*record) => before.as_ref().map(Ok),
            PictureSlot::Ready(..) | PictureSlot::Loading(..) | PictureSlot::Empty => None,
        }
    }

    /// The room the picture has now.
    #[must_use]
    pub fn picture_area(&self) -> Option<CellArea> {
        match self.mode {
            Mode::Zoom(closeup) if closeup.texts => Some(self.viewport.zoom_above_texts),
            Mode::Zoom(_) => Some(self.viewport.zoom),
            _ if self.shows_sheet() => None,
            _ => self.viewport.picture,
        }
    }

    /// How closely the picture is looked at now.
    #[must_use]
    pub fn zoom(&self) -> Zoom {
        match self.mode {
            Mode::Zoom(closeup) if closeup.of == self.list.cursor => closeup.zoom,
            _ => Zoom::WHOLE,
        }
    }

    /// The picture under the cursor in the room it has, once its size is known.
    #[must_use]
    pub fn framing(&self) -> Option<Framing> {
        let info = self.preview()?.ok()?.info();
        Some(Framing::new((info.width, info.height), self.picture_area()?, self.viewport.cell))
    }

    /// How many descriptions are ready or on their way for records ahead of the operator.
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
    /// The version that matters of a record of which this is known: an unseen candidate, else what was decided.
    #[must_use]
    pub fn that_matters(state: &RecordState) -> Self {
        let newest = state.candidates.len().checked_sub(1).map(Self::Candidate);
        match &state.decision {
            _ if state.is_ready() => newest.unwrap_or(Self::Original),
            _ if state.amended.is_some() => Self::Edited,
            Decision::Accepted { candidate, .. } => {
                let place = state.candidates.iter().position(|known| known.id == *candidate);
                place.map_or(Self::Original, Self::Candidate)
            }
            Decision::Edited { .. } => Self::Edited,
            Decision::Kept => Self::Original,
            Decision::Undecided | Decision::Skipped | Decision::Excluded => newest.unwrap_or(Self::Original),
        }
    }
}
