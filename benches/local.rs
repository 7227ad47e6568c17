//! The time of the embedded describer per image, compared with decoding and downscaling alone.
//!
//! `cargo bench --bench local [-- IMAGE…]`; the default is the images of the demo. The first line is the one-time cost of
//! loading the networks.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use futures::{StreamExt, executor::block_on_stream};
use image::imageops::FilterType;
use recaption::{
    dataset::RecordId,
    describe::{
        Context, Describer, DescriptionEvent, Detail, JobId, Outcome, Priority, Request, local::LocalDescriber,
    },
};

/// The best of this many runs is reported, because it is the least disturbed by other load.
const ROUNDS: usize = 5;
/// The longest side of the images that the describer analyses, in pixels.
const WORKING_SIDE: u32 = 640;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime starts");
    let _inside = runtime.enter();
    let describer = LocalDescriber::default();
    let pictures = pictures();
    let Some(first) = pictures.first() else {
        println!("no images found: pass paths after --");
        return;
    };
    let cold = describe(&describer, first).0;
    let warm = describe(&describer, first).0;
    println!("networks loaded in {} ms", cold.saturating_sub(warm).as_millis());
    println!("{:>8} {:>8} {:>6}  image", "describe", "decode", "ratio");
    for picture in &pictures {
        let (time, text) = quickest(|| describe(&describer, picture));
        let (decoded, ()) = quickest(|| decode(picture));
        println!(
            "{:>5} ms {:>5} ms {:>6.1}  {}: {text}",
            time.as_millis(),
            decoded.as_millis(),
            time.as_secs_f64() / decoded.as_secs_f64(),
            picture.display(),
        );
    }
}

/// Returns the images given on the command line, or those of the demo.
fn pictures() -> Vec<PathBuf> {
    let named: Vec<PathBuf> =
        env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(PathBuf::from).collect();
    if !named.is_empty() {
        return named;
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/images");
    let mut pictures: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    pictures.sort();
    pictures
}

fn quickest<T>(mut run: impl FnMut() -> (Duration, T)) -> (Duration, T) {
    let mut best = run();
    for _ in 1..ROUNDS {
        let next = run();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

fn describe(describer: &LocalDescriber, picture: &Path) -> (Duration, String) {
    let request = Request {
        job: JobId(0),
        record: RecordId(0),
        image_path: picture.to_owned(),
        detail: Detail::Detailed,
        max_words: 50,
        context: Context::default(),
    };
    let start = Instant::now();
    let text = match block_on_stream(describer.describe(request, Priority::Interactive).boxed()).last() {
        Some(DescriptionEvent::Ended(Outcome::Described(description))) => description.text,
        other => format!("{other:?}"),
    };
    (start.elapsed(), text)
}

fn decode(picture: &Path) -> (Duration, ()) {
    let start = Instant::now();
    if let Ok(image) = image::open(picture) {
        std::hint::black_box(image.resize(WORKING_SIDE, WORKING_SIDE, FilterType::Triangle).into_rgb8());
    }
    (start.elapsed(), ())
}
