//! Asks the person behind a client (elicitation), in both eras of the protocol.
//!
//! In sessions (2025-06-18 to 2025-11-25) the server asks the client while the request waits. A
//! stateless request (2026-07-28) gets the question as its result. The client sends the request
//! again with the person's answer and a sealed state: data of the asker, bound to that request and
//! valid for a limited time ([`Binding`]). MCP specification, *Elicitation* and *Multi round-trip
//! requests*.

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

/// Time limit for an answer while the request waits.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// Limit on open questions of one connection. It is far below the limit on requests in flight,
/// because answers arrive on the same channel as requests and need room there.
const WAITING_MAX: usize = 8;

/// Asks the person behind one connection.
#[derive(Clone, Debug)]
pub struct Elicitation {
    waiting: Arc<Semaphore>,
    /// True when the client will send nothing more.
    ended: watch::Receiver<bool>,
}

/// A question to a person.
#[derive(Debug)]
pub struct Question<T> {
    /// The form that the person sees.
    pub form: ElicitRequestParams,
    /// The key of the answer in the repeated request.
    pub input: &'static str,
    /// Data that the asker gets back with the answer.
    pub remembered: T,
    /// The request that the sealed state belongs to.
    pub binding: Binding,
    /// The time of the question.
    pub at: Time,
}

/// The result of asking.
#[derive(Debug)]
pub enum Asked {
    /// The person answered while the request waited.
    Answered(ElicitResult),
    /// The result to return to the client, which then asks and repeats the request.
    Asks(Box<InputRequiredResult>),
}

/// The parts of a repeated request that carry the answer.
#[derive(Debug)]
pub struct Retry {
    state: String,
    responses: InputResponses,
}

/// Why there is no person's answer. A call that needs one must not proceed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unasked {
    /// The client does not declare elicitation, or its revision has none.
    #[error("this client cannot ask its user")]
    Unable,
    /// The limit on open questions is reached.
    #[error("too many questions of this client wait for an answer")]
    Busy,
    /// The time limit of a waiting request passed.
    #[error("the person did not answer in time")]
    TooLate,
    /// The client cancelled the request.
    #[error("the call was cancelled")]
    Cancelled,
    /// The client will send nothing more.
    #[error("the connection ended")]
    Ended,
    /// The client answered with an error, or the message could not be delivered.
    #[error("the client could not ask: {0}")]
    Failed(String),
    /// The client's reply does not have the form of an answer.
    #[error("the client's reply is not a valid answer")]
    NoAnswer,
    /// The repeated request has no answer.
    #[error("the client repeated the call without the person's answer")]
    Missing,
    /// The sealed state has expired.
    #[error("the question has expired")]
    Expired,
    /// The sealed state is not authentic.
    #[error("this server did not issue this requestState")]
    Forged,
    /// The sealed state is bound to another request.
    #[error("the requestState belongs to another call")]
    OtherRequest,
}

/// How to ask a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a server request while the client's request waits.
    Request,
    /// By the result of the client's request, which the client then repeats.
    Answer,
}

impl Elicitation {
    /// Creates the asker of a connection. `ended` becomes true at the connection's end.
    pub fn new(ended: watch::Receiver<bool>) -> Self {
        Self { waiting: Arc::new(Semaphore::new(WAITING_MAX)), ended }
    }

    /// Asks the person. In a session this waits for the answer, at most ten minutes.
    ///
    /// # Errors
    ///
    /// If the client cannot ask, or if the time limit passes or the request or the connection ends
    /// without an answer. Declining is an answer.
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

    /// Sends the question and waits for the answer.
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
                // The client may be gone, so an error is ignored.
                drop(context.peer.notify_cancelled(withdrawn).await);
                Err(Unasked::Cancelled)
            }
            // The connection's message loop has ended.
            () = self.ended() => Err(Unasked::Ended),
        }
    }

    async fn ended(&self) {
        let mut ended = self.ended.clone();
        if ended.wait_for(|ended| *ended).await.is_err() {
            // The sender was dropped without reporting an end, so never resolve.
            std::future::pending::<()>().await;
        }
    }
}

impl<T: Serialize> Question<T> {
    /// Returns the result that makes the client ask and repeat its request.
    fn asked_by_the_client(self) -> InputRequiredResult {
        let state = self.binding.sealed(&self.remembered, self.at);
        let request = InputRequest::Elicitation(ElicitRequest::new(self.form));
        let requests = InputRequests::from([(self.input.to_owned(), request)]);
        InputRequiredResult::new(Some(requests), Some(state))
    }
}

impl Retry {
    /// Returns the answer and state of a repeated request. `None` for a first request.
    pub fn new(state: Option<String>, responses: Option<InputResponses>) -> Option<Self> {
        Some(Self { state: state?, responses: responses.unwrap_or_default() })
    }

    /// Returns the asker's data from the sealed state.
    ///
    /// # Errors
    ///
    /// If a server of this user did not issue the state, or if it belongs to another request or has
    /// expired.
    pub fn remembered<T: DeserializeOwned>(
        &self,
        binding: &Binding,
        now: Time,
    ) -> Result<T, Unasked> {
        binding.opened(&self.state, now)
    }

    /// Returns the person's answer. Check [`remembered`](Self::remembered) first: without an
    /// authentic state the answer proves nothing.
    ///
    /// # Errors
    ///
    /// If the answer is missing or has an invalid form.
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

/// Returns whether a client declares form elicitation.
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
