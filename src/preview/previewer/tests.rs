use std::sync::mpsc::{Receiver, channel};

use image::{Rgb, RgbImage};

use super::*;
use crate::picture::PictureError;

const ROOM: CellArea = CellArea { columns: 20, rows: 10 };

fn spawn(terminal: Capabilities) -> (Previewer, Receiver<Ready>) {
    let (sender, ready) = channel();
    let sender = Mutex::new(sender);
    let previewer = Previewer::spawn(terminal, move |answer| {
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
    let Ready { record, path: of, area, result } = ready.recv().unwrap();
    assert_eq!((record, &of, area), (RecordId(3), &path, ROOM));
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

    let show = |area| {
        assert_eq!(previewer.show(RecordId(0), path.clone(), area), None);
        ready.recv().unwrap().result.unwrap().cells()
    };
    assert_eq!(show(ROOM), CellArea { columns: 20, rows: 10 });
    let first = held(&path);
    assert!(first.reduced);
    assert_eq!(show(CellArea { columns: 10, rows: 9 }), CellArea { columns: 10, rows: 5 });
    assert!(Arc::ptr_eq(&first, &held(&path)), "smaller: the pixels suffice");
    assert_eq!(show(CellArea { columns: 160, rows: 80 }), CellArea { columns: 160, rows: 80 });
    assert!(!Arc::ptr_eq(&first, &held(&path)), "larger: they don't");
}

#[test]
fn no_room_no_answer() {
    let (previewer, ready) = spawn(Capabilities::floor());
    assert_eq!(previewer.show(RecordId(0), "a.png".into(), CellArea { columns: 0, rows: 5 }), None);
    previewer.prefetch(["b.png".into()], CellArea { columns: 5, rows: 0 });
    drop(previewer);
    assert!(ready.recv().is_err(), "and nothing was announced");
}
