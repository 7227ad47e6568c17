use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;

use proptest::prelude::*;
use rstest::rstest;

use super::choice::{Environment, choose};
use super::replies::{Conversation, Replies, queries};
use super::unix::ask;
use super::*;
use crate::preview::capabilities::Protocol;
use crate::preview::fit::CellSize;

/// What real terminals sent, recorded from each. kitty 0.26.5 is silent about virtual placements, xterm about its cell.
const XTERM: &str =
    "\x1bP>|XTerm(379)\x1b\\\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?2;0;1000;1000S\x1b[?63;1;2;4;6;9;15;16;22;28c";
const KITTY_0_26: &str =
    "\x1bP>|kitty(0.26.5)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b[6;17;8t\x1b]11;rgb:0000/0000/0000\x1b\\\x1b[?62;c";
const FOOT: &str = "\x1bP>|foot(1.13.1)\x1b\\\x1b[6;17;8t\x1b]11;rgb:1111/1111/1111\x1b\\\x1b[?62;4;22c";
const KONSOLE: &str = "\x1bP>|Konsole 22.12.3\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;17;8t\x1b]11;rgb:2323/2626/2727\x1b\\\x1b[?62;1;4c";
/// As their documentation has it.
const KITTY_0_42: &str = "\x1bP>|kitty(0.42.2)\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;34;16t\x1b]11;rgb:00/00/00\x07\x1b[?62;52;c";
const WEZTERM: &str =
    "\x1bP>|WezTerm 20240203-110809\x1b\\\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\\x1b[6;20;9t\x1b[?65;4;6;18;22c";
/// kitty within tmux: first the terminal around it, then tmux.
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
fn each_terminal_gets_its_protocol(
    #[case] answers: &str,
    #[case] term: &str,
    #[case] pane: Protocol,
    #[case] printing: Protocol,
) {
    let conversation = Conversation::of(answers.as_bytes());
    assert_eq!(conversation.typed, b"");
    let chosen = choose(&conversation.replies, &environment(term), cell(8, 17));
    assert_eq!((chosen.protocol, chosen.printing), (pane, printing));
    assert_eq!(chosen.tmux, pane == Protocol::Kitty && term.starts_with("tmux"));
    assert_eq!(chosen.placeholders, [KITTY_0_42, WEZTERM, TMUX, TMUX_IN_KITTY].contains(&answers));
}

#[test]
fn the_details_are_taken_in() {
    let replies = Conversation::of(KITTY_0_42.as_bytes()).replies;
    assert_eq!(replies.cell, cell(16, 34));
    assert_eq!(replies.background, Some([0, 0, 0]));
    let chosen = choose(&replies, &environment("xterm-kitty"), cell(1, 1));
    assert_eq!(chosen.cell, CellSize { width: 16, height: 34 }, "the terminal knows better than the kernel");
    assert_eq!(chosen.terminal.as_deref(), Some("kitty(0.42.2)"));

    let replies = Conversation::of(XTERM.as_bytes()).replies;
    assert_eq!((replies.background, replies.largest_sixel), (Some([255; 3]), Some((1000, 1000))));
    assert_eq!(choose(&replies, &environment("xterm"), None).protocol, Protocol::Blocks, "no size of a cell");

    let replies = Conversation::of(TMUX_IN_KITTY.as_bytes()).replies;
    let chosen = choose(&replies, &environment("tmux-256color"), None);
    assert_eq!(chosen.terminal.as_deref(), Some("kitty(0.42.2)"));
}

#[test]
fn a_terminal_is_known_by_its_variables_where_it_says_nothing() {
    let iterm = Environment { program: "iTerm.app".into(), ..environment("xterm-256color") };
    assert_eq!(choose(&Replies::default(), &iterm, cell(8, 16)).protocol, Protocol::Iterm);
    let within_tmux = Environment { tmux: true, ..iterm };
    assert_eq!(choose(&Replies::default(), &within_tmux, cell(8, 16)).protocol, Protocol::Blocks);
    let konsole = Environment { konsole: "221203".into(), ..environment("xterm-256color") };
    assert!(!choose(&Conversation::of(KITTY_0_42.as_bytes()).replies, &konsole, None).placeholders);
}

#[test]
fn colours_are_reduced_only_where_nothing_speaks_for_them() {
    let colours = |term: &str, colour: &str, answers: &str| {
        let environment = Environment { colour: colour.into(), ..environment(term) };
        choose(&Conversation::of(answers.as_bytes()).replies, &environment, None).true_colour
    };
    assert!(!colours("xterm-256color", "", ""));
    assert!(colours("xterm-256color", "truecolor", ""));
    assert!(colours("xterm-256color", "", FOOT));
}

#[test]
fn nobody_asks_a_terminal_that_would_print_the_question() {
    assert!(!environment("linux").answers_queries());
    assert!(!environment("dumb").answers_queries());
    assert!(!Environment::default().answers_queries());
    assert!(!Environment { program: "Apple_Terminal".into(), ..environment("xterm-256color") }.answers_queries());
    assert!(environment("xterm-256color").answers_queries());
}

#[test]
fn keys_typed_meanwhile_are_told_apart() {
    let received = b"jj\x1bP>|foot(1.13.1)\x1b\\\x1b[A\x1b[6;17;8t\xed\x95\x9c\x1bx\x1b[?62;4;22c\x1bOP\x1b[1;5D";
    let conversation = Conversation::of(received);
    assert_eq!(conversation.typed, b"jj\x1b[A\xed\x95\x9c\x1bx\x1bOP\x1b[1;5D");
    assert_eq!(conversation.replies.names, ["foot(1.13.1)"]);
    assert!(conversation.is_over(false) && !conversation.is_over(true));
}

#[test]
fn what_has_begun_when_the_time_is_up_is_a_key_unless_it_is_an_answer() {
    let ended = |received: &[u8]| Conversation::of(received).ended().typed;
    assert_eq!(ended(b"q\x1b"), b"q\x1b", "the Esc key");
    assert_eq!(ended(b"q\x1b[?62;4"), b"q");
    assert_eq!(ended(b"q\x1b_Gi=31;"), b"q");
    assert_eq!(ended(b"q\x1b[1;"), b"q\x1b[1;");
    assert_eq!(ended(b"\x1b\x1b[?62;4"), b"\x1b", "Esc, then an answer");
    assert_eq!(Conversation::of(b"q\x1b[?62;4").ended().unfinished, b"\x1b[?62;4", "its rest may still come");
}

#[test]
fn a_refusal_is_an_answer_and_no_yes() {
    let conversation = Conversation::of(b"\x1b_Gi=31;ENOTSUPPORTED:no\x1b\\");
    assert_eq!(conversation.replies, Replies::default());
    assert_eq!(conversation.typed, b"");
}

#[test]
fn a_name_cannot_carry_control_bytes() {
    let conversation = Conversation::of("\x1bP>|evil\u{9b}2J\rname\x1b\\".as_bytes());
    assert_eq!(conversation.replies.names, ["evil2Jname"]);
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
    let conversation = Conversation::of(format!("\x1b]11;{answer}\x07").as_bytes());
    assert_eq!(conversation.replies.background, expected);
}

proptest! {
    /// However the answers are cut into reads, and whatever keys come between them, nothing is lost or made up.
    #[test]
    fn keys_between_answers_survive(keys in prop::collection::vec("[a-z0-9한글 ]{0,4}|\x1b\\[[A-D]|\x1b[a-z]", 6)) {
        let answers =
            ["\x1bP>|foot(1)\x1b\\", "\x1b_Gi=31;OK\x1b\\", "\x1b[6;17;8t", "\x1b]11;rgb:11/11/11\x07", "\x1b[?62;4c"];
        let mut received = String::new();
        for (key, answer) in keys.iter().zip(answers) {
            received += key;
            received += answer;
        }
        received += &keys[5];
        let conversation = Conversation::of(received.as_bytes());
        prop_assert_eq!(conversation.typed, keys.concat().into_bytes());
        prop_assert_eq!(conversation.replies, Conversation::of(answers.concat().as_bytes()).replies);
        // No prefix is mistaken for the whole.
        for cut in 0..received.len() {
            let part = Conversation::of(&received.as_bytes()[..cut]).ended();
            prop_assert!(received.len() >= part.typed.len());
        }
    }

    #[test]
    fn arbitrary_bytes_are_survived(received in prop::collection::vec(prop::sample::select(b"\x1b[]_P>|G?;0126tcnS\x07\\x\xff".to_vec()), 0..80)) {
        let conversation = Conversation::of(&received).ended();
        prop_assert!(conversation.typed.len() <= received.len());
    }
}

/// Plays a terminal: reads until the device attributes are asked for, then writes each part of the answer in turn.
fn with_terminal(parts: &'static [&'static str], passthrough: bool) -> Conversation {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let terminal = std::thread::spawn(move || {
        let mut asked = Vec::new();
        let mut chunk = [0; 16];
        while !asked.ends_with(b"\x1b[c") {
            let count = theirs.read(&mut chunk).unwrap();
            asked.extend_from_slice(&chunk[..count]);
        }
        assert_eq!(asked, queries(passthrough));
        for part in parts {
            theirs.write_all(part.as_bytes()).unwrap();
        }
        theirs
    });
    let mut output = ours.try_clone().unwrap();
    // Long: a terminal that answers is never waited for beyond its answer.
    let conversation = ask(ours.as_fd(), &mut output, passthrough, Duration::from_mins(10));
    terminal.join().unwrap();
    conversation
}

#[test]
fn the_conversation_ends_with_the_last_answer() {
    let conversation = with_terminal(&["j", "\x1bP>|foot(1.13", ".1)\x1b", "\\\x1b[6;17;8t\x1b[?62;4", ";22c"], false);
    assert!(conversation.is_over(false));
    assert_eq!(conversation.typed, b"j");
    assert_eq!((conversation.replies.names, conversation.replies.cell), (vec!["foot(1.13.1)".to_owned()], cell(8, 17)));
}

#[test]
fn within_tmux_the_terminal_around_it_is_waited_for() {
    let conversation = with_terminal(&[TMUX, "\x1b_Gi=31;OK\x1b\\\x1b_Gi=32;OK\x1b\\", "\x1b[0n"], true);
    assert!(conversation.is_over(true) && conversation.replies.placeholders);
}

#[test]
fn a_silent_terminal_costs_the_deadline_and_no_keys() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"jk\x1b").unwrap();
    let mut output = ours.try_clone().unwrap();
    let conversation = ask(ours.as_fd(), &mut output, false, Duration::from_millis(20));
    assert!(!conversation.is_over(false));
    assert_eq!((conversation.replies, &conversation.typed[..]), (Replies::default(), &b"jk\x1b"[..]));
}

#[test]
fn a_closed_terminal_ends_the_conversation() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut output = Vec::new();
    drop(theirs);
    let conversation = ask(ours.as_fd(), &mut output, false, Duration::from_mins(10));
    assert_eq!(conversation, Conversation::default());
}
