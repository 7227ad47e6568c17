//! The style of a dataset's captions, which decides the rules that apply to them.

use crate::text::is_tag_list;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaptionStyle {
    /// Sentences.
    #[default]
    Prose,
    /// Lists of tags, separated by commas.
    Tags,
}

impl CaptionStyle {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prose => "prose",
            Self::Tags => "tags",
        }
    }

    /// Recognises the style of some captions: two thirds of those that are long enough to tell have to be lists of tags.
    pub fn of<'a>(captions: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut lists, mut all) = (0_u64, 0_u64);
        for is_list in captions.into_iter().filter_map(is_tag_list) {
            all += 1;
            lists += u64::from(is_list);
        }
        if all > 0 && lists * 3 >= all * 2 { Self::Tags } else { Self::Prose }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TAGS: &str = "1girl, solo, long hair";
    const SENTENCE: &str = "A woman in a coat walks.";

    #[rstest]
    #[case(&[], CaptionStyle::Prose)]
    #[case(&["", "dress"], CaptionStyle::Prose)]
    #[case(&[TAGS, "", "dress"], CaptionStyle::Tags)]
    #[case(&[TAGS, TAGS, SENTENCE], CaptionStyle::Tags)]
    #[case(&[TAGS, SENTENCE], CaptionStyle::Prose)]
    fn two_thirds_are_lists_of_tags(#[case] captions: &[&str], #[case] expected: CaptionStyle) {
        assert_eq!(CaptionStyle::of(captions.iter().copied()), expected);
    }
}
