use proptest::prelude::*;

use super::*;

/// A record that was reviewed, with what the session knows about it.
fn reviewed(caption: &str, twin: usize, had_twins: bool) -> Sought<&str> {
    Sought { caption, before: None, written: Vec::new(), twin: Some(twin), had_twins, place: None }
}

/// The only record of its name.
fn alone(caption: &str) -> Sought<&str> {
    Sought { place: Some(0), ..reviewed(caption, 0, false) }
}

fn found(sought: &[Sought<&str>], captions: &[&str]) -> Vec<Match> {
    match_namesakes(sought, captions)
}

#[test]
fn a_deleted_namesake_leaves_no_match() {
    use Match::{Ambiguous, Found, Missing};
    assert_eq!(found(&[reviewed("one", 0, false)], &["two"]), [Ambiguous]);
    assert_eq!(found(&[reviewed("one", 0, false)], &["two", "one"]), [Found(1)]);
    assert_eq!(found(&[reviewed("one", 0, false)], &[]), [Missing]);
    // The only record there is another's.
    assert_eq!(found(&[reviewed("one", 0, false), reviewed("two", 0, false)], &["two"]), [Missing, Found(0)]);
}

#[test]
fn a_changed_caption_is_certain_only_if_the_name_is_unique_before_and_after() {
    assert_eq!(found(&[alone("one")], &["changed"]), [Match::Found(0)]);
    assert_eq!(found(&[alone("one")], &["changed", "another"]), [Match::Ambiguous]);
    let unknown = Sought { twin: None, ..reviewed("one", 0, false) };
    assert_eq!(found(&[unknown], &["changed"]), [Match::Ambiguous]);
}

#[test]
fn equal_records_match_by_order() {
    let second = [reviewed("one", 1, true)];
    assert_eq!(found(&second, &["new", "one", "one"]), [Match::Found(2)]);
    assert_eq!(found(&second, &["one"]), [Match::Ambiguous], "which of the two is left is unknown");
    assert_eq!(found(&[reviewed("one", 0, true)], &["one"]), [Match::Ambiguous]);
    let unknown = || Sought { twin: None, ..reviewed("one", 0, false) };
    assert_eq!(found(&[unknown(), unknown()], &["one", "x", "one"]), [Match::Found(0), Match::Found(2)]);
}

#[test]
fn a_text_of_another_record_is_contested() {
    // The first was edited to "two", the second to "three". This may be the output of a save, or the first was deleted.
    let sought = [
        Sought { written: vec!["two"], ..reviewed("one", 0, false) },
        Sought { written: vec!["three"], ..reviewed("two", 0, false) },
    ];
    assert_eq!(found(&sought, &["two", "three", "new"]), [Match::Ambiguous; 2]);
    assert_eq!(found(&sought, &["one", "two"]), [Match::Found(0), Match::Found(1)]);
}

#[test]
fn a_restored_caption_is_recognised() {
    let saved = |before| Sought { before: Some(before), ..reviewed("mine", 0, false) };
    assert_eq!(found(&[saved("one")], &["two", "one"]), [Match::Found(1)]);
    assert_eq!(found(&[saved("one")], &["one", "one"]), [Match::Ambiguous], "which of the two is unknown");
    assert_eq!(found(&[saved("one"), saved("one")], &["one", "one"]), [Match::Found(0), Match::Found(1)]);
}

proptest! {
    /// Whatever is sought, a record is claimed once, and its caption is one of the claimant, unless the group is whole.
    #[test]
    fn matches_are_unique_and_justified(
        sought in prop::collection::vec((0..4_u8, prop::option::of(0..4_u8), prop::option::of(0..4_usize), any::<bool>()), 0..6),
        captions in prop::collection::vec(0..4_u8, 0..6),
    ) {
        let sought: Vec<Sought<u8>> = sought
            .into_iter()
            .map(|(caption, before, twin, had_twins)| {
                Sought { caption, before, written: vec![caption ^ 1], twin, had_twins, place: None }
            })
            .collect();
        let matches = match_namesakes(&sought, &captions);
        let mut taken = HashSet::new();
        for (one, found) in sought.iter().zip(&matches) {
            if let Match::Found(record) = found {
                prop_assert!(taken.insert(*record));
                prop_assert!(captions[*record] == one.caption || Some(captions[*record]) == one.before);
            }
        }
        prop_assert!(!matches.contains(&Match::Missing) || taken.len() == captions.len());
    }
}
