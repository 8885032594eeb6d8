//! `delete_artifact`: removes an artifact.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::journal::removal::Removal;
use crate::model::{Draft, Name, Refusal, Version};
use crate::service::removal::{check_agreed, check_confirmed};
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service};

/// The arguments of `delete_artifact`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Delete {
    pub name: Name,
    /// The name again
    pub confirm: String,
    /// Destroy every version too
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `delete_artifact`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Deleted {
    /// The artifact that is gone.
    pub name: String,
    /// The version that deleted it. The name taken again goes on from there.
    pub version: Version,
    /// Where the files went, from the project's folder; absent when nothing was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<String>,
    /// What is not done yet.
    pub warnings: Vec<String>,
}

impl Operation for Delete {
    const NAME: &'static str = "delete_artifact";
    const TITLE: &'static str = "Delete an artifact";
    const DESCRIPTION: &'static str = "Delete an artifact. The server asks a person first.";
    const EFFECT: Effect = Effect::Destroys;
    type Answer = Deleted;

    /// Removes an artifact. Only `history` still reads it; a new artifact of its name continues the
    /// version numbers and can restore its versions. `purge` destroys all stored data except the
    /// version count.
    ///
    /// Only a person may do this, whether the cycle is open or closed.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Deleted, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?
            .anew();
        let name = self.name;
        check_confirmed(&name, &self.confirm)?;
        let removal = match self.purge {
            Some(true) => Removal::Purge,
            Some(false) | None => Removal::Delete,
        };
        let consent = service.consent(caller)?;
        let decide = move |attempt: &mut Attempt<'_, '_>| {
            let before = Arc::clone(attempt.newest()?);
            check_agreed(&before, removal, consent.as_ref())?;
            let words = consent.as_ref().and_then(|consent| consent.words.as_deref());
            let summary = json!({ "cycle": before.document.cycle, "note": words });
            let draft = attempt.writing.draft(attempt.now(), before.document.clone(), summary);
            Ok(attempt.transaction.end(Draft { removal: Some(removal), ..draft }))
        };
        let written = match service.write(writing, decide).await {
            // Another call deleted it: the answer says so.
            Err(Refusal::NotFound { .. }) => return Err(service.absent(&name).await?),
            stored => stored?,
        };
        let (version, mut warnings) = (written.version, written.warnings);
        let tombstone = service.tombstone(&name).await?;
        warnings.extend(tombstone.map(|tombstone| tombstone.warnings).unwrap_or_default());
        let kept_in = match removal {
            Removal::Purge => None,
            Removal::Reset | Removal::Delete => service.kept_in(&name, version).await?,
        };
        Ok(Deleted { name: name.to_string(), version, kept_in, warnings })
    }
}
