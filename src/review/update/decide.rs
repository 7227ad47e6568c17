//! Decisions: accept, keep, skip, exclude and flag, for the record under the cursor or for all selected ones.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::subjects::{self, Subjects};
use super::{describe, navigate, store};
use crate::dataset::RecordId;
use crate::engine::rules;
use crate::review::selection::Selection;
use crate::review::{Effect, Mode, Model, NoticeKind, RecordAction, Version};
use crate::session::{Actor, Decision, DecisionKind, EditBase, Event};

/// The largest number of records decided on without confirmation.
pub(super) const UNCONFIRMED: u64 = 20;

/// Why no text becomes the caption of a record.
pub(super) const OTHER_CAPTION: &str =
    "a caption that is not a string cannot be replaced: x keeps it, or restart with --caption-field";

/// Why a record keeps its decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    BeingDescribed,
    BlindPair,
    CutOff,
    Draft,
    Failed,
    NoCaption,
    NotJson,
    NotRead,
    OtherCaption,
    Unreadable,
}

impl Refusal {
    /// The words after a number of records.
    const fn summary(self) -> &'static str {
        match self {
            Self::BeingDescribed => "being described",
            Self::BlindPair => "in a blind comparison",
            Self::CutOff => "cut off",
            Self::Draft => "with an unfinished edit",
            Self::Failed => "failed",
            Self::NoCaption => "without a caption",
            Self::NotJson => "not a JSON object",
            Self::NotRead => "not read yet",
            Self::OtherCaption => "with a caption that is not a string",
            Self::Unreadable => "invalid lines",
        }
    }

    /// The notice if the operator is looking at the record.
    const fn notice(self) -> &'static str {
        match self {
            Self::Draft => "unfinished edit: e resumes it, then ^g discards it",
            Self::BlindPair => "blind comparison: a accepts the caption shown, [ and ] show the other one",
            Self::BeingDescribed => "this record is being described",
            Self::CutOff => "this candidate is cut off",
            Self::Failed => "this record's description failed",
            Self::NoCaption => "this record has no caption",
            Self::NotJson => "this caption is not a JSON object, as the captions of this dataset are: e edits it",
            Self::NotRead => "this record is still loading",
            Self::OtherCaption => OTHER_CAPTION,
            Self::Unreadable => "this line cannot be parsed; it is saved unchanged",
        }
    }
}

/// Decides about the subjects, after confirmation if there are many.
pub(super) fn request(model: &mut Model, action: RecordAction, out: &mut Vec<Effect>) {
    let Some(subjects) = subjects::resolve(model) else { return };
    if let (Subjects::Cursor(record), RecordAction::Exclude) = (&subjects, &action)
        && model.siblings(*record).len() > 1
    {
        return exclude_image(model, *record, out);
    }
    match &subjects {
        Subjects::Selected(records) if records.len() > UNCONFIRMED => confirm(model, action, records),
        _ => perform(model, &action, &subjects, out),
    }
}

/// Excludes an image with all of its captions, as one step: a line is left out as a whole.
fn exclude_image(model: &mut Model, record: RecordId, out: &mut Vec<Effect>) {
    let siblings = model.siblings(record);
    let subjects = Subjects::Selected(siblings.clone().collect());
    let event = |record| outcome(model, &RecordAction::Exclude, record, false, &subjects).transpose();
    let events: Result<Vec<Event>, Refusal> = siblings.clone().map(RecordId).filter_map(event).collect();
    match events {
        Ok(events) => store(model, events, out),
        Err(refusal) => return model.notify(NoticeKind::Warning, refusal.notice()),
    }
    // Past the last of them.
    navigate::go_to(model, RecordId(siblings.end.saturating_sub(1)));
    model.notice = None;
    navigate::advance(model);
    let mut text = format!("excluded the image with its {} captions", siblings.len());
    if let Some(notice) = &model.notice {
        text = format!("{text} · {}", notice.text);
    }
    model.notify(NoticeKind::Info, text);
}

/// Opens the dialog that confirms a command on many records.
pub(super) fn confirm(model: &mut Model, action: RecordAction, records: &RoaringBitmap) {
    let (count, elsewhere) = (records.len(), records.difference_len(&model.in_view()));
    model.mode = Mode::ConfirmMany { action, count, elsewhere };
}

/// Performs the confirmed command.
pub(super) fn confirmed(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::ConfirmMany { action, .. } = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    match (action, subjects::resolve(model)) {
        (RecordAction::Describe(reason), Some(_)) => describe::start_selected(model, reason, out),
        (action, Some(subjects)) => perform(model, &action, &subjects, out),
        (_, None) => {}
    }
}

/// Decides about every subject, as one step.
fn perform(model: &mut Model, action: &RecordAction, subjects: &Subjects, out: &mut Vec<Effect>) {
    if let Subjects::Cursor(record) = subjects
        && concerns_job(model, action, *record)
    {
        return;
    }
    let flag = subjects.iter().any(|record| !model.state(record).flagged);
    let pair = model.list.cursor.and_then(|cursor| Some((model.pair(cursor)?, model.shown(cursor))));
    let mut report = Report::default();
    let mut events = Vec::new();
    for record in subjects.iter() {
        match outcome(model, action, record, flag, subjects) {
            Ok(Some(event)) => {
                *report.done.entry(summary(&event)).or_default() += 1;
                events.push(event);
            }
            Ok(None) => {}
            Err(refusal) => report.refuse(record, refusal),
        }
    }
    store(model, events, out);
    match (subjects, report.refused.keys().next()) {
        (Subjects::Selected(_), _) => {
            model.selection = Selection::of(std::mem::take(&mut report.left));
            model.caption.chosen = None;
            report.notify(model);
        }
        (Subjects::Cursor(_), Some(refusal)) => model.notify(NoticeKind::Warning, refusal.notice()),
        (Subjects::Cursor(_), None) if *action == RecordAction::Flag => {}
        (Subjects::Cursor(record), None) => {
            navigate::advance(model);
            if let Some((pair, accepted)) = pair.filter(|_| *action == RecordAction::Accept) {
                reveal(model, *record, pair, accepted);
            }
        }
    }
}

/// Applies a command to the job of the record under the cursor: accepting waits for its candidate, keeping cancels that.
/// Returns true if the command ends there.
fn concerns_job(model: &mut Model, action: &RecordAction, record: RecordId) -> bool {
    match action {
        RecordAction::Accept if model.state(record).draft.is_none() && awaits_candidate(model, record) => {
            model.jobs.get_mut(&record).map(|job| job.accept = true).is_some()
        }
        RecordAction::Keep => describe::cancel_pending_accept(model),
        _ => false,
    }
}

/// Returns true if accepting waits for the candidate of a job, because that will come first or the operator has chosen a
/// candidate. Beside a good caption, accepting means that caption.
fn awaits_candidate(model: &Model, record: RecordId) -> bool {
    let describer = model.settings.describer.as_deref().unwrap_or_default();
    matches!(model.caption.chosen, Some(Version::Candidate(_)))
        || rules::displaces(describer, model.current(record).as_deref(), &model.settings.rules)
}

/// Returns the event that a command stores for a record, or `None` if nothing changes.
fn outcome(
    model: &Model,
    action: &RecordAction,
    record: RecordId,
    flag: bool,
    subjects: &Subjects,
) -> Result<Option<Event>, Refusal> {
    check_readable(model, record)?;
    let decision = match action {
        RecordAction::Flag => {
            return Ok((model.state(record).flagged != flag).then_some(Event::Flagged { record, on: flag }));
        }
        RecordAction::Keep if model.pair(record).is_some() => return Err(Refusal::BlindPair),
        RecordAction::Keep => Decision::Kept,
        RecordAction::Skip => Decision::Skipped,
        RecordAction::Exclude => Decision::Excluded,
        RecordAction::Accept | RecordAction::Describe(_) => {
            check_acceptable(model, record, subjects)?;
            accepted(model, record, model.shown(record)).ok_or(Refusal::NoCaption)?
        }
    };
    Ok(is_change(model, record, &decision).then_some(Event::Decided { record, decision, by: Actor::Operator }))
}

/// Nothing is decided about a line that was never parsed.
fn check_readable(model: &Model, record: RecordId) -> Result<(), Refusal> {
    if model.tabs.is_bad_line(record) {
        Err(Refusal::Unreadable)
    } else if model.line(record).is_some() || record.0 < model.checked {
        Ok(())
    } else {
        Err(Refusal::NotRead)
    }
}

/// The operator sees the caption under the cursor and may accept it whatever its faults. Of the selected ones, those that
/// need a look are left.
fn check_acceptable(model: &Model, record: RecordId, subjects: &Subjects) -> Result<(), Refusal> {
    let state = model.state(record);
    let shown = model.shown(record);
    let is_seen = matches!(subjects, Subjects::Cursor(_));
    match () {
        () if shown != Version::Original && model.tabs.is_other_caption(record) => Err(Refusal::OtherCaption),
        () if state.draft.is_some() => Err(Refusal::Draft),
        () if shown != Version::Original && !model.may_be_caption(record, shown) => Err(Refusal::NotJson),
        () if is_seen => Ok(()),
        () if model.pair(record).is_some() => Err(Refusal::BlindPair),
        () if model.jobs.contains_key(&record) => Err(Refusal::BeingDescribed),
        () if state.failure.is_some() => Err(Refusal::Failed),
        () if matches!(shown, Version::Candidate(_)) && model.is_cut_off(record, shown) => Err(Refusal::CutOff),
        // Whether such a candidate comes before the original depends on the original.
        () if model.line(record).is_none() && state.candidates.last().is_some_and(rules::is_local) => {
            Err(Refusal::NotRead)
        }
        () => Ok(()),
    }
}

/// Returns the decision that accepts a version: the original is kept, an edit stands.
fn accepted(model: &Model, record: RecordId, version: Version) -> Option<Decision> {
    match version {
        Version::Original => Some(Decision::Kept),
        Version::Edited => Some(match &model.state(record).amended {
            Some(text) => Decision::Edited { text: text.text(record).into_owned(), base: EditBase::Current },
            None => model.state(record).decision.clone(),
        }),
        Version::Candidate(_) => model
            .candidate(record, version)
            .map(|candidate| Decision::Accepted { candidate: candidate.id, text: candidate.text.clone() }),
    }
}

/// Returns true if a decision differs from the one that stands. The decision of a run, or one made before the spot check
/// began, does not stand: the operator's own replaces it even if it is the same.
pub(super) fn is_change(model: &Model, record: RecordId, decision: &Decision) -> bool {
    let state = model.state(record);
    let is_own = state.by == Actor::Operator && model.counts(state) && !model.is_rejected(record);
    let stands = state.decision == *decision && is_own;
    !stands || state.is_ready() || state.amended.is_some() || state.original_changed
}

/// Warns and returns true if the record under the cursor is a blind pair, for commands that would reveal which is which.
pub(super) fn refused_blind(model: &mut Model) -> bool {
    let is_blind = model.list.cursor.is_some_and(|cursor| model.pair(cursor).is_some());
    if is_blind {
        model.notify(NoticeKind::Warning, Refusal::BlindPair.notice());
    }
    is_blind
}

/// Names the version that was accepted in a blind comparison.
fn reveal(model: &mut Model, record: RecordId, pair: [Version; 2], accepted: Version) {
    let name = |version| model.candidate(record, version).map(|candidate| candidate.provenance.model.as_str());
    let name = pair.into_iter().find_map(name).unwrap_or_default();
    let letter = if accepted == pair[0] { 'A' } else { 'B' };
    let mut text = match accepted {
        Version::Original => format!("accepted {letter}: the original, not the candidate from {name}"),
        _ => format!("accepted {letter}: the candidate from {name}"),
    };
    if let Some(notice) = &model.notice {
        text = format!("{text} · {}", notice.text);
    }
    model.notify(NoticeKind::Info, text);
}

/// The result of a command on the selected records.
#[derive(Default)]
struct Report {
    done: BTreeMap<&'static str, u64>,
    refused: BTreeMap<Refusal, u64>,
    /// The refused records, which stay selected.
    left: RoaringBitmap,
}

impl Report {
    fn refuse(&mut self, record: RecordId, refusal: Refusal) {
        *self.refused.entry(refusal).or_default() += 1;
        self.left.insert(record.0);
    }

    fn notify(&self, model: &mut Model) {
        let join = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
            counts.map(|(words, count)| format!("{count} {words}")).collect::<Vec<_>>().join(", ")
        };
        let mut text = match self.done.len() {
            0 => "no change".to_owned(),
            _ => join(&mut self.done.iter().map(|(words, count)| (*words, *count))),
        };
        if !self.refused.is_empty() {
            let refused = join(&mut self.refused.iter().map(|(refusal, count)| (refusal.summary(), *count)));
            text = format!("{text}; still selected: {refused}");
        }
        if !self.done.is_empty() {
            text.push_str(" · u undoes");
        }
        let kind = if self.refused.is_empty() { NoticeKind::Info } else { NoticeKind::Warning };
        model.notify(kind, text);
    }
}

/// Returns the words for an event after a number of records.
const fn summary(event: &Event) -> &'static str {
    match event {
        Event::Flagged { on: true, .. } => "flagged",
        Event::Flagged { .. } => "no longer flagged",
        Event::Decided { decision, .. } => match decision.kind() {
            DecisionKind::Edited => "accepted as changed by :s",
            kind => kind.name(),
        },
        _ => "changed",
    }
}
