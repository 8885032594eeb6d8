//! Over stdio, one line after the other.

use serde_json::{Value, json};

use super::{Acknowledged, GROWTH_KIB_MAX, check_form, id_to_answer, message, seeds};
use crate::common::{Project, Random, Raw, memory_kib};

#[tokio::test]
async fn lines_that_are_nearly_right_are_each_answered_once_and_write_only_what_is_acknowledged() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    let mut acknowledged = Acknowledged::default();
    let before = memory_kib(server.id());
    for seed in seeds() {
        let mut random = Random::seeded(seed);
        let good = message::good(1_000_000 + seed, &mut random);
        let line = message::nearly_right(&good, &mut random);
        let case = format!("seed {seed}: {}", String::from_utf8_lossy(&line));
        let answers = answers(&mut server, &line, seed).await;
        for answer in &answers {
            check_form(answer, &case);
            acknowledged.note(answer);
        }
        match id_to_answer(&line) {
            Some(id) => {
                let of_request = answers.iter().filter(|answer| answer["id"] == id).count();
                assert_eq!((of_request, answers.len()), (1, 1), "{case}: {answers:?}");
            }
            None => assert!(answers.len() <= 1, "{case}: {answers:?}"),
        }
    }
    let growth = memory_kib(server.id()).saturating_sub(before);
    assert!(growth < GROWTH_KIB_MAX, "{growth} KiB more");
    assert!(server.end().await.0.success());
    assert!(acknowledged.check(&project.file("")) > 10, "something was written");
    assert_eq!(project.names("..").len(), 1, "nothing beside the workspace and its outputs");
}

/// Sends a line and returns all that is answered to it: what comes before the answer to a question
/// that is asked after it, and what comes later of an answer that has to come.
async fn answers(server: &mut Raw, line: &[u8], seed: u64) -> Vec<Value> {
    let marker = format!("marker {seed}");
    server.send_line(line).await;
    server.send(&json!({ "jsonrpc": "2.0", "id": marker, "method": "ping" })).await;
    let (mut answers, mut marked) = (Vec::new(), false);
    loop {
        let is_owed = id_to_answer(line).is_some() && answers.is_empty();
        if marked && !is_owed {
            return answers;
        }
        let next = server.next().await;
        match next["id"] == marker {
            true => marked = true,
            // What the server tells on its own is no answer.
            false if next["method"].is_string() => {}
            false => answers.push(next),
        }
    }
}
