//! Prompts: templates rendered with an artifact's present state.

use std::sync::Arc;

use serde_json::json;

use crate::model::journal::Snapshot;
use crate::model::text::cut;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::guide::Guide;
use crate::model::workflow::template::{FILTERS, Limits, Sandbox};
use crate::model::{Workflow, limits};

/// Steps that rendering may take, since a workspace may bring its own templates. The largest
/// template of this project takes about 2,000 on an artifact with 20 constraints.
const FUEL: u64 = 200_000;

/// How long a text of the state may be in a prompt. The next is tried when a prompt is too long.
const TEXT_BYTES_MAX: [usize; 4] = [limits::PROMPT_BYTES_MAX, 2000, 200, 40];

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
    /// The cause.
    pub reason: String,
}

/// Renders a prompt of a workflow with an artifact's state.
///
/// The template sees `state`, the document with its version, `briefing`, and `guide`, what is known
/// of the artifact's kind. A placeholder that names nothing is an error and does not stay in the
/// text. The filter `short(n)` cuts a text, or the JSON of another value, to `n` characters on one
/// line; `json` writes a value. What else a template may use, [`Sandbox`] says. Of a state that is too
/// long for a prompt the texts are cut, so that a model that lost its memory learns what to do in any
/// case.
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
    let guide = Guide::of(&snapshot.document, prompt);
    let mut seen = json!({ "briefing": briefing, "guide": guide });
    seen["state"] = snapshot.document.to_view(snapshot.version, snapshot.at);
    let seen = Arc::new(seen);
    let render = |text_bytes: usize| {
        let part_bytes = text_bytes.saturating_mul(PART_TO_TEXT).min(limits::PROMPT_BYTES_MAX);
        let limits = Limits {
            steps: FUEL,
            output_bytes: limits::PROMPT_BYTES_MAX,
            text_bytes,
            part_bytes,
            filters: &FILTERS,
        };
        Sandbox::new(limits).render(template, &seen).map_err(failed)
    };
    let [whole, shorter @ ..] = TEXT_BYTES_MAX;
    let mut text = render(whole)?;
    let is_cut = text.len() > limits::PROMPT_BYTES_MAX;
    for text_bytes_max in shorter {
        if text.len() > limits::PROMPT_BYTES_MAX {
            text = render(text_bytes_max)?;
        }
    }
    let note = snapshot.document.output_place().note();
    let text = note.map_or_else(String::new, |note| format!("{note}\n\n")) + &text;
    let text = cut(&text, limits::PROMPT_BYTES_MAX);
    Ok(if is_cut { text + CUT } else { text })
}
