//! The command line: what can be asked for, and how it is written. Nothing here acts.

#![allow(clippy::doc_markdown, reason = "the comments are the help text, which knows no backticks")]

use std::num::{NonZeroU16, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::config::{DescriberChoice, ImageProtocol, Settings, Theme};

const EXAMPLES: &str = "\
Examples:
  recaption demo
      try it on sample photographs; needs no account
  recaption photos/
      review the folder's metadata.jsonl
  recaption captions.jsonl --candidates captions_updated.jsonl
      review what an older run made of it
  recaption check captions.jsonl --max-words 30 --json
      list what is wrong, for a script
  recaption export captions.jsonl --to txt --only accepted,edited
      put the captions decided on beside their pictures

Press ? in the reviewer for its keys. An option is stronger than its RECAPTION_ variable, and that is stronger than \
config.toml in the user's configuration folder.";

/// Review machine-written image captions in the terminal
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without one, review.
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    review: ReviewArgs,
}

impl Cli {
    /// What to do: `recaption PATH` is `recaption review PATH`.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Review(self.review))
    }
}

/// What recaption can do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Review a dataset's captions (also without the word "review")
    Review(ReviewArgs),
    /// Review a sample dataset, kept from one time to the next
    Demo(DemoArgs),
    /// Write the updated dataset, as ^S in the reviewer does
    Save(SaveArgs),
    /// Look for mistakes in a dataset and its captions; exits with 1 if there are any
    Check(CheckArgs),
    /// Write captions in another form
    Export(ExportArgs),
    /// Print pictures in the terminal
    Show(ShowArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// What the command line says about the settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        match self {
            Self::Review(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.screen.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Demo(args) => {
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.screen.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Save(args) => {
                args.dataset.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Check(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
            }
            Self::Export(args) => {
                args.dataset.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Show(args) => args.picture.apply(&mut settings),
            Self::Completions { .. } | Self::Man => {}
        }
        settings
    }
}

/// `recaption review`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReviewArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Take the captions of an older run's output in, to be accepted or not
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "read_only")]
    pub candidates: Option<PathBuf>,

    /// Look, decide nothing
    #[arg(long)]
    pub read_only: bool,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption demo`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Where to keep the sample dataset [default: a folder in your data directory]
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Start anew: forget what was decided on the samples
    #[arg(long)]
    pub reset: bool,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption save`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SaveArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption check`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `recaption export`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ExportArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// The form: a text file for each picture, or one table of all
    #[arg(long, value_name = "FORMAT")]
    pub to: ExportFormat,

    /// Where to: a file, for txt a folder [default: standard output, for txt beside the pictures]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Only records with one of these decisions, separated by commas [default: all but the excluded]
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub only: Vec<DecisionKind>,

    /// Write over files that are there
    #[arg(long)]
    pub force: bool,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption show`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ShowArgs {
    /// The pictures [default: names from standard input, one a line]
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// At most this many columns
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<NonZeroU16>,

    /// At most this many rows
    #[arg(long, value_name = "ROWS")]
    pub height: Option<NonZeroU16>,

    /// How it is drawn.
    #[command(flatten)]
    pub picture: PictureOption,
}

/// The forms `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum ExportFormat {
    /// A text file beside each picture
    Txt,
    /// Comma-separated values with a heading
    Csv,
    /// JSON Lines
    Jsonl,
}

/// The decisions `export --only` chooses by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum DecisionKind {
    /// A candidate was accepted
    Accepted,
    /// The operator's own text
    Edited,
    /// The original stands
    Kept,
    /// To be looked at later
    Skipped,
    /// Not decided yet
    Undecided,
}

/// Which dataset, and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DatasetOptions {
    /// A .jsonl file, or a folder with a metadata.jsonl [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath)]
    path: Option<PathBuf>,

    /// The field that holds the caption [env: RECAPTION_CAPTION_FIELD] [default: text]
    #[arg(long, value_name = "FIELD")]
    caption_field: Option<String>,

    /// Look pictures up in this folder, which also allows .. and absolute paths [default: the dataset's folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub images: Option<PathBuf>,
}

/// What to say where no dataset is named and none is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no metadata.jsonl here: name a .jsonl file or a folder with a metadata.jsonl \
     (recaption PATH), or look at the samples (recaption demo)"
)]
pub struct NoDataset;

impl DatasetOptions {
    /// The dataset's path: the one named, else `metadata.jsonl` in the folder `here`.
    ///
    /// # Errors
    ///
    /// If none is named and that file does not exist. A named one is not looked at.
    pub fn path(&self, here: &Path) -> Result<PathBuf, NoDataset> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let metadata = here.join("metadata.jsonl");
        if metadata.is_file() { Ok(metadata) } else { Err(NoDataset) }
    }

    fn apply(&self, settings: &mut Settings) {
        settings.caption_field.clone_from(&self.caption_field);
    }
}

/// Which session.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SessionOption {
    /// The session [default: .recaption/NAME.sqlite beside the dataset]
    #[arg(long = "session", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Where the updated dataset goes.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Saving")]
pub struct TargetOptions {
    /// Write the updated dataset to this file [default: NAME_updated.jsonl beside the dataset]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Write it over the dataset itself, whose first state is kept as .bak
    #[arg(long, conflicts_with = "output")]
    pub in_place: bool,

    /// Write over a file that this session did not write, or that changed since, without asking
    #[arg(long)]
    pub force: bool,
}

/// How long captions may be.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct LimitOption {
    /// The most words a caption may have [env: RECAPTION_MAX_WORDS] [default: 50]
    #[arg(long, value_name = "N")]
    max_words: Option<NonZeroUsize>,
}

impl LimitOption {
    fn apply(&self, settings: &mut Settings) {
        settings.max_words = self.max_words;
    }
}

/// What writes captions, and how far ahead.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Describing")]
pub struct DescriberOptions {
    /// What writes captions [env: RECAPTION_DESCRIBER] [default: local, where built in]
    #[arg(long, value_name = "NAME")]
    describer: Option<DescriberChoice>,

    /// How many records to describe ahead of the one in view [env: RECAPTION_AHEAD] [default: 3]
    #[arg(long, value_name = "N")]
    ahead: Option<usize>,
}

impl DescriberOptions {
    fn apply(&self, settings: &mut Settings) {
        settings.describer = self.describer;
        settings.ahead = self.ahead;
    }
}

/// How the reviewer looks and listens.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenOptions {
    /// How pictures are drawn.
    #[command(flatten)]
    picture: PictureOption,

    /// Which colours to use [env: RECAPTION_THEME] [default: auto]
    #[arg(long, value_name = "NAME")]
    theme: Option<Theme>,

    /// Draw badges and lines with ASCII characters only [env: RECAPTION_ASCII]
    #[arg(long)]
    ascii: bool,

    /// Leave the mouse to the terminal [env: RECAPTION_MOUSE]
    #[arg(long)]
    no_mouse: bool,
}

impl ScreenOptions {
    fn apply(&self, settings: &mut Settings) {
        self.picture.apply(settings);
        settings.theme = self.theme;
        settings.ascii = self.ascii.then_some(true);
        settings.mouse = self.no_mouse.then_some(false);
    }
}

/// How pictures are drawn.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Screen")]
pub struct PictureOption {
    /// How to draw pictures [env: RECAPTION_IMAGE_PROTOCOL] [default: auto]
    #[arg(long, value_name = "PROTOCOL")]
    image_protocol: Option<ImageProtocol>,
}

impl PictureOption {
    fn apply(&self, settings: &mut Settings) {
        settings.image_protocol = self.image_protocol;
    }
}

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Log")]
pub struct LogOptions {
    /// The log [env: RECAPTION_LOG] [default: description_generation.log beside the session]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    log: Option<PathBuf>,

    /// Log more; twice: everything [env: RECAPTION_LOG_LEVEL]
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl LogOptions {
    fn apply(&self, settings: &mut Settings) {
        settings.log.clone_from(&self.log);
        settings.verbose = self.verbose;
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::error::ErrorKind;
    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;
    use crate::config::{Config, DEFAULTS, LogLevel};

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Cli::try_parse_from(line.split(' ')).map(Cli::into_command)
    }

    fn parsed(line: &str) -> Command {
        parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case("recaption", "recaption review")]
    #[case("recaption a.jsonl", "recaption review a.jsonl")]
    #[case("recaption a.jsonl --ahead 0 -o b.jsonl", "recaption review a.jsonl --ahead 0 -o b.jsonl")]
    #[case("recaption ./save", "recaption review ./save")]
    // A command comes first or not at all: no option of one can be lost on another.
    #[case("recaption --ascii save", "recaption review --ascii save")]
    fn review_needs_no_word(#[case] short: &str, #[case] long: &str) {
        assert_eq!(parsed(short), parsed(long));
    }

    #[test]
    fn every_option_of_review_arrives() {
        let command = parsed(
            "recaption set.jsonl --caption-field caption --images pics --session s.sqlite --candidates old.jsonl \
             -o new.jsonl --force --max-words 30 --describer none --ahead 5 --image-protocol sixel --theme light \
             --ascii --no-mouse --log l.log -vv",
        );
        let expected = Settings {
            caption_field: Some("caption".into()),
            max_words: NonZeroUsize::new(30),
            describer: Some(DescriberChoice::None),
            ahead: Some(5),
            image_protocol: Some(ImageProtocol::Sixel),
            theme: Some(Theme::Light),
            ascii: Some(true),
            mouse: Some(false),
            log: Some("l.log".into()),
            log_level: None,
            verbose: 2,
        };
        assert_eq!(command.settings(), expected);
        let Command::Review(review) = command else { panic!("{command:?}") };
        assert_eq!(review.dataset.path(Path::new("/nowhere")), Ok("set.jsonl".into()));
        assert_eq!(review.dataset.images, Some("pics".into()));
        assert_eq!(review.session.file, Some("s.sqlite".into()));
        assert_eq!(review.candidates, Some("old.jsonl".into()));
        assert_eq!(review.target, TargetOptions { output: Some("new.jsonl".into()), in_place: false, force: true });
        assert!(!review.read_only);
    }

    #[rstest]
    #[case("recaption demo here --reset --max-words 9")]
    #[case("recaption save --in-place")]
    #[case("recaption check a.jsonl --max-words 30 --json --images pics")]
    #[case("recaption export a.jsonl --to txt --only accepted,edited -o texts --force")]
    #[case("recaption show a.jpg b.jpg --width 80 --image-protocol blocks")]
    #[case("recaption show")]
    #[case("recaption completions fish")]
    #[case("recaption man")]
    fn commands_parse(#[case] line: &str) {
        parsed(line);
    }

    #[rstest]
    #[case::two_targets("recaption save a.jsonl --in-place -o b.jsonl", ErrorKind::ArgumentConflict)]
    #[case::two_targets_in_review("recaption --in-place -o b.jsonl", ErrorKind::ArgumentConflict)]
    #[case::candidates_need_writing("recaption a.jsonl --read-only --candidates b", ErrorKind::ArgumentConflict)]
    #[case::no_word_at_all("recaption --max-words 0", ErrorKind::ValueValidation)]
    #[case::unknown_form("recaption export a.jsonl --to doc", ErrorKind::InvalidValue)]
    #[case::no_form("recaption export a.jsonl", ErrorKind::MissingRequiredArgument)]
    #[case::unknown_decision("recaption export a.jsonl --to csv --only good", ErrorKind::InvalidValue)]
    #[case::no_screen_in_save("recaption save a.jsonl --ascii", ErrorKind::UnknownArgument)]
    #[case::no_session_in_check("recaption check a.jsonl --session s", ErrorKind::UnknownArgument)]
    #[case::no_log_in_show("recaption show a.jpg --log l", ErrorKind::UnknownArgument)]
    fn what_makes_no_sense_is_refused(#[case] line: &str, #[case] kind: ErrorKind) {
        assert_eq!(parse(line).expect_err(line).kind(), kind);
    }

    #[test]
    fn decisions_are_separated_by_commas() {
        let Command::Export(export) = parsed("recaption export --to csv --only kept,skipped") else { panic!("export") };
        assert_eq!(export.only, [DecisionKind::Kept, DecisionKind::Skipped]);
    }

    #[test]
    fn options_left_out_leave_settings_open() {
        for line in ["recaption", "recaption demo", "recaption save", "recaption check", "recaption show"] {
            assert_eq!(parsed(line).settings(), Settings::default(), "{line}");
        }
    }

    #[test]
    fn without_a_path_the_folder_one_is_in_is_meant() {
        let folder = TempDir::new().expect("a temporary folder");
        let Command::Review(review) = parsed("recaption") else { panic!("review") };
        assert_eq!(review.dataset.path(folder.path()), Err(NoDataset));
        std::fs::write(folder.path().join("metadata.jsonl"), "").expect("written");
        assert_eq!(review.dataset.path(folder.path()), Ok(folder.path().join("metadata.jsonl")));
    }

    #[test]
    fn the_help_names_the_variable_and_the_default_of_every_setting() {
        let defaults: toml::Table = DEFAULTS.parse().expect("TOML");
        let cli = Cli::command();
        for (name, value) in &defaults {
            let variable = format!("[env: RECAPTION_{}]", name.to_uppercase().replace('-', "_"));
            let helps: Vec<String> =
                cli.get_arguments().filter_map(|arg| arg.get_help()).map(ToString::to_string).collect();
            let help = helps.iter().find(|help| help.contains(&variable)).expect(name);
            let default = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let is_shown = help.contains(&format!("[default: {default}]"));
            // Switches have no value to show, and the level is counted from.
            assert!(is_shown || value.is_bool() || name == "log-level", "{name}: {help}");
        }
    }

    #[test]
    fn each_command_says_what_it_is_for() {
        let cli = Cli::command();
        let about = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
        assert_eq!(about(&cli), "Review machine-written image captions in the terminal");
        let abouts: Vec<String> = cli.get_subcommands().map(about).collect();
        assert!(abouts.iter().any(|about| about.starts_with("Look for mistakes")), "{abouts:?}");
        assert!(abouts.iter().any(|about| about.starts_with("Review a sample dataset")), "{abouts:?}");
    }

    #[test]
    fn flags_reach_the_settings_of_the_run() {
        let flags = parsed("recaption --no-mouse -v").settings();
        let config = Config::resolve(flags, |_| None, None).expect("settings");
        assert_eq!((config.mouse, config.log_level), (false, LogLevel::Debug));
    }
}
