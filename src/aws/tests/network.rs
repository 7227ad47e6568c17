//! What sockets do: no server, a server that hangs up, one that never answers.

use std::time::Duration;

use aws_smithy_http_client::test_util::NeverClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::fixture::Part;
use super::super::fixture::{config, event};
use super::super::{Breakage, Client, Options, Reaction};
use super::*;

fn client_of(address: &str) -> Client {
    Client::new(&config().into_builder().endpoint_url(address).build(), false, &Options::default()).expect("a client")
}

async fn outcome(client: &Client) -> AwsError {
    match client.converse(question()).await {
        Ok(mut stream) => read(&mut stream).await.expect_err("broken").1,
        Err(error) => error,
    }
}

/// A server that reads one request, says this, and hangs up.
async fn server(says: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 1 << 16];
        let _ = socket.read(&mut request).await;
        let _ = socket.write_all(&says).await;
    });
    address
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = client_of(&address);
    assert_eq!(client.endpoint(), Some(address.as_str()));
    let error = outcome(&client).await;
    assert!(matches!(&error, AwsError::Unreachable { endpoint, .. } if *endpoint == address), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(error.reaction(), Reaction::RetryThenPause);
}

#[tokio::test]
async fn a_server_that_hangs_up_before_it_answers() {
    let error = outcome(&client_of(&server(Vec::new()).await)).await;
    assert!(matches!(error, AwsError::StreamBroken { how: Breakage::ConnectionLost(_) }), "{error:?}");
}

#[tokio::test]
async fn a_server_that_hangs_up_in_mid_answer() {
    let Part::Bytes(text) = event::text("A young wom") else { unreachable!() };
    let mut says = b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n\
                     content-length: 100000\r\n\r\n"
        .to_vec();
    says.extend(text);
    let error = outcome(&client_of(&server(says).await)).await;
    assert!(matches!(error, AwsError::StreamBroken { how: Breakage::ConnectionLost(_) }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers() {
    let config = config().into_builder().http_client(NeverClient::new()).build();
    let idle = Duration::from_secs(20);
    let client = Client::new(&config, false, &Options { idle, ..Options::default() }).expect("a client");
    let before = tokio::time::Instant::now();
    let error = outcome(&client).await;
    assert!(matches!(error, AwsError::StreamBroken { how: Breakage::Silence(_) }), "{error:?}");
    // The first word may take as long as any other, and making the connection comes on top.
    assert!(before.elapsed() >= idle && before.elapsed() < idle * 2);
}

#[test]
fn an_endpoint_has_to_be_an_address() {
    let error =
        Client::new(&config().into_builder().endpoint_url("localhost:4566").build(), false, &Options::default());
    assert!(matches!(error, Err(AwsError::Unreachable { .. })));
}
