//! `recaption merge PATH OTHER`: takes what another person decided into the session of a dataset, as one step of undo.
//!
//! Nothing that was said here is overwritten. Decisions arrive as those of the person who made them, at the time they
//! were made, and the texts they are about arrive as candidates with their provenance: what the statistics say of the
//! merged session is what happened.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

use jiff::Timestamp;

use super::input::{self, Input, InputError};
use super::stats;
use crate::dataset::{Dataset, DatasetError};
use crate::exit::ExitCode;
use crate::output;
use crate::report::Bars;
use crate::session::{self, Actor, Candidate, CandidateId, Event, Import, Ledger, Seq, SessionError, Store};
use crate::text::sanitize;

mod plan;

use plan::{Plan, Taken};

/// What `merge` was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct MergeOptions {
    /// Into which session.
    pub input: Input,
    /// The other review: its session, or a dataset with its session.
    pub other: PathBuf,
    /// Only say what would be taken.
    pub dry_run: bool,
    /// One JSON object instead of text.
    pub json: bool,
    /// ASCII characters only.
    pub ascii: bool,
    /// Headings in bold.
    pub colour: bool,
}

/// Why nothing was merged, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge, or nothing to merge it into.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Both are the same session.
    #[error("{}: the same session twice; name another one to merge", sanitize(&.0.to_string_lossy()))]
    Same(PathBuf),
    /// The session cannot be written.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[from] io::Error),
}

impl MergeError {
    /// How the program is to end.
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

/// Merges. `out` gets what was taken and what was not, `errors` what else there is to know.
///
/// # Errors
/// When either session cannot be read, or this one cannot be written.
pub fn run(options: &MergeOptions, out: &mut dyn Write, errors: &mut dyn Write) -> Result<ExitCode, MergeError> {
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    let other = input::other_review(&options.other, &dataset, &input.reading)?;
    if !other.file().exists() {
        return Err(InputError::NoSession(other.file().to_owned()).into());
    }
    if output::is_same(location.file(), other.file()) {
        return Err(MergeError::Same(other.file().to_owned()));
    }
    let there = session::read_history(&other, &dataset).map_err(InputError::from)?;
    let (store, mut here) = if options.dry_run {
        (None, input::look(&dataset, &location)?)
    } else {
        let (store, opened) = session::open(&location, &dataset, Timestamp::now())?;
        (Some(store), opened)
    };
    input::report(&here, &location, errors)?;

    let Plan { taken, mut report } = Plan::new(&dataset, &here, &there)?;
    report.other = other.file().display().to_string();
    report.dry_run = options.dry_run;
    if let Some(store) = store.filter(|_| !taken.is_empty()) {
        write(store, &mut here.ledger, &dataset, taken)?;
    }
    if options.json {
        writeln!(out, "{}", report.json())?;
    } else {
        let bars = if options.ascii { Bars::Ascii } else { Bars::Blocks };
        stats::print(&report.page(bars), options.colour, out)?;
    }
    out.flush()?;
    Ok(if report.is_complete() { ExitCode::Done } else { ExitCode::Findings })
}

/// Stores what is taken in one transaction, as one step of undo.
fn write(mut store: Store, ledger: &mut Ledger, dataset: &Dataset, taken: Vec<Taken>) -> Result<(), MergeError> {
    let survey = dataset.survey(&mut || ControlFlow::Continue(()))?;
    store.set_occurrences(survey.map(|survey| survey.occurrences).unwrap_or_default());
    let first = Seq(ledger.last().0 + 1);
    let mut imports = Vec::new();
    let mut changes = 0;
    for Taken { record, by, at, candidate, decision, amended, flagged, note, .. } in taken {
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
        let decision = decision.map(|decision| plan::on(&decision, candidate));
        let parts = [
            decision.map(|decision| Event::Decided { record, decision, by: Actor::Operator }),
            amended.map(|text| Event::Amended { record, text: Some(text) }),
            flagged.then_some(Event::Flagged { record, on: true }),
            note.map(|note| Event::Noted { record, note }),
        ];
        for event in parts.into_iter().flatten() {
            apply(event);
            changes += 1;
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
