//! What a batch would take: records, bytes, jobs, tokens and dollars, beside the price of single requests.

use std::io::{self, Write};

use serde_json::json;

use super::submit::SubmitOptions;
use crate::command::generate::{IN_BATCH, OTHER_CAPTION, Task};
use crate::console::Console;
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::bedrock::NAME;
use crate::describe::remote::BatchModel;
use crate::describe::{Cost, Dollars, JobId, Priority, Tokens};
use crate::engine::batch;
use crate::engine::rules::{self, JobSpec, Judged, Wish};
use crate::engine::selection::Selected;
use crate::lint::Rules;
use crate::picture;
use crate::session::Ledger;
use crate::text::{counted, thousands};

/// The maximum number of images measured for the tokens, and of lines made for the bytes.
const MEASURED: usize = 200;
const MADE: usize = 16;
/// The number of cheaper models that are listed.
const MAX_CHEAPER: usize = 3;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    pub records: u64,
    pub bytes: u64,
    pub tokens: Tokens,
    pub cost: Cost,
    pub on_demand: Cost,
    /// Of a sample of the images; `None` if one cannot be read.
    sizes: Vec<Option<(u32, u32)>>,
}

/// Returns the job of a record, as `generate` and `verify` have it.
pub(super) fn spec(task: Task, record: RecordId, ledger: &Ledger) -> JobSpec {
    let (job, priority) = (JobId(u64::from(record.0)), Priority::Bulk);
    match task {
        Task::Describe { .. } => rules::job_spec(job, record, priority, ledger, NAME, Wish::Describe),
        Task::Verify { .. } => {
            let state = ledger.record(record);
            rules::verification_spec(job, record, priority, state, Judged::first(state), Vec::new())
        }
    }
}

/// Extrapolates from a sample of the records.
pub(super) fn estimate(
    model: &BatchModel,
    dataset: &Dataset,
    (task, ledger, rules): (Task, &Ledger, &Rules),
    records: &[RecordId],
) -> Estimate {
    let count = records.len() as u64;
    let size = |record: RecordId| {
        let path = match dataset.entry(record) {
            Ok(Entry::Record(line)) => dataset.picture_path(&line.file_name).ok()?,
            _ => return None,
        };
        picture::check(&path).ok().map(|info| (info.width, info.height))
    };
    let sizes: Vec<Option<(u32, u32)>> = sample(records, MEASURED).map(size).collect();
    let (mut bytes, mut made) = (0, 0_u64);
    for record in sample(records, MADE) {
        if let Ok(line) = batch::line(dataset, model, spec(task, record, ledger), rules) {
            bytes += line.bytes() as u64;
            made += 1;
        }
    }
    Estimate {
        records: count,
        bytes: scaled(bytes, count, made),
        tokens: tokens(model, &sizes, count),
        cost: cost(model, &sizes, count, true),
        on_demand: cost(model, &sizes, count, false),
        sizes,
    }
}

/// Returns `sum`, of `of` records, for `count` records.
fn scaled(sum: u64, count: u64, of: u64) -> u64 {
    u64::try_from(u128::from(sum) * u128::from(count) / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

/// Returns the tokens of `count` records with images of these sizes.
fn tokens(model: &BatchModel, sizes: &[Option<(u32, u32)>], count: u64) -> Tokens {
    let sum = sizes.iter().fold(Tokens::default(), |sum, size| sum + model.estimate(*size));
    let measured = sizes.len() as u64;
    Tokens { input: scaled(sum.input, count, measured), output: scaled(sum.output, count, measured) }
}

/// Returns the cost of `count` records with images of these sizes, in a batch or in single requests.
fn cost(model: &BatchModel, sizes: &[Option<(u32, u32)>], count: u64, in_batch: bool) -> Cost {
    let target = model.target();
    let one = |tokens| if in_batch { target.batch_cost(tokens) } else { target.cost(tokens) };
    let sum: Cost = sizes.iter().map(|size| one(model.estimate(*size))).sum();
    let measured = sizes.len() as u64;
    sum.map(|amount| Dollars::from_billionths(scaled(amount.billionths(), count, measured)))
}

fn sample(records: &[RecordId], size: usize) -> impl Iterator<Item = RecordId> {
    records.iter().step_by(records.len().div_ceil(size).max(1)).copied()
}

/// The price of the same records with another model.
pub(super) struct Cheaper {
    pub name: String,
    pub cost: Cost,
    /// In a batch, else in single requests.
    pub in_batch: bool,
}

/// Returns the models that cost less, in a batch or in single requests, the cheapest first.
pub(super) fn cheaper(options: &SubmitOptions, region: &str, estimate: &Estimate) -> Vec<Cheaper> {
    let Some(limit) = estimate.cost.amount().filter(|_| estimate.records > 0) else { return Vec::new() };
    let catalogue = &options.bedrock.catalogue;
    let today = jiff::Zoned::now().date();
    let targets = catalogue
        .models()
        .filter(|model| model.end_of_life.is_none_or(|end| end > today))
        .filter_map(|model| catalogue.resolve(&model.alias, region).ok());
    let mut cheaper: Vec<Cheaper> = targets
        .filter_map(|target| {
            let in_batch = !target.lacks_batch();
            let model = BatchModel::new(options.bedrock.remote.clone(), target);
            let cost = cost(&model, &estimate.sizes, estimate.records, in_batch);
            let is_cheaper = cost.amount().is_some_and(|amount| amount < limit);
            is_cheaper.then(|| Cheaper { name: model.target().name.clone(), cost, in_batch })
        })
        .collect();
    cheaper.sort_by_key(|model| model.cost.at_least());
    cheaper.truncate(MAX_CHEAPER);
    cheaper
}

/// Prints what would be submitted.
pub(super) fn print(
    options: &SubmitOptions,
    model: &BatchModel,
    region: &str,
    (selected, estimate): (&Selected, &Estimate),
    out: &mut Console<'_>,
) -> io::Result<()> {
    let limits = options.storage.limits;
    let jobs = limits.jobs(estimate.records, estimate.bytes);
    let cheaper = cheaper(options, region, estimate);
    let enough = estimate.records >= limits.min_records;
    if options.json {
        let cheaper: Vec<_> = cheaper
            .iter()
            .map(|it| json!({ "model": it.name, "cost_usd": it.cost, "in_batch": it.in_batch }))
            .collect();
        out.json(&json!({
            "selected": estimate.records,
            "without_picture": selected.without_picture,
            "unreadable": selected.unreadable,
            "other_captions": selected.other_captions,
            "in_batch": selected.in_batch,
            "enough": enough,
            "model": model.target().name,
            "bytes": estimate.bytes,
            "jobs": jobs,
            "input_tokens": estimate.tokens.input,
            "output_tokens": estimate.tokens.output,
            "cost_usd": estimate.cost,
            "on_demand_cost_usd": estimate.on_demand,
            "cheaper": cheaper,
        }))?;
        return out.flush();
    }
    let (verb, _) = options.task.verb();
    let records = counted(estimate.records, "record", "records");
    let name = &model.target().name;
    out.message(format_args!("would {verb} {records} with {name} in {}", counted(jobs, "batch job", "batch jobs")))?;
    writeln!(out, "  about {} bytes to upload", thousands(estimate.bytes))?;
    let (input, output) = (thousands(estimate.tokens.input), thousands(estimate.tokens.output));
    writeln!(out, "  about {input} tokens in, {output} out")?;
    writeln!(out, "  in a batch:       {}", estimate.cost.summary())?;
    writeln!(out, "  single requests:  {}", estimate.on_demand.summary())?;
    for Cheaper { name, cost, in_batch } in &cheaper {
        let how = if *in_batch { "in a batch" } else { "in single requests; it has no batch inference" };
        out.message(format_args!("  cheaper: about {} with {name}, {how}", cost.summary()))?;
    }
    for (count, reason) in [
        (selected.in_batch, IN_BATCH),
        (selected.without_picture, "no image"),
        (selected.unreadable, "invalid line"),
        (selected.other_captions, OTHER_CAPTION),
    ] {
        if count > 0 {
            writeln!(out, "  left out, {reason}: {count}")?;
        }
    }
    if !enough {
        let command = options.on_demand_command();
        out.message(format_args!("  a batch job needs {} records: use `recaption {command}`", limits.min_records))?;
    }
    out.flush()
}
