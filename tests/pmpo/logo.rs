//! A logo: SVG, written directly and by the tool, and icons in PNG.

use serde_json::{Value, json};

use super::png;
use super::story::{Draft, File, Story, by_tool, by_tool_as_bytes, on_disk};

const PALE: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 64 64'>\
    <rect width='64' height='64' fill='#ffffff'/><circle r='20' fill='#eeeeee'/>";
const DARK_BLUE: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 64 64'>\
    <rect width='64' height='64' fill='#ffffff'/><circle cx='32' cy='32' r='20' fill='#0b3d91'/>\
    </svg>";
const ON_BLACK: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 64 64'>\
    <rect width='64' height='64' fill='#000000'/><circle cx='32' cy='32' r='20' fill='#9ecbff'/>\
    </svg>";

fn icon(side: u32) -> File {
    on_disk("icon.png", png::squares(side, side))
}

fn manifest(more: &[Value]) -> Value {
    let mark = json!({ "name": "primary", "file": "logo.svg", "format": "svg" });
    let icons =
        json!({ "name": "icons", "files": ["icon.png", "icons/small.png"], "format": "png" });
    let variants = [&[mark, icons], more].concat();
    json!({
        "artifact_type": "logo",
        "variants": variants,
        "sizes": { "icon.png": { "width": 256, "height": 256 } },
    })
}

pub(super) fn story() -> Story {
    let dark = json!({ "name": "dark", "file": "logo-dark.svg", "format": "svg" });
    let mut both = manifest(std::slice::from_ref(&dark));
    both["variants"][0]["files"] = json!(["logo.svg"]);
    Story {
        name: "mark",
        opening: json!({
            "artifact_type": "logo", "content_type": "direct:svg",
            "goals": ["A round mark that can be told from others at 16 pixels"],
        }),
        specification: json!({ "summary": "a round mark", "constraints": [
            {"id": "svg", "description": "the mark is SVG", "severity": "blocking", "type": "format",
             "validation": {"method": "parses", "params": {"path": "logo.svg", "format": "svg"}}},
            {"id": "icon", "description": "the icon has 256 pixels", "severity": "blocking",
             "validation": {"method": "image", "params":
                {"path": "icon.png", "format": "png", "width": 256, "height": 256}}},
            {"id": "contrast", "description": "it can be seen", "severity": "high",
             "validation": {"method": "contrast", "params":
                {"path": "logo.svg", "foreground": "#0b3d91", "background": "#ffffff", "min": 7}},
             "target_metric": {"metric": "ratio", "operator": ">=", "value": 7}},
            {"id": "dark", "description": "there is one for dark pages", "severity": "blocking",
             "validation": {"method": "not_empty", "params": {"path": "logo-dark.svg"}}},
            {"id": "whole", "description": "all is there", "severity": "blocking",
             "validation": {"method": "manifest_complete"}},
            {"id": "known", "description": "it is recognised", "severity": "high"},
        ]}),
        evaluation: "output_inspection",
        drafts: vec![
            Draft {
                files: vec![
                    on_disk("logo.svg", PALE),
                    icon(128),
                    by_tool_as_bytes("icons/small.png", png::squares(32, 32)),
                ],
                manifest: manifest(&[]),
                asserted: json!({ "known": "violated" }),
                violated: &["svg", "icon", "contrast", "dark", "known"],
            },
            Draft {
                files: vec![on_disk("logo.svg", DARK_BLUE), icon(256)],
                manifest: manifest(&[]),
                asserted: json!({ "known": "partially_satisfied" }),
                violated: &["dark", "known"],
            },
            Draft {
                files: vec![by_tool("logo-dark.svg", ON_BLACK)],
                manifest: manifest(&[dark]),
                asserted: json!({ "known": "satisfied" }),
                violated: &[],
            },
        ],
        spoilt: (on_disk("logo.svg", PALE), "svg"),
        broken_manifest: (both, "/variants/0/files"),
    }
}
