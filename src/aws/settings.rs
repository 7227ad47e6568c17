//! The settings of a client: options first, then the environment, then the AWS configuration files. Uses no network.

use std::borrow::Cow;
use std::env;
use std::error::Error as _;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileRegionProvider, ProfileSet, load};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use futures::FutureExt as _;

use super::client::Options;
use super::credentials::{ACCESS_KEY, API_KEY, PROFILE, config_files, non_empty};
use super::error::AwsError;
use super::geography::{closest_region, is_region};
use crate::text::excerpt as single_line;

/// The variables with a region, in the order of the SDK.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The variables with a custom endpoint, where a region may have any name.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"];

#[derive(Debug)]
pub(super) struct Settings {
    /// `None` if only the metadata of an EC2 instance can have it.
    pub region: Option<String>,
    /// The chosen profile or the one of the environment, for messages.
    pub profile: Option<String>,
    /// A PEM file with the trusted certificate authorities.
    pub ca_bundle: Option<PathBuf>,
}

impl Settings {
    /// # Errors
    ///
    /// Returns an error if a configuration file is needed and cannot be parsed or lacks the profile, or if the region is
    /// invalid.
    pub(super) fn resolve(options: &Options) -> Result<Self, AwsError> {
        let region = [("--region", options.region.clone())]
            .into_iter()
            .chain(REGIONS.map(|name| (name, variable(name))))
            .find_map(|(origin, region)| Some((origin, region?)));
        // Like the AWS CLI, a chosen profile comes before keys in the environment, and AWS_PROFILE after them.
        let has_keys =
            options.profile.is_none() && [API_KEY, ACCESS_KEY].into_iter().any(|name| variable(name).is_some());
        let profile = options.profile.clone().or_else(|| variable(PROFILE));
        let files = match (config_sections(options), region.is_some() && has_keys) {
            (Ok(files), _) => Some(files),
            // The files are not needed.
            (Err(_), true) => None,
            (Err(error), false) => return Err(error),
        };
        if let (Some(name), Some(files), false) = (&profile, &files, has_keys)
            && files.get_profile(name).is_none()
        {
            let mut known: Vec<String> = files.profiles().map(str::to_owned).collect();
            known.sort();
            return Err(AwsError::UnknownProfile { name: name.clone(), known });
        }
        let region = region.or_else(|| Some(("the AWS configuration", profile_region(options)?)));
        let custom_endpoint =
            options.endpoint_url.is_some() || ENDPOINTS.into_iter().any(|name| variable(name).is_some());
        if let Some((origin, region)) = &region
            && !custom_endpoint
            && !is_region(region)
        {
            return Err(AwsError::InvalidRegion { region: region.clone(), origin, closest: closest_region(region) });
        }
        let in_profile = || files.as_ref()?.get("ca_bundle").map(str::to_owned);
        let ca_bundle = variable("AWS_CA_BUNDLE").or_else(in_profile).map(PathBuf::from);
        Ok(Self { region: region.map(|(_, region)| region), profile, ca_bundle })
    }
}

/// Returns the region that requests will be sent to, or `None` if only a connection can determine it.
///
/// # Errors
///
/// Returns an error if the AWS configuration files cannot be parsed or lack the profile, or if the region is invalid.
pub fn region(options: &Options) -> Result<Option<String>, AwsError> {
    Settings::resolve(options).map(|settings| settings.region)
}

fn variable(name: &str) -> Option<String> {
    let value = non_empty(&|name: &str| -> Option<OsString> { env::var_os(name) }, name)?;
    Some(value.to_string_lossy().into_owned())
}

/// Reads the configuration files with the parser of the SDK.
fn config_sections(options: &Options) -> Result<ProfileSet, AwsError> {
    let invalid = |reason| AwsError::InvalidConfig { reason };
    for path in config_files(|name| env::var_os(name)) {
        // The SDK treats a file that it cannot read as empty.
        readable(&path).map_err(invalid)?;
    }
    let (fs, env, files) = (Fs::real(), Env::real(), EnvConfigFiles::default());
    let sections = load(&fs, &env, &files, options.profile.clone().map(Cow::Owned)).now_or_never();
    let sections = sections.ok_or_else(|| invalid("the AWS configuration files cannot be read".to_owned()))?;
    sections.map_err(|error| {
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        invalid(with_line(&cause))
    })
}

/// Checks that a file is absent, or is text.
fn readable(path: &Path) -> Result<(), String> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: cannot be read: {error}", path.display())),
        Ok(bytes) => str::from_utf8(&bytes).map(drop).map_err(|error| {
            let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
            format!("{}:{line}: not valid UTF-8", path.display())
        }),
    }
}

/// Rewrites an error of the SDK ("error parsing PATH on line N: …") to the form of our errors ("PATH:N: …").
fn with_line(error: &str) -> String {
    let rewritten = error.strip_prefix("error parsing ").and_then(|rest| {
        let (location, message) = rest.split_once(":\n")?;
        let (path, line) = location.rsplit_once(" on line ")?;
        Some(format!("{path}:{line}: {}", message.trim()))
    });
    rewritten.unwrap_or_else(|| single_line(error))
}

/// Returns the region of the profile, or of the profile that it takes its credentials from.
fn profile_region(options: &Options) -> Option<String> {
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(name) = &options.profile {
        provider = provider.profile_name(name);
    }
    // The files are read without suspending.
    provider.build().region().now_or_never()?.map(|region| region.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parse_error_has_the_file_and_the_line() {
        let error = "error parsing /home/on line/.aws/config on line 3:\n  Expected an '=' sign defining a property";
        assert_eq!(with_line(error), "/home/on line/.aws/config:3: Expected an '=' sign defining a property");
        assert_eq!(with_line("another\nform"), "another form");
    }

    #[test]
    fn a_file_that_is_not_text_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        assert_eq!(readable(&path), Ok(()));
        fs::write(&path, b"[default]\nregion = \xFF\n").expect("a file");
        assert!(readable(&path).is_err_and(|error| error.ends_with("config:2: not valid UTF-8")));
        assert!(readable(folder.path()).is_err_and(|error| error.contains("cannot be read")));
    }
}
