//! What is true after an iteration was closed: the seed "Phase 5: Persist", section "Output", and
//! what CONTRACT.md says of the same files. It is looked at on the disk, with no code of ours.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::host::Done;
use super::logs::{check_decision, check_section};
use super::story::Story;
use crate::common::{Caller, Project};

/// What is known to be wrong when an iteration is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong<'a> {
    Nothing,
    /// A file of the manifest is missing or empty.
    File(&'a str),
}

/// The files of an artifact that was just persisted.
#[derive(Debug)]
pub(super) struct Persisted<'a> {
    pub(super) project: &'a Project,
    pub(super) story: &'a Story,
    pub(super) state: Value,
    /// The iteration that was closed last.
    pub(super) iteration: u64,
}

impl<'a> Persisted<'a> {
    pub(super) fn read(project: &'a Project, story: &'a Story, iteration: u64) -> Self {
        let state = project.state(story.name);
        Self { project, story, state, iteration }
    }

    pub(super) fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.project.of(self.story.name, file)).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap()
    }

    /// Returns what the history says of an iteration.
    pub(super) fn recorded(&self, iteration: u64) -> &Value {
        &self.state["iteration_history"][usize::try_from(iteration - 1).unwrap()]
    }

    /// Fails unless everything is as it must be after the iteration was closed. Returns the ids of
    /// the constraints that are violated.
    pub(super) fn check(&self, wrong: Wrong<'_>) -> Vec<String> {
        self.check_state();
        let violated = self.check_constraints();
        self.check_manifest(wrong);
        check_section(self, wrong);
        check_decision(self);
        violated
    }

    fn check_state(&self) {
        let state = &self.state;
        check_schema("document", state);
        let history = state["iteration_history"].as_array().unwrap();
        let numbers: Vec<u64> =
            history.iter().map(|one| one["iteration"].as_u64().unwrap()).collect();
        assert_eq!(
            numbers,
            (1..=self.iteration).collect::<Vec<_>>(),
            "none is lost or there twice"
        );
        let last = self.recorded(self.iteration);
        let ended = state["convergence_status"] != "running";
        let (decision, present, completed) = if ended {
            ("terminate", self.iteration, json!(["plan", "execute", "reflect", "persist"]))
        } else {
            ("continue", self.iteration + 1, json!([]))
        };
        assert_eq!(last["decision"], decision, "{last}");
        assert_eq!(state["current_iteration"], present);
        assert_eq!(state["phases_completed"], completed);
        assert!(state["updated_at"].as_str() >= last["at"].as_str(), "{last}");
        for (field, value) in self.story.opening.as_object().unwrap() {
            let known = ["artifact_type", "content_type", "max_iterations", "test_generation"];
            assert!(!known.contains(&field.as_str()) || state[field] == *value, "{field}");
        }
    }

    fn check_constraints(&self) -> Vec<String> {
        let file = self.json("constraints.json");
        check_schema("constraints", &file);
        assert_eq!(file["constraints"], self.state["constraints"]);
        let constraints = file["constraints"].as_array().unwrap();
        let (last, mut violated) = (self.recorded(self.iteration), Vec::new());
        assert_eq!(constraints.len(), self.story.constraints().len());
        for (one, defined) in constraints.iter().zip(self.story.constraints()) {
            for field in ["id", "description", "severity", "type", "validation", "target_metric"] {
                assert_eq!(one.get(field), defined.get(field), "{field} of {one}");
            }
            let holds = one["status"] == "satisfied";
            assert_eq!(one["validated"], holds, "{one}");
            self.check_times(one, last);
            if !holds {
                violated.push(one["id"].as_str().unwrap().to_owned());
            }
        }
        let count = |severity: &str| {
            let open = |one: &&Value| one["severity"] == severity && one["validated"] == false;
            constraints.iter().filter(open).count()
        };
        let counts = json!({
            "total": constraints.len(), "satisfied": constraints.len() - violated.len(),
            "blocking_violated": count("blocking"), "high_violated": count("high"),
        });
        assert_eq!(last["constraints"], counts);
        violated
    }

    /// What is measured was looked at when the iteration was closed, the rest in its reflection.
    fn check_times(&self, one: &Value, last: &Value) {
        let checked = one["last_checked"].as_str().unwrap();
        let measured = one["validation"].is_object();
        assert_eq!(one["asserted"] == true, !measured, "{one}");
        let before = match self.iteration {
            1 => self.state["started_at"].as_str().unwrap(),
            later => self.recorded(later - 1)["at"].as_str().unwrap(),
        };
        if measured {
            assert_eq!(one["last_checked"], last["at"], "{one}");
        } else {
            assert!(checked >= before, "{one}");
        }
        let evidence = &self.state["evidence"][one["id"].as_str().unwrap()];
        assert_eq!(evidence.is_object(), measured, "{one}: {evidence}");
        assert!(!measured || evidence["status"] == one["status"], "{one}: {evidence}");
    }

    fn check_manifest(&self, wrong: Wrong<'_>) {
        let file = self.json("artifact_manifest.json");
        check_schema("artifact-manifest", &file);
        let last = self.recorded(self.iteration);
        assert_eq!(file["generation_timestamp"], last["at"]);
        let mut files = named(&file);
        let given = named(&self.story.draft(self.iteration).manifest);
        assert_eq!(files.keys().collect::<Vec<_>>(), given.keys().collect::<Vec<_>>());
        if let Wrong::File(path) = wrong {
            assert_eq!(files.remove(path), Some(Value::Null), "it was not found");
        }
        for (path, recorded) in files {
            let content = std::fs::read(self.project.of(self.story.name, &format!("dist/{path}")));
            let content = content.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(!content.is_empty(), "{path}");
            assert_eq!(recorded["bytes"], content.len(), "{path}");
            assert_eq!(recorded["digest"], blake3::hash(&content).to_string(), "{path}");
        }
    }
}

/// Returns every file that a manifest names, with what it records of it.
fn named(manifest: &Value) -> BTreeMap<String, Value> {
    let variants = manifest["variants"].as_array().unwrap().iter();
    let of_variant = |one: &Value| {
        let several = one["files"].as_array().cloned().unwrap_or_default();
        several.into_iter().chain(one.get("file").cloned()).collect::<Vec<_>>()
    };
    let previews = manifest["previews"].as_array().cloned().unwrap_or_default();
    let paths = variants.flat_map(of_variant).chain(previews);
    let with_record = |path: Value| {
        let path = path.as_str().unwrap().to_owned();
        let recorded = manifest["files"][&path].clone();
        (path, recorded)
    };
    paths.map(with_record).collect()
}

/// Fails unless a value is as a schema of the project asks.
pub(super) fn check_schema(name: &str, value: &Value) {
    let file = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
    let schema: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{name}: {wrong:?}");
}

/// Fails unless the same call made again is answered as before and changes no byte.
pub(super) async fn check_repeated(project: &Project, caller: &Caller, done: &Done) {
    let before = workspace(project);
    let again = caller.call(done.tool, done.arguments.clone()).await.unwrap();
    for field in ["from", "to", "decision", "version", "archived_to"] {
        assert_eq!(again.get(field), done.answer.get(field), "{field}");
    }
    assert_eq!(workspace(project), before);
}

/// Returns every file of the workspace with its digest, but the listing of all artifacts, which
/// follows a moment later.
fn workspace(project: &Project) -> BTreeMap<String, String> {
    let mut files = project.digest();
    files.retain(|path, _| !path.contains("registry"));
    files
}

/// Fails unless a cycle's archive has everything: the state, the constraints, the manifest, the logs
/// and the files, each as it was at the end.
pub(super) fn check_archive(project: &Project, story: &Story, finalized: &Value) {
    let archive = project.path().join(finalized["archived_to"].as_str().unwrap());
    for file in [
        "state.json",
        "constraints.json",
        "artifact_manifest.json",
        "refinement_log.md",
        "decisions.md",
    ] {
        let there = std::fs::read(project.of(story.name, file)).unwrap();
        assert!(std::fs::read(archive.join(file)).unwrap() == there, "{file}");
    }
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(archive.join("artifact_manifest.json")).unwrap())
            .unwrap();
    let recorded = manifest["files"].as_object().unwrap();
    assert!(!recorded.is_empty());
    for (path, recorded) in recorded {
        let content = std::fs::read(archive.join("dist").join(path)).unwrap();
        assert_eq!(recorded["digest"], blake3::hash(&content).to_string(), "{path}");
    }
    assert!(project.state(story.name)["finalized_at"].is_string());
}
