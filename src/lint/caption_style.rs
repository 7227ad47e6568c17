//! The style of a dataset's captions, which decides the rules that apply to them.

use crate::text::{JsonObject, is_tag_list};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaptionStyle {
    /// Sentences.
    #[default]
    Prose,
    /// Lists of tags, separated by commas.
    Tags,
    /// JSON objects.
    Json,
}

impl CaptionStyle {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prose => "prose",
            Self::Tags => "tags",
            Self::Json => "json",
        }
    }

    /// Recognises the style of some captions: two thirds of those that are long enough to tell have to be lists of tags, or
    /// JSON objects.
    pub fn of<'a>(captions: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut lists, mut objects, mut all) = (0_u64, 0_u64, 0_u64);
        for caption in captions {
            let is_object = JsonObject::is(caption);
            let is_list = if is_object { Some(false) } else { is_tag_list(caption) };
            all += u64::from(is_list.is_some());
            lists += u64::from(is_list == Some(true));
            objects += u64::from(is_object);
        }
        let are = |number: u64| all > 0 && number * 3 >= all * 2;
        match () {
            () if are(objects) => Self::Json,
            () if are(lists) => Self::Tags,
            () => Self::Prose,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TAGS: &str = "1girl, solo, long hair";
    const SENTENCE: &str = "A woman in a coat walks.";
    const JSON: &str = r#"{"style": "photo"}"#;

    #[rstest]
    #[case(&[], CaptionStyle::Prose)]
    #[case(&["", "dress"], CaptionStyle::Prose)]
    #[case(&[TAGS, "", "dress"], CaptionStyle::Tags)]
    #[case(&[TAGS, TAGS, SENTENCE], CaptionStyle::Tags)]
    #[case(&[TAGS, SENTENCE], CaptionStyle::Prose)]
    #[case(&[JSON, "", "{}", SENTENCE], CaptionStyle::Json)]
    #[case(&[JSON, "{\"style\": \"pho"], CaptionStyle::Json)]
    #[case(&["{curly}", "{\"style\": \"pho", SENTENCE], CaptionStyle::Prose)]
    fn two_thirds_have_the_style(#[case] captions: &[&str], #[case] expected: CaptionStyle) {
        assert_eq!(CaptionStyle::of(captions.iter().copied()), expected);
    }
}
