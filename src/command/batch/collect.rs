//! `recaption batch collect`: takes the results of finished jobs into the session. Each result is stored once, however often
//! and in whatever order it arrives.

use std::collections::HashMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::JobOptions;
use super::error::BatchError;
use super::tally::Tally;
use crate::aws::{AwsError, BatchJob, BatchState, Bucket, Client, S3Url, S3UrlError};
use crate::command::input;
use crate::console::Console;
use crate::dataset::{Dataset, Entry, Record, RecordId};
use crate::describe::catalogue::{Catalogue, Target};
use crate::describe::remote::describe_batch_response;
use crate::describe::verdict::TextHash;
use crate::describe::{Charge, Cost, DescribeError, Outcome, Tokens, Usage};
use crate::engine::batch::{BatchResult, Results};
use crate::engine::rules::{self, Concluded, Origin, Standing};
use crate::engine::{style, verifier};
use crate::exit::ExitCode;
use crate::lint::Rules;
use crate::session::{
    self, Actor, BatchEntry, BatchNote, BatchPart, Decision, Event, Ledger, PartState, Step, Store, Transaction,
};
use crate::text::shell_quoted;

/// The results stored in one transaction.
const CHUNK: usize = 500;
/// The longest line of a result file: it repeats the request, whose image has at most a few megabytes.
const MAX_LINE: usize = 64 << 20;

#[derive(Clone)]
pub struct CollectOptions {
    pub jobs: JobOptions,
    pub catalogue: Catalogue,
    pub rules: Rules,
    /// Accept clean candidates.
    pub accept: bool,
}

/// Collects the results of all finished jobs of the dataset.
///
/// # Errors
/// Returns an error if the session or the service fails. What was collected is stored.
pub fn run(options: &CollectOptions, out: &mut Console<'_>) -> Result<ExitCode, BatchError> {
    let (dataset, location) = options.jobs.input.open()?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let rules = style::settled(&dataset, &options.rules)?.into_owned();
    let (store, opened) = session::open(&location, &dataset, Timestamp::now())?;
    input::report(&opened, &location, &mut Console::stderr())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut collection = Collection {
        options,
        dataset: &dataset,
        rules,
        store,
        ledger: opened.ledger,
        buckets: HashMap::new(),
        tally: Tally::default(),
    };
    let result = runtime.block_on(collection.collect(&opened.batches));
    let Collection { store, tally, .. } = collection;
    let closed = store.close();
    if options.jobs.json {
        tally.print_json(out)?;
    } else {
        tally.print(&shell_quoted(&options.jobs.input.dataset.to_string_lossy()), out)?;
    }
    result?;
    closed?;
    Ok(tally.exit_code())
}

struct Collection<'a> {
    options: &'a CollectOptions,
    dataset: &'a Dataset,
    rules: Rules,
    store: Store,
    ledger: Ledger,
    buckets: HashMap<String, Bucket>,
    tally: Tally,
}

/// The part that results belong to.
struct Of<'a> {
    part: &'a BatchPart,
    target: Target,
}

impl Of<'_> {
    /// Returns the cost of a response.
    fn charge(&self, result: &BatchResult) -> Charge {
        let usage = match result.response.tokens {
            Some(tokens) => Usage { tokens, cost: self.target.batch_cost(tokens) },
            None => Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN },
        };
        Charge {
            record: result.entry.record,
            model: self.target.name.clone(),
            prompt: self.part.plan.prompt.clone(),
            usage,
            estimated: result.response.tokens.is_none(),
        }
    }
}

impl Collection<'_> {
    async fn collect(&mut self, parts: &[BatchPart]) -> Result<(), BatchError> {
        if !parts.iter().any(BatchPart::is_waiting) {
            return Ok(());
        }
        let client = Client::connect(&self.options.jobs.aws).await?;
        for part in parts.iter().filter(|part| part.is_waiting()) {
            let PartState::Created { job } = &part.state else {
                self.tally.without_job += 1;
                self.tally.waiting += part.left();
                continue;
            };
            let job = client.batch_job(job).await?;
            if !job.state.is_final() {
                self.tally.running += 1;
                self.tally.waiting += part.left();
                continue;
            }
            if !self.part(part, &job).await? {
                self.tally.waiting += part.left();
            }
        }
        Ok(())
    }

    /// Takes the results of a finished job. Returns false if there are none although there should be.
    async fn part(&mut self, part: &BatchPart, job: &BatchJob) -> Result<bool, BatchError> {
        let token = &part.plan.token;
        let output = S3Url::parse(&part.plan.output).map_err(|error| damaged(&error))?;
        let bucket = self.bucket(&output.bucket).await?;
        let target = self.options.catalogue.resolve(&part.plan.model, &part.plan.region)?;
        let of = Of { part, target };
        let mut results = Results::new(token.clone(), self.store.batch_entries(token)?, part.taken.clone());
        let mut files = 0;
        let mut listing = bucket.list(&output.key);
        while let Some(page) = listing.next_page().await? {
            for key in page.iter().filter(|key| key.ends_with(".jsonl.out")) {
                files += 1;
                self.file(&bucket, key, &of, &mut results).await?;
            }
        }
        let totals = results.totals;
        self.tally.lines.lines += totals.lines;
        self.tally.lines.repeated += totals.repeated;
        self.tally.lines.foreign += totals.foreign;
        self.tally.lines.unreadable += totals.unreadable;
        if files == 0 && matches!(job.state, BatchState::Completed | BatchState::PartiallyCompleted) {
            let state = job.state.name();
            self.tally.problems.push(format!(
                "job {} is {state}, but there are no results in {output}: check that the bucket can be read, then collect again",
                job.arn
            ));
            return Ok(false);
        }
        let missing = missing(job);
        let rest: Vec<(BatchEntry, String)> =
            results.without_response(&missing).map(|(_, entry, reason)| (entry, reason.to_owned())).collect();
        self.end(&of, job, rest)?;
        self.tally.collected += 1;
        Ok(true)
    }

    async fn bucket(&mut self, name: &str) -> Result<Bucket, BatchError> {
        if let Some(bucket) = self.buckets.get(name) {
            return Ok(bucket.clone());
        }
        let bucket = Bucket::connect(&self.options.jobs.aws, name).await?;
        self.buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    /// Reads a file of results line by line.
    async fn file(&mut self, bucket: &Bucket, key: &str, of: &Of<'_>, results: &mut Results) -> Result<(), BatchError> {
        let mut download = bucket.get(key).await?;
        let mut line: Vec<u8> = Vec::new();
        let mut chunk = Vec::new();
        while let Some(bytes) = download.next().await? {
            let mut rest = &bytes[..];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                line.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                take_line(&line, key, results, &mut chunk);
                line.clear();
                if chunk.len() >= CHUNK {
                    self.store(of, std::mem::take(&mut chunk))?;
                }
            }
            line.extend_from_slice(rest);
            if line.len() > MAX_LINE {
                // Its end is counted as a line that cannot be read.
                line.truncate(1);
            }
        }
        take_line(&line, key, results, &mut chunk);
        self.store(of, chunk)
    }

    /// Stores results, and in the same transaction that they were taken.
    fn store(&mut self, of: &Of<'_>, results: Vec<BatchResult>) -> Result<(), BatchError> {
        if results.is_empty() {
            return Ok(());
        }
        let at = Timestamp::now();
        let mut transaction = Transaction::default();
        let mut places = RoaringBitmap::new();
        for result in results {
            places.insert(result.place);
            let charge = of.charge(&result);
            self.tally.usage.tokens += charge.usage.tokens;
            self.tally.usage.cost += charge.usage.cost;
            transaction.charges.push(charge);
            transaction.steps.extend(self.conclude(of, result, at));
        }
        transaction.notes.push(BatchNote::Taken { token: of.part.plan.token.clone(), places });
        Ok(self.store.commit_all(transaction, at)?)
    }

    /// Returns what a result leaves in the session, and counts it.
    fn conclude(&mut self, of: &Of<'_>, result: BatchResult, at: Timestamp) -> Option<Step> {
        let BatchResult { entry, response, .. } = result;
        let plan = &of.part.plan;
        let parameters = of.part.parameters.get(usize::from(entry.variant)).map_or("", String::as_str);
        let parameters = [parameters, "batch"].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
        let outcome = match describe_batch_response(response, &of.target, &plan.prompt, &parameters) {
            Ok(description) => Outcome::Described(description),
            Err(message) => Outcome::Failed(DescribeError { message }),
        };
        let record = entry.record;
        let line = self.line(record);
        let is_absent = line.is_none();
        self.tally.absent += u64::from(is_absent);
        let in_dataset = line.and_then(|line| line.caption.into_text());
        if plan.is_verification {
            return self.judge(entry, outcome, in_dataset.as_deref(), at);
        }
        let state = self.ledger.record(record);
        let is_open = state.decision == Decision::Undecided && state.draft.is_none();
        // A record without a caption has an empty one; that of an absent record is unknown.
        let in_dataset = in_dataset.or_else(|| (!is_absent).then(String::new));
        let current = state.current_caption(record, in_dataset.as_deref());
        let origin = Origin {
            describer: super::submit::DESCRIBER,
            reason: None,
            at,
            accept: (self.options.accept && is_open).then_some(Actor::Run),
            current: current.as_deref(),
        };
        let conclusion = rules::conclude(&self.ledger, record, outcome, origin, &self.rules);
        match conclusion.result {
            Concluded::Described(described) => {
                self.tally.described += 1;
                self.tally.accepted += u64::from(described.standing == Standing::Accepted);
                self.tally.cut_off += u64::from(described.cut_off);
            }
            Concluded::NothingRecognised => {}
            Concluded::Failed(reason) => *self.tally.failures.entry(reason).or_default() += 1,
        }
        (!conclusion.events.is_empty()).then(|| self.ledger.perform(conclusion.events.into()))
    }

    /// Returns the verdict in a response on the text that was sent, if the record still has it.
    fn judge(&mut self, entry: BatchEntry, outcome: Outcome, in_dataset: Option<&str>, at: Timestamp) -> Option<Step> {
        let state = self.ledger.record(entry.record);
        let is_judged = |text: &str| Some(TextHash::of(text)) == entry.judged;
        let current = state.current_caption(entry.record, in_dataset);
        let candidates = state.candidates.iter().map(|candidate| candidate.text.as_str());
        let text = candidates.chain(current.as_deref()).chain(in_dataset).find(|text| is_judged(text));
        let outcome = match (outcome, text) {
            (Outcome::Described(description), Some(text)) => verifier::outcome(description, text),
            (Outcome::Described(_), None) => {
                Outcome::Failed(DescribeError { message: "the caption was changed after it was submitted".to_owned() })
            }
            (other, _) => other,
        };
        match rules::conclude_verification(entry.record, outcome, super::submit::DESCRIBER, at) {
            Ok((event, _)) => {
                self.tally.verified += 1;
                Some(self.ledger.perform(event.into()))
            }
            Err(reason) => {
                *self.tally.failures.entry(reason).or_default() += 1;
                None
            }
        }
    }

    /// Returns a record as the dataset has it. Returns `None` if it does not have the record.
    fn line(&self, record: RecordId) -> Option<Record> {
        match self.dataset.entry(record) {
            Ok(Entry::Record(line)) => Some(line),
            _ => None,
        }
    }

    /// Stores why records have no result, and that nothing more is expected.
    fn end(&mut self, of: &Of<'_>, job: &BatchJob, rest: Vec<(BatchEntry, String)>) -> Result<(), BatchError> {
        let mut steps = Vec::new();
        for (entry, reason) in rest {
            if !of.part.plan.is_verification {
                let event = Event::Failed { record: entry.record, reason: reason.clone() };
                steps.push(self.ledger.perform(event.into()));
            }
            *self.tally.failures.entry(reason).or_default() += 1;
        }
        let outcome = job.state.name().to_owned();
        let notes = vec![BatchNote::Ended { token: of.part.plan.token.clone(), outcome }];
        Ok(self.store.commit_all(Transaction { steps, notes, ..Transaction::default() }, Timestamp::now())?)
    }
}

fn take_line(line: &[u8], key: &str, results: &mut Results, chunk: &mut Vec<BatchResult>) {
    match results.take(line) {
        Ok(result) => chunk.extend(result),
        Err(error) => tracing::warn!(key, %error, "a result cannot be read"),
    }
}

/// Returns why a record has no result if the results do not say.
fn missing(job: &BatchJob) -> String {
    let message = job.message.as_deref().map(|message| format!(" ({message})")).unwrap_or_default();
    match job.state {
        BatchState::Failed => format!("the batch job failed{message}"),
        BatchState::Stopped => format!("the batch job was stopped before this record{message}"),
        BatchState::Expired => format!("the batch job expired before this record{message}"),
        BatchState::Completed | BatchState::PartiallyCompleted | BatchState::Running(_) => {
            format!("the batch job has no result for this record{message}")
        }
    }
}

/// Reports a stored URL that cannot be parsed.
fn damaged(error: &S3UrlError) -> BatchError {
    AwsError::InvalidConfig { reason: error.to_string() }.into()
}
