use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Checkpoint, Checkpointed, Service};

pub(super) struct CheckpointTool;

impl Tool for CheckpointTool {
    const NAME: &'static str = "checkpoint";
    const TITLE: &'static str = "Label this version";
    const DESCRIPTION: &'static str =
        "Label the current version, for example before a risky change.";
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
