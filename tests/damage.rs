//! Files that were changed behind the program's back: what is derived is made again, what was never
//! acknowledged is cut, and what was is reported and kept, byte for byte.
//!
//! That no fault of the disk itself loses anything is shown on the simulated disk, beside the
//! storage.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::common::{Finished, Journal, Project, Server, framed, refiner};

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

/// Fails unless damage of what was acknowledged is reported everywhere, the newest state is still
/// answered, and nothing is written.
async fn reported_and_kept(project: &Project, place: &str, problem: &str) {
    found(project, "error", place, problem);
    let before = project.digest();
    let server = Server::start(project.path()).await;
    for (tool, arguments) in
        [("save_state", save(6)), ("checkpoint", json!({ "name": "a", "label": "l" }))]
    {
        let refusal = server.call(tool, arguments).await.unwrap_err();
        assert_eq!(refusal["code"], "storage_corrupt", "{tool}: {refusal}");
        assert!(refusal["hint"].as_str().unwrap().contains("refiner doctor a"), "{refusal}");
    }
    let (version, x, warnings) = load(&server).await;
    assert_eq!((version, x), (6, json!(5)), "{problem}");
    assert!(warnings.iter().any(|one| one.contains("the journal is damaged")), "{warnings:?}");
    assert!(server.end().await.success());
    let saved = refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":6}}"#]);
    assert_eq!(saved.code, Some(4), "{saved:?}");
    assert_eq!(project.digest(), before, "{problem}");
    found(project, "error", place, problem);
}

/// Damages what is acknowledged, has it reported, and brings the journal back.
async fn damaged(place: &str, problem: &str, damage: impl FnOnce(&Project)) {
    let project = saved().await;
    let whole = fs::read(project.of("a", SEGMENT)).unwrap();
    damage(&project);
    reported_and_kept(&project, place, problem).await;
    fs::create_dir_all(project.of("a", "journal")).unwrap();
    fs::write(project.of("a", SEGMENT), whole).unwrap();
    healthy(&project);
    assert_eq!(loaded(&project).await, (6, json!(5), vec![]));
}

fn edit(project: &Project, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut journal = Journal::read(project, "a");
    edit(&mut journal.lines);
    journal.write();
}

#[tokio::test]
async fn a_state_file_that_a_power_cut_left_is_made_again_without_a_word() {
    let whole = saved().await.state("a").to_string().len();
    for left in [vec![], vec![0; 4096], b"{".to_vec(), vec![0; 1]] {
        power_cut(&left, |state| left.clone_into(state)).await;
    }
    for cut in (1..whole).step_by(whole / 5) {
        power_cut(&cut.to_le_bytes(), |state| state.truncate(cut)).await;
        power_cut(&cut.to_le_bytes(), |state| state[cut..].fill(0)).await;
    }
}

async fn power_cut(what: &[u8], cut: impl FnOnce(&mut Vec<u8>)) {
    let project = saved().await;
    let path = project.of("a", "state.json");
    let whole = fs::read(&path).unwrap();
    let mut state = whole.clone();
    cut(&mut state);
    fs::write(&path, state).unwrap();
    found(&project, "warning", "state.json", "it was cut short");
    assert_eq!(loaded(&project).await, (6, json!(5), vec![]), "{what:?}");
    assert_eq!(fs::read(&path).unwrap(), whole);
    healthy(&project);
    assert!(project.names("artifacts/a/kept").is_empty());
}

#[tokio::test]
async fn what_a_person_wrote_in_place_of_a_copy_is_kept_aside_and_reported() {
    for file in ["state.json", "constraints.json", "refinement_log.md", "decisions.md"] {
        let project = refined().await;
        let path = project.of("a", file);
        let ours = fs::read_to_string(&path).unwrap();
        let edited = ours.replacen("violated", "satisfied", 1);
        assert_ne!(edited, ours, "{file}");
        fs::write(&path, &edited).unwrap();
        let problem = if file.ends_with(".md") { "not what the journal says" } else { "changed" };
        found(&project, "warning", file, problem);
        // The copies are looked at by whoever writes, or has to read the journal.
        let server = Server::start(project.path()).await;
        let saved = server.call("save_state", save(1)).await.unwrap();
        let warnings = saved["briefing"]["warnings"].to_string();
        assert!(
            warnings.contains(&format!("{file} was changed by somebody else")),
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
    let (version, x, warnings) = loaded(&project).await;
    assert_eq!((version, x), (6, json!(5)));
    assert!(warnings[0].contains("state.json was changed by somebody else"), "{warnings:?}");
    assert_eq!(project.state("a")["data"], json!({ "x": 5 }));
}

#[tokio::test]
async fn copies_that_were_deleted_are_made_again() {
    let project = refined().await;
    let files = ["constraints.json", "decisions.md", "refinement_log.md", "state.json"];
    let content = |file: &str| fs::read(project.of("a", file)).unwrap();
    let before = files.map(content);
    files.iter().for_each(|file| fs::remove_file(project.of("a", file)).unwrap());
    let (code, findings) = doctor(&project);
    assert_eq!((code, findings.len()), (Some(0), 4), "{findings:?}");
    assert!(findings.iter().all(|[severity, ..]| severity == "warning"), "{findings:?}");
    assert_eq!(loaded(&project).await, (6, Value::Null, vec![]));
    assert_eq!(files.map(content), before);
    healthy(&project);
}

#[tokio::test]
async fn a_registry_that_was_deleted_or_damaged_is_made_again_with_all_artifacts() {
    let project = saved().await;
    refiner(project.path(), ["init", "b", "--workflow", "pmpo"]);
    let path = project.file("registry.json");
    let before = fs::read(&path).unwrap();
    for damage in [None, Some(&b""[..]), Some(b"{\"artifacts\":"), Some(&[0; 64])] {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(damage) => fs::write(&path, damage).unwrap(),
        }
        let listed = refiner(project.path(), ["list", "--json"]).json();
        assert_eq!(listed["artifacts"].as_array().unwrap().len(), 2, "{listed}");
        let note = format!(
            "{{\"data\":{{\"damage\":{:?}}}}}",
            damage.map(<[u8]>::len).map_or(-1, |len| len as i32)
        );
        assert_eq!(refiner(project.path(), ["save", "a", "--patch", &note]).code, Some(0));
        assert_eq!(fs::read(&path).unwrap(), before, "{damage:?}");
    }
}

#[tokio::test]
async fn a_flipped_bit_in_the_middle_of_the_journal_is_reported_and_nothing_is_cut() {
    for (line, place) in [(1, 20), (2, 60), (3, 5), (4, 300)] {
        let problem = format!("version {line} is damaged");
        let flip = |project: &Project| edit(project, |lines| lines[line][place] ^= 4);
        damaged(SEGMENT, &problem, flip).await;
    }
    let newline = |lines: &mut Vec<Vec<u8>>| *lines[3].last_mut().unwrap() ^= 1;
    damaged(SEGMENT, "version 3 is damaged", |project| edit(project, newline)).await;
    let first = |lines: &mut Vec<Vec<u8>>| lines[0][50] ^= 1;
    damaged(SEGMENT, "the first line is damaged", |project| edit(project, first)).await;
    damaged(SEGMENT, "the segment is empty", |project| edit(project, Vec::clear)).await;
}

#[tokio::test]
async fn an_acknowledged_line_that_was_cut_is_missed() {
    for missing in [1, 2, 200] {
        let cut = |lines: &mut Vec<Vec<u8>>| {
            let left = lines[6].len() - missing;
            lines[6].truncate(left);
        };
        damaged(SEGMENT, "version 6 is damaged", |project| edit(project, cut)).await;
    }
    for lines in [1, 2, 5] {
        let ends = format!("version 6, and the journal ends at version {}", 6 - lines);
        let cut = |all: &mut Vec<Vec<u8>>| all.truncate(7 - lines);
        damaged("state.json", &ends, |project| edit(project, cut)).await;
    }
}

#[tokio::test]
async fn lines_that_were_taken_out_swapped_or_written_again_are_reported() {
    let problem = "version 3 is damaged";
    damaged(SEGMENT, problem, |project| edit(project, |lines| drop(lines.remove(3)))).await;
    damaged(SEGMENT, problem, |project| edit(project, |lines| lines.swap(3, 4))).await;
    let forged = |lines: &mut Vec<Vec<u8>>| {
        let line = String::from_utf8(lines[3].clone()).unwrap();
        lines[3] = framed(line.replace("\"value\":2", "\"value\":9").as_bytes());
    };
    let project = saved().await;
    edit(&project, forged);
    let (code, findings) = doctor(&project);
    assert_eq!(code, Some(1), "{findings:?}");
}

/// As git leaves it, which sees the copies and not the journals.
#[tokio::test]
async fn a_journal_that_is_gone_is_missed_and_versions_do_not_start_over() {
    let remove = |project: &Project| fs::remove_dir_all(project.of("a", "journal")).unwrap();
    damaged("journal", "version 6 was stored", remove).await;
    let remove = |project: &Project| fs::remove_file(project.of("a", SEGMENT)).unwrap();
    damaged("journal", "version 6 was stored", remove).await;

    let project = saved().await;
    fs::remove_dir_all(project.of("a", "journal")).unwrap();
    let init = ["init", "a", "--workflow", "document"];
    let refused = refiner(project.path(), init);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("remove it"), "{refused:?}");
    fs::remove_file(project.of("a", "state.json")).unwrap();
    assert_eq!(refiner(project.path(), init).code, Some(0));
    assert_eq!(loaded(&project).await, (1, Value::Null, vec![]));
}

#[tokio::test]
async fn a_running_server_notices_that_the_journal_was_cut_and_that_it_was_brought_back() {
    let project = saved().await;
    let server = Server::start(project.path()).await;
    server.call("save_state", save(6)).await.unwrap();
    let whole = fs::read(project.of("a", SEGMENT)).unwrap();
    edit(&project, |lines| lines.truncate(5));
    let (version, x, warnings) = load(&server).await;
    assert_eq!((version, x), (7, json!(6)), "what was acknowledged is still answered");
    assert!(warnings[0].contains("ends at version 4"), "{warnings:?}");
    let refusal = server.call("save_state", save(7)).await.unwrap_err();
    assert_eq!(refusal["code"], "storage_corrupt", "{refusal}");
    fs::write(project.of("a", SEGMENT), whole).unwrap();
    assert_eq!(load(&server).await, (7, json!(6), vec![]));
    assert_eq!(server.call("save_state", save(7)).await.unwrap()["version"], 8);
    assert!(server.end().await.success());
    healthy(&project);
}

#[tokio::test]
async fn what_comes_before_the_damage_can_still_be_read() {
    let project = saved().await;
    edit(&project, |lines| lines[4][100] ^= 1);
    let server = Server::start(project.path()).await;
    let page = server.call("history", json!({ "name": "a" })).await.unwrap();
    assert_eq!(page["entries"].as_array().unwrap().len(), 3, "{page}");
    let after = json!({ "name": "a", "after": page["next_after"] });
    let refusal = server.call("history", after).await.unwrap_err();
    assert!(refusal["message"].as_str().unwrap().contains("version 4"), "{refusal}");
    let earlier = json!({ "name": "a", "at": "3", "detail": "full" });
    let earlier = server.call("load_state", earlier).await.unwrap();
    assert_eq!(earlier["document"]["data"], json!({ "x": 2 }));
    let later = json!({ "name": "a", "at": "5" });
    assert_eq!(server.call("load_state", later).await.unwrap_err()["code"], "storage_corrupt");
    assert!(server.end().await.success());
}

#[tokio::test]
async fn what_was_never_acknowledged_is_cut_and_kept_unless_it_is_zeros() {
    let line = Journal::read(&saved().await, "a").lines[6].clone();
    let mut garbled = line.clone();
    garbled[200] ^= 1;
    let tails = [&line[..1], &line[..200], &garbled, b"not a line\n", &[0; 5000], &[0; 1]];
    for tail in tails.map(<[u8]>::to_vec) {
        let project = saved().await;
        let whole = fs::read(project.of("a", SEGMENT)).unwrap();
        edit(&project, |lines| lines.push(tail.clone()));
        found(&project, "warning", SEGMENT, &format!("{} bytes after version 6", tail.len()));
        assert_eq!(loaded(&project).await, (6, json!(5), vec![]));
        let saved = refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":6}}"#]);
        assert_eq!(saved.code, Some(0), "{saved:?}");
        assert!(fs::read(project.of("a", SEGMENT)).unwrap().starts_with(&whole));
        assert_eq!(loaded(&project).await, (7, json!(6), vec![]));
        healthy(&project);
        let kept = project.names("trash").into_iter();
        let kept: Vec<_> =
            kept.map(|name| fs::read(project.file(&format!("trash/{name}"))).unwrap()).collect();
        let zeros = tail.iter().all(|byte| *byte == 0);
        assert_eq!(kept, if zeros { vec![] } else { vec![tail] });
    }
}

#[tokio::test]
async fn a_blob_that_is_missing_or_damaged_is_reported() {
    let project = saved().await;
    let large =
        json!({ "name": "a", "patch": { "data": { "x": 6, "text": "t".repeat(100_000) } } });
    let server = Server::start(project.path()).await;
    server.call("save_state", large).await.unwrap();
    assert!(server.end().await.success());
    healthy(&project);
    for blob in project.names("artifacts/a/blobs") {
        let path = project.of("a", &format!("blobs/{blob}"));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[1..]).unwrap();
        found(&project, "error", SEGMENT, &blob);
        fs::remove_file(&path).unwrap();
        found(&project, "error", SEGMENT, &blob);
        fs::write(&path, whole).unwrap();
        healthy(&project);
    }
}

/// Damage in a segment that is not the newest hides what is in it, and nothing else.
#[tokio::test]
async fn damage_in_an_earlier_segment_is_reported_and_the_work_goes_on() {
    const VERSIONS: u64 = 4200;
    let project = saved().await;
    let server = Server::start(project.path()).await;
    let lanes = (0..64).map(|lane| {
        let caller = server.caller();
        async move {
            for x in (7..=VERSIONS).filter(|x| x % 64 == lane) {
                let patch = json!({ "data": { format!("k{lane}"): x } });
                caller.call("save_state", json!({ "name": "a", "patch": patch })).await.unwrap();
            }
        }
    });
    join_all(lanes).await;
    assert_eq!(project.names("artifacts/a/journal").len(), 2);
    assert!(server.end().await.success());
    edit(&project, |lines| lines[10][100] ^= 1);
    found(&project, "error", SEGMENT, "version 10 is damaged");
    assert_eq!(
        refiner(project.path(), ["save", "a", "--patch", r#"{"data":{"x":0}}"#]).code,
        Some(0)
    );
    assert_eq!(loaded(&project).await, (VERSIONS + 1, json!(0), vec![]));
    let show = |at: &str| refiner(project.path(), ["show", "a", "--at", at]).code;
    assert_eq!(
        [show("9"), show("10"), show("4096"), show("4199")],
        [Some(0), Some(4), Some(4), Some(0)]
    );
}

/// The program as somebody who may not write to a project. Permissions do not stop root, so as root
/// it is run as nobody, who has to be able to reach it.
struct Reader {
    folder: tempfile::TempDir,
}

impl Reader {
    const NOBODY: u32 = 65534;

    fn new(project: &Project) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::copy(env!("CARGO_BIN_EXE_refiner"), folder.path().join("refiner")).unwrap();
        let reader = Self { folder };
        reader.allow(project.path(), 0o555);
        reader
    }

    /// Gives everything below a folder to nobody, who may read it, or write it too.
    fn allow(&self, path: &Path, mode: u32) {
        if rustix::process::geteuid().is_root() {
            chown(path, Some(Self::NOBODY), None).unwrap();
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for entry in path.is_dir().then(|| fs::read_dir(path).unwrap()).into_iter().flatten() {
            self.allow(&entry.unwrap().path(), mode);
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn run(&self, project: &Project, arguments: &[&str]) -> Finished {
        let mut command = Command::new(self.folder.path().join("refiner"));
        if rustix::process::geteuid().is_root() {
            command.uid(Self::NOBODY);
        }
        let output = command.arg("--dir").arg(project.path()).args(arguments).output().unwrap();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test]
async fn a_workspace_that_cannot_be_written_is_read_and_says_so_when_it_should_be_written() {
    let project = saved().await;
    let reader = Reader::new(&project);
    let before = project.digest();
    for arguments in [
        &["show", "a", "--json"][..],
        &["show", "a", "--at", "3"],
        &["history", "a"],
        &["list"],
        &["doctor"],
    ] {
        assert_eq!(reader.run(&project, arguments).code, Some(0), "{arguments:?}");
    }
    for arguments in [
        &["save", "a", "--patch", r#"{"data":{"x":6}}"#, "--json"][..],
        &["checkpoint", "a", "--json"],
        &["init", "b", "--json"],
    ] {
        let finished = reader.run(&project, arguments);
        assert_eq!(
            (finished.code, &finished.json()["code"]),
            (Some(4), &json!("read_only")),
            "{finished:?}"
        );
        assert!(finished.json()["hint"].as_str().unwrap().contains("writable"), "{finished:?}");
    }
    assert_eq!(project.digest(), before);
    reader.allow(project.path(), 0o755);
    assert_eq!(
        reader.run(&project, &["save", "a", "--patch", r#"{"data":{"x":6}}"#]).code,
        Some(0)
    );
}

/// Without its readable copy too, and with a torn end that it may not cut.
#[tokio::test]
async fn a_damaged_workspace_that_cannot_be_written_is_read_from_its_journal() {
    let project = saved().await;
    fs::remove_file(project.of("a", "state.json")).unwrap();
    edit(&project, |lines| lines.push(b"{\"crc\":".to_vec()));
    let reader = Reader::new(&project);
    let before = project.digest();
    let shown = reader.run(&project, &["show", "a", "--select", "/data", "--json"]);
    assert_eq!(shown.json()["selected"]["/data"], json!({ "x": 5 }), "{shown:?}");
    let warnings = shown.json()["briefing"]["warnings"].to_string();
    assert!(warnings.contains("the workspace is read-only"), "{warnings}");
    assert_eq!(project.digest(), before);
    reader.allow(project.path(), 0o755);
}
