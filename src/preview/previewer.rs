//! The screen's non-blocking handle for requesting previews.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::Capabilities;
use super::encode::{Preview, Uploads, crop, encode, resize};
use super::painter::Painter;
use super::thumbnails::{self, Thumbnails};
use super::worker_pool::{Job, Response, Runner, WorkerPool};
use super::zoom::PictureView;
use super::{CellArea, CellSize, PreviewError, Protocol};
use crate::dataset::RecordId;
use crate::picture::{self, ByteCache, Decoded, PictureError, Stamp, decode_unless};

/// The cache of encoded previews, in bytes: about forty at a typical pane size in the kitty protocol.
const ENCODED_BYTES: usize = 64 * 1024 * 1024;
/// The cache of decoded pictures, in bytes, for when the pane is resized.
const DECODED_BYTES: usize = 64 * 1024 * 1024;

/// The response to a request. May be outdated by the time it arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    pub record: RecordId,
    pub path: PathBuf,
    pub view: PictureView,
    /// The cell size that it is encoded for. After a change of the font, responses for the old size may still arrive.
    pub cell: CellSize,
    pub result: Result<Preview, PreviewError>,
}

impl Ready {
    fn new(response: Response<Preview>, cell: CellSize) -> Self {
        let Job { path, view, .. } = response.job;
        Self { record: response.record, path, view, cell, result: response.result }
    }
}

/// Renders previews on a worker pool with an LRU cache. Dropping it cancels all work without waiting for the threads.
pub struct Previewer {
    pool: WorkerPool<PreviewRunner>,
}

impl Previewer {
    /// Starts the threads (`picture-1` and `picture-2`). `on_ready` is called on them, for requests that are still current.
    /// If the terminal's cell size changes, create a new one. Thumbnails persist in
    /// `thumbnails`, if given.
    pub fn spawn(
        terminal: Capabilities,
        thumbnails: Option<Thumbnails>,
        on_ready: impl Fn(Ready) + Send + Sync + 'static,
    ) -> Self {
        let cell = terminal.cell;
        let runner = PreviewRunner {
            terminal,
            thumbnails,
            decoded: Mutex::new(ByteCache::new(DECODED_BYTES)),
            large: Mutex::default(),
            uploads: Uploads::default(),
        };
        let on_response = move |response| on_ready(Ready::new(response, cell));
        Self { pool: WorkerPool::start(runner, ENCODED_BYTES, on_response) }
    }

    /// Requests a picture and replaces the previous request. Returns the preview if it is cached; otherwise, or if the file
    /// has changed, [`Ready`] follows. There is no response if the area is empty.
    #[must_use = "a cached preview gets no response"]
    pub fn request(&self, record: RecordId, path: PathBuf, view: PictureView) -> Option<Result<Preview, PreviewError>> {
        if view.zoom.steps == 0 {
            self.pool.runner().drop_large();
        }
        if view.areas.is_empty() {
            self.pool.cancel_request();
            return None;
        }
        self.pool.request(record, Job { path, view, small: false })
    }

    /// Requests a batch of small pictures and replaces the previous batch. They are rendered in this order, after the
    /// picture of [`Self::request`]. Returns the cached ones; responses follow as for [`Self::request`].
    #[must_use = "a cached preview gets no response"]
    pub fn request_thumbnails(
        &self,
        pictures: impl IntoIterator<Item = (RecordId, PathBuf)>,
        area: CellArea,
    ) -> Vec<Ready> {
        let pictures = pictures.into_iter().filter(|_| !area.is_empty());
        let jobs = pictures.map(|(record, path)| (record, Job { path, view: PictureView::fit(area), small: true }));
        self.pool.request_batch(jobs).into_iter().map(|response| Ready::new(response, self.cell())).collect()
    }

    /// Returns the cell size that pictures are encoded for.
    #[must_use]
    pub fn cell(&self) -> CellSize {
        self.pool.runner().terminal.cell
    }

    /// Renders the pictures likely to be requested next while the pool is idle, the likeliest first, and replaces the
    /// previous prefetches. Limited to the first few.
    pub fn prefetch(&self, paths: impl IntoIterator<Item = PathBuf>, view: PictureView) {
        let paths = paths.into_iter().filter(|_| !view.areas.is_empty());
        self.pool.prefetch(paths.map(|path| Job { path, view, small: false }));
    }

    /// Drops all encoded previews, for a terminal that lost its pictures (after a suspend, or while another program used
    /// the screen). The caller requests the visible ones again and drops the old previews.
    pub fn clear_cache(&self) {
        self.pool.clear_cache();
    }

    /// Creates the painter for this previewer's pictures. A screen needs exactly one.
    #[must_use]
    pub fn painter(&self) -> Painter {
        let runner = self.pool.runner();
        Painter::new(runner.uploads.clone(), runner.terminal.tmux)
    }

    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.pool.runner().terminal.protocol
    }
}

/// The pixels of a version of a file.
type Pixels = (Stamp, Arc<Decoded>);

/// Decodes, resizes and encodes.
struct PreviewRunner {
    terminal: Capabilities,
    thumbnails: Option<Thumbnails>,
    decoded: Mutex<ByteCache<PathBuf, Pixels>>,
    /// The zoomed picture, if it is too large for `decoded`.
    large: Mutex<Option<(PathBuf, Pixels)>>,
    uploads: Uploads,
}

impl PreviewRunner {
    /// Returns the cached pixels of a file if they suffice for a view; otherwise decodes it.
    fn decoded(
        &self,
        path: &Path,
        stamp: Stamp,
        view: PictureView,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Arc<Decoded>, PreviewError> {
        let large = || self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = || self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        let suffices = |(of, decoded): &&Pixels| *of == stamp && self.suffices(decoded, view);
        let cached = large().as_ref().filter(|(of, _)| of == path).map(|(_, pixels)| pixels).filter(suffices).cloned();
        let cached = cached.or_else(|| cache().get(path).filter(suffices).cloned());
        if let Some((_, decoded)) = cached {
            return Ok(decoded);
        }
        let decoded = Arc::new(decode_unless(is_cancelled, &picture::read(path)?, self.terminal.pixels_for(view))?);
        let bytes = decoded.bytes();
        let pixels = (stamp, Arc::clone(&decoded));
        if bytes <= DECODED_BYTES {
            cache().insert(path.to_owned(), pixels, bytes);
        } else if view.zoom.steps > 0 {
            *large() = Some((path.to_owned(), pixels));
        }
        Ok(decoded)
    }

    /// Returns true if the visible part has at least as many pixels as are drawn, or is not reduced.
    fn suffices(&self, decoded: &Decoded, view: PictureView) -> bool {
        !decoded.reduced
            || crop(decoded, view, &self.terminal).is_ok_and(|crop| {
                let drawn = self.terminal.resolution(self.terminal.protocol, crop.cells);
                let (width, height) = decoded.upright();
                let held = |part: u32, pixels: u32, whole: u32| u64::from(part) * u64::from(pixels) / u64::from(whole);
                held(crop.size.0, width, decoded.info.width) >= drawn.0.into()
                    && held(crop.size.1, height, decoded.info.height) >= drawn.1.into()
            })
    }

    fn drop_large(&self) {
        *self.large.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Runner for PreviewRunner {
    type Output = Preview;

    fn stamp(&self, path: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Stamp, PreviewError> {
        Ok(picture::stamp_unless(is_cancelled, path)?)
    }

    fn run(
        &self,
        job: &Job,
        stamp: Stamp,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Option<Result<Preview, PreviewError>> {
        let terminal = &self.terminal;
        let decoded = if job.small && thumbnails::suffice(terminal, job.view) {
            thumbnails::decoded(&job.path, stamp, self.thumbnails.as_ref(), is_cancelled).map(Arc::new)
        } else {
            self.decoded(&job.path, stamp, job.view, is_cancelled)
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(PreviewError::Picture(PictureError::Cancelled)) => return None,
            Err(error) => return Some(Err(error)),
        };
        if is_cancelled() {
            return None;
        }
        let resized = crop(&decoded, job.view, terminal)
            .and_then(|crop| Ok((crop.cells, resize(&decoded, &crop, terminal.protocol, terminal)?)));
        if is_cancelled() {
            return None;
        }
        Some(resized.and_then(|(cells, picture)| encode(picture, cells, decoded.info, terminal, &self.uploads)))
    }

    fn bytes(&self, output: &Preview) -> usize {
        output.bytes()
    }
}

#[cfg(test)]
mod tests;
