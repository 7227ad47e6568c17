//! Exit codes.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    Done = 0,
    Findings = 1,
    /// clap exits with the same code.
    Usage = 2,
    Access = 3,
    Write = 4,
    Resumable = 5,
    /// 128 + SIGINT, as in shells.
    Interrupted = 130,
}

impl ExitCode {
    /// The meaning of each code, as in the man page.
    pub const MEANINGS: [(Self, &str); 7] = [
        (Self::Done, "Success."),
        (Self::Findings, "Warnings or errors were found, or some records failed."),
        (Self::Usage, "Wrong usage or invalid input."),
        (Self::Access, "The describer is unusable: no credentials, no access, or no such model."),
        (Self::Write, "Could not write (full disk, conflicting file), or the session is in use."),
        (Self::Resumable, "Stopped early (quota, budget); run the same command again to continue."),
        (Self::Interrupted, "Interrupted by a signal."),
    ];
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
