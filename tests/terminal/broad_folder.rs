//! Asks before a folder is searched that is hardly meant.

use std::fs;

use rstest::rstest;
use tempfile::TempDir;

use crate::pty::Reviewer;

#[rstest]
#[case("y\r", true)]
#[case("n\r", false)]
#[case("\r", false)]
fn a_home_folder_is_searched_after_a_yes(#[case] answer: &str, #[case] is_searched: bool) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("a.jpg"), "").expect("written");
    fs::write(folder.path().join("a.txt"), "A hat.").expect("written");
    let path = folder.path().to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::spawn(folder.path(), &[path, "--describer", "none"], (100, 30), &[]);
    reviewer.shows("search all of it for images? [y/N]");
    reviewer.press(answer);
    if is_searched {
        reviewer.answer_queries();
        reviewer.shows("0/1 reviewed");
        reviewer.press("q");
    } else {
        reviewer.shows("not searched for images");
    }
    assert_eq!(reviewer.wait().0, if is_searched { 0 } else { 2 });
}

#[test]
fn the_option_agrees() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("a.jpg"), "").expect("written");
    let path = folder.path().to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::start(folder.path(), &[path, "--any-folder", "--describer", "none"]);
    reviewer.shows("0/1 reviewed");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
}
