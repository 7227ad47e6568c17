//! How many captions have each tag or word, in bounded memory.

use std::collections::HashMap;

use super::{bare_words, tag_key, tags};

/// The maximum number of entries. Further ones are left out, and so are longer ones.
const MAX_ENTRIES: usize = 1 << 16;
/// The longest tag or word, in bytes.
const MAX_BYTES: usize = 100;

/// The unit that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagUnit {
    Tags,
    /// In lower case, without punctuation at their ends.
    Words,
}

impl TagUnit {
    /// Calls `visit` with the key and the name of each tag or word of a caption.
    pub fn each(self, caption: &str, mut visit: impl FnMut(&str, &str)) {
        match self {
            Self::Tags => tags(caption).for_each(|place| visit(&tag_key(&caption[place.clone()]), &caption[place])),
            Self::Words => bare_words(caption).filter(|word| !word.text.is_empty()).for_each(|word| {
                visit(&word.text, &word.text);
            }),
        }
    }
}

/// A tag or word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// As it is mostly written.
    pub name: String,
    /// The form in which it is compared.
    pub key: String,
    /// The number of captions that have it.
    pub captions: u64,
}

#[derive(Debug)]
struct Entry {
    count: TagCount,
    /// The number of the last caption that has it.
    last: u64,
    /// How often it was written like its name, without as many other spellings: a majority vote (Boyer and Moore).
    votes: u64,
}

/// Counts while captions are read.
#[derive(Debug)]
pub struct TagCounter {
    unit: TagUnit,
    entries: HashMap<String, Entry>,
    captions: u64,
    left_out: u64,
}

impl TagCounter {
    #[must_use]
    pub fn new(unit: TagUnit) -> Self {
        Self { unit, entries: HashMap::new(), captions: 0, left_out: 0 }
    }

    pub fn add(&mut self, caption: &str) {
        self.captions += 1;
        let Self { unit, entries, captions, left_out } = self;
        unit.each(caption, |key, name| {
            let has_room = entries.len() < MAX_ENTRIES && name.len() <= MAX_BYTES;
            match entries.get_mut(key) {
                Some(entry) => {
                    // A caption that repeats it counts once.
                    entry.count.captions += u64::from(entry.last != *captions);
                    entry.last = *captions;
                    if entry.count.name == name {
                        entry.votes += 1;
                    } else if entry.votes == 0 {
                        (entry.count.name, entry.votes) = (name.to_owned(), 1);
                    } else {
                        entry.votes -= 1;
                    }
                }
                None if has_room => {
                    let count = TagCount { name: name.to_owned(), key: key.to_owned(), captions: 1 };
                    entries.insert(key.to_owned(), Entry { count, last: *captions, votes: 1 });
                }
                None => *left_out += 1,
            }
        });
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn table(&self) -> TagTable {
        let mut entries: Vec<TagCount> = self.entries.values().map(|entry| entry.count.clone()).collect();
        entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let mut by_count: Vec<u32> = (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        by_count.sort_by_key(|at| std::cmp::Reverse(entries[*at as usize].captions));
        TagTable { unit: self.unit, captions: self.captions, left_out: self.left_out, entries, by_count }
    }
}

/// The counts of tags or words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTable {
    unit: TagUnit,
    captions: u64,
    left_out: u64,
    /// By key.
    entries: Vec<TagCount>,
    /// The indices of the entries, the most frequent first.
    by_count: Vec<u32>,
}

impl TagTable {
    #[must_use]
    pub const fn unit(&self) -> TagUnit {
        self.unit
    }

    /// Returns the number of captions read.
    #[must_use]
    pub const fn captions(&self) -> u64 {
        self.captions
    }

    /// Returns the number of tags in captions that are not listed, because the table is full or they are too long.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Returns the entries, the most frequent first, then in the order of their keys.
    #[must_use]
    pub fn most_frequent(&self) -> impl ExactSizeIterator<Item = &TagCount> {
        self.by_count.iter().map(|at| &self.entries[*at as usize])
    }

    /// Returns the indices of the entries that contain a text, the most frequent first.
    #[must_use]
    pub fn containing(&self, text: &str) -> Vec<u32> {
        let key = tag_key(text.trim());
        let has = |at: &&u32| self.entries[**at as usize].key.contains(&*key);
        self.by_count.iter().filter(has).copied().collect()
    }

    #[must_use]
    pub fn get(&self, index: u32) -> Option<&TagCount> {
        self.entries.get(index as usize)
    }

    /// Returns the entry with this key.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&TagCount> {
        self.entries.binary_search_by(|entry| entry.key.as_str().cmp(key)).ok().map(|at| &self.entries[at])
    }

    /// Returns the entries whose keys begin with a text, in the order of their keys.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a TagCount> {
        let start = self.entries.partition_point(|entry| entry.key.as_str() < prefix);
        self.entries[start..].iter().take_while(move |entry| entry.key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(unit: TagUnit, captions: &[&str]) -> TagTable {
        let mut counter = TagCounter::new(unit);
        for caption in captions {
            counter.add(caption);
        }
        counter.table()
    }

    fn names(table: &TagTable) -> Vec<(&str, u64)> {
        table.most_frequent().map(|entry| (entry.name.as_str(), entry.captions)).collect()
    }

    #[test]
    fn a_caption_counts_once_for_each_of_its_tags() {
        let table = counted(TagUnit::Tags, &["Long_Hair, hat, hat", "hat,long hair", "cap", ""]);
        assert_eq!(names(&table), [("hat", 2), ("Long_Hair", 2), ("cap", 1)]);
        assert_eq!((table.captions(), table.left_out()), (4, 0));
    }

    #[test]
    fn a_tag_has_the_name_that_most_captions_give_it() {
        let table = counted(TagUnit::Tags, &["Long_Hair", "long hair", "long_hair", "long hair", "long hair"]);
        assert_eq!(names(&table), [("long hair", 5)]);
    }

    #[test]
    fn words_are_counted_without_punctuation() {
        let table = counted(TagUnit::Words, &["A red coat, red.", "The Coat – red"]);
        assert_eq!(names(&table)[..2], [("coat", 2), ("red", 2)]);
    }

    #[test]
    fn entries_are_found_by_their_beginning_and_their_parts() {
        let table = counted(TagUnit::Tags, &["long hair, hat", "long_dress, hat", "hair bow, hat", "Long hair"]);
        let beginning: Vec<&str> = table.beginning("long").map(|entry| entry.name.as_str()).collect();
        assert_eq!(beginning, ["long_dress", "long hair"]);
        let containing = table.containing(" HAIR ").into_iter().filter_map(|at| table.get(at));
        assert_eq!(containing.map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["long hair", "hair bow"]);
        assert_eq!(table.find("hair bow").map(|entry| entry.captions), Some(1));
        assert_eq!((table.beginning("z").count(), table.find("lon")), (0, None));
    }

    #[test]
    fn the_table_is_bounded_and_what_it_lacks_is_counted() {
        let mut counter = TagCounter::new(TagUnit::Tags);
        counter.add(&"x".repeat(MAX_BYTES + 1));
        for number in 0..MAX_ENTRIES + 10 {
            counter.add(&format!("hat, tag {number}"));
        }
        let table = counter.table();
        let total = u64::try_from(MAX_ENTRIES).expect("small");
        assert_eq!(table.most_frequent().len() as u64, total);
        assert_eq!(table.left_out(), 12, "the long one, and 11 after the table was full");
        assert_eq!(table.find("hat").map(|entry| entry.captions), Some(total + 10));
    }
}
