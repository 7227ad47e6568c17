//! The replacement of `:s`: literal text and references to groups of the pattern.

use std::fmt;

use regex::{Captures, Regex, Replacer};

/// A parsed replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplacementText {
    /// As typed.
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Group(usize),
}

impl ReplacementText {
    /// Parses `$1`, `$name` and `${name}` as groups of `pattern`, `$$` as a dollar sign, `\n` as a line break, `\t` as a
    /// tab and `\\` as a backslash. As in the regex crate, a name takes as many letters, digits and underscores as
    /// possible.
    ///
    /// # Errors
    /// Returns the reference to a group that the pattern does not have.
    pub(super) fn parse(source: &str, pattern: &Regex) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['$', '\\']) {
            literal.push_str(&rest[..at]);
            let (token, after) = token(&rest[at..]);
            rest = after;
            match token {
                Token::Literal(text) => literal.push_str(text),
                Token::Group { name, reference } => {
                    let group = name.parse().ok().filter(|group| *group < pattern.captures_len());
                    let named = || pattern.capture_names().position(|known| known == Some(name));
                    let group = group.or_else(named).ok_or_else(|| reference.to_owned())?;
                    parts.extend([Part::Literal(std::mem::take(&mut literal)), Part::Group(group)]);
                }
            }
        }
        literal.push_str(rest);
        parts.push(Part::Literal(literal));
        Ok(Self { source: source.to_owned(), parts })
    }
}

impl fmt::Display for ReplacementText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl Replacer for &ReplacementText {
    fn replace_append(&mut self, captures: &Captures<'_>, text: &mut String) {
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
            });
        }
    }
}

enum Token<'a> {
    Literal(&'a str),
    Group { name: &'a str, reference: &'a str },
}

/// Splits a text that begins with a dollar sign or a backslash after its first token.
fn token(text: &str) -> (Token<'_>, &str) {
    let escapes = [("$$", "$"), ("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")];
    if let Some((escape, meaning)) = escapes.into_iter().find(|(escape, _)| text.starts_with(escape)) {
        return (Token::Literal(meaning), &text[escape.len()..]);
    }
    let group = |from: usize, to: usize, end: usize| {
        (Token::Group { name: &text[from..to], reference: &text[..end] }, &text[end..])
    };
    if text.starts_with("${")
        && let Some(close) = text.find('}')
    {
        return group(2, close, close + 1);
    }
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let end = 1 + text[1..].find(|character| !is_name(character)).unwrap_or(text.len() - 1);
    if text.starts_with('$') && end > 1 { group(1, end, end) } else { (Token::Literal(&text[..1]), &text[1..]) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn replaced(pattern: &str, with: &str, text: &str) -> Result<String, String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        let with = ReplacementText::parse(with, &pattern)?;
        Ok(pattern.replace_all(text, &with).into_owned())
    }

    #[rstest]
    #[case("(a)(b)", "$2$1", "ba")]
    #[case("(?<x>a)b", "${x}y $x", "ay a")]
    #[case("(a)b", "${1}st", "ast")]
    #[case("ab", "$0$0", "abab")]
    #[case("ab", "$$5 $ 5%", "$5 $ 5%")]
    #[case("ab", r"x\ny\t\\n\d", "x\ny\t\\n\\d")]
    #[case("(a)|b", "[$1]", "[a][]")]
    fn groups_and_escapes(#[case] pattern: &str, #[case] with: &str, #[case] expected: &str) {
        assert_eq!(replaced(pattern, with, "ab").as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("$1")]
    #[case("$5.00")]
    #[case("$name")]
    #[case("${}")]
    fn missing_groups_are_errors(#[case] with: &str) {
        assert!(replaced("ab", with, "ab").is_err_and(|reference| with.starts_with(&reference)));
    }

    proptest! {
        #[test]
        fn text_without_signs_is_literal(with in "[^$\\\\]{0,12}") {
            prop_assert_eq!(replaced("ab", &with, "ab"), Ok(with));
        }

        #[test]
        fn references_agree_with_the_regex_crate(with in r"[a$0-2{}]{0,8}") {
            let pattern = Regex::new("(a)(b)").expect("a pattern");
            if let Ok(text) = replaced("(a)(b)", &with, "ab") {
                prop_assert_eq!(text, pattern.replace_all("ab", with.as_str()).into_owned());
            }
        }
    }
}
