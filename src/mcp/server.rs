//! The MCP server: answers requests by calling the service.

use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams,
    CompleteResult, ContentBlock, CustomRequest, CustomResult, GetPromptRequestParams,
    GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, UnsubscribeRequestParams,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::watch;

use super::access::{Access, needed_for};
use super::approval::{ApprovalChannel, Call, CallResult};
use super::elicitation::Retry;
use super::guard::guarded;
use super::resources::{self, Feed, Subscriptions};
use super::tool_result::{self, AddsStructured};
use super::tools::ToolSet;
use super::{icon, page, progress, prompts};
use crate::model::Refusal;
use crate::model::text::named;
use crate::service::{Caller, Service, trace};

/// Instructions for the model, in five lines, because some hosts cut longer texts.
const INSTRUCTIONS: &str = "\
Refiner stores the state of your work on disk, so you can continue after a crash, a restart or lost context.
1. Begin with init_state, also after a break: it creates or resumes an artifact by its name.
2. Every answer ends with the current phase, the next step and the events that you may send.
3. transition ends a phase with its result, and the server decides what follows; save_state stores anything else.
4. Lost? load_state with with_prompt: true returns the phase and how to go on. Refusals say what to do instead.";

/// Protocol methods whose requests reach [`ServerHandler::on_custom_request`] only with invalid
/// parameters.
const KNOWN_METHODS: [&str; 8] = [
    "completion/complete",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "tools/call",
    "tools/list",
];

/// Cache lifetime of the lists of tools and prompts, which change only with a restart.
const LIST_LIVES_MILLIS: u64 = 5 * 60 * 1000;

/// A server of one connection, on top of a service. [`Server::for_connection`] creates servers that
/// share the common state, such as the subscribers.
#[derive(Debug)]
pub struct Server {
    service: Service,
    tools: ToolSet,
    approval: ApprovalChannel,
    subscriptions: Subscriptions,
}

impl Server {
    /// Creates a server with all tools that does not notice the end of its client.
    pub fn new(service: Service) -> Self {
        Self::of_connection(service, ToolSet::default(), watch::channel(false).1)
    }

    /// Creates a server with these tools. `ended` becomes true when the client will send nothing
    /// more.
    pub fn of_connection(service: Service, tools: ToolSet, ended: watch::Receiver<bool>) -> Self {
        let subscriptions = Subscriptions::new(Feed::new(service.clone()), ended.clone());
        Self { service, tools, approval: ApprovalChannel::new(ended), subscriptions }
    }

    /// Creates the same server for another connection.
    #[must_use]
    pub fn for_connection(&self, ended: watch::Receiver<bool>) -> Self {
        Self {
            service: self.service.clone(),
            tools: self.tools.clone(),
            approval: ApprovalChannel::new(ended.clone()),
            subscriptions: self.subscriptions.of_another(ended),
        }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_list_changed()
            .enable_resources_subscribe()
            .enable_completions()
            .build();
        let info = Implementation::new("refiner", env!("CARGO_PKG_VERSION"))
            .with_title("Refiner")
            .with_description(env!("CARGO_PKG_DESCRIPTION"))
            .with_website_url(env!("CARGO_PKG_REPOSITORY"))
            .with_icons(icon::icons());
        ServerConfig::new(capabilities).with_server_info(info).with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (tools, next) = page::page("tools/list", self.tools.definitions(), request.as_ref())?;
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = next;
        // Private, since the list may depend on the caller.
        Ok(result.with_ttl_ms(LIST_LIVES_MILLIS).with_cache_scope(CacheScope::Private))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = self.tools.find(&request.name).ok_or_else(|| {
            let name = named(&request.name);
            ErrorData::invalid_params(format!("Unknown tool: {name}"), None)
        })?;
        let retry = Retry::new(request.request_state, request.input_responses);
        let access = Access::of(&context);
        let (progress, attendance) = progress::attended(&context);
        let adds_structured = context.extensions.get::<AddsStructured>().is_some();
        let call = Call {
            service: &self.service,
            tool,
            arguments: request.arguments.unwrap_or_default(),
            caller: caller(&context, &access).attended_by(progress),
            access,
        };
        let span = trace::span("tools/call", &tool.definition.name);
        #[cfg(feature = "otel")]
        super::trace_context::follow(&span, &context);
        // Boxed, since the outer futures would otherwise contain several copies.
        let outcome = Box::pin(async {
            call.access.require(needed_for(tool.effect))?;
            let carried_out = guarded(self.approval.carry_out(call, retry, &context)).await;
            carried_out.unwrap_or_else(|panicked| Err(panicked.into()))
        });
        let outcome = trace::traced(span, outcome, ending);
        // Boxed, since each future of the SDK reserves space for the largest handler.
        let answered = Box::pin(attendance.until_answered(outcome, &context.peer)).await;
        Ok(match answered {
            Ok(CallResult::Answered(answer)) => tool_result::of(answer, adds_structured).into(),
            Ok(CallResult::Asks(question)) => CallToolResponse::InputRequired(*question),
            Err(refusal) => refused(&refusal).into(),
        })
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let (prompts, next) = page::page("prompts/list", prompts::all(), request.as_ref())?;
        let mut result = ListPromptsResult::with_all_items(prompts);
        result.next_cursor = next;
        Ok(result.with_ttl_ms(LIST_LIVES_MILLIS).with_cache_scope(CacheScope::Public))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        answered(prompts::get(&self.service, request)).await.map(GetPromptResponse::from)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        answered(resources::list(&self.service, request)).await
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        resources::templates(request.as_ref())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = resources::read(&self.service, &request.uri);
        answered(read).await.map(ReadResourceResponse::from)
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.subscriptions.greeted(context.peer).await;
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        answered(self.subscriptions.subscribe(&request.uri, context.peer)).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.unsubscribe(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(resources::accepted(requested))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        answered(self.subscriptions.listen(&context)).await
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        answered(resources::complete(&self.service, request)).await
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let method = named(&request.method);
        Err(if is_known(&request.method, context.protocol_version()) {
            ErrorData::invalid_params(format!("the parameters of {method} are invalid"), None)
        } else {
            ErrorData::new(
                rmcp::model::ErrorCode::METHOD_NOT_FOUND,
                format!("unknown method {method:?}"),
                None,
            )
        })
    }
}

/// Returns whether a protocol revision has a method.
fn is_known(method: &str, revision: Option<ProtocolVersion>) -> bool {
    let has_no_sessions = revision.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    match method {
        "subscriptions/listen" => has_no_sessions,
        "resources/subscribe" | "resources/unsubscribe" => !has_no_sessions,
        method => KNOWN_METHODS.contains(&method),
    }
}

/// Returns the caller: the client's name and version, for the journal, and its token.
fn caller(context: &RequestContext<RoleServer>, access: &Access) -> Caller {
    let caller = match context.client_info() {
        Some(client) => Caller::new(&format!("{} {}", client.name, client.version)),
        None => Caller::new("unknown client"),
    };
    match access.grant() {
        Some(grant) => caller.bearing(grant),
        None => caller,
    }
}

fn ending(outcome: &Result<CallResult, Refusal>) -> trace::Ending {
    match outcome {
        Ok(CallResult::Answered(_)) => trace::Ending::Answered,
        Ok(CallResult::Asks(_)) => trace::Ending::Asked,
        Err(refusal) => trace::Ending::Refused(refusal.code()),
    }
}

/// Runs a handler of a method that can only fail with a protocol error.
async fn answered<T>(
    handler: impl Future<Output = Result<T, ErrorData>> + Send,
) -> Result<T, ErrorData> {
    // Boxed, since each future of the SDK reserves space for the largest handler.
    guarded(Box::pin(handler)).await.unwrap_or_else(|panicked| Err(panicked.into()))
}

/// Returns a refusal as a tool's result. It is text only, since TypeScript clients 1.27 to 1.29
/// validate structured content of errors too, and hide the message.
pub(super) fn refused(refusal: &Refusal) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(refusal.to_json().to_string())])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rmcp::service::RunningService;
    use rmcp::{RoleClient, ServiceExt as _};
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    use super::super::schema::Schemas;
    use super::super::tools::{registered, registry};
    use super::*;
    use crate::service::{Effect, Operation, SystemClock};
    use crate::storage::memory::Memory;

    /// An operation with a bug.
    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    struct Panics {
        later: bool,
    }

    impl Operation for Panics {
        const NAME: &'static str = "panics";
        const TITLE: &'static str = "Panic";
        const DESCRIPTION: &'static str = "Panics at once or later.";
        const EFFECT: Effect = Effect::Reads;
        type Answer = Self;

        async fn run(self, _: &Service, _: &Caller) -> Result<Self, Refusal> {
            if self.later {
                tokio::task::yield_now().await;
            }
            panic!("a bug that a test planted");
        }
    }

    /// Starts a server with all tools and the buggy one, and a client.
    async fn connected() -> RunningService<RoleClient, ()> {
        let mut tools = registry();
        tools.push(registered::<Panics>(&Schemas::of::<Panics>()));
        let service = Service::new(Arc::new(Memory::default()), Arc::new(SystemClock));
        let server = Server { tools: ToolSet::of(tools.leak()), ..Server::new(service) };
        let (near, far) = tokio::io::duplex(64 << 10);
        tokio::spawn(async move {
            let running = server.serve(far).await.unwrap();
            running.waiting().await
        });
        ().serve(near).await.unwrap()
    }

    async fn call(
        client: &RunningService<RoleClient, ()>,
        tool: &'static str,
        arguments: Value,
    ) -> (bool, Value) {
        let arguments = arguments.as_object().cloned().unwrap();
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result = client.call_tool(params).await.unwrap();
        let text = &result.content[0].as_text().unwrap().text;
        (result.is_error == Some(true), serde_json::from_str(text).unwrap())
    }

    #[tokio::test]
    async fn a_tool_that_panics_gets_an_error_as_its_answer_and_the_server_lives() {
        let client = connected().await;
        let open = json!({ "name": "a", "workflow": "document" });
        assert!(!call(&client, "init_state", open).await.0);
        for later in [false, true] {
            let (panics, other) = tokio::join!(
                call(&client, "panics", json!({ "later": later })),
                call(&client, "load_state", json!({ "name": "a" })),
            );
            assert_eq!((panics.0, &panics.1["code"]), (true, &json!("internal")), "{panics:?}");
            assert!(!panics.1.to_string().contains("planted"), "{panics:?}");
            assert!(!other.0, "what came at the same time: {other:?}");
            let patch = json!({ "name": "a", "patch": { "data": { "later": later } } });
            let saved = call(&client, "save_state", patch).await;
            assert_eq!((saved.0, &saved.1["changed"]), (false, &json!(true)), "what came after");
        }
    }
}
