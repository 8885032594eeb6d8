//! JSON Schemas: the ones of this project, and checking values against them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::model::guess;
use crate::model::refusal::{Refusal, Violation};
use crate::model::text::{named, shortened};

/// A schema of this project, by its file's name under `schemas/`.
#[derive(Debug)]
pub struct Schema {
    /// The file's name.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    validator: LazyLock<Validator>,
    fields: LazyLock<BTreeSet<String>>,
}

macro_rules! schema {
    ($file:literal) => {
        Schema {
            file: $file,
            text: include_str!(concat!("../../schemas/", $file)),
            validator: LazyLock::new(|| compile(include_str!(concat!("../../schemas/", $file)))),
            fields: LazyLock::new(|| fields(include_str!(concat!("../../schemas/", $file)))),
        }
    };
}

/// What the work consists of.
pub static ARTIFACT_MANIFEST: Schema = schema!("artifact-manifest.schema.json");
/// The user's own configuration: `config.json`.
pub static CONFIGURATION: Schema = schema!("configuration.schema.json");
/// Constraints: the list, or `constraints.json`.
pub static CONSTRAINTS: Schema = schema!("constraints.schema.json");
/// A content type with what belongs to it.
pub static CONTENT_TYPE: Schema = schema!("content-type.schema.json");
/// Documents: `state.json`.
pub static DOCUMENT: Schema = schema!("document.schema.json");
/// What the phase execute produces.
pub static EXECUTION_RESULTS: Schema = schema!("execution-results.schema.json");
/// What a trigger is told.
pub static HOOK_EVENT: Schema = schema!("hook-event.schema.json");
/// What the phase persist produces.
pub static PERSISTENCE: Schema = schema!("persistence.schema.json");
/// What the phase plan produces.
pub static PLAN: Schema = schema!("plan.schema.json");
/// Where entries are stored: `provider.json`.
pub static PROVIDER: Schema = schema!("provider.schema.json");
/// What the phase reflect produces.
pub static REFLECTION: Schema = schema!("reflection.schema.json");
/// What the phase specify produces.
pub static SPECIFICATION: Schema = schema!("specification.schema.json");
/// What answers a lifecycle event.
pub static TRIGGER: Schema = schema!("trigger.schema.json");
/// Workflows: `workflow.json`.
pub static WORKFLOW: Schema = schema!("workflow.schema.json");

/// All schemas of this project, in the order of their files' names.
pub static ALL: [&Schema; 14] = [
    &ARTIFACT_MANIFEST,
    &CONFIGURATION,
    &CONSTRAINTS,
    &CONTENT_TYPE,
    &DOCUMENT,
    &EXECUTION_RESULTS,
    &HOOK_EVENT,
    &PERSISTENCE,
    &PLAN,
    &PROVIDER,
    &REFLECTION,
    &SPECIFICATION,
    &TRIGGER,
    &WORKFLOW,
];

/// Returns a schema by its file's name, with or without its ending.
pub fn find(name: &str) -> Option<&'static Schema> {
    let stem = name.strip_suffix(ENDING).unwrap_or(name);
    ALL.into_iter().find(|schema| schema.file.strip_suffix(ENDING) == Some(stem))
}

/// Returns whether the result of a phase has a field of this name.
pub fn is_result_field(field: &str) -> bool {
    let results = [&SPECIFICATION, &PLAN, &EXECUTION_RESULTS, &REFLECTION, &PERSISTENCE];
    results.into_iter().any(|schema| schema.fields().contains(field))
}

/// How the files of schemas end.
const ENDING: &str = ".schema.json";

/// Refuses the result of a phase that is not as its schema asks. Places are those of the argument
/// `result` of `transition`.
pub fn validate_result(name: &str, result: &Value) -> Result<(), Refusal> {
    let schema = find(name).ok_or_else(|| {
        let known: Vec<_> = ALL.iter().map(|schema| schema.file).collect();
        Refusal::argument(
            format!("the workflow names a result_schema that does not exist: {name}"),
            format!("use one of: {}", known.join(", ")),
        )
    })?;
    let mut violations = schema.violations(result);
    for violation in &mut violations {
        violation.pointer.insert_str(0, "/result");
    }
    Refusal::unless_valid(format!("the result ({})", schema.file), violations)
}

fn compile(text: &str) -> Validator {
    let schema = serde_json::from_str(text).expect("a schema of this project is JSON");
    validator(&schema)
}

fn fields(text: &str) -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(text).expect("a schema of this project is JSON");
    let properties = schema["properties"].as_object();
    properties.into_iter().flatten().map(|(field, _)| field.clone()).collect()
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
    /// Returns whether it is the schema of a name, with or without its ending.
    pub fn is(&self, name: &str) -> bool {
        find(name).is_some_and(|found| std::ptr::eq(found, self))
    }

    /// Returns the fields that it describes.
    pub fn fields(&self) -> &BTreeSet<String> {
        &self.fields
    }

    /// Returns every place of a value that is not as the schema asks.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        violations(&self.validator, value)
    }
}

/// Returns every place of a value that is not as a schema asks, at most 20.
pub fn violations(validator: &Validator, value: &Value) -> Vec<Violation> {
    const LISTED_MAX: usize = 20;
    const CHARACTERS_MAX: usize = 300;
    let listed = validator.iter_errors(value).take(LISTED_MAX);
    listed
        .map(|error| Violation {
            pointer: error.instance_path().to_string(),
            message: shortened(&message(&error), CHARACTERS_MAX),
        })
        .collect()
}

/// Says what is wrong. Of a word that is not allowed, it names every one that is.
fn message(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Enum { options } => {
            let allowed = options.as_array().map_or(&[][..], Vec::as_slice);
            let words = || allowed.iter().filter_map(Value::as_str);
            let listed: Vec<String> = allowed.iter().map(as_word).collect();
            let (given, guess) = match error.instance().as_str() {
                Some(given) => (format!("{:?}", named(given)), guess::question(given, words())),
                None => ("it".to_owned(), String::new()),
            };
            format!("{given} is not one of {}{guess}", listed.join(", "))
        }
        _ => error.masked().to_string(),
    }
}

fn as_word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod examples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_compiles_and_every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let listed: Vec<_> = ALL.iter().map(|schema| schema.file.to_owned()).collect();
        assert_eq!(files, listed);
        for schema in ALL {
            LazyLock::force(&schema.validator);
            assert!(std::ptr::eq(find(schema.file).unwrap(), schema));
        }
        assert!(std::ptr::eq(find("plan").unwrap(), &PLAN));
        assert!(find("nothing").is_none());
    }
}
