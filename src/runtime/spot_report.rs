//! The report of a spot check, written to a file.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::dataset::Dataset;
use crate::output;
use crate::report::SpotReport;
use crate::session::{self, Location};

/// Writes the report of the session's newest sample, as JSON where the file's name ends in `.json`, else as Markdown.
/// Without a name it goes beside the dataset, under one that tells the sample. Gives the file, or why there is none.
pub(super) fn write(
    dataset: &Dataset,
    location: &Location,
    path: Option<PathBuf>,
    force: bool,
) -> Result<PathBuf, String> {
    let history = session::read_history(location, dataset).map_err(|error| error.to_string())?;
    let report = SpotReport::gather(dataset, &history, Timestamp::now()).map_err(|error| error.to_string())?;
    let report = report.ok_or("the sample is not stored: nothing can be reported of it")?;
    let path = path.unwrap_or_else(|| {
        let stem = dataset.path().file_stem().unwrap_or_default().to_string_lossy();
        let request = &report.figures.request;
        dataset.path().with_file_name(format!("{stem}_sample_{}_seed_{}.md", request.size, request.seed))
    });
    put(&report, &path, dataset.path(), force).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} is there already; :report! replaces it", path.display()),
        _ => format!("{}: {error}", path.display()),
    })?;
    Ok(path)
}

fn put(report: &SpotReport, path: &Path, dataset: &Path, force: bool) -> io::Result<()> {
    if output::is_same(path, dataset) {
        return Err(io::Error::other("the dataset itself; name another file"));
    }
    output::put(path, force, &mut |file| report.write_as(path, file))
}
