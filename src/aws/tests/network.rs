//! Network failures: no server, a server that closes the connection, a server that never responds.

use std::time::Duration;

use aws_smithy_http_client::test_util::NeverClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::client::CredentialsKind;
use super::super::error::Interruption;
use super::super::fixture::Part;
use super::super::fixture::{config, event};
use super::super::{Client, Options};
use super::*;
use crate::reaction::Reaction;

fn client_for(address: &str) -> Client {
    Client::new(&config().into_builder().endpoint_url(address).build(), CredentialsKind::Default, &Options::default())
        .expect("a client")
}

async fn outcome(client: &Client) -> AwsError {
    match client.converse(request()).await {
        Ok(mut stream) => read(&mut stream).await.expect_err("an interrupted stream").1,
        Err(error) => error,
    }
}

/// Starts a server that reads one request, sends `response`, and closes the connection.
async fn server(response: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 1 << 16];
        let _ = socket.read(&mut request).await;
        let _ = socket.write_all(&response).await;
    });
    address
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = client_for(&address);
    assert_eq!(client.endpoint(), Some(address.as_str()));
    let error = outcome(&client).await;
    assert!(matches!(&error, AwsError::Unreachable { endpoint, .. } if *endpoint == address), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(error.reaction(), Reaction::RetryThenPause);
}

#[tokio::test]
async fn a_connection_closed_before_the_response_is_lost() {
    let error = outcome(&client_for(&server(Vec::new()).await)).await;
    assert!(matches!(error, AwsError::StreamInterrupted { cause: Interruption::ConnectionLost(_) }), "{error:?}");
}

#[tokio::test]
async fn a_connection_closed_within_the_response_is_lost() {
    let Part::Bytes(text) = event::text("A young wom") else { unreachable!() };
    let mut response = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\
                     content-length: 100000\r\n\r\n"
        .to_vec();
    response.extend(text);
    let error = outcome(&client_for(&server(response).await)).await;
    assert!(matches!(error, AwsError::StreamInterrupted { cause: Interruption::ConnectionLost(_) }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_responds_times_out() {
    let config = config().into_builder().http_client(NeverClient::new()).build();
    let idle_timeout = Duration::from_secs(20);
    let client = Client::new(&config, CredentialsKind::Default, &Options { idle_timeout, ..Options::default() })
        .expect("a client");
    let before = tokio::time::Instant::now();
    let error = outcome(&client).await;
    assert!(matches!(error, AwsError::StreamInterrupted { cause: Interruption::Timeout(_) }), "{error:?}");
    // The connect timeout is added to the idle timeout.
    assert!(before.elapsed() >= idle_timeout && before.elapsed() < idle_timeout * 2);
}

#[test]
fn an_endpoint_must_be_a_url() {
    let error = Client::new(
        &config().into_builder().endpoint_url("localhost:4566").build(),
        CredentialsKind::Default,
        &Options::default(),
    );
    assert!(matches!(error, Err(AwsError::Unreachable { .. })));
}
