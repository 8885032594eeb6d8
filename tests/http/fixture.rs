//! A server in this process with limits as low as a test wants them, and a handler whose calls end when
//! the test says so. That it is no `mcp::Server` shows that the transports serve any handler.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse as _;
use refiner::http::{self, Admitted, Client, Limits, Options};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ServerCapabilities,
    ServerConfig, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::wire::{Answer, Connection};
use crate::common::soon;

/// A server. It ends with the test.
pub(super) struct Fixture {
    pub(super) address: SocketAddr,
    stop: Arc<Notify>,
    serving: JoinHandle<std::io::Result<()>>,
    release: Arc<Semaphore>,
    entered: mpsc::UnboundedReceiver<()>,
}

/// What the handler's calls tell a test, and wait for.
#[derive(Clone)]
struct Handler {
    release: Arc<Semaphore>,
    entered: mpsc::UnboundedSender<()>,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    /// `who` says who asks; `wait` is answered when the test releases it.
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name == "wait" {
            self.entered.send(()).expect("the test waits for it");
            tokio::select! {
                released = self.release.acquire() => released.unwrap().forget(),
                () = context.ct.cancelled() => {}
            }
        }
        let parts = context.extensions.get::<Parts>().unwrap();
        let who = parts.extensions.get::<Known>().map_or("nobody", |known| known.0);
        Ok(CallToolResult::success(vec![ContentBlock::text(who)]).into())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        context.cancelled().await;
        Ok(())
    }
}

/// What the check of who is let in hands to the handler.
#[derive(Clone, Copy)]
struct Known(&'static str);

impl Fixture {
    /// Starts a server with these limits.
    pub(super) fn start(limit: impl FnOnce(&mut Limits)) -> Self {
        let mut options = options();
        limit(&mut options.limits);
        Self::start_with(options)
    }

    /// Starts a server that lets in `one` and `other`, by a header.
    pub(super) fn start_guarded(limit: impl FnOnce(&mut Limits)) -> Self {
        let mut options = options();
        limit(&mut options.limits);
        options.authorize = Some(Arc::new(|parts| {
            let name = parts.headers.get("x-client").map(|name| name.to_str().unwrap());
            let known = match name {
                Some("one") => Known("one"),
                Some("other") => Known("other"),
                _ => return Err(Box::new(StatusCode::UNAUTHORIZED.into_response())),
            };
            let mut extensions = axum::http::Extensions::new();
            extensions.insert(known);
            Ok(Admitted { client: Some(Client::new(known.0)), extensions })
        }));
        Self::start_with(options)
    }

    pub(super) fn start_with(options: Options) -> Self {
        let (entered, has_entered) = mpsc::unbounded_channel();
        let handler = Handler { release: Arc::new(Semaphore::new(0)), entered };
        let release = Arc::clone(&handler.release);
        Self::start_handler(options, move || handler.clone(), release, has_entered)
    }

    /// Starts a server that cannot make a handler.
    pub(super) fn start_broken() -> Self {
        let broken = || -> Handler { panic!("a bug that a test planted") };
        let (_, entered) = mpsc::unbounded_channel();
        Self::start_handler(options(), broken, Arc::new(Semaphore::new(0)), entered)
    }

    fn start_handler(
        options: Options,
        make_handler: impl Fn() -> Handler + Send + Sync + 'static,
        release: Arc<Semaphore>,
        entered: mpsc::UnboundedReceiver<()>,
    ) -> Self {
        let bound = http::bind(options).unwrap();
        let url = bound.url();
        let address = url.trim_start_matches("http://").trim_end_matches("/mcp").parse().unwrap();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let serving =
            tokio::spawn(bound.serve(make_handler, async move { stopped.notified().await }));
        Self { address, stop, serving, release, entered }
    }

    pub(super) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// Sends one request over a connection of its own.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.connect().await.ask(method, path, headers, b"").await
    }

    /// Waits until a `wait` is under way.
    pub(super) async fn entered(&mut self) {
        soon("a call", self.entered.recv()).await.unwrap();
    }

    /// Lets a `wait` end.
    pub(super) fn release(&self) {
        self.release.add_permits(1);
    }

    /// Asks the server to end.
    pub(super) fn stop(&self) {
        self.stop.notify_one();
    }

    /// Waits for its end.
    pub(super) async fn ended(self) {
        soon("the server's end", self.serving).await.unwrap().unwrap();
    }

    /// Waits until a gauge of `/metrics` has a value.
    pub(super) async fn has(&self, gauge: &str, value: usize) {
        let line = format!("refiner_http_{gauge} {value}\n");
        soon(&line, async {
            while !self.ask("GET", "/metrics", &[("x-client", "one")]).await.text().contains(&line)
            {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// The options of a server on a port that is free.
pub(super) fn options() -> Options {
    let mut options = Options::new("127.0.0.1:0".parse().unwrap());
    options.sse = true;
    options
}

/// A call of a tool without arguments in a revision with sessions.
pub(super) fn call(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": tool } })
}

/// The same call in the revision without.
pub(super) fn stateless_call(tool: &str) -> Value {
    let mut call = call(tool);
    call["params"]["_meta"] = meta();
    call
}

/// What a request of the stateless revision says of itself.
pub(super) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "stateless", "version": "7" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// The headers that go with it.
pub(super) fn stateless<'a>(method: &'a str, name: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    headers.extend(name.map(|name| ("mcp-name", name)));
    headers
}

/// The greeting of revisions with sessions.
pub(super) fn greeting() -> Value {
    let client = json!({ "name": "raw", "version": "1" });
    let params =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}
