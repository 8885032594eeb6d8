//! Components: the parts of a `meta:composite`, each evaluated by its own content type.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::constraint::Status;
use crate::model::document::taxonomy;
use crate::model::refusal::{Refusal, Violation};
use crate::model::{limits, schema};

/// A part of a composite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name, unique in the artifact.
    pub name: String,
    /// Its content type, such as `direct:svg`.
    pub content_type: String,
    /// Its weight when components disagree; 1 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Its purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the last reflection found of it; the server's field. Absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// The details of that finding; the server's field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<String>,
}

/// The fields of a component that only the server sets.
pub const OWNED_BY_SERVER: [&str; 2] = ["details", "status"];

impl Component {
    /// Returns it without what a cycle found about it.
    #[must_use]
    pub fn unassessed(&self) -> Self {
        Self { status: None, details: None, ..self.clone() }
    }

    /// Returns whether the last reflection found that it holds.
    pub fn holds(&self) -> bool {
        self.status == Some(Status::Satisfied)
    }
}

/// Parses the caller's components, or returns all violations.
pub fn parse(list: &[Map<String, Value>], pointer: &str) -> Result<Vec<Component>, Refusal> {
    if list.len() > limits::COMPONENTS_MAX {
        return Err(Refusal::TooLarge {
            what: "the list of components".into(),
            actual: list.len(),
            limit: limits::COMPONENTS_MAX,
            unit: "components",
        });
    }
    let mut violations = schema::CONTENT_TYPE.violations(&json!({
        "content_type": taxonomy::COMPOSITE,
        "components": list,
    }));
    for violation in &mut violations {
        violation.pointer = violation.pointer.replacen("/components", pointer, 1);
    }
    let parsed: Vec<Component> = if violations.is_empty() {
        serde_json::from_value(json!(list)).map_err(|error| broken(pointer, &error))?
    } else {
        Vec::new()
    };
    violations.extend(repeated(&parsed, pointer));
    if violations.is_empty() {
        Ok(parsed)
    } else {
        Err(Refusal::SchemaViolation { what: "components".into(), violations })
    }
}

/// Refuses a composite without components, and components of another content type.
pub fn check(content_type: Option<&str>, components: &[Component]) -> Result<(), Refusal> {
    let composite = content_type == Some(taxonomy::COMPOSITE);
    match (composite, components.is_empty()) {
        (true, true) => Err(Refusal::argument(
            "content_type meta:composite needs components",
            r#"pass components: [{"name": "hero", "content_type": "meta:image-prompt"}, …]"#,
        )),
        (false, false) => Err(Refusal::argument(
            "components belong to content_type meta:composite",
            "leave components out, or content_type",
        )),
        _ => Ok(()),
    }
}

fn broken(pointer: &str, error: &serde_json::Error) -> Refusal {
    let violation = Violation { pointer: pointer.into(), message: error.to_string() };
    Refusal::SchemaViolation { what: "components".into(), violations: vec![violation] }
}

/// Returns a violation for each repeated name.
fn repeated(components: &[Component], pointer: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, one) in components.iter().enumerate() {
        if components[..index].iter().any(|earlier| earlier.name == one.name) {
            violations.push(Violation {
                pointer: format!("{pointer}/{index}/name"),
                message: format!("the name {:?} is used twice", one.name),
            });
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(list: Value) -> Vec<String> {
        let Value::Array(list) = list else { panic!("no list") };
        let list: Vec<_> = list.into_iter().map(|one| one.as_object().unwrap().clone()).collect();
        match parse(&list, "/components") {
            Ok(_) => Vec::new(),
            Err(Refusal::SchemaViolation { violations, .. }) => {
                violations.into_iter().map(|violation| violation.pointer).collect()
            }
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn components_that_can_be_evaluated_are_taken() {
        let list = json!([
            {"name": "hero", "content_type": "meta:image-prompt", "weight": 2},
            {"name": "icon", "content_type": "direct:svg", "description": "for the tab"},
        ]);
        assert_eq!(places(list), Vec::<String>::new());
    }

    #[test]
    fn a_component_names_the_place_that_is_wrong() {
        assert_eq!(places(json!([])), ["/components"]);
        let list = json!([
            {"name": "a", "content_type": "meta:composite"},
            {"name": "b", "content_type": "direct:poem"},
            {"name": "", "content_type": "direct:svg"},
            {"name": "c", "content_type": "direct:svg", "weight": -1},
        ]);
        assert_eq!(
            places(list),
            [
                "/components/0/content_type",
                "/components/1/content_type",
                "/components/2/name",
                "/components/3/weight",
            ]
        );
        let list = json!([
            {"name": "a", "content_type": "direct:svg"},
            {"name": "a", "content_type": "direct:svg"},
        ]);
        assert_eq!(places(list), ["/components/1/name"]);
    }
}
