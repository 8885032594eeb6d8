//! Converts a tool's arguments to the types of its schema, and validates them.

use jsonschema::Validator;
use rmcp::model::JsonObject;
use serde_json::{Map, Value};

use crate::model::document::WRITABLE;
use crate::model::refusal::Violation;
use crate::model::schema::{self, violations};
use crate::model::text::{NAMED_CHARACTERS_MAX, shortened};
use crate::model::{Name, Refusal, guess};

/// Validates arguments against a tool's published schema, and returns them in the schema's types.
///
/// Models sometimes send an object or a number as text, or `null` for an omitted argument
/// (claude-code #20732). The meaning is clear, so these forms are accepted.
pub(super) fn checked(
    given: JsonObject,
    schema: &JsonObject,
    validator: &Validator,
) -> Result<Map<String, Value>, Refusal> {
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let mut arguments = Map::new();
    for (name, value) in given {
        let Some(property) = properties.get(&name) else { return Err(unknown(&name, properties)) };
        if !value.is_null() {
            arguments.insert(name, as_meant(value, property));
        }
    }
    if let Some(Value::String(name)) =
        arguments.get("name").filter(|_| properties.contains_key("name"))
    {
        Name::parse(name)?;
    }
    let arguments = Value::Object(arguments);
    let mut wrong = violations(validator, &arguments);
    wrong.extend(no_counts(&arguments, properties));
    match (wrong.is_empty(), arguments) {
        (true, Value::Object(arguments)) => Ok(arguments),
        _ => Err(Refusal::argument(
            wrong
                .iter()
                .map(|one| format!("{}: {}", at(&one.pointer), one.message))
                .collect::<Vec<_>>()
                .join("; "),
            usage(properties, schema),
        )),
    }
}

/// Finds numbers that are negative or have a fraction. Schemas leave out `minimum: 0`, because
/// every model would pay for it in tokens.
fn no_counts(arguments: &Value, properties: &Map<String, Value>) -> Vec<Violation> {
    let is_integer = |schema: &Value| schema["type"] == "integer";
    let mut wrong = Vec::new();
    for (name, value) in arguments.as_object().into_iter().flatten() {
        let Some(property) = properties.get(name) else { continue };
        let counts = match value {
            Value::Array(items) if is_integer(&property["items"]) => items.as_slice(),
            one if is_integer(property) => std::slice::from_ref(one),
            _ => &[],
        };
        wrong.extend(counts.iter().filter(|count| count.is_number() && !count.is_u64()).map(
            |count| Violation {
                pointer: format!("/{name}"),
                message: format!("{count} is not a whole number from 0"),
            },
        ));
    }
    wrong
}

fn at(pointer: &str) -> &str {
    pointer.strip_prefix('/').filter(|place| !place.is_empty()).unwrap_or("arguments")
}

fn unknown(name: &str, properties: &Map<String, Value>) -> Refusal {
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    let guess = guess::question(name, known.iter().copied());
    let hint = place_of(name, properties)
        .unwrap_or_else(|| format!("the arguments are: {}", known.join(", ")));
    let name = shortened(name, NAMED_CHARACTERS_MAX);
    Refusal::argument(format!("unknown argument {name:?}{guess}"), hint)
}

/// Says where an argument belongs that is one level too high.
fn place_of(name: &str, properties: &Map<String, Value>) -> Option<String> {
    let has = |property: &str| properties.contains_key(property);
    if has("result") && schema::is_result_field(name) {
        Some(format!("it belongs in result: {{\"result\": {{\"{name}\": …}}}}"))
    } else if has("patch") && WRITABLE.contains(&name) {
        Some(format!("it belongs in patch: {{\"patch\": {{\"{name}\": …}}}}"))
    } else {
        None
    }
}

fn usage(properties: &Map<String, Value>, schema: &JsonObject) -> String {
    let required = schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let describe = |(name, property): (&String, &Value)| {
        let kind = property.get("type").and_then(Value::as_str).unwrap_or("value");
        let needed = if required.iter().any(|one| one == name) { ", required" } else { "" };
        format!("{name} ({kind}{needed})")
    };
    format!("the arguments are: {}", properties.iter().map(describe).collect::<Vec<_>>().join(", "))
}

/// Returns a value in the type that its schema names, if its text has that type.
fn as_meant(value: Value, property: &Value) -> Value {
    let wanted = property.get("type").and_then(Value::as_str).unwrap_or_default();
    match (&value, wanted) {
        (Value::String(text), "object" | "array" | "integer" | "number" | "boolean") => {
            serde_json::from_str(text).ok().filter(|read| is_a(read, wanted)).unwrap_or(value)
        }
        (Value::Number(number), "string") => Value::String(number.to_string()),
        _ => value,
    }
}

fn is_a(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::schema::validator;

    fn check(given: Value) -> Result<Value, Refusal> {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$"},
                "patch": {"type": "object"},
                "limit": {"type": "integer", "minimum": 1},
                "diff": {"type": "array", "items": {"type": "integer"}},
                "at": {"type": "string"},
                "dry_run": {"type": "boolean"},
                "goals": {"type": "array", "items": {"type": "string"}}
            }
        });
        let Value::Object(given) = given else { panic!("not an object") };
        checked(given, schema.as_object().unwrap(), &validator(&schema)).map(Value::Object)
    }

    #[test]
    fn what_is_meant_is_taken_though_it_comes_as_text_or_null() {
        let checked = check(json!({
            "name": "a", "patch": "{\"data\":{\"x\":1}}", "limit": "5", "at": 12, "dry_run": "true", "goals": "[\"g\"]"
        }));
        let expected = json!({"name": "a", "patch": {"data": {"x": 1}}, "limit": 5, "at": "12", "dry_run": true, "goals": ["g"]});
        assert_eq!(checked, Ok(expected));
        assert_eq!(check(json!({"name": "a", "patch": null})), Ok(json!({"name": "a"})));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        for (given, code, named) in [
            (json!({}), "invalid_argument", "name"),
            (json!({"name": 7.5}), "invalid_argument", "name"),
            (json!({"name": "a", "limit": 0}), "invalid_argument", "limit"),
            (json!({"name": "a", "limit": 7.0}), "invalid_argument", "limit"),
            (json!({"name": "a", "diff": [1, -1]}), "invalid_argument", "diff"),
            (json!({"name": "a", "patch": "not an object"}), "invalid_argument", "patch"),
            (json!({"name": "a", "patch": [1]}), "invalid_argument", "patch"),
            (json!({"name": "a", "goals": [1]}), "invalid_argument", "goals/0"),
            (json!({"name": "a", "pach": {}}), "invalid_argument", "pach"),
            (json!({"name": "../x"}), "invalid_name", "../x"),
        ] {
            let refusal = check(given.clone()).expect_err(&given.to_string());
            assert_eq!(refusal.code(), code, "{given}: {refusal}");
            assert!(refusal.to_string().contains(named), "{given}: {refusal}");
        }
        assert!(check(json!({"name": "a", "pach": {}})).unwrap_err().hint().contains("patch"));
    }
}
