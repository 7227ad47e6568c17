//! Checks imports and exports against the programs that write and read the same files: pyarrow, pandas, polars, datasets.
//!
//! `RECAPTION_PYTHON` names a Python interpreter with these packages (`.ci/run` provides one); without it, the tests are
//! skipped.

use std::path::Path;
use std::process::Command;

/// Runs a script of this folder with the binary, a scratch folder and `arguments`. It exits with an error if a check fails.
fn run(script: &str, arguments: &[&str]) {
    let Some(python) = std::env::var_os("RECAPTION_PYTHON") else {
        println!(
            "SKIPPED: {script}: set RECAPTION_PYTHON to a Python with pyarrow, pandas, polars, datasets and pillow"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interchange").join(script))
        .arg(env!("CARGO_BIN_EXE_recaption"))
        .arg(folder.path())
        .args(arguments)
        .env("HOME", folder.path())
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_DATASETS_OFFLINE", "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{script}\n{}{}", text(&output.stdout), text(&output.stderr));
    println!("{}", text(&output.stdout));
}

#[test]
fn parquet_imports_have_the_values_that_pyarrow_reads() {
    run("parquet_import.py", &["60"]);
}

#[test]
fn exports_are_read_by_the_next_program() {
    run("exports.py", &["40"]);
}

#[test]
fn saved_parquet_files_have_all_other_columns_as_they_were() {
    run("parquet_review.py", &[]);
}

#[test]
fn saved_archives_have_all_other_members_as_they_were() {
    run("archive_review.py", &[]);
}
