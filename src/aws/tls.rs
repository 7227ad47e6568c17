//! The certificate authorities of `AWS_CA_BUNDLE`, which the SDK ignores.

use std::fs;
use std::path::Path;

use aws_sdk_bedrockruntime::config::{RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::error::AwsError;

/// Returns a client that trusts the certificate authorities in a PEM file, and no others. Otherwise like the default
/// client of the SDK.
///
/// # Errors
///
/// Returns an error if the file cannot be read or has no valid certificate.
pub(super) fn client_trusting(bundle: &Path) -> Result<SharedHttpClient, AwsError> {
    let invalid = |reason| AwsError::InvalidCaBundle { path: bundle.display().to_string(), reason };
    let pem = fs::read(bundle).map_err(|error| invalid(error.to_string()))?;
    let authorities = valid_certificates(&pem).map_err(invalid)?;
    let trusted = TrustStore::empty().with_pem_certificate(authorities);
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| invalid(error.to_string()))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        connector.tls_context(context.clone()).build()
    }))
}

/// Returns the certificates that can be trusted, in PEM. The SDK panics on others.
fn valid_certificates(pem: &[u8]) -> Result<String, String> {
    let mut store = RootCertStore::empty();
    let mut valid = String::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("not a PEM file: {error}"))?;
        let der = BASE64_STANDARD.encode(&certificate);
        match store.add(certificate) {
            Ok(()) => valid.extend(["-----BEGIN CERTIFICATE-----\n", &der, "\n-----END CERTIFICATE-----\n"]),
            Err(error) => tracing::warn!(%error, "certificate authority ignored"),
        }
    }
    if valid.is_empty() { Err("no valid certificate found".to_owned()) } else { Ok(valid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_needs_a_valid_certificate() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let error = || client_trusting(&path).expect_err("an invalid bundle").to_string();
        assert!(error().contains("ca.pem"), "{}", error());
        // The second is base64, but not a certificate.
        for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            fs::write(&path, text).expect("a file");
            assert!(error().contains("no valid certificate found"), "{}", error());
        }
        fs::write(&path, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").expect("a file");
        assert!(error().contains("not a PEM file"), "{}", error());
    }
}
