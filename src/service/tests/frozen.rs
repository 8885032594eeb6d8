//! Loops that programs of formats 1 and 2 left, in every phase, go on to an end. `tests/data/phases` has
//! them, and says how they were made.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::disk::UserFolder;
use crate::workspace::Trust;

const FORMATS: [&str; 2] = ["v1", "v2"];

/// A loop that an earlier program left, in a workspace of its own.
struct Frozen {
    name: Name,
    service: Service,
    _folders: [tempfile::TempDir; 2],
}

impl Frozen {
    fn thaw(format: &str, name: &str) -> Self {
        let (folder, user) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(&data(format), folder.path());
        let workspace = Workspace::open(folder.path()).unwrap();
        let trust = Trust::new(Some(UserFolder::new(user.path().to_owned())), folder.path());
        let provider = Arc::new(Filesystem::new(&workspace));
        let service = Service::new(provider, Arc::new(SystemClock));
        let service = service.with_workspace(workspace).with_trust(trust);
        Self { name: Name::parse(name).unwrap(), service, _folders: [folder, user] }
    }

    async fn run<O: Operation>(&self, fields: Value, by: &Caller) -> Result<O::Answer, Refusal> {
        let mut fields = fields;
        fields["name"] = json!(self.name);
        self.service.run(serde_json::from_value::<O>(fields).unwrap(), by).await
    }

    async fn document(&self) -> Value {
        let full = json!({"detail": "full"});
        json!(self.run::<Load>(full, &caller()).await.unwrap().document.unwrap())
    }

    async fn phase(&self) -> String {
        self.document().await["phase"].as_str().unwrap().to_owned()
    }

    async fn send(&self, fields: Value, by: &Caller) {
        let sent = self.run::<Transition>(fields.clone(), by).await;
        sent.unwrap_or_else(|refusal| panic!("{}: {fields}: {refusal}", self.name));
    }

    /// Sends an event as a person, who sees what there is now.
    async fn decide(&self, fields: Value) {
        let asking = Asking { what: "this", event: fields["event"].as_str(), why: None };
        let question = self.service.question(&self.name, asking).await.unwrap();
        self.send(fields, &caller().confirmed_for(Consent::new(question.binding, None))).await;
    }

    /// Does what the phase asks for.
    async fn step(&self, phase: &str) {
        if phase == "approval" {
            return self.decide(json!({"event": "approve"})).await;
        }
        if phase == "execute" {
            let file = json!({"path": "report.md", "content": "# A report\n\nIt ends.\n"});
            self.run::<WriteOutput>(file, &caller()).await.unwrap();
        }
        let result = match phase {
            "plan" => json!({"steps": ["write"]}),
            "execute" => json!({"actions": ["wrote"], "files_modified": ["report.md"]}),
            "reflect" => self.findings().await,
            _ => json!({}),
        };
        self.send(json!({"event": "complete", "phase": phase, "result": result}), &caller()).await;
    }

    /// Finds each constraint satisfied that the server does not measure.
    async fn findings(&self) -> Value {
        let document = self.document().await;
        let all = document["constraints"].as_array().unwrap().iter();
        let judged = all.filter(|one| one.get("validation").is_none());
        let found = judged.map(|one| json!({"id": one["id"], "status": "satisfied"}));
        json!({"constraints": found.collect::<Vec<_>>(), "summary": "s"})
    }

    /// Drives the loop to an end, and returns the phases on the way.
    async fn drive(&self) -> Vec<String> {
        const STEPS_MAX: usize = 20;
        let mut phases = vec![self.phase().await];
        for _ in 0..STEPS_MAX {
            let phase = phases.last().unwrap().clone();
            if ["converged", "exhausted", "stopped"].contains(&phase.as_str()) {
                return phases;
            }
            self.step(&phase).await;
            phases.push(self.phase().await);
        }
        panic!("{} does not end: {phases:?}", self.name);
    }

    /// Closes the cycle, and opens the next one with what the last one ended with.
    async fn close_and_begin_anew(&self) {
        let closed = self.run::<Finalize>(json!({}), &caller()).await;
        closed.unwrap_or_else(|refusal| panic!("{}: {refusal}", self.name));
        let next = self.run::<Init>(json!({}), &caller()).await.unwrap();
        assert_eq!((next.outcome, next.briefing.phase.as_str()), (Opened::NewCycle, "specify"));
    }
}

fn data(format: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/phases").join(format)
}

#[expect(clippy::disallowed_methods, reason = "a frozen workspace is copied")]
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::write(to, std::fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}

/// Returns the names of the loops of a format.
fn names(format: &str) -> BTreeSet<String> {
    let artifacts = std::fs::read_dir(data(format).join(".refiner/artifacts")).unwrap();
    artifacts.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn there_is_a_frozen_loop_in_every_phase() {
    for format in FORMATS {
        let frozen = Frozen::thaw(format, "specify");
        let definition =
            frozen.service.newest(&frozen.name).await.unwrap().snapshot.document.definition;
        let stored = frozen.service.provider.blob(&frozen.name, definition).await.unwrap().unwrap();
        let stored: Value = serde_json::from_slice(&stored).unwrap();
        for phase in stored["workflow"]["states"].as_object().unwrap().keys() {
            assert_eq!(&Frozen::thaw(format, phase).phase().await, phase, "{format}");
        }
    }
}

#[tokio::test]
async fn every_frozen_loop_goes_on_to_an_end() {
    for format in FORMATS {
        for name in names(format) {
            let frozen = Frozen::thaw(format, &name);
            if name == "closed" {
                assert_eq!(
                    frozen.run::<Init>(json!({}), &caller()).await.unwrap().outcome,
                    Opened::NewCycle
                );
            }
            if name == "bare" {
                let missing = json!({"patch": {"goals": ["a report"], "constraints": [
                    {"id": "there", "description": "d", "severity": "blocking",
                     "validation": {"method": "not_empty", "params": {"path": "report.md"}}}]}});
                frozen.run::<Save>(missing, &caller()).await.unwrap();
            }
            let phases = frozen.drive().await;
            let end = match name.as_str() {
                "exhausted" | "stopped" => &name,
                _ => "converged",
            };
            assert_eq!(phases.last().unwrap(), end, "{format} {name}: {phases:?}");
            frozen.close_and_begin_anew().await;
            frozen.drive().await;
        }
    }
}

/// What the earlier programs let a loop do, this one does not: it has the floor, however old it is.
#[tokio::test]
async fn a_frozen_loop_without_work_does_not_converge() {
    for format in FORMATS {
        let frozen = Frozen::thaw(format, "bare");
        assert_eq!(frozen.phase().await, "persist", "{format}");
        frozen.step("persist").await;
        assert_eq!(frozen.phase().await, "plan", "{format}");
    }
}

/// A person stops a loop in any phase, and the end is closed like another.
#[tokio::test]
async fn a_person_stops_a_frozen_loop_in_any_phase() {
    for format in FORMATS {
        for phase in ["specify", "plan", "execute", "reflect", "approval", "persist"] {
            let frozen = Frozen::thaw(format, phase);
            frozen.decide(json!({"event": "stop", "reason": "enough"})).await;
            assert_eq!(frozen.phase().await, "stopped", "{format} {phase}");
            frozen.close_and_begin_anew().await;
        }
    }
}
