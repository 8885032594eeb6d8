//! Prompts: templates rendered with an artifact's present state.

use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::json;

use super::Workflow;
use super::briefing::Briefing;
use super::guide::{Guide, shortened};
use super::journal::Snapshot;

/// Steps that rendering may take, since a workspace may bring its own templates. The largest
/// template of this project takes about 2,000 on an artifact with 20 constraints.
const FUEL: u64 = 200_000;

/// Bytes of a rendered prompt.
const RENDERED_BYTES_MAX: usize = 64 << 10;

/// Why a prompt could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the prompt {prompt} cannot be rendered: {reason}")]
pub struct Unrenderable {
    /// The prompt.
    pub prompt: String,
    /// Why.
    pub reason: String,
}

/// Renders a prompt of a workflow with an artifact's state.
///
/// The template sees `state`, the document with its version, `briefing`, and `guide`, what is known
/// of the artifact's kind. A placeholder that names nothing is an error and does not stay in the
/// text. The filter `short(n)` cuts a text, or the JSON of another value, to `n` characters on one line.
pub fn render(
    workflow: &Workflow,
    prompt: &str,
    snapshot: &Snapshot,
    briefing: &Briefing,
) -> Result<String, Unrenderable> {
    let failed = |reason: String| Unrenderable { prompt: prompt.to_owned(), reason };
    let template = workflow
        .prompts
        .get(prompt)
        .ok_or_else(|| failed("the workflow has no such prompt".into()))?;
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("json", |value: Value| json!(value).to_string());
    environment.add_filter("short", short);
    let guide = Value::from(Serde(Guide::of(&snapshot.document, prompt)));
    let state = Value::from(Serde(snapshot.document.to_view(snapshot.version, snapshot.at)));
    let briefing = Value::from(Serde(briefing));
    let rendered = environment
        .render_str(template, context! { state, briefing, guide })
        .map_err(|error| failed(format!("{error:#}")))?;
    match rendered.len() > RENDERED_BYTES_MAX {
        true => {
            Err(failed(format!("{} bytes, and {RENDERED_BYTES_MAX} is the limit", rendered.len())))
        }
        false => Ok(rendered),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "filters take values")]
fn short(value: Value, characters: usize) -> String {
    match value.as_str() {
        Some(text) => shortened(text, characters),
        None => shortened(&json!(value).to_string(), characters),
    }
}
