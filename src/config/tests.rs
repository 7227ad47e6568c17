//! Which source wins, and what each refuses.

use std::collections::HashMap;

use rstest::rstest;
use tempfile::TempDir;

use super::*;
use crate::lint::{LintKind, Rules, Severity};

/// A user's file, and the variables and flags around it.
#[derive(Default)]
struct World {
    file: Option<&'static str>,
    variables: HashMap<&'static str, &'static str>,
    flags: Settings,
}

impl World {
    fn resolve(self) -> Result<Config, ConfigError> {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        if let Some(text) = self.file {
            fs::write(&file, text).expect("written");
        }
        let variables = |name: &str| self.variables.get(name).map(OsString::from);
        Ok(Sources::read(self.flags, variables, Some(&file))?.config())
    }
}

#[rstest]
#[case::default(None, None, None, 50)]
#[case::file(Some("max-words = 10"), None, None, 10)]
#[case::variable(None, Some("20"), None, 20)]
#[case::variable_over_file(Some("max-words = 10"), Some("20"), None, 20)]
#[case::flag(None, None, Some(30), 30)]
#[case::flag_over_file(Some("max-words = 10"), None, Some(30), 30)]
#[case::flag_over_variable(None, Some("20"), Some(30), 30)]
#[case::flag_over_all(Some("max-words = 10"), Some("20"), Some(30), 30)]
#[case::empty_variable(Some("max-words = 10"), Some(""), None, 10)]
fn the_stronger_source_wins(
    #[case] file: Option<&'static str>,
    #[case] variable: Option<&'static str>,
    #[case] flag: Option<usize>,
    #[case] expected: usize,
) {
    let flags = Settings { max_words: flag.and_then(NonZeroUsize::new), ..Settings::default() };
    let variables = variable.map(|value| ("RECAPTION_MAX_WORDS", value)).into_iter().collect();
    let config = World { file, variables, flags }.resolve().expect("settings");
    assert_eq!(config.max_words.get(), expected);
}

/// Each setting with a value other than its default, as file and environment spell it.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("caption-field", "caption"),
    ("max-words", "7"),
    ("line-breaks", "true"),
    ("describer", "none"),
    ("ahead", "0"),
    ("model", "claude-haiku-4-5"),
    ("region", "eu-west-1"),
    ("profile", "photos"),
    ("endpoint-url", "http://127.0.0.1:1"),
    ("prompt", "short"),
    ("people", "Korean woman"),
    ("language", "ko"),
    ("reviewer", "kim"),
    ("concurrency", "2"),
    ("rpm", "60"),
    ("tpm", "1000"),
    ("delay", "1s"),
    ("budget", "2.50"),
    ("confirm-above", "0"),
    ("image-protocol", "sixel"),
    ("theme", "light"),
    ("ascii", "true"),
    ("mouse", "false"),
    ("keys", "vim"),
    ("notify", "bell"),
    ("log", "logs/a.log"),
    ("log-level", "debug"),
];

#[test]
fn every_setting_can_come_from_either_source_and_both_mean_the_same() {
    let default = World::default().resolve().expect("settings");
    for &(name, value) in OTHER_VALUES {
        let variable = format!("RECAPTION_{}", name.to_uppercase().replace('-', "_"));
        let sources = Sources::read(Settings::default(), |asked| (asked == variable).then(|| value.into()), None);
        let sources = sources.expect(name);
        let from_variable = sources.config();
        assert_ne!(from_variable, default, "{name} has no effect");
        let set: Vec<Effective> =
            sources.effective().into_iter().filter(|setting| setting.origin != Origin::Default).collect();
        let [Effective { name: only, value: Some(_), origin }] = &set[..] else { panic!("{name}: {set:?}") };
        assert_eq!((&**only, origin), (name, &Origin::Variable(variable)));

        let quoted = format!("{value:?}");
        let bare =
            matches!(name, "max-words" | "ahead" | "concurrency" | "rpm" | "tpm" | "ascii" | "mouse" | "line-breaks");
        let line = format!("{name} = {}", if bare { value } else { &quoted });
        let mut from_file = default.clone();
        from_file.apply(toml::from_str(&line).expect(name));
        assert_eq!(from_file, from_variable, "{name}");
    }
}

#[test]
fn the_defaults_explain_every_setting() {
    let uncommented: Vec<&str> = DEFAULTS
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .collect();
    let mut documented: toml::Table = uncommented.join("\n").parse().expect("TOML");
    let lints = documented.remove("lints").expect("the table of lints");
    let mut documented: Vec<&str> = documented.keys().map(String::as_str).collect();
    let mut settings: Vec<&str> = OTHER_VALUES.iter().map(|(name, _)| *name).collect();
    documented.sort_unstable();
    settings.sort_unstable();
    assert_eq!(documented, settings);
    // Those are all there are, and each paragraph begins with an explanation.
    let all = Sources::read(Settings::default(), |_| None, None).expect("settings").effective();
    let mut all: Vec<&str> = all.iter().map(|setting| &*setting.name).filter(|name| !name.contains('.')).collect();
    all.sort_unstable();
    assert_eq!(all, settings);
    for paragraph in DEFAULTS.split("\n\n") {
        assert!(
            paragraph.starts_with("# ") && !settings.iter().any(|name| paragraph.starts_with(&format!("# {name} =")))
        );
    }
    let lints: LintSettings = lints.try_into().expect("lints");
    for kind in LintKind::ALL {
        assert_eq!(lints.severities.get(&kind), Some(&kind.default_severity()), "{kind}");
    }
    assert_eq!(lints.min_words.map(NonZeroUsize::get), Some(Rules::default().min_words));
    assert!(lints.banned.is_some() && lints.required.is_some());
    // As a user's own file it is valid and changes nothing.
    let config = World { file: Some(DEFAULTS), ..World::default() }.resolve().expect("settings");
    assert!(config.ahead_is_chosen, "what a user writes down, they have chosen");
    let config = Config { ahead_is_chosen: false, ..config };
    assert_eq!(config, World::default().resolve().expect("settings"));
}

#[rstest]
#[case::unknown("ahead = 1\n\nmx-words = 3\n", 3, "mx-words")]
#[case::wrong_kind("max-words = \"many\"\n", 1, "string")]
#[case::no_word("# none\nmax-words = 0\n", 2, "nonzero")]
#[case::unknown_value("theme = \"pink\"\n", 1, "pink")]
#[case::no_toml("ahead = 1\nahead\n", 2, "=")]
#[case::no_lint("ahead = 1\n[lints]\ntoo-log = \"off\"\n", 3, "too-long")]
#[case::no_severity("[lints]\n\ntoo-long = \"fatal\"\n", 3, "fatal")]
#[case::no_list("[lints]\nempty = \"off\"\nbanned = \"Acme\"\n", 3, "Acme")]
#[case::no_phrase("[lints]\nrequired = [3]\n", 2, "a list of texts")]
fn a_file_is_refused_with_its_line(#[case] file: &'static str, #[case] line: usize, #[case] says: &str) {
    let error = World { file: Some(file), ..World::default() }.resolve().expect_err("refused").to_string();
    assert!(error.contains(&format!("config.toml:{line}: ")), "{error}");
    assert!(error.contains(says), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[rstest]
#[case("RECAPTION_MAX_WORDS", "0", "expected a whole number from 1 on")]
#[case("RECAPTION_AHEAD", "-1", "expected a whole number from 0 on")]
#[case("RECAPTION_MOUSE", "maybe", "expected true or false")]
#[case("RECAPTION_DESCRIBER", "oracle", "expected one of bedrock, local, none")]
#[case("RECAPTION_LOG_LEVEL", "loud", "expected one of error, warn, info, debug, trace")]
fn a_variable_is_refused_by_name(#[case] name: &'static str, #[case] value: &'static str, #[case] expected: &str) {
    let error = World { variables: [(name, value)].into(), ..World::default() }.resolve().expect_err("refused");
    assert_eq!(error.to_string(), format!("{name}={value:?}: {expected}"));
}

#[test]
fn a_file_named_in_the_environment_takes_the_place_of_the_users() {
    let folder = TempDir::new().expect("a temporary folder");
    let named = folder.path().join("other.toml");
    let resolve = || {
        let variables = |name: &str| (name == "RECAPTION_CONFIG").then(|| named.clone().into_os_string());
        Sources::read(Settings::default(), variables, None).map(|sources| sources.config())
    };
    let missing = resolve().expect_err("it does not exist").to_string();
    assert!(missing.contains("other.toml"), "{missing}");
    fs::write(&named, "ahead = 9").expect("written");
    assert_eq!(resolve().expect("settings").ahead, 9);
}

#[rstest]
#[case(LogLevel::Info, 0, LogLevel::Info)]
#[case(LogLevel::Info, 1, LogLevel::Debug)]
#[case(LogLevel::Error, 2, LogLevel::Info)]
#[case(LogLevel::Debug, 9, LogLevel::Trace)]
fn verbose_goes_on_from_the_level_that_is_set(#[case] set: LogLevel, #[case] verbose: u8, #[case] level: LogLevel) {
    let flags = Settings { verbose, log_level: Some(set), ..Settings::default() };
    assert_eq!(World { flags, ..World::default() }.resolve().expect("settings").log_level, level);
}

#[test]
fn what_a_file_says_of_lints_is_added_to_the_defaults() {
    let file = Some(concat!(
        "[lints]\nhedging = \"off\"\nmin-words = 8\nbanned = [\"Acme\"]\n",
        "required = [\"sks\", [\"woman\", \"man\"]]\n",
    ));
    let lints = World { file, ..World::default() }.resolve().expect("settings").lints;
    assert_eq!(lints.severities[&LintKind::Hedging], Severity::Off);
    assert_eq!(lints.severities[&LintKind::Markup], Severity::Warn);
    assert_eq!(lints.min_words.map(NonZeroUsize::get), Some(8));
    assert_eq!(lints.banned, Some(vec!["Acme".to_owned()]));
    let required = [vec!["sks".to_owned()], vec!["woman".to_owned(), "man".to_owned()]];
    assert_eq!(lints.required.as_deref(), Some(required.as_slice()));
}
