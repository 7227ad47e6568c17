//! Reads the results of ended jobs and hands them out in chunks, joined with their records. What becomes of a chunk is the
//! caller's affair: the same code runs headless and beside the reviewer.

use roaring::RoaringBitmap;

use super::results::{BatchResult, Results, Totals};
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::bedrock::{AccessError, BatchAccess, JobStatus, ResultUrl};
use crate::describe::catalogue::{ResolveError, Target};
use crate::describe::remote::describe_batch_response;
use crate::describe::verdict::TextHash;
use crate::describe::{Charge, Cost, DescribeError, Outcome, Tokens, Usage};
use crate::session::{BatchEntry, BatchPart, PartState, SessionError};

/// The longest line of a result file: it repeats the request, whose image has at most a few megabytes.
const MAX_LINE: usize = 64 << 20;

/// Results of a part, to be stored in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The part.
    pub token: String,
    pub is_verification: bool,
    pub answers: Vec<Answer>,
    /// How the job ended: nothing more of this part follows.
    pub ended: Option<String>,
}

impl Chunk {
    /// Returns the positions of its results in the input file.
    #[must_use]
    pub fn places(&self) -> RoaringBitmap {
        self.answers.iter().map(|answer| answer.place).collect()
    }

    /// Returns the records of the dataset that it has results of.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        self.answers.iter().filter(|answer| answer.is_present).map(|answer| answer.record)
    }
}

/// What a job says about a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The position of its request in the input file.
    pub place: u32,
    /// Its position in the dataset, or a placeholder.
    pub record: RecordId,
    /// It is in the dataset.
    pub is_present: bool,
    /// The caption in the dataset, if there is one. Read only if a description or a verdict has arrived.
    pub in_dataset: Option<String>,
    /// The text that is verified.
    pub judged: Option<TextHash>,
    /// The response, or why there is none.
    pub outcome: Outcome,
    /// What the response cost.
    pub charge: Option<Charge>,
}

/// The jobs that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// Jobs whose results were collected, those that still work, and parts without a job.
    pub collected: u64,
    pub running: u64,
    pub without_job: u64,
    /// Records that still wait.
    pub waiting: u64,
    /// The lines read.
    pub lines: Totals,
    /// Jobs whose results could not be collected, and why.
    pub problems: Vec<String>,
}

/// Where chunks go.
pub trait Sink {
    /// The maximum number of results in a chunk.
    const CHUNK: usize;

    /// Returns the records of a part in the order of its input file.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be read.
    fn entries(&mut self, token: &str) -> Result<Vec<BatchEntry>, SessionError>;

    /// Stores a chunk. The next one is made after that.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be written.
    fn take(&mut self, chunk: Chunk) -> impl Future<Output = Result<(), SessionError>>;
}

/// Why a collection stopped. What was handed out before is stored.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    #[error(transparent)]
    Service(#[from] AccessError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Model(#[from] ResolveError),
}

/// Collects the results of the parts that wait for some. `jobs` counts what was looked at, also if an error is returned.
///
/// # Errors
///
/// Returns an error if the session or the service fails.
pub async fn collect(
    access: &mut BatchAccess,
    dataset: &Dataset,
    parts: &[BatchPart],
    sink: &mut impl Sink,
    jobs: &mut Jobs,
) -> Result<(), CollectError> {
    for part in parts.iter().filter(|part| part.is_waiting()) {
        let PartState::Created { job: arn } = &part.state else {
            jobs.without_job += 1;
            jobs.waiting += part.left();
            continue;
        };
        let job = access.job(&part.plan.region, arn).await?;
        if !job.is_final {
            jobs.running += 1;
            jobs.waiting += part.left();
            continue;
        }
        collect_part(access, dataset, (part, arn, &job), sink, jobs).await?;
    }
    Ok(())
}

/// Takes the results of an ended job.
async fn collect_part(
    access: &mut BatchAccess,
    dataset: &Dataset,
    (part, arn, job): (&BatchPart, &str, &JobStatus),
    sink: &mut impl Sink,
    jobs: &mut Jobs,
) -> Result<(), CollectError> {
    let target = access.target(&part.plan.model, &part.plan.region)?;
    let files = access.result_files(&part.plan.output).await?;
    if files.is_empty() && job.has_results {
        let (state, output) = (&job.state, &part.plan.output);
        jobs.problems.push(format!(
            "job {arn} is {state}, but there are no results in {output}: check that the bucket can be read, then collect again"
        ));
        jobs.waiting += part.left();
        return Ok(());
    }
    let results = Results::new(part.plan.token.clone(), sink.entries(&part.plan.token)?, part.taken.clone());
    let mut reading = Reading { part, target, dataset, results, chunk: Vec::new() };
    let mut read = Ok(());
    for file in &files {
        read = reading.file(access, file, sink).await;
        if read.is_err() {
            break;
        }
    }
    jobs.lines += reading.results.totals;
    read?;
    reading.end(job, sink).await?;
    jobs.collected += 1;
    Ok(())
}

/// The results of a part as they are read.
struct Reading<'a> {
    part: &'a BatchPart,
    target: Target,
    dataset: &'a Dataset,
    results: Results,
    chunk: Vec<Answer>,
}

impl Reading<'_> {
    /// Reads a file line by line.
    async fn file<S: Sink>(
        &mut self,
        access: &mut BatchAccess,
        file: &ResultUrl,
        sink: &mut S,
    ) -> Result<(), CollectError> {
        let mut download = access.open(file).await?;
        let mut line: Vec<u8> = Vec::new();
        while let Some(bytes) = download.next().await? {
            let mut rest = &bytes[..];
            while let Some(end) = memchr::memchr(b'\n', rest) {
                line.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                self.line(&line);
                line.clear();
                if self.chunk.len() >= S::CHUNK {
                    self.flush(None, sink).await?;
                }
            }
            line.extend_from_slice(rest);
            if line.len() > MAX_LINE {
                // Its end is counted as a line that cannot be read.
                line.truncate(1);
            }
        }
        self.line(&line);
        if self.chunk.is_empty() { Ok(()) } else { self.flush(None, sink).await }
    }

    fn line(&mut self, line: &[u8]) {
        match self.results.take(line) {
            Ok(Some(result)) => {
                let answer = self.answer(result);
                self.chunk.push(answer);
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(part = self.part.plan.token, %error, "a result cannot be read"),
        }
    }

    fn answer(&self, result: BatchResult) -> Answer {
        let BatchResult { place, entry, response } = result;
        let plan = &self.part.plan;
        let usage = match response.tokens {
            Some(tokens) => Usage { tokens, cost: self.target.batch_cost(tokens) },
            None => Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN },
        };
        let charge = Charge {
            record: entry.record,
            model: self.target.name.clone(),
            prompt: plan.prompt.clone(),
            usage,
            estimated: response.tokens.is_none(),
        };
        let parameters = self.part.parameters.get(usize::from(entry.variant)).map_or("", String::as_str);
        let parameters = [parameters, "batch"].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
        let outcome = match describe_batch_response(response, &self.target, &plan.prompt, &parameters) {
            Ok(description) => Outcome::Described(description),
            Err(message) => Outcome::Failed(DescribeError { message }),
        };
        let line = match self.dataset.entry(entry.record) {
            Ok(Entry::Record(line)) => Some(line),
            _ => None,
        };
        Answer {
            place,
            record: entry.record,
            is_present: line.is_some(),
            in_dataset: line.and_then(|line| line.caption.into_text()),
            judged: entry.judged,
            outcome,
            charge: Some(charge),
        }
    }

    /// Hands out why the other records have no result, and that nothing more is expected.
    async fn end<S: Sink>(mut self, job: &JobStatus, sink: &mut S) -> Result<(), CollectError> {
        let mut next = 0;
        loop {
            let failure = |(place, entry, reason): (u32, BatchEntry, &str)| Answer {
                place,
                record: entry.record,
                is_present: entry.is_present(),
                in_dataset: None,
                judged: entry.judged,
                outcome: Outcome::Failed(DescribeError { message: reason.to_owned() }),
                charge: None,
            };
            self.chunk = self.results.without_response(next, &job.missing).take(S::CHUNK).map(failure).collect();
            let Some(last) = self.chunk.last().filter(|_| self.chunk.len() == S::CHUNK) else { break };
            next = last.place + 1;
            self.flush(None, sink).await?;
        }
        self.flush(Some(job.state.clone()), sink).await
    }

    async fn flush(&mut self, ended: Option<String>, sink: &mut impl Sink) -> Result<(), CollectError> {
        let chunk = Chunk {
            token: self.part.plan.token.clone(),
            is_verification: self.part.plan.is_verification,
            answers: std::mem::take(&mut self.chunk),
            ended,
        };
        Ok(sink.take(chunk).await?)
    }
}
