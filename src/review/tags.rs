//! The tags and words of the dataset: counted in the background, listed in a table, offered as completions in the editor.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::query::{Aspect, quoted};
use super::{Model, ScanId};
use crate::dataset::{Entry, Line};
use crate::session::RecordStates;
use crate::text::{TagCount, TagCounter, TagTable, TagUnit, plain_text, separates_tags, tag_key};

/// A background scan that counts the tags or words of the current captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagScan {
    pub id: ScanId,
    pub unit: TagUnit,
    /// The session's state when the scan was requested.
    pub states: RecordStates,
}

impl TagScan {
    /// Counts the caption of a line's record, unless it is not a string.
    pub fn add(&self, line: &Line, counter: &mut TagCounter) {
        let Entry::Record(record) = line.entry() else { return };
        if record.caption.other().is_none()
            && let Some(caption) = self.states.get(record.id).current_caption(record.id, record.caption.text())
        {
            counter.add(&plain_text(caption));
        }
    }
}

/// The counts, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownTags {
    /// The newest counts.
    table: Option<Arc<TagTable>>,
    /// The scan in progress, and its unit.
    pub(super) scan: Option<(ScanId, TagUnit)>,
    /// Names that the operator used first, with their numbers of captions, by key.
    learned: BTreeMap<String, (String, u64)>,
}

impl KnownTags {
    #[must_use]
    pub fn table(&self, unit: TagUnit) -> Option<&Arc<TagTable>> {
        self.table.as_ref().filter(|table| table.unit() == unit)
    }

    #[must_use]
    pub fn is_counting(&self, unit: TagUnit) -> bool {
        self.scan.is_some_and(|(_, counted)| counted == unit)
    }

    /// Takes the counts of a scan. Returns false if another one was requested since.
    pub(super) fn take(&mut self, id: ScanId, table: Arc<TagTable>, is_complete: bool) -> bool {
        if self.scan.is_none_or(|(current, _)| current != id) {
            return false;
        }
        self.table = Some(table);
        self.learned.clear();
        if is_complete {
            self.scan = None;
        }
        true
    }

    /// Adds what a new caption has and the table lacks.
    pub(super) fn learn(&mut self, caption: &str) {
        let Self { table: Some(table), learned, .. } = self else { return };
        table.unit().each(caption, |key, name| {
            if table.find(key).is_none() {
                learned.entry(key.to_owned()).or_insert_with(|| (name.to_owned(), 0)).1 += 1;
            }
        });
    }

    /// Returns the names whose keys begin with a text, the most frequent first.
    fn beginning(&self, prefix: &str) -> Vec<Completed> {
        let counted = self.table.iter().flat_map(|table| table.beginning(prefix));
        let counted = counted.map(|TagCount { name, key, captions }| (key.as_str(), name.as_str(), *captions));
        let learned = self.learned.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        let learned = learned.map(|(key, (name, captions))| (key.as_str(), name.as_str(), *captions));
        let mut all: Vec<_> = counted.chain(learned).collect();
        all.sort_by_key(|(_, _, captions)| std::cmp::Reverse(*captions));
        let completed = |(key, name, captions): (&str, &str, u64)| Completed {
            key: key.to_owned(),
            text: name.to_owned(),
            captions,
        };
        all.into_iter().map(completed).collect()
    }
}

/// A completion in the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completed {
    key: String,
    pub text: String,
    /// The number of captions that have it.
    pub captions: u64,
}

/// The completions of the tag or word at the cursor of the editor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EditCompletion {
    /// The text before the tag or word.
    before: String,
    /// The text after the cursor.
    after: String,
    /// Not empty; the most frequent first.
    pub choices: Vec<Completed>,
    /// The index of the choice inserted.
    pub chosen: usize,
}

/// The maximum number of completions.
const MAX_CHOICES: usize = 50;

impl EditCompletion {
    /// Returns the completions at a cursor in bytes; `None` if there are none. Tags that the text has already are not
    /// offered.
    pub(super) fn at(text: &str, cursor: usize, unit: TagUnit, known: &KnownTags) -> Option<Self> {
        let (head, after) = text.split_at(text.floor_char_boundary(cursor));
        let (start, prefix) = match unit {
            TagUnit::Tags => {
                let item =
                    head.rfind(separates_tags).map_or(0, |at| at + head[at..].chars().next().map_or(0, char::len_utf8));
                let typed = head[item..].trim_start();
                let is_word_ended = typed.ends_with(|letter: char| letter == '_' || letter.is_whitespace());
                let key = if typed.is_empty() { String::new() } else { tag_key(typed).into_owned() };
                (head.len() - typed.len(), if is_word_ended { format!("{key} ") } else { key })
            }
            TagUnit::Words => {
                let is_word = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '\'' | '’');
                let typed = &head[head.trim_end_matches(is_word).len()..];
                (head.len() - typed.len(), typed.to_lowercase())
            }
        };
        if prefix.is_empty() && unit == TagUnit::Words {
            return None;
        }
        let typed = &head[start..];
        let mut present = HashSet::new();
        if unit == TagUnit::Tags {
            unit.each(&head[..start], |key, _| _ = present.insert(key.to_owned()));
            unit.each(after, |key, _| _ = present.insert(key.to_owned()));
        }
        let mut choices = known.beginning(&prefix);
        choices.retain(|choice| choice.key != prefix && !present.contains(&choice.key));
        choices.truncate(MAX_CHOICES);
        if unit == TagUnit::Words {
            // The typed letters stay, such as a capital.
            for choice in &mut choices {
                choice.text = format!("{typed}{}", &choice.key[prefix.len()..]);
            }
        }
        let (before, after) = (head[..start].to_owned(), after.to_owned());
        (!choices.is_empty()).then_some(Self { before, after, choices, chosen: 0 })
    }

    /// Chooses the next or the previous completion.
    pub(super) fn step(&mut self, forward: bool) {
        let count = self.choices.len();
        self.chosen = (self.chosen + if forward { 1 } else { count - 1 }) % count;
    }

    /// Returns the text with the choice inserted, and the cursor in characters.
    pub(super) fn inserted(&self) -> (String, usize) {
        let head = format!("{}{}", self.before, self.choices[self.chosen].text);
        let cursor = head.chars().count();
        (format!("{head}{}", self.after), cursor)
    }
}

/// The table of tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagsPage {
    /// Only tags with this text are listed.
    pub search: String,
    /// True while the search is being typed.
    pub typing: bool,
    /// The entries of the table that are listed.
    pub rows: Vec<u32>,
    /// The index of the row under the cursor.
    pub chosen: usize,
}

impl TagsPage {
    /// Lists the tags that the search finds in new counts or for a new text.
    pub(super) fn list(&mut self, table: &TagTable) {
        self.rows = table.containing(&self.search);
        self.chosen = self.chosen.min(self.rows.len().saturating_sub(1));
    }
}

impl Model {
    /// Returns the tag under the cursor of the table.
    #[must_use]
    pub fn chosen_tag(&self, page: &TagsPage) -> Option<&TagCount> {
        self.known_tags.table(TagUnit::Tags)?.get(*page.rows.get(page.chosen)?)
    }

    /// Returns what the editor completes.
    pub(super) fn completed_unit(&self) -> TagUnit {
        if self.settings.rules.are_tags() { TagUnit::Tags } else { TagUnit::Words }
    }
}

/// Returns the query for the records with a tag.
pub(super) fn query_of(tag: &str) -> String {
    format!("{}:{}", Aspect::Tag.key(), quoted(tag))
}
