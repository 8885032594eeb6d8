//! The JSON Schemas of tools, in a form that every host accepts.
//!
//! Some hosts refuse `$ref`, `$schema`, `oneOf`, lists of types or `additionalProperties: false`
//! (gemini-cli #6632, opencode #14234), and validators warn about unknown formats. So schemas are
//! flat and plain, and the server checks the rest.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value};

/// Returns the schema of a type, without references.
pub(super) fn plain_schema<T: JsonSchema>() -> Arc<JsonObject> {
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
