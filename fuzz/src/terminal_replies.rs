//! Parses arbitrary input as replies of the terminal mixed with keys. No key is invented, and what is known of a prefix of
//! the input does not change when more arrives. Keys pass the filter of late replies in their order.
#![no_main]

mod preview {
    #[allow(dead_code, reason = "only the size of a cell is used here")]
    pub mod fit;
    #[allow(dead_code, reason = "only the parser is used here")]
    mod replies;

    use replies::ProbeInput;

    pub fn parse(received: &[u8]) {
        let whole = ProbeInput::parse(received);
        assert!(whole.typed.len() + whole.unfinished.len() <= received.len());
        for end in 0..received.len() {
            let begun = ProbeInput::parse(&received[..end]);
            assert!(whole.typed.starts_with(&begun.typed), "{received:?}, {end}: {begun:?}, then {whole:?}");
            assert!(whole.replies.rounds >= begun.replies.rounds);
        }
        let typed = whole.typed.clone();
        assert!(whole.finish().typed.starts_with(&typed));
    }
}

#[allow(dead_code, reason = "the timeout is not used here")]
mod reply_filter;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use libfuzzer_sys::fuzz_target;
use reply_filter::ReplyFilter;

fn filter(begun: &[u8], keys: &[(char, u8)]) {
    let modifiers = [KeyModifiers::NONE, KeyModifiers::NONE, KeyModifiers::ALT, KeyModifiers::CONTROL];
    let events: Vec<Event> = keys
        .iter()
        .map(|&(letter, kind)| Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers[usize::from(kind % 4)])))
        .collect();
    let mut filter = ReplyFilter::after(begun);
    let mut passed: Vec<Event> = events.iter().flat_map(|event| filter.filter(event.clone())).collect();
    passed.extend(filter.flush());
    let mut rest = events.iter();
    assert!(passed.iter().all(|event| rest.any(|other| other == event)), "{events:?} became {passed:?}");
    // Every reply begins with Alt.
    let has_alt = keys.iter().any(|(_, kind)| kind % 4 == 2);
    assert!(has_alt || !begun.is_empty() || passed == events, "{events:?} became {passed:?}");
}

fuzz_target!(|input: (Vec<(char, u8)>, bool, &[u8])| {
    let (keys, is_begun, received) = input;
    let received = &received[..received.len().min(1000)];
    preview::parse(received);
    filter(if is_begun { b"\x1bP" } else { b"" }, &keys);
});
