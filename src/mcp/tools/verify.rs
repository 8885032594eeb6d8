use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Service, Verified, Verify};

pub(super) struct VerifyTool;

impl Tool for VerifyTool {
    const NAME: &'static str = "verify";
    const TITLE: &'static str = "Measure constraints";
    const DESCRIPTION: &'static str = "Measure the constraints that have a validation method on the files in dist/. Only a measurement can satisfy them.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Arguments = Verify;
    type Answer = Verified;

    async fn call(
        service: &Service,
        arguments: Verify,
        caller: &Caller,
    ) -> Result<Verified, Refusal> {
        service.verify(arguments, caller).await
    }
}
