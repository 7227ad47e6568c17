//! `recaption batch status`: the jobs of a dataset and their states.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::error::BatchError;
use super::{Clients, JobOptions};
use crate::aws::{BatchCounts, BatchState};
use crate::console::Console;
use crate::exit::ExitCode;
use crate::session::{self, BatchPart, PartState};
use crate::text::{counted, shell_quoted, thousands};

/// The time between two looks at running jobs. Batches take hours.
const INTERVAL: Duration = Duration::from_mins(1);

#[derive(Clone, Debug)]
pub struct StatusOptions {
    pub jobs: JobOptions,
    /// Look again until all jobs have ended.
    pub watch: bool,
}

/// A part and the state of its job.
struct Row<'a> {
    part: &'a BatchPart,
    state: String,
    /// No work is left for the service.
    is_final: bool,
    counts: Option<BatchCounts>,
    message: Option<String>,
}

/// Prints the state of every part that is not collected yet. Writes nothing to the session.
///
/// # Errors
/// Returns an error if the session cannot be read or the service fails.
pub fn run(options: &StatusOptions, out: &mut Console<'_>) -> Result<ExitCode, BatchError> {
    let (dataset, location) = options.jobs.input.open()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut clients = Clients::new(&options.jobs.aws);
    let mut last = Vec::new();
    loop {
        let opened = session::open_read_only(&location, &dataset)?;
        let open = opened.batches.iter().filter(|part| !part.state.is_ended());
        let rows = runtime.block_on(async {
            let mut rows = Vec::new();
            for part in open {
                rows.push(row(&mut clients, part).await?);
            }
            Ok::<_, BatchError>(rows)
        })?;
        let now: Vec<String> = rows.iter().map(|row| format!("{} {:?}", row.state, row.counts)).collect();
        if now != last || last.is_empty() {
            print(options, &opened.batches, &rows, out)?;
            last = now;
        }
        if !options.watch || rows.iter().all(|row| row.is_final) {
            return Ok(ExitCode::Done);
        }
        runtime.block_on(tokio::time::sleep(INTERVAL));
    }
}

async fn row<'a>(clients: &mut Clients<'_>, part: &'a BatchPart) -> Result<Row<'a>, BatchError> {
    let without = |state: &str| Row { part, state: state.to_owned(), is_final: true, counts: None, message: None };
    let job = match &part.state {
        PartState::Created { job } => job,
        PartState::Uploading => return Ok(without("upload interrupted; nothing was charged")),
        PartState::Uploaded => return Ok(without("uploaded, without a job")),
        PartState::Creating { .. } => return Ok(without("job asked for, without an answer")),
        PartState::Ended { outcome } => return Ok(without(outcome)),
    };
    let job = clients.of(&part.plan.region).await?.batch_job(job).await?;
    let state = match &job.state {
        BatchState::Running(name) => name.clone(),
        other => format!("{}, to be collected", other.name()),
    };
    Ok(Row { part, state, is_final: job.state.is_final(), counts: job.counts, message: job.message })
}

fn print(options: &StatusOptions, all: &[BatchPart], rows: &[Row<'_>], out: &mut Console<'_>) -> io::Result<()> {
    let collected = all.iter().filter(|part| part.state.is_ended()).count() as u64;
    let waiting: u64 = rows.iter().filter(|row| row.part.is_waiting()).map(|row| row.part.left()).sum();
    if options.jobs.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "name": super::jobs::job_name(&row.part.plan.token),
                    "job": match &row.part.state { PartState::Created { job } => Some(job), _ => None },
                    "state": row.state,
                    "ended": row.is_final,
                    "verification": row.part.plan.is_verification,
                    "model": row.part.plan.model,
                    "records": row.part.records,
                    "waiting": row.part.left(),
                    "processed": row.counts.map(|counts| counts.processed),
                    "failed": row.counts.map(|counts| counts.failed),
                    "message": row.message,
                    "input": row.part.plan.input,
                    "output": row.part.plan.output,
                })
            })
            .collect();
        out.json(&json!({ "jobs": rows, "waiting": waiting, "ended": collected }))?;
        return out.flush();
    }
    if rows.is_empty() {
        writeln!(out, "no batch jobs ({} ended)", thousands(collected))?;
        return out.flush();
    }
    writeln!(out, "{} waiting in {}", thousands(waiting), counted(rows.len() as u64, "part", "parts"))?;
    for row in rows {
        let progress = row
            .counts
            .map(|counts| format!(" · {} of {} processed", thousands(counts.processed), thousands(counts.total)));
        let failed = row.counts.filter(|counts| counts.failed > 0);
        let failed = failed.map(|counts| format!(", {} failed", thousands(counts.failed))).unwrap_or_default();
        let records = counted(row.part.records, "record", "records");
        let (name, model) = (super::jobs::job_name(&row.part.plan.token), &row.part.plan.model);
        let (state, progress) = (&row.state, progress.unwrap_or_default());
        out.message(format_args!("  {name} · {model} · {records} · {state}{progress}{failed}"))?;
        if let Some(message) = &row.message {
            out.message(format_args!("    {message}"))?;
        }
    }
    let dataset = shell_quoted(&options.jobs.input.dataset.to_string_lossy());
    if rows.iter().any(|row| matches!(row.part.state, PartState::Uploaded | PartState::Creating { .. })) {
        writeln!(
            out,
            "without a job: run the same `recaption batch submit` again, or `recaption batch stop {dataset}`"
        )?;
    }
    if rows.iter().any(|row| row.is_final && matches!(row.part.state, PartState::Created { .. })) {
        writeln!(out, "results:  recaption batch collect {dataset}")?;
    }
    out.flush()
}
