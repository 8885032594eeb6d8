//! JSON Schemas: the ones of this project, and checking values against them.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::refusal::Violation;

/// A schema of this project, by its file's name under `schemas/`.
#[derive(Debug)]
pub struct Schema {
    /// The file's name.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    validator: LazyLock<Validator>,
}

macro_rules! schema {
    ($file:literal) => {
        Schema {
            file: $file,
            text: include_str!(concat!("../../schemas/", $file)),
            validator: LazyLock::new(|| compile(include_str!(concat!("../../schemas/", $file)))),
        }
    };
}

/// Workflows: `workflow.json`.
pub static WORKFLOW: Schema = schema!("workflow.schema.json");

/// All schemas of this project.
pub static ALL: [&Schema; 1] = [&WORKFLOW];

fn compile(text: &str) -> Validator {
    let schema = serde_json::from_str(text).expect("a schema of this project is JSON");
    validator(&schema)
}

/// Compiles a schema that is a part of this program.
///
/// # Panics
///
/// When it is no valid schema, which a test of its owner would have shown.
pub fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).expect("a schema of this program is valid")
}

impl Schema {
    /// Returns every place of a value that is not as the schema asks.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        violations(&self.validator, value)
    }
}

/// Returns every place of a value that is not as a schema asks, at most 20.
pub fn violations(validator: &Validator, value: &Value) -> Vec<Violation> {
    const LISTED_MAX: usize = 20;
    let listed = validator.iter_errors(value).take(LISTED_MAX);
    listed
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: shortened(&error.masked().to_string()),
        })
        .collect()
}

fn shortened(message: &str) -> String {
    const CHARACTERS_MAX: usize = 300;
    message.chars().take(CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_schema_compiles_and_every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut listed: Vec<_> = ALL.iter().map(|schema| schema.file.to_owned()).collect();
        listed.sort();
        assert_eq!(files, listed);
        for schema in ALL {
            LazyLock::force(&schema.validator);
        }
    }

    #[test]
    fn a_violation_names_its_place_and_what_was_expected() {
        let violations = WORKFLOW.violations(&json!({
            "id": "w", "version": 0, "title": "W", "initial": "a",
            "states": { "a": { "on": { "go": [{ "target": "b", "actions": ["fly"] }] } } }
        }));
        let places: Vec<_> = violations.iter().map(|v| v.pointer.as_str()).collect();
        assert!(places.contains(&"/version"), "{violations:?}");
        assert!(places.contains(&"/states/a/on/go/0/actions/0"), "{violations:?}");
    }
}
