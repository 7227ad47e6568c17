//! The panes: how the layout follows the shape of the picture and the operator's choice.

use ratatui::layout::Rect;
use recaption::picture::PictureError;
use recaption::preview::{Capabilities, Preview, Shape, prepare};
use recaption::review::{Effect, ListPane, Msg, Panes, PictureSlot};
use recaption::tui::layout::{Inputs, Layout, ListArea};
use rstest::rstest;

use crate::world::World;

fn world() -> World {
    World::new(&["A caption."; 12])
}

/// Tells the core the sizes of a screen, as the terminal loop does, and returns its layout.
fn lay_out(world: &mut World, width: u16, height: u16) -> Layout {
    let screen = Rect::new(0, 0, width, height);
    let inputs = Inputs::of(&world.model, true);
    let viewports = Layout::viewports(screen, &inputs).expect("the screen is large enough");
    world.send(Msg::Resized(Box::new(viewports)));
    Layout::new(screen, &Inputs::of(&world.model, true)).expect("the screen is large enough")
}

/// Delivers the picture under the cursor, with these sides.
pub fn picture_comes(world: &mut World, sides: (u32, u32)) -> Preview {
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("0.png");
    // Stripes, so that no half block is blank.
    let stripes =
        image::GrayImage::from_fn(sides.0, sides.1, |x, _| image::Luma([if x / 40 % 2 == 0 { 90 } else { 255 }]));
    stripes.save(&path).expect("a picture");
    let preview = prepare(&path, view.areas.of(sides), &Capabilities::minimal()).expect("a preview");
    world.picture(record.0, view, Ok(preview.clone()));
    preview
}

/// The layout is that of the last picture for which it had to change.
#[rstest]
#[case::a_narrower_portrait_fits(&[(600, 800), (400, 600)], (3, 4))]
#[case::a_wider_portrait_does_not(&[(400, 600), (600, 800)], (3, 4))]
#[case::landscape(&[(600, 800), (900, 600)], (3, 2))]
#[case::and_back(&[(900, 600), (600, 800)], (3, 4))]
#[case::a_single_pixel(&[(900, 600), (1, 1)], (3, 2))]
#[case::a_flatter_landscape_fits(&[(900, 600), (1600, 900)], (3, 2))]
fn the_layout_changes_only_if_the_picture_would_be_smaller(
    #[case] pictures: &[(u32, u32)],
    #[case] expected: (u32, u32),
    #[values((120, 41), (200, 55))] (width, height): (u16, u16),
) {
    let mut world = world();
    lay_out(&mut world, width, height);
    for sides in pictures {
        let preview = picture_comes(&mut world, *sides);
        let layout = lay_out(&mut world, width, height);
        let pane = layout.picture.expect("a pane");
        assert!(preview.cells().columns <= pane.width && preview.cells().rows <= pane.height, "{sides:?} fits");
        assert!(matches!(world.model.picture, PictureSlot::Ready(..)), "it is not requested again");
        world.keys("j");
    }
    assert_eq!(world.model.shape, Shape::of(expected));
}

#[test]
fn a_missing_picture_keeps_the_layout() {
    let mut world = world();
    lay_out(&mut world, 120, 41);
    picture_comes(&mut world, (900, 600));
    world.keys("j");
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    world.picture(record.0, view, Err(PictureError::Missing.into()));
    assert_eq!(world.model.shape, Shape::of((900, 600)));
}

#[rstest]
#[case::wide(120, 41, ["column", "narrow", "hidden"])]
#[case::small(80, 24, ["strip", "narrow", "hidden"])]
#[case::tiny(50, 12, ["strip", "strip", "hidden"])]
fn a_key_cycles_through_the_lists(#[case] width: u16, #[case] height: u16, #[case] expected: [&str; 3]) {
    let mut world = world();
    for name in [&expected[..], &expected[..1]].concat() {
        let list = lay_out(&mut world, width, height).list;
        let shown = match list {
            ListArea::Column(_) => "column",
            ListArea::Narrow(_) => "narrow",
            ListArea::Strip(_) => "strip",
            ListArea::Hidden => "hidden",
        };
        assert_eq!(shown, name);
        world.keys("\\");
    }
    let remembered = Panes { list: ListPane::Narrow, ..Panes::default() };
    assert_eq!(world.asked.last(), Some(&Effect::RememberPanes(remembered)));
}

#[rstest]
#[case::beside((600, 800))]
#[case::above((900, 600))]
fn keys_move_the_split_within_the_screen(#[case] sides: (u32, u32)) {
    let mut world = world();
    lay_out(&mut world, 120, 41);
    picture_comes(&mut world, sides);
    let split = |world: &mut World, keys: &str| {
        world.keys(keys);
        let picture = lay_out(world, 120, 41).picture.expect("a pane");
        if sides.0 < sides.1 { picture.width } else { picture.height }
    };
    let before = split(&mut world, "> <");
    assert!(split(&mut world, "<") < before);
    assert_eq!(split(&mut world, ">"), before);
    let smallest = (0..40).map(|_| split(&mut world, "<")).last();
    assert!(split(&mut world, ">") > smallest.expect("a width"), "keys at the limit do not accumulate");
    let largest = (0..40).map(|_| split(&mut world, ">")).last();
    assert!(split(&mut world, "<") < largest.expect("a width"));
}
