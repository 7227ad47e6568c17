//! Encoding a picture file for the terminal without a cache, compared with decoding it with `image` alone.
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

/// The picture pane on a screen of 160×50 cells.
const PANE: CellArea = CellArea { columns: 60, rows: 38 };
const SIZES: [&str; 2] = ["768x1024", "4000x6000"];

/// Smooth shapes with grain, similar to photographs.
static PICTURES: LazyLock<(tempfile::TempDir, [PathBuf; 2])> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary folder");
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
        std::fs::write(&path, bytes).expect("a written file");
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
    let terminal = Capabilities { protocol, cell, ..Capabilities::minimal() };
    bencher.bench(|| prepare(black_box(&path), PANE, &terminal).expect("a preview"));
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

/// A picture on the contact sheet on a screen of 160×50 cells.
const SHEET_CELL: CellArea = CellArea { columns: 18, rows: 8 };

fn small(bencher: Bencher, size: &str, cache: Option<&Thumbnails>) {
    let path = picture(size);
    let cell = CellSize { width: 8, height: 17 };
    let terminal = Capabilities { protocol: Protocol::Kitty, cell, ..Capabilities::minimal() };
    let one = || thumbnail(black_box(&path), SHEET_CELL, &terminal, cache).expect("a thumbnail");
    // Fills the cache.
    one();
    bencher.counter(ItemsCount::new(1_usize)).bench(one);
}

/// Thumbnails without a cache.
#[divan::bench(args = SIZES)]
fn thumbnail_cold(bencher: Bencher, size: &str) {
    small(bencher, size, None);
}

/// Thumbnails from the cache on disk.
#[divan::bench(args = SIZES)]
fn thumbnail_from_disk(bencher: Bencher, size: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    small(bencher, size, Some(&Thumbnails::new(folder.path().to_owned())));
}

/// The reference: decodes with `image` and does nothing else.
#[divan::bench(args = SIZES)]
fn reference_image_decode(bencher: Bencher, size: &str) {
    let path = picture(size);
    bencher.bench(|| {
        let bytes = std::fs::read(black_box(&path)).expect("the file");
        image::ImageReader::with_format(Cursor::new(bytes), ImageFormat::Jpeg).decode().expect("a picture")
    });
}
