//! End-to-end tests with the real networks, on images small enough for a debug build.

use std::path::PathBuf;

use futures::FutureExt;
use image::{Rgb, RgbImage};
use tempfile::TempDir;

use super::*;
use crate::{
    dataset::RecordId,
    describe::{Context, JobId},
};

/// A person in an orange top and turquoise trousers on a sunny roof.
fn person_on_a_roof() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/images/orange-tshirt-rooftop.jpg"))
}

fn saved(image: &RgbImage) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.png");
    image.save(&path).unwrap();
    (folder, path)
}

fn request(picture: PathBuf, detail: Detail) -> Request {
    Request {
        job: JobId(1),
        record: RecordId(0),
        image_path: picture,
        detail,
        max_words: 50,
        context: Context::default(),
    }
}

async fn described(picture: PathBuf, detail: Detail) -> Vec<DescriptionEvent> {
    LocalDescriber::default().describe(request(picture, detail), Priority::Interactive).collect().await
}

/// Returns the finished description after checking that it equals the concatenated deltas.
fn finished(events: Vec<DescriptionEvent>) -> Description {
    let mut streamed = String::new();
    let mut events = events.into_iter();
    loop {
        match events.next() {
            Some(DescriptionEvent::Delta(text)) => streamed += &text,
            Some(DescriptionEvent::Ended(Outcome::Described(description))) => {
                assert_eq!(description.text, streamed);
                assert_eq!(events.next(), None, "no event after the end");
                return description;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn without_a_person_or_a_garment_nothing_is_recognised() {
    let square = RgbImage::from_fn(60, 80, |x, y| {
        let inside = (15..45).contains(&x) && (20..60).contains(&y);
        if inside { Rgb([20, 70, 200]) } else { Rgb([250, 250, 250]) }
    });
    let shapes = [(1, 1), (1, 700), (700, 1), (3, 2)];
    let shapes = shapes.map(|(width, height)| RgbImage::from_pixel(width, height, Rgb([200, 20, 20])));
    for image in shapes.into_iter().chain([square]) {
        let (_folder, path) = saved(&image);
        let events = described(path, Detail::Detailed).await;
        assert_eq!(events, [DescriptionEvent::Ended(Outcome::NothingRecognised)], "{:?}", image.dimensions());
    }
}

#[tokio::test]
async fn a_caption_given_before_is_not_repeated() {
    let first = finished(described(person_on_a_roof(), Detail::Standard).await);
    let context = Context { previous: vec![first.text.clone()], ..Context::default() };
    let again = Request { context, ..request(person_on_a_roof(), Detail::Standard) };
    let second = finished(LocalDescriber::default().describe(again, Priority::Interactive).collect().await);
    assert_eq!((first.parameters.as_str(), second.parameters.as_str()), ("detail: standard", "detail: detailed"));
    assert_ne!(first.text, second.text);
    assert_eq!((second.model.as_str(), second.stop), ("recaption-local 3", StopReason::EndTurn));
}

#[tokio::test]
async fn a_person_is_described_at_three_levels_of_detail() {
    let mut texts = Vec::new();
    for detail in [Detail::Brief, Detail::Standard, Detail::Detailed] {
        texts.push(finished(described(person_on_a_roof(), detail).await).text);
    }
    let [brief, standard, detailed] = &texts[..] else { panic!("three texts") };
    for text in &texts {
        assert!(text.contains("Full-length") && text.contains("a person") && text.contains("orange"), "{text}");
    }
    assert!(standard.contains("short-sleeved") && standard.contains("turquoise trousers"), "{standard}");
    assert!(brief.len() < standard.len() && standard.len() < detailed.len(), "{texts:?}");
}

#[tokio::test]
async fn captions_keep_the_word_limit() {
    let request = Request { max_words: 9, ..request(person_on_a_roof(), Detail::Detailed) };
    let description = finished(LocalDescriber::default().describe(request, Priority::Interactive).collect().await);
    assert!(description.text.split_whitespace().count() <= 9, "{}", description.text);
    assert!(description.text.ends_with('.'));
}

#[tokio::test]
async fn the_error_for_a_missing_file_names_it() {
    let events = described(PathBuf::from("nowhere/gone.jpg"), Detail::Brief).await;
    let [DescriptionEvent::Ended(Outcome::Failed(error))] = &events[..] else { panic!("{events:?}") };
    assert!(error.message.contains("gone.jpg"), "{}", error.message);
}

#[tokio::test]
async fn requests_wait_for_a_worker_and_leave_the_queue_when_dropped() {
    let (_folder, path) = saved(&RgbImage::new(8, 8));
    let describer = LocalDescriber::new(NonZeroUsize::MIN);
    let busy = Arc::clone(&describer.workers).acquire_owned().await.unwrap();
    let mut waiting = describer.describe(request(path.clone(), Detail::Brief), Priority::Interactive);
    assert!(waiting.next().now_or_never().is_none(), "the only worker is busy");
    drop(waiting);
    drop(busy);
    let events: Vec<_> = describer.describe(request(path, Detail::Brief), Priority::Interactive).collect().await;
    assert_eq!(events, [DescriptionEvent::Ended(Outcome::NothingRecognised)]);
    assert_eq!(describer.workers.available_permits(), 1);
}

#[tokio::test]
async fn dropping_the_stream_cancels_the_work() {
    let cancelled = CancellationToken::new();
    let request = request(person_on_a_roof(), Detail::Brief);
    let mut stream = events(request, Arc::new(Semaphore::new(1)), cancelled.clone());
    assert!(stream.next().now_or_never().is_none(), "the work has started but not finished");
    assert!(!cancelled.is_cancelled());
    drop(stream);
    assert!(cancelled.is_cancelled());
}

#[test]
fn cancelled_work_does_not_open_the_file() {
    let cancelled = CancellationToken::new();
    let worker = Worker::new(cancelled.clone());
    cancelled.cancel();
    let result = caption(&request(PathBuf::from("nowhere/gone.jpg"), Detail::Brief), &worker);
    assert!(matches!(result, Err(LocalError::Model(ModelError::Cancelled))), "{result:?}");
}
