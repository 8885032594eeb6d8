//! An agent host finds the server in its own configuration file, offers its tools to a model, and
//! carries out what that asks for. Only the model is ours.

use std::path::Path;
use std::process::Command;

use super::model::Model;
use super::{REPORT, installed, loop_in_one_iteration, run};
use crate::common::{Finished, Journal, Project, finish, program};

/// Where nobody listens: a host that asks for anything beyond this machine is refused.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Writes what Codex has to know of its model, as its user would have.
fn write_configuration(home: &Path, model: &Model) {
    let configuration = format!(
        "model = \"scripted\"\nmodel_provider = \"here\"\ncheck_for_update_on_startup = false\n\n\
         [analytics]\nenabled = false\n\n[feedback]\nenabled = false\n\n\
         [model_providers.here]\nname = \"here\"\nbase_url = \"{}\"\nwire_api = \"responses\"\n\
         request_max_retries = 0\nstream_max_retries = 0\n",
        model.url()
    );
    std::fs::create_dir(home.join(".codex")).unwrap();
    std::fs::write(home.join(".codex/config.toml"), configuration).unwrap();
}

/// Has Codex do what its model says.
async fn codex(project: &Project, home: &Path) -> Finished {
    let mut codex = Command::new(installed("node/node"));
    codex.arg(installed("node/node_modules/@openai/codex/bin/codex.js"));
    codex.args(["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]);
    codex.args(["--json", "Refine the report trams."]).current_dir(project.path());
    codex.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    codex.env("HTTP_PROXY", NOWHERE).env("HTTPS_PROXY", NOWHERE).env("NO_PROXY", "127.0.0.1");
    run(codex, home).await
}

#[tokio::test]
async fn codex_finds_the_server_in_its_configuration_and_drives_a_loop() {
    let (project, home) = (Project::new(), tempfile::tempdir().unwrap());
    let script = loop_in_one_iteration();
    let model = Model::start(script.clone()).await;
    write_configuration(home.path(), &model);
    install(home.path());
    let finished = codex(&project, home.path()).await;
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let outputs = model.outputs();
    assert_eq!(outputs.len(), script.len(), "{outputs:#?}\n{finished:?}");
    let refused = outputs.iter().find(|output| output.contains("\\\"hint\\\""));
    assert_eq!(refused, None, "{finished:?}");

    let state = project.state("trams");
    assert_eq!(state["convergence_status"], "converged");
    assert!(state["finalized_at"].is_string(), "{state}");
    let report = std::fs::read_to_string(project.of("trams", "dist/report.md")).unwrap();
    assert_eq!(report, REPORT);
    let entries = Journal::read(&project, "trams").entries();
    let operations: Vec<&str> =
        entries.iter().map(|entry| entry["operation"].as_str().unwrap()).collect();
    let called: Vec<&str> = script.iter().map(|(tool, _)| *tool).collect();
    assert_eq!(operations, called);
    assert!(entries.iter().all(|entry| entry["actor"].as_str().unwrap().starts_with("codex")));
}

/// Makes the server known to Codex, as its user would.
fn install(home: &Path) {
    let mut install = program();
    install.args(["install", "codex"]).env("HOME", home);
    let finished = finish(&mut install, "");
    assert_eq!(finished.code, Some(0), "{finished:?}");
}
