//! The records of an export, and why an export of them ends early.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::outcome::{LeftOut, Outcome};
use super::{ExportError, Split};
use crate::atomic_file::WriteError;
use crate::console::ProgressBar;
use crate::dataset::{Amendment, Caption, Dataset, Entry, Line, LineFinding, Record, RecordId};
use crate::inputs::Inputs;
use crate::session::{DecisionKind, Ledger, RecordState};
use crate::text::is_blank;

/// The records to export.
pub(super) struct Source<'a> {
    pub(super) dataset: &'a Dataset,
    /// The dataset of the captions, if [`Self::dataset`] has a record for each image and they have several.
    pub(super) captions: Option<&'a Dataset>,
    pub(super) ledger: &'a Ledger,
    /// The folder of the images.
    pub(super) images: &'a Path,
    pub(super) only: &'a [DecisionKind],
    pub(super) split: Option<Split>,
    pub(super) inputs: &'a Inputs,
    pub(super) progress: Progress,
}

pub(super) struct Chosen<'a> {
    pub(super) line: &'a Line<'a>,
    pub(super) record: &'a Record,
    pub(super) state: &'a RecordState,
    /// The caption that replaces the original, if any.
    pub(super) own_text: Option<Cow<'a, str>>,
    /// The number of captions, each of which is a record.
    pub(super) captions: u64,
}

/// Progress of the passes over the records that write, on standard error if that is a terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(visible: bool) -> Self {
        Self(ProgressBar::new(visible))
    }

    fn begin(&self, purpose: &str, records: u32) {
        self.0.restart("{bar:24} {pos}/{len} {msg} ({eta} left)", records.into());
        self.0.set_message(purpose);
    }
}

/// A caption as it would be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CaptionValue<'a> {
    Missing,
    Text(&'a str),
    /// A structured caption: the JSON of an object.
    Object(&'a str),
    /// A list, a number or a boolean, as in the dataset.
    Json(&'a str),
}

impl<'a> CaptionValue<'a> {
    /// Returns the caption for a table of texts: JSON if it is not a string.
    pub(super) const fn cell(self) -> &'a str {
        match self {
            Self::Missing => "",
            Self::Text(text) | Self::Object(text) | Self::Json(text) => text,
        }
    }
}

impl<'a> Chosen<'a> {
    /// Returns the line as a save would write it. The line of an excluded record is unchanged.
    pub(super) fn saved_line(&self) -> Cow<'a, [u8]> {
        match self.state.amendment(self.record.id) {
            Some(Amendment::Caption(caption)) => self.line.with_caption(&caption),
            Some(Amendment::Exclude) | None => self.line.bytes().into(),
        }
    }

    pub(super) fn caption(&self) -> CaptionValue<'_> {
        let original = || self.state.original_caption(self.record.caption.text());
        self.or_json(self.own_text.as_deref().or_else(original))
    }

    /// Returns the caption for a text, or why there is none.
    pub(super) fn text(&self) -> Result<&str, LeftOut> {
        match self.caption() {
            CaptionValue::Text(text) | CaptionValue::Object(text) if !is_blank(text) => Ok(text),
            CaptionValue::Text(_) | CaptionValue::Object(_) | CaptionValue::Missing => Err(LeftOut::NoCaption),
            CaptionValue::Json(_) => Err(LeftOut::NotText),
        }
    }

    pub(super) fn original(&self) -> CaptionValue<'_> {
        self.or_json(self.state.original_caption(self.record.caption.text()))
    }

    /// Returns true if the caption in the dataset contains half of a surrogate pair, which no text can contain.
    pub(super) fn has_lone_surrogate(&self) -> bool {
        self.own_text.is_none() && self.record.findings.contains(&LineFinding::CaptionLoneSurrogate)
    }

    fn or_json<'b>(&'b self, text: Option<&'b str>) -> CaptionValue<'b> {
        let json = || self.record.caption.other().map(|other| CaptionValue::Json(&other.json));
        let is_object = matches!(self.record.caption, Caption::Object(_));
        let text = text.map(|text| if is_object { CaptionValue::Object(text) } else { CaptionValue::Text(text) });
        text.or_else(json).unwrap_or(CaptionValue::Missing)
    }
}

/// Why an iteration over the records ended early.
pub(super) enum Stopped {
    Reading(ExportError),
    Writing(WriteError),
}

impl Stopped {
    /// Converts the error. `writing` is called for a write error.
    pub(super) fn at(self, writing: impl FnOnce(WriteError) -> ExportError) -> ExportError {
        match self {
            Self::Reading(error) => error,
            Self::Writing(error) => writing(error),
        }
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Writing(error.into())
    }
}

/// Called with each record, selected or not. Returns false to stop.
type Visit<'a, E> = dyn FnMut(Result<&Chosen<'_>, &Record>) -> Result<bool, E> + 'a;

impl Source<'_> {
    /// Like [`Self::each`], and shows the progress. Leaves out the records for which `visit` returns a reason.
    pub(super) fn write_each<E: From<ExportError>>(
        &self,
        purpose: &str,
        visit: &mut dyn FnMut(&Chosen<'_>) -> Result<Option<LeftOut>, E>,
    ) -> Result<Outcome, E> {
        let mut left_out = Vec::new();
        let mut outcome = self.scan_shown(purpose, &mut |record| {
            if let Ok(chosen) = record {
                left_out.extend(visit(chosen)?.map(|reason| (reason, chosen.captions)));
            }
            Ok::<_, E>(true)
        })?;
        for (reason, captions) in left_out {
            outcome.exported -= captions;
            (0..captions).for_each(|_| outcome.leave_out(reason));
        }
        Ok(outcome)
    }

    /// Like [`Self::scan`], and shows the progress.
    pub(super) fn scan_shown<E: From<ExportError>>(
        &self,
        purpose: &str,
        visit: &mut Visit<'_, E>,
    ) -> Result<Outcome, E> {
        self.dataset.build_index(&mut |_| ControlFlow::Continue(())).map_err(ExportError::from)?;
        self.progress.begin(purpose, self.dataset.record_count());
        let outcome = self.scan(&mut |record| {
            self.progress.0.advance();
            visit(record)
        });
        self.progress.0.clear();
        outcome
    }

    /// Visits the selected records in file order. Returns the counts, with all selected records as exported.
    pub(super) fn each<E: From<ExportError>>(
        &self,
        visit: &mut dyn FnMut(&Chosen<'_>) -> Result<(), E>,
    ) -> Result<Outcome, E> {
        self.scan(&mut |record| record.map_or(Ok(()), &mut *visit).map(|()| true))
    }

    /// Visits all records in file order until `visit` returns false. Those that are not selected are the errors.
    pub(super) fn scan<E: From<ExportError>>(&self, visit: &mut Visit<'_, E>) -> Result<Outcome, E> {
        let mut outcome = Outcome::default();
        let mut result = Ok(true);
        if let Some(captions) = self.captions {
            return self.scan_images(captions, visit);
        }
        let scanned = self.dataset.scan_lines(&mut |line| {
            let entry = line.entry();
            let state = self.ledger.record(entry.id());
            outcome.read += 1;
            match (self.left_out(state.decision.kind(), entry.record()), entry.record()) {
                (None, Some(record)) => {
                    outcome.exported += 1;
                    let own_text = state.own_text(record.id);
                    result = visit(Ok(&Chosen { line, record, state, own_text, captions: 1 }));
                }
                (reason, record) => {
                    outcome.leave_out(reason.unwrap_or(LeftOut::Unreadable));
                    result = record.map_or(Ok(true), |record| visit(Err(record)));
                }
            }
            if matches!(result, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        scanned.map_err(ExportError::from)?;
        result.map(|_| outcome)
    }

    /// Visits the images in file order, each with the captions that a save would write. An image is left out if one of its
    /// captions is.
    fn scan_images<E: From<ExportError>>(&self, captions: &Dataset, visit: &mut Visit<'_, E>) -> Result<Outcome, E> {
        captions.build_index(&mut |_| ControlFlow::Continue(())).map_err(ExportError::from)?;
        let undecided = RecordState::default();
        let mut outcome = Outcome::default();
        let mut result = Ok(true);
        let mut next = 0;
        let scanned = self.dataset.scan_lines(&mut |line| {
            let records = captions.siblings(RecordId(next));
            next = records.end;
            let count = u64::from(records.end - records.start);
            let states: Vec<_> =
                records.map(|record| (RecordId(record), self.ledger.record(RecordId(record)))).collect();
            outcome.read += count;
            let entry = line.entry();
            let left_out = states.iter().find_map(|(_, state)| self.left_out(state.decision.kind(), entry.record()));
            if let (None, Some(_)) = (left_out, entry.record()) {
                outcome.exported += count;
                let amendment = |(record, state): &(RecordId, &RecordState)| match state.amendment(*record) {
                    Some(Amendment::Caption(caption)) => Some((*record, caption)),
                    Some(Amendment::Exclude) | None => None,
                };
                let bytes = captions.with_captions(line, states.iter().filter_map(amendment).collect());
                let line = line.with_bytes(&bytes);
                if let Entry::Record(record) = line.entry() {
                    let state = &undecided;
                    let chosen = Chosen { line: &line, record: &record, state, own_text: None, captions: count };
                    result = visit(Ok(&chosen));
                }
            } else {
                let reason = left_out.unwrap_or(LeftOut::Unreadable);
                (0..count).for_each(|_| outcome.leave_out(reason));
                result = entry.record().map_or(Ok(true), |record| visit(Err(record)));
            }
            if matches!(result, Ok(true)) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        scanned.map_err(ExportError::from)?;
        result.map(|_| outcome)
    }

    /// Returns why a record is not selected.
    fn left_out(&self, kind: DecisionKind, record: Option<&Record>) -> Option<LeftOut> {
        if self.only.is_empty() && kind == DecisionKind::Excluded {
            return Some(LeftOut::Excluded);
        }
        if !self.only.is_empty() && !self.only.contains(&kind) {
            return Some(LeftOut::OtherDecision);
        }
        let split = self.split?;
        record.filter(|record| !split.takes(&record.file_name)).map(|_| LeftOut::OtherSide)
    }
}

impl From<WriteError> for Stopped {
    fn from(error: WriteError) -> Self {
        Self::Writing(error)
    }
}

impl From<ExportError> for Stopped {
    fn from(error: ExportError) -> Self {
        Self::Reading(error)
    }
}
