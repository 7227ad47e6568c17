//! `recaption generate PATH`: describes records without a screen. The results are candidates in the session, to be
//! reviewed; with `--accept`, clean ones are accepted by the run.

mod consent;
mod progress;
mod run;
pub(super) mod tally;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::input::Input;
use super::merge::{self, MergeError};
use super::save::{self, SaveError, SaveOptions};
use super::verify;
use crate::config::LogLevel;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, Entry, OpenOptions, RecordId};
use crate::describe::{Describer, Dollars, Usage};
use crate::engine::SaveTarget;
use crate::engine::request::{self, FieldError};
use crate::engine::selection::{Selected, Selection};
use crate::engine::structured::{self, NoObjects};
use crate::engine::style;
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::lint::Rules;
use crate::logging;
use crate::session::{self, Location, Opened, SessionError};
use crate::text::{counted, thousands};
use run::Finished;

/// What a run does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Describe {
        /// Records with a candidate of another model or prompt, too.
        again: bool,
    },
    /// Compares the caption with the image.
    Verify {
        /// Captions that have a verdict, too.
        again: bool,
    },
}

impl Task {
    pub(super) const fn is_verification(self) -> bool {
        matches!(self, Self::Verify { .. })
    }

    /// Returns true if the model decides which records are done already.
    const fn depends_on_model(self) -> bool {
        matches!(self, Self::Describe { again: true } | Self::Verify { .. })
    }

    /// Returns the verb for messages, and its past participle.
    pub(super) const fn verb(self) -> (&'static str, &'static str) {
        match self {
            Self::Describe { .. } => ("describe", "described"),
            Self::Verify { .. } => ("verify", "verified"),
        }
    }
}

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent options of the command line")]
pub struct GenerateOptions {
    pub task: Task,
    /// A `.jsonl` file, or a folder with a `metadata.jsonl`.
    pub path: PathBuf,
    pub open: OpenOptions,
    /// The session's file, if not beside the dataset.
    pub session: Option<PathBuf>,
    pub describer: Arc<dyn Describer>,
    pub rules: Rules,
    pub selection: Selection,
    pub dry_run: bool,
    /// Consent to the cost.
    pub yes: bool,
    /// A known estimate up to this needs no consent.
    pub confirm_above: Dollars,
    /// A limit, and consent to spend up to it.
    pub budget: Option<Dollars>,
    /// Accept clean candidates.
    pub accept: bool,
    /// Write the updated dataset at the end.
    pub save: bool,
    pub output: Option<PathBuf>,
    pub in_place: bool,
    /// Overwrite an existing target.
    pub force: bool,
    pub json: bool,
    /// Standard input and error are terminals: ask for consent, and show a bar.
    pub terminal: bool,
    /// The log's path, if not beside the session, and its level.
    pub log: (Option<PathBuf>, LogLevel),
}

impl GenerateOptions {
    fn select(&self, dataset: &Dataset, opened: &Opened) -> Result<Selected, DatasetError> {
        let Self { selection, describer, rules, .. } = self;
        let ledger = &opened.ledger;
        let waiting = opened.waiting(self.task.is_verification());
        let selection = Selection { waiting, ..selection.clone() };
        match self.task {
            Task::Describe { again: false } => selection.select(dataset, ledger, describer.name(), rules),
            Task::Describe { again: true } => {
                selection.select_again(dataset, ledger, (describer.name(), describer.version().as_ref()), rules)
            }
            Task::Verify { again } => {
                selection.select_unverified(dataset, ledger, describer.version().as_ref(), again, rules)
            }
        }
    }

    fn saving(&self) -> SaveOptions {
        SaveOptions {
            input: Input { dataset: self.path.clone(), reading: self.open.clone(), session: self.session.clone() },
            output: self.output.clone(),
            in_place: self.in_place,
            force: self.force,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Prompt(#[from] FieldError),
    #[error(transparent)]
    NoObjects(#[from] NoObjects),
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The output would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    /// The decisions of another session could not be taken over.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Another process writes the session.
    #[error("{0}")]
    InUse(String),
    #[error("about {cost} for {records}: use --yes, or set a limit with --budget {limit}")]
    NoConsent {
        cost: Dollars,
        records: String,
        /// A budget that would be enough.
        limit: String,
    },
    #[error(
        "the price of {records} is unknown (about {input} tokens in, {output} out): use --yes, or make it known: {remedy}"
    )]
    UnknownPrice { records: String, input: String, output: String, remedy: String },
    #[error("--budget needs the price of the model, which is unknown: {remedy}")]
    UnpricedBudget { remedy: String },
    #[error("cancelled: nothing was {done}")]
    Declined {
        /// "described"
        done: &'static str,
    },
    #[error("{0}")]
    System(#[from] io::Error),
    #[error("described, but not saved: {0}")]
    NotSaved(#[from] SaveError),
}

impl GenerateError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Merge(error) => error.exit_code(),
            Self::Dataset(_)
            | Self::Prompt(_)
            | Self::NoObjects(_)
            | Self::NoConsent { .. }
            | Self::UnknownPrice { .. }
            | Self::UnpricedBudget { .. }
            | Self::Declined { .. } => ExitCode::Usage,
            Self::IsInput(_) | Self::Session(_) | Self::InUse(_) | Self::System(_) | Self::NotSaved(_) => {
                ExitCode::Write
            }
        }
    }
}

/// Describes the selected records. Prints the result to `out` and progress to standard error.
///
/// # Errors
/// Returns an error if nothing was described or the result could not be saved. Failed records are not an error; the exit
/// code reports them.
pub fn run(options: &GenerateOptions, out: &mut Console<'_>) -> Result<ExitCode, GenerateError> {
    let dataset = Dataset::open(&options.path, &options.open)?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let rules = style::settled(&dataset, &options.rules)?.into_owned();
    let options = &GenerateOptions { rules, ..options.clone() };
    if let Task::Describe { .. } = options.task {
        let (describer, rules) = (&options.describer, &options.rules);
        structured::check_describer(describer.name(), describer.writes_objects(), rules)?;
    }
    request::check_fields(&dataset, options.describer.as_ref())?;
    let location = Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref())?;
    let mut inputs = Inputs::of(&dataset, &location);
    if let (Some(log), _) = &options.log {
        inputs.add(log, "the log");
    }
    SaveTarget::new(&dataset, options.output.clone(), options.in_place).check(&inputs)?;
    if options.session.is_none() && !options.dry_run {
        merge::take_over(&dataset, &location)?.iter().try_for_each(|note| Console::stderr().message(note))?;
    }
    if options.dry_run {
        let opened = session::open_read_only(&location, &dataset)?;
        let unpriced = options.describer.estimate(None).is_some_and(|usage| usage.cost.amount().is_none());
        if unpriced || options.task.depends_on_model() {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(run::prepare(options));
        }
        let selected = options.select(&dataset, &opened)?;
        return Ok(print_plan(options, &dataset, &selected, out)?);
    }
    let log = logging::start_beside(&location, &Inputs::of(&dataset, &location), &options.log);
    if let Err(warning) = &log {
        let _ = Console::stderr().message(warning);
    }

    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let finished = workers.block_on(run::run(options, &dataset, &location));
    // Does not wait for a describer that is busy with an image.
    workers.shutdown_background();
    let Finished { tally, selected, ledger } = finished?;
    let total = selected.records.len() as u64;
    tracing::info!(
        described = tally.described,
        verified = tally.verified,
        failed = tally.failed(),
        cost = %tally.usage.cost,
        "run finished"
    );
    if let Task::Verify { .. } = options.task {
        return verify::print(options, &dataset, &ledger, &selected, &tally, out);
    }
    let name = |record: RecordId| match dataset.entry(record) {
        Ok(Entry::Record(line)) => line.file_name,
        _ => format!("record {}", record.0 + 1),
    };
    if options.json {
        tally.print_json(total, name, out)?;
    } else {
        print_left_out(&selected)?;
        tally.print(total, &options.path, name, out)?;
    }
    let saved = if options.save {
        save::run(&options.saving(), &mut Console::stderr(), &mut Console::stderr())?
    } else {
        ExitCode::Done
    };
    Ok(if tally.exit_code() == ExitCode::Done { saved } else { tally.exit_code() })
}

/// Prints the numbers of records that were left out to standard error.
pub(super) fn print_left_out(selected: &Selected) -> io::Result<()> {
    let records = |number| counted(number, "record", "records");
    if selected.without_picture > 0 {
        writeln!(Console::stderr(), "{} left out: the image is missing", records(selected.without_picture))?;
    }
    if selected.other_captions > 0 {
        writeln!(Console::stderr(), "{} left out: {OTHER_CAPTION}", records(selected.other_captions))?;
    }
    if selected.without_caption > 0 {
        writeln!(Console::stderr(), "{} left out: no caption to verify", records(selected.without_caption))?;
    }
    if selected.in_batch > 0 {
        writeln!(Console::stderr(), "{} left out: {IN_BATCH}", records(selected.in_batch))?;
    }
    if selected.unreadable > 0 {
        let left_out = counted(selected.unreadable, "line", "lines");
        writeln!(Console::stderr(), "{left_out} left out: not a record; `recaption check` lists them")?;
    }
    Ok(())
}

/// Why records are left out that wait for the result of a batch.
pub(super) const IN_BATCH: &str = "waiting for a batch job (`recaption batch status`)";

/// Why records are left out whose captions are arrays, objects, numbers or booleans.
pub(super) const OTHER_CAPTION: &str = "the caption is not a string (--caption-field chooses another field)";

fn print_plan(
    options: &GenerateOptions,
    dataset: &Dataset,
    selected: &Selected,
    out: &mut Console<'_>,
) -> io::Result<ExitCode> {
    let records = selected.records.len() as u64;
    let cost = consent::estimate(options, dataset, &selected.records, records);
    if options.json {
        let terms = options.describer.terms();
        let mut plan = serde_json::json!({
            "selected": records,
            "without_picture": selected.without_picture,
            "unreadable": selected.unreadable,
            "other_captions": selected.other_captions,
            "in_batch": selected.in_batch,
            "input_tokens": cost.map(|usage| usage.tokens.input),
            "output_tokens": cost.map(|usage| usage.tokens.output),
            "cost_usd": cost.map(|usage| usage.cost),
            "model": terms.as_ref().map(|terms| &terms.model),
            "account": terms.as_ref().and_then(|terms| terms.account.as_ref()?.id.as_ref()),
            "price": terms.as_ref().and_then(|terms| terms.price.as_ref().ok()),
        });
        if options.task.is_verification() {
            plan["without_caption"] = selected.without_caption.into();
            plan["already_verified"] = selected.verified.len().into();
        }
        out.json(&plan)?;
        return out.flush().map(|()| ExitCode::Done);
    }
    let (verb, _) = options.task.verb();
    writeln!(out, "would {verb} {} with {}", counted(records, "record", "records"), options.describer.name())?;
    if let Some(Usage { tokens, cost }) = cost {
        let (input, output) = (thousands(tokens.input), thousands(tokens.output));
        writeln!(out, "  about {input} tokens in, {output} out: {}", cost.summary())?;
        if let Some(terms) = options.describer.terms() {
            out.message(format_args!("  {terms}"))?;
        }
    }
    if selected.without_picture > 0 {
        writeln!(out, "  left out, no image: {}", selected.without_picture)?;
    }
    if !selected.verified.is_empty() {
        writeln!(out, "  left out, verified before with this model and prompt: {} (--again)", selected.verified.len())?;
    }
    if selected.without_caption > 0 {
        writeln!(out, "  left out, no caption: {}", selected.without_caption)?;
    }
    if selected.unreadable > 0 {
        writeln!(out, "  left out, invalid line: {}", selected.unreadable)?;
    }
    if selected.in_batch > 0 {
        writeln!(out, "  left out, {IN_BATCH}: {}", selected.in_batch)?;
    }
    if selected.other_captions > 0 {
        writeln!(out, "  left out, {OTHER_CAPTION}: {}", selected.other_captions)?;
    }
    out.flush().map(|()| ExitCode::Done)
}
