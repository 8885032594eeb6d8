//! Layer 6: any MCP server over HTTP.
//!
//! Knows nothing of what it serves: a handler is made for each session and for each request that
//! stands by itself. Streamable HTTP is at `/mcp`, in both eras of the protocol; HTTP+SSE of
//! 2024-11-05 at `/sse` and `/messages`, where it is wanted; `/healthz`, `/readyz` and `/metrics`
//! are for those who run the server.

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

/// How long connections may take to end once nothing is under way in them.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Everybody who can reach the address would be let in.
    #[error(
        "{0} can be reached from elsewhere, and nobody would be asked for a token: listen on \
         127.0.0.1, or make a token first"
    )]
    Unprotected(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Address(SocketAddr, #[source] io::Error),
    /// The certificate cannot be used.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[source] io::Error),
}

/// A server that has its address and waits to begin.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    options: Options,
}

/// Takes the address of a server. Connections are accepted from then on, and answered once
/// [`Bound::serve`] runs.
///
/// # Errors
///
/// If the address is not a loopback one and nobody is asked who they are, if it is taken, or if the
/// certificate cannot be used.
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
    /// Returns where clients find `/mcp`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/mcp", self.address)
    }

    /// Serves until `stop` is ready. Calls that were accepted by then are finished and answered,
    /// within the limit that the options have for it; further ones are refused meanwhile, and
    /// `/readyz` says so. Then streams end, and connections are closed.
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
            tracing::warn!(calls = door.calls.count(), "calls are broken off: they took too long");
        }
        end.cancel();
        handle.graceful_shutdown(Some(CLOSING));
        serving.await.map_err(io::Error::other)?
    }
}

/// Accepts connections and answers what comes over them.
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
    // Between two requests too: hyper waits for the next head from the moment that it could come.
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
