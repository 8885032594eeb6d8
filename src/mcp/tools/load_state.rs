use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Load, Loaded, Service};

pub(super) struct LoadState;

impl Tool for LoadState {
    const NAME: &'static str = "load_state";
    const TITLE: &'static str = "Load state";
    const DESCRIPTION: &'static str = "Show an artifact's phase, decisions and next step. Call it when unsure, and after your context was compacted.";
    const EFFECT: Effect = Effect::Reads;
    type Arguments = Load;
    type Answer = Loaded;

    async fn call(service: &Service, arguments: Load, _caller: &Caller) -> Result<Loaded, Refusal> {
        service.load(arguments).await
    }
}
