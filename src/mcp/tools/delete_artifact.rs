use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Delete, Deleted, Service};

pub(super) struct DeleteArtifact;

impl Tool for DeleteArtifact {
    const NAME: &'static str = "delete_artifact";
    const TITLE: &'static str = "Delete an artifact";
    const DESCRIPTION: &'static str = "Delete an artifact. The server asks a person first.";
    const EFFECT: Effect = Effect::Destroys;
    type Arguments = Delete;
    type Answer = Deleted;

    async fn call(
        service: &Service,
        arguments: Delete,
        caller: &Caller,
    ) -> Result<Deleted, Refusal> {
        service.delete(arguments, caller).await
    }
}
