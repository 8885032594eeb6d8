//! Completion of prompt arguments and of variables in resource templates.

use rmcp::ErrorData;
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, Reference};

use super::artifacts::KINDS;
use super::texts::SHELVES;
use crate::mcp::prompts;
use crate::mcp::protocol_error::protocol_error;
use crate::model::text::named;
use crate::model::{Name, Refusal};
use crate::service::Service;

/// Limit on the values of one answer (MCP specification, *Completion*).
const VALUES_MAX: usize = CompletionInfo::MAX_VALUES;

/// Completes an argument of a prompt or a variable of a template.
pub(in crate::mcp) async fn complete(
    service: &Service,
    request: CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let (argument, beginning) = (request.argument.name.as_str(), request.argument.value.as_str());
    let found = match &request.r#ref {
        Reference::Prompt(prompt) if !prompts::is_known(&prompt.name) => {
            return Err(unknown("prompt", &prompt.name));
        }
        Reference::Prompt(_) if argument == "name" => names(service, beginning).await,
        Reference::Prompt(_) => Ok(Vec::new()),
        Reference::Resource(template) => {
            let artifact = request.context.as_ref().and_then(|given| given.get_argument("name"));
            let asked = Asked { template: &template.uri, argument, beginning, artifact };
            match asked.values(service).await {
                Some(found) => found,
                None => return Err(unknown("resource template", &template.uri)),
            }
        }
        _ => return Err(unknown("kind of reference", argument)),
    };
    let mut values = found.map_err(|refusal| protocol_error(&refusal))?;
    let (total, more) = (values.len(), values.len() > VALUES_MAX);
    values.truncate(VALUES_MAX);
    // The answer has no total: only whether more names exist is known.
    let total = u32::try_from(total).ok().filter(|_| !more);
    let completion = CompletionInfo::with_pagination(values, total, more);
    completion.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
}

/// A template variable to complete.
struct Asked<'a> {
    template: &'a str,
    argument: &'a str,
    beginning: &'a str,
    /// The artifact chosen for the variable `name`.
    artifact: Option<&'a String>,
}

impl Asked<'_> {
    /// Returns the possible values of the variable. `None` if the template is unknown.
    async fn values(&self, service: &Service) -> Option<Result<Vec<String>, Refusal>> {
        if let Some(shelf) = SHELVES.iter().find(|shelf| shelf.template() == self.template) {
            let names = shelf.texts().into_iter().map(|text| text.name.to_owned());
            return Some(Ok(self.fitting(shelf.variable, names)));
        }
        if self.template == super::WORKFLOWS_TEMPLATE {
            return Some(Ok(self.fitting("name", service.workflow_names().into_iter())));
        }
        KINDS.iter().find(|kind| kind.template() == self.template)?;
        Some(match (self.argument, self.artifact.map(|name| Name::parse(name))) {
            ("name", _) => names(service, self.beginning).await,
            ("path", Some(Ok(artifact))) => service.output_paths(&artifact, self.beginning).await,
            _ => Ok(Vec::new()),
        })
    }

    fn fitting(&self, variable: &str, values: impl Iterator<Item = String>) -> Vec<String> {
        let fits = |value: &String| self.argument == variable && value.starts_with(self.beginning);
        values.filter(fits).collect()
    }
}

/// Returns artifact names, one more than the limit if there are more.
async fn names(service: &Service, beginning: &str) -> Result<Vec<String>, Refusal> {
    service.complete_name(beginning, VALUES_MAX + 1).await
}

fn unknown(what: &str, given: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown {what}: {}", named(given)), None)
}
