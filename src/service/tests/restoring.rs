//! Restoring files.

use super::*;

async fn content(service: &Service, path: &str) -> Option<String> {
    call::<ReadOutput>(service, json!({ "path": path })).await.ok()?.content
}

#[tokio::test]
async fn a_restore_brings_back_what_was_written_by_then() {
    let service = service();
    begin_loop(&service).await;
    write(&service, "a.md", "one").await;
    write(&service, "a.md", "two").await;
    write(&service, "b.md", "later").await;
    let left = call::<Restore>(&service, json!({"to": "3", "files": false})).await.unwrap();
    assert_eq!((left.restored_from, content(&service, "a.md").await.as_deref()), (3, Some("two")));
    let restored = call::<Restore>(&service, json!({"to": "3"})).await.unwrap();
    assert_eq!(content(&service, "a.md").await.as_deref(), Some("one"));
    assert_eq!(content(&service, "b.md").await.as_deref(), Some("later"));
    let warnings = format!("{:?}", restored.briefing.warnings);
    assert!(warnings.contains("captured: b.md"), "{warnings}");
}

#[tokio::test]
async fn what_an_iteration_recorded_is_older_than_a_later_write() {
    let service = service();
    begin_loop(&service).await;
    let recorded = iterate(&service, "violated").await;
    write(&service, "report.md", "after it").await;
    let later = load(&service, json!({})).await.unwrap().version;
    write(&service, "report.md", "the newest").await;
    for (to, expected) in [(later, "after it"), (recorded.version, "the report")] {
        call::<Restore>(&service, json!({"to": to.to_string()})).await.unwrap();
        assert_eq!(content(&service, "report.md").await.as_deref(), Some(expected), "{to}");
    }
}
