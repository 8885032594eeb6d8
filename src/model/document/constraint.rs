//! Constraints: what must hold before a loop may end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::refusal::{Refusal, Violation};
use crate::model::text::shortened;
use crate::model::{Time, limits};

/// How much a violated constraint weighs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Severity {
    /// Would be nice.
    Low,
    /// Should hold.
    Medium,
    /// Must hold unless the iterations run out.
    High,
    /// Must hold; the loop cannot converge without it.
    Blocking,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Blocking => "blocking",
        })
    }
}

/// Whether a constraint holds, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not checked yet. Counts as violated.
    #[default]
    Unchecked,
    /// It holds.
    Satisfied,
    /// It does not hold.
    Violated,
    /// It holds in part. Counts as violated.
    PartiallySatisfied,
    /// It held, but the files have changed since the check. Counts as violated.
    Stale,
}

/// A condition on what the loop makes.
///
/// Its definition comes from the caller; `status`, `validated`, `last_checked` and `details` are
/// the server's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// The id, unique in the artifact.
    pub id: String,
    /// What must hold, in words.
    pub description: String,
    /// How much a violation weighs.
    pub severity: Severity,
    /// The kind of constraint, free to choose.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// How it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Map<String, Value>>,
    /// A metric, an operator and a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_metric: Option<Map<String, Value>>,
    /// Whether it holds.
    #[serde(default)]
    pub status: Status,
    /// True when it holds.
    #[serde(default)]
    pub validated: bool,
    /// The time of the last check.
    #[serde(default)]
    pub last_checked: Option<Time>,
    /// What was found.
    #[serde(default)]
    pub details: Option<String>,
    /// Whether its status is what the caller asserted, since nothing measures it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asserted: bool,
    /// Whether it held before and does not any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub regressed: bool,
}

/// The fields of a constraint that only the server sets.
pub(super) const OWNED_BY_SERVER: [&str; 6] =
    ["asserted", "details", "last_checked", "regressed", "status", "validated"];

/// Parses constraints as a caller gives them, or says where each one is wrong.
///
/// `pointer` is the place of the list in the caller's argument.
pub fn parse_definitions(list: &[Value], pointer: &str) -> Result<Vec<Constraint>, Refusal> {
    let mut violations = Vec::new();
    let mut parsed: Vec<Constraint> = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let place = format!("{pointer}/{index}");
        match parse_definition(value) {
            Ok(one) if parsed.iter().any(|other| other.id == one.id) => {
                violations.push(Violation {
                    pointer: format!("{place}/id"),
                    message: format!("the id {:?} is used twice", one.id),
                });
            }
            Ok(one) => parsed.push(one),
            Err(message) => violations.push(Violation { pointer: place, message }),
        }
    }
    if list.len() > limits::CONSTRAINTS_MAX {
        return Err(Refusal::TooLarge {
            what: "the list of constraints".into(),
            actual: list.len(),
            limit: limits::CONSTRAINTS_MAX,
            unit: "constraints",
        });
    }
    if violations.is_empty() {
        Ok(parsed)
    } else {
        Err(Refusal::SchemaViolation { what: "constraints".into(), violations })
    }
}

fn parse_definition(value: &Value) -> Result<Constraint, String> {
    if let Some(field) = OWNED_BY_SERVER.iter().find(|field| value.get(**field).is_some()) {
        return Err(format!("{field} is set by the server: leave it out"));
    }
    let constraint: Constraint =
        serde_json::from_value(value.clone()).map_err(|e| e.to_string())?;
    let id_characters = constraint.id.chars().count();
    match id_characters {
        1..=64 => Ok(constraint),
        _ => Err("id must have 1 to 64 characters".into()),
    }
}

impl Constraint {
    /// Returns whether it holds. A partial, unchecked or stale status counts as violated.
    pub fn holds(&self) -> bool {
        self.status == Status::Satisfied
    }

    /// Returns whether both constraints have the same validation.
    pub fn is_measured_like(&self, other: &Self) -> bool {
        (&self.validation, &self.target_metric) == (&other.validation, &other.target_metric)
    }

    /// Returns whether the server measures it. A measured status cannot be asserted.
    pub fn is_measured(&self) -> bool {
        self.validation.is_some()
    }

    /// Records what an assessment found.
    pub fn assess(&mut self, status: Status, details: Option<String>, now: Time) {
        let holds = status == Status::Satisfied;
        self.regressed = !holds && (self.regressed || self.holds());
        self.status = status;
        self.validated = holds;
        self.last_checked = Some(now);
        self.details = details;
    }

    /// Returns this definition with the server's fields of an older one with the same id.
    #[must_use]
    pub fn with_findings_of(mut self, older: Option<&Self>) -> Self {
        if let Some(older) = older {
            self.status = older.status;
            self.validated = older.validated;
            self.last_checked = older.last_checked;
            self.details.clone_from(&older.details);
            self.asserted = older.asserted;
            self.regressed = older.regressed;
        }
        self
    }
}

/// Ways of loosening that a text lists. It counts the rest.
const NAMED_MAX: usize = 20;

/// Characters of a new wording in a text.
const WORDING_CHARACTERS_MAX: usize = 120;

/// Returns the constraints of a severity that do not hold.
pub fn violated(
    constraints: &[Constraint],
    severity: Severity,
) -> impl Iterator<Item = &Constraint> {
    constraints.iter().filter(move |one| one.severity == severity && !one.holds())
}

/// Returns in which ways a new list of definitions loosens an older one, the weightiest constraints
/// first. None when it only adds or tightens: after the specification, dropping a constraint,
/// lowering its severity or changing what it says or how it is measured needs a person.
pub fn loosening(older: &[Constraint], newer: &[Constraint]) -> Vec<String> {
    let mut older: Vec<&Constraint> = older.iter().collect();
    older.sort_by_key(|old| std::cmp::Reverse(old.severity));
    let mut ways: Vec<String> =
        older.into_iter().flat_map(|old| ways_of_loosening(old, newer)).collect();
    let more = ways.len().saturating_sub(NAMED_MAX);
    ways.truncate(NAMED_MAX);
    if more > 0 {
        ways.push(format!("and {more} more"));
    }
    ways
}

fn ways_of_loosening(old: &Constraint, newer: &[Constraint]) -> Vec<String> {
    let id = &old.id;
    let Some(new) = newer.iter().find(|new| new.id == *id) else {
        return vec![format!("dropping the constraint {id:?}")];
    };
    let mut ways = Vec::new();
    if new.severity < old.severity {
        ways.push(format!("lowering the severity of the constraint {id:?}"));
    }
    if is_measured_otherwise(old, new) {
        ways.push(format!("changing how the constraint {id:?} is measured"));
    }
    // Without a method its description is the whole definition.
    if new.description != old.description {
        let wording = shortened(&new.description, WORDING_CHARACTERS_MAX);
        ways.push(format!("rewording the constraint {id:?} to {wording:?}"));
    }
    ways
}

/// Returns whether a validation was removed or replaced. Adding one tightens the constraint.
fn is_measured_otherwise(old: &Constraint, new: &Constraint) -> bool {
    let replaced = |old: &Option<Map<String, Value>>, new: &Option<Map<String, Value>>| {
        old.is_some() && old != new
    };
    replaced(&old.validation, &new.validation) || replaced(&old.target_metric, &new.target_metric)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(id: &str, severity: &str) -> Value {
        json!({"id": id, "description": "d", "severity": severity})
    }

    #[test]
    fn a_definition_names_the_place_that_is_wrong() {
        let list = [
            one("a", "blocking"),
            one("a", "low"),
            json!({"id": "b", "severity": "low"}),
            json!({"id": "c", "description": "d", "severity": "urgent"}),
            json!({"id": "d", "description": "d", "severity": "low", "status": "satisfied"}),
            json!({"id": "", "description": "d", "severity": "low"}),
            json!("e"),
        ];
        let Err(Refusal::SchemaViolation { violations, .. }) =
            parse_definitions(&list, "/constraints")
        else {
            panic!("accepted");
        };
        let places: Vec<_> = violations.iter().map(|v| v.pointer.as_str()).collect();
        let expected = [1, 2, 3, 4, 5, 6].map(|i| match i {
            1 => "/constraints/1/id".to_owned(),
            i => format!("/constraints/{i}"),
        });
        assert_eq!(places, expected);
    }

    #[test]
    fn the_weightiest_loosening_is_named_however_many_lighter_ones_there_are() {
        let mut list: Vec<Value> = (0..100).map(|i| one(&format!("c{i}"), "low")).collect();
        list.push(one("weighty", "blocking"));
        let ways = loosening(&parse_definitions(&list, "").unwrap(), &[]);
        assert_eq!(ways[0], "dropping the constraint \"weighty\"");
        assert_eq!(ways[NAMED_MAX], "and 81 more");
    }

    #[test]
    fn tightening_is_free_and_loosening_is_named() {
        let parse = |list: &[Value]| parse_definitions(list, "").unwrap();
        let old = parse(&[one("a", "high"), one("b", "low")]);
        assert_eq!(
            loosening(&old, &parse(&[one("a", "blocking"), one("b", "low"), one("c", "low")])),
            Vec::<String>::new()
        );
        assert!(loosening(&old, &parse(&[one("a", "high")]))[0].contains("\"b\""));
        let weaker = loosening(&old, &parse(&[one("a", "low")]));
        assert!(weaker[0].contains("severity") && weaker[1].contains("dropping"), "{weaker:?}");
        let mut reworded = parse(&[one("a", "high"), one("b", "low")]);
        reworded[0].description = "anything".into();
        assert!(loosening(&old, &reworded)[0].contains("rewording"));
    }
}
