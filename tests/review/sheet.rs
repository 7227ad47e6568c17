//! The contact sheet: a grid of thumbnails that shares the cursor of the list.

use recaption::dataset::RecordId;
use recaption::picture::PictureError;
use recaption::preview::{CellArea, PictureView};
use recaption::review::{Effect, Mode, Msg, PictureSlot, Viewport};
use rstest::rstest;

use crate::world::World;

/// Thirty records on a screen with room for 4×2 thumbnails.
fn world() -> World {
    let mut world = World::new(&["A caption."; 30]);
    resize(&mut world, CellArea { columns: 80, rows: 19 });
    world
}

fn resize(world: &mut World, sheet: CellArea) {
    let room = CellArea { columns: 40, rows: 12 };
    let viewport =
        Viewport { list_rows: 5, picture: Some(room), zoom: room, sheet: Some(sheet), ..Viewport::default() };
    world.send(Msg::Resized(Box::new(viewport.into())));
}

/// Returns the records whose thumbnails were requested since the last call, and the space for each.
fn asked(world: &mut World) -> Option<(Vec<u32>, CellArea)> {
    let asked = std::mem::take(&mut world.asked);
    asked.into_iter().rev().find_map(|effect| match effect {
        Effect::ShowThumbnails { pictures, area } => {
            Some((pictures.into_iter().map(|(record, _)| record.0).collect(), area))
        }
        _ => None,
    })
}

/// Reports a requested image as missing, which is enough to see where the result goes.
fn comes(world: &mut World, record: u32, area: CellArea) {
    world.picture(record, PictureView::fit(area), Err(PictureError::Missing.into()));
}

fn is_there(world: &World, record: u32) -> bool {
    world.model.sheet.picture(RecordId(record)).is_some()
}

#[rstest]
#[case("t", 0)]
#[case("t l l", 2)]
#[case("t Right Left", 0)]
#[case("t j", 4)]
#[case("t l Down k", 1)]
#[case("t k", 0)]
#[case("t h", 0)]
#[case("t PageDown", 8)]
#[case("t l ctrl-f ctrl-f", 17)]
#[case("t ctrl-f ctrl-b l", 1)]
#[case("t ctrl-d", 4)]
#[case("t G", 29)]
#[case("t G g g", 0)]
// The last row has two thumbnails.
#[case("t G k", 25)]
#[case("t G k l l j", 29)]
#[case("t G j", 29)]
#[case("t G h j", 28)]
#[case("j j t", 2)]
#[case("t j Tab", 5)]
fn keys_move_over_the_sheet(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = world();
    world.keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
    assert!(world.model.is_in_sheet());
}

#[rstest]
#[case("t")]
#[case("Enter")]
#[case("Esc")]
#[case("q")]
fn leaving_returns_to_the_list_at_the_same_record(#[case] key: &str) {
    let mut world = world();
    world.keys("t j l");
    assert!(matches!(world.model.picture, PictureSlot::Empty), "the image of the pane is not requested");
    world.keys(key);
    assert_eq!((world.cursor(), &world.model.mode, world.model.sheet.open), (Some(5), &Mode::Browse, false));
    assert!(matches!(world.model.picture, PictureSlot::Loading(RecordId(5), ..)));
    world.keys("j");
    assert_eq!(world.cursor(), Some(6), "list key bindings again");
}

#[test]
fn the_visible_page_is_requested_before_the_next_one() {
    let mut world = world();
    world.keys("t");
    let area = CellArea { columns: 18, rows: 7 };
    assert_eq!(asked(&mut world), Some(((0..16).collect(), area)));
    world.keys("l j h");
    assert_eq!(asked(&mut world), None, "same page, same direction");
    for record in 0..10 {
        comes(&mut world, record, area);
    }
    world.keys("ctrl-f");
    assert_eq!(asked(&mut world), Some(((10..24).collect(), area)), "loaded ones are not requested again");
    assert!(!is_there(&world, 0) && is_there(&world, 9));
    world.keys("ctrl-b");
    let all = Some(((0..8).chain(10..16).collect(), area));
    assert_eq!(asked(&mut world), all, "no page before the first");
    world.keys("Esc");
    assert_eq!(asked(&mut world), Some((vec![], CellArea::default())), "no longer wanted");
}

#[test]
fn scrolling_up_prefetches_the_previous_page() {
    let mut world = world();
    world.keys("t G");
    let area = CellArea { columns: 18, rows: 7 };
    assert_eq!(asked(&mut world), Some(((24..30).chain(16..24).collect(), area)), "none after the last");
    world.keys("k k");
    assert_eq!(asked(&mut world), Some(((16..24).chain(8..16).collect(), area)));
    world.keys("l l h");
    assert_eq!(asked(&mut world), None, "a step to and fro is no travelling");
}

#[test]
fn thumbnails_of_another_size_or_page_are_dropped() {
    let mut world = world();
    world.keys("t");
    let area = CellArea { columns: 18, rows: 7 };
    comes(&mut world, 1, CellArea { columns: 17, rows: 7 });
    comes(&mut world, 20, area);
    assert!(!is_there(&world, 1) && !is_there(&world, 20));
    comes(&mut world, 1, area);
    assert!(is_there(&world, 1));
    world.keys("Esc");
    comes(&mut world, 2, area);
    assert!(!is_there(&world, 1) && !is_there(&world, 2));
}

#[test]
fn the_size_can_be_chosen_and_is_remembered() {
    let mut world = world();
    world.keys("t");
    let first = asked(&mut world);
    world.keys("+");
    let larger = world.model.sheet_grid().expect("the sheet is open");
    assert_eq!((larger.columns, larger.rows), (3, 2));
    assert_eq!(asked(&mut world).map(|(_, area)| area), Some(CellArea { columns: 24, rows: 7 }));
    world.keys("Esc t -");
    assert_eq!(asked(&mut world), first);
    world.keys("- - -");
    let smallest = world.model.sheet_grid().expect("the sheet is open");
    assert_eq!((smallest.columns, smallest.rows), (6, 3));
    world.keys("- + + +");
    assert_eq!(asked(&mut world), first, "no key is without effect, and none is lost at the end");
}

#[test]
fn few_images_fill_the_screen_until_a_size_is_chosen() {
    let mut world = World::new(&["A caption."; 2]);
    resize(&mut world, CellArea { columns: 80, rows: 19 });
    world.keys("t");
    assert_eq!(asked(&mut world), Some((vec![0, 1], CellArea { columns: 38, rows: 17 })));
    world.keys("-");
    let smaller = world.model.sheet_grid().expect("the sheet is open");
    assert_eq!((smaller.columns, smaller.rows), (3, 1));
}

#[test]
fn a_resize_keeps_the_cursor_and_requests_new_thumbnails() {
    let mut world = world();
    world.keys("t ctrl-f l");
    asked(&mut world);
    resize(&mut world, CellArea { columns: 200, rows: 55 });
    assert_eq!(world.cursor(), Some(9));
    let larger = CellArea { columns: 23, rows: 11 };
    assert_eq!(asked(&mut world), Some(((0..30).collect(), larger)), "all fit on one page");
}

#[test]
fn lost_thumbnails_are_requested_again() {
    let mut world = world();
    world.keys("t");
    let first = asked(&mut world);
    comes(&mut world, 0, CellArea { columns: 18, rows: 7 });
    world.send(Msg::PicturesLost);
    assert_eq!(asked(&mut world), first);
}

#[test]
fn decisions_and_undo_work_in_the_sheet() {
    let mut world = World::new(&["A."; 5]);
    resize(&mut world, CellArea { columns: 80, rows: 19 });
    world.keys("t x X j s ! u");
    assert_eq!(world.decisions(), "kept excluded - - [skipped]");
    assert!(world.model.is_in_sheet());
    world.keys("u u");
    assert_eq!(world.decisions(), "kept [-] - - -");
    assert!(world.model.is_in_sheet());
}

#[test]
fn bulk_actions_work_in_the_sheet() {
    let mut world = World::new(&["A."; 6]);
    resize(&mut world, CellArea { columns: 80, rows: 9 });
    world.keys("t Space l Space X");
    assert_eq!(world.decisions(), "excluded - excluded [-] - -");
    world.keys("v j");
    assert_eq!(world.model.range_length(), Some(3), "to the last image, in the incomplete last row");
    world.keys("x");
    assert_eq!(world.decisions(), "excluded - excluded kept kept [kept]");
    assert!(world.model.is_in_sheet());
}

#[test]
fn zoom_and_popups_return_to_the_sheet() {
    let mut world = world();
    world.keys("t l z");
    assert!(matches!(world.model.mode, Mode::Zoom(_)) && !world.model.shows_sheet());
    world.keys("J Esc");
    assert_eq!((world.cursor(), world.model.is_in_sheet()), (Some(2), true));
    asked(&mut world);
    world.keys("?");
    assert!(world.model.shows_sheet() && !world.model.is_in_sheet());
    world.keys("j");
    assert_eq!(world.cursor(), Some(2), "the help is scrolled");
    world.keys("Esc");
    assert_eq!((asked(&mut world), world.model.is_in_sheet()), (None, true), "the thumbnails are kept");
}

#[test]
fn a_caption_is_edited_beside_its_image() {
    let mut world = world();
    world.keys("t l e");
    assert!(!world.model.shows_sheet());
    assert!(matches!(world.model.picture, PictureSlot::Loading(RecordId(1), ..)));
    world.write("Another caption.").keys("Enter");
    assert_eq!((world.cursor(), world.model.is_in_sheet()), (Some(2), true));
}

#[test]
fn the_sheet_shows_the_records_of_the_list() {
    let mut captions = vec!["A caption."; 30];
    captions[21] = "A hat.";
    captions[4] = "Two hats.";
    let mut world = World::new(&captions);
    resize(&mut world, CellArea { columns: 80, rows: 19 });
    world.keys("t f").write("hat").keys("Enter");
    assert_eq!(asked(&mut world).map(|(records, _)| records), Some(vec![4, 21]));
    world.keys("l");
    assert_eq!((world.cursor(), world.model.sheet_page()), (Some(21), Some(0..2)));
    world.keys("F 4");
    assert_eq!((world.cursor(), world.model.sheet_page()), (None, Some(0..0)), "nothing is decided yet");
}

#[test]
fn a_click_selects_an_image() {
    let mut world = world();
    world.keys("t ctrl-f");
    world.send(Msg::ClickedRow(5));
    assert_eq!(world.cursor(), Some(13));
}

#[test]
fn without_images_there_is_no_sheet() {
    let mut world = World::new(&["A caption."]);
    world.keys("t");
    assert!(!world.model.sheet.open && world.notice().contains("--image-protocol"), "{}", world.notice());
}
