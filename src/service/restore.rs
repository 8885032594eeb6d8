//! `restore`: brings an earlier version's content back, as a new version.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::load::parse_reference;
use super::write::{Writing, open_state};
use super::{Caller, Service};
use crate::model::briefing::Briefing;
use crate::model::journal::Turn;
use crate::model::{Name, Refusal, Version};

/// The arguments of `restore`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Restore {
    pub name: Name,
    /// Version or checkpoint id
    pub to: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `restore`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Restored {
    /// The new version.
    pub version: Version,
    /// The version whose content it has.
    pub restored_from: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

impl Service {
    /// Brings data and goals of an earlier version back. Phase, iteration, history, approval and
    /// metrics never go back, and constraints, which only tighten, do not either: restoring does
    /// not undo what was decided.
    pub async fn restore(&self, arguments: Restore, caller: &Caller) -> Result<Restored, Refusal> {
        let writing = Writing::new("restore", &arguments, arguments.expected_version, caller)?;
        let (name, clock) = (arguments.name, Arc::clone(&self.clock));
        let restored_from = parse_reference(&arguments.to)?;
        let newest = self.newest(&name).await?;
        let earlier = self.version_at(&name, &arguments.to).await?.document;
        let of = name.clone();
        let operation = move |turn: &mut Turn<'_>| {
            if let Some(version) = writing.repeated(turn)? {
                return Ok((
                    version,
                    Arc::clone(turn.newest().expect("a repeated call made a version")),
                ));
            }
            let mut document = open_state(&of, turn)?.document.clone();
            document.data.clone_from(&earlier.data);
            document.goals.clone_from(&earlier.goals);
            let draft =
                writing.draft(clock.now(), document, json!({ "restored_from": restored_from }));
            turn.append(draft).map(|snapshot| (snapshot.version, snapshot))
        };
        let ((version, snapshot), warnings) =
            self.store_after(&name, newest.warnings, operation).await?;
        Ok(Restored { version, restored_from, briefing: self.brief(&snapshot, warnings).await? })
    }
}
