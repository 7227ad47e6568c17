//! Downloads images into the cache: those that someone waits for at once, others ahead of need, a few at a time.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::disk_cache::DiskCache;
use super::listing::{Known, Listing, hash, version};
use crate::aws::{AwsError, Bucket, S3Error};
use crate::remote_folder::{Ahead, FetchError};

/// Downloads ahead of need start only while fewer than this are in flight.
const IN_FLIGHT: usize = 8;
/// The largest image. One is held in memory while it is downloaded. `picture` reads no larger ones.
const MAX_BYTES: u64 = 400_000_000;
/// How often a waiting caller is asked whether it still needs the image.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Pictures {
    bucket: Bucket,
    /// The key of the folder.
    prefix: String,
    /// Tells apart objects of several buckets in the cache.
    seed: String,
    cache: Arc<DiskCache>,
    runtime: Handle,
    pub(super) listing: Listing,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    flights: HashMap<String, Flight>,
    /// To be downloaded ahead of need, the first ones first: the visible ones, and those in the direction of travel.
    visible: Vec<String>,
    travel: Vec<String>,
    /// The versions that were downloaded, which may be newer than the listing.
    versions: HashMap<u64, u64>,
}

/// A download.
struct Flight {
    /// The number of callers that wait for it.
    waiting: usize,
    result: Option<Result<PathBuf, FetchError>>,
    abort: AbortHandle,
}

impl State {
    fn in_flight(&self) -> usize {
        self.flights.values().filter(|flight| flight.result.is_none()).count()
    }

    /// Cancels the downloads that are no longer needed.
    fn cancel_unwanted(&mut self) {
        let State { flights, visible, travel, .. } = self;
        flights.retain(|name, flight| {
            let is_needed = flight.waiting > 0 || visible.contains(name) || travel.contains(name);
            if !is_needed {
                flight.abort.abort();
            }
            is_needed
        });
    }
}

impl Pictures {
    pub(super) fn new(bucket: &Bucket, prefix: &str, cache: Arc<DiskCache>, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            seed: format!("{} {}", bucket.endpoint().unwrap_or_default(), bucket.url(prefix)),
            bucket: bucket.clone(),
            prefix: prefix.to_owned(),
            cache,
            runtime,
            listing: Listing::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Forgets what was downloaded, so that changed objects are downloaded again.
    pub(super) fn forget(&self) {
        self.state().versions.clear();
        self.listing.restart();
    }

    pub(super) fn holds(&self, name: &str) -> bool {
        self.listing.wait(hash(name)) != Known::Absent
    }

    pub(super) fn fetch(
        self: &Arc<Self>,
        name: &str,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<PathBuf, FetchError> {
        if let Some(known) = self.known(name) {
            return known;
        }
        let mut state = self.state();
        if !state.flights.contains_key(name) {
            self.start(&mut state, name.to_owned());
        }
        if let Some(flight) = state.flights.get_mut(name) {
            flight.waiting += 1;
        }
        loop {
            let result = state.flights.get(name).and_then(|flight| flight.result.clone());
            drop(state);
            // Asked without the lock: the caller has one of its own.
            let is_left = result.is_none() && is_cancelled();
            state = self.state();
            if result.is_some() || is_left {
                if let Some(flight) = state.flights.get_mut(name) {
                    flight.waiting -= 1;
                    if flight.waiting == 0 && flight.result.is_some() {
                        state.flights.remove(name);
                    }
                }
                state.cancel_unwanted();
                return result.unwrap_or(Err(FetchError::Cancelled));
            }
            let has_result = state.flights.get(name).is_none_or(|flight| flight.result.is_some());
            if !has_result {
                (state, _) = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    pub(super) fn prefetch(self: &Arc<Self>, ahead: Ahead, names: Vec<String>) {
        let mut state = self.state();
        match ahead {
            Ahead::Visible => state.visible = names,
            Ahead::Travel => state.travel = names,
        }
        state.cancel_unwanted();
        self.start_ahead(&mut state);
    }

    /// Returns the file of an image that is in the cache, or that there is none. Returns `None` if it has to be requested.
    fn known(&self, name: &str) -> Option<Result<PathBuf, FetchError>> {
        let hashed = hash(name);
        let downloaded = self.state().versions.get(&hashed).copied();
        let version = match downloaded.map_or_else(|| self.listing.get(hashed), Known::Version) {
            Known::Version(version) => version,
            Known::Absent => return Some(Err(FetchError::Missing)),
            Known::Unknown => return None,
        };
        self.cache.get((self.object(name), version)).map(Ok)
    }

    /// Returns the hash of an object, the same for this bucket in every run.
    fn object(&self, name: &str) -> u64 {
        hash(&format!("{}{name}", self.seed))
    }

    /// Starts downloads ahead of need, as many as may be in flight.
    fn start_ahead(self: &Arc<Self>, state: &mut State) {
        while state.in_flight() < IN_FLIGHT {
            let mut wanted = state.visible.iter().chain(&state.travel);
            let Some(next) = wanted.find(|name| !state.flights.contains_key(*name)).cloned() else { return };
            let version = state.versions.get(&hash(&next)).copied();
            let known = version.map_or_else(|| self.listing.get(hash(&next)), Known::Version);
            let is_done = match known {
                Known::Version(version) => self.cache.get((self.object(&next), version)).is_some(),
                Known::Absent => true,
                Known::Unknown => false,
            };
            if is_done {
                state.visible.retain(|name| *name != next);
                state.travel.retain(|name| *name != next);
            } else {
                self.start(state, next);
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, name: String) {
        let (pictures, of) = (Arc::clone(self), name.clone());
        let task = self.runtime.spawn(async move {
            let result = pictures.download(&of).await;
            pictures.ended(&of, result);
        });
        state.flights.insert(name, Flight { waiting: 0, result: None, abort: task.abort_handle() });
    }

    fn ended(self: &Arc<Self>, name: &str, result: Result<PathBuf, FetchError>) {
        let mut state = self.state();
        // One that failed is requested again when it is shown.
        state.visible.retain(|wanted| wanted != name);
        state.travel.retain(|wanted| wanted != name);
        match state.flights.get_mut(name) {
            Some(flight) if flight.waiting > 0 => flight.result = Some(result),
            _ => _ = state.flights.remove(name),
        }
        self.start_ahead(&mut state);
        self.changed.notify_all();
    }

    async fn download(self: &Arc<Self>, name: &str) -> Result<PathBuf, FetchError> {
        let failed = |error: AwsError| match error {
            AwsError::S3(S3Error::NoSuchObject { .. }) => FetchError::Missing,
            error => FetchError::Failed(naming(&error, &self.bucket, &format!("{}{name}", self.prefix))),
        };
        let key = format!("{}{name}", self.prefix);
        let mut download = self.bucket.get(&key).await.map_err(failed)?;
        let (len, version) = (download.version().len, version(&download.version().etag, download.version().len));
        if len > MAX_BYTES {
            let megabytes = len / 1_000_000;
            let url = self.bucket.url(&key);
            return Err(FetchError::Failed(format!("{url}: too large ({megabytes} MB): shrink the image")));
        }
        let mut content = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        while let Some(chunk) = download.next().await.map_err(failed)? {
            content.extend_from_slice(&chunk);
        }
        let (pictures, object) = (Arc::clone(self), (self.object(name), version));
        let stored = tokio::task::spawn_blocking(move || pictures.cache.insert(object, &content)).await;
        let stored =
            stored.map_err(|error| error.to_string()).and_then(|stored| stored.map_err(|error| error.to_string()));
        let path = stored.map_err(|why| {
            let url = self.bucket.url(&key);
            FetchError::Failed(format!("{url}: cannot write it to the cache: {why}; free space, or lower s3.cache-mb"))
        })?;
        self.state().versions.insert(hash(name), version);
        Ok(path)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the message of an error, which names the object.
pub(super) fn naming(error: &AwsError, bucket: &Bucket, key: &str) -> String {
    let (message, url) = (error.to_string(), bucket.url(key).to_string());
    if message.contains(&url) { message } else { format!("{url}: {message}") }
}
