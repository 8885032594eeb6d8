//! Arguments of the command line: names, and JSON.

use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};

use super::Failure;
use crate::disk::regular;
use crate::model::{Name, limits};

/// Parses an artifact's name.
pub(super) fn name(given: &str) -> Result<Name, Failure> {
    Name::parse(given).map_err(Failure::from)
}

/// Reads an object: inline JSON, `@FILE`, or `-` for standard input. The person chooses the file,
/// so it may be a pipe such as `@/dev/stdin`.
pub(super) fn object(argument: &str, given: &str) -> Result<Map<String, Value>, Failure> {
    let text = match given.strip_prefix('@') {
        Some(file) => regular::read_named(Path::new(file), limits::MESSAGE_BYTES_MAX)
            .map_err(|error| usage(argument, &format!("{file}: {error}")))?,
        None if given == "-" => {
            standard_input().map_err(|error| usage(argument, &error.to_string()))?
        }
        None => given.as_bytes().to_vec(),
    };
    if text.len() > limits::MESSAGE_BYTES_MAX {
        let limit = limits::MESSAGE_BYTES_MAX;
        return Err(usage(argument, &format!("more than {limit} bytes")));
    }
    serde_json::from_slice(&text)
        .map_err(|error| usage(argument, &format!("not a JSON object: {error}")))
}

fn standard_input() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin().take(limits::MESSAGE_BYTES_MAX as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn usage(argument: &str, problem: &str) -> Failure {
    Failure::Usage(format!("{argument}: {problem}"))
}
