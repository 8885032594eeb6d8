//! A client with one connection that it keeps.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

/// What every request of revision 2026-07-28 says of its client.
pub(super) fn standing() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": { "name": "load", "version": "1" },
    })
}

/// One who calls tools, each by a request that stands by itself or all in a session.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    session: Option<String>,
    asked: u64,
}

impl Client {
    /// Makes a client of revision 2026-07-28.
    pub(super) fn stateless(url: &str) -> Self {
        let config = Agent::config_builder().timeout_global(Some(Duration::from_secs(60)));
        let agent = config.build().new_agent();
        Self { agent, url: url.to_owned(), session: None, asked: 0 }
    }

    /// Makes a client of revision 2025-11-25, and opens its session.
    pub(super) fn in_session(url: &str) -> Self {
        let client = Self::stateless(url);
        let info = json!({ "name": "load", "version": "1" });
        let params =
            json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info });
        let greeting =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        let request = client.agent.post(url).header("Content-Type", "application/json");
        let request = request.header("Accept", "application/json, text/event-stream");
        let answer = request.send(greeting.to_string()).unwrap();
        let session = answer.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        Self { session: Some(session), ..client }
    }

    /// Calls a tool and returns what it answers. Fails for whatever is no answer of a tool.
    pub(super) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.asked += 1;
        let mut params = json!({ "name": tool, "arguments": arguments });
        let request = self.agent.post(&self.url).header("Content-Type", "application/json");
        let request = request.header("Accept", "application/json, text/event-stream");
        let request = match &self.session {
            Some(session) => request
                .header("Mcp-Session-Id", session)
                .header("MCP-Protocol-Version", "2025-11-25"),
            None => {
                params["_meta"] = standing();
                request
                    .header("MCP-Protocol-Version", "2026-07-28")
                    .header("Mcp-Method", "tools/call")
                    .header("Mcp-Name", tool)
            }
        };
        let message =
            json!({ "jsonrpc": "2.0", "id": self.asked, "method": "tools/call", "params": params });
        let mut answer = request.send(message.to_string()).unwrap();
        let answer = answer_in(&answer.body_mut().read_to_string().unwrap());
        assert_eq!(answer["id"], self.asked, "{tool}: {answer}");
        assert!(!answer["result"]["isError"].as_bool().unwrap_or(false), "{answer}");
        answer["result"]["structuredContent"].clone()
    }
}

/// Returns the answer in a body: as it is, or as an event of a stream.
fn answer_in(body: &str) -> Value {
    let mut events = body.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let last = events.rfind(|data| !data.is_empty());
    serde_json::from_str(last.unwrap_or(body)).unwrap_or_else(|error| panic!("{error}: {body}"))
}
