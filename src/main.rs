//! The `recaption` binary. All code is in the library.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    if let Some(code) = recaption::picture::decoder_process() {
        return code;
    }
    recaption::run(recaption::cli::Cli::parse()).into()
}
