use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, OutputContent, ReadOutput, Service};

pub(super) struct ReadOutputTool;

impl Tool for ReadOutputTool {
    const NAME: &'static str = "read_output";
    const TITLE: &'static str = "Read a file";
    const DESCRIPTION: &'static str = "List or read the files in the artifact's dist/.";
    const EFFECT: Effect = Effect::Reads;
    type Arguments = ReadOutput;
    type Answer = OutputContent;

    async fn call(
        service: &Service,
        arguments: ReadOutput,
        _caller: &Caller,
    ) -> Result<OutputContent, Refusal> {
        service.read_output(arguments).await
    }
}
