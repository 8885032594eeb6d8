//! The GitHub Action of the examples: its script, run as the runner would.

use std::process::Command;

use super::{Made, certified};
use crate::common::{Finished, finish, program};

const ACTION: &str = "examples/github-action/certificates.yml";

/// Returns the script of the step that verifies.
fn script() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(ACTION);
    let action = std::fs::read_to_string(path).unwrap();
    let (_, script) = action.split_once("        run: |\n").unwrap();
    script.lines().map(|line| format!("{}\n", line.trim_start_matches("          "))).collect()
}

/// Runs the script in a checkout with the certificate and the outputs.
fn run_action(made: &Made, checkout: &std::path::Path) -> (Finished, String) {
    let key = std::fs::read_to_string(made.public_key()).unwrap();
    let program = program();
    let folder = std::path::Path::new(program.get_program()).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let summary = made.project.path().join("summary.md");
    let mut shell = Command::new("bash");
    shell.args(["-e", "-c", &script()]).current_dir(checkout).env("PATH", path);
    shell.env("GITHUB_STEP_SUMMARY", &summary).env("REFINER_PUBLIC_KEY", key.trim_end());
    let finished = finish(&mut shell, "");
    (finished, std::fs::read_to_string(&summary).unwrap())
}

#[test]
fn the_action_shows_the_certificates_of_a_pull_request() {
    let made = certified();
    let checkout = tempfile::tempdir().unwrap();
    let at = |path: &str| checkout.path().join(path);
    std::fs::create_dir(at("certificates")).unwrap();
    std::fs::copy(made.certificate(), at("certificates/trams.json")).unwrap();
    crate::common::copy_folder(&made.dist(), &at("outputs/trams"));
    let (finished, summary) = run_action(&made, checkout.path());
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(summary.contains("### trams") && summary.contains("\nverified\n"), "{summary}");
    std::fs::write(at("outputs/trams/report.md"), "other").unwrap();
    let (finished, summary) = run_action(&made, checkout.path());
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stdout.contains("::error file=certificates/trams.json"), "{finished:?}");
    assert!(summary.contains("report.md: its sha256"), "{summary}");
}
