//! The file that remembers the operator's choice of panes, in the user's state folder: it belongs to no dataset.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file::{self, WriteError};
use crate::review::{ListPane, Panes};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Stored {
    list: Option<String>,
    picture_width: Option<u16>,
    picture_height: Option<u16>,
}

/// Returns the file; `None` if the user has no home folder.
fn file() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    let state =
        etcetera::BaseStrategy::state_dir(&folders).unwrap_or_else(|| etcetera::BaseStrategy::data_dir(&folders));
    Some(state.join("recaption").join("panes.toml"))
}

/// Returns the remembered choice, or the default if there is none.
///
/// # Errors
/// Returns a message if the file cannot be used. It is replaced by the next choice.
pub fn remembered_panes() -> Result<Panes, String> {
    file().map_or(Ok(Panes::default()), |file| read(&file))
}

fn read(file: &Path) -> Result<Panes, String> {
    let unusable = |error: &dyn std::fmt::Display| format!("{}: layout not restored: {error}", file.display());
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Panes::default()),
        text => text.map_err(|error| unusable(&error))?,
    };
    let stored: Stored = toml::from_str(&text).map_err(|error| unusable(&error.message()))?;
    let list = match stored.list {
        None => ListPane::default(),
        Some(name) => {
            let known = ListPane::ALL.into_iter().find(|list| list.name() == name);
            known.ok_or_else(|| unusable(&format!("unknown list \"{name}\"")))?
        }
    };
    Ok(Panes { list, beside: stored.picture_width, above: stored.picture_height })
}

/// Stores the choice. If that fails, it is logged: a layout is not worth a message at the exit.
pub(super) fn remember(panes: Panes) {
    if let Some(Err(error)) = file().map(|file| write(&file, panes)) {
        tracing::warn!(%error, "cannot remember the layout");
    }
}

fn write(file: &Path, panes: Panes) -> Result<(), WriteError> {
    let stored =
        Stored { list: Some(panes.list.name().to_owned()), picture_width: panes.beside, picture_height: panes.above };
    let text = toml::to_string(&stored).map_err(io::Error::other)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    atomic_file::write(file, true, &mut |out| Ok::<_, WriteError>(out.write_all(text.as_bytes())?)).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state/recaption/panes.toml");
        assert_eq!(read(&file), Ok(Panes::default()));
        for list in ListPane::ALL {
            let panes = Panes { list, beside: Some(420), above: None };
            write(&file, panes).unwrap();
            assert_eq!(read(&file), Ok(panes));
        }
    }

    #[test]
    fn an_unusable_file_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("panes.toml");
        for text in ["list = 3", "list = \"wide\"", "list = \"full\"\nsplit = 3", "picture-width = -1"] {
            std::fs::write(&file, text).unwrap();
            let error = read(&file).unwrap_err();
            assert!(error.contains("panes.toml: layout not restored"), "{error}");
        }
    }
}
