//! From the command line to the commands: what was typed becomes plain options, what comes back an exit code.

use std::io::{self, IsTerminal, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::CommandFactory as _;

use super::check::{self, CheckOptions};
use super::config::{self, ConfigOptions};
use super::demo::{self, DemoError};
use super::describer::DescriberSetup;
use super::doctor::{self, DoctorOptions};
use super::export::{self, ExportOptions, Format, Side, Split};
use super::generate::{self, GenerateOptions};
use super::init::{self, InitOptions, InitSource};
use super::merge::{self, MergeOptions};
use super::review::{self, ReviewError, ReviewOptions};
use super::save::{self, SaveOptions};
use super::show::{self, ShowError, ShowOptions};
use super::stats::{self, StatsOptions, What};
use super::{Input, completions, man};
use crate::cli::{
    self, CheckArgs, Cli, Command, DatasetOptions, DemoArgs, DoctorArgs, ExportArgs, ExportFormat, GenerateArgs,
    InitArgs, MergeArgs, ReviewArgs, SaveArgs, SessionOption, ShowArgs, StatsArgs,
};
use crate::config::{Config, ImageProtocol, Keys, LintSettings, Notify, Sources, Theme};
use crate::dataset::OpenOptions;
use crate::describe::Describer;
use crate::engine::selection::{Only, Sample, Selection};
use crate::exit::ExitCode;
use crate::lint::{Language, Rules, WordList};
use crate::preview::{Protocol, ProtocolChoice};
use crate::session::{DecisionKind, SampleRequest};
use crate::tui::{self, ColourScheme, Keymap, Preset};

/// Why a command did nothing, and the code to end with.
struct Failure {
    message: String,
    code: ExitCode,
}

impl Failure {
    fn usage(error: impl std::error::Error) -> Self {
        Self { message: error.to_string(), code: ExitCode::Usage }
    }
}

/// What to say where there is nobody to review.
#[derive(Debug, thiserror::Error)]
#[error("reviewing needs a terminal; `recaption --help` lists what works without one")]
struct NoTerminal;

/// Does what was asked for. What went wrong is said on standard error.
#[must_use]
pub fn run(command: Command) -> ExitCode {
    let done = Sources::load(command.settings()).map_err(Failure::usage).and_then(|sources| perform(command, &sources));
    done.unwrap_or_else(|failure| {
        // Not `eprintln!`: it panics where standard error is gone, and then there is nobody to tell anyway.
        let _ = writeln!(io::stderr(), "recaption: {}", failure.message);
        failure.code
    })
}

fn perform(command: Command, sources: &Sources) -> Result<ExitCode, Failure> {
    let config = sources.config();
    match command {
        Command::Review(args) => review(args, config),
        Command::Demo(args) => demo(&args, config),
        Command::Show(args) => show(args, &config),
        Command::Generate(args) => generate(args, &config),
        Command::Save(args) => save(args, &config),
        Command::Doctor(args) => doctor(args, &config),
        Command::Check(args) => check(&args, &config),
        Command::Stats(args) => stats(args, &config),
        Command::Merge(args) => merge(args, &config),
        Command::Export(args) => export(args, &config),
        Command::Init(args) => init(args, &config),
        Command::Config(args) => {
            let options = ConfigOptions { json: args.json, terminal: io::stdout().is_terminal() };
            printed(config::run(sources, options, &mut io::stdout()))
        }
        Command::Completions { shell } => printed(completions::run(Cli::command(), shell, &mut io::stdout())),
        Command::Man => printed(man::run(Cli::command(), &mut io::stdout())),
    }
}

fn review(args: ReviewArgs, config: Config) -> Result<ExitCode, Failure> {
    let path = path(&args.dataset)?;
    let options = ReviewOptions {
        path,
        open: open_options(&args.dataset, &config),
        session: args.session.file,
        read_only: args.read_only,
        candidates: args.candidates,
        output: args.target.output,
        in_place: args.target.in_place,
        force: args.target.force,
        describer: describer(&config, false)?,
        rules: rules(&config),
        line_breaks: config.line_breaks,
        sample: args.spot_check.sample.map(|size| SampleRequest {
            size: size.get(),
            seed: args.spot_check.seed,
            by: args.spot_check.by,
            blind: args.spot_check.blind,
        }),
        reviewer: reviewer(&config),
        ahead: config.ahead,
        ahead_agreed: config.ahead_is_chosen,
        confirm_above: config.confirm_above,
        screen: screen(&config)?,
        log: (config.log, config.log_level),
    };
    open_screen(options)
}

fn demo(args: &DemoArgs, config: Config) -> Result<ExitCode, Failure> {
    let path = demo::prepare(args.dir.as_deref(), args.reset).map_err(|error| {
        let code = match error {
            DemoError::NoHome | DemoError::NotOurs { .. } | DemoError::Foreign { .. } | DemoError::Gone { .. } => {
                ExitCode::Usage
            }
            DemoError::File { .. } | DemoError::Session(_) => ExitCode::Write,
        };
        Failure { message: error.to_string(), code }
    })?;
    open_screen(ReviewOptions {
        path,
        open: OpenOptions::default(),
        session: None,
        read_only: false,
        candidates: None,
        output: None,
        in_place: false,
        force: false,
        describer: describer(&config, true)?,
        rules: rules(&config),
        line_breaks: config.line_breaks,
        sample: None,
        reviewer: reviewer(&config),
        ahead: config.ahead,
        ahead_agreed: config.ahead_is_chosen,
        confirm_above: config.confirm_above,
        screen: screen(&config)?,
        log: (config.log, config.log_level),
    })
}

fn open_screen(options: ReviewOptions) -> Result<ExitCode, Failure> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage(NoTerminal));
    }
    match review::run(options) {
        Ok(()) => Ok(ExitCode::Done),
        Err(error @ (ReviewError::Dataset(_) | ReviewError::Terminal(_))) => Err(Failure::usage(error)),
        Err(error @ ReviewError::Session(_)) => Err(Failure { message: error.to_string(), code: ExitCode::Write }),
    }
}

fn generate(args: GenerateArgs, config: &Config) -> Result<ExitCode, Failure> {
    let Some(describer) = describer(config, false)? else {
        return Err(Failure::usage(NoDescriber));
    };
    let GenerateArgs { dataset, input, session, target, .. } = args;
    let path = match input {
        Some(input) => input,
        None => path(&dataset)?,
    };
    let options = GenerateOptions {
        path,
        open: open_options(&dataset, config),
        session: session.file,
        describer,
        rules: rules(config),
        selection: Selection {
            only: match args.only {
                cli::Pending::Pending => Only::Pending,
                cli::Pending::Failed => Only::Failed,
                cli::Pending::Lint => Only::Lint,
            },
            number: args.number,
            sample: args.sample.map(|size| Sample { size, seed: args.seed }),
        },
        dry_run: args.dry_run,
        yes: args.yes,
        confirm_above: config.confirm_above,
        budget: config.budget,
        accept: args.accept,
        save: args.save,
        output: target.output,
        in_place: target.in_place,
        force: target.force,
        json: args.json,
        terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
        log: (config.log.clone(), config.log_level),
    };
    generate::run(&options, &mut io::stdout())
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

/// What to say where something is to be described and nothing describes.
#[derive(Debug, thiserror::Error)]
#[error("--describer none describes nothing: use bedrock or local")]
struct NoDescriber;

fn doctor(args: DoctorArgs, config: &Config) -> Result<ExitCode, Failure> {
    let here = std::env::current_dir().map_err(Failure::usage)?;
    let options = DoctorOptions {
        dataset: args.dataset.path(&here).ok(),
        open: open_options(&args.dataset, config),
        session: args.session.file,
        describer: DescriberSetup::from_config(config, false),
        probe: args.probe,
        pictures: protocol(config.image_protocol),
        json: args.json,
    };
    match doctor::run(&options, &mut io::stdout()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure { message: error.to_string(), code: ExitCode::Write })
        }
        Err(_) => Ok(ExitCode::Done),
        Ok(code) => Ok(code),
    }
}

fn save(args: SaveArgs, config: &Config) -> Result<ExitCode, Failure> {
    let options = SaveOptions {
        input: input(&args.dataset, args.session, config)?,
        output: args.target.output,
        in_place: args.target.in_place,
        force: args.target.force,
    };
    save::run(&options, &mut io::stdout(), &mut io::stderr())
        .map(|()| ExitCode::Done)
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

fn check(args: &CheckArgs, config: &Config) -> Result<ExitCode, Failure> {
    let options = CheckOptions {
        dataset: path(&args.dataset)?,
        reading: open_options(&args.dataset, config),
        rules: rules(config),
        json: args.json,
        progress: io::stderr().is_terminal(),
    };
    check::run(&options, &mut io::stdout(), &mut io::stderr())
        .map(|outcome| outcome.exit_code())
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

fn stats(args: StatsArgs, config: &Config) -> Result<ExitCode, Failure> {
    let terminal = io::stdout().is_terminal();
    let options = StatsOptions {
        input: input(&args.dataset, args.session, config)?,
        what: match args.other {
            Some(other) => What::Compare(other),
            None if args.report.is_some() => What::Report { path: args.report.unwrap_or_default(), force: args.force },
            None if args.plan => What::Plan { target: args.target.0 / 100.0 },
            None => What::Figures,
        },
        max_words: config.max_words.get(),
        json: args.json,
        ascii: config.ascii || !terminal,
        colour: terminal && !no_colour(),
    };
    stats::run(&options, &mut io::stdout(), &mut io::stderr())
        .map(|()| ExitCode::Done)
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

fn merge(args: MergeArgs, config: &Config) -> Result<ExitCode, Failure> {
    let terminal = io::stdout().is_terminal();
    let options = MergeOptions {
        input: input(&args.dataset, args.session, config)?,
        other: args.other,
        dry_run: args.dry_run,
        json: args.json,
        ascii: config.ascii || !terminal,
        colour: terminal && !no_colour(),
    };
    merge::run(&options, &mut io::stdout(), &mut io::stderr())
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

fn export(args: ExportArgs, config: &Config) -> Result<ExitCode, Failure> {
    let options = ExportOptions {
        input: input(&args.dataset, args.session, config)?,
        to: match args.to {
            ExportFormat::Txt => Format::Txt,
            ExportFormat::Csv => Format::Csv,
            ExportFormat::Jsonl => Format::Jsonl,
            ExportFormat::Parquet => Format::Parquet,
        },
        output: args.output,
        only: args.only.into_iter().map(Into::into).collect(),
        split: args.split.map(|side| Split {
            side: match side {
                cli::Side::Train => Side::Train,
                cli::Side::Test => Side::Test,
            },
            test_percent: args.test_percent,
            seed: args.seed,
        }),
        force: args.force,
        terminal: io::stdout().is_terminal(),
    };
    export::run(&options, &mut io::stdout(), &mut io::stderr())
        .map(|outcome| outcome.exit_code())
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

fn init(args: InitArgs, config: &Config) -> Result<ExitCode, Failure> {
    let source = match (args.list, args.path) {
        (Some(list), _) if list.as_os_str() == "-" => InitSource::StandardInput,
        (Some(list), _) => InitSource::List(list),
        (None, path) => InitSource::Path(path.unwrap_or_else(|| ".".into())),
    };
    let options = InitOptions { source, output: args.output, caption_field: config.caption_field.clone() };
    init::run(&options, &mut io::stdin().lock(), &mut io::stdout(), &mut io::stderr())
        .map(|outcome| outcome.exit_code())
        .map_err(|error| Failure { code: error.exit_code(), message: error.to_string() })
}

impl From<cli::DecisionKind> for DecisionKind {
    fn from(kind: cli::DecisionKind) -> Self {
        match kind {
            cli::DecisionKind::Accepted => Self::Accepted,
            cli::DecisionKind::Edited => Self::Edited,
            cli::DecisionKind::Kept => Self::Kept,
            cli::DecisionKind::Skipped => Self::Skipped,
            cli::DecisionKind::Undecided => Self::Undecided,
            cli::DecisionKind::Excluded => Self::Excluded,
        }
    }
}

/// Something was printed, unless whoever was to read it is gone.
fn printed(result: io::Result<()>) -> Result<ExitCode, Failure> {
    match result {
        Ok(()) => Ok(ExitCode::Done),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::Done),
        Err(error) => Err(Failure { message: format!("writing: {error}"), code: ExitCode::Write }),
    }
}

fn input(dataset: &DatasetOptions, session: SessionOption, config: &Config) -> Result<Input, Failure> {
    Ok(Input { dataset: path(dataset)?, reading: open_options(dataset, config), session: session.file })
}

fn show(args: ShowArgs, config: &Config) -> Result<ExitCode, Failure> {
    let options = ShowOptions {
        images: args.images,
        width: args.width.map(Into::into),
        height: args.height.map(Into::into),
        protocol: protocol(config.image_protocol),
    };
    match show::run(&options, &mut io::stdout()) {
        Ok(outcome) if outcome.failed == 0 => Ok(ExitCode::Done),
        Ok(_) => Ok(ExitCode::Findings),
        Err(error @ ShowError::Output(_)) => Err(Failure { message: error.to_string(), code: ExitCode::Write }),
        Err(error) => Err(Failure::usage(error)),
    }
}

fn path(dataset: &DatasetOptions) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir().map_err(Failure::usage)?;
    dataset.path(&here).map_err(Failure::usage)
}

fn open_options(dataset: &DatasetOptions, config: &Config) -> OpenOptions {
    OpenOptions { caption_field: config.caption_field.clone(), images: dataset.images.clone() }
}

/// What captions are held against.
fn rules(config: &Config) -> Rules {
    let LintSettings { severities, min_words, banned, required } = &config.lints;
    let mut rules = Rules {
        max_words: config.max_words.get(),
        language: Language::named(&config.language),
        banned: banned.iter().map(WordList::new).collect(),
        required: required.iter().flatten().map(WordList::new).collect(),
        ..Rules::default()
    };
    rules.min_words = min_words.map_or(rules.min_words, NonZeroUsize::get);
    for (kind, severity) in severities {
        rules.severities.set(*kind, *severity);
    }
    rules
}

fn describer(config: &Config, samples: bool) -> Result<Option<Arc<dyn Describer>>, Failure> {
    DescriberSetup::from_config(config, samples).build().map_err(Failure::usage)
}

fn screen(config: &Config) -> Result<tui::Options, Failure> {
    let own_keys = etcetera::choose_base_strategy()
        .ok()
        .map(|user| etcetera::BaseStrategy::config_dir(&user).join("recaption/keymap.toml"));
    let preset = match config.keys {
        Keys::Default => Preset::Default,
        Keys::Prodigy => Preset::Prodigy,
        Keys::Vim => Preset::Vim,
    };
    let scheme = match config.theme {
        Theme::Auto if no_colour() => Some(ColourScheme::Colourless),
        Theme::Auto => None,
        Theme::Dark => Some(ColourScheme::Dark),
        Theme::Light => Some(ColourScheme::Light),
        Theme::HighContrast => Some(ColourScheme::Contrast),
        Theme::None => Some(ColourScheme::Colourless),
    };
    let editor =
        ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Ok(tui::Options {
        keymap: Keymap::load(preset, own_keys.as_deref()).map_err(Failure::usage)?,
        scheme,
        ascii: config.ascii,
        mouse: config.mouse,
        notify: match config.notify {
            Notify::Off => tui::Notify::Off,
            Notify::Bell => tui::Notify::Bell,
            Notify::Desktop => tui::Notify::Desktop,
        },
        pictures: protocol(config.image_protocol),
        editor,
    })
}

/// Who reviews: as the settings say, else who is logged in.
fn reviewer(config: &Config) -> String {
    let login = || ["LOGNAME", "USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let named = config.reviewer.clone().or_else(login).filter(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| "somebody".to_owned())
}

/// Whether the user wants no colours anywhere. See <https://no-color.org>.
fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

fn protocol(protocol: ImageProtocol) -> ProtocolChoice {
    match protocol {
        ImageProtocol::Auto => ProtocolChoice::Auto,
        ImageProtocol::Kitty => ProtocolChoice::Only(Protocol::Kitty),
        ImageProtocol::Iterm => ProtocolChoice::Only(Protocol::Iterm),
        ImageProtocol::Sixel => ProtocolChoice::Only(Protocol::Sixel),
        ImageProtocol::Blocks => ProtocolChoice::Only(Protocol::Blocks),
        ImageProtocol::None => ProtocolChoice::None,
    }
}
