//! Layer 6: any MCP server over HTTP.
//!
//! It does not depend on the served content: it creates a handler for each session and for each
//! stateless request. `/mcp` is Streamable HTTP, in both eras of the protocol. `/sse` and
//! `/messages` are HTTP+SSE of 2024-11-05, if enabled. `/healthz`, `/readyz` and `/metrics` are for
//! operators.

mod authorize;
mod body;
mod certificate;
mod connection;
mod cors;
mod denial;
mod door;
mod endpoint;
mod health;
mod limits;
mod metrics;
mod options;
mod origin;
mod sessions;
mod slots;
mod sse;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rmcp::ServerHandler;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

pub use self::authorize::{anybody, bearers};
pub use self::limits::Limits;
pub use self::options::{Admitted, Authorize, Certificate, Client, Options, Probe};

use self::connection::Acceptor;
use self::denial::Denial;
use self::door::Door;
use self::endpoint::Endpoint;
use self::health::Health;
use self::origin::Origins;
use self::sessions::Sessions;
use self::sse::Legacy;

/// Time limit for idle connections to close.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is reachable from other machines, and no authorization is set.
    #[error(
        "{0} is reachable from other machines, and no token would be required: listen on \
        127.0.0.1, or create a token first"
    )]
    Unprotected(SocketAddr),
    /// The server cannot listen on the address.
    #[error("cannot listen on {0}: {1}")]
    Address(SocketAddr, #[source] io::Error),
    /// The certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[source] io::Error),
}

/// A server with a bound address that does not serve yet.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    options: Options,
}

/// Binds the address of a server. The system accepts connections from then on, and
/// [`Bound::serve`] answers them.
///
/// # Errors
///
/// If the address is not a loopback address and no authorization is set, if the address is in use,
/// or if the certificate cannot be used.
pub fn bind(options: Options) -> Result<Bound, StartError> {
    if !options.address.ip().is_loopback() && options.authorize.is_none() {
        return Err(StartError::Unprotected(options.address));
    }
    let tls = options.certificate.as_ref().map(certificate::load).transpose();
    let tls = tls.map_err(StartError::Certificate)?;
    let failed = |error| StartError::Address(options.address, error);
    let listener = TcpListener::bind(options.address).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Bound { listener, address, tls, options })
}

impl Bound {
    /// Returns the URL of `/mcp`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/mcp", self.address)
    }

    /// Serves until `stop` is ready. Then the server finishes accepted calls within the time limit
    /// of the options, rejects further ones, and reports this at `/readyz`. At last it ends streams
    /// and closes connections.
    ///
    /// # Errors
    ///
    /// If the listener fails.
    pub async fn serve<H: ServerHandler>(
        self,
        make_handler: impl Fn() -> H + Send + Sync + 'static,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Self { listener, address, tls, options } = self;
        let origins = Origins::new(address, &options.hosts, &options.origins);
        let door = Door::new(origins, options.authorize.clone(), options.limits);
        let end = CancellationToken::new();
        let routes = routes(Arc::new(make_handler), &door, &options, &end);
        let handle = axum_server::Handle::new();
        let mut serving =
            tokio::spawn(listen(listener, tls, routes, Arc::clone(&door), handle.clone()));
        tokio::select! {
            ended = &mut serving => return ended.map_err(io::Error::other)?,
            () = stop => {}
        }
        door.drain();
        if tokio::time::timeout(options.limits.drain, door.calls.emptied()).await.is_err() {
            tracing::warn!(
                calls = door.calls.count(),
                "calls aborted: they exceeded the shutdown time limit"
            );
        }
        end.cancel();
        handle.graceful_shutdown(Some(CLOSING));
        serving.await.map_err(io::Error::other)?
    }
}

/// Accepts connections and answers their requests.
async fn listen(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    routes: Router,
    door: Arc<Door>,
    handle: axum_server::Handle<SocketAddr>,
) -> io::Result<()> {
    let acceptor = Acceptor { room: Arc::clone(&door.connections), is_plain: tls.is_none() };
    let mut server = axum_server::from_tcp(listener)?
        .http1_only()
        .first_request_timeout(door.limits.first_request)
        .handle(handle);
    // Also limits the time between two requests: hyper starts the timer when it waits for a head.
    server.http_builder().http1().header_read_timeout(door.limits.idle);
    let service = routes.into_make_service();
    match tls {
        None => server.acceptor(acceptor).serve(service).await,
        Some(tls) => {
            let tls = RustlsAcceptor::new(RustlsConfig::from_config(tls)).acceptor(acceptor);
            server.acceptor(tls).serve(service).await
        }
    }
}

fn routes<H: ServerHandler>(
    make_handler: Arc<dyn Fn() -> H + Send + Sync>,
    door: &Arc<Door>,
    options: &Options,
    end: &CancellationToken,
) -> Router {
    let sessions = Sessions::new(options.limits.sessions);
    let legacy = Legacy::new(Arc::clone(&make_handler), Arc::clone(door), end.clone());
    let endpoint =
        Endpoint::new(make_handler, Arc::clone(&sessions), Arc::clone(door), end.clone());
    let is_ready = options.is_ready.clone();
    let health = Health { door: Arc::clone(door), sessions, is_ready };
    let mut guarded = Router::new()
        .route("/mcp", any(endpoint::answer::<H>).with_state(Arc::new(endpoint)))
        .route("/metrics", get(health::metrics).with_state(health.clone()));
    if options.sse {
        let legacy = Arc::new(legacy);
        guarded = guarded
            .route("/sse", get(sse::open::<H>).with_state(Arc::clone(&legacy)))
            .route("/messages", post(sse::message::<H>).with_state(legacy));
    }
    let identify = from_fn_with_state(Arc::clone(door), door::identify);
    Router::new()
        .merge(guarded.route_layer(identify))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready).with_state(health))
        .fallback(|| async { Denial::Path.answer(None) })
        .layer(from_fn_with_state(Arc::clone(door), door::enter))
}
