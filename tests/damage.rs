//! Files that were changed behind the program's back: what is derived is made again, what was never
//! acknowledged is cut, and what was is reported and kept, byte for byte.
//!
//! That no fault of the disk itself loses anything is shown on the simulated disk, beside the
//! storage.

mod journal;
mod read_only;

use std::fs;

use serde_json::{Value, json};

use crate::common::{Journal, Project, Server, refiner};

/// The first segment of a journal.
const SEGMENT: &str = "journal/000000000001.jsonl";

/// A workspace with the artifact `a` at version 6, whose data is `{"x": 5}`.
async fn saved() -> Project {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    server.call("init_state", json!({ "name": "a", "workflow": "document" })).await.unwrap();
    for x in 1..=5 {
        server.call("save_state", save(x)).await.unwrap();
    }
    assert!(server.end().await.success());
    project
}

/// A workspace with a loop that has been through an iteration, so that every copy has content.
async fn refined() -> Project {
    let project = Project::new();
    let server = Server::start(project.path()).await;
    let constraint = json!({ "id": "c", "description": "d", "severity": "blocking" });
    let arguments = json!({ "name": "a", "constraints": [constraint] });
    server.call("init_state", arguments).await.unwrap();
    for phase in ["specify", "plan", "execute", "reflect", "persist"] {
        let result = match phase {
            "plan" => json!({ "steps": ["write"] }),
            "reflect" => json!({ "constraints": [{ "id": "c", "status": "violated" }] }),
            _ => json!({}),
        };
        let arguments =
            json!({ "name": "a", "event": "complete", "phase": phase, "result": result });
        server.call("transition", arguments).await.unwrap();
    }
    assert!(server.end().await.success());
    project
}

fn save(x: i32) -> Value {
    json!({ "name": "a", "patch": { "data": { "x": x } } })
}

/// What `doctor` says: its exit code and its findings, as severity, place and problem. It changes
/// nothing, and says the same of one artifact as of all.
fn doctor(project: &Project) -> (Option<i32>, Vec<[String; 3]>) {
    let before = project.digest();
    let finished = refiner(project.path(), ["doctor", "--json"]);
    assert_eq!(refiner(project.path(), ["doctor", "a", "--json"]).stdout, finished.stdout);
    assert_eq!(project.digest(), before, "{finished:?}");
    let diagnosis = finished.json();
    assert_eq!(diagnosis["healthy"], finished.code == Some(0), "{diagnosis}");
    let findings = diagnosis["findings"].as_array().unwrap().iter().map(|finding| {
        ["severity", "place", "problem"].map(|field| finding[field].as_str().unwrap().to_owned())
    });
    (finished.code, findings.collect())
}

/// Fails unless `doctor` finds exactly one thing, and exits as it should.
fn found(project: &Project, severity: &str, place: &str, problem: &str) {
    let (code, findings) = doctor(project);
    assert_eq!(code, Some(i32::from(severity == "error")), "{findings:?}");
    let [one] = &findings[..] else { panic!("{place}, {problem}: {findings:?}") };
    assert_eq!((&*one[0], &*one[1]), (severity, &*format!(".refiner/artifacts/a/{place}")));
    assert!(one[2].contains(problem), "{problem}: {one:?}");
}

fn healthy(project: &Project) {
    assert_eq!(doctor(project), (Some(0), vec![]));
}

/// What `load_state` says in a fresh process: version, `x` and warnings.
async fn loaded(project: &Project) -> (u64, Value, Vec<String>) {
    let server = Server::start(project.path()).await;
    let loaded = load(&server).await;
    assert!(server.end().await.success());
    loaded
}

async fn load(server: &Server) -> (u64, Value, Vec<String>) {
    let arguments = json!({ "name": "a", "select": ["/data/x"] });
    let answer = server.call("load_state", arguments).await.unwrap();
    let warnings = serde_json::from_value(answer["briefing"]["warnings"].clone()).unwrap();
    (answer["version"].as_u64().unwrap(), answer["selected"]["/data/x"].clone(), warnings)
}

/// Returns what a save in a fresh process warns of.
async fn warnings_of_save(project: &Project) -> Vec<String> {
    let server = Server::start(project.path()).await;
    let save = json!({ "name": "a", "patch": { "data": { "y": 1 } } });
    let answer = server.call("save_state", save).await.unwrap();
    assert!(server.end().await.success());
    serde_json::from_value(answer["briefing"]["warnings"].clone()).unwrap()
}

/// Edits the lines of the journal.
fn edit(project: &Project, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut journal = Journal::read(project, "a");
    edit(&mut journal.lines);
    journal.write();
}

#[tokio::test]
async fn a_state_file_that_a_power_cut_left_is_made_again_without_a_word() {
    let project = saved().await;
    let whole = fs::read(project.of("a", "state.json")).unwrap();
    let mut remnants = vec![vec![], vec![0; 4096], vec![0]];
    for cut in (1..whole.len()).step_by(whole.len() / 5) {
        let zeroed = [&whole[..cut], &vec![0; whole.len() - cut]].concat();
        remnants.extend([whole[..cut].to_vec(), zeroed]);
    }
    for remnant in remnants {
        fs::write(project.of("a", "state.json"), &remnant).unwrap();
        found(&project, "warning", "state.json", "it was cut short");
        let (_, _, warnings) = loaded(&project).await;
        assert_eq!(warnings, Vec::<String>::new(), "{remnant:?}");
        assert_eq!(fs::read(project.of("a", "state.json")).unwrap(), remnant, "reading wrote it");
        assert_eq!(warnings_of_save(&project).await, Vec::<String>::new(), "{remnant:?}");
        healthy(&project);
        assert!(project.names("artifacts/a/kept").is_empty());
    }
}

#[tokio::test]
async fn what_a_person_wrote_in_place_of_a_copy_is_kept_aside_and_reported() {
    for (file, ours_says, edit_says) in [
        ("state.json", "violated", "satisfied"),
        ("constraints.json", "violated", "satisfied"),
        ("refinement_log.md", "violated", "satisfied"),
        ("decisions.md", "continue", "terminate"),
    ] {
        let project = refined().await;
        let path = project.of("a", file);
        let ours = fs::read_to_string(&path).unwrap();
        let edited = ours.replacen(ours_says, edit_says, 1);
        assert_ne!(edited, ours, "{file}");
        fs::write(&path, &edited).unwrap();
        let problem = if file.ends_with(".md") { "differs from the journal" } else { "changed" };
        found(&project, "warning", file, problem);
        // The copies are looked at by whoever writes, or has to read the journal.
        let server = Server::start(project.path()).await;
        let saved = server.call("save_state", save(1)).await.unwrap();
        let warnings = saved["briefing"]["warnings"].to_string();
        assert!(
            warnings.contains(&format!("another program or a person changed {file}")),
            "{file} {warnings}"
        );
        assert!(server.end().await.success());
        let [kept] = &project.names("artifacts/a/kept")[..] else { panic!("{file}: not kept") };
        assert!(warnings.contains(kept), "{warnings}");
        let kept = format!("kept/{kept}");
        assert_eq!(fs::read_to_string(project.of("a", &kept)).unwrap(), edited);
        assert_ne!(fs::read_to_string(&path).unwrap(), edited, "{file} was made again");
        found(&project, "note", &kept, "in place of a readable copy");
    }
}

/// Nothing that is saved later may be taken from an edited copy.
#[tokio::test]
async fn an_edited_state_file_does_not_change_the_state() {
    let project = saved().await;
    let path = project.of("a", "state.json");
    let edited = fs::read_to_string(&path).unwrap().replace("\"x\": 5", "\"x\": 50");
    fs::write(&path, edited).unwrap();
    assert_eq!(loaded(&project).await, (6, json!(5), vec![]));
    let warnings = warnings_of_save(&project).await;
    assert!(warnings[0].contains("another program or a person changed state.json"), "{warnings:?}");
    assert_eq!(project.state("a")["data"], json!({ "x": 5, "y": 1 }));
}

#[tokio::test]
async fn copies_that_were_deleted_are_made_again_by_a_write() {
    let project = refined().await;
    let files = ["constraints.json", "decisions.md", "refinement_log.md", "state.json"];
    let content = |file: &str| fs::read(project.of("a", file)).unwrap();
    let before = files.map(content);
    files.iter().for_each(|file| fs::remove_file(project.of("a", file)).unwrap());
    let (code, findings) = doctor(&project);
    assert_eq!((code, findings.len()), (Some(0), 4), "{findings:?}");
    assert!(findings.iter().all(|[severity, ..]| severity == "warning"), "{findings:?}");
    assert_eq!(loaded(&project).await, (6, Value::Null, vec![]));
    assert!(files.iter().all(|file| !project.of("a", file).exists()), "reading wrote them");
    assert_eq!(warnings_of_save(&project).await, Vec::<String>::new());
    assert_eq!(files[..3].iter().map(|file| content(file)).collect::<Vec<_>>(), before[..3]);
    healthy(&project);
}

#[tokio::test]
async fn a_registry_that_was_deleted_or_damaged_is_made_again_with_all_artifacts() {
    let project = saved().await;
    refiner(project.path(), ["init", "b", "--workflow", "pmpo"]);
    let path = project.file("registry.json");
    let before = fs::read(&path).unwrap();
    for (x, damage) in
        [None, Some(&b""[..]), Some(b"{\"artifacts\":"), Some(&[0; 64])].iter().enumerate()
    {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(damage) => fs::write(&path, damage).unwrap(),
        }
        let listed = refiner(project.path(), ["list", "--json"]).json();
        assert_eq!(listed["artifacts"].as_array().unwrap().len(), 2, "{listed}");
        let patch = json!({ "data": { "x": x } }).to_string();
        assert_eq!(refiner(project.path(), ["save", "a", "--patch", &patch]).code, Some(0));
        assert_eq!(fs::read(&path).unwrap(), before, "{damage:?}");
    }
}
