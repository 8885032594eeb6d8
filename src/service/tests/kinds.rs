//! What is made: given, inferred, or put together from components.

use super::*;

#[tokio::test]
async fn what_is_made_is_inferred_from_the_goals_and_said_to_be() {
    let service = service();
    let made = init(&service, json!({"goals": ["A report on the outage"]})).await.unwrap();
    let warnings = made.briefing.warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with(
        "artifact_type content and content_type direct:content were inferred from \"report\" in the goals"
    ));
    let document = document(&service).await;
    assert_eq!(
        (&document["artifact_type"], &document["content_type"]),
        (&json!("content"), &json!("direct:content"))
    );
    assert!(document.get("test_generation").is_none() && document.get("components").is_none());
    let again = init(&service, json!({})).await.unwrap();
    assert!(again.briefing.warnings.is_empty());
}

#[tokio::test]
async fn nothing_is_inferred_for_a_workflow_that_refines_nothing() {
    let service = service();
    let made =
        init(&service, json!({"workflow": "document", "goals": ["A report"]})).await.unwrap();
    assert!(made.briefing.warnings.is_empty());
    assert_eq!(document(&service).await["artifact_type"], Value::Null);
}

async fn stop(service: &Service) {
    let stop = arguments::<Transition>(json!({"event": "stop"}));
    service.run(stop, &person(service).await).await.unwrap();
}

#[tokio::test]
async fn components_make_a_composite_and_the_next_cycle_keeps_them() {
    let service = service();
    let part = json!({"name": "hero", "content_type": "meta:image-prompt"});
    let fields = json!({"components": [part], "test_generation": true,
                        "goals": ["a prompt"], "constraints": [constraint("links", "blocking")]});
    init(&service, fields).await.unwrap();
    let first = document(&service).await;
    assert_eq!(
        (&first["artifact_type"], &first["content_type"], &first["components"]),
        (&json!("meta-prompt"), &json!("meta:composite"), &json!([part]))
    );
    complete(&service, "specify", json!({})).await.unwrap();
    stop(&service).await;
    init(&service, json!({})).await.unwrap();
    let second = document(&service).await;
    assert_eq!(second["cycle"], 2);
    assert_eq!((&second["components"], &second["test_generation"]), (&json!([part]), &json!(true)));

    complete(&service, "specify", json!({})).await.unwrap();
    stop(&service).await;
    init(&service, json!({"artifact_type": "code"})).await.unwrap();
    let third = document(&service).await;
    assert_eq!((&third["cycle"], &third["content_type"]), (&json!(3), &json!("direct:code")));
    assert!(third.get("components").is_none());
}

#[tokio::test]
async fn components_that_do_not_fit_are_refused_and_an_idle_test_generation_is_said() {
    let part = json!([{"name": "hero", "content_type": "direct:svg"}]);
    for (fields, code) in [
        (json!({"content_type": "meta:composite"}), "invalid_argument"),
        (json!({"content_type": "direct:svg", "components": part}), "invalid_argument"),
        (json!({"components": []}), "schema_violation"),
        (json!({"components": [{"name": "hero"}]}), "schema_violation"),
        (json!({"components": vec![part[0].clone(); 21]}), "too_large"),
    ] {
        let service = service();
        assert_eq!(init(&service, fields.clone()).await.unwrap_err().code(), code, "{fields}");
        assert_eq!(load(&service, json!({})).await.unwrap_err().code(), "not_found");
    }
    let service = service();
    let fields =
        json!({"artifact_type": "logo", "content_type": "direct:svg", "test_generation": true});
    let warnings = init(&service, fields).await.unwrap().briefing.warnings;
    assert!(warnings[0].contains("test_generation has no effect"), "{warnings:?}");
}
