//! `checkpoint`: a version with a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::checkpoint::checkpoint_id;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::step;
use crate::model::{Name, Refusal, Version};
use crate::service::write::{Attempt, Writing, check_text};
use crate::service::{Caller, Service};

/// The arguments of `checkpoint`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Checkpoint {
    pub name: Name,
    /// What to find it by
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `checkpoint`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Checkpointed {
    /// The id; `restore` and `load_state` take it.
    pub checkpoint_id: String,
    /// The version that it names.
    pub version: Version,
    /// The phase at that version.
    pub phase: String,
    /// The iteration at that version.
    pub iteration: u32,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

impl Operation for Checkpoint {
    const NAME: &'static str = "checkpoint";
    const TITLE: &'static str = "Label this version";
    const DESCRIPTION: &'static str =
        "Label the current version, for example before a risky change.";
    const EFFECT: Effect = Effect::Writes;
    type Answer = Checkpointed;

    /// Gives the present version a name. Every version can be restored without one; a name makes it
    /// easy to find.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Checkpointed, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        check_text("label", self.label.as_ref())?;
        if service.provider.volatile() {
            return Err(Refusal::Unsupported {
                what: format!(
                    "the {} provider does not support checkpoints: its data ends with the process",
                    service.provider
                ),
                hint: "use the filesystem provider".into(),
            });
        }
        let name = self.name.clone();
        let written = service.write(writing, move |attempt| self.decide(attempt)).await?;
        let (version, snapshot) = (written.version, written.snapshot(&name)?);
        let (phase, iteration) = match written.made {
            Some(made) => made,
            None => made_before(service, &name, version).await?,
        };
        Ok(Checkpointed {
            checkpoint_id: checkpoint_id(version),
            version,
            phase,
            iteration,
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

impl Checkpoint {
    fn decide(&self, attempt: &mut Attempt<'_, '_>) -> Result<(String, u32), Refusal> {
        let (now, version) = (attempt.now(), attempt.transaction.next_version());
        let mut document = attempt.open_state()?.document.clone();
        let label = self.label.clone().unwrap_or_else(|| document.phase.clone());
        let summary = json!({ "label": label, "iteration": document.current_iteration });
        step::add_checkpoint(&mut document, label, version, now);
        let made = (document.phase.clone(), document.current_iteration);
        attempt.transaction.append(attempt.writing.draft(now, document, summary))?;
        Ok(made)
    }
}

/// Returns the phase and the iteration of a checkpoint from the first call of a repeated one.
async fn made_before(
    service: &Service,
    name: &Name,
    version: Version,
) -> Result<(String, u32), Refusal> {
    let entry = service.entry(name, version).await?;
    let iteration = entry.summary.get("iteration").and_then(serde_json::Value::as_u64).unwrap_or(0);
    Ok((entry.phase, u32::try_from(iteration).unwrap_or(u32::MAX)))
}
