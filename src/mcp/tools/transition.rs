use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Service, Transition, Transitioned};

pub(super) struct TransitionTool;

impl Tool for TransitionTool {
    const NAME: &'static str = "transition";
    const TITLE: &'static str = "End a phase";
    const DESCRIPTION: &'static str = "End the current phase with its result, or send another event. The server decides what comes next.";
    const EFFECT: Effect = Effect::Writes;
    type Arguments = Transition;
    type Answer = Transitioned;

    async fn call(
        service: &Service,
        arguments: Transition,
        caller: &Caller,
    ) -> Result<Transitioned, Refusal> {
        service.transition(arguments, caller).await
    }
}
