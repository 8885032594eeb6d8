//! A React component: TSX and the CSS beside it.

use serde_json::{Value, json};

use super::story::{Draft, Story, by_tool, on_disk};

const UNTYPED: &str = "export default function Counter(props: any) {\n\
    \x20 return <button onClick={props.onCount}>{props.count}</button>;\n}\n";
const TYPED: &str = "interface CounterProps { count: number; onCount: () => void }\n\n\
    export default function Counter({ count, onCount }: CounterProps) {\n\
    \x20 return <button onClick={onCount}>{count}</button>;\n}\n";
const LABELLED: &str = "import './Counter.css';\n\n\
    interface CounterProps { count: number; onCount: () => void }\n\n\
    export default function Counter({ count, onCount }: CounterProps) {\n\
    \x20 return <button className='counter' aria-label='Count' onClick={onCount}>{count}</button>;\n}\n";

fn manifest(files: &[&str]) -> Value {
    json!({ "artifact_type": "ui", "variants": [
        {"name": "Counter", "files": files, "format": "tsx", "description": "Counts clicks"}]})
}

fn said(pattern: &str, method: &str) -> Value {
    json!({ "method": method, "params": { "path": "Counter.tsx", "pattern": pattern } })
}

pub(super) fn story() -> Story {
    let long = format!("{UNTYPED}{}", "// later: this and that\n".repeat(50));
    let mut unknown = manifest(&["Counter.tsx", "Counter.css"]);
    unknown["colour"] = json!("red");
    Story {
        name: "counter",
        opening: json!({
            "artifact_type": "ui", "content_type": "direct:react", "max_iterations": 6,
            "goals": ["A counter that everybody can use"],
        }),
        specification: json!({ "goals": ["A counter", "for keyboards too"], "constraints": [
            {"id": "props", "description": "the props are typed", "severity": "blocking",
             "validation": said(r"interface \w+Props", "text_matches")},
            {"id": "no-any", "description": "nothing is any", "severity": "blocking",
             "validation": said(r":\s*any\b", "text_absent")},
            {"id": "label", "description": "it has a label", "severity": "blocking",
             "type": "accessibility", "validation": said("aria-label=", "text_matches")},
            {"id": "small", "description": "it is small", "severity": "high",
             "validation": {"method": "file_size", "params":
                {"path": "Counter.tsx", "min": 50, "max": 1000}}},
            {"id": "keyboard", "description": "a keyboard is enough", "severity": "medium"},
        ]}),
        evaluation: "output_inspection",
        drafts: vec![
            Draft {
                files: vec![by_tool("Counter.tsx", &long)],
                manifest: manifest(&["Counter.tsx"]),
                asserted: json!({ "keyboard": "satisfied" }),
                violated: &["props", "no-any", "label", "small"],
            },
            Draft {
                files: vec![on_disk("Counter.tsx", TYPED)],
                manifest: manifest(&["Counter.tsx"]),
                asserted: json!({ "keyboard": "satisfied" }),
                violated: &["label"],
            },
            Draft {
                files: vec![
                    by_tool("Counter.tsx", LABELLED),
                    on_disk("Counter.css", ".counter { color: #222 }\n"),
                ],
                manifest: manifest(&["Counter.tsx", "Counter.css"]),
                // Neither blocking nor high: it may stay open.
                asserted: json!({ "keyboard": "violated" }),
                violated: &["keyboard"],
            },
        ],
        spoilt: (by_tool("Counter.tsx", TYPED), "label"),
        broken_manifest: (unknown, ""),
    }
}
