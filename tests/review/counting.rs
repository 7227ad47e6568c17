//! Statistics in the reviewer: asked for, shown, read from top to bottom, and followed to the records they count.

use proptest::prelude::*;
use recaption::report::{Bars, Counted, Figures, Phrase};
use recaption::review::{Effect, Mode, Msg, Tab};
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
    let figures = figures();
    let last = figures.page(Bars::Blocks).rows.len() - 1;
    world.send(Msg::Figures(Ok(figures)));
    world.keys("j j k");
    assert_eq!(world.model.mode, Mode::Figures(1));
    world.keys("G");
    assert_eq!(world.model.mode, Mode::Figures(last));
    world.keys("j ctrl-f");
    assert_eq!(world.model.mode, Mode::Figures(last));
    world.keys("k");
    assert_eq!(world.model.mode, Mode::Figures(last - 1));
    world.keys("g g");
    assert_eq!((&world.model.mode, world.cursor()), (&Mode::Figures(0), Some(0)));
}

/// Opens the figures, goes to the row that counts these records, and follows it.
fn follow(world: &mut World, counted: &Counted) {
    world.keys("g s");
    let figures = world.figures();
    let rows = figures.page(Bars::Blocks).rows;
    let row = rows.iter().position(|row| row.counts.as_ref() == Some(counted)).expect("a row counts them");
    world.send(Msg::Figures(Ok(Box::new(figures))));
    for _ in 0..row {
        world.keys("j");
    }
    world.keys("Enter");
}

#[test]
fn enter_lists_the_records_that_a_row_counts() {
    let mut world = World::new(&["A red coat.", "A blue coat.", "A red coat, worn.", "A red coats."]);
    world.keys("3");
    follow(&mut world, &Counted::Opening("a red coat".to_owned()));
    assert_eq!((&world.model.mode, world.model.list.tab), (&Mode::Browse, Tab::All));
    assert_eq!(world.model.filter.as_ref().map(|filter| filter.text.as_str()), Some("begins:\"a red coat\""));
    assert_eq!((world.listed(), world.cursor()), (vec![0, 2], Some(0)));
    world.keys("Esc");
    assert_eq!(world.listed(), [0, 1, 2, 3]);
}

#[test]
fn where_a_row_counts_nothing_enter_does_nothing() {
    let mut world = World::new(&["A red coat."]);
    world.keys("g s Enter");
    let figures = world.figures();
    world.send(Msg::Figures(Ok(Box::new(figures))));
    world.keys("Enter");
    assert_eq!((&world.model.mode, &world.model.filter), (&Mode::Figures(0), &None));
}

/// How many records a row says it counts.
fn said(figures: &Figures, counted: &Counted) -> u64 {
    let phrase = |phrases: &[Phrase], words: &str| {
        phrases.iter().find(|phrase| phrase.words == words).map(|phrase| phrase.captions)
    };
    let count = match counted {
        Counted::Decided(kind) => figures.decisions.get(kind).map(|counts| counts.by_hand + counts.by_run),
        Counted::Flagged => Some(figures.flagged),
        Counted::Noted => Some(figures.noted),
        Counted::Words { from: 0, .. } => Some(figures.lengths.without),
        Counted::Words { from, to } => {
            let counts =
                figures.lengths.counts().filter(|(words, _)| words >= from && to.is_none_or(|to| *words <= to));
            Some(counts.map(|(_, count)| count).sum())
        }
        Counted::Opening(words) => phrase(&figures.openings, words),
        Counted::Phrase(words) => phrase(&figures.phrases, words),
    };
    count.expect("the figures say so")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn as_many_records_are_listed_as_were_counted(
        captions in proptest::collection::vec("((A|a|\"red\"|Red,|coat|coat\\.|\u{130}|-|코트) ?){0,9}", 2..9),
        keys in proptest::collection::vec("x|X|s|!|j|k|e", 0..12),
    ) {
        let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
        let mut world = World::new(&captions);
        for key in keys {
            if key == "e" {
                world.keys("e").write("A red coat and a red coat.").keys("Enter");
            } else {
                world.keys(&key);
            }
        }
        let figures = world.figures();
        let rows = figures.page(Bars::Blocks).rows;
        for counted in rows.into_iter().filter_map(|row| row.counts) {
            follow(&mut world, &counted);
            prop_assert_eq!(world.listed().len() as u64, said(&figures, &counted), "{:?}", counted);
            world.keys("F");
        }
    }
}
