//! The reviewer with a paid describer: the program in a pseudo-terminal against a mock service.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::pty::{Reviewer, captions, dataset};
use crate::server::{Reply, Server};

const GOOD: &str = "A person in a blue coat stands in a quiet street.";

/// Starts the reviewer on three records, with credentials in `~/.aws`.
fn start(folder: &TempDir, server: &Server) -> Reviewer {
    start_with(folder, server, &[])
}

fn start_with(folder: &TempDir, server: &Server, more: &[&str]) -> Reviewer {
    dataset(folder.path(), &["One.", "Two.", "Three."]);
    let aws = folder.path().join(".aws");
    fs::create_dir_all(&aws).expect("a folder");
    fs::write(aws.join("credentials"), "[default]\naws_access_key_id = test\naws_secret_access_key = test\n")
        .expect("credentials");
    let path = folder.path().to_str().expect("a path in Unicode").to_owned();
    let url = server.url();
    let arguments = [&path, "--model", "claude-sonnet-4-6", "--region", "us-east-1", "--endpoint-url", &url];
    let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
    let mut reviewer = Reviewer::start(folder.path(), &arguments);
    reviewer.shows("bedrock");
    reviewer.until("the session to open", |screen| !screen.contains("opening"));
    reviewer.shows("One.");
    reviewer
}

#[tokio::test(flavor = "multi_thread")]
async fn paid_descriptions_are_confirmed_once_and_then_prefetched() {
    let pieces = GOOD.split_inclusive(' ').map(str::to_owned).collect::<Vec<_>>();
    let server = Server::start(move |_, _| Reply::Text {
        pieces: pieces.clone(),
        after: Duration::from_millis(100),
        stop: "end_turn",
    })
    .await;
    let folder = TempDir::new().expect("a folder");
    block_in_place(|| {
        let mut reviewer = start(&folder, &server);
        reviewer.press("r");
        reviewer.shows("this costs money");
        assert_eq!(server.requests().len(), 0, "no request before confirmation");
        reviewer.press("y");
        // Accepts the candidate in advance: it is accepted once it arrives, because it passes all checks.
        reviewer.press("a");
        reviewer.shows("1/3 reviewed");
        reviewer.shows("claude-sonnet-4-6");
        reviewer.until("the cost", |screen| screen.contains("$0.0"));
        // The next records are prefetched.
        reviewer.until("the next candidate", |screen| screen.contains("candidate"));
        reviewer.press("a");
        reviewer.shows("2/3 reviewed");
        reviewer.press("\x13");
        reviewer.shows("saved metadata_updated.jsonl: 3 records, 2 captions changed");
        reviewer.press("q");
        assert_eq!(reviewer.wait(), (0, true));
    });
    let saved = captions(&folder.path().join("metadata_updated.jsonl"), 3);
    let saved: Vec<Option<&str>> = saved.iter().map(Option::as_deref).collect();
    assert_eq!(saved, [Some(GOOD), Some(GOOD), Some("Three.")]);
}

/// Returns the number of candidates in the session.
fn candidates(folder: &TempDir) -> u32 {
    let file = folder.path().join(".recaption/metadata.sqlite");
    let session = rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY);
    session.expect("a session").query_row("SELECT count(*) FROM candidate", [], |row| row.get(0)).expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn regenerating_varies_and_a_reason_repairs() {
    let server = Server::start(|number, _| {
        let colour = ["blue", "green", "black", "white", "brown"][number];
        Reply::text(&format!("A person in a {colour} coat stands in a quiet street."))
    })
    .await;
    let folder = TempDir::new().expect("a folder");
    block_in_place(|| {
        let mut reviewer = start_with(&folder, &server, &["--ahead", "0", "--prompt", "examples"]);
        reviewer.press("r");
        reviewer.shows("this costs money");
        for (stored, keys) in (1..).zip(["y", "r", "R3", "R1", "ar"]) {
            reviewer.press(keys);
            reviewer.until("the candidate to be stored", |_| candidates(&folder) == stored);
        }
        reviewer.press("qq");
    });
    let requests = server.requests();
    let [first, varied, repaired, repaired_again, next] = requests.as_slice() else { panic!("{}", requests.len()) };
    assert_eq!(
        requests.iter().map(|request| request.temperature().unwrap()).collect::<Vec<_>>(),
        [0.3, 0.7, 0.1, 0.1, 0.3]
    );
    let (vary, repair) = ("different wording", "Change only what is wrong");
    assert!(requests.iter().all(|request| request.system().contains("about 45 words in English")));
    assert!(first.text().contains("“One.”") && !first.text().contains(vary), "{}", first.text());
    assert!(varied.text().contains(vary) && varied.text().contains("blue coat"), "{}", varied.text());
    let text = repaired.text();
    assert!(text.contains(repair) && text.contains("green coat") && text.contains("wrong colour"), "{text}");
    assert!(!text.contains("blue coat") && !text.contains(vary), "{text}");
    let text = repaired_again.text();
    assert!(text.contains("black coat") && text.contains("wrong colour") && text.contains("too long"), "{text}");
    assert!(!text.contains("approved by the reviewer"), "nothing was accepted yet: {text}");
    let text = next.text();
    assert!(text.contains("approved by the reviewer") && text.contains("“A person in a white coat stands"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_signing_in_again_it_continues_without_a_restart() {
    let signed_in = Arc::new(AtomicBool::new(false));
    let server_signed_in = Arc::clone(&signed_in);
    let server = Server::start(move |_, _| {
        if server_signed_in.load(Ordering::Relaxed) {
            return Reply::text(GOOD);
        }
        let message = "The security token included in the request is expired".to_owned();
        Reply::Error { status: 403, code: "ExpiredTokenException", message }
    })
    .await;
    let folder = TempDir::new().expect("a folder");
    block_in_place(|| {
        let mut reviewer = start(&folder, &server);
        reviewer.press("ry");
        reviewer.shows("aws sso login");
        reviewer.shows("paused");
        signed_in.store(true, Ordering::Relaxed);
        // Any new request triggers a probe.
        reviewer.press("jr");
        reviewer.shows("candidate");
        reviewer.until("the end of the pause", |screen| !screen.contains("paused"));
        reviewer.press("k");
        // The paused request was not lost.
        reviewer.shows("candidate");
        reviewer.press("q");
        assert_eq!(reviewer.wait(), (0, true));
    });
}

/// Starts to describe with a budget of 3 cents. Each request costs $0.00594: 1,500 and 60 tokens at $3.30 and $16.50 per
/// million.
fn describe_with_budget(folder: &TempDir, server: &Server, consent: &[&str]) -> Reviewer {
    let mut reviewer = start_with(folder, server, &["--ahead", "0", "--budget", "0.03"]);
    reviewer.press("r");
    for part in consent {
        reviewer.shows(part);
    }
    // Wrapped in a narrow pane.
    reviewer.shows("It stops at the budget of");
    reviewer.shows("$0.030.");
    assert_eq!(server.requests().len(), 0);
    reviewer.press("y");
    reviewer
}

#[tokio::test(flavor = "multi_thread")]
async fn describer_and_verifier_share_one_budget_and_one_consent() {
    let is_verification = |body: &serde_json::Value| !body["outputConfig"].is_null();
    let script = move |number: usize, request: &crate::server::ReceivedRequest| {
        if is_verification(&request.body) {
            Reply::text("{\"unsupported\": [], \"missing\": []}")
        } else {
            Reply::text(&format!("A person in coat number {number} stands in a quiet street."))
        }
    };
    // The budget is enough for three captions.
    let (server, folder) = (Server::start(script).await, TempDir::new().expect("a folder"));
    block_in_place(|| {
        let mut reviewer = describe_with_budget(&folder, &server, &["claude-sonnet-4-6"]);
        for stored in 1..=2 {
            reviewer.until("the candidate to be stored", |_| candidates(&folder) == stored);
            reviewer.press("jr");
        }
        reviewer.until("the last candidate", |_| candidates(&folder) == 3);
        reviewer.press("qq");
    });
    assert_eq!(server.requests().len(), 3);

    // It is not enough for two of them with their verdicts.
    let (server, folder) = (Server::start(script).await, TempDir::new().expect("a folder"));
    let settings = folder.path().join(".config/recaption");
    fs::create_dir_all(&settings).expect("a folder");
    let verify = "[verify]\nauto = true\ndescriber = \"bedrock\"\nmodel = \"claude-sonnet-4-5\"\n";
    fs::write(settings.join("config.toml"), verify).expect("the settings");
    block_in_place(|| {
        let consent = ["claude-sonnet-4-6", "Each new candidate is also", "claude-sonnet-4-5"];
        let mut reviewer = describe_with_budget(&folder, &server, &consent);
        reviewer.shows("verified by");
        reviewer.press("jr");
        reviewer.until("the candidate to be stored", |_| candidates(&folder) == 2);
        reviewer.shows("verifier paused");
        reviewer.press("qq");
    });
    let verified = server.requests().iter().filter(|request| is_verification(&request.body)).count();
    assert_eq!((server.requests().len(), verified), (3, 1), "two captions and one verdict reach the budget");
}
