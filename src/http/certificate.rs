//! The TLS certificate of the server.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::options::Certificate;
use crate::disk::regular;

/// Limit on the bytes of a certificate or key file.
const PEM_BYTES_MAX: usize = 1 << 20;

/// Loads a certificate and its key.
///
/// # Errors
///
/// If a file cannot be read or contains no certificate or key in PEM, or if the key does not match
/// the certificate.
pub(super) fn load(certificate: &Certificate) -> io::Result<Arc<ServerConfig>> {
    let pem = read(&certificate.chain)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| unusable(&certificate.chain, error))?;
    if chain.is_empty() {
        return Err(unusable(&certificate.chain, "the file contains no certificate"));
    }
    let key = PrivateKeyDer::from_pem_slice(&read(&certificate.key)?);
    let key = key.map_err(|error| unusable(&certificate.key, error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of these versions");
    let config = builder.with_no_client_auth().with_single_cert(chain, key);
    let mut config = config.map_err(|error| unusable(&certificate.chain, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Reads a file. A person chooses it, so it may be a pipe such as `<(pass show key)`.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let pem = regular::read_named(path, PEM_BYTES_MAX)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    if pem.len() > PEM_BYTES_MAX {
        return Err(unusable(path, format_args!("the file has more than {PEM_BYTES_MAX} bytes")));
    }
    Ok(pem)
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", path.display()))
}
