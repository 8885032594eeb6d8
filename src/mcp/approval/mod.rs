//! A person's approval over MCP: if only a person may decide a call, the server asks the person behind
//! the client through [elicitation](super::elicitation).
//!
//! The person's answer is bound to the state that they saw, and the service checks that this is
//! still the current state. A tool's arguments never count as a person's answer.
//!
//! The server asks only if the answer could count, which [`Access::check_may_decide`] says.

mod form;

use std::future::Future;

use rmcp::RoleServer;
use rmcp::model::{InputRequiredResult, JsonObject};
use rmcp::service::RequestContext;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use self::form::Agreed;
use super::access::Access;
use super::elicitation::{self, Asked, Binding, Elicitation, Retry, Unasked};
use super::tools::Registered;
use crate::model::text::shortened;
use crate::model::workflow::approval_binding::ApprovalBinding;
use crate::model::workflow::question::{Asking, Question};
use crate::model::{Name, Refusal};
use crate::service::{Caller, Consent, Effect, Service};

/// The question's key in an `input_required` result.
const INPUT: &str = "decision";

/// The way to the person behind one connection, who is asked for decisions.
#[derive(Clone, Debug)]
pub(super) struct ApprovalChannel {
    elicitation: Elicitation,
}

/// A tool call that a person may have to approve.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) service: &'a Service,
    pub(super) tool: &'static Registered,
    pub(super) arguments: JsonObject,
    pub(super) caller: Caller,
    /// The rights of the sender.
    pub(super) access: Access,
}

/// The result of a call.
#[derive(Debug)]
pub(super) enum CallResult {
    /// The answer, in JSON.
    Answered(String),
    Asks(Box<InputRequiredResult>),
}

/// The data of a question, kept until its answer arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    /// A short description of the question.
    what: String,
    /// The offered events.
    events: Vec<String>,
    /// The state that the person saw.
    binding: ApprovalBinding,
}

impl ApprovalChannel {
    /// Opens the channel of a connection. `ended` becomes true at the connection's end.
    pub(super) fn new(ended: watch::Receiver<bool>) -> Self {
        Self { elicitation: Elicitation::new(ended) }
    }

    /// Runs a call. Asks the person behind the client if only a person may decide it.
    pub(super) async fn carry_out(
        &self,
        call: Call<'_>,
        retry: Option<Retry>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallResult, Refusal> {
        if let Some(retry) = retry {
            call.check_may_decide(None)?;
            return Box::pin(call.retried(&retry)).await.map(CallResult::Answered);
        }
        if !call.may_ask() || !elicitation::is_possible(context) {
            return call.made().await.map(CallResult::Answered);
        }
        match call.tried().await {
            Ok(answer) => Ok(CallResult::Answered(answer)),
            // Boxed, since each call would otherwise reserve and move the space of a question.
            Err(refusal) => Box::pin(self.decided(call, refusal, context)).await,
        }
    }

    /// Asks the person about a call that was refused, if only a person may decide it.
    async fn decided(
        &self,
        call: Call<'_>,
        refusal: Refusal,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallResult, Refusal> {
        let Some(question) = call.question(&refusal).await? else { return Err(refusal) };
        call.check_may_decide(Some(&refusal))?;
        let remembered = Remembered::of(&question);
        let asked = elicitation::Question {
            form: form::params(&question)?,
            input: INPUT,
            remembered: remembered.clone(),
            binding: call.binding(),
            at: call.service.now(),
        };
        match self.elicitation.ask(asked, context).await.map_err(refused)? {
            Asked::Asks(asks) => Ok(CallResult::Asks(asks)),
            Asked::Answered(answer) => {
                let agreed = form::agreed(&answer, &remembered.what, &remembered.events)?;
                call.confirmed(remembered.binding, agreed).await.map(CallResult::Answered)
            }
        }
    }
}

impl Remembered {
    fn of(question: &Question) -> Self {
        Self {
            what: shortened(&question.what, 200),
            events: question.choices.iter().map(|choice| choice.event.clone()).collect(),
            binding: question.binding.clone(),
        }
    }
}

impl Call<'_> {
    /// Runs the call.
    fn made(self) -> impl Future<Output = Result<String, Refusal>> + Send {
        self.tool.call(self.service, self.arguments, self.caller)
    }

    /// Runs a copy of the call, so that it can run again after the decision.
    fn tried(&self) -> impl Future<Output = Result<String, Refusal>> + Send {
        self.tool.call(self.service, self.arguments.clone(), self.caller.clone())
    }

    /// Runs the call with the person's choice.
    async fn confirmed(
        mut self,
        binding: ApprovalBinding,
        agreed: Agreed,
    ) -> Result<String, Refusal> {
        if let Some(event) = agreed.event {
            self.arguments.insert("event".to_owned(), json!(event));
        }
        let way = format!("through {}", self.caller.client());
        let mut consent = Consent::new(binding, agreed.words.as_deref()).given_by(None, &way);
        if let Some(grant) = self.access.grant() {
            consent = consent.proven_by(grant.clone());
        }
        self.caller = self.caller.confirmed_for(consent);
        self.made().await
    }

    /// Runs a repeated call that contains a person's answer.
    async fn retried(self, retry: &Retry) -> Result<String, Refusal> {
        let remembered = retry.remembered(&self.binding(), self.service.now());
        let remembered: Remembered = remembered.map_err(refused)?;
        let answer = retry.answer(INPUT).map_err(refused)?;
        let agreed = form::agreed(&answer, &remembered.what, &remembered.events)?;
        self.confirmed(remembered.binding, agreed).await
    }

    fn binding(&self) -> Binding {
        let place = self.service.provider().to_string();
        Binding::new(&place, &self.tool.definition.name, &self.arguments)
    }

    /// Refuses a call through which no answer could count as a decision.
    fn check_may_decide(&self, refusal: Option<&Refusal>) -> Result<(), Refusal> {
        self.access.check_may_decide(self.service.wants_a_token(), refusal)
    }

    /// Returns whether the call may need a person's decision. A dry run never does.
    fn may_ask(&self) -> bool {
        let dry_run = self.text("dry_run").is_some_and(|dry_run| dry_run == "true");
        self.tool.effect != Effect::Reads && !dry_run
    }

    /// Returns the question for the person, if the call was refused because it needs a decision.
    async fn question(&self, refusal: &Refusal) -> Result<Option<Question>, Refusal> {
        let Refusal::ApprovalRequired { what, .. } = refusal else { return Ok(None) };
        let Some(name) = self.text("name").and_then(|name| Name::parse(&name).ok()) else {
            return Ok(None);
        };
        let (event, why) = (self.text("event"), self.text("reason").or_else(|| self.text("note")));
        let asking = Asking { what, event: event.as_deref(), why: why.as_deref() };
        self.service.question(&name, asking).await.map(Some)
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

/// Returns the refusal that tells a model why no person decided, and what to do.
fn refused(unasked: Unasked) -> Refusal {
    match unasked {
        Unasked::Forged | Unasked::OtherRequest => Refusal::Forbidden {
            message: format!("{unasked}; nothing was written"),
            hint: "send a new call without requestState and inputResponses; the server then asks the person".into(),
        },
        unasked => self::unasked(&unasked.to_string()),
    }
}

/// Returns the refusal of a call that no person decided.
fn unasked(why: &str) -> Refusal {
    Refusal::NotApproved {
        message: format!("this needs a person's decision, and {why}"),
        hint: "nothing was written: ask your user, then call again; a person can also decide on the command line with refiner approve, reject, transition, reset or delete".into(),
    }
}
