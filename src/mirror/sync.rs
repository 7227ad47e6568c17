//! Brings the copy up to date: texts and tables that are new or changed are downloaded, and an empty file stands for each
//! image of a folder of images.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use twox_hash::XxHash3_128;
use twox_hash::xxhash3_128::Hasher;

use super::error::MirrorError;
use super::journal::{Content, Copied};
use super::listing::Versions;
use super::place::{self, NoFile};
use super::target::Target;
use super::{Mirror, Report, failed, runtime};
use crate::atomic_file::{Batch, Replacement, WriteError};
use crate::aws::{Download, ListedObject, ObjectVersion};
use crate::dataset::{CAPTIONS, FileKind, METADATA_FILES, TEXTS};
use crate::text::counted;

/// Small objects are downloaded this many at a time.
const IN_FLIGHT: usize = 32;
/// The small objects that are downloaded and written together.
const GROUP: usize = 1_024;
/// Larger objects are written as they arrive.
const SMALL: u64 = 1 << 20;
/// Bytes between two reports.
const REPORT_EVERY: u64 = 4_000_000;
const BLOCK: usize = 1 << 18;

/// The files of a copy with their lengths, by name.
type LocalFiles = HashMap<String, u64>;

/// The objects of a folder.
#[derive(Debug, Default)]
struct Scan {
    /// To be downloaded if they are new or changed.
    texts: Vec<ListedObject>,
    /// Parquet files and archives, which are read only if there are no images beside them.
    tables: Vec<ListedObject>,
    has_images: bool,
    versions: Versions,
    objects: u64,
    /// The number of objects whose names no file can have, and the first of them.
    unusable: u64,
    first_unusable: String,
}

impl Mirror {
    /// Brings the copy up to date. Returns notes for the operator.
    pub(super) fn sync(self: &Arc<Self>, progress: &mut dyn FnMut(&str)) -> Result<Vec<String>, MirrorError> {
        self.pictures.forget();
        if self.lock.is_none() {
            if !self.has_copy() {
                return Err(MirrorError::InUse { url: self.url.clone() });
            }
            self.list_in_background()?;
            return Ok(vec![format!(
                "{}: open in another recaption; its copy is used, and only that one saves",
                self.url
            )]);
        }
        self.undo_unsent().map_err(|source| failed(&self.place.root, source))?;
        let mirror = Arc::clone(self);
        match &self.target {
            Target::Files(names) => {
                let names = names.clone();
                self.follow(|report| async move { mirror.copy_files(&names, &report).await }, progress)?;
                self.list_in_background()?;
                Ok(Vec::new())
            }
            Target::Pattern(pattern) => {
                let pattern = pattern.clone();
                self.follow(|report| async move { mirror.copy_matching(&pattern, &report).await }, progress)?;
                self.list_in_background()?;
                Ok(Vec::new())
            }
            Target::Folder => self.follow(|report| async move { mirror.copy_folder(&report).await }, progress),
        }
    }

    fn has_copy(&self) -> bool {
        match &self.target {
            Target::Files(names) => names.iter().all(|name| self.path(name).is_file()),
            Target::Pattern(_) | Target::Folder => !self.state().journal.objects.is_empty(),
        }
    }

    /// Removes what an earlier save wrote that is not in the bucket: the decisions are in the session, and the next save
    /// writes it again.
    fn undo_unsent(&self) -> io::Result<()> {
        let mut state = self.state();
        (state.is_unnamed, state.is_uncertain) = (false, false);
        state.unsent.clear();
        if !state.journal.is_saving {
            return Ok(());
        }
        for name in files(&self.place.root, !self.is_folder())?.into_keys() {
            let path = self.path(&name);
            let is_copy = match state.journal.objects.get(&name) {
                Some(copied) => content_of(&path)? == copied.content,
                // Stands for an image.
                None => fs::metadata(&path)?.len() == 0,
            };
            if !is_copy {
                fs::remove_file(&path)?;
            }
        }
        state.journal.set_saving(false)
    }

    fn is_folder(&self) -> bool {
        self.target == Target::Folder
    }

    /// Lists the objects to know which images there are. Nothing waits for it but who asks for that.
    fn list_in_background(self: &Arc<Self>) -> Result<(), MirrorError> {
        let mirror = Arc::clone(self);
        let task = runtime().map_err(|source| failed(&self.place.root, source))?.spawn(async move {
            let mut listing = mirror.bucket.list(&mirror.prefix);
            let mut versions = Versions::default();
            loop {
                match listing.next_objects().await {
                    Ok(Some(objects)) => objects.iter().for_each(|object| {
                        versions.add(object.key.strip_prefix(&mirror.prefix).unwrap_or(&object.key), object);
                    }),
                    Ok(None) => return mirror.pictures.listing.end(Some(versions)),
                    Err(error) => {
                        // Each image then tells whether it exists when it is requested.
                        tracing::warn!(%error, url = mirror.url, "cannot list the images");
                        return mirror.pictures.listing.end(None);
                    }
                }
            }
        });
        let mut former = self.listing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(former) = former.replace(task.abort_handle()) {
            former.abort();
        }
        Ok(())
    }

    async fn copy_files(self: &Arc<Self>, names: &[String], report: &Report) -> Result<(), MirrorError> {
        for name in names {
            if place::check(name).is_err() {
                return Err(MirrorError::Name { url: self.bucket.url(&self.key(name)).to_string() });
            }
            self.copy_file(name, report).await?;
        }
        self.state().dataset = Some(names.iter().cloned().collect());
        Ok(())
    }

    async fn copy_matching(self: &Arc<Self>, pattern: &str, report: &Report) -> Result<(), MirrorError> {
        let mut listing = self.bucket.list_folder(&self.prefix);
        let mut names = Vec::new();
        while let Some(objects) = listing.next_objects().await.map_err(|error| MirrorError::of(&self.url, error))? {
            let found = objects.iter().filter_map(|object| object.key.strip_prefix(&self.prefix));
            names.extend(found.filter(|name| Target::matches(pattern, name)).map(str::to_owned));
        }
        if names.is_empty() {
            let url = self.bucket.url(&self.key(pattern)).to_string();
            return Err(MirrorError::NoMatch { url, folder: self.url.clone() });
        }
        self.copy_files(&names, report).await
    }

    async fn copy_folder(self: &Arc<Self>, report: &Report) -> Result<Vec<String>, MirrorError> {
        let in_copy = |source| failed(&self.place.root, source);
        let mut local = files(&self.place.root, false).map_err(in_copy)?;
        let scan = self.scan(&mut local, report).await?;
        let Scan { mut texts, tables, has_images, versions, objects, unusable, first_unusable } = scan;
        if objects == 0 {
            return Err(MirrorError::Nothing { url: self.url.clone() });
        }
        let is_of_tables = !has_images && !tables.is_empty();
        if is_of_tables {
            let names = tables.iter().filter_map(|object| object.key.strip_prefix(&self.prefix));
            self.state().dataset = Some(names.map(str::to_owned).collect());
            texts.extend(tables);
        } else {
            self.state().dataset = None;
            for object in &tables {
                self.stand_in(object.key.strip_prefix(&self.prefix).unwrap_or_default(), &mut local)
                    .map_err(in_copy)?;
            }
        }
        self.copy_texts(texts, &mut local, report).await?;
        self.remove(local).map_err(in_copy)?;
        self.pictures.listing.end(Some(versions));
        let note = || {
            let objects = counted(unusable, "object is", "objects are");
            format!("{objects} not in the dataset, because no file can have the name (first: {first_unusable})")
        };
        Ok((unusable > 0).then(note).into_iter().collect())
    }

    /// Lists the folder and creates the files that stand for images. Takes the files of the objects out of `local`, except
    /// those of texts and tables.
    async fn scan(&self, local: &mut LocalFiles, report: &Report) -> Result<Scan, MirrorError> {
        let extensions: Vec<&str> = match &self.sidecar_extension {
            Some(extensions) => extensions.split(',').collect(),
            None => TEXTS.to_vec(),
        };
        let mut scan = Scan::default();
        let mut listing = self.bucket.list(&self.prefix);
        while let Some(objects) = listing.next_objects().await.map_err(|error| MirrorError::of(&self.url, error))? {
            for object in objects {
                let name = object.key.strip_prefix(&self.prefix).unwrap_or_default().to_owned();
                match place::check(&name) {
                    Ok(()) => {}
                    Err(NoFile::Folder | NoFile::Own) => continue,
                    Err(NoFile::Name) => {
                        scan.unusable += 1;
                        if scan.unusable == 1 {
                            scan.first_unusable = self.bucket.url(&object.key).to_string();
                        }
                        continue;
                    }
                }
                scan.objects += 1;
                scan.versions.add(&name, &object);
                let is_top = !name.contains('/');
                let file = Path::new(&name).file_name().unwrap_or(OsStr::new(&name));
                let kind = FileKind::among(file, &extensions);
                scan.has_images |= is_top && kind == FileKind::Image;
                match kind {
                    FileKind::Text(_) => scan.texts.push(object),
                    _ if !is_top || self.sidecar_extension.is_some() => self.stand_in_or_leave(&name, local, &mut scan),
                    FileKind::Metadata if name == METADATA_FILES[2] => scan.texts.push(object),
                    FileKind::Other if name == CAPTIONS => scan.texts.push(object),
                    FileKind::Other if is_table(&name) => scan.tables.push(object),
                    _ => self.stand_in_or_leave(&name, local, &mut scan),
                }
            }
            let _ = report.send(format!("listing: {}", counted(scan.objects, "object", "objects")));
        }
        Ok(scan)
    }

    /// Leaves an object out if there cannot be a file, such as of `a` beside `a/b`.
    fn stand_in_or_leave(&self, name: &str, local: &mut LocalFiles, scan: &mut Scan) {
        if let Err(error) = self.stand_in(name, local) {
            tracing::warn!(%error, name, "no file can stand for an object");
            scan.unusable += 1;
            if scan.unusable == 1 {
                scan.first_unusable = self.bucket.url(&self.key(name)).to_string();
            }
        }
    }

    /// Creates the empty file that stands for an object.
    fn stand_in(&self, name: &str, local: &mut LocalFiles) -> io::Result<()> {
        let path = self.path(name);
        match local.remove(name) {
            Some(0) => return Ok(()),
            Some(_) => fs::remove_file(&path)?,
            None => {}
        }
        match File::create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(&path))?;
                File::create_new(&path).map(drop)
            }
            created => created.map(drop),
        }
    }

    /// Downloads the texts that are new or changed.
    async fn copy_texts(
        self: &Arc<Self>,
        texts: Vec<ListedObject>,
        local: &mut LocalFiles,
        report: &Report,
    ) -> Result<(), MirrorError> {
        let mut wanted = Vec::new();
        {
            let state = self.state();
            for object in texts {
                let name = object.key.strip_prefix(&self.prefix).unwrap_or_default().to_owned();
                let len = local.remove(&name);
                let copied = state.journal.objects.get(&name);
                let is_current = copied.is_some_and(|copied| {
                    is_same_etag(&copied.etag, &object.etag)
                        && Some(copied.content.len) == len
                        && object.len == copied.content.len
                });
                if !is_current {
                    wanted.push((name, object.len));
                }
            }
        }
        let (small, large): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(_, len)| *len <= SMALL);
        let all = small.len();
        for (done, group) in small.chunks(GROUP).enumerate() {
            let _ = report.send(format!("captions: {} of {all}", done * GROUP));
            self.copy_small(group).await?;
        }
        for (name, _) in large {
            self.copy_file(&name, report).await?;
        }
        Ok(())
    }

    /// Downloads small objects, several at a time.
    async fn copy_small(self: &Arc<Self>, group: &[(String, u64)]) -> Result<(), MirrorError> {
        let contents: Vec<(String, ObjectVersion, Vec<u8>)> = stream::iter(group.to_vec())
            .map(|(name, _)| async move {
                let key = self.key(&name);
                let of = |error| MirrorError::of(&self.bucket.url(&key).to_string(), error);
                let mut download = self.bucket.get(&key).await.map_err(of)?;
                self.check_encoding(&key, download.version())?;
                let mut content = Vec::new();
                while let Some(chunk) = download.next().await.map_err(of)? {
                    content.extend_from_slice(&chunk);
                }
                Ok::<_, MirrorError>((name, download.version().clone(), content))
            })
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut batch = Batch::default();
        let mut copied = Vec::with_capacity(contents.len());
        for (name, version, content) in contents {
            let path = self.path(&name);
            fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|source| failed(&path, source))?;
            let in_batch =
                |error: crate::atomic_file::BatchError| MirrorError::File { path: error.path, source: error.source };
            batch.write(&path, true, &content).map_err(in_batch)?;
            let content = Content { len: content.len() as u64, hash: XxHash3_128::oneshot(&content) };
            copied.push((name, Copied { etag: version.etag, content, properties: version.properties }));
        }
        batch.sync().map_err(|error| MirrorError::File { path: error.path, source: error.source })?;
        self.state().journal.copied(copied).map_err(|source| failed(&self.place.journal(), source))
    }

    fn check_encoding(&self, key: &str, version: &ObjectVersion) -> Result<(), MirrorError> {
        match &version.properties.content_encoding {
            Some(encoding) => {
                let (url, encoding) = (self.bucket.url(key).to_string(), encoding.clone());
                Err(MirrorError::Encoded { url, encoding })
            }
            None => Ok(()),
        }
    }

    /// Downloads an object unless the copy has its version.
    async fn copy_file(self: &Arc<Self>, name: &str, report: &Report) -> Result<(), MirrorError> {
        let (key, path) = (self.key(name), self.path(name));
        let of = |error| MirrorError::of(&self.bucket.url(&key).to_string(), error);
        let len = fs::metadata(&path).ok().map(|found| found.len());
        let known = self.state().journal.objects.get(name).filter(|copied| Some(copied.content.len) == len).cloned();
        let download = match known {
            Some(known) => self.bucket.get_unless(&key, &known.etag).await.map_err(of)?,
            None => Some(self.bucket.get(&key).await.map_err(of)?),
        };
        let Some(mut download) = download else { return Ok(()) };
        self.check_encoding(&key, download.version())?;
        let content = self.write(&path, &mut download, name, report).await?;
        let ObjectVersion { etag, properties, .. } = download.version().clone();
        let copied = vec![(name.to_owned(), Copied { etag, content, properties })];
        self.state().journal.copied(copied).map_err(|source| failed(&self.place.journal(), source))
    }

    /// Writes an object to a file as it arrives.
    async fn write(
        &self,
        path: &Path,
        download: &mut Download,
        name: &str,
        report: &Report,
    ) -> Result<Content, MirrorError> {
        let in_file = |source: WriteError| MirrorError::File { path: path.to_owned(), source };
        fs::create_dir_all(path.parent().unwrap_or(path)).map_err(|source| failed(path, source))?;
        let mut replacement = Replacement::begin(path).map_err(in_file)?;
        let mut hasher = Hasher::new();
        let (mut len, mut reported, whole) = (0, 0, download.version().len);
        let url = self.bucket.url(&self.key(name)).to_string();
        while let Some(chunk) = download.next().await.map_err(|error| MirrorError::of(&url, error))? {
            replacement.file().write_all(&chunk).map_err(|source| failed(path, source))?;
            hasher.write(&chunk);
            len += chunk.len() as u64;
            if len - reported >= REPORT_EVERY {
                reported = len;
                let _ = report.send(format!("{name}: {} of {} MB", len / 1_000_000, whole / 1_000_000));
            }
        }
        let committed = replacement.sync().and_then(|complete| complete.commit(true)).map_err(in_file)?;
        committed.synced.map_err(|source| failed(path, source))?;
        Ok(Content { len, hash: hasher.finish_128() })
    }

    /// Removes the files of objects that are gone.
    fn remove(&self, local: LocalFiles) -> io::Result<()> {
        let mut removed = Vec::new();
        for name in local.into_keys() {
            fs::remove_file(self.path(&name))?;
            removed.push(name);
        }
        let mut state = self.state();
        removed.retain(|name| state.journal.objects.contains_key(name));
        state.journal.removed(removed)
    }

    /// Returns the files whose content differs from the objects, for a save that did not name them.
    pub(super) fn changed_files(&self) -> io::Result<HashSet<String>> {
        let mut changed = HashSet::new();
        for (name, len) in files(&self.place.root, !self.is_folder())? {
            let known = self.state().journal.objects.get(&name).map(|copied| copied.content);
            let is_changed = match known {
                Some(known) => content_of(&self.path(&name))? != known,
                None => len > 0,
            };
            if is_changed {
                changed.insert(name);
            }
        }
        Ok(changed)
    }
}

/// Compares two `ETag`s. A listing may leave out the quotes.
pub(super) fn is_same_etag(one: &str, other: &str) -> bool {
    one.trim_matches('"') == other.trim_matches('"')
}

fn is_table(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    extension.is_some_and(|found| ["parquet", "tar"].iter().any(|table| found.eq_ignore_ascii_case(table)))
}

/// Returns the length and hash of a file.
pub(super) fn content_of(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut block = vec![0; BLOCK];
    let mut len = 0;
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(Content { len, hash: hasher.finish_128() });
        }
        hasher.write(&block[..read]);
        len += read as u64;
    }
}

/// Lists the files of a copy, without those of sessions. `is_flat` leaves out those in folders.
fn files(root: &Path, is_flat: bool) -> io::Result<LocalFiles> {
    let mut found = HashMap::new();
    let mut folders = vec![String::new()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(root.join(&inside))? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            let name = if inside.is_empty() { file } else { format!("{inside}/{file}") };
            if place::check(&name) == Err(NoFile::Own) {
                continue;
            }
            if !entry.file_type()?.is_dir() {
                found.insert(name, entry.metadata()?.len());
            } else if !is_flat {
                folders.push(name);
            }
        }
    }
    Ok(found)
}
