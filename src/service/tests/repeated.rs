//! Calls that come again with the same idempotency key, after something else happened.

use super::*;

#[tokio::test]
async fn a_repeated_write_answers_as_the_first_one() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let write = json!({"path": "a.txt", "content": "1", "idempotency_key": "w"});
    let first = call::<WriteOutput>(&service, write.clone()).await.unwrap();
    let other = json!({"path": "a.txt", "content": "2"});
    call::<WriteOutput>(&service, other).await.unwrap();
    let again = call::<WriteOutput>(&service, write).await.unwrap();
    assert_eq!((again.version, again.changed), (first.version, true));
    let read = call::<ReadOutput>(&service, json!({"path": "a.txt"})).await.unwrap();
    assert_eq!(read.content.as_deref(), Some("2"), "it was not written again");
}

#[tokio::test]
async fn a_key_of_an_earlier_cycle_is_refused() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let close = json!({"idempotency_key": "f"});
    let first = call::<Finalize>(&service, close.clone()).await.unwrap();
    let again = call::<Finalize>(&service, close.clone()).await.unwrap();
    assert_eq!(
        (again.cycle, again.version, again.archived_to),
        (first.cycle, first.version, first.archived_to)
    );
    let next = init(&service, json!({})).await.unwrap();
    assert_eq!((first.cycle, next.outcome), (1, Opened::NewCycle));
    let refusal = call::<Finalize>(&service, close).await.unwrap_err();
    assert!(refusal.to_string().contains("cycle 1"), "{refusal}");
}
