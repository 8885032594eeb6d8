//! A loop does not converge while one thing is wrong, whatever its host asserts, and says what.

use serde_json::{Value, json};

use super::after::{Persisted, Wrong, check_repeated};
use super::host::{Done, Fault, Host};
use super::story::Story;
use super::{close, finalize, stories, to_the_end_of_persist};
use crate::common::{Project, Server};

/// Returns what kept a loop from its end: the part of a guard, and what it saw.
fn unmet<'a>(answer: &'a Value, needs: &str) -> &'a Value {
    let parts = answer["decision"]["unmet"].as_array().unwrap();
    let part = parts.iter().find(|part| part["needs"] == needs);
    part.unwrap_or_else(|| panic!("{needs} is not named: {answer}"))
}

#[tokio::test]
async fn none_converges_while_one_blocking_constraint_is_violated() {
    for story in stories() {
        let project = Project::new();
        let server = Server::start(project.path()).await;
        let mut host = Host::new(&project, &story, server.caller());
        host.fault = Some((Fault::Constraint, 1));
        host.open().await.unwrap();
        for iteration in 1..story.good() {
            close(&mut host, iteration).await;
        }
        let done = to_the_end_of_persist(&mut host).await;
        let violated = Persisted::read(&project, &story, story.good()).check(Wrong::Nothing);
        let id = story.spoilt.1;
        assert!(violated.iter().any(|one| one == id), "{id}: {violated:?}");
        assert_eq!(done.answer["to"], "plan", "{}", done.answer);
        let part = unmet(&done.answer, "size(blocking_violated) == 0");
        assert!(
            part["saw"]["blocking_violated"].as_array().unwrap().contains(&json!(id)),
            "{part}"
        );
        let reason = done.answer["decision"]["reason"].as_str().unwrap();
        assert!(reason.contains(id), "{reason}");
        close(&mut host, story.good() + 1).await;
        finalize(&mut host, "converged").await;
    }
}

/// Fails unless the loop went back to execute in the same iteration, and says what to mend.
async fn check_sent_back(host: &Host<'_>, done: &Done, names: &str) {
    let (project, story) = (host.project, host.story);
    assert_eq!(done.answer["to"], "execute", "{}", done.answer);
    let briefing = &done.answer["briefing"];
    assert_eq!(briefing["iteration"]["current"], story.good());
    let instruction = briefing["next"]["instruction"].as_str().unwrap();
    assert!(instruction.contains(names), "{instruction}");
    let state = project.state(story.name);
    let closed = state["iteration_history"].as_array().unwrap().len() as u64;
    assert_eq!(closed, story.good() - 1, "it is the same iteration");
    assert_eq!(state["phases_completed"], json!(["plan"]));
    let log = std::fs::read_to_string(project.of(story.name, "refinement_log.md")).unwrap();
    let (_, section) = log.rsplit_once("\n## ").unwrap();
    let heading = format!("Sent back in iteration {} — ", story.good());
    assert!(section.starts_with(&heading) && section.contains(names), "{section}");
    check_repeated(project, &host.caller, done).await;
}

/// Fails unless the phase after execute says nothing of what was to be mended.
async fn check_mended(host: &mut Host<'_>) {
    let briefing = host.briefing().await.unwrap();
    let done = host.go_on(&briefing).await.unwrap();
    let briefing = &done.answer["briefing"];
    assert_eq!(briefing["phase"], "reflect");
    let instruction = briefing["next"]["instruction"].as_str().unwrap();
    assert!(!instruction.contains("Mend"), "{instruction}");
}

fn started<'a>(
    project: &'a Project,
    story: &'a Story,
    server: &Server,
    fault: (Fault, u32),
) -> Host<'a> {
    let mut host = Host::new(project, story, server.caller());
    host.fault = Some(fault);
    host
}

/// Brings something wrong with the files once, and mends it: no iteration is lost by it.
async fn mended_at_once(story: &Story, fault: Fault, names: &str) {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    let mut host = started(&project, story, &server, (fault, 1));
    host.open().await.unwrap();
    for iteration in 1..story.good() {
        close(&mut host, iteration).await;
    }
    let done = to_the_end_of_persist(&mut host).await;
    check_sent_back(&host, &done, names).await;
    check_mended(&mut host).await;
    let answer = close(&mut host, story.good()).await;
    assert_eq!(answer["to"], "converged", "{answer}");
    finalize(&mut host, "converged").await;
}

/// Brings something wrong with the files twice: the second time it counts as an iteration, and the
/// answer says that this was the reason.
async fn mended_too_late(
    story: &Story,
    fault: Fault,
    names: &str,
    (needs, wrong): (&str, Wrong<'_>),
) {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    let mut host = started(&project, story, &server, (fault, 2));
    host.open().await.unwrap();
    for iteration in 1..story.good() {
        close(&mut host, iteration).await;
    }
    let done = to_the_end_of_persist(&mut host).await;
    check_sent_back(&host, &done, names).await;
    let done = to_the_end_of_persist(&mut host).await;
    let persisted = Persisted::read(&project, story, story.good());
    persisted.check(wrong);
    let regressions = &persisted.recorded(story.good())["regressions"];
    let told = match fault {
        Fault::Missing => Some(format!("{} is gone from dist/", story.main_file())),
        Fault::Emptied => Some(format!("{} is empty now", story.main_file())),
        Fault::Constraint | Fault::Manifest => None,
    };
    if let Some(told) = told {
        assert!(regressions.as_array().unwrap().contains(&json!(told)), "{regressions}");
    }
    assert_eq!(done.answer["to"], "plan", "{}", done.answer);
    let part = unmet(&done.answer, needs);
    if let Wrong::File(path) = wrong {
        assert_eq!(part["saw"]["missing_files"], json!([path]));
    }
    check_repeated(&project, &host.caller, &done).await;
    let answer = close(&mut host, story.good() + 1).await;
    assert_eq!(answer["to"], "converged", "{answer}");
    finalize(&mut host, "converged").await;
}

#[tokio::test]
async fn none_converges_while_a_file_of_the_manifest_is_missing_or_empty() {
    for story in stories() {
        let file = story.main_file();
        let names = format!("dist/{file} is missing or empty");
        for fault in [Fault::Missing, Fault::Emptied] {
            mended_at_once(&story, fault, &names).await;
            let why = ("size(missing_files) == 0", Wrong::File(file));
            mended_too_late(&story, fault, &names, why).await;
        }
    }
}

#[tokio::test]
async fn a_manifest_that_breaks_its_schema_is_refused_in_execute() {
    for story in stories() {
        let project = Project::new();
        let server = Server::start(project.path()).await;
        let mut host = started(&project, &story, &server, (Fault::Manifest, 1));
        host.open().await.unwrap();
        let refusal = loop {
            let briefing = host.briefing().await.unwrap();
            match host.go_on(&briefing).await {
                Ok(done) => assert!(done.answer["briefing"]["status"] == "running", "{done:?}"),
                Err(refusal) => break refusal,
            }
        };
        assert_eq!(refusal["code"], "schema_violation", "{refusal}");
        let place = format!("/result/manifest{}", story.broken_manifest.1);
        let violations = refusal["violations"].as_array().unwrap();
        assert!(violations.iter().any(|one| one["pointer"] == place), "{refusal}");
        assert_eq!(project.state(story.name)["phase"], "execute");
        close(&mut host, story.good()).await;
        finalize(&mut host, "converged").await;
    }
}
