//! Prompts rendered with an artifact's present state.

use super::refusals::listing_refusal;
use super::{Service, catalog};
use crate::model::journal::Snapshot;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::prompt::{self, Unrenderable};
use crate::model::{Name, Refusal};

impl Service {
    /// Renders a prompt of an artifact's workflow with its present state. If the artifact does not
    /// exist, the text says how to create it.
    pub async fn prompt(&self, prompt: &str, name: &Name) -> Result<String, Refusal> {
        let newest = match self.newest(name).await {
            Ok(newest) => newest,
            Err(Refusal::NotFound { .. }) => return Ok(how_to_begin(prompt, name)),
            Err(refusal) => return Err(refusal),
        };
        let briefing = self.brief(&newest.snapshot, newest.warnings).await?;
        let workflow = self.workflow_of(&newest.snapshot.document).await?;
        if !workflow.prompts.contains_key(prompt) {
            return Err(Refusal::argument(
                format!(
                    "{name} runs the workflow {}, which has no prompt {prompt}",
                    workflow.definition.id
                ),
                "call load_state with with_prompt to get the prompt of the present phase",
            ));
        }
        prompt::render(&workflow, prompt, &newest.snapshot, &briefing)
            .map_err(|error| unrenderable(&error))
    }

    /// Renders the prompt of the present phase, if it has one.
    pub(super) async fn phase_prompt(
        &self,
        snapshot: &Snapshot,
        briefing: &Briefing,
    ) -> Result<Option<String>, Refusal> {
        let workflow = self.workflow_of(&snapshot.document).await?;
        let Some(prompt) = &briefing.next.prompt else { return Ok(None) };
        let rendered = prompt::render(&workflow, prompt, snapshot, briefing);
        rendered.map(Some).map_err(|error| unrenderable(&error))
    }

    /// Returns at most `limit` names of artifacts with a prefix, in order.
    pub async fn complete_name(&self, prefix: &str, limit: usize) -> Result<Vec<String>, Refusal> {
        let names = self.provider.list(None, usize::MAX).await;
        let names = names.map_err(|error| listing_refusal(&error))?;
        let fitting = names.into_iter().map(String::from).filter(|name| name.starts_with(prefix));
        Ok(fitting.take(limit).collect())
    }
}

fn unrenderable(error: &Unrenderable) -> Refusal {
    Refusal::argument(
        error.to_string(),
        "correct the template in the workflow's folder, and begin a new cycle with it",
    )
}

fn how_to_begin(prompt: &str, name: &Name) -> String {
    let workflow = catalog::built_in_prompts()
        .get(prompt)
        .map_or_else(|| "pmpo".to_owned(), |workflow| workflow.definition.id.to_string());
    format!(
        "There is no artifact named `{name}` yet.\n\n\
         1. Ask your user what the result should be, unless you know.\n\
         2. Call `init_state` with `{{\"name\": \"{name}\", \"workflow\": \"{workflow}\", \"goals\": [\"…\"]}}`.\n\
         3. Call `load_state` with `{{\"name\": \"{name}\", \"with_prompt\": true}}`: the answer says what to do first.\n"
    )
}

#[cfg(test)]
mod tests;
