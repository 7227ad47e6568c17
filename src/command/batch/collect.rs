//! `recaption batch collect`: takes the results of finished jobs into the session. Each result is stored once, however often
//! and in whatever order it arrives.

use std::ops::ControlFlow;

use jiff::Timestamp;

use super::JobOptions;
use super::error::BatchError;
use super::figures::Figures;
use crate::command::input;
use crate::console::Console;
use crate::describe::catalogue::Catalogue;
use crate::engine::batch::{self, BatchAccess, Chunk, Sink, Taking};
use crate::engine::style;
use crate::exit::ExitCode;
use crate::lint::Rules;
use crate::session::{self, Actor, BatchEntry, Ledger, SessionError, Store};
use crate::text::shell_quoted;

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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut access = BatchAccess::new(options.jobs.aws.clone(), options.catalogue.clone());
    let accept = options.accept.then_some(Actor::Run);
    let mut figures = Figures::default();
    let mut storing = Storing { store, ledger: opened.ledger, rules, accept, figures: &mut figures };
    let mut jobs = batch::Jobs::default();
    let collecting = batch::collect(&mut access, &dataset, &opened.batches, &mut storing, &mut jobs);
    let result = runtime.block_on(collecting);
    let closed = storing.store.close();
    figures.jobs = jobs;
    if options.jobs.json {
        figures.print_json(out)?;
    } else {
        figures.print(&shell_quoted(&options.jobs.input.dataset.to_string_lossy()), out)?;
    }
    result?;
    closed?;
    Ok(figures.exit_code())
}

/// Stores chunks at once.
struct Storing<'a> {
    store: Store,
    ledger: Ledger,
    rules: Rules,
    accept: Option<Actor>,
    figures: &'a mut Figures,
}

impl Sink for Storing<'_> {
    const CHUNK: usize = 500;

    fn entries(&mut self, token: &str) -> Result<Vec<BatchEntry>, SessionError> {
        self.store.batch_entries(token)
    }

    async fn take(&mut self, chunk: Chunk) -> Result<(), SessionError> {
        let at = Timestamp::now();
        let taking = Taking { accept: self.accept, rules: &self.rules, at };
        let transaction = batch::conclude(chunk, &mut self.ledger, taking, &mut self.figures.taken);
        self.store.commit_all(transaction, at)
    }
}
