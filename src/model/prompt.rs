//! Prompts: templates rendered with an artifact's present state.

use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use serde_json::json;

use super::briefing::Briefing;
use super::guide::Guide;
use super::journal::Snapshot;
use super::text::one_line;
use super::{Workflow, limits};

/// Steps that rendering may take, since a workspace may bring its own templates. The largest
/// template of this project takes about 2,000 on an artifact with 20 constraints.
const FUEL: u64 = 200_000;

/// How long a text of the state may be in a prompt. The next is tried when a prompt is too long.
const TEXT_BYTES_MAX: [usize; 4] = [usize::MAX, 2000, 200, 40];

/// How much longer a whole part of the state may be than one text of it.
const PART_TO_TEXT: usize = 16;

/// What a prompt ends with that does not show everything.
const CUT: &str = "
Long parts of the state are cut here. To see one whole, call `load_state` with `select` and its JSON Pointer, such as `/results/plan`.
";

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
/// text. The filter `short(n)` cuts a text, or the JSON of another value, to `n` characters on one
/// line. Of a state that is too long for a prompt the texts are cut, so that whoever lost its memory
/// is told what to do in any case.
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
    let state = snapshot.document.to_view(snapshot.version, snapshot.at);
    let guide = Guide::of(&snapshot.document, prompt);
    let render = |text_bytes_max: usize| {
        let state = Value::from(Serde(abridged(&state, text_bytes_max)));
        let seen = context! { state, briefing => Serde(briefing), guide => Serde(&guide) };
        rendered(template, seen, text_bytes_max.saturating_mul(PART_TO_TEXT))
            .map_err(|error| failed(format!("{error:#}")))
    };
    let [whole, shorter @ ..] = TEXT_BYTES_MAX;
    let mut text = render(whole)?;
    let is_cut = text.len() > limits::PROMPT_BYTES_MAX;
    for text_bytes_max in shorter {
        if text.len() > limits::PROMPT_BYTES_MAX {
            text = render(text_bytes_max)?;
        }
    }
    let text = cut(&text, limits::PROMPT_BYTES_MAX);
    Ok(if is_cut { text + CUT } else { text })
}

/// Renders a template. The filter `json` writes a value, up to so many bytes.
fn rendered(
    template: &str,
    seen: Value,
    part_bytes_max: usize,
) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    let as_json = move |value: Value| cut(&json!(value).to_string(), part_bytes_max);
    environment.add_filter("json", as_json);
    environment.add_filter("short", short);
    environment.render_str(template, seen)
}

#[expect(clippy::needless_pass_by_value, reason = "filters take values")]
fn short(value: Value, characters: usize) -> String {
    match value.as_str() {
        Some(text) => one_line(text, characters),
        None => one_line(&json!(value).to_string(), characters),
    }
}

/// Returns a value with its texts cut.
fn abridged(value: &serde_json::Value, text_bytes_max: usize) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => cut(text, text_bytes_max).into(),
        Value::Array(items) => items.iter().map(|item| abridged(item, text_bytes_max)).collect(),
        Value::Object(fields) => {
            let abridge =
                |(name, value): (&String, &Value)| (name.clone(), abridged(value, text_bytes_max));
            fields.iter().map(abridge).collect()
        }
        other => other.clone(),
    }
}

/// Returns the beginning of a text that is too long.
fn cut(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(end, _)| end);
    let end = ends.take_while(|end| *end <= bytes_max).last().unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("äöü", 6), "äöü");
        assert_eq!(cut("äöü", 5), "äö…");
        assert_eq!(cut("äöü", 1), "…");
        let state = json!({ "a": ["xxxx", 1], "b": { "c": "yyyy" } });
        assert_eq!(abridged(&state, 2), json!({ "a": ["xx…", 1], "b": { "c": "yy…" } }));
        assert_eq!(abridged(&state, usize::MAX), state);
    }
}
