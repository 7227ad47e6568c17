//! The service with a scripted API, on paused time.

use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use futures::future;
use tokio::time::Instant;

use super::*;
use crate::dataset::RecordId;
use crate::describe::catalogue::Catalogue;
use crate::describe::{Context, DescriberEvent, DescriberStatus, Detail, JobId, PauseKind};
use crate::reaction::Reaction;

/// An API that throttles every request.
#[derive(Clone, Default)]
struct NoQuota {
    requests: Arc<AtomicU32>,
}

impl Backend for NoQuota {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn model(&self) -> &'static str {
        "claude-sonnet-5-5"
    }

    fn expected_targets(&self) -> Vec<Target> {
        vec![Catalogue::built_in().resolve(self.model(), "us-east-1").expect("a known model")]
    }

    fn price_remedy(&self) -> &'static str {
        ""
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>> {
        future::ready(Ok(Connection::new(self.clone(), "us-east-1".to_owned(), self.expected_targets()))).boxed()
    }
}

impl ApiClient for NoQuota {
    fn send(&self, _: ApiRequest) -> BoxFuture<'_, Result<Box<dyn ApiStream>, ApiError>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let reaction = Reaction::SlowDown { retry_after: None };
        future::ready(Err(ApiError { message: "quota exceeded".to_owned(), reaction, may_be_charged: false })).boxed()
    }
}

fn request(number: u32, image_path: &Path) -> Request {
    Request {
        job: JobId(number.into()),
        record: RecordId(number),
        image_path: image_path.to_owned(),
        detail: Detail::Standard,
        max_words: 50,
        context: Context::default(),
    }
}

/// An API whose model is known only once connected, as with the only model of a server, or the region of a computer.
#[derive(Clone)]
struct KnownLater {
    expected: &'static str,
    found: &'static str,
    is_connected: Arc<AtomicBool>,
    requests: Arc<AtomicU32>,
}

impl Backend for KnownLater {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn model(&self) -> &'static str {
        "auto"
    }

    fn expected_targets(&self) -> Vec<Target> {
        let name = if self.is_connected.load(Ordering::Relaxed) { self.found } else { self.expected };
        vec![Catalogue::built_in().resolve(name, "us-east-1").expect("a model")]
    }

    fn price_remedy(&self) -> &'static str {
        ""
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>> {
        self.is_connected.store(true, Ordering::Relaxed);
        future::ready(Ok(Connection::new(self.clone(), "here".to_owned(), self.expected_targets()))).boxed()
    }
}

impl ApiClient for KnownLater {
    fn send(&self, _: ApiRequest) -> BoxFuture<'_, Result<Box<dyn ApiStream>, ApiError>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (message, reaction) = ("sent".to_owned(), Reaction::FailImage);
        future::ready(Err(ApiError { message, reaction, may_be_charged: false })).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_the_connection_finds_needs_consent_if_it_may_cost_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let image_path = folder.path().join("a.png");
    image::RgbImage::new(3, 4).save(&image_path).expect("an image");
    for (expected, found, asks) in [
        ("vendor.auto", "claude-haiku-5-5", true),
        ("vendor.auto", "vendor.other", true),
        ("vendor.auto", "vendor.auto", false),
        ("claude-haiku-4-5", "vendor.other", true),
        ("claude-haiku-4-5", "claude-sonnet-4-6", true),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5", true),
        ("claude-sonnet-4-6", "claude-haiku-4-5", false),
    ] {
        let backend = KnownLater { expected, found, is_connected: Arc::default(), requests: Arc::default() };
        let describer = RemoteDescriber::new(backend.clone(), RemoteOptions::for_test()).expect("no budget");
        describer.consent(Consent::Terms);
        let mut events = describer.describe(request(0, &image_path), Priority::Bulk);
        let end = async {
            while let Some(event) = events.next().await {
                if let DescriptionEvent::Ended(end) = event {
                    return Some(end);
                }
            }
            None
        };
        let mut end = pin!(end);
        let waited = tokio::time::timeout(Duration::from_hours(1), &mut end).await;
        assert_eq!(waited.is_err(), asks, "{expected} → {found}");
        assert_eq!(backend.requests.load(Ordering::Relaxed), u32::from(!asks), "{expected} → {found}");
        if asks {
            let pause = describer.0.publisher.last().and_then(|status| status.paused).expect("a pause");
            assert_eq!(pause.kind, PauseKind::Consent, "{}", pause.message);
            assert!(pause.message.contains(found), "{}", pause.message);
            describer.resume();
            assert!(tokio::time::timeout(Duration::from_hours(1), &mut end).await.is_err(), "resuming is not consent");
            describer.consent(Consent::Terms);
            assert!(matches!(end.await, Some(Outcome::Failed(_))));
            assert_eq!(backend.requests.load(Ordering::Relaxed), 1, "sent after consent");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_zero_is_reported_after_five_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let image_path = folder.path().join("a.png");
    image::RgbImage::new(3, 4).save(&image_path).expect("an image");
    let backend = NoQuota::default();
    let describer = RemoteDescriber::new(backend.clone(), RemoteOptions::for_test()).expect("no budget");
    let (sender, mut pauses) = unbounded_channel();
    describer.set_listener(Arc::new(move |event| {
        if let DescriberEvent::Status(DescriberStatus { paused: Some(pause), .. }) = event {
            // Fails after the test.
            let _ = sender.send(pause);
        }
    }));
    let start = Instant::now();
    for number in 0..20 {
        let description = describer.describe(request(number, &image_path), Priority::Bulk);
        tokio::spawn(description.for_each(|_| future::ready(())));
    }
    let pause = pauses.recv().await.expect("a pause");
    assert!((300..340).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(pause.kind, PauseKind::Quota);
    for part in ["claude-sonnet-5-5", "us-east-1", "quota may be 0", "--model"] {
        assert!(pause.message.contains(part), "{}", pause.message);
    }
    let requests = backend.requests.load(Ordering::Relaxed);
    assert!((5..=20).contains(&requests), "{requests} requests");
}
