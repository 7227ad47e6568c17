//! Having texts written: asking for one, for all in view, and ahead of the operator.

use std::collections::HashSet;

use roaring::RoaringBitmap;

use super::{decide, together};
use crate::dataset::RecordId;
use crate::describe::{Detail, JobId, Priority, Reason};
use crate::review::selection::Marks;
use crate::review::{
    Ask, Bulk, Effect, FILE, Job, JobState, Mode, Model, NoticeKind, RecordAction, SessionStatus, Wish,
};
use crate::session::Decision;
use crate::text::counted;

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
        current: state.own_text().map(str::to_owned),
        tried: tried.map(|candidate| candidate.text.clone()).collect(),
        reason: job.reason.clone(),
    }
}

/// Describes the record under the cursor, at once. One that is waiting its turn goes first now.
pub(super) fn regenerate(model: &mut Model, reason: Option<Reason>, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Describe(reason.clone()), out) {
        return;
    }
    let Some(about) = decide::subject(model).filter(|_| !decide::refused_blind(model)) else { return };
    if !has_describer(model) {
        return;
    }
    if model.settings.price.is_some() && !model.agreed_to_pay {
        model.mode = Mode::ConfirmSpending(Wish::One(about, reason));
        return;
    }
    model.ahead_stopped = false;
    resume(model, out);
    let again = !model.state(about).candidates.is_empty();
    let ask = match model.jobs.get_mut(&about) {
        None => new_job(model, about, Priority::Asked, reason),
        Some(job) if job.state == JobState::Queued && job.priority != Priority::Asked => {
            job.priority = Priority::Asked;
            job.reason = reason;
            let job = job.clone();
            ask(model, about, &job)
        }
        Some(_) => {
            model.notify(NoticeKind::Info, "it is being described already · ^c stops it");
            return;
        }
    };
    match &ask.reason {
        Some(reason) => model.notify(NoticeKind::Info, format!("asked for another text · {}", reason.words())),
        None if again && model.settings.has_levels_of_detail() => {
            model.notify(NoticeKind::Info, format!("asked for another text · detail: {}", ask.detail.name()));
        }
        None if again => model.notify(NoticeKind::Info, "asked for another text · R says what is wrong with this one"),
        None => {}
    }
    model.caption.chosen = None;
    out.push(Effect::Describe(vec![ask]));
}

/// Asks what is wrong with the text there is.
pub(super) fn choose_reason(model: &mut Model) {
    if let Some(about) = decide::subject(model).filter(|_| has_describer(model)) {
        model.mode = Mode::ChooseReason(about);
    }
}

/// Describes the record the reason was chosen for.
pub(super) fn regenerate_for(model: &mut Model, reason: Reason, out: &mut Vec<Effect>) {
    if matches!(model.mode, Mode::ChooseReason(about) if model.list.cursor == Some(about)) {
        model.mode = Mode::Browse;
        regenerate(model, Some(reason), out);
    }
}

/// Has the reason written in the operator's own words.
pub(super) fn own_reason(model: &mut Model) {
    if let Mode::ChooseReason(about) = model.mode {
        model.mode = Mode::OwnReason(about, String::new());
    }
}

/// The reason in the operator's own words is written.
pub(super) fn take_own_reason(model: &mut Model, about: RecordId, words: &str, out: &mut Vec<Effect>) {
    let words = crate::text::single_line(words).into_owned();
    if model.list.cursor == Some(about) && !words.is_empty() {
        regenerate(model, Some(Reason::Own(words)), out);
    }
}

/// What was asked for may cost what it costs.
pub(super) fn agree(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::ConfirmSpending(wish) = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    model.agreed_to_pay = true;
    match wish {
        Wish::One(about, reason) if model.list.cursor == Some(about) => regenerate(model, reason, out),
        Wish::One(..) => {}
        Wish::All(_) => start_bulk(model, out),
        Wish::Marked(_, reason) => start_marked(model, reason, out),
    }
}

/// Whether there is one; says so where there is none.
fn has_describer(model: &mut Model) -> bool {
    if model.settings.describer.is_none() {
        model.notify(NoticeKind::Warning, "there is no describer here: start with --describer local or bedrock");
    }
    model.settings.describer.is_some()
}

/// Asking for anything has a describer that has stopped try again.
fn resume(model: &Model, out: &mut Vec<Effect>) {
    if model.describer.paused.is_some() {
        out.push(Effect::ResumeDescriber);
    }
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

/// Describes every record in view that needs it, in the background; asks first where that costs more than a little.
pub(super) fn all_in_view(model: &mut Model, out: &mut Vec<Effect>) {
    if model.session != SessionStatus::Open {
        // Says why.
        decide::subject(model);
        return;
    }
    if !has_describer(model) {
        return;
    }
    let waiting = needing_description(model).len();
    if waiting == 0 {
        resume(model, out);
        model.notify(NoticeKind::Info, "every record in view has a text to look at · r describes one again");
        return;
    }
    match model.settings.price {
        Some(price) if !model.agreed_to_pay || price.cost * waiting > model.settings.confirm_above => {
            model.mode = Mode::ConfirmSpending(Wish::All(waiting));
        }
        _ => start_bulk(model, out),
    }
}

/// The records in view that need a description.
fn needing_description(model: &Model) -> RoaringBitmap {
    let mut waiting = model.tabs.describable(model.list.tab);
    if let Some(filter) = &model.filter {
        waiting &= filter.hits.found();
    }
    let spared = model.ledger.touched().map(|(id, _)| id).chain(model.jobs.keys().copied());
    for id in spared.filter(|id| !needs_description(model, *id)) {
        waiting.remove(id.0);
    }
    waiting
}

fn start_bulk(model: &mut Model, out: &mut Vec<Effect>) {
    let waiting = needing_description(model);
    run(model, Bulk { waiting, ..Bulk::default() }, out);
}

/// Begins to describe many records.
fn run(model: &mut Model, bulk: Bulk, out: &mut Vec<Effect>) {
    model.ahead_stopped = false;
    resume(model, out);
    let total = bulk.waiting.len();
    let records = counted(total, "record", "records");
    model.notify(NoticeKind::Info, format!("describing {records} in the background · ^c stops"));
    model.bulk = Some(Bulk { total, ..bulk });
    feed_bulk(model, out);
}

/// Describes the marked records, whatever texts they have; asks first where they are many or cost more than a little.
pub(super) fn marked(model: &mut Model, reason: Option<Reason>, out: &mut Vec<Effect>) {
    if !has_describer(model) {
        return;
    }
    if model.bulk.is_some() {
        model.notify(NoticeKind::Warning, "a run of descriptions is under way: wait for its end, or ^c stops it");
        return;
    }
    let count = describable(model).len();
    match model.settings.price {
        _ if count == 0 => {
            model.notify(NoticeKind::Info, "none of the marked records can be described now: no picture, or under way");
        }
        Some(price) if !model.agreed_to_pay || price.cost * count > model.settings.confirm_above => {
            model.mode = Mode::ConfirmSpending(Wish::Marked(count, reason));
        }
        _ if count > together::UNASKED => together::ask(model, RecordAction::Describe(reason), count),
        _ => start_marked(model, reason, out),
    }
}

/// Begins to describe the marked records. Those that cannot be described stay marked.
pub(super) fn start_marked(model: &mut Model, reason: Option<Reason>, out: &mut Vec<Effect>) {
    let waiting = describable(model);
    model.marks = Marks::of(model.marked() - &waiting);
    run(model, Bulk { chosen: true, reason, waiting, ..Bulk::default() }, out);
}

/// The marked records that can be described.
fn describable(model: &Model) -> RoaringBitmap {
    let mut records = model.tabs.without_problems(model.marked());
    for under_way in model.jobs.keys() {
        records.remove(under_way.0);
    }
    records
}

/// Hands the queue as much of a bulk run as it should hold.
fn feed_bulk(model: &mut Model, out: &mut Vec<Effect>) {
    let mut asks = Vec::new();
    while let Some(bulk) = model.bulk.as_mut().filter(|bulk| bulk.running.len() < BULK_WINDOW) {
        let Some(id) = bulk.waiting.min() else { break };
        bulk.waiting.remove(id);
        let about = RecordId(id);
        let (chosen, reason) = (bulk.chosen, bulk.reason.clone());
        let wanted = if chosen { !model.jobs.contains_key(&about) } else { needs_description(model, about) };
        if wanted {
            if let Some(bulk) = &mut model.bulk {
                bulk.running.insert(about);
            }
            asks.push(new_job(model, about, Priority::Bulk, reason));
        } else if let Some(bulk) = &mut model.bulk {
            bulk.total -= 1;
        }
    }
    if !asks.is_empty() {
        out.push(Effect::Describe(asks));
    }
    if let Some(bulk) = model.bulk.take_if(|bulk| bulk.waiting.is_empty() && bulk.running.is_empty()) {
        let failures = if bulk.failed == 0 { String::new() } else { format!(", {} failed (tab 6)", bulk.failed) };
        let words = format!("described {} of {}{failures}", bulk.done, bulk.total);
        out.push(Effect::Notify(words.clone()));
        model.notify(NoticeKind::Info, words);
    }
}

pub(super) fn end_in_bulk(model: &mut Model, about: RecordId, described: bool, out: &mut Vec<Effect>) {
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

/// Takes a word given in advance back. Says whether there was one.
pub(super) fn take_back_if_waiting(model: &mut Model) -> bool {
    let waiting = model.list.cursor.and_then(|cursor| model.jobs.get_mut(&cursor)).filter(|job| job.accept);
    if let Some(job) = waiting {
        job.accept = false;
        model.notify(NoticeKind::Info, "taken back: the text will wait for you");
        return true;
    }
    false
}

/// Stops running work; pressed twice, or with nothing to stop, leaves.
pub(super) fn stop(model: &mut Model, pressed_before: bool, out: &mut Vec<Effect>) {
    if pressed_before {
        super::file::quit(model, out);
        return;
    }
    model.stop_pressed = true;
    if model.jobs.is_empty() && model.bulk.is_none() {
        model.notify(NoticeKind::Info, "nothing is running · ^c again quits");
        return;
    }
    let stopped = model.jobs.len() as u64 + model.bulk.take().map_or(0, |bulk| bulk.waiting.len());
    model.jobs.clear();
    model.ahead_stopped = true;
    out.push(Effect::StopDescriptions);
    model.notify(NoticeKind::Info, format!("stopped {stopped} descriptions · r or g a starts again · ^c again quits"));
}
