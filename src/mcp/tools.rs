//! The tools: the operations of the service, as hosts see them.

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use jsonschema::Validator;
use rmcp::model::{JsonObject, Tool as Definition, ToolAnnotations};
use serde_json::Value;

use super::schema::{SCHEMAS, Schemas};
use super::{arguments, icon};
use crate::model::{Refusal, schema};
use crate::service::{Caller, Effect, Operation, Service, Visitor, visit};

/// A tool with erased types, ready to call.
pub(super) struct Registered {
    pub(super) definition: Definition,
    pub(super) effect: Effect,
    validator: LazyLock<Validator, Box<dyn FnOnce() -> Validator + Send>>,
    call: Call,
}

type Call = Box<dyn Fn(Service, Value, Caller) -> Answer + Send + Sync>;
/// The future of an answer, which is JSON.
type Answer = Pin<Box<dyn Future<Output = Result<String, Refusal>> + Send>>;

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Registered").field(&self.definition.name).finish()
    }
}

/// All tools, in list order.
pub(super) static TOOLS: LazyLock<Vec<Registered>> = LazyLock::new(registry);

/// The number of tools that every workflow needs: the first ones of [`registry`].
const CORE: usize = 9;

/// The further tools of a refinement loop.
const REFINING: [&str; 3] = ["verify", "write_output", "read_output"];

/// The named sets of tools.
const PRESETS: [&str; 3] = ["all", "core", "pmpo"];

/// The tools of one server, in the order of `registry`.
#[derive(Clone, Debug)]
pub struct ToolSet(Vec<&'static Registered>);

impl ToolSet {
    /// Creates a set of tools that live as long as the program.
    pub(super) fn of(tools: &'static [Registered]) -> Self {
        Self(tools.iter().collect())
    }

    /// Returns the definitions for hosts.
    pub(crate) fn definitions(&self) -> Vec<Definition> {
        self.0.iter().map(|tool| tool.definition.clone()).collect()
    }

    /// Returns a tool by name. A tool outside the set counts as unknown.
    pub(super) fn find(&self, name: &str) -> Option<&'static Registered> {
        self.0.iter().copied().find(|tool| tool.definition.name == name)
    }
}

impl Default for ToolSet {
    fn default() -> Self {
        Self::of(&TOOLS)
    }
}

impl std::str::FromStr for ToolSet {
    type Err = String;

    /// Parses a comma-separated list of named sets and tools.
    fn from_str(set: &str) -> Result<Self, String> {
        let mut chosen = vec![false; TOOLS.len()];
        for word in set.split(',').map(str::trim) {
            let is_meant = |index: usize, name: &str| match word {
                "all" => true,
                "core" => index < CORE,
                "pmpo" => index < CORE || REFINING.contains(&name),
                one => name == one,
            };
            let mut known = false;
            for (index, tool) in TOOLS.iter().enumerate() {
                let meant = is_meant(index, &tool.definition.name);
                chosen[index] |= meant;
                known |= meant;
            }
            if !known {
                return Err(unknown(word));
            }
        }
        let tools = TOOLS.iter().zip(chosen).filter(|(_, chosen)| *chosen);
        Ok(Self(tools.map(|(tool, _)| tool).collect()))
    }
}

fn unknown(word: &str) -> String {
    let names: Vec<&str> = TOOLS.iter().map(|tool| tool.definition.name.as_ref()).collect();
    format!(
        "unknown tool or set {word:?}; sets: {}; tools: {}",
        PRESETS.join(", "),
        names.join(", ")
    )
}

/// Creates all tools.
pub(super) fn registry() -> Vec<Registered> {
    let mut registry = Registry(Vec::new());
    visit(&mut registry);
    registry.0
}

struct Registry(Vec<Registered>);

impl Visitor for Registry {
    fn operation<O: Operation + 'static>(&mut self) {
        let schemas = SCHEMAS.get(O::NAME);
        self.0.push(registered::<O>(schemas.expect("a test writes the schemas of every tool")));
    }
}

/// Erases the types of a tool.
pub(super) fn registered<O: Operation + 'static>(schemas: &Schemas) -> Registered {
    let input = Arc::clone(&schemas.input);
    let definition = Definition::new(O::NAME, O::DESCRIPTION, Arc::clone(&input))
        .with_title(O::TITLE)
        .with_icons(icon::of_tool(O::EFFECT))
        .with_annotations(annotations(O::EFFECT))
        .with_raw_output_schema(Arc::clone(&schemas.output));
    let compile: Box<dyn FnOnce() -> Validator + Send> =
        Box::new(move || schema::validator(&Value::Object(JsonObject::clone(&input))));
    Registered {
        definition,
        effect: O::EFFECT,
        validator: LazyLock::new(compile),
        call: Box::new(|service, arguments, caller| {
            Box::pin(async move {
                let operation: O = serde_json::from_value(arguments).map_err(|error| {
                    Refusal::argument(error.to_string(), "see the tool's input schema")
                })?;
                let answer = service.run(operation, &caller).await?;
                serde_json::to_string(&answer).map_err(|error| Refusal::Internal(error.to_string()))
            })
        }),
    }
}

fn annotations(effect: Effect) -> ToolAnnotations {
    // A tool that only adds versions destroys nothing: a restore adds one too.
    ToolAnnotations::new()
        .read_only(effect == Effect::Reads)
        .destructive(effect == Effect::Destroys)
        .idempotent(matches!(effect, Effect::Reads | Effect::WritesOnce))
        .open_world(false)
}

impl Registered {
    /// Checks the arguments and runs the tool.
    pub(super) async fn call(
        &self,
        service: &Service,
        given: JsonObject,
        caller: Caller,
    ) -> Result<String, Refusal> {
        let arguments = arguments::checked(given, &self.definition.input_schema, &self.validator)?;
        (self.call)(service.clone(), Value::Object(arguments), caller).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    /// Returns a tool's definition as a model sees it.
    fn shown(tool: &Registered) -> Value {
        let definition = &tool.definition;
        json!({
            "name": definition.name,
            "title": definition.title,
            "description": definition.description,
            "inputSchema": definition.input_schema,
        })
    }

    #[test]
    fn every_operation_has_a_file_of_its_name() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/service/operations");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let files: BTreeSet<String> = files.filter(|file| file != "mod.rs").collect();
        let tools: BTreeSet<String> =
            TOOLS.iter().map(|tool| format!("{}.rs", tool.definition.name)).collect();
        assert_eq!(files, tools);
    }

    #[test]
    fn what_a_model_sees_of_the_tools_is_short() {
        let bytes: Vec<_> = TOOLS
            .iter()
            .map(|tool| (tool.definition.name.clone(), shown(tool).to_string().len()))
            .collect();
        let total = |tools: &[(_, usize)]| -> usize { tools.iter().map(|(_, bytes)| bytes).sum() };
        let (core, all) = (total(&bytes[..CORE]), total(&bytes));
        println!("tools/list as a model sees it: {core} bytes of core, {all} of all: {bytes:?}");
        assert!(core <= 6 << 10 && all <= 10 << 10, "{core} and {all} bytes: {bytes:?}");
    }

    fn names(set: &str) -> Vec<String> {
        let set: ToolSet = set.parse().unwrap();
        set.definitions().iter().map(|tool| tool.name.to_string()).collect()
    }

    #[test]
    fn a_set_of_tools_is_made_of_presets_and_names_in_the_order_of_the_registry() {
        assert_eq!(names("all").len(), TOOLS.len());
        assert_eq!(ToolSet::default().definitions().len(), TOOLS.len());
        let core = names("core");
        assert_eq!((core.len(), core[0].as_str()), (CORE, "init_state"));
        assert_eq!(names("pmpo")[CORE..], REFINING);
        assert_eq!(names("verify, load_state,verify"), ["load_state", "verify"]);
        assert_eq!(names("core,verify").len(), CORE + 1);
    }

    #[test]
    fn an_unknown_tool_is_refused_with_what_there_is() {
        for wrong in ["", "core,", "Core", "load_state;verify", "nothing"] {
            let said = wrong.parse::<ToolSet>().unwrap_err();
            assert!(said.contains("all, core, pmpo") && said.contains("load_state"), "{said}");
        }
    }

    #[test]
    fn input_schemas_are_flat_and_plain() {
        fn check(schema: &Value, place: &str) {
            let Value::Object(fields) = schema else { panic!("{place}: {schema} is no object") };
            for word in [
                "$ref",
                "$schema",
                "$defs",
                "oneOf",
                "anyOf",
                "allOf",
                "additionalProperties",
                "format",
                "default",
            ] {
                assert!(!fields.contains_key(word), "{place} has {word}");
            }
            assert!(fields["type"].is_string(), "{place}: {}", fields["type"]);
            for (name, property) in
                fields.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                check(property, &format!("{place}.{name}"));
            }
            if let Some(items) = fields.get("items") {
                check(items, &format!("{place}[]"));
            }
        }
        for tool in TOOLS.iter() {
            check(&json!(tool.definition.input_schema), &tool.definition.name);
        }
    }

    #[test]
    fn output_schemas_have_no_place_without_a_type() {
        fn check(schema: &Value, place: &str) {
            assert!(
                schema.is_object(),
                "{place} is {schema}, which older TypeScript clients refuse"
            );
            for (name, property) in
                schema.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                check(property, &format!("{place}.{name}"));
            }
            if let Some(items) = schema.get("items") {
                check(items, &format!("{place}[]"));
            }
        }
        for tool in TOOLS.iter() {
            let schema = json!(tool.definition.output_schema.as_ref().unwrap());
            check(&schema, &tool.definition.name);
            assert!(!schema.to_string().contains("$ref"), "{}", tool.definition.name);
        }
    }

    #[test]
    fn every_tool_says_when_to_use_it_and_what_it_may_do() {
        for tool in TOOLS.iter() {
            let annotations = tool.definition.annotations.as_ref().unwrap();
            assert_eq!(annotations.open_world_hint, Some(false));
            assert!(
                annotations.read_only_hint.is_some()
                    && annotations.destructive_hint.is_some()
                    && annotations.idempotent_hint.is_some()
            );
            let destroys = ["reset_artifact", "delete_artifact"];
            let destructive = destroys.contains(&tool.definition.name.as_ref());
            assert_eq!(annotations.destructive_hint, Some(destructive), "{tool:?}");
            assert!(tool.definition.title.is_some());
            LazyLock::force(&tool.validator);
        }
    }
}
