use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Load, Loaded, Service};

pub(super) struct LoadState;

impl Tool for LoadState {
    const NAME: &'static str = "load_state";
    const TITLE: &'static str = "Where it stands";
    const DESCRIPTION: &'static str = "Where an artifact stands, what was decided and what comes next. Call it when unsure, and after your memory was compacted.";
    const EFFECT: Effect = Effect::Reads;
    type Arguments = Load;
    type Answer = Loaded;

    async fn call(service: &Service, arguments: Load, _caller: &Caller) -> Result<Loaded, Refusal> {
        service.load(arguments).await
    }
}
