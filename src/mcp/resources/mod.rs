//! Resources, which hosts read on their own (CONTRACT.md, *Resources*): the parts of artifacts, the
//! workflows, and the texts that are built into the program.
//!
//! A host decides how much of a resource its model sees, so a document is returned whole, while a
//! tool's answer would be shortened. Only unbounded parts are limited, to the newest entries of a
//! history and the newest sections of a log.

mod artifacts;
mod completion;
mod feed;
mod mime;
mod subscriptions;
mod target;
mod texts;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rmcp::ErrorData;
use rmcp::model::{
    Annotations, CacheScope, ListResourceTemplatesResult, ListResourcesResult,
    PaginatedRequestParams, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::json;

use self::artifacts::{ARTIFACTS, KINDS, Kind};
pub(super) use self::completion::complete;
pub(super) use self::feed::Feed;
pub(super) use self::subscriptions::{Subscriptions, accepted};
use self::target::Target;
use self::texts::{SHELVES, Text};
use super::page;
use super::protocol_error::protocol_error;
use crate::model::document::output::OutputPath;
use crate::model::{Name, Refusal, Time};
use crate::service::{ArtifactParts, Part, Service};

/// Artifacts per page: about 300 resources.
const ARTIFACTS_MAX: usize = 50;
/// The URI template of workflows.
const WORKFLOWS_TEMPLATE: &str = "refiner://workflows/{name}";
/// Cache lifetime of built-in texts, which change only with the program.
const TEXT_LIVES_MILLIS: u64 = 60 * 60 * 1000;

/// Returns a page of the resource list: first the fixed resources, then the artifacts by name.
/// Outputs are not listed, since there may be thousands; the template completes them.
pub(super) async fn list(
    service: &Service,
    request: Option<PaginatedRequestParams>,
) -> Result<ListResourcesResult, ErrorData> {
    const LIST: &str = "resources/list";
    let after: Option<String> = page::place(LIST, request.as_ref())?;
    let after = after.as_deref().map(Name::parse).transpose();
    let after = after.map_err(|refusal| protocol_error(&refusal))?;
    let mut resources = if after.is_none() { standing(service) } else { Vec::new() };
    let found = service.artifact_parts(after.as_ref(), ARTIFACTS_MAX).await;
    let (artifacts, last) = found.map_err(|refusal| protocol_error(&refusal))?;
    resources.extend(artifacts.iter().flat_map(listed));
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = last.map(|last| page::cursor(LIST, last.as_str()));
    Ok(result.with_ttl_ms(0).with_cache_scope(CacheScope::Private))
}

/// Returns a page of the templates.
pub(super) fn templates(
    request: Option<&PaginatedRequestParams>,
) -> Result<ListResourceTemplatesResult, ErrorData> {
    let of_parts = KINDS.iter().map(|kind| {
        let template = ResourceTemplate::new(kind.template(), kind.title);
        let template = template.with_description(kind.about);
        match kind.mime_type {
            Some(mime_type) => template.with_mime_type(mime_type),
            None => template,
        }
    });
    let of_workflows = ResourceTemplate::new(WORKFLOWS_TEMPLATE, "Workflow")
        .with_description("Phases, events and guards of a workflow")
        .with_mime_type("application/json");
    let of_texts = SHELVES.iter().map(|shelf| {
        ResourceTemplate::new(shelf.template(), shelf.title).with_description(shelf.about)
    });
    let all = of_parts.chain([of_workflows]).chain(of_texts).collect();
    let (templates, next) = page::page("resources/templates/list", all, request)?;
    let mut result = ListResourceTemplatesResult::with_all_items(templates);
    result.next_cursor = next;
    Ok(result.with_ttl_ms(TEXT_LIVES_MILLIS).with_cache_scope(CacheScope::Public))
}

/// Returns a resource by its URI.
pub(super) async fn read(service: &Service, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let contents = match Target::parse(uri).map_err(|refusal| read_error(uri, &refusal))? {
        Target::Text(text) => {
            let contents = contents(uri, text.mime_type, text.text.as_bytes().to_vec());
            return Ok(ReadResourceResult::new(vec![contents])
                .with_ttl_ms(TEXT_LIVES_MILLIS)
                .with_cache_scope(CacheScope::Public));
        }
        Target::Listing => {
            service.listing().await.map(|bytes| contents(uri, "application/json", bytes))
        }
        Target::Workflow(name) => service
            .workflow(&name)
            .map(|workflow| contents(uri, "application/json", workflow.to_string().into_bytes())),
        Target::Part(name, kind, part) => service
            .part(&name, &part)
            .await
            .map(|bytes| contents(uri, mime_type(kind, &part, &bytes), bytes)),
    };
    let contents = contents.map_err(|refusal| read_error(uri, &refusal))?;
    Ok(ReadResourceResult::new(vec![contents]).with_ttl_ms(0).with_cache_scope(CacheScope::Private))
}

/// Returns the resources that do not depend on artifacts.
fn standing(service: &Service) -> Vec<Resource> {
    let listing = Resource::new(ARTIFACTS, "artifacts")
        .with_title("Artifacts")
        .with_description("Summaries of all artifacts")
        .with_mime_type("application/json");
    let workflows = service.workflow_names().into_iter().map(|name| {
        Resource::new(format!("refiner://workflows/{name}"), name)
            .with_mime_type("application/json")
    });
    let texts = SHELVES.iter().flat_map(|shelf| {
        let listed = |text: Text| {
            Resource::new(shelf.uri(&text), text.name)
                .with_mime_type(text.mime_type)
                .with_size(text.text.len() as u64)
        };
        shelf.texts().into_iter().map(listed)
    });
    [listing].into_iter().chain(workflows).chain(texts).collect()
}

/// Returns the parts of an artifact, as hosts list them.
fn listed(artifact: &ArtifactParts) -> Vec<Resource> {
    let about = |kind: &Kind| format!("{} ({}, {})", kind.about, artifact.workflow, artifact.phase);
    let listed = |(part, bytes): &(Part, Option<u64>)| {
        let (kind, name) = (Kind::of(part)?, &artifact.name);
        let mut resource = Resource::new(
            format!("{ARTIFACTS}/{name}/{}", kind.path),
            format!("{name}/{}", kind.path),
        )
        .with_title(format!("{name}: {}", kind.title))
        .with_description(about(kind))
        .with_annotations(modified(artifact.updated_at));
        resource.mime_type = kind.mime_type.map(str::to_owned);
        resource.size = *bytes;
        Some(resource)
    };
    artifact.parts.iter().filter_map(listed).collect()
}

fn modified(at: Time) -> Annotations {
    let mut annotations = Annotations::default();
    annotations.last_modified = Some(at.to_string());
    annotations
}

fn mime_type(kind: &Kind, part: &Part, bytes: &[u8]) -> &'static str {
    let of_content = match std::str::from_utf8(bytes) {
        Ok(_) => "text/plain",
        Err(_) => "application/octet-stream",
    };
    let of_path = |path: &OutputPath| mime::of_file(path.as_str());
    match part {
        Part::Output(path) => of_path(path).unwrap_or(of_content),
        _ => kind.mime_type.unwrap_or(of_content),
    }
}

/// Returns the content as text, or as base64 if it is binary.
fn contents(uri: &str, mime_type: &str, bytes: Vec<u8>) -> ResourceContents {
    let contents = match String::from_utf8(bytes) {
        Ok(text) => ResourceContents::text(text, uri),
        Err(error) => ResourceContents::blob(BASE64.encode(error.as_bytes()), uri),
    };
    contents.with_mime_type(mime_type)
}

/// Returns a refusal as a protocol error. For a missing resource the SDK uses the code of each era:
/// -32002, and -32602 since 2026-07-28.
fn read_error(uri: &str, refusal: &Refusal) -> ErrorData {
    match refusal {
        Refusal::NotFound { .. }
        | Refusal::InvalidName { .. }
        | Refusal::UnknownWorkflow { .. } => {
            let mut details = refusal.to_json();
            details["uri"] = json!(crate::model::text::shortened(uri, 200));
            ErrorData::resource_not_found(refusal.to_string(), Some(details))
        }
        _ => protocol_error(refusal),
    }
}

#[cfg(test)]
mod tests;
