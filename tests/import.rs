//! `refiner import`: what the older PMPO skill kept, taken over without a change to it.

mod hostile;

use serde_json::{Value, json};

use crate::common::{Project, refiner};

/// Writes a file of what is imported.
fn write(older: &Project, path: &str, content: impl AsRef<[u8]>) {
    let path = older.path().join(".refiner").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// A state as the older skill wrote it.
fn state() -> Value {
    json!({
        "refinement_id": "7e1c9f0a-0000-4000-8000-000000000001",
        "artifact_name": "Acme Logo",
        "artifact_type": "logo",
        "content_type": "direct:svg",
        "state_provider": { "provider_type": "filesystem" },
        "started_at": "2026-01-02T03:04:05Z",
        "updated_at": "2026-01-02T04:00:00Z",
        "finalized_at": null,
        "current_iteration": 2,
        "max_iterations": 6,
        "goals": ["a logo for Acme"],
        "constraints": [],
        "phases_completed": ["specify", "plan", "execute"],
        "convergence_status": "running",
        "iteration_history": [{
            "iteration": 1, "constraints_satisfied": 1, "constraints_total": 3,
            "decision": "continue", "timestamp": "2026-01-02T03:30:00Z", "phases_completed": [],
        }],
        "workflow_triggers": [{ "event": "on_phase_complete", "command": "touch ran" }],
        "checkpoints": [{ "checkpoint_id": "ab12cd34", "phase": "plan", "iteration": 1 }],
        "prior_cycle_id": "7e1c9f0a-0000-4000-8000-000000000000",
        "metrics": { "cumulative_cost": 1.5, "cumulative_time_seconds": 60.0 },
        "data": { "palette": ["#123456"] },
        "mood": "bold",
    })
}

fn constraints() -> Value {
    json!({
        "artifact_type": "logo",
        "global_rules": ["no gradients"],
        "constraints": [
            { "id": "contrast", "description": "contrast is enough", "severity": "blocking",
              "type": "visual", "validated": true, "last_checked": "2026-01-02T03:30:00Z",
              "validation": { "requires_code_execution": true, "validation_method": "contrast" } },
            { "id": "there", "description": "the file is there", "severity": "high",
              "status": "satisfied", "validation": { "method": "file_exists", "params": { "path": "mark.svg" } } },
            { "id": "words", "description": "no words", "severity": "urgent" },
        ],
    })
}

/// A folder of the older skill with one artifact that is under way.
fn older() -> Project {
    let older = Project::new();
    let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
    let home = "artifacts/Acme Logo";
    write(&older, "registry.json", r#"{"artifacts":{"Acme Logo":{},"gone":{}}}"#);
    write(&older, &format!("{home}/state.json"), text(&state()));
    write(&older, &format!("{home}/constraints.json"), text(&constraints()));
    let manifest = json!({
        "artifact_type": "logo", "generated_at": "2026-01-02T03:30:00Z", "sizes": [16, 32],
        "variants": [
            { "name": "mark", "file": ".refiner/artifacts/Acme Logo/dist/mark.svg" },
            { "name": "icons", "files": ["dist/icons/16.png"], "background": "dark" },
        ],
    });
    write(&older, &format!("{home}/artifact_manifest.json"), text(&manifest));
    write(&older, &format!("{home}/refinement_log.md"), "## Iteration 1 — then\n\nDone.");
    write(&older, &format!("{home}/decisions.md"), "### Iteration 1 Decision\n");
    write(&older, &format!("{home}/checkpoints/ab12cd34.json"), r#"{"current_iteration":1}"#);
    write(&older, &format!("{home}/dist/mark.svg"), "<svg xmlns='http://www.w3.org/2000/svg'/>");
    write(&older, &format!("{home}/dist/icons/16.png"), [0x89, b'P', 0, 255]);
    write(&older, &format!("{home}/scratch.txt"), "?");
    write(&older, "history/Acme Logo/2026-01-01_00-00-00Z/state.json", r#"{"goals":["older"]}"#);
    older
}

/// Imports, and returns what is said about it.
fn import(project: &Project, older: &Project, options: &[&str]) -> Value {
    let folder = older.file("");
    let mut arguments = vec!["import", folder.to_str().unwrap(), "--json"];
    arguments.extend(options);
    let finished = refiner(project.path(), arguments);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    finished.json()
}

/// Returns what is said about a place.
fn remark<'a>(of: &'a Value, place: &str) -> &'a str {
    let remarks = of["remarks"].as_array().unwrap();
    let found = remarks.iter().find(|one| one["place"].as_str().unwrap().ends_with(place));
    found.unwrap_or_else(|| panic!("nothing about {place}: {remarks:#?}"))["what"].as_str().unwrap()
}

#[test]
fn an_older_artifact_is_taken_over_with_all_that_is_understood() {
    let (project, older) = (Project::new(), older());
    let answer = import(&project, &older, &[]);
    let artifact = &answer["artifacts"][0];
    assert_eq!((&artifact["from"], &artifact["name"]), (&json!("Acme Logo"), &json!("acme-logo")));
    assert_eq!((&artifact["version"], &artifact["files"]), (&json!(1), &json!(2)));
    let found = project.state("acme-logo");
    for field in ["refinement_id", "artifact_type", "content_type", "goals", "prior_cycle_id"] {
        assert_eq!(found[field], state()[field], "{field}");
    }
    for (field, expected) in [
        ("workflow", json!("pmpo")),
        ("phase", json!("reflect")),
        ("current_iteration", json!(2)),
        ("max_iterations", json!(6)),
        ("convergence_status", json!("running")),
        ("started_at", json!("2026-01-02T03:04:05.000Z")),
        ("phases_completed", json!(["specify", "plan", "execute"])),
        ("metrics", state()["metrics"].clone()),
        ("workflow_triggers", json!([])),
    ] {
        assert_eq!(found[field], expected, "{field}");
    }
    let iteration = &found["iteration_history"][0];
    assert_eq!(
        (&iteration["constraints"]["total"], &iteration["decision"]),
        (&json!(3), &json!("continue"))
    );
    assert_eq!(found["data"]["palette"], json!(["#123456"]));
    assert_eq!(found["data"]["imported"]["state"], json!({ "mood": "bold" }));
    assert_eq!(found["data"]["imported"]["workflow_triggers"], state()["workflow_triggers"]);
    assert_eq!(found["data"]["imported"]["cycles"]["2026-01-01_00-00-00Z"]["goals"][0], "older");
}

#[test]
fn findings_are_somebodys_word_and_what_can_be_measured_has_to_be() {
    let (project, older) = (Project::new(), older());
    import(&project, &older, &[]);
    let found = project.state("acme-logo");
    let [contrast, there, words] = [0, 1, 2].map(|index| &found["constraints"][index]);
    assert_eq!((&contrast["status"], &contrast["asserted"]), (&json!("satisfied"), &json!(true)));
    assert_eq!(contrast["validation"], Value::Null);
    assert_eq!(
        found["data"]["imported"]["validation_contrast"]["validation_method"],
        json!("contrast")
    );
    assert_eq!((&there["status"], &there["validated"]), (&json!("stale"), &json!(false)));
    assert_eq!((&words["severity"], &words["status"]), (&json!("blocking"), &json!("unchecked")));
}

#[test]
fn files_and_logs_come_along() {
    let (project, older) = (Project::new(), older());
    import(&project, &older, &[]);
    let read = |path: &str| std::fs::read(project.of("acme-logo", path)).unwrap();
    assert_eq!(read("dist/icons/16.png"), [0x89, b'P', 0, 255]);
    assert!(read("dist/mark.svg").starts_with(b"<svg"));
    assert_eq!(read("refinement_log.md"), "## Iteration 1 — then\n\nDone.\n\n".as_bytes());
    assert_eq!(read("decisions.md"), b"### Iteration 1 Decision\n\n");
    let variants = &project.state("acme-logo")["manifest"]["variants"];
    assert_eq!(variants[0]["file"], "mark.svg");
    assert_eq!(variants[1]["files"], json!(["icons/16.png"]));
    let healthy = refiner(project.path(), ["doctor"]);
    assert_eq!(healthy.code, Some(0), "{healthy:?}");
}

#[test]
fn what_is_not_understood_is_listed() {
    let (project, older) = (Project::new(), older());
    let answer = import(&project, &older, &[]);
    let artifact = &answer["artifacts"][0];
    assert!(remark(artifact, "artifacts/Acme Logo").contains("imported under the name acme-logo"));
    assert!(remark(artifact, "scratch.txt").contains("not imported"));
    assert!(remark(artifact, "state.json").contains("phase reflect"));
    assert!(remark(artifact, "workflow_triggers").contains("inactive"));
    assert!(remark(artifact, "constraints/2/severity").contains("blocking is assumed"));
    assert!(remark(artifact, "variants/1").contains("\"background\""));
    assert!(remark(artifact, "constraints.json").contains("\"global_rules\""));
    assert!(remark(&answer, "registry.json").contains("\"gone\""));
}

#[test]
fn the_original_is_not_changed_by_an_import_nor_by_a_refused_one() {
    let (project, older) = (Project::new(), older());
    let before = older.digest();
    import(&project, &older, &["--dry-run"]);
    assert_eq!(project.names("artifacts"), Vec::<String>::new(), "a dry run makes nothing");
    import(&project, &older, &[]);
    let again = refiner(project.path(), ["import", older.path().to_str().unwrap()]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(again.stderr.contains("acme-logo already exists in this project"), "{again:?}");
    let home = older.file("");
    let itself = refiner(older.path(), ["import", home.to_str().unwrap()]);
    assert_eq!(itself.code, Some(1), "{itself:?}");
    assert!(itself.stderr.contains("move it away first"), "{itself:?}");
    assert_eq!(older.digest(), before);
}

#[test]
fn one_artifact_can_be_chosen_and_renamed() {
    let (project, older) = (Project::new(), older());
    write(&older, "artifacts/acme-logo/state.json", state().to_string());
    let refused = refiner(project.path(), ["import", older.path().to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "two would have one name: {refused:?}");
    assert!(project.names("artifacts").is_empty());
    let answer = import(&project, &older, &["--name", "Acme Logo", "--as", "mark"]);
    assert_eq!(answer["artifacts"][0]["name"], "mark");
    assert_eq!(import(&project, &older, &["--name", "acme-logo"])["artifacts"][0]["version"], 1);
    let unknown =
        refiner(project.path(), ["import", older.path().to_str().unwrap(), "--name", "nothing"]);
    assert!(unknown.stderr.contains("Acme Logo, acme-logo"), "{unknown:?}");
}

#[test]
fn an_imported_loop_goes_on_by_the_servers_rules() {
    let (project, older) = (Project::new(), older());
    import(&project, &older, &[]);
    let done = |arguments: &[&str]| {
        let finished = refiner(project.path(), arguments);
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished
    };
    assert!(done(&["history", "acme-logo"]).stdout.contains("import"));
    done(&["show", "acme-logo"]);
    let reflection = json!({ "constraints": [
        { "id": "contrast", "status": "satisfied" }, { "id": "words", "status": "violated" },
    ] });
    let reflected = reflection.to_string();
    let complete = ["transition", "acme-logo", "complete", "--phase"];
    done(&[&complete[..], &["reflect", "--result", &reflected]].concat());
    assert_eq!(project.state("acme-logo")["phase"], "persist");
    done(&[&complete[..], &["persist", "--result", "{}"]].concat());
    let state = project.state("acme-logo");
    assert_eq!((&state["phase"], &state["current_iteration"]), (&json!("plan"), &json!(3)));
    let log = std::fs::read_to_string(project.of("acme-logo", "refinement_log.md")).unwrap();
    assert!(log.contains("## Iteration 1 — then") && log.contains("## Iteration 2 — "), "{log}");
}

#[test]
fn a_finalized_artifact_stays_so_and_seeds_the_next_cycle() {
    let (project, older) = (Project::new(), older());
    let mut state = state();
    state["convergence_status"] = json!("converged");
    state["finalized_at"] = json!("2026-01-02T05:00:00Z");
    write(&older, "artifacts/Acme Logo/state.json", state.to_string());
    import(&project, &older, &[]);
    let imported = project.state("acme-logo");
    assert_eq!(imported["phase"], "converged");
    assert_eq!(imported["finalized_at"], "2026-01-02T05:00:00.000Z");
    let next = refiner(project.path(), ["init", "acme-logo", "--json"]).json();
    assert_eq!(next["outcome"], "new_cycle");
    assert_eq!(project.state("acme-logo")["prior_cycle_id"], state["refinement_id"]);
}

#[test]
fn where_the_older_skill_was_every_answer_leads_to_the_import() {
    let older = Project::new();
    write(&older, "artifacts/logo/state.json", state().to_string());
    let before = older.digest();
    for arguments in [["init", "logo"], ["show", "logo"]] {
        let finished = refiner(older.path(), arguments);
        assert_eq!(finished.code, Some(4), "{finished:?}");
        assert!(finished.stderr.contains("refiner import"), "{finished:?}");
    }
    let kept = |digest: std::collections::BTreeMap<String, String>| {
        digest.into_iter().filter(|(path, _)| path.contains("logo/")).collect::<Vec<_>>()
    };
    assert_eq!(kept(older.digest()), kept(before));
}

#[test]
fn a_state_of_ours_whose_journal_is_gone_can_be_taken_over_elsewhere() {
    let (project, lost) = (Project::new(), Project::new());
    let patch = r#"{"data":{"x":1}}"#;
    for arguments in [
        &["init", "notes", "--workflow", "document"][..],
        &["save", "notes", "--patch", patch],
        &["init", "logo", "--goal", "a logo"],
    ] {
        assert_eq!(refiner(lost.path(), arguments).code, Some(0));
    }
    let with_journal = refiner(project.path(), ["import", lost.path().to_str().unwrap()]);
    assert!(with_journal.stderr.contains("copy the whole folder"), "{with_journal:?}");
    for name in ["notes", "logo"] {
        std::fs::remove_dir_all(lost.of(name, "journal")).unwrap();
    }
    let said = refiner(lost.path(), ["save", "notes", "--patch", patch]);
    assert!(said.stderr.contains("refiner import"), "{said:?}");
    import(&project, &lost, &[]);
    let notes = project.state("notes");
    assert_eq!((&notes["workflow"], &notes["data"]), (&json!("document"), &json!({ "x": 1 })));
    assert_eq!(project.state("logo")["phase"], "specify");
}
