//! A proxy that speaks TLS with a certificate of its own, in front of a server that does not.

use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The file with the certificate.
pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bedrock/tls/certificate.pem");

/// Starts a proxy for the server at a URL, and returns its URL.
pub async fn tls_proxy(url: &str) -> String {
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/key.pem")).expect("a key");
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/certificate.pem")).expect("a certificate");
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("a valid certificate")));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let own = listener.local_addr().expect("an address");
    let (address, path) = url.trim_start_matches("http://").split_once('/').map_or_else(
        || (url.trim_start_matches("http://").to_owned(), String::new()),
        |(address, path)| (address.to_owned(), format!("/{path}")),
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, address) = (acceptor.clone(), address.clone());
            tokio::spawn(async move {
                // Fails if the client does not trust the certificate.
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut service = TcpStream::connect(address).await.expect("a connection");
                let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
            });
        }
    });
    format!("https://{own}{path}")
}
