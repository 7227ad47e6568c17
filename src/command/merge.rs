//! `recaption merge PATH OTHER…`: merges the decisions of other reviewers into the session of a dataset, as one undo step.
//!
//! Nothing in this session is overwritten. Merged decisions keep their reviewer and time, and the captions they refer to
//! are merged as candidates with their provenance, so that the statistics of the merged session are correct. If several
//! sessions decided a record differently, none of them wins: it stays undecided, with the caption of each reviewer as a
//! candidate.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::input::{self, Input, InputError};
use super::stats;
use crate::atomic_file;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError};
use crate::exit::ExitCode;
use crate::report::{Bars, Merge, Reviewers, Team, UNKNOWN};
use crate::session::{
    self, Actor, Candidate, CandidateId, Event, History, Import, Ledger, Location, Opened, Seq, SessionError, Store,
};
use crate::text::counted;

mod claims;
mod plan;

use claims::Claims;
use plan::{Plan, RecordChange, Sides};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeOptions {
    /// The session to merge into.
    pub input: Input,
    /// The sessions to merge, or their datasets.
    pub others: Vec<PathBuf>,
    /// Write nothing, and print what would be merged.
    pub dry_run: bool,
    /// Print one JSON object.
    pub json: bool,
    /// Print ASCII only.
    pub ascii: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("{}: cannot merge a session with itself; name another one", .0.display())]
    Same(PathBuf),
    #[error("{}: named twice; name each session once", .0.display())]
    Twice(PathBuf),
    /// The session cannot be written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Standard output or standard error is closed or full.
    #[error("cannot write output: {0}")]
    Output(#[from] io::Error),
}

impl MergeError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::Same(_) | Self::Twice(_) => ExitCode::Usage,
            Self::Session(_) | Self::Output(_) => ExitCode::Write,
        }
    }
}

impl From<DatasetError> for MergeError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

/// A session to merge.
struct Other {
    file: PathBuf,
    /// Its reviewers, or its file name; unlike those of all others.
    name: String,
    /// All of its decisions are by one reviewer, or by unknown ones.
    is_of_one: bool,
}

impl Other {
    /// Returns the reviewer of an event of the session.
    fn reviewer(&self, history: &History, at: Seq) -> String {
        let own = || self.name.clone();
        if self.is_of_one { own() } else { history.reviewer(at).map_or_else(own, str::to_owned) }
    }
}

/// Merges sessions. Prints a report to `out` and notes to `errors`.
///
/// # Errors
/// Returns an error if a session cannot be read, or if the session to merge into cannot be written. Nothing is merged
/// then.
pub fn run(options: &MergeOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<ExitCode, MergeError> {
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    let (others, histories) = read(&options.others, &dataset, &location, &input)?;
    let own = session::read_history(&location, &dataset).map_err(InputError::from)?;
    let (store, mut here) = if options.dry_run {
        (None, input::read_session(&dataset, &location)?)
    } else {
        let (store, opened) = session::open(&location, &dataset, Timestamp::now())?;
        (Some(store), opened)
    };
    input::report(&here, &location, errors)?;

    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let claims = Claims::gather(&dataset, &here.ledger, &histories)?;
    let first = Seq(here.ledger.last().0 + 1);
    let mut imports = Vec::new();
    let mut team = Team {
        dry_run: options.dry_run,
        overlap: claims.overlap(others.iter().map(|other| other.name.clone()).collect()),
        ..Team::default()
    };
    for (other, history) in others.iter().zip(&histories) {
        let there = |seq: Seq| other.reviewer(history, seq);
        let sides = Sides { here: &here, there: history, claims: &claims, own: &own, other: &there };
        let Plan { changes, report, opinions } = Plan::new(&dataset, sides)?;
        apply(&mut here.ledger, changes, &mut imports);
        let report = Merge { other: other.file.display().to_string(), dry_run: options.dry_run, ..report };
        team.sessions.push((other.name.clone(), report));
        for opinion in opinions {
            let known = team.conflicts.entry(opinion.record).or_default();
            if !known.contains(&opinion) {
                known.push(opinion);
            }
        }
        let mut reviewers = Reviewers::default();
        reviewers.add(&dataset, history, &other.name)?;
        team.reviewers.extend(reviewers, |name| if other.is_of_one { other.name.clone() } else { name });
    }
    team.conflicts.retain(|record, _| here.ledger.record(*record).is_in_conflict());
    team.reviewers.add_conflicts(&here.ledger);
    if let Some(store) = store.filter(|_| !imports.is_empty()) {
        write(store, &mut here.ledger, &dataset, first, imports)?;
    }
    print(options, &team, out)
}

/// Prints the report: of one session as a page of its own.
fn print(options: &MergeOptions, team: &Team, out: &mut Console<'_>) -> Result<ExitCode, MergeError> {
    let bars = if options.ascii { Bars::Ascii } else { Bars::Blocks };
    let only = if let [(_, only)] = team.sessions.as_slice() { Some(only) } else { None };
    let is_complete = only.map_or_else(|| team.is_complete(), Merge::is_complete);
    if options.json {
        out.json(&only.map_or_else(|| team.json(), Merge::json))?;
    } else {
        stats::print(&only.map_or_else(|| team.page(bars), |only| only.page(bars)), out)?;
    }
    out.flush()?;
    Ok(if is_complete { ExitCode::Done } else { ExitCode::Findings })
}

/// Reads the sessions to merge.
fn read(
    others: &[PathBuf],
    dataset: &Dataset,
    here: &Location,
    input: &Input,
) -> Result<(Vec<Other>, Vec<History>), MergeError> {
    let mut known: Vec<Other> = Vec::new();
    let mut histories = Vec::new();
    for path in others {
        let other = input::other_review(path, dataset, &input.reading)?;
        let file = other.file();
        if !file.exists() {
            return Err(InputError::NoSession(file.to_owned()).into());
        }
        if atomic_file::is_same_path(here.file(), file) {
            return Err(MergeError::Same(file.to_owned()));
        }
        if known.iter().any(|other| atomic_file::is_same_path(&other.file, file)) {
            return Err(MergeError::Twice(file.to_owned()));
        }
        let history = session::read_history(&other, dataset).map_err(InputError::from)?;
        let decided = history.opened.ledger.touched().filter(|(_, state)| plan::is_decided(state));
        let reviewers: BTreeSet<&str> = decided.filter_map(|(_, state)| history.reviewer(state.decided_at)).collect();
        let reviewers: Vec<&str> = reviewers.into_iter().collect();
        let name = if reviewers.is_empty() { stem(path) } else { reviewers.join("+") };
        let is_of_one = reviewers.len() < 2;
        known.push(Other { file: file.to_owned(), name, is_of_one });
        histories.push(history);
    }
    let names: Vec<String> = known.iter().map(|other| other.name.clone()).collect();
    for (other, path) in known.iter_mut().zip(others) {
        if names.iter().filter(|name| **name == other.name).count() > 1 {
            other.name = format!("{} ({})", other.name, stem(path));
        }
    }
    Ok((known, histories))
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// Takes over the decisions of the sessions of single caption fields into the session of several, as long as that is empty.
/// Returns a note for each.
///
/// # Errors
/// Returns an error if a session cannot be read, or the session of several fields cannot be written.
pub(super) fn take_over(dataset: &Dataset, location: &Location) -> Result<Vec<String>, MergeError> {
    let mut notes = Vec::new();
    let mut changes = Vec::new();
    for field in dataset.caption_fields() {
        let other = Location::find(dataset.path(), field, None).map_err(InputError::from)?;
        if !other.file().exists() {
            continue;
        }
        let here = input::read_session(dataset, location)?;
        if here.ledger.last() != Seq::default() {
            return Ok(Vec::new());
        }
        let there = session::read_history(&other, dataset).map_err(InputError::from)?;
        let by = |seq: Seq| there.reviewer(seq).unwrap_or(UNKNOWN).to_owned();
        let (claims, own) = (Claims::default(), History::default());
        let sides = Sides { here: &here, there: &there, claims: &claims, own: &own, other: &by };
        let plan = Plan::new(dataset, sides)?;
        if !plan.changes.is_empty() {
            let decisions = counted(plan.changes.len() as u64, "record", "records");
            notes.push(format!("took over the decisions on {decisions} from {}", other.file().display()));
        }
        changes.extend(plan.changes);
    }
    if !changes.is_empty() {
        let (store, mut here): (Store, Opened) = session::open(location, dataset, Timestamp::now())?;
        let first = Seq(here.ledger.last().0 + 1);
        let mut imports = Vec::new();
        apply(&mut here.ledger, changes, &mut imports);
        write(store, &mut here.ledger, dataset, first, imports)?;
    }
    Ok(notes)
}

/// Applies merged decisions to the ledger, and adds their events to those to store.
fn apply(ledger: &mut Ledger, records: Vec<RecordChange>, imports: &mut Vec<Import>) {
    for change in records {
        let RecordChange { record, by, at, candidate, decision, amended, flagged, rejected, note, .. } = change;
        let mut apply = |event: Event| {
            let (seq, _) = ledger.apply(event.clone());
            imports.push(Import { reviewer: by.clone(), at, event });
            seq
        };
        for (text, provenance) in change.opinions {
            apply(Event::Generated { record, text, provenance });
        }
        let candidate = match candidate {
            Some(plan::Source::Here(id)) => Some(id),
            Some(plan::Source::There(there)) => {
                let Candidate { text, provenance, .. } = *there;
                Some(CandidateId(apply(Event::Generated { record, text, provenance }).0))
            }
            None => None,
        };
        let decision = decision.map(|decision| plan::with_candidate(&decision, candidate));
        let parts = [
            decision.map(|decision| Event::Decided { record, decision, by: Actor::Operator }),
            amended.map(|text| Event::Amended { record, text: Some(text) }),
            flagged.then_some(Event::Flagged { record, on: true }),
            rejected.map(|reason| Event::Rejected { record, reason: Some(reason) }),
            note.map(|note| Event::Noted { record, note }),
        ];
        for event in parts.into_iter().flatten() {
            apply(event);
        }
        for verification in change.verifications {
            apply(Event::Verified { record, verification: Box::new(verification) });
        }
    }
}

/// Stores merged decisions in one transaction, as one undo step.
fn write(
    mut store: Store,
    ledger: &mut Ledger,
    dataset: &Dataset,
    first: Seq,
    mut imports: Vec<Import>,
) -> Result<(), MergeError> {
    let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
    if let Some(survey) = survey {
        store.set_namesakes(survey.namesakes);
    }
    let changes = imports.iter().filter(|import| import.event.is_change()).count() as u64;
    if changes > 1
        && let Some(Import { reviewer, .. }) = imports.last().cloned()
    {
        let event = Event::StepEnded { changes };
        ledger.apply(event.clone());
        imports.push(Import { reviewer, at: Timestamp::now(), event });
    }
    store.import(first, imports)?;
    Ok(store.close()?)
}

#[cfg(test)]
mod tests;
