//! `recaption config`: the settings in effect and where each is from, in the form of the settings file.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::shown::Shown;
use crate::config::{Effective, Origin, Sources};
use crate::text::sanitize;

/// Where the remarks on settings begin, in columns, so that most are below each other.
const REMARKS: usize = 32;

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigOptions {
    /// As JSON.
    pub json: bool,
    /// Standard output is a terminal: what would command it is shown instead.
    pub terminal: bool,
}

/// Prints the settings.
///
/// # Errors
/// When `out` is closed or full.
pub fn run(sources: &Sources, options: ConfigOptions, out: &mut dyn Write) -> io::Result<()> {
    if options.terminal {
        let mut shown = Shown::new(out);
        print(sources, options.json, &mut shown)?;
        return shown.flush();
    }
    print(sources, options.json, out)?;
    out.flush()
}

fn print(sources: &Sources, as_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let settings = sources.effective();
    if as_json {
        let settings: Vec<Value> = settings.iter().map(json).collect();
        let file = sources.file().map(Path::to_string_lossy);
        return writeln!(out, "{:#}", json!({ "file": file, "settings": settings }));
    }
    match (sources.file(), sources.place()) {
        (Some(file), _) => writeln!(out, "# Over the defaults lies {}.", name(file))?,
        (None, Some(place)) => writeln!(out, "# There is no {}.", name(place))?,
        (None, None) => {}
    }
    let mut table = "";
    for setting in &settings {
        let (of, key) = setting.name.split_once('.').unwrap_or(("", &setting.name));
        if of != table {
            writeln!(out, "\n[{of}]")?;
            table = of;
        }
        match setting.value.as_ref().and_then(|value| toml::Value::try_from(value).ok()) {
            Some(value) => {
                let line = format!("{key} = {value}");
                writeln!(out, "{line:REMARKS$} # {}", remark(&setting.origin))?;
            }
            None => writeln!(out, "# {key} is not set")?,
        }
    }
    Ok(())
}

fn remark(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File { path, line } => format!("{}:{line}", name(path)),
        Origin::Variable(name) => name.clone(),
        Origin::Flag => "command line".to_owned(),
    }
}

fn json(setting: &Effective) -> Value {
    let Effective { name, value, origin } = setting;
    match origin {
        _ if value.is_none() => json!({ "name": name, "value": null, "source": null }),
        Origin::Default => json!({ "name": name, "value": value, "source": "default" }),
        Origin::File { path, line } => {
            json!({ "name": name, "value": value, "source": "file", "file": path.to_string_lossy(), "line": line })
        }
        Origin::Variable(variable) => {
            json!({ "name": name, "value": value, "source": "environment", "variable": variable })
        }
        Origin::Flag => json!({ "name": name, "value": value, "source": "command line" }),
    }
}

/// A path on one line.
fn name(path: &Path) -> String {
    sanitize(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::{Config, Settings};

    const FILE: &str = "ahead = 1\n\n[lints]\nhedging = \"off\"\nbanned = [\"Acme\", \"a # b\"]\n";

    fn sources(file: &Path) -> Sources {
        let flags = Settings { ascii: Some(true), verbose: 1, ..Settings::default() };
        let variables = |name: &str| (name == "RECAPTION_BUDGET").then(|| "2.5".into());
        Sources::read(flags, variables, Some(file)).unwrap()
    }

    fn printed(sources: &Sources, json: bool) -> String {
        let mut out = Vec::new();
        run(sources, ConfigOptions { json, terminal: false }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_setting_is_printed_with_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, FILE).unwrap();
        let text = printed(&sources(&file), false);
        let place = file.display();
        for (setting, source) in [
            ("max-words = 50", "default"),
            ("ahead = 1", &*format!("{place}:1")),
            ("budget = \"2.50\"", "RECAPTION_BUDGET"),
            ("ascii = true", "command line"),
            ("log-level = \"debug\"", "command line"),
            ("hedging = \"off\"", &*format!("{place}:4")),
            ("banned = [\"Acme\", \"a # b\"]", &*format!("{place}:5")),
        ] {
            assert!(text.lines().any(|line| line == format!("{setting:32} # {source}")), "{setting} {source}\n{text}");
        }
        assert!(text.contains("\n# region is not set\n") && text.contains("\n# required is not set\n"), "{text}");
        assert!(text.starts_with(&format!("# Over the defaults lies {place}.\ncaption-field")), "{text}");
    }

    #[test]
    fn what_is_printed_means_the_same_as_a_settings_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("config.toml"), folder.path().join("copy.toml"));
        fs::write(&file, FILE).unwrap();
        let sources = sources(&file);
        fs::write(&copy, printed(&sources, false)).unwrap();
        let again = Sources::read(Settings::default(), |_| None, Some(&copy)).unwrap().config();
        assert_eq!(again, Config { ahead_is_chosen: true, ..sources.config() });
    }

    #[test]
    fn json_has_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, FILE).unwrap();
        let all: Value = serde_json::from_str(&printed(&sources(&file), true)).unwrap();
        let named = |name: &str| {
            let settings = all["settings"].as_array().unwrap();
            settings.iter().find(|setting| setting["name"] == name).unwrap().clone()
        };
        let place = file.to_string_lossy();
        assert_eq!(all["file"], *place);
        assert_eq!(named("max-words"), json!({ "name": "max-words", "value": 50, "source": "default" }));
        let hedging = json!({ "name": "lints.hedging", "value": "off", "source": "file", "file": place, "line": 4 });
        assert_eq!(named("lints.hedging"), hedging);
        assert_eq!(named("budget")["variable"], "RECAPTION_BUDGET");
        assert_eq!(named("mouse")["source"], "default");
        assert_eq!(named("region"), json!({ "name": "region", "value": null, "source": null }));
    }

    #[test]
    fn a_file_that_does_not_exist_is_said_to() {
        let text = printed(&sources(Path::new("/nowhere/config.toml")), false);
        assert!(text.starts_with("# There is no /nowhere/config.toml.\n"), "{text}");
    }
}
