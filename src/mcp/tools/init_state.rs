use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Init, Initialized, Service};

pub(super) struct InitState;

impl Tool for InitState {
    const NAME: &'static str = "init_state";
    const TITLE: &'static str = "Open an artifact";
    const DESCRIPTION: &'static str = "Open a named artifact: create it, resume it where it stopped, or begin its next cycle. Call this first.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Arguments = Init;
    type Answer = Initialized;

    async fn call(
        service: &Service,
        arguments: Init,
        caller: &Caller,
    ) -> Result<Initialized, Refusal> {
        service.init(arguments, caller).await
    }
}
