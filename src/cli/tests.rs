//! Parsing, conflicts and help texts.

use std::num::NonZeroU64;
use std::path::Path;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use rstest::rstest;
use tempfile::TempDir;
use toml::toml;

use super::*;
use crate::config::{DEFAULTS, Layers, LogLevel};
use crate::session::DecisionKind;

fn parse(line: &str) -> Result<Command, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(Cli::into_command)
}

fn parsed(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

#[test]
fn the_definition_is_valid() {
    Cli::command().debug_assert();
}

#[rstest]
#[case("recaption", "recaption review")]
#[case("recaption a.jsonl", "recaption review a.jsonl")]
#[case("recaption a.jsonl --ahead 0 -o b.jsonl", "recaption review a.jsonl --ahead 0 -o b.jsonl")]
#[case("recaption ./save", "recaption review ./save")]
// A command comes first or not at all, so that no option of one command is silently dropped by another.
#[case("recaption --ascii save", "recaption review --ascii save")]
fn review_is_the_default_command(#[case] short: &str, #[case] long: &str) {
    assert_eq!(parsed(short), parsed(long));
}

#[test]
fn every_option_of_review_is_parsed() {
    let command = parsed(
        "recaption set.jsonl --caption-field caption --images pics --session s.sqlite --candidates old.jsonl \
         -o new.jsonl --force --max-words 30 --describer none --ahead 5 --model claude-haiku-4-5 \
         -r eu-west-1 --profile photos --endpoint-url http://h --preset ollama --base-url http://b --api-key-env KEY --price-in 1 --price-out 2 --prompt p.md --style-guide s.toml --style tags --people woman --language ko \
         --concurrency 3 --rpm 60 --tpm 9000 --delay 500ms --budget 2.50 --confirm-above 9 --image-protocol sixel --theme light --line-breaks \
         --sample 50 --seed 7 --by brand --reviewer kim --ascii --no-mouse --keys vim --notify desktop --log l.log -vv",
    );
    let expected = toml! {
        caption-field = "caption"
        max-words = 30
        line-breaks = true
        describer = "none"
        ahead = 5
        model = "claude-haiku-4-5"
        region = "eu-west-1"
        profile = "photos"
        endpoint-url = "http://h"
        prompt = "p.md"
        style-guide = "s.toml"
        style = "tags"
        people = "woman"
        language = "ko"
        reviewer = "kim"
        concurrency = 3
        rpm = 60
        tpm = 9000
        delay = "500ms"
        budget = "2.50"
        confirm-above = "9.00"
        image-protocol = "sixel"
        theme = "light"
        ascii = true
        mouse = false
        keys = "vim"
        notify = "desktop"
        log = "l.log"
        verbose = 2
        openai = { preset = "ollama", base-url = "http://b", api-key-env = "KEY", price-in = "1.00", price-out = "2.00" }
    };
    assert_eq!(command.settings().expect("settings"), expected);
    Layers::read(expected, |_| None, None).expect("read").config().expect("every option sets a setting");
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
#[case("recaption split a.jsonl --parts 5 --overlap 2.5% --seed 7 -o parts --all --dry-run --json")]
#[case("recaption split a.jsonl --names kim,lee,ana.2 --overlap 200")]
#[case("recaption stats a.jsonl --by-reviewer --json")]
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
#[case::zero_words("recaption --max-words 0", ErrorKind::ValueValidation)]
#[case::unknown_format("recaption export a.jsonl --to doc", ErrorKind::InvalidValue)]
#[case::no_format("recaption export a.jsonl", ErrorKind::MissingRequiredArgument)]
#[case::unknown_decision("recaption export a.jsonl --to csv --only good", ErrorKind::InvalidValue)]
#[case::no_screen_in_save("recaption save a.jsonl --ascii", ErrorKind::UnknownArgument)]
#[case::no_session_in_check("recaption check a.jsonl --session s", ErrorKind::UnknownArgument)]
#[case::two_datasets("recaption generate a.jsonl -i b.jsonl", ErrorKind::ArgumentConflict)]
#[case::seed_without_sample_in_generate("recaption generate a.jsonl --seed 7", ErrorKind::MissingRequiredArgument)]
#[case::target_without_plan("recaption stats a.jsonl --target 90", ErrorKind::MissingRequiredArgument)]
#[case::impossible_target("recaption stats a.jsonl --plan --target 100", ErrorKind::ValueValidation)]
#[case::plan_of_a_comparison("recaption stats a.jsonl b.jsonl --plan", ErrorKind::ArgumentConflict)]
#[case::split_without_parts("recaption split a.jsonl", ErrorKind::MissingRequiredArgument)]
#[case::one_part("recaption split a.jsonl --parts 1", ErrorKind::ValueValidation)]
#[case::overlap("recaption split a.jsonl --parts 2 --overlap 101%", ErrorKind::ValueValidation)]
#[case::part_name("recaption split a.jsonl --names kim,../lee", ErrorKind::ValueValidation)]
#[case::merge_without_other("recaption merge", ErrorKind::MissingRequiredArgument)]
#[case::seed_without_sample("recaption a.jsonl --seed 7", ErrorKind::MissingRequiredArgument)]
#[case::empty_sample("recaption a.jsonl --sample 0", ErrorKind::ValueValidation)]
#[case::report_of_a_plan("recaption stats a.jsonl --plan --report r.md", ErrorKind::ArgumentConflict)]
#[case::no_log_in_show("recaption show a.jpg --log l", ErrorKind::UnknownArgument)]
fn invalid_command_lines_are_rejected(#[case] line: &str, #[case] kind: ErrorKind) {
    assert_eq!(parse(line).expect_err(line).kind(), kind);
}

#[test]
fn a_single_path_is_merged_into_the_dataset_of_the_current_folder() {
    let of = |line: &str| match parsed(line) {
        Command::Merge(args) => {
            let (dataset, others) = args.sides();
            (dataset.path(Path::new("/nowhere")).ok(), others)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(of("recaption merge b.sqlite"), (None, vec!["b.sqlite".into()]));
    assert_eq!(of("recaption merge a.jsonl b.sqlite"), (Some("a.jsonl".into()), vec!["b.sqlite".into()]));
    let several = vec!["b.sqlite".into(), "c.sqlite".into()];
    assert_eq!(of("recaption merge a.jsonl --json b.sqlite c.sqlite"), (Some("a.jsonl".into()), several));
}

#[test]
fn decisions_are_separated_by_commas() {
    let Command::Export(export) = parsed("recaption export --to csv --only kept,skipped") else { panic!("export") };
    assert_eq!(export.only, [DecisionKind::Kept, DecisionKind::Skipped]);
}

#[test]
fn options_that_are_not_given_set_nothing() {
    for line in ["recaption", "recaption demo", "recaption save", "recaption check", "recaption show"] {
        let mut settings = parsed(line).settings().expect("settings");
        assert!(settings.remove("verbose").is_none_or(|count| count.as_integer() == Some(0)), "{line}");
        assert!(settings.is_empty(), "{line}: {settings}");
    }
}

#[test]
fn a_number_too_large_for_a_setting_is_an_error() {
    let error = parsed("recaption --max-words 18446744073709551615").settings().expect_err("rejected");
    assert!(error.to_string().starts_with("command line: "), "{error}");
}

#[test]
fn without_a_path_the_current_folder_is_used() {
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
    // Tables have no options.
    for (name, value) in defaults.iter().filter(|(_, value)| !value.is_table()) {
        let variable = format!("[env: RECAPTION_{}]", name.to_uppercase().replace('-', "_"));
        let helps: Vec<String> =
            cli.get_arguments().filter_map(|arg| arg.get_help()).map(ToString::to_string).collect();
        let help = helps.iter().find(|help| help.contains(&variable)).expect(name);
        let default = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        let is_shown = help.contains(&format!("[default: {default}]"));
        // Switches have no value to show, and `-v` raises the log level.
        assert!(is_shown || value.is_bool() || name == "log-level", "{name}: {help}");
    }
}

#[test]
fn each_command_has_an_about_line() {
    let cli = Cli::command();
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    assert_eq!(about(&cli), "Review machine-written image captions in the terminal");
    let abouts: Vec<String> = cli.get_subcommands().map(about).collect();
    assert!(
        abouts.iter().any(|about| about.starts_with("Check a dataset and its captions for problems")),
        "{abouts:?}"
    );
    assert!(abouts.iter().any(|about| about.starts_with("Review a sample dataset")), "{abouts:?}");
}

#[test]
fn headings_do_not_leak_to_later_options() {
    let cli = Cli::command();
    let heading = |id: &str| {
        let argument = cli.get_arguments().find(|argument| argument.get_id() == id).expect(id);
        argument.get_help_heading().map(ToOwned::to_owned)
    };
    let expected =
        [("max_words", None), ("line_breaks", None), ("ahead", Some("Describing")), ("output", Some("Saving"))];
    for (id, expected) in expected {
        assert_eq!(heading(id).as_deref(), expected, "{id}");
    }
}

#[test]
fn the_help_of_each_command_has_examples() {
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.starts_with("Examples:\n  recaption"), "{}: {help}", command.get_name());
    }
}

#[test]
fn every_setting_of_check_reaches_its_run() {
    let line =
        "recaption check a.jsonl --style tags --style-guide g.toml --max-words 9 --language ko --caption-field c";
    let expected = toml! { style = "tags" style-guide = "g.toml" max-words = 9 language = "ko" caption-field = "c" };
    assert_eq!(parsed(line).settings().expect("settings"), expected);
}

#[test]
fn options_reach_the_config_of_the_run() {
    let options = parsed("recaption --no-mouse -v").settings().expect("settings");
    let config = Layers::read(options, |_| None, None).expect("settings").config().expect("settings");
    assert_eq!((config.mouse, config.log_level), (false, LogLevel::Debug));
}
