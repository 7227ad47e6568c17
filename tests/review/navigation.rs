//! Navigation between records, tabs and versions.

use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::review::{CaptionExtent, Context, Effect, Mode, Model, Msg, Tab};
use rstest::rstest;

use crate::world::World;

const TWENTY: [&str; 20] = ["A caption."; 20];

#[rstest]
#[case("G", 19)]
#[case("j", 1)]
#[case("G k", 8)]
#[case("G g g", 0)]
fn the_end_is_gone_to_once_it_is_known(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&TWENTY);
    world.model = Model::new(world.model.settings.clone());
    world.send(EngineEvent::Indexed { records: 10, complete: false });
    world.keys(keys);
    world.send(EngineEvent::Indexed { records: 15, complete: false });
    world.send(EngineEvent::Indexed { records: 20, complete: true });
    assert_eq!(world.cursor(), Some(cursor));
}

#[rstest]
#[case("j", 1)]
#[case("j k", 0)]
#[case("k", 0)]
#[case("G", 19)]
#[case("End g g", 0)]
#[case("ctrl-f", 5)]
#[case("ctrl-f ctrl-b", 0)]
#[case("ctrl-d", 2)]
#[case("G j", 19)]
#[case("Tab", 1)]
#[case("shift-Tab", 19)]
#[case("x j Tab", 3)]
fn keys_move_the_cursor(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&TWENTY);
    world.keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
}

#[test]
fn next_to_review_skips_decided_records_and_wraps_around() {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four."]);
    world.keys("j x x g g Tab");
    assert_eq!(world.cursor(), Some(3));
    world.keys("Tab");
    assert_eq!(world.cursor(), Some(0));
    world.keys("x Tab x");
    assert_eq!(world.keys("Tab").notice(), "nothing to review");
}

#[test]
fn the_cursor_is_always_on_the_screen() {
    let mut world = World::new(&TWENTY);
    for keys in ["j", "ctrl-f", "G", "ctrl-b", "k", "g g", "G x"] {
        world.keys(keys);
        let list = &world.model.list;
        assert!((list.top..list.top + 5).contains(&list.position), "after {keys}: {list:?}");
    }
}

#[test]
fn a_record_that_left_the_tab_stays_until_the_cursor_leaves_it() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("2 e").write("Eins.").keys("ctrl-s");
    assert_eq!(world.decisions(), "[edited:Eins.] - -");
    assert_eq!(world.model.view().len(), 3);
    world.keys("j");
    assert_eq!((world.cursor(), world.model.view().len()), (Some(1), 2));
    world.keys("k");
    assert_eq!(world.cursor(), Some(1), "the decided record is no longer in the tab");
}

#[test]
fn deciding_in_a_tab_goes_through_it() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys("2 a a a");
    assert_eq!(world.decisions(), "kept kept [kept]");
    assert_eq!(world.notice(), "all records reviewed · ^s saves");
}

#[test]
fn an_empty_tab_has_no_cursor_and_refuses_decisions() {
    let mut world = World::new(&["One."]);
    world.keys("4 a");
    assert_eq!((world.cursor(), world.notice()), (None, "no record here"));
    world.keys("1");
    assert_eq!(world.cursor(), Some(0));
}

#[test]
fn tabs_count_their_records() {
    let mut world = World::new(&["One.", "Two.", "Three.", "Four.", "Five."]);
    world.keys("a s X r");
    world.finish(3, "A hat.");
    let counts = Tab::ALL.map(|tab| world.model.tabs.count(tab));
    assert_eq!(counts, [5, 2, 1, 1, 1, 0]);
}

#[test]
fn a_session_resumes_at_the_last_record() {
    let mut world = World::new(&TWENTY);
    let ledger = Box::default();
    world.send(EngineEvent::SessionOpened {
        opened: Box::new(recaption::session::Opened {
            ledger: *ledger,
            cursor: Some(RecordId(12)),
            ..recaption::session::Opened::default()
        }),
        remark: None,
        read_only: None,
    });
    assert_eq!(world.cursor(), Some(12));
}

#[test]
fn a_number_on_the_command_line_jumps_to_the_record() {
    let mut world = World::new(&TWENTY);
    world.keys(":").write("7").keys("Enter");
    assert_eq!(world.cursor(), Some(6));
    world.keys(":").write("21").keys("Enter");
    assert_eq!(world.notice(), "no record 21: the last is 20");
}

#[test]
fn only_lines_near_the_screen_are_loaded() {
    let mut world = World::new(&["A caption."; 900]);
    for _ in 0..60 {
        world.keys("ctrl-f");
    }
    let kept = (0..900).filter(|number| world.model.entry(RecordId(*number)).is_some()).count();
    assert!(kept < 150, "{kept} lines are in memory");
    assert!(world.model.entry(RecordId(300)).is_some(), "the line under the cursor is there");
}

#[test]
fn the_caption_scrolls_to_its_end() {
    let mut world = World::new(&["A caption.", "Another."]);
    let extent = CaptionExtent { top: 3, last: 5 };
    let first_row = |world: &World| extent.row(world.model.caption.scroll);
    world.send(Msg::CaptionLaidOut(extent));
    assert_eq!(first_row(&world), 3);
    world.keys("J J J J J");
    assert_eq!(first_row(&world), 5);
    world.keys("K");
    assert_eq!(first_row(&world), 4);
    world.keys("K K K K K K J");
    assert_eq!(first_row(&world), 1);
    world.keys("j");
    assert_eq!(world.model.caption.scroll, 0, "another record is not scrolled");
}

#[test]
fn the_shown_text_can_be_copied() {
    let mut world = World::new(&["One.", "Two."]);
    world.keys("j y");
    assert!(world.asked.contains(&Effect::Copy("Two.".to_owned())));
    world.keys("r");
    world.finish(1, "A hat.");
    world.keys("y");
    assert!(world.asked.contains(&Effect::Copy("A hat.".to_owned())));
}

#[test]
fn the_palette_runs_the_best_match() {
    let mut world = World::new(&["One.", "Two.", "Three."]);
    world.keys(":").write("excl").keys("Enter");
    assert_eq!(world.decisions(), "excluded [-] -");
    world.keys(":").write("tab").keys("Down Down Enter");
    assert_eq!(world.model.list.tab, Tab::Ready);
    // A complete command takes precedence over palette matches.
    world.keys(":").write("1").keys("Enter");
    assert_eq!((world.model.list.tab, world.cursor()), (Tab::All, Some(0)));
    world.keys(":").write("no such thing").keys("Enter");
    assert!(world.notice().contains("unknown command"), "{}", world.notice());
}

fn help(world: &World) -> &recaption::review::HelpPage {
    match &world.model.mode {
        Mode::Help(page) => page,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_help_returns_to_where_it_was_opened() {
    let mut world = World::new(&["A coat."; 3]);
    world.keys("z ?");
    assert_eq!(help(&world).context, Context::Zoom);
    world.keys("?");
    assert!(matches!(world.model.mode, Mode::Zoom(_)), "{:?}", world.model.mode);
    world.keys("Esc e").write("A red coat").keys("F1 Esc");
    let Mode::Edit(editor) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    assert_eq!(editor.draft.text, "A red coat");
}

#[test]
fn the_help_scrolls_within_its_rows() {
    let mut world = World::new(&["A coat."]);
    world.keys("?");
    world.send(Msg::HelpLaidOut { last_top: 3 });
    assert_eq!(help(world.keys("j j j j j k")).top, 2);
    assert_eq!(help(world.keys("G k")).top, 2);
    assert_eq!(help(world.keys("g g k")).top, 0);
}

#[test]
fn the_help_is_searched() {
    let mut world = World::new(&["A coat."]);
    world.keys("? j /").write("zoom");
    assert_eq!((help(&world).top, help(&world).search.as_str(), help(&world).typing), (0, "zoom", true));
    world.keys("Enter");
    assert_eq!((help(&world).search.as_str(), help(&world).typing), ("zoom", false));
    world.keys("Esc");
    assert_eq!(help(&world).search, "", "Esc clears the search");
    assert_eq!(world.keys("Esc").model.mode, Mode::Browse);
}
