//! What goes wrong on the way: tools that fail, results that get worse, iterations that run out.

use serde_json::{Value, json};

use super::after::{Persisted, check_repeated};
use super::host::Host;
use super::report::{self, manifest};
use super::story::{Draft, Story, on_disk};
use super::{close, finalize, to_the_end_of_persist};
use crate::common::{Journal, Project, Server};

/// Returns what happened to an artifact, as the journal tells it: `(event, detail)`.
fn happened(project: &Project, name: &str) -> Vec<(String, Value)> {
    let entries = Journal::read(project, name).entries();
    let events = entries.iter().flat_map(|entry| entry["events"].as_array().into_iter().flatten());
    events.map(|one| (one["event"].as_str().unwrap().to_owned(), one["detail"].clone())).collect()
}

fn count(events: &[(String, Value)], kind: &str) -> usize {
    events.iter().filter(|(event, _)| event == kind).count()
}

/// Goes on until a phase is reached.
async fn reach(host: &mut Host<'_>, phase: &str) {
    loop {
        let briefing = host.briefing().await.unwrap();
        if briefing["phase"] == phase {
            return;
        }
        host.go_on(&briefing).await.unwrap();
    }
}

#[tokio::test]
async fn a_tool_that_failed_is_tried_once_more_and_then_skipped_and_logged() {
    let (project, story) = (Project::new(), report::story());
    let server = Server::start(project.path()).await;
    let mut host = Host::new(&project, &story, server.caller());
    host.open().await.unwrap();
    reach(&mut host, "execute").await;

    host.failures = vec!["the chart: no plotting tool"];
    let briefing = host.briefing().await.unwrap();
    let first = host.go_on(&briefing).await.unwrap();
    let briefing = &first.answer["briefing"];
    assert_eq!(
        (&briefing["phase"], &briefing["iteration"]["current"]),
        (&json!("execute"), &json!(1))
    );
    let instruction = briefing["next"]["instruction"].as_str().unwrap();
    assert!(instruction.contains("no plotting tool"), "{instruction}");
    let log = std::fs::read_to_string(project.of(story.name, "refinement_log.md")).unwrap();
    assert!(log.contains("- failed: the chart: no plotting tool"), "{log}");

    let second = host.go_on(briefing).await.unwrap();
    assert_eq!(second.answer["to"], "reflect", "once, and not a third time");
    close(&mut host, 1).await;
    let log = std::fs::read_to_string(project.of(story.name, "refinement_log.md")).unwrap();
    assert!(log.contains("- skipped: the chart: no plotting tool"), "{log}");

    // The next iteration may be tried once more again, and one that helps is not logged as skipped.
    reach(&mut host, "execute").await;
    let briefing = host.briefing().await.unwrap();
    let failed = host.go_on(&briefing).await.unwrap();
    assert_eq!(failed.answer["to"], "execute");
    host.failures.clear();
    close(&mut host, 2).await;
    let log = std::fs::read_to_string(project.of(story.name, "refinement_log.md")).unwrap();
    assert_eq!(log.matches("- skipped: ").count(), 1, "{log}");
    assert_eq!(log.matches("## Sent back in iteration ").count(), 2, "{log}");
    assert_eq!(count(&happened(&project, story.name), "on_recovery"), 2);
    close(&mut host, 3).await;
    finalize(&mut host, "converged").await;
}

#[tokio::test]
async fn an_artifact_type_that_nobody_knows_is_named() {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    for kind in ["poem", "Logo", ""] {
        let arguments = json!({ "name": "x", "artifact_type": kind });
        let refusal = server.call("init_state", arguments).await.unwrap_err();
        assert_eq!(refusal["code"], "unknown_artifact_type", "{refusal}");
        assert_eq!(refusal["message"], format!("Unknown artifact_type: {kind}"));
        assert!(refusal["hint"].as_str().unwrap().contains("meta-prompt"), "{refusal}");
    }
    assert_eq!(project.names("artifacts"), [""; 0]);
}

/// A report that gets worse in its third iteration: a constraint falls and two files are given up.
fn worsening() -> Story {
    let mut story = report::story();
    let last = story.drafts.pop().unwrap();
    story.specification["constraints"].as_array_mut().unwrap().push(json!(
        {"id": "shown", "description": "there is a chart", "severity": "high", "validation":
            {"method": "file_exists", "params": {"path": "previews/chart.svg"}}}));
    story.drafts[0].violated = &["order", "links", "sections", "brief", "true", "shown"];
    let wordy = &mut story.drafts[1];
    wordy.files.push(on_disk("notes.md", "# Notes\n"));
    wordy.manifest = manifest(&["report.md", "counts.csv", "notes.md"], &[]);
    wordy.violated = &["brief", "shown"];
    let worse = Draft {
        files: vec![on_disk("report.md", "# Trams\n\n### Late\n\nOften.\n")],
        manifest: manifest(&["report.md"], &[]),
        asserted: json!({ "true": "satisfied" }),
        violated: &["order", "sections", "brief", "shown"],
    };
    story.drafts.extend([worse, last]);
    story
}

#[tokio::test]
async fn what_gets_worse_is_recorded_told_and_logged_and_the_loop_goes_on() {
    let (project, story) = (Project::new(), worsening());
    let server = Server::start(project.path()).await;
    let mut host = Host::new(&project, &story, server.caller());
    host.open().await.unwrap();
    for iteration in 1..=2 {
        close(&mut host, iteration).await;
    }
    assert_eq!(count(&happened(&project, story.name), "on_regression"), 0);
    let answer = close(&mut host, 3).await;
    assert_eq!((&answer["to"], &answer["briefing"]["status"]), (&json!("plan"), &json!("running")));
    let expected = json!([
        "order held before",
        "sections held before",
        "the manifest names 1 files, and named 3 before",
    ]);
    let persisted = Persisted::read(&project, &story, 3);
    assert_eq!(persisted.recorded(3)["regressions"], expected);
    let told = happened(&project, story.name);
    assert!(told.contains(&("on_regression".to_owned(), expected)), "{told:?}");
    // That it is in the log as well is looked at after every iteration.

    // A file that is gone although the manifest names it, and is not mended when it is sent back.
    reach(&mut host, "persist").await;
    std::fs::remove_file(host.in_dist("counts.csv")).unwrap();
    let done = to_the_end_of_persist(&mut host).await;
    assert_eq!(done.answer["to"], "execute", "{}", done.answer);
    check_repeated(&project, &host.caller, &done).await;
    let answer = close(&mut host, 4).await;
    assert_eq!(answer["to"], "converged", "{answer}");
    assert_eq!(persisted_regressions(&project, &story, 4), Value::Null, "it was mended");
    finalize(&mut host, "converged").await;
}

fn persisted_regressions(project: &Project, story: &Story, iteration: u64) -> Value {
    Persisted::read(project, story, iteration).recorded(iteration)["regressions"].clone()
}

#[tokio::test]
async fn running_out_of_iterations_warns_and_keeps_what_there_is() {
    let (project, mut story) = (Project::new(), report::story());
    story.opening["max_iterations"] = json!(2);
    // A blocking constraint that never holds.
    for draft in &mut story.drafts {
        draft.asserted = json!({ "true": "partially_satisfied" });
    }
    story.drafts[1].violated = &["brief", "true"];
    let server = Server::start(project.path()).await;
    let mut host = Host::new(&project, &story, server.caller());
    host.open().await.unwrap();
    assert_eq!(close(&mut host, 1).await["to"], "plan");
    let early = server.call("finalize", json!({ "name": story.name })).await.unwrap_err();
    assert_eq!(early["code"], "invalid_transition", "{early}");
    let answer = close(&mut host, 2).await;
    assert_eq!(answer["to"], "exhausted", "{answer}");
    assert_eq!(answer["decision"]["decision"], "terminate");
    let reason = "max_iterations_exceeded; 1 blocking constraint does not hold: true; 1 high constraint does not hold: brief";
    assert_eq!(answer["decision"]["reason"], reason);
    let log = std::fs::read_to_string(project.of(story.name, "refinement_log.md")).unwrap();
    let warning = "> Maximum iterations reached — forcing termination";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
    for file in story.files(2) {
        assert_eq!(std::fs::read(host.in_dist(file.path)).unwrap(), file.content, "{}", file.path);
    }
    let claim = json!({ "name": story.name, "status": "converged" });
    let refusal = server.call("finalize", claim).await.unwrap_err();
    assert_eq!(refusal["code"], "invalid_argument", "{refusal}");
    finalize(&mut host, "max_iterations_exceeded").await;
}

/// In the last iteration a high constraint may stay open.
#[tokio::test]
async fn the_last_iteration_converges_with_a_high_constraint_open() {
    let (project, mut story) = (Project::new(), report::story());
    story.opening["max_iterations"] = json!(2);
    let server = Server::start(project.path()).await;
    let mut host = Host::new(&project, &story, server.caller());
    host.open().await.unwrap();
    close(&mut host, 1).await;
    assert_eq!(close(&mut host, 2).await["to"], "converged");
    finalize(&mut host, "converged").await;
}
