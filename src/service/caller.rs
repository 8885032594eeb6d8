//! Who calls.

use super::{Consent, Progress, Service};
#[cfg(test)]
use crate::model::gate::ApprovalBinding;
use crate::model::token::Grant;
use crate::model::{Refusal, limits};

/// Who calls.
///
/// Whether a person agreed to the call is nobody's to look at but `Service::consent`'s, so that no
/// operation takes an agreement for good that was not proven as the user wants it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's name and version, for the journal.
    pub(super) actor: String,
    consent: Option<Consent>,
    pub(super) progress: Progress,
}

impl Caller {
    /// Makes a caller of a client's name and version. Nothing is decided by them.
    pub fn new(actor: &str) -> Self {
        let printable = actor.chars().filter(|c| !c.is_control());
        let actor = printable.take(limits::ACTOR_CHARACTERS_MAX).collect();
        Self { actor, consent: None, progress: Progress::default() }
    }

    /// Returns the caller with somebody who hears how far the call comes, and may cancel it.
    #[must_use]
    pub fn attended_by(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    /// Returns the caller with the token that it called with, for the journal: first, since the
    /// rest is what the client says of itself.
    #[must_use]
    pub fn bearing(self, grant: &Grant) -> Self {
        let actor = format!("token {} ({}): {}", grant.name(), grant.id(), self.actor);
        Self { actor: Self::new(&actor).actor, ..self }
    }

    /// Returns the caller after a person confirmed the call in a way that a model cannot. It holds
    /// for what they saw; no argument of a call comes near it.
    #[must_use]
    pub fn confirmed_for(self, consent: Consent) -> Self {
        Self { consent: Some(consent), ..self }
    }

    /// Returns a caller who may do whatever a person may.
    #[cfg(test)]
    pub(crate) fn confirmed(self) -> Self {
        self.confirmed_for(Consent::new(ApprovalBinding::Anything, None))
    }
}

impl Service {
    /// Returns a person's agreement to a call, if there is one.
    ///
    /// Refuses one that is not proven as the user's configuration wants it, whatever face it came
    /// through. See [`Service::check_proven`].
    pub(super) fn consent(&self, caller: &Caller) -> Result<Option<Consent>, Refusal> {
        let Some(consent) = &caller.consent else { return Ok(None) };
        self.check_proven(consent.grant.as_ref())?;
        Ok(Some(consent.clone()))
    }
}
