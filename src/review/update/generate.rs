//! Having texts written: asking, following the work, and what its end means.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{decide, navigate, record};
use crate::dataset::RecordId;
use crate::describe::{Description, Detail, JobEvent, JobId, Priority, Reason, Status, StopReason};
use crate::review::{Ask, Bulk, Effect, FILE, Job, JobState, Model, NoticeKind, SessionStatus, Version};
use crate::session::{Decision, Event, Provenance};

/// How many jobs of a bulk run are handed to the queue at once: enough to keep it busy, few enough to stop at once.
const BULK_WINDOW: usize = 16;

/// How much the next description of a record should tell: a caption's worth first, then more, then less.
fn detail(model: &Model, about: RecordId) -> Detail {
    let tries = model.state(about).candidates.iter().filter(|candidate| candidate.provenance.describer != FILE);
    tries.fold(Detail::default(), |detail, _| detail.next())
}

fn new_job(model: &mut Model, about: RecordId, priority: Priority, reason: Option<Reason>) -> Ask {
    model.next_job += 1;
    let id = JobId(model.next_job);
    let detail = detail(model, about);
    let job = Job { id, priority, detail, state: JobState::Queued, reason, accept: false };
    let ask = ask(model, about, &job);
    model.jobs.insert(about, job);
    ask
}

/// What the describer is to be asked for a job.
fn ask(model: &Model, about: RecordId, job: &Job) -> Ask {
    let state = model.state(about);
    let tried = state.candidates.iter().filter(|candidate| candidate.provenance.describer != FILE);
    Ask {
        job: job.id,
        record: about,
        detail: job.detail,
        priority: job.priority,
        current: state.decision.text().map(str::to_owned),
        tried: tried.map(|candidate| candidate.text.clone()).collect(),
        reason: job.reason.clone(),
    }
}

/// Describes the record under the cursor, at once. One that is waiting its turn goes first now.
pub(super) fn regenerate(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = decide::subject(model) else { return };
    if model.settings.describer.is_none() {
        model.say(NoticeKind::Warning, "there is no describer here: start with --describer local");
        return;
    }
    model.ahead_stopped = false;
    let again = !model.state(about).candidates.is_empty();
    let ask = match model.jobs.get_mut(&about) {
        None => new_job(model, about, Priority::Asked, None),
        Some(job) if job.state == JobState::Queued && job.priority != Priority::Asked => {
            job.priority = Priority::Asked;
            let job = job.clone();
            ask(model, about, &job)
        }
        Some(_) => {
            model.say(NoticeKind::Info, "it is being described already · ^c stops it");
            return;
        }
    };
    if again {
        model.say(NoticeKind::Info, format!("asked for another text · detail: {}", ask.detail.name()));
    }
    model.caption.chosen = None;
    out.push(Effect::Describe(vec![ask]));
}

/// Whether a record could do with a description: undecided, no unseen candidate, none on its way, its picture there.
fn needs_description(model: &Model, about: RecordId) -> bool {
    let state = model.state(about);
    state.decision == Decision::Undecided
        && state.candidates.is_empty()
        && state.draft.is_none()
        && !model.jobs.contains_key(&about)
        && !model.tabs.is_bad_picture(about)
        && !model.tabs.is_bad_line(about)
}

/// Describes every record in view that needs it, in the background.
pub(super) fn all_in_view(model: &mut Model, out: &mut Vec<Effect>) {
    if model.session != SessionStatus::Open {
        // Says why.
        decide::subject(model);
        return;
    }
    if model.settings.describer.is_none() {
        model.say(NoticeKind::Warning, "there is no describer here: start with --describer local");
        return;
    }
    let mut waiting = model.tabs.describable(model.list.tab);
    let spared = model.ledger.touched().map(|(id, _)| id).chain(model.jobs.keys().copied());
    for id in spared.filter(|id| !needs_description(model, *id)) {
        waiting.remove(id.0);
    }
    if waiting.is_empty() {
        model.say(NoticeKind::Info, "every record in view has a text to look at · r describes one again");
        return;
    }
    model.ahead_stopped = false;
    model.say(NoticeKind::Info, format!("describing {} records in the background · ^c stops", waiting.len()));
    let total = waiting.len();
    model.bulk = Some(Bulk { waiting, running: HashSet::new(), total, done: 0, failed: 0 });
    feed_bulk(model, out);
}

/// Hands the queue as much of a bulk run as it should hold.
fn feed_bulk(model: &mut Model, out: &mut Vec<Effect>) {
    let mut asks = Vec::new();
    while let Some(bulk) = model.bulk.as_mut().filter(|bulk| bulk.running.len() < BULK_WINDOW) {
        let Some(id) = bulk.waiting.min() else { break };
        bulk.waiting.remove(id);
        let about = RecordId(id);
        if needs_description(model, about) {
            if let Some(bulk) = &mut model.bulk {
                bulk.running.insert(about);
            }
            asks.push(new_job(model, about, Priority::Bulk, None));
        } else if let Some(bulk) = &mut model.bulk {
            bulk.total -= 1;
        }
    }
    if !asks.is_empty() {
        out.push(Effect::Describe(asks));
    }
    if let Some(bulk) = model.bulk.take_if(|bulk| bulk.waiting.is_empty() && bulk.running.is_empty()) {
        let failures = if bulk.failed == 0 { String::new() } else { format!(", {} failed (tab 6)", bulk.failed) };
        model.say(NoticeKind::Info, format!("described {} of {}{failures}", bulk.done, bulk.total));
    }
}

fn end_in_bulk(model: &mut Model, about: RecordId, described: bool, out: &mut Vec<Effect>) {
    let Some(bulk) = &mut model.bulk else { return };
    if bulk.running.remove(&about) {
        bulk.done += u64::from(described);
        bulk.failed += u64::from(!described);
        feed_bulk(model, out);
    }
}

/// Whether a record should be described ahead, or is waiting to be.
pub(in crate::review) fn is_wanted_ahead(model: &Model, about: RecordId) -> bool {
    match model.jobs.get(&about) {
        Some(job) => job.priority == Priority::Ahead && job.state == JobState::Queued,
        None => needs_description(model, about) && model.state(about).failure.is_none(),
    }
}

/// Lets these be the records described ahead of the operator, in order of need.
pub(in crate::review) fn set_ahead(model: &mut Model, wanted: &[RecordId], out: &mut Vec<Effect>) {
    let waiting = |job: &Job| job.priority == Priority::Ahead && job.state == JobState::Queued;
    let before: HashSet<RecordId> =
        model.jobs.iter().filter(|(_, job)| waiting(job)).map(|(record, _)| *record).collect();
    if before.len() == wanted.len() && wanted.iter().all(|record| before.contains(record)) {
        return;
    }
    for record in &before {
        // What the operator has accepted in advance stays asked for, wherever the cursor goes.
        match model.jobs.get_mut(record) {
            Some(job) if job.accept => {
                job.priority = Priority::Asked;
                let job = job.clone();
                out.push(Effect::Describe(vec![ask(model, *record, &job)]));
            }
            Some(_) if !wanted.contains(record) => {
                model.jobs.remove(record);
            }
            Some(_) | None => {}
        }
    }
    let asks = wanted
        .iter()
        .filter_map(|record| match model.jobs.get(record) {
            None => Some(new_job(model, *record, Priority::Ahead, None)),
            Some(job) if waiting(job) => Some(ask(model, *record, job)),
            Some(_) => None,
        })
        .collect();
    out.push(Effect::DescribeAhead(asks));
}

/// News of a job. What is not the record's current job is late, and dropped.
pub(super) fn on_event(
    model: &mut Model,
    (id, about): (JobId, RecordId),
    event: JobEvent,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    let Some(job) = model.jobs.get_mut(&about).filter(|job| job.id == id) else { return };
    match event {
        JobEvent::Started => job.state = JobState::Streaming(String::new()),
        JobEvent::Waiting(why) => job.state = JobState::Waiting(why),
        JobEvent::Delta(more) => match &mut job.state {
            JobState::Streaming(text) => text.push_str(&more),
            JobState::Queued | JobState::Waiting(_) => job.state = JobState::Streaming(more),
        },
        JobEvent::Finished(description) => finished(model, about, description, at, out),
        JobEvent::Failed(error) => {
            let waited = model.jobs.remove(&about).is_some_and(|job| job.accept);
            record(model, Event::Failed { record: about, reason: error.message.clone() }, out);
            if waited || model.list.cursor == Some(about) {
                model.say(NoticeKind::Error, error.message);
            }
            end_in_bulk(model, about, false, out);
        }
        JobEvent::Cancelled => {
            model.jobs.remove(&about);
            end_in_bulk(model, about, false, out);
        }
    }
}

/// The describer does differently now.
pub(super) fn describer_changed(model: &mut Model, status: Status) {
    if let Some(pause) = status.paused.as_ref().filter(|_| model.describer.paused.is_none()) {
        model.say(NoticeKind::Error, pause.message.clone());
    }
    model.describer = status;
}

/// A description is there: a candidate, never more than that, unless the operator has accepted it in advance and it
/// is clean.
fn finished(model: &mut Model, about: RecordId, description: Description, at: Timestamp, out: &mut Vec<Effect>) {
    let job = model.jobs.remove(&about);
    let accept = job.as_ref().is_some_and(|job| job.accept);
    let Description { text, model: name, prompt, parameters, stop, usage } = description;
    let same = model.state(about).candidates.iter().any(|candidate| candidate.text == text);
    let clean = stop == StopReason::EndTurn && model.lint(&text, Some(&stop)).is_empty();
    let provenance = Provenance {
        describer: model.settings.describer.clone().unwrap_or_default(),
        model: name,
        prompt,
        parameters,
        reason: job.and_then(|job| job.reason).map(|reason| reason.words().to_owned()),
        usage,
        stop,
        at,
    };
    record(model, Event::Generated { record: about, text: text.clone(), provenance }, out);
    let here = model.list.cursor == Some(about);
    if accept && clean {
        if let Some(candidate) = model.state(about).candidates.last().map(|candidate| candidate.id) {
            decide::decide(model, about, Decision::Accepted { candidate, text }, out);
            if here {
                navigate::advance(model);
            }
        }
    } else if accept {
        model.say(NoticeKind::Warning, format!("record {} was not accepted: look at its text first", about.0 + 1));
    } else if same && here {
        model.say(NoticeKind::Info, "the describer has nothing else to say: this text was there before");
    }
    if here && model.caption.chosen == Some(Version::Original) {
        model.caption.scroll = 0;
    }
    end_in_bulk(model, about, true, out);
}

/// Captions of an older run become candidates, unless they are already.
pub(super) fn taken_in(
    model: &mut Model,
    source: &str,
    captions: Vec<(RecordId, String)>,
    done: Option<String>,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    if model.session != SessionStatus::Open {
        return;
    }
    for (about, text) in captions {
        if model.state(about).candidates.iter().any(|candidate| candidate.text == text) {
            continue;
        }
        let provenance = Provenance {
            describer: FILE.to_owned(),
            model: source.to_owned(),
            prompt: None,
            parameters: String::new(),
            reason: None,
            usage: None,
            stop: StopReason::EndTurn,
            at,
        };
        record(model, Event::Generated { record: about, text, provenance }, out);
    }
    if let Some(done) = done {
        model.say(NoticeKind::Info, done);
    }
}

/// Takes a word given in advance back. Says whether there was one.
pub(super) fn take_back_if_waiting(model: &mut Model) -> bool {
    let waiting = model.list.cursor.and_then(|cursor| model.jobs.get_mut(&cursor)).filter(|job| job.accept);
    if let Some(job) = waiting {
        job.accept = false;
        model.say(NoticeKind::Info, "taken back: the text will wait for you");
        return true;
    }
    false
}

pub(super) fn take_back(model: &mut Model) {
    take_back_if_waiting(model);
}

/// Stops running work; pressed twice, or with nothing to stop, leaves.
pub(super) fn stop(model: &mut Model, pressed_before: bool, out: &mut Vec<Effect>) {
    if pressed_before {
        super::file::quit(model, out);
        return;
    }
    model.stop_pressed = true;
    if model.jobs.is_empty() && model.bulk.is_none() {
        model.say(NoticeKind::Info, "nothing is running · ^c again quits");
        return;
    }
    let stopped = model.jobs.len() as u64 + model.bulk.take().map_or(0, |bulk| bulk.waiting.len());
    model.jobs.clear();
    model.ahead_stopped = true;
    out.push(Effect::StopDescriptions);
    model.say(NoticeKind::Info, format!("stopped {stopped} descriptions · r or g a starts again · ^c again quits"));
}
