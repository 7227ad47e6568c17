//! `recaption doctor` with an OpenAI-compatible server.

use serde_json::json;

use crate::server::{Reply, Server};
use crate::world::{World, output_of};

/// Returns the output as text, and the exit code.
async fn doctor(arguments: &[&str]) -> (String, i32) {
    let world = World::new(1, "");
    let output = output_of(world.command(&[&["doctor"], arguments].concat())).await;
    (String::from_utf8(output.stdout).expect("text"), output.status.code().expect("an exit code"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_describes_images_passes() {
    let server = Server::start(|_, _| Reply::text("Grey.")).await;
    let (text, code) = doctor(&["--base-url", &server.url(), "--probe"]).await;
    assert_eq!(code, 0, "{text}");
    for phrase in
        [&*server.url(), "none (OPENAI_API_KEY is not set)", "1 on 127.0.0.1", "llava, free", "describes a test image"]
    {
        assert!(text.contains(phrase), "{phrase}: {text}");
    }
    assert!(server.requests()[0].image().starts_with("data:image/png;base64,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_problem_is_a_failure_with_a_remedy() {
    let server = Server::start(|_, _| Reply::error(400, "llava is not a multimodal model")).await;
    let (text, code) = doctor(&["--base-url", &server.url(), "--probe"]).await;
    assert!(code == 3 && text.contains("choose a vision model"), "{code}: {text}");
    let (text, code) = doctor(&["--base-url", "http://127.0.0.1:9/v1"]).await;
    assert!(code == 3 && text.contains("start the server"), "{code}: {text}");
    let server = Server::with_models(Reply::error(401, "no key"), |_, _| Reply::text("Grey.")).await;
    let (text, code) = doctor(&["--base-url", &server.url()]).await;
    assert!(code == 3 && text.contains("requires an API key: set OPENAI_API_KEY"), "{code}: {text}");
    let (text, code) = doctor(&["--base-url", "localhost:1234"]).await;
    assert!(code == 3 && text.contains("http://"), "{code}: {text}");
    let none = Server::with_models(Reply::json(200, &json!({ "data": [] })), |_, _| Reply::text("Grey.")).await;
    let (text, code) = doctor(&["--base-url", &none.url()]).await;
    assert!(code == 3 && text.contains("has no models"), "{code}: {text}");
}
