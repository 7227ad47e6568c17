//! The reviewer takes the results of batch jobs in while it is open.

use serde_json::Value;
use tokio::task::block_in_place;

use crate::pty::Reviewer;
use crate::runs::{batch, candidates, wait, world};
use crate::server::Server;
use crate::world::World;

/// Opens the reviewer on a dataset whose records wait.
fn open(world: &World, server: &Server) -> Reviewer {
    let path = world.path().to_str().expect("a path in Unicode");
    let url = server.url();
    let variables = [
        ("RECAPTION_ENDPOINT_URL", url.as_str()),
        ("RECAPTION_DESCRIBER", "none"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", "us-east-1"),
    ];
    let mut reviewer = Reviewer::start_in(world.path(), &[path], (100, 30), &variables);
    reviewer.shows("g c collects the results");
    reviewer.shows("Old caption 0.");
    reviewer
}

fn paid(world: &World) -> u32 {
    world.session().query_row("SELECT count(*) FROM usage", [], |row| row.get(0)).expect("a session")
}

#[tokio::test(flavor = "multi_thread")]
async fn results_arrive_in_the_reviewer_and_are_collected_once() {
    let (world, server) = world(12, "Completed", |answers| answers).await;
    let url = server.url();
    let (submitted, _) = batch(&world, &url, &["submit", "--yes"]).await;
    assert_eq!(submitted["submitted"], 12, "{submitted}");
    block_in_place(|| {
        let mut reviewer = open(&world, &server);
        reviewer.shows("12 in a batch");
        reviewer.press("gc");
        reviewer.shows("2 batch jobs still at work; 12 records still wait");
        reviewer.press("q");
        assert_eq!(reviewer.wait(), (0, true));
    });
    wait(&world, &server).await;
    block_in_place(|| {
        let mut reviewer = open(&world, &server);
        // A decision made meanwhile is kept, and another program cannot write the session.
        reviewer.press("x");
        reviewer.shows("1/12 reviewed");
        reviewer.press("gc");
        reviewer.shows("collected 2 batch jobs: 12 described");
        reviewer.shows("Image number 1.");
        reviewer.press("a");
        reviewer.shows("2/12 reviewed");
        reviewer.press("gc");
        reviewer.shows("no records wait for a batch job");
        reviewer.press("q");
        reviewer.press("q");
        assert_eq!(reviewer.wait(), (0, true));
    });
    assert_eq!((candidates(&world), paid(&world)), (12, 12));
    let (collected, code) = batch(&world, &url, &["collect"]).await;
    assert_eq!((collected["lines"].as_u64(), collected["described"].as_u64(), code), (Some(0), Some(0), 0));
    let decided: Vec<Value> = decisions(&world);
    assert_eq!(decided.len(), 2, "{decided:?}");
}

fn decisions(world: &World) -> Vec<Value> {
    let session = world.session();
    let mut rows =
        session.prepare("SELECT kind FROM event WHERE kind IN ('decided', 'accepted', 'kept')").expect("a query");
    let rows = rows.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    rows.map(|kind| Value::from(kind.expect("a kind"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_credentials_are_named_and_the_rest_is_collected_after_signing_in() {
    let (world, server) = world(8, "Completed", |answers| answers).await;
    batch(&world, &server.url(), &["submit", "--yes"]).await;
    wait(&world, &server).await;
    server.state().is_expired = true;
    block_in_place(|| {
        let mut reviewer = open(&world, &server);
        reviewer.press("gc");
        reviewer.shows("aws sso login");
        reviewer.shows("g c tries again");
        server.state().is_expired = false;
        reviewer.press("gc");
        reviewer.shows("collected 1 batch job: 8 described");
        reviewer.press("q");
        assert_eq!(reviewer.wait(), (0, true));
    });
    assert_eq!((candidates(&world), paid(&world)), (8, 8));
}
