use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Finalize, Finalized, Service};

pub(super) struct FinalizeTool;

impl Tool for FinalizeTool {
    const NAME: &'static str = "finalize";
    const TITLE: &'static str = "Close the cycle";
    const DESCRIPTION: &'static str = "Close and archive the cycle after the loop has ended.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Arguments = Finalize;
    type Answer = Finalized;

    async fn call(
        service: &Service,
        arguments: Finalize,
        caller: &Caller,
    ) -> Result<Finalized, Refusal> {
        service.finalize(arguments, caller).await
    }
}
