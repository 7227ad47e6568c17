//! The boundaries of ARCHITECTURE.md, checked where they are crossed: in the lines that name another room.

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file of a room: `src/<room>.rs` and all below `src/<room>/`.
fn files(room: &str) -> Vec<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join(format!("{room}.rs"))];
    let mut folders = vec![source.join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.iter().all(|file| file.exists()), "{room} is a room");
    files
}

fn is_in_name(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// The lines of a room that name one of the words, outside comments.
fn named(room: &str, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for file in files(room) {
        let text = fs::read_to_string(&file).expect("a source file");
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start();
            let is_named = |word: &&str| code.match_indices(*word).any(|(at, _)| !code[..at].ends_with(is_in_name));
            if !code.starts_with("//") && words.iter().any(is_named) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, code));
            }
        }
    }
    found
}

#[test]
fn the_core_does_no_input_or_output() {
    let io =
        ["tokio", "std::fs", "std::io", "std::thread", "rusqlite", "crossterm", "ratatui", "Timestamp::now", "Instant"];
    assert_eq!(named("review", &io), [] as [String; 0]);
}

#[test]
fn rooms_know_only_the_rooms_they_may() {
    let all = [
        "aws",
        "dataset",
        "picture",
        "session",
        "describe",
        "preview",
        "lint",
        "review",
        "runtime",
        "tui",
        "command",
        "save_target",
        "statistics",
        "report",
    ];
    let allowed: [(&str, &[&str]); 11] = [
        ("aws", &[]),
        ("statistics", &[]),
        ("text", &[]),
        ("dataset", &[]),
        ("picture", &[]),
        ("describe", &["aws", "dataset", "picture"]),
        ("preview", &["dataset", "picture"]),
        ("lint", &["dataset", "describe"]),
        ("report", &["dataset", "describe", "session", "statistics"]),
        ("session", &["dataset", "describe", "statistics"]),
        ("review", &["dataset", "describe", "lint", "preview", "report", "session"]),
    ];
    for (room, may) in allowed {
        let forbidden: Vec<String> = all
            .iter()
            .filter(|other| **other != room && !may.contains(other))
            .map(|other| format!("crate::{other}"))
            .collect();
        let forbidden: Vec<&str> = forbidden.iter().map(String::as_str).collect();
        assert_eq!(named(room, &forbidden), [] as [String; 0], "{room}");
    }
}

#[test]
fn only_the_room_for_it_knows_the_aws_sdk() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).expect("the sources").flatten() {
        let path = entry.path();
        let room = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        if path.extension().is_some() && room != "aws" {
            assert_eq!(named(room, &["aws_"]), [] as [String; 0], "{room}");
        }
    }
    let asks = named("describe", &["crate::aws"]);
    let others: Vec<&String> = asks.iter().filter(|line| !line.contains("/describe/bedrock")).collect();
    assert_eq!(others, [] as [&String; 0], "of the describers, only that for Bedrock asks it");
}

#[test]
fn only_the_session_speaks_sql() {
    for room in ["dataset", "picture", "describe", "preview", "review", "runtime", "tui", "command"] {
        assert_eq!(named(room, &["rusqlite"]), [] as [String; 0]);
    }
}

/// The lines of all source files, without comments and test modules, for which `is_found` returns true. Paths are
/// relative to `src`.
fn production_lines(is_found: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![source.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a source folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().into_string().expect("a source file");
            if path.is_dir() {
                if name != "tests" {
                    folders.push(path);
                }
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs")
                || matches!(name.as_str(), "tests.rs" | "fixture.rs")
            {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code: Vec<&str> = text.split("#[cfg(test)]\n").collect();
            let (first, rest) = code.split_first().expect("text before the first split");
            // `mod tests {` and all after it; other test-only items are single ones.
            let is_module = |part: &&&str| part.lines().next().is_some_and(|line| line.ends_with("mod tests {"));
            let rest = rest.iter().take_while(|part| !is_module(part));
            let place = path.strip_prefix(&source).expect("in src").display().to_string();
            let lines = std::iter::once(first).chain(rest).flat_map(|part| part.lines()).map(str::trim_start);
            let lines = lines.filter(|line| !line.starts_with("//") && is_found(line));
            found.extend(lines.map(|line| (place.clone(), line.to_owned())));
        }
    }
    found
}

fn outside<'a>(lines: &'a [(String, String)], allowed: &[&str]) -> Vec<&'a (String, String)> {
    lines.iter().filter(|(place, _)| !allowed.iter().any(|allowed| place.starts_with(allowed))).collect()
}

#[test]
fn only_console_writes_to_standard_output_and_standard_error() {
    let none = [] as [&(String, String); 0];
    let lines = production_lines(|line| {
        let handle = line.replace("stdout().is_terminal()", "").replace("stderr().is_terminal()", "");
        let streams = ["io::stdout()", "io::stderr()", "io::Stdout", "io::Stderr", "io::{stdout", "io::{stderr"];
        let macros = ["print!(", "println!(", "dbg!("];
        streams.iter().chain(&macros).any(|word| handle.contains(word)) || line.contains("indicatif")
    });
    // The decoder's subprocess sends pixels to its parent.
    assert_eq!(outside(&lines, &["console", "picture/decode/avif/subprocess.rs"]), none);
    // What is drawn on the screen, and queries of the terminal.
    let screen = production_lines(|line| line.contains("console::screen()"));
    assert_eq!(outside(&screen, &["tui/terminal.rs", "tui/clipboard.rs", "preview/probe.rs"]), none);
    // Bytes that are not escaped: data for other programs, and picture protocols.
    let exact = production_lines(|line| line.contains(".data_stream()") || line.contains(".raw_stream()"));
    let allowed = ["console", "command/show.rs", "command/export.rs", "command/config.rs", "command/dispatch.rs"];
    assert_eq!(outside(&exact, &allowed), none);
    let pictures = production_lines(|line| line.contains("viuer::print"));
    assert_eq!(outside(&pictures, &["command/show.rs"]), none);
}

#[test]
fn only_atomic_file_replaces_files() {
    let lines = production_lines(|line| {
        [".persist(", ".persist_noclobber(", "fs::rename(", "fs::write(", "File::create("]
            .iter()
            .any(|word| line.contains(word))
    });
    assert_eq!(outside(&lines, &["atomic_file"]), [] as [&(String, String); 0]);
}
