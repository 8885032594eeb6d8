//! What each schema takes and what it refuses.

use serde_json::json;

use super::*;
use crate::model::document::ConvergenceStatus;
use crate::model::document::constraint::Severity;
use crate::model::document::manifest::Manifest;
use crate::model::document::output_place::OutputPlace;
use crate::model::document::taxonomy::{ARTIFACT_TYPES, ROUTES};
use crate::model::document::tests::empty;
use crate::model::journal::lifecycle::LifecycleKind;
use crate::model::{Document, Time};

#[test]
fn every_schema_is_valid_2020_12_and_says_what_it_is_for() {
    for schema in ALL {
        let value: Value = serde_json::from_str(schema.text).unwrap();
        assert!(jsonschema::draft202012::meta::is_valid(&value), "{}", schema.file);
        assert_eq!(value["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let id = value["$id"].as_str().unwrap();
        assert!(id.ends_with(&format!("/{}", schema.file)), "{id}");
        for word in ["title", "description"] {
            assert!(value[word].as_str().is_some_and(|text| text.len() > 3), "{}", schema.file);
        }
    }
}

/// A schema, a value that passes, and changes of it that do not.
type Case<'a> = (&'a Schema, Value, &'a [(&'a str, Value, &'a str)]);

/// Checks that a value passes, and that each change of it is refused at its place.
fn check(schema: &Schema, good: &Value, bad: &[(&str, Value, &str)]) {
    assert_eq!(schema.violations(good), [], "{}", schema.file);
    for (pointer, value, expected) in bad {
        let mut changed = good.clone();
        set(&mut changed, pointer, value.clone());
        let places: Vec<_> =
            schema.violations(&changed).into_iter().map(|violation| violation.pointer).collect();
        assert!(
            places.iter().any(|place| place == expected),
            "{} {pointer} = {value}: {places:?}",
            schema.file
        );
    }
}

/// Sets a place of a value; null removes a field.
fn set(target: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
    let parent = target.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match (parent, value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(field)),
        (Value::Object(fields), value) => drop(fields.insert(field.to_owned(), value)),
        (Value::Array(items), value) => items[field.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{pointer} of {other}"),
    }
}

#[test]
fn workflows_are_checked() {
    let good = json!({
        "id": "w", "version": 1, "title": "W", "initial": "a",
        "states": { "a": { "on": { "go": [{ "target": "b", "actions": ["checkpoint"] }] } } }
    });
    check(
        &WORKFLOW,
        &good,
        &[
            ("/version", json!(0), "/version"),
            ("/states/a/on/go/0/actions/0", json!("fly"), "/states/a/on/go/0/actions/0"),
        ],
    );
}

#[test]
fn manifests_are_checked_strictly() {
    let good = json!({
        "artifact_type": "logo",
        "variants": [
            {"name": "full", "file": "logo.svg", "format": "svg", "description": "d"},
            {"name": "mark", "files": ["mark.svg", "previews/mark.png"]},
        ],
        "sizes": {"mark.png": {"width": 32, "height": 32}},
        "previews": ["previews/showcase.html", "previews/a.png"],
        "preview_runs": [{"tool": "resvg"}],
        "metadata": {"platform": "any", "token_count": 120, "variables": ["topic"]},
        "generation_timestamp": "2026-01-02T03:04:05.678Z",
        "files": {"logo.svg": {"bytes": 12, "digest": "d"}},
    });
    check(
        &ARTIFACT_MANIFEST,
        &good,
        &[
            ("/artifact_type", json!("poem"), "/artifact_type"),
            ("/variants", Value::Null, ""),
            ("/sizes", json!(["32x32"]), "/sizes"),
            ("/files/logo.svg/bytes", Value::Null, "/files/logo.svg"),
            ("/variants/0/file", Value::Null, "/variants/0"),
            ("/variants/0/file", json!("/etc/passwd"), "/variants/0/file"),
            ("/variants/0/file", json!("a/../../b"), "/variants/0/file"),
            ("/variants/0/file", json!("a\\b"), "/variants/0/file"),
            ("/variants/0/file", json!(""), "/variants/0/file"),
            ("/variants/0/files", json!(["a"]), "/variants/0/files"),
            ("/variants/1/files", json!([]), "/variants/1/files"),
            ("/variants/0/colour", json!("red"), "/variants/0"),
            ("/variants/0/name", Value::Null, "/variants/0"),
            ("/generation_timestamp", json!("yesterday"), "/generation_timestamp"),
            ("/previews/1", json!("../a.png"), "/previews/1"),
            ("/surprise", json!(1), ""),
        ],
    );
    let manifest = Manifest::parse(&good, "", &OutputPlace::default()).unwrap();
    assert_eq!(ARTIFACT_MANIFEST.violations(&manifest.to_value()), []);
}

#[test]
fn constraints_are_checked_as_a_list_and_as_a_file() {
    let one = json!({
        "id": "links", "description": "d", "severity": "blocking", "type": "structure",
        "validation": {"method": "links_resolve", "params": {"path": "report.md"}},
        "target_metric": {"metric": "words", "operator": "<=", "value": 80},
        "status": "satisfied", "validated": true, "last_checked": "2026-01-02T03:04:05Z",
        "details": null, "asserted": true, "regressed": true,
    });
    check(
        &CONSTRAINTS,
        &json!([one]),
        &[
            ("/0/severity", json!("urgent"), "/0/severity"),
            ("/0/id", json!(""), "/0/id"),
            ("/0/description", Value::Null, "/0"),
            ("/0/validation/method", json!("look"), "/0/validation/method"),
            ("/0/validation/method", Value::Null, "/0/validation"),
            ("/0/target_metric/operator", json!("~"), "/0/target_metric/operator"),
            ("/0/status", json!("fine"), "/0/status"),
            ("/0/last_checked", json!("now"), "/0/last_checked"),
        ],
    );
    let file = json!({"artifact_name": "a", "constraints": [one]});
    check(&CONSTRAINTS, &file, &[("/constraints/0/severity", json!(1), "/constraints/0/severity")]);
}

#[test]
fn content_types_are_checked_with_their_components() {
    let good = json!({
        "content_type": "meta:composite", "artifact_type": "meta-prompt", "test_generation": true,
        "components": [{"name": "hero", "content_type": "meta:image-prompt", "weight": 0.5}],
    });
    check(
        &CONTENT_TYPE,
        &good,
        &[
            ("/content_type", json!("direct:poem"), "/content_type"),
            ("/content_type", json!("direct:svg"), "/components"),
            ("/components", Value::Null, ""),
            ("/components/0/content_type", json!("meta:composite"), "/components/0/content_type"),
            ("/components/0/weight", json!(0), "/components/0/weight"),
        ],
    );
}

#[test]
fn results_of_phases_may_say_more_but_not_otherwise() {
    let status = json!([{"id": "a", "status": "satisfied", "details": "3 of 3", "seen": 3}]);
    let cases: [Case<'_>; 5] = [
        (
            &SPECIFICATION,
            json!({"summary": "s", "goals": ["g"], "requires_approval": false, "more": 1,
                   "constraints": [{"id": "a", "description": "d", "severity": "low"}]}),
            &[
                ("/goals", json!("g"), "/goals"),
                ("/constraints/0/severity", json!("urgent"), "/constraints/0/severity"),
                ("/constraints/0/id", Value::Null, "/constraints/0"),
                ("/requires_approval", json!("yes"), "/requires_approval"),
            ],
        ),
        (
            &PLAN,
            json!({"summary": "s", "steps": ["read", {"file": "a", "change": "c", "constraint": "a"}]}),
            &[("/steps", json!("read"), "/steps"), ("/steps/0", json!(1), "/steps/0")],
        ),
        (
            &EXECUTION_RESULTS,
            json!({"actions": ["a"], "files_modified": ["b"], "failures": ["c"],
                   "manifest": {"broken": true}}),
            &[
                ("/actions", json!("a"), "/actions"),
                ("/files_modified/0", json!(1), "/files_modified/0"),
                ("/manifest", json!("logo"), "/manifest"),
            ],
        ),
        (
            &REFLECTION,
            json!({"constraints": status, "summary": "s", "regressions": ["a", {"id": "b"}],
                   "components": [{"name": "hero", "status": "violated"}]}),
            &[
                ("/constraints/0/status", json!("ok"), "/constraints/0/status"),
                ("/constraints/0/status", Value::Null, "/constraints/0"),
                ("/constraints", json!({}), "/constraints"),
                ("/regressions", json!("none"), "/regressions"),
                ("/components/0/status", json!("ok"), "/components/0/status"),
            ],
        ),
        (
            &PERSISTENCE,
            json!({"actions": ["a"], "files_modified": []}),
            &[("/files_modified", json!("b"), "/files_modified")],
        ),
    ];
    for (schema, good, bad) in cases {
        check(schema, &good, bad);
        let needs = schema.violations(&json!({})).len();
        assert_eq!(needs, usize::from(schema.is("plan")), "only a plan without steps says nothing");
        assert_ne!(schema.violations(&json!([])), [], "{} takes a list", schema.file);
    }
}

#[test]
fn a_trigger_does_exactly_one_thing() {
    let good = json!({
        "id": "notify", "on": "on_regression", "condition": "iteration > 1",
        "command": ["notify-send", "${artifact_name}"],
        "timeout_seconds": 5, "retry": {"attempts": 3, "delay_seconds": 1}, "enabled": true,
    });
    check(
        &TRIGGER,
        &good,
        &[
            ("/on", json!("on_monday"), "/on"),
            ("/on", Value::Null, ""),
            ("/command", Value::Null, ""),
            ("/workflow", json!("next.md"), ""),
            ("/command", json!("rm -rf /"), "/command"),
            ("/retry/attempts", json!(0), "/retry/attempts"),
            ("/shell", json!(true), ""),
        ],
    );
    for action in [
        json!({"webhook": {"url": "https://example.com/hook"}}),
        json!({"mcp_tool": {"server": "chat", "tool": "post", "arguments": {}}}),
        json!({"workflow": "docs/after.md"}),
    ] {
        let mut trigger = action;
        trigger["on"] = json!(["on_phase_start", "on_recovery"]);
        assert_eq!(TRIGGER.violations(&trigger), []);
    }
}

#[test]
fn providers_and_events_are_checked() {
    check(
        &PROVIDER,
        &json!({"provider": "mcp", "mcp": {"command": ["refiner", "serve"], "prefix": "r_"}}),
        &[
            ("/provider", json!("floppy"), "/provider"),
            ("/provider", json!("postgres"), ""),
            ("/mcp/url", json!("https://example.com"), "/mcp"),
            ("/mcp/password", json!("secret"), "/mcp"),
        ],
    );
    assert_eq!(PROVIDER.violations(&json!({"provider": "filesystem"})), []);
    check(
        &HOOK_EVENT,
        &json!({"id": "a-12-0", "event": "on_phase_complete", "at": "2026-01-02T03:04:05Z",
                "artifact_name": "a", "version": 12, "phase": "plan", "iteration": 1}),
        &[("/event", json!("on_monday"), "/event"), ("/version", Value::Null, "")],
    );
}

fn document() -> Document {
    let mut document = empty("a");
    document.content_type = Some("meta:composite".into());
    document.test_generation = true;
    let component = json!({"name": "hero", "content_type": "direct:svg"});
    document.components = vec![serde_json::from_value(component).unwrap()];
    document
}

#[test]
fn a_document_is_as_its_schema_says_and_every_field_is_described() {
    let view = document().to_view(3, Time::from_millis(0));
    check(
        &DOCUMENT,
        &view,
        &[
            ("/current_iteration", json!(-1), "/current_iteration"),
            ("/convergence_status", json!("bored"), "/convergence_status"),
            ("/goals", Value::Null, ""),
        ],
    );
    let schema: Value = serde_json::from_str(DOCUMENT.text).unwrap();
    for field in view.as_object().unwrap().keys() {
        assert!(schema["properties"].get(field).is_some(), "{field} is not described");
    }
}

#[test]
fn lists_that_several_files_repeat_are_the_same_in_all() {
    let schema = |one: &Schema| -> Value { serde_json::from_str(one.text).unwrap() };
    let artifact_types = json!(ARTIFACT_TYPES);
    assert_eq!(schema(&ARTIFACT_MANIFEST)["properties"]["artifact_type"]["enum"], artifact_types);
    assert_eq!(schema(&CONTENT_TYPE)["properties"]["artifact_type"]["enum"], artifact_types);
    let content_types = json!(ROUTES.map(|route| route.content_type));
    assert_eq!(schema(&CONTENT_TYPE)["properties"]["content_type"]["enum"], content_types);
    let statuses = [
        ConvergenceStatus::Running,
        ConvergenceStatus::Converged,
        ConvergenceStatus::MaxIterationsExceeded,
        ConvergenceStatus::UserTerminated,
        ConvergenceStatus::Closed,
    ];
    assert_eq!(schema(&DOCUMENT)["properties"]["convergence_status"]["enum"], json!(statuses));
    let kinds = json!(LifecycleKind::ALL);
    assert_eq!(schema(&HOOK_EVENT)["properties"]["event"]["enum"], kinds);
    assert_eq!(schema(&TRIGGER)["properties"]["on"]["anyOf"][0]["enum"], kinds);
    let severities = [Severity::Blocking, Severity::High, Severity::Medium, Severity::Low];
    let fields = &schema(&CONSTRAINTS)["$defs"]["constraint"]["properties"];
    assert_eq!(fields["severity"]["enum"], json!(severities));
    let specified = &schema(&SPECIFICATION)["properties"]["constraints"]["items"]["properties"];
    for field in ["id", "description", "severity", "type", "validation", "target_metric"] {
        assert_eq!(fields[field], specified[field], "{field}");
    }
    assert_eq!(&schema(&DOCUMENT)["$defs"]["constraint"]["properties"], fields);
    let component = &schema(&DOCUMENT)["$defs"]["component"]["properties"];
    let given = &schema(&CONTENT_TYPE)["$defs"]["component"]["properties"];
    for (field, meaning) in given.as_object().unwrap() {
        assert_eq!(&component[field], meaning, "{field}");
    }
}

#[test]
fn a_result_that_is_refused_names_the_place_in_the_call() {
    assert_eq!(validate_result("reflection.schema.json", &json!({"summary": "s"})), Ok(()));
    let result = json!({"constraints": [{"id": "a", "status": "ok"}]});
    let Err(Refusal::SchemaViolation { what, violations }) = validate_result("reflection", &result)
    else {
        panic!("accepted");
    };
    assert!(what.contains("reflection.schema.json"), "{what}");
    assert_eq!(violations[0].pointer, "/result/constraints/0/status");
    assert!(violations[0].message.contains("satisfied"), "{violations:?}");
    assert_eq!(validate_result("nothing", &json!({})).unwrap_err().code(), "invalid_argument");
}
