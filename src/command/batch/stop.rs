//! `recaption batch stop`: stops the jobs of a dataset. Results that they have are collected as usual.

use std::io::Write as _;

use jiff::Timestamp;
use serde_json::json;

use super::error::BatchError;
use super::{Clients, JobOptions, jobs};
use crate::aws::Client;
use crate::console::Console;
use crate::exit::ExitCode;
use crate::session::{self, BatchNote, PartState, Store};
use crate::text::{counted, shell_quoted};

#[derive(Clone, Copy, Debug, Default)]
struct Stopped {
    jobs: u64,
    /// Jobs that had ended.
    ended: u64,
    /// Parts without a job. Their records wait for nothing any more.
    released: u64,
}

/// Stops the jobs that work, and releases the records of parts without a job.
///
/// # Errors
/// Returns an error if the session or the service fails.
pub fn run(options: &JobOptions, out: &mut Console<'_>) -> Result<ExitCode, BatchError> {
    let (dataset, location) = options.input.open()?;
    let (mut store, opened) = session::open(&location, &dataset, Timestamp::now())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut stopped = Stopped::default();
    let result: Result<(), BatchError> = runtime.block_on(async {
        let mut clients = Clients::new(&options.aws);
        for part in opened.batches.iter().filter(|part| part.is_waiting()) {
            let token = &part.plan.token;
            let client = clients.of(&part.plan.region).await?;
            let found = match &part.state {
                PartState::Created { job } => Some(job.clone()),
                PartState::Creating { .. } => client.find_batch_job(&jobs::job_name(token)).await?,
                _ => None,
            };
            if let Some(job) = found {
                stop(&mut store, client, token, &job, &mut stopped).await?;
            } else {
                let outcome = "stopped before it had a job".to_owned();
                jobs::note(&mut store, BatchNote::Ended { token: token.clone(), outcome })?;
                stopped.released += 1;
            }
        }
        Ok(())
    });
    let closed = store.close();
    let Stopped { jobs, ended, released } = stopped;
    if options.json {
        out.json(&json!({ "stopped": jobs, "ended_before": ended, "released": released }))?;
    } else {
        writeln!(out, "stopped {}", counted(jobs, "job", "jobs"))?;
        if released > 0 {
            writeln!(out, "released {} without a job", counted(released, "part", "parts"))?;
        }
        if jobs + ended > 0 {
            let dataset = shell_quoted(&options.input.dataset.to_string_lossy());
            writeln!(out, "results so far:  recaption batch collect {dataset}")?;
        }
    }
    out.flush()?;
    result?;
    closed?;
    Ok(ExitCode::Done)
}

async fn stop(
    store: &mut Store,
    client: &Client,
    token: &str,
    job: &str,
    stopped: &mut Stopped,
) -> Result<(), BatchError> {
    // The job of a request without an answer.
    jobs::note(store, BatchNote::Created { token: token.to_owned(), job: job.to_owned() })?;
    if client.batch_job(job).await?.state.is_final() {
        stopped.ended += 1;
        return Ok(());
    }
    client.stop_batch_job(job).await?;
    stopped.jobs += 1;
    Ok(())
}
