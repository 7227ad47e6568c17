//! recaption: review machine-written image captions in a terminal.
//!
//! Reviewing never changes a *dataset* (JSON Lines and the pictures it references). A *session* beside it stores all
//! decisions and candidates, and *saving* combines the two. `ARCHITECTURE.md` describes the modules.

pub mod atomic_file;
mod aws;
pub mod cli;
mod codec;
mod command;
pub mod config;
pub mod console;
pub mod dataset;
pub mod describe;
pub mod engine;
pub mod exit;
mod inputs;
pub mod lint;
pub mod logging;
mod mirror;
mod model_api;
mod openai;
mod parallel;
mod parquet_file;
pub mod picture;
pub mod preview;
mod reaction;
mod remote_folder;
pub mod report;
pub mod review;
mod runtime;
pub mod session;
mod shared_file;
pub mod statistics;
mod tar_file;
pub mod text;
pub mod tui;

/// Runs the command. Errors are printed to standard error.
#[must_use]
pub fn run(cli: cli::Cli) -> exit::ExitCode {
    console::report_panics();
    command::run(cli.into_command())
}
