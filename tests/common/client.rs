//! The program as a server with a real MCP client.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    Implementation, ProtocolVersion,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, Peer, RunningService, ServiceError,
};
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{command, soon};

/// A server and the client that speaks with it. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    client: RunningService<RoleClient, ClientConfig>,
}

/// One who calls tools; may be cloned for calls at once.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    peer: Peer<RoleClient>,
}

impl Server {
    /// Starts a server and greets it with the newest revision that has a greeting.
    pub(crate) async fn start(project: &Path) -> Self {
        let mut command = command(project);
        command.arg("serve");
        Self::start_command(command).await
    }

    /// Starts a server by a command of its own.
    pub(crate) async fn start_command(command: std::process::Command) -> Self {
        let mut child = spawn(command);
        let streams = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let config = config().with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE);
        let client = soon("the greeting", config.serve(streams)).await.unwrap();
        Self { child, client }
    }

    /// Starts a server and speaks the stateless revision with it.
    pub(crate) async fn start_stateless(project: &Path) -> Self {
        let mut command = command(project);
        command.arg("serve");
        let mut child = spawn(command);
        let streams = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let mode = ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        };
        let discovered = config().serve_with_lifecycle(streams, mode);
        let client = soon("the discovery", discovered).await.unwrap();
        Self { child, client }
    }

    /// Returns the client's end, for whatever is no tool call.
    pub(crate) fn client(&self) -> &Peer<RoleClient> {
        self.client.peer()
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller { peer: self.client.peer().clone() }
    }

    /// Calls a tool. See [`Caller::call`].
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        self.caller().call(tool, arguments).await
    }

    /// Returns the process's id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Kills the process with SIGKILL. Whatever was under way is lost.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        soon("the end of a killed server", self.child.wait()).await.unwrap();
    }

    /// Closes standard input, as a host does that ends, and waits for the process to end.
    pub(crate) async fn end(mut self) -> ExitStatus {
        soon("the client's end", self.client.cancel()).await.unwrap();
        soon("the server's end", self.child.wait()).await.unwrap()
    }
}

impl Caller {
    /// Calls a tool and returns its answer, or its refusal as the object that it says. An error of
    /// the protocol is `{"protocol": code, "message": …}`, and a lost connection `{"lost": …}`.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        let result = self.result(tool, arguments).await?;
        let text = result.content[0].as_text().unwrap().text.clone();
        let told: Value = serde_json::from_str(&text).unwrap();
        match result.is_error {
            Some(true) => Err(told),
            _ => Ok(told),
        }
    }

    /// Calls a tool and returns its whole result.
    pub(crate) async fn result(
        &self,
        tool: &str,
        arguments: Value,
    ) -> Result<CallToolResult, Value> {
        let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
        let params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        match soon(tool, self.peer.call_tool_once(params)).await {
            Ok(CallToolResponse::Complete(result)) => Ok(result),
            Ok(other) => panic!("{tool} answered {other:?}"),
            Err(ServiceError::McpError(error)) => {
                Err(json!({ "protocol": error.code.0, "message": error.message }))
            }
            Err(error) => Err(json!({ "lost": error.to_string() })),
        }
    }
}

/// Who the client says that it is.
fn config() -> ClientConfig {
    ClientConfig::new(ClientCapabilities::default(), Implementation::new("test-client", "1.2.3"))
}

fn spawn(command: std::process::Command) -> Child {
    let mut command = Command::from(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    command.spawn().unwrap()
}
