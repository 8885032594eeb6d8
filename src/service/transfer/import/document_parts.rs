//! The parts of an older state: constraints, iterations, the manifest.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::notes::Notes;
use crate::model::document::constraint::{Constraint, Severity, Status};
use crate::model::document::iteration::{Choice, Counts, Iteration};
use crate::model::document::manifest::Manifest;
use crate::model::document::output_place::OutputPlace;
use crate::model::document::pins;
use crate::model::{Refusal, Time, limits};
use crate::service::measures::check_measures;

/// Characters of a constraint's id.
const ID_CHARACTERS_MAX: usize = 64;

/// Returns the constraints of `constraints.json`, and those that only the state has.
pub(super) fn constraints(
    state: Option<Value>,
    file: Option<Value>,
    notes: &mut Notes,
) -> Result<Vec<Constraint>, Refusal> {
    let mut found: Vec<Constraint> = Vec::new();
    for (place, list) in [("constraints.json", listed(file, notes)), ("state.json", state)] {
        let list = match list {
            Some(Value::Array(list)) => list,
            None => continue,
            Some(other) => {
                notes.keep_raw(place, "constraints", other, "the constraints are not a list");
                continue;
            }
        };
        let known: Vec<String> = found.iter().map(|one| one.id.clone()).collect();
        for (index, value) in list.into_iter().enumerate() {
            let place = format!("{place}/constraints/{index}");
            let Some(one) = constraint(&place, value, notes) else { continue };
            match found.iter().find(|other| other.id == one.id) {
                None => found.push(one),
                Some(other) if *other == one => {}
                Some(_) if known.contains(&one.id) => {
                    notes.say(
                        place,
                        "left out: constraints.json has its own text of this constraint",
                    );
                }
                Some(_) => notes.say(place, format!("left out: {:?} is used twice", one.id)),
            }
        }
    }
    if found.len() > limits::CONSTRAINTS_MAX {
        Err(Refusal::TooLarge {
            what: "the list of constraints".into(),
            actual: found.len(),
            limit: limits::CONSTRAINTS_MAX,
            unit: "constraints",
        })
    } else {
        Ok(found)
    }
}

/// Returns the list in `constraints.json`, and keeps its other fields.
fn listed(file: Option<Value>, notes: &mut Notes) -> Option<Value> {
    let Some(Value::Object(fields)) = file else { return file };
    let mut fields = Fields::new("constraints.json", fields);
    fields.forget(&["$schema", "artifact_name", "artifact_type", "digest", "seal"]);
    let list = fields.take("constraints");
    fields.keep_rest("constraints_file", notes);
    list
}

fn constraint(place: &str, value: Value, notes: &mut Notes) -> Option<Constraint> {
    let number = place.replace(['/', '.'], "_");
    let Value::Object(fields) = value else {
        notes.keep_raw(place, &number, value, "it is not a constraint");
        return None;
    };
    let mut given = Fields::new(place, fields);
    let fitting = |value: &Value| {
        let id =
            value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|id| id.to_string()));
        id.filter(|id| (1..=ID_CHARACTERS_MAX).contains(&id.chars().count()))
    };
    let (Some(id), Some(description)) =
        (given.take_if("id", fitting), given.take_any::<String>(&["description", "text"]))
    else {
        given.keep_rest(&number, notes);
        return None;
    };
    let severity = given.take_as::<Severity>("severity").unwrap_or_else(|| {
        notes.say(format!("{place}/severity"), "unknown severity: blocking is assumed");
        Severity::Blocking
    });
    let mut constraint = Constraint {
        id,
        description,
        severity,
        kind: given.take_as("type"),
        validation: None,
        target_metric: given.take_as("target_metric"),
        status: Status::Unchecked,
        validated: false,
        last_checked: None,
        details: None,
        asserted: false,
        regressed: false,
        set_by: None,
        set_in: None,
        grade: None,
        proven: false,
        measured_late: false,
        must_fail_first: given.take_as("must_fail_first").unwrap_or(false),
        failed_first: false,
        protects: given
            .take_as::<Vec<String>>("protects")
            .filter(|globs| pins::check_globs(globs).is_ok())
            .unwrap_or_default(),
        pinned: given.take_as("pinned").unwrap_or_default(),
    };
    measure(&mut constraint, &mut given, notes);
    assess(&mut constraint, &mut given);
    given.keep_rest(&format!("constraint_{}", constraint.id), notes);
    Some(constraint)
}

/// Imports the validation of a constraint, if its method is known.
fn measure(constraint: &mut Constraint, given: &mut Fields, notes: &mut Notes) {
    let Some(validation) = given.take_as::<Map<String, Value>>("validation") else { return };
    constraint.validation = Some(validation);
    if check_measures(&[], std::slice::from_ref(constraint)).is_err() {
        let place = given.place("validation");
        let validation = json!(constraint.validation.take());
        let field = format!("validation_{}", constraint.id);
        notes.keep_raw(
            &place,
            &field,
            validation,
            "unknown method: the server does not measure this constraint",
        );
    }
}

/// Imports the status of a constraint as asserted. A constraint with a method must be measured.
fn assess(constraint: &mut Constraint, given: &mut Fields) {
    let validated = given.take_as::<bool>("validated");
    let status = given.take_as::<Status>("status").or_else(|| {
        validated.map(|holds| if holds { Status::Satisfied } else { Status::Unchecked })
    });
    constraint.last_checked = given.take_as::<Time>("last_checked");
    constraint.details = given.take_as::<String>("details");
    given.forget(&["asserted", "regressed"]);
    constraint.status = status.unwrap_or_default();
    if constraint.is_measured() && constraint.status != Status::Unchecked {
        constraint.status = Status::Stale;
    }
    constraint.validated = constraint.holds();
    constraint.asserted = !matches!(constraint.status, Status::Unchecked | Status::Stale);
}

/// Returns the newest hundred readable iterations.
pub(super) fn iterations(value: Option<Value>, now: Time, notes: &mut Notes) -> Vec<Iteration> {
    let place = "state.json/iteration_history";
    let list = match value {
        Some(Value::Array(list)) => list,
        None => return Vec::new(),
        Some(other) => {
            notes.keep_raw(place, "iteration_history", other, "it is not a list");
            return Vec::new();
        }
    };
    let older = list.len().saturating_sub(limits::LISTED_MAX);
    if older > 0 {
        notes.say(place, format!("the oldest {older} are left out"));
    }
    let mut found = Vec::new();
    for (index, value) in list.into_iter().enumerate().skip(older) {
        let (place, field) = (format!("{place}/{index}"), format!("iteration_history_{index}"));
        match value {
            Value::Object(fields) => {
                found.extend(iteration(Fields::new(place, fields), &field, now, notes));
            }
            other => notes.keep_raw(&place, &field, other, "it is not an iteration"),
        }
    }
    found
}

fn iteration(mut given: Fields, field: &str, now: Time, notes: &mut Notes) -> Option<Iteration> {
    let Some(number) = given.take_as::<u32>("iteration") else {
        given.keep_rest(field, notes);
        return None;
    };
    let counts = given.take_as::<Counts>("constraints");
    let satisfied = given.take_as("constraints_satisfied").unwrap_or_default();
    let counts = counts.unwrap_or_else(|| Counts {
        total: given.take_as("constraints_total").unwrap_or(satisfied),
        satisfied,
        blocking_violated: given.take_as("blocking_violated").unwrap_or_default(),
        high_violated: given.take_as("high_violated").unwrap_or_default(),
    });
    given.forget(&["phases_completed"]);
    let iteration = Iteration {
        iteration: number,
        at: given.take_any(&["at", "timestamp"]).unwrap_or(now),
        constraints: counts,
        decision: given.take_any(&["decision", "convergence_decision"]).unwrap_or(Choice::Continue),
        reason: given
            .take_any(&["reason", "rationale", "note"])
            .unwrap_or_else(|| "imported: no reason was recorded".into()),
        regressions: given.take_as("regressions").unwrap_or_default(),
        version: None,
        outcome: None,
        revision: given.take_as("revision"),
    };
    given.keep_rest(field, notes);
    Some(iteration)
}

/// Returns the manifest, if it is valid.
pub(super) fn manifest(file: Option<Value>, notes: &mut Notes) -> Option<Manifest> {
    let place = "artifact_manifest.json";
    let original = file?;
    let Value::Object(fields) = original.clone() else {
        notes.keep_raw(place, "manifest", original, "it is not a manifest");
        return None;
    };
    let mut given = Fields::new(place, fields);
    given.forget(&["$schema", "digest", "files", "generated_at", "generation_timestamp", "seal"]);
    given.forget(&["inventory"]);
    let runs = given.take_if("preview", |preview| preview.get("runs")?.as_array().cloned());
    let wanted = json!({
        "artifact_type": given.take_as::<String>("artifact_type"),
        "variants": variants(given.take("variants"), notes),
        "sizes": given.take_as::<Map<String, Value>>("sizes").unwrap_or_default(),
        "previews": paths(given.take("previews").unwrap_or_else(|| json!([]))),
        "preview_runs": given.take_as::<Vec<Value>>("preview_runs").or(runs).unwrap_or_default(),
        "metadata": given.take_as::<Map<String, Value>>("metadata").unwrap_or_default(),
    });
    match Manifest::parse(&wanted, "", &OutputPlace::default()) {
        Ok(manifest) => {
            given.keep_rest("manifest_rest", notes);
            Some(manifest)
        }
        Err(violations) => {
            let why = violations.first().map(|one| format!("{}: {}", one.pointer, one.message));
            notes.keep_raw(place, "manifest", original, &why.unwrap_or_default());
            None
        }
    }
}

fn variants(value: Option<Value>, notes: &mut Notes) -> Value {
    let Some(Value::Array(list)) = value else { return value.unwrap_or_else(|| json!([])) };
    let variant = |(index, value): (usize, Value)| {
        let Value::Object(fields) = value else { return value };
        let mut given = Fields::new(format!("artifact_manifest.json/variants/{index}"), fields);
        let mut variant = Map::new();
        for field in ["name", "format", "description"] {
            variant.extend(given.take(field).map(|value| (field.to_owned(), value)));
        }
        for field in ["file", "files"] {
            variant.extend(given.take(field).map(|value| (field.to_owned(), paths(value))));
        }
        given.keep_rest(&format!("manifest_variant_{index}"), notes);
        Value::Object(variant)
    };
    list.into_iter().enumerate().map(variant).collect()
}

/// Returns paths relative to `dist/`; the skill wrote them relative to the project's folder.
fn paths(value: Value) -> Value {
    match value {
        Value::String(path) => {
            let below = path.rsplit_once("/dist/").map_or(path.as_str(), |(_, below)| below);
            json!(below.strip_prefix("./").unwrap_or(below))
        }
        Value::Array(list) => list.into_iter().map(paths).collect(),
        other => other,
    }
}
