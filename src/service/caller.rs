//! The caller of an operation.

use super::{Consent, Progress, Service};
use crate::model::document::constraint::Setter;
use crate::model::token::Grant;
use crate::model::{Refusal, limits};

/// The caller of an operation: a client, its rights, and a person's consent if there is one.
///
/// The consent is private: only `Service::consent` reads it, so no operation can accept an unproven
/// consent.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The client's name and version, for the journal.
    pub(super) actor: String,
    consent: Option<Consent>,
    /// Who calls: the model with a tool, or a person on the command line.
    face: Setter,
    pub(super) progress: Progress,
}

impl Caller {
    /// Makes a caller from a client's name and version. No decision depends on them.
    pub fn new(actor: &str) -> Self {
        let printable = actor.chars().filter(|c| !c.is_control());
        let actor = printable.take(limits::ACTOR_CHARACTERS_MAX).collect();
        Self { actor, consent: None, face: Setter::Model, progress: Progress::default() }
    }

    /// Returns whose constraints and goals the caller sets: a person's who consented, too.
    pub(super) fn setter(&self, consent: Option<&Consent>) -> Setter {
        if consent.is_some() { Setter::Person } else { self.face }
    }

    /// Returns the client's name and version, as it states them.
    pub fn client(&self) -> &str {
        &self.actor
    }

    /// Returns the caller as the command line, where a person sets goals and constraints. That makes
    /// them harder to loosen, and gives no right: a person's decision still needs their consent.
    #[must_use]
    pub fn on_the_command_line(self) -> Self {
        Self { face: Setter::Person, ..self }
    }

    /// Returns the caller with a progress listener, which may also cancel the call.
    #[must_use]
    pub fn attended_by(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    /// Returns the caller with its token. The journal names the token first, because the rest is
    /// the client's own statement.
    #[must_use]
    pub fn bearing(self, grant: &Grant) -> Self {
        let actor = format!("token {} ({}): {}", grant.name(), grant.id(), self.actor);
        Self { actor: Self::new(&actor).actor, ..self }
    }

    /// Returns the caller with a person's consent, given in a way that a model cannot use. The
    /// consent covers only what the person saw, and no argument of a call can set it.
    #[must_use]
    pub fn confirmed_for(self, consent: Consent) -> Self {
        Self { consent: Some(consent), ..self }
    }
}

impl Service {
    /// Returns a person's consent to a call, if there is one.
    ///
    /// Refuses a consent without the proof that the user's configuration requires, for every
    /// interface. See [`Service::check_proven`].
    pub(super) fn consent(&self, caller: &Caller) -> Result<Option<Consent>, Refusal> {
        let Some(consent) = &caller.consent else { return Ok(None) };
        self.check_proven(consent.grant.as_ref())?;
        Ok(Some(consent.clone()))
    }
}
