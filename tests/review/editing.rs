//! The editor: accepting, drafts, and that a text only reaches its own record.

use recaption::dataset::RecordId;
use recaption::review::{Effect, Mode, Msg, Tab};
use rstest::rstest;

use crate::world::World;

#[rstest]
#[case("Enter", "edited:Eins. [-] -", false)]
#[case("ctrl-s", "[edited:Eins.] - -", false)]
#[case("ctrl-n", "edited:Eins. [-] -", true)]
#[case("ctrl-p", "[edited:Eins.] - -", false)]
#[case("Esc", "[-] - -", false)]
#[case("ctrl-g", "[-] - -", false)]
fn leaving_the_editor(#[case] keys: &str, #[case] after: &str, #[case] still_editing: bool) {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("e").write("Eins.").keys(keys);
    assert_eq!(world.decisions(), after);
    assert_eq!(matches!(world.model.mode, Mode::Edit(_)), still_editing);
}

#[test]
fn moving_on_while_editing_never_mixes_records() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("e").write("Eins.").keys("ctrl-n").write("Zwei.").keys("ctrl-n").write("Drei.").keys("Enter");
    assert_eq!(world.decisions(), "edited:Eins. edited:Zwei. [edited:Drei.]");
    world.keys("e").write("Dritte.").keys("ctrl-p ctrl-p Esc");
    assert_eq!(world.decisions(), "[edited:Eins.] edited:Zwei. edited:Dritte.");
}

#[test]
fn a_draft_survives_leaving_and_restarting() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("e").write("Half a").keys("Esc");
    assert_eq!(world.notice(), "draft kept · e resumes");
    world.restart();
    world.keys("a");
    assert_eq!(world.decisions(), "[-] -", "accepting over an unfinished edit would lose it");
    world.keys("e");
    let Mode::Edit(editor) = &world.model.mode else { panic!("the editor is open") };
    assert_eq!((editor.draft.text.as_str(), editor.draft.cursor), ("Half a", 6));
    world.keys("Enter");
    assert_eq!(world.decisions(), "edited:Half a [-]");
    assert_eq!(world.model.state(RecordId(0)).draft, None);
}

#[test]
fn an_open_draft_survives_a_kill() {
    let mut world = World::new(&["One."]);
    world.keys("e").write("Half a");
    world.restart();
    assert_eq!(world.model.state(RecordId(0)).draft.as_ref().map(|draft| draft.text.as_str()), Some("Half a"));
}

#[test]
fn a_discarded_draft_is_gone() {
    let mut world = World::new(&["One."]);
    world.keys("e").write("Half a").keys("ctrl-g a");
    assert_eq!(world.decisions(), "[kept]");
}

#[test]
fn an_unchanged_text_leaves_no_draft() {
    let mut world = World::new(&["One."]);
    world.keys("e Esc");
    assert_eq!(world.model.state(RecordId(0)).draft, None);
    world.keys("e").write("Other.").write("One.").keys("Esc");
    assert_eq!(world.model.state(RecordId(0)).draft, None);
}

#[test]
fn an_unchanged_text_counts_as_kept_or_accepted() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("e").write(" One. ").keys("Enter");
    world.keys("r");
    world.finish(1, "A hat.");
    world.keys("e Enter");
    assert_eq!(world.decisions(), "kept [accepted:A hat.]");
}

#[test]
fn an_edit_starts_from_the_shown_text() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("r");
    world.finish(0, "A hat.");
    world.keys("e");
    let Mode::Edit(editor) = &world.model.mode else { panic!("the editor is open") };
    assert_eq!(editor.draft.text, "A hat.");
}

#[test]
fn line_breaks_become_spaces() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("e").write("a coat,\n  a hat.\n").keys("ctrl-s");
    assert!(world.decisions().starts_with("[edited:a coat,"), "{}", world.decisions());
    assert!(!world.decisions().contains('\n'));
    world.keys("e").write(" \n ").keys("Enter");
    assert!(matches!(world.model.mode, Mode::Edit(_)), "a caption must not be empty and nothing is lost");
    assert!(world.notice().contains("a caption must not be empty"));
}

#[rstest]
#[case("1girl\nsolo\nhat\n")]
#[case(" A coat. ")]
#[case("a\u{2028}b\tc\r\nd\u{7}")]
fn an_unchanged_caption_stays_byte_for_byte(#[case] caption: &str) {
    let mut world = World::new(&[caption, "Two."]);
    world.keys("e Enter");
    assert_eq!(world.decisions(), "kept [-]");
    world.keys("k e").write(&format!("{caption}x")).keys("Enter");
    assert_eq!(world.model.current(RecordId(0)).as_deref(), Some(format!("{caption}x").as_str()));
    let Mode::Browse = &world.model.mode else { panic!("accepted") };
}

#[test]
fn joining_lines_is_announced() {
    let mut world = World::new(&["One.", "1girl\nsolo"]);
    let joins = |world: &World| {
        let Mode::Edit(editor) = &world.model.mode else { panic!("the editor is open") };
        world.model.joins_lines(editor)
    };
    world.keys("e").write("One.\n");
    assert!(!joins(&world), "a line break at the end is trimmed");
    world.write("One.\nTwo.");
    assert!(joins(&world));
    world.keys("Enter e").write("1girl\nsolo\nhat");
    assert!(!joins(&world), "this caption has lines");
    world.keys("Enter");
    assert_eq!(world.decisions(), "edited:One. Two. [edited:1girl\nsolo\nhat]");
}

#[test]
fn an_unchanged_note_is_not_stored() {
    let mut world = World::new(&["One."]);
    world.keys("m").write("a note").keys("Enter");
    let stored = world.stored.len();
    world.keys("m Enter");
    assert!(stored > 0 && stored == world.stored.len(), "{:?}", world.stored);
}

#[test]
fn a_candidate_that_arrives_during_an_edit_leaves_the_text_alone() {
    let mut world = World::new(&["One."]);
    world.keys("r e").write("Mine.");
    world.finish(0, "Theirs.");
    let Mode::Edit(editor) = &world.model.mode else { panic!("the editor is open") };
    assert_eq!(editor.draft.text, "Mine.");
    world.keys("Enter");
    assert_eq!(world.decisions(), "[edited:Mine.]");
}

#[test]
fn an_external_editor_returns_its_text() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("E");
    assert_eq!(world.asked, [Effect::EditExternally { record: RecordId(0), text: "One.".to_owned() }]);
    world.keys("j");
    world.send(Msg::EditedExternally { record: RecordId(0), result: Ok("Eins.\n".to_owned()) });
    assert_eq!(world.decisions(), "edited:Eins. [-]");
    world.send(Msg::EditedExternally { record: RecordId(1), result: Ok("Two.\n".to_owned()) });
    assert_eq!((world.decisions().as_str(), world.notice()), ("edited:Eins. [-]", "no change"));
    world.send(Msg::EditedExternally { record: RecordId(1), result: Err("no editor".to_owned()) });
    assert_eq!((world.decisions().as_str(), world.notice()), ("edited:Eins. [-]", "no editor"));
}

#[test]
fn korean_text_is_preserved() {
    let mut world = World::new(&["한 사람."]);
    world.keys("e").write("베이지색 코트를 입은 사람.").keys("Enter");
    assert_eq!(world.decisions(), "[edited:베이지색 코트를 입은 사람.]");
}

#[test]
fn line_breaks_are_kept_if_configured() {
    let mut world = World::with(&["One."], |settings| settings.keep_line_breaks = true);
    world.keys("e").write("a coat,\na hat.\n").keys("Enter");
    assert_eq!(world.decisions(), "[edited:a coat,\na hat.]");
}

/// Creates a world with the cursor on a record that is not loaded.
fn at_an_unread_record() -> World {
    let mut world = World::new(&["One."; 100]);
    world.slow_reads = true;
    world.keys("G");
    world
}

#[rstest]
#[case::caption("e")]
#[case::note("m")]
#[case::external("E")]
fn an_editor_opens_when_its_record_is_loaded(#[case] key: &str) {
    let mut world = at_an_unread_record();
    world.keys(key);
    assert!(world.model.awaits_editor() && world.model.mode == Mode::Browse);
    world.send(Msg::Notice("unrelated".to_owned()));
    assert!(world.model.awaits_editor());
    world.reads_catch_up();
    assert!(!world.model.awaits_editor());
    let record = match &world.model.mode {
        Mode::Edit(editor) | Mode::Note(editor) => editor.record,
        _ => match world.asked.as_slice() {
            [Effect::EditExternally { record, .. }] => *record,
            other => panic!("{other:?}"),
        },
    };
    assert_eq!(record, RecordId(99));
}

#[test]
fn an_editor_that_waits_opens_for_no_other_record() {
    let mut world = at_an_unread_record();
    world.keys("e");
    world.send(Msg::ClickedTab(Tab::Decided));
    world.send(Msg::ClickedTab(Tab::All));
    world.send(Msg::ClickedRow(0));
    world.reads_catch_up();
    assert!(!world.model.awaits_editor());
    assert_eq!(world.model.mode, Mode::Browse);
    assert!(world.notice().contains("another record"), "{}", world.notice());
}

#[test]
fn an_editor_that_waits_can_be_cancelled() {
    let mut world = at_an_unread_record();
    world.keys("e");
    world.send(Msg::OpeningCancelled);
    world.reads_catch_up();
    assert!(!world.model.awaits_editor());
    assert_eq!(world.model.mode, Mode::Browse);
}

#[test]
fn a_decision_does_not_wait_for_a_record_that_is_not_on_the_screen() {
    let mut world = at_an_unread_record();
    world.keys("a");
    assert!(world.notice().contains("still loading"));
    world.reads_catch_up();
    assert!(world.stored.is_empty());
}

#[rstest]
#[case::filter("f")]
#[case::search("/")]
#[case::command(":")]
#[case::note("m")]
fn a_prompt_refuses_a_text_that_is_too_long(#[case] key: &str) {
    let mut world = World::new(&["One."]);
    world.keys(key).write("short");
    let mode = world.model.mode.clone();
    world.write(&"word ".repeat(200_000));
    assert_eq!(world.model.mode, mode);
    assert!(world.notice().contains("too long"));
    world.write("other");
    assert_eq!(world.notice(), "");
}
