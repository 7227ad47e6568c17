//! Lists of tags ("1girl, solo, long hair"): their places in a text, the form in which they are compared, and changes that
//! keep every other byte.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::words::{is_line_break, is_space};

/// The longest item of a list of tags, in words. Longer items are parts of sentences.
const MOST_WORDS: usize = 5;

/// Returns true for the characters between two tags.
#[must_use]
pub fn separates_tags(character: char) -> bool {
    matches!(character, ',' | '，' | '、') || is_line_break(character)
}

/// Returns the places of the tags of a text, without the white space around them. Empty items are none.
pub fn tags(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split_inclusive(separates_tags).filter_map(move |item| {
        let from = start;
        start += item.len();
        let tag = item.trim_end_matches(separates_tags);
        let at = from + tag.len() - tag.trim_start_matches(is_space).len();
        let end = from + tag.trim_end_matches(is_space).len();
        (at < end).then_some(at..end)
    })
}

/// Returns the form in which tags are compared: in lower case, with single spaces in place of underscores, and without the
/// backslashes before parentheses that some trainers need.
#[must_use]
pub fn tag_key(tag: &str) -> Cow<'_, str> {
    let is_plain = |pair: &[u8]| !matches!(pair, [b' ', b' ']);
    let is_key = tag.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b' ' | b'-' | b'\'' | b'(' | b')'))
        && tag.as_bytes().windows(2).all(is_plain)
        && tag.trim().len() == tag.len();
    if is_key {
        return Cow::Borrowed(tag);
    }
    let is_gap = |character: char| character == '_' || is_space(character);
    let mut key = String::with_capacity(tag.len());
    for word in tag.split(is_gap).filter(|word| !word.is_empty()) {
        if !key.is_empty() {
            key.push(' ');
        }
        let start = key.len();
        for letter in word.chars() {
            if matches!(letter, '(' | ')') {
                key.truncate(key[start..].trim_end_matches('\\').len() + start);
            }
            key.extend(letter.to_lowercase());
        }
    }
    // A tag of underscores alone.
    Cow::Owned(if key.is_empty() { tag.to_owned() } else { key })
}

/// Returns true if a text has a tag, given in the form of [`tag_key`].
#[must_use]
pub fn has_tag(text: &str, key: &str) -> bool {
    tags(text).any(|place| tag_key(&text[place]) == key)
}

/// Returns true if a text is a list of tags, false if it is not, and `None` if it is too short to tell.
#[must_use]
pub fn is_tag_list(text: &str) -> Option<bool> {
    let text = super::trim(text);
    let (mut items, mut words, mut longest) = (0, 0, 0);
    for place in tags(text) {
        let count = super::words(&text[place]).count();
        items += 1;
        words += count;
        longest = longest.max(count);
    }
    match items {
        0 => None,
        1 if longest <= MOST_WORDS && !ends_sentence(text) => None,
        1 => Some(false),
        // On average, an item has at most two and a half words.
        _ => Some(longest <= MOST_WORDS && words * 2 <= items * 5 && !ends_sentence(text)),
    }
}

fn ends_sentence(text: &str) -> bool {
    text.ends_with(['.', '!', '?', '。', '！', '？']) && text.contains(is_space)
}

/// Returns the text without a tag, given in the form of [`tag_key`], or `None` if it has none. Each removed tag takes one
/// separator with it. The result is empty if no tag is left.
#[must_use]
pub fn without_tag(text: &str, key: &str) -> Option<String> {
    retain(text, |tag| tag_key(tag) != key)
}

/// Returns the text without the tags that it has already, or `None` if none is repeated.
#[must_use]
pub fn with_unique_tags(text: &str) -> Option<String> {
    let mut seen = HashSet::new();
    retain(text, |tag| seen.insert(tag_key(tag).into_owned()))
}

/// Returns the text with a tag, given in the form of [`tag_key`], replaced by another one, or `None` if that changes
/// nothing. If the text has the other one already, the tag is removed.
#[must_use]
pub fn with_tag_renamed(text: &str, key: &str, new: &str) -> Option<String> {
    let new_key = tag_key(new);
    if new_key != key && has_tag(text, &new_key) {
        return without_tag(text, key);
    }
    let mut result = String::with_capacity(text.len());
    let mut end = 0;
    for place in tags(text).filter(|place| tag_key(&text[place.clone()]) == key) {
        result.push_str(&text[end..place.start]);
        result.push_str(new);
        end = place.end;
    }
    result.push_str(&text[end..]);
    (result != text).then_some(result)
}

/// Removes tags. Each that is kept keeps the separator before it, and the first one the text before the list.
fn retain<'a>(text: &'a str, mut keeps: impl FnMut(&'a str) -> bool) -> Option<String> {
    let places: Vec<Range<usize>> = tags(text).collect();
    let kept: Vec<usize> = (0..places.len()).filter(|at| keeps(&text[places[*at].clone()])).collect();
    if kept.len() == places.len() {
        return None;
    }
    let (Some(first), Some(last)) = (places.first(), places.last()) else { return None };
    if kept.is_empty() {
        return Some(String::new());
    }
    let mut result = text[..first.start].to_owned();
    for (number, at) in kept.into_iter().enumerate() {
        if number > 0 {
            result.push_str(&text[places[at - 1].end..places[at].start]);
        }
        result.push_str(&text[places[at].clone()]);
    }
    result.push_str(&text[last.end..]);
    Some(result)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn listed(text: &str) -> Vec<&str> {
        tags(text).map(|place| &text[place]).collect()
    }

    #[rstest]
    #[case("1girl, solo,long hair", &["1girl", "solo", "long hair"])]
    #[case(" a ,, b , ", &["a", "b"])]
    #[case("a\nb,\r\nc", &["a", "b", "c"])]
    #[case("여성、코트，거리", &["여성", "코트", "거리"])]
    #[case(" , ", &[])]
    #[case("", &[])]
    fn tags_are_separated_by_commas_and_line_breaks(#[case] text: &str, #[case] expected: &[&str]) {
        assert_eq!(listed(text), expected);
    }

    #[rstest]
    #[case("Long_Hair", "long hair")]
    #[case("long  hair", "long hair")]
    #[case("fate \\(series\\)", "fate (series)")]
    #[case("solo", "solo")]
    #[case("ÉCOLE", "école")]
    #[case("^_^", "^ ^")]
    #[case("___", "___")]
    fn tags_are_compared_without_case_and_underscores(#[case] tag: &str, #[case] key: &str) {
        assert_eq!(tag_key(tag), key);
    }

    #[rstest]
    #[case("1girl, solo, long hair, looking at viewer", Some(true))]
    #[case("photo of a woman, red coat, city street, bokeh", Some(true))]
    #[case("1girl\nsolo\nhat", Some(true))]
    #[case("1girl, solo", Some(true))]
    #[case("A woman in a red coat, walking along a street.", Some(false))]
    #[case("A woman, smiling.", Some(false))]
    #[case("A woman in a long red coat walks along the street", Some(false))]
    #[case("Woman in a coat, standing beside a very tall building", Some(false))]
    #[case("sks dress", None)]
    #[case("", None)]
    fn lists_of_tags_are_recognised(#[case] text: &str, #[case] expected: Option<bool>) {
        assert_eq!(is_tag_list(text), expected);
    }

    #[rstest]
    #[case("a,b , c", "b", Some("a , c"))]
    #[case("a, b, c", "a", Some("b, c"))]
    #[case("a, b, c", "c", Some("a, b"))]
    #[case(" a, b,\n", "b", Some(" a,\n"))]
    #[case("a\nb\nc", "b", Some("a\nc"))]
    #[case("a, B_x, b x", "b x", Some("a"))]
    #[case("a,\nb", "b", Some("a"))]
    #[case(" a , ", "a", Some(""))]
    #[case("a, b", "c", None)]
    #[case("", "", None)]
    fn a_removed_tag_takes_one_separator_with_it(
        #[case] text: &str,
        #[case] key: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(without_tag(text, key).as_deref(), expected);
    }

    #[rstest]
    #[case("a,b , c", "b", "x y", Some("a,x y , c"))]
    #[case("Long_Hair, hat", "long hair", "long hair", Some("long hair, hat"))]
    #[case("a, b", "a", "B", Some("b"))]
    #[case("a, b, c", "b", "A", Some("a, c"))]
    #[case("long hair", "long hair", "long hair", None)]
    #[case("a, b", "c", "d", None)]
    fn a_renamed_tag_is_not_repeated(
        #[case] text: &str,
        #[case] key: &str,
        #[case] new: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(with_tag_renamed(text, key, new).as_deref(), expected);
    }

    #[rstest]
    #[case("a, b, A , c", Some("a, b , c"))]
    #[case("long_hair, long hair", Some("long_hair"))]
    #[case("a, b", None)]
    fn repeated_tags_are_removed(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(with_unique_tags(text).as_deref(), expected);
    }

    /// Returns the text before, between and after the tags.
    fn gaps(text: &str) -> Vec<&str> {
        let places: Vec<_> = tags(text).collect();
        let ends = std::iter::once(0).chain(places.iter().map(|place| place.end));
        let starts = places.iter().map(|place| place.start).chain([text.len()]);
        ends.zip(starts).map(|(end, start)| &text[end..start]).collect()
    }

    const ANY_TAGS: &str = "[ab_ A,、\n]{0,24}|\\PC{0,16}";

    proptest! {
        #[test]
        fn tags_and_what_is_between_them_are_the_text(text in ANY_TAGS) {
            let (tags, gaps) = (listed(&text), gaps(&text));
            prop_assert_eq!(gaps.len(), tags.len() + 1);
            let mut joined = String::new();
            for (at, gap) in gaps.iter().enumerate() {
                joined.push_str(gap);
                joined.push_str(tags.get(at).unwrap_or(&""));
            }
            prop_assert_eq!(joined, text.as_str());
            prop_assert!(gaps.iter().all(|gap| gap.chars().all(|it| separates_tags(it) || is_space(it))));
            prop_assert!(tags.iter().all(|tag| !tag.contains(separates_tags) && !tag.is_empty()));
        }

        #[test]
        fn removing_keeps_all_other_tags_and_their_separators(text in ANY_TAGS, at in any::<prop::sample::Index>()) {
            let before = listed(&text);
            prop_assume!(!before.is_empty());
            let key = tag_key(before[at.index(before.len())]).into_owned();
            let kept: Vec<usize> = (0..before.len()).filter(|at| tag_key(before[*at]) != key).collect();
            let removed = without_tag(&text, &key).expect("the text has it");
            prop_assert_eq!(listed(&removed), kept.iter().map(|at| before[*at]).collect::<Vec<_>>());
            if let (Some((_, others)), all) = (kept.split_first(), gaps(&text)) {
                let expected: Vec<_> =
                    std::iter::once(all[0]).chain(others.iter().map(|at| all[*at])).chain(all.last().copied()).collect();
                prop_assert_eq!(gaps(&removed), expected);
            } else {
                prop_assert_eq!(removed, "");
            }
        }

        #[test]
        fn renaming_keeps_everything_else(text in ANY_TAGS, at in any::<prop::sample::Index>()) {
            let before = listed(&text);
            prop_assume!(!before.is_empty());
            let key = tag_key(before[at.index(before.len())]).into_owned();
            let renamed = with_tag_renamed(&text, &key, "new name").expect("the text has it");
            prop_assert_eq!(gaps(&renamed), gaps(&text));
            let name = |tag: &&str| if tag_key(tag) == key { "new name".to_owned() } else { (*tag).to_owned() };
            prop_assert_eq!(listed(&renamed), before.iter().map(name).collect::<Vec<_>>());
        }

        #[test]
        fn a_key_is_its_own_key(tag in "[aA_ \\\\()\n]{1,8}|\\PC{1,8}") {
            let key = tag_key(&tag);
            prop_assert_eq!(tag_key(&key).into_owned(), key.clone().into_owned());
        }

        #[test]
        fn unique_tags_stay_unique(text in ANY_TAGS) {
            let unique = with_unique_tags(&text).unwrap_or_else(|| text.clone());
            prop_assert_eq!(with_unique_tags(&unique), None);
            prop_assert!(listed(&text).iter().all(|tag| has_tag(&unique, &tag_key(tag))));
        }
    }
}
