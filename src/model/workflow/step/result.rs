//! The result of a phase. The server mends a form that has one meaning, and refuses any other with the
//! right one, in the phase that made it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{COMPLETE, Event};
use crate::model::Refusal;
use crate::model::document::manifest::{self, Manifest};
use crate::model::document::modified::files_modified;
use crate::model::document::output_place::OutputPlace;
use crate::model::refusal::Violation;
use crate::model::schema::{self, Schema};
use crate::model::text::named;
use crate::model::workflow::{Phase, Workflow};

/// The argument of `transition`, which some callers repeat within it.
const ARGUMENT: &str = "result";
/// A field that the results of several phases have.
const SHARED: &str = "summary";

/// Returns an event that ends a phase with its result in the form of the phase.
pub fn shaped(
    workflow: &Workflow,
    name: &str,
    event: Event,
    place: &OutputPlace,
) -> Result<Event, Refusal> {
    match (workflow.phase(name), event.result) {
        (Some(phase), Some(result)) if event.name == COMPLETE => {
            let mut result = unwrapped(name, phase, result)?;
            check_place(workflow, name, phase, &result)?;
            check_plan(phase, &result)?;
            mend_manifest(&mut result, place)?;
            files_modified(&result, "/result", place).map_err(refused)?;
            Ok(Event { result: Some(result), ..event })
        }
        (_, result) => Ok(Event { result, ..event }),
    }
}

/// Takes a result out of an object that has it under its own name.
fn unwrapped(
    name: &str,
    phase: &Phase,
    mut result: Map<String, Value>,
) -> Result<Map<String, Value>, Refusal> {
    let own = fields_of(phase);
    let names = [phase.meta.result_at.as_deref(), Some(name), Some(ARGUMENT)];
    let is_wrapper =
        |field: &&str| !own.contains(*field) && result.get(*field).is_some_and(Value::is_object);
    let Some(wrapper) = names.into_iter().flatten().find(is_wrapper) else { return Ok(result) };
    if result.len() > 1 {
        return Err(wrong(
            &format!("/{wrapper}"),
            format!("its fields belong directly in result: {{\"result\": {{{}…}}}}", example(own)),
        ));
    }
    match result.remove(wrapper) {
        Some(Value::Object(inner)) => Ok(inner),
        _ => unreachable!("it is an object"),
    }
}

/// Refuses what is the result of another phase.
fn check_place(
    workflow: &Workflow,
    name: &str,
    phase: &Phase,
    result: &Map<String, Value>,
) -> Result<(), Refusal> {
    let own = fields_of(phase);
    if own.is_empty() || result.keys().any(|field| own.contains(field)) {
        return Ok(());
    }
    let others = workflow.definition.states.iter().filter(|(other, _)| *other != name);
    for (other, phase) in others {
        let fields = fields_of(phase);
        let is_named = |field: &&String| Some(field.as_str()) == phase.meta.result_at.as_deref();
        let is_its = |field: &&String| fields.contains(*field) && *field != SHARED;
        if let Some(field) = result.keys().find(|field| is_its(field) || is_named(field)) {
            let message = format!(
                "it belongs to the result of {other}; that of {name} has {}",
                own.iter().cloned().collect::<Vec<_>>().join(", ")
            );
            return Err(wrong(&format!("/{}", named(field)), message));
        }
    }
    Ok(())
}

/// Refuses a plan without steps, with an example.
fn check_plan(phase: &Phase, result: &Map<String, Value>) -> Result<(), Refusal> {
    let schema = phase.meta.result_schema.as_deref().and_then(schema::find);
    if !schema.is_some_and(|schema| schema.is("plan")) || result.contains_key("steps") {
        return Ok(());
    }
    Err(wrong("/steps", r#"it is needed, such as {"steps": ["write report.md"]}"#.to_owned()))
}

/// Mends what the manifest can mean only one way, and refuses one that is still wrong.
fn mend_manifest(result: &mut Map<String, Value>, place: &OutputPlace) -> Result<(), Refusal> {
    let Some(given) = result.remove(MANIFEST).filter(|given| !given.is_null()) else {
        return Ok(());
    };
    let mended = manifest::mended(given);
    Manifest::parse(&mended, "/result/manifest", place).map_err(refused)?;
    result.insert(MANIFEST.to_owned(), mended);
    Ok(())
}

const MANIFEST: &str = "manifest";

/// Returns the fields that the schema of a phase's result describes.
fn fields_of(phase: &Phase) -> &'static BTreeSet<String> {
    static NONE: BTreeSet<String> = BTreeSet::new();
    let schema = phase.meta.result_schema.as_deref().and_then(schema::find);
    schema.map_or(&NONE, Schema::fields)
}

fn example(fields: &BTreeSet<String>) -> String {
    fields.iter().map(|field| format!("\"{field}\": …, ")).take(2).collect()
}

fn wrong(pointer: &str, message: String) -> Refusal {
    refused(vec![Violation { pointer: format!("/result{pointer}"), message }])
}

fn refused(violations: Vec<Violation>) -> Refusal {
    Refusal::SchemaViolation { what: "the result".into(), violations }
}
