//! Statistics in the reviewer: asked for, shown, read from top to bottom.

use recaption::report::Figures;
use recaption::review::{Effect, Mode, Msg};
use rstest::rstest;

use crate::world::World;

/// Figures that take more rows than a screen has.
fn figures() -> Box<Figures> {
    let reasons = (0..9).map(|number| (format!("reason {number}"), 9 - number)).collect();
    Box::new(Figures { dataset: "test".to_owned(), records: 2, reasons, ..Figures::default() })
}

#[rstest]
#[case("g s")]
#[case(":")]
fn statistics_are_counted_outside_and_shown_when_they_are_there(#[case] keys: &str) {
    let mut world = World::new(&["One.", "Two."]);
    world.keys(keys);
    if keys == ":" {
        world.write("stats").keys("Enter");
    }
    assert_eq!(world.asked, [Effect::GatherFigures]);
    assert_eq!((&world.model.mode, world.model.figures.is_none()), (&Mode::Figures(0), true));
    world.send(Msg::Figures(Ok(figures())));
    assert!(matches!(&world.model.figures, Some(Ok(shown)) if shown.records == 2));
    world.keys("q");
    assert_eq!((&world.model.mode, world.cursor()), (&Mode::Browse, Some(0)));
}

#[test]
fn what_was_counted_before_is_not_shown_again() {
    let mut world = World::new(&["One."]);
    world.keys("g s");
    world.send(Msg::Figures(Ok(figures())));
    world.keys("Esc a g s");
    assert!(world.model.figures.is_none());
    world.send(Msg::Figures(Err("the disk is gone".to_owned())));
    assert!(matches!(&world.model.figures, Some(Err(why)) if why == "the disk is gone"));
}

#[test]
fn reading_ends_at_the_last_row() {
    let mut world = World::new(&["One."]);
    world.keys("g s j");
    assert_eq!(world.model.mode, Mode::Figures(0), "there is nothing to read yet");
    world.send(Msg::Figures(Ok(figures())));
    world.keys("j j k");
    assert_eq!(world.model.mode, Mode::Figures(1));
    world.keys("G");
    let Mode::Figures(last) = world.model.mode else { panic!("{:?}", world.model.mode) };
    world.keys("j ctrl-f");
    assert_eq!(world.model.mode, Mode::Figures(last));
    world.keys("k");
    assert_eq!(world.model.mode, Mode::Figures(last - 1));
    world.keys("g g");
    assert_eq!((&world.model.mode, world.cursor()), (&Mode::Figures(0), Some(0)));
}
