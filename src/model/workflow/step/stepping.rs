//! Taking a step: the effects of every transition, and the actions of the chosen candidate.

use serde_json::{Value, json};

use super::{
    COMPLETE, Decision, Evaluation, Event, Step, StepContext, add_checkpoint, result_digest,
};
use crate::model::Refusal;
use crate::model::document::approval::{Approval, ApprovalStatus};
use crate::model::document::constraint::{Grade, Status};
use crate::model::document::{ConvergenceStatus, Document, LastTransition};
use crate::model::journal::entry::Section;
use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::refusal::Unmet;
use crate::model::workflow::approval_binding::{agreed_on, decided_on};
use crate::model::workflow::readable_logs;
use crate::model::workflow::{Action, Candidate, Phase, Workflow};

/// The event by which a person rejects the work.
const REJECT: &str = "reject";
/// The event by which a person approves it.
const APPROVE: &str = "approve";

/// A step being taken.
pub(super) struct Stepping<'a> {
    pub(super) workflow: &'a Workflow,
    pub(super) event: &'a Event,
    pub(super) context: &'a StepContext,
    pub(super) target: &'a str,
    /// What kept the loop from its end.
    pub(super) unmet: Vec<Unmet>,
    pub(super) document: Document,
    pub(super) decision: Option<Decision>,
    pub(super) sections: Vec<Section>,
    pub(super) warnings: Vec<String>,
    events: Vec<LifecycleEvent>,
}

impl<'a> Stepping<'a> {
    pub(super) fn new(
        workflow: &'a Workflow,
        document: Document,
        event: &'a Event,
        context: &'a StepContext,
        evaluation: &Evaluation<'a>,
    ) -> Self {
        Self {
            workflow,
            event,
            context,
            target: &evaluation.candidate.target,
            unmet: evaluation.unmet.clone(),
            document,
            decision: None,
            sections: Vec::new(),
            warnings: Vec::new(),
            events: Vec::new(),
        }
    }

    pub(super) fn take(mut self, phase: &Phase, candidate: &Candidate) -> Result<Step, Refusal> {
        let from = self.document.phase.clone();
        self.leave(phase);
        self.log_phase(candidate);
        for action in &candidate.actions {
            self.act(*action)?;
        }
        self.enter();
        Ok(Step {
            from,
            to: self.target.to_owned(),
            document: self.document,
            decision: self.decision,
            sections: self.sections,
            events: self.events,
            warnings: self.warnings,
        })
    }

    /// What every transition does before its actions.
    fn leave(&mut self, phase: &Phase) {
        let document = &mut self.document;
        if let (Some(place), Some(result)) = (&phase.meta.result_at, &self.event.result) {
            document.results.set(place, Some(Value::Object(result.clone())));
        }
        document.metrics.cumulative_cost += self.event.cost;
        document.metrics.cumulative_time_seconds += self.event.time_seconds;
        document.last_transition = Some(LastTransition {
            from: document.phase.clone(),
            event: self.event.name.clone(),
            result: result_digest(self.event),
            version: self.context.version,
        });
        if self.event.name == COMPLETE {
            document.repair = None;
            if !document.phases_completed.contains(&document.phase) {
                document.phases_completed.push(document.phase.clone());
            }
            self.happened(LifecycleKind::OnPhaseComplete, None);
        }
    }

    /// Adds what a phase did to the log, unless the end of the iteration says it.
    fn log_phase(&mut self, candidate: &Candidate) {
        let ends_phase = self.event.name == COMPLETE;
        let is_said = candidate.actions.contains(&Action::RecordIteration);
        if let Some(result) = self.event.result.as_ref().filter(|_| ends_phase && !is_said) {
            let section = readable_logs::of_phase(&self.document, result, self.context.now);
            self.sections.extend(section);
        }
    }

    /// What every transition does after its actions.
    fn enter(&mut self) {
        self.document.phase = self.target.to_owned();
        match self.target_status() {
            Some(status) => self.document.convergence_status = status,
            None => self.happened(LifecycleKind::OnPhaseStart, None),
        }
    }

    fn act(&mut self, action: Action) -> Result<(), Refusal> {
        match action {
            Action::AdoptSpecification => self.adopt_specification()?,
            Action::AssessConstraints => self.assess_constraints()?,
            Action::Checkpoint if self.context.keeps_checkpoints => self.checkpoint(),
            Action::Checkpoint => {}
            Action::KeepFiles => self.adopt_manifest(),
            Action::NextIteration => self.next_iteration(),
            Action::OpenApproval => self.open_approval(),
            Action::RecordDecision => self.record_human_decision(),
            Action::RecordIteration => self.record_iteration(),
            Action::RecordRecovery => self.record_recovery(),
            Action::RaiseBudget => {
                self.document.budget = self.document.budget.raised(&self.document.metrics);
            }
            Action::Reopen => self.reopen(),
            Action::SignSpecification => self.sign_specification(),
        }
        Ok(())
    }

    pub(super) fn target_status(&self) -> Option<ConvergenceStatus> {
        self.workflow.phase(self.target).and_then(|phase| phase.meta.status)
    }

    /// Notes a lifecycle event in the phase and the iteration that the document is in now.
    pub(super) fn happened(&mut self, event: LifecycleKind, detail: Option<Value>) {
        self.events.push(LifecycleEvent {
            event,
            phase: self.document.phase.clone(),
            iteration: self.document.current_iteration,
            detail,
        });
    }

    /// A constraint that a person names when they reject the work is open again.
    fn reopen_named(&mut self) {
        let (now, event) = (self.context.now, self.event);
        let Some(words) = event.words.as_deref().filter(|_| event.name == REJECT) else { return };
        let is_named = |id: &str| {
            words
                .split(|c: char| c.is_whitespace() || ",;:()\"'`".contains(c))
                .any(|word| word.trim_end_matches('.') == id)
        };
        for one in self.document.constraints.iter_mut().filter(|one| is_named(&one.id)) {
            one.assess(Status::Violated, Some(format!("rejected by a person: {words}")), now);
        }
    }

    /// What the model asserted is decided by the person who approves it.
    fn decide_asserted(&mut self) {
        let constraints = self.document.constraints.iter_mut();
        for one in constraints.filter(|one| one.grade == Some(Grade::Asserted) && one.holds()) {
            one.grade = Some(Grade::Decided);
        }
    }

    pub(super) fn regressed(&mut self, regressions: &[String]) {
        if !regressions.is_empty() {
            self.happened(LifecycleKind::OnRegression, Some(json!(regressions)));
        }
    }

    fn checkpoint(&mut self) {
        let label = self.document.phase.clone();
        add_checkpoint(&mut self.document, label, self.context.version, self.context.now);
    }

    fn next_iteration(&mut self) {
        self.document.current_iteration += 1;
        self.document.phases_completed.clear();
        self.document.recoveries.clear();
        self.document.repair = None;
    }

    /// Begins another iteration of a loop that had ended, where it would be one too many.
    fn reopen(&mut self) {
        let document = &mut self.document;
        document.convergence_status = ConvergenceStatus::Running;
        document.max_iterations = document.max_iterations.max(document.current_iteration + 1);
    }

    /// Binds what a person decides to what there is to decide on: the reflection, the constraints
    /// and the files.
    fn open_approval(&mut self) {
        self.document.approval = Some(Approval {
            id: format!("gate-{}", self.context.version),
            shown: decided_on(&self.document),
            status: ApprovalStatus::Open,
            at: self.context.now,
            agreed: None,
            by: None,
            reason: None,
        });
        self.happened(LifecycleKind::OnApprovalRequired, Some(json!(self.document.approval)));
    }

    fn record_human_decision(&mut self) {
        let now = self.context.now;
        self.reopen_named();
        // The approval of a specification is about no work yet.
        let approves = self.event.name == APPROVE && self.document.reflected_files.is_some();
        if approves {
            self.decide_asserted();
        }
        let (words, note) = (self.event.words.as_deref(), self.event.reason.as_deref());
        let event = &self.event.name;
        self.sections.push(readable_logs::of_human_decision(
            &self.document,
            event,
            (words, note),
            now,
        ));
        if self.target_status().is_some() {
            self.sections.push(readable_logs::of_stop(&self.document, words.or(note), now));
        }
        let agreed = approves.then(|| agreed_on(&self.document));
        if let Some(approval) = &mut self.document.approval
            && approval.status == ApprovalStatus::Open
        {
            approval.agreed = agreed;
            approval.status = ApprovalStatus::Decided(self.event.name.clone());
            approval.at = now;
            approval.by.clone_from(&self.event.decided_by);
            approval.reason.clone_from(&self.event.words);
        }
    }
}
