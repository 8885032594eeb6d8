//! The human gate over MCP: a call that only a person may decide is brought before the person behind
//! the client, by elicitation.
//!
//! In sessions (2025-06-18 to 2025-11-25) the client is asked while the call waits. Requests that
//! stand by themselves (2026-07-28) are answered with what to ask, and come again with the person's
//! answer and a sealed state ([`seal`]). Either way the person's answer is bound to what they saw, and
//! the service decides whether that is still what there is. Nothing in a tool's arguments counts.

mod form;
mod key;
mod seal;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, ElicitRequest, ElicitResult, InputRequest,
    InputRequests, InputRequiredResult, InputResponses, JsonObject, ProtocolVersion, ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext, ServiceError};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use self::form::Agreed;
use self::key::KEY;
use self::seal::{Binding, State};
use super::tools::{Effect, Registered};
use crate::model::gate::{Question, Sight};
use crate::model::{Digest, Name, Refusal, Time};
use crate::service::{Caller, Consent, Service};

/// How long a person may take while a call waits for them.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long a person may take when no call waits: the sealed state says so.
const STATE_LIVES_MILLIS: i64 = 15 * 60 * 1000;
/// Questions of one connection that may wait for their answers. Far fewer than requests may be in
/// flight, since the answers come in by the same way as requests.
const WAITING_MAX: usize = 8;
/// What the question is called in an `input_required` result.
const INPUT: &str = "decision";

/// What a connection needs to ask the person behind it.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    waiting: Arc<Semaphore>,
    /// Becomes true when the client will send nothing more.
    ended: watch::Receiver<bool>,
}

/// A tool call on its way.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) service: &'a Service,
    pub(super) tool: &'static Registered,
    pub(super) arguments: JsonObject,
    pub(super) caller: Caller,
}

/// What a client sends beside the call when it calls again with a person's answer.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) state: String,
    pub(super) responses: Option<InputResponses>,
}

/// What a call came to.
#[derive(Debug)]
pub(super) enum Outcome {
    Answered(Value),
    Asks(Box<InputRequiredResult>),
}

/// How a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a request of ours while the call waits.
    Request,
    /// By the answer to the call, which then comes again.
    Answer,
}

impl Gate {
    /// Makes the gate of a connection, whose end is told by `ended`.
    pub(super) fn new(ended: watch::Receiver<bool>) -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING_MAX)), ended }
    }

    /// Carries a call out, and asks the person behind the client if only a person may decide it.
    pub(super) async fn carry_out(
        &self,
        call: Call<'_>,
        retry: Option<Retry>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Outcome, Refusal> {
        if let Some(retry) = retry {
            return call.retried(retry).await.map(Outcome::Answered);
        }
        let Some(way) = way(context).filter(|_| call.may_ask()) else {
            return call.made().await.map(Outcome::Answered);
        };
        let refusal = match call.tried().await {
            Ok(answer) => return Ok(Outcome::Answered(answer)),
            Err(refusal) => refusal,
        };
        let Some(question) = call.question(&refusal).await? else { return Err(refusal) };
        match way {
            Way::Answer => Ok(Outcome::Asks(Box::new(call.asking(&question)?))),
            Way::Request => {
                let agreed = self.asked(&question, context).await?;
                call.confirmed(question.sight, agreed).await.map(Outcome::Answered)
            }
        }
    }

    /// Asks the client's person and waits for the answer.
    async fn asked(
        &self,
        question: &Question,
        context: &RequestContext<RoleServer>,
    ) -> Result<Agreed, Refusal> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Err(unasked("too many questions wait for this client's person already"));
        };
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(form::params(question)?));
        let options = PeerRequestOptions::with_timeout(PATIENCE);
        let sent = context.peer.send_request_with_option(request, options).await;
        let handle = sent.map_err(|error| unanswered(&error))?;
        let id = handle.id.clone();
        tokio::select! {
            answer = handle.await_response() => {
                form::agreed(&elicited(answer)?, &question.what, &events(question))
            }
            () = context.ct.cancelled() => {
                let withdrawn = CancelledNotificationParam::new(Some(id), None);
                // Who went away need not hear it.
                drop(context.peer.notify_cancelled(withdrawn).await);
                Err(unasked("the call was cancelled"))
            }
            // Nobody carries a message of ours any more.
            () = self.ended() => Err(unasked("the connection ended")),
        }
    }

    async fn ended(&self) {
        let mut ended = self.ended.clone();
        if ended.wait_for(|ended| *ended).await.is_err() {
            // Whoever could tell of an end does not: then there is none.
            std::future::pending::<()>().await;
        }
    }
}

impl Call<'_> {
    /// Makes the call.
    fn made(self) -> impl Future<Output = Result<Value, Refusal>> + Send {
        self.tool.call(self.service, self.arguments, self.caller)
    }

    /// Makes the call, which may have to be made again.
    fn tried(&self) -> impl Future<Output = Result<Value, Refusal>> + Send {
        self.tool.call(self.service, self.arguments.clone(), self.caller.clone())
    }

    /// Makes the call as the person wants it.
    async fn confirmed(mut self, sight: Sight, agreed: Agreed) -> Result<Value, Refusal> {
        if let Some(event) = agreed.event {
            self.arguments.insert("event".to_owned(), json!(event));
        }
        let consent = Consent::new(sight, agreed.words.as_deref());
        self.caller = self.caller.confirmed_for(consent);
        self.made().await
    }

    /// Makes the call when it comes again with a person's answer.
    async fn retried(self, retry: Retry) -> Result<Value, Refusal> {
        let state = seal::opened(&retry.state, &KEY, &self.binding(), self.service.now())?;
        let response = retry.responses.as_ref().and_then(|responses| responses.get(INPUT));
        let answer = response.and_then(|answer| serde_json::from_value(answer.clone()).ok());
        let answer: ElicitResult =
            answer.ok_or_else(|| unasked("the call came again without the person's answer"))?;
        let agreed = form::agreed(&answer, &state.what, &state.events)?;
        self.confirmed(state.sight, agreed).await
    }

    /// Returns the answer that makes the client ask, and call again.
    fn asking(&self, question: &Question) -> Result<InputRequiredResult, Refusal> {
        let request = InputRequest::Elicitation(ElicitRequest::new(form::params(question)?));
        let state = State {
            binding: self.binding(),
            what: question.what.chars().take(200).collect(),
            events: events(question),
            sight: question.sight.clone(),
            expires: Time::from_millis(self.service.now().as_millis() + STATE_LIVES_MILLIS),
            nonce: key::nonce(),
        };
        let requests = InputRequests::from([(INPUT.to_owned(), request)]);
        Ok(InputRequiredResult::new(Some(requests), Some(seal::sealed(&state, &KEY))))
    }

    fn binding(&self) -> Binding {
        Binding {
            workspace: Digest::of(self.service.provider().to_string().as_bytes()),
            tool: self.tool.definition.name.to_string(),
            arguments: Digest::of_json(&json!(self.arguments)),
        }
    }

    /// Returns whether the call could be one that only a person decides. A dry run decides nothing.
    fn may_ask(&self) -> bool {
        let dry_run = self.text("dry_run").is_some_and(|dry_run| dry_run == "true");
        self.tool.effect != Effect::Reads && !dry_run
    }

    /// Returns what to ask a person, if the call was refused for want of one.
    async fn question(&self, refusal: &Refusal) -> Result<Option<Question>, Refusal> {
        let Refusal::ApprovalRequired { what, .. } = refusal else { return Ok(None) };
        let Some(name) = self.text("name").and_then(|name| Name::parse(&name).ok()) else {
            return Ok(None);
        };
        let (event, note) = (self.text("event"), self.text("reason").or_else(|| self.text("note")));
        let (service, note) = (self.service, note.as_deref());
        let question = match self.tool.effect {
            Effect::Destroys => service.question_of_loss(&name, what, note).await,
            _ => service.question(&name, what, event.as_deref(), note).await,
        };
        question.map(Some)
    }

    /// Returns an argument as text.
    fn text(&self, argument: &str) -> Option<String> {
        match self.arguments.get(argument)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }
}

/// The events that the person may choose from.
fn events(question: &Question) -> Vec<String> {
    question.choices.iter().map(|choice| choice.event.clone()).collect()
}

/// Returns how the client can be asked, if it says that it can.
fn way(context: &RequestContext<RoleServer>) -> Option<Way> {
    let elicitation = context.client_capabilities()?.elicitation?;
    if elicitation.form.is_none() && elicitation.url.is_some() {
        return None;
    }
    match context.protocol_version()? {
        version if version >= ProtocolVersion::V_2026_07_28 => Some(Way::Answer),
        version if version >= ProtocolVersion::V_2025_06_18 => Some(Way::Request),
        _ => None,
    }
}

fn elicited(answer: Result<ClientResult, ServiceError>) -> Result<ElicitResult, Refusal> {
    match answer {
        Ok(ClientResult::ElicitResult(result)) => Ok(result),
        Ok(_) => Err(unasked("the client's answer is none to the question")),
        Err(error) => Err(unanswered(&error)),
    }
}

fn unanswered(error: &ServiceError) -> Refusal {
    match error {
        ServiceError::Timeout { .. } => unasked("nobody answered in time"),
        error => unasked(&format!("the client could not ask: {error}")),
    }
}

/// A person was not asked, or did not answer.
fn unasked(why: &str) -> Refusal {
    Refusal::NotApproved {
        message: format!("this needs a person's decision, and {why}"),
        hint: "nothing was written: ask your user, then call again; a person can also decide on the command line with refiner approve, reject, transition, reset or delete".into(),
    }
}
