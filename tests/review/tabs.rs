//! The tabs: their records, their cursors, and the end of a review.

use recaption::engine::EngineEvent;
use recaption::review::{FindingCounts, Msg, Tab};
use recaption::session::DecisionKind;
use rstest::rstest;

use crate::world::World;

const LONG: &str = "A red coat, a blue hat, a green scarf, and a pair of black shoes.";

#[rstest]
#[case("j j j 4 1", 3)]
#[case("x x x j 4 g g 1", 4)]
#[case("x x x j 4 g g 1 4", 0)]
#[case("G 2 g g 1 2", 0)]
#[case("G 2 g g 1", 5)]
#[case("j 1", 1)]
fn each_tab_remembers_its_cursor(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&["A coat."; 6]);
    world.keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
}

#[test]
fn a_record_that_left_the_tab_is_replaced_by_the_nearest() {
    let mut world = World::new(&["A coat."; 6]);
    world.keys("j j 2 1 x 2");
    assert_eq!((world.cursor(), world.listed()), (Some(3), vec![0, 1, 3, 4, 5]));
}

#[test]
fn problems_include_findings() {
    let mut world = World::new(&["A coat.", LONG, "A hat."]);
    let problems = |world: &World| world.model.tabs.count(Tab::Problems);
    let counts = FindingCounts { errors: 0, warnings: 1 };
    assert_eq!((problems(&world), world.model.tabs.findings()), (1, counts));
    world.keys("6");
    assert_eq!(world.listed(), [1]);
    world.keys("e").write("A red coat.").keys("Enter");
    assert_eq!(problems(&world), 0);
    world.keys("u");
    assert_eq!(problems(&world), 1);
    world.keys("1 f").write("lint:warning").keys("Enter");
    assert_eq!(world.listed(), [1], "the same records");
}

#[test]
fn errors_are_counted_apart_from_warnings() {
    let mut world = World::new(&["A coat.", LONG, "I'm sorry, but I can't help with that.", ""]);
    let counts = |world: &World| world.model.tabs.findings();
    assert_eq!(counts(&world), FindingCounts { errors: 2, warnings: 1 });
    assert_eq!(counts(&world).words(), "errors in 2 captions, warnings in 1 caption");
    world.keys("f").write("lint:error").keys("Enter");
    assert_eq!(world.listed(), [2, 3]);
    world.keys("e").write("A red coat.").keys("Enter");
    assert_eq!(counts(&world), FindingCounts { errors: 1, warnings: 1 });
    world.keys("u F G X");
    assert_eq!(counts(&world), FindingCounts { errors: 1, warnings: 1 }, "excluded captions do not count");
}

#[test]
fn findings_are_counted_again_after_a_change_to_many_captions() {
    let captions: Vec<String> = (0..100).map(|number| format!("Coat {number}.")).collect();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    let mut world = World::new(&captions);
    assert_eq!(world.model.tabs.count(Tab::Problems), 0);
    world.keys(":").write("suffix in a b c d e f g h i j k.").keys("Enter Enter");
    assert_eq!(world.model.tabs.count(Tab::Problems), 100);
    world.keys("u");
    assert_eq!(world.model.tabs.count(Tab::Problems), 0);
}

#[test]
fn a_problem_remains_after_its_findings() {
    let mut world = World::new(&[LONG, "A hat."]);
    let checked = recaption::engine::Checked { records: 2, bad_pictures: [0].into(), ..Default::default() };
    world.send(EngineEvent::Checked(checked));
    world.keys("e").write("A coat.").keys("Enter 6");
    assert_eq!(world.listed(), [0], "its picture is missing");
}

#[test]
fn the_query_for_problems_matches_the_records_of_the_tab() {
    let mut world = World::new(&["A hat.", LONG, "A coat."]);
    let checked = recaption::engine::Checked { records: 3, bad_pictures: [2].into(), ..Default::default() };
    world.send(EngineEvent::Checked(checked));
    let of_tab = world.keys("6").listed();
    world.keys("1 f").write("status:problems").keys("Enter");
    assert_eq!((world.listed(), of_tab), (vec![1, 2], vec![1, 2]));
}

#[test]
fn if_every_image_is_missing_the_way_out_is_named() {
    let mut world = World::new(&["A hat."; 3]);
    let checked = |records: u32, bad: std::ops::Range<u32>| {
        let bad_pictures = bad.collect();
        EngineEvent::Checked(recaption::engine::Checked { records, bad_pictures, ..Default::default() })
    };
    world.send(checked(2, 0..2));
    assert_eq!(world.notice(), "", "the last one may be there");
    world.send(checked(3, 2..3));
    assert_eq!(world.notice(), "none of the images was found; start with --images DIR to name their folder");
    let mut world = World::new(&["A hat."; 3]);
    world.send(checked(3, 1..3));
    assert_eq!(world.notice(), "");
}

#[test]
fn skipped_and_excluded_records_are_apart() {
    let mut world = World::new(&["A coat."; 4]);
    world.keys("s X s 5");
    assert_eq!(world.listed(), [0, 2]);
    world.keys("1 f").write("status:excluded").keys("Enter");
    assert_eq!(world.listed(), [1]);
    world.keys("f").write("status:aside").keys("Enter");
    assert_eq!(world.listed(), [0, 1, 2], "the query of 0.1");
}

#[test]
fn skipped_records_come_back() {
    let mut world = World::new(&["A coat."; 4]);
    world.keys("s x s x");
    assert_eq!(world.notice(), "2 skipped records left · Tab shows them");
    assert_eq!(world.keys("Tab").cursor(), Some(0));
    assert_eq!(world.keys("Tab").cursor(), Some(2));
    world.keys("x Tab x G x");
    assert_eq!(world.notice(), "all records reviewed · ^s saves");
}

#[test]
fn undecided_records_come_before_skipped_ones() {
    let mut world = World::new(&["A coat."; 4]);
    world.keys("s s x g g Tab");
    assert_eq!(world.cursor(), Some(3));
}

#[test]
fn the_end_has_a_summary_until_the_next_key() {
    let mut world = World::new(&["A coat.", LONG, "A hat.", "A scarf.", "A bag."]);
    world.keys("x x X s");
    assert_eq!(world.model.summary(), None, "one is left");
    world.keys("e").write("A large bag.").keys("Enter");
    let summary = world.model.summary().expect("every record is decided or skipped");
    let counts = FindingCounts { errors: 0, warnings: 1 };
    assert_eq!((summary.records, summary.skipped, summary.findings), (5, 1, Some(counts)));
    let decisions =
        [(DecisionKind::Accepted, 0), (DecisionKind::Kept, 2), (DecisionKind::Edited, 1), (DecisionKind::Excluded, 1)];
    assert_eq!(summary.decisions, decisions);
    assert_eq!(world.keys("k").model.summary(), None);
    world.keys("g g x");
    assert_eq!(world.model.summary(), None, "only once, unless the list ends");
    world.keys("G x");
    assert!(world.model.summary().is_some());
}

#[test]
fn the_last_decision_need_not_be_at_the_end_of_the_list() {
    let mut world = World::new(&["A coat."; 3]);
    world.keys("j x x g g x");
    assert!(world.model.summary().is_some());
    assert_eq!((world.cursor(), world.notice()), (Some(1), "all records reviewed · ^s saves"));
}

#[test]
fn nothing_is_said_to_be_reviewed_while_the_dataset_is_loading() {
    let mut world = World::new(&["A coat."; 2]);
    world.send(Msg::Engine(EngineEvent::Indexed { records: 2, complete: false }));
    world.keys("x x");
    assert_eq!(world.notice(), "end of the list so far · the dataset is still loading");
    assert_eq!(world.model.summary(), None);
}
