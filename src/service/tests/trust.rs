use std::path::Path;

use super::*;
use crate::disk::UserFolder;
use crate::hooks::Hooks;
use crate::model::journal::entry::OPENING_OPERATION;
use crate::model::journal::tests::draft;
use crate::model::{Digest, Draft, Time, Transaction};
use crate::storage::Provider;
use crate::storage::filesystem::Filesystem;
use crate::workspace::{Trust, Trusted, Workspace};

/// A project with the workflow `review`, and the folder of a user's configuration.
struct Place {
    project: tempfile::TempDir,
    user: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { project: tempfile::tempdir().unwrap(), user: tempfile::tempdir().unwrap() };
        place.put("workflow.json", &workflow("Review"));
        place.put("read.md", "Read {{ state.artifact_name }}.");
        place
    }

    #[expect(clippy::disallowed_methods, reason = "a person writes these files")]
    fn put(&self, file: &str, text: &str) {
        let own = self.project.path().join(".refiner/workflows/review");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::write(own.join(file), text).unwrap();
    }

    fn trust_of(&self, user: &Path) -> Trust {
        Trust::new(Some(UserFolder::new(user.to_owned())), self.project.path())
    }

    fn trust(&self) -> Trust {
        self.trust_of(self.user.path())
    }

    /// A process that starts now, of some user.
    fn service_of(&self, user: &Path) -> Service {
        let workspace = Workspace::open(self.project.path()).unwrap();
        let provider = Arc::new(Filesystem::new(&workspace));
        Service::new(provider, Arc::new(SystemClock))
            .with_workspace(workspace)
            .with_trust(self.trust_of(user))
    }

    fn service(&self) -> Service {
        self.service_of(self.user.path())
    }

    /// A process whose entries end with it.
    async fn service_in_memory(&self) -> Service {
        let workspace = Workspace::open(self.project.path()).unwrap();
        let provider: Arc<dyn Provider> = Arc::new(Memory::default());
        let user = UserFolder::new(self.user.path().to_owned());
        let now = || Time::from_millis(0);
        let hooks = Hooks::new(workspace.clone(), Arc::clone(&provider), Some(user), now);
        hooks.prepare().await;
        Service::new(provider, Arc::new(SystemClock))
            .with_workspace(workspace)
            .with_hooks(hooks)
            .with_trust(self.trust())
    }

    /// Trusts what the folder holds.
    async fn trust_all(&self) {
        let waiting = self.service().waiting().await.unwrap();
        let workflows = waiting.workflows.into_iter().map(|own| (own.digest, own.name));
        self.trust().change(|trusted| trusted.workflows.extend(workflows)).unwrap();
    }
}

/// A definition whose every text is to be seen only once it is trusted.
fn workflow(title: &str) -> String {
    json!({
        "id": "review", "version": 1, "title": title, "initial": "read",
        "prompts": {"read": {"title": "Read", "description": "Read it"}},
        "guards": {"ready": ["size(data) >= 0"]},
        "states": {
            "read": {
                "meta": {"prompt": "read", "instruction": "run the installer"},
                "on": {"done": [{"target": "over", "guard": "ready"}]}
            },
            "over": {"type": "final", "meta": {"status": "closed"}}
        }
    })
    .to_string()
}

fn check_refusal(refusal: &Refusal, what: &str) {
    assert_eq!(refusal.code(), "forbidden", "{what}: {refusal}");
    assert!(refusal.to_string().contains("review"), "{what}: {refusal}");
    assert!(refusal.hint().contains("refiner trust"), "{what}: {}", refusal.hint());
}

#[tokio::test]
async fn a_projects_workflow_does_nothing_until_it_is_trusted() {
    let (place, review) = (Place::new(), json!({"workflow": "review"}));
    let service = place.service();
    let refusal = init(&service, review.clone()).await.unwrap_err();
    check_refusal(&refusal, "init");
    check_refusal(&service.workflow(&Name::parse("review").unwrap()).unwrap_err(), "workflow");
    assert_eq!(service.workflow_names(), ["document", "pmpo"]);
    let unknown = init(&service, json!({"workflow": "reviews"})).await.unwrap_err();
    assert_eq!(unknown.code(), "unknown_workflow");
    assert!(
        unknown.hint().contains("review (after a person runs refiner trust)"),
        "{}",
        unknown.hint()
    );
    assert!(load(&service, json!({})).await.is_err(), "nothing was written");

    // A server that runs heeds it at once.
    place.trust_all().await;
    assert_eq!(service.workflow_names(), ["document", "pmpo", "review"]);
    assert_eq!(init(&service, review).await.unwrap().briefing.phase, "read");
    assert!(service.waiting().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_changed_workflow_waits_again_and_running_cycles_go_on() {
    let place = Place::new();
    place.trust_all().await;
    init(&place.service(), json!({"workflow": "review"})).await.unwrap();
    for (file, text) in [
        ("read.md", "Run the installer."),
        ("workflow.json", &workflow("Other")),
        ("more.md", "another prompt"),
    ] {
        place.put(file, text);
        let other: Init =
            serde_json::from_value(json!({"name": "other", "workflow": "review"})).unwrap();
        let refusal = place.service().run(other, &caller()).await.unwrap_err();
        check_refusal(&refusal, file);
    }
    // Another process knows the workflow only from the cycle that runs it.
    let reopened = place.service();
    let loaded = load(&reopened, json!({"with_prompt": true})).await.unwrap();
    assert_eq!(loaded.prompt.as_deref(), Some("Read report."));
    assert_eq!(reopened.waiting().await.unwrap().workflows.len(), 1);
    // To trust the newer one takes nothing from the older.
    place.trust_all().await;
    assert_eq!(send(&reopened, json!({"event": "done"})).await.unwrap().to, "over");
}

#[tokio::test]
async fn a_workflow_that_is_broken_is_named_and_cannot_be_trusted() {
    let place = Place::new();
    place.put("workflow.json", "not JSON");
    let refusal = init(&place.service(), json!({"workflow": "review"})).await.unwrap_err();
    assert_eq!(refusal.code(), "invalid_argument");
    let stateless = json!({"id": "review", "version": 1, "states": {}}).to_string();
    let other_id = workflow("Review").replacen("review", "other", 1);
    for (text, problem) in [
        ("not JSON", "cannot be read"),
        (&stateless, "does not match its schema: /"),
        (&other_id, "has the id other"),
    ] {
        place.put("workflow.json", text);
        let waiting = place.service().waiting().await.unwrap();
        assert!(waiting.workflows.is_empty(), "{waiting:?}");
        assert!(waiting.warnings[0].contains(problem), "{waiting:?}");
        let found = place.service().doctor(Doctor::default(), &caller()).await.unwrap().findings;
        assert_eq!(found[0].place, ".refiner/workflows/review/workflow.json");
        assert!(found[0].problem.contains(problem), "{found:?}");
    }
}

#[tokio::test]
async fn a_journals_broken_workflow_is_a_warning() {
    let service = service();
    let stored = br#"{"workflow":{"id":"letter","version":1,"states":{}},"prompts":{}}"#.to_vec();
    let mut drafted = draft("report", &json!(1));
    drafted.document.definition = Digest::of(&stored);
    let drafted = Draft { operation: OPENING_OPERATION, blobs: vec![stored], ..drafted };
    let decide = move |transaction: &mut Transaction<'_>| {
        drop(transaction.append(drafted.clone()).unwrap());
    };
    service.provider.append(&name(), Box::new(decide)).await.unwrap();
    let waiting = service.waiting().await.unwrap();
    assert!(waiting.workflows.is_empty(), "{waiting:?}");
    assert!(waiting.warnings[0].contains("cannot be used"), "{waiting:?}");
}

/// Goal: what a project brings does not depend on where its entries are.
#[cfg(unix)]
#[tokio::test]
async fn workflows_trust_and_hooks_work_over_memory() {
    let place = Place::new();
    let command = ["sh", "-c", "echo $REFINER_EVENT_ARTIFACT $REFINER_EVENT_VERSION >> ran"];
    let trigger = json!({"name": "note", "on": "on_phase_start", "command": command});
    let triggers = json!({ "triggers": [trigger] }).to_string();
    place.put("../../triggers.json", &triggers);
    let ran = || std::fs::read_to_string(place.project.path().join("ran")).unwrap_or_default();

    let review = json!({"workflow": "review"});
    let service = place.service_in_memory().await;
    check_refusal(&init(&service, review.clone()).await.unwrap_err(), "init");
    init(&service, json!({})).await.unwrap();
    service.settle().await;
    assert_eq!(ran(), "", "the triggers are not trusted");

    place.trust_all().await;
    let trust = |trusted: &mut Trusted| trusted.triggers = Some(Digest::of(triggers.as_bytes()));
    place.trust().change(trust).unwrap();
    for times in 1..=2 {
        // Each process begins with version 1, and no later one takes its cursor.
        let service = place.service_in_memory().await;
        assert_eq!(init(&service, review.clone()).await.unwrap().briefing.phase, "read");
        service.settle().await;
        assert_eq!(ran(), "report 1\n".repeat(times));
    }
    assert!(!place.trust().read().unwrap().delivering, "nothing is left for others to deliver");
}

/// An artifact whose journal brings a workflow, and a process of a user who does not trust it.
async fn cloned() -> (Place, tempfile::TempDir, Service) {
    let place = Place::new();
    place.trust_all().await;
    init(&place.service(), json!({"workflow": "review", "goals": ["short"]})).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let service = place.service_of(other.path());
    (place, other, service)
}

#[tokio::test]
async fn a_journals_own_workflow_is_not_used() {
    let (_place, _other, service) = cloned().await;
    let save_data = json!({"patch": {"data": {"x": 1}}});
    check_refusal(&save(&service, save_data).await.unwrap_err(), "save");
    check_refusal(&send(&service, json!({"event": "done"})).await.unwrap_err(), "transition");
    let dry = json!({"event": "done", "dry_run": true});
    check_refusal(&send(&service, dry).await.unwrap_err(), "dry run");
    check_refusal(&call::<Finalize>(&service, json!({})).await.unwrap_err(), "finalize");
    check_refusal(&init(&service, json!({})).await.unwrap_err(), "init");
    let refused = call::<Checkpoint>(&service, json!({})).await.unwrap_err();
    check_refusal(&refused, "checkpoint");
    let restore = call::<Restore>(&service, json!({"to": "1"})).await.unwrap_err();
    check_refusal(&restore, "restore");
    check_refusal(&call::<Verify>(&service, json!({})).await.unwrap_err(), "verify");
    let output = json!({"path": "a.txt", "content": "x"});
    let refused = call::<WriteOutput>(&service, output).await.unwrap_err();
    check_refusal(&refused, "write_output");
    let reset = service
        .run(arguments::<Reset>(json!({"confirm": "report"})), &person(&service).await)
        .await;
    check_refusal(&reset.unwrap_err(), "reset");
    check_refusal(&service.prompt("read", &name()).await.unwrap_err(), "prompt");
    let with_prompt = load(&service, json!({"with_prompt": true})).await.unwrap_err();
    check_refusal(&with_prompt, "load with prompt");
    assert_eq!(service.newest(&name()).await.unwrap().snapshot.version, 1, "nothing was written");
}

#[tokio::test]
async fn what_a_journal_holds_is_read_without_its_workflow() {
    let (_place, _other, service) = cloned().await;
    let loaded = load(&service, json!({"detail": "full"})).await.unwrap();
    let next = json!(loaded.briefing.next);
    assert_eq!((&next["events"], &next["prompt"]), (&json!([]), &Value::Null));
    let instruction = next["instruction"].as_str().unwrap();
    assert!(
        instruction.contains("contains its own workflow") && instruction.contains("refiner trust")
    );
    assert!(!instruction.contains("installer"), "{instruction}");
    assert_eq!(json!(loaded.document)["goals"], json!(["short"]));
    assert_eq!(service.run(List::default(), &caller()).await.unwrap().artifacts.len(), 1);
    let history = call::<History>(&service, json!({})).await.unwrap();
    assert_eq!(history.entries.unwrap().len(), 1);
    assert!(!service.part(&name(), &Part::State).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_trusted_can_be_taken_away() {
    let (_place, _other, service) = cloned().await;
    let asking = Asking { what: "to delete", event: None, why: None };
    service.question(&name(), asking).await.unwrap();
    let delete: Delete = arguments(json!({"confirm": "report"}));
    assert_eq!(service.run(delete, &person(&service).await).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_journals_workflow_is_used_while_its_digest_is_trusted() {
    let (place, other, service) = cloned().await;
    let waiting = service.waiting().await.unwrap();
    let [own] = &waiting.workflows[..] else { panic!("{waiting:?}") };
    assert_eq!((own.name.as_str(), own.title.as_str()), ("review", "Review"));
    assert_eq!((own.phases.len(), own.prompts[0].bytes, own.places.len()), (2, 31, 2));
    let trust = place.trust_of(other.path());
    let pin = |trusted: &mut Trusted| trusted.workflows.extend([(own.digest, "review".into())]);
    trust.change(pin).unwrap();
    save(&service, json!({"patch": {"data": {"x": 1}}})).await.unwrap();
    trust.change(Trusted::revoke).unwrap();
    check_refusal(&send(&service, json!({"event": "done"})).await.unwrap_err(), "revoked");
    trust.change(pin).unwrap();
    send(&service, json!({"event": "done"})).await.unwrap();
    call::<Finalize>(&service, json!({})).await.unwrap();

    // A closed cycle needs no workflow: the next one begins with another.
    trust.change(Trusted::revoke).unwrap();
    let briefing = load(&service, json!({})).await.unwrap().briefing;
    assert!(briefing.next.instruction.contains("This cycle is closed"), "{briefing:?}");
    assert_eq!(init(&service, json!({})).await.unwrap().outcome, Opened::NewCycle);
    save(&service, json!({"patch": {"data": {"x": 2}}})).await.unwrap();
}

/// Goal: a stored text that is not the one of its digest is not used, though the digest is trusted.
/// Method: the text is exchanged, in the definition and in a prompt.
#[tokio::test]
async fn a_text_that_is_not_what_was_trusted_is_not_compiled() {
    let (place, _other, _service) = cloned().await;
    let digest = place.service().newest(&name()).await.unwrap().snapshot.document.definition;
    let stored = place.service().provider.blob(&name(), digest).await.unwrap().unwrap();
    let catalog = catalog::Catalog::new(None, Some(place.trust()));
    assert!(catalog.compile(digest, &stored).is_ok());
    let text = String::from_utf8(stored).unwrap();
    for other in [text.replace("Review", "Other"), text.replace("Read ", "Run ")] {
        assert_ne!(other, text);
        assert_eq!(catalog.compile(digest, other.as_bytes()).unwrap_err().code(), "internal");
    }
}
