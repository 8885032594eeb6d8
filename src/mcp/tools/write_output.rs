use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Service, WriteOutput, WrittenOutput};

pub(super) struct WriteOutputTool;

impl Tool for WriteOutputTool {
    const NAME: &'static str = "write_output";
    const TITLE: &'static str = "Write a file";
    const DESCRIPTION: &'static str =
        "Write a file into the artifact's dist/, if you cannot write there yourself.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Arguments = WriteOutput;
    type Answer = WrittenOutput;

    async fn call(
        service: &Service,
        arguments: WriteOutput,
        caller: &Caller,
    ) -> Result<WrittenOutput, Refusal> {
        service.write_output(arguments, caller).await
    }
}
