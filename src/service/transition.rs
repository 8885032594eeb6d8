//! `transition`: sends an event to the loop.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::examination::Examined;
use super::measures::check_measures;
use super::write::{Writing, check_text, open_state, summary_text};
use super::{Caller, Consent, Progress, Service};
use crate::model::briefing::Briefing;
use crate::model::document::LastTransition;
use crate::model::journal::{Snapshot, Transaction};
use crate::model::step::{self, Decision, Event, Step, StepContext};
use crate::model::{Document, Draft, Name, Refusal, Time, Version, Workflow};

/// The arguments of `transition`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Transition {
    pub name: Name,
    /// complete, or another of the briefing
    pub event: String,
    /// Where you believe to be
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// What the phase produced
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_seconds: Option<f64>,
    /// Only say what would happen
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// The answer of `transition`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Transitioned {
    /// The phase that was left.
    pub from: String,
    /// The phase that was entered.
    pub to: String,
    /// The version that the transition made, or the present one for a dry run.
    pub version: Version,
    /// Whether the loop goes on, where that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// True when nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// The result of an event, before the answer.
enum Transitioning {
    Stepped(Box<Step>, Version, Arc<Snapshot>),
    Repeated(Version, Arc<Snapshot>),
}

impl Service {
    /// Sends an event. The server decides the next phase, and no caller can skip one.
    pub async fn transition(
        &self,
        arguments: Transition,
        caller: &Caller,
    ) -> Result<Transitioned, Refusal> {
        let writing = Writing::new("transition", &arguments, arguments.expected_version, caller)?;
        let consent = self.consent(caller)?;
        let (name, event) = (arguments.name.clone(), event(&arguments, consent.as_ref())?);
        let newest = self.newest(&name).await?;
        let sending = Sending {
            workflow: self.workflow_of(&newest.snapshot.document).await?,
            event,
            phase: arguments.phase,
            consent,
            keeps_checkpoints: !self.provider.volatile(),
            examined: None,
        };
        let sending = self.examined(sending, &newest.snapshot, &caller.progress).await?;
        if arguments.dry_run == Some(true) {
            return self.dry_run(&sending, &newest.snapshot, newest.warnings).await;
        }
        let lacks_checkpoints = !sending.keeps_checkpoints;
        let (clock, of) = (Arc::clone(&self.clock), name.clone());
        let operation = move |transaction: &mut Transaction<'_>| {
            sending.store(&of, &writing, transaction, clock.now())
        };
        let (outcome, mut warnings) = self.store_after(&name, newest.warnings, operation).await?;
        if lacks_checkpoints {
            warnings.push(
                "no checkpoint was created: the memory provider does not keep checkpoints"
                    .to_owned(),
            );
        }
        self.transitioned(&name, outcome, warnings).await
    }

    /// Examines the artifact's files, if the event depends on them.
    async fn examined(
        &self,
        sending: Sending,
        snapshot: &Snapshot,
        progress: &Progress,
    ) -> Result<Sending, Refusal> {
        let (document, event) = (&snapshot.document, &sending.event);
        if !sending.workflow.examines(&document.phase, &event.name) {
            return Ok(sending);
        }
        let handed_in = event.result.as_ref().and_then(|result| result.get("manifest"));
        let examined = self.examine_files(document, handed_in, progress).await?;
        Ok(Sending { examined: Some(examined), ..sending })
    }

    async fn dry_run(
        &self,
        sending: &Sending,
        snapshot: &Snapshot,
        warnings: Vec<String>,
    ) -> Result<Transitioned, Refusal> {
        let step = sending.step(snapshot, snapshot.version + 1, self.clock.now())?;
        Ok(Transitioned {
            from: step.from,
            to: step.to,
            version: snapshot.version,
            decision: step.decision,
            dry_run: Some(true),
            briefing: self.brief(snapshot, warnings).await?,
        })
    }

    async fn transitioned(
        &self,
        name: &Name,
        outcome: Transitioning,
        warnings: Vec<String>,
    ) -> Result<Transitioned, Refusal> {
        let (from, to, decision, version, snapshot) = match outcome {
            Transitioning::Stepped(step, version, snapshot) => {
                (step.from, step.to, step.decision, version, snapshot)
            }
            Transitioning::Repeated(version, snapshot) => {
                let summary = self.entry(name, version).await?.summary;
                let decision = summary
                    .get("decision")
                    .cloned()
                    .and_then(|decision| serde_json::from_value(decision).ok());
                (
                    summary_text(&summary, "from"),
                    summary_text(&summary, "to"),
                    decision,
                    version,
                    snapshot,
                )
            }
        };
        Ok(Transitioned {
            from,
            to,
            version,
            decision,
            dry_run: None,
            briefing: self.brief(&snapshot, warnings).await?,
        })
    }
}

fn event(arguments: &Transition, consent: Option<&Consent>) -> Result<Event, Refusal> {
    check_text("reason", arguments.reason.as_ref())?;
    let amount = |name: &str, given: Option<f64>| match given.unwrap_or(0.0) {
        amount if amount.is_finite() && amount >= 0.0 => Ok(amount),
        amount => Err(Refusal::argument(
            format!("{name} is {amount}"),
            "pass a number that is not negative",
        )),
    };
    Ok(Event {
        name: arguments.event.clone(),
        result: arguments.result.clone(),
        reason: arguments.reason.clone(),
        words: consent.and_then(|consent| consent.words.clone()),
        cost: amount("cost", arguments.cost)?,
        time_seconds: amount("time_seconds", arguments.time_seconds)?,
    })
}

/// An event before it is stored.
struct Sending {
    workflow: Arc<Workflow>,
    event: Event,
    phase: Option<String>,
    consent: Option<Consent>,
    keeps_checkpoints: bool,
    examined: Option<Examined>,
}

impl Sending {
    fn store(
        &self,
        name: &Name,
        writing: &Writing,
        transaction: &mut Transaction<'_>,
        now: Time,
    ) -> Result<Transitioning, Refusal> {
        let repeated = writing.repeated(transaction)?;
        let before = Arc::clone(transaction.newest().ok_or_else(|| super::no_such_artifact(name))?);
        if let Some(version) = repeated.or_else(|| {
            self.repeats(before.document.last_transition.as_ref(), &before.document.phase)
        }) {
            return Ok(Transitioning::Repeated(version, before));
        }
        open_state(name, transaction)?;
        let step = self.step(&before, transaction.next_version(), now)?;
        let summary = json!({
            "event": self.event.name,
            "from": step.from,
            "to": step.to,
            "note": self.event.reason,
            "decision": step.decision,
        });
        let draft = Draft {
            sections: step.sections.clone(),
            events: step.events.clone(),
            blobs: self.contents(&before.document, &step.document),
            ..writing.draft(now, step.document.clone(), summary)
        };
        let snapshot = transaction.append(draft)?;
        Ok(Transitioning::Stepped(Box::new(step), snapshot.version, snapshot))
    }

    /// Returns the version of the last transition if this call repeats it: same phase, same event
    /// and same result.
    fn repeats(&self, last: Option<&LastTransition>, present: &str) -> Option<Version> {
        let (last, phase) = (last?, self.phase.as_deref()?);
        let same = last.from == phase
            && last.event == self.event.name
            && last.result == step::result_digest(&self.event);
        (same && phase != present).then_some(last.version)
    }

    fn step(&self, before: &Snapshot, version: Version, now: Time) -> Result<Step, Refusal> {
        let document = &before.document;
        if let Some(consent) = &self.consent {
            consent.binding.check(document, before.version)?;
        }
        if document.definition != self.workflow.digest {
            // Another call began a new cycle since the lookup of the workflow.
            return Err(Refusal::Conflict { expected: version - 1, current: before.version });
        }
        self.check_phase(&document.phase)?;
        let examination = self.examined.as_ref().map(|examined| Arc::clone(&examined.examination));
        if examination.as_ref().is_some_and(|seen| !seen.fits(&document.constraints)) {
            // Another call changed a validation since the measurement.
            return Err(Refusal::Conflict { expected: version - 1, current: before.version });
        }
        let context = StepContext {
            now,
            version,
            human: self.consent.is_some(),
            keeps_checkpoints: self.keeps_checkpoints,
            examination,
        };
        let step = step::step(&self.workflow, document, &self.event, &context)?;
        check_measures(&document.constraints, &step.document.constraints)?;
        Ok(step)
    }

    /// Returns the contents of the recorded files, for the journal to keep.
    fn contents(&self, before: &Document, after: &Document) -> Vec<Vec<u8>> {
        match &self.examined {
            Some(examined) if after.manifest != before.manifest => examined.contents.clone(),
            _ => Vec::new(),
        }
    }

    fn check_phase(&self, present: &str) -> Result<(), Refusal> {
        let Some(believed) = self.phase.as_deref().filter(|believed| *believed != present) else {
            return Ok(());
        };
        let allowed =
            self.workflow.phase(present).into_iter().flat_map(|phase| self.workflow.events(phase));
        Err(Refusal::InvalidTransition {
            from: present.to_owned(),
            event: self.event.name.clone(),
            allowed: allowed.map(|(event, _)| event.to_owned()).collect(),
            message: format!("the present phase is {present}, not {believed}"),
        })
    }
}
