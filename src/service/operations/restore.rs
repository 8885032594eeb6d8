//! `restore`: brings an earlier version's content back, as a new version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::constraint::{Setter, lost_goals};
use crate::model::document::manifest::Listing;
use crate::model::document::output::Output;
use crate::model::text::shortened;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Document, Draft, Name, Refusal, Version, Workflow};
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service, inventory};

/// The arguments of `restore`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Restore {
    pub name: Name,
    /// Version, checkpoint id or label
    pub to: String,
    /// false leaves the files; default true
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<bool>,
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
    const DESCRIPTION: &'static str = "Restore data, goals and files of an earlier version as a new version. Phase and iteration stay.";
    const EFFECT: Effect = Effect::Writes;
    type Answer = Restored;

    /// Restores data, goals and files of an earlier version. A file gets the content that the journal
    /// captured last at or before it: `write_output` is captured at once, what an agent writes by
    /// itself when an iteration ends. Later files stay, and the answer names them. Phase, iteration, history, approval, metrics and
    /// constraints do not change: a restore undoes no decision.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Restored, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let newest = service.newest(&self.name).await?;
        let earlier = service.version_at(&self.name, &self.to).await?;
        let (restored_from, earlier) = (earlier.version, earlier.document);
        let (outputs, not_kept) = match self.files {
            Some(false) => Default::default(),
            _ => kept_outputs(service, &earlier, restored_from).await?,
        };
        let brings_files = self.files != Some(false);
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
            if brings_files && earlier.manifest.is_some() {
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

/// Returns the files of a version that the journal captured, and a warning for each one that cannot be
/// brought back or that came later.
async fn kept_outputs(
    service: &Service,
    earlier: &Document,
    version: Version,
) -> Result<(Vec<Output>, Vec<String>), Refusal> {
    let name = &earlier.artifact_name;
    if let Some(warning) = inventory::not_kept(earlier) {
        return Ok((Vec::new(), vec![warning]));
    }
    let (mut outputs, mut warnings) = (Vec::new(), Vec::new());
    let captured = service.captured(earlier, version).await?;
    let there = service.present_listing(earlier).await?;
    for (path, file) in &captured {
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
    warnings.extend(later_files(service, earlier, &captured).await?);
    Ok((outputs, warnings))
}

/// Characters of paths in a warning.
const LISTED_CHARACTERS_MAX: usize = 200;

/// Names the files that are there and that no entry up to the version captured.
async fn later_files(
    service: &Service,
    earlier: &Document,
    captured: &Listing,
) -> Result<Option<String>, Refusal> {
    let there = service.outputs_of(earlier).await?;
    let later: Vec<&str> = there
        .iter()
        .filter(|file| !captured.contains_key(&file.path))
        .map(|file| file.path.as_str())
        .collect();
    Ok((!later.is_empty()).then(|| {
        let later = shortened(&later.join(", "), LISTED_CHARACTERS_MAX);
        format!("restore left files that no version up to there captured: {later}")
    }))
}
