//! Requests for descriptions: the record under the cursor, the selected records, or all in view that need one. Each takes
//! the same path: a describer, something to describe, consent to the cost, then the jobs.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::describe_run::{self, start};
use super::{collect, decide, reject, subjects, verify};
use crate::dataset::RecordId;
use crate::describe::{Cost, Detail, JobId, PauseKind, Priority, Reason};
use crate::engine::rules::{self, JobSpec, Wish};
use crate::engine::structured;
use crate::review::selection::Selection;
use crate::review::{Bulk, DescribeScope, Effect, Job, JobState, Mode, Model, NoticeKind, RecordAction, Version};

/// Returns the spec of a new job and makes it the record's current one.
pub(super) fn new_job(model: &mut Model, record: RecordId, priority: Priority, reason: Option<Reason>) -> JobSpec {
    model.next_job += 1;
    let id = JobId(model.next_job);
    let rejected = selected_text(model, record, reason.as_ref());
    let detail = Detail::default();
    let job = Job { id, priority, detail, state: JobState::Queued, reason, rejected, accept: false };
    let spec = spec(model, record, &job);
    model.jobs.insert(record, Job { detail: spec.detail, ..job });
    spec
}

/// Returns the spec of a job that waits in the queue, as it would be sent now.
pub(super) fn spec(model: &Model, record: RecordId, job: &Job) -> JobSpec {
    let wish = job.reason.clone().map_or(Wish::Another, |reason| Wish::Repair(reason, job.rejected.clone()));
    rules::job_spec(job.id, record, job.priority, &model.ledger, describer(model), wish)
}

/// Returns the caption that the operator judges with a reason: the selected one of the record under the cursor, if it is
/// loaded.
fn selected_text(model: &Model, record: RecordId, reason: Option<&Reason>) -> Option<String> {
    let is_judged = reason.is_some() && model.list.cursor == Some(record);
    is_judged.then(|| model.text(record, model.shown(record)).map(Cow::into_owned)).flatten()
}

/// Returns the describer's name, or nothing if there is none.
fn describer(model: &Model) -> &str {
    model.settings.describer.as_deref().unwrap_or_default()
}

/// Describes the selected records, or the one under the cursor.
pub(super) fn regenerate(model: &mut Model, reason: Option<Reason>, out: &mut Vec<Effect>) {
    let cursor = model.list.cursor.map(DescribeScope::Cursor);
    let scope = if model.selection.is_empty() { cursor } else { Some(DescribeScope::Selected) };
    let is_possible =
        subjects::resolve(model).is_some() && !(model.selection.is_empty() && decide::refused_blind(model));
    if let Some(scope) = scope.filter(|_| is_possible) {
        request(model, scope, reason, out);
    }
}

/// Describes all records in view that need it.
pub(super) fn all_in_view(model: &mut Model, out: &mut Vec<Effect>) {
    match subjects::refusal(model) {
        Some(refusal) => model.notify(NoticeKind::Warning, refusal),
        None => request(model, DescribeScope::InView, None, out),
    }
}

/// Describes the records of a scope, after consent if that costs more than a little, after confirmation if they are many
/// and may have candidates already.
fn request(model: &mut Model, scope: DescribeScope, reason: Option<Reason>, out: &mut Vec<Effect>) {
    if !has_describer(model) || refuses_reason(model, reason.as_ref()) {
        return;
    }
    if lacks_consent(model) {
        // Jobs wait for the answer, so there may be nothing else to describe.
        let count = records(model, scope).len().max(1);
        model.mode = Mode::ConfirmSpending { scope, count, reason };
        return;
    }
    if scope == DescribeScope::Selected && model.bulk.is_some() {
        model.notify(NoticeKind::Warning, "descriptions are being generated: wait for them, or stop them with ^c");
        return;
    }
    let records = records(model, scope);
    let count = records.len();
    if count == 0 {
        return refuse(model, scope, out);
    }
    // One record is covered by the first consent, whatever it costs.
    let exceeds = |cost: Cost| scope.is_many() && cost.amount().is_none_or(|cost| cost > model.settings.confirm_above);
    let is_agreed = model.agreed_to_pay && (model.verifies_new().is_none() || model.agreed_to_verify);
    match model.price_of_candidate() {
        Some(price) if !is_agreed || exceeds(price.cost * count) => {
            model.mode = Mode::ConfirmSpending { scope, count, reason };
            out.push(Effect::PrepareDescriber);
            if model.verifies_new().is_some() {
                out.push(Effect::PrepareVerifier);
            }
        }
        _ if scope == DescribeScope::Selected && count > decide::UNCONFIRMED => {
            decide::confirm(model, RecordAction::Describe(reason), &records);
        }
        _ => begin(model, scope, reason, out),
    }
}

/// Returns the records of a scope that can be described now.
fn records(model: &Model, scope: DescribeScope) -> RoaringBitmap {
    match scope {
        DescribeScope::Cursor(record) if model.tabs.is_other_caption(record) => RoaringBitmap::new(),
        // A job that still waits in the queue moves to its front.
        DescribeScope::Cursor(record) => match model.jobs.get(&record) {
            Some(job) if job.state != JobState::Queued || job.priority == Priority::Interactive => RoaringBitmap::new(),
            _ => RoaringBitmap::from_iter([record.0]),
        },
        DescribeScope::InView => needing_description(model),
        DescribeScope::Selected => {
            let mut records = model.tabs.without_problems(model.selected()) - model.batch.candidates();
            for record in model.jobs.keys() {
                records.remove(record.0);
            }
            records
        }
    }
}

fn refuse(model: &mut Model, scope: DescribeScope, out: &mut Vec<Effect>) {
    let text = match scope {
        DescribeScope::Cursor(record) if model.tabs.is_other_caption(record) => decide::OTHER_CAPTION,
        DescribeScope::Cursor(_) => "already being described · ^c stops it",
        DescribeScope::InView => {
            resume(model, out);
            "nothing left to describe in this view · r regenerates one record"
        }
        DescribeScope::Selected => {
            "none of the selected records can be described now: no image, a caption that is not a string, or already in progress"
        }
    };
    model.notify(NoticeKind::Info, text);
}

/// Performs the request that the operator has consented to.
pub(super) fn consent(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::ConfirmSpending { scope, reason, .. } = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    model.agreed_to_pay = true;
    out.push(Effect::ConsentToPrice);
    if model.verifies_new().is_some() {
        model.agreed_to_verify = true;
        out.push(Effect::ConsentToVerify);
    }
    if lacks_consent(model) && scope.is_many() && model.bulk.is_some() {
        return model.notify(NoticeKind::Info, "descriptions continue");
    }
    begin(model, scope, reason, out);
}

fn begin(model: &mut Model, scope: DescribeScope, reason: Option<Reason>, out: &mut Vec<Effect>) {
    match scope {
        DescribeScope::Cursor(record) if model.list.cursor == Some(record) => one(model, record, reason, out),
        DescribeScope::Cursor(_) => {}
        DescribeScope::InView => start(model, Bulk { waiting: needing_description(model), ..Bulk::default() }, out),
        DescribeScope::Selected => start_selected(model, reason, out),
    }
}

/// Describes the record under the cursor, ahead of everything else in the queue.
fn one(model: &mut Model, record: RecordId, reason: Option<Reason>, out: &mut Vec<Effect>) {
    model.ahead_stopped = false;
    resume(model, out);
    let again = !model.state(record).candidates.is_empty();
    let rejected = selected_text(model, record, reason.as_ref());
    let spec = match model.jobs.get_mut(&record) {
        None => new_job(model, record, Priority::Interactive, reason),
        Some(job) => {
            job.priority = Priority::Interactive;
            (job.reason, job.rejected) = (reason, rejected);
            let job = job.clone();
            spec(model, record, &job)
        }
    };
    match spec.reason() {
        Some(reason) => model.notify(NoticeKind::Info, format!("asked for a new caption · {}", reason.as_str())),
        None if again && model.settings.levels_of_detail => {
            model.notify(NoticeKind::Info, format!("asked for a new caption · detail: {}", spec.detail.name()));
        }
        None if again => model.notify(NoticeKind::Info, "asked for a new caption · R adds a reason"),
        None => {}
    }
    // A new candidate that does not come first is shown beside the current caption only to those who look at candidates.
    let is_first = rules::displaces(describer(model), model.current(record).as_deref(), &model.settings.rules);
    if is_first || !matches!(model.caption.chosen, Some(Version::Candidate(_))) {
        model.caption.chosen = None;
    }
    out.push(Effect::Describe(vec![spec]));
}

/// Describes the selected records. Those that cannot be described stay selected.
pub(super) fn start_selected(model: &mut Model, reason: Option<Reason>, out: &mut Vec<Effect>) {
    let waiting = records(model, DescribeScope::Selected);
    model.selection = Selection::of(model.selected() - &waiting);
    start(model, Bulk { chosen: true, reason, waiting, ..Bulk::default() }, out);
}

/// Opens the dialog with the reasons for regenerating.
pub(super) fn choose_reason(model: &mut Model) {
    if let Some(record) = subjects::cursor(model).filter(|_| has_describer(model)) {
        model.mode = Mode::ChooseReason(record);
    }
}

/// Regenerates, or rejects, for a reason chosen in the dialog.
pub(super) fn regenerate_for(model: &mut Model, reason: Reason, out: &mut Vec<Effect>) {
    if let Mode::Reject(record) = model.mode {
        return reject::reject(model, record, reason.as_str(), out);
    }
    if matches!(model.mode, Mode::ChooseReason(record) if model.list.cursor == Some(record)) {
        model.mode = Mode::Browse;
        regenerate(model, Some(reason), out);
    }
}

/// Regenerates because of the findings of the verifier.
pub(super) fn regenerate_for_findings(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::ChooseReason(record) = model.mode else { return };
    match model.verifier_reason(record) {
        Some(found) => regenerate_for(model, Reason::Custom(found), out),
        None => model.notify(NoticeKind::Info, "no findings of the verifier · V verifies"),
    }
}

/// Opens the entry for a reason in the operator's own words.
pub(super) fn own_reason(model: &mut Model) {
    if let Mode::Reject(record) = model.mode {
        model.mode = Mode::RejectReason(record, String::new());
    }
    if let Mode::ChooseReason(record) = model.mode {
        model.mode = Mode::CustomReason(record, String::new());
    }
}

pub(super) fn take_own_reason(model: &mut Model, record: RecordId, words: &str, out: &mut Vec<Effect>) {
    let words = crate::text::single_line(words).into_owned();
    if model.list.cursor == Some(record) && !words.is_empty() {
        regenerate(model, Some(Reason::Custom(words)), out);
    }
}

/// Returns true if the describer waits for consent to a higher price.
fn lacks_consent(model: &Model) -> bool {
    model.describer.paused.as_ref().is_some_and(|pause| pause.kind == PauseKind::Consent)
}

/// Returns true if there is a describer, and warns if not.
pub(super) fn has_describer(model: &mut Model) -> bool {
    let settings = &model.settings;
    let check = |name: &String| structured::check_describer(name, settings.writes_objects, &settings.rules);
    let text = match settings.describer.as_ref().map(check) {
        None => "no describer: choose one with :describer local, openai or bedrock".to_owned(),
        Some(Err(refusal)) => refusal.to_string(),
        Some(Ok(())) => return true,
    };
    model.notify(NoticeKind::Warning, text);
    false
}

/// Warns and returns true if the describer cannot act on a reason.
fn refuses_reason(model: &mut Model, reason: Option<&Reason>) -> bool {
    let describer = model.settings.describer.as_deref().unwrap_or_default();
    let is_refused = reason.is_some_and(|reason| !rules::can_use(describer, reason));
    if is_refused {
        let text = format!(
            "the {describer} describer can only use the reasons \"{}\" and \"{}\" · e edits the caption",
            Reason::TooLong.as_str(),
            Reason::MissedItem.as_str()
        );
        model.notify(NoticeKind::Warning, text);
    }
    is_refused
}

/// Every request resumes a paused describer.
pub(super) fn resume(model: &Model, out: &mut Vec<Effect>) {
    if model.describer.paused.is_some() {
        out.push(Effect::ResumeDescriber);
    }
}

/// Returns true if a record needs a description, has no job here or in a batch, and is not known to have a problem that a description cannot solve.
pub(super) fn needs_description(model: &Model, record: RecordId) -> bool {
    rules::needs_description(model.state(record), describer(model))
        && !model.jobs.contains_key(&record)
        && !model.batch.candidates().contains(record.0)
        && !model.tabs.is_bad_picture(record)
        && !model.tabs.is_bad_line(record)
        && !model.tabs.is_other_caption(record)
}

/// Returns the records in view that need a description. The session's rule is only evaluated for the records it has
/// state about, so that the cost does not grow with the dataset.
fn needing_description(model: &Model) -> RoaringBitmap {
    let mut waiting = model.tabs.describable(model.list.tab);
    if let Some(filter) = &model.filter {
        waiting &= filter.hits.found();
    }
    waiting -= model.batch.candidates();
    let with_state = model.ledger.touched().map(|(record, _)| record).chain(model.jobs.keys().copied());
    for record in with_state.filter(|record| !needs_description(model, *record)) {
        waiting.remove(record.0);
    }
    waiting
}

/// Cancels the pending accept of the record under the cursor. Returns true if there was one.
pub(super) fn cancel_pending_accept(model: &mut Model) -> bool {
    let waiting = model.list.cursor.and_then(|cursor| model.jobs.get_mut(&cursor)).filter(|job| job.accept);
    if let Some(job) = waiting {
        job.accept = false;
        model.notify(NoticeKind::Info, "pending accept cancelled");
        return true;
    }
    false
}

/// Stops all jobs; pressed twice, quits.
pub(super) fn stop(model: &mut Model, pressed_before: bool, out: &mut Vec<Effect>) {
    if pressed_before {
        super::file::quit(model, out);
        return;
    }
    model.stop_pressed = true;
    let is_collecting = collect::stop(model, out);
    if is_collecting {
        model.notify(
            NoticeKind::Info,
            "stopped collecting; what was collected is stored · g c continues · ^c again quits",
        );
    }
    if model.jobs.is_empty() && model.bulk.is_none() && model.verifying.is_idle() {
        if is_collecting {
            return;
        }
        model.notify(NoticeKind::Info, "nothing is running · ^c again quits");
        return;
    }
    let verifications = verify::stop(model);
    let stopped = model.jobs.len() as u64 + describe_run::stop(model);
    model.jobs.clear();
    model.ahead_stopped = true;
    out.push(Effect::StopDescriptions);
    let text = match (stopped, verifications) {
        (0, 1..) => format!("stopped {verifications} verifications · V restarts · ^c again quits"),
        (_, 0) => format!("stopped {stopped} descriptions · r or g a restarts · ^c again quits"),
        _ => format!("stopped {stopped} descriptions and {verifications} verifications · ^c again quits"),
    };
    model.notify(NoticeKind::Info, text);
}
