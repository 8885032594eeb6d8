//! Certificates with the real program: made in one project, verified elsewhere by another process.

mod action;
mod made;
mod mutations;
mod replay;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Finished, Project, command, finish};

pub(crate) const REPORT: &str = "# Trams\n\nOne in four is late.\n";

/// A project with a finalized loop, its certificate, and the public key.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) project: Project,
}

impl Made {
    pub(crate) fn certificate(&self) -> PathBuf {
        self.project.path().join("trams.json")
    }

    pub(crate) fn public_key(&self) -> PathBuf {
        self.project.path().join("refiner.pub")
    }

    pub(crate) fn dist(&self) -> PathBuf {
        self.project.of("trams", "dist")
    }
}

/// Runs a subcommand for a user with a state folder of their own.
fn run(project: &Project, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Finished {
    let mut command = command(project.path());
    command.args(arguments).env("XDG_STATE_HOME", project.path().join(".state"));
    finish(&mut command, "")
}

/// Runs a subcommand that has to succeed, and returns what it prints.
fn done(project: &Project, arguments: &[&str]) -> String {
    let finished = run(project, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
    finished.stdout
}

fn complete(project: &Project, phase: &str, result: &Value) {
    let result = result.to_string();
    let rest = ["--phase", phase, "--result", &result, "--cost", "0.1"];
    done(project, &[&["transition", "trams", "complete"], &rest[..]].concat());
}

/// Takes a loop of the artifact `trams` to its end: measured and asserted constraints, two files, and an
/// iteration that did not converge.
fn converged() -> Project {
    let project = Project::new();
    done(&project, &["init", "trams", "--type", "content", "--goal", "Be brief"]);
    let brief = json!({
        "id": "brief", "description": "it is brief", "severity": "blocking",
        "validation": { "method": "word_count", "params": { "path": "report.md", "max": 9 } },
    });
    let kind = json!({ "id": "kind", "description": "it is kind", "severity": "high" });
    complete(&project, "specify", &json!({ "constraints": [brief, kind] }));
    iterate(&project, &REPORT.repeat(9), "violated");
    iterate(&project, REPORT, "satisfied");
    project
}

/// Plays one iteration with the given report.
fn iterate(project: &Project, report: &str, kind: &str) {
    complete(project, "plan", &json!({ "steps": ["write it"] }));
    for (path, content) in [("report.md", report), ("notes/more.md", "More.\n")] {
        let file = project.path().join("content");
        std::fs::write(&file, content).unwrap();
        done(project, &["output", "write", "trams", path, file.to_str().unwrap()]);
    }
    let variant = json!({ "name": "report", "files": ["report.md", "notes/more.md"] });
    let executed = json!({
        "actions": ["wrote it"], "files_modified": ["report.md"],
        "manifest": { "variants": [variant] },
    });
    complete(project, "execute", &executed);
    let found = json!([{ "id": "kind", "status": kind, "details": "as read" }]);
    complete(project, "reflect", &json!({ "constraints": found, "summary": "read" }));
    complete(project, "persist", &json!({ "actions": [], "files_modified": ["report.md"] }));
}

/// Makes a loop, closes it, and certifies it.
pub(crate) fn certified() -> Made {
    let project = converged();
    done(&project, &["finalize", "trams"]);
    let made = Made { project };
    std::fs::write(made.certificate(), done(&made.project, &["certificate", "trams"])).unwrap();
    let key = done(&made.project, &["certificate", "--public-key"]);
    std::fs::write(made.public_key(), key).unwrap();
    made
}

/// Verifies a certificate, in a folder that has nothing to do with the project.
fn verify(certificate: &Path, rest: &[&OsStr]) -> Finished {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut verify = crate::common::program();
    verify.current_dir(elsewhere.path()).arg("verify-certificate").arg(certificate).args(rest);
    verify.env("XDG_CONFIG_HOME", elsewhere.path()).env("HOME", elsewhere.path());
    let finished = finish(verify.arg("--json"), "");
    let left = std::fs::read_dir(elsewhere.path()).unwrap().count();
    assert_eq!(left, 0, "verifying wrote something");
    finished
}
