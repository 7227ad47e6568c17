//! The handle the screen holds: asks for pictures by record, gets previews, never waits.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::capabilities::Capabilities;
use super::encode::{Discarded, Preview, cells_for, encode, resize};
use super::fit::{CellArea, pixels};
use super::painter::Painter;
use super::workers::{Maker, Wanted, Workers};
use super::{PreviewError, Protocol};
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
    /// The room it was asked for.
    pub area: CellArea,
    /// The picture.
    pub result: Result<Preview, PreviewError>,
}

/// Makes previews on two threads of its own and keeps the latest of them, bounded in bytes. Dropping it waits for the
/// stage each thread is in.
pub struct Previewer {
    workers: Workers<PreviewMaker>,
}

impl Previewer {
    /// Starts the threads. `on_ready` is called on one of them (named `picture-1` and `picture-2`), for the newest
    /// request only; it must not drop the `Previewer`. For a terminal whose cell size changes, make a new one.
    pub fn spawn(terminal: Capabilities, on_ready: impl Fn(Ready) + Send + Sync + 'static) -> Self {
        let decoded = Mutex::new(ByteCache::new(DECODED_BYTES));
        let maker = PreviewMaker { terminal, decoded, discarded: Discarded::default() };
        let workers = Workers::start(maker, ENCODED_BYTES, move |answer| {
            let Wanted { path, area } = answer.wanted;
            on_ready(Ready { record: answer.record, path, area, result: answer.result });
        });
        Self { workers }
    }

    /// Asks for the picture at `path`, to be drawn in `area`, in place of whatever was asked before. One that is known
    /// is returned at once; otherwise [`Ready`] follows. It also follows when the file turns out to have changed since.
    /// No room, no answer.
    #[must_use = "what is known already is not announced again"]
    pub fn show(&self, record: RecordId, path: PathBuf, area: CellArea) -> Option<Result<Preview, PreviewError>> {
        if area.columns == 0 || area.rows == 0 {
            self.workers.ask_nothing();
            return None;
        }
        self.workers.ask(record, Wanted { path, area })
    }

    /// The pictures likely to be shown next, the likeliest first; replaces the wishes before. The first few are made
    /// when nothing else is to do, so that `show` has them at once.
    pub fn prefetch(&self, wanted: impl IntoIterator<Item = PathBuf>, area: CellArea) {
        let room = area.columns > 0 && area.rows > 0;
        self.workers.wish(wanted.into_iter().filter(|_| room).map(|path| Wanted { path, area }));
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
        Painter::new(maker.discarded.clone(), maker.terminal.tmux)
    }

    /// How pictures are drawn.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.workers.maker().terminal.protocol
    }
}

/// The stages: decode, resize, encode.
struct PreviewMaker {
    terminal: Capabilities,
    decoded: Mutex<ByteCache<PathBuf, (Stamp, Arc<Decoded>)>>,
    discarded: Discarded,
}

impl PreviewMaker {
    /// The pixels of a file, decoded now or kept from before, enough of them to fill `room`.
    fn decoded(&self, path: &Path, stamp: Stamp, room: CellArea) -> Result<Arc<Decoded>, PreviewError> {
        let cache = || self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, decoded)) = cache().get(path)
            && *of == stamp
            && self.suffices(decoded, room)
        {
            return Ok(Arc::clone(decoded));
        }
        let decoded = Arc::new(decode(&picture::read(path)?, pixels(room, self.terminal.cell))?);
        let bytes = decoded.pixels.as_bytes().len();
        cache().insert(path.to_owned(), (stamp, Arc::clone(&decoded)), bytes);
        Ok(decoded)
    }

    fn suffices(&self, decoded: &Decoded, room: CellArea) -> bool {
        !decoded.reduced
            || cells_for(decoded, room, &self.terminal).is_ok_and(|cells| {
                let needed = self.terminal.resolution(self.terminal.protocol, cells);
                let (width, height) = decoded.upright();
                width >= needed.0 && height >= needed.1
            })
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
        let room = terminal.reach(terminal.protocol, wanted.area);
        let decoded = match self.decoded(&wanted.path, stamp, room) {
            Ok(decoded) => decoded,
            Err(error) => return Some(Err(error)),
        };
        if !still_wanted() {
            return None;
        }
        let resized = cells_for(&decoded, room, terminal)
            .and_then(|cells| Ok((cells, resize(&decoded, cells, terminal.protocol, terminal)?)));
        if !still_wanted() {
            return None;
        }
        Some(resized.and_then(|(cells, picture)| encode(picture, cells, decoded.info, terminal, &self.discarded)))
    }

    fn bytes(&self, output: &Preview) -> usize {
        output.bytes()
    }
}

#[cfg(test)]
mod tests;
