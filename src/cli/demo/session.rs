//! A server as a host runs it: a child process that speaks MCP on standard input and output.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation,
    JsonObject, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::{Peer, ServiceError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::verified::Verified;
use crate::model::Name;

/// Time limit of each step. A demo that hangs shows nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server and its connection.
#[derive(Debug)]
pub(super) struct Session {
    child: Child,
    connection: RunningService<RoleClient, ClientConfig>,
    pub(super) process_id: u32,
    pub(super) protocol: String,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The server is gone or does not answer. The call may have taken effect.
    #[error("{tool} was not answered")]
    Unanswered {
        tool: &'static str,
        #[source]
        source: Option<ServiceError>,
    },
    /// The server refused the call.
    #[error("{tool} was refused: {refusal}")]
    Refused { tool: &'static str, refusal: String },
}

/// An artifact's phase and status, as the server reports them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct ReportedState {
    pub(super) version: u64,
    pub(super) phase: String,
    pub(super) status: String,
    pub(super) iteration: Iteration,
}

/// The current iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Iteration {
    pub(super) current: u32,
    pub(super) max: u32,
}

impl Session {
    /// Starts `refiner serve` on a folder and initializes the connection.
    pub(super) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program is unknown")?;
        let mut child = Command::new(program)
            .arg("--dir")
            .arg(folder)
            .args(["--provider", "filesystem", "serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the server cannot be started")?;
        let process_id = child.id().unwrap_or_default();
        let streams = child.stdout.take().zip(child.stdin.take());
        let streams = streams.context("the server has no standard input and output")?;
        let greeting = client().serve_with_lifecycle(streams, lifecycle());
        let connection = timeout(PATIENCE, greeting).await.context("the server does not answer")?;
        let connection = connection.context("the server started, but the connection failed")?;
        let protocol = connection.peer_info().map(|server| server.protocol_version.to_string());
        Ok(Self { child, connection, process_id, protocol: protocol.unwrap_or_default() })
    }

    /// Calls a tool and returns its answer.
    pub(super) async fn call(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        call(self.connection.peer(), tool, arguments).await
    }

    /// Returns the connection, for concurrent calls.
    pub(super) fn peer(&self) -> Peer<RoleClient> {
        self.connection.peer().clone()
    }

    /// Asks for the artifact's phase and status.
    pub(super) async fn load(&self, name: &Name) -> anyhow::Result<ReportedState> {
        standing(&self.call("load_state", json!({ "name": name })).await?)
    }

    /// Reads one part of the artifact's state.
    pub(super) async fn part(&self, name: &Name, pointer: &str) -> anyhow::Result<Value> {
        self.part_at(name, pointer, None).await
    }

    /// Reads one part of the artifact's state at a version or checkpoint.
    pub(super) async fn part_at(
        &self,
        name: &Name,
        pointer: &str,
        at: Option<&str>,
    ) -> anyhow::Result<Value> {
        let mut arguments = json!({ "name": name, "select": [pointer] });
        if let Some(at) = at {
            arguments["at"] = json!(at);
        }
        let mut answer = self.call("load_state", arguments).await?;
        Ok(answer["selected"][pointer].take())
    }

    /// Asks the server to measure every constraint.
    pub(super) async fn verify(&self, name: &Name) -> anyhow::Result<Verified> {
        let answer = self.call("verify", json!({ "name": name })).await?;
        Verified::deserialize(answer).context("the answer of verify has an unexpected form")
    }

    /// Kills the server, with SIGKILL on Unix, which it cannot catch.
    pub(super) fn kill(&mut self) -> std::io::Result<()> {
        self.child.start_kill()
    }

    /// Waits for the end of the killed server.
    pub(super) async fn died(mut self) -> anyhow::Result<ExitStatus> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.context("the server still runs after it was killed")??)
    }

    /// Closes the server's standard input, as an ending host does, and waits for its end.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        timeout(PATIENCE, self.connection.cancel())
            .await
            .context("the connection stays open")??;
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.context("the server still runs after its input ended")??;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

fn client() -> ClientConfig {
    let name = Implementation::new("refiner-demo", env!("CARGO_PKG_VERSION"));
    ClientConfig::new(ClientCapabilities::default(), name)
}

/// The newest protocol revision that the server supports.
fn lifecycle() -> ClientLifecycleMode {
    ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    }
}

/// Calls a tool and returns its answer.
pub(super) async fn call(
    peer: &Peer<RoleClient>,
    tool: &'static str,
    arguments: Value,
) -> Result<Value, CallError> {
    let arguments: JsonObject = arguments.as_object().cloned().unwrap_or_default();
    let call = peer.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments));
    match timeout(PATIENCE, call).await {
        Ok(Ok(result)) if result.is_error != Some(true) => {
            Ok(result.structured_content.unwrap_or_default())
        }
        Ok(Ok(result)) => Err(CallError::Refused { tool, refusal: refusal(&result) }),
        Ok(Err(ServiceError::McpError(error))) => {
            Err(CallError::Refused { tool, refusal: error.message.into_owned() })
        }
        Ok(Err(error)) => Err(CallError::Unanswered { tool, source: Some(error) }),
        Err(_) => Err(CallError::Unanswered { tool, source: None }),
    }
}

/// Returns a refusal as one line.
fn refusal(result: &CallToolResult) -> String {
    let text = result.content.first().and_then(|block| block.as_text());
    let text = text.map(|block| block.text.as_str()).unwrap_or_default();
    let refusal: Value = serde_json::from_str(text).unwrap_or_default();
    match (refusal["code"].as_str(), refusal["message"].as_str()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => text.to_owned(),
    }
}

/// Reads phase and status from the briefing of an answer.
pub(super) fn standing(answer: &Value) -> anyhow::Result<ReportedState> {
    ReportedState::deserialize(&answer["briefing"]).context("the answer has no briefing")
}
