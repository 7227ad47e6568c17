//! The handle the screen holds: asks for pictures by record, gets previews, never waits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::Capabilities;
use super::encode::{Preview, Uploads, encode, resize, seen};
use super::painter::Painter;
use super::thumbnails::{self, Thumbnails};
use super::workers::{Answer, Maker, Wanted, Workers};
use super::zoom::Shot;
use super::{CellArea, CellSize, PreviewError, Protocol};
use crate::dataset::RecordId;
use crate::picture::{self, ByteCache, Decoded, Stamp, decode};

/// What is kept of encoded previews: some forty, at a pane's size in the kitty protocol.
const ENCODED_BYTES: usize = 64 * 1024 * 1024;
/// What is kept of decoded pictures, for another size of the pane.
const DECODED_BYTES: usize = 64 * 1024 * 1024;

/// A picture that was asked for, or why there is none. Drop it if the screen has moved on.
#[derive(Clone, Debug, PartialEq)]
pub struct Ready {
    /// The record it was asked for.
    pub record: RecordId,
    /// The picture's path.
    pub path: PathBuf,
    /// How it is to be shown.
    pub shot: Shot,
    /// The cells it is made for. After a change of the font, some are still on their way for the old ones.
    pub cell: CellSize,
    /// The picture.
    pub result: Result<Preview, PreviewError>,
}

impl Ready {
    fn new(answer: Answer<Preview>, cell: CellSize) -> Self {
        let Wanted { path, shot, .. } = answer.wanted;
        Self { record: answer.record, path, shot, cell, result: answer.result }
    }
}

/// Makes previews on two threads of its own and keeps the latest of them, bounded in bytes. Dropping it waits for the
/// stage each thread is in.
pub struct Previewer {
    workers: Workers<PreviewMaker>,
}

impl Previewer {
    /// Starts the threads. `on_ready` is called on one of them (named `picture-1` and `picture-2`), for the newest
    /// requests only; it must not drop the `Previewer`. For a terminal whose cell size changes, make a new one.
    /// Thumbnails are kept from run to run where there is a place for them.
    pub fn spawn(
        terminal: Capabilities,
        thumbnails: Option<Thumbnails>,
        on_ready: impl Fn(Ready) + Send + Sync + 'static,
    ) -> Self {
        let cell = terminal.cell;
        let maker = PreviewMaker {
            terminal,
            thumbnails,
            decoded: Mutex::new(ByteCache::new(DECODED_BYTES)),
            large: Mutex::default(),
            uploads: Uploads::default(),
        };
        Self { workers: Workers::start(maker, ENCODED_BYTES, move |answer| on_ready(Ready::new(answer, cell))) }
    }

    /// Asks for the picture at `path`, to be shown as `shot` says, in place of whatever was asked before. One that is known
    /// is returned at once; otherwise [`Ready`] follows. It also follows when the file turns out to have changed since.
    /// No room, no answer.
    #[must_use = "what is known already is not announced again"]
    pub fn show(&self, record: RecordId, path: PathBuf, shot: Shot) -> Option<Result<Preview, PreviewError>> {
        if shot.zoom.steps == 0 {
            self.workers.maker().let_go();
        }
        if shot.area.is_empty() {
            self.workers.ask_nothing();
            return None;
        }
        self.workers.ask(record, Wanted { path, shot, small: false })
    }

    /// Asks for many small pictures of this size, in this order, in place of those asked for this way before. They are
    /// made after the one that [`Self::show`] asks for. Those that are known are returned at once; otherwise it is as
    /// there.
    #[must_use = "what is known already is not announced again"]
    pub fn show_small(&self, wanted: impl IntoIterator<Item = (RecordId, PathBuf)>, area: CellArea) -> Vec<Ready> {
        let wanted = wanted.into_iter().filter(|_| !area.is_empty());
        let wanted = wanted.map(|(record, path)| (record, Wanted { path, shot: Shot::whole(area), small: true }));
        self.workers.ask_besides(wanted).into_iter().map(|answer| Ready::new(answer, self.cell())).collect()
    }

    /// The cells its pictures are made for.
    #[must_use]
    pub fn cell(&self) -> CellSize {
        self.workers.maker().terminal.cell
    }

    /// The pictures likely to be shown next, the likeliest first; replaces the wishes before. The first few are made
    /// when nothing else is to do, so that `show` has them at once.
    pub fn prefetch(&self, wanted: impl IntoIterator<Item = PathBuf>, shot: Shot) {
        let wanted = wanted.into_iter().filter(|_| !shot.area.is_empty());
        self.workers.wish(wanted.map(|path| Wanted { path, shot, small: false }));
    }

    /// Forgets all encoded previews, for a terminal that lost what it was sent (after a suspend, or another program's
    /// use of the screen). Show again what is on the screen, and let go of the old previews.
    pub fn forget(&self) {
        self.workers.forget();
    }

    /// A painter for this previewer's pictures. One screen needs one.
    #[must_use]
    pub fn painter(&self) -> Painter {
        let maker = self.workers.maker();
        Painter::new(maker.uploads.clone(), maker.terminal.tmux)
    }

    /// How pictures are drawn.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.workers.maker().terminal.protocol
    }
}

/// The pixels of a file in one of its states.
type Pixels = (Stamp, Arc<Decoded>);

/// The stages: decode, resize, encode.
struct PreviewMaker {
    terminal: Capabilities,
    thumbnails: Option<Thumbnails>,
    decoded: Mutex<ByteCache<PathBuf, Pixels>>,
    /// The one picture looked at closely, where it is too large to be kept among the others.
    large: Mutex<Option<(PathBuf, Pixels)>>,
    uploads: Uploads,
}

impl PreviewMaker {
    /// The pixels of a file, decoded now or kept from before, enough of them for a shot.
    fn decoded(&self, path: &Path, stamp: Stamp, shot: Shot) -> Result<Arc<Decoded>, PreviewError> {
        let large = || self.large.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = || self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        let suffices = |(of, decoded): &&Pixels| *of == stamp && self.suffices(decoded, shot);
        let known = large().as_ref().filter(|(of, _)| of == path).map(|(_, pixels)| pixels).filter(suffices).cloned();
        let known = known.or_else(|| cache().get(path).filter(suffices).cloned());
        if let Some((_, decoded)) = known {
            return Ok(decoded);
        }
        let decoded = Arc::new(decode(&picture::read(path)?, self.terminal.pixels_for(shot))?);
        let bytes = decoded.pixels.as_bytes().len();
        let pixels = (stamp, Arc::clone(&decoded));
        if bytes <= DECODED_BYTES {
            cache().insert(path.to_owned(), pixels, bytes);
        } else if shot.zoom.steps > 0 {
            *large() = Some((path.to_owned(), pixels));
        }
        Ok(decoded)
    }

    /// Whether the part a shot shows has as many pixels as are drawn, or as there are.
    fn suffices(&self, decoded: &Decoded, shot: Shot) -> bool {
        !decoded.reduced
            || seen(decoded, shot, &self.terminal).is_ok_and(|seen| {
                let drawn = self.terminal.resolution(self.terminal.protocol, seen.cells);
                let (width, height) = decoded.upright();
                let held = |part: u32, pixels: u32, whole: u32| u64::from(part) * u64::from(pixels) / u64::from(whole);
                held(seen.size.0, width, decoded.info.width) >= drawn.0.into()
                    && held(seen.size.1, height, decoded.info.height) >= drawn.1.into()
            })
    }

    /// Nothing is looked at closely any more.
    fn let_go(&self) {
        *self.large.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Maker for PreviewMaker {
    type Output = Preview;

    fn stamp(&self, path: &Path) -> Result<Stamp, PreviewError> {
        Ok(picture::stamp(path)?)
    }

    fn make(
        &self,
        wanted: &Wanted,
        stamp: Stamp,
        still_wanted: &dyn Fn() -> bool,
    ) -> Option<Result<Preview, PreviewError>> {
        let terminal = &self.terminal;
        let decoded = if wanted.small && thumbnails::suffice(terminal, wanted.shot) {
            thumbnails::decoded(&wanted.path, stamp, self.thumbnails.as_ref()).map(Arc::new)
        } else {
            self.decoded(&wanted.path, stamp, wanted.shot)
        };
        let decoded = match decoded {
            Ok(decoded) => decoded,
            Err(error) => return Some(Err(error)),
        };
        if !still_wanted() {
            return None;
        }
        let resized = seen(&decoded, wanted.shot, terminal)
            .and_then(|seen| Ok((seen.cells, resize(&decoded, &seen, terminal.protocol, terminal)?)));
        if !still_wanted() {
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
