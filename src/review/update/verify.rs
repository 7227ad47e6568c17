//! Verification: the caption shown of the record under the cursor, the captions of the selected records, or each new
//! candidate. It takes the path of descriptions: a verifier, something to verify, consent to the cost, then the jobs.

use std::borrow::Cow;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::{store, subjects};
use crate::dataset::RecordId;
use crate::describe::{Cost, DescriberStatus, JobId, Outcome, PauseKind, Priority, Verdict};
use crate::engine::JobEvent;
use crate::engine::rules::{self, JobSpec, Judged};
use crate::review::model::VerifyJob;
use crate::review::selection::Selection;
use crate::review::{DescribeScope, Effect, Holds, Mode, Model, NoticeKind, Verifying};
use crate::text::counted;

/// Jobs of a run in the queue at once.
const WINDOW: usize = 160;

/// Verifies the selected captions, or the one shown of the record under the cursor.
pub(super) fn request(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(verifier) = &model.settings.verifier else {
        let reason = model.settings.no_verifier.clone();
        return model.notify(NoticeKind::Warning, reason);
    };
    let price = verifier.price;
    let Some(cursor) = model.list.cursor.filter(|_| subjects::resolve(model).is_some()) else { return };
    let scope = if model.selection.is_empty() { DescribeScope::Cursor(cursor) } else { DescribeScope::Selected };
    let count = records(model, scope).len();
    if lacks_consent(model) {
        // Jobs wait for the answer, so there may be nothing else to verify.
        model.mode = Mode::ConfirmVerifying { scope, count: count.max(1) };
        return;
    }
    if scope.is_many() && model.verifying.is_running() {
        return model.notify(NoticeKind::Warning, "captions are being verified: wait for them, or stop them with ^c");
    }
    if count == 0 {
        return refuse(model, scope);
    }
    let exceeds = |cost: Cost| scope.is_many() && cost.amount().is_none_or(|cost| cost > model.settings.confirm_above);
    if price.is_some_and(|price| !model.agreed_to_verify || exceeds(price.cost * count)) {
        model.mode = Mode::ConfirmVerifying { scope, count };
        out.push(Effect::PrepareVerifier);
    } else {
        begin(model, scope, out);
    }
}

/// Performs the request that the operator has consented to.
pub(super) fn consent(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::ConfirmVerifying { scope, .. } = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    model.agreed_to_verify = true;
    out.push(Effect::ConsentToVerify);
    if lacks_consent(model) && scope.is_many() && model.verifying.is_running() {
        return model.notify(NoticeKind::Info, "verification continues");
    }
    begin(model, scope, out);
}

/// Returns the records of a scope that can be verified now, and are not yet. Looks only at records that the session knows:
/// the verification of another one without a caption fails.
fn records(model: &Model, scope: DescribeScope) -> RoaringBitmap {
    let mut records = match scope {
        DescribeScope::Cursor(record) => {
            let text = shown_text(model, record).filter(|text| !is_verified(model, record, text));
            let text = text.filter(|_| rules::is_verifiable(model.state(record)));
            text.map(|_| record.0).into_iter().collect()
        }
        DescribeScope::Selected | DescribeScope::InView => {
            model.tabs.without_problems(model.selected()) - model.batch.verdicts()
        }
    };
    for record in model.verifying.jobs.keys() {
        records.remove(record.0);
    }
    if scope.is_many() {
        let selected = records.clone();
        for (record, state) in model.ledger.touched().filter(|(record, _)| selected.contains(record.0)) {
            let current = state.own_text(record).or_else(|| model.original(record).map(Cow::Borrowed));
            let judged = Judged::first(state);
            // Without its line, the text is found when the request is made.
            let is_known = current.is_some() || !judged.needs_current();
            let is_done = || {
                let text = judged.resolve(current.as_deref(), &model.settings.rules);
                text.is_none_or(|text| is_verified(model, record, &text))
            };
            if !rules::is_verifiable(state) || (is_known && is_done()) {
                records.remove(record.0);
            }
        }
    }
    records
}

/// Returns the caption shown. Returns `None` if there is none.
fn shown_text(model: &Model, record: RecordId) -> Option<String> {
    let is_text = model.other_caption(record).is_none();
    let text = model.text(record, model.shown(record)).filter(|_| is_text)?;
    (!crate::text::is_blank(&text)).then(|| text.into_owned())
}

/// Returns the model of the verifier and its prompt.
fn version(model: &Model) -> Option<(&str, &str)> {
    let (by, prompt) = model.settings.verifier.as_ref()?.version.as_ref()?;
    Some((by, prompt))
}

/// Returns true if the model of the verifier has judged this text with its prompt.
fn is_verified(model: &Model, record: RecordId, text: &str) -> bool {
    version(model).is_some_and(|version| rules::is_verified(model.state(record), text, version))
}

fn refuse(model: &mut Model, scope: DescribeScope) {
    let DescribeScope::Cursor(record) = scope else {
        let text = "none of the selected captions can be verified now: verified before, empty, excluded, without an image, or in progress";
        return model.notify(NoticeKind::Info, text);
    };
    let text = if model.verifying.jobs.contains_key(&record) {
        "already being verified · ^c stops it".to_owned()
    } else if !rules::is_verifiable(model.state(record)) {
        "excluded: not verified".to_owned()
    } else if shown_text(model, record).is_none() {
        "no caption to verify".to_owned()
    } else {
        let known = model.verification(record, model.shown(record));
        let found = known.map(|known| summary(&known.verdict));
        format!(
            "verified before with this model and prompt{}",
            found.map(|found| format!(": {found}")).unwrap_or_default()
        )
    };
    model.notify(NoticeKind::Info, text);
}

fn begin(model: &mut Model, scope: DescribeScope, out: &mut Vec<Effect>) {
    resume(model, out);
    match scope {
        DescribeScope::Cursor(record) if model.list.cursor == Some(record) => {
            if let Some(text) = shown_text(model, record) {
                let spec = new_job(model, record, Priority::Interactive, Judged::Text(text), false);
                out.push(Effect::Describe(vec![spec]));
            }
        }
        DescribeScope::Cursor(_) => {}
        DescribeScope::Selected | DescribeScope::InView => {
            let waiting = records(model, scope);
            model.selection = Selection::of(model.selected() - &waiting);
            let total = waiting.len();
            let jobs = std::mem::take(&mut model.verifying.jobs);
            model.verifying = Verifying { jobs, waiting, total, ..Verifying::default() };
            let words = format!("verifying {} in the background · ^c stops", counted(total, "caption", "captions"));
            model.notify_while(NoticeKind::Info, words, Holds::Verifying);
            feed(model, out);
        }
    }
}

/// Verifies a new candidate, if that is set and the operator has consented to its cost.
pub(super) fn automatically(model: &mut Model, record: RecordId, priority: Priority, out: &mut Vec<Effect>) {
    let is_on = model.verifies_new().is_some() && model.agreed_to_verify && model.verifier.paused.is_none();
    let text = model.state(record).candidates.last().map(|candidate| candidate.text.clone());
    if let Some(text) = text.filter(|text| is_on && !is_verified(model, record, text)) {
        let spec = new_job(model, record, priority, Judged::Text(text), false);
        out.push(Effect::Describe(vec![spec]));
    }
}

fn new_job(model: &mut Model, record: RecordId, priority: Priority, text: Judged, in_run: bool) -> JobSpec {
    model.next_job += 1;
    let id = JobId(model.next_job);
    let is_asked = priority == Priority::Interactive;
    let replaced = model.verifying.jobs.insert(record, VerifyJob { id, is_asked, in_run });
    // The event of the replaced job is late.
    if replaced.is_some_and(|job| job.in_run) {
        model.verifying.failed += 1;
    }
    let state = model.state(record);
    let verified = version(model).map(|version| rules::verified(state, version).collect()).unwrap_or_default();
    rules::verification_spec(id, record, priority, state, text, verified)
}

/// Keeps the queue supplied, and ends the run if nothing is left.
fn feed(model: &mut Model, out: &mut Vec<Effect>) {
    let mut specs = Vec::new();
    while model.verifying.in_queue() < WINDOW {
        let Some(id) = model.verifying.waiting.min() else { break };
        model.verifying.waiting.remove(id);
        let record = RecordId(id);
        if model.verifying.jobs.contains_key(&record) {
            model.verifying.total -= 1;
        } else {
            let text = Judged::first(model.state(record));
            specs.push(new_job(model, record, Priority::Bulk, text, true));
        }
    }
    if !specs.is_empty() {
        out.push(Effect::Describe(specs));
    }
    if model.verifying.total > 0 && !model.verifying.is_running() {
        let Verifying { total, done, found, failed, known, .. } = model.verifying;
        model.verifying.total = 0;
        let failures = if failed == 0 { String::new() } else { format!(", {failed} failed") };
        // Before the verdicts of a spot check, even their number would bias.
        let found = if model.settings.sample.is_some() { String::new() } else { format!(": {found} with findings") };
        let known = if known == 0 { String::new() } else { format!(", {known} verified before") };
        let text = format!("verified {done} of {total}{found}{known}{failures} · o v sorts them");
        out.push(Effect::Notify(text.clone()));
        model.notify(NoticeKind::Info, text);
    }
}

/// Returns true if the job is a verification that the model waits for.
pub(super) fn is_current(model: &Model, job: JobId, record: RecordId) -> bool {
    model.verifying.jobs.get(&record).is_some_and(|known| known.id == job)
}

/// Applies the end of a verification. What comes before it changes nothing.
pub(super) fn on_event(model: &mut Model, record: RecordId, event: JobEvent, at: Timestamp, out: &mut Vec<Effect>) {
    let mut is_known = false;
    let outcome = match event {
        JobEvent::Started | JobEvent::Waiting(_) | JobEvent::Delta(_) => return,
        JobEvent::Ended(outcome) => Some(outcome),
        JobEvent::AlreadyVerified => {
            is_known = true;
            None
        }
        JobEvent::Cancelled => None,
    };
    let Some(job) = model.verifying.jobs.remove(&record) else { return };
    let verdict = outcome.map(|outcome| ended(model, record, outcome, at, out));
    let is_here = model.list.cursor == Some(record);
    match &verdict {
        Some(Err(reason)) if is_here || job.is_asked => model.notify(NoticeKind::Error, reason.clone()),
        Some(Ok(verdict)) if is_here && job.is_asked => {
            let is_shown = model.verification(record, model.shown(record)).is_some();
            let (kind, text) = match verdict.has_findings() {
                _ if !is_shown => (NoticeKind::Info, "verified · the result is shown after your verdict".to_owned()),
                true => (NoticeKind::Warning, format!("{} · D drops phrases · R regenerates", summary(verdict))),
                false => (NoticeKind::Info, format!("verified: {}", summary(verdict))),
            };
            model.notify(kind, text);
        }
        _ => {}
    }
    if job.in_run {
        match verdict {
            Some(Ok(verdict)) => {
                model.verifying.done += 1;
                model.verifying.found += u64::from(verdict.has_findings());
            }
            None if is_known => model.verifying.known += 1,
            Some(Err(_)) | None => model.verifying.failed += 1,
        }
        feed(model, out);
    }
}

fn ended(
    model: &mut Model,
    record: RecordId,
    outcome: Outcome,
    at: Timestamp,
    out: &mut Vec<Effect>,
) -> Result<Verdict, String> {
    let verifier = model.settings.verifier.as_ref().map(|verifier| verifier.name.as_str()).unwrap_or_default();
    let (event, verification) = rules::conclude_verification(record, outcome, verifier, at)?;
    store(model, vec![event], out);
    Ok(verification.verdict)
}

/// Returns "2 phrases not in the image, 1 thing not mentioned".
fn summary(verdict: &Verdict) -> String {
    let (unsupported, missing) = verdict.severity();
    let parts = [(unsupported, "phrase", "phrases", "not in the image"), (missing, "thing", "things", "not mentioned")];
    let parts = parts.into_iter().filter(|(count, ..)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, one, many, what)| format!("{} {what}", counted(count as u64, one, many))).collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

pub(super) fn verifier_changed(model: &mut Model, status: DescriberStatus, out: &mut Vec<Effect>) {
    let is_new = |kind: PauseKind| model.verifier.paused.as_ref().is_none_or(|last| last.kind != kind);
    if let Some(pause) = status.paused.as_ref().filter(|pause| is_new(pause.kind)) {
        let way_out = if pause.kind == PauseKind::Consent { " · V asks for your consent" } else { "" };
        let text = format!("verifier: {}{way_out}", pause.message);
        out.push(Effect::Notify(text.clone()));
        model.notify_while(NoticeKind::Error, text, Holds::VerifierPaused);
    }
    if let (Some(verifier), Some(price)) = (&mut model.settings.verifier, status.price) {
        verifier.price = Some(price);
    }
    model.verifier = status;
}

fn lacks_consent(model: &Model) -> bool {
    model.verifier.paused.as_ref().is_some_and(|pause| pause.kind == PauseKind::Consent)
}

/// Every request resumes a paused verifier.
fn resume(model: &Model, out: &mut Vec<Effect>) {
    if model.verifier.paused.is_some() {
        out.push(Effect::ResumeDescriber);
    }
}

/// Ends the run and forgets all jobs. Returns their number.
pub(super) fn stop(model: &mut Model) -> u64 {
    let stopped = std::mem::take(&mut model.verifying);
    stopped.jobs.len() as u64 + stopped.waiting.len()
}
