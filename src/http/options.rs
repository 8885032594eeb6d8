//! The options of a server.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use axum::http::Extensions;
use axum::http::request::Parts;
use axum::response::Response;

use super::limits::Limits;

/// Authorizes a request: returns the admitted client, or the rejecting answer (401 or 403, with
/// `WWW-Authenticate` as the MCP specification, *Authorization*, requires).
///
/// It runs for every request except `/healthz` and `/readyz`, after the check of Host and Origin
/// and before the body is read. For a stream it runs again before each event. The header
/// `Authorization` is removed afterwards.
pub type Authorize = Arc<dyn Fn(&Parts) -> Result<Admitted, Box<Response>> + Send + Sync>;

/// Returns whether the server can work, for `/readyz`.
pub type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// An authorized request.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The client, if clients are identified. Limits count per client, and only the client that
    /// opened a session can use it.
    pub client: Option<Client>,
    /// Extensions for the handler, in the request's [`Parts`].
    pub extensions: Extensions,
}

/// A client's identity, such as the id of a token. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(Arc<str>);

impl Client {
    /// Creates a client's identity.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// The files of a TLS certificate, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate chain, the server's certificate first.
    pub chain: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}

/// The options of a server. [`Options::new`] sets no authorization, which [`super::bind`] accepts
/// only for a loopback address.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// The address to listen on. Port 0 selects a free port.
    pub address: SocketAddr,
    /// Whether to serve HTTP+SSE of 2024-11-05 too.
    pub sse: bool,
    /// Allowed values of `Host`, with or without a port, beside loopback names and the address.
    pub hosts: Vec<String>,
    /// Allowed values of `Origin`, beside the origin of the requested host.
    pub origins: Vec<String>,
    /// The TLS certificate. Without one, the server uses plain HTTP.
    pub certificate: Option<Certificate>,
    /// The authorization check. Without one, every request is admitted.
    pub authorize: Option<Authorize>,
    /// The readiness check. Without one, the server is ready until it shuts down.
    pub is_ready: Option<Probe>,
    /// The limits.
    pub limits: Limits,
}

impl Options {
    /// Creates the options of a server on an address.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            sse: false,
            hosts: Vec::new(),
            origins: Vec::new(),
            certificate: None,
            authorize: None,
            is_ready: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("address", &self.address)
            .field("sse", &self.sse)
            .field("hosts", &self.hosts)
            .field("origins", &self.origins)
            .field("certificate", &self.certificate)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
