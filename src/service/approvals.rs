//! A person's consent to a decision, and the proof of it that a configuration requires.

use super::Tokens;
use crate::model::text::{NAMED_CHARACTERS_MAX, plain, shortened};
use crate::model::token::{Grant, Scope};
use crate::model::workflow::approval_binding::ApprovalBinding;
use crate::model::{Refusal, limits};

/// The required proof that a person decides.
#[derive(Clone, Debug)]
pub enum Approvals {
    /// An answer at a terminal or through the client, where a model cannot answer.
    Person,
    /// In addition, a token with the scope approve.
    Token(Tokens),
}

/// A person's consent to a call.
///
/// An interface makes it from a person's answer at a terminal or through the client. It is bound to
/// what the person saw, and is refused for anything else.
#[derive(Clone, Debug)]
pub struct Consent {
    pub(super) binding: ApprovalBinding,
    pub(super) words: Option<String>,
    /// The account of the person, if it is known, and the way of their answer.
    account: Option<String>,
    way: Option<String>,
    /// The right that proves it.
    pub(super) grant: Option<Grant>,
}

impl Consent {
    /// Makes a consent from what a person saw and said.
    pub fn new(binding: ApprovalBinding, words: Option<&str>) -> Self {
        let words = words.map(str::trim).filter(|words| !words.is_empty());
        let words = words.map(|words| shortened(words, limits::TEXT_CHARACTERS_MAX));
        Self { binding, words, account: None, way: None, grant: None }
    }

    /// Returns the consent with the account of the person and the way of their answer, such as `at the
    /// terminal`.
    #[must_use]
    pub fn given_by(self, account: Option<&str>, way: &str) -> Self {
        let short = |text: &str| plain(text, NAMED_CHARACTERS_MAX);
        Self { account: account.map(short), way: Some(short(way)), ..self }
    }

    /// Returns who decided and how, such as `anna at the terminal`. A token's name comes first,
    /// because the server checks it.
    pub(super) fn decided_by(&self) -> String {
        let token = self.grant.as_ref().map(|grant| format!("token {}", grant.name()));
        let who = token.or_else(|| self.account.clone()).unwrap_or_else(|| "a person".to_owned());
        [Some(who), self.way.clone()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Returns the consent with the token that proves it.
    #[must_use]
    pub fn proven_by(self, grant: Grant) -> Self {
        Self { grant: Some(grant), ..self }
    }
}

impl Tokens {
    /// Refuses a missing token, an expired or revoked one, and one without the scope approve.
    pub(super) fn check_approves(&self, grant: Option<&Grant>) -> Result<(), Refusal> {
        let Some(grant) = grant else {
            return Err(unproven(
                "a person agreed, but did not present the token that their configuration requires",
            ));
        };
        if self.recheck(grant)?.has(Scope::Approve) { Ok(()) } else { Err(lacks_approve()) }
    }
}

/// Returns the refusal of a token without the scope approve.
pub(crate) fn lacks_approve() -> Refusal {
    Refusal::Forbidden {
        message: "this decision needs a token with the scope approve".into(),
        hint: "nothing was written: ask your user to decide at a terminal with refiner approve, reject, transition, reset or delete; a person can create such a token with refiner token create --scope approve".into(),
    }
}

/// Returns the refusal of an unproven decision.
pub(crate) fn unproven(why: &str) -> Refusal {
    Refusal::NotApproved {
        message: format!("{why} (approvals: token)"),
        hint: "nothing was written: ask your user to run refiner approve, reject, transition, reset or delete at a terminal, and to type a token with the scope approve there".into(),
    }
}
