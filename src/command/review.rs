//! `recaption review`: opens the reviewer.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum as _;
use tokio::sync::mpsc::unbounded_channel;

use super::Input;
use super::describer::DescriberError;
use super::export::{self, ExportError, ExportOptions, TextFiles};
use super::merge;
use crate::cli::Format;
use crate::config::{DescriberChoice, LogLevel};
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError, OpenOptions};
use crate::describe::{Describer, Dollars, LOCAL};
use crate::engine::request::{self, FieldError};
use crate::engine::{BatchService, CandidateFile, EngineOptions, SaveTarget};
use crate::inputs::{Inputs, IsInput};
use crate::lint::Rules;
use crate::logging;
use crate::remote_folder;
use crate::review::{ChosenDescriber, ExportRequest, Leaving, Model, Msg, Settings, VerifierSettings};
use crate::runtime::{self, DescriberService, ExportService, Runtime, Services};
use crate::session::{Location, SampleRequest, SessionError};
use crate::text::counted;
use crate::tui;

/// Sets up another describer during a review, with another model than the configured one if it is given.
pub type Describers =
    Arc<dyn Fn(DescriberChoice, Option<String>) -> Result<Option<Arc<dyn Describer>>, DescriberError> + Send + Sync>;

#[expect(clippy::struct_excessive_bools, reason = "independent options of the command line")]
pub struct ReviewOptions {
    /// A `.jsonl` file, or a folder with a `metadata.jsonl`.
    pub path: PathBuf,
    pub open: OpenOptions,
    /// The session file; by default the one beside the dataset.
    pub session: Option<PathBuf>,
    pub read_only: bool,
    /// The output of an earlier run, whose captions become candidates.
    pub candidates: Option<CandidateFile>,
    /// Where to save; by default beside the dataset.
    pub output: Option<PathBuf>,
    /// Save over the dataset itself.
    pub in_place: bool,
    /// Overwrite without asking.
    pub force: bool,
    pub describer: Option<Arc<dyn Describer>>,
    pub describers: Describers,
    /// Describers are set up to write JSON objects.
    pub writes_objects: bool,
    /// The verifier, or why there is none.
    pub verifier: Result<Arc<dyn Describer>, String>,
    /// Verify each new candidate.
    pub verify_new: bool,
    /// Sets up the access to batch jobs.
    pub batch: BatchService,
    pub rules: Rules,
    /// Allow line breaks in captions.
    pub line_breaks: bool,
    /// Review a random sample: a spot check.
    pub sample: Option<SampleRequest>,
    pub reviewer: String,
    /// Number of records to describe ahead of the cursor.
    pub ahead: usize,
    /// `ahead` was set by the user, so its cost needs no confirmation.
    pub ahead_agreed: bool,
    /// Describing all records in view needs confirmation if it is expected to cost more.
    pub confirm_above: Dollars,
    /// The log file, by default beside the session, and the log level.
    pub log: (Option<PathBuf>, LogLevel),
    pub screen: tui::Options,
}

#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Prompt(#[from] FieldError),
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The output would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    /// The terminal failed, or threads could not be started.
    #[error("cannot use the terminal: {0}")]
    Terminal(#[from] std::io::Error),
}

/// The summary printed after the review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    ended: tui::Ended,
    session: PathBuf,
    output: PathBuf,
}

impl Closing {
    /// Prints where the decisions and the output are, and the command that continues the review. Prints nothing if nothing
    /// was ever done.
    ///
    /// # Errors
    /// Returns an error if writing fails.
    pub fn print(&self, invocation: &str, out: &mut Console<'_>) -> io::Result<()> {
        let Self { ended, session, output } = self;
        if !ended.is_begun {
            return Ok(());
        }
        let records = counted(ended.records, "record", "records");
        out.message(format_args!("{} of {records} reviewed; session: {}", ended.reviewed, session.display()))?;
        let output = remote_folder::with_urls(&output.display().to_string());
        if ended.is_unsaved {
            out.message(format_args!("output: not saved yet; ^s in the reviewer writes {output}"))?;
        } else if ended.is_saved {
            out.message(format_args!("output: {output}"))?;
        }
        out.message(format_args!("continue: {invocation}"))?;
        out.flush()
    }
}

/// Runs the reviewer until the operator quits. Opens the dataset again as often as the operator asks for it.
///
/// # Errors
/// Returns an error if the dataset cannot be opened, if there is no place for its session, or if the terminal fails.
pub fn run(options: &ReviewOptions) -> Result<Closing, ReviewError> {
    let mut opened = open(options)?;
    let log = logging::start_beside(&opened.session, &Inputs::of(&opened.dataset, &opened.session), &options.log);
    let mut warning = log.as_ref().err().map(ToString::to_string);
    if !options.read_only && options.session.is_none() {
        match merge::take_over(&opened.dataset, &opened.session) {
            Ok(notes) => warning = warning.or((!notes.is_empty()).then(|| notes.join("; "))),
            Err(error) => warning = Some(format!("{error}; recaption merge takes over the decisions of one field")),
        }
    }
    // One runtime for all reviews: the connections of a describer belong to it.
    let workers = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let closing = workers.block_on(async {
        let mut signals = tui::prepare()?;
        loop {
            let closing = review(options, opened, warning.take(), &mut signals).await?;
            if closing.ended.leaving != Some(Leaving::Reopen) {
                return Ok(closing);
            }
            if let Some((folder, _)) = remote_folder::find(&options.path) {
                // The copy is complete, only older.
                warning = folder.refresh().err();
            }
            opened = open(options)?;
        }
    });
    // Do not wait for a describer that is busy with an image.
    workers.shutdown_background();
    drop(log);
    closing
}

/// A dataset, its session and its output.
struct Opened {
    dataset: Dataset,
    session: Location,
    target: SaveTarget,
}

fn open(options: &ReviewOptions) -> Result<Opened, ReviewError> {
    let dataset = Dataset::open(&options.path, &options.open)?;
    for describer in options.describer.iter().chain(&options.verifier) {
        request::check_fields(&dataset, describer.as_ref())?;
    }
    let session = Location::find(dataset.path(), dataset.caption_field(), options.session.as_deref())?;
    let target = SaveTarget::new(&dataset, options.output.clone(), options.in_place);
    let mut inputs = Inputs::of(&dataset, &session);
    if let Some(candidates) = &options.candidates {
        inputs.add(&candidates.path, "the file of candidates");
    }
    if let (Some(log), _) = &options.log {
        inputs.add(log, "the log");
    }
    target.check(&inputs)?;
    Ok(Opened { dataset, session, target })
}

/// Runs one review, until the operator quits or asks to open the dataset again.
async fn review(
    options: &ReviewOptions,
    opened: Opened,
    warning: Option<String>,
    signals: &mut tui::Signals,
) -> Result<Closing, ReviewError> {
    let Opened { dataset, session, target } = opened;
    let closing =
        Closing { ended: tui::Ended::default(), session: session.file().to_owned(), output: target.path.clone() };
    let describer = options.describer.clone();
    let mut model = Model::new(Settings {
        dataset: dataset.name().to_owned(),
        describer: describer.as_ref().map(|describer| describer.name().to_owned()),
        writes_objects: options.writes_objects,
        levels_of_detail: describer.as_ref().is_some_and(|describer| describer.name() == LOCAL),
        rules: options.rules.clone(),
        ahead: options.ahead,
        price: describer.as_ref().and_then(|describer| describer.estimate(None)),
        ahead_agreed: options.ahead_agreed,
        confirm_above: options.confirm_above,
        keep_line_breaks: options.line_breaks,
        sample: options.sample.clone(),
        verifier: options.verifier.as_ref().ok().map(|verifier| VerifierSettings {
            name: verifier.name().to_owned(),
            version: verifier.version(),
            price: verifier.estimate(None),
            auto: options.verify_new,
        }),
        no_verifier: options.verifier.as_ref().err().cloned().unwrap_or_default(),
        output: remote_folder::with_urls(&target.path.display().to_string()),
    });
    let (sender, messages) = unbounded_channel();
    let remembered = runtime::remembered_panes();
    let warnings = warning.into_iter().chain(remembered.as_ref().err().cloned());
    // Cannot fail: the receiver exists.
    warnings.for_each(|warning| _ = sender.send(Msg::Notice(warning)));
    model.panes = remembered.unwrap_or_default();
    let services = Services {
        describer: describer_service(options, &dataset),
        export: export_service(options),
        batch: Arc::clone(&options.batch),
    };
    let engine = EngineOptions {
        dataset,
        session,
        read_only: options.read_only,
        describer,
        verifier: options.verifier.as_ref().ok().cloned(),
        rules: options.rules.clone(),
        target,
        candidates: options.candidates.clone(),
        sample: options.sample.clone(),
        reviewer: Some(options.reviewer.clone()),
    };
    let runtime = Runtime::new(engine, options.force, services, sender);
    let running = Box::pin(tui::run(model, options.screen.clone(), runtime, messages, signals));
    let ended = running.await.map_err(|error| match error {
        tui::RunError::Session(error) => ReviewError::from(error),
        tui::RunError::Terminal(error) => error.into(),
    })?;
    Ok(Closing { ended, ..closing })
}

fn describer_service(options: &ReviewOptions, dataset: &Dataset) -> DescriberService {
    let (describers, dataset) = (Arc::clone(&options.describers), dataset.clone());
    Arc::new(move |name, model| {
        let choice = DescriberChoice::from_str(name, false)?;
        let describer = describers(choice, model).map_err(|error| error.to_string())?;
        if let Some(describer) = &describer {
            request::check_fields(&dataset, describer.as_ref()).map_err(|error| error.to_string())?;
        }
        Ok(ChosenDescriber(describer))
    })
}

fn export_service(options: &ReviewOptions) -> ExportService {
    let (dataset, reading) = (options.path.clone(), options.open.clone());
    let input = Input { dataset, reading, session: options.session.clone() };
    Arc::new(move |request| export(&input, request))
}

/// Exports what the session has stored, as `recaption export` does, and returns what that prints in one line.
fn export(input: &Input, request: ExportRequest) -> Result<String, String> {
    let ExportRequest { format, path, force } = request;
    let to = Format::from_str(format, false)?;
    let path = match (path, to) {
        // Beside the images.
        (None, Format::Txt) => None,
        (None, _) => {
            let dataset = Dataset::open(&input.dataset, &input.reading).map_err(|error| error.to_string())?;
            Some(dataset.beside(&format!("_export{}", to.suffix())))
        }
        (path, _) => path,
    };
    let options = ExportOptions {
        input: input.clone(),
        to,
        output: path,
        only: Vec::new(),
        split: None,
        texts: TextFiles::default(),
        images: None,
        safe_csv: false,
        force,
        progress: false,
    };
    let (mut out, mut notes) = (Vec::new(), Vec::new());
    let exported = export::run(&options, &mut Console::new(&mut out), &mut Console::new(&mut notes));
    exported.map_err(|error| match error {
        ExportError::Exists { path, others } => {
            format!("{}; :export! overwrites", export::existing(&path, others))
        }
        error => error.to_string(),
    })?;
    let printed = [out, notes].concat();
    let lines: Vec<String> = String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect();
    Ok(lines.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::fixture::World;
    use crate::config::Theme;
    use crate::review::{DESCRIBERS, FORMATS, THEMES};

    fn printed(ended: tui::Ended) -> String {
        let closing =
            Closing { ended, session: "a/.recaption/set.sqlite".into(), output: "a/set_updated.jsonl".into() };
        let mut out = Vec::new();
        closing.print("recaption a", &mut Console::new(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_place_of_everything_is_printed_after_a_review() {
        let ended = tui::Ended {
            records: 9,
            reviewed: 4,
            is_begun: true,
            is_saved: false,
            is_unsaved: true,
            leaving: Some(Leaving::Quit),
        };
        assert_eq!(
            printed(ended),
            "4 of 9 records reviewed; session: a/.recaption/set.sqlite\n\
             output: not saved yet; ^s in the reviewer writes a/set_updated.jsonl\n\
             continue: recaption a\n"
        );
        let saved = printed(tui::Ended { is_saved: true, is_unsaved: false, ..ended });
        assert!(saved.contains("\noutput: a/set_updated.jsonl\n"), "{saved}");
        assert_eq!(printed(tui::Ended { is_begun: false, ..ended }), "");
    }

    #[test]
    fn the_words_of_the_command_line_are_those_of_the_options() {
        fn names<T: clap::ValueEnum>() -> Vec<String> {
            let names = T::value_variants().iter().filter_map(T::to_possible_value);
            names.map(|value| value.get_name().to_owned()).collect()
        }
        assert_eq!(names::<DescriberChoice>(), DESCRIBERS);
        assert_eq!(names::<Theme>(), THEMES);
        assert_eq!(names::<Format>(), FORMATS);
    }

    #[test]
    fn an_export_overwrites_nothing_unless_it_is_forced() {
        let world = World::new("{\"file_name\": \"a.jpg\", \"text\": \"A coat.\"}\n");
        let request = |force| ExportRequest { format: "csv", path: None, force };
        let summary = export(&world.input(), request(false)).unwrap();
        assert!(summary.contains("metadata_export.csv: 1 record"), "{summary}");
        assert!(world.read("metadata_export.csv").contains("A coat."));
        world.write("metadata_export.csv", "mine");
        let refused = export(&world.input(), request(false)).unwrap_err();
        assert!(refused.ends_with("metadata_export.csv: already exists; :export! overwrites"), "{refused}");
        assert_eq!(world.read("metadata_export.csv"), "mine");
        export(&world.input(), request(true)).unwrap();
        assert!(world.read("metadata_export.csv").contains("A coat."));
    }
}
