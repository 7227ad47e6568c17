//! Lists of tags: their style, their findings, and changes to them in many captions.

use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::lint::{CaptionStyle, LintKind};
use recaption::review::{Mode, Tab, Version};

use crate::world::World;

const TAGS: [&str; 4] = ["1girl, solo, long hair", "1boy,hat , Long_Hair", "hat", "1girl, hat, 1girl"];

/// A reviewer of lists of tags.
fn tagged(captions: &[&str]) -> World {
    World::with(captions, |settings| settings.rules.style = Some(CaptionStyle::Tags))
}

fn command<'w>(world: &'w mut World, line: &str) -> &'w mut World {
    world.keys(":").write(line).keys("Enter")
}

fn captions(world: &World) -> Vec<String> {
    (0..world.len()).map(|record| world.model.current(RecordId(record)).unwrap_or_default().to_owned()).collect()
}

fn findings(world: &World, record: u32) -> Vec<LintKind> {
    world.model.findings(RecordId(record), Version::Original).into_iter().map(|finding| finding.kind).collect()
}

#[test]
fn findings_follow_the_style_once_it_is_recognised() {
    let mut world = World::new(&TAGS);
    assert_eq!(findings(&world, 0), [LintKind::CutOff]);
    world.keys("f").write("lint:warning").keys("Enter 6");
    assert_eq!(world.listed(), [0, 1, 2, 3]);
    world.send(EngineEvent::StyleRecognised(CaptionStyle::Tags));
    assert_eq!((findings(&world, 0), findings(&world, 3)), (vec![], vec![LintKind::DuplicateTag]));
    assert_eq!(world.listed(), [3], "the filter and the tab of problems");
    world.keys("F");
    assert_eq!((world.model.list.tab, world.listed()), (Tab::Problems, vec![3]));
}

#[test]
fn a_tag_is_renamed_in_one_step_and_everything_else_stays() {
    let mut world = tagged(&TAGS);
    command(&mut world, "rename-tag long hair, very long hair");
    assert!(matches!(world.model.mode, Mode::Replace(_)), "a preview");
    world.keys("Enter");
    assert_eq!(captions(&world)[..2], ["1girl, solo, very long hair", "1boy,hat , very long hair"]);
    world.keys("u");
    assert_eq!(captions(&world), TAGS);
}

#[test]
fn a_removed_tag_never_leaves_a_caption_empty() {
    let mut world = tagged(&TAGS);
    command(&mut world, "remove-tag hat").keys("Enter");
    assert_eq!(captions(&world), ["1girl, solo, long hair", "1boy , Long_Hair", "hat", "1girl, 1girl"]);
    assert!(world.notice().contains("changed 2 captions; 1 caption would be empty and stayed"), "{}", world.notice());
    world.keys("u");
    assert_eq!(captions(&world), TAGS);
}

#[test]
fn repeated_tags_are_removed_from_all_captions() {
    let mut world = tagged(&TAGS);
    command(&mut world, "%unique-tags").keys("Enter");
    assert_eq!(captions(&world)[3], "1girl, hat");
    assert_eq!(world.model.findings(RecordId(3), Version::Edited), []);
    world.keys("u");
    assert_eq!(captions(&world), TAGS);
}
