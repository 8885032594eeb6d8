mod approvals;
mod driving;
mod floor_of_kinds;
mod frozen;
mod judge;
mod kinds;
mod loops;
mod project_work;
mod protection;
mod random;
mod removals;
mod repeated;
mod restoring;
mod trust;

use std::sync::Arc;

use serde_json::{Value, json};

use self::driving::{begin_loop, complete, goal_and_constraint, iterate, result_of, write};
use super::clock::tests::ManualClock;
use super::*;
use crate::model::document::ConvergenceStatus;
use crate::model::workflow::approval_binding::ApprovalBinding;
use crate::model::workflow::question::Asking;
use crate::model::{Name, Refusal, limits};
use crate::storage::filesystem::Filesystem;
use crate::storage::memory::Memory;
use crate::workspace::Workspace;

fn service() -> Service {
    Service::new(Arc::new(Memory::default()), Arc::new(ManualClock::default()))
}

/// A service on disk, and the folder that must live as long.
fn on_disk() -> (tempfile::TempDir, Service) {
    let folder = tempfile::tempdir().unwrap();
    let workspace = Workspace::open(folder.path()).unwrap();
    let provider = Arc::new(Filesystem::new(&workspace));
    (folder, Service::new(provider, Arc::new(SystemClock)).with_workspace(workspace))
}

fn caller() -> Caller {
    Caller::new("test 1.0")
}

/// Returns a person who decides on the newest state.
async fn person(service: &Service) -> Caller {
    caller().confirmed_for(Consent::new(shown(service).await, None))
}

/// Returns what a person sees now. Of an artifact that is gone they see nothing.
async fn shown(service: &Service) -> ApprovalBinding {
    let asking = Asking { what: "this", event: None, why: None };
    match service.question(&name(), asking).await {
        Ok(question) => question.binding,
        Err(_) => ApprovalBinding::Version { cycle: String::new(), version: 0 },
    }
}

fn name() -> Name {
    Name::parse("report").unwrap()
}

/// Arguments from the caller's JSON.
fn arguments<T: serde::de::DeserializeOwned>(mut fields: Value) -> T {
    fields["name"] = json!("report");
    serde_json::from_value(fields).unwrap()
}

/// Runs an operation with arguments from the caller's JSON.
async fn call<O: Operation>(service: &Service, fields: Value) -> Result<O::Answer, Refusal> {
    service.run(arguments::<O>(fields), &caller()).await
}

async fn init(service: &Service, fields: Value) -> Result<Initialized, Refusal> {
    call::<Init>(service, fields).await
}

async fn save(service: &Service, fields: Value) -> Result<Saved, Refusal> {
    call::<Save>(service, fields).await
}

async fn load(service: &Service, fields: Value) -> Result<Loaded, Refusal> {
    call::<Load>(service, fields).await
}

async fn send(service: &Service, fields: Value) -> Result<Transitioned, Refusal> {
    call::<Transition>(service, fields).await
}

async fn document(service: &Service) -> Value {
    json!(load(service, json!({"detail": "full"})).await.unwrap().document.unwrap())
}

fn constraint(id: &str, severity: &str) -> Value {
    json!({"id": id, "description": "d", "severity": severity})
}

#[tokio::test]
async fn an_artifact_is_created_then_resumed_then_begins_a_new_cycle() {
    let service = service();
    let created = init(
        &service,
        json!({"goals": ["short"], "constraints": [constraint("links", "blocking")]}),
    )
    .await
    .unwrap();
    assert_eq!(
        (created.outcome, created.version, created.briefing.phase.as_str()),
        (Opened::Created, 1, "specify")
    );
    let resumed = init(&service, json!({})).await.unwrap();
    assert_eq!(
        (resumed.outcome, resumed.version, resumed.briefing.warnings.len()),
        (Opened::Resumed, 1, 0)
    );
    let ignoring = init(&service, json!({"goals": ["other"]})).await.unwrap();
    assert!(ignoring.briefing.warnings[0].contains("not applied"));

    complete(&service, "specify", json!({})).await.unwrap();
    iterate(&service, "satisfied").await;
    call::<Finalize>(&service, json!({})).await.unwrap();
    let first = document(&service).await;
    let next = init(&service, json!({})).await.unwrap();
    assert_eq!((next.outcome, next.briefing.cycle), (Opened::NewCycle, 2));
    let second = document(&service).await;
    assert_eq!(second["goals"], json!(["short"]));
    assert_eq!(second["prior_cycle_id"], first["refinement_id"]);
    assert_eq!(second["constraints"][0]["id"], "links");
    assert_eq!(second["constraints"][0]["status"], "unchecked");
    assert_eq!(second["current_iteration"], 0);
}

#[tokio::test]
async fn opening_what_ended_but_was_not_finalized_finalizes_it_first() {
    let service = service();
    begin_loop(&service).await;
    iterate(&service, "satisfied").await;
    let next = init(&service, json!({})).await.unwrap();
    assert_eq!(next.outcome, Opened::NewCycle);
    let history = call::<History>(&service, json!({"limit": 100})).await.unwrap().entries.unwrap();
    let operations: Vec<_> =
        history.iter().rev().take(2).map(|entry| entry.operation.as_str()).collect();
    assert_eq!(operations, ["init_state", "finalize"]);
}

#[tokio::test]
async fn opening_with_what_cannot_be_is_refused_and_makes_nothing() {
    let service = service();
    let too_many: Vec<Value> = (0..300).map(|i| constraint(&i.to_string(), "low")).collect();
    for (fields, code) in [
        (json!({"workflow": "nothing"}), "unknown_workflow"),
        (json!({"workflow": "../x"}), "unknown_workflow"),
        (json!({"artifact_type": "poem"}), "unknown_artifact_type"),
        (json!({"content_type": "direct:poem"}), "invalid_argument"),
        (json!({"constraints": [{"id": "a"}]}), "schema_violation"),
        (json!({"constraints": too_many}), "too_large"),
        (json!({"max_iterations": 0}), "invalid_argument"),
        (json!({"max_iterations": 1_000_000}), "invalid_argument"),
        (json!({"expected_version": 3}), "conflict"),
        (json!({"idempotency_key": ""}), "invalid_argument"),
    ] {
        let refusal = init(&service, fields.clone()).await.expect_err(&fields.to_string());
        assert_eq!(refusal.code(), code, "{fields}: {refusal}");
    }
    assert_eq!(load(&service, json!({})).await.unwrap_err().code(), "not_found");
    init(&service, json!({"workflow": "document"})).await.unwrap();
    assert_eq!(
        init(&service, json!({"workflow": "pmpo"})).await.unwrap_err().code(),
        "already_exists"
    );
}

#[tokio::test]
async fn a_save_merges_or_replaces_and_writes_nothing_when_nothing_changes() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let saved = save(&service, json!({"patch": {"data": {"a": 1, "b": {"c": 2}}, "goals": ["g"]}}))
        .await
        .unwrap();
    assert_eq!((saved.changed, saved.version), (true, 2));
    let again = save(&service, json!({"patch": {"data": {"a": 1}}})).await.unwrap();
    assert_eq!((again.changed, again.version), (false, 2));
    save(&service, json!({"patch": {"data": {"a": null, "b": {"d": 3}}}})).await.unwrap();
    assert_eq!(document(&service).await["data"], json!({"b": {"c": 2, "d": 3}}));
    save(&service, json!({"state": {"data": {"z": 0}}})).await.unwrap();
    let document = document(&service).await;
    assert_eq!(
        (&document["data"], &document["goals"], &document["version"]),
        (&json!({"z": 0}), &json!(["g"]), &json!(4))
    );
}

#[tokio::test]
async fn a_save_of_what_cannot_be_is_refused_and_writes_nothing() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for (fields, code) in [
        (json!({}), "invalid_argument"),
        (json!({"patch": {}, "state": {}}), "invalid_argument"),
        (json!({"patch": {"phase": "done"}}), "invalid_argument"),
        (json!({"state": {"version": 7}}), "invalid_argument"),
        (json!({"patch": {"todo": 1}}), "invalid_argument"),
        (json!({"patch": {"data": 1}}), "schema_violation"),
        (json!({"patch": {"goals": "one"}}), "schema_violation"),
        (
            json!({"patch": {"constraints": [{"id": "a", "status": "satisfied"}]}}),
            "schema_violation",
        ),
        (json!({"patch": {"data": {"deep": deep}}}), "too_large"),
        (
            json!({"patch": {"data": {"large": "x".repeat(limits::DOCUMENT_BYTES_MAX)}}}),
            "too_large",
        ),
        (json!({"patch": {"data": {"a": 1}}, "expected_version": 9}), "conflict"),
        (json!({"patch": {"data": {"a": 1}}, "note": "n".repeat(5000)}), "too_large"),
        (
            json!({"patch": {"data": {"a": 1}}, "idempotency_key": "k".repeat(129)}),
            "invalid_argument",
        ),
    ] {
        let refusal = save(&service, fields.clone()).await.expect_err("accepted");
        assert_eq!(refusal.code(), code, "{refusal}");
        assert!(!refusal.hint().is_empty());
    }
    assert_eq!(load(&service, json!({})).await.unwrap().version, 1);
}

#[tokio::test]
async fn of_two_writers_with_the_same_expected_version_one_wins() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let write = |value: i32| {
        save(&service, json!({"patch": {"data": {"v": value}}, "expected_version": 1}))
    };
    let (one, other) = tokio::join!(write(1), write(2));
    let refusal = one.err().or(other.err()).expect("one is refused");
    assert_eq!(refusal, Refusal::Conflict { expected: 1, current: 2 });
    assert_eq!(load(&service, json!({})).await.unwrap().version, 2);
}

#[tokio::test]
async fn the_same_key_writes_once_and_answers_the_same() {
    let (_folder, service) = on_disk();
    let key = |fields: Value| {
        let mut fields = fields;
        fields["idempotency_key"] = json!("k");
        fields
    };
    let first =
        init(&service, json!({"workflow": "document", "idempotency_key": "i"})).await.unwrap();
    save(&service, json!({"patch": {"data": {"other": 1}}})).await.unwrap();
    let again =
        init(&service, json!({"workflow": "document", "idempotency_key": "i"})).await.unwrap();
    assert_eq!(
        (again.outcome, again.version, again.briefing.version),
        (first.outcome, first.version, 2)
    );

    let saved = save(&service, key(json!({"patch": {"data": {"a": 1}}}))).await.unwrap();
    save(&service, json!({"patch": {"data": {"a": 2}}})).await.unwrap();
    let again = save(&service, key(json!({"patch": {"data": {"a": 1}}}))).await.unwrap();
    assert_eq!((again.changed, again.version, again.briefing.version), (true, saved.version, 4));
    assert_eq!(document(&service).await["data"]["a"], 2, "it was not done again");
    let refusal = save(&service, key(json!({"patch": {"data": {"a": 3}}}))).await.unwrap_err();
    assert!(refusal.to_string().contains("another call"), "{refusal}");

    let checkpoint = |label: &str| {
        let arguments: Checkpoint = arguments(json!({"label": label, "idempotency_key": "c"}));
        let service = service.clone();
        async move { service.run(arguments, &caller()).await }
    };
    let (made, again) = (checkpoint("x").await.unwrap(), checkpoint("x").await.unwrap());
    assert_eq!(
        (made.checkpoint_id, made.phase, made.iteration),
        (again.checkpoint_id, again.phase, again.iteration)
    );
}

#[tokio::test]
async fn a_key_comes_before_the_expected_version() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let fields =
        json!({"patch": {"data": {"a": 1}}, "expected_version": 1, "idempotency_key": "k"});
    assert_eq!(save(&service, fields.clone()).await.unwrap().version, 2);
    assert_eq!(save(&service, fields).await.unwrap().version, 2, "not a conflict with itself");
}

#[tokio::test]
async fn an_earlier_version_can_be_read_compared_and_restored() {
    let (_folder, service) = on_disk();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    save(&service, json!({"patch": {"data": {"a": 1}, "goals": ["one"]}})).await.unwrap();
    let checkpoint = call::<Checkpoint>(&service, json!({"label": "good"})).await.unwrap();
    assert_eq!((checkpoint.checkpoint_id.as_str(), checkpoint.version), ("cp-3", 3));
    save(&service, json!({"patch": {"data": {"a": 2}, "goals": ["two"], "inputs": {"i": 1}}}))
        .await
        .unwrap();

    let earlier =
        load(&service, json!({"at": "cp-3", "select": ["/data/a", "/nothing"]})).await.unwrap();
    assert_eq!(
        (earlier.version, json!(earlier.selected.unwrap())),
        (3, json!({"/data/a": 1, "/nothing": null}))
    );
    assert_eq!(earlier.briefing.version, 4, "the briefing is of now");
    let diff = call::<History>(&service, json!({"diff": [3, 4]})).await.unwrap().diff.unwrap();
    assert!(json!(diff).to_string().contains(r#""path":"/data/a","value":2"#), "{diff:?}");

    let restore = |to: &str| {
        let (service, arguments) = (service.clone(), arguments::<Restore>(json!({ "to": to })));
        async move { service.run(arguments, &caller()).await }
    };
    let restored = restore("cp-3").await.unwrap();
    assert_eq!((restored.version, restored.restored_from), (5, 3));
    let document = document(&service).await;
    assert_eq!(
        (&document["data"], &document["goals"], &document["inputs"]),
        (&json!({"a": 1}), &json!(["one"]), &json!({"i": 1}))
    );
    assert_eq!(restore("good").await.unwrap().restored_from, 3);
    assert_eq!(restore("99").await.unwrap_err().code(), "not_found");
    assert_eq!(restore("soon").await.unwrap_err().code(), "invalid_argument");
}

#[tokio::test]
async fn history_comes_in_pages_oldest_first() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    for i in 0..5 {
        save(&service, json!({"patch": {"data": {"i": i}}, "note": format!("n{i}")}))
            .await
            .unwrap();
    }
    let page = call::<History>(&service, json!({"after": 1, "limit": 3})).await.unwrap();
    let entries = page.entries.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.version).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(
        (entries[0].note.as_deref(), &entries[0].changed, entries[0].actor.as_str()),
        (Some("n0"), &vec!["/data/i".to_owned()], "test 1.0")
    );
    assert_eq!(page.next_after, Some(4));
    assert_eq!(call::<History>(&service, json!({"after": 4})).await.unwrap().next_after, None);
    assert!(call::<History>(&service, json!({"diff": [1]})).await.is_err());
}

#[tokio::test]
async fn artifacts_are_listed_by_name_with_filters_and_pages() {
    let service = service();
    for artifact in ["a-1", "a-2", "b-1", "a-3"] {
        let workflow = if artifact == "a-2" { "pmpo" } else { "document" };
        let init: Init =
            serde_json::from_value(json!({"name": artifact, "workflow": workflow})).unwrap();
        service.run(init, &caller()).await.unwrap();
    }
    let list = |fields: Value| {
        let service = service.clone();
        async move {
            let list: List = serde_json::from_value(fields).unwrap();
            service.run(list, &caller()).await.unwrap()
        }
    };
    let names =
        |listed: &Listed| listed.artifacts.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&list(json!({})).await), ["a-1", "a-2", "a-3", "b-1"]);
    assert_eq!(names(&list(json!({"prefix": "a-", "workflow": "document"})).await), ["a-1", "a-3"]);
    assert_eq!(names(&list(json!({"phase": "specify"})).await), ["a-2"]);
    let page = list(json!({"limit": 2})).await;
    assert_eq!(
        (names(&page), page.next_cursor.as_deref()),
        (vec!["a-1".into(), "a-2".into()], Some("a-2"))
    );
    let rest = list(json!({"limit": 2, "cursor": "a-2"})).await;
    assert_eq!((names(&rest), rest.next_cursor), (vec!["a-3".into(), "b-1".into()], None));
    assert_eq!(
        service
            .run(List { cursor: Some("../x".into()), ..List::default() }, &caller())
            .await
            .unwrap_err()
            .code(),
        "invalid_argument"
    );
}

#[tokio::test]
async fn a_large_document_is_answered_in_outline_and_in_parts() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let list: Vec<String> = (0..100).map(|i| format!("{i}{}", "x".repeat(1000))).collect();
    save(&service, json!({"patch": {"data": {"list": list, "small": 1}}})).await.unwrap();
    let brief = load(&service, json!({})).await.unwrap();
    assert_eq!(
        json!(brief.document.as_ref().unwrap())["data"],
        json!({"list": "list of 100", "small": "1"})
    );
    assert!(json!(brief).to_string().len() < 2048);
    assert_eq!(
        load(&service, json!({"detail": "full"})).await.unwrap_err().code(),
        "invalid_argument"
    );
    assert_eq!(
        load(&service, json!({"select": ["/data"]})).await.unwrap_err().code(),
        "invalid_argument"
    );
    assert!(load(&service, json!({"select": ["/data/list/7", "/data/small"]})).await.is_ok());
    assert_eq!(
        load(&service, json!({"select": ["data"]})).await.unwrap_err().code(),
        "invalid_argument"
    );
}

#[tokio::test]
async fn twenty_saves_at_once_on_one_artifact_are_all_there() {
    let (_folder, service) = on_disk();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let saves = (0..20).map(|i| {
        let service = service.clone();
        tokio::spawn(async move {
            save(&service, json!({"patch": {"data": {format!("k{i}"): i}}})).await.unwrap().version
        })
    });
    let mut versions = Vec::new();
    for save in saves.collect::<Vec<_>>() {
        versions.push(save.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, (2..=21).collect::<Vec<_>>());
    assert_eq!(document(&service).await["data"].as_object().unwrap().len(), 20);
}
