//! Lists of tags: their style, their findings, and changes to them in many captions.

use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::lint::{CaptionStyle, LintKind};
use recaption::review::{Editor, Mode, Msg, Scope, Tab, Version};
use recaption::text::TagUnit;
use rstest::rstest;

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
    (0..world.len()).map(|record| world.model.current(RecordId(record)).unwrap_or_default().into_owned()).collect()
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

/// Returns the rows of the table: the number of captions and the tag.
fn rows(world: &World) -> Vec<(u64, &str)> {
    let Mode::Tags(page) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    let table = world.model.known_tags.table(TagUnit::Tags).expect("counted");
    let rows = page.rows.iter().filter_map(|at| table.get(*at));
    rows.map(|tag| (tag.captions, tag.name.as_str())).collect()
}

#[test]
fn the_table_counts_the_current_captions() {
    let mut world = tagged(&TAGS);
    world.keys("j j e").write("cap, hat").keys("Enter g t");
    assert_eq!(rows(&world), [(3, "hat"), (2, "1girl"), (2, "long hair"), (1, "1boy"), (1, "cap"), (1, "solo")]);
    world.keys("Esc").keys("u g t");
    assert_eq!(rows(&world), [(3, "hat"), (2, "1girl"), (2, "long hair"), (1, "1boy"), (1, "solo")]);
}

#[test]
fn a_row_of_the_table_lists_its_records() {
    let mut world = tagged(&TAGS);
    world.keys("2 g t j j Enter");
    assert_eq!(world.model.filter.as_ref().map(|filter| filter.text.as_str()), Some("tag:\"long hair\""));
    assert_eq!(world.listed(), [0, 1]);
}

#[test]
fn the_table_is_searched() {
    let mut world = tagged(&TAGS);
    world.keys("g t /").write("HA");
    assert_eq!(rows(&world), [(3, "hat"), (2, "long hair")]);
    world.keys("Enter j Esc");
    assert_eq!(rows(&world).len(), 5, "first the search is cleared");
    world.keys("Esc");
    assert_eq!(world.model.mode, Mode::Browse);
}

#[test]
fn tags_are_renamed_and_removed_from_the_table() {
    let mut world = tagged(&TAGS);
    world.keys("2 x g t G k k r");
    let Mode::Command(line) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    assert_eq!(line.text, "%rename-tag long hair, ");
    world.write("%rename-tag long hair, short hair").keys("Enter");
    let Mode::Replace(replacement) = &world.model.mode else { panic!("a preview: {:?}", world.model.mode) };
    assert_eq!((replacement.hits.len(), replacement.scope), (2, Scope::All), "not only those in view");
    world.keys("Enter g t G x");
    assert_eq!(captions(&world)[1], "1boy,hat , short hair");
    assert!(matches!(world.model.mode, Mode::Replace(_)), "a preview of the removal");
    world.keys("Enter");
    assert_eq!(captions(&world)[0], "1girl, short hair");
    world.keys("u u");
    assert_eq!(captions(&world), TAGS);
}

#[rstest]
#[case("tag:hat", &[1, 2, 3])]
#[case("tag:HAT", &[1, 2, 3])]
#[case("tag:\"long hair\"", &[0, 1])]
#[case("tag:long_hair", &[0, 1])]
#[case("tag:hai", &[])]
#[case("tag:*hair", &[0, 1])]
#[case("tag:/^1/ not tag:1boy", &[0, 3])]
#[case("tag:", &[0, 1, 2, 3])]
fn a_query_finds_whole_tags(#[case] query: &str, #[case] expected: &[u32]) {
    let mut world = tagged(&TAGS);
    world.keys("f").write(query).keys("Enter");
    assert_eq!(world.listed(), expected);
}

#[test]
fn a_field_of_that_name_is_still_searched() {
    let mut world = tagged(&["{\"file_name\": \"a.jpg\", \"text\": \"hat\", \"tag\": \"summer 2024\"}", "hat, cap"]);
    world.keys("f").write("tag:summer").keys("Enter");
    assert_eq!(world.listed(), [0]);
}

fn typed(world: &World) -> (&str, usize) {
    let Mode::Edit(editor) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    (&editor.draft.text, editor.draft.cursor)
}

fn choices(world: &World) -> Vec<&str> {
    let Mode::Edit(Editor { offered: Some(offered), .. }) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    offered.choices.iter().map(|choice| choice.text.as_str()).collect()
}

#[test]
fn lengths_are_counted_in_tags() {
    let mut world = tagged(&["long hair, red hat", "a hat on a shelf", "hat, cap, coat"]);
    world.keys("f").write("words:2..").keys("Enter");
    assert_eq!(world.listed(), [0, 2]);
    world.keys("F o w");
    assert_eq!(world.listed(), [2, 0, 1]);
}

#[test]
fn tab_completes_tags_and_cycles() {
    let mut world = tagged(&["long hair, hat", "hat, long_dress, long hair", "cap", "hoodie, hat"]);
    world.keys("j j e").write("cap, h").keys("Tab");
    assert_eq!((typed(&world), choices(&world)), (("cap, hat", 8), vec!["hat", "hoodie"]), "the most frequent first");
    world.keys("Tab");
    assert_eq!(typed(&world), ("cap, hoodie", 11));
    world.keys("Tab");
    assert_eq!(typed(&world).0, "cap, hat");
    world.keys("shift-Tab");
    assert_eq!(typed(&world).0, "cap, hoodie");
    world.restart();
    let draft = world.model.state(RecordId(2)).draft.as_ref().map(|draft| draft.text.as_str());
    assert_eq!(draft, Some("cap, hoodie"), "a completion is stored like a typed text");
}

#[test]
fn tags_that_the_caption_has_are_not_offered() {
    let mut world = tagged(&["long hair, hat", "hat, cap"]);
    world.keys("j e").write("hat, ").keys("Tab");
    assert_eq!(choices(&world), ["cap", "long hair"]);
    world.write("hat, x").keys("Tab");
    assert_eq!((typed(&world).0, world.notice()), ("hat, x", "no completion"));
    let text = "long_, hat";
    world.send(Msg::Typed { text: text.to_owned(), cursor: 5 });
    world.keys("Tab");
    assert_eq!(typed(&world), ("long hair, hat", 9), "the text after the cursor stays");
}

#[test]
fn a_new_tag_is_offered_at_the_next_record() {
    let mut world = tagged(&["hat", "cap", "coat"]);
    world.keys("e").write("hat, umbrella").keys("ctrl-n").write("um").keys("Tab");
    assert_eq!(typed(&world).0, "umbrella");
}

#[test]
fn tab_completes_words_in_prose() {
    let mut world = World::new(&["A woman in a wide coat.", "A woman with a wallet.", "A man."]);
    world.keys("j j e").write("A man and a wo").keys("Tab");
    assert_eq!(typed(&world).0, "A man and a woman");
    world.write("Wa").keys("Tab");
    assert_eq!(typed(&world).0, "Wallet", "what is typed stays");
    world.write("A man ").keys("Tab");
    assert_eq!((typed(&world).0, world.notice()), ("A man ", "no completion"));
}
