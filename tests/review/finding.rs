//! Searching and filtering.

use recaption::dataset::RecordId;
use recaption::describe::Dollars;
use recaption::review::{Mode, Msg};
use rstest::rstest;

use crate::world::World;

const FIVE: [&str; 5] = ["A red coat.", "A blue hat.", "A Red hat.", "A green coat.", "Redness."];

#[rstest]
#[case("red", 0)]
#[case("hat", 1)]
#[case("Red", 2)]
#[case("3.jpg", 3)]
#[case("images/4", 4)]
#[case("a blue", 1)]
#[case("purple", 0)]
fn typing_goes_to_the_first_match(#[case] words: &str, #[case] cursor: u32) {
    let mut world = World::new(&FIVE);
    world.keys("/").write(words);
    assert_eq!(world.cursor(), Some(cursor));
}

#[rstest]
#[case("Enter", 2)]
#[case("Enter n", 4)]
#[case("Enter n n", 0)]
#[case("Enter N", 0)]
#[case("Enter N N", 4)]
#[case("Esc", 1)]
#[case("ctrl-n", 4)]
#[case("ctrl-n ctrl-p Enter", 2)]
#[case("ctrl-n Esc", 1)]
#[case("Enter j n", 4)]
fn matches_are_visited_in_order(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&FIVE);
    world.keys("j /").write("red").keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
}

#[test]
fn it_is_said_which_match_it_is() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("red").keys("Enter n");
    assert_eq!(world.notice(), "/red  2 of 3");
    world.keys("n n");
    assert_eq!(world.notice(), "/red  1 of 3 · from the top again");
    world.keys("N");
    assert_eq!(world.notice(), "/red  3 of 3 · from the bottom again");
    assert_eq!(world.keys("/").write("purple").keys("Enter n").notice(), "\"purple\" is not found here");
    assert_eq!(World::new(&FIVE).keys("n").notice(), "nothing is searched for yet · / searches");
}

#[test]
fn only_records_in_view_are_matches() {
    let mut world = World::new(&FIVE);
    world.keys("x g g 2 /").write("red").keys("Enter");
    assert_eq!(world.cursor(), Some(2), "the first is decided");
    world.keys("4 n");
    assert_eq!((world.cursor(), world.notice()), (Some(0), "/red  1 of 1 · from the top again"));
}

#[test]
fn leaving_an_empty_line_looks_for_what_was_looked_for_before() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("hat").keys("Enter / Enter");
    assert_eq!(world.cursor(), Some(2));
    world.keys("/").write("coat").keys("Esc n");
    assert_eq!((world.cursor(), world.notice()), (Some(1), "/hat  1 of 2 · from the top again"));
}

#[test]
fn what_would_be_saved_is_searched() {
    let mut world = World::new(&FIVE);
    world.keys("e").write("A purple coat.").keys("Enter G /").write("purple");
    assert_eq!(world.cursor(), Some(0));
    world.keys("Esc /").write("red coat").keys("Enter");
    assert_eq!(world.cursor(), Some(4), "that caption is there no more");
}

#[test]
fn what_changes_is_found_at_once() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("purple").keys("Enter e").write("A purple coat.").keys("Enter n");
    assert_eq!((world.cursor(), world.notice()), (Some(0), "/purple  1 of 1 · from the top again"));
    world.keys("u n");
    assert_eq!(world.notice(), "\"purple\" is not found here");
}

#[test]
fn escape_takes_the_marks_away() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("red").keys("Enter Esc");
    assert_eq!(world.model.sought(), [] as [&recaption::review::query::Pattern; 0]);
    assert_eq!(world.cursor(), Some(0));
}

#[test]
fn a_match_is_gone_to_as_soon_as_it_is_certain() {
    let mut world = World::new(&FIVE);
    world.slow_scans = true;
    world.keys("j /").write("red");
    assert_eq!(world.cursor(), Some(1));
    world.scan_reaches(1..3);
    assert_eq!(world.cursor(), Some(2));
    world.keys("Enter n");
    assert_eq!((world.cursor(), world.notice()), (Some(2), "searching …"));
    world.scan_reaches(4..5);
    assert_eq!(world.cursor(), Some(2), "there may be one between");
    world.scan_reaches(3..4);
    assert_eq!(world.cursor(), Some(4));
    world.keys("n j");
    world.scans_catch_up();
    assert_eq!(world.cursor(), Some(4), "who has moved on stays where they are");
}

#[test]
fn what_was_typed_before_is_late() {
    let mut world = World::new(&FIVE);
    world.slow_scans = true;
    world.keys("/").write("hat");
    let Some(late) = world.model.search.as_ref().and_then(|search| search.hits.scan()) else { panic!("a scan is on") };
    world.write("ha");
    world.send(Msg::Scanned(recaption::review::Scanned {
        id: late,
        among: (0..5).collect(),
        found: (1..2).collect(),
        done: true,
    }));
    assert_eq!(world.cursor(), Some(0));
    world.scans_catch_up();
    assert_eq!(world.cursor(), Some(1));
}

#[test]
fn what_happens_to_a_record_far_away_is_looked_at_again() {
    let captions: Vec<String> = (0..900).map(|number| format!("Caption {number}.")).collect();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    let mut world = World::new(&captions);
    world.keys("/").write("Caption 3.").keys("Enter G r");
    let found = |world: &World| world.model.search.as_ref().map(|search| search.hits.found().len());
    assert_eq!(found(&world), Some(1));
    world.keys("g g");
    for _ in 0..60 {
        world.keys("ctrl-f");
    }
    world.finish(899, "Another.");
    assert!(world.model.entry(RecordId(899)).is_none(), "its line is not at hand");
    assert_eq!(found(&world), Some(1));
    world.keys("n");
    assert_eq!(world.cursor(), Some(3));
}

#[test]
fn a_session_that_is_opened_anew_is_searched_anew() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("green").keys("Enter e").write("A grey coat.").keys("Enter");
    let found = |world: &World| world.model.search.as_ref().map(|search| search.hits.found().len());
    assert_eq!(found(&world), Some(0));
    world.send(Msg::SessionOpened {
        ledger: Box::default(),
        cursor: None,
        remark: None,
        read_only: None,
        spent: Dollars::default(),
    });
    assert_eq!(found(&world), Some(1));
}

#[test]
fn a_text_that_cannot_be_looked_for_is_not_lost() {
    let mut world = World::new(&FIVE);
    let long = "ß".repeat(1_000_000);
    world.keys("/").write(&long);
    let Mode::Search(entry) = &world.model.mode else { panic!("still typing") };
    assert_eq!((entry.text.as_str(), entry.error.as_deref()), (long.as_str(), Some("too long to look for")));
}
