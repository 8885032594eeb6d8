//! A composite: a prompt, a page and a text, each with constraints of its own.

use serde_json::{Value, json};

use super::story::{Draft, Story, by_tool, on_disk};

const HERO: &str = "A harbour at {{time_of_day}}, wide, no people.\n";
const BARE_PAGE: &str = "<!doctype html><title>Harbour</title><h2>Welcome</h2>\
    <p><a href='terms.html'>Terms</a></p>";
const PAGE: &str = "<!doctype html><title>Harbour</title><h1>Welcome</h1>\
    <p><a href='terms.md'>Terms</a></p>";
const TERMS: &str = "# Terms\n\n## Visits\n\nCome when you like.\n";

fn manifest(components: &[(&str, &str)]) -> Value {
    let variant = |(name, file): &(&str, &str)| json!({ "name": name, "file": file });
    let variants: Vec<Value> = components.iter().map(variant).collect();
    json!({ "artifact_type": "meta-prompt", "variants": variants })
}

pub(super) fn story() -> Story {
    let all = [("page", "index.html"), ("hero", "hero-prompt.md"), ("terms", "terms.md")];
    Story {
        name: "harbour",
        opening: json!({
            "content_type": "meta:composite", "goals": ["A page for visitors of the harbour"],
            "components": [
                {"name": "page", "content_type": "direct:html", "weight": 2},
                {"name": "hero", "content_type": "meta:image-prompt"},
                {"name": "terms", "content_type": "direct:content", "description": "Terms of visits"},
            ],
        }),
        specification: json!({ "constraints": [
            {"id": "page-parses", "description": "it is HTML", "severity": "blocking",
             "validation": {"method": "parses", "params": {"path": "index.html", "format": "html"}}},
            {"id": "page-links", "description": "its links resolve", "severity": "blocking",
             "validation": {"method": "links_resolve", "params": {"path": "index.html"}}},
            {"id": "page-order", "description": "it begins with a title", "severity": "high",
             "validation": {"method": "headings_in_order", "params": {"path": "index.html"}}},
            {"id": "hero-open", "description": "the time is open", "severity": "blocking",
             "validation": {"method": "text_matches", "params":
                {"path": "hero-prompt.md", "pattern": r"\{\{time_of_day\}\}"}}},
            {"id": "hero-good", "description": "it is a good prompt", "severity": "blocking"},
            {"id": "terms-there", "description": "the terms are there", "severity": "blocking",
             "validation": {"method": "file_exists", "params": {"path": "terms.md"}}},
            {"id": "terms-length", "description": "they are short", "severity": "medium",
             "validation": {"method": "word_count", "params": {"path": "terms.md", "max": 50}}},
            {"id": "whole", "description": "all is there", "severity": "blocking",
             "validation": {"method": "manifest_complete"}},
        ]}),
        evaluation: "per_component",
        drafts: vec![
            Draft {
                files: vec![by_tool("index.html", BARE_PAGE)],
                manifest: manifest(&all[..1]),
                asserted: json!({ "hero-good": "violated" }),
                violated: &[
                    "page-links",
                    "page-order",
                    "hero-open",
                    "hero-good",
                    "terms-there",
                    "terms-length",
                ],
            },
            Draft {
                files: vec![on_disk("hero-prompt.md", HERO), on_disk("terms.md", TERMS)],
                manifest: manifest(&all),
                asserted: json!({ "hero-good": "satisfied" }),
                violated: &["page-links", "page-order"],
            },
            Draft {
                files: vec![on_disk("index.html", PAGE)],
                manifest: manifest(&all),
                asserted: json!({ "hero-good": "satisfied" }),
                violated: &[],
            },
        ],
        spoilt: (by_tool("index.html", BARE_PAGE), "page-links"),
        broken_manifest: (
            manifest(&[("page", "index.html"), ("hero", "../hero-prompt.md")]),
            "/variants/1/file",
        ),
    }
}
