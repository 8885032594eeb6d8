//! `transition`: sends an event to the loop.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Effect, Operation};
use crate::model::document::LastTransition;
use crate::model::document::constraint::{Constraint, Setter};
use crate::model::document::pins::Protected;
use crate::model::document::protection;
use crate::model::journal::Snapshot;
use crate::model::workflow::briefing::Briefing;
use crate::model::workflow::step::{self, Decision, Event, Step, StepContext};
use crate::model::{Document, Draft, Name, Refusal, Time, Version, Workflow};
use crate::service::examination::Examined;
use crate::service::measures::check_measures;
use crate::service::write::{Attempt, Writing, Written, check_text, summary_text};
use crate::service::{Caller, Consent, Progress, Service};

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

impl Operation for Transition {
    const NAME: &'static str = "transition";
    const TITLE: &'static str = "End a phase";
    const DESCRIPTION: &'static str = "End the current phase with its result, or send another event. The server decides what comes next.";
    const EFFECT: Effect = Effect::Writes;
    type Answer = Transitioned;

    /// Sends an event. The server decides the next phase, and no caller can skip one.
    async fn run(self, service: &Service, caller: &Caller) -> Result<Transitioned, Refusal> {
        let writing = Writing::new(Self::NAME, &self.name, self.expected_version, caller)
            .once(self.idempotency_key.as_ref(), &self)?;
        let consent = service.consent(caller)?;
        let event = event(&self, consent.as_ref())?;
        let newest = service.newest(&self.name).await?;
        let document = &newest.snapshot.document;
        let workflow = service.workflow_of(document).await?;
        let event = shaped(service, &workflow, document, self.phase.as_deref(), event).await?;
        let adopts = workflow.adopts(&document.phase, &event.name);
        let sending = Sending {
            workflow,
            event,
            phase: self.phase,
            setter: caller.setter(consent.as_ref()),
            consent,
            keeps_checkpoints: !service.provider.volatile(),
            examined: None,
            protected: Arc::default(),
        };
        let sending =
            if adopts { with_protected(service, sending, document).await? } else { sending };
        if sending.needs_files(document) && self.dry_run != Some(true) {
            service.place_files(&self.name).await?;
        }
        let sending = examined(service, sending, &newest.snapshot, &caller.progress).await?;
        if self.dry_run == Some(true) {
            return dry_run(service, &sending, &newest.snapshot, newest.warnings).await;
        }
        let lacks_checkpoints = !sending.keeps_checkpoints;
        let writing = writing.warned(newest.warnings);
        let mut written = service.write(writing, move |attempt| sending.decide(attempt)).await?;
        if lacks_checkpoints {
            written.warnings.push(
                "no checkpoint was created: the memory provider does not keep checkpoints"
                    .to_owned(),
            );
        }
        if adopts {
            let snapshot = written.snapshot(&self.name)?;
            written.warnings.extend(service.measurability(&snapshot.document));
        }
        answer(service, &self.name, written).await
    }
}

/// What an event did.
enum Sent {
    Stepped(Box<Step>),
    /// The last transition did the same and made this version.
    Repeated(Version),
}

/// Returns the event with its result in the form of the phase that it ends, or refuses it.
async fn shaped(
    service: &Service,
    workflow: &Workflow,
    document: &Document,
    phase: Option<&str>,
    event: Event,
) -> Result<Event, Refusal> {
    let present = workflow.phase(&document.phase);
    let is_known = present.is_some_and(|one| one.on.contains_key(&event.name));
    if is_known {
        check_phase_given(&event, phase, &document.phase)?;
    }
    let phase = phase.unwrap_or(&document.phase);
    let shaped = step::shaped(workflow, phase, event.clone(), &document.output_place());
    if phase != document.phase {
        // The call repeats one that ended that phase, or is refused for the phase.
        return Ok(shaped.unwrap_or(event));
    }
    let shaped = shaped?;
    service.check_modified(document, shaped.result.as_ref()).await?;
    Ok(shaped)
}

/// Looks at the files that the constraints of a specification protect.
async fn with_protected(
    service: &Service,
    sending: Sending,
    document: &Document,
) -> Result<Sending, Refusal> {
    let mut lists = protection::lists_of(&document.constraints);
    lists.extend(protection::lists_in(sending.event.result.as_ref()));
    let protected = Arc::new(service.protected(document, lists).await?);
    Ok(Sending { protected, ..sending })
}

/// Examines the artifact's files, if the event depends on them.
async fn examined(
    service: &Service,
    sending: Sending,
    snapshot: &Snapshot,
    progress: &Progress,
) -> Result<Sending, Refusal> {
    let (document, event) = (&snapshot.document, &sending.event);
    if !sending.needs_files(document) {
        return Ok(sending);
    }
    let handed_in = event.result.as_ref().and_then(|result| result.get("manifest"));
    let examined = service.examine_files(document, handed_in, progress).await?;
    Ok(Sending { examined: Some(examined), ..sending })
}

async fn dry_run(
    service: &Service,
    sending: &Sending,
    snapshot: &Snapshot,
    warnings: Vec<String>,
) -> Result<Transitioned, Refusal> {
    let context = sending.context(snapshot.version + 1, service.clock.now());
    let step = sending.step(snapshot, &context)?;
    let warnings = warnings.into_iter().chain(step.warnings).collect();
    Ok(Transitioned {
        from: step.from,
        to: step.to,
        version: snapshot.version,
        decision: step.decision,
        dry_run: Some(true),
        briefing: service.brief(snapshot, warnings).await?,
    })
}

async fn answer(
    service: &Service,
    name: &Name,
    written: Written<Sent>,
) -> Result<Transitioned, Refusal> {
    let snapshot = written.snapshot(name)?;
    let version = match written.made {
        Some(Sent::Stepped(step)) => {
            let warnings = written.warnings.into_iter().chain(step.warnings).collect();
            return Ok(Transitioned {
                from: step.from,
                to: step.to,
                version: written.version,
                decision: step.decision,
                dry_run: None,
                briefing: service.brief(&snapshot, warnings).await?,
            });
        }
        Some(Sent::Repeated(version)) => version,
        None => written.version,
    };
    let summary = service.entry(name, version).await?.summary;
    let decision = summary.get("decision").cloned();
    Ok(Transitioned {
        from: summary_text(&summary, "from"),
        to: summary_text(&summary, "to"),
        version,
        decision: decision.and_then(|decision| serde_json::from_value(decision).ok()),
        dry_run: None,
        briefing: service.brief(&snapshot, written.warnings).await?,
    })
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
        decided_by: consent.map(Consent::decided_by),
        cost: amount("cost", arguments.cost)?,
        time_seconds: amount("time_seconds", arguments.time_seconds)?,
    })
}

/// Refuses a `complete` that does not say which phase it ends: repeated, it would end the next one.
fn check_phase_given(event: &Event, phase: Option<&str>, present: &str) -> Result<(), Refusal> {
    if event.name != step::COMPLETE || phase.is_some() {
        return Ok(());
    }
    Err(Refusal::argument(
        "complete needs phase: the phase that it ends",
        format!(
            "the present phase is {present}: pass \"phase\": \"{present}\" if that is the one whose work is done"
        ),
    ))
}

/// An event before it is stored.
struct Sending {
    workflow: Arc<Workflow>,
    event: Event,
    phase: Option<String>,
    consent: Option<Consent>,
    setter: Setter,
    keeps_checkpoints: bool,
    examined: Option<Examined>,
    protected: Arc<Protected>,
}

impl Sending {
    /// Returns whether the event depends on the artifact's files.
    fn needs_files(&self, document: &Document) -> bool {
        document.constraints.iter().any(Constraint::awaits_failure)
            || self.workflow.examines(&document.phase, &self.event.name)
    }

    fn decide(&self, attempt: &mut Attempt<'_, '_>) -> Result<Sent, Refusal> {
        let before = Arc::clone(attempt.newest()?);
        let last = before.document.last_transition.as_ref();
        if let Some(version) = self.repeats(last, &before.document.phase) {
            return Ok(Sent::Repeated(version));
        }
        attempt.open_state()?;
        let now = attempt.now();
        let context = self.context(attempt.transaction.next_version(), now);
        let step = self.step(&before, &context)?;
        let recorded = step::record(&self.workflow, &before.document, &self.event, &context);
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
            context: Some(Box::new(recorded)),
            blobs: self.contents(&before.document, &step.document),
            ..attempt.writing.draft(now, step.document.clone(), summary)
        };
        attempt.transaction.append(draft)?;
        Ok(Sent::Stepped(Box::new(step)))
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

    fn context(&self, version: Version, now: Time) -> StepContext {
        StepContext {
            now,
            version,
            human: self.consent.is_some(),
            setter: self.setter,
            keeps_checkpoints: self.keeps_checkpoints,
            protected: Arc::clone(&self.protected),
            examination: self.examined.as_ref().map(|found| Arc::clone(&found.examination)),
        }
    }

    fn step(&self, before: &Snapshot, context: &StepContext) -> Result<Step, Refusal> {
        let document = &before.document;
        if let Some(consent) = &self.consent {
            consent.binding.check(document, before.version)?;
        }
        let conflict =
            || Refusal::Conflict { expected: context.version - 1, current: before.version };
        if document.definition != self.workflow.digest {
            // Another call began a new cycle since the lookup of the workflow.
            return Err(conflict());
        }
        self.check_phase(&document.phase)?;
        let seen = context.examination.as_ref();
        if seen.is_some_and(|seen| !seen.fits(&document.constraints)) {
            // Another call changed a validation since the measurement.
            return Err(conflict());
        }
        let step = step::step(&self.workflow, document, &self.event, context)?;
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
