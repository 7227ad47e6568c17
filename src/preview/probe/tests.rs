use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use rstest::rstest;

use super::detect::{Environment, detect};
use super::replies::{ProbeInput, Questions, Replies, queries, sixel_queries};
use super::unix::query;
use super::*;
use crate::preview::capabilities::{Charset, Protocol};
use crate::preview::fit::CellSize;

/// Replies recorded from real terminals. kitty 0.26.5 does not reply about virtual placements, xterm not about its cell
/// size.
const XTERM: &str =
    "\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?63;1;2;4;6;9;15;16;22;28c\x1b[?2;0;1000;1000S";
const KITTY_0_26: &str =
    "\x1bP>|kitty(0.26.5)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;17;8t\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c";
const FOOT: &str = "\x1bP>|foot(1.13.1)\x1b\\\x1b[6;17;8t\x1b]11;rgb:1111/1111/1111\x1b\\\x1b[?62;4;22c";
const KONSOLE: &str = "\x1bP>|Konsole 22.12.3\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;17;8t\x1b]11;rgb:2323/2626/2727\x1b\\\x1b[?62;1;4c";
/// From their documentation.
const KITTY_0_42: &str = "\x1bP>|kitty(0.42.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;34;16t\x1b]11;rgb:00/00/00\x07\x1b[?62;52;c";
const WEZTERM: &str =
    "\x1bP>|WezTerm 20240203-110809\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;20;9t\x1b[?65;4;6;18;22c";
/// tmux within kitty: first the outer terminal's replies, then tmux's.
const TMUX_IN_KITTY: &str = "\x1bP>|kitty(0.42.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;17;8t\x1b[0n\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c";
const TMUX: &str = "\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c";

fn environment(term: &str) -> Environment {
    Environment { term: term.to_owned(), ..Environment::default() }
}

fn cell(width: u16, height: u16) -> Option<CellSize> {
    CellSize::new(width, height)
}

#[rstest]
#[case::xterm(XTERM, "xterm", Protocol::Sixel, Protocol::Sixel)]
#[case::foot(FOOT, "foot", Protocol::Sixel, Protocol::Sixel)]
#[case::kitty(KITTY_0_42, "xterm-kitty", Protocol::Kitty, Protocol::Kitty)]
#[case::old_kitty(KITTY_0_26, "xterm-kitty", Protocol::Kitty, Protocol::Kitty)]
#[case::konsole(KONSOLE, "xterm-256color", Protocol::Kitty, Protocol::Iterm)]
#[case::wezterm(WEZTERM, "xterm-256color", Protocol::Iterm, Protocol::Iterm)]
#[case::tmux(TMUX, "tmux-256color", Protocol::Blocks, Protocol::Blocks)]
#[case::tmux_in_kitty(TMUX_IN_KITTY, "tmux-256color", Protocol::Kitty, Protocol::Blocks)]
#[case::silent("", "xterm-256color", Protocol::Blocks, Protocol::Blocks)]
fn the_protocol_of_each_terminal_is_detected(
    #[case] replies: &str,
    #[case] term: &str,
    #[case] pane: Protocol,
    #[case] printing: Protocol,
) {
    let input = ProbeInput::parse(replies.as_bytes());
    assert_eq!(input.typed, b"");
    let detected = detect(&input.replies, &environment(term), cell(8, 17));
    assert_eq!((detected.protocol, detected.printing), (pane, printing));
    assert_eq!(detected.tmux, pane == Protocol::Kitty && term.starts_with("tmux"));
    assert_eq!(detected.placeholders, [KITTY_0_42, WEZTERM, TMUX, TMUX_IN_KITTY].contains(&replies));
}

#[test]
fn cell_size_background_and_name_are_detected() {
    let replies = ProbeInput::parse(KITTY_0_42.as_bytes()).replies;
    assert_eq!(replies.cell, cell(16, 34));
    assert_eq!(replies.background, Some([0, 0, 0]));
    let detected = detect(&replies, &environment("xterm-kitty"), cell(1, 1));
    assert_eq!(
        detected.cell,
        CellSize { width: 16, height: 34 },
        "the terminal's reply takes precedence over the kernel"
    );
    assert_eq!(detected.terminal.as_deref(), Some("kitty(0.42.2)"));

    let replies = ProbeInput::parse(XTERM.as_bytes()).replies;
    assert_eq!((replies.background, replies.largest_sixel), (Some([255; 3]), Some((1000, 1000))));
    assert_eq!(detect(&replies, &environment("xterm"), None).protocol, Protocol::Blocks, "no cell size");

    let replies = ProbeInput::parse(TMUX_IN_KITTY.as_bytes()).replies;
    let detected = detect(&replies, &environment("tmux-256color"), None);
    assert_eq!(detected.terminal.as_deref(), Some("kitty(0.42.2)"));
}

#[test]
fn a_terminal_without_replies_is_detected_by_its_environment() {
    let iterm = Environment { program: "iTerm.app".into(), ..environment("xterm-256color") };
    assert_eq!(detect(&Replies::default(), &iterm, cell(8, 16)).protocol, Protocol::Iterm);
    let in_tmux = Environment { tmux: true, ..iterm };
    assert_eq!(detect(&Replies::default(), &in_tmux, cell(8, 16)).protocol, Protocol::Blocks);
    let konsole = Environment { konsole: "221203".into(), ..environment("xterm-256color") };
    assert!(!detect(&ProbeInput::parse(KITTY_0_42.as_bytes()).replies, &konsole, None).placeholders);
}

#[test]
fn true_colour_is_detected() {
    let colours = |term: &str, colour: &str, replies: &str| {
        let environment = Environment { colour: colour.into(), ..environment(term) };
        detect(&ProbeInput::parse(replies.as_bytes()).replies, &environment, None).true_colour
    };
    assert!(!colours("xterm-256color", "", ""));
    assert!(colours("xterm-256color", "truecolor", ""));
    assert!(colours("xterm-256color", "", FOOT));
}

#[test]
fn terminals_that_print_unknown_queries_are_not_queried() {
    assert!(!environment("linux").answers_queries());
    assert!(!environment("dumb").answers_queries());
    assert!(!Environment::default().answers_queries());
    assert!(!Environment { program: "Apple_Terminal".into(), ..environment("xterm-256color") }.answers_queries());
    assert!(environment("xterm-256color").answers_queries());
}

#[test]
fn keys_are_separated_from_replies() {
    let received = b"jj\x1bP>|foot(1.13.1)\x1b\\\x1b[A\x1b[6;17;8t\xed\x95\x9c\x1bx\x1b[?62;4;22c\x1bOP\x1b[1;5D";
    let input = ProbeInput::parse(received);
    assert_eq!(input.typed, b"jj\x1b[A\xed\x95\x9c\x1bx\x1bOP\x1b[1;5D");
    assert_eq!(input.replies.names, ["foot(1.13.1)"]);
    assert!(!input.is_complete(false), "a terminal with sixel is asked for more");
    let input = ProbeInput::parse(&[&received[..], b"\x1b[?2;0;1000;1000S\x1b[?62;4;22c"].concat());
    assert!(input.is_complete(false) && !input.is_complete(true));
}

#[rstest]
#[case::utf8("\x1b[2;2R", Charset::Utf8)]
#[case::latin_1("\x1b[3;2R", Charset::Bytes)]
#[case::windows_1252("\x1b[2;4R", Charset::Bytes)]
#[case::silent("", Charset::Utf8)]
fn the_character_set_is_detected(#[case] reply: &str, #[case] charset: Charset) {
    let asked = Questions { passthrough: false, kitty: false, charset: true };
    let position = "▄\x1b[6n";
    assert!(String::from_utf8(queries(asked)).unwrap().contains(position));
    assert!(!String::from_utf8(queries(Questions { charset: false, ..asked })).unwrap().contains(position));
    // Shift-F3 has the form of the reply.
    let input = ProbeInput::parse(format!("\x1b[1;2R{reply}{XTERM}").as_bytes());
    assert_eq!(input.typed, b"\x1b[1;2R");
    assert_eq!(detect(&input.replies, &environment("xterm"), None).charset, charset);
}

/// Found by fuzzing: with the end of a string after all, replies in between were taken for a part of it.
#[test]
fn what_was_parsed_does_not_change_when_more_arrives() {
    let begun = format!("\x1b_G{}\x1b[?62;4c", "x".repeat(300)).into_bytes();
    let rounds = |received: &[u8]| ProbeInput::parse(received).replies.rounds;
    assert_eq!(rounds(&begun), 1);
    assert_eq!(rounds(&[&begun[..], b"\x07"].concat()), 1);
}

#[test]
fn an_incomplete_sequence_is_a_key_unless_it_begins_a_reply() {
    let finished = |received: &[u8]| ProbeInput::parse(received).finish().typed;
    assert_eq!(finished(b"q\x1b"), b"q\x1b", "the Esc key");
    assert_eq!(finished(b"q\x1b[?62;4"), b"q");
    assert_eq!(finished(b"q\x1b_Gi=31;"), b"q");
    assert_eq!(finished(b"q\x1b[1;"), b"q\x1b[1;");
    assert_eq!(finished(b"\x1b\x1b[?62;4"), b"\x1b", "Esc, then a reply");
    assert_eq!(ProbeInput::parse(b"q\x1b[?62;4").finish().unfinished, b"\x1b[?62;4", "its rest may still arrive");
}

#[test]
fn a_refusal_is_a_reply() {
    let input = ProbeInput::parse(b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\");
    assert_eq!(input.replies, Replies::default());
    assert_eq!(input.typed, b"");
}

#[test]
fn control_characters_are_removed_from_names() {
    let input = ProbeInput::parse("\x1bP>|evil\u{9b}2J\rname\x1b\\".as_bytes());
    assert_eq!(input.replies.names, ["evil2Jname"]);
}

#[rstest]
#[case("rgb:ffff/8080/0000", Some([255, 128, 0]))]
#[case("rgb:ff/80/00", Some([255, 128, 0]))]
#[case("rgb:f/8/0", Some([255, 136, 0]))]
#[case("rgb:fffff/0/0", None)]
#[case("rgb:ff/80", None)]
#[case("rgb://", None)]
#[case("red", None)]
fn colours(#[case] answer: &str, #[case] expected: Option<[u8; 3]>) {
    let input = ProbeInput::parse(format!("\x1b]11;{answer}\x07").as_bytes());
    assert_eq!(input.replies.background, expected);
}

proptest! {
    /// Keys between replies are neither lost nor changed.
    #[test]
    fn keys_between_replies_are_preserved(keys in prop::collection::vec("[a-z0-9한글 ]{0,4}|\x1b\\[[A-D]|\x1b[a-z]", 6)) {
        let answers =
            ["\x1bP>|foot(1)\x1b\\", "\x1b_Gi=31;OK\x1b\\", "\x1b[6;17;8t", "\x1b]11;rgb:11/11/11\x07", "\x1b[?62;4c"];
        let mut received = String::new();
        for (key, answer) in keys.iter().zip(answers) {
            received += key;
            received += answer;
        }
        received += &keys[5];
        let input = ProbeInput::parse(received.as_bytes());
        prop_assert_eq!(input.typed, keys.concat().into_bytes());
        prop_assert_eq!(input.replies, ProbeInput::parse(answers.concat().as_bytes()).replies);
        for cut in 0..received.len() {
            let part = ProbeInput::parse(&received.as_bytes()[..cut]).finish();
            prop_assert!(received.len() >= part.typed.len());
        }
    }

    #[test]
    fn arbitrary_bytes_are_handled(received in prop::collection::vec(prop::sample::select(b"\x1b[]_P>|G?;0126tcnS\x07\\x\xff".to_vec()), 0..80)) {
        let input = ProbeInput::parse(&received).finish();
        prop_assert!(input.typed.len() <= received.len());
    }
}

const PLAIN: Questions = Questions { passthrough: false, kitty: true, charset: false };
const THROUGH_TMUX: Questions = Questions { passthrough: true, kitty: true, charset: false };

/// Simulates a terminal: reads the queries, then writes each part of the replies in turn. Expects further queries before
/// the parts after an empty one.
fn with_terminal(parts: &'static [&'static str], questions: Questions) -> ProbeInput {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let terminal = std::thread::spawn(move || {
        let expect = |theirs: &mut UnixStream, queries: Vec<u8>| {
            let mut received = vec![0; queries.len()];
            theirs.read_exact(&mut received).unwrap();
            assert_eq!(received, queries);
        };
        expect(&mut theirs, queries(questions));
        for part in parts {
            match *part {
                "" => expect(&mut theirs, sixel_queries()),
                part => theirs.write_all(part.as_bytes()).unwrap(),
            }
        }
        theirs
    });
    let mut output = ours.try_clone().unwrap();
    // The timeout is long because the last reply ends the wait.
    let input = query(ours.as_fd(), &mut output, questions, Duration::from_mins(10));
    terminal.join().unwrap();
    input
}

#[test]
fn the_last_reply_ends_the_query() {
    let input = with_terminal(&["j", "\x1bP>|foot(1.13", ".1)\x1b", "\\\x1b[6;17;8t\x1b[?62;", "22c"], PLAIN);
    assert!(input.is_complete(false));
    assert_eq!(input.typed, b"j");
    assert_eq!((input.replies.names, input.replies.cell), (vec!["foot(1.13.1)".to_owned()], cell(8, 17)));
}

/// st and urxvt take the query for a command to scroll.
#[test]
fn only_terminals_with_sixel_are_asked_for_its_size() {
    assert!(!queries(PLAIN).windows(3).any(|part| part == b"[?2"));
    let input = with_terminal(&["\x1b[?62;4c", "", "x\x1b[?2;0;1000;900S", "\x1b[?62;4c"], PLAIN);
    assert!(input.is_complete(false));
    assert_eq!((input.replies.largest_sixel, &input.typed[..]), (Some((1000, 900)), &b"x"[..]));
}

#[rstest]
#[case("xterm-256color", false, true)]
#[case("st-256color", false, true)]
#[case("rxvt-unicode-256color", false, false)]
#[case("screen.xterm-256color", false, false)]
#[case("screen-256color", true, true)]
fn terminals_that_print_the_kitty_query_are_not_asked(#[case] term: &str, #[case] tmux: bool, #[case] asked: bool) {
    assert_eq!(Environment { tmux, ..environment(term) }.answers_kitty_query(), asked);
    let text = queries(Questions { kitty: asked, ..PLAIN });
    assert_eq!(text.windows(3).any(|part| part == b"\x1b_G"), asked);
}

#[rstest]
#[case("15;0", Some([0; 3]))]
#[case("0;15", Some([255; 3]))]
#[case("0;default;15", Some([255; 3]))]
#[case("15;8", Some([0; 3]))]
#[case("default;default", None)]
#[case("", None)]
fn the_background_is_taken_from_the_environment_without_a_reply(
    #[case] colours: &str,
    #[case] expected: Option<[u8; 3]>,
) {
    let environment = Environment { colours: colours.into(), ..environment("rxvt-unicode-256color") };
    assert_eq!(detect(&Replies::default(), &environment, None).background, expected);
    let replies = Replies { background: Some([1, 2, 3]), ..Replies::default() };
    assert_eq!(detect(&replies, &environment, None).background, Some([1, 2, 3]));
    let in_tmux = Environment { tmux: true, ..environment };
    assert_eq!(detect(&Replies::default(), &in_tmux, None).background, None);
}

#[test]
fn in_tmux_the_outer_terminal_ends_the_query() {
    let input = with_terminal(&[TMUX, "\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\", "\x1b[0n"], THROUGH_TMUX);
    assert!(input.is_complete(true) && input.replies.placeholders);
}

#[test]
fn a_timeout_loses_no_keys() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"jk\x1b").unwrap();
    let mut output = ours.try_clone().unwrap();
    let input = query(ours.as_fd(), &mut output, PLAIN, Duration::from_millis(20));
    assert!(!input.is_complete(false));
    assert_eq!((input.replies, &input.typed[..]), (Replies::default(), &b"jk\x1b"[..]));
}

#[test]
fn a_closed_terminal_ends_the_query() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut output = Vec::new();
    drop(theirs);
    let input = query(ours.as_fd(), &mut output, PLAIN, Duration::from_mins(10));
    assert_eq!(input, ProbeInput::default());
}
