//! The kinds of artifacts and contents, and how each is evaluated (CONTRACT.md, *PMPO*; the seed
//! "PMPO Meta-Controller").

use serde::Serialize;

use crate::model::Refusal;

/// The domains that an artifact may belong to.
pub const ARTIFACT_TYPES: [&str; 7] =
    ["logo", "ui", "a2ui", "image", "content", "code", "meta-prompt"];

/// What is made of several parts, each of which has a content type of its own.
pub const COMPOSITE: &str = "meta:composite";

/// Whether the work itself is made, or a prompt that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// The work itself.
    Direct,
    /// A prompt.
    Meta,
}

/// What there is to know of a content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Route {
    /// The content type's name.
    pub content_type: &'static str,
    /// The artifact type that it usually belongs to.
    pub artifact_type: &'static str,
    /// How the files end that it is made of, the usual one first. Empty: as the language has it.
    pub extensions: &'static [&'static str],
    /// What its main file may be called.
    pub main_file: &'static str,
}

/// All content types. Of those of one artifact type, the usual one comes first.
pub const ROUTES: [Route; 13] = [
    route("direct:react", "ui", &["tsx", "jsx", "ts", "css"], "App.tsx"),
    route("direct:html", "ui", &["html", "css", "js"], "index.html"),
    route("direct:a2ui", "a2ui", &["json", "jsonl"], "surface.a2ui.json"),
    route("direct:ag-ui", "a2ui", &["jsonl", "json"], "events.jsonl"),
    route("direct:svg", "logo", &["svg", "png"], "logo.svg"),
    route("direct:content", "content", &["md", "html"], "report.md"),
    route("direct:image", "image", &["png", "jpg", "webp", "svg"], "image.png"),
    route("direct:code", "code", &[], "src/main.py"),
    route("meta:agent-prompt", "meta-prompt", &["md", "txt"], "agent-prompt.md"),
    route("meta:image-prompt", "meta-prompt", &["md", "txt"], "image-prompt.md"),
    route("meta:video-prompt", "meta-prompt", &["md", "txt"], "video-prompt.md"),
    route("meta:workflow", "meta-prompt", &["md", "json", "yaml"], "workflow.md"),
    route(COMPOSITE, "meta-prompt", &["md", "json"], "composite.md"),
];

const fn route(
    content_type: &'static str,
    artifact_type: &'static str,
    extensions: &'static [&'static str],
    main_file: &'static str,
) -> Route {
    Route { content_type, artifact_type, extensions, main_file }
}

impl Route {
    /// Returns whether the work itself is made or a prompt.
    pub fn family(&self) -> Family {
        if is_prompt(self.content_type) { Family::Meta } else { Family::Direct }
    }

    /// Returns the folder of `dist/` for what is made beside the work: pictures of it, or what a
    /// prompt was tried with.
    pub fn folder(&self) -> &'static str {
        match self.family() {
            Family::Direct => "previews",
            Family::Meta => "test-outputs",
        }
    }

    /// Returns how its files are called in a manifest: by how the main one ends.
    pub fn format(&self) -> &'static str {
        self.main_file.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

/// Returns whether what is made is a prompt, or has prompts among its parts.
pub fn is_prompt(content_type: &str) -> bool {
    content_type.starts_with(META)
}

/// Returns what there is to know of a content type.
pub fn find(content_type: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.content_type == content_type)
}

/// Returns the content type that an artifact type usually has.
pub fn usual(artifact_type: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.artifact_type == artifact_type)
}

/// How the content type of a prompt begins.
const META: &str = "meta:";

/// How the reflect phase evaluates what was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationMethod {
    /// The work is looked at.
    OutputInspection,
    /// The prompt is read.
    PromptQuality,
    /// The prompt is run, and what comes out is looked at.
    TestExecution,
    /// Each component by its own.
    PerComponent,
}

impl EvaluationMethod {
    /// Returns the evaluation of a content type.
    pub fn of(content_type: Option<&str>, test_generation: bool) -> Self {
        match content_type {
            Some(COMPOSITE) => Self::PerComponent,
            Some(meta) if is_prompt(meta) && test_generation => Self::TestExecution,
            Some(meta) if is_prompt(meta) => Self::PromptQuality,
            _ => Self::OutputInspection,
        }
    }

    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutputInspection => "output_inspection",
            Self::PromptQuality => "prompt_quality",
            Self::TestExecution => "test_execution",
            Self::PerComponent => "per_component",
        }
    }

    /// Returns the instruction for the evaluating model.
    pub fn focus(self) -> &'static str {
        match self {
            Self::OutputInspection => "open each file and judge its actual content, not its intent",
            Self::PromptQuality => {
                "read the prompt as a model that receives only this prompt: is each instruction clear, specific, free of contradiction, and possible on the target platform?"
            }
            Self::TestExecution => {
                "run the prompt on a realistic input, save the result under test-outputs/, and judge both the prompt and the result"
            }
            Self::PerComponent => {
                "judge each component by its own evaluation, then judge whether they fit together; make one decision for the whole"
            }
        }
    }
}

/// Returns how the reflect phase evaluates a content type.
pub fn evaluation(content_type: Option<&str>, test_generation: bool) -> &'static str {
    EvaluationMethod::of(content_type, test_generation).as_str()
}

/// Refuses an artifact type that no domain goes by.
pub fn check_artifact_type(given: &str) -> Result<(), Refusal> {
    if ARTIFACT_TYPES.contains(&given) {
        Ok(())
    } else {
        Err(Refusal::UnknownArtifactType {
            given: given.to_owned(),
            known: ARTIFACT_TYPES.map(str::to_owned).to_vec(),
        })
    }
}

/// Refuses a content type that is not in the routing table.
pub fn check_content_type(given: &str) -> Result<(), Refusal> {
    match find(given) {
        Some(_) => Ok(()),
        None => Err(Refusal::argument(
            format!("unknown content_type: {given}"),
            format!("use one of: {}", ROUTES.map(|route| route.content_type).join(", ")),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_artifact_type_is_named_in_the_words_of_the_contract() {
        assert_eq!(check_artifact_type("logo"), Ok(()));
        let refusal = check_artifact_type("poem").unwrap_err();
        assert_eq!(refusal.to_string(), "Unknown artifact_type: poem");
        assert!(check_content_type("direct:poem").is_err());
    }

    #[test]
    fn every_content_type_has_the_evaluation_of_its_family() {
        for route in ROUTES {
            let (plain, tested) = match (route.content_type, route.family()) {
                (COMPOSITE, _) => ("per_component", "per_component"),
                (_, Family::Direct) => ("output_inspection", "output_inspection"),
                (_, Family::Meta) => ("prompt_quality", "test_execution"),
            };
            assert_eq!(evaluation(Some(route.content_type), false), plain);
            assert_eq!(evaluation(Some(route.content_type), true), tested);
        }
        assert_eq!(evaluation(None, true), "output_inspection");
    }

    #[test]
    fn every_route_leads_to_an_artifact_type_and_every_artifact_type_has_one() {
        for route in ROUTES {
            assert_eq!(check_artifact_type(route.artifact_type), Ok(()));
            assert!(
                route.extensions.is_empty() || route.extensions.contains(&route.format()),
                "{route:?}"
            );
        }
        for artifact_type in ARTIFACT_TYPES {
            assert!(usual(artifact_type).is_some(), "{artifact_type}");
        }
    }
}
