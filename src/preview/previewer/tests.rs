use std::sync::mpsc::{Receiver, channel};

use image::{Rgb, RgbImage};

use super::*;
use crate::picture::PictureError;
use crate::preview::fit::CellArea;
use crate::preview::zoom::Zoom;

const FIT: PictureView = PictureView::fit(CellArea { columns: 20, rows: 10 });

fn spawn(terminal: Capabilities) -> (Previewer, Receiver<Ready>) {
    let (sender, ready) = channel();
    let sender = Mutex::new(sender);
    let previewer = Previewer::spawn(terminal, None, move |answer| {
        // Fails after the end of the test.
        let _ = sender.lock().unwrap().send(answer);
    });
    (previewer, ready)
}

fn write(path: &Path, width: u32, height: u32) {
    RgbImage::from_pixel(width, height, Rgb([200, 30, 30])).save(path).unwrap();
}

#[test]
fn a_requested_picture_is_rendered_and_cached() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write(&path, 400, 400);
    let (previewer, ready) = spawn(Capabilities::minimal());
    assert_eq!(previewer.request(RecordId(3), path.clone(), FIT), None);
    let Ready { record, path: of, view, result, .. } = ready.recv().unwrap();
    assert_eq!((record, &of, view), (RecordId(3), &path, FIT));
    let preview = result.unwrap();
    assert_eq!((preview.info().width, preview.cells()), (400, CellArea { columns: 20, rows: 10 }));
    assert_eq!(previewer.request(RecordId(4), path, FIT), Some(Ok(preview)));
}

#[test]
fn a_picture_replaced_on_disk_is_rendered_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    write(&path, 400, 400);
    let (previewer, ready) = spawn(Capabilities::minimal());
    let _ = previewer.request(RecordId(0), path.clone(), FIT);
    let old = ready.recv().unwrap().result.unwrap();

    write(&folder.path().join("new.png"), 100, 800);
    std::fs::rename(folder.path().join("new.png"), &path).unwrap();
    assert_eq!(previewer.request(RecordId(0), path.clone(), FIT), Some(Ok(old)));
    assert_eq!(ready.recv().unwrap().result.unwrap().info().height, 800);

    std::fs::remove_file(&path).unwrap();
    let _ = previewer.request(RecordId(0), path, FIT);
    assert_eq!(ready.recv().unwrap().result, Err(PictureError::Missing.into()));
}

#[test]
fn another_area_reuses_the_decoded_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    write(&path, 1600, 1600);
    let (previewer, ready) = spawn(Capabilities { protocol: Protocol::Iterm, ..Capabilities::minimal() });
    let runner = previewer.pool.runner();
    let held = |path: &Path| runner.decoded.lock().unwrap().get(path).map(|(_, decoded)| Arc::clone(decoded)).unwrap();

    let show = |view| {
        assert_eq!(previewer.request(RecordId(0), path.clone(), view), None);
        ready.recv().unwrap().result.unwrap().cells()
    };
    assert_eq!(show(FIT), CellArea { columns: 20, rows: 10 });
    let first = held(&path);
    assert!(first.reduced);
    assert_eq!(show(PictureView::fit(CellArea { columns: 10, rows: 9 })), CellArea { columns: 10, rows: 5 });
    assert!(Arc::ptr_eq(&first, &held(&path)), "enough pixels for a smaller area");
    assert_eq!(show(PictureView::fit(CellArea { columns: 160, rows: 80 })), CellArea { columns: 160, rows: 80 });
    assert!(!Arc::ptr_eq(&first, &held(&path)), "too few for a larger one");
}

#[test]
fn an_empty_area_gets_no_response() {
    let (previewer, ready) = spawn(Capabilities::minimal());
    assert_eq!(
        previewer.request(RecordId(0), "a.png".into(), PictureView::fit(CellArea { columns: 0, rows: 5 })),
        None
    );
    previewer.prefetch(["b.png".into()], PictureView::fit(CellArea { columns: 5, rows: 0 }));
    drop(previewer);
    assert!(ready.recv().is_err(), "no response");
}

/// Writes a picture with a colour in each quadrant.
fn quarters(path: &Path, side: u32) {
    let colour = |x, y| match (x < side / 2, y < side / 2) {
        (true, true) => [250, 0, 0],
        (false, true) => [0, 250, 0],
        (true, false) => [0, 0, 250],
        (false, false) => [250, 250, 0],
    };
    RgbImage::from_fn(side, side, |x, y| Rgb(colour(x, y))).save(path).unwrap();
}

/// Returns the distinct colours of a preview drawn with half blocks.
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
fn zooming_decodes_as_many_pixels_as_it_needs() {
    use ratatui::style::Color::Rgb;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jpg");
    quarters(&path, 1600);
    let (previewer, ready) = spawn(Capabilities::minimal());
    let runner = previewer.pool.runner();
    let show = |zoom: Zoom| {
        assert_eq!(previewer.request(RecordId(0), path.clone(), PictureView { zoom, ..FIT }), None);
        ready.recv().unwrap().result.unwrap()
    };
    assert_eq!(colours(&show(Zoom::FIT)).len(), 4);
    let held = || runner.decoded.lock().unwrap().get(&path).unwrap().1.upright().0;
    assert_eq!(held(), 200, "1/8 size fills the area");
    let corner = |centre| colours(&show(Zoom { steps: 8, centre }));
    assert_eq!(corner((0x2000, 0x2000)), [Rgb(250, 0, 0)]);
    assert_eq!(corner((0xe000, 0x2000)), [Rgb(0, 250, 0)]);
    assert_eq!(corner((0x2000, 0xe000)), [Rgb(0, 0, 250)]);
    assert_eq!(corner((0xe000, 0xe000)), [Rgb(250, 250, 0)]);
    assert_eq!(held(), 1600, "zoomed 16 times, all pixels");
}

#[test]
fn a_large_picture_is_cached_only_while_zoomed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    // Slightly more than 64 MB.
    write(&path, 4800, 4700);
    let (previewer, ready) = spawn(Capabilities::minimal());
    let runner = previewer.pool.runner();
    let held = || runner.large.lock().unwrap().as_ref().map(|(_, (_, decoded))| Arc::as_ptr(decoded));
    let close = |steps| {
        let view = PictureView { zoom: Zoom { steps, ..Zoom::FIT }, ..FIT };
        assert_eq!(previewer.request(RecordId(0), path.clone(), view), None);
        ready.recv().unwrap().result.unwrap();
        held()
    };
    let first = close(1);
    assert!(first.is_some());
    assert_eq!(close(2), first, "not decoded again");
    let _ = previewer.request(RecordId(0), path.clone(), FIT);
    assert_eq!(held(), None);
}
