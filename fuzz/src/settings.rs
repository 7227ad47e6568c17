//! Reads arbitrary bytes as a keymap and as a settings file: each is valid or an error. The settings that are printed are
//! read again with the same values.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use recaption::config::{Layers, Preset};
use recaption::tui::Keymap;

/// The program reads its settings from the same file.
static FILE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::var_os("RECAPTION_CONFIG").expect("RECAPTION_CONFIG is set").into());

fn config() -> Result<(Layers, recaption::config::Config), recaption::config::ConfigError> {
    let layers = Layers::load(toml::Table::new())?;
    let config = layers.config()?;
    Ok((layers, config))
}

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("written");
    for preset in [Preset::Default, Preset::Prodigy, Preset::Vim] {
        match Keymap::load(preset, Some(&FILE)) {
            Ok(keymap) => assert!(!keymap.to_markdown().is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let (layers, config_read) = match config() {
        Ok(read) => read,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let mut written = toml::Table::new();
    for setting in layers.effective(&config_read) {
        let Some(value) = setting.value else { continue };
        let value = toml::Value::try_from(value).expect("a setting can be written in TOML");
        match setting.name.split_once('.') {
            None => drop(written.insert(setting.name, value)),
            Some((table, key)) => {
                let table = written.entry(table).or_insert_with(|| toml::Table::new().into());
                table.as_table_mut().expect("a table").insert(key.to_owned(), value);
            }
        }
    }
    std::fs::write(&*FILE, written.to_string()).expect("written");
    let (_, again) = config().unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again, config_read);
});
