//! Statistics in the reviewer: requesting, showing, scrolling, and following a row to its records.

use proptest::prelude::*;
use recaption::engine::EngineEvent;
use recaption::report::{Bars, Counted, Figures, Phrase};
use recaption::review::{Effect, Mode, Tab};
use rstest::rstest;

use crate::world::World;

/// Statistics with more rows than the screen.
fn figures() -> Box<Figures> {
    let reasons = (0..9).map(|number| (format!("reason {number}"), 9 - number)).collect();
    Box::new(Figures { dataset: "test".to_owned(), records: 2, reasons, ..Figures::default() })
}

#[rstest]
#[case("g s")]
#[case(":")]
fn statistics_are_requested_and_shown_once_they_arrive(#[case] keys: &str) {
    let mut world = World::new(&["One.", "Two."]);
    world.keys(keys);
    if keys == ":" {
        world.write("stats").keys("Enter");
    }
    assert_eq!(world.asked, [Effect::GatherStatistics]);
    assert_eq!((&world.model.mode, world.model.figures.is_none()), (&Mode::Statistics(0), true));
    world.send(EngineEvent::Statistics(Ok(figures())));
    assert!(matches!(&world.model.figures, Some(Ok(shown)) if shown.records == 2));
    world.keys("q");
    assert_eq!((&world.model.mode, world.cursor()), (&Mode::Browse, Some(0)));
}

#[test]
fn outdated_statistics_are_not_shown() {
    let mut world = World::new(&["One."]);
    world.keys("g s");
    world.send(EngineEvent::Statistics(Ok(figures())));
    world.keys("Esc a g s");
    assert!(world.model.figures.is_none());
    world.send(EngineEvent::Statistics(Err("the disk is gone".to_owned())));
    assert!(matches!(&world.model.figures, Some(Err(why)) if why == "the disk is gone"));
}

#[test]
fn scrolling_stops_at_the_last_row() {
    let mut world = World::new(&["One."]);
    world.keys("g s j");
    assert_eq!(world.model.mode, Mode::Statistics(0), "no rows yet");
    let figures = figures();
    let last = figures.page(Bars::Blocks).rows.len() - 1;
    world.send(EngineEvent::Statistics(Ok(figures)));
    world.keys("j j k");
    assert_eq!(world.model.mode, Mode::Statistics(1));
    world.keys("G");
    assert_eq!(world.model.mode, Mode::Statistics(last));
    world.keys("j ctrl-f");
    assert_eq!(world.model.mode, Mode::Statistics(last));
    world.keys("k");
    assert_eq!(world.model.mode, Mode::Statistics(last - 1));
    world.keys("g g");
    assert_eq!((&world.model.mode, world.cursor()), (&Mode::Statistics(0), Some(0)));
}

/// Opens the statistics, moves to the row that counts these records, and follows it.
fn follow(world: &mut World, counted: &Counted) {
    world.keys("g s");
    let figures = world.figures();
    let rows = figures.page(Bars::Blocks).rows;
    let row = rows.iter().position(|row| row.counts.as_ref() == Some(counted)).expect("a row that counts them");
    world.send(EngineEvent::Statistics(Ok(Box::new(figures))));
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
fn enter_does_nothing_on_a_row_without_records() {
    let mut world = World::new(&["A red coat."]);
    world.keys("g s Enter");
    let figures = world.figures();
    world.send(EngineEvent::Statistics(Ok(Box::new(figures))));
    world.keys("Enter");
    assert_eq!((&world.model.mode, &world.model.filter), (&Mode::Statistics(0), &None));
}

/// Returns the number of records that a row counts.
fn expected_count(figures: &Figures, counted: &Counted) -> u64 {
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
    count.expect("the statistics contain it")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn following_a_row_lists_exactly_the_records_it_counts(
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
            prop_assert_eq!(world.listed().len() as u64, expected_count(&figures, &counted), "{:?}", counted);
            world.keys("F");
        }
    }
}
