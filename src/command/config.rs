//! `recaption config`: prints the effective settings and the source of each, in the format of the settings file.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::config::{Config, Effective, Layers, Source};
use crate::console::Console;
use crate::text::{hidden_characters, sanitize};

/// The column of the sources, right of most settings.
const SOURCES: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigOptions {
    pub json: bool,
}

/// Prints the settings.
///
/// # Errors
/// Returns an error if `out` is closed or full.
pub fn run(layers: &Layers, config: &Config, options: ConfigOptions, out: &mut Console<'_>) -> io::Result<()> {
    if options.json {
        print_json(layers, config, out)?;
        return out.flush();
    }
    // The output can be used as a config file.
    let mut out = out.data_stream()?;
    print_toml(layers, config, &mut *out)?;
    out.flush()
}

fn print_toml(layers: &Layers, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    if let Some((path, exists)) = layers.file() {
        let path = sanitize(&path.to_string_lossy()).into_owned();
        if exists {
            writeln!(out, "# Overrides from {path}")?;
        } else {
            writeln!(out, "# No overrides: {path} does not exist")?;
        }
    }
    let mut table = "";
    for Effective { name, value, source } in &layers.effective(config) {
        let (of, key) = name.split_once('.').unwrap_or(("", name));
        if of != table {
            writeln!(out, "\n[{of}]")?;
            table = of;
        }
        match value.as_ref().and_then(|value| toml::Value::try_from(value).ok()) {
            Some(value) => {
                let line = format!("{key} = {}", toml_text(&value));
                writeln!(out, "{line:SOURCES$} # {}", sanitize(&source.to_string()))?;
            }
            None => writeln!(out, "# {key} is not set")?,
        }
    }
    Ok(())
}

/// Returns a value in TOML. Characters that a terminal must not receive are escaped, which does not change the value.
fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) if hidden_characters(text).next().is_some() => {
            let hidden: BTreeSet<usize> = hidden_characters(text).map(|(at, _)| at).collect();
            let escape = |(at, character): (usize, char)| match character {
                '"' | '\\' => format!("\\{character}"),
                _ if hidden.contains(&at) || character.is_control() => format!("\\U{:08X}", u32::from(character)),
                _ => character.to_string(),
            };
            format!("\"{}\"", text.char_indices().map(escape).collect::<String>())
        }
        toml::Value::Array(values) => format!("[{}]", values.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

fn print_json(layers: &Layers, config: &Config, out: &mut Console<'_>) -> io::Result<()> {
    let settings: Vec<Value> = layers.effective(config).iter().map(json).collect();
    let file = layers.file().filter(|(_, exists)| *exists).map(|(path, _)| path.to_string_lossy());
    out.json_pretty(&json!({ "file": file, "settings": settings }))
}

fn json(setting: &Effective) -> Value {
    let Effective { name, value, source } = setting;
    match source {
        _ if value.is_none() => json!({ "name": name, "value": null, "source": null }),
        Source::Default => json!({ "name": name, "value": value, "source": "default" }),
        Source::File { path, line } => {
            json!({ "name": name, "value": value, "source": "file", "file": path.to_string_lossy(), "line": line })
        }
        Source::Variable(variable) => {
            json!({ "name": name, "value": value, "source": "environment", "variable": variable })
        }
        Source::Options => json!({ "name": name, "value": value, "source": "command line" }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use toml::{Table, toml};

    #[test]
    fn escaped_values_are_the_same_values() {
        for text in ["\u{9b}2J\"\\'#\n\t\u{202e}", "a\u{e0041}b\u{1b}", "\u{7f}\r\u{200b}가"] {
            let line = format!("a = {}", toml_text(&vec![text].into()));
            assert_eq!(hidden_characters(&line).next(), None, "{line:?}");
            assert_eq!(line.parse::<Table>().unwrap()["a"][0].as_str(), Some(text), "{line}");
        }
    }

    const FILE: &str = "ahead = 1\n\n[lints]\nhedging = \"off\"\nbanned = [\"Acme\", \"a # b\"]\n";

    fn layers(file: &Path) -> Layers {
        let options = toml! { ascii = true verbose = 1 };
        let variables = |name: &str| (name == "RECAPTION_BUDGET").then(|| "2.5".into());
        Layers::read(options, variables, Some(file.to_owned())).unwrap()
    }

    fn printed(layers: &Layers, json: bool) -> String {
        let mut out = Vec::new();
        run(layers, &layers.config().unwrap(), ConfigOptions { json }, &mut Console::new(&mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_setting_is_printed_with_its_source() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, FILE).unwrap();
        let text = printed(&layers(&file), false);
        let path = file.display();
        for (setting, source) in [
            ("max-words = 50", "default"),
            ("ahead = 1", &*format!("{path}:1")),
            ("budget = \"2.50\"", "RECAPTION_BUDGET"),
            ("ascii = true", "command line"),
            ("log-level = \"debug\"", "command line"),
            ("hedging = \"off\"", &*format!("{path}:4")),
            ("banned = [\"Acme\", \"a # b\"]", &*format!("{path}:5")),
        ] {
            assert!(text.lines().any(|line| line == format!("{setting:32} # {source}")), "{setting} {source}\n{text}");
        }
        assert!(text.contains("\n# region is not set\n") && text.contains("\n# required is not set\n"), "{text}");
        assert!(text.starts_with(&format!("# Overrides from {path}\ncaption-field")), "{text}");
    }

    #[test]
    fn output_is_a_settings_file_with_the_same_settings() {
        let folder = tempfile::tempdir().unwrap();
        let (file, copy) = (folder.path().join("config.toml"), folder.path().join("copy.toml"));
        fs::write(&file, FILE).unwrap();
        let layers = layers(&file);
        fs::write(&copy, printed(&layers, false)).unwrap();
        let reread = Layers::read(Table::new(), |_| None, Some(copy)).unwrap();
        assert_eq!(reread.config().unwrap(), layers.config().unwrap());
    }

    #[test]
    fn json_has_the_same_settings() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        fs::write(&file, FILE).unwrap();
        let all: Value = serde_json::from_str(&printed(&layers(&file), true)).unwrap();
        let named = |name: &str| {
            let settings = all["settings"].as_array().unwrap();
            settings.iter().find(|setting| setting["name"] == name).unwrap().clone()
        };
        let path = file.to_string_lossy();
        assert_eq!(all["file"], *path);
        assert_eq!(named("max-words"), json!({ "name": "max-words", "value": 50, "source": "default" }));
        let hedging = json!({ "name": "lints.hedging", "value": "off", "source": "file", "file": path, "line": 4 });
        assert_eq!(named("lints.hedging"), hedging);
        assert_eq!(named("budget")["variable"], "RECAPTION_BUDGET");
        assert_eq!(named("mouse")["source"], "default");
        assert_eq!(named("region"), json!({ "name": "region", "value": null, "source": null }));
    }

    #[test]
    fn a_missing_file_is_reported() {
        let text = printed(&layers(Path::new("/nowhere/config.toml")), false);
        assert!(text.starts_with("# No overrides: /nowhere/config.toml does not exist\n"), "{text}");
    }
}
