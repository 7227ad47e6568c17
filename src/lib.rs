//! recaption: review machine-written image captions in a terminal.
//!
//! A *dataset* (JSON Lines and the pictures it names) is never changed while it is reviewed; a *session* beside it
//! holds everything the operator and the describers did; *saving* joins the two. `ARCHITECTURE.md` shows how the parts
//! fit and where new things go.

pub mod aws;
pub mod cli;
pub mod command;
pub mod config;
pub mod dataset;
pub mod describe;
pub mod engine;
pub mod exit;
pub mod lint;
pub mod logging;
pub mod output;
pub mod picture;
pub mod preview;
pub mod report;
pub mod review;
pub mod runtime;
pub mod session;
pub mod statistics;
pub mod text;
pub mod tui;

/// Does what the command line asks for. What went wrong is said on standard error.
#[must_use]
pub fn run(cli: cli::Cli) -> exit::ExitCode {
    command::run(cli.into_command())
}
