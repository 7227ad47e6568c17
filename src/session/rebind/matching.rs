//! The matching algorithm, without the database.

use std::collections::{HashMap, HashSet};

use super::super::event::MatchOutcome;
use super::super::subject::SubjectIndex;
use crate::dataset::RecordId;

/// The result of matching.
#[derive(Default)]
pub(in crate::session) struct Plan {
    pub(in crate::session) outcomes: Vec<(RecordId, MatchOutcome)>,
    /// The number of records whose position changed.
    pub(in crate::session) moved: usize,
    /// The dataset is the last output of this session.
    pub(in crate::session) own_output: bool,
    /// The subjects that changed.
    pub(super) rows: Vec<Row>,
}

impl Plan {
    /// Returns true if anything changed.
    pub(in crate::session) fn has_changes(&self) -> bool {
        self.moved > 0 || !self.outcomes.is_empty()
    }
}

/// A stored subject.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) subject: SubjectIndex,
    pub(super) file_name: String,
    pub(super) occurrence: usize,
    pub(super) position: Option<RecordId>,
    pub(super) original: Option<String>,
    /// The text of this session that replaces it in the dataset.
    pub(super) ours: Option<String>,
}

impl Row {
    /// Returns the caption last seen in the dataset.
    fn caption(&self) -> Option<&str> {
        self.ours.as_deref().or(self.original.as_deref())
    }
}

/// A record of the dataset with the file name of a subject.
pub(super) struct Found {
    pub(super) record: RecordId,
    pub(super) caption: Option<String>,
}

/// The records found, by file name. In file order, so that the index is the occurrence.
pub(super) type FoundByName = HashMap<String, Vec<Found>>;

/// All texts that were ever decided for a subject.
pub(super) type DecidedTexts = HashMap<SubjectIndex, HashSet<String>>;

/// Returns the subjects whose match is ambiguous or whose caption changed.
pub(super) fn doubtful(rows: &[Row], found: &FoundByName) -> HashSet<SubjectIndex> {
    let plain = |row: &Row| match found.get(&row.file_name).map(Vec::as_slice) {
        None => true,
        Some([only]) => row.occurrence == 0 && only.caption.as_deref() == row.caption(),
        Some(_) => false,
    };
    rows.iter().filter(|row| !plain(row)).map(|row| row.subject).collect()
}

/// Matches the subjects with the session's own output, in which records were left out, but not moved. Returns `None` if the
/// file names do not agree.
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

/// Matches each subject with a record of the same file name. If several records have that name, captions are compared
/// first, then occurrences.
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
        // The strongest criterion first; each is applied to the whole group before a weaker one.
        for criterion in [Criterion::PlaceAndCaption, Criterion::Caption, Criterion::Decided, Criterion::Place] {
            for &index in &group {
                if matches[index].is_none() {
                    matches[index] = namesakes.claim(&rows[index], criterion, texts.get(&rows[index].subject));
                }
            }
        }
    }
    matches
}

/// A criterion that identifies a subject among records of the same name.
#[derive(Clone, Copy)]
enum Criterion {
    /// The same occurrence, and the current or an earlier caption.
    PlaceAndCaption,
    /// The current or an earlier caption.
    Caption,
    /// A caption that was decided for the subject.
    Decided,
    /// The same occurrence.
    Place,
}

/// The records of one file name. Each can be claimed once.
struct Namesakes<'a> {
    records: &'a [Found],
    free: Vec<bool>,
    /// Their indices by caption, in descending order.
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

    fn claim(&mut self, row: &'a Row, criterion: Criterion, decided: Option<&'a HashSet<String>>) -> Option<usize> {
        let captions = [row.caption(), row.original.as_deref()];
        let here = row.occurrence;
        let is_free = self.free.get(here).copied().unwrap_or(false);
        let place = match criterion {
            Criterion::PlaceAndCaption => {
                (is_free && captions.contains(&self.records[here].caption.as_deref())).then_some(here)
            }
            Criterion::Caption => captions.into_iter().find_map(|caption| self.free_with(caption)),
            Criterion::Decided => decided?.iter().find_map(|text| self.free_with(Some(text))),
            Criterion::Place => is_free.then_some(here),
        }?;
        self.free[place] = false;
        Some(place)
    }

    /// Returns the first unclaimed record with a caption.
    fn free_with(&mut self, caption: Option<&'a str>) -> Option<usize> {
        let places = self.places.get_mut(&caption)?;
        while places.pop_if(|place| !self.free[*place]).is_some() {}
        places.last().copied()
    }
}

/// Determines the outcome of each subject from the caption of the matched record.
pub(super) fn plan(rows: Vec<Row>, matches: &[Option<usize>], found: &FoundByName, texts: &DecidedTexts) -> Plan {
    let mut plan = Plan::default();
    for (mut row, place) in rows.into_iter().zip(matches) {
        let placeholder = row.subject.placeholder();
        let before = row.position;
        let Some((occurrence, now)) = place.and_then(|place| Some((place, found.get(&row.file_name)?.get(place)?)))
        else {
            if before.is_some() {
                plan.outcomes.push((placeholder, MatchOutcome::Gone));
                plan.rows.push(Row { position: None, ..row });
            }
            continue;
        };
        let mut is_changed = row.occurrence != occurrence || before != Some(now.record);
        match before {
            None => plan.outcomes.push((now.record, MatchOutcome::Returned)),
            Some(before) if before != now.record => plan.moved += 1,
            Some(_) => {}
        }
        if row.caption() != now.caption.as_deref() {
            let decided = texts.get(&row.subject);
            let ours = now.caption.as_ref().filter(|caption| decided.is_some_and(|texts| texts.contains(*caption)));
            let outcome = if now.caption == row.original {
                row.ours = None;
                MatchOutcome::Restored
            } else if let Some(ours) = ours {
                row.ours = Some(ours.clone());
                MatchOutcome::Ours { original: row.original.clone() }
            } else {
                row.ours = None;
                MatchOutcome::Changed { before: std::mem::replace(&mut row.original, now.caption.clone()) }
            };
            plan.outcomes.push((now.record, outcome));
            is_changed = true;
        }
        if is_changed {
            plan.rows.push(Row { position: Some(now.record), occurrence, ..row });
        }
    }
    plan
}
