//! URLs for display.

use std::borrow::Cow;

/// Returns a URL, or a list of them, without the passwords in it. A user name alone may be a token, so it is hidden too.
#[must_use]
pub fn without_password(url: &str) -> Cow<'_, str> {
    const HIDDEN: &str = "***@";
    let mut shown = String::new();
    let mut rest = url;
    // A proxy may have no scheme.
    let mut start = Some(0);
    while let Some(at) = rest.find("://").map(|at| at + "://".len()).or(start) {
        start = None;
        let (before, after) = rest.split_at(at);
        shown.push_str(before);
        // A password may contain anything but a slash, a question mark and a number sign.
        let end = after.find(['/', '?', '#', ' ', ',']).unwrap_or(after.len());
        let (authority, after) = after.split_at(end);
        match authority.rfind('@') {
            Some(at) => {
                shown.push_str(HIDDEN);
                shown.push_str(&authority[at + 1..]);
            }
            None => shown.push_str(authority),
        }
        rest = after;
    }
    shown.push_str(rest);
    if shown == url { Cow::Borrowed(url) } else { Cow::Owned(shown) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://bedrock.eu-west-1.amazonaws.com/a?b=c@d", "https://bedrock.eu-west-1.amazonaws.com/a?b=c@d")]
    #[case("http://kim:p@ss:w0rd@proxy.example:3128/", "http://***@proxy.example:3128/")]
    #[case("http://token@proxy", "http://***@proxy")]
    #[case("kim:secret@proxy:3128", "***@proxy:3128")]
    #[case("http://a:b@c, http://d:e@f", "http://***@c, http://***@f")]
    #[case("localhost,127.0.0.1", "localhost,127.0.0.1")]
    #[case("", "")]
    fn passwords_are_hidden(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(without_password(url), expected);
    }
}
