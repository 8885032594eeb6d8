//! Loops: events, decisions, and the end of a cycle.

use super::*;

#[tokio::test]
async fn after_the_specification_constraints_only_tighten_without_a_person() {
    let service = service();
    begin_loop(&service).await;
    let loosen = json!({"patch": {"constraints": []}});
    assert_eq!(save(&service, loosen.clone()).await.unwrap_err().code(), "approval_required");
    let tighten = json!({"patch": {"constraints": [constraint("links", "blocking"), constraint("new", "low")]}});
    assert!(save(&service, tighten).await.unwrap().changed);
    assert!(service.run(arguments::<Save>(loosen), &person(&service).await).await.unwrap().changed);
}

#[tokio::test]
async fn a_loop_runs_until_its_blocking_constraint_holds() {
    let service = service();
    begin_loop(&service).await;
    let first = iterate(&service, "violated").await;
    assert_eq!((first.from.as_str(), first.to.as_str()), ("persist", "plan"));
    assert_eq!((first.briefing.iteration.current, first.briefing.iteration.max), (2, 5));
    let second = iterate(&service, "satisfied").await;
    assert_eq!(
        (second.to.as_str(), second.briefing.status),
        ("converged", ConvergenceStatus::Converged)
    );
    assert!(second.briefing.next.instruction.contains("finalize"));
    assert_eq!(document(&service).await["iteration_history"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_transition_from_a_phase_that_is_not_the_present_one_is_refused() {
    let service = service();
    begin_loop(&service).await;
    let refusal = send(&service, json!({"event": "complete", "phase": "execute", "result": {}}))
        .await
        .unwrap_err();
    assert_eq!(refusal.code(), "invalid_transition");
    assert!(refusal.to_string().contains("the present phase is plan, not execute"), "{refusal}");
    assert_eq!(
        send(&service, json!({"event": "fly"})).await.unwrap_err().code(),
        "invalid_transition"
    );
    assert_eq!(
        send(&service, json!({"event": "stop"})).await.unwrap_err().code(),
        "approval_required"
    );
    assert_eq!(
        send(&service, json!({"event": "complete", "phase": "plan", "result": {}, "cost": -1.0}))
            .await
            .unwrap_err()
            .code(),
        "invalid_argument"
    );
    let stopped = service
        .run(
            arguments::<Transition>(json!({"event": "stop", "reason": "enough"})),
            &person(&service).await,
        )
        .await
        .unwrap();
    assert_eq!(stopped.briefing.status, ConvergenceStatus::UserTerminated);
}

#[tokio::test]
async fn a_repeated_transition_is_answered_as_done() {
    let service = service();
    begin_loop(&service).await;
    let fields = json!({"event": "complete", "phase": "plan", "result": {"steps": ["one"]}});
    let first = send(&service, fields.clone()).await.unwrap();
    let again = send(&service, fields).await.unwrap();
    assert_eq!((again.from, again.to, again.version), (first.from, first.to, first.version));
    let other =
        send(&service, json!({"event": "complete", "phase": "plan", "result": {"steps": ["two"]}}))
            .await;
    assert_eq!(other.unwrap_err().code(), "invalid_transition");
    assert_eq!(load(&service, json!({})).await.unwrap().version, 3);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let service = service();
    begin_loop(&service).await;
    let dry = json!({"event": "complete", "phase": "plan", "result": {"steps": ["write"]}, "dry_run": true});
    let dry = send(&service, dry).await.unwrap();
    assert_eq!((dry.to.as_str(), dry.version, dry.dry_run), ("execute", 2, Some(true)));
    assert_eq!(load(&service, json!({})).await.unwrap().briefing.phase, "plan");
}

#[tokio::test]
async fn a_cycle_is_finalized_when_its_loop_has_ended_and_with_the_status_it_ended_with() {
    let service = service();
    begin_loop(&service).await;
    assert_eq!(
        call::<Finalize>(&service, json!({})).await.unwrap_err().code(),
        "invalid_transition"
    );
    iterate(&service, "satisfied").await;
    assert_eq!(
        call::<Finalize>(&service, json!({"status": "user_terminated"})).await.unwrap_err().code(),
        "invalid_argument"
    );
    let finalized = call::<Finalize>(&service, json!({"status": "converged"})).await.unwrap();
    assert_eq!((finalized.cycle, finalized.archived_to.as_str()), (1, ".refiner/history/report/1"));
    let again = call::<Finalize>(&service, json!({})).await.unwrap();
    assert_eq!(again.version, finalized.version);
    assert_eq!(
        save(&service, json!({"patch": {"data": {"a": 1}}})).await.unwrap_err().code(),
        "finalized"
    );
    assert_eq!(complete(&service, "plan", json!({})).await.unwrap_err().code(), "finalized");
}

#[tokio::test]
async fn a_document_is_finalized_from_any_phase_but_never_converges() {
    let service = service();
    init(&service, json!({"workflow": "document"})).await.unwrap();
    for judged in ["converged", "max_iterations_exceeded"] {
        let refusal = call::<Finalize>(&service, json!({"status": judged})).await.unwrap_err();
        assert_eq!(refusal.code(), "invalid_argument", "{judged}");
    }
    let finalized = call::<Finalize>(&service, json!({"status": "user_terminated"})).await.unwrap();
    assert_eq!(finalized.briefing.status, ConvergenceStatus::UserTerminated);
    init(&service, json!({"workflow": "document"})).await.unwrap();
    let finalized = call::<Finalize>(&service, json!({})).await.unwrap();
    assert_eq!(finalized.briefing.status, ConvergenceStatus::Closed);
}

#[tokio::test]
async fn restoring_does_not_rewind_the_loop() {
    let service = service();
    begin_loop(&service).await;
    iterate(&service, "violated").await;
    let before = document(&service).await;
    call::<Restore>(&service, json!({"to": "1"})).await.unwrap();
    let after = document(&service).await;
    for field in [
        "phase",
        "current_iteration",
        "iteration_history",
        "constraints",
        "metrics",
        "results",
        "convergence_status",
    ] {
        assert_eq!(before[field], after[field], "{field}");
    }
}

#[tokio::test]
async fn a_storage_that_forgets_refuses_checkpoints_and_skips_those_of_a_workflow() {
    let service = service();
    begin_loop(&service).await;
    let refusal = call::<Checkpoint>(&service, json!({})).await.unwrap_err();
    assert_eq!(refusal.code(), "unsupported");
    let sent = complete(&service, "plan", json!({"steps": ["write"]})).await.unwrap();
    assert!(
        sent.briefing.warnings.iter().any(|warning| warning.contains("no checkpoint")),
        "{:?}",
        sent.briefing.warnings
    );
    assert_eq!(document(&service).await["checkpoints"], json!([]));
}

#[tokio::test]
async fn every_prompt_renders_in_every_phase_and_is_short_on_a_fresh_artifact() {
    let service = service();
    let unknown = service.prompt("pmpo", &name()).await.unwrap();
    assert!(unknown.contains("init_state"), "{unknown}");
    begin_loop(&service).await;
    for _ in 0..6 {
        let state = load(&service, json!({"with_prompt": true})).await.unwrap();
        assert!(state.prompt.unwrap().contains("transition"));
        for prompt in ["pmpo", "specify", "plan", "execute", "reflect", "persist"] {
            let text = service.prompt(prompt, &name()).await.unwrap();
            assert!(
                text.contains("report") && text.len() < 6 << 10,
                "{prompt}: {} bytes",
                text.len()
            );
        }
        let phase = state.briefing.phase;
        complete(&service, &phase, result_of(&phase, "violated")).await.unwrap();
    }
    assert_eq!(service.prompt("nothing", &name()).await.unwrap_err().code(), "invalid_argument");
}

#[tokio::test]
async fn a_readable_copy_of_a_finalized_cycle_is_kept() {
    let (folder, service) = on_disk();
    begin_loop(&service).await;
    iterate(&service, "violated").await;
    iterate(&service, "satisfied").await;
    let finalized = call::<Finalize>(&service, json!({})).await.unwrap();
    init(&service, json!({})).await.unwrap();
    let archive = folder.path().join(finalized.archived_to);
    let state: Value =
        serde_json::from_slice(&std::fs::read(archive.join("state.json")).unwrap()).unwrap();
    assert_eq!((&state["cycle"], &state["convergence_status"]), (&json!(1), &json!("converged")));
    let log = std::fs::read_to_string(archive.join("refinement_log.md")).unwrap();
    assert_eq!(log.lines().filter(|line| line.starts_with("## Iteration")).count(), 2);
    let decisions = std::fs::read_to_string(archive.join("decisions.md")).unwrap();
    assert!(
        decisions.contains("- **Decision**: continue")
            && decisions.contains("- **Decision**: terminate")
    );
    assert!(
        !folder.path().join(".refiner/artifacts/report/decisions.md").exists(),
        "the new cycle has none yet"
    );
}

#[tokio::test]
async fn a_new_cycle_loosens_nothing_without_a_person() {
    let service = service();
    let high = json!([constraint("links", "blocking"), constraint("tone", "high")]);
    let fields = json!({"goals": ["short"], "constraints": high, "max_iterations": 3});
    init(&service, fields).await.unwrap();
    complete(&service, "specify", json!({})).await.unwrap();
    let found = ["links", "tone"].map(|id| json!({"id": id, "status": "satisfied"}));
    for phase in ["plan", "execute", "reflect", "persist"] {
        let result = match phase {
            "reflect" => json!({"constraints": found}),
            _ => result_of(phase, "satisfied"),
        };
        write(&service, "report.md", "the report").await;
        complete(&service, phase, result).await.unwrap();
    }
    call::<Finalize>(&service, json!({})).await.unwrap();
    let lower = json!([constraint("links", "low"), constraint("tone", "high")]);
    for loosened in
        [json!({"constraints": []}), json!({"constraints": lower}), json!({"max_iterations": 1})]
    {
        let refusal = init(&service, loosened.clone()).await.unwrap_err();
        assert_eq!(refusal.code(), "approval_required", "{loosened}: {refusal}");
    }
    init(&service, json!({})).await.unwrap();
    let constraints = &document(&service).await["constraints"];
    assert_eq!(
        (&constraints[0]["set_by"], &constraints[0]["set_in"]),
        (&json!("model"), &json!(1))
    );
    // In specify too, what the last cycle ended with stays.
    let refusal = complete(&service, "specify", json!({"constraints": lower})).await.unwrap_err();
    assert_eq!(refusal.code(), "approval_required", "{refusal}");
    let dropped = save(&service, json!({"state": {"constraints": []}})).await.unwrap_err();
    assert_eq!(dropped.code(), "approval_required");
    let agreed: Init = arguments(json!({}));
    assert_eq!(service.run(agreed, &caller()).await.unwrap().outcome, Opened::Resumed);
}

#[tokio::test]
async fn what_converged_stays_until_it_is_reopened() {
    let service = service();
    begin_loop(&service).await;
    iterate(&service, "satisfied").await;
    let output: WriteOutput = arguments(json!({"path": "report.md", "content": "other"}));
    let written = service.run(output, &caller()).await.unwrap_err();
    assert_eq!(written.code(), "invalid_transition");
    for refused in [
        save(&service, json!({"patch": {"goals": ["more"]}})).await.map(drop),
        call::<Restore>(&service, json!({"to": "1"})).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().code(), "invalid_transition");
    }
    save(&service, json!({"patch": {"data": {"x": 1}}})).await.unwrap();
    let ended_at = document(&service).await["last_transition"]["version"].to_string();
    call::<Restore>(&service, json!({"to": ended_at})).await.unwrap();
    let reopened = send(&service, json!({"event": "reopen"})).await.unwrap();
    assert_eq!((reopened.to.as_str(), reopened.briefing.iteration.current), ("plan", 2));
    assert_eq!(reopened.briefing.status, ConvergenceStatus::Running);
    iterate(&service, "satisfied").await;
    call::<Finalize>(&service, json!({})).await.unwrap();
}

#[tokio::test]
async fn a_loop_that_repeats_itself_asks_a_person() {
    let service = service();
    let mut fields = goal_and_constraint();
    fields["pause_on_stall"] = json!(true);
    init(&service, fields).await.unwrap();
    complete(&service, "specify", json!({})).await.unwrap();
    assert_eq!(iterate(&service, "violated").await.to, "plan");
    let second = iterate(&service, "violated").await;
    let says = second.briefing.warnings.join("; ");
    assert!(second.to == "plan" && says.contains("gets nowhere"), "{says}");
    assert_eq!(iterate(&service, "violated").await.to, "paused");
    let go_on = json!({"event": "continue"});
    assert_eq!(send(&service, go_on.clone()).await.unwrap_err().code(), "approval_required");
    let person = person(&service).await;
    let gone_on = service.run(arguments::<Transition>(go_on), &person).await.unwrap();
    assert_eq!((gone_on.to.as_str(), gone_on.briefing.iteration.current), ("plan", 4));
}

#[tokio::test]
async fn a_person_approves_the_specification_before_the_work() {
    let service = service();
    let mut fields = goal_and_constraint();
    fields["approve_specification"] = json!(true);
    init(&service, fields).await.unwrap();
    let waiting = complete(&service, "specify", json!({})).await.unwrap();
    assert_eq!(waiting.to, "specification_approval");
    let approve = json!({"event": "approve"});
    assert_eq!(send(&service, approve.clone()).await.unwrap_err().code(), "approval_required");
    let person = person(&service).await;
    let approved = service.run(arguments::<Transition>(approve), &person).await.unwrap();
    assert_eq!((approved.to.as_str(), approved.briefing.iteration.current), ("plan", 1));
    assert_eq!(document(&service).await["constraints"][0]["set_by"], "person");
}

#[tokio::test]
async fn a_check_that_must_fail_first_proves_nothing_before() {
    let service = service();
    let first = json!({"id": "links", "description": "d", "severity": "blocking",
        "must_fail_first": true,
        "validation": {"method": "not_empty", "params": {"path": "dist/report.md"}}});
    for (before, to) in [(Some("early"), "plan"), (None, "converged")] {
        let name = json!({"goals": ["g"], "constraints": [first], "require_measured": "blocking"});
        let service = if before.is_some() { service.clone() } else { self::service() };
        init(&service, name).await.unwrap();
        if let Some(content) = before {
            write(&service, "report.md", content).await;
        }
        complete(&service, "specify", json!({})).await.unwrap();
        for phase in ["plan", "execute", "reflect", "persist"] {
            if phase == "execute" {
                write(&service, "report.md", "the report").await;
            }
            let result = match phase {
                "reflect" => json!({}),
                _ => result_of(phase, ""),
            };
            let sent = complete(&service, phase, result).await.unwrap();
            assert!(phase != "persist" || sent.to == to, "{before:?}: {sent:?}");
        }
    }
}

#[tokio::test]
async fn what_lies_at_the_place_of_an_archive_is_refused() {
    let (folder, service) = on_disk();
    begin_loop(&service).await;
    iterate(&service, "satisfied").await;
    let place = folder.path().join(".refiner/history/report/1");
    std::fs::create_dir_all(&place).unwrap();
    let refusal = call::<Finalize>(&service, json!({})).await.unwrap_err();
    assert!(refusal.to_string().contains(".refiner/history/report/1"), "{refusal}");
    std::fs::remove_dir(&place).unwrap();
    call::<Finalize>(&service, json!({})).await.unwrap();
    assert!(place.join("state.json").exists());
}
