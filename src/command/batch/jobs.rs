//! Creates the jobs of parts whose files are complete: each part one job, whatever happens in between.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;

use super::error::BatchError;
use crate::aws::{Client, NewBatchJob};
use crate::session::{BatchNote, BatchPlan, Store, Transaction};

/// How often a job is asked for if the service does not answer, and the time before the next attempt, which doubles.
const ATTEMPTS: u32 = 4;
const BACKOFF: Duration = Duration::from_millis(500);

/// Returns a name for a part that no other has: the time, and 64 random bits.
pub(super) fn new_token(now: Timestamp) -> String {
    let random = RandomState::new().hash_one(now.as_nanosecond());
    format!("{}-{random:016x}", now.strftime("%Y%m%d-%H%M%S"))
}

/// Returns the name of the job of a part.
pub(super) fn job_name(token: &str) -> String {
    format!("recaption-{token}")
}

/// Creates the job of a part, or finds the one that it has.
///
/// # Errors
/// Returns an error if the service refuses, which is stored, or does not answer.
pub(super) async fn create(
    store: &mut Store,
    client: &Client,
    role: &str,
    plan: &BatchPlan,
    was_asked_for: bool,
) -> Result<String, BatchError> {
    let token = &plan.token;
    let name = job_name(token);
    if was_asked_for && let Some(job) = client.find_batch_job(&name).await? {
        created(store, token, &job)?;
        return Ok(job);
    }
    // A refused request may be sent again with another role. The service would take it for the first one.
    let attempt = store.batch_refusals(token)?;
    note(store, BatchNote::Creating { token: token.clone(), attempt })?;
    let job = NewBatchJob {
        name: name.clone(),
        token: format!("{token}-{attempt}"),
        model: plan.model.clone(),
        role: role.to_owned(),
        input: plan.input.clone(),
        output: plan.output.clone(),
    };
    let mut backoff = BACKOFF;
    for last in (0..ATTEMPTS).map(|number| number + 1 == ATTEMPTS) {
        match client.create_batch_job(&job).await {
            Ok(job) => {
                created(store, token, &job)?;
                return Ok(job);
            }
            Err(error) if error.is_ambiguous() => {
                tracing::warn!(%error, name, "no answer to the request for a batch job");
                if let Ok(Some(job)) = client.find_batch_job(&name).await {
                    created(store, token, &job)?;
                    return Ok(job);
                }
                if last {
                    return Err(BatchError::Unanswered { name, source: error });
                }
                tokio::time::sleep(backoff).await;
                backoff *= 2;
            }
            Err(error) => {
                note(store, BatchNote::Rejected { token: token.clone(), reason: error.to_string() })?;
                return Err(error.into());
            }
        }
    }
    unreachable!("the last attempt returns")
}

fn created(store: &mut Store, token: &str, job: &str) -> Result<(), BatchError> {
    note(store, BatchNote::Created { token: token.to_owned(), job: job.to_owned() })
}

/// Stores a step and returns once it is on disk.
pub(super) fn note(store: &mut Store, note: BatchNote) -> Result<(), BatchError> {
    let transaction = Transaction { notes: vec![note], ..Transaction::default() };
    Ok(store.commit_all(transaction, Timestamp::now())?)
}
