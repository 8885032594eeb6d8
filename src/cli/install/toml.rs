//! TOML.

use serde_json::{Map, Value, json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, value};

use super::document::{Document, Problem};
use super::entry::{Entry, Field, NAME, OURS};
use super::hosts::Format;

/// A TOML text with its comments and order.
#[derive(Debug)]
pub(super) struct Toml {
    document: DocumentMut,
    /// Whether lines end with CR LF, which the parser does not keep.
    carriage_returns: bool,
}

impl Document for Toml {
    fn parse(text: &str, _format: Format) -> Result<Self, Problem> {
        let document: DocumentMut = text.parse().map_err(|error| malformed(text, &error))?;
        let first_line = text.split_inclusive('\n').next().unwrap_or_default();
        Ok(Self { document, carriage_returns: first_line.ends_with("\r\n") })
    }

    fn value(&self) -> Value {
        of_table(self.document.as_table())
    }

    fn has(&self, section: &[&str]) -> Result<bool, Problem> {
        let mut table: &dyn TableLike = self.document.as_table();
        for key in section {
            match table.get(key) {
                Some(item) => table = item.as_table_like().ok_or_else(|| no_table(key))?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn put(&mut self, section: &[&str], entry: &Entry) -> Result<(), Problem> {
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for key in section {
            table = made(table, key, true).ok_or_else(|| no_table(key))?;
        }
        if table.get(NAME).is_some_and(|item| !item.is_table_like()) {
            table.remove(NAME);
        }
        let table = made(table, NAME, false).ok_or_else(|| no_table(NAME))?;
        for key in OURS.iter().filter(|key| entry.iter().all(|(one, _)| one != *key)) {
            table.remove(key);
        }
        for (key, field) in entry {
            table.insert(key, item(field));
        }
        Ok(())
    }

    fn remove(&mut self, section: &[&str]) -> Result<(), Problem> {
        let mut table: &mut dyn TableLike = self.document.as_table_mut();
        for key in section {
            let inner = table.get_mut(key).and_then(Item::as_table_like_mut);
            table = inner.ok_or_else(|| no_table(key))?;
        }
        table.remove(NAME);
        Ok(())
    }

    fn text(&self) -> String {
        let text = self.document.to_string();
        if self.carriage_returns { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
    }
}

/// Returns the table of that name, and creates it if it is missing. An implicit table has no header
/// of its own.
fn made<'a>(
    table: &'a mut dyn TableLike,
    key: &str,
    implicit: bool,
) -> Option<&'a mut dyn TableLike> {
    if !table.contains_key(key) {
        let mut inner = Table::new();
        inner.set_implicit(implicit);
        table.insert(key, Item::Table(inner));
    }
    table.get_mut(key)?.as_table_like_mut()
}

fn malformed(text: &str, error: &toml_edit::TomlError) -> Problem {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Problem::Malformed {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        what: error.message().trim_end().replace('\n', ", "),
    }
}

fn no_table(key: &str) -> Problem {
    Problem::NoTable(key.to_owned())
}

fn item(field: &Field) -> Item {
    match field {
        Field::Text(text) => value(text),
        Field::List(list) => value(list.iter().collect::<Array>()),
        Field::Table(key, text) => value(InlineTable::from_iter([(*key, text)])),
    }
}

fn of_table(table: &dyn TableLike) -> Value {
    let fields = table.iter().map(|(key, item)| (key.to_owned(), of_item(item)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Numbers and times stay as written, because they are only compared.
fn of_item(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return of_table(table);
    }
    match item {
        Item::Value(toml_edit::Value::Array(array)) => {
            array.iter().map(|value| of_item(&Item::Value(value.clone()))).collect()
        }
        Item::ArrayOfTables(tables) => tables.iter().map(|table| of_table(table)).collect(),
        Item::Value(toml_edit::Value::String(text)) => json!(text.value()),
        other => json!({ "written": other.to_string().trim() }),
    }
}
