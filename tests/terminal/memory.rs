//! Views thousands of images and checks that memory stays bounded.
//!
//! `cargo test --release --test terminal memory -- --ignored --nocapture`

use std::fmt::Write as _;

use image::{Rgb, RgbImage};
use rstest::rstest;
use tempfile::TempDir;

use crate::emulator::{KITTY, Replies, Terminal, TerminalKind, XTERM};

const PICTURES: usize = 5_000;
/// After this many images, the caches are full.
const WARM_UP: usize = 500;
/// Tolerated growth in KB, for heap fragmentation. A leak of every image, at 400 KB each, would be 1.8 GB.
const SLACK: usize = 60_000;

/// Returns the anonymous resident memory of the process in KB.
fn memory_usage(terminal: &Terminal) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", terminal.pid())).expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[rstest]
#[ignore = "takes minutes"]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn memory_is_bounded(#[values(KITTY, XTERM)] kind: TerminalKind) {
    let folder = TempDir::new().expect("a folder");
    let mut lines = String::new();
    for number in 0..PICTURES {
        let shade = |factor: usize| u8::try_from(number * factor % 251).expect("a byte");
        let picture = RgbImage::from_pixel(220, 150, Rgb([shade(1), shade(7), shade(31)]));
        picture.save(folder.path().join(format!("{number}.bmp"))).expect("a picture");
        writeln!(lines, r#"{{"file_name": "{number}.bmp", "text": "Caption {number}."}}"#).expect("a string");
    }
    std::fs::write(folder.path().join("metadata.jsonl"), lines).expect("a dataset");
    let path = folder.path().to_str().expect("a path in Unicode");
    let mut terminal = Terminal::start(kind, Replies::Immediate, folder.path(), &[path, "--describer", "none"]);
    terminal.shows("BMP 220×150");
    let mut early = 0;
    for number in 1..PICTURES {
        if number == WARM_UP {
            early = memory_usage(&terminal);
        }
        let sent = terminal.counts().pictures();
        terminal.press("j");
        terminal.until("the next picture", |terminal| terminal.counts().pictures() > sent);
    }
    let late = memory_usage(&terminal);
    println!("{}: {early} KB after {WARM_UP} images, {late} KB after {PICTURES}", kind.name);
    println!("at most {} of {} stored by the terminal", terminal.counts().max_stored, terminal.counts().pictures());
    assert!(late < early + SLACK, "{early} KB, then {late} KB");
    terminal.press(":q!\r");
    assert_eq!(terminal.wait_for_exit(), 0);
    assert!(terminal.is_restored());
}
