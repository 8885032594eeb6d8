//! Whole refinement loops, by a host that knows nothing but what the server tells it: five kinds of
//! work, each with defects in the beginning, each measured, refused, mended and archived.

mod after;
mod component;
mod composite;
mod host;
mod killed;
mod logo;
mod logs;
mod mending;
mod png;
mod prompt;
mod refusing;
mod report;
mod story;

use serde_json::{Value, json};

use self::after::{Persisted, Wrong, check_archive, check_repeated};
use self::host::{Done, Host};
use self::story::Story;
use crate::common::{Project, Server};

fn stories() -> [Story; 5] {
    [logo::story(), component::story(), report::story(), prompt::story(), composite::story()]
}

/// Goes on until an iteration is closed, or the loop went back to mend something: until the phase
/// persist was left. Returns that call.
async fn to_the_end_of_persist(host: &mut Host<'_>) -> Done {
    loop {
        let briefing = host.briefing().await.unwrap();
        let done = host.go_on(&briefing).await.unwrap();
        assert_eq!(done.tool, "transition", "the loop ended: {done:?}");
        if briefing["phase"] == "persist" {
            return done;
        }
        assert!(done.answer.get("decision").is_none(), "only persist decides: {done:?}");
    }
}

/// Closes an iteration, in which nothing is wrong, and looks at everything. Returns the answer.
async fn close(host: &mut Host<'_>, iteration: u64) -> Value {
    let done = to_the_end_of_persist(host).await;
    let violated = Persisted::read(host.project, host.story, iteration).check(Wrong::Nothing);
    assert_eq!(violated, host.story.draft(iteration).violated, "iteration {iteration}");
    check_repeated(host.project, &host.caller, &done).await;
    done.answer
}

/// Closes the loop that has converged, and looks at its archive.
async fn finalize(host: &mut Host<'_>, status: &str) {
    let briefing = host.briefing().await.unwrap();
    assert_eq!(briefing["status"], status);
    let done = host.go_on(&briefing).await.unwrap();
    assert_eq!(done.tool, "finalize");
    check_archive(host.project, host.story, &done.answer);
    check_repeated(host.project, &host.caller, &done).await;
}

#[tokio::test]
async fn five_kinds_of_work_converge_and_are_archived() {
    for story in stories() {
        let project = Project::new();
        let server = Server::start(project.path()).await;
        let mut host = Host::new(&project, &story, server.caller());
        assert_eq!(host.open().await.unwrap()["outcome"], "created");
        for iteration in 1..story.good() {
            let answer = close(&mut host, iteration).await;
            assert_eq!(answer["to"], "plan", "{answer}");
            assert_eq!(answer["decision"]["decision"], "continue");
            assert!(!answer["decision"]["unmet"].as_array().unwrap().is_empty(), "{answer}");
        }
        let answer = close(&mut host, story.good()).await;
        assert_eq!((&answer["to"], &answer["from"]), (&json!("converged"), &json!("persist")));
        assert_eq!(answer["decision"]["decision"], "terminate");
        finalize(&mut host, "converged").await;
        assert!(server.end().await.success());
    }
}
