//! The `recaption` program: everything it does is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    recaption::run(recaption::cli::Cli::parse()).into()
}
