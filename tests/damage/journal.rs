//! Damage of a journal: what was acknowledged is missed and kept, and what was not is cut.

use std::fs;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{SEGMENT, doctor, edit, found, healthy, load, loaded, save, saved};
use crate::common::{Journal, Project, Server, framed, refiner};

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
        let ends = format!("version 6, but the journal ends at version {}", 6 - lines);
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
        assert_eq!(Journal::read(&project, "a").entries().len(), 7);
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
    assert_eq!(project.segments("a").len(), 2);
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

/// Goal: a segment that was copied beside itself never becomes a second end of the journal. Method: one
/// server has the journal open, another one finds the copy, and both save.
#[tokio::test]
async fn a_copied_segment_gives_no_version_twice() {
    for copy in ["000000000003.jsonl", "000000000009.jsonl", "999999999999.jsonl"] {
        let project = saved().await;
        let folder = project.of("a", "journal");
        let open = Server::start(project.path()).await;
        let version = open.call("save_state", save(7)).await.unwrap()["version"].as_u64().unwrap();
        fs::copy(folder.join("000000000001.jsonl"), folder.join(copy)).unwrap();

        let found = Server::start(project.path()).await;
        let refused = found.call("save_state", save(8)).await.unwrap_err();
        assert_eq!(refused["code"], "storage_corrupt", "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(
            message.contains(copy) && message.contains("a copy of another segment"),
            "{message}"
        );
        let (code, findings) = doctor(&project);
        assert!(
            code == Some(1) && findings.iter().any(|one| one[1].contains(copy)),
            "{findings:?}"
        );

        fs::remove_file(folder.join(copy)).unwrap();
        assert_eq!(found.call("save_state", save(9)).await.unwrap()["version"], version + 1);
        assert_eq!(open.call("save_state", save(10)).await.unwrap()["version"], version + 2);
        healthy(&project);
    }
}

#[tokio::test]
async fn another_spelling_of_a_segments_name_is_no_segment() {
    let project = saved().await;
    let folder = project.of("a", "journal");
    for copy in ["+3.jsonl", "00000000000003.jsonl", "1.jsonl"] {
        fs::copy(folder.join("000000000001.jsonl"), folder.join(copy)).unwrap();
    }
    let server = Server::start(project.path()).await;
    let before = load(&server).await.0;
    assert_eq!(server.call("save_state", save(9)).await.unwrap()["version"], before + 1);
}
