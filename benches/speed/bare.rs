//! A tool server of the same SDK that does nothing: what cannot be had for less.
//!
//! This program runs itself as that server, so that it is a process of its own, behind pipes or over
//! HTTP as `refiner serve` is.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::transport::stdio_pipes;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// The argument that makes this program the bare server.
pub(crate) const ARGUMENT: &str = "bare-server";

/// The argument that makes it one over HTTP.
pub(crate) const HTTP_ARGUMENT: &str = "bare-http-server";

/// The name of its tool.
pub(crate) const TOOL: &str = "nothing";

/// Serves until the input ends, on the runtime that the SDK's own examples use.
pub(crate) fn serve() -> Result<()> {
    runtime()?.block_on(async {
        Bare.serve(stdio_pipes()).await?.waiting().await?;
        Ok(())
    })
}

/// Serves over HTTP until the process is killed, and says where on standard error.
pub(crate) fn serve_http() -> Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("listening on http://{}/mcp", listener.local_addr()?);
        let config = StreamableHttpServerConfig::default().with_json_response(true);
        let sessions = Arc::new(LocalSessionManager::default());
        let service = StreamableHttpService::new(|| Ok(Bare), sessions, config);
        Ok(axum::serve(listener, Router::new().route_service("/mcp", service)).await?)
    })
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build()
}

struct Bare;

impl ServerHandler for Bare {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let schema = JsonObject::from_iter([("type".to_owned(), "object".into())]);
        let tool = Tool::new(TOOL, Cow::Borrowed("Does nothing"), Arc::new(schema));
        Ok(ListToolsResult::with_all_items(vec![tool]))
    }

    async fn call_tool(
        &self,
        _request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        Ok(CallToolResult::success(vec![ContentBlock::text("done")]).into())
    }
}
