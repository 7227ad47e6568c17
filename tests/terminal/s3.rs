//! Reviews datasets in a bucket of third-party servers with the API of S3, and saves them there.

mod proxy;
mod store;

use recaption::dataset::{Dataset, Entry, OpenOptions};
use tempfile::TempDir;

use crate::external_server::ExternalServer;
use crate::pty::Reviewer;
use proxy::Proxy;
use store::Store;

/// Three rows with the captions "A hat.", none and "빨간 모자.".
const TABLE: &[u8] = include_bytes!("../../src/command/init/parquet/pyarrow.parquet");
const CTRL_S: &str = "\x13";
const LINES: &str = "{\"file_name\": \"images/0.png\", \"text\": \"A hat.\"}\n{\"file_name\": \"images/1.png\", \"text\": \"A coat.\"}\n";

fn ministack() -> Option<ExternalServer> {
    ExternalServer::start("RECAPTION_MINISTACK", |command, port| {
        // The default of BIND_HOST is all interfaces.
        command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
    })
}

fn moto() -> Option<ExternalServer> {
    ExternalServer::start("RECAPTION_MOTO", |command, port| {
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    })
}

fn review(home: &TempDir, endpoint: &str, arguments: &[&str]) -> Reviewer {
    let variables = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    Reviewer::start_in(home.path(), &[arguments, &["--describer", "none"]].concat(), (100, 30), &variables)
}

fn quit(mut reviewer: Reviewer) {
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
}

/// A bucket with a `metadata.jsonl` of two images.
fn with_lines(store: &Store) {
    store.put("", &[], b"");
    store.put(
        "fashion/metadata.jsonl",
        &[("content-type", "application/x-ndjson"), ("x-amz-meta-run", "7")],
        LINES.as_bytes(),
    );
    for name in ["0", "1"] {
        store.put(&format!("fashion/images/{name}.png"), &[("content-type", "image/png")], &store::image());
    }
}

/// A bucket with a folder of two images, one of them with a text file.
fn with_folder(store: &Store) {
    store.put("", &[], b"");
    store.put("set/a.txt", &[("x-amz-meta-run", "7")], b"A hat.\n");
    for name in ["a", "b"] {
        store.put(&format!("set/{name}.png"), &[], &store::image());
    }
}

/// Edits, saves in place, runs into the change of another writer, and saves after reading it.
fn lines_are_saved_unless_they_changed(server: &ExternalServer) {
    let (store, home) = (Store::of(server), TempDir::new().expect("a folder"));
    with_lines(&store);
    let mut reviewer = review(&home, &server.url(), &["s3://sets/fashion/", "--in-place"]);
    reviewer.shows("0/2 reviewed");
    // The size of the image, which was downloaded to be shown.
    reviewer.shows("30×40");
    reviewer.press("e In felt.\r");
    reviewer.shows("1/2 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("saved metadata.jsonl: 2 records, 1 caption changed");
    let (head, saved) = store.get("fashion/metadata.jsonl").expect("an object");
    assert_eq!(saved, LINES.replace("A hat.", "A hat. In felt."));
    assert!(head.contains("x-amz-meta-run: 7") && head.contains("application/x-ndjson"), "{head}");
    assert_eq!(store.get("fashion/metadata.jsonl.bak").expect("the backup").1, LINES);

    let others = saved.replace("A coat.", "Another coat.");
    store.put("fashion/metadata.jsonl", &[], others.as_bytes());
    reviewer.press("Ge Of wool.\r");
    reviewer.shows("2/2 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("changed in the bucket since it was read");
    assert_eq!(store.get("fashion/metadata.jsonl").expect("an object").1, others, "not overwritten");
    // Nor by another attempt.
    reviewer.press(CTRL_S);
    reviewer.shows("changed in the bucket since it was read");
    reviewer.press(":reopen\r");
    reviewer.shows("Another coat.");
    assert_eq!(store.get("fashion/metadata.jsonl").expect("an object").1, others, "not overwritten");
    // The decisions are still there, and replace what the operator has seen now.
    reviewer.press(CTRL_S);
    reviewer.shows("overwrite?");
    reviewer.press("y");
    reviewer.shows("saved metadata.jsonl: 2 records");
    let saved = store.get("fashion/metadata.jsonl").expect("an object").1;
    assert!(saved.contains("A hat. In felt.") && saved.contains("A coat. Of wool."), "{saved}");
    quit(reviewer);
}

#[test]
fn ministack_keeps_what_others_wrote() {
    ministack().inspect(lines_are_saved_unless_they_changed);
}

#[test]
fn moto_keeps_what_others_wrote() {
    moto().inspect(lines_are_saved_unless_they_changed);
}

/// Changes a text file and creates one, then takes both back.
fn text_files_are_saved_and_restored(server: &ExternalServer) {
    let (store, home) = (Store::of(server), TempDir::new().expect("a folder"));
    with_folder(&store);
    let mut reviewer = review(&home, &server.url(), &["s3://sets/set"]);
    reviewer.shows("0/2 reviewed");
    reviewer.shows("30×40");
    reviewer.press("e In felt.\r");
    reviewer.shows("1/2 reviewed");
    reviewer.press("GeA coat.\r");
    reviewer.shows("2/2 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("overwrite?");
    reviewer.press("y");
    reviewer.shows("saved set: 2 records, 2 captions changed");
    let (head, text) = store.get("set/a.txt").expect("an object");
    assert_eq!(text, "A hat. In felt.\n");
    assert!(head.contains("x-amz-meta-run: 7"), "{head}");
    assert_eq!(store.get("set/b.txt").expect("an object").1, "A coat.");
    reviewer.press("uu");
    reviewer.shows("0/2 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("saved set: 2 records, 0 captions changed");
    assert_eq!(store.get("set/a.txt").expect("an object").1, "A hat.\n");
    assert_eq!(store.get("set/b.txt"), None);
    quit(reviewer);
}

#[test]
fn ministack_has_the_text_files_as_they_were() {
    ministack().inspect(text_files_are_saved_and_restored);
}

#[test]
fn moto_has_the_text_files_as_they_were() {
    moto().inspect(text_files_are_saved_and_restored);
}

#[test]
fn parquet_files_are_saved_beside_themselves() {
    let Some(server) = ministack() else { return };
    let (store, home) = (Store::of(&server), TempDir::new().expect("a folder"));
    store.put("", &[], b"");
    store.put("tables/a.parquet", &[], TABLE);
    let mut reviewer = review(&home, &server.url(), &["s3://sets/tables/a.parquet"]);
    reviewer.shows("0/3 reviewed");
    reviewer.press("e In felt.\r");
    reviewer.shows("1/3 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("saved a_updated.parquet: 3 records, 1 caption changed");
    quit(reviewer);
    let file = home.path().join("saved.parquet");
    std::fs::write(&file, store.get_bytes("tables/a_updated.parquet").expect("an object").1).expect("written");
    let dataset = Dataset::open(&file, &OpenOptions::default()).expect("opened");
    let mut captions = Vec::new();
    let visit = &mut |entry: Entry| {
        captions.push(entry.into_identity().1);
        std::ops::ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("scanned");
    assert_eq!(captions, [Some("A hat. In felt.".to_owned()), None, Some("빨간 모자.".to_owned())]);
}

#[test]
fn a_save_whose_response_is_lost_is_no_conflict() {
    let Some(server) = ministack() else { return };
    let (store, home) = (Store::of(&server), TempDir::new().expect("a folder"));
    with_lines(&store);
    let proxy = Proxy::start(&server.url());
    let mut reviewer = review(&home, &proxy.url(), &["s3://sets/fashion/"]);
    reviewer.shows("30×40");
    reviewer.press("e In felt.\r");
    reviewer.shows("1/2 reviewed");
    proxy.lose_response_to("PUT ");
    reviewer.press(CTRL_S);
    reviewer.shows("saved metadata_updated.jsonl: 2 records, 1 caption changed");
    assert!(proxy.responses().iter().any(|response| response.contains(" 412")), "{:?}", proxy.responses());
    let saved = LINES.replace("A hat.", "A hat. In felt.");
    assert_eq!(store.get("fashion/metadata_updated.jsonl").expect("an object").1, saved);
    quit(reviewer);

    // Neither the lines nor the image are transferred again.
    let before = proxy.responses().len();
    let mut reviewer = review(&home, &proxy.url(), &["s3://sets/fashion/"]);
    reviewer.shows("1/2 reviewed");
    reviewer.shows("30×40");
    let responses = proxy.responses().split_off(before);
    assert!(responses.iter().any(|response| response.contains(" 304")), "{responses:?}");
    quit(reviewer);
}

#[test]
fn the_next_save_completes_one_that_was_killed() {
    let Some(server) = ministack() else { return };
    let (store, home) = (Store::of(&server), TempDir::new().expect("a folder"));
    with_folder(&store);
    let proxy = Proxy::start(&server.url());
    let mut reviewer = review(&home, &proxy.url(), &["s3://sets/set/", "--force"]);
    reviewer.shows("30×40");
    reviewer.press("e In felt.\r");
    reviewer.shows("1/2 reviewed");
    reviewer.press("GeA coat.\r");
    reviewer.shows("2/2 reviewed");
    reviewer.until("durable decisions", |screen| !screen.contains("storing"));
    proxy.hold("PUT ");
    reviewer.press(CTRL_S);
    proxy.wait_for("PUT ");
    reviewer.kill();
    assert_eq!(store.get("set/a.txt").expect("an object").1, "A hat.\n");
    proxy.release();

    let mut reviewer = review(&home, &proxy.url(), &["s3://sets/set/", "--force"]);
    reviewer.shows("2/2 reviewed");
    reviewer.press(CTRL_S);
    reviewer.shows("saved set: 2 records, 2 captions changed");
    assert_eq!(store.get("set/a.txt").expect("an object").1, "A hat. In felt.\n");
    assert_eq!(store.get("set/b.txt").expect("an object").1, "A coat.");
    quit(reviewer);
}
