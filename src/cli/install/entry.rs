//! Refiner's fields of an entry in a host's file.

use serde_json::{Map, Value, json};

use super::hosts::{CommandShape, Host, TokenShape, UrlShape};
use super::launch::Launch;

/// The name of the entry.
pub(super) const NAME: &str = "refiner";

/// Fields that say how a host reaches a server. All other fields, such as `env`, `timeout` and
/// `disabled`, belong to the user and stay unchanged.
pub(super) const OURS: [&str; 8] =
    ["type", "command", "args", "url", "httpUrl", "serverUrl", "headers", "bearer_token_env_var"];

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Text(String),
    List(Vec<String>),
    /// A table with one text.
    Table(&'static str, String),
}

/// The fields of an entry, in file order.
pub(super) type Entry = Vec<(&'static str, Field)>;

/// Returns the entry through which a host reaches the server, or `None` if its format has none.
pub(super) fn entry(host: &Host, launch: &Launch) -> Option<Entry> {
    match launch {
        Launch::Command { words } => Some(of_command(host.command, words)),
        Launch::Url { url, token_variable } => of_url(host.url?, url, token_variable.as_deref()),
    }
}

fn of_command(shape: CommandShape, words: &[String]) -> Entry {
    let (program, arguments) =
        words.split_first().map_or(("", words), |(program, rest)| (program.as_str(), rest));
    match shape {
        CommandShape::Joined { kind } => {
            vec![("type", text(kind)), ("command", Field::List(words.to_vec()))]
        }
        CommandShape::Split { kind } => {
            let mut entry: Entry = kind.map(|kind| ("type", text(kind))).into_iter().collect();
            entry.push(("command", text(program)));
            entry.push(("args", Field::List(arguments.to_vec())));
            entry
        }
    }
}

fn of_url(shape: UrlShape, url: &str, variable: Option<&str>) -> Option<Entry> {
    let mut entry: Entry = shape.kind.map(|kind| ("type", text(kind))).into_iter().collect();
    entry.push((shape.key, text(url)));
    match (variable, shape.token) {
        (None, _) => {}
        (Some(_), TokenShape::Unknown) => return None,
        (Some(variable), TokenShape::Field(key)) => entry.push((key, text(variable))),
        (Some(variable), TokenShape::Header(before, after)) => {
            let value = format!("{before}{variable}{after}");
            entry.push(("headers", Field::Table("Authorization", value)));
        }
    }
    Some(entry)
}

fn text(text: &str) -> Field {
    Field::Text(text.to_owned())
}

/// Returns an entry as JSON.
pub(super) fn to_json(entry: &Entry) -> Value {
    let value = |field: &Field| match field {
        Field::Text(text) => json!(text),
        Field::List(list) => json!(list),
        Field::Table(key, text) => json!({ *key: text }),
    };
    let fields = entry.iter().map(|(key, field)| ((*key).to_owned(), value(field)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Returns whether an existing entry has these fields, whatever the user added to it.
pub(super) fn agrees(existing: &Value, entry: &Entry) -> bool {
    let Value::Object(existing) = existing else { return false };
    let ours = existing.iter().filter(|(key, _)| OURS.contains(&key.as_str()));
    let ours: Map<String, Value> = ours.map(|(key, value)| (key.clone(), value.clone())).collect();
    Value::Object(ours) == to_json(entry)
}
