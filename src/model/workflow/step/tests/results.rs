//! Results of phases, checked when they come.

use super::*;
use crate::model::document::output_place::OutputPlace;

fn shape(phase: &str, result: Value) -> Result<Value, Refusal> {
    let event = shaped(&pmpo(), phase, complete(result), &OutputPlace::default())?;
    Ok(Value::Object(event.result.unwrap()))
}

#[test]
fn what_can_mean_only_one_thing_is_taken_so() {
    let steps = json!({"steps": ["write"]});
    for wrapped in [json!({"plan": steps}), json!({"result": steps}), steps.clone()] {
        assert_eq!(shape("plan", wrapped.clone()), Ok(steps.clone()), "{wrapped}");
    }
    let specified = json!({"goals": ["g"]});
    assert_eq!(shape("specify", json!({"specification": specified})), Ok(specified));
    let variants = json!([
        "report.md", {"path": "a.md"}, {"name": "b", "path": "b.md"}, {"name": "c", "file": "c.md"},
    ]);
    let mended = json!([
        {"name": "report.md", "file": "report.md"}, {"name": "a.md", "file": "a.md"},
        {"name": "b", "file": "b.md"}, {"name": "c", "file": "c.md"},
    ]);
    for given in [json!({"variants": variants}), variants.clone()] {
        let shaped = shape("execute", json!({"actions": ["a"], "manifest": given})).unwrap();
        assert_eq!(shaped["manifest"]["variants"], mended);
    }
    let without = shape("execute", json!({"actions": ["a"], "manifest": null})).unwrap();
    assert_eq!(without, json!({"actions": ["a"]}));
}

#[test]
fn what_is_wrong_is_refused_in_its_phase() {
    let constraints = json!([{"id": "b", "status": "satisfied"}]);
    for (phase, result, place, says) in [
        ("plan", json!({}), "/result/steps", r#""steps": ["write"#),
        ("execute", json!({"constraints": constraints}), "/result/constraints", "of reflect"),
        ("persist", json!({"constraints": constraints}), "/result/constraints", "of reflect"),
        ("execute", json!({"reflection": {}}), "/result/reflection", "of reflect"),
        ("specify", json!({"specification": {}, "more": 1}), "/result/specification", "directly"),
        (
            "execute",
            json!({"manifest": {"artifact_type": "report", "variants": []}}),
            "/result/manifest/artifact_type",
            "content",
        ),
        (
            "execute",
            json!({"manifest": {"variants": [{"name": "a"}]}}),
            "/result/manifest/variants/0",
            "",
        ),
        ("execute", json!({"files_modified": ["../x"]}), "/result/files_modified/0", "stay below"),
    ] {
        let refusal = shape(phase, result.clone()).expect_err(&result.to_string());
        let Refusal::SchemaViolation { violations, .. } = &refusal else { panic!("{refusal}") };
        assert_eq!(violations[0].pointer, place, "{result}");
        assert!(violations[0].message.contains(says), "{result}: {violations:?}");
    }
}

#[test]
fn a_specification_by_which_no_loop_can_converge_says_so() {
    let specify = |document: &Document| {
        step(&pmpo(), document, &complete(json!({})), &context(1)).unwrap().warnings
    };
    let bare = Document { goals: Vec::new(), constraints: Vec::new(), ..opened() };
    let says = specify(&bare).join("; ");
    for lacks in ["there is no goal", "there is no blocking constraint", "save_state {\"patch\""] {
        assert!(says.contains(lacks), "{says}");
    }
    let typed = Document { content_type: Some("direct:svg".into()), ..opened() };
    assert_eq!(specify(&typed), Vec::<String>::new(), "both came at the opening");
}

#[test]
fn findings_that_are_double_missing_or_overruled_are_said() {
    let mut document = Document { phase: "reflect".into(), ..opened() };
    let reflect = |document: &Document, findings: Value| {
        let event = complete(json!({ "constraints": findings }));
        step(&pmpo(), document, &event, &context(1))
    };
    let good = json!({"id": "b", "status": "satisfied"});
    let twice = json!([good, {"id": "b", "status": "violated"}]);
    let refusal = reflect(&document, twice).unwrap_err();
    assert!(refusal.to_string().contains("report each constraint once"), "{refusal}");
    let partial = reflect(&document, json!([good])).unwrap();
    assert!(partial.warnings[0].contains("the reflection left out h, l"), "{:?}", partial.warnings);

    document.constraints[0].validation = json!({"method": "word_count"}).as_object().cloned();
    let overruled = reflect(&document, json!([good])).unwrap();
    let says = "b was reported as satisfied, and the measurement counts: unchecked";
    assert_eq!(overruled.warnings[0], says);
}

#[test]
fn the_specification_sets_types_that_are_open() {
    let specify = |document: &Document, result: Value| {
        step(&pmpo(), document, &complete(result), &context(1)).unwrap()
    };
    let set = specify(&opened(), json!({"content_type": "direct:svg"})).document;
    let types = (set.artifact_type.as_deref(), set.content_type.as_deref());
    assert_eq!(types, (Some("logo"), Some("direct:svg")));
    let set = Document { phase: "specify".into(), ..set };
    let kept = specify(&set, json!({"artifact_type": "code"}));
    assert_eq!(kept.document.artifact_type.as_deref(), Some("logo"));
    assert!(kept.warnings[0].contains("set once"), "{:?}", kept.warnings);
    let inferred = specify(&opened(), json!({"goals": ["release notes"]}));
    assert_eq!(inferred.document.artifact_type.as_deref(), Some("content"));
    let open = specify(&opened(), json!({"goals": ["something nice"]}));
    assert_eq!(open.document.artifact_type, None);
    assert!(open.warnings[0].contains("artifact_type"), "{:?}", open.warnings);
    let wrong = complete(json!({"artifact_type": "poem"}));
    let refusal = step(&pmpo(), &opened(), &wrong, &context(1)).unwrap_err();
    assert_eq!(refusal.code(), "unknown_artifact_type");
}
