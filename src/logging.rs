//! The log file.
//!
//! Captions are logged at `debug` and `trace` only, so that a log attached to a bug report reveals none.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::config::LogLevel;
use crate::inputs::{Inputs, IsInput};
use crate::session::Location;
use crate::text::sanitize;

/// The name that the scripts before this program used.
const FILE_NAME: &str = "description_generation.log";

/// The reason why there is no log. The run continues without one.
#[derive(Debug, thiserror::Error)]
pub enum LogWarning {
    #[error("{}: {source}; continuing without a log (--log FILE sets another)", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    /// A folder, a pipe or a socket. Opening a pipe waits for its reader.
    #[error("{}: not a regular file; continuing without a log (--log FILE sets another)", path.display())]
    NotAFile { path: PathBuf },
    #[error("{0}; continuing without a log (--log FILE sets another)")]
    IsInput(#[from] IsInput),
    #[error("{}: not opened; this process already has a log", path.display())]
    AlreadyOpen { path: PathBuf, source: SetGlobalDefaultError },
}

/// Keeps the log open. Dropping it flushes buffered lines, so drop it last.
#[derive(Debug)]
#[must_use = "dropping this closes the log"]
pub struct LogGuard {
    _worker: WorkerGuard,
}

/// Returns the default path of the log, beside the session.
#[must_use]
pub fn default_path(session: &Path) -> PathBuf {
    session.with_file_name(FILE_NAME)
}

/// Appends lines of `level` and above from all threads of the process to the file, whose folder must exist. Lines of
/// libraries are logged from `warn` up. A separate thread writes the file, so that logging never blocks.
///
/// # Errors
/// Returns an error if the file cannot be written or the process already has a log.
pub fn start(path: &Path, level: LogLevel) -> Result<LogGuard, LogWarning> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !is_device(found.file_type())) {
        return Err(LogWarning::NotAFile { path: path.to_owned() });
    }
    let file = open(path).map_err(|source| LogWarning::Unwritable { path: path.to_owned(), source })?;
    let (writer, worker) = tracing_appender::non_blocking(file);
    set_global_default(subscriber(writer, level))
        .map_err(|source| LogWarning::AlreadyOpen { path: path.to_owned(), source })?;
    Ok(LogGuard { _worker: worker })
}

/// Starts the log in the given file, or beside the session, whose folder is created if it does not exist. It is none of
/// the inputs.
///
/// # Errors
/// As for [`start`].
pub fn start_beside(
    session: &Location,
    inputs: &Inputs,
    (path, level): &(Option<PathBuf>, LogLevel),
) -> Result<LogGuard, LogWarning> {
    let path = path.clone().unwrap_or_else(|| {
        // If this fails, so does opening the session, which is reported.
        let _ = session.prepare();
        default_path(session.file())
    });
    inputs.check(&path)?;
    start(&path, *level)
}

#[cfg(unix)]
fn is_device(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
const fn is_device(_: FileType) -> bool {
    false
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Escapes control and invisible characters, and line breaks within an event, so that a file name or a response cannot
/// command the terminal that shows the log, or forge a line of it.
struct InertLines(NonBlocking);

impl Write for InertLines {
    /// Is called once an event, with all of it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = sanitize(text.strip_suffix('\n').unwrap_or(&text));
        self.0.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn subscriber(writer: NonBlocking, level: LogLevel) -> impl tracing::Subscriber + Send + Sync {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = Targets::new().with_default(level.min(LevelFilter::WARN)).with_target(env!("CARGO_CRATE_NAME"), level);
    let lines = tracing_subscriber::fmt::layer().with_writer(move || InertLines(writer.clone())).with_ansi(false);
    tracing_subscriber::registry().with(filter).with(lines)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;
    use tempfile::TempDir;
    use tracing::subscriber::with_default;

    use super::*;
    use crate::text::hidden_characters;

    /// Returns the log of `work`, which must log on this thread only.
    fn logged(level: LogLevel, work: impl FnOnce()) -> String {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("a.log");
        fs::write(&path, "from an earlier run\n").expect("written");
        let (writer, worker) = tracing_appender::non_blocking(open(&path).expect("opened"));
        with_default(subscriber(writer, level), work);
        drop(worker);
        fs::read_to_string(&path).expect("read")
    }

    #[rstest]
    #[case(LogLevel::Error, &["earlier", "our error", "their error"])]
    #[case(LogLevel::Info, &["earlier", "our error", "our info", "their error", "their warning"])]
    #[case(LogLevel::Debug, &["earlier", "our error", "our info", "our debug", "their error", "their warning"])]
    fn libraries_log_warnings_and_errors_only(#[case] level: LogLevel, #[case] expected: &[&str]) {
        let log = logged(level, || {
            tracing::error!("our error");
            tracing::info!("our info");
            tracing::debug!("our debug");
            tracing::error!(target: "library", "their error");
            tracing::warn!(target: "library", "their warning");
            tracing::info!(target: "library", "their info");
        });
        assert_eq!(log.lines().count(), expected.len(), "{log}");
        assert!(expected.iter().all(|line| log.contains(line)), "{log}");
    }

    #[test]
    fn control_sequences_are_escaped() {
        let log = logged(LogLevel::Info, || {
            tracing::info!(file = %"a\x1b[2J\u{9b}1m\u{202e}\u{200b}b", "read \x1b]0;title\x07\nforged line");
        });
        assert!(log.contains("read") && log.lines().count() == 2, "{log}");
        assert_eq!(hidden_characters(&log).next(), None, "{log:?}");
    }

    #[test]
    fn a_log_that_cannot_be_written_is_a_warning_with_its_path() {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("missing").join("a.log");
        let warning = start(&path, LogLevel::Info).expect_err("there is no such folder").to_string();
        assert!(warning.contains(&path.display().to_string()) && warning.contains("--log"), "{warning}");
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_or_an_input_is_no_log() {
        let folder = TempDir::new().expect("a temporary folder");
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
        let warning = start(&pipe, LogLevel::Info).expect_err("it would wait for a reader").to_string();
        assert!(warning.contains("pipe") && warning.contains("not a regular file"), "{warning}");

        let dataset = folder.path().join("metadata.jsonl");
        fs::write(&dataset, "{}\n").expect("written");
        let session = Location::find(&dataset, "text", None).expect("a location");
        let mut inputs = Inputs::default();
        inputs.add(&dataset, "the dataset");
        let warning = start_beside(&session, &inputs, &(Some(dataset.clone()), LogLevel::Info)).expect_err("an input");
        assert!(warning.to_string().contains("this is the dataset"), "{warning}");
        assert_eq!(fs::read_to_string(&dataset).expect("read"), "{}\n");
    }

    #[test]
    fn the_default_log_is_beside_the_session() {
        let session = Path::new("set/.recaption/metadata.sqlite");
        assert_eq!(default_path(session), Path::new("set/.recaption/description_generation.log"));
    }
}
