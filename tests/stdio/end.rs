//! How a server ends.

use super::*;

#[tokio::test]
async fn the_end_of_the_input_ends_an_idle_server_at_once_in_whatever_state_it_is() {
    for state in ["fresh", "greeted", "used"] {
        let project = Project::new();
        let mut server = Raw::start(project.path());
        if state != "fresh" {
            server.greet("2025-11-25").await;
        }
        if state == "used" {
            server.call("init_state", open("a")).await.unwrap();
        }
        let start = Instant::now();
        let (status, rest) = server.end().await;
        assert!(start.elapsed() < AT_ONCE, "{state}: {:?}", start.elapsed());
        assert!(status.success() && rest.is_empty(), "{state}: {status}: {rest:?}");
    }
}

#[tokio::test]
async fn the_end_of_the_input_commits_and_answers_everything_that_came_before_it() {
    const SAVES: u64 = 300;
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    server.call("init_state", open("a")).await.unwrap();
    for id in 1000..1000 + SAVES {
        server.send(&request(id, &save("a", &format!("k{id}")))).await;
    }
    let start = Instant::now();
    let (status, answers) = server.end().await;
    assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    assert!(status.success(), "{status}");
    let ids: BTreeSet<u64> = answers.iter().filter_map(|answer| answer["id"].as_u64()).collect();
    assert_eq!(ids, (1000..1000 + SAVES).collect());
    assert!(answers.iter().all(|answer| told(answer).is_ok()));
    assert_eq!(data(&project).await.len(), 300);
}

#[tokio::test]
async fn a_signal_ends_the_server_at_once_and_exactly_what_was_answered_is_stored() {
    for signal in [Signal::TERM, Signal::INT] {
        let project = Project::new();
        let mut server = Raw::greeted(project.path()).await;
        server.call("init_state", open("a")).await.unwrap();
        for id in 1000..1200 {
            server.send(&request(id, &save("a", &format!("k{id}")))).await;
        }
        let mut answers = vec![server.next().await];
        let start = Instant::now();
        send_signal(server.id(), signal);
        let (status, rest) = server.ended().await;
        assert!(start.elapsed() < AT_ONCE, "{signal:?}: {:?}", start.elapsed());
        assert!(status.success(), "{signal:?}: {status}");
        answers.extend(rest);
        let answered: BTreeSet<String> = answers
            .iter()
            .map(|answer| {
                told(answer).unwrap();
                format!("k{}", answer["id"])
            })
            .collect();
        let stored: BTreeSet<String> = data(&project).await.into_iter().collect();
        assert_eq!(stored, answered, "{signal:?}");
    }
}

#[tokio::test]
async fn a_signal_ends_a_server_that_was_never_greeted() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    // Its answer shows that it listens.
    server.tell(b"nonsense").await;
    let start = Instant::now();
    send_signal(server.id(), Signal::TERM);
    let (status, _) = server.ended().await;
    assert!(start.elapsed() < AT_ONCE && status.success(), "{status}, {:?}", start.elapsed());
}

fn request(id: u64, arguments: &Value) -> Value {
    let params = json!({ "name": "save_state", "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

fn send_signal(id: u32, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(id).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

/// The names of what is stored in the artifact `a`, as a fresh process reads it.
async fn data(project: &Project) -> Vec<String> {
    let server = Server::start(project.path()).await;
    let loaded = server.call("load_state", json!({ "name": "a", "select": ["/data"] })).await;
    let data = loaded.unwrap()["selected"]["/data"].clone();
    server.end().await;
    data.as_object().unwrap().keys().cloned().collect()
}
