use super::{Effect, Tool};
use crate::model::Refusal;
use crate::service::{Caller, Save, Saved, Service};

pub(super) struct SaveState;

impl Tool for SaveState {
    const NAME: &'static str = "save_state";
    const TITLE: &'static str = "Save state";
    const DESCRIPTION: &'static str = "Save state durably; put your own state under data. The answer comes after the write to disk.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Arguments = Save;
    type Answer = Saved;

    async fn call(service: &Service, arguments: Save, caller: &Caller) -> Result<Saved, Refusal> {
        service.save(arguments, caller).await
    }
}
