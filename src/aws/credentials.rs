//! Detects configured AWS credentials without network access, except on an EC2 instance.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::client::Options;
use super::instance_role;

/// A Bedrock API key, which takes precedence over other credentials in the environment.
pub(super) const API_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

pub(super) const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// The default profile.
pub(super) const PROFILE: &str = "AWS_PROFILE";

/// Variables that indicate credentials: keys, a profile, a container role, or a federated identity.
const VARIABLES: [&str; 6] = [
    API_KEY,
    ACCESS_KEY,
    PROFILE,
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The AWS configuration files: the variable with the path, and the default path in the home directory.
const FILES: [(&str, &str); 2] =
    [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")];

/// The settings in those files that provide credentials. A file may have only a region.
const SETTINGS: [&str; 7] = [
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_start_url",
];

/// Returns true if the environment, the AWS configuration files or the role of an EC2 instance provide credentials. Does
/// not check that they are valid.
#[must_use]
pub fn credentials_are_configured() -> bool {
    configured(|name| env::var_os(name)) || instance_role::exists(|name| env::var_os(name))
}

/// Returns a name for the account of the requests that needs no request and has no secrets: the profile, or a hash of the
/// access key's id.
#[must_use]
pub fn account_key(options: &Options) -> String {
    let variable = |name: &str| env::var_os(name);
    let text = |name| non_empty(&variable, name).map(|value| value.to_string_lossy().into_owned());
    if let Some(profile) = &options.profile {
        return format!("profile {profile}");
    }
    if text(API_KEY).is_some() {
        return "API key".to_owned();
    }
    if let Some(key) = text(ACCESS_KEY) {
        return format!("key {:016x}", XxHash3_64::oneshot(key.as_bytes()));
    }
    text(PROFILE).map_or_else(|| "default profile".to_owned(), |profile| format!("profile {profile}"))
}

/// Returns the value of a variable. Treats empty as unset, like the AWS CLI.
pub(super) fn non_empty(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

fn configured(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    if VARIABLES.iter().any(|name| non_empty(&variable, name).is_some()) {
        return true;
    }
    config_files(variable).any(|path| provides_credentials(&path))
}

/// Returns the paths of the AWS configuration files.
pub(super) fn config_files(variable: impl Fn(&str) -> Option<OsString>) -> impl Iterator<Item = PathBuf> {
    let home = non_empty(&variable, "HOME").map(PathBuf::from);
    FILES.into_iter().filter_map(move |(name, default)| match non_empty(&variable, name).map(PathBuf::from) {
        Some(path) => match (path.strip_prefix("~"), &home) {
            (Ok(rest), Some(home)) => Some(home.join(rest)),
            _ => Some(path),
        },
        None => home.as_ref().map(|home| home.join(default)),
    })
}

fn provides_credentials(path: &Path) -> bool {
    let Ok(bytes) = fs::read(path) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    text.lines().filter_map(|line| line.split_once('=')).any(|(name, _)| SETTINGS.contains(&name.trim()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn configured_with(variables: &[(&str, &str)]) -> bool {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        configured(|name| variables.get(name).map(OsString::from))
    }

    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir(home.path().join(".aws")).expect("a directory");
        for (name, text) in files {
            fs::write(home.path().join(".aws").join(name), text).expect("a file");
        }
        home
    }

    #[test]
    fn no_settings_mean_no_credentials() {
        let empty = tempfile::tempdir().expect("a directory");
        assert!(!configured_with(&[]));
        assert!(!configured_with(&[("HOME", &empty.path().to_string_lossy()), ("AWS_REGION", "us-east-1")]));
    }

    #[test]
    fn each_variable_indicates_credentials_unless_empty() {
        for name in VARIABLES {
            assert!(configured_with(&[(name, "x")]), "{name}");
            assert!(!configured_with(&[(name, "")]), "{name}");
        }
    }

    #[test]
    fn a_file_counts_only_if_it_provides_credentials() {
        let keys = home(&[("credentials", "[default]\naws_access_key_id = AKIA\naws_secret_access_key=x\n")]);
        assert!(configured_with(&[("HOME", &keys.path().to_string_lossy())]));
        let sso = home(&[("config", "[sso-session a]\nsso_start_url=https://example.com\n")]);
        assert!(configured_with(&[("HOME", &sso.path().to_string_lossy())]));
        let region = home(&[("config", "[default]\nregion = us-east-1\n# role_arn\n")]);
        assert!(!configured_with(&[("HOME", &region.path().to_string_lossy())]));
    }

    #[test]
    fn the_variables_override_the_file_paths() {
        let elsewhere = home(&[("mine", "[a]\nrole_arn = b\n")]);
        let home = elsewhere.path().to_string_lossy();
        assert!(configured_with(&[("AWS_CONFIG_FILE", &elsewhere.path().join(".aws/mine").to_string_lossy())]));
        assert!(configured_with(&[("AWS_CONFIG_FILE", "~/.aws/mine"), ("HOME", &home)]));
        assert!(!configured_with(&[("AWS_CONFIG_FILE", "~/.aws/other"), ("HOME", &home)]));
    }
}
