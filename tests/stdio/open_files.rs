//! More artifacts than a process may have open files.

use serde_json::json;

use crate::common::{Project, Server, command};

#[tokio::test]
async fn a_server_with_256_open_files_serves_any_number_of_artifacts() {
    let project = Project::new();
    let program = command(project.path());
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -n 256 && exec \"$0\" \"$@\""]);
    limited.arg(program.get_program()).args(program.get_args()).arg("serve");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let server = Server::start_command(limited).await;
    for round in 0..2 {
        for i in 0..150 {
            let name = format!("a{i}");
            if round == 0 {
                let init = json!({ "name": name, "workflow": "document" });
                server.call("init_state", init).await.unwrap();
            }
            let save = json!({ "name": name, "patch": { "data": { "round": round } } });
            let saved = server.call("save_state", save).await.unwrap();
            assert_eq!(saved["version"], 2 + round, "{name}: {saved}");
            assert_eq!(saved["briefing"]["warnings"], json!([]), "{name}");
        }
    }
    assert!(server.end().await.success());
}
