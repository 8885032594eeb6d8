//! The official conformance suite of the Model Context Protocol, in every revision that it knows.
//!
//! Against the program every scenario passes that applies to a server of any kind. The others ask for
//! tools, prompts and resources of the suite's own; they pass against the example
//! `conformance_fixture`, which has them on the very same transports, middleware, panic guard and way
//! of asking a person. What remains is listed with its reason in `conformance/expected.json`, and a
//! run fails if the list and the results differ in either direction.
//!
//! `scripts/install-test-clients` installs the suite.

#[path = "../examples/conformance_fixture/fixture/mod.rs"]
mod fixture;
mod suite;

use std::collections::BTreeSet;

use refiner::http::{self, Options};
use serde::Deserialize;
use tokio::sync::oneshot;

use self::fixture::{Changes, Fixture};
use self::suite::Suite;
use crate::common::{Listening, Project, soon};

/// Checks that do not pass, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remaining {
    /// The program or the fixture.
    server: String,
    revisions: Vec<String>,
    scenario: String,
    checks: Vec<String>,
    /// Why that is as it should be.
    reason: String,
}

/// Returns what is listed for a server, one line for each check.
fn listed(server: &str) -> BTreeSet<String> {
    let remaining: Vec<Remaining> =
        serde_json::from_str(include_str!("conformance/expected.json")).unwrap();
    let mut lines = BTreeSet::new();
    for entry in remaining.iter().filter(|entry| entry.server == server) {
        assert!(!entry.reason.is_empty() && !entry.checks.is_empty(), "{entry:?}");
        for (revision, check) in entry
            .revisions
            .iter()
            .flat_map(|revision| entry.checks.iter().map(move |check| (revision, check)))
        {
            let is_new = lines.insert(format!("{revision} {}: {check}", entry.scenario));
            assert!(is_new, "listed twice: {entry:?}");
        }
    }
    lines
}

/// Runs the suite in all revisions, and fails unless exactly what is listed does not pass.
async fn check(server: &str, url: &str) {
    let mut found = BTreeSet::new();
    let suite = Suite::installed();
    let revisions = suite.scenarios().await;
    for revision in ["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28", suite::EXTENSION] {
        assert!(revisions.contains_key(revision), "the suite knows {revision}: {revisions:?}");
    }
    for (revision, scenarios) in &revisions {
        for shortfall in suite.run(url, revision, scenarios).await {
            found.insert(format!("{revision} {shortfall}"));
        }
    }
    let listed = listed(server);
    let lines = |lines: Vec<&String>| lines.iter().map(|line| format!("\n  {line}")).collect();
    let unlisted: String = lines(found.difference(&listed).collect());
    let passed: String = lines(listed.difference(&found).collect());
    assert!(
        unlisted.is_empty() && passed.is_empty(),
        "{server}: not listed in expected.json, but does not pass:{unlisted}\n\
         listed there, but passes:{passed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_whatever_applies_to_a_server_of_any_kind() {
    let project = Project::new();
    let server = Listening::start(project.path(), &[]).await;
    check("program", server.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_the_suites_own_tools_on_the_same_parts_passes_the_rest() {
    let bound = http::bind(Options::new(([127, 0, 0, 1], 0).into())).unwrap();
    let (url, changes) = (bound.url(), Changes::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let stopped = async { drop(stopped.await) };
        bound.serve(move || Fixture::new(changes.clone()), stopped).await
    });
    check("fixture", &url).await;
    stop.send(()).unwrap();
    soon("the fixture's end", serving).await.unwrap().unwrap();
}
