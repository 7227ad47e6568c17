//! Saving, quitting, the command line.

use recaption::dataset::{Amendment, RecordId};
use recaption::engine::{EngineEvent, SaveFailure};
use recaption::review::{Effect, Mode};
use rstest::rstest;

use crate::world::World;

fn amendments(world: &World) -> Vec<(u32, Amendment)> {
    let save = world.asked.iter().rev().find_map(|effect| match effect {
        Effect::Save(request) => Some(request.amendments()),
        _ => None,
    });
    save.expect("a requested save").iter().map(|(record, amendment)| (record.0, amendment)).collect()
}

#[test]
fn only_decided_captions_differ() {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four.", "Five."]);
    world.keys("x X s e").write("Vier.").keys("Enter r");
    world.finish(4, "A hat.");
    world.keys("a ctrl-s");
    let caption = |text: &str| Amendment::Caption(text.to_owned());
    assert_eq!(amendments(&world), [(1, Amendment::Exclude), (3, caption("Vier.")), (4, caption("A hat."))]);
}

#[rstest]
#[case("q", true)]
#[case("a q", false)]
#[case("a u q", false)]
#[case("! q", true)]
#[case("a q q", true)]
fn quitting_asks_only_if_the_output_is_outdated(#[case] keys: &str, #[case] leaves: bool) {
    let mut world = World::new(&["One.", "Two."]);
    world.keys(keys);
    assert_eq!(world.asked.contains(&Effect::Quit), leaves);
    assert_eq!(world.model.mode == Mode::ConfirmQuit, !leaves);
}

#[test]
fn cancelling_the_quit_dialog_stays() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("a q Esc");
    assert_eq!(world.model.mode, Mode::Browse);
    world.keys("ctrl-s");
    world.save_succeeds();
    assert!(!world.asked.contains(&Effect::Quit));
}

#[test]
fn save_and_quit_exits_once_the_file_is_written() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("a q w");
    assert!(!world.asked.contains(&Effect::Quit));
    world.save_succeeds();
    assert!(world.asked.contains(&Effect::Quit));
}

#[test]
fn decisions_made_during_a_save_are_unsaved() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("a ctrl-s a");
    world.save_succeeds();
    assert!(world.model.ledger.is_unsaved());
    world.keys("ctrl-s");
    world.save_succeeds();
    assert!(!world.model.ledger.is_unsaved());
    world.restart();
    assert!(!world.model.ledger.is_unsaved());
}

#[test]
fn a_failed_save_does_not_quit() {
    let mut world = World::new(&["One."]);
    world.keys("a q w");
    world.send(EngineEvent::SaveFailed(SaveFailure::Other("disk full".to_owned())));
    assert_eq!(world.notice(), "disk full");
    assert!(!world.asked.contains(&Effect::Quit));
    assert!(world.model.ledger.is_unsaved());
}

#[test]
fn a_foreign_file_is_overwritten_only_after_confirmation() {
    let mut world = World::new(&["One."]);
    world.keys("a ctrl-s");
    world.send(EngineEvent::SaveFailed(SaveFailure::Conflict("out.jsonl is not ours".to_owned())));
    assert!(matches!(world.model.mode, Mode::ConfirmOverwrite(_)));
    let saves = |world: &World| world.asked.iter().filter(|effect| matches!(effect, Effect::Save(_))).count();
    world.keys("n");
    assert_eq!(saves(&world), 1);
    world.keys("ctrl-s");
    world.send(EngineEvent::SaveFailed(SaveFailure::Conflict("out.jsonl is not ours".to_owned())));
    world.keys("y");
    assert!(matches!(world.asked.last(), Some(Effect::Save(request)) if request.force));
}

#[rstest]
#[case("w", false, true)]
#[case("q", true, false)]
#[case("wq", false, true)]
#[case("q!", true, false)]
#[case("nonsense", false, false)]
fn the_command_line(#[case] line: &str, #[case] leaves: bool, #[case] saves: bool) {
    let mut world = World::new(&["One."]);
    world.keys(":").write(line).keys("Enter");
    assert_eq!(world.asked.contains(&Effect::Quit), leaves);
    assert_eq!(world.asked.iter().any(|effect| matches!(effect, Effect::Save(_))), saves);
}

#[test]
fn saving_waits_for_the_complete_index() {
    let mut world = World::new(&["One."]);
    world.send(EngineEvent::Indexed { records: 1, complete: false });
    world.keys("a ctrl-s");
    assert!(world.notice().contains("still loading"));
    assert!(!world.asked.iter().any(|effect| matches!(effect, Effect::Save(_))));
    assert_eq!(world.model.state(RecordId(0)).decision, recaption::session::Decision::Kept);
}

#[test]
fn saving_names_captions_with_errors() {
    let mut world = World::new(&["A coat.", "I'm sorry, but I can't help with that.", "A hat that is"]);
    world.keys("x ctrl-s");
    world.save_succeeds();
    let notice = world.notice();
    assert!(notice.contains("errors in 1 caption, warnings in 1 caption · 6 lists them"), "{notice}");
}

#[test]
fn findings_that_are_still_counted_are_named_later() {
    let mut world = World::with(&["A coat.", ""], |_| {});
    world.slow_scans = true;
    world.restart();
    world.keys("x ctrl-s");
    world.save_succeeds();
    assert!(!world.notice().contains("errors"), "{}", world.notice());
    world.scans_catch_up();
    assert!(world.notice().contains("errors in 1 caption · 6 lists them"), "{}", world.notice());
}
