use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, History, Recorded, Service};

pub(super) struct HistoryTool;

impl Tool for HistoryTool {
    const NAME: &'static str = "history";
    const TITLE: &'static str = "What was done";
    const DESCRIPTION: &'static str =
        "What was done, page by page, or what changed between two versions.";
    const EFFECT: Effect = Effect::Reads;
    type Arguments = History;
    type Answer = Recorded;

    async fn call(
        service: &Service,
        arguments: History,
        _caller: &Caller,
    ) -> Result<Recorded, Refusal> {
        service.history(arguments).await
    }
}
