//! The service with a scripted API, on paused time.

use std::sync::atomic::AtomicU32;

use futures::future;

use super::*;
use crate::dataset::RecordId;
use crate::describe::catalogue::Catalogue;
use crate::describe::prompt::Prompt;
use crate::describe::rate_limiter::RateLimits;
use crate::describe::{Context, Detail, JobId};

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

#[tokio::test(start_paused = true)]
async fn a_quota_of_zero_is_reported_after_five_minutes() {
    let folder = tempfile::tempdir().expect("a folder");
    let image_path = folder.path().join("a.png");
    image::RgbImage::new(3, 4).save(&image_path).expect("an image");
    let options = RemoteOptions {
        prompt: Prompt::built_in(),
        people: String::new(),
        language: "en".to_owned(),
        max_words: 50,
        limits: RateLimits {
            concurrency: None,
            requests_per_minute: None,
            tokens_per_minute: None,
            delay: Duration::ZERO,
        },
        memory: None,
        budget: None,
    };
    let backend = NoQuota::default();
    let describer = RemoteDescriber::new(backend.clone(), options).expect("no budget");
    let (sender, mut pauses) = unbounded_channel();
    describer.set_listener(Arc::new(move |event| {
        if let DescriberEvent::Status(DescriberStatus { paused: Some(pause), .. }) = event {
            // Fails after the test.
            let _ = sender.send(pause);
        }
    }));
    let start = Instant::now();
    for number in 0..20 {
        let request = Request {
            job: JobId(number.into()),
            record: RecordId(number),
            image_path: image_path.clone(),
            detail: Detail::Standard,
            max_words: 50,
            context: Context::default(),
        };
        let description = describer.describe(request, Priority::Bulk);
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
