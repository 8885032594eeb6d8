//! How a server is set up.

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

/// Decides who is let in: returns who asks, or the answer that turns them away (401 or 403, with
/// `WWW-Authenticate` where the MCP specification, *Authorization*, wants it).
///
/// It is asked for every request but those for `/healthz` and `/readyz`, after Host and Origin were
/// checked and before anything of the body is read, and for a stream again before each thing that
/// it tells. The header `Authorization` goes no further.
pub type Authorize = Arc<dyn Fn(&Parts) -> Result<Admitted, Box<Response>> + Send + Sync>;

/// Tells whether the server can do its work. Asked by `/readyz`.
pub type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who it is, where clients are told apart: limits are counted by it, and a session is only for
    /// who opened it.
    pub client: Option<Client>,
    /// What the handler finds in the extensions of the request's [`Parts`].
    pub extensions: Extensions,
}

/// Who asks, for instance the id of a token. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client(Arc<str>);

impl Client {
    /// Names a client.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }
}

/// The files of a certificate, in PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate, followed by those that vouch for it.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How a server is set up. [`Options::new`] is a server on one address that lets in whoever reaches
/// it, which [`super::bind`] only does on a loopback address.
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// Where it listens. Port 0 takes any that is free.
    pub address: SocketAddr,
    /// Whether it speaks HTTP+SSE of 2024-11-05 too.
    pub sse: bool,
    /// Names that `Host` may have, with or without a port, beside loopback ones and the address.
    pub hosts: Vec<String>,
    /// Values that `Origin` may have, beside that of the very host that is asked.
    pub origins: Vec<String>,
    /// What it shows to speak TLS. Without it, it speaks plain HTTP.
    pub certificate: Option<Certificate>,
    /// Who is let in. Without it, everybody is.
    pub authorize: Option<Authorize>,
    /// Whether it is ready. Without it, it is until it ends.
    pub is_ready: Option<Probe>,
    /// How much it takes on.
    pub limits: Limits,
}

impl Options {
    /// Sets up a server on an address.
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
