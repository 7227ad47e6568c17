//! Against MiniStack, which emulates S3 and the job API of Bedrock. Its jobs never end.

use serde_json::json;

use crate::external_server::ExternalServer;
use crate::runs::batch;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn ministack_takes_the_files_and_the_jobs() {
    let service = ExternalServer::start("RECAPTION_MINISTACK", |command, port| {
        // The default of BIND_HOST is all interfaces.
        command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
    });
    let Some(service) = service else { return };
    service.call("PUT", "/bucket", "");
    let world = World::new(20, "");
    let url = service.url();
    let (submitted, code) = batch(&world, &url, &["submit", "--yes"]).await;
    assert_eq!((submitted["submitted"].as_u64(), code), (Some(20), 0), "{submitted}");
    assert_eq!(submitted["jobs"].as_array().map(Vec::len), Some(3), "{submitted}");
    let (status, _) = batch(&world, &url, &["status"]).await;
    assert_eq!((status["waiting"].as_u64(), &status["jobs"][0]["ended"]), (Some(20), &json!(false)), "{status}");
    let (collected, code) = batch(&world, &url, &["collect"]).await;
    assert_eq!((collected["jobs_running"].as_u64(), collected["waiting"].as_u64(), code), (Some(3), Some(20), 0));
    let (stopped, _) = batch(&world, &url, &["stop"]).await;
    assert_eq!(stopped["stopped"], 3, "{stopped}");
}
