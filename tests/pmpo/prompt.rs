//! A prompt for pictures, tried once in every iteration, with its metadata beside it.

use serde_json::{Value, json};

use super::story::{Draft, Story, by_tool, on_disk};

const VAGUE: &str = "Make a nice picture of a lighthouse.\n";
const FIXED: &str = "A lighthouse on a cliff at dusk, seen from the sea, long lens, cold light.\n";
const OPEN: &str = "{{subject}} at {{time_of_day}}, seen from the sea, long lens, cold light, one \
    lamp lit.\n";

const TRIALS: [&str; 3] =
    ["test-outputs/iteration-1.md", "test-outputs/iteration-2.md", "test-outputs/iteration-3.md"];

fn metadata(tokens: u64) -> String {
    let variables = ["subject", "time_of_day"];
    let metadata = json!({ "platform": "any", "token_count": tokens, "variables": variables });
    metadata.to_string()
}

fn manifest(trials: usize) -> Value {
    json!({
        "artifact_type": "meta-prompt",
        "variants": [{
            "name": "primary", "files": ["image-prompt.md", "image-prompt.meta.json"],
            "format": "md", "description": "The prompt and its metadata",
        }],
        "previews": TRIALS[..trials],
        "preview_runs": [{ "iteration": trials, "model": "any" }],
        "metadata": { "platform": "any", "token_count": 20, "variables": ["subject", "time_of_day"] },
    })
}

pub(super) fn story() -> Story {
    let mut list = manifest(3);
    list["metadata"] = json!(["platform", "any"]);
    Story {
        name: "lighthouse",
        opening: json!({
            "artifact_type": "meta-prompt", "content_type": "meta:image-prompt",
            "test_generation": true, "goals": ["A prompt that gives calm pictures of any subject"],
        }),
        specification: json!({ "constraints": [
            {"id": "metadata", "description": "platform, tokens and variables", "severity": "blocking",
             "validation": {"method": "json_schema", "params": {
                "path": "image-prompt.meta.json",
                "schema": {"type": "object", "required": ["platform", "token_count", "variables"],
                    "properties": {"token_count": {"type": "integer", "maximum": 40}}}}}},
            {"id": "variables", "description": "the subject is open", "severity": "blocking",
             "validation": {"method": "text_matches", "params":
                {"path": "image-prompt.md", "pattern": r"\{\{subject\}\}"}}},
            {"id": "concrete", "description": "no empty words", "severity": "high",
             "validation": {"method": "text_absent", "params":
                {"path": "image-prompt.md", "pattern": "nice|beautiful", "ignore_case": true}}},
            {"id": "tried", "description": "it was tried", "severity": "blocking",
             "validation": {"method": "not_empty", "params": {"path": "test-outputs/*.md"}}},
            {"id": "calm", "description": "what came out is calm", "severity": "blocking"},
        ]}),
        evaluation: "test_execution",
        drafts: vec![
            Draft {
                files: vec![
                    by_tool("image-prompt.md", VAGUE),
                    on_disk("image-prompt.meta.json", r#"{"platform": "any"}"#),
                    on_disk(TRIALS[0], "A postcard.\n"),
                ],
                manifest: manifest(1),
                asserted: json!({ "calm": "violated" }),
                violated: &["metadata", "variables", "concrete", "calm"],
            },
            Draft {
                files: vec![
                    by_tool("image-prompt.md", FIXED),
                    by_tool("image-prompt.meta.json", &metadata(60)),
                    by_tool(TRIALS[1], "A grey sea, a lighthouse.\n"),
                ],
                manifest: manifest(2),
                asserted: json!({ "calm": "satisfied" }),
                violated: &["metadata", "variables"],
            },
            Draft {
                files: vec![
                    on_disk("image-prompt.md", OPEN),
                    on_disk("image-prompt.meta.json", metadata(20)),
                    on_disk(TRIALS[2], "A grey sea, a buoy, one lamp.\n"),
                ],
                manifest: manifest(3),
                asserted: json!({ "calm": "satisfied" }),
                violated: &[],
            },
        ],
        spoilt: (on_disk("image-prompt.md", FIXED), "variables"),
        broken_manifest: (list, "/metadata"),
    }
}
