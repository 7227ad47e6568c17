//! Takes the results of batch jobs into the review. They cost nothing more, and are stored like descriptions that arrive: an
//! undo reverts decisions, not results.

use jiff::Timestamp;

use super::subjects;
use crate::dataset::RecordId;
use crate::engine::CollectionId;
use crate::engine::batch::{self, Chunk, Jobs, Taking};
use crate::review::model::Collecting;
use crate::review::{Effect, Model, NoticeKind};
use crate::text::{counted, thousands};

/// Collects the results of all jobs that have ended.
pub(super) fn start(model: &mut Model, out: &mut Vec<Effect>) {
    if let Some(refusal) = refusal(model) {
        return model.notify(NoticeKind::Info, refusal);
    }
    model.next_collection += 1;
    let id = CollectionId(model.next_collection);
    let total = model.batch.left();
    model.batch.collecting = Some(Collecting { id, total, done: 0, tally: batch::Tally::default() });
    out.push(Effect::CollectBatches(id, model.batch.parts().cloned().collect()));
}

fn refusal(model: &Model) -> Option<String> {
    if let Some(refusal) = subjects::refusal(model) {
        return Some(refusal);
    }
    if model.batch.collecting.is_some() {
        return Some("results are being collected · ^c stops that".to_owned());
    }
    if model.batch.left() == 0 {
        return Some("no records wait for a batch job · `recaption batch submit` creates jobs".to_owned());
    }
    // New candidates would change which captions the sample is judged on.
    let text = "not during a spot check, which judges the captions as they are: collect them in a normal review";
    model.settings.sample.is_some().then(|| text.to_owned())
}

/// Stores the results of a chunk. That of a former collection is late and dropped: its results are collected again.
pub(super) fn collected(model: &mut Model, id: CollectionId, chunk: Chunk, at: Timestamp, out: &mut Vec<Effect>) {
    let Some(mut collecting) = model.batch.collecting.take_if(|collecting| collecting.id == id) else { return };
    let records: Vec<RecordId> = chunk.records().collect();
    collecting.done += chunk.answers.len() as u64;
    model.batch.take(&chunk);
    let (last, counters) = (model.ledger.last(), model.live_counters());
    let taking = Taking { accept: None, rules: &model.settings.rules, at };
    let transaction = batch::conclude(chunk, &mut model.ledger, taking, &mut collecting.tally);
    if !transaction.steps.is_empty() {
        model.pending.before_step(last, counters);
    }
    model.spent += transaction.charges.iter().map(|charge| charge.usage.cost).sum();
    model.batch.collecting = Some(collecting);
    model.follow(&records);
    out.push(Effect::StoreResults(id, transaction));
}

/// Reports what was collected, or why it stopped.
pub(super) fn ended(model: &mut Model, id: CollectionId, jobs: &Jobs, error: Option<String>, out: &mut Vec<Effect>) {
    let Some(collecting) = model.batch.collecting.take_if(|collecting| collecting.id == id) else { return };
    let text = summary(&collecting, jobs);
    let (kind, text) = match (error, jobs.problems.first()) {
        (Some(error), _) if collecting.done == 0 => (NoticeKind::Error, format!("{error} · g c tries again")),
        (Some(error), _) => (NoticeKind::Error, format!("{error} · {text} · g c continues")),
        (None, Some(problem)) => (NoticeKind::Warning, format!("{text} · {problem}")),
        (None, None) if collecting.tally.described > 0 => {
            (NoticeKind::Info, format!("{text} · 3 lists the candidates"))
        }
        (None, None) => (NoticeKind::Info, text),
    };
    if collecting.done > 0 || kind == NoticeKind::Error {
        out.push(Effect::Notify(text.clone()));
    }
    model.notify(kind, text);
}

/// Returns "collected 2 of 3 jobs: 118 described, 2 failed; 40 records still wait".
fn summary(collecting: &Collecting, jobs: &Jobs) -> String {
    let tally = &collecting.tally;
    let figures = [
        (tally.described, "described"),
        (tally.verified, "verified"),
        (tally.failed(), "failed"),
        (tally.absent, "of records that are missing from the dataset"),
    ];
    let figures: Vec<String> = figures
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", thousands(count)))
        .collect();
    let figures = if figures.is_empty() { String::new() } else { format!(": {}", figures.join(", ")) };
    let looked_at = jobs.collected + jobs.running + jobs.problems.len() as u64;
    let collected = match (jobs.collected, looked_at) {
        (0, _) if jobs.running > 0 && collecting.done == 0 => {
            format!("{} still at work", counted(jobs.running, "batch job", "batch jobs"))
        }
        (0, _) if collecting.done == 0 => "nothing collected".to_owned(),
        (0, _) => "collected so far".to_owned(),
        (collected, all) if collected < all => format!("collected {collected} of {all} batch jobs"),
        (collected, _) => format!("collected {}", counted(collected, "batch job", "batch jobs")),
    };
    let waiting = match jobs.waiting {
        0 => String::new(),
        waiting => format!("; {}", counted(waiting, "record still waits", "records still wait")),
    };
    let without_job = match jobs.without_job {
        0 => "",
        _ => "; parts without a job: run the same `recaption batch submit` again",
    };
    format!("{collected}{figures}{waiting}{without_job}")
}

/// Stops the collection. Returns true if there was one.
pub(super) fn stop(model: &mut Model, out: &mut Vec<Effect>) -> bool {
    let is_stopped = model.batch.collecting.take().is_some();
    if is_stopped {
        out.push(Effect::StopCollecting);
    }
    is_stopped
}
