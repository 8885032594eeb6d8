//! `checkpoint`: a version with a name.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::write::{Writing, check_text, open_state};
use super::{Caller, Service};
use crate::model::briefing::Briefing;
use crate::model::checkpoint::checkpoint_id;
use crate::model::journal::Transaction;
use crate::model::{Name, Refusal, Version, step};

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

impl Service {
    /// Gives the present version a name. Every version can be restored without one; a name makes it
    /// easy to find.
    pub async fn checkpoint(
        &self,
        arguments: Checkpoint,
        caller: &Caller,
    ) -> Result<Checkpointed, Refusal> {
        let writing = Writing::new("checkpoint", &arguments, arguments.expected_version, caller)?;
        check_text("label", arguments.label.as_ref())?;
        if self.provider.volatile() {
            return Err(Refusal::Unsupported {
                what: format!(
                    "the {} provider does not support checkpoints: its data ends with the process",
                    self.provider
                ),
                hint: "use the filesystem provider".into(),
            });
        }
        let (name, clock) = (arguments.name.clone(), Arc::clone(&self.clock));
        let operation = move |transaction: &mut Transaction<'_>| {
            if let Some(version) = writing.repeated(transaction)? {
                return Ok((
                    None,
                    version,
                    Arc::clone(transaction.newest().expect("a repeated call made a version")),
                ));
            }
            let (now, version) = (clock.now(), transaction.next_version());
            let mut document = open_state(&arguments.name, transaction)?.document.clone();
            let label = arguments.label.clone().unwrap_or_else(|| document.phase.clone());
            let summary = json!({ "label": label, "iteration": document.current_iteration });
            step::add_checkpoint(&mut document, label, version, now);
            let made = (document.phase.clone(), document.current_iteration);
            transaction
                .append(writing.draft(now, document, summary))
                .map(|snapshot| (Some(made), version, snapshot))
        };
        let ((made, version, snapshot), warnings) = self.store(&name, operation).await?;
        let (phase, iteration) = match made {
            Some(made) => made,
            None => self.made_before(&name, version).await?,
        };
        let briefing = self.brief(&snapshot, warnings).await?;
        Ok(Checkpointed {
            checkpoint_id: checkpoint_id(version),
            version,
            phase,
            iteration,
            briefing,
        })
    }

    /// Returns the phase and the iteration of a checkpoint from the first call of a repeated one.
    async fn made_before(&self, name: &Name, version: Version) -> Result<(String, u32), Refusal> {
        let entry = self.entry(name, version).await?;
        let iteration =
            entry.summary.get("iteration").and_then(serde_json::Value::as_u64).unwrap_or(0);
        Ok((entry.phase, u32::try_from(iteration).unwrap_or(u32::MAX)))
    }
}
