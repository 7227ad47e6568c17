//! What can be written on the command line and what it means.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::config::{
    DEFAULTS, Delay, DescriberChoice, ImageProtocol, Keys, LintSettings, LogLevel, Notify, Sources, Theme,
};

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
         -o new.jsonl --force --max-words 30 --describer none --ahead 5 --model claude-haiku-4-5 \
         -r eu-west-1 --profile photos --endpoint-url http://h --prompt p.md --people woman --language ko \
         --concurrency 3 --rpm 60 --tpm 9000 --delay 500ms --budget 2.50 --confirm-above 9 --image-protocol sixel --theme light --line-breaks \
         --sample 50 --seed 7 --by brand --reviewer kim --ascii --no-mouse --keys vim --notify desktop --log l.log -vv",
    );
    let expected = Settings {
        caption_field: Some("caption".into()),
        max_words: NonZeroUsize::new(30),
        line_breaks: Some(true),
        describer: Some(DescriberChoice::None),
        ahead: Some(5),
        model: Some("claude-haiku-4-5".into()),
        region: Some("eu-west-1".into()),
        profile: Some("photos".into()),
        endpoint_url: Some("http://h".into()),
        prompt: Some("p.md".into()),
        people: Some("woman".into()),
        language: Some("ko".into()),
        reviewer: Some("kim".into()),
        concurrency: NonZeroUsize::new(3),
        rpm: NonZeroU32::new(60),
        tpm: NonZeroU32::new(9000),
        delay: Some(Delay(Duration::from_millis(500))),
        budget: Some("2.50".parse().expect("dollars")),
        confirm_above: Some("9".parse().expect("dollars")),
        image_protocol: Some(ImageProtocol::Sixel),
        theme: Some(Theme::Light),
        ascii: Some(true),
        mouse: Some(false),
        keys: Some(Keys::Vim),
        notify: Some(Notify::Desktop),
        log: Some("l.log".into()),
        log_level: None,
        lints: LintSettings::default(),
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
    let SpotCheckOptions { sample, seed, by, .. } = review.spot_check;
    assert_eq!((sample.map(NonZeroU64::get), seed, by.as_deref()), (Some(50), 7, Some("brand")));
}

#[rstest]
#[case("recaption demo here --reset --max-words 9")]
#[case("recaption save --in-place")]
#[case("recaption check a.jsonl --max-words 30 --json --images pics")]
#[case("recaption stats a.jsonl --max-words 30 --json --ascii --session s.sqlite")]
#[case("recaption stats a.jsonl b.sqlite --json")]
#[case("recaption stats a.jsonl --plan --target 97.5")]
#[case("recaption stats a.jsonl --report r.md --force")]
#[case("recaption merge a.jsonl b.sqlite --session s.sqlite --dry-run --json --ascii")]
#[case("recaption export a.jsonl --to txt --only accepted,edited -o texts --force")]
#[case("recaption show a.jpg b.jpg --width 80 --image-protocol blocks")]
#[case("recaption show")]
#[case(
    "recaption generate -i a.jsonl -n 5 --only failed --dry-run -r us-east-1 -o b.jsonl --accept --save --yes --json"
)]
#[case("recaption generate photos --sample 5 --seed 7 --budget 2.50")]
#[case("recaption doctor photos --probe --json")]
#[case("recaption config --json --max-words 30 -v --ascii")]
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
#[case::two_datasets("recaption generate a.jsonl -i b.jsonl", ErrorKind::ArgumentConflict)]
#[case::seed_of_nothing("recaption generate a.jsonl --seed 7", ErrorKind::MissingRequiredArgument)]
#[case::target_of_no_plan("recaption stats a.jsonl --target 90", ErrorKind::MissingRequiredArgument)]
#[case::no_such_target("recaption stats a.jsonl --plan --target 100", ErrorKind::ValueValidation)]
#[case::plan_of_two("recaption stats a.jsonl b.jsonl --plan", ErrorKind::ArgumentConflict)]
#[case::merge_of_nothing("recaption merge", ErrorKind::MissingRequiredArgument)]
#[case::seed_of_no_sample("recaption a.jsonl --seed 7", ErrorKind::MissingRequiredArgument)]
#[case::empty_sample("recaption a.jsonl --sample 0", ErrorKind::ValueValidation)]
#[case::report_of_a_plan("recaption stats a.jsonl --plan --report r.md", ErrorKind::ArgumentConflict)]
#[case::no_log_in_show("recaption show a.jpg --log l", ErrorKind::UnknownArgument)]
fn what_makes_no_sense_is_refused(#[case] line: &str, #[case] kind: ErrorKind) {
    assert_eq!(parse(line).expect_err(line).kind(), kind);
}

#[test]
fn a_single_path_is_what_is_merged_into_the_dataset_at_hand() {
    let of = |line: &str| match parsed(line) {
        Command::Merge(args) => (args.dataset.path(Path::new("/nowhere")).ok(), args.other),
        other => panic!("{other:?}"),
    };
    assert_eq!(of("recaption merge b.sqlite"), (None, "b.sqlite".into()));
    assert_eq!(of("recaption merge a.jsonl b.sqlite"), (Some("a.jsonl".into()), "b.sqlite".into()));
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
    // A table is no option.
    for (name, value) in defaults.iter().filter(|(_, value)| !value.is_table()) {
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
    let config = Sources::read(flags, |_| None, None).expect("settings").config();
    assert_eq!((config.mouse, config.log_level), (false, LogLevel::Debug));
}
