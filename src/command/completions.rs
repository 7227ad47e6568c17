//! `recaption completions SHELL`: prints a completion script.

use std::io::{self, Write};

use clap::Command;
use clap_complete::Shell;

/// Writes the completion script of `command` for a shell.
///
/// # Errors
/// Returns an error if `out` is closed or full.
pub fn run(mut command: Command, shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    let name = command.get_name().to_owned();
    // Into memory first, because clap panics if the pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out.write_all(&script)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::{Arg, ValueEnum as _};

    use super::*;

    #[test]
    fn scripts_complete_commands_and_options() {
        let command = Command::new("recaption").subcommand(Command::new("check").arg(Arg::new("json").long("json")));
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            run(command.clone(), *shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            for word in ["recaption", "check", "json"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn a_closed_pipe_is_an_error() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = run(Command::new("recaption"), Shell::Bash, &mut Closed).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
