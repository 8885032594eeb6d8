//! Resets and deletions.

use super::*;

async fn reset(service: &Service, caller: &Caller) -> Result<WasReset, Refusal> {
    service.run(arguments::<Reset>(json!({"confirm": "report"})), caller).await
}

async fn delete(service: &Service, fields: Value) -> Result<Deleted, Refusal> {
    let mut fields = fields;
    fields["confirm"] = json!("report");
    service.run(arguments::<Delete>(fields), &person(service).await).await
}

/// An artifact whose loop has gone round once, with a file and a constraint that is violated.
async fn with_work(service: &Service) {
    let begun = json!({
        "goals": ["short"], "inputs": {"brief": "x"}, "max_iterations": 3,
        "artifact_type": "content", "content_type": "direct:content", "requires_approval": false,
        "constraints": [constraint("links", "blocking")],
    });
    init(service, begun).await.unwrap();
    complete(service, "specify", json!({})).await.unwrap();
    save(service, json!({"patch": {"data": {"notes": "mine"}}})).await.unwrap();
    let output: WriteOutput = arguments(json!({"path": "report.md", "content": "# Report"}));
    service.run(output, &caller()).await.unwrap();
    iterate(service, "violated").await;
}

/// Ends the first phase of a cycle that has no constraints yet.
async fn specify(service: &Service) {
    complete(service, "specify", goal_and_constraint()).await.unwrap();
}

#[tokio::test]
async fn a_reset_leaves_what_kind_of_work_it_is_and_nothing_of_the_work() {
    let (folder, service) = on_disk();
    with_work(&service).await;
    let before = document(&service).await;
    let answer = reset(&service, &person(&service).await).await.unwrap();
    let after = document(&service).await;
    for kept in ["workflow", "artifact_type", "content_type", "max_iterations", "requires_approval"]
    {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    for emptied in ["goals", "constraints", "iteration_history", "checkpoints", "phases_completed"]
    {
        assert_eq!(after[emptied], json!([]), "{emptied}");
        assert!(emptied == "phases_completed" || before[emptied] != json!([]), "{emptied}");
    }
    for emptied in ["inputs", "data", "results"] {
        assert_eq!(after[emptied], json!({}), "{emptied}");
    }
    assert_eq!((&after["cycle"], &after["phase"]), (&json!(2), &json!("specify")));
    assert_eq!(after["prior_cycle_id"], before["refinement_id"]);
    assert_eq!(answer.version, before["version"].as_u64().unwrap() + 1);
    assert!(answer.briefing.warnings.is_empty(), "{:?}", answer.briefing.warnings);

    let kept = folder.path().join(answer.kept_in.unwrap());
    assert!(kept.join("dist/report.md").exists() && kept.join("refinement_log.md").exists());
    let artifact = folder.path().join(".refiner/artifacts/report");
    assert_eq!(std::fs::read_dir(artifact.join("dist")).unwrap().count(), 0);
    assert!(!artifact.join("refinement_log.md").exists(), "the log begins anew");
    assert!(!folder.path().join(".refiner/history").exists(), "no cycle was finalized");

    // The loop goes on, and its end is archived as that of any cycle.
    specify(&service).await;
    iterate(&service, "satisfied").await;
    let finalized = call::<Finalize>(&service, json!({})).await.unwrap();
    assert_eq!((finalized.cycle, finalized.briefing.warnings), (2, Vec::<String>::new()));
    assert!(folder.path().join(".refiner/history/report/2/state.json").exists());
    assert!(!folder.path().join(".refiner/history/report/1").exists());
}

#[tokio::test]
async fn without_a_persons_agreement_nothing_is_taken_away() {
    let service = service();
    with_work(&service).await;
    let version = load(&service, json!({})).await.unwrap().version;
    let refused = reset(&service, &caller()).await.unwrap_err();
    assert_eq!(refused.code(), "approval_required");
    assert!(refused.hint().contains("refiner reset report"), "{}", refused.hint());
    let call: Delete = arguments(json!({"confirm": "report", "purge": true}));
    let refused = service.run(call, &caller()).await.unwrap_err();
    assert!(refused.hint().contains("refiner delete report --purge"), "{}", refused.hint());
    let seen = ApprovalBinding::Version { cycle: "another".into(), version };
    let stale = caller().confirmed_for(Consent::new(seen, None));
    assert_eq!(reset(&service, &stale).await.unwrap_err().code(), "conflict");
    for confirm in ["", "repor", "Report"] {
        let call: Delete = arguments(json!({"confirm": confirm}));
        let refused = service.run(call, &person(&service).await).await.unwrap_err();
        assert_eq!(refused.code(), "invalid_argument");
    }
    assert_eq!(load(&service, json!({})).await.unwrap().version, version);
}

#[tokio::test]
async fn a_closed_cycle_can_be_reset_and_deleted() {
    for (_folder, service) in [on_disk(), on_disk()] {
        with_work(&service).await;
        iterate(&service, "satisfied").await;
        call::<Finalize>(&service, json!({})).await.unwrap();
        let answer = reset(&service, &person(&service).await).await.unwrap();
        assert_eq!((answer.briefing.cycle, answer.briefing.phase.as_str()), (2, "specify"));
        specify(&service).await;
        iterate(&service, "satisfied").await;
        call::<Finalize>(&service, json!({})).await.unwrap();
        assert!(delete(&service, json!({})).await.unwrap().warnings.is_empty());
    }
}

#[tokio::test]
async fn a_deleted_artifact_is_found_by_its_history_only_and_its_name_goes_on_counting() {
    let (folder, service) = on_disk();
    with_work(&service).await;
    iterate(&service, "satisfied").await;
    call::<Finalize>(&service, json!({})).await.unwrap();
    let version = load(&service, json!({})).await.unwrap().version;
    let answer = delete(&service, json!({})).await.unwrap();
    assert_eq!(answer.version, version + 1);
    let kept = folder.path().join(answer.kept_in.unwrap());
    assert!(kept.join("history/1/state.json").exists(), "finalized cycles go too");
    assert!(!folder.path().join(".refiner/history/report").exists());

    let refused = load(&service, json!({})).await.unwrap_err();
    assert!(refused.to_string().contains("any more") && refused.hint().contains("init_state"));
    for refused in [
        save(&service, json!({"patch": {"data": {}}})).await.map(drop),
        send(&service, json!({"event": "complete"})).await.map(drop),
        call::<Finalize>(&service, json!({})).await.map(drop),
        delete(&service, json!({})).await.map(drop),
        reset(&service, &person(&service).await).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code(), "not_found");
    }
    assert!(service.run(List::default(), &caller()).await.unwrap().artifacts.is_empty());
    let history = call::<History>(&service, json!({"after": version})).await.unwrap();
    assert_eq!(history.entries.unwrap()[0].operation, "delete_artifact");
    assert!(history.briefing.is_none() && history.next_after.is_none());

    let opened = init(&service, json!({})).await.unwrap();
    assert_eq!((opened.outcome, opened.version), (Opened::Created, version + 2));
    let after = document(&service).await;
    assert_eq!((&after["cycle"], &after["goals"]), (&json!(1), &json!([])));
    let restored =
        service.run(arguments::<Restore>(json!({"to": version.to_string()})), &caller()).await;
    assert!(restored.unwrap().briefing.warnings.is_empty());
    let after = document(&service).await;
    assert_eq!((&after["goals"], &after["data"]), (&json!(["short"]), &json!({"notes": "mine"})));
}

#[tokio::test]
async fn what_was_purged_cannot_be_restored() {
    let (folder, service) = on_disk();
    with_work(&service).await;
    let version = load(&service, json!({})).await.unwrap().version;
    let answer = delete(&service, json!({"purge": true})).await.unwrap();
    assert_eq!((answer.version, answer.kept_in), (version + 1, None));
    let history = call::<History>(&service, json!({})).await.unwrap();
    assert!(history.entries.unwrap().is_empty() && history.deleted_at.is_some());
    assert!(load(&service, json!({})).await.unwrap_err().hint().contains("purged"));
    assert!(!folder.path().join(".refiner/trash").exists());
    assert_eq!(init(&service, json!({})).await.unwrap().version, version + 2);
    let restored =
        service.run(arguments::<Restore>(json!({"to": version.to_string()})), &caller()).await;
    assert_eq!(restored.unwrap_err().code(), "not_found");
}

#[tokio::test]
async fn a_removal_that_comes_again_is_done_once_and_its_key_ends_with_the_life_before() {
    let service = service();
    init(&service, json!({"idempotency_key": "open"})).await.unwrap();
    let key = json!({"confirm": "report", "idempotency_key": "reset"});
    let first =
        service.run(arguments::<Reset>(key.clone()), &person(&service).await).await.unwrap();
    let again = call::<Reset>(&service, key).await.unwrap();
    assert_eq!((first.version, &first.kept_in), (again.version, &again.kept_in));
    let deleted = delete(&service, json!({"idempotency_key": "end"})).await.unwrap();
    assert_eq!(
        delete(&service, json!({"idempotency_key": "end"})).await.unwrap().version,
        deleted.version
    );
    let another = delete(&service, json!({"idempotency_key": "end", "purge": true})).await;
    assert_eq!(another.unwrap_err().code(), "invalid_argument");

    let opened = init(&service, json!({"idempotency_key": "open"})).await.unwrap();
    assert_eq!((opened.outcome, opened.version), (Opened::Created, deleted.version + 1));
    let stale = delete(&service, json!({"expected_version": deleted.version})).await;
    assert_eq!(stale.unwrap_err().code(), "conflict");
}

#[tokio::test]
async fn what_could_not_be_taken_away_is_said_and_is_done_with_the_next_look() {
    let (folder, service) = on_disk();
    with_work(&service).await;
    let trash = folder.path().join(".refiner/trash");
    drop(std::fs::File::create(&trash).unwrap());
    let answer = delete(&service, json!({"idempotency_key": "end"})).await.unwrap();
    assert!(answer.warnings[0].contains("the removal of files is not finished"), "{answer:?}");
    assert_eq!(load(&service, json!({})).await.unwrap_err().code(), "not_found");
    let doctor = Doctor { name: Some(name()) };
    let findings = service.doctor(doctor, &caller()).await.unwrap().findings;
    assert!(findings[0].problem.contains("the removal by version"), "{findings:?}");

    std::fs::remove_file(&trash).unwrap();
    let again = delete(&service, json!({"idempotency_key": "end"})).await.unwrap();
    assert_eq!((again.version, again.warnings), (answer.version, Vec::<String>::new()));
    let kept = folder.path().join(again.kept_in.unwrap());
    assert!(kept.join("dist/report.md").exists() && kept.join("state.json").exists());
}
