//! Prepares images for upload, few at a time: decoding one of 24 megapixels takes 170 MB.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use tokio::sync::Semaphore;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::attempt::AttemptError;
use crate::describe::Priority;
use crate::describe::catalogue::UploadLimits;
use crate::describe::upload::{Upload, UploadCache};
use crate::picture;

/// The size of the cache of prepared images, which serves regeneration.
const CACHE_BYTES: usize = 32 << 20;
/// The maximum number of pixels decoded at the same time, in units of [`UNIT`], unless one image has more.
const MAX_UNITS: u32 = 32;
const UNIT: u64 = 1_000_000;

pub(super) struct ImagePreparation {
    uploads: Arc<UploadCache>,
    decoding: DecodeLimit,
}

impl Default for ImagePreparation {
    fn default() -> Self {
        Self { uploads: Arc::new(UploadCache::new(CACHE_BYTES)), decoding: DecodeLimit::new(cores()) }
    }
}

fn cores() -> u32 {
    thread::available_parallelism().map_or(2, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX))
}

impl ImagePreparation {
    /// Returns the image at a path within the limits, from the cache if the file is unchanged.
    pub(super) async fn prepare(
        &self,
        path: &Path,
        priority: Priority,
        limits: UploadLimits,
    ) -> Result<Upload, AttemptError> {
        let crashed = |panic: JoinError| AttemptError::Failed(format!("{}: {panic}", path.display()));
        let (uploads, file) = (Arc::clone(&self.uploads), path.to_owned());
        let look_up = move || uploads.cached(&file, &limits).ok_or_else(|| picture::declared_pixels(&file));
        let pixels = match tokio::task::spawn_blocking(look_up).await.map_err(crashed)? {
            Ok(upload) => return Ok(upload),
            Err(pixels) => pixels,
        };
        let (uploads, file) = (Arc::clone(&self.uploads), path.to_owned());
        let cancelled = CancellationToken::new();
        // Cancels the preparation if this future is dropped.
        let _guard = cancelled.clone().drop_guard();
        let prepare = move || uploads.prepare(&file, &limits, &|| cancelled.is_cancelled());
        let prepared = self.decoding.run(pixels, priority, prepare).await.map_err(crashed)?;
        prepared.map_err(|error| AttemptError::Failed(error.to_string()))
    }
}

/// Limits the pixels that are decoded at the same time, and with them the memory: at any number of requests in flight.
struct DecodeLimit {
    /// The units left for runs and review-ahead.
    background: Arc<Semaphore>,
    /// One image that the operator waits for, beside the others.
    interactive: Arc<Semaphore>,
    /// The units that even a small image takes, so that no more are decoded at once than there are processors.
    least: u32,
}

impl DecodeLimit {
    fn new(cores: u32) -> Self {
        Self {
            background: Arc::new(Semaphore::new(MAX_UNITS as usize)),
            interactive: Arc::new(Semaphore::new(1)),
            least: MAX_UNITS.div_ceil(cores).max(1),
        }
    }

    /// Waits until an image of this number of pixels may be decoded, and runs `decode` on a thread of its own.
    async fn run<T: Send + 'static>(
        &self,
        pixels: u64,
        priority: Priority,
        decode: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let permit = match priority {
            Priority::Interactive => Arc::clone(&self.interactive).acquire_owned().await,
            Priority::Prefetch | Priority::Bulk => {
                let units = u32::try_from(pixels.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(self.least, MAX_UNITS);
                Arc::clone(&self.background).acquire_many_owned(units).await
            }
        };
        tokio::task::spawn_blocking(move || {
            // Held until the memory is free, also if the description is cancelled meanwhile. The semaphores are never closed.
            let _permit = permit;
            decode()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::future::join_all;

    use super::*;

    /// Decodes images of these sizes, all at once as far as the limit allows. Returns the maximum number of pixels in
    /// memory, in megapixels, and of images.
    async fn peak(cores: u32, megapixels: &[u64], priority: Priority) -> (u64, u64) {
        let limit = DecodeLimit::new(cores);
        let counters = Arc::new([const { AtomicU64::new(0) }; 4]);
        let decoded = megapixels.iter().map(|&size| {
            let counters = Arc::clone(&counters);
            limit.run(size * UNIT, priority, move || {
                let [pixels, images, most_pixels, most_images] = &*counters;
                most_pixels.fetch_max(pixels.fetch_add(size, Ordering::SeqCst) + size, Ordering::SeqCst);
                most_images.fetch_max(images.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                (0..2_000).for_each(|_| thread::yield_now());
                pixels.fetch_sub(size, Ordering::SeqCst);
                images.fetch_sub(1, Ordering::SeqCst);
            })
        });
        assert_eq!(join_all(decoded).await.into_iter().flatten().count(), megapixels.len());
        let [pixels, images, most_pixels, most_images] = &*counters;
        assert_eq!((pixels.load(Ordering::SeqCst), images.load(Ordering::SeqCst)), (0, 0));
        (most_pixels.load(Ordering::SeqCst), most_images.load(Ordering::SeqCst))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn memory_is_bounded_at_any_number_of_requests() {
        assert_eq!(peak(8, &[24; 128], Priority::Bulk).await, (24, 1), "two of them have more than 32 megapixels");
        let (pixels, images) = peak(8, &[12, 1, 24, 3, 6, 2, 12, 8].repeat(16), Priority::Prefetch).await;
        assert!(pixels <= 32 && images <= 8, "{pixels} {images}");
        let (_, images) = peak(2, &[1; 128], Priority::Bulk).await;
        assert!(images <= 2, "{images}");
        // Larger than all: alone.
        assert_eq!(peak(8, &[200, 200], Priority::Bulk).await, (200, 1));
        assert_eq!(peak(8, &[24; 16], Priority::Interactive).await, (24, 1));
    }

    #[tokio::test]
    async fn an_image_that_the_operator_waits_for_does_not_wait_for_a_run() {
        let limit = DecodeLimit::new(2);
        let (release, stalled) = std::sync::mpsc::channel::<()>();
        let run = limit.run(200 * UNIT, Priority::Bulk, move || stalled.recv().is_err());
        let asked = async {
            limit.run(UNIT, Priority::Interactive, || ()).await.expect("no panic");
            drop(release);
        };
        let (released, ()) = futures::future::join(run, asked).await;
        assert!(released.expect("no panic"));
    }
}
