//! From a picture file to the bytes for the terminal, cold, beside what decoding alone takes `image`.
//!
//! `cargo bench --bench preview`

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage};
use recaption::preview::{Capabilities, CellArea, CellSize, Protocol, Thumbnails, prepare, thumbnail};

fn main() {
    divan::main();
}

/// The picture's side of a review screen of 160×50 cells.
const ROOM: CellArea = CellArea { columns: 60, rows: 38 };
const SIZES: [&str; 2] = ["768x1024", "4000x6000"];

/// Pictures with soft shapes and some grain, like photographs.
static PICTURES: LazyLock<(tempfile::TempDir, [PathBuf; 2])> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder for the pictures");
    let paths = SIZES.map(|size| {
        let (width, height) = size.split_once('x').expect("a size");
        let (width, height) = (width.parse().expect("a width"), height.parse().expect("a height"));
        let mut grain = 1_u32;
        let picture = RgbImage::from_fn(width, height, |x, y| {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            Rgb([(9.0, 0.0), (13.0, 1.0), (21.0, 2.0)].map(|(scale, phase)| {
                shade(128.0 + 100.0 * (x * scale + phase).sin() * (y * scale - phase).cos() + f64::from(grain >> 28))
            }))
        });
        let path = folder.path().join(format!("{size}.jpg"));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 88).encode_image(&picture).expect("a JPEG");
        std::fs::write(&path, bytes).expect("room on the disk");
        path
    });
    (folder, paths)
});

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 28 and 243")]
fn shade(value: f64) -> u8 {
    value as u8
}

fn picture(size: &str) -> PathBuf {
    PICTURES.1[usize::from(size != SIZES[0])].clone()
}

fn cold(bencher: Bencher, size: &str, protocol: Protocol) {
    let path = picture(size);
    let cell = CellSize { width: 8, height: 17 };
    let terminal = Capabilities { protocol, cell, ..Capabilities::floor() };
    bencher.bench(|| prepare(black_box(&path), ROOM, &terminal).expect("a preview"));
}

#[divan::bench(args = SIZES)]
fn kitty(bencher: Bencher, size: &str) {
    cold(bencher, size, Protocol::Kitty);
}

#[divan::bench(args = SIZES)]
fn iterm(bencher: Bencher, size: &str) {
    cold(bencher, size, Protocol::Iterm);
}

#[divan::bench(args = SIZES)]
fn sixel(bencher: Bencher, size: &str) {
    cold(bencher, size, Protocol::Sixel);
}

#[divan::bench(args = SIZES)]
fn blocks(bencher: Bencher, size: &str) {
    cold(bencher, size, Protocol::Blocks);
}

/// A picture's place on the contact sheet of a screen of 160×50 cells.
const PLACE: CellArea = CellArea { columns: 18, rows: 8 };

fn small(bencher: Bencher, size: &str, kept: Option<&Thumbnails>) {
    let path = picture(size);
    let cell = CellSize { width: 8, height: 17 };
    let terminal = Capabilities { protocol: Protocol::Kitty, cell, ..Capabilities::floor() };
    let one = || thumbnail(black_box(&path), PLACE, &terminal, kept).expect("a thumbnail");
    // What is kept is there from now on.
    one();
    bencher.counter(ItemsCount::new(1_usize)).bench(one);
}

/// Thumbnails of pictures never seen before.
#[divan::bench(args = SIZES)]
fn thumbnail_cold(bencher: Bencher, size: &str) {
    small(bencher, size, None);
}

/// Thumbnails kept on the disk.
#[divan::bench(args = SIZES)]
fn thumbnail_from_disk(bencher: Bencher, size: &str) {
    let folder = tempfile::tempdir().expect("a folder for the thumbnails");
    small(bencher, size, Some(&Thumbnails::in_folder(folder.path().to_owned())));
}

/// The reference: what a program takes that decodes with `image` and does nothing else.
#[divan::bench(args = SIZES)]
fn reference_image_decode(bencher: Bencher, size: &str) {
    let path = picture(size);
    bencher.bench(|| {
        let bytes = std::fs::read(black_box(&path)).expect("the file");
        image::ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg).decode().expect("a picture")
    });
}
