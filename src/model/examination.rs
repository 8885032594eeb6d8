//! The knowledge about an artifact's files in a step. This layer cannot read files: the service
//! reads them and passes the result in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::constraint::{Constraint, Status};
use super::manifest::{Manifest, Recorded};
use super::output::OutputPath;
use super::refusal::Violation;
use super::{Digest, Time};

/// What measuring a constraint found, bound to the content that was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// How it was measured.
    pub method: String,
    /// Whether the constraint holds.
    pub status: Status,
    /// What was found, for people and models.
    pub details: String,
    /// Numbers that were measured, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub measured: Map<String, Value>,
    /// The files that were looked at, each with the digest of its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    /// When.
    pub at: Time,
}

impl Evidence {
    /// Returns whether it says the same as another, whenever that was.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        Self { at: other.at, ..self.clone() } == *other
    }
}

/// What was seen of an artifact's files, and what measuring its constraints found.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// What was found about each constraint that can be measured, by its id.
    pub evidence: BTreeMap<String, Evidence>,
    /// The manifest that counts: the one handed in, else the one before, else one made of the files
    /// that are there.
    pub manifest: Manifest,
    /// What is wrong with the manifest that was handed in; the one before counts then.
    pub violations: Vec<Violation>,
    /// Files of the manifest that are there, as they are.
    pub files: BTreeMap<OutputPath, Recorded>,
    /// Files of the manifest that are not there, and such as are empty.
    pub missing: Vec<OutputPath>,
    /// Those of the missing ones that are there but empty.
    pub empty: Vec<OutputPath>,
    /// The definitions of the constraints that were measured.
    pub measured: Vec<Constraint>,
}

impl Examination {
    /// Returns whether the manifest that was handed in can be used.
    pub fn manifest_valid(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns whether it still fits constraints: no validation has changed since.
    pub fn fits(&self, constraints: &[Constraint]) -> bool {
        let fits = |(one, measured): (&Constraint, &Constraint)| {
            one.id == measured.id && one.is_measured_like(measured)
        };
        constraints.len() == self.measured.len() && constraints.iter().zip(&self.measured).all(fits)
    }
}
