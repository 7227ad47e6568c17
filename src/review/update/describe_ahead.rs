//! Review-ahead: the queue's prefetch of descriptions in the direction of travel.

use std::collections::HashSet;

use super::describe::{needs_description, new_job, spec};
use crate::dataset::RecordId;
use crate::describe::Priority;
use crate::engine::rules;
use crate::review::{Effect, Job, JobState, Model};

/// Returns true if a record should be described ahead, or waits for that in the queue.
pub(in crate::review) fn is_wanted(model: &Model, record: RecordId) -> bool {
    if let Some(job) = model.jobs.get(&record) {
        return is_waiting(job);
    }
    let describer = model.settings.describer.as_deref().unwrap_or_default();
    needs_description(model, record)
        && model.state(record).failure.is_none()
        && rules::displaces(describer, model.current(record).as_deref(), &model.settings.rules)
}

fn is_waiting(job: &Job) -> bool {
    job.priority == Priority::Prefetch && job.state == JobState::Queued
}

/// Replaces the review-ahead jobs that have not started by those of `wanted`, nearest first.
pub(in crate::review) fn set(model: &mut Model, wanted: &[RecordId], out: &mut Vec<Effect>) {
    let before: HashSet<RecordId> =
        model.jobs.iter().filter(|(_, job)| is_waiting(job)).map(|(record, _)| *record).collect();
    if before.len() == wanted.len() && wanted.iter().all(|record| before.contains(record)) {
        return;
    }
    for record in &before {
        match model.jobs.get_mut(record) {
            // A pending accept keeps its job, wherever the cursor goes.
            Some(job) if job.accept => {
                job.priority = Priority::Interactive;
                let job = job.clone();
                out.push(Effect::Describe(vec![spec(model, *record, &job)]));
            }
            Some(_) if !wanted.contains(record) => {
                model.jobs.remove(record);
            }
            Some(_) | None => {}
        }
    }
    let specs = wanted
        .iter()
        .filter_map(|record| match model.jobs.get(record) {
            None => Some(new_job(model, *record, Priority::Prefetch, None)),
            Some(job) if is_waiting(job) => Some(spec(model, *record, job)),
            Some(_) => None,
        })
        .collect();
    out.push(Effect::DescribeAhead(specs));
}
