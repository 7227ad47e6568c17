//! `recaption batch submit` and `recaption batch verify`: prepares the selected records, uploads them in parts, and creates
//! a job for each part.

use std::io::{self, Write as _};
use std::ops::ControlFlow;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use serde_json::json;

use super::error::BatchError;
use super::plan::{self, Estimate};
use super::{Storage, jobs};
use crate::aws::{self, Bucket, Client, S3Url, Upload};
use crate::command::answer;
use crate::command::generate::{Task, print_left_out};
use crate::command::input::{self, Input};
use crate::console::{Console, ProgressBar};
use crate::dataset::{Dataset, RecordId};
use crate::describe::bedrock::{BedrockOptions, NAME};
use crate::describe::catalogue::Target;
use crate::describe::remote::{self, BatchModel};
use crate::describe::{Cost, Dollars};
use crate::engine::batch::{self, Line, RecordKey};
use crate::engine::selection::{Only, Selected, Selection};
use crate::engine::{request, structured, style};
use crate::exit::ExitCode;
use crate::lint::Rules;
use crate::session::{
    self, BatchEntry, BatchNote, BatchPart, BatchPlan, Event, Ledger, Opened, PartState, Store, Transaction,
};
use crate::text::{counted, shell_quoted, thousands};

/// The maximum number of records listed that were not sent.
const MAX_LISTED: usize = 1_000;
/// The images that are prepared at the same time.
const PREPARING: usize = 4;

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of the command line")]
pub struct SubmitOptions {
    pub task: Task,
    pub input: Input,
    pub bedrock: BedrockOptions,
    pub storage: Storage,
    pub rules: Rules,
    pub selection: Selection,
    pub dry_run: bool,
    /// Consent to the cost.
    pub yes: bool,
    /// A known estimate up to this needs no consent.
    pub confirm_above: Dollars,
    /// A limit, and consent to spend up to it.
    pub budget: Option<Dollars>,
    pub json: bool,
    /// Standard input and error are terminals: ask for consent, and show a bar.
    pub terminal: bool,
}

impl SubmitOptions {
    fn select(&self, dataset: &Dataset, opened: &Opened, model: &BatchModel) -> Result<Selected, BatchError> {
        let version = Some((model.target().id.clone(), model.prompt().to_owned()));
        let selection = Selection { waiting: opened.waiting(self.task.is_verification()), ..self.selection.clone() };
        let ledger = &opened.ledger;
        Ok(match self.task {
            Task::Describe { again: false } => selection.select(dataset, ledger, NAME, &self.rules)?,
            Task::Describe { again: true } => {
                selection.select_again(dataset, ledger, (NAME, version.as_ref()), &self.rules)?
            }
            Task::Verify { again } => {
                selection.select_unverified(dataset, ledger, version.as_ref(), again, &self.rules)?
            }
        })
    }

    /// Returns the command that does the same with single requests.
    pub(super) fn on_demand_command(&self) -> String {
        let command = if self.task.is_verification() { "verify" } else { "generate" };
        let only = match &self.selection.only {
            Only::Pending => String::new(),
            only => format!(" --only {}", shell_quoted(&only.to_string())),
        };
        format!("{command} {}{only}", shell_quoted(&self.input.dataset.to_string_lossy()))
    }
}

/// What was submitted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Submitted {
    records: u64,
    bytes: u64,
    jobs: Vec<String>,
    /// The number of records whose image or line cannot be sent.
    failed: u64,
    /// The first of them, and why.
    listed: Vec<(RecordId, String)>,
    /// Selected, but left for another time.
    left: u64,
    /// Why they were.
    stopped: Option<(ExitCode, String)>,
}

/// Submits the selected records, after the parts of an earlier run that have no job yet.
///
/// # Errors
/// Returns an error if nothing was submitted, or the service or the session failed. What was submitted is stored.
pub fn run(options: &SubmitOptions, out: &mut Console<'_>) -> Result<ExitCode, BatchError> {
    let (dataset, location) = options.input.open()?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let rules = style::settled(&dataset, &options.rules)?.into_owned();
    let options = &SubmitOptions { rules, ..options.clone() };
    if !options.task.is_verification() {
        let writes_objects = options.bedrock.remote.task == remote::Task::DescribeObject;
        structured::check_describer(NAME, writes_objects, &options.rules)?;
    }
    request::check_used_fields(&dataset, options.bedrock.remote.prompt.fields())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let client = Client::connect(&options.bedrock.aws).await?;
        let model = BatchModel::new(options.bedrock.remote.clone(), target(options, &client).await?);
        if options.dry_run {
            let opened = session::open_read_only(&location, &dataset)?;
            let selected = options.select(&dataset, &opened, &model)?;
            let found = (options.task, &opened.ledger, &options.rules);
            let estimate = plan::estimate(&model, &dataset, found, &selected.records);
            plan::print(options, &model, client.region(), (&selected, &estimate), out)?;
            return Ok(ExitCode::Done);
        }
        let folder = options.storage.folder.clone().ok_or(BatchError::NoFolder)?;
        let role = options.storage.role.clone().ok_or(BatchError::NoRole)?;
        let (store, opened) = session::open(&location, &dataset, Timestamp::now())?;
        input::report(&opened, &location, &mut Console::stderr())?;
        let unfinished: Vec<BatchPart> = opened
            .batches
            .iter()
            .filter(|part| matches!(part.state, PartState::Uploaded | PartState::Creating { .. }))
            .cloned()
            .collect();
        let selected = options.select(&dataset, &opened, &model)?;
        let found = (options.task, &opened.ledger, &options.rules);
        let estimate = plan::estimate(&model, &dataset, found, &selected.records);
        require_enough(options, &selected, !unfinished.is_empty())?;
        require_consent(options, &model.target().name, &estimate, &unfinished)?;
        let bucket = Bucket::connect(&options.bedrock.aws, &folder.bucket).await?;
        if bucket.endpoint().is_none() && bucket.region() != client.region() {
            return Err(BatchError::OtherRegion {
                bucket: folder.bucket,
                bucket_region: bucket.region().to_owned(),
                region: client.region().to_owned(),
            });
        }
        let mut submission = Submission {
            options,
            dataset: &dataset,
            model: &model,
            client,
            bucket,
            folder,
            role,
            store,
            ledger: opened.ledger,
            reserved: Cost::default(),
            submitted: Submitted::default(),
            bar: ProgressBar::new(options.terminal && !options.json),
        };
        let result = submission.submit(&unfinished, &selected.records, &estimate).await;
        submission.bar.clear();
        let Submission { store, submitted, .. } = submission;
        let closed = store.close();
        print(options, (&dataset, &model), &selected, &submitted, out)?;
        result?;
        closed?;
        Ok(match &submitted.stopped {
            Some((code, _)) => *code,
            None if submitted.failed == 0 => ExitCode::Done,
            None => ExitCode::Findings,
        })
    })
}

/// Returns the model: the first of the configured ones that has batch inference.
async fn target(options: &SubmitOptions, client: &Client) -> Result<Target, BatchError> {
    let (targets, _) = options.bedrock.connected_targets(client).await?;
    if let Some(target) = targets.iter().find(|target| !target.lacks_batch()) {
        return Ok(target.clone());
    }
    let region = client.region();
    let catalogue = &options.bedrock.catalogue;
    let Some(first) = targets.first() else {
        // No model of the list can be called from this region. Resolving one returns the error that explains it.
        return Ok(catalogue.resolve(&options.bedrock.model, region)?);
    };
    let mut others: Vec<String> = catalogue
        .automatic(region, jiff::Zoned::now().date())
        .into_iter()
        .filter(|target| !target.lacks_batch())
        .map(|target| target.name)
        .collect();
    others.dedup();
    let remedy =
        format!("use `recaption {}`, or choose another --model: {}", options.on_demand_command(), others.join(", "));
    Err(BatchError::NoBatch { model: first.name.clone(), remedy })
}

fn require_enough(options: &SubmitOptions, selected: &Selected, resumes: bool) -> Result<(), BatchError> {
    let (count, minimum) = (selected.records.len() as u64, options.storage.limits.min_records);
    if resumes || count == 0 || count >= minimum {
        return Ok(());
    }
    let command = options.on_demand_command();
    Err(BatchError::TooFew { records: counted(count, "record", "records"), minimum, command })
}

/// Asks for consent to the cost if the options do not give it.
fn require_consent(
    options: &SubmitOptions,
    model: &str,
    estimate: &Estimate,
    unfinished: &[BatchPart],
) -> Result<(), BatchError> {
    let resumed: u64 = unfinished.iter().map(|part| part.records).sum();
    let count = estimate.records + resumed;
    if count == 0 {
        return Ok(());
    }
    let records = counted(count, "record", "records");
    // The records of earlier parts are like those of this one, or have no known price.
    let cost = match (resumed, estimate.records) {
        (0, _) => estimate.cost,
        (_, 0) => Cost::UNKNOWN,
        (more, known) => estimate.cost.map(|cost| cost + Dollars::from_billionths(cost.billionths() / known * more)),
    };
    let verb = options.task.verb().0;
    let question = match cost.amount() {
        None if options.budget.is_some() => return Err(BatchError::UnpricedBudget),
        Some(_) if options.budget.is_some() => return Ok(()),
        _ if options.yes => return Ok(()),
        Some(amount) if amount <= options.confirm_above => return Ok(()),
        Some(amount) if options.terminal => format!("{verb} {records} with {model} in a batch for about {amount}?"),
        None if options.terminal => format!("{verb} {records} with {model} in a batch at an unknown price?"),
        Some(cost) => return Err(BatchError::NoConsent { cost, records }),
        None => return Err(BatchError::UnknownPrice { records }),
    };
    if answer::ask(&question)? { Ok(()) } else { Err(BatchError::Declined) }
}

struct Submission<'a> {
    options: &'a SubmitOptions,
    dataset: &'a Dataset,
    model: &'a BatchModel,
    client: Client,
    bucket: Bucket,
    folder: S3Url,
    role: String,
    store: Store,
    ledger: Ledger,
    /// The maximum cost of the requests so far.
    reserved: Cost,
    submitted: Submitted,
    bar: ProgressBar,
}

/// How much of the records went into a file.
struct Filled {
    consumed: usize,
    /// The budget has no room for the next record.
    is_out_of_budget: bool,
    /// Records that cannot be sent, and why.
    failed: Vec<(RecordId, String)>,
    /// The maximum cost of all requests so far.
    reserved: Cost,
}

/// The end of a part.
struct Uploaded {
    /// The number of records that it has taken from the selection.
    consumed: usize,
    /// The budget has no room for the next record.
    is_out_of_budget: bool,
}

impl Submission<'_> {
    async fn submit(
        &mut self,
        unfinished: &[BatchPart],
        records: &[RecordId],
        estimate: &Estimate,
    ) -> Result<(), BatchError> {
        for part in unfinished {
            let was_asked_for = matches!(part.state, PartState::Creating { .. });
            self.create(&part.plan, part.records, was_asked_for).await?;
        }
        let limits = self.options.storage.limits;
        self.bar.restart("{bar:24} {pos}/{len} {wide_msg}", records.len() as u64);
        let mut next = 0;
        while next < records.len() {
            let left = records.len() - next;
            if (left as u64) < limits.min_records {
                let command = self.options.on_demand_command();
                let message = format!("a batch job needs {} records: use `recaption {command}`", limits.min_records);
                self.leave(left, ExitCode::Done, message);
                return Ok(());
            }
            // A tenth more than estimated, so that no file is full before its last record.
            let bytes = (estimate.bytes / estimate.records.max(1)).saturating_mul(left as u64 * 11 / 10);
            let per_job = usize::try_from(limits.per_job(left as u64, bytes)).unwrap_or(usize::MAX);
            let end = next.saturating_add(per_job).min(records.len());
            let Uploaded { consumed, is_out_of_budget } = self.part(&records[next..end]).await?;
            next += consumed;
            if is_out_of_budget {
                let budget = self.options.budget.unwrap_or_default();
                let message = format!("the rest could cost more than the budget of {budget}: raise --budget");
                self.leave(records.len() - next, ExitCode::Resumable, message);
                return Ok(());
            }
        }
        Ok(())
    }

    fn leave(&mut self, left: usize, code: ExitCode, message: String) {
        self.submitted.left += left as u64;
        self.submitted.stopped = Some((code, message));
    }

    /// Uploads a part of the records and creates its job.
    async fn part(&mut self, records: &[RecordId]) -> Result<Uploaded, BatchError> {
        let token = jobs::new_token(Timestamp::now());
        let plan = BatchPlan {
            is_verification: self.options.task.is_verification(),
            model: self.model.target().id.clone(),
            prompt: self.model.prompt().to_owned(),
            region: self.client.region().to_owned(),
            input: self.folder.join(&format!("{token}/input.jsonl")).to_string(),
            output: self.folder.join(&format!("{token}/output/")).to_string(),
            token,
        };
        jobs::note(&mut self.store, BatchNote::Planned(plan.clone()))?;
        let key = self.folder.join(&format!("{}/input.jsonl", plan.token)).key;
        let mut upload = self.bucket.upload(&key, "application/jsonl");
        let mut part = Part::new(&plan.token, self.options.storage.limits.max_bytes);
        let reserved_before = self.reserved;
        let Filled { consumed, is_out_of_budget, mut failed, reserved } =
            self.fill(records, &mut part, &mut upload).await?;
        self.reserved = reserved;
        let Part { entries, parameters, bytes, .. } = part;
        let steps = if plan.is_verification { Vec::new() } else { failures(&mut self.ledger, &failed) };
        self.submitted.failed += failed.len() as u64;
        failed.truncate(MAX_LISTED.saturating_sub(self.submitted.listed.len()));
        self.submitted.listed.append(&mut failed);
        let count = entries.len() as u64;
        if count < self.options.storage.limits.min_records {
            upload.abort().await;
            let outcome = format!("not submitted: {}", counted(count, "record", "records"));
            let notes = vec![BatchNote::Ended { token: plan.token, outcome }];
            self.store.commit_all(Transaction { steps, notes, ..Transaction::default() }, Timestamp::now())?;
            // What could be sent is too little for a job.
            self.reserved = reserved_before;
            self.submitted.left += count;
            if !is_out_of_budget && count > 0 {
                let command = self.options.on_demand_command();
                let minimum = self.options.storage.limits.min_records;
                let message = format!("a batch job needs {minimum} records: use `recaption {command}`");
                self.submitted.stopped = Some((ExitCode::Done, message));
            }
            return Ok(Uploaded { consumed, is_out_of_budget });
        }
        upload.finish().await?;
        let notes = vec![BatchNote::Uploaded { token: plan.token.clone(), entries, parameters }];
        self.store.commit_all(Transaction { steps, notes, ..Transaction::default() }, Timestamp::now())?;
        self.submitted.bytes += bytes;
        self.create(&plan, count, false).await?;
        Ok(Uploaded { consumed, is_out_of_budget })
    }

    /// Prepares records and uploads their lines, as far as the file and the budget have room.
    async fn fill(&self, records: &[RecordId], part: &mut Part<'_>, upload: &mut Upload) -> Result<Filled, BatchError> {
        let mut filled = Filled { consumed: 0, is_out_of_budget: false, failed: Vec::new(), reserved: self.reserved };
        let lines = stream::iter(records.iter().map(|record| self.prepare(*record))).buffered(PREPARING);
        let mut lines = std::pin::pin!(lines);
        while let Some((record, line)) = lines.next().await {
            match line {
                Err(reason) => filled.failed.push((record, reason)),
                Ok(line) => {
                    let cost = filled.reserved + self.model.target().batch_cost(line.max_tokens);
                    if self.options.budget.is_some_and(|budget| cost.at_least() > budget) {
                        filled.is_out_of_budget = true;
                        break;
                    }
                    match part.add(record, &line) {
                        Some(text) => {
                            upload.write(text.as_bytes()).await?;
                            filled.reserved = cost;
                        }
                        None if part.entries.is_empty() => {
                            let reason = "the request is larger than an input file may be";
                            filled.failed.push((record, reason.to_owned()));
                        }
                        None => break,
                    }
                }
            }
            filled.consumed += 1;
            self.bar.advance();
            self.bar.set_message(&format!("{} bytes uploaded", thousands(self.submitted.bytes + part.bytes)));
        }
        Ok(filled)
    }

    async fn create(&mut self, plan: &BatchPlan, records: u64, was_asked_for: bool) -> Result<(), BatchError> {
        let other_region;
        // An earlier run may have asked for it in another region, where its files are.
        let client = if plan.region == self.client.region() {
            &self.client
        } else {
            let region = Some(plan.region.clone());
            other_region = Client::connect(&aws::Options { region, ..self.options.bedrock.aws.clone() }).await?;
            &other_region
        };
        let job = jobs::create(&mut self.store, client, &self.role, plan, was_asked_for).await?;
        tracing::info!(job, records, "batch job created");
        self.submitted.jobs.push(job);
        self.submitted.records += records;
        Ok(())
    }

    /// Prepares the line of a record on another thread.
    fn prepare(&self, record: RecordId) -> impl Future<Output = (RecordId, Result<Line, String>)> + use<> {
        let spec = plan::spec(self.options.task, record, &self.ledger);
        let (dataset, model, rules) = (self.dataset.clone(), self.model.clone(), self.options.rules.clone());
        async move {
            let line = tokio::task::spawn_blocking(move || batch::line(&dataset, &model, spec, &rules)).await;
            (record, line.unwrap_or_else(|panic| Err(panic.to_string())))
        }
    }
}

/// The records of a file as it grows.
struct Part<'a> {
    token: &'a str,
    entries: Vec<BatchEntry>,
    parameters: Vec<String>,
    bytes: u64,
    max_bytes: u64,
}

impl<'a> Part<'a> {
    const fn new(token: &'a str, max_bytes: u64) -> Self {
        Self { token, entries: Vec::new(), parameters: Vec::new(), bytes: 0, max_bytes }
    }

    /// Adds a record and returns its line. Returns `None` if the file has no room for it.
    fn add(&mut self, record: RecordId, line: &Line) -> Option<String> {
        let bytes = self.bytes + line.bytes() as u64;
        if bytes > self.max_bytes {
            return None;
        }
        let known = self.parameters.iter().position(|known| *known == line.parameters);
        let variant = u8::try_from(known.unwrap_or(self.parameters.len())).ok()?;
        if known.is_none() {
            self.parameters.push(line.parameters.clone());
        }
        let entry = line.entry(record, variant);
        let place = u32::try_from(self.entries.len()).ok()?;
        let text = line.text(RecordKey::new(self.token, place, &entry));
        self.entries.push(entry);
        self.bytes = bytes;
        Some(text)
    }
}

/// Returns the steps that store why records were not sent.
fn failures(ledger: &mut Ledger, failed: &[(RecordId, String)]) -> Vec<session::Step> {
    let event = |(record, reason): &(RecordId, String)| Event::Failed { record: *record, reason: reason.clone() };
    failed.iter().map(|failed| ledger.perform(event(failed).into())).collect()
}

fn print(
    options: &SubmitOptions,
    (dataset, model): (&Dataset, &BatchModel),
    selected: &Selected,
    submitted: &Submitted,
    out: &mut Console<'_>,
) -> io::Result<()> {
    /// The maximum number of records printed that were not sent.
    const MAX_PRINTED: usize = 10;
    let name = |record: RecordId| match dataset.entry(record) {
        Ok(crate::dataset::Entry::Record(line)) => line.file_name,
        _ => format!("record {}", record.0 + 1),
    };
    let stopped = submitted.stopped.as_ref().map(|(_, message)| message);
    if options.json {
        let failed: serde_json::Map<_, _> =
            submitted.listed.iter().map(|(record, reason)| (name(*record), json!(reason))).collect();
        out.json(&json!({
            "selected": selected.records.len(),
            "model": model.target().name,
            "submitted": submitted.records,
            "bytes": submitted.bytes,
            "jobs": submitted.jobs,
            "failed": failed,
            "not_sent": submitted.failed,
            "left": submitted.left,
            "stopped": stopped,
        }))?;
        return out.flush();
    }
    print_left_out(selected)?;
    let (records, jobs) = (submitted.records, submitted.jobs.len() as u64);
    let (records, jobs) = (counted(records, "record", "records"), counted(jobs, "job", "jobs"));
    let model = &model.target().name;
    let bytes = thousands(submitted.bytes);
    out.message(format_args!("submitted {records} with {model} in {jobs}, {bytes} bytes uploaded"))?;
    for job in &submitted.jobs {
        out.message(format_args!("  {job}"))?;
    }
    for (record, reason) in submitted.listed.iter().take(MAX_PRINTED) {
        out.message(format_args!("  not sent: {}: {reason}", name(*record)))?;
    }
    if let Some(more) = submitted.failed.checked_sub(MAX_PRINTED as u64).filter(|more| *more > 0) {
        writeln!(out, "  and {} more not sent", thousands(more))?;
    }
    if submitted.left > 0 {
        writeln!(out, "left: {}", counted(submitted.left, "record", "records"))?;
    }
    if let Some(message) = stopped {
        out.message(message)?;
    }
    if !submitted.jobs.is_empty() {
        let dataset = shell_quoted(&options.input.dataset.to_string_lossy());
        writeln!(out, "progress:  recaption batch status {dataset} --watch")?;
        writeln!(out, "results:   recaption batch collect {dataset}")?;
    }
    out.flush()
}
