//! Reads a verdict from a model's response. Models without structured output put the JSON in a code block, or prose around
//! it.

use std::ops::Range;

use serde_json::{Deserializer, Value};

use crate::describe::verdict::TextHash;
use crate::describe::{Quote, Verdict};
use crate::text::without_controls;

/// The maximum number of findings of each kind.
const MAX_FINDINGS: usize = 20;
/// The maximum number of characters of a missing thing; more is not a thing.
const MAX_THING: usize = 120;

/// Returns the verdict on `caption` in a response. Returns `None` if the response has no object of the requested structure.
pub(super) fn parse(response: &str, caption: &str) -> Option<Verdict> {
    let object = objects(response).rfind(|object| object.get("unsupported").is_some())?;
    let (quoted, missing) = (phrases(&object["unsupported"])?, phrases(&object["missing"])?);
    let mut dropped = 0;
    let mut unsupported: Vec<Quote> = Vec::new();
    for phrase in quoted {
        match phrase.and_then(|phrase| locate(caption, phrase)) {
            Some(span) if unsupported.iter().any(|known| known.span(caption).as_ref() == Some(&span)) => {}
            Some(span) if unsupported.len() < MAX_FINDINGS => unsupported.push(Quote::of(caption, span)),
            _ => dropped += 1,
        }
    }
    unsupported.sort_by_key(|quote| quote.start);
    let mut things: Vec<String> = Vec::new();
    for thing in missing {
        let thing = thing.map(|thing| without_controls(bare(thing)));
        match thing.filter(|thing| !thing.is_empty() && locate(caption, thing).is_none()) {
            Some(thing) if things.contains(&thing) => {}
            Some(thing) if things.len() < MAX_FINDINGS && thing.chars().count() <= MAX_THING => things.push(thing),
            _ => dropped += 1,
        }
    }
    Some(Verdict { judged: TextHash::of(caption), unsupported, missing: things, dropped })
}

/// Returns the JSON objects in a text that are not part of another, in order.
fn objects(text: &str) -> impl DoubleEndedIterator<Item = Value> {
    let mut objects = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        let mut values = Deserializer::from_str(&rest[start..]).into_iter::<Value>();
        let length = match values.next() {
            Some(Ok(value)) => {
                objects.push(value);
                values.byte_offset()
            }
            _ => 1,
        };
        rest = &rest[start + length..];
    }
    objects.into_iter()
}

/// Returns the phrases of a field, `None` for those that are no text. Returns `None` if the field is no list.
fn phrases(field: &Value) -> Option<Vec<Option<&str>>> {
    match field {
        Value::Null => Some(Vec::new()),
        Value::String(text) if text.trim().is_empty() => Some(Vec::new()),
        Value::String(text) => Some(vec![Some(text)]),
        Value::Array(items) => Some(
            items
                .iter()
                .map(|item| {
                    let named = ["phrase", "text", "quote", "thing"].iter().find_map(|name| item.get(name)?.as_str());
                    item.as_str().or(named)
                })
                .collect(),
        ),
        _ => None,
    }
}

/// Removes what models put around a quotation.
fn bare(phrase: &str) -> &str {
    let around = |character: char| character.is_whitespace() || "\"“”„«»'‘’`.,;:…".contains(character);
    phrase.trim_matches(around)
}

/// Returns the first place of a phrase in a caption, as whole words. Case, whitespace and the form of apostrophes may
/// differ.
fn locate(caption: &str, phrase: &str) -> Option<Range<usize>> {
    let wanted: Vec<char> = folded(bare(phrase)).map(|(character, _)| character).collect();
    if wanted.is_empty() {
        return None;
    }
    let characters: Vec<(char, Range<usize>)> = folded(caption).collect();
    characters.windows(wanted.len()).find_map(|found| {
        let is_same = found.iter().map(|(character, _)| character).eq(&wanted);
        let span = found.first()?.1.start..found.last()?.1.end;
        (is_same && !splits_word(caption, span.start) && !splits_word(caption, span.end)).then_some(span)
    })
}

/// Returns the characters to compare, each with its place in the text. A run of whitespace is one space.
fn folded(text: &str) -> impl Iterator<Item = (char, Range<usize>)> {
    let mut after_space = false;
    text.char_indices().flat_map(move |(at, character)| {
        let is_space = character.is_whitespace();
        let is_repeated = std::mem::replace(&mut after_space, is_space) && is_space;
        let span = at..at + character.len_utf8();
        let folded = match character {
            _ if is_space => ' ',
            '’' | '‘' | '`' => '\'',
            '“' | '”' | '„' => '"',
            other => other,
        };
        folded.to_lowercase().filter(move |_| !is_repeated).map(move |lower| (lower, span.clone()))
    })
}

/// Returns true if the place is between two letters of one word. Scripts without spaces between words, and Korean, which
/// joins particles to words, have none.
fn splits_word(text: &str, at: usize) -> bool {
    let is_letter = |character: Option<char>| character.is_some_and(|it| it.is_alphanumeric() && it < '\u{0e00}');
    is_letter(text[..at].chars().next_back()) && is_letter(text[at..].chars().next())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const CAPTION: &str = "A young woman in a Red  coat, a person’s hand, hundred pearls, standing outdoors.";

    fn found(response: &str) -> Option<(Vec<String>, Vec<String>, u32)> {
        let Verdict { judged, unsupported, missing, dropped } = parse(response, CAPTION)?;
        assert_eq!(judged, TextHash::of(CAPTION));
        for quote in &unsupported {
            assert!(quote.span(CAPTION).is_some(), "{quote:?}");
        }
        Some((unsupported.into_iter().map(|quote| quote.text).collect(), missing, dropped))
    }

    #[rstest]
    #[case::plain(r#"{"unsupported": ["red coat"], "missing": ["a bag"]}"#, &["Red  coat"], &["a bag"], 0)]
    #[case::nothing(r#"{"unsupported": [], "missing": []}"#, &[], &[], 0)]
    #[case::null(r#"{"unsupported": null}"#, &[], &[], 0)]
    #[case::code_block("```json\n{\"unsupported\": [\"outdoors.\"], \"missing\": []}\n```", &["outdoors"], &[], 0)]
    #[case::prose("The {coat} is blue. {\"unsupported\": [\"Red coat\"], \"missing\": []} Hope it helps!", &["Red  coat"], &[], 0)]
    #[case::the_last("{\"unsupported\": [\"phrase\"]} {\"unsupported\": [\"young\"]}", &["young"], &[], 0)]
    #[case::objects(r#"{"unsupported": [{"phrase": "young woman", "reason": "a man"}]}"#, &["young woman"], &[], 0)]
    #[case::one(r#"{"unsupported": "young", "missing": ""}"#, &["young"], &[], 0)]
    #[case::quoted(r#"{"unsupported": ["“a person's hand,”"]}"#, &["a person’s hand"], &[], 0)]
    #[case::not_in_caption(r#"{"unsupported": ["blue coat", "young"]}"#, &["young"], &[], 1)]
    #[case::within_a_word(r#"{"unsupported": ["red"], "missing": []}"#, &["Red"], &[], 0)]
    #[case::half_a_word(r#"{"unsupported": ["hundre", "woma", "pearl"]}"#, &[], &[], 3)]
    #[case::in_order(r#"{"unsupported": ["standing", "young", "Young"]}"#, &["young", "standing"], &[], 0)]
    #[case::no_text(r#"{"unsupported": [7, "", null], "missing": [[], " "]}"#, &[], &[], 5)]
    #[case::missing_but_there(r#"{"unsupported": [], "missing": ["Pearls", "a hat", "a hat"]}"#, &[], &["a hat"], 1)]
    fn findings_are_read(
        #[case] response: &str,
        #[case] unsupported: &[&str],
        #[case] missing: &[&str],
        #[case] dropped: u32,
    ) {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(found(response), Some((owned(unsupported), owned(missing), dropped)));
    }

    #[rstest]
    #[case("")]
    #[case("No errors.")]
    #[case("{\"unsupported\": [\"young\"")]
    #[case("[\"young\"]")]
    #[case(r#"{"missing": []}"#)]
    #[case(r#"{"unsupported": 3}"#)]
    #[case(r#"{"unsupported": [], "missing": true}"#)]
    #[case(r#"{"answer": {"unsupported": []}}"#)]
    fn another_structure_is_no_verdict(#[case] response: &str) {
        assert_eq!(found(response), None);
    }

    #[test]
    fn phrases_of_scripts_without_spaces_are_found() {
        assert_eq!(locate("빨간 코트를 입은 여성.", "코트"), Some(7..13));
        assert_eq!(locate("赤いコートの女性。", "コート"), Some(6..15));
        assert_eq!(locate("İstanbul coat", "coat"), Some(10..14), "the lower case of the first letter is longer");
    }

    proptest! {
        #[test]
        fn any_response_is_read_and_every_quote_is_in_the_caption(response in "\\PC{0,80}", caption in "\\PC{0,60}") {
            if let Some(verdict) = parse(&response, &caption) {
                prop_assert!(verdict.unsupported.iter().all(|quote| quote.span(&caption).is_some()));
            }
            let quoting = serde_json::json!({ "unsupported": [response, caption], "missing": [response] }).to_string();
            let verdict = parse(&quoting, &caption).expect("the structure");
            prop_assert!(verdict.unsupported.iter().all(|quote| quote.span(&caption).is_some()));
        }
    }
}
