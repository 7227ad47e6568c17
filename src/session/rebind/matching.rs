//! Which record of a changed dataset each touched one is, and what became of it. Knows no database.

use std::collections::{HashMap, HashSet};

use super::super::event::Fate;
use super::super::log::SubjectIndex;
use crate::dataset::RecordId;

/// What a changed dataset means for the session.
#[derive(Default)]
pub(in crate::session) struct Plan {
    pub(in crate::session) fates: Vec<(RecordId, Fate)>,
    /// How many records are in another position than before.
    pub(in crate::session) moved: usize,
    /// Whether the dataset now is what the session last saved.
    pub(in crate::session) own_output: bool,
    /// The subjects with news.
    pub(super) rows: Vec<Row>,
}

impl Plan {
    /// Whether it says that anything is not as it was.
    pub(in crate::session) fn is_news(&self) -> bool {
        self.moved > 0 || !self.fates.is_empty()
    }
}

/// A subject as the database has it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) subject: SubjectIndex,
    pub(super) file_name: String,
    pub(super) occurrence: usize,
    pub(super) position: Option<RecordId>,
    pub(super) original: Option<String>,
    /// The text of this session that is in the dataset in its place.
    pub(super) ours: Option<String>,
}

impl Row {
    /// What the dataset last said.
    fn caption(&self) -> Option<&str> {
        self.ours.as_deref().or(self.original.as_deref())
    }
}

/// A record of the dataset that bears the name of a subject.
pub(super) struct Found {
    pub(super) record: RecordId,
    pub(super) caption: Option<String>,
}

/// The records found, by name and in file order, so that an index is an occurrence.
pub(super) type FoundByName = HashMap<String, Vec<Found>>;

/// The texts that were ever decided for a subject.
pub(super) type DecidedTexts = HashMap<SubjectIndex, HashSet<String>>;

/// The subjects that are not plainly the one record of their name with the caption it had.
pub(super) fn doubtful(rows: &[Row], found: &FoundByName) -> HashSet<SubjectIndex> {
    let plain = |row: &Row| match found.get(&row.file_name).map(Vec::as_slice) {
        None => true,
        Some([only]) => row.occurrence == 0 && only.caption.as_deref() == row.caption(),
        Some(_) => false,
    };
    rows.iter().filter(|row| !plain(row)).map(|row| row.subject).collect()
}

/// Where each subject is in the session's own output: nothing was moved, some records were left out. None if the names
/// don't bear that out.
pub(super) fn match_own_output(
    rows: &[Row],
    found: &FoundByName,
    left_out: &HashSet<SubjectIndex>,
) -> Option<Vec<Option<usize>>> {
    let mut gone: Vec<RecordId> =
        rows.iter().filter(|row| left_out.contains(&row.subject)).filter_map(|row| row.position).collect();
    gone.sort_unstable();
    let mut matches = Vec::with_capacity(rows.len());
    for row in rows {
        matches.push(match row.position {
            Some(position) if !left_out.contains(&row.subject) => {
                let before = u32::try_from(gone.partition_point(|gone| *gone < position)).ok()?;
                let target = RecordId(position.0 - before);
                Some(found.get(&row.file_name)?.binary_search_by_key(&target, |found| found.record).ok()?)
            }
            _ => None,
        });
    }
    Some(matches)
}

/// Which of the records of its name each subject is. Where a name occurs more than once, the caption tells them apart
/// as far as it can and the occurrence decides the rest.
pub(super) fn match_by_name(rows: &[Row], found: &FoundByName, texts: &DecidedTexts) -> Vec<Option<usize>> {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        groups.entry(&row.file_name).or_default().push(index);
    }
    let mut matches = vec![None; rows.len()];
    for (name, mut group) in groups {
        let Some(records) = found.get(name) else { continue };
        group.sort_by_key(|&index| (rows[index].position.is_none(), rows[index].position));
        let mut namesakes = Namesakes::new(records);
        // The surest sign first; each is tried on the whole group before a weaker one.
        for sign in [Sign::PlaceAndCaption, Sign::Caption, Sign::Decided, Sign::Place] {
            for &index in &group {
                if matches[index].is_none() {
                    matches[index] = namesakes.claim(&rows[index], sign, texts.get(&rows[index].subject));
                }
            }
        }
    }
    matches
}

/// By what a subject is taken to be one of several records of its name.
#[derive(Clone, Copy)]
enum Sign {
    /// It has the same occurrence and the caption it had, or once had.
    PlaceAndCaption,
    /// It has the caption the subject had, or once had.
    Caption,
    /// It has a caption that was decided for the subject.
    Decided,
    /// It has the same occurrence.
    Place,
}

/// The records of one name, each of which can be claimed once.
struct Namesakes<'a> {
    records: &'a [Found],
    free: Vec<bool>,
    /// Their places by caption, the first one last.
    places: HashMap<Option<&'a str>, Vec<usize>>,
}

impl<'a> Namesakes<'a> {
    fn new(records: &'a [Found]) -> Self {
        let mut places: HashMap<_, Vec<_>> = HashMap::new();
        for (place, found) in records.iter().enumerate().rev() {
            places.entry(found.caption.as_deref()).or_default().push(place);
        }
        Self { records, free: vec![true; records.len()], places }
    }

    fn claim(&mut self, row: &'a Row, sign: Sign, decided: Option<&'a HashSet<String>>) -> Option<usize> {
        let captions = [row.caption(), row.original.as_deref()];
        let here = row.occurrence;
        let is_free = self.free.get(here).copied().unwrap_or(false);
        let place = match sign {
            Sign::PlaceAndCaption => {
                (is_free && captions.contains(&self.records[here].caption.as_deref())).then_some(here)
            }
            Sign::Caption => captions.into_iter().find_map(|caption| self.free_with(caption)),
            Sign::Decided => decided?.iter().find_map(|text| self.free_with(Some(text))),
            Sign::Place => is_free.then_some(here),
        }?;
        self.free[place] = false;
        Some(place)
    }

    /// The first free place with a caption.
    fn free_with(&mut self, caption: Option<&'a str>) -> Option<usize> {
        let places = self.places.get_mut(&caption)?;
        while places.pop_if(|place| !self.free[*place]).is_some() {}
        places.last().copied()
    }
}

/// What became of each subject, by the caption of the record it is.
pub(super) fn plan(rows: Vec<Row>, matches: &[Option<usize>], found: &FoundByName, texts: &DecidedTexts) -> Plan {
    let mut plan = Plan::default();
    for (mut row, place) in rows.into_iter().zip(matches) {
        let stand_in = row.subject.stand_in();
        let before = row.position;
        let Some((occurrence, now)) = place.and_then(|place| Some((place, found.get(&row.file_name)?.get(place)?)))
        else {
            if before.is_some() {
                plan.fates.push((stand_in, Fate::Gone));
                plan.rows.push(Row { position: None, ..row });
            }
            continue;
        };
        let mut is_news = row.occurrence != occurrence || before != Some(now.record);
        match before {
            None => plan.fates.push((now.record, Fate::Returned)),
            Some(before) if before != now.record => plan.moved += 1,
            Some(_) => {}
        }
        if row.caption() != now.caption.as_deref() {
            let decided = texts.get(&row.subject);
            let ours = now.caption.as_ref().filter(|caption| decided.is_some_and(|texts| texts.contains(*caption)));
            let fate = if now.caption == row.original {
                row.ours = None;
                Fate::Restored
            } else if let Some(ours) = ours {
                row.ours = Some(ours.clone());
                Fate::Ours { original: row.original.clone() }
            } else {
                row.ours = None;
                Fate::Changed { before: std::mem::replace(&mut row.original, now.caption.clone()) }
            };
            plan.fates.push((now.record, fate));
            is_news = true;
        }
        if is_news {
            plan.rows.push(Row { position: Some(now.record), occurrence, ..row });
        }
    }
    plan
}
