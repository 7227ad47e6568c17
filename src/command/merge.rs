//! `recaption merge PATH OTHER`: merges another reviewer's decisions into the session of a dataset, as one undo step.
//!
//! Nothing in this session is overwritten. Merged decisions keep their reviewer and time, and the captions they refer to
//! are merged as candidates with their provenance, so that the statistics of the merged session are correct.

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;

use jiff::Timestamp;

use super::input::{self, Input, InputError};
use super::stats;
use crate::atomic_file;
use crate::console::Console;
use crate::dataset::{Dataset, DatasetError};
use crate::exit::ExitCode;
use crate::report::Bars;
use crate::session::{self, Actor, Candidate, CandidateId, Event, Import, Ledger, Location, Seq, SessionError, Store};
use crate::text::counted;

mod plan;

use plan::{Plan, RecordChange};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeOptions {
    /// The session to merge into.
    pub input: Input,
    /// The session to merge, or its dataset.
    pub other: PathBuf,
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
            Self::Input(_) | Self::Same(_) => ExitCode::Usage,
            Self::Session(_) | Self::Output(_) => ExitCode::Write,
        }
    }
}

impl From<DatasetError> for MergeError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

/// Merges two sessions. Prints a report to `out` and notes to `errors`.
///
/// # Errors
/// Returns an error if a session cannot be read, or if the session to merge into cannot be written.
pub fn run(options: &MergeOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<ExitCode, MergeError> {
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    let other = input::other_review(&options.other, &dataset, &input.reading)?;
    if !other.file().exists() {
        return Err(InputError::NoSession(other.file().to_owned()).into());
    }
    if atomic_file::is_same_path(location.file(), other.file()) {
        return Err(MergeError::Same(other.file().to_owned()));
    }
    let there = session::read_history(&other, &dataset).map_err(InputError::from)?;
    let (store, mut here) = if options.dry_run {
        (None, input::read_session(&dataset, &location)?)
    } else {
        let (store, opened) = session::open(&location, &dataset, Timestamp::now())?;
        (Some(store), opened)
    };
    input::report(&here, &location, errors)?;

    let Plan { changes, mut report } = Plan::new(&dataset, &here, &there)?;
    report.other = other.file().display().to_string();
    report.dry_run = options.dry_run;
    if let Some(store) = store.filter(|_| !changes.is_empty()) {
        write(store, &mut here.ledger, &dataset, changes)?;
    }
    if options.json {
        out.json(&report.json())?;
    } else {
        let bars = if options.ascii { Bars::Ascii } else { Bars::Blocks };
        stats::print(&report.page(bars), out)?;
    }
    out.flush()?;
    Ok(if report.is_complete() { ExitCode::Done } else { ExitCode::Findings })
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
        let plan = Plan::new(dataset, &here, &there)?;
        if !plan.changes.is_empty() {
            let decisions = counted(plan.changes.len() as u64, "record", "records");
            notes.push(format!("took over the decisions on {decisions} from {}", other.file().display()));
        }
        changes.extend(plan.changes);
    }
    if !changes.is_empty() {
        let (store, mut here) = session::open(location, dataset, Timestamp::now())?;
        write(store, &mut here.ledger, dataset, changes)?;
    }
    Ok(notes)
}

/// Stores merged decisions in one transaction, as one undo step.
fn write(
    mut store: Store,
    ledger: &mut Ledger,
    dataset: &Dataset,
    records: Vec<RecordChange>,
) -> Result<(), MergeError> {
    let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
    if let Some(survey) = survey {
        store.set_namesakes(survey.namesakes);
    }
    let first = Seq(ledger.last().0 + 1);
    let mut imports = Vec::new();
    let mut changes = 0;
    for change in records {
        let RecordChange { record, by, at, candidate, decision, amended, flagged, rejected, note, .. } = change;
        let mut apply = |event: Event| {
            let (seq, _) = ledger.apply(event.clone());
            imports.push(Import { reviewer: by.clone(), at, event });
            seq
        };
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
            changes += 1;
        }
        for verification in change.verifications {
            apply(Event::Verified { record, verification: Box::new(verification) });
        }
    }
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
