//! What was acknowledged, and what the journals have.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::common::versions;

/// The versions that answers told, each with its artifact.
#[derive(Debug, Default)]
pub(super) struct Acknowledged(BTreeSet<(String, u64)>);

impl Acknowledged {
    /// Takes note of what an answer tells.
    pub(super) fn note(&mut self, answer: &Value) {
        let told = &answer["result"]["structuredContent"];
        if let (Some(name), Some(version)) = (told["name"].as_str(), told["version"].as_u64()) {
            self.0.insert((name.to_owned(), version));
        }
    }

    /// Fails unless the journals have no gap, and nothing that nobody was told of. Returns how many
    /// entries they have.
    pub(super) fn check(&self, workspace: &Path) -> usize {
        let mut count = 0;
        for artifact in std::fs::read_dir(workspace.join("artifacts")).unwrap() {
            let artifact = artifact.unwrap();
            let name = artifact.file_name().into_string().unwrap();
            let versions = versions(&artifact.path().join("journal"));
            let expected: Vec<u64> = (1..=versions.len() as u64).collect();
            assert_eq!(versions, expected, "the versions of {name}");
            let untold =
                versions.iter().find(|version| !self.0.contains(&(name.clone(), **version)));
            assert_eq!(untold, None, "{name} has a version that nobody was told of");
            count += versions.len();
        }
        count
    }
}
