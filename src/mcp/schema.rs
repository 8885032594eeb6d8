//! The JSON Schemas of tools, in a form that every host accepts.
//!
//! Some hosts refuse `$ref`, `$schema`, `oneOf`, lists of types or `additionalProperties: false`
//! (gemini-cli #6632, opencode #14234), and validators warn about unknown formats. So schemas are
//! flat and plain, and the server checks the rest.
//!
//! The program reads them from `schema/tools.json`, which a test writes: making them from the types
//! took half of the instructions of a start.

#[cfg(test)]
mod made;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use rmcp::model::JsonObject;
use serde::{Deserialize, Serialize};

/// The schemas of a tool.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Schemas {
    pub(super) input: Arc<JsonObject>,
    pub(super) output: Arc<JsonObject>,
}

/// The schemas of all tools by name.
pub(super) static SCHEMAS: LazyLock<BTreeMap<String, Schemas>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("schema/tools.json")).expect("a test wrote the file")
});
