use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Checkpoint, Checkpointed, Service};

pub(super) struct CheckpointTool;

impl Tool for CheckpointTool {
    const NAME: &'static str = "checkpoint";
    const TITLE: &'static str = "Name this version";
    const DESCRIPTION: &'static str = "Give the present version a name, before something risky.";
    const EFFECT: Effect = Effect::Writes;
    type Arguments = Checkpoint;
    type Answer = Checkpointed;

    async fn call(
        service: &Service,
        arguments: Checkpoint,
        caller: &Caller,
    ) -> Result<Checkpointed, Refusal> {
        service.checkpoint(arguments, caller).await
    }
}
