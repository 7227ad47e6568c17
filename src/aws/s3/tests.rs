//! Tests of the client with responses in the wire format, and with a server that lies about the length.

use aws_config::SdkConfig;
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::upload::MULTIPART_THRESHOLD;
use super::*;
use crate::aws::fixture::config;

/// A server that answers in this order.
struct Server(StaticReplayClient);

impl Server {
    fn new(responses: impl IntoIterator<Item = HttpResponse>) -> Self {
        let event = |response| ReplayEvent::new(HttpRequest::empty(), response);
        Self(StaticReplayClient::new(responses.into_iter().map(event).collect()))
    }

    fn config(&self) -> SdkConfig {
        // A retry would need another response.
        let once = aws_config::retry::RetryConfig::disabled();
        config().into_builder().retry_config(once).http_client(self.0.clone()).build()
    }

    fn bucket(&self) -> Bucket {
        Bucket::new(&self.config(), None, "sets").expect("a bucket")
    }

    /// Returns the method and the URL of each request.
    fn requests(&self) -> Vec<String> {
        self.0.actual_requests().map(|request| format!("{} {}", request.method(), request.uri())).collect()
    }

    fn header(&self, request: usize, name: &str) -> Option<String> {
        self.0.actual_requests().nth(request)?.headers().get(name).map(str::to_owned)
    }
}

fn response(status: u16, headers: &[(&'static str, &str)], body: impl Into<SdkBody>) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().expect("a status"), body.into());
    for (name, value) in headers {
        response.headers_mut().insert(*name, (*value).to_owned());
    }
    response
}

fn error(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    response(status, &[("content-type", "application/xml")], body)
}

async fn content(bucket: &Bucket, key: &str) -> Result<Vec<u8>, AwsError> {
    let (mut download, mut content) = (bucket.get(key).await?, Vec::new());
    while let Some(chunk) = download.next().await? {
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}

#[tokio::test]
async fn an_object_is_read() {
    let found = response(200, &[("content-length", "7")], "A coat.");
    let server = Server::new([found]);
    assert_eq!(content(&server.bucket(), "fashion/a b.txt").await.expect("the content"), b"A coat.");
    let sent = &server.requests()[0];
    assert!(sent.starts_with("GET https://sets.s3.us-east-1.amazonaws.com/fashion/a%20b.txt"), "{sent}");
}

#[tokio::test]
async fn an_object_that_ends_early_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 1 << 16];
        let _ = socket.read(&mut request).await;
        let _ = socket.write_all(b"HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 100\r\n\r\nA coa").await;
    });
    let bucket = Bucket::new(&config().into_builder().endpoint_url(&address).build(), None, "sets").expect("a bucket");
    let cut_off = content(&bucket, "a").await.expect_err("too short");
    assert!(matches!(&cut_off, AwsError::S3(S3Error::Interrupted { url, .. }) if url.key == "a"), "{cut_off:?}");
}

#[tokio::test]
async fn a_listing_follows_its_pages() {
    let page = |key: &str, rest: &str| {
        let object = format!("<Contents><Key>{key}</Key><Size>5</Size><ETag>\"e\"</ETag></Contents>");
        response(200, &[], format!("<ListBucketResult>{rest}{object}</ListBucketResult>"))
    };
    let first = "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>";
    let server = Server::new([page("f/a", first), page("f/b", "<IsTruncated>false</IsTruncated>")]);
    let mut listing = server.bucket().list("f/");
    let mut keys = Vec::new();
    while let Some(page) = listing.next_page().await.expect("a page") {
        keys.extend(page);
    }
    assert_eq!(keys, ["f/a", "f/b"]);
    assert!(server.requests()[1].contains("continuation-token=t%2F1"), "{:?}", server.requests());
}

fn parts() -> [HttpResponse; 6] {
    let created = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
    let part = || response(200, &[("etag", "\"p\"")], "");
    [response(200, &[], created), part(), part(), part(), part(), part()]
}

async fn upload_33_mib(server: &Server) -> Result<(), AwsError> {
    let mut upload = server.bucket().upload("big", "application/jsonl");
    let block = vec![7; 1 << 20];
    for _ in 0..33 {
        upload.write(&block).await?;
    }
    upload.finish().await.map(drop)
}

#[tokio::test]
async fn an_object_is_replaced_on_a_condition_and_keeps_its_properties() {
    let kept = [
        ("etag", "\"e1\""),
        ("x-amz-meta-run", "7"),
        ("cache-control", "no-store"),
        ("x-amz-storage-class", "STANDARD_IA"),
    ];
    let (found, written) = (response(200, &kept, ""), response(200, &[("etag", "\"e2\"")], ""));
    let refused = || error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    let server = Server::new([found, written, refused(), refused()]);
    let bucket = server.bucket();
    let version = bucket.head("f/a").await.expect("a response").expect("an object");
    let write = async |condition| {
        let mut upload = bucket.upload_if("f/a", version.properties.clone(), condition);
        upload.write(b"A coat.").await?;
        upload.finish().await
    };
    assert_eq!(write(Condition::Matches(version.etag.clone())).await.as_deref(), Ok("\"e2\""));
    let sent =
        ["if-match", "x-amz-meta-run", "cache-control", "x-amz-storage-class"].map(|name| server.header(1, name));
    assert_eq!(sent, ["\"e1\"", "7", "no-store", "STANDARD_IA"].map(|value| Some(value.to_owned())));
    let changed = |written: Result<String, AwsError>| matches!(written, Err(AwsError::S3(S3Error::Changed { .. })));
    assert!(changed(write(Condition::Matches(version.etag.clone())).await));
    assert!(changed(write(Condition::Absent).await));
    assert_eq!(server.header(3, "if-none-match").as_deref(), Some("*"));
}

#[tokio::test]
async fn an_object_that_has_not_changed_is_not_transferred() {
    let server = Server::new([response(304, &[], ""), response(404, &[], "")]);
    let bucket = server.bucket();
    assert!(bucket.get_unless("f/a", "\"e1\"").await.expect("a response").is_none());
    assert_eq!(server.header(0, "if-none-match").as_deref(), Some("\"e1\""));
    assert_eq!(bucket.head("f/b").await, Ok(None));
}

#[tokio::test]
async fn a_large_object_is_written_in_parts() {
    let done = "<CompleteMultipartUploadResult><ETag>\"whole-5\"</ETag></CompleteMultipartUploadResult>";
    let server = Server::new(parts().into_iter().chain([response(200, &[], done)]));
    upload_33_mib(&server).await.expect("written");
    let requests = server.requests();
    assert_eq!(requests.len(), 7);
    let part = |number: u32| format!("partNumber={number}&");
    assert!((1..=5).all(|number| requests[1..6].iter().any(|request| request.contains(&part(number)))), "{requests:?}");
    let sizes: Vec<usize> =
        server.0.actual_requests().skip(1).take(5).filter_map(|request| Some(request.body().bytes()?.len())).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 33 << 20);
}

#[tokio::test]
async fn an_object_at_the_threshold_is_written_at_once() {
    let server = Server::new([response(200, &[("etag", "\"e2\"")], "")]);
    let mut upload = server.bucket().upload("a", "application/jsonl");
    upload.write(&vec![7; MULTIPART_THRESHOLD]).await.expect("buffered");
    upload.finish().await.expect("written");
    assert_eq!(server.requests().len(), 1);
    assert!(server.header(0, "x-amz-checksum-crc32").is_some(), "the content has a checksum");
}

#[tokio::test]
async fn an_upload_that_cannot_be_completed_is_aborted() {
    let refused = error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
    let server = Server::new(parts().into_iter().chain([refused, response(204, &[], "")]));
    let failed = upload_33_mib(&server).await.expect_err("refused");
    assert!(matches!(failed, AwsError::S3(S3Error::Rejected { .. })), "{failed:?}");
    let last = server.requests().pop().expect("a request");
    assert!(last.starts_with("DELETE") && last.contains("uploadId=u1"), "{last}");
}

#[tokio::test]
async fn an_upload_whose_part_fails_is_aborted() {
    let [created, part, ..] = parts();
    // How many parts are sent before the first has failed is a matter of timing; so is which response is left to the abort.
    let refused = (0..5).map(|_| error(403, "AccessDenied", "Access Denied"));
    let server = Server::new([created, part].into_iter().chain(refused));
    let failed = upload_33_mib(&server).await.expect_err("refused");
    assert!(matches!(failed, AwsError::NotAuthorized { .. } | AwsError::S3(_)), "{failed:?}");
    assert!(server.requests().iter().any(|request| request.starts_with("DELETE")), "{:?}", server.requests());
}

#[rstest]
#[case::bucket(404, "NoSuchBucket", "The specified bucket does not exist", &["no bucket \"sets\"", "--endpoint-url"])]
#[case::key(404, "NoSuchKey", "The specified key does not exist.", &["s3://sets/f/a: no such object", "aws s3 ls s3://sets/f/"])]
#[case::region(301, "PermanentRedirect", "Use the endpoint.", &["bucket \"sets\" is in another region", "--region"])]
#[case::expected(400, "AuthorizationHeaderMalformed",
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'",
    &["another region (eu-west-1)", "--region eu-west-1"])]
#[case::denied(403, "AccessDenied", "Access Denied", &["missing IAM permission s3:GetObject on s3://sets/f/a"])]
#[case::named(403, "AccessDenied",
    "User: arn:aws:iam::1:user/kim is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::sets/f/a\" \
     because no identity-based policy allows the s3:GetObject action",
    &["missing IAM permission s3:GetObject on arn:aws:s3:::sets/f/a:"])]
#[case::explicit(403, "AccessDenied",
    "User: arn:aws:iam::1:user/kim is not authorized to perform: s3:GetObject on resource: \"arn:aws:s3:::sets/f/a\" \
     with an explicit deny in a resource-based policy",
    &["a policy explicitly denies s3:GetObject"])]
#[case::key_id(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
    &["rejected the credentials (InvalidAccessKeyId)"])]
#[case::expired(400, "ExpiredToken", "The provided token has expired.", &["expired", "aws sso login"])]
#[case::token(400, "InvalidToken", "The provided token is malformed or otherwise invalid.", &["expired"])]
#[case::clock(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
    &["check the system clock"])]
#[case::archived(403, "InvalidObjectState", "The operation is not valid for the object's storage class GLACIER",
    &["in an archive (GLACIER)", "restore"])]
#[case::slow(503, "SlowDown", "Please reduce your request rate.", &["S3 is busy (SlowDown)"])]
#[case::other(400, "KMS.DisabledException", "The key is disabled.", &["S3 rejected", "KMS.DisabledException", "key is disabled"])]
#[tokio::test]
async fn errors_name_the_remedy(
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
    #[case] phrases: &[&str],
) {
    let server = Server::new([error(status, code, message)]);
    let failed = server.bucket().get("f/a").await.expect_err("an error").to_string();
    for phrase in phrases {
        assert!(failed.contains(phrase), "{failed}");
    }
}

#[rstest]
#[case::missing(404, &[], &["s3://sets/f/a: no such object"])]
#[case::denied(403, &[], &["s3:GetObject"])]
#[case::region(301, &[("x-amz-bucket-region", "eu-west-1")], &["--region eu-west-1"])]
#[case::bad(400, &[], &["may have expired"])]
#[tokio::test]
async fn responses_without_a_body_are_told_apart(
    #[case] status: u16,
    #[case] headers: &[(&'static str, &str)],
    #[case] phrases: &[&str],
) {
    let server = Server::new([response(status, headers, "")]);
    let failed = server.bucket().get("f/a").await.expect_err("an error").to_string();
    for phrase in phrases {
        assert!(failed.contains(phrase), "{failed}");
    }
}

#[test]
fn a_custom_endpoint_has_the_bucket_in_its_path_but_not_that_of_bedrock() {
    let bucket = |url: &str| {
        let config = config().into_builder().endpoint_url(url).build();
        Bucket::new(&config, None, "sets").expect("a bucket").endpoint().map(str::to_owned)
    };
    assert_eq!(bucket("http://localhost:4566").as_deref(), Some("http://localhost:4566"));
    assert_eq!(bucket("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com"), None);
}
