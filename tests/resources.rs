//! Resources as hosts use them: listed in pages, read, completed, and subscribed to in both eras of the
//! protocol, whoever writes.

mod subscriptions;

use std::collections::BTreeSet;

use rmcp::model::{PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse};
use serde_json::{Value, json};

use crate::common::{Project, Raw, Server, soon};

/// The `_meta` of a request that needs no greeting.
fn stateless(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "stateless", "version": "7" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

fn open(name: &str) -> Value {
    json!({ "name": name, "workflow": "document" })
}

fn save(name: &str, value: u64) -> Value {
    json!({ "name": name, "patch": { "data": { "value": value } } })
}

fn state(name: &str) -> String {
    format!("refiner://artifacts/{name}/state")
}

#[tokio::test]
async fn every_resource_is_listed_once_in_pages_and_can_be_read_in_both_eras() {
    let project = Project::new();
    for era in ["sessions", "stateless"] {
        let server = match era {
            "sessions" => Server::start(project.path()).await,
            _ => Server::start_stateless(project.path()).await,
        };
        for number in 0..60 {
            server.call("init_state", open(&format!("a{number}"))).await.unwrap();
        }
        let client = server.client();
        let listed = soon("the list", client.list_all_resources()).await.unwrap();
        let uris: BTreeSet<&str> = listed.iter().map(|one| one.uri.as_str()).collect();
        assert_eq!(uris.len(), listed.len(), "{era}");
        assert!((0..60).all(|number| uris.contains(state(&format!("a{number}")).as_str())));
        for one in &listed {
            let params = ReadResourceRequestParams::new(&one.uri);
            let read = soon("reading", client.read_resource_once(params)).await.unwrap();
            let ReadResourceResponse::Complete(read) = read else { panic!("{read:?}") };
            assert_eq!(json!(read.contents[0])["uri"], json!(one.uri), "{era}");
        }
        let templates = client.list_all_resource_templates().await.unwrap();
        assert!(templates.len() > 10, "{era}: {templates:?}");
        let past = PaginatedRequestParams::default().with_cursor(Some("xyz".into()));
        assert!(client.list_resources(Some(past)).await.is_err(), "{era}");
    }
}

#[tokio::test]
async fn a_missing_resource_and_a_cursor_of_nobodys_get_the_error_of_each_era() {
    let project = Project::new();
    let mut sessions = Raw::greeted(project.path()).await;
    let mut requests = Raw::start(project.path());
    for list in ["tools", "prompts", "resources", "resources/templates"] {
        let (method, params) = (format!("{list}/list"), json!({ "cursor": "bm9uZQ" }));
        let error = sessions.ask(&method, params.clone()).await["error"].clone();
        assert_eq!(error["code"], -32602, "{method}: {error}");
        let error = requests.ask(&method, stateless(params)).await["error"].clone();
        assert_eq!(error["code"], -32602, "{method}: {error}");
    }
    let missing = json!({ "uri": state("none") });
    let error = sessions.ask("resources/read", missing.clone()).await["error"].clone();
    assert_eq!((&error["code"], &error["data"]["code"]), (&json!(-32002), &json!("not_found")));
    let error = requests.ask("resources/read", stateless(missing)).await["error"].clone();
    assert_eq!((&error["code"], &error["data"]["uri"]), (&json!(-32602), &json!(state("none"))));
}

#[tokio::test]
async fn what_may_be_kept_is_said_of_each_answer_in_the_stateless_era() {
    let project = Project::new();
    let mut server = Raw::start(project.path());
    let call = json!({ "name": "init_state", "arguments": open("a") });
    server.ask("tools/call", stateless(call)).await;
    for (method, params, lives, scope) in [
        ("resources/read", json!({ "uri": "refiner://domains/logo" }), true, "public"),
        ("resources/read", json!({ "uri": state("a") }), false, "private"),
        ("resources/read", json!({ "uri": "refiner://artifacts" }), false, "private"),
        ("resources/list", json!({}), false, "private"),
        ("resources/templates/list", json!({}), true, "public"),
        ("prompts/list", json!({}), true, "public"),
        ("tools/list", json!({}), true, "private"),
    ] {
        let result = server.ask(method, stateless(params)).await["result"].clone();
        let lives_millis = result["ttlMs"].as_u64().unwrap();
        assert_eq!((lives_millis > 0, &result["cacheScope"]), (lives, &json!(scope)), "{method}");
    }
}
