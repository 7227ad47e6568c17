//! Selecting records, and bulk actions on the selection.

use recaption::dataset::RecordId;
use recaption::describe::{Reason, StopReason};
use recaption::engine::{Checked, EngineEvent};
use recaption::review::{Mode, RecordAction, Tab};
use recaption::session::{DecisionKind, FILE};
use rstest::rstest;

use crate::world::World;

const FIVE: [&str; 5] = ["One.", "Two.", "Three.", "Four.", "Five."];

/// Returns the selected records.
fn selected(world: &World) -> Vec<u32> {
    (0..world.len()).filter(|record| world.model.is_selected(RecordId(*record))).collect()
}

#[rstest]
#[case("Space", &[0], 1)]
#[case("Space Space", &[0, 1], 2)]
#[case("Space k Space", &[], 1)]
#[case("G Space", &[4], 4)]
#[case("v", &[0], 0)]
#[case("v j j", &[0, 1, 2], 2)]
#[case("v G k v G", &[0, 1, 2, 3], 4)]
#[case("G v k k", &[2, 3, 4], 2)]
#[case("j v j Space j", &[1, 2], 3)]
#[case("G Space g g v j v Esc", &[], 1)]
#[case("G Space g g v j Esc", &[4], 1)]
#[case("ctrl-a", &[0, 1, 2, 3, 4], 0)]
#[case("ctrl-a j Space", &[0, 2, 3, 4], 2)]
#[case("Space ctrl-a", &[0, 1, 2, 3, 4], 1)]
#[case("ctrl-a ctrl-a", &[], 0)]
#[case("v G ctrl-a", &[], 4)]
fn keys_change_the_selection(#[case] keys: &str, #[case] after: &[u32], #[case] cursor: u32) {
    let mut world = World::new(&FIVE);
    world.keys(keys);
    assert_eq!((selected(&world).as_slice(), world.cursor()), (after, Some(cursor)));
}

#[rstest]
#[case("a", "kept [-] kept - -", &[])]
#[case("x", "kept [-] kept - -", &[])]
#[case("s", "skipped [-] skipped - -", &[])]
#[case("X", "excluded [-] excluded - -", &[])]
#[case("x u", "[-] - - - -", &[0, 2])]
#[case("x u U", "[kept] - kept - -", &[])]
fn decisions_apply_to_the_selected_records(#[case] keys: &str, #[case] after: &str, #[case] still_selected: &[u32]) {
    let mut world = World::new(&FIVE);
    world.keys("Space j Space k k").keys(keys);
    assert_eq!(world.decisions(), after);
    assert_eq!(selected(&world), still_selected, "a decision clears the selection, undo restores it");
}

#[test]
fn a_bulk_action_is_one_undo_step_even_after_a_restart() {
    let mut world = World::new(&FIVE);
    world.keys("s ctrl-a X");
    assert_eq!(world.notice(), "5 excluded · u undoes");
    world.restart();
    world.keys("u");
    assert_eq!(world.decisions(), "[skipped] - - - -");
    assert_eq!(world.notice(), "undid: 5 excluded · U redoes");
    assert_eq!(selected(&world), [0, 1, 2, 3, 4]);
}

/// Records that cannot be described now are selected and in view, but not counted.
#[test]
fn the_confirmation_counts_what_will_be_described() {
    let mut world = World::new(&["A caption."; 30]);
    world.send(EngineEvent::Checked(Checked { records: 30, ..Checked::default() }));
    world.keys("r j r ctrl-a r");
    let action = RecordAction::Describe(None);
    assert_eq!(world.model.mode, Mode::ConfirmMany { action: action.clone(), count: 28, elsewhere: 0 });
    world.keys("n 2 f").write("nothing").keys("Enter r");
    assert_eq!(world.model.mode, Mode::ConfirmMany { action, count: 28, elsewhere: 28 });
}

#[test]
fn bulk_accept_skips_candidates_with_findings() {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four.", "Five.", "{broken", "Seven."]);
    world.keys("r");
    world.finish(0, "A hat.");
    world.keys("j r");
    world.finish_as(1, "A scarf and", StopReason::MaxTokens);
    world.keys("j r");
    world.fail(2, "busy");
    world.keys("j r j e").write("Own").keys("Esc ctrl-a a");
    assert_eq!(world.decisions(), "accepted:A hat. - - - [-] - kept");
    assert_eq!(
        world.notice(),
        "1 accepted, 1 kept; still selected: 1 being described, 1 cut off, 1 with an unfinished edit, 1 failed, \
         1 invalid lines · u undoes"
    );
    assert_eq!(selected(&world), [1, 2, 3, 4, 5]);
    world.keys("u");
    assert_eq!(world.decisions(), "[-] - - - - - -");
}

#[test]
fn imported_candidates_are_accepted_unless_cut_off() {
    let mut world = World::new(&FIVE);
    let captions = vec![(RecordId(0), "A hat.".to_owned()), (RecordId(1), "A scarf and".to_owned())];
    let at = jiff::Timestamp::UNIX_EPOCH;
    world.send(EngineEvent::Imported { describer: FILE, source: "older.jsonl".to_owned(), captions, done: None, at });
    world.keys("Space Space a");
    assert_eq!(world.decisions(), "accepted:A hat. - [-] - -");
    assert_eq!(selected(&world), [1]);
}

#[test]
fn unchanged_decisions_are_not_stored_again() {
    let mut world = World::new(&FIVE);
    world.keys("x g g Space Space x");
    assert_eq!((world.decisions().as_str(), world.stored.len()), ("kept kept [-] - -", 2));
    world.keys("k Space x");
    assert_eq!((world.notice(), world.stored.len()), ("no change", 2));
}

#[test]
fn flags_are_set_unless_all_are_set() {
    let mut world = World::new(&FIVE);
    let flagged = |world: &World| (0..5).filter(|id| world.model.state(RecordId(*id)).flagged).collect::<Vec<_>>();
    world.keys("! ctrl-a !");
    assert_eq!(flagged(&world), [0, 1, 2, 3, 4]);
    world.keys("ctrl-a !");
    assert_eq!(flagged(&world), [] as [u32; 0]);
    world.keys("u u");
    assert_eq!(flagged(&world), [0]);
}

/// Returns the number of excluded records.
fn excluded(world: &World) -> u64 {
    let [.., (kind, count)] = world.model.tabs.decisions();
    assert_eq!(kind, DecisionKind::Excluded);
    count
}

#[test]
fn more_than_twenty_need_confirmation() {
    let mut world = World::new(&["A caption."; 30]);
    world.send(EngineEvent::Checked(Checked { records: 30, ..Checked::default() }));
    world.keys("x ctrl-a 2 f").write("nothing").keys("Enter X");
    assert_eq!(world.model.mode, Mode::ConfirmMany { action: RecordAction::Exclude, count: 30, elsewhere: 30 });
    world.keys("n");
    assert_eq!((world.stored.len(), selected(&world).len()), (1, 30), "nothing happens, the selection stays");
    world.keys("X y");
    assert_eq!(excluded(&world), 30);
    world.keys("u");
    assert_eq!((excluded(&world), world.model.tabs.count(Tab::Decided)), (0, 1), "one step");
}

#[test]
fn bulk_accept_skips_unread_candidates() {
    let mut world = World::new(&["A caption."; 100]);
    world.keys("ctrl-a X y");
    let read = excluded(&world);
    assert!(read < 100, "{read}");
    assert!(world.notice().contains("not read yet"), "{}", world.notice());
    world.send(EngineEvent::Checked(Checked { records: 100, bad_lines: [99].into(), ..Checked::default() }));
    world.keys("X y");
    assert_eq!(excluded(&world), 99);
    assert_eq!(selected(&world), [99]);
}

#[test]
fn select_all_waits_for_the_filter() {
    let mut world = World::new(&["red", "blue", "red", "blue", "red"]);
    world.slow_scans = true;
    world.keys("f").write("red").keys("Enter ctrl-a");
    assert_eq!((selected(&world), world.notice().contains("still running")), (vec![], true));
    world.keys("v j x");
    assert_eq!(world.decisions(), "- [-] - - -", "the range may extend outside the view");
    world.scans_catch_up();
    world.keys("Esc ctrl-a x");
    assert_eq!(world.model.tabs.count(Tab::Decided), 3);
}

#[test]
fn select_all_waits_for_a_refresh_of_the_filter() {
    let mut world = World::new(&["red"; 100]);
    world.send(EngineEvent::Checked(Checked { records: 100, ..Checked::default() }));
    world.keys("f").write("red status:undecided").keys("Enter ctrl-a x y");
    world.slow_scans = true;
    world.keys("u Esc ctrl-a");
    assert_eq!((selected(&world), world.notice().contains("still running")), (vec![], true));
    world.scans_catch_up();
    world.keys("ctrl-a");
    assert_eq!(selected(&world).len(), 100);
}

#[test]
fn selected_records_are_described_even_if_they_have_candidates() {
    let mut world = World::new(&FIVE);
    world.keys("r");
    world.finish(0, "A hat.");
    world.keys("a x");
    world.asks();
    world.keys("g g v j j v R 1");
    let asks = world.asks();
    let asked: Vec<_> = asks.iter().map(|ask| (ask.record.0, ask.reason().cloned())).collect();
    assert_eq!(asked, [0, 1, 2].map(|record| (record, Some(Reason::TooLong))));
    assert_eq!(selected(&world), [] as [u32; 0]);
    world.keys("Space r");
    assert!(world.notice().contains("being generated"), "{}", world.notice());
    for record in 0..3 {
        world.finish(record, "A coat.");
    }
    assert_eq!(world.notice(), "described 3 of 3");
    assert_eq!(world.decisions(), "accepted:A hat. kept - [-] -", "what was decided stands");
    world.keys("ctrl-a r");
    assert_eq!(world.asks().len(), 5);
}

#[test]
fn bulk_actions_are_refused_in_a_locked_session() {
    let mut world = World::new(&FIVE);
    world.model.session = recaption::review::SessionStatus::ReadOnly("process 7 reviews it".to_owned());
    world.keys("ctrl-a x");
    assert!(world.stored.is_empty());
    assert!(world.notice().contains("process 7"));
}
