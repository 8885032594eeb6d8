//! `read_output`: the files of `dist/`, for callers that cannot reach the disk.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Effect, Operation};
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::OutputPlace;
use crate::model::{Digest, Name, Refusal, limits};
use crate::service::refusals::refusal;
use crate::service::{Caller, Service};

/// The arguments of `read_output`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReadOutput {
    pub name: Name,
    /// Default: list all
    #[serde(default)]
    pub path: Option<String>,
    /// From this byte or item
    #[serde(default)]
    pub offset: Option<usize>,
    /// Bytes or items
    #[serde(default)]
    pub limit: Option<usize>,
}

/// The answer of `read_output`: a list, or the content of one output.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct OutputContent {
    /// The outputs there are, when no path was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<ListedOutput>>,
    /// What else is in dist/ and is no output: links, pipes, names that not every system has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<Vec<String>>,
    /// The path of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// What is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_base64: Option<String>,
    /// The length of the whole output, or of the whole list.
    pub total: u64,
    /// The digest of the whole output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Pass it as offset for what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<usize>,
}

/// An output of the list.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListedOutput {
    /// Its path below dist/.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

impl Operation for ReadOutput {
    const NAME: &'static str = "read_output";
    const TITLE: &'static str = "Read a file";
    const DESCRIPTION: &'static str = "List or read the files in the artifact's dist/.";
    const EFFECT: Effect = Effect::Reads;
    type Answer = OutputContent;

    /// Returns an output, or lists them. Changes nothing.
    async fn run(self, service: &Service, _caller: &Caller) -> Result<OutputContent, Refusal> {
        let place = service.newest(&self.name).await?.snapshot.document.output_place();
        match self.path.as_deref() {
            None => list_outputs(service, &self, &place).await,
            Some(path) => page_of_output(service, &self, &place, place.path(path)?).await,
        }
    }
}

async fn list_outputs(
    service: &Service,
    arguments: &ReadOutput,
    place: &OutputPlace,
) -> Result<OutputContent, Refusal> {
    const LISTED_MAX: usize = 200;
    const LEFT_OUT_MAX: usize = 20;
    let name = &arguments.name;
    let all = service.provider.outputs(name, place, None, usize::MAX).await;
    let all = all.map_err(|error| refusal(name, &error))?;
    let mut left_out =
        service.provider.strays(name, place).await.map_err(|error| refusal(name, &error))?;
    left_out.truncate(LEFT_OUT_MAX);
    let start = arguments.offset.unwrap_or(0).min(all.len());
    let limit = arguments.limit.unwrap_or(LISTED_MAX).clamp(1, LISTED_MAX);
    let end = (start + limit).min(all.len());
    let listed = all[start..end]
        .iter()
        .map(|file| ListedOutput { path: file.path.to_string(), bytes: file.bytes });
    Ok(OutputContent {
        outputs: Some(listed.collect()),
        left_out: Some(left_out).filter(|paths| !paths.is_empty()),
        total: all.len() as u64,
        next_offset: (end < all.len()).then_some(end),
        ..OutputContent::default()
    })
}

async fn page_of_output(
    service: &Service,
    arguments: &ReadOutput,
    place: &OutputPlace,
    path: OutputPath,
) -> Result<OutputContent, Refusal> {
    let name = &arguments.name;
    let content = service.provider.output(name, place, &path).await;
    let content = content.map_err(|error| refusal(name, &error))?;
    let content = content.ok_or_else(|| Refusal::NotFound {
        what: format!("output {path} of {name}"),
        hint: "read_output without a path lists the outputs".into(),
    })?;
    let page = page(&content, arguments.offset.unwrap_or(0), arguments.limit);
    let end = page.end;
    let (text, base64) = match std::str::from_utf8(&content[page.clone()]) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(BASE64.encode(&content[page]))),
    };
    Ok(OutputContent {
        path: Some(path.to_string()),
        content: text,
        content_base64: base64,
        total: content.len() as u64,
        digest: Some(Digest::of(&content).to_string()),
        next_offset: (end < content.len()).then_some(end),
        ..OutputContent::default()
    })
}

/// Returns a page of the content. It never splits a character of a text.
fn page(content: &[u8], offset: usize, limit: Option<usize>) -> std::ops::Range<usize> {
    // Base64 needs a third more bytes.
    const PAGE_BYTES_MAX: usize = limits::ANSWER_BYTES_MAX / 4 * 3;
    let limit = limit.unwrap_or(PAGE_BYTES_MAX).clamp(4, PAGE_BYTES_MAX);
    let start = offset.min(content.len());
    let end = (start + limit).min(content.len());
    let begins_character = |at: usize| content.get(at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let boundary = (start + 1..=end).rev().take(4).find(|at| begins_character(*at));
    start..boundary.unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_text_end_between_characters_and_put_together_are_the_whole() {
        let text = "a€𝄞".repeat(100);
        for limit in 4..20 {
            let (mut read, mut offset) = (Vec::new(), 0);
            while offset < text.len() {
                let page = page(text.as_bytes(), offset, Some(limit));
                assert!(std::str::from_utf8(&text.as_bytes()[page.clone()]).is_ok());
                offset = page.end;
                read.extend_from_slice(&text.as_bytes()[page]);
            }
            assert_eq!(read, text.as_bytes());
        }
        assert_eq!(page(&[0x80; 10], 0, Some(4)), 0..4, "bytes that are no text end anywhere");
    }
}
