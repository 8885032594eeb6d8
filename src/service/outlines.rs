//! The outlines of documents that were loaded lately.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::model::Digest;

/// The outlines that are kept. Each has less than 2 KB.
const KEPT_MAX: usize = 64;

/// The outlines of documents, by the documents' digests. Making one reads the whole document.
#[derive(Debug, Default)]
pub(super) struct Outlines(Mutex<HashMap<Digest, Arc<Map<String, Value>>>>);

impl Outlines {
    /// Returns the outline of a document, and calls `make` if it is not kept.
    pub(super) fn of(
        &self,
        document: Digest,
        make: impl FnOnce() -> Map<String, Value>,
    ) -> Arc<Map<String, Value>> {
        let mut kept = self.0.lock();
        if kept.len() >= KEPT_MAX && !kept.contains_key(&document) {
            kept.clear();
        }
        Arc::clone(kept.entry(document).or_insert_with(|| Arc::new(make())))
    }
}
