//! A verdict: what a second model found when it compared a caption with its image.

use std::ops::Range;

use twox_hash::XxHash3_128;

/// The JSON schema of a response. Structured output requires every field and no others.
pub const SCHEMA: &str = r#"{"type":"object","properties":{"unsupported":{"type":"array","items":{"type":"string"},"description":"phrases of the caption, word for word, that the image contradicts or does not show"},"missing":{"type":"array","items":{"type":"string"},"description":"prominent things in the image that the caption does not mention"}},"required":["unsupported","missing"],"additionalProperties":false}"#;

/// Identifies the text that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextHash(pub u128);

impl TextHash {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(XxHash3_128::oneshot(text.as_bytes()))
    }
}

/// A part of a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// In bytes.
    pub start: usize,
    /// Not empty.
    pub text: String,
}

impl Quote {
    #[must_use]
    pub fn of(caption: &str, span: Range<usize>) -> Self {
        Self { start: span.start, text: caption[span].to_owned() }
    }

    /// Returns its place in the caption. Returns `None` if the caption does not have it there.
    #[must_use]
    pub fn span(&self, caption: &str) -> Option<Range<usize>> {
        let span = self.start..self.start + self.text.len();
        (caption.get(span.clone()) == Some(self.text.as_str())).then_some(span)
    }
}

/// The comparison of one text with its image. It says nothing about any other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub judged: TextHash,
    /// Phrases of the caption that the image does not support, in the order of the caption.
    pub unsupported: Vec<Quote>,
    /// Things that the caption does not mention, most prominent first.
    pub missing: Vec<String>,
    /// The number of phrases in the response that cannot be true: not in the caption although quoted from it, or in it
    /// although missing. They are not among the findings.
    pub dropped: u32,
}

impl Verdict {
    /// Returns true if it has findings.
    #[must_use]
    pub const fn has_findings(&self) -> bool {
        !self.unsupported.is_empty() || !self.missing.is_empty()
    }

    /// Returns the sort key by severity: what is wrong counts more than what is missing.
    #[must_use]
    pub const fn severity(&self) -> (usize, usize) {
        (self.unsupported.len(), self.missing.len())
    }

    /// Returns true if it judges this text.
    #[must_use]
    pub fn is_about(&self, text: &str) -> bool {
        self.judged == TextHash::of(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_json() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).expect("JSON");
        assert_eq!(schema["required"], serde_json::json!(["unsupported", "missing"]));
    }

    #[test]
    fn a_quote_is_only_in_the_text_it_was_taken_from() {
        let caption = "Café, a red hat.";
        let quote = Quote::of(caption, 9..12);
        assert_eq!((quote.text.as_str(), quote.span(caption)), ("red", Some(9..12)));
        for other in ["A red hat.", "", "Cafés, a red hat.", "Café, a réd"] {
            assert_eq!(quote.span(other), None, "{other}");
        }
    }
}
