//! Records that reviewers decided differently, as a merge leaves them.

use insta::assert_snapshot;
use recaption::dataset::RecordId;
use recaption::describe::StopReason;
use recaption::session::{Actor, Decision, Event, Provenance, REVIEWER, Seq};

use crate::screens::screen;
use crate::world::World;

fn opinion(record: u32, reviewer: &str, decision: &str, text: &str) -> Event {
    let provenance = Provenance {
        describer: REVIEWER.to_owned(),
        model: reviewer.to_owned(),
        prompt: None,
        parameters: decision.to_owned(),
        reason: None,
        usage: None,
        stop: StopReason::EndTurn,
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    Event::Generated { record: RecordId(record), text: text.to_owned(), provenance }
}

/// Kim and Lee differ on the second and the fourth of five records; the first is decided.
fn merged() -> World {
    let mut world = World::new(&["A hat.", "A coat.", "A shoe.", "A bag.", "A belt."]);
    let events = [
        Event::Decided { record: RecordId(0), decision: Decision::Kept, by: Actor::Operator },
        opinion(1, "kim", "edited", "A red coat."),
        opinion(1, "lee", "edited", "A blue coat."),
        opinion(3, "kim", "excluded", "A bag."),
        opinion(3, "lee", "kept", "A bag."),
    ];
    world.stored = (1..).map(Seq).zip(events).collect();
    world.restart();
    world.keys("f").write("status:conflict").keys("Enter");
    world
}

fn decision(world: &World, record: u32) -> &Decision {
    &world.model.ledger.record(RecordId(record)).decision
}

#[test]
fn the_filter_lists_conflicts_until_they_are_settled() {
    let mut world = merged();
    assert_eq!(world.listed(), [1, 3]);
    world.keys("a");
    assert_eq!(decision(&world, 1).text(), Some("A blue coat."), "the newest candidate is selected");
    world.keys("X");
    assert_eq!(*decision(&world, 3), Decision::Excluded);
    world.keys("F f").write("status:conflict").keys("Enter");
    assert_eq!(world.listed(), [] as [u32; 0]);
    world.keys("F u f").write("status:conflict").keys("Enter");
    assert_eq!(world.listed(), [3], "an undone decision settles nothing");
}

#[test]
fn another_reviewers_caption_is_selected_and_accepted() {
    let mut world = merged();
    world.keys("[ a");
    assert_eq!(decision(&world, 1).text(), Some("A red coat."));
    world.restart();
    world.keys("f").write("status:conflict").keys("Enter");
    assert_eq!(world.listed(), [3]);
}

#[test]
fn a_skipped_record_is_still_in_conflict() {
    let mut world = merged();
    world.keys("s F f").write("status:conflict").keys("Enter");
    assert_eq!(world.listed(), [1, 3]);
}

#[test]
fn the_captions_are_headed_by_their_reviewers() {
    let mut world = merged();
    world.keys("j");
    let terminal = screen(&mut world, 100, 30, false);
    assert_snapshot!("conflict", terminal.backend());
}
