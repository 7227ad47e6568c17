//! Prints arbitrary text: no control character, bidirectional control or invalid UTF-8 reaches the terminal, whatever the
//! pieces in which the text is written, and a JSON parser reads exactly the value.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use recaption::console::Console;
use recaption::text::{hidden_characters, sanitize, sanitize_multiline};

/// Bidirectional controls (Unicode, UAX #9).
const BIDIRECTIONAL: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}',
    '\u{2068}', '\u{2069}',
];

fn assert_inert(text: &str) {
    let bad = text.chars().find(|&c| (c.is_control() && c != '\n') || BIDIRECTIONAL.contains(&c));
    assert_eq!(bad, None, "in {text:?}");
    assert_eq!(hidden_characters(text).next(), None, "in {text:?}");
}

fn printed(pieces: &[&[u8]]) -> String {
    let mut out = Vec::new();
    let mut console = Console::new(&mut out);
    for piece in pieces {
        console.write_all(piece).expect("memory");
    }
    console.flush().expect("memory");
    drop(console);
    String::from_utf8(out).expect("UTF-8")
}

fuzz_target!(|input: (&[u8], Vec<u8>)| {
    let (bytes, lengths) = input;
    let whole = printed(&[bytes]);
    assert_inert(&whole);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for length in lengths {
        let (piece, after) = rest.split_at(rest.len().min(length.into()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    assert_eq!(printed(&pieces), whole);

    let text = String::from_utf8_lossy(bytes);
    let line = sanitize(&text);
    assert_inert(&line);
    assert!(!line.contains('\n'));
    assert_eq!(sanitize(&line), line);
    let lines = sanitize_multiline(&text);
    assert_inert(&lines);
    assert_eq!(sanitize_multiline(&lines), lines);

    let mut out = Vec::new();
    let mut console = Console::new(&mut out);
    console.json(&text).expect("memory");
    console.flush().expect("memory");
    drop(console);
    let json = String::from_utf8(out).expect("UTF-8");
    assert_inert(&json);
    assert_eq!(serde_json::from_str::<String>(&json).expect("JSON"), text);
});
