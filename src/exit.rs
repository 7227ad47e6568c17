//! How the program ends, for whoever called it.

/// The exit codes, all of them, with their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything was done.
    Done = 0,
    /// There are findings, or some records failed.
    Findings = 1,
    /// The command or its input makes no sense. Also what clap exits with.
    Usage = 2,
    /// Credentials, access or model: a describer cannot be used.
    Access = 3,
    /// Nothing could be written: disk, conflict, or another process has the session.
    Write = 4,
    /// Stopped before the end; the same command goes on from there.
    Resumable = 5,
    /// Stopped by a signal. 128 and the number of SIGINT, as shells have it.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
