//! `recaption generate PATH`: describes every record that needs it, without a screen. What it makes are candidates in
//! the session, to be reviewed; with `--accept`, those without a finding are accepted by the run.

mod progress;
mod run;
mod tally;

use std::io::{self, BufRead as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::tally::{Stopped, Tally};
use super::input::Input;
use super::save::{self, SaveError, SaveOptions};
use crate::config::LogLevel;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, Entry, OpenOptions, RecordId};
use crate::describe::{Describer, Dollars, Usage};
use crate::engine::selection::{Selected, Selection};
use crate::exit::ExitCode;
use crate::lint::Rules;
use crate::logging;
use crate::session::{self, Location, SessionError};
use crate::text::{counted, thousands};
use run::Finished;

/// Pictures whose size is looked at for the estimate.
const LOOKED_AT: usize = 200;

/// What `generate` was asked for.
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct GenerateOptions {
    /// A `.jsonl` file, or a folder with a `metadata.jsonl`.
    pub path: PathBuf,
    /// How to read it.
    pub open: OpenOptions,
    /// Where its session is kept, if not beside it.
    pub session: Option<PathBuf>,
    /// Who writes captions.
    pub describer: Arc<dyn Describer>,
    /// The most words a caption may have.
    pub rules: Rules,
    /// Which records.
    pub selection: Selection,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// Spend without asking.
    pub yes: bool,
    /// What may be spent without a question.
    pub confirm_above: Dollars,
    /// What the run may cost: agreement to spend that much.
    pub budget: Option<Dollars>,
    /// Accept what has no finding.
    pub accept: bool,
    /// Write the updated dataset in the end.
    pub save: bool,
    /// Where to, if not beside the dataset.
    pub output: Option<PathBuf>,
    /// Over the dataset itself.
    pub in_place: bool,
    /// Over whatever is there.
    pub force: bool,
    /// The table at the end as JSON.
    pub json: bool,
    /// Somebody is there to answer, and to watch a bar.
    pub terminal: bool,
    /// Where to log, if not beside the session, and how much.
    pub log: (Option<PathBuf>, LogLevel),
}

impl GenerateOptions {
    /// What saving afterwards is to do.
    fn saving(&self) -> SaveOptions {
        SaveOptions {
            input: Input { dataset: self.path.clone(), reading: self.open.clone(), session: self.session.clone() },
            output: self.output.clone(),
            in_place: self.in_place,
            force: self.force,
        }
    }
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The dataset cannot be opened or read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The session cannot be opened or written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Another process writes the session.
    #[error("{0}")]
    InUse(String),
    /// It would cost more than may be spent unasked.
    #[error("about {cost} for {records}: say --yes, or set a limit with --budget {limit}")]
    Unagreed {
        /// The estimate.
        cost: Dollars,
        /// How many records.
        records: String,
        /// A limit that would do.
        limit: String,
    },
    /// It was answered with no.
    #[error("nothing was described")]
    Declined,
    /// The terminal, the signals or the threads to work with failed.
    #[error("{0}")]
    System(#[from] io::Error),
    /// Everything is described, but the updated dataset was not written.
    #[error("described, but not saved: {0}")]
    NotSaved(#[from] SaveError),
}

impl GenerateError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Dataset(_) | Self::Unagreed { .. } | Self::Declined => ExitCode::Usage,
            Self::Session(_) | Self::InUse(_) | Self::System(_) | Self::NotSaved(_) => ExitCode::Write,
        }
    }
}

/// Describes. `out` gets the table at the end, standard error the progress.
///
/// # Errors
/// When nothing was described, or what was described could not be saved. What a run does and does not get done is no
/// error: its [`Tally`] says it.
pub fn run(options: &GenerateOptions, out: &mut Console<'_>) -> Result<ExitCode, GenerateError> {
    let dataset = Dataset::open(&options.path, &options.open)?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let location = Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref())?;
    let rules = &options.rules;
    if options.dry_run {
        let ledger = session::open_read_only(&location, &dataset)?.ledger;
        let selected = options.selection.select(&dataset, &ledger, rules)?;
        return Ok(say_plan(options, &dataset, &selected, out)?);
    }
    let log = logging::start_beside(&location, &options.log);
    if let Err(warning) = &log {
        let _ = Console::stderr().message(warning);
    }

    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let finished = workers.block_on(run::run(options, &dataset, &location));
    // Does not wait for a describer that is busy with an image.
    workers.shutdown_background();
    let Finished { tally, selected } = finished?;
    let total = selected.records.len() as u64;
    tracing::info!(described = tally.described, failed = tally.failed(), cost = %tally.usage.cost, "run finished");
    let name = |record: RecordId| match dataset.entry(record) {
        Ok(Entry::Record(line)) => line.file_name,
        _ => format!("record {}", record.0 + 1),
    };
    if options.json {
        tally.print_json(total, name, out)?;
    } else {
        if selected.without_picture > 0 {
            let left_out = counted(selected.without_picture, "record", "records");
            writeln!(Console::stderr(), "{left_out} left out: the picture is missing")?;
        }
        tally.print(total, &options.path, name, out)?;
    }
    if options.save {
        save::run(&options.saving(), &mut Console::stderr(), &mut Console::stderr())?;
    }
    Ok(tally.exit_code())
}

/// What a run would do.
fn say_plan(
    options: &GenerateOptions,
    dataset: &Dataset,
    selected: &Selected,
    out: &mut Console<'_>,
) -> io::Result<ExitCode> {
    let records = selected.records.len() as u64;
    let cost = estimate(options, dataset, selected);
    if options.json {
        let plan = serde_json::json!({
            "selected": records,
            "without_picture": selected.without_picture,
            "unreadable": selected.unreadable,
            "input_tokens": cost.map(|usage| usage.tokens.input),
            "output_tokens": cost.map(|usage| usage.tokens.output),
            "cost_usd": cost.map(|usage| usage.cost.exact()),
        });
        out.json(&plan)?;
        return out.flush().map(|()| ExitCode::Done);
    }
    writeln!(out, "would describe {} with {}", counted(records, "record", "records"), options.describer.name())?;
    if let Some(Usage { tokens, cost }) = cost {
        let (input, output) = (thousands(tokens.input), thousands(tokens.output));
        writeln!(out, "  about {input} tokens in, {output} out: {cost}")?;
    }
    if selected.without_picture > 0 {
        writeln!(out, "  left out, the picture is missing: {}", selected.without_picture)?;
    }
    if selected.unreadable > 0 {
        writeln!(out, "  left out, the line cannot be read: {}", selected.unreadable)?;
    }
    out.flush().map(|()| ExitCode::Done)
}

/// What the run is expected to cost: the mean of some pictures of the selection, by their sizes.
fn estimate(options: &GenerateOptions, dataset: &Dataset, selected: &Selected) -> Option<Usage> {
    options.describer.estimate(None)?;
    let records = &selected.records;
    let step = records.len().div_ceil(LOOKED_AT).max(1);
    let mut sum = Usage::default();
    let mut looked_at = 0;
    for record in records.iter().step_by(step) {
        let size = match dataset.entry(*record) {
            Ok(Entry::Record(line)) => dataset.picture_path(&line.file_name).ok(),
            _ => None,
        };
        let size = size.and_then(|path| image::image_dimensions(path).ok());
        let usage = options.describer.estimate(size).unwrap_or_default();
        sum.tokens += usage.tokens;
        sum.cost += usage.cost;
        looked_at += 1;
    }
    let scaled = |sum: u64| match u128::from(sum) * records.len() as u128 / u128::from(looked_at.max(1_u64)) {
        amount if amount > u128::from(u64::MAX) => u64::MAX,
        #[expect(clippy::cast_possible_truncation, reason = "the arm above has what would not fit")]
        amount => amount as u64,
    };
    sum.tokens.input = scaled(sum.tokens.input);
    sum.tokens.output = scaled(sum.tokens.output);
    sum.cost = Dollars::from_billionths(scaled(sum.cost.billionths()));
    Some(sum)
}

/// Sees to it that the money may be spent.
fn agree(options: &GenerateOptions, dataset: &Dataset, selected: &Selected) -> Result<(), GenerateError> {
    let Some(usage) = estimate(options, dataset, selected) else { return Ok(()) };
    let records = counted(selected.records.len() as u64, "record", "records");
    if options.yes || options.budget.is_some() || usage.cost <= options.confirm_above {
        return Ok(());
    }
    if !options.terminal {
        let limit = (usage.cost + usage.cost).exact();
        return Err(GenerateError::Unagreed { cost: usage.cost, records, limit });
    }
    let mut errors = Console::stderr();
    write!(errors, "describe {records} for about {}? [y/N] ", usage.cost)?;
    errors.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(GenerateError::Declined),
    }
}
