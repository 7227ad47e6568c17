//! Writes the report of a spot check.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::atomic_file::{self, WriteError};
use crate::dataset::Dataset;
use crate::inputs::Inputs;
use crate::report::SpotReport;
use crate::session::{self, Location};

/// Writes the report of the newest sample, as JSON if the file name ends in `.json`, else as Markdown. Without a path,
/// writes it beside the dataset under a name that identifies the sample. Returns the path, or a message for the
/// operator.
pub(super) fn write(
    dataset: &Dataset,
    location: &Location,
    path: Option<PathBuf>,
    force: bool,
) -> Result<PathBuf, String> {
    let history = session::read_history(location, dataset).map_err(|error| error.to_string())?;
    let report = SpotReport::gather(dataset, &history, Timestamp::now()).map_err(|error| error.to_string())?;
    let report = report.ok_or("no stored sample to report on")?;
    let path = path.unwrap_or_else(|| {
        let request = &report.figures.request;
        dataset.beside(&format!("_sample_{}_seed_{}.md", request.size, request.seed))
    });
    Inputs::of(dataset, location).check(&path).map_err(|error| error.to_string())?;
    let written = atomic_file::write(&path, force, &mut |file| Ok(report.write_as(&path, file)?));
    let warnings = written.map_err(|error| match error {
        WriteError::Exists => format!("{} already exists; :report! overwrites it", path.display()),
        error => format!("{}: {error}", path.display()),
    })?;
    for warning in warnings {
        tracing::warn!(%warning, "report");
    }
    Ok(path)
}
