//! `reset_artifact`: empties an artifact and begins a new cycle.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Effect, Operation};
use crate::model::document::Beginning;
use crate::model::document::component::Component;
use crate::model::journal::Snapshot;
use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::journal::removal::Removal;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::readable_logs;
use crate::model::{Document, Draft, Name, Refusal, Time, Version, Workflow};
use crate::service::removal::{check_agreed, check_confirmed};
use crate::service::write::{Attempt, Writing};
use crate::service::{Caller, Consent, Service};

/// The arguments of `reset_artifact`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reset {
    pub name: Name,
    /// The name again
    pub confirm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `reset_artifact`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WasReset {
    /// The version that the reset made.
    pub version: Version,
    /// Where the files went, from the project's folder; absent when there were no files to keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_in: Option<String>,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// The workflow of a reset artifact, and its definition if the journal must store it.
struct Start {
    workflow: Arc<Workflow>,
    definition: Vec<Vec<u8>>,
}

impl Operation for Reset {
    const NAME: &'static str = "reset_artifact";
    const TITLE: &'static str = "Reset an artifact";
    const DESCRIPTION: &'static str = "Remove an artifact's goals, constraints, inputs, data and files. The server asks a person first.";
    const EFFECT: Effect = Effect::Destroys;
    type Answer = WasReset;

    /// Begins an empty cycle: removes goals, constraints, inputs, data, results and files. Keeps
    /// the workflow, the types, the number of iterations and the approval setting.
    ///
    /// The version numbers continue, and every earlier version stays readable; `restore` brings its
    /// data, goals and files back. Only a person may do this, whether the cycle is open or closed.
    async fn run(self, service: &Service, caller: &Caller) -> Result<WasReset, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        check_confirmed(&self.name, &self.confirm)?;
        let consent = service.consent(caller)?;
        let newest = service.newest(&self.name).await?;
        let start = start(service, &newest.snapshot.document).await?;
        let decide = move |attempt: &mut Attempt<'_, '_>| {
            let before = Arc::clone(attempt.newest()?);
            check_agreed(&before, Removal::Reset, consent.as_ref())?;
            check_workflow(&before, &start.workflow)?;
            let now = attempt.now();
            let document = emptied(&before.document, &start.workflow, now, attempt.new_id());
            let draft = drafted(attempt.writing, document, &start, consent.as_ref(), now);
            attempt.transaction.append(draft)
        };
        let written = service.write(writing.warned(newest.warnings), decide).await?;
        let snapshot = written.snapshot(&self.name)?;
        Ok(WasReset {
            version: written.version,
            kept_in: service.kept_in(&self.name, written.version).await?,
            briefing: service.brief(&snapshot, written.warnings).await?,
        })
    }
}

/// Returns the workflow for a new cycle. If the present definition is missing or broken, the
/// stored one is used.
async fn start(service: &Service, document: &Document) -> Result<Start, Refusal> {
    match service.catalog.find(&document.workflow) {
        Ok(known) => {
            Ok(Start { workflow: known.workflow, definition: vec![known.bundle.to_bytes()] })
        }
        Err(_) => {
            Ok(Start { workflow: service.workflow_of(document).await?, definition: Vec::new() })
        }
    }
}

/// Refuses when another call changed the artifact's workflow since the lookup.
fn check_workflow(before: &Snapshot, workflow: &Workflow) -> Result<(), Refusal> {
    let version = before.version;
    if before.document.workflow == workflow.definition.id {
        Ok(())
    } else {
        Err(Refusal::Conflict { expected: version - 1, current: version })
    }
}

fn drafted(
    writing: &Writing,
    document: Document,
    start: &Start,
    consent: Option<&Consent>,
    now: Time,
) -> Draft {
    let words = consent.and_then(|consent| consent.words.as_deref());
    let begun = LifecycleEvent {
        event: LifecycleKind::OnPhaseStart,
        phase: document.phase.clone(),
        iteration: 0,
        detail: None,
    };
    let summary = json!({ "cycle": document.cycle, "note": words });
    Draft {
        sections: vec![readable_logs::of_reset(&document, words, now)],
        blobs: start.definition.clone(),
        events: vec![begun],
        removal: Some(Removal::Reset),
        ..writing.draft(now, document, summary)
    }
}

/// Returns the document of a reset artifact: its settings, without any content.
fn emptied(before: &Document, workflow: &Workflow, now: Time, id: String) -> Document {
    let blank = Document::begin(Beginning {
        refinement_id: id,
        artifact_name: before.artifact_name.clone(),
        workflow: workflow.definition.id.clone(),
        definition: workflow.digest,
        phase: workflow.definition.initial.clone(),
        started_at: now,
    });
    Document {
        artifact_type: before.artifact_type.clone(),
        content_type: before.content_type.clone(),
        provenance: before.provenance.clone(),
        cycle: before.cycle + 1,
        max_iterations: before.max_iterations,
        workflow_triggers: before.workflow_triggers.clone(),
        prior_cycle_id: Some(before.refinement_id.clone()),
        requires_approval: before.requires_approval,
        test_generation: before.test_generation,
        components: before.components.iter().map(Component::unassessed).collect(),
        output_dir: before.output_dir.clone(),
        files: before.files.clone(),
        ..blank
    }
}
