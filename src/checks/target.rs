//! A target: the required value of a measured number.

use serde_json::{Map, Value};

use crate::model::refusal::Violation;

/// The comparison of a measured number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<` or `less_than`
    Less,
    /// `<=` or `at_most`
    AtMost,
    /// `=`, `==` or `equals`
    Equal,
    /// `>=` or `at_least`
    AtLeast,
    /// `>` or `more_than`
    More,
    /// `!=` or `not_equals`
    NotEqual,
}

/// The operators and their spellings. Messages use the first.
const OPERATORS: [(Operator, &[&str]); 6] = [
    (Operator::Less, &["less than", "<", "less_than", "below"]),
    (Operator::AtMost, &["at most", "<=", "at_most", "max", "≤"]),
    (Operator::Equal, &["exactly", "=", "==", "equals", "equal"]),
    (Operator::AtLeast, &["at least", ">=", "at_least", "min", "≥"]),
    (Operator::More, &["more than", ">", "more_than", "greater_than", "above"]),
    (Operator::NotEqual, &["not", "!=", "not_equals", "not_equal", "≠"]),
];

/// A metric, an operator and a value: `{"metric": "words", "operator": "at_most", "value": 80}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The name of the number.
    pub metric: String,
    /// The comparison.
    pub operator: Operator,
    /// The required value.
    pub value: f64,
}

impl Target {
    /// Parses the target of a constraint, or returns the violations. `pointer` is the place of the
    /// constraint.
    ///
    /// Without a validation method the server measures nothing, and a target is only a statement.
    /// Its form is checked nevertheless.
    pub fn parse(given: &Map<String, Value>, pointer: &str) -> Result<Self, Vec<Violation>> {
        let mut wrong = Wrong { pointer: format!("{pointer}/target_metric"), found: Vec::new() };
        for name in given.keys().filter(|name| !["metric", "operator", "value"].contains(&&***name))
        {
            wrong.add(name, "is not known: a target has metric, operator and value");
        }
        let metric = given.get("metric").and_then(Value::as_str).filter(|name| !name.is_empty());
        let operator = given.get("operator").and_then(Value::as_str).and_then(Operator::parse);
        let value = given.get("value").and_then(Value::as_f64);
        if metric.is_none() {
            wrong.add("metric", "the name of what is measured, such as \"words\", is needed");
        }
        if operator.is_none() {
            wrong.add("operator", "one of <, <=, =, >=, >, != is needed, or at_most, at_least, …");
        }
        if value.is_none() {
            wrong.add("value", "a number is needed");
        }
        match (metric, operator, value) {
            (Some(metric), Some(operator), Some(value)) if wrong.found.is_empty() => {
                Ok(Self { metric: metric.to_owned(), operator, value })
            }
            _ => Err(wrong.found),
        }
    }

    /// Returns whether a number meets the target.
    pub fn holds(&self, number: f64) -> bool {
        match self.operator {
            Operator::Less => number < self.value,
            Operator::AtMost => number <= self.value,
            Operator::Equal => (number - self.value).abs() < f64::EPSILON,
            Operator::AtLeast => number >= self.value,
            Operator::More => number > self.value,
            Operator::NotEqual => (number - self.value).abs() >= f64::EPSILON,
        }
    }

    /// Returns the target in words.
    pub(super) fn in_words(&self) -> String {
        format!("{} {} {}", self.metric, self.operator.in_words(), self.value)
    }
}

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        let named = |(_, names): &&(Self, &[&str])| names.contains(&text);
        OPERATORS.iter().find(named).map(|(operator, _)| *operator)
    }

    fn in_words(self) -> &'static str {
        OPERATORS.iter().find(|(operator, _)| *operator == self).map_or("", |(_, names)| names[0])
    }
}

struct Wrong {
    pointer: String,
    found: Vec<Violation>,
}

impl Wrong {
    fn add(&mut self, field: &str, message: &str) {
        let pointer = super::params::below(&self.pointer, field);
        self.found.push(Violation { pointer, message: message.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(given: &Value) -> Result<Target, Vec<Violation>> {
        Target::parse(given.as_object().unwrap(), "/constraints/0")
    }

    #[test]
    fn every_operator_compares_as_it_reads() {
        for (operator, less, equal, more) in [
            ("<", true, false, false),
            ("at_most", true, true, false),
            ("<=", true, true, false),
            ("=", false, true, false),
            ("==", false, true, false),
            ("at_least", false, true, true),
            (">", false, false, true),
            ("!=", true, false, true),
        ] {
            let target = parse(&json!({"metric": "n", "operator": operator, "value": 2})).unwrap();
            let holds = [1.0, 2.0, 3.0].map(|number| target.holds(number));
            assert_eq!(holds, [less, equal, more], "{operator}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_target_is_named_by_its_place() {
        let wrong = parse(&json!({"metric": "", "operator": "~", "value": "80", "a/b": 1}));
        let places: Vec<String> = wrong.unwrap_err().into_iter().map(|one| one.pointer).collect();
        let expected = ["a~1b", "metric", "operator", "value"];
        assert_eq!(places, expected.map(|field| format!("/constraints/0/target_metric/{field}")));
    }
}
