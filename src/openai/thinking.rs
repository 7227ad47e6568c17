//! Removes thinking that a model writes into its text, between tags that may be split over chunks.

/// The tags around thinking.
const TAGS: [(&str, &str); 3] = [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("◁think▷", "◁/think▷")];

#[derive(Debug, Default)]
pub(super) struct Thinking {
    /// The closing tag, while the model thinks.
    closing: Option<&'static str>,
    /// The end of the text so far, which may be the beginning of a tag.
    held: String,
}

/// The text of a chunk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether the text before this chunk was thinking.
    pub(super) discard: bool,
    pub(super) text: String,
}

impl Thinking {
    pub(super) fn push(&mut self, chunk: &str) -> Written {
        self.held.push_str(chunk);
        let mut written = Written::default();
        loop {
            // A closing tag without an opening one: the prompt of the model ends with the opening tag.
            let found = match self.closing {
                Some(closing) => self.held.find(closing).map(|at| (at, closing, None)),
                None => first_tag(&self.held),
            };
            let Some((at, tag, closing)) = found else { break };
            let after = self.held.split_off(at + tag.len());
            let before = std::mem::replace(&mut self.held, after);
            match (self.closing, closing) {
                (None, Some(_)) => written.text.push_str(&before[..at]),
                (None, None) => written = Written { discard: true, text: String::new() },
                (Some(_), _) => {}
            }
            self.closing = closing;
        }
        let end = self.held.len() - self.length_of_partial_tag();
        let rest = self.held.split_off(end);
        let certain = std::mem::replace(&mut self.held, rest);
        if self.closing.is_none() {
            written.text.push_str(&certain);
        }
        written
    }

    /// Returns the text that was held because it could have been the beginning of a tag.
    pub(super) fn end(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        if self.closing.is_none() { held } else { String::new() }
    }

    /// Returns the length of the longest end of the text that begins a tag.
    fn length_of_partial_tag(&self) -> usize {
        let tags = TAGS.iter().flat_map(|(opening, closing)| [*opening, *closing]);
        let partial = |tag: &'static str| {
            let ends = tag.char_indices().map(|(at, _)| at).rev();
            ends.filter(|&end| self.held.ends_with(&tag[..end])).max().unwrap_or_default()
        };
        tags.map(partial).max().unwrap_or_default()
    }
}

/// Returns the position of the first tag, the tag, and the closing tag if it is an opening one.
fn first_tag(text: &str) -> Option<(usize, &'static str, Option<&'static str>)> {
    let tags = TAGS.iter().flat_map(|(opening, closing)| [(*opening, Some(*closing)), (*closing, None)]);
    tags.filter_map(|(tag, closing)| Some((text.find(tag)?, tag, closing))).min_by_key(|(at, ..)| *at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn text(chunks: &[&str]) -> String {
        let mut thinking = Thinking::default();
        let mut text = String::new();
        for chunk in chunks {
            let written = thinking.push(chunk);
            if written.discard {
                text.clear();
            }
            text.push_str(&written.text);
        }
        text + &thinking.end()
    }

    #[rstest]
    #[case("<think>A coat?</think>A coat.", "A coat.")]
    #[case("<thinking>A < b</thinking> A coat.", " A coat.")]
    #[case("◁think▷A coat?◁/think▷A coat.", "A coat.")]
    #[case("The prompt opened it</think>A coat.", "A coat.")]
    #[case("<think></think>\n\nA coat <3.", "\n\nA coat <3.")]
    #[case("A <think>what?</think>coat.", "A coat.")]
    #[case("<think>One</think>A <think>two</think>coat.", "A coat.")]
    #[case("<think>Never closed", "")]
    #[case("A coat <thin", "A coat <thin")]
    #[case("<think>Cut off</thi", "")]
    #[case("", "")]
    fn thinking_is_removed(#[case] chunk: &str, #[case] expected: &str) {
        assert_eq!(text(&[chunk]), expected);
        let characters: Vec<String> = chunk.chars().map(String::from).collect();
        assert_eq!(text(&characters.iter().map(String::as_str).collect::<Vec<_>>()), expected, "one by one");
    }

    proptest! {
        #[test]
        fn chunks_of_any_size_give_the_same_text(
            parts in proptest::collection::vec("(<think>|</think>|<thinking>|◁think▷|◁/think▷|[a<가 ]{1,3})", 0..12),
        ) {
            let whole = parts.concat();
            let characters: Vec<String> = whole.chars().map(String::from).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            prop_assert_eq!(text(&parts), text(&[&whole]));
            prop_assert_eq!(text(&characters.iter().map(String::as_str).collect::<Vec<_>>()), text(&[&whole]));
        }

        #[test]
        fn text_without_tags_is_unchanged(chunks in proptest::collection::vec("[a-z ,.가<]{0,6}", 0..8)) {
            let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
            prop_assert_eq!(text(&chunks), chunks.concat());
        }
    }
}
