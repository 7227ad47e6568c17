//! An LRU cache bounded in bytes.

use std::borrow::Borrow;
use std::hash::Hash;

use lru::LruCache;

/// An LRU cache; the caller states the size of each value.
pub(crate) struct ByteCache<K: Hash + Eq, V> {
    entries: LruCache<K, (V, usize)>,
    bytes: usize,
    limit: usize,
}

impl<K: Hash + Eq, V> ByteCache<K, V> {
    pub fn new(limit: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, limit }
    }

    /// Returns the value of `key` and marks it as most recently used.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(value, _)| value)
    }

    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains(key)
    }

    /// Stores `value`, replacing any previous value of `key`, and evicts others to stay within the limit. A value that
    /// exceeds the limit on its own is dropped.
    pub fn insert(&mut self, key: K, value: V, bytes: usize) {
        if let Some((_, old)) = self.entries.pop(&key) {
            self.bytes -= old;
        }
        if bytes > self.limit {
            return;
        }
        self.bytes += bytes;
        self.entries.put(key, (value, bytes));
        while self.bytes > self.limit {
            let Some((_, (_, old))) = self.entries.pop_lru() else { break };
            self.bytes -= old;
        }
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn evicts_the_least_recently_used() {
        let mut cache = ByteCache::new(100);
        cache.insert("a", 1, 40);
        cache.insert("b", 2, 40);
        assert_eq!(cache.get("a"), Some(&1));
        cache.insert("c", 3, 40);
        assert_eq!(["a", "b", "c"].map(|key| cache.get(key).copied()), [Some(1), None, Some(3)]);
    }

    #[test]
    fn a_value_larger_than_the_limit_is_dropped_and_evicts_nothing() {
        let mut cache = ByteCache::new(100);
        cache.insert("a", 1, 40);
        cache.insert("b", 2, 101);
        assert_eq!(["a", "b"].map(|key| cache.get(key).copied()), [Some(1), None]);
        cache.insert("a", 3, 101);
        assert_eq!(cache.get("a"), None, "the old value is removed anyway");
    }

    proptest! {
        #[test]
        fn the_byte_count_is_exact_and_within_the_limit(inserts in prop::collection::vec((0..12_u8, 0..80_usize), 0..200)) {
            let mut cache = ByteCache::new(200);
            for (key, bytes) in inserts {
                cache.insert(key, (), bytes);
                let held: usize = cache.entries.iter().map(|(_, ((), bytes))| bytes).sum();
                prop_assert_eq!(cache.bytes, held);
                prop_assert!(held <= 200);
                prop_assert!(cache.contains(&key));
            }
        }
    }
}
