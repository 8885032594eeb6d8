//! JSON that people pass on the command line.

use std::io::Read as _;

use serde_json::{Map, Value};

use super::Failure;
use crate::model::limits;

/// Reads an object: JSON itself, `@FILE`, or `-` for standard input.
pub(super) fn object(argument: &str, given: &str) -> Result<Map<String, Value>, Failure> {
    let text = match given.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| usage(argument, &format!("{file}: {error}")))?,
        None if given == "-" => {
            standard_input().map_err(|error| usage(argument, &error.to_string()))?
        }
        None => given.to_owned(),
    };
    serde_json::from_str(&text)
        .map_err(|error| usage(argument, &format!("an object in JSON is needed: {error}")))
}

fn standard_input() -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(limits::MESSAGE_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

fn usage(argument: &str, problem: &str) -> Failure {
    Failure::Usage(format!("{argument}: {problem}"))
}
