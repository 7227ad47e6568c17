//! An on-disk LRU cache of thumbnails, so that a contact sheet need not decode hundreds of pictures in every run.
//!
//! Each thumbnail is a file in one of 256 subfolders: a JPEG followed by a checksum. No locking or repair is needed. Files
//! are written atomically (temporary file and rename), without fsync: the checksum detects torn or damaged files, which
//! are replaced. Several processes may share the folder, and it may be deleted at any time. File names are hashes of the
//! picture's path and version, so the thumbnail of a replaced picture is never read again and is eventually evicted.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use image::codecs::jpeg::JpegEncoder;
use twox_hash::XxHash3_128;

use super::encode::{draw, encode_error, resize_part};
use super::{Capabilities, CellArea, PictureView, Preview, PreviewError};
use crate::atomic_file::{self, WriteError};
use crate::picture::{self, Decoded, PictureFormat, PictureInfo, Stamp, decode, decode_unless};

/// The longer side of a thumbnail, in pixels.
const EDGE: u32 = 256;
/// The largest area that a thumbnail is used for, in pixels of its shorter side. Beyond, the loss of detail is visible.
const MAX_AREA: u32 = 384;
/// Increased when the pixels of a thumbnail change. Since 2, they are in sRGB.
const VERSION: u8 = 2;
/// JPEG quality, out of 100.
const QUALITY: u8 = 85;
/// The squares of the checkerboard behind transparent pictures, in pixels.
const SQUARE: u32 = 8;
/// The size limit of the folder, in bytes: at least six thousand thumbnails.
const MAX_BYTES: u64 = 64_000_000;
/// The length of the checksum, in bytes.
const CHECKSUM: usize = size_of::<u128>();

#[derive(Debug)]
pub struct Thumbnails {
    folder: PathBuf,
    max_bytes: u64,
    /// The bytes in the folder, once counted. Other processes may add to them.
    used: Mutex<Option<u64>>,
}

/// The name of a file in the folder.
type Key = u128;

impl Thumbnails {
    /// Creates a cache in a folder, which need not exist.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, max_bytes: MAX_BYTES, used: Mutex::default() }
    }

    /// Returns the number of files and their total size in bytes.
    #[must_use]
    pub fn usage(&self) -> (u64, u64) {
        self.files().iter().fold((0, 0), |(files, bytes), file| (files + 1, bytes + file.bytes))
    }

    #[must_use]
    pub fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Returns the JPEG of a thumbnail, and marks it as most recently used.
    fn get(&self, key: Key) -> Option<Vec<u8>> {
        let path = self.path(key);
        let mut bytes = picture::read(&path).ok()?;
        let jpeg = bytes.len().checked_sub(CHECKSUM)?;
        if bytes[jpeg..] != checksum(key, &bytes[..jpeg]) {
            return None;
        }
        bytes.truncate(jpeg);
        // If this fails, the file is evicted earlier.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes)
    }

    /// Stores a thumbnail, and evicts others to stay within the limit.
    fn put(&self, key: Key, jpeg: &[u8]) -> Result<(), WriteError> {
        let path = self.path(key);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)?;
        atomic_file::write_unsynced(&path, &mut |file| {
            file.write_all(jpeg)?;
            Ok::<_, WriteError>(file.write_all(&checksum(key, jpeg))?)
        })?;
        // The file system's clock is coarser than the program's.
        File::open(&path)?.set_modified(SystemTime::now())?;
        self.evict((jpeg.len() + CHECKSUM) as u64);
        Ok(())
    }

    /// Deletes the least recently used files if `added` bytes exceed the limit.
    fn evict(&self, added: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = *used
            && known + added <= self.max_bytes
        {
            *used = Some(known + added);
            return;
        }
        let mut files = self.files();
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes > self.max_bytes {
            files.sort_unstable_by_key(|file| file.used);
            // Deletes a tenth more than needed, so that the next files do not have to evict again.
            let target = self.max_bytes - self.max_bytes / 10;
            for file in files {
                if bytes <= target {
                    break;
                }
                if fs::remove_file(&file.path).is_ok() {
                    bytes -= file.bytes;
                }
            }
        }
        *used = Some(bytes);
    }

    /// Lists the files in the subfolders.
    fn files(&self) -> Vec<StoredFile> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let shards = entries(&self.folder).filter(is_shard);
        shards
            .flat_map(|shard| entries(&shard.path()))
            .filter_map(|file| StoredFile::of(&file).ok().flatten())
            .collect()
    }

    fn path(&self, key: Key) -> PathBuf {
        let name = format!("{key:032x}.jpg");
        let (shard, rest) = name.split_at(2);
        self.folder.join(shard).join(rest)
    }
}

struct StoredFile {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

impl StoredFile {
    fn of(entry: &DirEntry) -> io::Result<Option<Self>> {
        let metadata = entry.metadata()?;
        let used = metadata.modified()?;
        Ok(metadata.is_file().then(|| Self { path: entry.path(), bytes: metadata.len(), used }))
    }
}

/// Returns true if the folder's name is two hexadecimal digits.
fn is_shard(entry: &DirEntry) -> bool {
    let name = entry.file_name();
    name.len() == 2 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

/// Identifies a version of a picture by its path, size and modification time, and the version of the thumbnails.
fn key(path: &Path, stamp: Stamp) -> Key {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let since = stamp.modified().and_then(|modified| modified.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let mut version = path.into_os_string().into_encoded_bytes();
    version.push(VERSION);
    version.extend(stamp.len().to_le_bytes());
    version.extend(since.as_nanos().to_le_bytes());
    XxHash3_128::oneshot(&version)
}

/// Covers the content and the name.
fn checksum(key: Key, jpeg: &[u8]) -> [u8; CHECKSUM] {
    (XxHash3_128::oneshot(jpeg) ^ key).to_le_bytes()
}

/// Returns true if thumbnails are large enough for a view.
pub(super) fn suffice(terminal: &Capabilities, view: PictureView) -> bool {
    let (width, height) = terminal.pixels_for(view);
    width.min(height) <= MAX_AREA
}

/// Returns the cached thumbnail of a picture, or creates and stores it.
pub(super) fn decoded(
    path: &Path,
    stamp: Stamp,
    cache: Option<&Thumbnails>,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Result<Decoded, PreviewError> {
    let key = key(path, stamp);
    let cached = cache.and_then(|cache| cache.get(key)).and_then(|jpeg| decode(&jpeg, (EDGE, EDGE)).ok());
    if let Some(cached) = cached {
        return Ok(cached);
    }
    let (thumbnail, jpeg) = make(&decode_unless(is_cancelled, &picture::read(path)?, (EDGE, EDGE))?)?;
    // The cache does not store the damage.
    let cache = cache.filter(|_| thumbnail.info.damage.is_none());
    if let Some(Err(error)) = cache.map(|cache| cache.put(key, &jpeg)) {
        tracing::debug!(%error, "cannot store a thumbnail");
    }
    Ok(thumbnail)
}

/// Creates an upright and opaque thumbnail, and its JPEG.
fn make(decoded: &Decoded) -> Result<(Decoded, Vec<u8>), PreviewError> {
    let PictureInfo { width, height, damage, .. } = decoded.info;
    let small = resize_part(decoded, ((0, 0), (width, height)), within_edge((width, height)), SQUARE)?.into_rgb8();
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode_image(&small).map_err(|error| encode_error(&error))?;
    let (width, height) = (small.width(), small.height());
    let info = PictureInfo { width, height, format: PictureFormat::Jpeg, bytes: jpeg.len() as u64, damage };
    Ok((Decoded::from_srgb(small.into(), info), jpeg))
}

/// Returns the size of a thumbnail: keeps the aspect ratio and never enlarges.
fn within_edge((width, height): (u32, u32)) -> (u32, u32) {
    let longer = u64::from(width.max(height).max(EDGE));
    let scaled = |side: u32| {
        let pixels = (u64::from(side) * u64::from(EDGE) + longer / 2) / longer;
        u32::try_from(pixels).unwrap_or(EDGE).max(1)
    };
    (scaled(width), scaled(height))
}

/// Returns the thumbnail of the picture at `path`, encoded for an area of cells, on the calling thread.
///
/// # Errors
///
/// Returns an error if the file is unusable or cannot be encoded.
pub fn thumbnail(
    path: &Path,
    area: CellArea,
    terminal: &Capabilities,
    cache: Option<&Thumbnails>,
) -> Result<Preview, PreviewError> {
    draw(&decoded(path, picture::stamp(path)?, cache, &|| false)?, PictureView::fit(area), terminal)
}

#[cfg(test)]
mod tests;
