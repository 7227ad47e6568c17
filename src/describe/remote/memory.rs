//! Remembers between runs which model of a service answered, and how many requests it accepted: a start for the next run,
//! not a truth. A cache in the user's state folder, without secrets; whatever is unreadable or old in it is ignored.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::atomic_file::{self, WriteError};

/// After this many seconds, a model or a rate is forgotten: access and quotas change.
const EXPIRY: i64 = 7 * 24 * 60 * 60;
/// The maximum number of services remembered.
const MAX_SERVICES: usize = 64;

/// The facts about one service: an account in a region, or an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Remembered {
    /// The id of the model that answered last.
    pub(super) model: Option<String>,
    /// The requests per minute that models accepted, by id.
    pub(super) rates: BTreeMap<String, NonZeroU32>,
    /// The time of the last change, in seconds since 1970.
    at: i64,
}

/// Unknown fields are those of another version.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Content {
    #[serde(default)]
    services: BTreeMap<String, Value>,
}

/// Returns the remembered facts about a service.
pub(super) fn recall(file: &Path, service: &str, now: Timestamp) -> Remembered {
    services(file, now).remove(service).unwrap_or_default()
}

/// Remembers that a model of a service answered, and its rate if known.
///
/// # Errors
///
/// Returns an error if the file cannot be written.
pub(super) fn remember(
    file: &Path,
    service: &str,
    model: &str,
    rate: Option<NonZeroU32>,
    now: Timestamp,
) -> Result<(), WriteError> {
    let mut services = services(file, now);
    let remembered = services.entry(service.to_owned()).or_default();
    remembered.model = Some(model.to_owned());
    remembered.at = now.as_second();
    if let Some(rate) = rate {
        remembered.rates.insert(model.to_owned(), rate);
    }
    while services.len() > MAX_SERVICES {
        let oldest = services.iter().min_by_key(|(_, remembered)| remembered.at).map(|(service, _)| service.clone());
        services.remove(&oldest.unwrap_or_default());
    }
    let services = services.into_iter().map(|(service, remembered)| Ok((service, serde_json::to_value(remembered)?)));
    let services = services.collect::<Result<_, serde_json::Error>>().map_err(io::Error::other)?;
    let text = serde_json::to_vec_pretty(&Content { services }).map_err(io::Error::other)?;
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    atomic_file::write_unsynced(file, &mut |out| Ok::<_, WriteError>(out.write_all(&text)?))
}

/// Returns the file in the user's state folder.
#[must_use]
pub fn file_in(state_folder: &Path) -> PathBuf {
    state_folder.join("recaption").join("describers.json")
}

/// Reads the file, without entries that are unreadable, expired or from the future.
fn services(file: &Path, now: Timestamp) -> BTreeMap<String, Remembered> {
    let content = match std::fs::read(file).and_then(|bytes| Ok(serde_json::from_slice::<Content>(&bytes)?)) {
        Ok(content) => content,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(file = %file.display(), %error, "models and rates of earlier runs are forgotten");
            }
            Content::default()
        }
    };
    let read = |(service, value)| match serde_json::from_value::<Remembered>(value) {
        Ok(remembered) => Some((service, remembered)),
        Err(error) => {
            tracing::warn!(file = %file.display(), service, %error, "model and rate of an earlier run are forgotten");
            None
        }
    };
    let now = now.as_second();
    let is_current = |(_, remembered): &(String, Remembered)| (now - EXPIRY..=now).contains(&remembered.at);
    content.services.into_iter().filter_map(read).filter(is_current).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn a_model_and_its_rate_are_remembered_for_some_days() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file_in(&folder.path().join("state"));
        assert_eq!(recall(&file, "eu", at(0)), Remembered::default());
        remember(&file, "eu", "sonnet", NonZeroU32::new(900), at(0)).expect("written");
        remember(&file, "us", "haiku", None, at(5)).expect("written");
        remember(&file, "eu", "haiku", NonZeroU32::new(70), at(9)).expect("written");
        let eu = recall(&file, "eu", at(10));
        assert_eq!(eu.model.as_deref(), Some("haiku"));
        assert_eq!(eu.rates.values().map(|rate| rate.get()).collect::<Vec<_>>(), [70, 900]);
        assert_eq!(recall(&file, "us", at(10)).model.as_deref(), Some("haiku"));
        assert_eq!(recall(&file, "us", at(6 + EXPIRY)), Remembered::default(), "expired");
        assert_eq!(recall(&file, "us", at(4)), Remembered::default(), "the clock was set back");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn damage_and_other_versions_are_ignored() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file_in(folder.path());
        remember(&file, "eu", "sonnet", NonZeroU32::new(900), at(0)).expect("written");
        let whole = std::fs::read_to_string(&file).expect("text");
        for length in 0..whole.len() {
            std::fs::write(&file, &whole[..length]).expect("written");
            let recalled = recall(&file, "eu", at(1));
            assert!(recalled == Remembered::default() || recalled.model.as_deref() == Some("sonnet"), "{recalled:?}");
        }
        let other = r#"{ "version": 9, "services": {
            "eu": { "model": "sonnet", "at": 1800000000, "rates": { "sonnet": 900 }, "mood": "good" },
            "us": { "model": 3 },
            "ap": { "model": "haiku", "at": 1800000000, "rates": { "haiku": 0 } } } }"#;
        std::fs::write(&file, other).expect("written");
        assert_eq!(recall(&file, "eu", at(1)).rates.len(), 1);
        assert_eq!(recall(&file, "us", at(1)), Remembered::default());
        assert_eq!(recall(&file, "ap", at(1)), Remembered::default(), "a rate of zero would stop all requests");
        remember(&file, "us", "haiku", None, at(2)).expect("written");
        assert_eq!(recall(&file, "eu", at(3)).model.as_deref(), Some("sonnet"));
    }

    #[test]
    fn the_oldest_services_are_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = file_in(folder.path());
        for number in 0..70 {
            remember(&file, &format!("service {number}"), "model", None, at(number)).expect("written");
        }
        assert_eq!(services(&file, at(70)).len(), MAX_SERVICES);
        assert_eq!(recall(&file, "service 5", at(70)), Remembered::default());
        assert!(recall(&file, "service 6", at(70)).model.is_some());
    }
}
