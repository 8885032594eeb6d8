//! Loosening: what only a person may take from goals and constraints.

use serde_json::json;

use super::Consent;
use crate::model::document::constraint::{self, Constraint, Severity};
use crate::model::journal::Snapshot;
use crate::model::{Document, Refusal};

/// Returns how a change loosens goals and constraints. While the cycle is specified, the model may
/// loosen what it set itself.
pub(super) fn of_change(before: &Document, after: &Document, is_specified: bool) -> Vec<String> {
    let is_kept = |one: &&Constraint| is_specified || one.is_protected(before.cycle);
    let kept = before.constraints.iter().filter(is_kept);
    let mut ways = constraint::loosening(kept, &after.constraints, before.cycle);
    if is_specified {
        ways.extend(constraint::lost_goals(&before.goals, &after.goals));
    }
    ways
}

/// Returns how a new cycle loosens what the last one ended with.
pub(super) fn of_new_cycle(before: &Document, after: &Document) -> Vec<String> {
    let mut ways = constraint::loosening(&before.constraints, &after.constraints, after.cycle);
    let (from, to) = (before.max_iterations, after.max_iterations);
    let keeps_high = || after.constraints.iter().any(|one| one.severity == Severity::High);
    // In the last iteration, high constraints may stay open.
    if to < from && keeps_high() {
        ways.push(format!("lowering max_iterations from {from} to {to}"));
    }
    if before.test_generation && !after.test_generation {
        ways.push("no longer asking for test outputs (test_generation)".to_owned());
    }
    if before.files != after.files {
        let (from, to) = (json!(before.files), json!(after.files));
        ways.push(format!("changing which files are the work from {from} to {to}"));
    }
    ways
}

/// Refuses to loosen anything without a person who agreed. `command` is what a person can run, with
/// `{}` for the name.
pub(super) fn check_agreed(
    before: &Snapshot,
    ways: &[String],
    consent: Option<&Consent>,
    command: &str,
) -> Result<(), Refusal> {
    match consent {
        _ if ways.is_empty() => Ok(()),
        Some(consent) => consent.binding.check(&before.document, before.version),
        None => Err(Refusal::ApprovalRequired {
            what: ways.join("; "),
            command: format!(
                "refiner {}",
                command.replace("{}", before.document.artifact_name.as_str())
            ),
        }),
    }
}
