//! The address of an API: everything before `/chat/completions`.

use std::fmt;

use url::{Host, Url};

use super::error::OpenaiError;
use crate::text::without_password;

/// A path that users copy along with the base URL.
const CHAT: &str = "/chat/completions";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// # Errors
    ///
    /// Returns an error if the text is not an HTTP URL, or contains a user name or a password.
    pub fn parse(text: &str) -> Result<Self, OpenaiError> {
        let invalid = |reason: &str| OpenaiError::InvalidBaseUrl {
            url: without_password(text).into_owned(),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(text.trim()).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(invalid("not an http:// or https:// URL"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("contains credentials; set them as an API key"));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix(CHAT).unwrap_or(path).to_owned();
        url.set_path(&path);
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// Returns the URL of a path below this one. Keeps the query, which selects the version of some APIs.
    pub(super) fn join(&self, path: &str) -> String {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url.into()
    }

    /// Returns host and port ("localhost:11434").
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Returns true if the server runs on this computer.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            // The unspecified address, on which a server listens, connects to this computer.
            Some(Host::Ipv4(address)) => address.is_loopback() || address.is_unspecified(),
            Some(Host::Ipv6(address)) => {
                address.is_loopback()
                    || address.is_unspecified()
                    || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
            }
            None => false,
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://localhost:11434/v1", "http://localhost:11434/v1/chat/completions")]
    #[case(" http://localhost:11434/v1/ ", "http://localhost:11434/v1/chat/completions")]
    #[case("http://localhost:11434/v1/chat/completions", "http://localhost:11434/v1/chat/completions")]
    #[case("https://a.example/openai?api-version=1", "https://a.example/openai/chat/completions?api-version=1")]
    #[case("https://a.example", "https://a.example/chat/completions")]
    fn paths_are_below_the_base(#[case] base: &str, #[case] expected: &str) {
        assert_eq!(BaseUrl::parse(base).expect("a URL").join(CHAT), expected);
    }

    #[rstest]
    #[case("")]
    #[case("localhost:11434")]
    #[case("ftp://localhost/v1")]
    #[case("http://")]
    #[case("https://user:secret@example.com/v1")]
    fn other_texts_are_rejected(#[case] text: &str) {
        let message = BaseUrl::parse(text).expect_err("no base URL").to_string();
        assert!(message.contains("--base-url") && !message.contains("secret"), "{message}");
    }

    #[rstest]
    #[case("http://localhost:1/v1", true)]
    #[case("http://LOCALHOST./v1", true)]
    #[case("http://ollama.localhost/v1", true)]
    #[case("http://127.9.9.9/v1", true)]
    #[case("http://0.0.0.0:8000/v1", true)]
    #[case("http://[::1]:8000/v1", true)]
    #[case("http://[::ffff:127.0.0.1]/v1", true)]
    #[case("http://192.168.1.2/v1", false)]
    #[case("http://localhost.example.com/v1", false)]
    #[case("http://127.0.0.1.example.com/v1", false)]
    #[case("https://openrouter.ai/api/v1", false)]
    fn only_addresses_of_this_computer_are_loopback(#[case] url: &str, #[case] expected: bool) {
        assert_eq!(BaseUrl::parse(url).expect("a URL").is_loopback(), expected);
    }
}
