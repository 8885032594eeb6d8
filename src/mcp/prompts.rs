//! The prompts of the built-in workflows.

use rmcp::ErrorData;
use rmcp::model::{
    GetPromptRequestParams, GetPromptResult, Prompt, PromptArgument, PromptMessage, Role,
};

use super::protocol_error::protocol_error;
use crate::model::Name;
use crate::model::text::named;
use crate::service::{Service, built_in_prompts};

/// The artifact name in a prompt without a valid name. Some hosts send a placeholder such as `$1`,
/// and a refusal would hide the prompt.
const NO_NAME: &str = "my-artifact";

/// Returns all prompts, as hosts list them.
pub(super) fn all() -> Vec<Prompt> {
    let each = built_in_prompts().into_iter().filter_map(|(name, workflow)| {
        let about = workflow.definition.prompts.get(name)?;
        let argument =
            PromptArgument::new("name").with_description("Artifact name").with_required(true);
        Some(
            Prompt::new(name, Some(&about.description), Some(vec![argument]))
                .with_title(&about.title),
        )
    });
    each.collect()
}

/// Returns whether a prompt of that name exists.
pub(super) fn is_known(name: &str) -> bool {
    built_in_prompts().contains_key(name)
}

/// Renders a prompt with the artifact's current state.
pub(super) async fn get(
    service: &Service,
    request: GetPromptRequestParams,
) -> Result<GetPromptResult, ErrorData> {
    let prompts = built_in_prompts();
    let Some((prompt, workflow)) = prompts.get_key_value(request.name.as_str()) else {
        let name = named(&request.name);
        return Err(ErrorData::invalid_params(format!("Unknown prompt: {name}"), None));
    };
    let given = request.arguments.as_ref().and_then(|arguments| arguments.get("name")?.as_str());
    let name = given.and_then(|name| Name::parse(name).ok());
    let name = match name {
        Some(name) => name,
        None => Name::parse(NO_NAME).map_err(|refusal| protocol_error(&refusal))?,
    };
    let text = service.prompt(prompt, &name).await.map_err(|refusal| protocol_error(&refusal))?;
    let result = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
    Ok(match workflow.definition.prompts.get(*prompt) {
        Some(about) => result.with_description(&about.description),
        None => result,
    })
}
