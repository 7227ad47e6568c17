//! Finds repeated and conflicting tags.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Violation;
use crate::text::{sanitize, tag_key, tags};

/// Reports the first tag that the list has already, regardless of case, spaces and underscores.
pub(super) fn duplicate_tag(caption: &str) -> Option<Violation> {
    let mut seen = HashSet::new();
    let mut repeated = tags(caption).filter(|place| !seen.insert(tag_key(&caption[place.clone()])));
    let first = repeated.next()?;
    let others = match repeated.count() {
        0 => String::new(),
        1 => " and 1 other tag".to_owned(),
        others => format!(" and {others} other tags"),
    };
    let message = format!("repeated: “{}”{others}", sanitize(&caption[first.clone()]));
    Some(Violation::at(first, message))
}

/// Groups of tags of which a caption has at most one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// The groups of each tag.
    members: HashMap<String, Vec<Member>>,
    groups: usize,
}

/// A tag in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    group: usize,
    /// Tags with the same number go together.
    alternative: usize,
    of_a_person: bool,
}

impl Conflicts {
    /// Adds a group: a list of alternatives, each with tags that go together. If it is of a person, it applies only to
    /// captions of one person.
    pub fn add<T: AsRef<str>>(&mut self, alternatives: &[Vec<T>], of_a_person: bool) {
        let group = self.groups;
        self.groups += 1;
        for (alternative, tags) in alternatives.iter().enumerate() {
            for tag in tags {
                let key = tag_key(tag.as_ref().trim()).into_owned();
                self.members.entry(key).or_default().push(Member { group, alternative, of_a_person });
            }
        }
    }

    /// Reports the first tag that excludes one before it.
    pub(super) fn find(&self, caption: &str) -> Option<Violation> {
        let mut seen: Vec<(Member, Range<usize>)> = Vec::new();
        let mut is_of_several = None;
        for place in tags(caption) {
            let Some(members) = self.members.get(&*tag_key(&caption[place.clone()])) else { continue };
            for member in members {
                let excludes = |(other, _): &&(Member, Range<usize>)| {
                    other.group == member.group && other.alternative != member.alternative
                };
                let mut is_exempt = || member.of_a_person && *is_of_several.get_or_insert_with(|| has_several(caption));
                if let Some((_, other)) = seen.iter().find(excludes)
                    && !is_exempt()
                {
                    let [other, tag] = [other, &place].map(|place| sanitize(&caption[place.clone()]));
                    let message = format!("“{tag}” conflicts with “{other}”");
                    return Some(Violation::at(place, message));
                }
            }
            seen.extend(members.iter().map(|member| (*member, place.clone())));
        }
        None
    }
}

/// Returns true if a tag says that the picture has several people, or is several pictures.
fn has_several(caption: &str) -> bool {
    const SEVERAL: [&str; 11] = [
        "multiple girls",
        "multiple boys",
        "multiple others",
        "multiple views",
        "couple",
        "group",
        "everyone",
        "crowd",
        "comic",
        "collage",
        "split screen",
    ];
    let mut people = 0_u64;
    for place in tags(caption) {
        let key = tag_key(&caption[place]);
        if SEVERAL.contains(&&*key) || key.ends_with("koma") {
            return true;
        }
        let counted = ["girl", "boy", "other", "man", "woman"].iter().find_map(|noun| {
            let number = key.strip_suffix('s').unwrap_or(&key).strip_suffix(noun)?;
            number.trim_end_matches('+').parse::<u64>().ok()
        });
        people = people.saturating_add(counted.unwrap_or(0));
    }
    people > 1
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn conflicts() -> Conflicts {
        let group = |alternatives: &[&[&str]]| -> Vec<Vec<String>> {
            alternatives.iter().map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()).collect()
        };
        let mut conflicts = Conflicts::default();
        conflicts.add(&group(&[&["day"], &["night"]]), false);
        conflicts.add(&group(&[&["solo"], &["2girls", "multiple girls"]]), false);
        conflicts.add(&group(&[&["long hair", "very long hair"], &["Short_Hair"]]), true);
        conflicts
    }

    #[rstest]
    #[case("1girl, Long_Hair, long hair", Some(("long hair", "repeated: “long hair”")))]
    #[case("a, b, A, B, a", Some(("A", "repeated: “A” and 2 other tags")))]
    #[case("hat, red hat, hats", None)]
    fn repeated_tags_are_found(#[case] caption: &str, #[case] expected: Option<(&str, &str)>) {
        let found = duplicate_tag(caption).map(|found| (&caption[found.span.expect("a span")], found.message));
        assert_eq!(found, expected.map(|(tag, message)| (tag, message.to_owned())));
    }

    #[rstest]
    #[case("solo, hat, 2girls", Some("2girls"))]
    #[case("night, day", Some("day"))]
    #[case("1girl, Long Hair, short hair", Some("short hair"))]
    #[case("2girls, multiple girls", None)]
    #[case("long hair, very long hair", None)]
    #[case("1girl, 1boy, long hair, short hair", None)]
    #[case("2girls, long hair, short hair", None)]
    #[case("multiple views, 1girl, long hair, short hair", None)]
    #[case("1girl, 1boy, day, night", Some("night"))]
    #[case("daylight, nightgown, solo", None)]
    fn tags_that_exclude_each_other_are_found(#[case] caption: &str, #[case] expected: Option<&str>) {
        let found = conflicts().find(caption).map(|found| &caption[found.span.expect("a span")]);
        assert_eq!(found, expected);
    }

    #[test]
    fn both_tags_are_named() {
        let message = conflicts().find("night\u{1b}, night, x, Day").expect("a conflict").message;
        assert_eq!(message, "“Day” conflicts with “night”");
    }
}
