//! Thousands of pictures, one after the other: what the program keeps of them is bounded.
//!
//! `cargo test --release --test terminal lasting -- --ignored --nocapture`

use std::fmt::Write as _;

use image::{Rgb, RgbImage};
use rstest::rstest;
use tempfile::TempDir;

use crate::player::{KITTY, Kind, Manner, Terminal, XTERM};

const PICTURES: usize = 5_000;
/// By then, what is kept of pictures has reached its bounds.
const EARLY: usize = 500;
/// What an allocator may come to hold in pieces it cannot use. A picture takes four times its 100 KB in memory: kept,
/// those between would be a gigabyte.
const SLACK: usize = 60_000;

/// Memory of the process that no file stands behind, in KB.
fn memory(terminal: &Terminal) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", terminal.pid())).expect("the process");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[rstest]
#[ignore = "minutes"]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn memory_is_bounded(#[values(KITTY, XTERM)] kind: Kind) {
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
    let mut terminal = Terminal::start(kind, Manner::AtOnce, folder.path(), &[path, "--describer", "none"]);
    terminal.shows("BMP 220×150");
    let mut early = 0;
    for number in 1..PICTURES {
        if number == EARLY {
            early = memory(&terminal);
        }
        let sent = terminal.tally().pictures();
        terminal.press("j");
        terminal.until("the next picture", |terminal| terminal.tally().pictures() > sent);
    }
    let late = memory(&terminal);
    println!("{}: {early} KB after {EARLY} pictures, {late} KB after {PICTURES}", kind.name);
    println!("at most {} of {} kept by the terminal", terminal.tally().most_kept, terminal.tally().pictures());
    assert!(late < early + SLACK, "{early} KB, then {late} KB");
    terminal.press(":q!\r");
    assert_eq!(terminal.wait_for_the_end(), 0);
    assert!(terminal.is_as_before());
}
