//! Accept, keep, skip, exclude, flag, note, undo and redo.

use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::review::{Effect, Leaving, Mode, Tab};
use recaption::session::{Actor, Decision, Draft, EditBase, Event, FILE, Seq};
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case("a", "kept [-] -")]
#[case("x", "kept [-] -")]
#[case("s", "skipped [-] -")]
#[case("X", "excluded [-] -")]
#[case("a x X", "kept kept [excluded]")]
#[case("a u", "[-] - -")]
#[case("a s u u", "[-] - -")]
#[case("a s u u U U", "kept [skipped] -")]
#[case("a Backspace U", "[kept] - -")]
#[case("a k x", "kept [-] -")]
#[case("a k s", "skipped [-] -")]
#[case("a k s u", "[kept] - -")]
fn one_key_decides_and_advances(#[case] keys: &str, #[case] after: &str) {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys(keys);
    assert_eq!(world.decisions(), after);
}

#[test]
fn accept_takes_the_shown_candidate() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r");
    world.finish(0, "A red coat.");
    world.keys("r");
    world.finish(0, "A blue coat.");
    world.keys("[ a");
    assert_eq!(world.decisions(), "accepted:A red coat. [-]");
    world.keys("k [ a");
    assert_eq!(world.decisions(), "kept [-]", "the original precedes the oldest candidate");
}

#[test]
fn no_text_replaces_a_caption_that_is_not_a_string() {
    let list = r#"{"file_name": "a.jpg", "text": ["One.", 2]}"#;
    let mut world = World::new(&[list, "Three."]);
    let record = RecordId(0);
    let decision = Decision::Edited { text: "From an older version.".to_owned(), base: EditBase::Original };
    let captions = vec![(record, "A coat.".to_owned())];
    // A session of an older version may have a candidate, a draft and a decision.
    world.send(EngineEvent::Imported {
        describer: FILE,
        source: "old".to_owned(),
        captions,
        done: None,
        at: jiff::Timestamp::UNIX_EPOCH,
    });
    let draft = Draft { text: "A dra".to_owned(), cursor: 5, base: EditBase::Original };
    for event in [
        Event::Drafted { record, draft: Some(draft) },
        Event::Decided { record, decision: decision.clone(), by: Actor::Operator },
    ] {
        world.stored.push((Seq(world.stored.len() as u64 + 1), event));
    }
    world.restart();
    let before = world.stored.len();
    for keys in ["a", "e", "E", "r"] {
        world.keys(keys);
        assert!(world.notice().contains("cannot be replaced"), "{keys}: {}", world.notice());
        assert_eq!((world.stored.len(), &world.model.state(record).decision), (before, &decision), "{keys}");
        assert!(world.asked.is_empty(), "{keys}: {:?}", world.asked);
    }
    world.keys("Space k a");
    assert!(world.notice().contains("1 with a caption that is not a string"), "{}", world.notice());
    world.keys("Space g g x");
    assert_eq!(world.model.state(record).decision, Decision::Kept);
    world.keys("k s k X");
    assert_eq!(world.model.state(record).decision, Decision::Excluded);
}

#[test]
fn a_decision_counts_once_it_is_durable() {
    let mut world = World::new(&["One.", "Two."]);
    world.slow_disk = true;
    world.keys("a");
    assert!(!world.model.is_durable(RecordId(0)));
    assert_eq!(world.model.counters().reviewed, 0);
    world.disk_catches_up();
    assert!(world.model.is_durable(RecordId(0)));
    assert_eq!(world.model.counters().reviewed, 1);
}

#[test]
fn counters_follow_the_disk_step_by_step() {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four."]);
    world.slow_disk = true;
    world.keys("a");
    let first = world.model.ledger.last();
    world.keys("X");
    let second = world.model.ledger.last();
    world.keys("u s");
    let counts = |world: &World| {
        let counters = world.model.counters();
        (counters.of(Tab::ToReview), counters.of(Tab::Skipped), counters.reviewed)
    };
    assert_eq!(counts(&world), (4, 0, 0), "nothing is on disk");
    world.send(EngineEvent::Durable(first, jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(counts(&world), (3, 0, 1));
    world.send(EngineEvent::Durable(second, jiff::Timestamp::UNIX_EPOCH));
    assert_eq!(counts(&world), (2, 0, 2));
    world.disk_catches_up();
    assert_eq!(counts(&world), (2, 1, 1), "undone, then skipped");
}

#[test]
fn a_decision_that_cannot_be_stored_is_dropped() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("a");
    world.slow_disk = true;
    world.keys("s");
    world.send(EngineEvent::StoreFailed("no space left".to_owned()));
    assert_eq!(world.notice(), "not stored: no space left");
    world.keys("a");
    assert!(world.notice().contains("still opening"), "no decisions until the session is reopened");
    world.restart();
    assert_eq!(world.decisions(), "[kept] -");
}

/// The disk is full: what is decided is kept, but not stored.
fn delayed(captions: &[&str]) -> World {
    let mut world = World::new(captions);
    world.slow_disk = true;
    world
}

fn full() -> EngineEvent {
    EngineEvent::StoreDelayed("the disk is full".to_owned())
}

#[test]
fn a_decision_that_is_not_stored_yet_does_not_advance() {
    let mut world = delayed(&["One.", "Two.", "Three."]);
    world.keys("a");
    world.send(full());
    assert_eq!(world.cursor(), Some(0), "back at the record that is not stored");
    let words = "not stored yet: the disk is full · changes to 1 record are kept and stored as soon as possible";
    assert_eq!(world.notice(), words);
    world.keys("x");
    assert_eq!(world.cursor(), Some(0));
    world.keys("j e").write("Mine.").keys("Enter");
    world.send(EngineEvent::StoreDelayed("another reason".to_owned()));
    assert_eq!((world.cursor(), world.model.mode == Mode::Browse), (Some(1), true));
    assert!(world.notice().starts_with("not stored yet: the disk is full · changes to 2"), "{}", world.notice());
    assert_eq!(world.model.current(RecordId(1)).as_deref(), Some("Mine."), "the text is kept");
    world.disk_catches_up();
    assert_eq!(world.notice(), "stored: every change is on disk again");
    world.keys("a");
    assert_eq!(world.cursor(), Some(2));
    world.restart();
    assert_eq!(world.model.current(RecordId(1)).as_deref(), Some("Mine."));
}

#[test]
fn the_dataset_is_not_opened_again_before_every_change_is_stored() {
    let mut world = delayed(&["One.", "Two."]);
    world.keys("a");
    world.send(full());
    world.keys(":").write("reopen").keys("Enter");
    assert_eq!(world.model.leaving, None);
    assert!(
        world.notice().starts_with("not opened again: changes to 1 record are not stored yet"),
        "{}",
        world.notice()
    );
    world.disk_catches_up();
    world.keys(":").write("reopen").keys("Enter");
    assert_eq!(world.model.leaving, Some(Leaving::Reopen));
    assert!(world.asked.contains(&Effect::Quit));
}

#[test]
fn the_cursor_stays_where_the_operator_went_meanwhile() {
    let mut world = delayed(&["One.", "Two.", "Three."]);
    world.keys("a j");
    world.send(full());
    assert_eq!(world.cursor(), Some(2));
}

#[test]
fn a_save_never_has_more_than_the_session() {
    let mut world = delayed(&["One.", "Two."]);
    world.keys("x ctrl-s");
    assert_eq!(world.asked, [], "waits until the decision is on disk");
    world.send(full());
    world.keys("ctrl-s");
    assert_eq!(
        (world.notice(), world.asked.len()),
        ("not saved: changes to 1 record are not stored yet: the disk is full", 0)
    );
    world.keys("q");
    assert_eq!(world.model.mode, Mode::ConfirmQuit, "quitting may lose the change");
    world.keys("Esc");
    world.disk_catches_up();
    assert_eq!(world.asked, [], "the refused save does not start by itself");
    world.keys("s ctrl-s");
    world.disk_catches_up();
    assert!(matches!(world.asked[..], [Effect::Save(_)]), "{:?}", world.asked);
}

#[test]
fn undo_shows_the_record_it_changed() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("a G 2 u");
    assert_eq!(world.decisions(), "[-] - -");
    world.keys("4");
    assert_eq!(world.cursor(), None);
    world.keys("U");
    assert_eq!(world.decisions(), "[kept] - -");
}

#[test]
fn undo_and_redo_survive_a_restart() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("a s u");
    world.restart();
    world.keys("U u u");
    assert_eq!(world.decisions(), "[-] -");
    assert_eq!(world.keys("u").notice(), "nothing to undo");
}

#[test]
fn flags_and_notes_are_independent_of_the_decision() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("! m").write("check  the\nshoes").keys("Enter a");
    let state = world.model.state(RecordId(0));
    assert!(state.flagged);
    assert_eq!(state.note, "check  the shoes");
    world.keys("u u u");
    assert_eq!((world.model.state(RecordId(0)).flagged, world.decisions().as_str()), (false, "[-] -"));
}

#[test]
fn an_unreadable_line_cannot_be_decided() {
    let mut world = World::new(&["{broken", "Two."]);
    world.keys("a");
    assert_eq!(world.decisions(), "[-] -");
    assert!(world.notice().contains("cannot be parsed"));
    assert_eq!(world.model.tabs.count(Tab::Problems), 1);
    assert_eq!(world.model.tabs.count(Tab::ToReview), 1);
}

#[test]
fn a_locked_session_is_read_only() {
    let mut world = World::new(&["One."]);
    let read_only = Some("process 7 reviews it".to_owned());
    world.send(EngineEvent::SessionOpened { opened: Box::default(), remark: None, read_only });
    world.keys("a s x X u");
    assert_eq!(world.decisions(), "[-]");
    assert!(world.stored.is_empty());
    assert!(world.notice().contains("process 7"));
}

#[test]
fn the_end_of_the_list_reports_the_remaining_records() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("j a");
    assert_eq!(world.notice(), "end of the list · 1 record to review");
    world.keys("k a j a");
    assert_eq!(world.notice(), "all records reviewed · ^s saves");
}

#[test]
fn undo_says_what_it_undid_and_restores_the_selection() {
    let mut world = World::new(&["A caption."; 8]);
    world.keys("Space Space Space Space x");
    assert_eq!(world.decisions(), "kept kept kept kept [-] - - -");
    world.keys("u");
    assert_eq!(world.notice(), "undid: 4 kept · U redoes");
    assert_eq!((world.decisions().as_str(), world.model.selection.count()), ("[-] - - - - - - -", 4));
    world.keys("U");
    assert_eq!(world.notice(), "redid: 4 kept · u undoes");
    assert_eq!(world.model.selection.count(), 0);
    world.keys("u s u");
    assert_eq!(world.notice(), "undid: 4 skipped · U redoes");
    world.keys("Esc ! u");
    assert_eq!(world.notice(), "undid: 1 flagged · U redoes");
}
