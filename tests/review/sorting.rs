//! Sorting: order, cursor position, and that everything else works in any order.

use recaption::dataset::RecordId;
use recaption::review::{SortBy, Tab};
use recaption::session::SampleRequest;
use rstest::rstest;

use crate::world::World;

/// Names that are not in record order, and captions of different lengths.
const SIX: [&str; 6] = [
    "{\"file_name\": \"d.jpg\", \"text\": \"One two three.\"}",
    "{\"file_name\": \"b.jpg\", \"text\": \"One.\"}",
    "{\"file_name\": \"f.jpg\", \"text\": \"One two three four five.\"}",
    "{\"file_name\": \"a.jpg\", \"text\": \"One two.\"}",
    "{broken",
    "{\"file_name\": \"c.jpg\", \"text\": \"One two three without an end\"}",
];

/// Returns the listed records, in order.
fn listed(world: &World) -> Vec<u32> {
    let view = world.model.view();
    (0..view.len()).filter_map(|position| view.nth(position)).map(|record| record.0).collect()
}

#[rstest]
#[case("o n", &[4, 3, 1, 5, 0, 2])]
#[case("o n o n", &[2, 0, 5, 1, 3, 4])]
#[case("o w", &[5, 2, 0, 3, 1, 4])]
#[case("o w o w", &[4, 1, 3, 0, 2, 5])]
#[case("o w o n", &[4, 3, 1, 5, 0, 2])]
#[case("o l", &[5, 0, 1, 2, 3, 4])]
#[case("j x X o s", &[0, 3, 4, 5, 1, 2])]
#[case("j x X s k k k o c", &[3, 2, 1, 0, 4, 5])]
#[case("j e Enter j e Enter o e", &[0, 1, 2, 3, 4, 5])]
#[case("o n o f", &[0, 1, 2, 3, 4, 5])]
#[case("o o", &[0, 1, 2, 3, 4, 5])]
fn keys_sort(#[case] keys: &str, #[case] after: &[u32]) {
    let mut world = World::new(&SIX);
    world.keys(keys);
    assert_eq!(listed(&world), after);
}

#[test]
fn sorting_uses_the_shown_text() {
    let mut world = World::new(&SIX);
    world.keys("j r");
    world.finish(1, "A text of quite a few more words.");
    world.keys("o w");
    assert_eq!(listed(&world)[0], 1, "the unseen candidate");
    world.keys("o e");
    assert_eq!(listed(&world), [1, 0, 2, 3, 4, 5]);
    world.keys("x o w");
    assert_eq!(listed(&world)[4], 1, "the kept original");
}

#[test]
fn sorting_keeps_the_cursor_on_its_record_and_row() {
    let mut world = World::new(&["A caption."; 100]);
    world.keys("ctrl-f ctrl-f j");
    let before = (world.cursor(), world.model.list.position - world.model.list.top);
    world.keys("o r");
    assert_eq!((world.cursor(), world.model.list.position - world.model.list.top), before);
    world.keys("o f");
    assert_eq!((world.cursor(), world.model.list.position - world.model.list.top), before);
}

#[test]
fn the_order_is_fixed_until_sorted_again() {
    let mut world = World::new(&SIX);
    world.keys("o w g g e").write("Short.").keys("ctrl-s");
    assert_eq!(listed(&world), [5, 2, 0, 3, 1, 4], "the order is stable while deciding");
    world.keys("o o");
    assert_eq!(listed(&world), [2, 0, 3, 1, 5, 4]);
    assert_eq!(world.cursor(), Some(5));
}

#[test]
fn random_order_is_reshuffled_and_reproducible_by_seed() {
    let mut world = World::new(&["A caption."; 40]);
    world.keys("o r");
    let first = listed(&world);
    assert_ne!(first, (0..40).collect::<Vec<_>>());
    world.keys("o r");
    assert_ne!(listed(&world), first);
    assert_eq!(world.model.sort.map(|sort| sort.by), Some(SortBy::Random(2)));
    world.keys(":").write("sort random 1").keys("Enter");
    assert_eq!(listed(&world), first);
    let mut sorted = first;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..40).collect::<Vec<_>>());
}

#[test]
fn tabs_filters_and_searches_use_the_sort_order() {
    let mut world = World::new(&SIX);
    world.keys("o w g g");
    assert_eq!(world.cursor(), Some(5));
    world.keys("a a");
    assert_eq!((world.cursor(), world.decisions().as_str()), (Some(0), "[-] - kept - - kept"));
    world.keys("2");
    assert_eq!(listed(&world), [0, 3, 1]);
    world.keys("Tab Tab Tab");
    assert_eq!(world.cursor(), Some(0), "wraps around");
    world.keys("1 f").write("two").keys("Enter");
    assert_eq!(listed(&world), [5, 2, 0, 3]);
    world.keys("x");
    assert_eq!(world.cursor(), Some(3));
    world.keys("F / ").write("three").keys("Enter");
    assert_eq!((world.cursor(), world.notice()), (Some(5), ""));
    world.keys("n");
    assert_eq!((world.cursor(), world.notice()), (Some(2), "/three  2 of 3"));
    world.keys("N N");
    assert_eq!(world.notice(), "/three  3 of 3 · wrapped to the bottom");
}

#[test]
fn a_range_follows_the_sort_order() {
    let mut world = World::new(&SIX);
    world.keys("o w g g v j j x");
    assert_eq!(world.model.tabs.count(Tab::Decided), 3);
    for record in [5, 2, 0] {
        assert!(world.model.state(RecordId(record)).decision.is_final(), "{record}");
    }
}

#[test]
fn the_list_is_usable_during_a_sort_and_a_late_result_is_dropped() {
    let mut world = World::new(&SIX);
    world.slow_scans = true;
    world.keys("o w j x");
    assert_eq!((listed(&world), world.decisions()), (vec![0, 1, 2, 3, 4, 5], "- kept [-] - - -".to_owned()));
    world.keys("f").write("two");
    world.scans_catch_up();
    assert_eq!(listed(&world), [5, 2, 0, 3], "applied while a filter was typed");
    world.keys("Esc");
    world.scans_catch_up();
    assert_eq!(listed(&world), [5, 2, 0, 3, 1, 4]);
    world.keys("o n o f");
    world.scans_catch_up();
    assert_eq!((listed(&world), world.model.sorting), (vec![0, 1, 2, 3, 4, 5], None));
}

#[test]
fn a_sample_keeps_its_order() {
    let mut world = World::with(&SIX, |settings| {
        settings.sample = Some(SampleRequest { size: 3, seed: 7, by: None, blind: false });
    });
    world.keys("o w");
    assert!(world.notice().contains("cannot be sorted"), "{}", world.notice());
    assert_eq!(world.model.sort, None);
}
