//! The knowledge about an artifact's files in a step. This layer cannot read files: the service
//! reads them and passes the result in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::constraint::{Constraint, Status};
use crate::model::document::iteration::Revision;
use crate::model::document::manifest::{Inventory, Manifest, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::document::protection::Protected;
use crate::model::refusal::Violation;
use crate::model::{Digest, Time};

/// The result of measuring a constraint, bound to the measured content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it was measured.
    pub method: String,
    /// Whether the constraint holds.
    pub status: Status,
    /// The result in words, for people and models.
    pub details: String,
    /// The measured numbers, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub measured: Map<String, Value>,
    /// The files that the check read, each with the digest of its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// The time of the measurement.
    pub at: Time,
}

impl Evidence {
    /// Returns whether both results are the same apart from the time.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}

/// The examination of an artifact's files, and the evidence of its constraints.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// The evidence of each measured constraint, by its id.
    pub evidence: BTreeMap<String, Evidence>,
    /// The effective manifest: the passed one, else the previous one, else one made from the
    /// existing files.
    pub manifest: Manifest,
    /// The violations of the passed manifest; with any, the previous manifest stays in effect.
    pub violations: Vec<Violation>,
    /// The existing files of the manifest, as recorded now.
    pub files: BTreeMap<OutputPath, Recorded>,
    /// Every file of the artifact, whether the manifest names it or not.
    pub present: BTreeSet<OutputPath>,
    /// The digest of all files in `dist/`, where a person approves them.
    pub all_files: Option<Digest>,
    /// Missing files of the manifest, including blank ones.
    pub missing: Vec<OutputPath>,
    /// The blank ones among them: empty, or nothing but blanks.
    pub empty: Vec<OutputPath>,
    /// The definitions of the measured constraints.
    pub measured: Vec<Constraint>,
    /// All files of a work that lies where the project keeps it.
    pub inventory: Option<Inventory>,
    /// What a test-run prompt lacks: its metadata, and what came out of it in this iteration.
    pub prompt_lacks: Vec<String>,
    /// The files that constraints protect, as they are now.
    pub protected: Protected,
    /// What git says of the folder of such a work.
    pub revision: Option<Revision>,
}

impl Examination {
    /// Returns whether the passed manifest is valid.
    pub fn manifest_valid(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns the digest of the existing files: those of the manifest, and all others where they
    /// count.
    pub fn files_digest(&self) -> Digest {
        match self.inventory.map(|inventory| inventory.digest).or(self.all_files) {
            None => Digest::of_json(&json!(self.files)),
            Some(all) => Digest::of_json(&json!([self.files, all])),
        }
    }

    /// Returns whether it still fits constraints: no validation has changed since.
    pub fn fits(&self, constraints: &[Constraint]) -> bool {
        let fits = |(one, measured): (&Constraint, &Constraint)| {
            one.id == measured.id
                && one.is_measured_like(measured)
                && one.protects == measured.protects
        };
        constraints.len() == self.measured.len() && constraints.iter().zip(&self.measured).all(fits)
    }
}
