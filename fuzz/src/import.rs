//! Imports arbitrary bytes as a table: the result is a dataset or an error. No input panics, except inside of the Parquet
//! library, whose panics are caught.

use std::fs;
use std::path::PathBuf;

use clap::Parser as _;
use recaption::cli::Cli;
use recaption::exit::ExitCode;

/// Runs `recaption init` on a file with these bytes.
pub fn import(extension: &str, bytes: &[u8]) {
    let folder = std::env::temp_dir().join(format!("recaption-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a temporary folder");
    let path = |extension: &str| -> PathBuf { folder.join("table").with_extension(extension) };
    fs::write(path(extension), bytes).expect("a temporary file");
    let _ = fs::remove_file(path("jsonl"));
    let command = ["recaption".into(), "init".into(), path(extension)];
    let code = recaption::run(Cli::parse_from(command));
    let is_written = path("jsonl").exists();
    assert_eq!(is_written, matches!(code, ExitCode::Done | ExitCode::Findings), "{code:?}");
}

/// Replaces libFuzzer's panic hook, which would end the process before a panic can be caught.
pub fn allow_caught_panics() {
    std::panic::set_hook(Box::new(|_| ()));
}
