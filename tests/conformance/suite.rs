//! The suite as a program: what it runs, and what did not pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

/// What the suite calls scenarios that belong to no revision.
pub(super) const EXTENSION: &str = "extension";

/// Far more than a run takes, also where other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// The suite as it was installed.
#[derive(Debug)]
pub(super) struct Suite {
    folder: PathBuf,
}

impl Suite {
    /// Finds the suite.
    pub(super) fn installed() -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let folder = target.join("clients/conformance");
        let node = folder.join("node");
        assert!(node.exists(), "{} is missing: run scripts/install-test-clients", node.display());
        Self { folder }
    }

    /// Returns the scenarios for servers, by revision.
    pub(super) async fn scenarios(&self) -> BTreeMap<String, Vec<String>> {
        let (_, listed) = self.conformance(&["list", "--server"]).await;
        let mut scenarios = BTreeMap::<String, Vec<String>>::new();
        let lines = listed.lines().filter_map(|line| line.trim().strip_prefix("- "));
        for (name, revisions) in lines.filter_map(|line| line.split_once(" [")) {
            for revision in revisions.trim_end_matches(']').split(',') {
                scenarios.entry(revision.to_owned()).or_default().push(name.to_owned());
            }
        }
        scenarios
    }

    /// Runs a revision's scenarios against a server. Returns the checks that did not pass, each as
    /// `scenario: check`; those that only should pass as `scenario: check (warning)`.
    pub(super) async fn run(
        &self,
        url: &str,
        revision: &str,
        scenarios: &[String],
    ) -> BTreeSet<String> {
        let results = tempfile::tempdir().unwrap();
        let to = ["server", "--url", url, "--output-dir", results.path().to_str().unwrap()];
        let mut output = String::new();
        if revision == EXTENSION {
            for scenario in scenarios {
                let (_, printed) =
                    self.conformance(&[&to[..], &["--scenario", scenario]].concat()).await;
                output.push_str(&printed);
            }
        } else {
            let all = ["--suite", "all", "--spec-version", revision];
            output = self.conformance(&[&to[..], &all].concat()).await.1;
        }
        let mut short = BTreeSet::new();
        for scenario in scenarios {
            match checks(results.path(), scenario) {
                Some(checks) => short.extend(not_passed(scenario, &checks)),
                None => panic!("{revision}: {scenario} left no result:\n{output}"),
            }
        }
        short
    }

    /// Runs the suite's program to its end. Returns how it ended and what it printed.
    async fn conformance(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let entry = "node_modules/@modelcontextprotocol/conformance/dist/index.js";
        let mut command = Command::new(self.folder.join("node"));
        command.arg(self.folder.join(entry)).args(arguments).stdin(Stdio::null());
        command.stderr(Stdio::inherit()).kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        let output = output.expect("the suite comes to its end").unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

/// Returns the checks that a scenario left, if it ran.
fn checks(results: &Path, scenario: &str) -> Option<Vec<Value>> {
    let is_of = |name: &str| {
        let rest = name.strip_prefix("server-").and_then(|name| name.strip_prefix(scenario));
        // The time at which it ran follows.
        rest.and_then(|rest| rest.strip_prefix('-')).is_some_and(|rest| rest.starts_with("20"))
    };
    let folders = std::fs::read_dir(results).unwrap().map(|entry| entry.unwrap());
    let mut of_scenario = folders.filter(|entry| is_of(entry.file_name().to_str().unwrap()));
    let checks = std::fs::read(of_scenario.next()?.path().join("checks.json")).ok()?;
    Some(serde_json::from_slice(&checks).unwrap())
}

fn not_passed<'a>(scenario: &'a str, checks: &'a [Value]) -> impl Iterator<Item = String> + 'a {
    checks.iter().filter_map(move |check| {
        let id = check["id"].as_str().unwrap();
        match check["status"].as_str().unwrap() {
            "SUCCESS" | "INFO" | "SKIPPED" => None,
            "WARNING" => Some(format!("{scenario}: {id} (warning)")),
            "FAILURE" => Some(format!("{scenario}: {id}")),
            status => panic!("{scenario}: {id}: {status}"),
        }
    })
}
