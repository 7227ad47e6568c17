//! Small pictures kept on disk, so that a sheet of hundreds need not be decoded again in the next run.
//!
//! Each is a file of its own, a JPEG and behind it a seal, in a folder of a first level of 256. Files need neither a
//! lock nor a repair: one is written beside its place and renamed into it, so it is whole or not there; several
//! processes may use the same folder; the folder, or anything in it, may be deleted at any time. A file whose seal does
//! not fit (torn, damaged, put there by something else) counts as absent and is written anew. The name says which
//! picture it is of, and in which state: the thumbnail of a picture that was replaced is never asked for again, and goes
//! with the others that were not used for longest.

use std::fs::{self, DirEntry, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use twox_hash::XxHash3_128;

use super::encode::{draw, encode_error, resize_part};
use super::{Capabilities, CellArea, Preview, PreviewError, Shot};
use crate::picture::{self, Decoded, PictureFormat, PictureInfo, Stamp, decode};

/// The longer side of a thumbnail, in pixels.
const EDGE: u32 = 256;
/// A thumbnail is not drawn larger than this, in pixels of the shorter side of its room: beyond, one sees that it is
/// one.
const LARGEST_ROOM: u32 = 384;
/// The quality of their JPEGs, of 100.
const QUALITY: u8 = 85;
/// A square of the checker behind transparent pictures, in pixels.
const SQUARE: u32 = 8;
/// The most the folder holds, in bytes: six thousand thumbnails and more.
const MOST_BYTES: u64 = 64_000_000;
/// Bytes of a file's seal.
const SEAL: usize = size_of::<u128>();

/// Thumbnails in a folder.
#[derive(Debug)]
pub struct Thumbnails {
    folder: PathBuf,
    most_bytes: u64,
    /// The bytes in the folder, once they were counted. Other processes may add to them.
    held: Mutex<Option<u64>>,
}

/// What a file in the folder is called, and what its seal is made with.
type Key = u128;

impl Thumbnails {
    /// Those in a folder, which need not exist yet.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder, most_bytes: MOST_BYTES, held: Mutex::default() }
    }

    /// How many files there are, and their bytes.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        self.files().iter().fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes))
    }

    /// The most bytes they may take.
    #[must_use]
    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// The JPEG of a thumbnail, which counts as used now.
    fn get(&self, key: Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        let mut bytes = picture::read(&path).ok()?;
        let jpeg = bytes.len().checked_sub(SEAL)?;
        if bytes[jpeg..] != seal(key, &bytes[..jpeg]) {
            return None;
        }
        bytes.truncate(jpeg);
        // Where that is not allowed, it goes as if it had not been used.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Keeps a thumbnail, and lets others go where they are too many.
    fn put(&self, key: Key, jpeg: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(jpeg)?;
        file.write_all(&seal(key, jpeg))?;
        // The clock of the file system is coarser than that of the program.
        file.as_file().set_modified(SystemTime::now())?;
        file.persist(&path)?;
        self.make_room((jpeg.len() + SEAL) as u64);
        Ok(())
    }

    /// Deletes what was not used for longest where so many bytes more are too many.
    fn make_room(&self, added: u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *held
            && known + added <= self.most_bytes
        {
            *held = Some(known + added);
            return;
        }
        let mut files = self.files();
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes > self.most_bytes {
            files.sort_unstable_by_key(|file| file.used);
            // A tenth more than needed, so that this is not done again for each.
            let goal = self.most_bytes - self.most_bytes / 10;
            for file in files {
                if bytes <= goal {
                    break;
                }
                if fs::remove_file(&file.path).is_ok() {
                    bytes -= file.bytes;
                }
            }
        }
        *held = Some(bytes);
    }

    /// Every file in the folders of the first level.
    fn files(&self) -> Vec<Held> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let shards = entries(&self.folder).filter(is_shard);
        shards.flat_map(|shard| entries(&shard.path())).filter_map(|file| Held::of(&file).ok().flatten()).collect()
    }

    fn path(&self, key: Key) -> PathBuf {
        let name = format!("{key:032x}.jpg");
        let (shard, rest) = name.split_at(2);
        self.folder.join(shard).join(rest)
    }
}

/// A file of ours.
struct Held {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl Held {
    fn of(entry: &DirEntry) -> io::Result<Option<Self>> {
        let metadata = entry.metadata()?;
        let used = metadata.modified()?;
        Ok(metadata.is_file().then(|| Self { path: entry.path(), bytes: metadata.len(), used }))
    }
}

/// Whether a folder is one of ours: two hexadecimal digits.
fn is_shard(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name.len() == 2 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// A picture in one of its states: where it is, how large, when it was written.
fn key(path: &Path, stamp: Stamp) -> Key {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let since = stamp.modified().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let mut state = path.into_os_string().into_encoded_bytes();
    state.extend(stamp.len().to_le_bytes());
    state.extend(since.as_nanos().to_le_bytes());
    XxHash3_128::oneshot(&state)
}

/// What proves that a file is whole, and the one its name says.
fn seal(key: Key, jpeg: &[u8]) -> [u8; SEAL] {
    (XxHash3_128::oneshot(jpeg) ^ key).to_le_bytes()
}

/// Whether thumbnails are large enough for a shot.
pub(super) fn suffice(terminal: &Capabilities, shot: Shot) -> bool {
    let (width, height) = terminal.pixels_for(shot);
    width.min(height) <= LARGEST_ROOM
}

/// The thumbnail of a picture: the one that was kept, or a new one, which is kept.
pub(super) fn decoded(path: &Path, stamp: Stamp, kept: Option<&Thumbnails>) -> Result<Decoded, PreviewError> {
    let key = key(path, stamp);
    let known = kept.and_then(|kept| kept.get(key)).and_then(|jpeg| decode(&jpeg, (EDGE, EDGE)).ok());
    if let Some(known) = known {
        return Ok(known);
    }
    let (thumbnail, jpeg) = make(&decode(&picture::read(path)?, (EDGE, EDGE))?)?;
    if let Some(Err(error)) = kept.map(|kept| kept.put(key, &jpeg)) {
        // It is made again next time.
        tracing::debug!(%error, "a thumbnail is not kept");
    }
    Ok(thumbnail)
}

/// A small picture, upright and opaque, and its file.
fn make(decoded: &Decoded) -> Result<(Decoded, Vec<u8>), PreviewError> {
    let PictureInfo { width, height, .. } = decoded.info;
    let small = resize_part(decoded, ((0, 0), (width, height)), within_edge((width, height)), SQUARE)?.into_rgb8();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).map_err(|error| encode_error(&error))?;
    let (width, height) = (small.width(), small.height());
    let info = PictureInfo { width, height, format: PictureFormat::Jpeg, bytes: jpeg.len() as u64 };
    let decoded = Decoded { pixels: small.into(), orientation: Orientation::NoTransforms, info, reduced: false };
    Ok((decoded, jpeg))
}

/// The size of a thumbnail: in the picture's proportions, never enlarged.
fn within_edge((width, height): (u32, u32)) -> (u32, u32) {
    let longer = u64::from(width.max(height).max(EDGE));
    let scaled = |side: u32| {
        let pixels = (u64::from(side) * u64::from(EDGE) + longer / 2) / longer;
        u32::try_from(pixels).unwrap_or(EDGE).max(1)
    };
    (scaled(width), scaled(height))
}

/// The thumbnail of the picture at `path`, drawn for a room of cells, on the calling thread.
///
/// # Errors
/// Why there is nothing to see.
pub fn thumbnail(
    path: &Path,
    room: CellArea,
    terminal: &Capabilities,
    kept: Option<&Thumbnails>,
) -> Result<Preview, PreviewError> {
    draw(&decoded(path, picture::stamp(path)?, kept)?, Shot::whole(room), terminal)
}

#[cfg(test)]
mod tests;
