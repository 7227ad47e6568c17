//! Zooming and panning.

use recaption::preview::{Capabilities, CellArea, CellSize, PictureView, Preview, Zoom, prepare};
use recaption::review::{Mode, Msg, PictureSlot, Viewport};
use rstest::rstest;

use crate::world::World;

/// A screen of 80×24 cells of 10×20 pixels, all of it for the zoomed image.
fn world() -> World {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    let zoom = CellArea { columns: 80, rows: 24 };
    let viewport = Viewport {
        list_rows: 5,
        picture: Some(CellArea { columns: 40, rows: 12 }),
        zoom,
        zoom_with_texts: CellArea { rows: 17, ..zoom },
        cell: CellSize { width: 10, height: 20 },
        ..Viewport::default()
    };
    world.send(Msg::Resized(Box::new(viewport.into())));
    world
}

/// An image of 1600×960 pixels, scaled to half for the full screen.
fn preview() -> Preview {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("0.png");
    image::GrayImage::new(1600, 960).save(&path).expect("a picture");
    prepare(&path, CellArea { columns: 4, rows: 4 }, &Capabilities::minimal()).expect("a preview")
}

/// Delivers the requested image.
fn picture_comes(world: &mut World, preview: &Preview) {
    let PictureSlot::Loading(record, view, _) = world.model.picture else { panic!("a picture is asked for") };
    world.picture(record.0, view, Ok(preview.clone()));
}

/// Returns the requested or shown view.
fn view(world: &World) -> PictureView {
    match world.model.picture {
        PictureSlot::Loading(_, view, _) | PictureSlot::Ready(_, view, _) => view,
        PictureSlot::Empty => panic!("a picture is asked for"),
    }
}

const MIDDLE: u16 = 0x8000;

#[rstest]
#[case("z", 0, (MIDDLE, MIDDLE))]
#[case("z +", 1, (MIDDLE, MIDDLE))]
#[case("z = = -", 1, (MIDDLE, MIDDLE))]
#[case("z + + 0", 0, (MIDDLE, MIDDLE))]
// Two steps show half of each side; a quarter of that is an eighth of the image.
#[case("z + + l", 2, (MIDDLE + 0x2000, MIDDLE))]
#[case("z + + Right Down", 2, (MIDDLE + 0x2000, MIDDLE + 0x2000))]
#[case("z + + h k", 2, (MIDDLE - 0x2000, MIDDLE - 0x2000))]
#[case("z + + h h h h h", 2, (0x4000, MIDDLE))]
#[case("z + + h h h - -", 0, (MIDDLE, MIDDLE))]
fn keys_zoom_and_pan(#[case] keys: &str, #[case] steps: u8, #[case] centre: (u16, u16)) {
    let mut world = world();
    picture_comes(&mut world, &preview());
    world.keys(keys);
    assert_eq!(
        view(&world),
        PictureView { zoom: Zoom { steps, centre }, ..PictureView::fit(CellArea { columns: 80, rows: 24 }) }
    );
    assert_eq!(world.cursor(), Some(0));
}

#[test]
fn the_whole_image_is_shown_until_the_crop_arrives() {
    let mut world = world();
    let preview = preview();
    picture_comes(&mut world, &preview);
    world.keys("z + +");
    assert!(matches!(world.model.picture, PictureSlot::Loading(..)));
    assert_eq!(world.model.preview(), Some(Ok(&preview)));
    world.keys("j");
    assert_eq!(view(&world).zoom.centre, (MIDDLE, MIDDLE + 0x2000), "keys work before the image arrives");
    let late = PictureView { zoom: Zoom { steps: 2, centre: (MIDDLE, MIDDLE) }, ..view(&world) };
    world.picture(0, late, Ok(preview));
    assert!(matches!(world.model.picture, PictureSlot::Loading(..)), "the previous crop is dropped");
}

#[rstest]
#[case("z J", 1)]
#[case("z PageDown", 1)]
#[case("z PageDown PageDown K", 1)]
#[case("z + + PageDown PageUp", 0)]
#[case("z j j k", 1)]
#[case("z Right Left l", 1)]
fn moving_on_stays_zoomed_and_fits_the_next_image(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = world();
    let preview = preview();
    picture_comes(&mut world, &preview);
    world.keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
    assert!(matches!(world.model.mode, Mode::Zoom(_)));
    assert_eq!(view(&world), PictureView::fit(CellArea { columns: 80, rows: 24 }));
}

#[test]
fn before_its_size_is_known_an_image_is_shown_whole() {
    let mut world = world();
    world.keys("z + + +");
    assert_eq!(view(&world).zoom, Zoom::FIT);
}

#[test]
fn texts_below_take_space_from_the_image_and_stay_on_other_records() {
    let mut world = world();
    picture_comes(&mut world, &preview());
    world.keys("z Tab");
    let above = CellArea { columns: 80, rows: 17 };
    assert_eq!(view(&world), PictureView::fit(above));
    world.keys("J");
    assert_eq!((view(&world), world.cursor()), (PictureView::fit(above), Some(1)));
    world.keys("Tab");
    assert_eq!(view(&world), PictureView::fit(CellArea { columns: 80, rows: 24 }));
}

#[test]
fn leaving_returns_to_the_list_and_the_whole_image() {
    let mut world = world();
    picture_comes(&mut world, &preview());
    world.keys("z + + l Esc");
    assert_eq!(world.model.mode, Mode::Browse);
    assert_eq!(view(&world), PictureView::fit(CellArea { columns: 40, rows: 12 }));
    world.keys("z");
    assert_eq!(view(&world).zoom, Zoom::FIT);
}

#[test]
fn decisions_work_while_zoomed() {
    let mut world = world();
    world.keys("z a x");
    assert_eq!(world.decisions(), "kept kept [-]");
    assert!(matches!(world.model.mode, Mode::Zoom(_)));
}

#[test]
fn a_changed_file_replaces_the_shown_image() {
    let mut world = world();
    let (old, new) = (preview(), preview());
    picture_comes(&mut world, &old);
    let view = view(&world);
    world.picture(0, view, Ok(new.clone()));
    assert_eq!(world.model.preview(), Some(Ok(&new)));
}
