//! JSON, with or without comments.

use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::errors::ParseError;
use jsonc_parser::{ParseOptions, parse_to_serde_value};
use serde_json::{Value, json};

use super::document::{Document, Problem};
use super::entry::{Entry, Field, NAME, OURS};
use super::hosts::Format;

/// A JSON text as a tree that includes white space and comments.
#[derive(Debug)]
pub(super) struct Json {
    root: CstRootNode,
    value: Value,
}

impl Document for Json {
    fn parse(text: &str, format: Format) -> Result<Self, Problem> {
        let options = options(format);
        let root = CstRootNode::parse(text, &options).map_err(|error| malformed(&error))?;
        let value: Option<Value> =
            parse_to_serde_value(text, &options).map_err(|error| malformed(&error))?;
        Ok(Self { root, value: value.unwrap_or_else(|| json!({})) })
    }

    fn value(&self) -> Value {
        self.value.clone()
    }

    fn has(&self, section: &[&str]) -> Result<bool, Problem> {
        let Some(root) = self.root.value() else { return Ok(false) };
        let mut object = root.as_object().ok_or_else(|| no_table("the whole file"))?;
        for key in section {
            match inner(&object, key)? {
                Some(inner) => object = inner,
                None => return Ok(false),
            }
        }
        once(&object, NAME).map(|()| true)
    }

    fn put(&mut self, section: &[&str], entry: &Entry) -> Result<(), Problem> {
        let object =
            self.root.object_value_or_create().ok_or_else(|| no_table("the whole file"))?;
        let section = section.iter().fold(object, |object, key| object.object_value_or_set(key));
        let object = section.object_value_or_set(NAME);
        for key in OURS {
            let field = entry.iter().find(|(one, _)| *one == key).map(|(_, field)| field);
            match (object.get(key), field) {
                (Some(present), Some(field)) => present.set_value(input(field)),
                (Some(present), None) => present.remove(),
                (None, _) => {}
            }
        }
        for (key, field) in entry {
            if object.get(key).is_none() {
                object.append(key, input(field));
            }
        }
        Ok(())
    }

    fn remove(&mut self, section: &[&str]) -> Result<(), Problem> {
        let mut object = self.root.object_value();
        for key in section {
            object = object.and_then(|object| object.object_value(key));
        }
        if let Some(entry) = object.and_then(|section| section.get(NAME)) {
            entry.remove();
        }
        Ok(())
    }

    fn text(&self) -> String {
        self.root.to_string()
    }
}

/// Returns the parser's extensions beyond RFC 8259. JSON5 stays off, because no host reads it.
fn options(format: Format) -> ParseOptions {
    let lenient = format == Format::JsonWithComments;
    ParseOptions {
        allow_comments: lenient,
        allow_trailing_commas: lenient,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn malformed(error: &ParseError) -> Problem {
    let what = error.kind().to_string();
    Problem::Malformed { line: error.line_display(), column: error.column_display(), what }
}

fn no_table(what: &str) -> Problem {
    Problem::NoTable(what.to_owned())
}

/// Returns the object of that name, if it exists.
fn inner(object: &CstObject, key: &str) -> Result<Option<CstObject>, Problem> {
    once(object, key)?;
    let property = object.get(key);
    property.map(|property| property.object_value().ok_or_else(|| no_table(key))).transpose()
}

fn once(object: &CstObject, key: &str) -> Result<(), Problem> {
    let names = object.properties().into_iter().filter_map(|property| property.decoded_name());
    if names.filter(|name| name == key).count() > 1 {
        Err(Problem::Twice(key.to_owned()))
    } else {
        Ok(())
    }
}

fn input(field: &Field) -> CstInputValue {
    let text = |text: &String| CstInputValue::String(text.clone());
    match field {
        Field::Text(value) => text(value),
        Field::List(list) => CstInputValue::Array(list.iter().map(text).collect()),
        Field::Table(key, value) => CstInputValue::Object(vec![((*key).to_owned(), text(value))]),
    }
}
