//! Removes phrases from a text, with the punctuation and spaces around them.

use std::ops::Range;

use super::capitalised;

/// Returns the text without these parts, with its spaces and punctuation tidied where they were. The rest is unchanged.
#[must_use]
pub fn without(text: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut result = String::with_capacity(text.len());
    let mut end = 0;
    for span in spans {
        if span.end <= end || text.get(span.clone()).is_none() {
            continue;
        }
        let part = &text[end..span.start.max(end)];
        if end == 0 {
            result.push_str(part);
        } else {
            join(&mut result, part);
        }
        end = span.end;
    }
    if end == 0 {
        return text.to_owned();
    }
    join(&mut result, &text[end..]);
    let separators = |character: char| character.is_whitespace() || ",;".contains(character);
    if text[end..].trim_matches(separators).is_empty() {
        result.truncate(result.trim_end_matches(separators).len());
    }
    let begins_lower = |text: &str| text.chars().next().is_some_and(char::is_lowercase);
    let capital = if begins_lower(&result) && !begins_lower(text) { capitalised(&result) } else { None };
    capital.unwrap_or(result)
}

/// Appends the part after a removal. No space or comma stays alone or doubled, and a sentence begins with a capital.
fn join(result: &mut String, part: &str) {
    let separators = |character: char| character.is_whitespace() || ",;".contains(character);
    let after = part.trim_start_matches(separators);
    let kept = result.trim_end_matches(separators).len();
    let between = [&result[kept..], &part[..part.len() - after.len()]].concat();
    result.truncate(kept);
    let starts_sentence = result.is_empty() || result.ends_with(['.', '!', '?']);
    if after.is_empty() {
        // The next part needs it, if there is one.
        result.push_str(&between);
        return;
    }
    if !result.is_empty() && !after.starts_with(|character: char| ".!?)]。".contains(character)) {
        let is_list = between.contains([',', ';']) && !starts_sentence;
        result.push_str(if is_list {
            ", "
        } else if between.contains(char::is_whitespace) {
            " "
        } else {
            ""
        });
    }
    let capital = if starts_sentence { capitalised(after) } else { None };
    result.push_str(capital.as_deref().unwrap_or(after));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::middle("A woman, red coat, outdoors.", &["red coat"], "A woman, outdoors.")]
    #[case::adjective("A woman in a red coat.", &["red"], "A woman in a coat.")]
    #[case::start("Young woman, outdoors.", &["Young woman"], "Outdoors.")]
    #[case::end("A woman, outdoors.", &["outdoors"], "A woman.")]
    #[case::several("A young woman, red coat, smiling, outdoors.", &["young", "red coat", "smiling"], "A woman, outdoors.")]
    #[case::sentence("A woman stands. Red coat, hat.", &["Red coat"], "A woman stands. Hat.")]
    #[case::all("Red coat.", &["Red coat"], ".")]
    #[case::nothing("A  woman , outdoors.", &[], "A  woman , outdoors.")]
    #[case::korean("빨간 코트를 입은 여성.", &["빨간 "], "코트를 입은 여성.")]
    #[case::neighbours("A red big coat.", &["red", "big "], "A coat.")]
    #[case::no_full_stop("A woman, outdoors", &["outdoors"], "A woman")]
    #[case::brackets("A woman (smiling), outdoors.", &["smiling"], "A woman (), outdoors.")]
    fn a_phrase_leaves_no_trace(#[case] text: &str, #[case] phrases: &[&str], #[case] expected: &str) {
        let span = |phrase: &&str| text.find(phrase).map(|start| start..start + phrase.len()).expect("in the text");
        assert_eq!(without(text, phrases.iter().map(span).collect()), expected);
    }

    proptest! {
        #[test]
        fn the_rest_stays_in_order(text in "[a-c ,.]{0,30}", spans in prop::collection::vec((0..30_usize, 1..8_usize), 0..4)) {
            let spans: Vec<_> =
                spans.into_iter().map(|(start, length)| start..start + length).filter(|span| span.end <= text.len()).collect();
            let is_kept = |at: &usize| !spans.iter().any(|span| span.contains(at));
            let letters = |text: &str| text.chars().filter(|it| it.is_alphabetic()).collect::<String>().to_lowercase();
            let kept: String = text.char_indices().filter(|(at, _)| is_kept(at)).map(|(_, it)| it).collect();
            prop_assert_eq!(letters(&without(&text, spans)), letters(&kept));
        }
    }
}
