//! The document: an artifact's state, one JSON value.

pub mod approval;
pub mod budget;
pub mod checkpoint;
pub mod component;
pub mod constraint;
pub mod domain;
pub mod ending;
pub mod examination;
pub mod inference;
pub mod iteration;
pub mod manifest;
pub mod modified;
pub mod output;
pub mod output_place;
pub mod pins;
pub mod protection;
pub mod provenance;
pub mod require_measured;
pub mod taxonomy;
pub mod tree;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::approval::Approval;
use crate::model::document::budget::Budget;
use crate::model::document::checkpoint::Checkpoint;
use crate::model::document::component::Component;
use crate::model::document::constraint::Constraint;
use crate::model::document::examination::{Evidence, Examination};
use crate::model::document::iteration::Iteration;
use crate::model::document::manifest::Manifest;
use crate::model::document::output::OutputPath;
use crate::model::document::output_place::{OutputDir, OutputPlace};
use crate::model::document::provenance::Provenance;
use crate::model::document::require_measured::RequireMeasured;
use crate::model::document::tree::Tree;
use crate::model::refusal::Violation;
use crate::model::{Digest, Name, Refusal, Time, Version, limits};

/// An artifact's state.
///
/// The field names are the ones that existing PMPO prompts read (CONTRACT.md, *Tools*). `version`
/// and `updated_at` are not stored: every entry has them, and [`Document::to_view`] adds them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The id of the present cycle.
    pub refinement_id: String,
    /// The artifact's name.
    pub artifact_name: Name,
    /// The domain, such as `logo` or `content`.
    pub artifact_type: Option<String>,
    /// What is made, such as `direct:svg` or `meta:image-prompt`.
    pub content_type: Option<String>,
    /// The workflow's name.
    pub workflow: Name,
    /// The digest of the workflow's definition and prompts, as they were when the cycle began.
    pub definition: Digest,
    /// The number of the present cycle, from 1.
    pub cycle: u64,
    /// Where in its workflow the artifact is.
    pub phase: String,
    /// When the cycle began.
    pub started_at: Time,
    /// When the cycle was closed.
    pub finalized_at: Option<Time>,
    /// The present pass of the loop, 0 before the first.
    pub current_iteration: u32,
    /// The number of passes after which the loop ends in any case.
    pub max_iterations: u32,
    /// How the cycle stands or ended.
    pub convergence_status: ConvergenceStatus,
    /// The goals of the work.
    pub goals: Vec<String>,
    /// The conditions for the end of the loop.
    pub constraints: Vec<Constraint>,
    /// The phases completed in the present iteration.
    pub phases_completed: Vec<String>,
    /// The last iterations, oldest first.
    pub iteration_history: Vec<Iteration>,
    /// The last checkpoints, oldest first.
    pub checkpoints: Vec<Checkpoint>,
    /// The hooks of lifecycle events.
    pub workflow_triggers: Vec<Value>,
    /// The id of the cycle before this one.
    pub prior_cycle_id: Option<String>,
    /// The cost of the work.
    pub metrics: Metrics,
    /// The caller's inputs at the beginning.
    pub inputs: Tree,
    /// The results of the phases, by the key that the workflow gives each.
    pub results: Tree,
    /// Whether a person has to approve before an iteration is persisted.
    pub requires_approval: bool,
    /// The open or the last decision of a person.
    pub approval: Option<Approval>,
    /// The holder of the artifact's lease.
    pub lease: Option<Value>,
    /// The last transition, by which its repetition is recognized.
    pub last_transition: Option<LastTransition>,
    /// The caller's own state.
    pub data: Tree,
    /// The files of the result, as last recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// The evidence of each measured constraint, by its id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evidence: BTreeMap<String, Evidence>,
    /// The digest of the files that the last reflection was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reflected_files: Option<Digest>,
    /// The phases from which the present iteration was sent back once for a repair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recoveries: Vec<String>,
    /// The pending repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// Whether every iteration test-runs the prompt and judges its result.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub test_generation: bool,
    /// The parts of a composite, each evaluated by its own content type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub components: Vec<Component>,
    /// The severity from which each constraint needs a method.
    #[serde(default = "RequireMeasured::none", skip_serializing_if = "RequireMeasured::is_none")]
    pub require_measured: RequireMeasured,
    /// Whether a person approves the specification before the work begins.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approve_specification: bool,
    /// What the cycle may cost before a person is asked.
    #[serde(default, skip_serializing_if = "Budget::is_empty")]
    pub budget: Budget,
    /// Whether a person is asked when the loop gets nowhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pause_on_stall: bool,
    /// How the cycle before this one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior_ending: Option<String>,
    /// The folder of the project in which the work is, in place of `dist/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<OutputDir>,
    /// The globs of the files in `output_dir` that are the work; none for what git tracks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Where the history comes from, and what of it is lost.
    #[serde(default, skip_serializing_if = "Provenance::is_whole")]
    pub provenance: Provenance,
}

/// A repair that the loop needs before it continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Files of the manifest that are not there, or are empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_files: Vec<OutputPath>,
    /// The violations of the passed manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifest_violations: Vec<Violation>,
    /// What failed, in the caller's words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
}

/// How a cycle stands or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ConvergenceStatus {
    /// It goes on.
    Running,
    /// Its constraints hold.
    Converged,
    /// Its iterations ran out.
    MaxIterationsExceeded,
    /// A person ended it.
    UserTerminated,
    /// It ended by a workflow that does not judge its constraints.
    Closed,
}

impl std::fmt::Display for ConvergenceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Converged => "converged",
            Self::MaxIterationsExceeded => "max_iterations_exceeded",
            Self::UserTerminated => "user_terminated",
            Self::Closed => "closed",
        })
    }
}

/// The cost so far, as reported with transitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// The cost, in the caller's currency.
    pub cumulative_cost: f64,
    /// The time in seconds.
    pub cumulative_time_seconds: f64,
}

/// A transition that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastTransition {
    /// The phase it left.
    pub from: String,
    /// The event.
    pub event: String,
    /// The digest of its result.
    pub result: Digest,
    /// The version that it made.
    pub version: Version,
}

/// The fields that a caller may write with `save_state`. Every other one is the server's.
pub const WRITABLE: [&str; 4] = ["constraints", "data", "goals", "inputs"];

/// Fields of the view or of an answer that are no part of the stored document, and not the
/// caller's either.
const DERIVED: [&str; 4] = ["history", "iteration", "updated_at", "version"];

/// The values that begin a cycle.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The id of the cycle.
    pub refinement_id: String,
    /// The artifact's name.
    pub artifact_name: Name,
    /// The workflow's name.
    pub workflow: Name,
    /// The digest of the workflow's definition and prompts.
    pub definition: Digest,
    /// The phase that it begins in.
    pub phase: String,
    /// The time of its beginning.
    pub started_at: Time,
}

impl Document {
    /// Returns the document of an artifact's first cycle, with nothing in it yet.
    pub fn begin(beginning: Beginning) -> Self {
        let Beginning { refinement_id, artifact_name, workflow, definition, phase, started_at } =
            beginning;
        Self {
            refinement_id,
            artifact_name,
            artifact_type: None,
            content_type: None,
            workflow,
            definition,
            cycle: 1,
            phase,
            started_at,
            finalized_at: None,
            current_iteration: 0,
            max_iterations: limits::ITERATIONS_DEFAULT,
            convergence_status: ConvergenceStatus::Running,
            goals: Vec::new(),
            constraints: Vec::new(),
            phases_completed: Vec::new(),
            iteration_history: Vec::new(),
            checkpoints: Vec::new(),
            workflow_triggers: Vec::new(),
            prior_cycle_id: None,
            metrics: Metrics::default(),
            inputs: Tree::default(),
            results: Tree::default(),
            requires_approval: false,
            approval: None,
            lease: None,
            last_transition: None,
            data: Tree::default(),
            manifest: None,
            evidence: BTreeMap::new(),
            reflected_files: None,
            recoveries: Vec::new(),
            repair: None,
            test_generation: false,
            components: Vec::new(),
            require_measured: RequireMeasured::None,
            approve_specification: false,
            budget: Budget::default(),
            pause_on_stall: false,
            prior_ending: None,
            output_dir: None,
            files: Vec::new(),
            provenance: Provenance::default(),
        }
    }

    /// Returns where the work is, and which files it is.
    pub fn output_place(&self) -> OutputPlace {
        OutputPlace::of(self.output_dir.as_ref(), &self.files)
    }

    /// Returns the document as JSON.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a document is made of what JSON can hold")
    }

    /// Returns the document as a tree, which shares the caller's parts.
    pub fn to_tree(&self) -> Tree {
        let shared = [("data", &self.data), ("inputs", &self.inputs), ("results", &self.results)];
        let server = Self {
            data: Tree::default(),
            inputs: Tree::default(),
            results: Tree::default(),
            ..self.clone()
        };
        let Value::Object(fields) = server.to_value() else { unreachable!("it is an object") };
        let part = |(key, value): (String, Value)| {
            let shared = shared.iter().find(|(shared, _)| *shared == key);
            let tree = shared.map_or_else(|| value.into(), |(_, tree)| (*tree).clone());
            (key, tree)
        };
        fields.into_iter().map(part).collect()
    }

    /// Reads a document back, which shares the caller's parts with the tree.
    pub fn from_tree(tree: &Tree) -> Result<Self, serde_json::Error> {
        let mut shared = [("data", None), ("inputs", None), ("results", None)];
        let mut fields = Map::new();
        for (key, part) in tree.fields() {
            let place = shared.iter_mut().find(|(shared, _)| *shared == key);
            match place {
                Some((_, place)) if part.as_value().is_none() => {
                    *place = Some(part);
                    fields.insert(key.to_owned(), json!({}));
                }
                _ => drop(fields.insert(key.to_owned(), part.to_value())),
            }
        }
        let mut document: Self = serde_json::from_value(Value::Object(fields))?;
        let [data, inputs, results] = shared.map(|(_, part)| part);
        let places = [&mut document.data, &mut document.inputs, &mut document.results];
        for (place, part) in places.into_iter().zip([data, inputs, results]) {
            *place = part.unwrap_or_else(|| std::mem::take(place));
        }
        Ok(document)
    }

    /// Returns the document as callers see it: with its version and the time of its last change.
    pub fn to_view(&self, version: Version, updated_at: Time) -> Value {
        let mut view = self.to_value();
        view["version"] = json!(version);
        view["updated_at"] = json!(updated_at);
        view
    }

    /// Returns whether the cycle is closed.
    pub fn is_finalized(&self) -> bool {
        self.finalized_at.is_some()
    }

    /// Returns whether the files of the result changed since the reflection.
    pub fn files_changed(&self, seen: &Examination) -> bool {
        self.reflected_files.is_some_and(|reflected| reflected != seen.files_digest())
    }

    /// Returns the constraints as the caller gave them, without what the server found.
    pub fn definitions(&self) -> Value {
        self.constraints.iter().map(definition_of).collect()
    }
}

/// Returns what a caller gave of a constraint, without what the server found.
fn definition_of(constraint: &Constraint) -> Value {
    let mut definition = json!(constraint);
    if let Some(fields) = definition.as_object_mut() {
        for found in crate::model::document::constraint::OWNED_BY_SERVER {
            fields.remove(found);
        }
    }
    definition
}

/// Refuses the server's fields and unknown fields.
pub fn check_writable(fields: &Map<String, Value>, argument: &str) -> Result<(), Refusal> {
    let Some(field) = fields.keys().find(|field| !WRITABLE.contains(&field.as_str())) else {
        return Ok(());
    };
    let known = SERVER_OWNED.contains(&field.as_str()) || DERIVED.contains(&field.as_str());
    Err(if known {
        Refusal::argument(
            format!("{argument}.{field} belongs to the server and cannot be saved"),
            "transition moves phases and iterations, restore brings versions back; save_state writes goals, constraints, inputs and data",
        )
    } else {
        Refusal::argument(
            format!("{argument} has no field {field:?}"),
            format!(
                "put your own state under data: {{\"{argument}\":{{\"data\":{{\"{field}\":…}}}}}}"
            ),
        )
    })
}

/// The fields of [`Document`] that only the server writes; a test holds this list complete.
const SERVER_OWNED: [&str; 39] = [
    "refinement_id",
    "artifact_name",
    "artifact_type",
    "content_type",
    "workflow",
    "definition",
    "cycle",
    "phase",
    "started_at",
    "finalized_at",
    "current_iteration",
    "max_iterations",
    "convergence_status",
    "phases_completed",
    "iteration_history",
    "checkpoints",
    "workflow_triggers",
    "prior_cycle_id",
    "metrics",
    "results",
    "requires_approval",
    "approval",
    "lease",
    "last_transition",
    "manifest",
    "evidence",
    "reflected_files",
    "recoveries",
    "repair",
    "test_generation",
    "components",
    "require_measured",
    "approve_specification",
    "budget",
    "pause_on_stall",
    "prior_ending",
    "output_dir",
    "files",
    "provenance",
];

/// Refuses a document that is too large or nests too deep.
pub fn check_size(document: &Tree) -> Result<(), Refusal> {
    let (depth, bytes) = (document.depth(), document.bytes());
    if depth > limits::DOCUMENT_DEPTH_MAX {
        return Err(Refusal::TooLarge {
            what: "the document's nesting".into(),
            actual: depth,
            limit: limits::DOCUMENT_DEPTH_MAX,
            unit: "levels",
        });
    }
    if bytes > limits::DOCUMENT_BYTES_MAX {
        Err(Refusal::TooLarge {
            what: "the document".into(),
            actual: bytes,
            limit: limits::DOCUMENT_BYTES_MAX,
            unit: "bytes",
        })
    } else {
        Ok(())
    }
}

/// Returns how many objects and arrays are around the innermost part of a value.
pub(super) fn depth(value: &Value) -> usize {
    let deepest = |items: &mut dyn Iterator<Item = &Value>| items.map(depth).max().unwrap_or(0);
    match value {
        Value::Array(items) => 1 + deepest(&mut items.iter()),
        Value::Object(fields) => 1 + deepest(&mut fields.values()),
        _ => 0,
    }
}

/// Returns whether a value takes at most so many bytes, without writing more.
pub(super) fn fits(value: &impl Serialize, bytes: usize) -> bool {
    struct Room(usize);
    impl std::io::Write for Room {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let left = self.0.checked_sub(bytes.len());
            self.0 = left.ok_or(std::io::ErrorKind::FileTooLarge)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    serde_json::to_writer(Room(bytes), value).is_ok()
}

/// Returns how many bytes a value takes in its canonical form.
pub fn json_bytes(value: &Value) -> usize {
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).expect("a JSON value can be written to a counter");
    counter.0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A document with nothing in it, for tests of other modules.
    pub(crate) fn empty(name: &str) -> Document {
        Document::begin(Beginning {
            refinement_id: "0193".into(),
            artifact_name: Name::parse(name).unwrap(),
            workflow: Name::parse("document").unwrap(),
            definition: Digest::ZERO,
            phase: "open".into(),
            started_at: Time::from_millis(0),
        })
    }

    #[test]
    fn every_field_is_either_the_callers_or_the_servers() {
        let now = Time::from_millis(0);
        let mut document = empty("a");
        document.test_generation = true;
        let part = json!({"name": "a", "content_type": "direct:svg"});
        document.components = vec![serde_json::from_value(part).unwrap()];
        document.require_measured = RequireMeasured::Blocking;
        document.approve_specification = true;
        document.budget.max_cost = Some(1.0);
        document.pause_on_stall = true;
        document.prior_ending = Some("converged".into());
        document.manifest = Some(Manifest::default());
        document.evidence = BTreeMap::from([(
            "c".to_owned(),
            Evidence {
                method: "m".into(),
                status: crate::model::document::constraint::Status::Satisfied,
                details: String::new(),
                measured: Map::new(),
                files: BTreeMap::new(),
                at: now,
            },
        )]);
        document.output_dir = Some(OutputDir::parse(".").unwrap());
        document.files = vec!["src/**".into()];
        let adopted = json!({"version": 1, "at": "2026-11-30T00:00:00Z"});
        document.provenance.adopted = serde_json::from_value(adopted).unwrap();
        document.reflected_files = Some(Digest::ZERO);
        document.recoveries = vec!["persist".into()];
        document.repair = Some(Repair {
            missing_files: Vec::new(),
            manifest_violations: Vec::new(),
            failures: Vec::new(),
        });
        let Value::Object(fields) = document.to_value() else { panic!("not an object") };
        for field in fields.keys() {
            let owners = WRITABLE.contains(&field.as_str()) as u8
                + SERVER_OWNED.contains(&field.as_str()) as u8;
            assert_eq!(owners, 1, "{field} has {owners} owners");
        }
    }

    #[test]
    fn the_servers_fields_are_refused_by_name_and_unknown_ones_with_a_better_place() {
        for field in SERVER_OWNED.iter().chain(&DERIVED) {
            let fields = Map::from_iter([((*field).to_owned(), json!(1))]);
            let refusal = check_writable(&fields, "patch").expect_err(field);
            assert!(refusal.to_string().contains(field), "{refusal}");
            assert!(refusal.to_string().contains("belongs to the server"), "{refusal}");
        }
        let refusal =
            check_writable(&Map::from_iter([("todo".to_owned(), json!(1))]), "patch").unwrap_err();
        assert!(refusal.hint().contains(r#"{"patch":{"data":{"todo":"#), "{}", refusal.hint());
    }

    #[test]
    fn a_document_of_an_older_journal_is_written_as_it_was_read() {
        let older = empty("a").to_value();
        let newer =
            ["test_generation", "components", "require_measured", "output_dir", "files", "budget"];
        for newer in newer {
            assert!(older.get(newer).is_none(), "{newer} is written where it says nothing");
        }
        let read = Document::from_tree(&older.clone().into()).unwrap();
        assert_eq!(Digest::of_json(&read.to_value()), Digest::of_json(&older));
    }

    #[test]
    fn a_document_survives_its_json_form() {
        let document = empty("a");
        assert_eq!(Document::from_tree(&document.to_tree()).unwrap(), document);
        assert_eq!(document.to_tree().to_value(), document.to_value());
    }

    #[test]
    fn a_document_deeper_than_can_be_read_back_is_refused() {
        let nested =
            |levels: usize| Tree::from((0..levels).fold(json!(1), |inner, _| json!([inner])));
        assert_eq!(check_size(&nested(limits::DOCUMENT_DEPTH_MAX)), Ok(()));
        let refusal = check_size(&nested(limits::DOCUMENT_DEPTH_MAX + 1)).unwrap_err();
        assert!(matches!(refusal, Refusal::TooLarge { actual: 65, limit: 64, .. }), "{refusal:?}");
    }

    #[test]
    fn a_document_larger_than_its_limit_is_refused() {
        let text = |bytes: usize| Tree::from(json!("x".repeat(bytes - 2)));
        assert_eq!(check_size(&text(limits::DOCUMENT_BYTES_MAX)), Ok(()));
        assert_eq!(
            check_size(&text(limits::DOCUMENT_BYTES_MAX + 1)).unwrap_err().code(),
            "too_large"
        );
    }
}
