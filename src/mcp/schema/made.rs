//! The schemas of tools as their types have them, held against `tools.json`.
//! `UPDATE_TOOLS=1` writes the file anew.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

use super::{SCHEMAS, Schemas};
use crate::service::{Operation, Visitor, visit};

impl Schemas {
    /// Makes the schemas of an operation.
    pub(in crate::mcp) fn of<O: Operation>() -> Self {
        Self { input: plain_schema::<O>(), output: plain_schema::<O::Answer>() }
    }
}

/// Returns the schema of a type, without references.
fn plain_schema<T: JsonSchema>() -> Arc<JsonObject> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    // The tool has a better description than its argument type.
    schema.as_object_mut().map(|fields| fields.remove("description"));
    match schema {
        Value::Object(fields) => Arc::new(fields),
        _ => Arc::default(),
    }
}

/// Removes keywords that some hosts refuse, and keywords without information.
fn simplify(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    for word in ["$schema", "title", "format", "default"] {
        fields.remove(word);
    }
    if fields.get("additionalProperties").is_some() {
        fields.remove("additionalProperties");
    }
    drop_null(fields);
    list_constants(fields);
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(simplify);
    }
    if let Some(items) = fields.get_mut("items") {
        simplify(items);
    }
    if fields.get("minimum") == Some(&Value::from(0))
        && fields.get("type") == Some(&Value::from("integer"))
    {
        fields.remove("minimum");
    }
}

/// Converts alternatives of constant texts to an enumeration.
fn list_constants(fields: &mut Map<String, Value>) {
    let alternatives = fields.get("oneOf").and_then(Value::as_array);
    let constants: Option<Vec<Value>> = alternatives.and_then(|alternatives| {
        alternatives.iter().map(|one| one.get("const").cloned()).collect()
    });
    if let Some(constants) = constants {
        fields.remove("oneOf");
        fields.insert("type".into(), "string".into());
        fields.insert("enum".into(), constants.into());
    }
}

/// Removes `null` from the types of an optional value, which callers omit.
fn drop_null(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = fields.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            fields.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let alternatives = fields.get_mut("anyOf").and_then(Value::as_array_mut).map(std::mem::take);
    if let Some(mut alternatives) = alternatives {
        fields.remove("anyOf");
        alternatives.retain(|one| one.get("type") != Some(&Value::from("null")));
        if let [Value::Object(only)] = alternatives.as_slice() {
            let only = only.clone();
            let described = std::mem::replace(fields, only);
            fields.extend(described);
        }
    }
}

#[derive(Default)]
struct Made(BTreeMap<&'static str, Schemas>);

impl Visitor for Made {
    fn operation<O: Operation + 'static>(&mut self) {
        self.0.insert(O::NAME, Schemas::of::<O>());
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of the project is written anew")]
fn the_file_has_the_schemas_of_every_tool() {
    let mut made = Made::default();
    visit(&mut made);
    if std::env::var_os("UPDATE_TOOLS").is_some() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mcp/schema/tools.json");
        // A line for each tool: spaces would be read at each start.
        let line =
            |(name, schemas)| format!("\"{name}\":{}", serde_json::to_string(schemas).unwrap());
        let lines: Vec<String> = made.0.iter().map(line).collect();
        fs::write(file, format!("{{\n{}\n}}\n", lines.join(",\n"))).unwrap();
    } else {
        let file = serde_json::to_value(&*SCHEMAS).unwrap();
        let made = serde_json::to_value(&made.0).unwrap();
        assert_eq!(file, made, "run this test with UPDATE_TOOLS=1, which writes tools.json");
    }
}
