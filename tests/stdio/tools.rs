//! Which tools a server has.

use serde_json::json;

use crate::common::{Project, Server, command, refiner};

/// Returns what a server has that was started for a set of tools.
async fn started(project: &Project, set: &str) -> Server {
    let mut command = command(project.path());
    command.args(["serve", "--tools", set]);
    Server::start_command(command).await
}

#[tokio::test]
async fn tools_that_were_not_chosen_are_neither_listed_nor_callable() {
    let project = Project::new();
    let server = started(&project, "core").await;
    let listed = server.client().list_all_tools().await.unwrap();
    assert_eq!(listed.len(), 9, "{listed:?}");
    let opened = server.call("init_state", json!({ "name": "a", "workflow": "document" })).await;
    assert_eq!(opened.unwrap()["version"], 1);
    let refused = server.call("read_output", json!({ "name": "a" })).await.unwrap_err();
    assert_eq!(refused, json!({ "protocol": -32602, "message": "Unknown tool: read_output" }));
    server.end().await;

    let server = started(&project, "read_output,load_state").await;
    let listed = server.client().list_all_tools().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|tool| tool.name.as_ref()).collect();
    assert_eq!(names, ["load_state", "read_output"]);
    assert_eq!(server.call("read_output", json!({ "name": "a" })).await.unwrap()["total"], 0);
    let refused = server.call("init_state", json!({ "name": "b" })).await.unwrap_err();
    assert_eq!(refused["message"], "Unknown tool: init_state");
}

#[test]
fn an_unknown_tool_or_set_is_a_usage_error_that_says_what_there_is() {
    let project = Project::new();
    let finished = refiner(project.path(), ["serve", "--tools", "core,nothing"]);
    assert_eq!(finished.code, Some(2), "{finished:?}");
    for part in ["\"nothing\"", "all, core, pmpo", "init_state", "read_output"] {
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    }
    assert_eq!(project.names(""), Vec::<String>::new(), "nothing was made");
}
