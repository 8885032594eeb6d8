use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Restore, Restored, Service};

pub(super) struct RestoreTool;

impl Tool for RestoreTool {
    const NAME: &'static str = "restore";
    const TITLE: &'static str = "Restore a version";
    const DESCRIPTION: &'static str =
        "Restore data and goals of an earlier version as a new version. Phase and iteration stay.";
    const EFFECT: Effect = Effect::Writes;
    type Arguments = Restore;
    type Answer = Restored;

    async fn call(
        service: &Service,
        arguments: Restore,
        caller: &Caller,
    ) -> Result<Restored, Refusal> {
        service.restore(arguments, caller).await
    }
}
