//! Which objects there are, and their versions: 16 bytes an object, so that millions fit into memory.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use twox_hash::XxHash3_64;

use crate::aws::ListedObject;

/// More objects than this are not kept: 512 MB.
const MAX_OBJECTS: usize = 32_000_000;

/// Returns the hash of a name or a key.
pub(super) fn hash(name: &str) -> u64 {
    XxHash3_64::oneshot(name.as_bytes())
}

/// Identifies a version of an object.
pub(super) fn version(etag: &str, len: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(len, etag.trim_matches('"').as_bytes())
}

/// The hashes of names, sorted, each with the version.
#[derive(Debug, Default)]
pub(super) struct Versions {
    entries: Vec<(u64, u64)>,
    is_sorted: bool,
    has_too_many: bool,
}

impl Versions {
    pub(super) fn add(&mut self, name: &str, object: &ListedObject) {
        if self.entries.len() == MAX_OBJECTS {
            self.has_too_many = true;
        } else {
            self.entries.push((hash(name), version(&object.etag, object.len)));
        }
    }

    fn sort(&mut self) {
        self.entries.sort_unstable();
        self.is_sorted = true;
    }

    fn find(&self, name: u64) -> Option<u64> {
        debug_assert!(self.is_sorted, "sorted when it is complete");
        let place = self.entries.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        self.entries.get(place).map(|(_, version)| *version)
    }
}

/// What is known of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Version(u64),
    Absent,
    /// The listing is not complete, or there is none.
    Unknown,
}

/// A listing that may be incomplete.
#[derive(Debug, Default)]
pub(super) struct Listing {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Running,
    Complete(Versions),
    /// It failed, or there are too many objects.
    None,
}

impl Listing {
    pub(super) fn restart(&self) {
        *self.state() = State::Running;
    }

    pub(super) fn end(&self, versions: Option<Versions>) {
        *self.state() = match versions {
            Some(mut versions) if !versions.has_too_many => {
                versions.sort();
                State::Complete(versions)
            }
            _ => State::None,
        };
        self.ended.notify_all();
    }

    /// Returns what is known of an object now.
    pub(super) fn get(&self, name: u64) -> Known {
        match &*self.state() {
            State::Complete(versions) => versions.find(name).map_or(Known::Absent, Known::Version),
            State::Running | State::None => Known::Unknown,
        }
    }

    /// Like [`get`](Self::get), but waits until the listing has ended.
    pub(super) fn wait(&self, name: u64) -> Known {
        let running = |state: &mut State| matches!(state, State::Running);
        drop(self.ended.wait_while(self.state(), running).unwrap_or_else(PoisonError::into_inner));
        self.get(name)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_listed_is_absent_only_if_the_listing_is_complete() {
        let object = |etag: &str| ListedObject { key: String::new(), etag: etag.to_owned(), len: 5 };
        let mut versions = Versions::default();
        for number in 0..100 {
            versions.add(&format!("{number}.jpg"), &object(&format!("\"{number}\"")));
        }
        let listing = Listing::default();
        assert_eq!(listing.get(hash("7.jpg")), Known::Unknown);
        listing.end(Some(versions));
        assert_eq!(listing.wait(hash("7.jpg")), Known::Version(version("7", 5)));
        assert_eq!(listing.get(hash("100.jpg")), Known::Absent);
        listing.end(None);
        assert_eq!(listing.wait(hash("7.jpg")), Known::Unknown);
    }
}
