//! The `recaption` binary. All code is in the library.

use std::process::ExitCode;

use clap::Parser;
use recaption::cli::Cli;
use recaption::console::Console;

fn main() -> ExitCode {
    if let Some(code) = recaption::picture::decoder_process() {
        return code;
    }
    match Cli::try_parse() {
        Ok(cli) => recaption::run(cli).into(),
        Err(help) if !help.use_stderr() => help.exit(),
        Err(error) => {
            // clap would print an argument as it is, escape sequences included.
            let _ = std::io::Write::write_all(&mut Console::stderr(), error.render().to_string().as_bytes());
            recaption::exit::ExitCode::Usage.into()
        }
    }
}
