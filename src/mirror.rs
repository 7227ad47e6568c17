//! Datasets in a bucket of S3: a copy of their texts in the user's state folder, and their images on demand.
//!
//! Everything else reads and writes the copy, a folder like any other. [`crate::remote_folder`] leads back here: for an
//! image that has not been downloaded, and for what a save has written, which is sent on the condition that the object is
//! still the one that was copied.

mod disk_cache;
mod error;
mod journal;
mod listing;
mod pictures;
mod place;
mod publish;
mod sync;
mod target;

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use etcetera::BaseStrategy as _;
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::aws::{self, Bucket, S3Url};
use crate::remote_folder::{self, Ahead, FetchError, PublishError, RemoteFolder};
use crate::session;
use disk_cache::DiskCache;
use journal::Journal;
use pictures::Pictures;
use place::Place;
use target::Target;

pub use error::MirrorError;

/// Called with the progress in a few words.
type Report = Sender<String>;

#[derive(Clone, Debug)]
pub struct MirrorOptions {
    /// Region, credentials and endpoint, as for Bedrock.
    pub aws: aws::Options,
    /// The extensions of text files with captions, if they were chosen.
    pub sidecar_extension: Option<String>,
    /// The size limit of the cache of images, in bytes.
    pub cache_bytes: u64,
}

/// A dataset that was copied.
#[derive(Debug)]
pub struct Copied {
    /// The path of each URL in the copy.
    pub paths: Vec<PathBuf>,
    pub notes: Vec<String>,
}

/// The copy of one folder of a bucket.
struct Mirror {
    bucket: Bucket,
    url: String,
    /// The key of the folder.
    prefix: String,
    place: Place,
    target: Target,
    sidecar_extension: Option<String>,
    pictures: Arc<Pictures>,
    /// Of the process that may change the copy, until it ends.
    lock: Option<File>,
    /// The listing in the background.
    listing: Mutex<Option<AbortHandle>>,
    state: Mutex<State>,
}

/// A mirror in the mount table.
struct Mounted(Arc<Mirror>);

struct State {
    journal: Journal,
    /// The objects of the dataset, which are never replaced if they changed. `None` if all are.
    dataset: Option<HashSet<String>>,
    /// The files that were written or removed by a save and are not in the bucket.
    unsent: BTreeSet<String>,
    /// A save was begun that has not named its files yet.
    is_unnamed: bool,
    /// A save ended without naming the files that it wrote.
    is_uncertain: bool,
}

/// Returns true if a path is a URL of S3.
#[must_use]
pub fn is_url(path: &Path) -> bool {
    path.to_str().is_some_and(S3Url::is_s3)
}

/// Copies a dataset, or brings its copy up to date, and returns where it is. `urls` are those of one folder: a file, or a
/// folder, or several files. `progress` is called with a few words now and then.
///
/// # Errors
/// Returns an error if there is no such dataset, or it cannot be reached or copied.
pub fn open(urls: &[&str], options: &MirrorOptions, progress: &mut dyn FnMut(&str)) -> Result<Copied, MirrorError> {
    let parsed = urls.iter().map(|url| S3Url::parse(url)).collect::<Result<Vec<_>, _>>()?;
    let Some(first) = parsed.first() else { return Err(MirrorError::NoFolder) };
    let url = first.to_string();
    let runtime = runtime().map_err(|source| failed(Path::new("s3"), source))?;
    progress("connecting");
    let (aws, name) = (options.aws.clone(), first.bucket.clone());
    let connected = run(runtime, async move { Bucket::connect(&aws, &name).await });
    let stopped = || MirrorError::Stopped { url: url.clone() };
    let bucket = connected.ok_or_else(stopped)?.map_err(|error| MirrorError::of(&url, error))?;
    let (of, has_text_files) = (bucket.clone(), options.sidecar_extension.is_some());
    let found = run(runtime, async move { Target::find(&of, &parsed, has_text_files).await });
    let (folder, target) = found.ok_or_else(stopped)??;
    let place = Place::of(&copies()?, bucket.endpoint(), &folder);
    fs::create_dir_all(&place.root).map_err(|source| failed(&place.root, source))?;
    // Others resolve links when they compare paths.
    let base = place.base.canonicalize().map_err(|source| failed(&place.base, source))?;
    let place = Place { root: base.join(place.root.file_name().unwrap_or_default()), base };
    let lock = lock(&place.lock())?;
    let url = folder.to_string();
    let (journal, damage) = if lock.is_some() {
        Journal::open(&place.journal(), &url)
    } else {
        Journal::read(&place.journal(), &url).map(|journal| (journal, None))
    }
    .map_err(|source| MirrorError::File { path: place.journal(), source })?;
    let cache = Arc::new(DiskCache::new(cache_folder()?, options.cache_bytes));
    let pictures = Pictures::new(&bucket, &folder.key, cache, runtime.handle().clone());
    let state = State { journal, dataset: None, unsent: BTreeSet::new(), is_unnamed: false, is_uncertain: false };
    let mirror = Arc::new(Mirror {
        bucket,
        url,
        prefix: folder.key,
        place,
        target,
        sidecar_extension: options.sidecar_extension.clone(),
        pictures,
        lock,
        listing: Mutex::default(),
        state: Mutex::new(state),
    });
    let mut notes: Vec<String> = damage.into_iter().collect();
    notes.extend(mirror.sync(progress)?);
    let paths = mirror.target.paths(&mirror.place.root);
    remote_folder::mount(mirror.place.root.clone(), Arc::new(Mounted(mirror)));
    Ok(Copied { paths, notes })
}

/// Checks that a path is not in a copy, where a dataset must not be opened by its path: its images would be missing, and a
/// save would not reach the bucket.
///
/// # Errors
/// Returns an error if it is in one.
pub fn check_path(path: &Path) -> Result<(), MirrorError> {
    let (Ok(copies), Ok(path)) = (copies(), path.canonicalize()) else { return Ok(()) };
    let Ok(copies) = copies.canonicalize() else { return Ok(()) };
    let Ok(inside) = path.strip_prefix(&copies) else { return Ok(()) };
    let url = inside.components().next().and_then(|base| journal::url(&journal::beside(&copies.join(base))));
    url.map_or(Ok(()), |url| Err(MirrorError::Copy { path: path.clone(), url }))
}

/// Returns the folder with the copies of all datasets.
fn copies() -> Result<PathBuf, MirrorError> {
    Ok(session::state_folder().ok_or(MirrorError::NoFolder)?.join("recaption").join("s3"))
}

fn cache_folder() -> Result<PathBuf, MirrorError> {
    let folders = etcetera::choose_base_strategy().map_err(|_| MirrorError::NoFolder)?;
    Ok(folders.cache_dir().join("recaption").join("s3"))
}

fn failed(path: &Path, source: std::io::Error) -> MirrorError {
    MirrorError::File { path: path.to_owned(), source: source.into() }
}

/// Returns the runtime of all downloads and uploads.
fn runtime() -> std::io::Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("s3").enable_all().build()?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Runs a future to its end, also on a thread of another runtime. Returns `None` if it panicked.
fn run<T: Send + 'static>(runtime: &'static Runtime, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let (sender, receiver) = channel();
    runtime.spawn(async move {
        // Fails only if the receiver has panicked.
        let _ = sender.send(future.await);
    });
    receiver.recv().ok()
}

/// Locks a copy for this process. Returns `None` if another one has it.
fn lock(path: &Path) -> Result<Option<File>, MirrorError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|source| failed(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(path, source)),
    }
}

impl Mirror {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.root.join(name)
    }

    /// Runs a future to its end and reports its progress.
    fn follow<T: Send + 'static, F: Future<Output = Result<T, MirrorError>> + Send + 'static>(
        &self,
        start: impl FnOnce(Report) -> F,
        progress: &mut dyn FnMut(&str),
    ) -> Result<T, MirrorError> {
        let runtime = runtime().map_err(|source| failed(Path::new("s3"), source))?;
        let (report, reports) = channel();
        let (sender, result) = channel();
        let future = start(report);
        runtime.spawn(async move {
            let _ = sender.send(future.await);
        });
        // Ends when the future is dropped.
        for message in reports {
            progress(&message);
        }
        result.recv().unwrap_or_else(|_| Err(MirrorError::Stopped { url: self.url.clone() }))
    }
}

impl RemoteFolder for Mounted {
    fn url(&self) -> &str {
        &self.0.url
    }

    fn holds(&self, name: &str) -> bool {
        self.0.pictures.holds(name)
    }

    fn fetch(&self, name: &str, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<PathBuf, FetchError> {
        self.0.pictures.fetch(name, is_cancelled)
    }

    fn prefetch(&self, ahead: Ahead, names: Vec<String>) {
        self.0.pictures.prefetch(ahead, names);
    }

    fn begin_save(&self, keeps_originals: bool) -> Result<Vec<PathBuf>, String> {
        self.0.begin_save(keeps_originals)
    }

    fn publish(&self, names: Vec<String>, force: bool) -> Result<(), PublishError> {
        self.0.publish(names, force)
    }

    fn refresh(&self) -> Result<(), String> {
        self.0.sync(&mut |_| ()).map(drop).map_err(|error| error.to_string())
    }
}
