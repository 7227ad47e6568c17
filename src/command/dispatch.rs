//! From arguments to commands: resolves the settings once, runs the command, and maps its result to an exit code.

use std::cell::RefCell;
use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory as _;
use etcetera::BaseStrategy as _;

use super::batch::{self, BatchError, CollectOptions, JobOptions, StatusOptions, Storage, SubmitOptions};
use super::check::{self, CheckError, CheckOptions};
use super::config::{self, ConfigOptions};
use super::demo::{self, DemoError};
use super::describer::{self, DescriberError, DescriberSetup};
use super::doctor::{self, DoctorOptions};
use super::export::{self, ExportError, ExportOptions, Split, TextFiles, Transfer};
use super::generate::{self, GenerateError, GenerateOptions, Task};
use super::init::{self, InitError, InitOptions, InitSource};
use super::merge::{self, MergeError, MergeOptions};
use super::review::{self, Describers, ReviewError, ReviewOptions};
use super::save::{self, SaveError, SaveOptions};
use super::show::{self, ShowError, ShowOptions};
use super::split::{self, SplitError, SplitOptions};
use super::stats::{self, StatsError, StatsMode, StatsOptions};
use super::{Input, answer, completions, man};
use crate::aws::S3UrlError;
use crate::cli::{
    BatchArgs, BatchCommand, BatchJobArgs, CheckArgs, Cli, Command, DatasetOptions, DemoArgs, DoctorArgs, ExportArgs,
    GenerateArgs, InitArgs, MergeArgs, NoDataset, ReviewArgs, RunOptions, SaveArgs, SessionOption, ShardsOption,
    ShowArgs, SplitArgs, StatsArgs, VerifyArgs,
};
use crate::config::{Config, ConfigError, ImageProtocol, Layers, Source};
use crate::console::{Console, ProgressBar, is_utf8_locale, no_colour};
use crate::dataset::{self, Dataset, DatasetError, OpenOptions};
use crate::describe::Describer;
use crate::describe::budget::Budget;
use crate::describe::catalogue::CatalogueError;
use crate::engine::batch::BatchAccess;
use crate::engine::selection::{Only, Sample, Selection};
use crate::engine::style;
use crate::engine::{BatchService, CandidateFile};
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::lint::{CaptionStyle, Language, Rules, Schema, SchemaError, StyleGuide, StyleGuideError, WordList};
use crate::mirror::{self, MirrorError, MirrorOptions};
use crate::preview::{Protocol, ProtocolChoice};
use crate::remote_folder;
use crate::session::{FILE, SampleRequest};
use crate::text;
use crate::tui::{self, Keymap, KeymapError};

/// Runs the command. Errors are printed to standard error.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    Run::resolve(&command).and_then(|run| run.perform(command)).unwrap_or_else(|failure| {
        // If standard error is closed, the message is lost with it.
        let message = remote_folder::with_urls(&failure.message);
        let _ = Console::stderr().message(format_args!("recaption: {message}"));
        failure.code
    })
}

/// The reason why a command failed, and its exit code.
struct Failure {
    message: String,
    code: ExitCode,
}

#[derive(Debug, thiserror::Error)]
#[error("reviewing needs a terminal; `recaption --help` lists the commands that work without one")]
struct NoTerminal;

#[derive(Debug, thiserror::Error)]
#[error("no describer (--describer none); use bedrock, openai or local")]
struct NoDescriber;

#[derive(Debug, thiserror::Error)]
#[error("current folder: {0}")]
struct NoCurrentFolder(io::Error);

#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
struct NoAnswer(io::Error);

/// What a URL of S3 cannot be.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{url}: outputs are local files; without -o, a dataset in a bucket is saved beside itself in the bucket")]
    Output { url: String },
    #[error(
        "--images {images}: give a local folder, or leave it out: images are found beside the dataset in the bucket"
    )]
    Images { images: String },
    #[error("{url}: only local images are shown; `aws s3 cp {url} .` copies it")]
    Show { url: String },
    #[error(
        "{url}: only local folders are converted; a dataset or a folder of images in a bucket is reviewed as it is (recaption {url})"
    )]
    Init { url: String },
}

/// Converts errors to failures with the given exit code.
macro_rules! exit_codes {
    ($($($type:ty)|+ => |$error:ident| $code:expr,)+) => {$($(
        impl From<$type> for Failure {
            fn from($error: $type) -> Self {
                Self { code: $code, message: $error.to_string() }
            }
        }
    )+)+};
}

exit_codes! {
    BatchError | CheckError | ExportError | GenerateError | InitError | MergeError | SaveError | SplitError | StatsError =>
        |error| error.exit_code(),
    CatalogueError | ConfigError | DatasetError | DescriberError | KeymapError | NoAnswer | NoCurrentFolder | NoDataset | NoDescriber | NoTerminal | Refused | S3UrlError | SchemaError | StyleGuideError =>
        |error| ExitCode::Usage,
    IsInput => |error| ExitCode::Write,
    MirrorError => |error| match error {
        MirrorError::File { .. } | MirrorError::InUse { .. } | MirrorError::NoFolder => ExitCode::Write,
        _ if error.is_of_access() => ExitCode::Access,
        _ => ExitCode::Usage,
    },
    DemoError => |error| match error {
        DemoError::NoHome | DemoError::NotOurs { .. } | DemoError::Foreign { .. } | DemoError::Gone { .. } => {
            ExitCode::Usage
        }
        DemoError::File { .. } | DemoError::Write { .. } | DemoError::Session(_) => ExitCode::Write,
    },
    ReviewError => |error| match error {
        ReviewError::Dataset(_) | ReviewError::Prompt(_) | ReviewError::Terminal(_) => ExitCode::Usage,
        ReviewError::IsInput(_) | ReviewError::Session(_) => ExitCode::Write,
    },
    ShowError => |error| match error {
        ShowError::Output(_) => ExitCode::Write,
        _ => ExitCode::Usage,
    },
}

/// Maps the result of printing. A closed pipe is not an error: the reader has read enough.
fn printed(result: io::Result<ExitCode>) -> Result<ExitCode, Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::Done),
        Err(error) => Err(Failure { message: format!("cannot write output: {error}"), code: ExitCode::Write }),
        Ok(code) => Ok(code),
    }
}

/// Writes data for another program to standard output.
fn print_data(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<ExitCode, Failure> {
    let mut out = Console::stdout();
    printed(out.data_stream().and_then(|mut out| write(&mut *out)).map(|()| ExitCode::Done))
}

/// The resolved settings, and the options of commands derived from them.
struct Run {
    layers: Layers,
    config: Config,
    /// Of all requests of this run.
    budget: Budget,
    /// Standard output is a terminal.
    terminal: bool,
    /// The datasets in buckets that were opened: their URLs, and the paths of their copies.
    copied: RefCell<Vec<(Vec<String>, Vec<PathBuf>)>>,
}

impl Run {
    fn resolve(command: &Command) -> Result<Self, Failure> {
        let layers = Layers::load(command.settings()?)?;
        let config = layers.config()?;
        Ok(Self {
            budget: Budget::new(config.budget),
            config,
            layers,
            terminal: io::stdout().is_terminal(),
            copied: RefCell::default(),
        })
    }

    fn perform(self, command: Command) -> Result<ExitCode, Failure> {
        match command {
            Command::Review(args) => self.review(args),
            Command::Demo(args) => self.demo(&args),
            Command::Show(args) => self.show(args),
            Command::Generate(args) => self.generate(args),
            Command::Verify(args) => self.verify(args),
            Command::Batch(args) => self.batch(*args),
            Command::Save(args) => self.save(args),
            Command::Doctor(args) => self.doctor(args),
            Command::Check(args) => self.check(&args),
            Command::Stats(args) => self.stats(args),
            Command::Split(args) => self.split(args),
            Command::Merge(args) => self.merge(args),
            Command::Export(args) => self.export(args),
            Command::Init(args) => self.init(args),
            Command::Config(args) => {
                let options = ConfigOptions { json: args.json };
                let result = config::run(&self.layers, &self.config, options, &mut Console::stdout());
                printed(result.map(|()| ExitCode::Done))
            }
            Command::Completions { shell } => print_data(|out| completions::run(Cli::command(), shell, out)),
            Command::Man => print_data(|out| man::run(Cli::command(), out)),
        }
    }

    /// Returns the path of a dataset, which may be several Parquet files. One in a bucket is copied first.
    fn together(&self, dataset: &DatasetOptions, shards: &ShardsOption) -> Result<PathBuf, Failure> {
        let first = here(dataset)?;
        if !std::iter::once(&first).chain(shards.paths()).any(|path| mirror::is_url(path)) {
            mirror::check_path(&first)?;
            return Ok(shards.with(first)?);
        }
        let urls = std::iter::once(&first).chain(shards.paths()).map(|path| path.display().to_string()).collect();
        let mut paths = self.copied(urls, dataset)?;
        if paths.len() == 1 { Ok(paths.remove(0)) } else { Ok(dataset::together(&paths)?) }
    }

    /// Returns the path of a dataset. One in a bucket is copied first.
    fn path(&self, dataset: &DatasetOptions) -> Result<PathBuf, Failure> {
        self.local(here(dataset)?, dataset)
    }

    /// Returns a path as it is, or that of the copy if it is a URL.
    fn local(&self, path: PathBuf, dataset: &DatasetOptions) -> Result<PathBuf, Failure> {
        if !mirror::is_url(&path) {
            return Ok(path);
        }
        let copied = self.copied(vec![path.display().to_string()], dataset)?;
        Ok(copied.into_iter().next().unwrap_or(path))
    }

    /// Copies a dataset in a bucket, once in a run. Returns the paths of the copies.
    fn copied(&self, urls: Vec<String>, dataset: &DatasetOptions) -> Result<Vec<PathBuf>, Failure> {
        if let Some((_, paths)) = self.copied.borrow().iter().find(|(copied, _)| *copied == urls) {
            return Ok(paths.clone());
        }
        if let Some(images) = dataset.images.as_ref().filter(|images| mirror::is_url(images)) {
            let images = images.display().to_string();
            return Err(Refused::Images { images }.into());
        }
        let options = MirrorOptions {
            aws: describer::aws_options(&self.config),
            sidecar_extension: dataset.sidecar_ext.clone(),
            cache_bytes: self.config.s3.cache_bytes(),
        };
        let bar = ProgressBar::new(io::stderr().is_terminal());
        bar.restart("{spinner} {msg}", 0);
        let url = urls.first().map(String::as_str).unwrap_or_default();
        let borrowed: Vec<&str> = urls.iter().map(String::as_str).collect();
        let opened = mirror::open(&borrowed, &options, &mut |done| {
            bar.set_message(&format!("{url}: {done}"));
            bar.advance();
        });
        bar.clear();
        let mirror::Copied { paths, notes } = opened?;
        let mut errors = Console::stderr();
        for note in notes {
            // If standard error is closed, the note is lost with it.
            let _ = errors.message(note);
        }
        self.copied.borrow_mut().push((urls, paths.clone()));
        Ok(paths)
    }

    /// Checks that an output is a local file that replaces none of those that the settings come from.
    fn check_output(&self, output: Option<&PathBuf>) -> Result<(), Failure> {
        if let Some(url) = output.filter(|output| mirror::is_url(output)) {
            return Err(Refused::Output { url: url.display().to_string() }.into());
        }
        let mut inputs = Inputs::default();
        if let Some((path, _)) = self.layers.file() {
            inputs.add(path, "the settings");
            inputs.add(&path.with_file_name("keymap.toml"), "the keymap");
        }
        inputs.add(Path::new(&self.config.prompt), "the prompt");
        if let Some(guide) = &self.config.style_guide {
            inputs.add(guide, "the style guide");
        }
        if let Some(schema) = &self.config.schema {
            inputs.add(schema, "the schema");
        }
        Ok(output.map_or(Ok(()), |output| inputs.check_known(output))?)
    }

    fn review(&self, args: ReviewArgs) -> Result<ExitCode, Failure> {
        self.check_output(args.target.output.as_ref())?;
        let (path, open) = self.dataset(&args.dataset, self.together(&args.dataset, &args.shards)?)?;
        let check = args.spot_check;
        let sample = |size: u64| SampleRequest { size, seed: check.seed, by: check.by.clone(), blind: check.blind };
        open_screen(&ReviewOptions {
            session: args.session.file,
            read_only: args.read_only,
            candidates: args.candidates.map(|path| CandidateFile { path, describer: FILE }),
            output: args.target.output,
            in_place: args.target.in_place,
            force: args.target.force,
            sample: check.sample.map(|size| sample(size.get())),
            ..self.review_options(path, open, false)?
        })
    }

    fn demo(&self, args: &DemoArgs) -> Result<ExitCode, Failure> {
        let path = demo::prepare(args.dir.as_deref(), args.reset)?;
        open_screen(&ReviewOptions {
            candidates: demo::candidates(&path),
            ..self.review_options(path, OpenOptions::default(), true)?
        })
    }

    fn generate(&self, args: GenerateArgs) -> Result<ExitCode, Failure> {
        self.check_output(args.target.output.as_ref())?;
        let path = match args.input.clone() {
            Some(path) => self.local(path, &args.run.dataset)?,
            None => self.together(&args.run.dataset, &args.run.shards)?,
        };
        let objects = self.captions_are_objects(&path, &self.open_options(&args.run.dataset));
        let describer = self.describer(false, objects)?.ok_or(NoDescriber)?;
        let options = GenerateOptions {
            accept: args.accept,
            save: args.save,
            output: args.target.output,
            in_place: args.target.in_place,
            force: args.target.force,
            ..self.run_options(Task::Describe { again: args.again }, describer, args.run, args.only, args.input)?
        };
        Ok(generate::run(&options, &mut Console::stdout())?)
    }

    fn verify(&self, args: VerifyArgs) -> Result<ExitCode, Failure> {
        let verifier = DescriberSetup::verifier(&self.config, &self.budget)?;
        let task = Task::Verify { again: args.again };
        Ok(generate::run(&self.run_options(task, verifier, args.run, args.only, None)?, &mut Console::stdout())?)
    }

    fn batch(&self, args: BatchArgs) -> Result<ExitCode, Failure> {
        let out = &mut Console::stdout();
        Ok(match args.command {
            BatchCommand::Submit(args) => {
                let path = self.together(&args.run.dataset, &args.run.shards)?;
                let objects = self.captions_are_objects(&path, &self.open_options(&args.run.dataset));
                let setup = DescriberSetup::from_config(&self.config, false, objects, &self.budget);
                let task = Task::Describe { again: args.again };
                batch::submit(&self.submit_options(task, setup, args.run, args.only)?, out)?
            }
            BatchCommand::Verify(args) => {
                let setup = DescriberSetup::of_batch_verifier(&self.config, &self.budget);
                let task = Task::Verify { again: args.again };
                batch::submit(&self.submit_options(task, setup, args.run, args.only)?, out)?
            }
            BatchCommand::Status(args) => {
                batch::status(&StatusOptions { jobs: self.job_options(args.jobs)?, watch: args.watch }, out)?
            }
            BatchCommand::Collect(args) => {
                let options = CollectOptions {
                    jobs: self.job_options(args.jobs)?,
                    catalogue: describer::catalogue()?,
                    rules: self.rules()?,
                    accept: args.accept,
                };
                batch::collect(&options, out)?
            }
            BatchCommand::Stop(args) => batch::stop(&self.job_options(args.jobs)?, out)?,
        })
    }

    fn submit_options(
        &self,
        task: Task,
        setup: DescriberSetup,
        run: RunOptions,
        only: Only,
    ) -> Result<SubmitOptions, Failure> {
        let bedrock = match setup {
            DescriberSetup::Bedrock(options) => *options,
            DescriberSetup::Invalid(error) => return Err(error.into()),
            DescriberSetup::Openai(_) | DescriberSetup::Local | DescriberSetup::None => {
                return Err(BatchError::NotBedrock.into());
            }
        };
        let selection = selection(only, &run);
        Ok(SubmitOptions {
            task,
            input: self.input(&run.dataset, self.together(&run.dataset, &run.shards)?, run.session)?,
            bedrock,
            storage: Storage::from_settings(&self.config.batch)?,
            rules: self.rules()?,
            selection,
            dry_run: run.dry_run,
            yes: run.yes,
            confirm_above: self.config.confirm_above,
            budget: self.config.budget,
            json: run.json,
            terminal: answer::is_possible(),
        })
    }

    fn job_options(&self, args: BatchJobArgs) -> Result<JobOptions, Failure> {
        let BatchJobArgs { dataset, session, json, account: _ } = args;
        let input = self.input(&dataset, self.path(&dataset)?, session)?;
        Ok(JobOptions { input, aws: describer::aws_options(&self.config), json })
    }

    /// Returns the options of a run without a screen that saves nothing. `alias` is another way to name the dataset.
    fn run_options(
        &self,
        task: Task,
        describer: Arc<dyn Describer>,
        run: RunOptions,
        only: Only,
        alias: Option<PathBuf>,
    ) -> Result<GenerateOptions, Failure> {
        let selection = selection(only, &run);
        let path = match alias {
            Some(path) => self.local(path, &run.dataset)?,
            None => self.together(&run.dataset, &run.shards)?,
        };
        let (path, open) = self.dataset(&run.dataset, path)?;
        Ok(GenerateOptions {
            task,
            describer,
            open,
            path,
            session: run.session.file,
            rules: self.rules()?,
            selection,
            dry_run: run.dry_run,
            yes: run.yes,
            confirm_above: self.config.confirm_above,
            budget: self.config.budget,
            accept: false,
            save: false,
            output: None,
            in_place: false,
            force: false,
            json: run.json,
            terminal: answer::is_possible(),
            log: (self.config.log.clone(), self.config.log_level),
        })
    }

    fn doctor(&self, args: DoctorArgs) -> Result<ExitCode, Failure> {
        let options = DoctorOptions {
            dataset: here(&args.dataset).ok().map(|path| self.local(path, &args.dataset)).transpose()?,
            open: self.open_options(&args.dataset),
            session: args.session.file,
            describer: DescriberSetup::from_config(
                &self.config,
                false,
                self.style() == Some(CaptionStyle::Json),
                &self.budget,
            ),
            probe: args.probe,
            pictures: self.image_protocol(),
            json: args.json,
        };
        printed(doctor::run(&options, &mut Console::stdout()))
    }

    fn save(&self, args: SaveArgs) -> Result<ExitCode, Failure> {
        self.check_output(args.target.output.as_ref())?;
        let options = SaveOptions {
            input: self.input(&args.dataset, self.together(&args.dataset, &args.shards)?, args.session)?,
            output: args.target.output,
            in_place: args.target.in_place,
            force: args.target.force,
        };
        Ok(save::run(&options, &mut Console::stdout(), &mut Console::stderr())?)
    }

    fn check(&self, args: &CheckArgs) -> Result<ExitCode, Failure> {
        let (dataset, reading) = self.dataset(&args.dataset, self.together(&args.dataset, &args.shards)?)?;
        let options = CheckOptions {
            dataset,
            reading,
            rules: self.rules()?,
            json: args.json,
            progress: io::stderr().is_terminal(),
        };
        Ok(check::run(&options, &mut Console::stdout(), &mut Console::stderr())?.exit_code())
    }

    fn stats(&self, args: StatsArgs) -> Result<ExitCode, Failure> {
        self.check_output(args.report.as_ref())?;
        let options = StatsOptions {
            input: self.input(&args.dataset, self.path(&args.dataset)?, args.session)?,
            mode: match (args.other, args.report) {
                (Some(other), _) => StatsMode::Compare(self.local(other, &args.dataset)?),
                (None, Some(path)) => StatsMode::Report { path, force: args.force },
                (None, None) if args.plan => StatsMode::Plan { target: args.target.0 / 100.0 },
                (None, None) if args.tags => StatsMode::Tags,
                (None, None) if args.by_reviewer => StatsMode::Reviewers,
                (None, None) => StatsMode::Figures,
            },
            rules: self.rules()?,
            json: args.json,
            ascii: self.ascii() || !self.terminal,
        };
        stats::run(&options, &mut Console::stdout(), &mut Console::stderr())?;
        Ok(ExitCode::Done)
    }

    fn split(&self, args: SplitArgs) -> Result<ExitCode, Failure> {
        let names: Vec<String> = match args.parts {
            Some(parts) if args.names.is_empty() => (1..=parts).map(|part| part.to_string()).collect(),
            Some(parts) if usize::from(parts) != args.names.len() => {
                return Err(SplitError::Names { parts, names: args.names.len() }.into());
            }
            _ => args.names.into_iter().map(|name| name.0).collect(),
        };
        let options = SplitOptions {
            input: self.input(&args.dataset, self.together(&args.dataset, &args.shards)?, args.session)?,
            names,
            overlap: args.overlap,
            seed: args.seed,
            output: args.output,
            all: args.all,
            dry_run: args.dry_run,
            json: args.json,
        };
        Ok(split::run(&options, &mut Console::stdout(), &mut Console::stderr())?)
    }

    fn merge(&self, args: MergeArgs) -> Result<ExitCode, Failure> {
        let (dataset, others) = args.sides();
        let others = others.into_iter().map(|other| self.local(other, &dataset)).collect::<Result<_, _>>()?;
        let options = MergeOptions {
            input: self.input(&dataset, self.path(&dataset)?, args.session)?,
            others,
            dry_run: args.dry_run,
            json: args.json,
            ascii: self.ascii() || !self.terminal,
        };
        Ok(merge::run(&options, &mut Console::stdout(), &mut Console::stderr())?)
    }

    fn export(&self, args: ExportArgs) -> Result<ExitCode, Failure> {
        self.check_output(args.output.as_ref())?;
        let options = ExportOptions {
            input: self.input(&args.dataset, self.together(&args.dataset, &args.shards)?, args.session)?,
            to: args.to,
            output: args.output,
            only: args.only,
            split: args.split.map(|side| Split { side, test_percent: args.test_percent, seed: args.seed }),
            texts: TextFiles { extension: args.ext, lines: args.lines },
            images: match (args.copy_images, args.link_images) {
                (_, true) => Some(Transfer::Link),
                (true, false) => Some(Transfer::Copy),
                (false, false) => None,
            },
            safe_csv: args.safe_csv,
            force: args.force,
            progress: io::stderr().is_terminal(),
        };
        Ok(export::run(&options, &mut Console::stdout(), &mut Console::stderr())?.exit_code())
    }

    fn init(&self, args: InitArgs) -> Result<ExitCode, Failure> {
        if let Some(url) = args.path.iter().chain(&args.list).find(|path| mirror::is_url(path)) {
            return Err(Refused::Init { url: url.display().to_string() }.into());
        }
        let source = match (args.list, args.path) {
            (Some(list), _) if list.as_os_str() == "-" => InitSource::StandardInput,
            (Some(list), _) => InitSource::List(list),
            (None, path) => InitSource::Path(path.unwrap_or_else(|| ".".into())),
        };
        let caption_field = self.config.caption_field.clone();
        let options = InitOptions {
            source,
            output: args.output,
            caption_field,
            file_column: args.file_column,
            caption_column: args.caption_column,
            json: args.json,
        };
        let outcome = init::run(&options, &mut io::stdin().lock(), &mut Console::stdout(), &mut Console::stderr())?;
        Ok(outcome.exit_code())
    }

    fn show(&self, args: ShowArgs) -> Result<ExitCode, Failure> {
        if let Some(url) = args.images.iter().find(|path| mirror::is_url(path)) {
            return Err(Refused::Show { url: url.display().to_string() }.into());
        }
        let options = ShowOptions {
            images: args.images,
            width: args.width.map(Into::into),
            height: args.height.map(Into::into),
            protocol: self.image_protocol(),
        };
        let outcome = show::run(&options, &mut Console::stdout())?;
        Ok(if outcome.failed == 0 { ExitCode::Done } else { ExitCode::Findings })
    }

    /// Returns the options of a review with its session in the default place. `is_demo` never uses a paid describer
    /// unless one is set.
    fn review_options(&self, path: PathBuf, open: OpenOptions, is_demo: bool) -> Result<ReviewOptions, Failure> {
        let config = &self.config;
        let objects = self.captions_are_objects(&path, &open);
        Ok(ReviewOptions {
            path,
            open,
            session: None,
            read_only: false,
            candidates: None,
            output: None,
            in_place: false,
            force: false,
            describer: self.describer(is_demo, objects)?,
            describers: self.describers(objects),
            writes_objects: objects,
            // Most reviews need none, so a problem with it matters only when it is used.
            verifier: DescriberSetup::verifier(&self.config, &self.budget).map_err(|error| error.to_string()),
            verify_new: config.verify.auto,
            batch: self.batch_service(),
            rules: self.rules()?,
            line_breaks: config.line_breaks,
            sample: None,
            reviewer: reviewer(config.reviewer.as_deref()),
            ahead: config.ahead,
            // Without records to describe ahead, there is nothing that was agreed to.
            ahead_agreed: config.ahead > 0 && self.layers.source("ahead") != Source::Default,
            confirm_above: config.confirm_above,
            screen: self.screen()?,
            log: (config.log.clone(), config.log_level),
        })
    }

    /// Returns the service that reads the results of batch jobs, with the same account as the describer.
    fn batch_service(&self) -> BatchService {
        let aws = describer::aws_options(&self.config);
        Arc::new(move || {
            let catalogue = describer::catalogue().map_err(|error| error.to_string())?;
            Ok(BatchAccess::new(aws.clone(), catalogue))
        })
    }

    fn screen(&self) -> Result<tui::Options, Failure> {
        let config = &self.config;
        let own_keys =
            etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption/keymap.toml"));
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
        Ok(tui::Options {
            keymap: Keymap::load(config.keys, own_keys.as_deref())?,
            theme: config.theme,
            no_colour: no_colour(),
            ascii: self.ascii(),
            mouse: config.mouse,
            notify: config.notify,
            pictures: self.image_protocol(),
            editor,
        })
    }

    fn input(&self, dataset: &DatasetOptions, path: PathBuf, session: SessionOption) -> Result<Input, Failure> {
        let (dataset, reading) = self.dataset(dataset, path)?;
        Ok(Input { dataset, reading, session: session.file })
    }

    /// Returns how to open the dataset at a path. Asks before a folder is searched that is hardly meant, if that is possible;
    /// otherwise opening it reports the reason and the option that agrees.
    fn dataset(&self, dataset: &DatasetOptions, path: PathBuf) -> Result<(PathBuf, OpenOptions), Failure> {
        let open = self.open_options(dataset);
        if !answer::is_possible() || !path.is_dir() {
            return Ok((path, open));
        }
        match Dataset::open(&path, &open) {
            Err(DatasetError::TooBroad { folder, what }) => {
                let question = format!("{}: {what}; search all of it for images?", folder.display());
                if !answer::ask(&question).map_err(NoAnswer)? {
                    return Err(DatasetError::TooBroad { folder, what }.into());
                }
                Ok((path, OpenOptions { any_folder: true, ..open }))
            }
            // Reported when it is opened again.
            _ => Ok((path, open)),
        }
    }

    fn open_options(&self, dataset: &DatasetOptions) -> OpenOptions {
        OpenOptions {
            caption_field: self.config.caption_field.clone(),
            images: dataset.images.clone(),
            sidecar_extension: dataset.sidecar_ext.clone(),
            any_folder: dataset.any_folder,
            file_column: dataset.file_column.clone(),
        }
    }

    fn rules(&self) -> Result<Rules, Failure> {
        let lints = &self.config.lints;
        let mut rules = Rules {
            style: self.style(),
            max_words: self.config.max_words.get(),
            min_words: lints.min_words.get(),
            language: Language::named(&self.config.language),
            banned: lints.banned.iter().map(WordList::new).collect(),
            required: lints.required.iter().flatten().map(WordList::new).collect(),
            ..Rules::default()
        };
        for (kind, severity) in &lints.severities {
            rules.severities.set(*kind, *severity);
        }
        for (groups, of_a_person) in [(&lints.conflicts, false), (&lints.person_conflicts, true)] {
            for group in groups {
                rules.conflicts.add(group, of_a_person);
            }
        }
        if let Some(guide) = &self.config.style_guide {
            StyleGuide::load(guide)?.apply(&mut rules);
        }
        rules.schema = self.config.schema.as_deref().map(Schema::load).transpose()?;
        Ok(rules)
    }

    /// Returns the style that is set: a schema is one of JSON objects. Returns `None` if it has to be recognised.
    fn style(&self) -> Option<CaptionStyle> {
        self.config.style.style().or_else(|| self.config.schema.as_ref().map(|_| CaptionStyle::Json))
    }

    /// Returns true if the captions of a dataset are known to be JSON objects before its records are read.
    fn captions_are_objects(&self, path: &Path, open: &OpenOptions) -> bool {
        let style = self.style().or_else(|| style::of_beginning(path, open));
        style == Some(CaptionStyle::Json)
    }

    fn describer(&self, is_demo: bool, objects: bool) -> Result<Option<Arc<dyn Describer>>, Failure> {
        Ok(DescriberSetup::from_config(&self.config, is_demo, objects, &self.budget).build()?)
    }

    /// Returns what sets up another describer in a review: as configured, or with another model.
    fn describers(&self, objects: bool) -> Describers {
        let (config, budget) = (self.config.clone(), self.budget.clone());
        Arc::new(move |choice, model| {
            let mut config = Config { describer: Some(choice), ..config.clone() };
            if let Some(model) = model {
                config.openai.model = Some(model.clone());
                config.model = model;
            }
            DescriberSetup::from_config(&config, false, objects, &budget).build()
        })
    }

    fn image_protocol(&self) -> ProtocolChoice {
        match self.config.image_protocol {
            ImageProtocol::Auto => ProtocolChoice::Auto,
            ImageProtocol::Kitty => ProtocolChoice::Only(Protocol::Kitty),
            ImageProtocol::Iterm => ProtocolChoice::Only(Protocol::Iterm),
            ImageProtocol::Sixel => ProtocolChoice::Only(Protocol::Sixel),
            ImageProtocol::Blocks => ProtocolChoice::Only(Protocol::Blocks),
            ImageProtocol::None => ProtocolChoice::None,
        }
    }

    fn ascii(&self) -> bool {
        match self.layers.source("ascii") {
            Source::Default => !is_utf8_locale(),
            _ => self.config.ascii,
        }
    }
}

fn open_screen(options: &ReviewOptions) -> Result<ExitCode, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(NoTerminal.into());
    }
    let closing = review::run(options)?;
    // The terminal may be gone.
    let _ = closing.print(&invocation(), &mut Console::stdout());
    Ok(ExitCode::Done)
}

/// Returns the command line of this process, quoted for a shell.
fn invocation() -> String {
    let arguments = env::args_os().skip(1).map(|argument| {
        let argument = argument.to_string_lossy();
        // Options stay as they are.
        let name = argument.trim_start_matches('-');
        format!("{}{}", &argument[..argument.len() - name.len()], text::shell_quoted(name))
    });
    std::iter::once("recaption".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Returns the path or URL of a dataset as it is named, or that of the one in the current folder.
fn here(dataset: &DatasetOptions) -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(NoCurrentFolder)?;
    Ok(dataset.path(&here)?)
}

fn selection(only: Only, run: &RunOptions) -> Selection {
    let sample = run.sample.map(|size| Sample { size, seed: run.seed });
    Selection { only, number: run.number, sample, ..Selection::default() }
}

/// Returns the name that is set, or the login name.
fn reviewer(name: Option<&str>) -> String {
    let login = || ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| env::var(name).ok());
    let name = name.map(ToOwned::to_owned).or_else(login).filter(|name| !name.trim().is_empty());
    name.unwrap_or_else(|| "unknown".to_owned())
}
