//! Subscriptions: `resources/subscribe` of sessions and `subscriptions/listen` of 2026-07-28.

use std::time::Instant;

use super::*;
use crate::common::{AT_ONCE, refiner};

/// Writes a version as another process.
fn write_elsewhere(project: &Project, name: &str, value: u64) {
    let patch = json!({ "data": { "value": value } }).to_string();
    let saved = refiner(project.path(), ["save", name, "--patch", &patch]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
}

/// Asks for something whose answer may come after notifications. Returns the answer and those.
async fn ask(server: &mut Raw, id: u64, method: &str, params: Value) -> (Value, Vec<Value>) {
    server.send(&request(id, method, &params)).await;
    let mut before = Vec::new();
    loop {
        let message = server.next().await;
        if message["id"] == id {
            return (message, before);
        }
        before.push(message);
    }
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Returns the next update.
async fn updated(server: &mut Raw) -> Value {
    loop {
        let message = server.next().await;
        if message["method"] == "notifications/resources/updated" {
            return message["params"].clone();
        }
    }
}

async fn call(server: &mut Raw, tool: &str, arguments: Value) -> Vec<Value> {
    let params = json!({ "name": tool, "arguments": arguments });
    let (answer, before) = ask(server, 900, "tools/call", params).await;
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    before
}

#[tokio::test]
async fn a_session_is_told_of_every_version_whoever_wrote_it() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    call(&mut server, "init_state", open("a")).await;
    let (answer, _) =
        ask(&mut server, 1, "resources/subscribe", json!({ "uri": state("a") })).await;
    assert_eq!(answer["result"], json!({}));
    for value in 1..=5 {
        write_elsewhere(&project, "a", value);
        assert_eq!(updated(&mut server).await, json!({ "uri": state("a") }));
        let before = call(&mut server, "save_state", save("a", value + 100)).await;
        if !before.iter().any(|one| one["method"] == "notifications/resources/updated") {
            updated(&mut server).await;
        }
    }
}

#[tokio::test]
async fn a_session_is_told_of_an_artifact_that_comes_later_and_of_the_list() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    for uri in [state("a"), "refiner://artifacts".to_owned()] {
        ask(&mut server, 1, "resources/subscribe", json!({ "uri": uri })).await;
    }
    let made = refiner(project.path(), ["init", "a", "--workflow", "document"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let mut missing: BTreeSet<String> = [
        format!("notifications/resources/updated {}", state("a")),
        "notifications/resources/updated refiner://artifacts".to_owned(),
        "notifications/resources/list_changed ".to_owned(),
    ]
    .into();
    while !missing.is_empty() {
        let told = soon("what is told", server.next_of_all()).await.unwrap();
        let uri = told["params"]["uri"].as_str().unwrap_or_default();
        missing.remove(&format!("{} {uri}", told["method"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn nothing_is_told_of_what_was_not_subscribed_to_or_is_not_any_more() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    for name in ["a", "b", "c"] {
        call(&mut server, "init_state", open(name)).await;
    }
    for name in ["a", "c"] {
        let params = json!({ "uri": state(name) });
        ask(&mut server, 1, "resources/subscribe", params).await;
    }
    let (answer, _) =
        ask(&mut server, 2, "resources/unsubscribe", json!({ "uri": state("a") })).await;
    assert_eq!(answer["result"], json!({}));
    for name in ["a", "b", "c"] {
        write_elsewhere(&project, name, 1);
    }
    assert_eq!(updated(&mut server).await, json!({ "uri": state("c") }));
    let (answer, _) =
        ask(&mut server, 3, "resources/subscribe", json!({ "uri": "refiner://none" })).await;
    assert_eq!(answer["error"]["code"], -32002, "{answer}");
}

/// Opens a stream and returns its acknowledgement.
async fn listen(server: &mut Raw, id: u64, notifications: Value) -> Value {
    let params = stateless(json!({ "notifications": notifications }));
    server.send(&request(id, "subscriptions/listen", &params)).await;
    loop {
        let message = server.next_of_all().await.unwrap();
        if message["method"] == "notifications/subscriptions/acknowledged"
            && message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"] == id
        {
            return message["params"]["notifications"].clone();
        }
        assert_ne!(message["id"], id, "{message}");
    }
}

#[tokio::test]
async fn a_stream_is_told_of_what_it_asked_for_with_its_id_whoever_wrote() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let init = json!({ "name": "init_state", "arguments": open("a") });
    server.ask("tools/call", stateless(init)).await;
    let asked = json!({
        "resourceSubscriptions": [state("a"), "refiner://none", "https://example.org/"],
        "toolsListChanged": true,
    });
    let accepted = listen(&mut server, 7, asked).await;
    assert_eq!(accepted, json!({ "resourceSubscriptions": [state("a")] }));
    for value in 0..5 {
        // The first one may be what every stream is told of at its beginning.
        let told = updated(&mut server).await;
        assert_eq!(told["uri"], state("a"));
        assert_eq!(told["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
        write_elsewhere(&project, "a", value);
    }
    updated(&mut server).await;
}

/// The acknowledgement goes out before the server listens; what happens in between was lost by a
/// server that does not tell of everything at the beginning.
#[tokio::test]
async fn no_version_is_missed_however_soon_after_the_acknowledgement_it_was_written() {
    const RACES: u64 = 60;
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let writer = Server::start(project.path()).await;
    writer.call("init_state", open("a")).await.unwrap();
    for race in 0..RACES {
        let asked = json!({ "resourceSubscriptions": [state("a")] });
        listen(&mut server, 100 + race, asked).await;
        let saved = writer.call("save_state", save("a", race)).await.unwrap();
        // Updates of earlier streams may be on their way.
        let id = json!(100 + race);
        while updated(&mut server).await["_meta"]["io.modelcontextprotocol/subscriptionId"] != id {}
        // Whoever is told reads, and sees what was acknowledged.
        let read = stateless(json!({ "uri": state("a") }));
        let (answer, _) = ask(&mut server, 9000 + race, "resources/read", read).await;
        let text = answer["result"]["contents"][0]["text"].as_str().unwrap();
        let seen: Value = serde_json::from_str(text).unwrap();
        assert_eq!(seen["version"], saved["version"]);
        let cancelled = json!({ "requestId": 100 + race });
        let notification = "notifications/cancelled";
        server
            .send(&json!({ "jsonrpc": "2.0", "method": notification, "params": cancelled }))
            .await;
    }
}

#[tokio::test]
async fn a_stream_that_is_cancelled_is_told_of_nothing_more_and_others_are() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let init = json!({ "name": "init_state", "arguments": open("a") });
    server.ask("tools/call", stateless(init)).await;
    for id in [1001, 1002] {
        listen(&mut server, id, json!({ "resourceSubscriptions": [state("a")] })).await;
    }
    let cancelled = json!({ "requestId": 1001 });
    let notification = "notifications/cancelled";
    server.send(&json!({ "jsonrpc": "2.0", "method": notification, "params": cancelled })).await;
    // An answer to something later shows that the cancellation was seen.
    ask(&mut server, 1003, "tools/list", stateless(json!({}))).await;
    let mut told = Vec::new();
    for value in 0..3 {
        write_elsewhere(&project, "a", value);
        told.push(
            updated(&mut server).await["_meta"]["io.modelcontextprotocol/subscriptionId"].clone(),
        );
    }
    // What was on its way when it was cancelled may come first.
    assert_eq!(told[2], 1002, "{told:?}");
}

#[tokio::test]
async fn open_streams_and_subscriptions_do_not_delay_the_end() {
    let project = Project::new();
    let mut streams = Raw::start(project.path());
    for id in 1..=20 {
        let asked = json!({ "resourceSubscriptions": [state("a")], "resourcesListChanged": true });
        listen(&mut streams, id, asked).await;
    }
    let mut session = Raw::greeted(project.path()).await;
    ask(&mut session, 1, "resources/subscribe", json!({ "uri": state("a") })).await;
    for server in [streams, session] {
        let start = Instant::now();
        let (status, _) = server.end().await;
        assert!(status.success() && start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn one_subscription_too_many_is_refused_and_the_others_are_kept() {
    let project = Project::new();
    let mut server = Raw::greeted(project.path()).await;
    call(&mut server, "init_state", open("a0")).await;
    #[cfg(target_os = "linux")]
    let before = crate::common::memory_kib(server.id());
    for number in 0..1000 {
        let params = json!({ "uri": state(&format!("a{number}")) });
        let (answer, _) = ask(&mut server, number, "resources/subscribe", params).await;
        assert_eq!(answer["result"], json!({}), "{number}");
    }
    #[cfg(target_os = "linux")]
    {
        let grown = crate::common::memory_kib(server.id()).saturating_sub(before);
        println!("1000 idle subscriptions of a session: {grown} KiB");
        assert!(grown < 8 << 10, "{grown} KiB");
    }
    let params = json!({ "uri": state("more") });
    let (answer, _) = ask(&mut server, 5000, "resources/subscribe", params).await;
    assert_eq!(
        (&answer["error"]["code"], &answer["error"]["data"]["limit"]),
        (&json!(429), &json!(1000))
    );
    write_elsewhere(&project, "a0", 1);
    assert_eq!(updated(&mut server).await, json!({ "uri": state("a0") }));

    let mut server = Raw::start(project.path());
    for id in 0..64 {
        listen(&mut server, id, json!({ "resourcesListChanged": true })).await;
    }
    let asked = stateless(json!({ "notifications": { "resourcesListChanged": true } }));
    let (answer, _) = ask(&mut server, 64, "subscriptions/listen", asked).await;
    assert_eq!(answer["error"]["code"], 429, "{answer}");
    let uris: Vec<String> = (0..1001).map(|number| state(&format!("a{number}"))).collect();
    let mut server = Raw::start(project.path());
    let asked = stateless(json!({ "notifications": { "resourceSubscriptions": uris } }));
    let (answer, _) = ask(&mut server, 1, "subscriptions/listen", asked).await;
    assert_eq!(answer["error"]["code"], 429, "{answer}");
}
