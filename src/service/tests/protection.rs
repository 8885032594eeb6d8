//! Protection: files that a check relies on.

use super::*;

/// A constraint whose check relies on a file, which the model could edit.
fn protecting(globs: &Value) -> Value {
    json!({"id": "links", "description": "d", "severity": "blocking", "protects": globs,
        "validation": {"method": "not_empty", "params": {"path": "report.md"}}})
}

async fn begin(service: &Service, constraint: Value) -> Result<Transitioned, Refusal> {
    init(service, json!({"goals": ["g"], "constraints": [constraint]})).await.unwrap();
    write(service, "expected.txt", "42").await;
    complete(service, "specify", json!({})).await
}

#[tokio::test]
async fn a_changed_protected_file_keeps_its_constraint_open() {
    let service = service();
    begin(&service, protecting(&json!(["dist/expected.*"]))).await.unwrap();
    write(&service, "expected.txt", "43").await;
    write(&service, "report.md", "the report").await;
    let verified = call::<Verify>(&service, json!({})).await.unwrap();
    assert!(verified.constraints[0].evidence.as_ref().unwrap().contains("--accept-protected"));
    let kept = iterate(&service, "satisfied").await;
    assert_eq!(kept.to, "plan");
    let details = document(&service).await["constraints"][0]["details"].to_string();
    assert!(details.contains("dist/expected.txt") && details.contains("--accept-protected"));
    write(&service, "expected.txt", "42").await;
    assert_eq!(iterate(&service, "satisfied").await.to, "converged");
}

#[tokio::test]
async fn a_new_file_among_the_protected_ones_is_a_change() {
    let service = service();
    begin(&service, protecting(&json!(["dist/expected.*"]))).await.unwrap();
    write(&service, "expected.more", "1").await;
    let same = json!({"patch": {"constraints": [protecting(&json!(["dist/expected.*"])), constraint("new", "low")]}});
    save(&service, same).await.unwrap();
    assert_eq!(iterate(&service, "satisfied").await.to, "plan");
}

#[tokio::test]
async fn only_a_person_accepts_changed_files_or_less_protection() {
    let service = service();
    begin(&service, protecting(&json!(["dist/expected.txt"]))).await.unwrap();
    write(&service, "expected.txt", "43").await;
    let accept = || Save { accept_protected: true, ..arguments(json!({})) };
    assert_eq!(service.run(accept(), &caller()).await.unwrap_err().code(), "approval_required");
    let less = json!({"patch": {"constraints": [protecting(&json!([]))]}});
    assert_eq!(save(&service, less).await.unwrap_err().code(), "approval_required");
    assert!(service.run(accept(), &person(&service).await).await.unwrap().changed);
    assert_eq!(iterate(&service, "satisfied").await.to, "converged");
}

#[tokio::test]
async fn globs_that_protect_nothing_are_refused_in_specify() {
    let service = service();
    let refusal = begin(&service, protecting(&json!(["dist/other"]))).await.unwrap_err();
    assert!(refusal.to_string().contains("no file"), "{refusal:?}");
    let outside = json!({"patch": {"constraints": [protecting(&json!(["../x"]))]}});
    assert_eq!(save(&service, outside).await.unwrap_err().code(), "schema_violation");
}

#[tokio::test]
async fn a_schema_in_the_work_counts_only_if_protected() {
    for (protects, code) in [(json!([]), Some("schema_violation")), (json!(["dist/s.json"]), None)]
    {
        let service = service();
        let one = json!({"id": "links", "description": "d", "severity": "blocking",
            "protects": protects, "validation": {"method": "json_schema",
            "params": {"path": "a.json", "schema": "s.json"}}});
        init(&service, json!({"goals": ["g"], "constraints": [one]})).await.unwrap();
        write(&service, "s.json", r#"{"type": "object"}"#).await;
        let ended = complete(&service, "specify", json!({})).await;
        assert_eq!(ended.err().map(|refusal| refusal.code()), code, "{protects}");
    }
}
