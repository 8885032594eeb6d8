//! Asks the person behind a client, in both eras of the protocol.
//!
//! In sessions (2025-06-18 to 2025-11-25) the client is asked while the request waits. Requests that
//! stand by themselves (2026-07-28) are answered with what to ask, and come again with the person's
//! answer and a sealed state: what the asker remembers, bound to that request and good for a while
//! ([`Binding`]). MCP specification, *Elicitation* and *Multi round-trip requests*.

mod key;
mod seal;

use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CancelledNotificationParam, ClientResult, ElicitRequest, ElicitRequestParams, ElicitResult,
    InputRequest, InputRequests, InputRequiredResult, InputResponses, ProtocolVersion,
    ServerRequest,
};
use rmcp::service::{PeerRequestOptions, RequestContext, ServiceError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, watch};

pub use self::seal::Binding;
use crate::model::Time;

/// How long a person may take while a request waits for them.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Questions of one connection that may wait for their answers. Far fewer than requests may be in
/// flight, since the answers come in by the same way as requests.
const WAITING_MAX: usize = 8;

/// What a connection needs to ask the person behind it.
#[derive(Clone, Debug)]
pub struct Elicitation {
    waiting: Arc<Semaphore>,
    /// Becomes true when the client will send nothing more.
    ended: watch::Receiver<bool>,
}

/// What a person is asked.
#[derive(Debug)]
pub struct Question<T> {
    /// What the person sees.
    pub form: ElicitRequestParams,
    /// What the answer is called when the request comes again.
    pub input: &'static str,
    /// What the asker wants to know again then.
    pub remembered: T,
    /// The request that needs the answer.
    pub binding: Binding,
    /// When it is asked.
    pub at: Time,
}

/// How far a question got.
#[derive(Debug)]
pub enum Asked {
    /// The person answered while the request waited.
    Answered(ElicitResult),
    /// The request is to be answered with this; then the client asks, and makes it again.
    Asks(Box<InputRequiredResult>),
}

/// What a client sends beside a request that it makes again.
#[derive(Debug)]
pub struct Retry {
    state: String,
    responses: InputResponses,
}

/// Why there is no answer of a person. Nothing may be done that needs one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// The client does not say that it can ask, or speaks a revision that knows no elicitation.
    #[error("this client cannot ask its user")]
    Unable,
    /// As many questions wait as may.
    #[error("too many questions already wait for this client's user")]
    Busy,
    /// The person took too long while the request waited.
    #[error("the person did not answer in time")]
    TooLate,
    /// The client withdrew the request.
    #[error("the call was cancelled")]
    Cancelled,
    /// The client will send nothing more.
    #[error("the connection ended")]
    Ended,
    /// The client answered with an error, or could not be reached.
    #[error("the client could not ask: {0}")]
    Failed(String),
    /// What came is no answer to a question.
    #[error("the client's reply is not a valid answer")]
    NoAnswer,
    /// The request came again, but nobody answered.
    #[error("the client repeated the call without the person's answer")]
    Missing,
    /// The person took too long while no request waited.
    #[error("the question has expired")]
    Expired,
    /// The sealed state was made or changed by somebody else.
    #[error("this server did not issue this requestState")]
    Forged,
    /// The sealed state is good for another request.
    #[error("the requestState belongs to another call")]
    OtherRequest,
}

/// How a client can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a request of ours while its own waits.
    Request,
    /// By the answer to its request, which then comes again.
    Answer,
}

impl Elicitation {
    /// Makes what asks the person behind a connection, whose end is told by `ended`.
    pub fn new(ended: watch::Receiver<bool>) -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING_MAX)), ended }
    }

    /// Asks the client's person. In a session this waits for the answer, ten minutes at most.
    ///
    /// # Errors
    ///
    /// If the client cannot be asked, or nobody answers before the time, the request or the
    /// connection is over. A person who declines has answered.
    pub async fn ask<T: Serialize + Send>(
        &self,
        question: Question<T>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Asked, Unasked> {
        match way(context) {
            None => Err(Unasked::Unable),
            Some(Way::Answer) => Ok(Asked::Asks(Box::new(question.asked_by_the_client()))),
            Some(Way::Request) => self.answered(question.form, context).await.map(Asked::Answered),
        }
    }

    /// Asks and waits for the answer.
    async fn answered(
        &self,
        form: ElicitRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<ElicitResult, Unasked> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Unasked::Busy)?;
        let request = ServerRequest::ElicitRequest(ElicitRequest::new(form));
        let options = PeerRequestOptions::with_timeout(PATIENCE);
        let handle = context.peer.send_request_with_option(request, options).await?;
        let id = handle.id.clone();
        tokio::select! {
            answer = handle.await_response() => match answer? {
                ClientResult::ElicitResult(answer) => Ok(answer),
                _ => Err(Unasked::NoAnswer),
            },
            () = context.ct.cancelled() => {
                let withdrawn = CancelledNotificationParam::new(Some(id), None);
                // Who went away need not hear it.
                drop(context.peer.notify_cancelled(withdrawn).await);
                Err(Unasked::Cancelled)
            }
            // Nobody carries a message of ours any more.
            () = self.ended() => Err(Unasked::Ended),
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

impl<T: Serialize> Question<T> {
    /// Returns the answer that makes the client ask, and make its request again.
    fn asked_by_the_client(self) -> InputRequiredResult {
        let state = self.binding.sealed(&self.remembered, self.at);
        let request = InputRequest::Elicitation(ElicitRequest::new(self.form));
        let requests = InputRequests::from([(self.input.to_owned(), request)]);
        InputRequiredResult::new(Some(requests), Some(state))
    }
}

impl Retry {
    /// Returns what came beside a request, if it is one that was made before.
    pub fn new(state: Option<String>, responses: Option<InputResponses>) -> Option<Self> {
        Some(Self { state: state?, responses: responses.unwrap_or_default() })
    }

    /// Returns what the asker wanted to know again.
    ///
    /// # Errors
    ///
    /// If the state was not made by this user's server, belongs to another request, or has expired.
    pub fn remembered<T: DeserializeOwned>(
        &self,
        binding: &Binding,
        now: Time,
    ) -> Result<T, Unasked> {
        binding.opened(&self.state, now)
    }

    /// Returns the person's answer. It means something only beside what was
    /// [`remembered`](Self::remembered).
    ///
    /// # Errors
    ///
    /// If there is no such answer, or it has not the form of one.
    pub fn answer(&self, input: &str) -> Result<ElicitResult, Unasked> {
        let answer = self.responses.get(input).ok_or(Unasked::Missing)?;
        serde_json::from_value(answer.clone()).map_err(|_| Unasked::Missing)
    }
}

impl From<ServiceError> for Unasked {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Timeout { .. } => Self::TooLate,
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Returns whether a client says that its person can be asked.
pub fn is_possible(context: &RequestContext<RoleServer>) -> bool {
    way(context).is_some()
}

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
