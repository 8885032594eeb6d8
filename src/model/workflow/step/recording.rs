//! Closing an iteration: the manifest, the regressions, the decision and the readable logs; and
//! going back to mend what is missing.

use serde_json::json;

use super::stepping::Stepping;
use super::{Decision, push_listed};
use crate::model::Digest;
use crate::model::document::constraint::{Constraint, Severity, violated};
use crate::model::document::examination::Examination;
use crate::model::document::iteration::{Choice, Counts, Iteration, best, outcome, repeats};
use crate::model::document::manifest::Manifest;
use crate::model::document::{ConvergenceStatus, Repair};
use crate::model::journal::lifecycle::LifecycleKind;
use crate::model::refusal::Unmet;
use crate::model::text::shortened;
use crate::model::workflow::facts::failures;
use crate::model::workflow::readable_logs::{self, Closing};

/// Characters of the ids of constraints in one sentence.
const LISTED_CHARACTERS_MAX: usize = 120;

impl Stepping<'_> {
    /// Adds the iteration and its decision to the history and to the readable logs.
    pub(super) fn record_iteration(&mut self) {
        let status = self.target_status();
        let choice = if status.is_some() { Choice::Terminate } else { Choice::Continue };
        let unmet = std::mem::take(&mut self.unmet);
        let lacks = self.lacks(&unmet);
        let reason = self.reason(&lacks);
        let regressions = self.regressions();
        self.adopt_manifest();
        let iteration = Iteration {
            iteration: self.document.current_iteration,
            at: self.context.now,
            constraints: Counts::of(&self.document.constraints),
            decision: choice,
            reason: reason.clone(),
            regressions: regressions.clone(),
            version: Some(self.context.version),
            outcome: self.outcome(),
            revision: self.context.examination.as_ref().and_then(|seen| seen.revision.clone()),
        };
        let repeats =
            iteration.outcome.map(|outcome| repeats(&self.document.iteration_history, outcome));
        let examination = self.context.examination.as_deref();
        self.sections.extend(readable_logs::of_iteration(
            &self.document,
            &iteration,
            Closing {
                lacks: &lacks,
                status,
                seen: examination,
                result: self.event.result.as_ref(),
            },
        ));
        let detail = json!({ "decision": choice, "reason": reason, "status": status });
        push_listed(&mut self.document.iteration_history, iteration);
        self.happened(LifecycleKind::OnIterationComplete, Some(detail));
        self.regressed(&regressions);
        self.warn_of_best();
        self.stalled(repeats.unwrap_or(0));
        self.decision = Some(Decision { decision: choice, reason, unmet });
    }

    fn outcome(&self) -> Option<Digest> {
        let seen = self.context.examination.as_deref()?;
        Some(outcome(&self.document.constraints, seen.files_digest()))
    }

    /// Says that an iteration ended as earlier ones did.
    fn stalled(&mut self, repeats: usize) {
        if repeats > 0 {
            let says = format!(
                "the loop gets nowhere: {} iterations ended with the same open constraints and the same files; try something else",
                repeats + 1
            );
            self.happened(LifecycleKind::OnStall, Some(json!({ "repeats": repeats })));
            self.warnings.push(says);
        }
    }

    /// Names the best iteration and how to restore it, when the iterations ran out.
    fn warn_of_best(&mut self) {
        if self.target_status() != Some(ConvergenceStatus::MaxIterationsExceeded) {
            return;
        }
        let Some(best) = best(&self.document.iteration_history) else { return };
        let Counts { blocking_violated, high_violated, .. } = best.constraints;
        let (number, version) = (best.iteration, best.version.unwrap_or_default());
        self.warnings.push(format!(
            "the best iteration was {number} ({blocking_violated} blocking, {high_violated} high open): restore {{\"to\": \"{version}\"}} brings its files back"
        ));
    }

    /// What keeps the loop from its end, in sentences where the workflow has them.
    fn lacks(&self, unmet: &[Unmet]) -> String {
        if unmet.is_empty() {
            return format!("the workflow goes on with {}", self.target);
        }
        let lacks = unmet.iter().map(|part| match &part.says {
            Some(says) => says.clone(),
            None => format!("{} (saw {})", part.needs, json!(part.saw)),
        });
        lacks.collect::<Vec<_>>().join("; ")
    }

    /// Why the loop ends, or what it lacks.
    fn reason(&self, lacks: &str) -> String {
        if self.context.human {
            let words = self.event.words.as_deref().or(self.event.reason.as_deref());
            let words = words.map_or_else(String::new, |words| format!(": {words}"));
            return format!("a person decided: {}{words}", self.event.name);
        }
        let Some(status) = self.target_status() else {
            return format!("not converged: {lacks}");
        };
        let given = self.workflow.phase(self.target).map(|target| target.meta.reason.clone());
        let reason = given.filter(|given| !given.is_empty()).unwrap_or_else(|| status.to_string());
        let open = [Severity::Blocking, Severity::High]
            .into_iter()
            .filter_map(|severity| open(&self.document.constraints, severity));
        [reason].into_iter().chain(open).collect::<Vec<_>>().join("; ")
    }

    /// Takes the manifest over that counts, with its files as they were found.
    pub(super) fn adopt_manifest(&mut self) {
        let Some(seen) = self.context.examination.as_deref() else {
            return;
        };
        let known = self.document.manifest.is_some();
        if seen.manifest_valid() && (known || !seen.manifest.variants.is_empty()) {
            self.document.manifest = Some(Manifest {
                generation_timestamp: Some(self.context.now),
                files: seen.files.clone(),
                inventory: seen.inventory,
                ..seen.manifest.clone()
            });
        }
    }

    /// What was good before and is not any more.
    fn regressions(&self) -> Vec<String> {
        let constraints = self.document.constraints.iter().filter(|one| one.regressed);
        let constraints = constraints.map(|one| format!("{} held before", one.id));
        let files = self
            .context
            .examination
            .as_deref()
            .into_iter()
            .flat_map(|seen| file_regressions(self.document.manifest.as_ref(), seen));
        constraints.chain(files).collect()
    }

    /// Records a repair. The next try belongs to the same iteration, and there is only one.
    pub(super) fn record_recovery(&mut self) {
        let seen = self.context.examination.as_deref();
        let repair = Repair {
            missing_files: seen.map(|seen| seen.missing.clone()).unwrap_or_default(),
            manifest_violations: seen.map(|seen| seen.violations.clone()).unwrap_or_default(),
            failures: failures(self.event.result.as_ref()),
        };
        let phase = self.document.phase.clone();
        self.sections.push(readable_logs::of_recovery(&self.document, &repair, self.context.now));
        self.happened(LifecycleKind::OnRecovery, Some(json!(repair)));
        self.document.repair = Some(repair);
        self.document.recoveries.push(phase);
        let target = self.target;
        let completed = &mut self.document.phases_completed;
        if let Some(at) = completed.iter().position(|phase| phase == target) {
            completed.truncate(at);
        }
    }
}

/// What of the files was there before and is not any more.
fn file_regressions(before: Option<&Manifest>, seen: &Examination) -> Vec<String> {
    let Some(before) = before else {
        return Vec::new();
    };
    let mut regressions: Vec<String> = Vec::new();
    for path in before.files.keys() {
        if seen.empty.contains(path) {
            regressions.push(format!("{path} is empty now"));
        } else if seen.missing.contains(path) {
            regressions.push(format!("{path} is gone from dist/"));
        }
    }
    let (old, new) = (before.paths().count(), seen.manifest.paths().count());
    if new < old {
        regressions.push(format!("the manifest names {new} files, and named {old} before"));
    }
    regressions
}

/// Names the constraints of a severity that do not hold, in a sentence.
fn open(constraints: &[Constraint], severity: Severity) -> Option<String> {
    let ids: Vec<&str> = violated(constraints, severity).map(|one| one.id.as_str()).collect();
    let constraints = match ids.len() {
        0 => return None,
        1 => "constraint does",
        _ => "constraints do",
    };
    let listed = shortened(&ids.join(", "), LISTED_CHARACTERS_MAX);
    Some(format!("{} {severity} {constraints} not hold: {listed}", ids.len()))
}
