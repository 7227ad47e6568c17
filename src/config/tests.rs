//! Precedence of the layers, and the errors of each.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;

use rstest::rstest;
use tempfile::TempDir;
use toml::{Table, toml};

use super::*;
use crate::lint::{LintKind, Rules, Severity};

/// The sources of a run.
#[derive(Default)]
struct World {
    file: Option<&'static str>,
    variables: HashMap<&'static str, &'static str>,
    options: Table,
}

impl World {
    fn layers(self) -> Result<Layers, ConfigError> {
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        if let Some(text) = self.file {
            fs::write(&file, text).expect("written");
        }
        let variables = |name: &str| self.variables.get(name).map(OsString::from);
        Layers::read(self.options, variables, Some(file))
    }

    fn resolve(self) -> Result<Config, ConfigError> {
        self.layers()?.config()
    }
}

#[rstest]
#[case::default(None, None, None, 50)]
#[case::file(Some("max-words = 10"), None, None, 10)]
#[case::variable(None, Some("20"), None, 20)]
#[case::variable_over_file(Some("max-words = 10"), Some("20"), None, 20)]
#[case::option(None, None, Some(30), 30)]
#[case::option_over_file(Some("max-words = 10"), None, Some(30), 30)]
#[case::option_over_variable(None, Some("20"), Some(30), 30)]
#[case::option_over_all(Some("max-words = 10"), Some("20"), Some(30), 30)]
#[case::empty_variable(Some("max-words = 10"), Some(""), None, 10)]
fn the_strongest_source_wins(
    #[case] file: Option<&'static str>,
    #[case] variable: Option<&'static str>,
    #[case] option: Option<i64>,
    #[case] expected: usize,
) {
    let options = option.into_iter().map(|value| ("max-words".to_owned(), value.into())).collect();
    let variables = variable.map(|value| ("RECAPTION_MAX_WORDS", value)).into_iter().collect();
    let config = World { file, variables, options }.resolve().expect("settings");
    assert_eq!(config.max_words.get(), expected);
}

/// A value other than the default for each setting, as in the file and the environment, in the order of the defaults.
const OTHER_VALUES: &[(&str, &str)] = &[
    ("caption-field", "caption"),
    ("max-words", "7"),
    ("style", "tags"),
    ("schema", "/schemas/a.json"),
    ("line-breaks", "true"),
    ("describer", "none"),
    ("ahead", "0"),
    ("model", "claude-haiku-4-5"),
    ("region", "eu-west-1"),
    ("profile", "photos"),
    ("endpoint-url", "http://127.0.0.1:1"),
    ("prompt", "short"),
    ("style-guide", "/guides/a.toml"),
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
fn every_setting_can_be_set_in_the_file_and_the_environment() {
    let default = World::default().resolve().expect("settings");
    for &(name, value) in OTHER_VALUES {
        let variable = format!("RECAPTION_{}", name.to_uppercase().replace('-', "_"));
        let layers = Layers::read(Table::new(), |asked| (asked == variable).then(|| value.into()), None).expect(name);
        let mut from_variable = layers.config().expect(name);
        assert_ne!(from_variable, default, "{name} has no effect");
        let effective = layers.effective(&from_variable).into_iter();
        let set: Vec<Effective> = effective.filter(|setting| setting.source != Source::Default).collect();
        let [Effective { name: only, value: Some(_), source }] = &set[..] else { panic!("{name}: {set:?}") };
        assert_eq!((&**only, source), (name, &Source::Variable(variable)));

        // In the file, `model` is that of Bedrock.
        from_variable.openai.model = None;
        let is_bare =
            matches!(name, "max-words" | "ahead" | "concurrency" | "rpm" | "tpm" | "ascii" | "mouse" | "line-breaks");
        let line = if is_bare { format!("{name} = {value}") } else { format!("{name} = {value:?}") };
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("config.toml");
        fs::write(&file, line).expect("written");
        let layers = Layers::read(Table::new(), |_| None, Some(file.clone())).expect(name);
        assert_eq!(layers.config().expect(name), from_variable, "{name}");
        assert_eq!(layers.source(name), Source::File { path: file, line: 1 });
    }
}

#[test]
fn the_defaults_document_every_setting() {
    let examples = layers::examples();
    let (tables, plain): (Vec<_>, Vec<_>) = examples.iter().partition(|(_, value)| value.is_table());
    assert_eq!(
        tables.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["batch", "lints", "openai", "s3", "verify"]
    );
    let mut settings: Vec<&str> = OTHER_VALUES.iter().map(|(name, _)| *name).collect();
    let layers = World::default().layers().expect("settings");
    let config = layers.config().expect("settings");
    let effective = layers.effective(&config);
    let names: Vec<&str> = effective.iter().map(|setting| &*setting.name).filter(|name| !name.contains('.')).collect();
    assert_eq!(names, settings, "the order of the fields is that of the defaults");
    let positions = effective.iter().map(|setting| {
        let (table, key) = setting.name.split_once('.').unwrap_or(("", &setting.name));
        let start = if table.is_empty() { 0 } else { DEFAULTS.find(&format!("\n[{table}]\n")).expect(table) };
        let found = |text: String| DEFAULTS[start..].find(&text).map(|at| start + at);
        found(format!("\n{key} = ")).or_else(|| found(format!("\n# {key} = "))).expect(key)
    });
    assert!(positions.is_sorted());
    settings.sort_unstable();
    assert_eq!(plain.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), settings);
    for paragraph in DEFAULTS.split("\n\n") {
        assert!(
            paragraph.starts_with("# ") && !settings.iter().any(|name| paragraph.starts_with(&format!("# {name} =")))
        );
    }
    let severities: Vec<(LintKind, Severity)> = LintKind::ALL.map(|kind| (kind, kind.default_severity())).into();
    assert_eq!(config.lints.severities.clone().into_iter().collect::<Vec<_>>(), severities);
    assert_eq!(config.lints.min_words.get(), Rules::default().min_words);
    let examples: LintSettings = examples["lints"].clone().try_into().expect("lints");
    assert!(examples.banned.is_some() && examples.required.is_some());
    // As the user's own file they are valid and change nothing.
    let layers = World { file: Some(DEFAULTS), ..World::default() }.layers().expect("settings");
    assert_eq!(layers.config().expect("settings"), config);
    assert!(matches!(layers.source("ahead"), Source::File { .. }));
}

#[rstest]
#[case::unknown(
    "ahead = 1\n\nmx-words = 3\n",
    3,
    "mx-words = 3: unknown field `mx-words`, expected one of `caption-field`"
)]
#[case::wrong_type("max-words = \"many\"\n", 1, "max-words = \"many\": expected an integer of 1 or more")]
#[case::zero("# none\nmax-words = 0\n", 2, "max-words = 0: expected an integer of 1 or more")]
#[case::negative("ahead = -1\n", 1, "ahead = -1: expected an integer of 0 or more")]
#[case::no_boolean("ascii = 3\n", 1, "ascii = 3: expected true or false")]
#[case::no_amount("budget = \"much\"\n", 1, "budget = \"much\": expected an amount in dollars, such as 2 or 0.50")]
#[case::no_duration("delay = \"short\"\n", 1, "delay = \"short\": expected a duration, such as 1s or 500ms")]
#[case::unknown_value(
    "theme = \"pink\"\n",
    1,
    "theme = \"pink\": expected one of auto, dark, light, high-contrast, none"
)]
#[case::syntax("ahead = 1\nahead\n", 2, "=")]
#[case::no_table("lints = 3\n", 1, "lints = 3: expected a table")]
#[case::unknown_lint("ahead = 1\n[lints]\ntoo-log = \"off\"\n", 3, "too-long")]
#[case::unknown_severity(
    "[lints]\n\ntoo-long = \"fatal\"\n",
    3,
    "lints.too-long = \"fatal\": unknown variant `fatal`, expected one of `off`"
)]
#[case::no_array("[lints]\nempty = \"off\"\nbanned = \"Acme\"\n", 3, "lints.banned = \"Acme\": expected an array")]
#[case::no_phrase("[lints]\nrequired = [3]\n", 2, "lints.required = [3]: expected a string or an array of strings")]
fn an_invalid_file_is_rejected_with_line_and_key(
    #[case] file: &'static str,
    #[case] line: usize,
    #[case] message: &str,
) {
    let error = World { file: Some(file), ..World::default() }.resolve().expect_err("rejected").to_string();
    assert!(error.contains(&format!("config.toml:{line}: ")), "{error}");
    assert!(error.contains(message), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[rstest]
#[case("RECAPTION_MAX_WORDS", "0", "max-words = 0: expected an integer of 1 or more")]
#[case("RECAPTION_MAX_WORDS", "few", "max-words = \"few\": expected an integer of 1 or more")]
#[case("RECAPTION_AHEAD", "-1", "ahead = -1: expected an integer of 0 or more")]
#[case("RECAPTION_MOUSE", "maybe", "mouse = \"maybe\": expected true or false")]
#[case("RECAPTION_DESCRIBER", "oracle", "describer = \"oracle\": expected one of bedrock, openai, local, none")]
#[case("RECAPTION_LOG_LEVEL", "loud", "log-level = \"loud\": expected one of error, warn, info, debug, trace")]
fn an_invalid_variable_is_rejected_by_name(
    #[case] name: &'static str,
    #[case] value: &'static str,
    #[case] message: &str,
) {
    // The file is valid and does not take the blame.
    let world = World { file: Some("max-words = 7"), variables: [(name, value)].into(), ..World::default() };
    assert_eq!(world.resolve().expect_err("rejected").to_string(), format!("{name}: {message}"));
}

#[rstest]
#[case("RECAPTION_ASCII", "YES", |config: &Config| config.ascii)]
#[case("RECAPTION_ASCII", "on", |config: &Config| config.ascii)]
#[case("RECAPTION_MOUSE", "0", |config: &Config| !config.mouse)]
#[case("RECAPTION_THEME", "Dark", |config: &Config| config.theme == Theme::Dark)]
#[case("RECAPTION_PROFILE", "123", |config: &Config| config.profile.as_deref() == Some("123"))]
fn variables_have_the_type_of_their_setting(
    #[case] name: &'static str,
    #[case] value: &'static str,
    #[case] is_set: fn(&Config) -> bool,
) {
    let config = World { variables: [(name, value)].into(), ..World::default() }.resolve().expect("settings");
    assert!(is_set(&config), "{config:?}");
}

#[test]
fn recaption_config_names_another_file_which_must_exist() {
    let folder = TempDir::new().expect("a temporary folder");
    let named = folder.path().join("other.toml");
    let resolve = || {
        let variables = |name: &str| (name == "RECAPTION_CONFIG").then(|| named.clone().into_os_string());
        Layers::read(Table::new(), variables, None)?.config()
    };
    let missing = resolve().expect_err("it does not exist").to_string();
    assert!(missing.contains("other.toml"), "{missing}");
    fs::write(&named, "ahead = 9").expect("written");
    assert_eq!(resolve().expect("settings").ahead, 9);
}

#[rstest]
#[case("info", 0, LogLevel::Info)]
#[case("info", 1, LogLevel::Debug)]
#[case("error", 2, LogLevel::Info)]
#[case("debug", 9, LogLevel::Trace)]
fn verbose_raises_the_log_level_that_is_set(#[case] set: &'static str, #[case] count: i64, #[case] level: LogLevel) {
    let options = [("verbose".to_owned(), count.into())].into_iter().collect();
    let variables = [("RECAPTION_LOG_LEVEL", set)].into();
    let layers = World { variables, options, ..World::default() }.layers().expect("settings");
    assert_eq!(layers.config().expect("settings").log_level, level);
    assert_eq!(layers.source("log-level") == Source::Options, count > 0);
}

#[test]
fn lints_of_the_file_are_merged_with_the_defaults() {
    let file = Some(concat!(
        "[lints]\nhedging = \"off\"\nmin-words = 8\nbanned = [\"Acme\"]\n",
        "required = [\"sks\", [\"woman\", \"man\"]]\n",
    ));
    let lints = World { file, ..World::default() }.resolve().expect("settings").lints;
    assert_eq!(lints.severities[&LintKind::Hedging], Severity::Off);
    assert_eq!(lints.severities[&LintKind::Markup], Severity::Warn);
    assert_eq!(lints.min_words.get(), 8);
    assert_eq!(lints.banned, Some(vec!["Acme".to_owned()]));
    let required = [vec!["sks".to_owned()], vec!["woman".to_owned(), "man".to_owned()]];
    assert_eq!(lints.required.as_deref(), Some(required.as_slice()));
}

#[test]
fn tags_that_exclude_each_other_may_be_lists() {
    let file = Some("[lints]\nconflicts = [[\"day\", [\"night\", \"moon\"]]]\nperson-conflicts = []\n");
    let lints = World { file, ..World::default() }.resolve().expect("settings").lints;
    let group = vec![vec!["day".to_owned()], vec!["night".to_owned(), "moon".to_owned()]];
    assert_eq!((lints.conflicts, lints.person_conflicts), (vec![group], vec![]));
}

#[test]
fn an_option_overrides_an_invalid_file_entry() {
    let options = toml! { max-words = 9 };
    let config = World { file: Some("max-words = 0"), options, ..World::default() }.resolve().expect("settings");
    assert_eq!(config.max_words.get(), 9);
}

/// Returns base URL, model and key variable.
fn server(world: World) -> [Option<String>; 3] {
    let OpenaiSettings { base_url, model, api_key_env, .. } = world.resolve().expect("settings").openai;
    [base_url, model, api_key_env]
}

const SERVER: &str =
    "model = \"claude-haiku-4-5\"\n[openai]\nbase-url = \"http://a/v1\"\nmodel = \"llava\"\napi-key-env = \"A_KEY\"\n";

#[test]
fn the_server_of_the_file_keeps_its_model_and_key() {
    let some = |text: &str| Some(text.to_owned());
    let world = || World { file: Some(SERVER), ..World::default() };
    assert_eq!(server(world()), [some("http://a/v1"), some("llava"), some("A_KEY")]);
    // The model of the file is that of Bedrock.
    assert_eq!(world().resolve().expect("settings").model, "claude-haiku-4-5");
    let options = toml! { model = "moondream" };
    assert_eq!(server(World { options, ..world() }), [some("http://a/v1"), some("moondream"), some("A_KEY")]);
    let variables = [("RECAPTION_MODEL", "gemma")].into();
    assert_eq!(server(World { variables, ..world() }), [some("http://a/v1"), some("gemma"), some("A_KEY")]);
}

#[test]
fn another_server_does_not_get_the_key_of_the_one_in_the_file() {
    let some = |text: &str| Some(text.to_owned());
    let variables = [("RECAPTION_OPENAI_BASE_URL", "http://b/v1")].into();
    let world = World { file: Some(SERVER), variables, ..World::default() };
    assert_eq!(server(world), [some("http://b/v1"), None, None]);
    let options = toml! { openai = { preset = "ollama" } };
    let config = World { file: Some(SERVER), options, ..World::default() }.resolve().expect("settings").openai;
    let expected = OpenaiSettings { preset: Some(crate::describe::openai::ApiPreset::Ollama), ..Default::default() };
    assert_eq!(config, expected);
}

#[test]
fn settings_of_the_server_have_variables() {
    let variables = [
        ("RECAPTION_OPENAI_PRESET", "openrouter"),
        ("RECAPTION_OPENAI_BASE_URL", "http://a/v1"),
        ("RECAPTION_OPENAI_MODEL", "a/b"),
        ("RECAPTION_OPENAI_API_KEY_ENV", "A"),
        ("RECAPTION_OPENAI_PRICE_IN", "0.10"),
        ("RECAPTION_OPENAI_PRICE_OUT", "0.40"),
    ];
    let layers = World { variables: variables.into(), ..World::default() }.layers().expect("settings");
    let config = layers.config().expect("settings");
    let settings = layers.effective(&config).into_iter().filter(|setting| setting.name.starts_with("openai."));
    let from_variable = settings.filter(|setting| matches!(setting.source, Source::Variable(_))).count();
    assert_eq!(from_variable, variables.len());
    assert_eq!(config.openai.price_in, Some("0.10".parse().expect("dollars")));
    let unknown = World { file: Some("[openai]\nbase-ulr = \"a\"\n"), ..World::default() };
    let error = unknown.resolve().expect_err("unknown").to_string();
    assert!(error.contains("config.toml:2") && error.contains("base-url"), "{error}");
}
