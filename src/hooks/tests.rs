use serde_json::json;

use super::*;
use crate::disk::WORKSPACE;
use crate::model::Digest;
use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::journal::removal::Removal;
use crate::model::journal::tests::{draft, removing};
use crate::storage::filesystem::Filesystem;
use crate::workspace::{Trust, layout};

/// A project and a user's configuration, each in a temporary folder.
struct Place {
    project: tempfile::TempDir,
    user: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { project: tempfile::tempdir().unwrap(), user: tempfile::tempdir().unwrap() }
    }

    /// Returns the hooks of a new process.
    fn hooks(&self) -> Hooks {
        let workspace = Workspace::open(self.project.path()).unwrap();
        let user = UserFolder::new(self.user.path().to_owned());
        Hooks::new(workspace.clone(), Arc::new(Filesystem::new(&workspace)), Some(user), || {
            Time::from_millis(0)
        })
    }

    fn write(&self, user: bool, content: &str) {
        let path = if user {
            self.user.path().join("triggers.json")
        } else {
            self.project.path().join(layout::TRIGGERS)
        };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(std::fs::remove_file(&path));
        std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), content.as_bytes())
            .unwrap();
    }

    /// Trusts the project's triggers with this digest. `None` trusts none.
    async fn trust(&self, digest: Option<Digest>) {
        let user = UserFolder::new(self.user.path().to_owned());
        let trust = Trust::new(Some(user), self.project.path());
        trust.change(|trusted| trusted.triggers = digest).unwrap();
        self.hooks().prepare().await;
    }

    fn ran(&self) -> String {
        std::fs::read_to_string(self.project.path().join("ran")).unwrap_or_default()
    }
}

/// Returns a file with a trigger that writes a word and a version to `ran`.
fn triggers(word: &str) -> String {
    let command = ["sh", "-c", "echo $0 $REFINER_EVENT_VERSION >> ran", word];
    json!({"triggers": [{"name": word, "on": "on_phase_start", "command": command}]}).to_string()
}

/// Stores an entry with an event of the artifact `a`, and notifies the hooks.
async fn happens(hooks: &Hooks) -> Version {
    happens_to(hooks, "a").await
}

async fn happens_to(hooks: &Hooks, artifact: &'static str) -> Version {
    let name = Name::parse(artifact).unwrap();
    let decide = move |transaction: &mut crate::model::Transaction<'_>| {
        let event = LifecycleEvent {
            event: LifecycleKind::OnPhaseStart,
            phase: "plan".into(),
            iteration: 1,
            detail: None,
        };
        let version = transaction.next_version();
        let draft = crate::model::Draft { events: vec![event], ..draft(artifact, &json!(version)) };
        transaction.append(draft).unwrap();
    };
    let newest = hooks.inner.provider.append(&name, Box::new(decide)).await.unwrap().unwrap();
    hooks.happened(&name, newest.snapshot.version);
    newest.snapshot.version
}

/// Runs a process that stores one event and delivers before it ends.
async fn process(place: &Place) {
    let hooks = place.hooks();
    hooks.prepare().await;
    happens(&hooks).await;
    hooks.finish().await;
}

#[tokio::test]
async fn delivery_begins_with_what_happens_once_there_are_triggers_and_misses_nothing_after() {
    let place = Place::new();
    process(&place).await;
    place.write(true, &triggers("one"));
    process(&place).await;
    // The process is killed before any delivery.
    let killed = place.hooks();
    killed.prepare().await;
    happens(&killed).await;
    drop(killed);
    assert_eq!(place.ran(), "one 2\n");
    process(&place).await;
    assert_eq!(place.ran(), "one 2\none 3\none 4\n");
    // Without triggers no delivery is due.
    place.write(true, r#"{"triggers": []}"#);
    process(&place).await;
    place.write(true, &triggers("two"));
    process(&place).await;
    assert_eq!(place.ran(), "one 2\none 3\none 4\ntwo 6\n");
}

#[tokio::test]
async fn triggers_that_come_while_a_process_runs_get_what_happens_from_then_on() {
    let place = Place::new();
    let hooks = place.hooks();
    hooks.prepare().await;
    happens(&hooks).await;
    hooks.inner.deliver_pending().await;
    place.write(true, &triggers("late"));
    happens(&hooks).await;
    hooks.inner.deliver_pending().await;
    assert_eq!(place.ran(), "late 2\n");
}

#[tokio::test]
async fn what_a_file_owes_while_it_cannot_be_read_is_delivered_once_it_can() {
    let place = Place::new();
    place.write(true, &triggers("t"));
    process(&place).await;
    place.write(true, "{ half of a");
    process(&place).await;
    let findings = place.hooks().findings();
    assert!(findings.len() == 1 && findings[0].problem.contains("cannot be used"), "{findings:?}");
    place.write(true, &triggers("t"));
    process(&place).await;
    assert_eq!(place.ran(), "t 1\nt 2\nt 3\n");
}

#[tokio::test]
async fn the_projects_triggers_run_while_they_are_what_the_user_trusted() {
    let place = Place::new();
    place.write(false, &triggers("cloned"));
    process(&place).await;
    let shown = place.hooks().project_triggers().unwrap().unwrap();
    assert!(!shown.trusted && shown.would_do[0].contains("echo $0"), "{shown:?}");
    assert!(place.hooks().findings()[0].problem.contains("not trusted"));
    place.trust(Some(shown.digest)).await;
    process(&place).await;
    assert!(place.hooks().project_triggers().unwrap().unwrap().trusted);
    place.write(false, &triggers("changed"));
    process(&place).await;
    assert!(place.hooks().findings()[0].problem.contains("changed since"));
    place.write(false, &triggers("cloned"));
    place.trust(None).await;
    process(&place).await;
    assert_eq!(place.ran(), "cloned 2\n");
}

#[tokio::test]
async fn what_is_trusted_in_one_project_is_not_in_another() {
    let (place, other) = (Place::new(), Place::new());
    let same = triggers("same");
    [&place, &other].into_iter().for_each(|place| place.write(false, &same));
    place.trust(Some(Digest::of(same.as_bytes()))).await;
    let workspace = Workspace::open(other.project.path()).unwrap();
    let user = UserFolder::new(place.user.path().to_owned());
    let hooks =
        Hooks::new(workspace.clone(), Arc::new(Filesystem::new(&workspace)), Some(user), || {
            Time::from_millis(0)
        });
    assert!(!hooks.project_triggers().unwrap().unwrap().trusted);
    assert!(place.hooks().project_triggers().unwrap().unwrap().trusted);
}

#[tokio::test]
async fn who_delivers_takes_over_what_others_could_not() {
    let place = Place::new();
    let waiting =
        "touch begun; until test -e go; do sleep 0.01; done; echo $REFINER_EVENT_ID >> ran";
    let trigger = json!({"name": "t", "on": "on_phase_start", "command": ["sh", "-c", waiting]});
    place.write(true, &json!({ "triggers": [trigger] }).to_string());
    let (busy, other) = (place.hooks(), place.hooks());
    for hooks in [&busy, &other] {
        hooks.prepare().await;
    }
    happens_to(&busy, "a").await;
    let inner = Arc::clone(&busy.inner);
    let delivering = tokio::spawn(async move { inner.deliver_pending().await });
    while !place.project.path().join("begun").exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    happens_to(&other, "b").await;
    other.finish().await;
    assert_eq!(place.ran(), "", "the other one ended without waiting");
    drop(std::fs::File::create(place.project.path().join("go")).unwrap());
    delivering.await.unwrap();
    assert_eq!(place.ran(), "a@1.0\nb@1.0\n");
}

#[tokio::test]
async fn what_was_tried_counts_after_a_restart() {
    let place = Place::new();
    let failing = json!({"name": "f", "on": "on_phase_start",
        "retry": {"attempts": 2, "delay_seconds": 30},
        "command": ["sh", "-c", "echo f $REFINER_EVENT_VERSION >> ran; exit 1"]});
    place.write(true, &json!({ "triggers": [failing] }).to_string());
    // The pause after the first attempt is longer than a subcommand waits.
    process(&place).await;
    let progress = || {
        let workspace = Workspace::open(place.project.path()).unwrap();
        Progress::read(&workspace, &Name::parse("a").unwrap()).unwrap().version
    };
    assert_eq!((&*place.ran(), progress()), ("f 1\n", 0));
    process(&place).await;
    assert_eq!((&*place.ran(), progress()), ("f 1\nf 1\nf 2\n", 1), "passed over, then the next");
}

#[tokio::test]
async fn without_triggers_nothing_is_made() {
    let place = Place::new();
    process(&place).await;
    let folder = place.project.path().join(WORKSPACE);
    assert_eq!(std::fs::read_dir(place.user.path()).unwrap().count(), 0);
    for file in ["workflow.log", "undelivered", "locks/@hooks", "artifacts/a/hooks.cursor"] {
        assert!(!folder.join(file).exists(), "{file}");
    }
}

/// Stores the deletion of the artifact `a`.
async fn ends(hooks: &Hooks, removal: Removal) {
    let decide = move |transaction: &mut crate::model::Transaction<'_>| {
        transaction.end(removing("a", removal));
    };
    let name = Name::parse("a").unwrap();
    assert!(hooks.inner.provider.append(&name, Box::new(decide)).await.unwrap().is_none());
}

#[tokio::test]
async fn events_of_a_deleted_artifact_are_delivered_and_those_of_its_next_life_too() {
    let place = Place::new();
    place.write(true, &triggers("t"));
    let killed = place.hooks();
    killed.prepare().await;
    happens(&killed).await;
    happens(&killed).await;
    ends(&killed, Removal::Delete).await;
    drop(killed);
    process(&place).await;
    assert_eq!(place.ran(), "t 1\nt 2\nt 4\n");
    let purging = place.hooks();
    purging.prepare().await;
    ends(&purging, Removal::Purge).await;
    drop(purging);
    process(&place).await;
    assert_eq!(place.ran(), "t 1\nt 2\nt 4\nt 6\n", "nothing is delivered twice");
}
