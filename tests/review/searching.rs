//! Searching and filtering.

use recaption::dataset::RecordId;
use recaption::engine::EngineEvent;
use recaption::review::query::{Aspect, Vocabulary};
use recaption::review::{Effect, Mode, Msg};
use rstest::rstest;

use crate::world::World;

const FIVE: [&str; 5] = ["A red coat.", "A blue hat.", "A Red hat.", "A green coat.", "Redness."];

#[rstest]
#[case("red", 0)]
#[case("hat", 1)]
#[case("Red", 2)]
#[case("3.jpg", 3)]
#[case("images/4", 4)]
#[case("a blue", 1)]
#[case("purple", 0)]
fn typing_goes_to_the_first_match(#[case] words: &str, #[case] cursor: u32) {
    let mut world = World::new(&FIVE);
    world.keys("/").write(words);
    assert_eq!(world.cursor(), Some(cursor));
}

#[rstest]
#[case("Enter", 2)]
#[case("Enter n", 4)]
#[case("Enter n n", 0)]
#[case("Enter N", 0)]
#[case("Enter N N", 4)]
#[case("Esc", 1)]
#[case("ctrl-n", 4)]
#[case("ctrl-n ctrl-p Enter", 2)]
#[case("ctrl-n Esc", 1)]
#[case("Enter j n", 4)]
fn matches_are_visited_in_order(#[case] keys: &str, #[case] cursor: u32) {
    let mut world = World::new(&FIVE);
    world.keys("j /").write("red").keys(keys);
    assert_eq!(world.cursor(), Some(cursor));
}

#[test]
fn the_notice_shows_the_number_of_the_match() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("red").keys("Enter n");
    assert_eq!(world.notice(), "/red  2 of 3");
    world.keys("n n");
    assert_eq!(world.notice(), "/red  1 of 3 · wrapped to the top");
    world.keys("N");
    assert_eq!(world.notice(), "/red  3 of 3 · wrapped to the bottom");
    assert_eq!(world.keys("/").write("purple").keys("Enter n").notice(), "not found: \"purple\"");
    assert_eq!(World::new(&FIVE).keys("n").notice(), "no search yet · / searches");
}

#[test]
fn only_records_in_view_are_matches() {
    let mut world = World::new(&FIVE);
    world.keys("x g g 2 /").write("red").keys("Enter");
    assert_eq!(world.cursor(), Some(2), "the first is decided");
    world.keys("4 n");
    assert_eq!((world.cursor(), world.notice()), (Some(0), "/red  1 of 1 · wrapped to the top"));
}

#[test]
fn an_empty_search_repeats_the_previous_one() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("hat").keys("Enter / Enter");
    assert_eq!(world.cursor(), Some(2));
    world.keys("/").write("coat").keys("Esc n");
    assert_eq!((world.cursor(), world.notice()), (Some(1), "/hat  1 of 2 · wrapped to the top"));
}

#[test]
fn search_uses_the_current_caption() {
    let mut world = World::new(&FIVE);
    world.keys("e").write("A purple coat.").keys("Enter G /").write("purple");
    assert_eq!(world.cursor(), Some(0));
    world.keys("Esc /").write("red coat").keys("Enter");
    assert_eq!(world.cursor(), Some(4), "the old caption no longer matches");
}

#[test]
fn changes_are_matched_at_once() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("purple").keys("Enter e").write("A purple coat.").keys("Enter n");
    assert_eq!((world.cursor(), world.notice()), (Some(0), "/purple  1 of 1 · wrapped to the top"));
    world.keys("u n");
    assert_eq!(world.notice(), "not found: \"purple\"");
}

#[test]
fn escape_clears_the_highlights() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("red").keys("Enter Esc");
    assert_eq!(world.model.highlighted_patterns(), [] as [&recaption::review::query::Pattern; 0]);
    assert_eq!(world.cursor(), Some(0));
}

#[test]
fn the_cursor_jumps_once_the_nearest_match_is_certain() {
    let mut world = World::new(&FIVE);
    world.slow_scans = true;
    world.keys("j /").write("red");
    assert_eq!(world.cursor(), Some(1));
    world.scan_reaches(1..3);
    assert_eq!(world.cursor(), Some(2));
    world.keys("Enter n");
    assert_eq!((world.cursor(), world.notice()), (Some(2), "searching …"));
    world.scan_reaches(4..5);
    assert_eq!(world.cursor(), Some(2), "a nearer match is possible");
    world.scan_reaches(3..4);
    assert_eq!(world.cursor(), Some(4));
    world.keys("n j");
    world.scans_catch_up();
    assert_eq!(world.cursor(), Some(4), "the cursor stays if it was moved");
}

#[test]
fn results_of_an_outdated_query_are_dropped() {
    let mut world = World::new(&FIVE);
    world.slow_scans = true;
    world.keys("/").write("hat");
    let Some(late) = world.model.search.as_ref().and_then(|search| search.hits.scan()) else { panic!("a scan is on") };
    world.write("ha");
    world.send(Msg::Scanned(recaption::review::Scanned {
        id: late,
        among: (0..5).collect(),
        found: (1..2).collect(),
        done: true,
        ..Default::default()
    }));
    assert_eq!(world.cursor(), Some(0));
    world.scans_catch_up();
    assert_eq!(world.cursor(), Some(1));
}

#[test]
fn a_changed_record_that_is_not_loaded_is_matched_again() {
    let captions: Vec<String> = (0..900).map(|number| format!("Caption {number}.")).collect();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    let mut world = World::new(&captions);
    world.keys("/").write("Caption 3.").keys("Enter G r");
    let found = |world: &World| world.model.search.as_ref().map(|search| search.hits.found().len());
    assert_eq!(found(&world), Some(1));
    world.keys("g g");
    for _ in 0..60 {
        world.keys("ctrl-f");
    }
    world.finish(899, "Another.");
    assert!(world.model.entry(RecordId(899)).is_none(), "not loaded");
    assert_eq!(found(&world), Some(1));
    world.keys("n");
    assert_eq!(world.cursor(), Some(3));
}

#[test]
fn reopening_the_session_restarts_the_search() {
    let mut world = World::new(&FIVE);
    world.keys("/").write("green").keys("Enter e").write("A grey coat.").keys("Enter");
    let found = |world: &World| world.model.search.as_ref().map(|search| search.hits.found().len());
    assert_eq!(found(&world), Some(0));
    world.send(EngineEvent::SessionOpened { opened: Box::default(), remark: None, read_only: None });
    assert_eq!(found(&world), Some(1));
}

#[test]
fn the_longest_text_of_the_prompt_is_searched() {
    let mut world = World::new(&FIVE);
    let long = "ß".repeat(2_048);
    world.keys("/").write(&long);
    let Mode::Search(entry) = &world.model.mode else { panic!("still typing") };
    assert_eq!((entry.text.as_str(), entry.error.as_deref()), (long.as_str(), None));
}

#[rstest]
#[case("coat", &[0, 3])]
#[case("red or green", &[0, 2, 3, 4])]
#[case("red not hat", &[0, 4])]
#[case("name:/[12].jpg$/", &[1, 2])]
#[case("words:1", &[4])]
#[case("re:/^A [a-z]+ hat/", &[1])]
#[case("~img3", &[3])]
#[case("purple", &[])]
fn the_list_follows_the_query(#[case] query: &str, #[case] expected: &[u32]) {
    let mut world = World::new(&FIVE);
    world.keys("f").write(query);
    assert_eq!(world.listed(), expected, "while typing");
    world.keys("Enter");
    assert_eq!(world.listed(), expected);
    assert_eq!(world.keys("F").model.view().len(), 5);
}

#[test]
fn the_cursor_moves_to_the_nearest_match_and_returns() {
    let mut world = World::new(&FIVE);
    world.keys("j j f").write("coat");
    assert_eq!(world.cursor(), Some(3));
    world.write("coat red");
    assert_eq!(world.cursor(), Some(0), "no match after it, so the one before");
    world.write("purple");
    assert_eq!(world.cursor(), None);
    world.write("hat");
    assert_eq!(world.cursor(), Some(2));
    world.write("purple").keys("Esc");
    assert_eq!((world.cursor(), world.model.view().len()), (Some(2), 5));
    world.keys("f").write("hat").keys("Enter f").write("coat").keys("Esc");
    assert_eq!(world.listed(), [1, 2], "the previous filter is restored");
    world.keys("k Esc");
    assert_eq!((world.cursor(), world.model.view().len()), (Some(1), 5), "Esc clears the filter");
    assert_eq!(world.keys("F").notice(), "no filter · f sets one");
}

#[test]
fn an_invalid_query_keeps_the_previous_filter() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("hat").write("hat status:x").keys("Enter");
    let Mode::Filter(entry) = &world.model.mode else { panic!("what is typed is still there") };
    assert_eq!(entry.text, "hat status:x");
    assert_eq!(entry.error.as_ref().map(|error| error.at.clone()), Some(11..12));
    assert!(world.notice().starts_with("no “x”; Tab completes one of: all to-review ready"), "{}", world.notice());
    assert_eq!(world.listed(), [1, 2]);
    world.write("").keys("Enter");
    assert_eq!((world.model.filter.is_some(), world.model.view().len()), (false, 5));
}

#[test]
fn a_record_that_no_longer_matches_stays_until_the_cursor_leaves_it() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("status:to-review").keys("Enter e").write("A purple coat.").keys("ctrl-s");
    assert_eq!(world.listed(), [0, 1, 2, 3, 4]);
    world.keys("j");
    assert_eq!(world.listed(), [1, 2, 3, 4]);
    world.keys("a a a a");
    assert_eq!(world.decisions(), "edited:A purple coat. kept kept kept [kept]");
    assert_eq!(world.keys("k").cursor(), Some(4));
    world.keys("u u");
    assert_eq!(world.listed(), [3, 4]);
}

#[test]
fn tabs_and_filter_narrow_together() {
    let mut world = World::new(&FIVE);
    world.keys("x x g g f").write("red").keys("Enter 2");
    assert_eq!(world.listed(), [2, 4]);
    world.keys("4");
    assert_eq!(world.listed(), [0]);
    world.keys("Tab");
    assert_eq!((world.cursor(), world.model.list.tab), (Some(2), recaption::review::Tab::All));
    world.keys("x Tab x g g Tab");
    assert_eq!(world.notice(), "nothing to review in this filter · F clears it");
    world.keys("F 2");
    assert_eq!(world.listed(), [3]);
}

#[test]
fn searching_stays_within_the_filter() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("hat").keys("Enter /").write("red").keys("Enter");
    assert_eq!(world.cursor(), Some(2));
    assert_eq!(world.keys("n").notice(), "/red  1 of 1 · wrapped to the top");
    world.keys("Esc");
    assert_eq!(world.listed(), [1, 2], "the first Esc clears the search, the second the filter");
    world.keys("Esc");
    assert_eq!(world.model.view().len(), 5);
}

#[test]
fn describe_all_is_limited_to_the_filter() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("hat").keys("Enter g a");
    let asked: Vec<u32> = world.asks().iter().map(|ask| ask.record.0).collect();
    assert_eq!(asked, [1, 2]);
}

#[test]
fn the_filter_follows_new_candidates_and_flags() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("status:ready or flag:").keys("Enter");
    assert_eq!(world.listed(), [] as [u32; 0]);
    world.keys("Esc r j ! f").write("status:ready or flag:").keys("Enter");
    assert_eq!(world.listed(), [1]);
    world.finish(0, "A long red coat.");
    assert_eq!(world.listed(), [0, 1]);
    world.keys("f").write("model:m1").keys("Enter");
    assert_eq!(world.listed(), [0]);
}

#[test]
fn the_filter_follows_missing_images() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("status:problems").keys("Enter");
    assert_eq!(world.listed(), [] as [u32; 0]);
    let checked = recaption::engine::Checked { records: 5, bad_pictures: [3].into(), ..Default::default() };
    world.send(EngineEvent::Checked(checked));
    assert_eq!(world.listed(), [3]);
}

#[test]
fn partial_results_replace_the_list() {
    let mut world = World::new(&FIVE);
    world.slow_scans = true;
    world.keys("f").write("hat");
    assert_eq!(world.listed(), [0, 1, 2, 3, 4]);
    world.scan_reaches(0..2);
    assert_eq!(world.listed(), [1, 2, 3, 4]);
    assert_eq!(world.model.filter.as_ref().map(|filter| filter.hits.count()), Some(1));
    world.write("coat");
    world.scans_catch_up();
    assert_eq!(world.listed(), [0, 3]);
}

/// Returns the query line being typed.
fn line(world: &World) -> &recaption::review::FilterEntry {
    match &world.model.mode {
        Mode::Filter(entry) => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_list_keeps_its_result_while_the_query_is_incomplete() {
    let mut world = World::new(&FIVE);
    world.keys("f").write("hat").write("hat s").write("hat stat").write("hat status").write("hat status:");
    assert_eq!(world.listed(), [1, 2]);
    world.write("hat status:kept");
    assert_eq!(world.listed(), [] as [u32; 0]);
    world.write("hat or").write("hat or c");
    assert_eq!(world.listed(), [] as [u32; 0], "c may become caption:");
    world.write("hat or co");
    assert_eq!(world.listed(), [0, 1, 2, 3]);
    world.write("r");
    assert!(line(&world).is_incomplete);
    world.keys("Enter");
    assert_eq!(world.listed(), [0, 2, 3, 4], "Enter takes the word as it is");
}

#[rstest]
#[case("staus:kept", "unknown field \"staus\": did you mean \"status\"? In quotes, it is text")]
#[case("barnd:nike", "unknown field \"barnd\": did you mean \"brand\"? In quotes, it is text")]
#[case("red http://x", "unknown field \"http\". In quotes, it is text")]
fn an_unknown_field_is_an_error(#[case] query: &str, #[case] message: &str) {
    let mut world = World::new(&[r#"{"file_name": "0.jpg", "text": "A hat.", "brand": "nike"}"#, "A red coat: wool."]);
    world.keys("f").write("hat").write(query);
    assert_eq!(line(&world).error.as_ref().map(|error| error.message.as_str()), Some(message));
    assert_eq!(world.listed(), [0], "the last result stays");
    world.keys("Enter");
    assert_eq!(line(&world).text, query, "to be corrected");
}

#[rstest]
#[case("\"coat: wool\"", &[1])]
#[case("text:red", &[1])]
#[case("file_name:0", &[0])]
#[case("brand:", &[0])]
#[case("\"staus\":kept", &[])]
fn fields_and_quoted_text_are_no_errors(#[case] query: &str, #[case] expected: &[u32]) {
    let mut world = World::new(&[r#"{"file_name": "0.jpg", "text": "A hat.", "brand": "nike"}"#, "A red coat: wool."]);
    world.keys("f").write(query).keys("Enter");
    assert_eq!(world.listed(), expected);
}

#[test]
fn values_are_counted_in_the_data() {
    let lines = [
        r#"{"file_name": "0.jpg", "text": "A hat.", "brand": "nike", "tags": ["a", "a"]}"#,
        r#"{"file_name": "1.jpg", "text": "A red coat", "brand": "fila"}"#,
        r#"{"file_name": "2.jpg", "text": "A coat.", "brand": "fila"}"#,
    ];
    let mut world = World::new(&lines);
    world.keys("x f");
    let vocabulary = &world.model.vocabulary;
    assert_eq!(vocabulary.values("brand"), [("fila", 2), ("nike", 1)], "the most frequent first");
    assert_eq!(vocabulary.values("tags"), [("a", 1)]);
    assert_eq!(vocabulary.count(Aspect::Status, "kept"), Some(1));
    assert_eq!(vocabulary.count(Aspect::Status, "to-review"), Some(2));
    assert_eq!(vocabulary.count(Aspect::Lint, "cut-off"), Some(1));
    world.write("brand:").keys("Tab");
    assert_eq!(line(&world).text, "brand:fila");
    world.keys("Esc u f");
    assert_eq!(world.model.vocabulary.count(Aspect::Status, "kept"), Some(0), "counted again");
}

#[test]
fn counts_of_the_first_records_do_not_replace_those_of_all() {
    let mut world = World::new(&["A hat.", "A coat."]);
    world.keys("f");
    let Some(Effect::CollectVocabulary(id, _)) = world.collected.clone() else { panic!("{:?}", world.collected) };
    world.send(Msg::VocabularyReady(id, Vocabulary::default()));
    assert!(world.model.vocabulary.is_complete());
    world.keys("Esc");
    world.send(Msg::VocabularyReady(id, Vocabulary::default().finished()));
    assert_eq!(world.model.vocabulary.records(), 2, "the prompt is closed");
}

#[test]
fn words_are_completed() {
    let lines = [r#"{"file_name": "0.jpg", "text": "A hat.", "brand": "Nike", "season": "summer 24"}"#, "A coat."];
    let mut world = World::new(&lines);
    let typed = |world: &World| line(world).text.clone();
    world.keys("f").write("br").keys("Tab");
    assert_eq!(typed(&world), "brand:");
    world.write("brand:n").keys("Tab");
    assert_eq!((typed(&world), world.listed()), ("brand:Nike".to_owned(), vec![0]));
    world.write("season:").keys("Tab");
    assert_eq!((typed(&world), world.listed()), ("season:\"summer 24\"".to_owned(), vec![0]));
    world.write("status:").keys("Tab Tab Tab");
    assert_eq!(typed(&world), "status:ready");
    world.keys("shift-Tab");
    assert_eq!(typed(&world), "status:to-review");
    world.write("hat x").keys("Tab");
    assert_eq!(typed(&world), "hat x", "no completion");
}
