//! `write_output`: a file of `dist/`, for callers that cannot reach the disk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::output::Output;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Digest, Draft, Name, Refusal, Version, limits};
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Service};
use crate::workspace::layout;

/// The arguments of `write_output`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WriteOutput {
    pub name: Name,
    /// Below dist/, e.g. report.md
    pub path: String,
    /// Text
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Instead, for bytes
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `write_output`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WrittenOutput {
    /// Where it is, from the project's folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// The digest of its content.
    pub digest: String,
    /// Whether it was different before; if not, nothing was written.
    pub changed: bool,
    /// The version that brought it.
    pub version: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

impl Operation for WriteOutput {
    const NAME: &'static str = "write_output";
    const TITLE: &'static str = "Write a file";
    const DESCRIPTION: &'static str =
        "Write a file into the artifact's dist/, if you cannot write there yourself.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = WrittenOutput;

    /// Writes an output. An output with the same content stays unchanged.
    async fn run(self, service: &Service, caller: &Caller) -> Result<WrittenOutput, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let name = self.name.clone();
        let newest = service.newest(&name).await?;
        let outputs = newest.snapshot.document.output_place();
        let path = outputs.path(&self.path)?;
        let content = content(self)?;
        let checked = service.provider.check_place(&name, &outputs, Some(&path)).await;
        checked.map_err(|error| refusal(&name, &error))?;
        let there = service.provider.output(&name, &outputs, &path).await.ok().flatten();
        let (bytes, digest) = (content.len() as u64, Digest::of(&content));
        let replaces = there.as_deref().filter(|_| !outputs.is_dist()).map(Digest::of);
        let output = Output { path, bytes, digest, replaces };
        let changed = there.is_none_or(|there| there != content);
        let (draft, placed) = (output.clone(), changed.then_some(content));
        let decide = move |attempt: &mut Attempt<'_, '_>| place(attempt, &draft, placed.as_deref());
        let written = service.write(writing.warned(newest.warnings), decide).await?;
        let snapshot = written.snapshot(&name)?;
        Ok(WrittenOutput {
            path: layout::output(&name, &outputs, &output.path),
            bytes: output.bytes,
            digest: output.digest.to_string(),
            // A call that changed nothing made no version that could be repeated.
            changed: changed || written.made.is_none(),
            version: written.version,
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

/// Places an output, unless it is there already: then `content` is `None`.
fn place(
    attempt: &mut Attempt<'_, '_>,
    output: &Output,
    content: Option<&[u8]>,
) -> Result<(), Refusal> {
    let Some(content) = content else { return attempt.open_state().map(drop) };
    let document = attempt.unconverged_state()?.document.clone();
    let summary = json!({ "path": output.path, "bytes": output.bytes });
    let draft = Draft {
        outputs: vec![output.clone()],
        blobs: vec![content.to_vec()],
        ..attempt.writing.draft(attempt.now(), document, summary)
    };
    attempt.transaction.append(draft).map(drop)
}

fn content(arguments: WriteOutput) -> Result<Vec<u8>, Refusal> {
    let bytes = match (arguments.content, arguments.content_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => BASE64.decode(encoded).map_err(|error| {
            Refusal::argument(
                format!("content_base64 is not base64: {error}"),
                "pass standard base64 with padding, or content for text",
            )
        })?,
        _ => {
            return Err(Refusal::argument(
                "write_output takes either content or content_base64",
                "pass content for text, content_base64 for bytes",
            ));
        }
    };
    if bytes.len() > limits::OUTPUT_BYTES_MAX {
        Err(Refusal::TooLarge {
            what: "the output".into(),
            actual: bytes.len(),
            limit: limits::OUTPUT_BYTES_MAX,
            unit: "bytes",
        })
    } else {
        Ok(bytes)
    }
}
