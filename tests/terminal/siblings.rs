//! Reviews images with several captions: lists, `captions.json`, several fields and text files of several kinds.

use std::fs;
use std::path::Path;

use rstest::rstest;
use tempfile::TempDir;

use crate::pty::Reviewer;

const CTRL_S: &str = "\x13";

const LISTS: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", \"Hat \\u0041.\"], \"n\": 1.50}\n",
    "{\"file_name\": \"b.jpg\", \"text\": [\"A coat.\", \"Coat.\"]}\n",
);
const OBJECT: &str = "{\n  \"a.jpg\": [\"A hat.\", \"Hat \\u0041.\"],\n  \"b.jpg\": [\"A coat.\", \"Coat.\"]\n}\n";
const FIELDS: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\", \"short\": \"Hat \\u0041.\", \"n\": 1.50}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\", \"short\": \"Coat.\"}\n",
);

/// Edits the second caption of the first image, excludes the second image, and saves.
fn review(folder: &Path, arguments: &[&str]) {
    for name in ["a.jpg", "b.jpg"] {
        fs::write(folder.join(name), b"").expect("written");
    }
    let mut reviewer = Reviewer::start(folder, &[arguments, &["--describer", "none"]].concat());
    reviewer.shows("0/4 reviewed");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer.press(")");
    reviewer.shows("Hat A.");
    reviewer.press("e");
    reviewer.shows("keep draft");
    reviewer.press(" New.\r");
    reviewer.shows("1/4 reviewed");
    reviewer.press("X");
    reviewer.shows("3/4 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("1 caption changed, 2 excluded");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
}

#[rstest]
#[case("metadata.jsonl", LISTS, "text", "metadata_updated.jsonl", "{\"file_name\": \"b.jpg\"")]
#[case("captions.json", OBJECT, "text", "captions_updated.json", ",\n  \"b.jpg\"")]
#[case("metadata.jsonl", FIELDS, "text,short", "metadata.text+short_updated.jsonl", "{\"file_name\": \"b.jpg\"")]
fn one_caption_changes_and_an_image_is_left_out(
    #[case] name: &str,
    #[case] before: &str,
    #[case] field: &str,
    #[case] output: &str,
    #[case] second: &str,
) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join(name), before).expect("written");
    let path = folder.path().to_str().expect("a path in Unicode");
    review(folder.path(), &[path, "--caption-field", field]);
    let kept = &before[..before.find(second).expect("the second image")];
    let mut expected = kept.replace("Hat \\u0041.", "Hat A. New.");
    if name == "captions.json" {
        expected.push_str("\n}\n");
    }
    assert_eq!(fs::read_to_string(folder.path().join(output)).expect("the output"), expected);
    assert_eq!(fs::read_to_string(folder.path().join(name)).expect("the dataset"), before);
}
