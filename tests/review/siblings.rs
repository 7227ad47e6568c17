//! Several captions of an image: each is a record, and they are next to each other.

use insta::assert_snapshot;
use recaption::review::Tab;
use rstest::rstest;

use crate::screens::screen;
use crate::world::World;

const LISTS: [&str; 3] = [
    r#"{"file_name": "a.jpg", "text": ["A red hat.", "A hat.", "Hat."]}"#,
    r#"{"file_name": "a-coat-with-a-very-long-name.jpg", "text": ["A coat."]}"#,
    r#"{"file_name": "c.jpg", "text": ["Shoes.", null]}"#,
];

#[rstest]
#[case(")", 1)]
#[case(") )", 2)]
#[case(") ) )", 0)]
#[case("(", 2)]
#[case("j (", 0)]
#[case("j j j )", 3)]
#[case("G )", 4)]
fn keys_move_between_the_captions_of_an_image(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&LISTS);
    world.keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
}

#[test]
fn an_image_with_one_caption_has_no_other() {
    let mut world = World::new(&LISTS);
    assert_eq!(world.keys("j j j )").notice(), "this image has one caption");
}

#[test]
fn a_caption_that_is_not_in_the_list_is_shown_in_the_list_of_all() {
    let mut world = World::new(&LISTS);
    world.keys("x 2 )");
    assert_eq!((world.cursor(), world.model.list.tab), (Some(2), Tab::ToReview));
    world.keys(")");
    assert_eq!((world.cursor(), world.model.list.tab), (Some(0), Tab::All));
}

#[test]
fn every_caption_has_a_decision_of_its_own() {
    let mut world = World::new(&LISTS);
    world.keys("x s e").write("Ein Hut.").keys("Enter");
    assert_eq!(world.decisions(), "kept skipped edited:Ein Hut. [-] - -");
}

#[test]
fn an_image_is_excluded_with_all_of_its_captions_in_one_step() {
    let mut world = World::new(&LISTS);
    world.keys("j X");
    assert_eq!(world.decisions(), "excluded excluded excluded [-] - -");
    assert_eq!(world.notice(), "excluded the image with its 3 captions");
    world.keys("X u");
    assert_eq!(world.decisions(), "excluded excluded excluded [-] - -");
    world.keys("u");
    assert_eq!(world.decisions().replace(['[', ']'], ""), "- - - - - -");
}

#[test]
fn an_image_is_not_excluded_in_part() {
    let mut world = World::new(&LISTS);
    world.slow_reads = true;
    world.restart();
    world.slow_reads = false;
    world.keys("X");
    assert_eq!(world.decisions().replace(['[', ']'], ""), "- - - - - -");
}

#[rstest]
#[case(80, 24)]
#[case(120, 41)]
fn the_list_and_the_title_tell_which_caption_it_is(#[case] width: u16, #[case] height: u16) {
    let mut world = World::new(&LISTS);
    world.keys(")");
    assert_snapshot!(format!("siblings_{width}x{height}"), screen(&mut world, width, height, false).backend());
}
