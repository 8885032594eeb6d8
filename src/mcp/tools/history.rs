use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, History, Recorded, Service};

pub(super) struct HistoryTool;

impl Tool for HistoryTool {
    const NAME: &'static str = "history";
    const TITLE: &'static str = "List versions";
    const DESCRIPTION: &'static str =
        "List the versions, page by page, or show the difference between two of them.";
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
