//! The passes over the whole dataset at the start: the index, the check of lines and images, and the file names that
//! several records share.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::{Checked, Emit, EngineEvent, Stopping};
use crate::dataset::{Dataset, Entry, Progress};
use crate::picture;
use crate::session::WorkerHandle;
use crate::text::counted;

/// Records between two looks at the clock during the check.
const LOOK_EVERY: u32 = 1_024;

/// The shortest time between two reports of the index. Each costs a frame, which takes as long as indexing ten megabytes.
const INDEX_REPORTS: Duration = Duration::from_millis(100);

/// The shortest time between two reports of the check. A key that is pressed while the frame of a report is drawn waits for it.
const CHECK_REPORTS: Duration = Duration::from_millis(200);

/// Limits the rate of reports. The first one is always due.
struct Reports {
    interval: Duration,
    last: Option<Instant>,
}

impl Reports {
    const fn every(interval: Duration) -> Self {
        Self { interval, last: None }
    }

    /// Returns true if a report is due, which then counts as made.
    fn is_due(&mut self) -> bool {
        let is_due = self.last.is_none_or(|last| last.elapsed() >= self.interval);
        if is_due {
            self.last = Some(Instant::now());
        }
        is_due
    }
}

pub(super) fn run(
    dataset: &Dataset,
    check_images: bool,
    session: Option<&WorkerHandle>,
    emit: &Emit,
    stopping: &Stopping,
) {
    let report = |progress: &Progress| {
        emit(EngineEvent::Indexed { records: progress.records, complete: progress.complete });
    };
    let mut reports = Reports::every(INDEX_REPORTS);
    let built = dataset.build_index(&mut |progress| {
        if reports.is_due() {
            report(&progress);
        }
        stopping.check()
    });
    match built {
        Ok(progress) => {
            report(&progress);
            if let Some(note) = left_out(dataset) {
                emit(EngineEvent::Warning(note));
            }
        }
        Err(error) => return emit(EngineEvent::DatasetFailed(error.to_string())),
    }
    if check_images {
        check(dataset, emit, stopping);
    }
    match dataset.survey(&mut || stopping.check()) {
        Ok(Some(survey)) => {
            // If this fails, so does the next step, which is reported.
            let _ = session.map(|session| session.set_namesakes(survey.namesakes));
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "cannot tell which records share a file name"),
    }
}

/// Returns the message about the files in a folder of images that are not in the dataset.
fn left_out(dataset: &Dataset) -> Option<String> {
    let reasons = dataset.left_out().map(|(reason, count, _)| {
        let (one, many) = reason.names();
        counted(count, one, many)
    });
    let reasons: Vec<String> = reasons.collect();
    (!reasons.is_empty()).then(|| format!("not in the dataset: {} · recaption check lists them", reasons.join(", ")))
}

/// Checks that every line can be parsed and every image file exists.
fn check(dataset: &Dataset, emit: &Emit, stopping: &Stopping) {
    let mut found = Checked::default();
    let mut reports = Reports::every(CHECK_REPORTS);
    let result = dataset.scan(&mut |entry| {
        found.records += 1;
        match &entry {
            Entry::Bad(bad) => drop(found.bad_lines.insert(bad.id.0)),
            Entry::Record(line) => {
                found.other_captions.extend(line.caption.other().map(|_| line.id.0));
                let path = dataset.picture_path(&line.file_name);
                if !path.is_ok_and(|path| picture::located(&path).is_some()) {
                    found.bad_pictures.insert(line.id.0);
                }
            }
        }
        if found.records.is_multiple_of(LOOK_EVERY) {
            if reports.is_due() {
                let next = Checked { records: found.records, ..Checked::default() };
                emit(EngineEvent::Checked(std::mem::replace(&mut found, next)));
            }
            return stopping.check();
        }
        ControlFlow::Continue(())
    });
    emit(match result {
        Ok(()) => EngineEvent::Checked(found),
        Err(error) => EngineEvent::DatasetFailed(error.to_string()),
    });
}
