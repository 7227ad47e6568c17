//! `recaption review`: the dataset, its session and the describer put together, and the screen opened on them.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;

use crate::config::LogLevel;
use crate::dataset::{Dataset, DatasetError, OpenOptions};
use crate::describe::{Describer, Dollars};
use crate::engine::{EngineOptions, SaveTarget};
use crate::lint::Rules;
use crate::logging;
use crate::review::{Model, Msg, Settings};
use crate::runtime::Runtime;
use crate::session::{Location, SampleRequest, SessionError};
use crate::tui;

/// What to review, and how.
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct ReviewOptions {
    /// A `.jsonl` file, or a folder with a `metadata.jsonl`.
    pub path: PathBuf,
    /// How to read it.
    pub open: OpenOptions,
    /// Where its session is kept, if not beside it.
    pub session: Option<PathBuf>,
    /// Look, but decide nothing.
    pub read_only: bool,
    /// The output of an older run, whose captions are taken in as candidates.
    pub candidates: Option<PathBuf>,
    /// Where the updated dataset goes, if not beside the dataset.
    pub output: Option<PathBuf>,
    /// Write it over the dataset itself.
    pub in_place: bool,
    /// Overwrite without asking.
    pub force: bool,
    /// Who writes captions.
    pub describer: Option<Arc<dyn Describer>>,
    /// What captions are held against.
    pub rules: Rules,
    /// Whether line breaks in captions are kept.
    pub line_breaks: bool,
    /// The sample to be judged, where this is a spot check.
    pub sample: Option<SampleRequest>,
    /// Who reviews.
    pub reviewer: String,
    /// How many records are described ahead of the operator.
    pub ahead: usize,
    /// Whether the operator's own settings ask for that, so that it need not be agreed to what it costs.
    pub ahead_agreed: bool,
    /// Describing all in view is asked about where it is expected to cost more.
    pub confirm_above: Dollars,
    /// Where to log, if not beside the session, and how much.
    pub log: (Option<PathBuf>, LogLevel),
    /// The screen.
    pub screen: tui::Options,
}

/// Why there is no review.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// The dataset cannot be opened.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// There is no place for its session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The terminal, or the threads to work with, failed.
    #[error("the terminal cannot be used: {0}")]
    Terminal(#[from] std::io::Error),
}

/// Reviews until the operator leaves.
///
/// # Errors
/// Where the dataset cannot be opened, its session has no place, or the terminal fails.
pub fn run(options: ReviewOptions) -> Result<(), ReviewError> {
    let dataset = Dataset::open(&options.path, &options.open)?;
    let session = Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref())?;
    let max_words = options.rules.max_words;
    let settings = Settings {
        dataset: dataset.name().to_owned(),
        describer: options.describer.as_ref().map(|describer| describer.name().to_owned()),
        rules: options.rules,
        ahead: options.ahead,
        price: options.describer.as_ref().and_then(|describer| describer.estimate(None)),
        ahead_agreed: options.ahead_agreed,
        confirm_above: options.confirm_above,
        keep_line_breaks: options.line_breaks,
        sample: options.sample.clone(),
    };
    let log = logging::start_beside(&session, &options.log);
    let target = SaveTarget::new(&dataset, options.output, options.in_place);
    let (sender, messages) = unbounded_channel();
    if let Err(warning) = &log {
        // The channel has just been made: somebody listens.
        let _ = sender.send(Msg::Notice(warning.to_string()));
    }
    let engine = EngineOptions {
        dataset,
        session,
        read_only: options.read_only,
        describer: options.describer,
        max_words,
        target,
        candidates: options.candidates,
        sample: options.sample,
        reviewer: Some(options.reviewer),
    };
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let result = workers.block_on(async {
        let runtime = Runtime::new(engine, options.force, sender);
        tui::run(Model::new(settings), options.screen, runtime, messages).await
    });
    // A describer in the middle of a picture must not hold up the end.
    workers.shutdown_background();
    drop(log);
    Ok(result?)
}
