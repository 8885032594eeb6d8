//! Constraints: what must hold before a loop may end.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::document::pins::{self, Pinned};
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

/// Who sets a constraint, and in which cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetBy {
    /// Who sets it.
    pub by: Setter,
    /// The number of the cycle.
    pub cycle: u64,
}

/// Who sets constraints and goals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setter {
    /// A person: on the command line, or by agreeing to what they were shown.
    Person,
    /// The model, with a tool.
    Model,
}

/// What the status of a constraint rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The server measured it.
    Measured,
    /// The model says so.
    Asserted,
    /// The model says so, and a person approved what it says.
    Decided,
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
    /// Who set it. What a person set, and what an earlier cycle ended with, only a person loosens.
    /// Documents of earlier programs do not say, and then it counts as the model's of an earlier
    /// cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Setter>,
    /// The number of the cycle in which it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_in: Option<u64>,
    /// What its status rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// Whether it was measured as satisfied in this cycle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub proven: bool,
    /// Whether its method came after the specification. It still counts as asserted then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub measured_late: bool,
    /// Whether its check has to be seen violated before it counts as satisfied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_fail_first: bool,
    /// Whether its check was seen violated in this cycle.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed_first: bool,
    /// Globs of the files that its check relies on. A path of `dist/` begins with `dist/`, others are
    /// relative to the project.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protects: Vec<String>,
    /// Those files as they were when the specification ended, or a person accepted them.
    #[serde(default, skip_serializing_if = "Pinned::is_empty")]
    pub pinned: Pinned,
}

/// The fields of a constraint that only the server sets.
pub(super) const OWNED_BY_SERVER: [&str; 13] = [
    "asserted",
    "details",
    "failed_first",
    "grade",
    "last_checked",
    "measured_late",
    "pinned",
    "proven",
    "regressed",
    "set_by",
    "set_in",
    "status",
    "validated",
];

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
    if !constraint.protects.is_empty() {
        pins::check_globs(&constraint.protects)
            .map_err(|problem| format!("protects: {problem}"))?;
    }
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

    /// Records what a measurement found. A check that has to fail first proves nothing before.
    pub fn take_measurement(&mut self, status: Status, details: &str, now: Time) {
        self.failed_first |= status == Status::Violated;
        if status == Status::Satisfied && self.awaits_failure() {
            let details = format!("it was never seen to fail, as must_fail_first asks: {details}");
            self.assess(Status::Violated, Some(details), now);
        } else {
            self.assess(status, Some(details.to_owned()), now);
        }
        self.proven |= self.holds();
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
            self.set_by = older.set_by;
            self.set_in = older.set_in;
            self.grade = older.grade;
            self.proven = older.proven;
            self.measured_late = older.measured_late;
            self.failed_first = older.failed_first;
            self.pinned.clone_from(&older.pinned);
        }
        self
    }

    /// Returns it without what a cycle found about it.
    #[must_use]
    pub fn unassessed(&self) -> Self {
        let mut fresh = self.clone();
        (fresh.status, fresh.validated) = (Status::default(), false);
        (fresh.last_checked, fresh.details, fresh.grade) = (None, None, None);
        (fresh.asserted, fresh.regressed, fresh.proven) = (false, false, false);
        (fresh.measured_late, fresh.failed_first) = (false, false);
        fresh
    }

    /// Returns whether only a person loosens it while the cycle is specified.
    pub fn is_protected(&self, cycle: u64) -> bool {
        let is_of_model = self.set_by == Some(Setter::Model);
        !is_of_model || self.set_in.is_none_or(|set_in| set_in < cycle)
    }

    /// Returns whether its status is what the server measured of what the specification asked for.
    pub fn counts_as_measured(&self) -> bool {
        self.is_measured() && !self.measured_late
    }

    /// Returns whether its check has still to be seen violated.
    pub fn awaits_failure(&self) -> bool {
        self.must_fail_first && !self.failed_first && self.is_measured()
    }

    /// Returns whether both have the same definition.
    fn is_defined_like(&self, other: &Self) -> bool {
        self.is_measured_like(other)
            && (self.severity, &self.description, &self.kind)
                == (other.severity, &other.description, &other.kind)
            && (self.must_fail_first, &self.protects) == (other.must_fail_first, &other.protects)
    }
}

/// Returns newer definitions with the findings of the older ones of the same id, and with who set
/// them. A person who changes a constraint makes it theirs; a model who tightens one does not. What was
/// measured says nothing of a constraint that is not measured any more.
pub fn taken_over(older: &[Constraint], newer: Vec<Constraint>, setter: SetBy) -> Vec<Constraint> {
    let own =
        |one: Constraint| Constraint { set_by: Some(setter.by), set_in: Some(setter.cycle), ..one };
    let found = |one: Constraint, old: &Constraint| {
        let was_measured = old.is_measured() && !one.is_measured();
        let found = one.with_findings_of(Some(old));
        if was_measured { found.unassessed() } else { found }
    };
    let take = |one: Constraint| match older.iter().find(|old| old.id == one.id) {
        None => own(one),
        Some(old) if setter.by == Setter::Person && !one.is_defined_like(old) => {
            own(found(one, old))
        }
        Some(old) => found(one, old),
    };
    newer.into_iter().map(take).collect()
}

/// Marks the methods that came after the specification: what was only asserted then does not become
/// measured.
pub fn mark_late_measures(older: &[Constraint], newer: &mut [Constraint]) {
    for one in newer {
        let old = older.iter().find(|old| old.id == one.id);
        one.measured_late |= one.is_measured() && old.is_some_and(|old| !old.is_measured());
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
/// lowering its severity or changing what it says or how it is measured needs a person. Only what the
/// model set in the cycle given is mended where its check never held.
pub fn loosening<'a>(
    older: impl IntoIterator<Item = &'a Constraint>,
    newer: &[Constraint],
    cycle: u64,
) -> Vec<String> {
    let mut older: Vec<&Constraint> = older.into_iter().collect();
    older.sort_by_key(|old| std::cmp::Reverse(old.severity));
    let mut ways: Vec<String> =
        older.into_iter().flat_map(|old| ways_of_loosening(old, newer, cycle)).collect();
    let more = ways.len().saturating_sub(NAMED_MAX);
    ways.truncate(NAMED_MAX);
    if more > 0 {
        ways.push(format!("and {more} more"));
    }
    ways
}

fn ways_of_loosening(old: &Constraint, newer: &[Constraint], cycle: u64) -> Vec<String> {
    let id = &old.id;
    let Some(new) = newer.iter().find(|new| new.id == *id) else {
        let severity = old.severity;
        let wording = shortened(&old.description, WORDING_CHARACTERS_MAX);
        return vec![format!("dropping the constraint {id:?} ({severity}): {wording:?}")];
    };
    let mut ways = Vec::new();
    if new.severity < old.severity {
        let (from, to) = (old.severity, new.severity);
        ways.push(format!("lowering the severity of the constraint {id:?} from {from} to {to}"));
    }
    if is_measured_otherwise(old, new, cycle) {
        let (from, to) = (measure(old), measure(new));
        ways.push(format!("changing how the constraint {id:?} is measured from {from} to {to}"));
    }
    if old.must_fail_first && !new.must_fail_first {
        ways.push(format!("no longer asking that the constraint {id:?} fails first"));
    }
    if let Some(glob) = old.protects.iter().find(|glob| !new.protects.contains(glob)) {
        ways.push(format!("no longer protecting {glob} for the constraint {id:?}"));
    }
    // Without a method its description is the whole definition.
    if new.description != old.description {
        let [from, to] = [old, new].map(|one| shortened(&one.description, WORDING_CHARACTERS_MAX));
        ways.push(format!("rewording the constraint {id:?} from {from:?} to {to:?}"));
    }
    ways
}

/// Returns whether a validation was removed or replaced. Adding one tightens the constraint.
fn is_measured_otherwise(old: &Constraint, new: &Constraint, cycle: u64) -> bool {
    let replaced = |old: &Option<Map<String, Value>>, new: &Option<Map<String, Value>>| {
        old.is_some() && old != new
    };
    let mended = !old.proven && !old.is_protected(cycle) && is_mended(old, new);
    (replaced(&old.validation, &new.validation) && !mended)
        || replaced(&old.target_metric, &new.target_metric)
}

/// The params that say where a method looks, as text. A slip in them can be mended.
const PLACES: [&str; 3] = ["path", "schema", "section"];

/// Returns whether two validations differ only in where they look, or by a limit that is tighter.
fn is_mended(old: &Constraint, new: &Constraint) -> bool {
    let part = |one: &Constraint, field: &str| {
        one.validation.as_ref().and_then(|validation| validation.get(field)).cloned()
    };
    let params = |one: &Constraint| match part(one, "params") {
        Some(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let (before, after) = (params(old), params(new));
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let is_fine = |name: &&String| {
        let (before, after) = (before.get(*name), after.get(*name));
        // A schema in place of the path of one says less, and so does no section in place of one.
        let is_renamed =
            before.is_some_and(Value::is_string) && after.is_some_and(Value::is_string);
        before == after
            || (is_renamed && PLACES.contains(&name.as_str()))
            || is_tighter(name, before, after)
    };
    part(old, "method") == part(new, "method") && names.iter().all(is_fine)
}

/// Returns whether a limit asks for more than before.
fn is_tighter(name: &str, before: Option<&Value>, after: Option<&Value>) -> bool {
    let number = |value: Option<&Value>| value.and_then(Value::as_f64);
    let Some(after) = number(after) else { return false };
    match (name.starts_with("min"), name.starts_with("max"), number(before)) {
        (true, _, before) => before.is_none_or(|before| after >= before),
        (_, true, before) => before.is_none_or(|before| after <= before),
        _ => false,
    }
}

/// Returns how a constraint is measured, in words for a person.
pub fn measure(one: &Constraint) -> String {
    match (&one.validation, &one.target_metric) {
        (None, None) => "an assertion".to_owned(),
        (validation, target) => {
            let shown = [validation, target].into_iter().flatten();
            let shown: Vec<String> =
                shown.map(|part| Value::Object(part.clone()).to_string()).collect();
            shortened(&shown.join(" "), MEASURE_CHARACTERS_MAX)
        }
    }
}

/// Characters of a measure in a text.
const MEASURE_CHARACTERS_MAX: usize = 300;

/// Returns which goals a newer list no longer has. A goal that is reworded is one that is gone.
pub fn lost_goals(older: &[String], newer: &[String]) -> Vec<String> {
    let lost = older.iter().filter(|goal| !newer.contains(goal));
    let named =
        |goal: &String| format!("removing the goal {:?}", shortened(goal, WORDING_CHARACTERS_MAX));
    lost.map(named).collect()
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
        let ways = loosening(&parse_definitions(&list, "").unwrap(), &[], 1);
        assert_eq!(ways[0], "dropping the constraint \"weighty\" (blocking): \"d\"");
        assert_eq!(ways[NAMED_MAX], "and 81 more");
    }

    #[test]
    fn who_set_a_constraint_stays_unless_a_person_changes_it() {
        let parse = |list: &[Value]| parse_definitions(list, "").unwrap();
        let set = |by, cycle| SetBy { by, cycle };
        let first = taken_over(&[], parse(&[one("a", "low")]), set(Setter::Model, 1));
        assert_eq!((first[0].set_by, first[0].set_in), (Some(Setter::Model), Some(1)));
        assert!(!first[0].is_protected(1) && first[0].is_protected(2));
        let by = |by| taken_over(&first, parse(&[one("a", "high")]), set(by, 2))[0].clone();
        assert_eq!(by(Setter::Model).set_in, Some(1), "a tighter one is no new one");
        assert!(by(Setter::Person).is_protected(2));
        let same = taken_over(&first, parse(&[one("a", "low")]), set(Setter::Person, 2));
        assert_eq!(same[0].set_by, first[0].set_by);
        assert!(parse(&[one("a", "low")])[0].is_protected(1), "an earlier program did not say");
    }

    #[test]
    fn what_was_measured_says_nothing_once_it_is_asserted() {
        let set_by = SetBy { by: Setter::Person, cycle: 1 };
        let parse = |definition: Value| parse_definitions(&[definition], "").unwrap();
        let mut definition = one("a", "high");
        definition["validation"] = json!({"method": "not_empty", "params": {"path": "a"}});
        let mut measured = taken_over(&[], parse(definition.clone()), set_by);
        measured[0].take_measurement(Status::Satisfied, "there", Time::from_millis(0));
        definition["severity"] = json!("blocking");
        assert!(taken_over(&measured, parse(definition), set_by)[0].holds());
        assert!(!taken_over(&measured, parse(one("a", "high")), set_by)[0].holds());
    }

    #[test]
    fn a_slip_is_mended_until_the_check_held() {
        let measured = |params: Value| {
            let mut definition = one("a", "high");
            definition["validation"] = json!({"method": "word_count", "params": params});
            let set_by = SetBy { by: Setter::Model, cycle: 1 };
            taken_over(&[], parse_definitions(&[definition], "").unwrap(), set_by)
        };
        let mut old = measured(json!({"path": "reprot.md", "min": 100}));
        for (params, free) in [
            (json!({"path": "report.md", "min": 100}), true),
            (json!({"path": "report.md", "min": 200, "max": 300}), true),
            (json!({"path": "report.md", "min": 1}), false),
            (json!({"path": "report.md"}), false),
            (json!({"path": "report.md", "min": 100, "pattern": "."}), false),
        ] {
            let ways = loosening(&old, &measured(params.clone()), 1);
            assert_eq!(ways.is_empty(), free, "{params}: {ways:?}");
        }
        let mended = measured(json!({"path": "report.md", "min": 100}));
        assert_eq!(loosening(&old, &mended, 2).len(), 1, "an earlier cycle ended with it");
        old[0].proven = true;
        assert_eq!(loosening(&old, &mended, 1).len(), 1);
        old[0].proven = false;
        old[0].set_by = Some(Setter::Person);
        assert_eq!(loosening(&old, &mended, 1).len(), 1);
    }

    #[test]
    fn late_measures_are_marked_and_lost_goals_named() {
        let parse = |definition: Value| parse_definitions(&[definition], "").unwrap();
        let mut late = parse(json!({"id": "a", "description": "d", "severity": "low",
                                    "validation": {"method": "not_empty"}}));
        mark_late_measures(&[], &mut late);
        assert!(late[0].counts_as_measured(), "a new constraint may have a method");
        mark_late_measures(&parse(one("a", "low")), &mut late);
        assert!(!late[0].counts_as_measured());
        let goals = |list: &[&str]| list.iter().map(|goal| (*goal).to_owned()).collect::<Vec<_>>();
        let lost = lost_goals(&goals(&["a", "b"]), &goals(&["b", "c"]));
        assert_eq!(lost, ["removing the goal \"a\""]);
    }

    #[test]
    fn tightening_is_free_and_loosening_is_named() {
        let parse = |list: &[Value]| parse_definitions(list, "").unwrap();
        let old = parse(&[one("a", "high"), one("b", "low")]);
        assert_eq!(
            loosening(&old, &parse(&[one("a", "blocking"), one("b", "low"), one("c", "low")]), 1),
            Vec::<String>::new()
        );
        assert!(loosening(&old, &parse(&[one("a", "high")]), 1)[0].contains("\"b\""));
        let weaker = loosening(&old, &parse(&[one("a", "low")]), 1);
        assert!(weaker[0].contains("severity") && weaker[1].contains("dropping"), "{weaker:?}");
        let mut reworded = parse(&[one("a", "high"), one("b", "low")]);
        reworded[0].description = "anything".into();
        assert!(loosening(&old, &reworded, 1)[0].contains("rewording"));
    }
}
