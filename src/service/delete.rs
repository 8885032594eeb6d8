//! `delete_artifact`: removes an artifact.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::removal::{check_agreed, check_confirmed};
use super::write::Writing;
use super::{Caller, Service, no_such_artifact};
use crate::model::journal::Transaction;
use crate::model::removal::Removal;
use crate::model::{Draft, Name, Refusal, Version};

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

impl Service {
    /// Removes an artifact. Only `history` still reads it; a new artifact of its name continues the
    /// version numbers and can restore its versions. `purge` destroys all stored data except the
    /// version count.
    ///
    /// Only a person may do this, whether the cycle is open or closed.
    pub async fn delete(&self, arguments: Delete, caller: &Caller) -> Result<Deleted, Refusal> {
        let writing =
            Writing::new("delete_artifact", &arguments, arguments.expected_version, caller)?;
        let name = arguments.name;
        check_confirmed(&name, &arguments.confirm)?;
        let removal = match arguments.purge {
            Some(true) => Removal::Purge,
            Some(false) | None => Removal::Delete,
        };
        let consent = self.consent(caller)?;
        let (clock, of) = (Arc::clone(&self.clock), name.clone());
        let operation = move |transaction: &mut Transaction<'_>| {
            if let Some(version) = writing.repeated(transaction)? {
                return Ok(version);
            }
            let before = Arc::clone(transaction.newest().ok_or_else(|| no_such_artifact(&of))?);
            check_agreed(&before, removal, consent.as_ref())?;
            let words = consent.as_ref().and_then(|consent| consent.words.as_deref());
            let summary = json!({ "cycle": before.document.cycle, "note": words });
            let draft = writing.draft(clock.now(), before.document.clone(), summary);
            Ok(transaction.end(Draft { removal: Some(removal), ..draft }))
        };
        let stored = self.store_anew(&name, operation).await;
        let (version, mut warnings) = match stored {
            // Another call deleted it: the answer says so.
            Err(Refusal::NotFound { .. }) => return Err(self.absent(&name).await?),
            stored => stored?,
        };
        let tombstone = self.tombstone(&name).await?;
        warnings.extend(tombstone.map(|tombstone| tombstone.warnings).unwrap_or_default());
        let kept_in = match removal {
            Removal::Purge => None,
            Removal::Reset | Removal::Delete => self.kept_in(&name, version).await?,
        };
        Ok(Deleted { name: name.to_string(), version, kept_in, warnings })
    }
}
