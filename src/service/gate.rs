//! What a person is asked where only a person may decide, and what they agreed to.

use super::{Service, Tokens, catalog};
use crate::model::gate::{ApprovalBinding, Asking, Question};
use crate::model::token::{Grant, Scope};
use crate::model::{Name, Refusal, Time, limits};

/// What proves that it is a person who decides.
#[derive(Clone, Debug)]
pub enum Approvals {
    /// That they answer where a model cannot: at a terminal, or through their client.
    Person,
    /// Beside that, a token with the scope approve.
    Token(Tokens),
}

/// A person's agreement to a call.
///
/// Faces make it of what a person did: typed at a terminal, or answered through their client. It is
/// bound to what they saw, and refused for anything else.
#[derive(Clone, Debug)]
pub struct Consent {
    pub(super) binding: ApprovalBinding,
    pub(super) words: Option<String>,
    /// The right that proves it.
    pub(super) grant: Option<Grant>,
}

impl Consent {
    /// Makes one of what a person saw and what they said about it.
    pub fn new(binding: ApprovalBinding, words: Option<&str>) -> Self {
        let words = words.map(str::trim).filter(|words| !words.is_empty());
        let cut = |words: &str| words.chars().take(limits::TEXT_CHARACTERS_MAX).collect();
        Self { binding, words: words.map(cut), grant: None }
    }

    /// Returns it with the token that proves it.
    #[must_use]
    pub fn proven_by(self, grant: Grant) -> Self {
        Self { grant: Some(grant), ..self }
    }
}

impl Service {
    /// Returns what to ask a person when a call of an artifact was refused because it needs one.
    ///
    /// What is shown and what the answer is bound to are of one version; the files are those that
    /// are there at the moment.
    pub async fn question(&self, name: &Name, asking: Asking<'_>) -> Result<Question, Refusal> {
        let newest = self.newest(name).await?;
        let document = &newest.snapshot.document;
        let workflow = match asking.event {
            Some(_) => self.workflow_of(document).await?,
            // Only the events that lie ahead are read from it, and a removal or a save sends none: so
            // what brings an untrusted workflow can be taken away.
            None => catalog::any_built_in(),
        };
        let files = self.files_now(document).await?;
        Ok(Question::of(&workflow, &newest.snapshot, asking, &files))
    }

    /// Returns whether a person's word has to be proven by a token.
    pub fn wants_a_token(&self) -> bool {
        matches!(self.approvals, Approvals::Token(_))
    }

    /// Refuses what does not prove that a person decides, as the user's configuration wants it.
    ///
    /// With [`Approvals::Token`] a person's word alone decides nothing. The token is looked up anew,
    /// since it may have been revoked while a person took their time.
    pub fn check_proven(&self, grant: Option<&Grant>) -> Result<(), Refusal> {
        match &self.approvals {
            Approvals::Person => Ok(()),
            Approvals::Token(tokens) => tokens.check_approves(grant),
        }
    }

    /// Returns the present time, for what a face lets expire.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
}

impl Tokens {
    /// Refuses what does not prove that a person decides: no token, one that is not good any more, or
    /// one that may not approve.
    fn check_approves(&self, grant: Option<&Grant>) -> Result<(), Refusal> {
        let Some(grant) = grant else {
            return Err(unproven(
                "a person agreed, but did not present the token that their configuration requires",
            ));
        };
        match self.recheck(grant)?.has(Scope::Approve) {
            true => Ok(()),
            false => Err(lacks_approve()),
        }
    }
}

/// Returns the refusal of a token by which nothing is decided.
pub(crate) fn lacks_approve() -> Refusal {
    Refusal::Forbidden {
        message: "this decision needs a token with the scope approve".into(),
        hint: "nothing was written: ask your user to decide at a terminal with refiner approve, reject, transition, reset or delete; a person can create such a token with refiner token create --scope approve".into(),
    }
}

/// Returns the refusal of a decision that was not proven.
pub(crate) fn unproven(why: &str) -> Refusal {
    Refusal::NotApproved {
        message: format!("{why} (approvals: token)"),
        hint: "nothing was written: ask your user to run refiner approve, reject, transition, reset or delete at a terminal, and to type a token with the scope approve there".into(),
    }
}
