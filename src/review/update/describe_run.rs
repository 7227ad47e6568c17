//! A run: many records described in the background. The queue gets a window of them at a time, so that a run over a
//! million records stays cancellable at once and bounded in memory.

use jiff::Timestamp;

use super::describe::{needs_description, new_job, resume};
use crate::dataset::RecordId;
use crate::describe::Priority;
use crate::review::{Bulk, Effect, Holds, Model, NoticeKind};
use crate::text::counted;

/// Jobs of a run in the queue at once: more than any describer runs concurrently by default.
const WINDOW: usize = 160;

/// How the job of a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobEnd {
    Described,
    NothingRecognised,
    /// Or it was cancelled.
    Failed,
}

/// Starts a run.
pub(super) fn start(model: &mut Model, run: Bulk, out: &mut Vec<Effect>) {
    model.ahead_stopped = false;
    resume(model, out);
    let total = run.waiting.len();
    let records = counted(total, "record", "records");
    let words = format!("describing {records} in the background · ^c stops");
    model.notify_while(NoticeKind::Info, words, Holds::Running);
    model.bulk = Some(Bulk { total, ..run });
    feed(model, out);
}

/// Fills the window, and ends the run if nothing is left.
fn feed(model: &mut Model, out: &mut Vec<Effect>) {
    let mut specs = Vec::new();
    while let Some(run) = model.bulk.as_mut().filter(|run| run.running.len() < WINDOW) {
        let Some(id) = run.waiting.min() else { break };
        run.waiting.remove(id);
        let record = RecordId(id);
        let (chosen, reason) = (run.chosen, run.reason.clone());
        // The operator may have decided or asked meanwhile.
        let is_due = if chosen { !model.jobs.contains_key(&record) } else { needs_description(model, record) };
        if let Some(run) = &mut model.bulk {
            if is_due {
                run.running.insert(record);
            } else {
                run.total -= 1;
            }
        }
        if is_due {
            specs.push(new_job(model, record, Priority::Bulk, reason));
        }
    }
    if !specs.is_empty() {
        out.push(Effect::Describe(specs));
    }
    if let Some(run) = model.bulk.take_if(|run| run.waiting.is_empty() && run.running.is_empty()) {
        let failures = if run.failed == 0 { String::new() } else { format!(", {} failed (tab 6)", run.failed) };
        let silent = match run.unrecognised {
            0 => String::new(),
            count => format!(", nothing recognised: {count}"),
        };
        let text = format!("described {} of {}{silent}{failures}", run.done, run.total);
        out.push(Effect::Notify(text.clone()));
        model.notify(NoticeKind::Info, text);
    }
}

/// Counts the end of a record's job in the run it may belong to.
pub(super) fn job_ended(model: &mut Model, record: RecordId, end: JobEnd, at: Timestamp, out: &mut Vec<Effect>) {
    let Some(run) = &mut model.bulk else { return };
    if run.running.remove(&record) {
        run.ended(at);
        match end {
            JobEnd::Described => run.done += 1,
            JobEnd::NothingRecognised => run.unrecognised += 1,
            JobEnd::Failed => run.failed += 1,
        }
        feed(model, out);
    }
}

/// Ends the run and returns the number of records it had not sent to the queue.
pub(super) fn stop(model: &mut Model) -> u64 {
    model.bulk.take().map_or(0, |run| run.waiting.len())
}
