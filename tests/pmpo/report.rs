//! A report in Markdown, with the data that it links to and a picture beside.

use serde_json::{Value, json};

use super::story::{Draft, Story, by_tool, on_disk};

const ROUGH: &str = "# Trams\n\n### Method\n\nWe counted, see [the data](counts.csv).\n";
const WORDY: &str = "# Trams\n\n## Summary\n\nTrams are, as everybody who has ever waited for one \
    in the rain will gladly confirm at length, late.\n\n## Method\n\nWe counted, see \
    [the data](counts.csv).\n\n## Results\n\nOne in four.\n";
const GOOD: &str = "# Trams\n\n## Summary\n\nOne tram in four is late.\n\n## Method\n\nWe counted, \
    see [the data](counts.csv).\n\n## Results\n\nOne in four, as [the chart](previews/chart.svg) \
    shows.\n";
const CHART: &str = "<svg xmlns='http://www.w3.org/2000/svg'><rect width='1' height='4'/></svg>";

pub(super) fn manifest(files: &[&str], previews: &[&str]) -> Value {
    let variant = |file: &&str| json!({ "name": file, "file": file });
    let variants: Vec<Value> = files.iter().map(variant).collect();
    json!({ "artifact_type": "content", "variants": variants, "previews": previews })
}

pub(super) fn story() -> Story {
    let whole = || manifest(&["report.md", "counts.csv"], &["previews/chart.svg"]);
    let mut poem = whole();
    poem["artifact_type"] = json!("poem");
    Story {
        name: "trams",
        opening: json!({
            "artifact_type": "content", "content_type": "direct:content",
            "goals": ["Say how often trams are late"],
        }),
        specification: json!({ "constraints": [
            {"id": "order", "description": "no level is skipped", "severity": "blocking",
             "validation": {"method": "headings_in_order", "params": {"path": "report.md"}}},
            {"id": "links", "description": "links lead somewhere", "severity": "blocking",
             "validation": {"method": "links_resolve", "params": {"path": "report.md"}}},
            {"id": "sections", "description": "nothing is left out", "severity": "blocking",
             "validation": {"method": "sections_present", "params":
                {"path": "report.md", "sections": ["Summary", "Method", "Results"]}}},
            {"id": "brief", "description": "the summary has 12 words at most", "severity": "high",
             "validation": {"method": "word_count", "params":
                {"path": "report.md", "section": "Summary", "max": 100}},
             "target_metric": {"metric": "words", "operator": "<=", "value": 12}},
            {"id": "true", "description": "the numbers are those of the data", "severity": "blocking"},
        ]}),
        evaluation: "output_inspection",
        drafts: vec![
            Draft {
                files: vec![on_disk("report.md", ROUGH)],
                manifest: manifest(&["report.md"], &[]),
                asserted: json!({ "true": "unchecked" }),
                violated: &["order", "links", "sections", "brief", "true"],
            },
            Draft {
                files: vec![
                    by_tool("report.md", WORDY),
                    on_disk("counts.csv", "late,on time\n25,75\n"),
                ],
                manifest: manifest(&["report.md", "counts.csv"], &[]),
                asserted: json!({ "true": "satisfied" }),
                violated: &["brief"],
            },
            Draft {
                files: vec![on_disk("report.md", GOOD), by_tool("previews/chart.svg", CHART)],
                manifest: whole(),
                asserted: json!({ "true": "satisfied" }),
                violated: &[],
            },
        ],
        spoilt: (on_disk("report.md", ROUGH), "order"),
        broken_manifest: (poem, "/artifact_type"),
    }
}
