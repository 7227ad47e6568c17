//! The palette: what it lists and what Enter runs.

use recaption::review::{Choice, Command, Mode};
use rstest::rstest;

use crate::world::World;

fn rows(world: &World) -> Vec<Choice> {
    match &world.model.mode {
        Mode::Command(line) => line.rows(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn enter_runs_the_highlighted_row() {
    let mut world = World::new(&["A coat."; 3]);
    world.keys(":").write("exclude").keys("Enter");
    assert_eq!(world.decisions(), "excluded [-] -");
    world.keys(": Esc k : Enter");
    assert_eq!(world.decisions(), "[excluded] - -", "nothing is highlighted in an empty line");
    world.keys(":").write("w").keys("Down");
    let chosen = rows(&world)[1].command;
    let Mode::Command(line) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    assert_eq!(line.selected(), Some(chosen), "the row below, whatever the line names");
}

#[test]
fn recent_lines_come_first_and_run_again() {
    let mut world = World::new(&["A coat.", "A hat.", "A scarf."]);
    world.keys(":").write("2").keys("Enter :").write("exclude").keys("Enter :");
    let lines: Vec<Option<String>> = rows(&world).into_iter().take(3).map(|row| row.line).collect();
    assert_eq!(lines, [Some("exclude".to_owned()), Some("2".to_owned()), None]);
    world.keys("Down Down Enter");
    assert_eq!(world.cursor(), Some(1), "with its argument");
}

#[test]
fn what_is_possible_comes_before_the_rest() {
    let mut world = World::new(&["A coat."]);
    world.keys(":");
    let is_possible = |world: &World, command: Command| {
        rows(world).into_iter().find(|row| row.command == command).expect("every command").is_possible
    };
    let listed = rows(&world);
    let first = listed.iter().position(|row| !row.is_possible).expect("some are not possible");
    assert!(listed[first..].iter().all(|row| !row.is_possible));
    assert!(!is_possible(&world, Command::Undo) && !is_possible(&world, Command::Report));
    world.keys("Esc x :");
    assert!(is_possible(&world, Command::Undo));
}

#[rstest]
#[case("nonsense qqq", "unknown command: nonsense qqq")]
#[case("go-to x", "expected a number, found \"x\"")]
#[case("s/a/b/q", "unknown flag \"q\"; use i (ignore case) or w (whole words)")]
fn a_line_that_cannot_run_stays(#[case] text: &str, #[case] notice: &str) {
    let mut world = World::new(&["A coat."]);
    world.keys(":").write(text).keys("Enter");
    let Mode::Command(line) = &world.model.mode else { panic!("{:?}", world.model.mode) };
    assert_eq!((line.text.as_str(), world.notice()), (text, notice));
}
