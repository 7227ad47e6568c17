//! Finds records again in a dataset that has changed, or in another file.
//!
//! A record is identified by its `file_name` and its caption, and among records that share both, by its order. If that
//! leaves a doubt, it is not matched: a record without its decision is better than a neighbour with it.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A record to find among those of the same `file_name`. `K` stands for a caption.
#[derive(Clone, Debug)]
pub struct Sought<K> {
    /// The caption it had when it was last seen.
    pub caption: K,
    /// The caption before a save replaced it: the file before the save may have been restored.
    pub before: Option<K>,
    /// Texts that a save may have put in place of its caption.
    pub written: Vec<K>,
    /// The number of earlier records with the same `file_name` and caption, if known.
    pub twin: Option<usize>,
    /// Other records had the same `file_name` and caption.
    pub had_twins: bool,
    /// Its number among the records of its `file_name`, if all of them are sought.
    pub place: Option<usize>,
}

impl<K: Copy + Eq + Hash> Sought<K> {
    /// Returns all records of one `file_name` in a file, by their captions in file order.
    #[must_use]
    pub fn all(captions: &[K]) -> Vec<Self> {
        let mut counts: HashMap<K, usize> = HashMap::new();
        let mut sought: Vec<Self> = Vec::with_capacity(captions.len());
        for (place, &caption) in captions.iter().enumerate() {
            let count = counts.entry(caption).or_default();
            let (twin, place) = (Some(*count), Some(place));
            *count += 1;
            sought.push(Self { caption, before: None, written: Vec::new(), twin, had_twins: false, place });
        }
        for one in &mut sought {
            one.had_twins = counts.get(&one.caption).is_some_and(|count| *count > 1);
        }
        sought
    }
}

/// The result for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Index of the record found.
    Found(usize),
    /// There are records of its `file_name`, but it cannot be told which one it is, if any.
    Ambiguous,
    /// There is no record that it could be.
    Missing,
}

/// Finds records of one `file_name`. `found` has the captions of those that are there, in file order.
#[must_use]
pub fn match_namesakes<K: Copy + Eq + Hash>(sought: &[Sought<K>], found: &[K]) -> Vec<Match> {
    let mut group = Group { sought, matches: vec![None; sought.len()], is_taken: vec![false; found.len()] };
    group.match_unmoved(found);
    let mut by_caption: HashMap<K, Vec<usize>> = HashMap::new();
    for (record, &caption) in found.iter().enumerate() {
        by_caption.entry(caption).or_default().push(record);
    }
    let mut claims: HashMap<K, Vec<Claim>> = HashMap::new();
    let mut contested = HashSet::new();
    let unmatched = sought.iter().enumerate().filter(|(index, _)| group.matches[*index].is_none());
    for (index, one) in unmatched {
        if by_caption.contains_key(&one.caption) {
            claims.entry(one.caption).or_default().push(Claim { index, is_current: true });
        } else if let Some(before) = one.before.filter(|before| by_caption.contains_key(before)) {
            claims.entry(before).or_default().push(Claim { index, is_current: false });
        } else {
            // A record with such a caption may be this one, after a save.
            contested.extend(one.written.iter().copied());
        }
    }
    for (caption, claims) in claims {
        if !contested.contains(&caption) {
            group.settle(&claims, &by_caption[&caption]);
        }
    }
    group.match_by_place();
    let is_full = group.is_taken.iter().all(|taken| *taken);
    let unmatched = if is_full { Match::Missing } else { Match::Ambiguous };
    group.matches.into_iter().map(|place| place.map_or(unmatched, Match::Found)).collect()
}

/// A sought record whose caption is present.
struct Claim {
    index: usize,
    /// By the caption it had when it was last seen.
    is_current: bool,
}

struct Group<'a, K> {
    sought: &'a [Sought<K>],
    matches: Vec<Option<usize>>,
    is_taken: Vec<bool>,
}

impl<K> Group<'_, K> {
    fn take(&mut self, index: usize, record: usize) {
        if self.is_taken.get(record) == Some(&false) {
            self.is_taken[record] = true;
            self.matches[index] = Some(record);
        }
    }

    /// Returns true if all records of the name are sought, and there are as many.
    fn is_whole(&self) -> bool {
        self.sought.iter().filter(|one| one.place.is_some()).count() == self.is_taken.len()
    }

    /// Of a whole group, matches the records whose caption is in its place.
    fn match_unmoved(&mut self, found: &[K])
    where
        K: Copy + Eq,
    {
        if !self.is_whole() {
            return;
        }
        for (index, one) in self.sought.iter().enumerate() {
            if let Some(place) = one.place.filter(|place| found.get(*place) == Some(&one.caption)) {
                self.take(index, place);
            }
        }
    }

    /// Matches the records that claim one caption with those that have it, by order.
    fn settle(&mut self, claims: &[Claim], records: &[usize]) {
        if claims.iter().any(|claim| !claim.is_current) {
            // Their numbers count records of another caption.
            if claims.len() == records.len() {
                claims.iter().zip(records).for_each(|(claim, record)| self.take(claim.index, *record));
            }
            return;
        }
        let (numbered, others): (Vec<_>, Vec<_>) =
            claims.iter().map(|claim| claim.index).partition(|index| self.sought[*index].twin.is_some());
        for index in numbered {
            let one = &self.sought[index];
            // Of several equal records one is left, and it is unknown which.
            let is_doubtful = one.had_twins && records.len() == 1;
            if let Some(record) = one.twin.and_then(|twin| records.get(twin)).filter(|_| !is_doubtful) {
                self.take(index, *record);
            }
        }
        let free: Vec<usize> = records.iter().copied().filter(|record| !self.is_taken[*record]).collect();
        others.into_iter().zip(free).for_each(|(index, record)| self.take(index, record));
    }

    /// Of a whole group, matches the rest by place if none has moved.
    fn match_by_place(&mut self) {
        let mut matched = self.sought.iter().zip(&self.matches).filter(|(_, record)| record.is_some());
        if !self.is_whole() || !matched.all(|(one, record)| one.place == *record) {
            return;
        }
        for (index, one) in self.sought.iter().enumerate() {
            if let Some(place) = one.place.filter(|_| self.matches[index].is_none()) {
                self.take(index, place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
