//! A JSON file matches a schema.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::{Built, Found, Kind, Measure, Method, PATH, Param, Params, Reading, Stop, Work};
use crate::checks::finding::listed;
use crate::checks::pattern::PathPattern;
use crate::checks::schema_cost::Parts;
use crate::checks::search;
use crate::model::schema::violations;
use crate::model::text::named;

pub(super) static METHOD: Method = Method {
    name: "json_schema",
    description: "the JSON file satisfies a JSON Schema",
    params: &[
        PATH,
        Param::required(
            "schema",
            Kind::Schema,
            "the schema, or the path of a file in dist/ that is one",
        ),
    ],
    metrics: &["faults"],
    build,
};

/// Bytes of a file that is validated.
const BYTES_MAX: u64 = 4 << 20;
/// Bytes of a schema.
const SCHEMA_BYTES_MAX: u64 = 256 << 10;
/// Bytes of a file of which every fault is listed. Of a larger one it is the first.
const LISTED_BYTES_MAX: usize = 256 << 10;

fn build(params: &Params<'_>) -> Built {
    let files = params.path("path")?;
    let schema = match params.value("schema") {
        Some(Value::String(_)) => Schema::InFile(params.path("schema")?),
        given => Schema::Given(Box::new(
            Compiled::of(given.unwrap_or(&Value::Null))
                .map_err(|why| params.wrong("schema", format!("the schema {why}")))?,
        )),
    };
    Ok(Box::new(JsonSchema { files, schema }))
}

#[derive(Debug)]
struct JsonSchema {
    files: PathPattern,
    schema: Schema,
}

#[derive(Debug)]
enum Schema {
    Given(Box<Compiled>),
    InFile(PathPattern),
}

#[derive(Debug)]
struct Compiled {
    validator: Validator,
    parts: Parts,
}

impl Compiled {
    fn of(schema: &Value) -> Result<Self, String> {
        if asks_for_nothing(schema) {
            return Err("accepts every JSON value: say what it has to be".to_owned());
        }
        let parts = Parts::of(schema)?;
        let patterns = PatternOptions::regex().size_limit(search::COMPILED_BYTES_MAX);
        let validator = jsonschema::options()
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|error| format!("is not a JSON Schema: {}", named(&error.to_string())))?;
        Ok(Self { validator, parts })
    }
}

/// Returns whether a schema has nothing but words about itself, so that each value satisfies it.
fn asks_for_nothing(schema: &Value) -> bool {
    const ABOUT_ITSELF: [&str; 14] = [
        "$schema",
        "$id",
        "id",
        "$anchor",
        "$comment",
        "$defs",
        "definitions",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
    ];
    match schema {
        Value::Object(keywords) => {
            keywords.keys().all(|keyword| ABOUT_ITSELF.contains(&keyword.as_str()))
        }
        other => *other == Value::Bool(true),
    }
}

impl Measure for JsonSchema {
    fn measure(&self, work: &mut Work<'_>) -> Result<Vec<Reading>, Stop> {
        let loaded;
        let schema = match &self.schema {
            Schema::Given(given) => given.as_ref(),
            Schema::InFile(path) => {
                loaded = load(path.as_str(), work)?;
                &loaded
            }
        };
        let mut paths = work.matching(&self.files)?;
        paths.retain(|path| !self.is_schema(path));
        if paths.is_empty() {
            let meant = self.files.as_str();
            return Err(Stop::Violated(format!("there is no file {meant} but the schema")));
        }
        let read = |path: String| Reading {
            found: validate(&path, schema, work),
            path: self.files.is_glob().then_some(path),
        };
        Ok(paths.into_iter().map(read).collect())
    }
}

impl JsonSchema {
    /// Returns whether a file is the schema, which a glob for the others may name too.
    fn is_schema(&self, path: &str) -> bool {
        match &self.schema {
            Schema::Given(_) => false,
            Schema::InFile(schema) => schema.as_str() == path,
        }
    }
}

fn load(path: &str, work: &mut Work<'_>) -> Result<Compiled, Stop> {
    let text = work.text(path, SCHEMA_BYTES_MAX)?;
    let schema = parse(&text).map_err(|why| Stop::Violated(format!("{path} {why}")))?;
    Compiled::of(&schema).map_err(|why| Stop::Unmeasured(format!("the schema {path} {why}")))
}

fn parse(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("is not JSON: {error}"))
}

fn validate(path: &str, schema: &Compiled, work: &mut Work<'_>) -> Result<Found, Stop> {
    let text = work.text(path, BYTES_MAX)?;
    let value = parse(&text).map_err(Stop::Violated)?;
    let (parts, depth) = measure(&value);
    if !schema.parts.can_validate(parts, depth) {
        return Err(Stop::Unmeasured(format!(
            "has {parts} parts and nests {depth} deep, too much for a schema that refers to itself"
        )));
    }
    let faults = faults(schema, &value, text.len() <= LISTED_BYTES_MAX);
    let found = if faults.is_empty() {
        Found::satisfied("matches the schema")
    } else {
        Found::violated(listed(&faults, "; "))
    };
    Ok(found.with("faults", faults.len()))
}

fn faults(schema: &Compiled, value: &Value, all: bool) -> Vec<String> {
    if all {
        let violations = violations(&schema.validator, value);
        return violations.iter().map(|one| shown(&one.pointer, &one.message)).collect();
    }
    let first = schema.validator.validate(value).err();
    let place = |error: &jsonschema::ValidationError<'_>| error.instance_path().to_string();
    first.iter().map(|error| shown(&place(error), &error.masked().to_string())).collect()
}

fn shown(pointer: &str, message: &str) -> String {
    let place = if pointer.is_empty() { "the whole" } else { pointer };
    format!("{}: {}", named(place), message)
}

/// Returns how many parts a value has, and how deep it nests. serde_json reads no more than 128
/// levels, so that this may recurse.
fn measure(value: &Value) -> (u64, usize) {
    let inner: Vec<(u64, usize)> = match value {
        Value::Array(items) => items.iter().map(measure).collect(),
        Value::Object(fields) => fields.values().map(measure).collect(),
        _ => return (1, 0),
    };
    inner.into_iter().fold((1, 1), |(parts, depth), one| (parts + one.0, depth.max(one.1 + 1)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::testing::{Dist, check_one, refused, table};

    #[test]
    fn every_place_that_is_wrong_is_named() {
        let schema = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}});
        let dist = Dist::of(&[
            ("good.json", "{\"name\": \"ü\"}\r\n"),
            ("bad.json", "{\"name\": 1}"),
            ("none.json", "{}"),
            ("broken.json", "{"),
            ("empty.json", ""),
            ("s.schema", &schema.to_string()),
        ]);
        for schema in [schema, json!("s.schema")] {
            let with = |path: &str| json!({"path": path, "schema": schema});
            table(
                &dist,
                "json_schema",
                &[
                    (with("good.json"), "+ matches the schema"),
                    (with("bad.json"), "- /name: value is not of type \"string\""),
                    (with("none.json"), "- the whole: \"name\" is a required property"),
                    (
                        with("broken.json"),
                        "- is not JSON: EOF while parsing an object at line 1 column 1",
                    ),
                    (
                        with("empty.json"),
                        "- is not JSON: EOF while parsing a value at line 1 column 0",
                    ),
                    (with("gone.json"), "- there is no file gone.json in dist/"),
                ],
            );
        }
        table(
            &dist,
            "json_schema",
            &[
                (
                    json!({"path": "good.json", "schema": "gone"}),
                    "- there is no file gone in dist/",
                ),
                (
                    json!({"path": "good.json", "schema": "broken.json"}),
                    "- broken.json is not JSON: EOF while parsing an object at line 1 column 1",
                ),
            ],
        );
    }

    #[test]
    fn a_schema_that_cannot_be_used_is_refused_when_it_is_written() {
        for bad in [
            json!({"type": "nothing"}),
            json!({}),
            json!({"title": "a", "$defs": {"a": {"type": "string"}}}),
            json!({"$ref": "#"}),
            json!({"$ref": "https://example.com/schema.json"}),
            json!({"$schema": "https://example.com/unknown"}),
            json!({"pattern": "(?=a)"}),
            json!({"pattern": "(a{1000}){1000}"}),
            json!([]),
            json!(""),
            json!("../x"),
        ] {
            let refused = refused("json_schema", &json!({"path": "a", "schema": bad}));
            assert_eq!(refused, ["schema"], "{bad}");
        }
    }

    #[test]
    fn hostile_documents_and_schemas_are_an_answer() {
        let tree = json!({"items": {"$ref": "#"}});
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let check = |schema: &Value, text: &str| {
            check_one("json_schema", json!({"path": "f", "schema": schema}), text.as_bytes())
        };
        assert_eq!(check(&tree, &deep), "+ matches the schema");
        let twice = json!({"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}});
        assert!(check(&twice, &deep).starts_with("? has 100 parts and nests 100 deep"));
        let too_deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(check(&tree, &too_deep).starts_with("- is not JSON: recursion limit exceeded"));
        let many = format!("[{}1]", "1,".repeat(1 << 20));
        let found = check(&json!({"items": {"type": "string"}}), &many);
        assert_eq!(found, "- /0: value is not of type \"string\"");
    }

    /// Goal: the longest chain of references that is let through compiles and validates.
    #[test]
    fn a_long_chain_of_references_fits_on_the_stack() {
        let mut definitions = serde_json::Map::new();
        for i in 0..499 {
            let next = json!({"$ref": format!("#/$defs/{}", i + 1)});
            definitions.insert(i.to_string(), next);
        }
        definitions.insert("499".to_owned(), json!({"type": "string"}));
        let chain = json!({"$ref": "#/$defs/0", "$defs": definitions});
        let found = check_one("json_schema", json!({"path": "f", "schema": chain}), b"1");
        assert_eq!(found, "- the whole: value is not of type \"string\"");
    }
}
