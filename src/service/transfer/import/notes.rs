//! Import remarks: fields that could not be mapped, and what the artifact keeps of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::{check_size, json_bytes};

/// Bytes of kept fields.
const KEPT_BYTES_MAX: usize = 1 << 20;
/// Remarks on one artifact.
const REMARKS_MAX: usize = 200;

/// A remark on a part that was changed or skipped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Remark {
    /// Its place, relative to the imported folder.
    pub place: String,
    /// What the importer did with it.
    pub what: String,
}

/// The remarks on an artifact, and the kept fields for `data.imported`.
#[derive(Debug, Default)]
pub(super) struct Notes {
    remarks: Vec<Remark>,
    left_out: usize,
    kept: Map<String, Value>,
    kept_bytes: usize,
}

impl Notes {
    /// Adds a remark.
    pub(super) fn say(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.remarks.len() < REMARKS_MAX {
            self.remarks.push(Remark { place: place.into(), what: what.into() });
        } else {
            self.left_out += 1;
        }
    }

    /// Keeps a known field without a place of its own.
    pub(super) fn keep(&mut self, place: &str, field: &str, value: Value) -> bool {
        let bytes = json_bytes(&value);
        // Measured at its later depth in the document.
        let too_deep =
            check_size(&json!({ "data": { "imported": { "": [{ "": value }] } } }).into());
        if too_deep.is_err() || self.kept_bytes + bytes > KEPT_BYTES_MAX {
            self.say(place, "left out: it is too large or nests too deep");
            return false;
        }
        self.kept_bytes += bytes;
        let mut free = field.to_owned();
        while self.kept.contains_key(&free) {
            free.push('_');
        }
        self.kept.insert(free, value);
        true
    }

    /// Keeps an unknown field, with a remark.
    pub(super) fn keep_raw(&mut self, place: &str, field: &str, value: Value, why: &str) {
        if self.keep(place, field, value) {
            self.say(place, format!("{why}; kept as data.imported.{field}"));
        }
    }

    /// Returns the kept fields.
    pub(super) fn take_kept(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.kept)
    }

    /// Returns the remarks.
    pub(super) fn into_remarks(mut self) -> Vec<Remark> {
        if self.left_out > 0 {
            let what = format!("{} more remarks are left out", self.left_out);
            self.remarks.push(Remark { place: "…".into(), what });
        }
        self.remarks
    }
}
