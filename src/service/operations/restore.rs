//! `restore`: brings an earlier version's content back, as a new version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::load_state::parse_reference;
use super::{Effect, Operation};
use crate::model::document::constraint::{Setter, lost_goals};
use crate::model::document::output::Output;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Document, Draft, Name, Refusal, Version, Workflow};
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service, inventory};

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

impl Operation for Restore {
    const NAME: &'static str = "restore";
    const TITLE: &'static str = "Restore a version";
    const DESCRIPTION: &'static str =
        "Restore data and goals of an earlier version as a new version. Phase and iteration stay.";
    const EFFECT: Effect = Effect::Writes;
    type Answer = Restored;

    /// Restores data, goals and files of an earlier version. The files are those of its manifest at
    /// the end of its iteration; later files stay. Phase, iteration, history, approval, metrics and
    /// constraints do not change: a restore undoes no decision.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Restored, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let restored_from = parse_reference(&self.to)?;
        let newest = service.newest(&self.name).await?;
        let earlier = service.version_at(&self.name, &self.to).await?.document;
        let (outputs, not_kept) = kept_outputs(service, &earlier).await?;
        let workflow = service.workflow_of(&newest.snapshot.document).await?;
        let by_person = caller.setter(service.consent(caller)?.as_ref()) == Setter::Person;
        let decide = move |attempt: &mut Attempt<'_, '_>| {
            let newest = attempt.open_state()?;
            // The version that ended the loop brings back what it ended with.
            let ended_at = newest.document.last_transition.as_ref().map(|last| last.version);
            if ended_at != Some(restored_from) {
                attempt.unconverged_state()?;
            }
            let mut document = newest.document.clone();
            if earlier.manifest.is_some() {
                document.manifest.clone_from(&earlier.manifest);
            }
            document.data.clone_from(&earlier.data);
            let keeps = !by_person && keeps_goals(&document, &earlier, &workflow);
            if !keeps {
                document.goals.clone_from(&earlier.goals);
            }
            let summary = json!({ "restored_from": restored_from });
            let draft = attempt.writing.draft(attempt.now(), document, summary);
            attempt.transaction.append(Draft { outputs: outputs.clone(), ..draft })?;
            Ok(keeps)
        };
        let written = service.write(writing.warned(newest.warnings), decide).await?;
        let snapshot = written.snapshot(&self.name)?;
        let kept = written.made.filter(|keeps| *keeps).map(|_| GOALS_KEPT.to_owned());
        let warnings = written.warnings.into_iter().chain(not_kept).chain(kept).collect();
        let briefing = service.brief(&snapshot, warnings).await?;
        Ok(Restored { version: written.version, restored_from, briefing })
    }
}

const GOALS_KEPT: &str = "the goals stay as they are: after the specification only a person changes goals, for example with refiner restore";

/// Returns whether a restore by the model leaves the goals: after the specification they lose nothing
/// without a person.
fn keeps_goals(now: &Document, earlier: &Document, workflow: &Workflow) -> bool {
    workflow.has_specified(now) && !lost_goals(&now.goals, &earlier.goals).is_empty()
}

/// Returns the files of a version that the journal kept, and a warning for each other one.
async fn kept_outputs(
    service: &Service,
    earlier: &Document,
) -> Result<(Vec<Output>, Vec<String>), Refusal> {
    let name = &earlier.artifact_name;
    let (mut outputs, mut warnings) = (Vec::new(), Vec::new());
    if let Some(warning) = inventory::not_kept(earlier) {
        return Ok((outputs, vec![warning]));
    }
    let all = service.kept_listing(earlier).await?;
    let there = service.present_listing(earlier).await?;
    let named = || earlier.manifest.as_ref().map(|manifest| manifest.files.clone());
    for (path, file) in all.or_else(named).iter().flatten() {
        let kept = service.provider.blob(name, file.digest).await;
        match kept.map_err(|error| refusal(name, &error))? {
            Some(_) => {
                let replaces = there.get(path).map(|there| there.digest);
                let (bytes, digest) = (file.bytes, file.digest);
                outputs.push(Output { path: path.clone(), bytes, digest, replaces });
            }
            None => {
                warnings.push(format!(
                    "{path} was too large for the journal to keep, so restore left it unchanged"
                ));
            }
        }
    }
    Ok((outputs, warnings))
}
