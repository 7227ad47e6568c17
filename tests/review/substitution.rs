//! Substitution in many captions: scan, preview, and one undo step.

use recaption::dataset::RecordId;
use recaption::review::{Command, Effect, Mode, Msg, Tab, update};

use crate::world::World;

fn command<'w>(world: &'w mut World, line: &str) -> &'w mut World {
    world.keys(":").write(line).keys("Enter")
}

/// Returns the current captions, in order.
fn captions(world: &World) -> Vec<String> {
    (0..world.len()).map(|record| world.model.current(RecordId(record)).unwrap_or_default().into_owned()).collect()
}

fn hits(world: &World) -> Vec<(u32, String)> {
    let Mode::Replace(replacement) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    (0..).map_while(|place| replacement.hits.get(place)).map(|hit| (hit.record.0, hit.after)).collect()
}

fn listed<const N: usize>(hits: [(u32, &str); N]) -> Vec<(u32, String)> {
    hits.map(|(record, after)| (record, after.to_owned())).into()
}

#[test]
fn a_substitution_is_previewed_and_is_one_undo_step() {
    let mut world = World::new(&["Asian woman.", "A hat.", "Young Asian man.", "Asian, asian."]);
    command(&mut world, "s/Asian/Korean/");
    assert_eq!(hits(&world), listed([(0, "Korean woman."), (2, "Young Korean man."), (3, "Korean, asian.")]));
    assert_eq!(captions(&world)[0], "Asian woman.", "nothing is changed yet");
    world.keys("Enter");
    assert_eq!(captions(&world), ["Korean woman.", "A hat.", "Young Korean man.", "Korean, asian."]);
    assert!(world.notice().contains("changed 3 captions"), "{}", world.notice());
    assert_eq!(world.decisions(), "[-] - - -", "undecided records stay undecided");
    assert!(world.model.ledger.is_unsaved());
    world.keys("u");
    assert_eq!(captions(&world)[2], "Young Asian man.");
    world.keys("U");
    world.restart();
    assert_eq!(captions(&world), ["Korean woman.", "A hat.", "Young Korean man.", "Korean, asian."]);
    world.keys("u");
    assert_eq!(captions(&world), ["Asian woman.", "A hat.", "Young Asian man.", "Asian, asian."]);
}

#[test]
fn single_captions_can_be_deselected() {
    let mut world = World::new(&["red", "red", "red"]);
    command(&mut world, "s/red/blue/").keys("j Space Enter");
    assert_eq!(captions(&world), ["blue", "red", "blue"]);
    command(&mut world, "s/e/i/").keys("a Space Enter");
    assert_eq!(captions(&world), ["blui", "red", "blue"], "all deselected, then one selected");
    command(&mut world, "s/b/p/").keys("Esc");
    assert_eq!((captions(&world)[0].as_str(), &world.model.mode), ("blui", &Mode::Browse));
}

#[test]
fn decisions_are_unchanged() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("e").write("My red hat.").keys("Enter x");
    command(&mut world, "%s/e/E/").keys("Enter");
    assert_eq!(captions(&world), ["My rEd hat.", "Two.", "ThrEE."]);
    assert_eq!(world.decisions(), "edited:My red hat. kept [-]");
    // A new decision applies to the shown text.
    world.keys("a");
    assert_eq!(world.decisions(), "edited:My red hat. kept [edited:ThrEE.]");
    world.keys("g g x");
    assert_eq!(captions(&world)[0], "One.", "keep refers to the original");
}

#[test]
fn the_scope_is_the_view_unless_all_are_requested() {
    let mut world = World::new(&["red", "red", "red"]);
    world.keys("x 2");
    assert_eq!(world.model.list.tab, Tab::ToReview);
    command(&mut world, "s/red/blue/");
    assert_eq!(hits(&world).len(), 2);
    world.keys("Esc");
    command(&mut world, "%s/red/blue/");
    assert_eq!(hits(&world).len(), 3);
}

#[test]
fn the_scope_is_the_selection_if_there_is_one() {
    let mut world = World::new(&["red", "red", "red", "red"]);
    world.keys("Space j v G");
    command(&mut world, "s/red/blue/").keys("Enter");
    assert_eq!(captions(&world), ["blue", "red", "blue", "blue"]);
    command(&mut world, "s/blue/green/").keys("Enter");
    assert_eq!(captions(&world), ["green", "red", "green", "green"], "the selection stays for the next change");
    command(&mut world, "%s/e/E/");
    assert_eq!(hits(&world).len(), 4);
}

#[test]
fn trim_and_other_changes_are_previewed_too() {
    let mut world = World::new(&["a hat", "A scarf."]);
    for (line, expected) in [
        ("final-stop", ["a hat.", "A scarf."]),
        ("sentence-case", ["A hat.", "A scarf."]),
        ("prefix photo of", ["photo of A hat.", "photo of A scarf."]),
    ] {
        command(&mut world, line).keys("Enter");
        assert_eq!(captions(&world), expected, "{line}");
    }
    command(&mut world, "trim");
    assert_eq!((world.notice(), &world.model.mode), ("no caption matches", &Mode::Browse));
    command(&mut world, "s/(/x/");
    assert!(world.notice().contains("unclosed"), "{}", world.notice());
}

#[test]
fn captions_that_would_be_empty_are_listed_and_stay() {
    let mut world = World::new(&["hat", "a hat"]);
    command(&mut world, "s/^hat$| *hat//");
    assert_eq!(hits(&world), listed([(0, ""), (1, "a")]));
    world.keys("Space");
    assert_eq!(world.notice(), "a caption must not be empty: X excludes the record");
    world.keys("a a Enter");
    assert_eq!(captions(&world), ["hat", "a"]);
    assert!(world.notice().contains("changed 1 caption; 1 caption would be empty and stayed"), "{}", world.notice());
}

#[test]
fn undo_returns_every_record_to_the_filter() {
    let mut world = World::new(&["red hat", "blue", "red cap"]);
    world.keys("f").write("red").keys("Enter");
    assert_eq!(world.model.view().len(), 2);
    command(&mut world, "s/red/green/").keys("Enter");
    world.keys("u");
    assert_eq!(
        (0..2).filter_map(|place| world.model.view().nth(place)).collect::<Vec<_>>(),
        [RecordId(0), RecordId(2)]
    );
}

#[test]
fn leaving_the_preview_stops_the_scan() {
    let mut world = World::new(&["red"]);
    command(&mut world, "s/red/blue/");
    let Mode::Replace(replacement) = &world.model.mode else { panic!("it is looked at") };
    let id = replacement.id;
    world.asked.clear();
    let effects = update(&mut world.model, Msg::Command(Command::Close));
    assert!(effects.contains(&Effect::StopScan(id)), "{effects:?}");
}

#[test]
fn records_without_a_caption_are_unchanged() {
    let mut world = World::new(&["{\"file_name\": \"a.jpg\"}", "a hat"]);
    command(&mut world, "prefix photo of").keys("Enter");
    assert_eq!(captions(&world), ["", "photo of a hat"]);
}

#[test]
fn a_command_that_lacks_its_argument_asks_for_it() {
    let mut world = World::new(&["a hat"]);
    command(&mut world, "prepend text");
    let Mode::Command(line) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    assert_eq!(line.text, "prefix ");
    world.write("prefix photo of").keys("Enter Enter");
    assert_eq!(captions(&world), ["photo of a hat"]);
    command(&mut world, "go to a record");
    world.write("go-to 9").keys("Enter");
    assert_eq!(world.notice(), "no record 9: the last is 1");
    command(&mut world, "go-to x");
    assert_eq!(world.notice(), "expected a number, found \"x\"");
}

/// Enough captions for a change that is stored as a whole.
#[test]
fn a_change_of_very_many_captions_is_one_step_and_survives_a_restart() {
    let lines: Vec<String> = (0..3000).map(|record| format!("red {}", record % 7)).collect();
    let mut world = World::new(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    world.keys("x f").write("red").keys("Enter");
    assert_eq!(world.model.view().len(), 3000);
    command(&mut world, "%s/red/blue/").keys("j Space Enter");
    assert_eq!(world.notice(), "changed 2999 captions; decisions unchanged · u undoes");
    let text = |world: &World, record| {
        world.model.state(RecordId(record)).own_text(RecordId(record)).map(std::borrow::Cow::into_owned)
    };
    let texts = |world: &World| [0, 1, 2, 2999].map(|record| text(world, record));
    let blue = |record: u32| Some(format!("blue {}", record % 7));
    assert_eq!(texts(&world), [blue(0), None, blue(2), blue(2999)]);
    assert_eq!(world.model.view().len(), 1, "the filter follows");
    assert_eq!(world.model.tabs.reviewed(), 1, "decisions are unchanged");
    // Others on top, of fewer records.
    command(&mut world, "%s/blue 3/green 3/").keys("Enter");
    command(&mut world, "%s/(blue|green) [345]/grey/").keys("Enter");
    let all = |world: &World| [1, 2, 3, 4].map(|record| text(world, record));
    let expected = [None, blue(2), Some("grey".to_owned()), Some("grey".to_owned())];
    assert_eq!(all(&world), expected);
    world.keys("u");
    assert_eq!(world.notice(), "undid: 1285 changed · U redoes");
    assert_eq!(all(&world), [None, blue(2), Some("green 3".to_owned()), blue(4)]);
    world.keys("u u");
    assert_eq!(world.notice(), "undid: 2999 changed · U redoes");
    assert_eq!(all(&world), [None, None, None, None]);
    assert_eq!(world.model.view().len(), 3000, "undo returns every record to the filter");
    world.keys("U U U");
    assert_eq!(all(&world), expected);
    // A decision for one of them removes its text only.
    world.keys("F g g j j x");
    assert_eq!([0, 2, 4].map(|record| text(&world, record)), [blue(0), None, Some("grey".to_owned())]);
    world.keys("u");
    assert_eq!(all(&world), expected);
    world.restart();
    assert_eq!(all(&world), expected);
    world.keys("u u u");
    assert_eq!(all(&world), [None, None, None, None]);
}
