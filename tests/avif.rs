//! AVIF through the real program, which decodes it in a subprocess.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};

const SMALL: &[u8] = include_bytes!("../src/picture/decode/avif/turned.avif");

fn show(folder: &Path, names: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_recaption"))
        .args(["show", "--image-protocol", "blocks"])
        .args(names)
        .current_dir(folder)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the program starts")
}

/// Overwrites the dimensions in the container.
fn with_size(file: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut file = file.to_vec();
    let size = file.windows(4).position(|window| window == b"ispe").expect("a size") + 8;
    file[size..size + 4].copy_from_slice(&width.to_be_bytes());
    file[size + 4..size + 8].copy_from_slice(&height.to_be_bytes());
    file
}

#[test]
fn hostile_files_cost_only_their_own_picture() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("good.avif", SMALL);
    write("cut.avif", &SMALL[..SMALL.len() / 2]);
    write("huge.avif", &with_size(SMALL, 20_000, 20_000));
    write("large.avif", &with_size(SMALL, 6_000, 6_000));
    let output = show(folder.path(), &["cut.avif", "huge.avif", "large.avif", "good.avif"]);
    let (out, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(out.contains("▄") || out.contains("▀"), "{out}");
    let errors: Vec<&str> = errors.lines().collect();
    assert!(errors[0].starts_with("cut.avif: broken AVIF: "), "{errors:?}");
    assert_eq!(errors[1], "huge.avif: too large: 20000×20000 pixels");
    assert_eq!(errors[2], "large.avif: too large: decoding it exceeds the memory limit");
    assert_eq!(errors.len(), 3, "{errors:?}");
}

/// Starts a decoder as the program does, and sends it a file, or part of one.
#[cfg(unix)]
fn decoder(memory: u64, cpu_seconds: u64, length: u64, file: &[u8]) -> (Child, ChildStdin) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_recaption"))
        .args(["__decode-avif", &memory.to_string(), &cpu_seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A decoder that died early reads nothing.
    let _ = stdin.write_all(&length.to_le_bytes()).and_then(|()| stdin.write_all(file));
    (child, stdin)
}

#[cfg(target_os = "linux")]
#[test]
fn a_decoder_fails_beyond_its_memory_limit() {
    // The input stays open.
    let (child, _stdin) = decoder(1, 30, SMALL.len() as u64, SMALL);
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_decoder_limits_its_memory_cpu_time_and_core_dumps() {
    // It waits for a file of one byte.
    let (mut child, stdin) = decoder(1_234_567_890, 77, 1, &[]);
    let limits = format!("/proc/{}/limits", child.id());
    let limit = |name: &str| {
        let limits = fs::read_to_string(&limits).unwrap();
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).expect("the limit").to_owned();
        line.split_whitespace().take(2).map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    while limit("Max core file size") != ["0", "0"] {
        std::thread::yield_now();
    }
    assert_eq!(limit("Max address space"), ["1234567890", "1234567890"]);
    assert_eq!(limit("Max cpu time"), ["77", "77"]);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// The pipe closes when the program that started the decoder exits, for whatever reason.
#[cfg(unix)]
#[test]
fn a_decoder_exits_when_its_input_closes() {
    let (mut child, stdin) = decoder(1 << 30, 30, SMALL.len() as u64 + 1, SMALL);
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1), "the file is incomplete");
}
