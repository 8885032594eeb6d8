//! `init_state`: creates an artifact, or resumes it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::finalize::completed;
use super::{Effect, Operation};
use crate::model::document::budget::Budget;
use crate::model::document::component::{self, Component};
use crate::model::document::constraint::{self, Constraint, SetBy, Setter, taken_over};
use crate::model::document::ending::ending;
use crate::model::document::inference;
use crate::model::document::output_place::{OutputDir, OutputPlace};
use crate::model::document::require_measured::RequireMeasured;
use crate::model::document::taxonomy;
use crate::model::document::{Beginning, ConvergenceStatus};
use crate::model::journal::Snapshot;
use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::step;
use crate::model::{Document, Draft, Name, Refusal, Time, Version, limits};
use crate::service::catalog::{Catalog, Known};
use crate::service::loosening;
use crate::service::measures::check_measures;
use crate::service::refusals::refusal;
use crate::service::write::{Attempt, Writing, summary_text};
use crate::service::{Caller, Consent, Service};

/// The arguments of `init_state`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Init {
    /// a-z 0-9 . _ -
    pub name: Name,
    /// pmpo (default) or document: any state
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// logo, ui, a2ui, image, content, code, meta-prompt
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// e.g. direct:svg
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goals: Option<Vec<String>>,
    /// {id, description, severity: blocking|high|medium|low}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<Vec<Map<String, Value>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Map<String, Value>>,
    /// Default 5
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_iterations: Option<u32>,
    /// A person approves iterations
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_approval: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_generation: Option<bool>,
    /// Parts: {name, content_type}
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub components: Option<Vec<Map<String, Value>>>,
    /// A person approves goals and constraints first
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve_specification: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_measured: Option<RequireMeasured>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_minutes: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause_on_stall: Option<bool>,
    /// In place of dist/
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_dir: Option<String>,
    /// Globs in output_dir
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `init_state`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Initialized {
    /// What happened.
    pub outcome: Opened,
    /// The version that the call made, or the present one.
    pub version: Version,
    /// Where the workspace is.
    pub workspace: String,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// What opening an artifact did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Opened {
    /// It was made.
    Created,
    /// It was there, and goes on where it was left.
    Resumed,
    /// It had ended, and a new cycle began.
    NewCycle,
}

/// The checked request of a caller.
#[derive(Clone, Debug)]
struct Wish {
    name: Name,
    workflow_given: bool,
    known: Known,
    artifact_type: Option<String>,
    content_type: Option<String>,
    goals: Option<Vec<String>>,
    constraints: Option<Vec<Constraint>>,
    inputs: Map<String, Value>,
    max_iterations: Option<u32>,
    requires_approval: bool,
    test_generation: Option<bool>,
    components: Option<Vec<Component>>,
    approve_specification: bool,
    require_measured: RequireMeasured,
    budget: Budget,
    pause_on_stall: bool,
    setter: Setter,
    consent: Option<Consent>,
    output_dir: Option<OutputDir>,
    files: Option<Vec<String>>,
}

impl Operation for Init {
    const NAME: &'static str = "init_state";
    const TITLE: &'static str = "Open an artifact";
    const DESCRIPTION: &'static str =
        "Create a named artifact, resume it, or begin its next cycle. Call this first.";
    const EFFECT: Effect = Effect::WritesOnce;
    type Answer = Initialized;

    /// Opens an artifact: creates it, resumes it, or begins its next cycle from the last one.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Initialized, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?
            .anew();
        let consent = service.consent(caller)?;
        let wish = Wish {
            setter: caller.setter(consent.as_ref()),
            consent,
            ..wish(&service.catalog, self)?
        };
        let name = wish.name.clone();
        wish.check_output_dir(service).await?;
        let written = service.write(writing, move |attempt| wish.open(attempt)).await?;
        let snapshot = written.snapshot(&name)?;
        let (outcome, mut warnings) = match written.made {
            Some(opening) => (opening.outcome, opening.warnings),
            None => (first_outcome(service, &name, written.version).await?, Vec::new()),
        };
        if outcome == Opened::Resumed {
            service.catalog.check_usable(&snapshot.document)?;
        }
        warnings.extend(written.warnings);
        Ok(Initialized {
            outcome,
            version: written.version,
            workspace: service.provider.to_string(),
            briefing: service.brief(&snapshot, warnings).await?,
        })
    }
}

/// The decision of opening.
struct Opening {
    outcome: Opened,
    warnings: Vec<String>,
}

/// Returns the first outcome of a repeated call.
async fn first_outcome(
    service: &Service,
    name: &Name,
    version: Version,
) -> Result<Opened, Refusal> {
    let entry = service.entry(name, version).await?;
    let outcome = json!(summary_text(&entry.summary, "outcome"));
    serde_json::from_value(outcome).map_err(|error| Refusal::Internal(error.to_string()))
}

fn wish(catalog: &Catalog, arguments: Init) -> Result<Wish, Refusal> {
    let workflow = arguments.workflow.as_deref().unwrap_or(REFINING);
    let workflow = Name::parse(workflow).map_err(|_| catalog.unknown(workflow))?;
    let known = catalog.find(&workflow)?;
    if let Some(artifact_type) = &arguments.artifact_type {
        taxonomy::check_artifact_type(artifact_type)?;
    }
    if let Some(content_type) = &arguments.content_type {
        taxonomy::check_content_type(content_type)?;
    }
    let goals =
        arguments.goals.map(|goals| step::parse_goals(&json!(goals), "/goals")).transpose()?;
    let constraints = arguments.constraints.map(|list| {
        let list: Vec<Value> = list.into_iter().map(Value::Object).collect();
        let parsed = constraint::parse_definitions(&list, "/constraints")?;
        check_measures(&[], &parsed).map(|()| parsed)
    });
    let components =
        arguments.components.map(|list| component::parse(&list, "/components")).transpose()?;
    Ok(Wish {
        name: arguments.name,
        workflow_given: arguments.workflow.is_some(),
        known,
        artifact_type: arguments.artifact_type,
        content_type: arguments
            .content_type
            .or_else(|| components.is_some().then(|| taxonomy::COMPOSITE.to_owned())),
        goals,
        constraints: constraints.transpose()?,
        inputs: arguments.inputs.unwrap_or_default(),
        max_iterations: arguments.max_iterations.map(check_iterations).transpose()?,
        requires_approval: arguments.requires_approval.unwrap_or(false),
        test_generation: arguments.test_generation,
        components,
        approve_specification: arguments.approve_specification.unwrap_or(false),
        require_measured: arguments.require_measured.unwrap_or(RequireMeasured::None),
        budget: Budget::new(arguments.max_cost, arguments.max_minutes)?,
        pause_on_stall: arguments.pause_on_stall.unwrap_or(false),
        setter: Setter::Model,
        consent: None,
        output_dir: arguments.output_dir.as_deref().map(OutputDir::parse).transpose()?,
        files: arguments.files,
    })
}

fn check_iterations(iterations: u32) -> Result<u32, Refusal> {
    if (1..=limits::ITERATIONS_MAX).contains(&iterations) {
        Ok(iterations)
    } else {
        Err(Refusal::argument(
            format!("max_iterations is out of range: {iterations}"),
            format!("use 1 to {}", limits::ITERATIONS_MAX),
        ))
    }
}

impl Wish {
    /// Refuses a folder that cannot hold the work: globs that are none, a link on the way, a provider
    /// without a project.
    async fn check_output_dir(&self, service: &Service) -> Result<(), Refusal> {
        if self.output_dir.is_none() && self.files.is_none() {
            return Ok(());
        }
        let dir = self.output_dir.as_ref().map(OutputDir::as_str);
        let parsed = OutputPlace::parse(dir, self.files.as_deref().unwrap_or_default());
        if dir.is_none() && service.provider.newest(&self.name).await.is_ok_and(|one| one.is_some())
        {
            // The artifact may have an output_dir: whether the files are its files is decided later.
            return Ok(());
        }
        let checked = service.provider.check_place(&self.name, &parsed?, None).await;
        checked.map_err(|error| refusal(&self.name, &error))
    }

    /// Refuses another place for the work than the artifact was opened with.
    fn check_same_place(&self, before: &Document) -> Result<(), Refusal> {
        let same_dir = self.output_dir.is_none() || self.output_dir == before.output_dir;
        // A new cycle may have other files: what only a person agrees to is decided with the rest.
        let same_files =
            has_ended(before) || self.files.as_ref().is_none_or(|files| *files == before.files);
        if same_dir && same_files {
            return Ok(());
        }
        let dir = before.output_dir.as_ref().map_or("none", OutputDir::as_str);
        Err(Refusal::argument(
            format!(
                "output_dir is fixed when an artifact is opened, and files while a cycle runs: {} has the output_dir {dir} and the files {}",
                self.name,
                json!(before.files)
            ),
            format!(
                "leave them out; for another place, open an artifact of another name, or ask your user to run refiner delete {} first",
                self.name
            ),
        ))
    }

    fn open(&self, attempt: &mut Attempt<'_, '_>) -> Result<Opening, Refusal> {
        let newest = attempt.transaction.newest().cloned();
        if let Some(snapshot) = &newest {
            self.check_same_place(&snapshot.document)?;
        }
        let outcome = match &newest {
            None => Opened::Created,
            Some(snapshot) if has_ended(&snapshot.document) => Opened::NewCycle,
            Some(snapshot) => return self.resume(snapshot),
        };
        let now = attempt.now();
        let mut document = first_document(self, newest.as_deref(), now, attempt.new_id());
        let warnings = complete_types(&mut document)?;
        if let Some(before) = &newest {
            let ways = loosening::of_new_cycle(&before.document, &document);
            loosening::check_agreed(before, &ways, self.consent.as_ref(), "init {} …")?;
            if !before.document.is_finalized() {
                attempt.transaction.append(closing(attempt.writing, before, now))?;
            }
        }
        let summary =
            json!({ "outcome": outcome, "workflow": document.workflow, "cycle": document.cycle });
        let begun = LifecycleEvent {
            event: LifecycleKind::OnPhaseStart,
            phase: document.phase.clone(),
            iteration: 0,
            detail: None,
        };
        let draft = Draft {
            blobs: vec![self.known.bundle.to_bytes()],
            events: vec![begun],
            ..attempt.writing.draft(now, document, summary)
        };
        attempt.transaction.append(draft)?;
        Ok(Opening { outcome, warnings })
    }

    fn resume(&self, snapshot: &Snapshot) -> Result<Opening, Refusal> {
        let running = &snapshot.document.workflow;
        if self.workflow_given && *running != self.known.workflow.definition.id {
            return Err(Refusal::AlreadyExists {
                message: format!("{} exists and runs the workflow {running}", self.name),
            });
        }
        let ignored = self.goals.is_some() || self.constraints.is_some() || !self.inputs.is_empty();
        let warning = "the artifact exists: goals, constraints and inputs were not applied; save_state changes them";
        Ok(Opening {
            outcome: Opened::Resumed,
            warnings: if ignored { vec![warning.to_owned()] } else { Vec::new() },
        })
    }
}

/// The workflow whose prompts depend on the content type.
const REFINING: &str = "pmpo";

/// Infers the types that the caller omitted, and returns a warning about them. Refuses types that
/// contradict each other.
fn complete_types(document: &mut Document) -> Result<Vec<String>, Refusal> {
    let mut warnings = Vec::new();
    if document.workflow.as_str() == REFINING {
        warnings.extend(inference::complete(document));
    }
    component::check(document.content_type.as_deref(), &document.components)?;
    let content_type = document.content_type.as_deref().unwrap_or("not given");
    if document.test_generation && !taxonomy::is_prompt(content_type) {
        warnings.push(format!(
            "test_generation has no effect: content_type is {content_type}, and only prompts (meta:*) are test-run"
        ));
    }
    Ok(warnings)
}

/// Returns whether the loop has ended, finalized or not.
fn has_ended(document: &Document) -> bool {
    document.is_finalized() || document.convergence_status != ConvergenceStatus::Running
}

/// Drafts the entry that finalizes an ended cycle.
fn closing(writing: &Writing, snapshot: &Snapshot, now: Time) -> Draft {
    let document = Document { finalized_at: Some(now), ..snapshot.document.clone() };
    let summary = json!({ "cycle": document.cycle, "status": document.convergence_status, "by": "init_state" });
    Draft {
        operation: "finalize",
        idempotency: None,
        events: vec![completed(&document)],
        ..writing.draft(now, document, summary)
    }
}

/// Returns the first document of a cycle. Omitted values come from the cycle before.
fn first_document(wish: &Wish, before: Option<&Snapshot>, now: Time, id: String) -> Document {
    let before = before.map(|before| &before.document);
    let workflow = &wish.known.workflow;
    let blank = Document::begin(Beginning {
        refinement_id: id,
        artifact_name: wish.name.clone(),
        workflow: workflow.definition.id.clone(),
        definition: workflow.digest,
        phase: workflow.definition.initial.clone(),
        started_at: now,
    });
    let seeded = match before {
        Some(before) => seeded(blank, before),
        None => blank,
    };
    let setter = SetBy { by: wish.setter, cycle: seeded.cycle };
    let taken = |given: &Vec<_>| taken_over(&seeded.constraints, given.clone(), setter);
    let constraints = wish.constraints.as_ref().map(taken);
    let constraints = constraints.unwrap_or_else(|| seeded.constraints.clone());
    Document {
        artifact_type: wish.artifact_type.clone().or(seeded.artifact_type),
        content_type: content_type(wish, before),
        max_iterations: wish.max_iterations.unwrap_or(seeded.max_iterations),
        goals: wish.goals.clone().unwrap_or(seeded.goals),
        constraints,
        inputs: seeded.inputs.merged(&Value::Object(wish.inputs.clone())),
        requires_approval: wish.requires_approval || seeded.requires_approval,
        approve_specification: wish.approve_specification || seeded.approve_specification,
        require_measured: wish.require_measured.max(seeded.require_measured),
        budget: seeded.budget.tightened_by(&wish.budget),
        pause_on_stall: wish.pause_on_stall || seeded.pause_on_stall,
        test_generation: wish.test_generation.unwrap_or(seeded.test_generation),
        components: components(wish, before),
        output_dir: wish.output_dir.clone().or(seeded.output_dir),
        files: wish.files.clone().unwrap_or(seeded.files),
        ..seeded
    }
}

/// Adds what every next cycle inherits.
fn seeded(blank: Document, before: &Document) -> Document {
    Document {
        artifact_type: before.artifact_type.clone(),
        cycle: before.cycle + 1,
        max_iterations: before.max_iterations,
        goals: before.goals.clone(),
        constraints: before.constraints.iter().map(Constraint::unassessed).collect(),
        workflow_triggers: before.workflow_triggers.clone(),
        prior_cycle_id: Some(before.refinement_id.clone()),
        requires_approval: before.requires_approval,
        manifest: before.manifest.clone(),
        data: before.data.clone(),
        inputs: before.inputs.clone(),
        approve_specification: before.approve_specification,
        require_measured: before.require_measured,
        pause_on_stall: before.pause_on_stall,
        budget: before.budget.clone(),
        prior_ending: Some(ending(before)),
        test_generation: before.test_generation,
        output_dir: before.output_dir.clone(),
        files: before.files.clone(),
        provenance: before.provenance.clone(),
        ..blank
    }
}

/// Returns the first content type of a cycle: that of the cycle before, unless the artifact type
/// changes.
fn content_type(wish: &Wish, before: Option<&Document>) -> Option<String> {
    let same = |before: &&Document| {
        wish.artifact_type.is_none() || wish.artifact_type == before.artifact_type
    };
    let inherited = || before.filter(same).and_then(|before| before.content_type.clone());
    wish.content_type.clone().or_else(inherited)
}

fn unassessed(before: &Document) -> Vec<Component> {
    before.components.iter().map(Component::unassessed).collect()
}

/// Returns the first components of a cycle. Only a composite keeps those of the cycle before.
fn components(wish: &Wish, before: Option<&Document>) -> Vec<Component> {
    let composite = content_type(wish, before).as_deref() == Some(taxonomy::COMPOSITE);
    let inherited = || before.filter(|_| composite).map(unassessed);
    wish.components.clone().or_else(inherited).unwrap_or_default()
}
