//! Matches the subjects with the records of the dataset, without the database.

use std::collections::{HashMap, HashSet};

use super::super::event::MatchOutcome;
use super::super::subject::SubjectIndex;
use crate::dataset::{Match, RecordId, Shared, Sought, match_namesakes};

/// The result of matching.
#[derive(Default)]
pub(in crate::session) struct Plan {
    pub(in crate::session) outcomes: Vec<(RecordId, MatchOutcome)>,
    /// The number of records with events.
    pub(in crate::session) subjects: usize,
    /// The records whose caption was changed outside this session.
    pub(in crate::session) changed: Vec<RecordId>,
    /// The number of other records whose position changed.
    pub(in crate::session) moved: usize,
    /// The number of other records that were missing and are present again.
    pub(in crate::session) returned: usize,
    /// The number of records that are newly set aside.
    pub(in crate::session) ambiguous: usize,
    /// The number of records that were missing before and still are.
    pub(in crate::session) absent: usize,
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
    /// The number of earlier records with the same file name and caption, if `shared` is known.
    pub(super) occurrence: usize,
    pub(super) position: Option<RecordId>,
    pub(super) original: Option<String>,
    /// The text of this session that replaces it in the dataset.
    pub(super) ours: Option<String>,
    pub(super) shared: Option<Shared>,
    /// Its file name is in the dataset, but it is unknown which record it is, if any.
    pub(super) is_ambiguous: bool,
}

impl Row {
    /// Returns the caption last seen in the dataset.
    fn caption(&self) -> Option<&str> {
        self.ours.as_deref().or(self.original.as_deref())
    }

    /// `is_only` is true if no other subject has its file name.
    fn sought<'a>(&'a self, texts: &'a DecidedTexts, is_only: bool) -> Sought<Option<&'a str>> {
        let is_known = self.shared.is_some();
        let written = texts.get(&self.subject).into_iter().flatten();
        Sought {
            caption: self.caption(),
            before: self.ours.is_some().then_some(self.original.as_deref()),
            written: written.map(|text| Some(text.as_str())).collect(),
            twin: is_known.then_some(self.occurrence),
            had_twins: self.shared == Some(Shared::Caption),
            place: (self.shared == Some(Shared::Nothing) && (is_only || self.position.is_some())).then_some(0),
        }
    }
}

/// The records of the dataset with the file name of a subject, in file order.
#[derive(Default)]
pub(super) struct Namesakes {
    pub(super) records: Vec<RecordId>,
    captions: Vec<Option<String>>,
    /// The number of earlier records with the same caption.
    twins: Vec<usize>,
    /// The number of records by caption.
    counts: HashMap<Option<String>, usize>,
}

impl Namesakes {
    pub(super) fn push(&mut self, record: RecordId, caption: Option<String>) {
        let count = self.counts.entry(caption.clone()).or_default();
        self.records.push(record);
        self.twins.push(*count);
        self.captions.push(caption);
        *count += 1;
    }

    fn caption(&self, place: usize) -> Option<&str> {
        self.captions[place].as_deref()
    }

    fn shared(&self, place: usize) -> Shared {
        match self.counts.get(&self.captions[place]) {
            Some(2..) => Shared::Caption,
            _ if self.records.len() > 1 => Shared::Name,
            _ => Shared::Nothing,
        }
    }
}

pub(super) type FoundByName = HashMap<String, Namesakes>;

/// All texts that were ever decided for a subject.
pub(super) type DecidedTexts = HashMap<SubjectIndex, HashSet<String>>;

/// Returns the subjects whose match is ambiguous or whose caption changed.
pub(super) fn doubtful(rows: &[Row], found: &FoundByName) -> HashSet<SubjectIndex> {
    let plain = |row: &Row| match found.get(&row.file_name) {
        None => true,
        Some(namesakes) => namesakes.records.len() == 1 && namesakes.caption(0) == row.caption(),
    };
    rows.iter().filter(|row| !plain(row)).map(|row| row.subject).collect()
}

/// Matches the subjects with the session's own output, in which records were left out, but not moved. Returns `None` if the
/// file names and captions do not agree.
pub(super) fn match_own_output(
    rows: &[Row],
    found: &FoundByName,
    left_out: &HashSet<SubjectIndex>,
    texts: &DecidedTexts,
) -> Option<Vec<Match>> {
    // Lines that cannot be parsed are never left out.
    let is_left_out = |row: &Row| left_out.contains(&row.subject) && !row.file_name.is_empty();
    let mut gone: Vec<RecordId> = rows.iter().filter(|row| is_left_out(row)).filter_map(|row| row.position).collect();
    gone.sort_unstable();
    let mut matches = Vec::with_capacity(rows.len());
    for row in rows {
        matches.push(match row.position {
            Some(position) if !is_left_out(row) => {
                let before = u32::try_from(gone.partition_point(|gone| *gone < position)).ok()?;
                let namesakes = found.get(&row.file_name)?;
                let place = namesakes.records.binary_search(&RecordId(position.0 - before)).ok()?;
                let caption = namesakes.caption(place);
                let is_written =
                    || texts.get(&row.subject).is_some_and(|texts| caption.is_some_and(|c| texts.contains(c)));
                // A record without a caption is restored with an empty one.
                let is_empty = caption == Some("") && row.original.is_none();
                if !is_empty && caption != row.caption() && caption != row.original.as_deref() && !is_written() {
                    return None;
                }
                Match::Found(place)
            }
            _ => Match::Missing,
        });
    }
    Some(matches)
}

/// Matches each subject with a record of the same file name.
pub(super) fn match_by_name(rows: &[Row], found: &FoundByName, texts: &DecidedTexts) -> Vec<Match> {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        groups.entry(&row.file_name).or_default().push(index);
    }
    let mut matches = vec![Match::Missing; rows.len()];
    for (name, mut group) in groups {
        let Some(namesakes) = found.get(name) else { continue };
        group.sort_by_key(|&index| (rows[index].position.is_none(), rows[index].position));
        let sought: Vec<_> = group.iter().map(|&index| rows[index].sought(texts, group.len() == 1)).collect();
        let captions: Vec<_> = namesakes.captions.iter().map(Option::as_deref).collect();
        for (index, found) in group.into_iter().zip(match_namesakes(&sought, &captions)) {
            matches[index] = found;
        }
    }
    matches
}

/// Determines the outcome of each subject from the caption of the matched record.
pub(super) fn plan(rows: Vec<Row>, matches: &[Match], found: &FoundByName, texts: &DecidedTexts) -> Plan {
    let mut plan = Plan { subjects: rows.len(), ..Plan::default() };
    for (mut row, found_at) in rows.into_iter().zip(matches) {
        let before = row.position;
        let namesakes = found.get(&row.file_name);
        let (Match::Found(place), Some(namesakes)) = (*found_at, namesakes) else {
            let is_ambiguous = *found_at == Match::Ambiguous;
            if before.is_some() {
                plan.outcomes.push((row.subject.placeholder(), MatchOutcome::Gone));
                plan.ambiguous += usize::from(is_ambiguous);
            } else {
                plan.absent += 1;
            }
            if before.is_some() || is_ambiguous != row.is_ambiguous {
                plan.rows.push(Row { position: None, is_ambiguous, ..row });
            }
            continue;
        };
        let (record, caption) = (namesakes.records[place], namesakes.caption(place));
        let (occurrence, shared) = (namesakes.twins[place], Some(namesakes.shared(place)));
        let mut is_changed = row.occurrence != occurrence || row.shared != shared || before != Some(record);
        if before.is_none() {
            plan.outcomes.push((record, MatchOutcome::Returned));
        }
        let is_same = row.caption() == caption;
        if !is_same {
            let decided = texts.get(&row.subject);
            let ours = caption.filter(|caption| decided.is_some_and(|texts| texts.contains(*caption)));
            let outcome = if caption == row.original.as_deref() {
                row.ours = None;
                MatchOutcome::Restored
            } else if let Some(ours) = ours {
                row.ours = Some(ours.to_owned());
                MatchOutcome::Ours { original: row.original.clone() }
            } else {
                row.ours = None;
                plan.changed.push(record);
                MatchOutcome::Changed { before: std::mem::replace(&mut row.original, caption.map(str::to_owned)) }
            };
            plan.outcomes.push((record, outcome));
            is_changed = true;
        }
        if plan.changed.last() != Some(&record) {
            plan.moved += usize::from(before.is_some_and(|before| before != record));
            plan.returned += usize::from(before.is_none());
        }
        if is_changed {
            plan.rows.push(Row { position: Some(record), occurrence, shared, is_ambiguous: false, ..row });
        }
    }
    plan
}
