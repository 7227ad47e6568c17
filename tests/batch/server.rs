//! A server with the parts of the APIs of S3 and of Bedrock that batch inference needs. A job walks through its states,
//! one with each look at it, and its results are as the test wants them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Makes the lines of the result files of a job out of those of its input file.
pub type Results = dyn Fn(&[Value]) -> Vec<Vec<Value>> + Send + Sync;

#[derive(Clone, Debug)]
pub struct Job {
    pub arn: String,
    pub name: String,
    pub token: String,
    pub request: Value,
    /// The number of looks at it.
    looks: usize,
    stopped: bool,
}

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Bytes>,
    pub jobs: Vec<Job>,
    pub listings: usize,
    /// The number of requests for a job that are carried out, but not answered.
    pub unanswered: usize,
    /// The number of requests for a job that are refused.
    pub refused: usize,
    /// Credentials have expired.
    pub is_expired: bool,
}

pub struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: tokio::task::JoinHandle<()>,
}

/// The states before the last one.
const STATES: [&str; 4] = ["Submitted", "Validating", "Scheduled", "InProgress"];

impl Server {
    /// Starts a server whose jobs end in the state `end`.
    pub async fn start(
        end: &'static str,
        results: impl Fn(&[Value]) -> Vec<Vec<Value>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let results: Arc<Results> = Arc::new(results);
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, results) = (Arc::clone(&shared), Arc::clone(&results));
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| respond(Arc::clone(&state), Arc::clone(&results), end, request));
                    // Fails if the client disconnects.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, state, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }

    /// Returns the lines of the input file of each job.
    pub fn inputs(&self) -> Vec<Vec<Value>> {
        let state = self.state();
        state.jobs.iter().map(|job| input(&state, job)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn key_of(url: &Value) -> String {
    url.as_str().expect("a URL").trim_start_matches("s3://").to_owned()
}

fn input(state: &State, job: &Job) -> Vec<Value> {
    let key = key_of(&job.request["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]);
    let file = state.objects.get(&key).expect("an input file");
    let lines = file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect()
}

/// The connection is closed without a response.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

async fn respond(
    state: Arc<Mutex<State>>,
    results: Arc<Results>,
    end: &'static str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    let path = parts.uri.path().trim_start_matches('/').replace("%3A", ":").replace("%2F", "/");
    let query: BTreeMap<String, String> = parts
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")))
        .collect();
    let mut state = state.lock().expect("no panic under the lock");
    let segments: Vec<&str> = path.split('/').collect();
    if state.is_expired {
        let message = json!({ "message": "The security token included in the request is expired" });
        let mut response = json_response(403, &message);
        response.headers_mut().insert("x-amzn-errortype", "ExpiredTokenException".parse().expect("a header"));
        return Ok(response);
    }
    match (&parts.method, segments.as_slice()) {
        (&Method::POST, ["model-invocation-job"]) => {
            let request: Value = serde_json::from_slice(&body).expect("JSON");
            create(&mut state, request)
        }
        (&Method::GET, ["model-invocation-jobs"]) => {
            state.listings += 1;
            let wanted = query.get("nameContains").cloned().unwrap_or_default();
            let found = state.jobs.iter().filter(|job| job.name.contains(&wanted));
            let summaries: Vec<Value> = found
                .map(|job| {
                    let mut summary = described(job, "InProgress");
                    summary["status"] = "InProgress".into();
                    summary
                })
                .collect();
            Ok(json_response(200, &json!({ "invocationJobSummaries": summaries })))
        }
        (&Method::GET, ["model-invocation-job", ..]) => {
            let arn = path.trim_start_matches("model-invocation-job/");
            let place = state.jobs.iter().position(|job| job.arn == arn).expect("a job");
            Ok(json_response(200, &look(&mut state, place, end, &*results)))
        }
        (&Method::POST, ["model-invocation-job", .., "stop"]) => {
            let arn = path.trim_start_matches("model-invocation-job/").trim_end_matches("/stop");
            let job = state.jobs.iter_mut().find(|job| job.arn == arn).expect("a job");
            job.stopped = true;
            Ok(json_response(200, &json!({})))
        }
        (&Method::GET, [bucket] | [bucket, ""]) => {
            let prefix = format!("{bucket}/{}", query.get("prefix").cloned().unwrap_or_default());
            let objects = state.objects.iter().filter(|(key, _)| key.starts_with(&prefix));
            let objects: Vec<String> = objects
                .map(|(key, bytes)| {
                    let key = key.split_once('/').map_or("", |(_, key)| key);
                    format!("<Contents><Key>{key}</Key><Size>{}</Size><ETag>\"a\"</ETag></Contents>", bytes.len())
                })
                .collect();
            let xml = format!(
                "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <IsTruncated>false</IsTruncated>{}</ListBucketResult>",
                objects.concat()
            );
            Ok(Response::new(Full::from(xml)))
        }
        (&Method::PUT, [_, _, ..]) => {
            state.objects.insert(path, body);
            Ok(Response::builder().header("etag", "\"a\"").body(Full::default()).expect("a response"))
        }
        (&Method::GET, [_, _, ..]) => match state.objects.get(&path) {
            Some(bytes) => {
                Ok(Response::builder().header("etag", "\"a\"").body(Full::from(bytes.clone())).expect("a response"))
            }
            None => Ok(Response::builder()
                .status(404)
                .body(Full::from("<Error><Code>NoSuchKey</Code></Error>"))
                .expect("a response")),
        },
        other => panic!("unexpected request: {other:?}"),
    }
}

/// Creates a job, unless there is one of the same token.
fn create(state: &mut State, request: Value) -> Result<Response<Full<Bytes>>, Closed> {
    if state.refused > 0 {
        state.refused -= 1;
        let message =
            "User: arn:aws:iam::123456789012:user/mina is not authorized to perform: iam:PassRole on resource: role";
        let mut response = json_response(403, &json!({ "message": message }));
        response.headers_mut().insert("x-amzn-errortype", "AccessDeniedException".parse().expect("a header"));
        return Ok(response);
    }
    let field = |name: &str| request[name].as_str().expect("a text").to_owned();
    assert_eq!(field("modelInvocationType"), "Converse");
    let token = field("clientRequestToken");
    let arn = if let Some(job) = state.jobs.iter().find(|job| job.token == token) {
        assert_eq!(job.request, request, "the same token, but another request");
        job.arn.clone()
    } else {
        let arn = format!("arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/job{}", state.jobs.len());
        let name = field("jobName");
        state.jobs.push(Job { arn: arn.clone(), name, token, request, looks: 0, stopped: false });
        arn
    };
    if state.unanswered > 0 {
        state.unanswered -= 1;
        return Err(Closed);
    }
    Ok(json_response(200, &json!({ "jobArn": arn })))
}

/// Returns the next state of a job. In the last one, its results are there.
fn look(state: &mut State, place: usize, end: &str, results: &Results) -> Value {
    let job = &mut state.jobs[place];
    let current = match STATES.get(job.looks) {
        _ if job.stopped => "Stopped",
        Some(current) => {
            job.looks += 1;
            return described(job, current);
        }
        None => end,
    };
    let job = job.clone();
    let folder = key_of(&job.request["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"]);
    let id = job.arn.rsplit('/').next().unwrap_or_default();
    if !state.objects.contains_key(&key_of(&job.request["inputDataConfig"]["s3InputDataConfig"]["s3Uri"])) {
        // Its files are on another server.
        return described(&job, current);
    }
    for (number, lines) in results(&input(state, &job)).into_iter().enumerate() {
        let text = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n";
        state.objects.insert(format!("{folder}{id}/input{number}.jsonl.out"), Bytes::from(text));
    }
    state.objects.insert(format!("{folder}{id}/manifest.json.out"), Bytes::from_static(b"{\"totalRecordCount\":1}"));
    described(&job, current)
}

fn described(job: &Job, status: &str) -> Value {
    json!({
        "jobArn": job.arn,
        "jobName": job.name,
        "modelId": job.request["modelId"],
        "roleArn": job.request["roleArn"],
        "clientRequestToken": job.token,
        "status": status,
        "submitTime": "2026-12-01T00:00:00Z",
        "lastModifiedTime": "2026-12-01T00:00:00Z",
        "inputDataConfig": job.request["inputDataConfig"],
        "outputDataConfig": job.request["outputDataConfig"],
    })
}

fn json_response(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Full::from(body.to_string())).expect("a response")
}

/// Returns the response to a line: a caption with a hash of the image, so that it shows which record it belongs to.
pub fn answered(line: &Value, text: &str) -> Value {
    let message = json!({ "role": "assistant", "content": [{ "text": text }] });
    let output = json!({
        "output": { "message": message },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 1500, "outputTokens": 60, "totalTokens": 1560 },
        "metrics": { "latencyMs": 10 },
    });
    json!({ "recordId": line["recordId"], "modelInput": line["modelInput"], "modelOutput": output })
}

/// Returns an error in place of a response.
pub fn failed(line: &Value) -> Value {
    let error = json!({ "errorCode": 400, "errorMessage": "the image cannot be processed" });
    json!({ "recordId": line["recordId"], "modelInput": line["modelInput"], "error": error })
}

/// Returns the base64 text of the image of a line.
pub fn image(line: &Value) -> &str {
    line["modelInput"]["messages"][0]["content"][0]["image"]["source"]["bytes"].as_str().expect("an image")
}
