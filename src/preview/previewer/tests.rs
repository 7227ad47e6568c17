use std::sync::mpsc::{Receiver, channel};

use image::{Rgb, RgbImage};

use super::*;
use crate::picture::PictureError;
use crate::preview::fit::CellArea;
use crate::preview::zoom::Zoom;

const ROOM: Shot = Shot::whole(CellArea { columns: 20, rows: 10 });

fn spawn(terminal: Capabilities) -> (Previewer, Receiver<Ready>) {
    let (sender, ready) = channel();
    let sender = Mutex::new(sender);
    let previewer = Previewer::spawn(terminal, None, move |answer| {
        // A test that has ended listens to nothing.
        let _ = sender.lock().unwrap().send(answer);
    });
    (previewer, ready)
}

fn write(path: &Path, width: u32, height: u32) {
    RgbImage::from_pixel(width, height, Rgb([200, 30, 30])).save(path).unwrap();
}

#[test]
fn a_picture_comes_and_is_known_from_then_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write(&path, 400, 400);
    let (previewer, ready) = spawn(Capabilities::floor());
    assert_eq!(previewer.show(RecordId(3), path.clone(), ROOM), None);
    let Ready { record, path: of, shot, result, .. } = ready.recv().unwrap();
    assert_eq!((record, &of, shot), (RecordId(3), &path, ROOM));
    let preview = result.unwrap();
    assert_eq!((preview.info().width, preview.cells()), (400, CellArea { columns: 20, rows: 10 }));
    assert_eq!(previewer.show(RecordId(4), path, ROOM), Some(Ok(preview)));
}

#[test]
fn a_picture_replaced_on_disk_shows_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write(&path, 400, 400);
    let (previewer, ready) = spawn(Capabilities::floor());
    let _ = previewer.show(RecordId(0), path.clone(), ROOM);
    let old = ready.recv().unwrap().result.unwrap();

    write(&folder.path().join("new.png"), 100, 800);
    std::fs::rename(folder.path().join("new.png"), &path).unwrap();
    assert_eq!(previewer.show(RecordId(0), path.clone(), ROOM), Some(Ok(old)));
    assert_eq!(ready.recv().unwrap().result.unwrap().info().height, 800);

    std::fs::remove_file(&path).unwrap();
    let _ = previewer.show(RecordId(0), path, ROOM);
    assert_eq!(ready.recv().unwrap().result, Err(PictureError::Missing.into()));
}

#[test]
fn another_room_is_another_preview_of_the_same_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    write(&path, 1600, 1600);
    let (previewer, ready) = spawn(Capabilities { protocol: Protocol::Iterm, ..Capabilities::floor() });
    let maker = previewer.workers.maker();
    let held = |path: &Path| maker.decoded.lock().unwrap().get(path).map(|(_, decoded)| Arc::clone(decoded)).unwrap();

    let show = |shot| {
        assert_eq!(previewer.show(RecordId(0), path.clone(), shot), None);
        ready.recv().unwrap().result.unwrap().cells()
    };
    assert_eq!(show(ROOM), CellArea { columns: 20, rows: 10 });
    let first = held(&path);
    assert!(first.reduced);
    assert_eq!(show(Shot::whole(CellArea { columns: 10, rows: 9 })), CellArea { columns: 10, rows: 5 });
    assert!(Arc::ptr_eq(&first, &held(&path)), "smaller: the pixels suffice");
    assert_eq!(show(Shot::whole(CellArea { columns: 160, rows: 80 })), CellArea { columns: 160, rows: 80 });
    assert!(!Arc::ptr_eq(&first, &held(&path)), "larger: they don't");
}

#[test]
fn no_room_no_answer() {
    let (previewer, ready) = spawn(Capabilities::floor());
    assert_eq!(previewer.show(RecordId(0), "a.png".into(), Shot::whole(CellArea { columns: 0, rows: 5 })), None);
    previewer.prefetch(["b.png".into()], Shot::whole(CellArea { columns: 5, rows: 0 }));
    drop(previewer);
    assert!(ready.recv().is_err(), "and nothing was announced");
}

/// Each quarter of the picture has a colour of its own.
fn quarters(path: &Path, side: u32) {
    let colour = |x, y| match (x < side / 2, y < side / 2) {
        (true, true) => [250, 0, 0],
        (false, true) => [0, 250, 0],
        (true, false) => [0, 0, 250],
        (false, false) => [250, 250, 0],
    };
    RgbImage::from_fn(side, side, |x, y| Rgb(colour(x, y))).save(path).unwrap();
}

/// The colours a preview of half blocks has, each once.
fn colours(preview: &Preview) -> Vec<ratatui::style::Color> {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    let area = Rect::new(0, 0, preview.cells().columns, preview.cells().rows);
    let mut buffer = Buffer::empty(area);
    let mut painter = Painter::new(Uploads::default(), false);
    painter.begin();
    painter.paint(preview, &mut buffer, area, &[]).unwrap();
    let near = |channel: u8| if channel > 200 { 250 } else { 0 };
    let mut found: Vec<_> = Vec::new();
    for cell in buffer.content {
        for colour in [cell.fg, cell.bg] {
            let ratatui::style::Color::Rgb(red, green, blue) = colour else { continue };
            let colour = ratatui::style::Color::Rgb(near(red), near(green), near(blue));
            if !found.contains(&colour) {
                found.push(colour);
            }
        }
    }
    found
}

#[test]
fn looking_closely_shows_that_part_from_as_many_pixels_as_it_takes() {
    use ratatui::style::Color::Rgb;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    quarters(&path, 1600);
    let (previewer, ready) = spawn(Capabilities::floor());
    let maker = previewer.workers.maker();
    let show = |zoom: Zoom| {
        assert_eq!(previewer.show(RecordId(0), path.clone(), Shot { zoom, ..ROOM }), None);
        ready.recv().unwrap().result.unwrap()
    };
    assert_eq!(colours(&show(Zoom::WHOLE)).len(), 4);
    let held = || maker.decoded.lock().unwrap().get(&path).unwrap().1.upright().0;
    assert_eq!(held(), 200, "an eighth: as many pixels as the room has");
    let corner = |centre| colours(&show(Zoom { steps: 8, centre }));
    assert_eq!(corner((0x2000, 0x2000)), [Rgb(250, 0, 0)]);
    assert_eq!(corner((0xe000, 0x2000)), [Rgb(0, 250, 0)]);
    assert_eq!(corner((0x2000, 0xe000)), [Rgb(0, 0, 250)]);
    assert_eq!(corner((0xe000, 0xe000)), [Rgb(250, 250, 0)]);
    assert_eq!(held(), 1600, "sixteen times as close, all there are");
}

#[test]
fn a_large_picture_is_kept_while_it_is_looked_at_closely_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    // 64 MB and a little more.
    write(&path, 4800, 4700);
    let (previewer, ready) = spawn(Capabilities::floor());
    let maker = previewer.workers.maker();
    let held = || maker.large.lock().unwrap().as_ref().map(|(_, (_, decoded))| Arc::as_ptr(decoded));
    let close = |steps| {
        let shot = Shot { zoom: Zoom { steps, ..Zoom::WHOLE }, ..ROOM };
        assert_eq!(previewer.show(RecordId(0), path.clone(), shot), None);
        ready.recv().unwrap().result.unwrap();
        held()
    };
    let first = close(1);
    assert!(first.is_some());
    assert_eq!(close(2), first, "not decoded again");
    let _ = previewer.show(RecordId(0), path.clone(), ROOM);
    assert_eq!(held(), None);
}
