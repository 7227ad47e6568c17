//! Whether there are signs of AWS credentials on this machine, without asking anybody.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// An API key of Bedrock's own, used in place of all other credentials.
pub(super) const API_KEY: &str = "AWS_BEARER_TOKEN_BEDROCK";

/// The profile that is used where none is given.
pub(super) const PROFILE: &str = "AWS_PROFILE";

/// The variables any of which is a sign: keys, a profile, a container's role, a federated identity.
const VARIABLES: [&str; 6] = [
    API_KEY,
    "AWS_ACCESS_KEY_ID",
    PROFILE,
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
];

/// The files of the AWS tools: the variable that moves each, and where it is else, under the home directory.
const FILES: [(&str, &str); 2] =
    [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")];

/// The settings in those files that lead to credentials. A file may hold none of them, only a region.
const SETTINGS: [&str; 7] = [
    "aws_access_key_id",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "sso_account_id",
    "sso_start_url",
];

/// Whether the environment or the files of the AWS tools have credentials to offer. Whether those are valid is not
/// known, and the role of an EC2 instance is not seen: both would take a request.
#[must_use]
pub fn credentials_are_configured() -> bool {
    configured(|name| env::var_os(name))
}

/// The value of a variable. Like the AWS tools, empty is unset.
pub(super) fn set(variable: &impl Fn(&str) -> Option<OsString>, name: &str) -> Option<OsString> {
    variable(name).filter(|value| !value.is_empty())
}

fn configured(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    if VARIABLES.iter().any(|name| set(&variable, name).is_some()) {
        return true;
    }
    let home = set(&variable, "HOME").map(PathBuf::from);
    FILES.iter().any(|(name, usual)| {
        let path = match set(&variable, name).map(PathBuf::from) {
            Some(path) => match (path.strip_prefix("~"), &home) {
                (Ok(rest), Some(home)) => Some(home.join(rest)),
                _ => Some(path),
            },
            None => home.as_ref().map(|home| home.join(usual)),
        };
        path.is_some_and(|path| offers_credentials(&path))
    })
}

fn offers_credentials(path: &Path) -> bool {
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
    fn nothing_set_is_no_credentials() {
        let empty = tempfile::tempdir().expect("a directory");
        assert!(!configured_with(&[]));
        assert!(!configured_with(&[("HOME", &empty.path().to_string_lossy()), ("AWS_REGION", "us-east-1")]));
    }

    #[test]
    fn any_of_the_variables_is_a_sign_unless_it_is_empty() {
        for name in VARIABLES {
            assert!(configured_with(&[(name, "x")]), "{name}");
            assert!(!configured_with(&[(name, "")]), "{name}");
        }
    }

    #[test]
    fn a_file_counts_only_if_it_leads_to_credentials() {
        let keys = home(&[("credentials", "[default]\naws_access_key_id = AKIA\naws_secret_access_key=x\n")]);
        assert!(configured_with(&[("HOME", &keys.path().to_string_lossy())]));
        let sso = home(&[("config", "[sso-session a]\nsso_start_url=https://example.com\n")]);
        assert!(configured_with(&[("HOME", &sso.path().to_string_lossy())]));
        let region = home(&[("config", "[default]\nregion = us-east-1\n# role_arn\n")]);
        assert!(!configured_with(&[("HOME", &region.path().to_string_lossy())]));
    }

    #[test]
    fn files_are_looked_for_where_the_variables_say() {
        let elsewhere = home(&[("mine", "[a]\nrole_arn = b\n")]);
        let home = elsewhere.path().to_string_lossy();
        assert!(configured_with(&[("AWS_CONFIG_FILE", &elsewhere.path().join(".aws/mine").to_string_lossy())]));
        assert!(configured_with(&[("AWS_CONFIG_FILE", "~/.aws/mine"), ("HOME", &home)]));
        assert!(!configured_with(&[("AWS_CONFIG_FILE", "~/.aws/other"), ("HOME", &home)]));
    }
}
