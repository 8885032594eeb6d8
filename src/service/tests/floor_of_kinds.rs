//! What the floor asks of composites and of prompts that are test-run.

use super::*;

fn reflection(components: &Value) -> Value {
    json!({"constraints": [{"id": "links", "status": "satisfied"}], "components": components})
}

/// Runs an iteration in which the reflection has these findings of components, and the manifest these
/// variants.
async fn composite(service: &Service, components: &Value, variants: &Value) -> Transitioned {
    complete(service, "plan", json!({"steps": ["write"]})).await.unwrap();
    write(service, "page.html", "<p>a page</p>").await;
    write(service, "hero.md", "a harbour").await;
    let manifest = json!({"artifact_type": "meta-prompt", "variants": variants});
    let executed = json!({"actions": ["wrote"], "manifest": manifest});
    complete(service, "execute", executed).await.unwrap();
    complete(service, "reflect", reflection(components)).await.unwrap();
    complete(service, "persist", json!({})).await.unwrap()
}

async fn begin_composite(service: &Service) {
    let mut fields = goal_and_constraint();
    fields["components"] = json!([
        {"name": "page", "content_type": "direct:html"},
        {"name": "hero", "content_type": "meta:image-prompt"},
    ]);
    init(service, fields).await.unwrap();
    complete(service, "specify", json!({})).await.unwrap();
}

fn found(hero: &str) -> Value {
    json!([{"name": "page", "status": "satisfied"}, {"name": "hero", "status": hero, "details": "wide"}])
}

#[tokio::test]
async fn a_composite_converges_only_with_all_its_components() {
    let service = service();
    begin_composite(&service).await;
    let (page, hero) =
        (json!({"name": "page", "file": "page.html"}), json!({"name": "hero", "file": "hero.md"}));
    let both = json!([page, hero]);
    let lacking = composite(&service, &found("satisfied"), &json!([page])).await;
    assert!(lacking.decision.unwrap().reason.contains("no variant of the manifest"));
    let open = composite(&service, &found("violated"), &both).await;
    assert!(open.decision.unwrap().reason.contains("components do not hold: hero"));
    assert_eq!(composite(&service, &found("satisfied"), &both).await.to, "converged");
    let hero = &document(&service).await["components"][1];
    assert_eq!((&hero["status"], &hero["details"]), (&json!("satisfied"), &json!("wide")));
}

#[tokio::test]
async fn a_reflection_has_one_finding_of_each_component() {
    let service = service();
    begin_composite(&service).await;
    for phase in ["plan", "execute"] {
        complete(&service, phase, result_of(phase, "")).await.unwrap();
    }
    let twice =
        json!([{"name": "page", "status": "satisfied"}, {"name": "page", "status": "violated"}]);
    let unknown = json!([{"name": "footer", "status": "satisfied"}]);
    for (wrong, says) in [(json!([]), "page, hero"), (twice, "already"), (unknown, "footer")] {
        let refusal = complete(&service, "reflect", reflection(&wrong)).await.unwrap_err();
        assert!(format!("{refusal:?}").contains(says), "{refusal:?}");
    }
    complete(&service, "reflect", reflection(&found("violated"))).await.unwrap();
}

#[tokio::test]
async fn a_prompt_is_tried_in_every_iteration() {
    let service = service();
    let mut fields = goal_and_constraint();
    fields["content_type"] = json!("meta:image-prompt");
    fields["test_generation"] = json!(true);
    init(&service, fields).await.unwrap();
    complete(&service, "specify", json!({})).await.unwrap();
    let metadata = r#"{"platform": "any", "tokens": 3, "variables": []}"#;
    let steps = [
        ("report.meta.json", "{}", "nothing came out"),
        ("test-outputs/iteration-2.md", "a harbour", "is needed"),
        ("report.meta.json", metadata, "write test-outputs/iteration-3.md"),
    ];
    for (path, content, says) in steps {
        write(&service, path, content).await;
        let kept = prompt_iteration(&service).await;
        let reason = kept.decision.unwrap().reason;
        assert!(reason.contains(says), "{path}: {reason}");
    }
    write(&service, "test-outputs/iteration-4.md", "a harbour").await;
    assert_eq!(prompt_iteration(&service).await.to, "converged");
}

async fn prompt_iteration(service: &Service) -> Transitioned {
    complete(service, "plan", json!({"steps": ["write"]})).await.unwrap();
    write(service, "report.md", "a harbour").await;
    let variants = json!([{"name": "primary", "file": "report.md"}]);
    let manifest = json!({"artifact_type": "meta-prompt", "variants": variants});
    complete(service, "execute", json!({"actions": [], "manifest": manifest})).await.unwrap();
    complete(service, "reflect", result_of("reflect", "satisfied")).await.unwrap();
    complete(service, "persist", json!({})).await.unwrap()
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "an agent writes this file by itself")]
async fn a_file_that_no_check_sees_keeps_a_loop_open() {
    let (folder, service) = on_disk();
    begin_loop(&service).await;
    let stray = folder.path().join(".refiner/artifacts/report/dist/CON.md");
    std::fs::create_dir_all(stray.parent().unwrap()).unwrap();
    std::fs::write(&stray, "unseen").unwrap();
    let kept = iterate(&service, "satisfied").await;
    assert!(kept.decision.unwrap().reason.contains("CON.md"));
    std::fs::remove_file(&stray).unwrap();
    assert_eq!(iterate(&service, "satisfied").await.to, "converged");
}
