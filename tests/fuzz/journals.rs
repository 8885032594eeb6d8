//! What was acknowledged, and what the journals have.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::common::entries;

/// The versions that answers told, each with its artifact.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(BTreeSet<(String, u64)>);

impl Acknowledged {
    /// Takes note of what an answer tells.
    pub(super) fn note(&mut self, answer: &Value) {
        let told = &answer["result"]["structuredContent"];
        let versions = [&told["version"], &told["briefing"]["version"]];
        if let Some(name) = told["briefing"]["name"].as_str() {
            let versions = versions.into_iter().filter_map(Value::as_u64);
            self.0.extend(versions.map(|version| (name.to_owned(), version)));
        }
    }

    /// Fails unless the journals have no gap, and nothing that nobody was told of. Returns how many
    /// entries they have.
    pub(super) fn check(&self, workspace: &Path) -> usize {
        let mut count = 0;
        for artifact in std::fs::read_dir(workspace.join("artifacts")).unwrap() {
            let artifact = artifact.unwrap();
            let name = artifact.file_name().into_string().unwrap();
            let entries = entries(&artifact.path().join("journal"));
            for (entry, version) in entries.iter().zip(1..) {
                assert_eq!(entry["version"], version, "the versions of {name}");
                // A loop that ended is closed by the call that opens it again, which tells of that.
                let closed = u64::from(entry["operation"] == "finalize");
                let told = [version, version + closed].map(|version| (name.clone(), version));
                let is_told = told.iter().any(|told| self.0.contains(told));
                assert!(is_told, "nobody was told of version {version} of {name}: {entry}");
            }
            count += entries.len();
        }
        count
    }
}
