use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Reset, Service, WasReset};

pub(super) struct ResetArtifact;

impl Tool for ResetArtifact {
    const NAME: &'static str = "reset_artifact";
    const TITLE: &'static str = "Begin an artifact anew";
    const DESCRIPTION: &'static str =
        "Take away its goals, constraints, inputs, data and files. A person is asked.";
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
