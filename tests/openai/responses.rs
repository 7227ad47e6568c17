//! Requests, and responses other than a stream.

use std::time::{Duration, Instant};

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::json;

use crate::server::{Reply, Server};
use crate::tls_proxy::{CERTIFICATE, tls_proxy};
use crate::world::{World, output_of};

const GOOD: &str = "A person in a blue coat stands in a quiet street.";
const KEY: &str = "sk-secret-of-this-test";

fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["generate", "--base-url", url, "--json"], more].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_have_image_prompt_and_key() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let world = World::new(3, "");
    let url = server.url();
    let mut command = world.command(&arguments(&url, &["--log", "log.txt"]));
    command.env("OPENAI_API_KEY", KEY).env("RECAPTION_LOG_LEVEL", "trace");
    let output = output_of(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.authorization.as_deref(), Some(&*format!("Bearer {KEY}")));
        // The only model of the server.
        assert_eq!(request.body["model"], "llava");
        assert_eq!(request.body["stream"], true);
        assert_eq!(request.body["temperature"], 0.3);
        assert!(request.image().starts_with("data:image/png;base64,iVBORw0KGgo"), "{}", request.image());
        assert!(request.text().contains("Old caption"), "the current caption is in the prompt");
        assert!(request.body["max_tokens"].as_u64().is_some());
    }
    assert!(world.candidates().iter().all(|(_, text, model)| text == GOOD && model == "llava"));
    let session: Vec<u8> = std::fs::read(world.path().join(".recaption/metadata.sqlite")).expect("a session");
    let log = std::fs::read(world.path().join("log.txt")).expect("a log");
    for (name, bytes) in [("session", session), ("log", log), ("stdout", output.stdout), ("stderr", output.stderr)] {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the {name} has the key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_parameters_are_renamed_or_omitted_and_remembered() {
    let server = Server::start(|_, request| {
        if !request.body["max_tokens"].is_null() {
            let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use \
                           'max_completion_tokens' instead.";
            return Reply::json(400, &json!({ "error": { "message": message, "param": "max_tokens" } }));
        }
        if !request.body["temperature"].is_null() {
            let message = "Unsupported value: 'temperature' does not support 0.3 with this model.";
            return Reply::json(400, &json!({ "error": { "message": message, "param": "temperature" } }));
        }
        if !request.body["stream_options"].is_null() {
            return Reply::json(
                422,
                &json!({ "detail": [{ "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted" }] }),
            );
        }
        Reply::text(GOOD)
    })
    .await;
    let world = World::new(4, "");
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(4), 0), "{table}");
    let requests = server.requests();
    assert_eq!(requests.len(), 4 + 3);
    assert!(requests[3..].iter().all(|request| request.body["max_completion_tokens"].as_u64().is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn instructions_go_to_the_user_message_of_a_model_that_refuses_system_prompts() {
    let server = Server::start(|_, request| {
        if request.body["messages"][0]["role"] == "system" {
            return Reply::json(
                400,
                &json!({ "object": "error", "message": "System role not supported", "code": 400 }),
            );
        }
        Reply::text(GOOD)
    })
    .await;
    let world = World::new(4, "");
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(4), 0), "{table}");
    let requests = server.requests();
    assert_eq!(requests.len(), 4 + 1, "refused once, then remembered");
    let system = requests[0].body["messages"][0]["content"].as_str().expect("instructions").to_owned();
    for request in &requests[1..] {
        assert_eq!(request.body["messages"].as_array().map(Vec::len), Some(1));
        let text = request.text();
        assert!(text.starts_with(&system) && text.contains("Old caption"), "{text}");
    }
}

/// A gateway with a key in a header of its own.
#[tokio::test(flavor = "multi_thread")]
async fn headers_are_sent_and_their_secrets_stay_secret() {
    let server = Server::start(|number, request| {
        let key = request.headers.iter().find(|(name, _)| name == "api-key").map(|(_, value)| value.clone());
        match number {
            0 => Reply::error(400, &format!("Bad request with api-key {}", key.unwrap_or_default())),
            _ => Reply::text(GOOD),
        }
    })
    .await;
    let world = World::new(2, "");
    let config = world.path().join("home/config/recaption");
    std::fs::create_dir_all(&config).expect("a folder");
    let write = |headers: &str| {
        let text = format!("[openai]\nbase-url = {:?}\nheaders = {headers}\n", server.url());
        std::fs::write(config.join("config.toml"), text).expect("written");
    };
    let run = async |more: &[&str]| {
        let mut command = world.command(&["generate", "--log", "log.txt", "-vv", "--json"]);
        command.args(more).env("AZURE_KEY", KEY).env("OPENAI_API_KEY", "sk-of-another-service");
        output_of(command).await
    };
    write("{ api-key = { env = \"AZURE_KEY\" }, X-Title = \"captions\" }");
    let output = run(&[]).await;
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        let value =
            |name: &str| request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str());
        assert_eq!((value("api-key"), value("x-title")), (Some(KEY), Some("captions")));
        assert_eq!(value("authorization"), None, "the key of another service is not sent along");
    }
    let session: Vec<u8> = std::fs::read(world.path().join(".recaption/metadata.sqlite")).expect("a session");
    let log = std::fs::read(world.path().join("log.txt")).expect("a log");
    for (name, bytes) in [("session", session), ("log", log), ("stdout", output.stdout), ("stderr", output.stderr)] {
        assert!(!bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()), "the {name} has the key");
    }
    for (headers, phrase) in [
        ("{ api-key = \"abc\" }", "settings contain no keys"),
        ("{ api-key = { env = \"UNSET_KEY\" } }", "UNSET_KEY is not set"),
        ("{ api-key = { enw = \"A\" } }", "{ env = "),
        ("{ Content-Length = \"3\" }", "recaption sets it itself"),
        ("{ \"a b\" = \"3\" }", "not the name of a header"),
        ("{ X-Title = \"\" }", "its value is empty"),
    ] {
        write(headers);
        let output = run(&["--only", "failed"]).await;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && errors.contains(phrase), "{headers}: {errors}");
    }
    assert_eq!(server.requests().len(), 2, "nothing is sent with invalid headers");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_webp_is_sent_as_jpeg() {
    let server = Server::start(|_, request| {
        if request.image().starts_with("data:image/webp") {
            Reply::json(400, &json!({ "error": { "code": 400, "message": "Failed to load image or audio file" } }))
        } else {
            Reply::text(GOOD)
        }
    })
    .await;
    let world = World::new(2, "");
    let webp = |name: &str| {
        let image = RgbImage::from_pixel(30, 40, Rgb([9, 99, 199]));
        image.save_with_format(world.path().join(name), ImageFormat::WebP).expect("a file");
    };
    webp("images/0.png");
    webp("images/1.png");
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(2), 0), "{table}");
    let types: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.image().split(';').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(types, ["data:image/webp", "data:image/jpeg", "data:image/jpeg"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_loading_is_waited_for() {
    let server = Server::start(|number, _| match number {
        // More than the attempts at a description.
        0..6 => Reply::json(
            503,
            &json!({ "error": { "code": 503, "message": "Loading model", "type": "unavailable_error" } }),
        ),
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(2, "");
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(2), 0), "{table}");
    assert_eq!(server.requests().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let server = Server::start(|number, _| match number {
        0 => Reply::header(429, &[("retry-after", "2"), ("content-type", "application/json")])
            .then(json!({ "error": { "message": "Rate limit reached" } }).to_string()),
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(1, "");
    let start = Instant::now();
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(1), 0), "{table}");
    assert!(start.elapsed() >= Duration::from_secs(2));
    assert_eq!(server.requests().len(), 2);
}

/// Each stops the run with a message that has the phrase, after one request. The record stays pending.
#[tokio::test(flavor = "multi_thread")]
async fn errors_of_access_stop_the_run() {
    let html = "<html><head><title>Sign in</title></head></html>";
    let cases = [
        ("no key", Reply::error(401, "Missing API key"), "set OPENAI_API_KEY", 3),
        ("no model", Reply::error(404, "model \"llava\" not found, try pulling it first"), "(llava)", 3),
        (
            "no images",
            Reply::error(500, "image input is not supported - you may need to provide the mmproj"),
            "vision",
            3,
        ),
        ("no endpoint", Reply::new(404, "text/plain", "404 page not found"), "/v1", 3),
        ("HTML with 200", Reply::new(200, "text/html", html), "\"Sign in\"", 3),
        (
            "an error with 200",
            Reply::json(200, &json!({ "error": { "message": "No auth", "code": 401 } })),
            "API key",
            3,
        ),
        (
            "a redirect",
            Reply::header(301, &[("location", "https://a.example/v1"), ("content-length", "0")]),
            "a.example",
            3,
        ),
        ("no credit", Reply::error(402, "Insufficient credits"), "credit", 5),
    ];
    for (name, reply, phrase, expected) in cases {
        let server = Server::start(move |_, _| reply.clone()).await;
        let world = World::new(1, "");
        let (table, code) = world.run(&arguments(&server.url(), &[])).await;
        assert_eq!((code, server.requests().len()), (expected, 1), "{name}: {table}");
        assert!(table["stopped"].as_str().is_some_and(|why| why.contains(phrase)), "{name}: {table}");
        assert_eq!(table["pending"].as_u64(), Some(1), "{name}: {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_must_be_chosen_among_several() {
    let models =
        Reply::json(200, &json!({ "data": [{ "id": "llava" }, { "id": "gemma" }, { "id": "text-embedding-x" }] }));
    let server = Server::with_models(models, |_, _| Reply::text(GOOD)).await;
    let world = World::new(1, "");
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((code, server.requests().len()), (3, 0), "{table}");
    assert!(table["stopped"].as_str().is_some_and(|why| why.contains("--model (llava, gemma)")), "{table}");
    let (table, code) = world.run(&arguments(&server.url(), &["--model", "gemma"])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(1), 0), "{table}");
    assert_eq!(server.requests()[0].body["model"], "gemma");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_this_computer_are_sent_one_at_a_time() {
    let server = Server::start(|_, _| {
        let text = Reply::text(GOOD);
        Reply::default().pause(Duration::from_millis(200)).joined(text)
    })
    .await;
    let world = World::new(5, "");
    let start = Instant::now();
    let (table, code) = world.run(&arguments(&server.url(), &[])).await;
    assert_eq!((table["described"].as_u64(), code), (Some(5), 0), "{table}");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_run_is_reported() {
    let world = World::new(1, "");
    let (table, code) = world.run(&arguments("http://127.0.0.1:9/v1", &["--model", "llava"])).await;
    assert_eq!(code, 3, "{table}");
    let why = table["stopped"].as_str().unwrap_or_default();
    assert!(why.contains("cannot reach 127.0.0.1:9") && why.contains("start the server"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_authorities_of_the_environment_are_trusted() {
    let server = Server::start(|_, _| Reply::text(GOOD)).await;
    let url = tls_proxy(&server.url()).await;
    for (variable, trusted) in [("SSL_CERT_FILE", true), ("AWS_CA_BUNDLE", false)] {
        let world = World::new(1, "");
        let before = server.requests().len();
        let mut command = world.command(&arguments(&url, &["--model", "llava"]));
        command.env(variable, CERTIFICATE);
        let output = output_of(command).await;
        assert_eq!(output.status.success(), trusted, "{variable}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(server.requests().len() > before, trusted, "{variable}");
    }
}

/// Captions that are JSON objects get objects, and a response that is none is a failure.
#[tokio::test(flavor = "multi_thread")]
async fn structured_captions_get_objects() {
    let server = Server::start(|number, _| match number {
        0 => Reply::text("```json\n{\"style\":\"photo\",\"person\":{\"coat\":\"blue\"}}\n```"),
        _ => Reply::text(GOOD),
    })
    .await;
    let world = World::new(2, "");
    let metadata = world.path().join("metadata.jsonl");
    let lines = std::fs::read_to_string(&metadata).expect("a dataset");
    let old = r#"{"style": "oil", "person": {"coat": "grey"}}"#;
    let mut records: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &mut records {
        record["text"] = serde_json::from_str(old).unwrap();
    }
    let records: Vec<String> = records.iter().map(ToString::to_string).collect();
    let lines = records.join("\n") + "\n";
    std::fs::write(&metadata, &lines).expect("written");
    std::fs::write(world.path().join("schema.json"), r#"{"required": ["style"], "title": "fashion"}"#)
        .expect("written");
    let more = ["--schema", "schema.json", "--concurrency", "1", "--accept", "--save"];
    let (table, code) = world.run(&arguments(&server.url(), &more)).await;
    assert_eq!((table["described"].as_u64(), table["failed"].as_u64(), code), (Some(1), Some(1), 1), "{table}");
    let requests = server.requests();
    assert!(requests[0].text().contains(r#""coat""#), "the current caption has the fields: {}", requests[0].text());
    let system = requests[0].body["messages"][0]["content"].as_str().expect("instructions");
    assert!(system.contains("JSON object") && system.contains(r#""title": "fashion""#), "{system}");
    let saved = std::fs::read_to_string(world.path().join("metadata_updated.jsonl")).expect("saved");
    let (changed, same): (Vec<_>, Vec<_>) = saved.lines().zip(lines.lines()).partition(|(saved, line)| saved != line);
    assert_eq!((changed.len(), same.len()), (1, 1));
    let (saved, before) = changed[0];
    let [new, old] = [r#"{"style":"photo","person":{"coat":"blue"}}"#, r#"{"style":"oil","person":{"coat":"grey"}}"#];
    assert_eq!(saved, before.replace(old, new));
}
