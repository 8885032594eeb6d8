//! The kinds of artifacts and contents, and how each is evaluated (CONTRACT.md, *PMPO*; the seed
//! "PMPO Meta-Controller").

use super::Refusal;

/// The domains that an artifact may belong to.
pub const ARTIFACT_TYPES: [&str; 7] =
    ["logo", "ui", "a2ui", "image", "content", "code", "meta-prompt"];

/// What may be made.
pub const CONTENT_TYPES: [&str; 13] = [
    "direct:react",
    "direct:html",
    "direct:a2ui",
    "direct:ag-ui",
    "direct:svg",
    "direct:content",
    "direct:image",
    "direct:code",
    "meta:image-prompt",
    "meta:video-prompt",
    "meta:agent-prompt",
    "meta:workflow",
    "meta:composite",
];

/// Refuses an artifact type that no domain goes by.
pub fn check_artifact_type(given: &str) -> Result<(), Refusal> {
    match ARTIFACT_TYPES.contains(&given) {
        true => Ok(()),
        false => Err(Refusal::UnknownArtifactType {
            given: given.to_owned(),
            known: ARTIFACT_TYPES.map(str::to_owned).to_vec(),
        }),
    }
}

/// Refuses a content type that is not in the routing table.
pub fn check_content_type(given: &str) -> Result<(), Refusal> {
    match CONTENT_TYPES.contains(&given) {
        true => Ok(()),
        false => Err(Refusal::argument(
            format!("unknown content_type: {given}"),
            format!("use one of: {}", CONTENT_TYPES.join(", ")),
        )),
    }
}

/// Returns how the reflect phase evaluates a content type.
pub fn evaluation(content_type: Option<&str>) -> &'static str {
    match content_type {
        Some("meta:composite") => "per_component",
        Some(meta) if meta.starts_with("meta:") => "prompt_quality",
        _ => "output_inspection",
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
        for content_type in CONTENT_TYPES {
            let expected = match content_type {
                "meta:composite" => "per_component",
                other if other.starts_with("direct:") => "output_inspection",
                _ => "prompt_quality",
            };
            assert_eq!(evaluation(Some(content_type)), expected);
        }
    }
}
