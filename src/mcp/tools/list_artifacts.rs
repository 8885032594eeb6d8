use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, List, Listed, Service};

pub(super) struct ListArtifacts;

impl Tool for ListArtifacts {
    const NAME: &'static str = "list_artifacts";
    const TITLE: &'static str = "List artifacts";
    const DESCRIPTION: &'static str = "List the artifacts of this workspace with phase and status.";
    const EFFECT: Effect = Effect::Reads;
    type Arguments = List;
    type Answer = Listed;

    async fn call(service: &Service, arguments: List, _caller: &Caller) -> Result<Listed, Refusal> {
        service.list(arguments).await
    }
}
