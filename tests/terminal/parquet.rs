//! Reviews Parquet files with images, and saves them.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use recaption::dataset::{Dataset, Entry, OpenOptions};
use tempfile::TempDir;

use crate::pty::Reviewer;

/// Three rows with the captions "A hat.", none and "빨간 모자.".
const TABLE: &[u8] = include_bytes!("../../src/command/init/parquet/pyarrow.parquet");
const CTRL_S: &str = "\x13";

/// Returns the name and the caption of each record.
fn records(path: &Path) -> Vec<(String, Option<String>)> {
    let mut records = Vec::new();
    let dataset = Dataset::open(path, &OpenOptions::default()).expect("opened");
    let visit = &mut |entry: Entry| {
        records.push(entry.into_identity());
        ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("scanned");
    records
}

#[test]
fn shards_are_reviewed_and_saved_beside_themselves() {
    let folder = TempDir::new().expect("a folder");
    let shards = folder.path().join("set");
    fs::create_dir(&shards).expect("a folder");
    let path = |name: &str| shards.join(name);
    for name in ["a-1.parquet", "a-2.parquet"] {
        fs::write(path(name), TABLE).expect("written");
    }
    let name = shards.to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::start(folder.path(), &[name, "--describer", "none"]);
    reviewer.shows("0/6 reviewed");
    // Both shards name the same images, so that the rows are the names.
    reviewer.shows("a-1#1");
    reviewer.press("e");
    reviewer.shows("A hat.");
    reviewer.press(" In felt.\r");
    reviewer.shows("1/6 reviewed");
    reviewer.press("GX");
    reviewer.shows("2/6 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("5 records, 1 caption changed, 1 excluded");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    assert_eq!(fs::read(path("a-1.parquet")).expect("read"), TABLE, "the dataset is not written");
    let text = |text: &str| Some(text.to_owned());
    let first = records(&path("a-1_updated.parquet"));
    assert_eq!(
        first.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>(),
        [text("A hat. In felt."), None, text("빨간 모자.")]
    );
    let second = records(&path("a-2_updated.parquet"));
    assert_eq!(second.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>(), [text("A hat."), None]);
}
