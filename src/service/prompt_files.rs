//! What belongs to a prompt that is test-run: its metadata, and what came out of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Service;
use crate::model::document::manifest::{Manifest, Variant};
use crate::model::document::output::OutputPath;
use crate::model::document::taxonomy;
use crate::model::invisible::is_blank_file;
use crate::model::{Document, Refusal};
use crate::storage::OutputFile;

/// How the name of a prompt's metadata ends.
const METADATA_SUFFIX: &str = ".meta.json";

/// The files of the work with their lengths.
type Lengths<'a> = BTreeMap<&'a str, &'a OutputFile>;

impl Service {
    /// Returns what a test-run prompt lacks, in sentences; nothing where `test_generation` is off.
    pub(super) async fn prompt_lacks(
        &self,
        document: &Document,
        manifest: &Manifest,
        there: &[OutputFile],
    ) -> Result<Vec<String>, Refusal> {
        let is_prompt = document.content_type.as_deref().is_some_and(taxonomy::is_prompt);
        if !document.test_generation || !is_prompt {
            return Ok(Vec::new());
        }
        let there: Lengths<'_> = there.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut lacks = Vec::new();
        lacks.extend(self.untried(document, &there).await?);
        for prompt in prompts(document, manifest) {
            lacks.extend(self.lacks_metadata(document, prompt, &there).await?);
        }
        Ok(lacks)
    }

    /// Says that nothing came out of the prompt in this iteration.
    async fn untried(
        &self,
        document: &Document,
        there: &Lengths<'_>,
    ) -> Result<Option<String>, Refusal> {
        let begins = format!("test-outputs/iteration-{}", document.current_iteration);
        let is_of_iteration = |path: &str| {
            let rest = path.strip_prefix(&begins);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        for (_, file) in there.iter().filter(|(path, _)| is_of_iteration(path)) {
            let content = self.content(document, &file.path, file.bytes).await?;
            if content.is_none_or(|content| !is_blank_file(&content)) {
                return Ok(None);
            }
        }
        Ok(Some(format!("nothing came out of the prompt in this iteration: write {begins}.md")))
    }

    async fn lacks_metadata(
        &self,
        document: &Document,
        prompt: &OutputPath,
        there: &Lengths<'_>,
    ) -> Result<Option<String>, Refusal> {
        let [whole, stem] = metadata_paths(prompt.as_str());
        let Some(file) = there.get(whole.as_str()).or_else(|| there.get(stem.as_str())) else {
            return Ok(Some(format!("{prompt} has no metadata: write {stem}")));
        };
        let content = self.content(document, &file.path, file.bytes).await?.unwrap_or_default();
        Ok(check_metadata(&content).err().map(|problem| format!("{}: {problem}", file.path)))
    }
}

/// Returns the prompts of a manifest: the main file of each variant, of a composite those of the
/// components that are prompts.
fn prompts<'a>(
    document: &'a Document,
    manifest: &'a Manifest,
) -> impl Iterator<Item = &'a OutputPath> {
    let is_prompt = |variant: &&Variant| {
        let mut parts = document.components.iter();
        let part = parts.find(|part| part.name == variant.name);
        part.is_none_or(|part| taxonomy::is_prompt(&part.content_type))
    };
    let main = |variant: &'a Variant| variant.file.as_ref().or_else(|| variant.files.first());
    let is_beside =
        |path: &str| path.ends_with(METADATA_SUFFIX) || path.starts_with("test-outputs/");
    let files = manifest.variants.iter().filter(is_prompt).filter_map(main);
    files.filter(move |path| !is_beside(path.as_str()))
}

/// Returns where the metadata of a prompt may be: beside its whole name, or in place of its ending.
fn metadata_paths(prompt: &str) -> [String; 2] {
    let (folder, name) =
        prompt.rsplit_once('/').map_or(("", prompt), |(folder, name)| (folder, name));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let below = |name: &str| match folder {
        "" => format!("{name}{METADATA_SUFFIX}"),
        folder => format!("{folder}/{name}{METADATA_SUFFIX}"),
    };
    [below(name), below(stem)]
}

/// The facts about a prompt (the seed of the domain "meta-prompt").
#[derive(Deserialize)]
struct Metadata {
    platform: String,
    #[serde(alias = "token_count")]
    tokens: u64,
    variables: Vec<Value>,
}

impl Metadata {
    fn is_filled_in(&self) -> bool {
        !self.platform.is_empty() && self.tokens > 0 && !self.variables.iter().any(Value::is_null)
    }
}

fn check_metadata(content: &[u8]) -> Result<(), String> {
    const FORM: &str = r#"{"platform": "any", "tokens": 120, "variables": ["subject"]} is needed"#;
    match serde_json::from_slice::<Metadata>(content) {
        Ok(metadata) if metadata.is_filled_in() => Ok(()),
        Ok(_) => Err(format!("a field is empty: {FORM}")),
        Err(_) => Err(FORM.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_lies_beside_its_prompt() {
        assert_eq!(metadata_paths("hero.md"), ["hero.md.meta.json", "hero.meta.json"]);
        assert_eq!(metadata_paths("a.b/hero"), ["a.b/hero.meta.json", "a.b/hero.meta.json"]);
    }

    #[test]
    fn metadata_names_platform_tokens_and_variables() {
        let good = br#"{"platform": "any", "token_count": 3, "variables": [], "more": 1}"#;
        assert_eq!(check_metadata(good), Ok(()));
        for wrong in [&b"{}"[..], b"", br#"{"platform": "", "tokens": 1, "variables": []}"#] {
            assert!(check_metadata(wrong).unwrap_err().contains("is needed"));
        }
    }
}
