//! `restore`: brings an earlier version's content back, as a new version.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::load::parse_reference;
use super::write::{Writing, open_state};
use super::{Caller, Service, refusal};
use crate::model::briefing::Briefing;
use crate::model::journal::Transaction;
use crate::model::output::Output;
use crate::model::{Document, Draft, Name, Refusal, Version};

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
    /// Restores data, goals and files of an earlier version. The files are those of its manifest at
    /// the end of its iteration; later files stay. Phase, iteration, history, approval, metrics and
    /// constraints do not change: a restore undoes no decision.
    pub async fn restore(&self, arguments: Restore, caller: &Caller) -> Result<Restored, Refusal> {
        let writing = Writing::new("restore", &arguments, arguments.expected_version, caller)?;
        let (name, clock) = (arguments.name, Arc::clone(&self.clock));
        let restored_from = parse_reference(&arguments.to)?;
        let newest = self.newest(&name).await?;
        let earlier = self.version_at(&name, &arguments.to).await?.document;
        let (outputs, not_kept) = self.kept_outputs(&earlier).await?;
        let of = name.clone();
        let operation = move |transaction: &mut Transaction<'_>| {
            if let Some(version) = writing.repeated(transaction)? {
                return Ok((
                    version,
                    Arc::clone(transaction.newest().expect("a repeated call made a version")),
                ));
            }
            let mut document = open_state(&of, transaction)?.document.clone();
            if earlier.manifest.is_some() {
                document.manifest.clone_from(&earlier.manifest);
            }
            document.data.clone_from(&earlier.data);
            document.goals.clone_from(&earlier.goals);
            let summary = json!({ "restored_from": restored_from });
            let draft =
                Draft { outputs: outputs.clone(), ..writing.draft(clock.now(), document, summary) };
            transaction.append(draft).map(|snapshot| (snapshot.version, snapshot))
        };
        let ((version, snapshot), mut warnings) =
            self.store_after(&name, newest.warnings, operation).await?;
        warnings.extend(not_kept);
        Ok(Restored { version, restored_from, briefing: self.brief(&snapshot, warnings).await? })
    }

    /// Returns the files of a version that the journal kept, and a warning for each other one.
    async fn kept_outputs(
        &self,
        earlier: &Document,
    ) -> Result<(Vec<Output>, Vec<String>), Refusal> {
        let name = &earlier.artifact_name;
        let (mut outputs, mut warnings) = (Vec::new(), Vec::new());
        for (path, file) in earlier.manifest.iter().flat_map(|manifest| &manifest.files) {
            let kept = self.provider.blob(name, file.digest).await;
            match kept.map_err(|error| refusal(name, &error))? {
                Some(_) => outputs.push(Output {
                    path: path.clone(),
                    bytes: file.bytes,
                    digest: file.digest,
                }),
                None => {
                    warnings.push(format!(
                        "{path} was too large for the journal to keep, so restore left it unchanged"
                    ));
                }
            }
        }
        Ok((outputs, warnings))
    }
}
