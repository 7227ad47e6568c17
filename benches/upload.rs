//! The bytes and tokens saved by preparing images for upload, and the time compared with `image` alone.
//!
//! `cargo bench --bench upload [-- IMAGE…]`; without images, a generated one of 12 megapixels. All figures are ratios: of
//! the upload to the file, and of the time to that of the reference. Token counts are estimates; a service that scales
//! large images down before counting saves those tokens anyway.

use std::hint::black_box;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageReader, Rgb, RgbImage};
use recaption::describe::catalogue::UploadLimits;
use recaption::describe::upload::{Upload, image_tokens, prepare};

/// Repetitions per image; the fastest counts.
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut pictures: Vec<PathBuf> =
        env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    if pictures.is_empty() {
        pictures.push(photograph(folder.path()));
    }
    println!("{:>6} {:>6} {:>6}  picture", "bytes", "tokens", "time");
    for picture in &pictures {
        match prepare(picture, &UploadLimits::default()) {
            Ok(upload) => report(picture, &upload),
            Err(error) => println!("{:>20}  {error}", "–"),
        }
    }
}

fn report(picture: &Path, upload: &Upload) {
    let file = fs::read(picture).expect("the file");
    let reader = ImageReader::new(Cursor::new(&file)).with_guessed_format().expect("in memory");
    let (width, height) = reader.into_dimensions().expect("an image");
    let ours = fastest(|| prepare(picture, &UploadLimits::default()).expect("an upload"));
    let theirs = fastest(|| reference(picture, UploadLimits::default().long_edge));
    println!(
        "{:>6.2} {:>6.2} {:>6.2}  {}: {width}×{height}, {} bytes, {} tokens → {}×{}, {} bytes, {} tokens in {} ms",
        ratio(upload.bytes.len() as u64, file.len() as u64),
        ratio(upload.tokens(), image_tokens(width, height)),
        ours.as_secs_f64() / theirs.as_secs_f64(),
        picture.display(),
        file.len(),
        image_tokens(width, height),
        upload.width,
        upload.height,
        upload.bytes.len(),
        upload.tokens(),
        ours.as_millis(),
    );
}

/// Does the same with `image` alone: decodes, scales down with a Lanczos filter, encodes a JPEG of quality 90.
fn reference(picture: &Path, edge: u32) -> Vec<u8> {
    let bytes = fs::read(picture).expect("the file");
    let mut picture = image::load_from_memory(&bytes).expect("an image");
    if picture.width().max(picture.height()) > edge {
        picture = picture.resize(edge, edge, FilterType::Lanczos3);
    }
    let mut written = Vec::new();
    JpegEncoder::new_with_quality(&mut written, 90).encode_image(&picture.into_rgb8()).expect("in memory");
    written
}

#[expect(clippy::cast_precision_loss, reason = "displayed with two digits")]
fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / to as f64
}

fn fastest<T>(mut run: impl FnMut() -> T) -> Duration {
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        black_box(run());
        start.elapsed()
    });
    times.min().unwrap_or_default()
}

/// Generates a JPEG of 12 megapixels with gradients, edges and some grain, like a photograph.
fn photograph(folder: &Path) -> PathBuf {
    let mut grain = 1_u32;
    let picture = RgbImage::from_fn(4000, 3000, |x, y| {
        grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let cloth = if (x / 41 + y / 67) % 5 == 0 { 24.0 } else { 0.0 };
        let (x, y) = (f64::from(x) / 4000.0, f64::from(y) / 3000.0);
        Rgb([(9.0, 0.0), (13.0, 1.0), (21.0, 2.0)].map(|(scale, phase)| {
            let soft = 112.0 + 80.0 * (x * scale + phase).sin() * (y * scale - phase).cos();
            shade(soft + cloth + f64::from(grain >> 29))
        }))
    });
    let path = folder.join("4000x3000.jpg");
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(&picture).expect("in memory");
    fs::write(&path, bytes).expect("disk space");
    path
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 32 and 223")]
fn shade(value: f64) -> u8 {
    value as u8
}
