use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Reset, Service, WasReset};

pub(super) struct ResetArtifact;

impl Tool for ResetArtifact {
    const NAME: &'static str = "reset_artifact";
    const TITLE: &'static str = "Reset an artifact";
    const DESCRIPTION: &'static str = "Remove an artifact's goals, constraints, inputs, data and files. The server asks a person first.";
    const EFFECT: Effect = Effect::Destroys;
    type Arguments = Reset;
    type Answer = WasReset;

    async fn call(
        service: &Service,
        arguments: Reset,
        caller: &Caller,
    ) -> Result<WasReset, Refusal> {
        service.reset(arguments, caller).await
    }
}
