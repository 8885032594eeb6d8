//! A host with a person behind it: a client that can be asked, in both eras of the protocol.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig,
    ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationCapability, Implementation,
    ProtocolVersion,
};
use rmcp::service::{
    ClientLifecycleMode, ClientServiceExt as _, RequestContext, RunningService, ServiceError,
};
use rmcp::{ClientHandler, ErrorData, RoleClient};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{command, soon};

/// The two ways in which a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Era {
    /// By a request to the client while the call waits.
    Sessions,
    /// By an answer to the call, which then comes again.
    Stateless,
}

pub(crate) const ERAS: [Era; 2] = [Era::Sessions, Era::Stateless];

/// A person: what they answer to what they are shown, as soon as they do.
pub(crate) type Person =
    Arc<dyn Fn(Value) -> Pin<Box<dyn Future<Output = ElicitResult> + Send>> + Send + Sync>;

/// A person who accepts, with this in the form.
pub(crate) fn accepts(content: Value) -> Person {
    answers(ElicitResult::new(ElicitationAction::Accept).with_content(content))
}

/// A person who always answers the same.
pub(crate) fn answers(answer: ElicitResult) -> Person {
    Arc::new(move |_| Box::pin(std::future::ready(answer.clone())))
}

/// A server, and the host that speaks with it. Killed when dropped.
pub(crate) struct Host {
    child: Child,
    client: RunningService<RoleClient, Face>,
    asked: Arc<Mutex<Vec<Value>>>,
}

/// The host's side of the protocol.
struct Face {
    person: Person,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl ClientHandler for Face {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation_with(ElicitationCapability::default())
            .build();
        ClientConfig::new(capabilities, Implementation::new("host", "1"))
            .with_protocol_version(ProtocolVersion::LATEST_WITH_INITIALIZE)
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _context: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let question = json!(request);
        self.asked.lock().unwrap().push(question.clone());
        Ok((self.person)(question).await)
    }
}

impl Host {
    /// Starts a server. The key that seals states is kept in `state`.
    pub(crate) async fn start(era: Era, project: &Path, state: &Path, person: Person) -> Self {
        let mut command = command(project);
        command.arg("serve").env("XDG_STATE_HOME", state);
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let streams = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mode = match era {
            Era::Sessions => ClientLifecycleMode::Initialize,
            Era::Stateless => ClientLifecycleMode::Discover {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            },
        };
        let face = Face { person, asked: Arc::clone(&asked) };
        let client =
            soon("the greeting", Box::pin(face.serve_with_lifecycle(streams, mode))).await.unwrap();
        Self { child, client, asked }
    }

    /// Calls a tool and, if the person is asked, brings their answer back.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        told(soon(tool, Box::pin(self.client.call_tool(params(tool, arguments)))).await)
    }

    /// Calls a tool once, with whatever a client may send beside the arguments.
    pub(crate) async fn once(
        &self,
        tool: &str,
        arguments: Value,
        state: Option<&str>,
        answer: Option<Value>,
    ) -> Result<Value, Value> {
        let mut params = params(tool, arguments);
        params.request_state = state.map(str::to_owned);
        params.input_responses = answer.map(|answer| [("decision".to_owned(), answer)].into());
        match soon(tool, Box::pin(self.client.call_tool_once(params))).await {
            Ok(CallToolResponse::Complete(result)) => told(Ok(result)),
            Ok(CallToolResponse::InputRequired(asks)) => Ok(json!(asks)),
            Ok(other) => panic!("{tool} answered {other:?}"),
            Err(error) => told(Err(error)),
        }
    }

    /// What the person was shown so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// Ends as a host does, and waits for the server's end.
    pub(crate) async fn end(mut self) -> ExitStatus {
        soon("the client's end", self.client.cancel()).await.unwrap();
        soon("the server's end", self.child.wait()).await.unwrap()
    }
}

fn params(tool: &str, arguments: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = arguments else { panic!("arguments are an object") };
    CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments)
}

fn told(result: Result<CallToolResult, ServiceError>) -> Result<Value, Value> {
    let result = match result {
        Ok(result) => result,
        Err(ServiceError::McpError(error)) => {
            return Err(json!({ "protocol": error.code.0, "message": error.message }));
        }
        Err(error) => return Err(json!({ "lost": error.to_string() })),
    };
    let text = result.content[0].as_text().unwrap().text.clone();
    let said: Value = serde_json::from_str(&text).unwrap();
    if result.is_error == Some(true) { Err(said) } else { Ok(said) }
}
