//! The floor: what the server asks for at every end with the status `converged`. No definition of a
//! workflow weakens it, and loops of earlier programs have it too. Without it, a loop that was left
//! empty could end as if work had been done.

use serde_json::{Map, Value};

use super::kind;
use super::lack::{listed, part};
use crate::model::document::Document;
use crate::model::document::constraint::{Severity, Status, violated};
use crate::model::document::examination::Examination;
use crate::model::document::modified::{Modified, files_modified};
use crate::model::invisible::is_blank;
use crate::model::refusal::Unmet;
use crate::model::workflow::approval_binding::is_void;
use crate::model::workflow::facts::Facts;
use crate::model::workflow::{Candidate, Workflow};

/// Returns what a candidate lacks: the parts of its guard, or, where its guard holds, those of the
/// floor. Only an end with the status `converged` has a floor.
pub(super) fn unmet(workflow: &Workflow, facts: &Facts<'_>, candidate: &Candidate) -> Vec<Unmet> {
    let value = |name: &str| workflow.value(name, facts);
    let unmet = workflow.guard(candidate).map_or_else(Vec::new, |guard| guard.unmet(&value));
    if unmet.is_empty() { unmet_of_floor(workflow, facts, candidate) } else { unmet }
}

/// Returns whether a candidate lacks nothing, without the sentences that say what.
pub(super) fn holds(workflow: &Workflow, facts: &Facts<'_>, candidate: &Candidate) -> bool {
    let value = |name: &str| workflow.value(name, facts);
    workflow.guard(candidate).is_none_or(|guard| guard.holds(&value))
        && unmet_of_floor(workflow, facts, candidate).is_empty()
}

fn unmet_of_floor(workflow: &Workflow, facts: &Facts<'_>, candidate: &Candidate) -> Vec<Unmet> {
    if !workflow.converges_in(&candidate.target) {
        return Vec::new();
    }
    let specified = lacks_of_specification(facts.document);
    let specified =
        specified.into_iter().map(|says| part("a goal and a blocking constraint", says));
    let files = facts.seen.map_or_else(Vec::new, |seen| files(facts, seen));
    specified.chain(findings(facts)).chain(files).chain(kind::unmet(facts)).collect()
}

/// A goal and a blocking constraint, as `save_state` takes them.
pub(super) const EXAMPLE: &str = r#"save_state {"patch": {"goals": [those before, "a report that a new reader understands"], "constraints": [those before, {"id": "main-file", "description": "report.md is there", "severity": "blocking", "validation": {"method": "not_empty", "params": {"path": "report.md"}}}]}}"#;

/// Returns what a loop cannot converge without, in sentences.
pub(super) fn lacks_of_specification(document: &Document) -> Vec<&'static str> {
    let has_goal = document.goals.iter().any(|goal| !is_blank(goal));
    let has_blocking = document.constraints.iter().any(|one| one.severity == Severity::Blocking);
    let goal = (!has_goal).then_some("there is no goal: add one with save_state");
    let blocking =
        (!has_blocking).then_some("there is no blocking constraint: add one with save_state");
    goal.into_iter().chain(blocking).collect()
}

fn findings(facts: &Facts<'_>) -> Vec<Unmet> {
    let constraints = &facts.document.constraints;
    let open = listed(violated(constraints, Severity::Blocking).map(|one| one.id.as_str()));
    let unreflected =
        constraints.iter().filter(|one| !one.is_measured() && one.status == Status::Unchecked);
    let unreflected = listed(unreflected.map(|one| one.id.as_str()));
    let required = facts.document.require_measured;
    let asserted = constraints
        .iter()
        .filter(|one| required.asks_for(one.severity) && !one.counts_as_measured());
    let asserted = listed(asserted.map(|one| one.id.as_str())).map(|ids| {
        part("a measurement, as require_measured asks", &format!("only asserted are: {ids}"))
    });
    let open = open.map(|ids| {
        part("every blocking constraint", &format!("blocking constraints do not hold: {ids}"))
    });
    let unreflected = unreflected.map(|ids| {
        part("a finding of each constraint", &format!("the reflection left out: {ids}"))
    });
    let void = is_void(facts.document).then(|| {
        part(
            "the approval of what is there",
            "goals or constraints are not those that a person approved",
        )
    });
    open.into_iter().chain(asserted).chain(unreflected).chain(void).collect()
}

fn files(facts: &Facts<'_>, seen: &Examination) -> Vec<Unmet> {
    let none = seen
        .has_no_file()
        .then(|| part("a file of the manifest", "no file of the manifest is there with content"));
    let said = said_modified(facts);
    let lost = said.iter().filter(|one| one.deleted == seen.present.contains(&one.path));
    let lost = listed(lost.map(|one| one.path.as_str()));
    let lost = lost.map(|paths| {
        let says = format!("files_modified does not say how the files are: {paths}");
        part("the files of files_modified", &says)
    });
    none.into_iter().chain(lost).collect()
}

/// Returns the files that this iteration says it changed. A later phase's word about a file counts.
pub(super) fn said_modified(facts: &Facts<'_>) -> Vec<Modified> {
    let executed = facts.document.results.at(&["execution_results"]);
    let executed = executed.as_ref().and_then(Value::as_object);
    let place = facts.document.output_place();
    let of = |result: Option<&Map<String, Value>>| {
        result.and_then(|result| files_modified(result, "", &place).ok()).unwrap_or_default()
    };
    let persisted = of(facts.result);
    let mut said = of(executed);
    said.retain(|one| !persisted.iter().any(|later| later.path == one.path));
    said.extend(persisted);
    said
}
