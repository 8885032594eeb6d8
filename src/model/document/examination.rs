//! The knowledge about an artifact's files in a step. This layer cannot read files: the service
//! reads them and passes the result in.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::model::document::constraint::{Constraint, Status};
use crate::model::document::iteration::Revision;
use crate::model::document::manifest::{Inventory, Manifest, Recorded};
use crate::model::document::output::OutputPath;
use crate::model::document::pins::Protected;
use crate::model::refusal::Violation;
use crate::model::{Digest, Document, Time};

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

/// The files of an examination, as an entry keeps them: by their digest. The documents have the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFiles {
    /// [`Examination::files_digest`].
    pub digest: Digest,
    /// Whether no file was there with content.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub none: bool,
    /// Missing files of the manifest, including blank ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<OutputPath>,
    /// The blank ones among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub empty: Vec<OutputPath>,
    /// Those files that are there, of the files that the loop says it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub present: Vec<OutputPath>,
    /// [`Examination::lacks`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
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
    /// What the files lack, in sentences: those of a test-run prompt, and files that no check sees.
    pub lacks: Vec<String>,
    /// The files that constraints protect, as they are now.
    pub protected: Protected,
    /// What git says of the folder of such a work.
    pub revision: Option<Revision>,
    /// What an entry kept of the files, where a step is derived again. It counts in place of them.
    pub recorded: Option<RecordedFiles>,
}

impl Examination {
    /// Returns whether the passed manifest is valid.
    pub fn manifest_valid(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns the digest of the existing files: those of the manifest, and all others where they
    /// count.
    pub fn files_digest(&self) -> Digest {
        if let Some(recorded) = &self.recorded {
            return recorded.digest;
        }
        match self.inventory.map(|inventory| inventory.digest).or(self.all_files) {
            None => Digest::of_json(&json!(self.files)),
            Some(all) => Digest::of_json(&json!([self.files, all])),
        }
    }

    /// Returns whether no file is there with content.
    pub fn has_no_file(&self) -> bool {
        match &self.recorded {
            Some(recorded) => recorded.none,
            None => self.files.is_empty() && self.inventory.is_none_or(|all| all.files == 0),
        }
    }

    /// Returns what an entry keeps of the files. `said` are the files that the loop says it changed.
    pub fn record<'a>(&self, said: impl IntoIterator<Item = &'a OutputPath>) -> RecordedFiles {
        let present: BTreeSet<&OutputPath> =
            said.into_iter().filter(|path| self.present.contains(*path)).collect();
        RecordedFiles {
            digest: self.files_digest(),
            none: self.has_no_file(),
            missing: self.missing.clone(),
            empty: self.empty.clone(),
            present: present.into_iter().cloned().collect(),
            lacks: self.lacks.clone(),
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

/// Returns the manifest in effect, and the violations of a passed one that is invalid: the passed one, else
/// the previous one, else one that `of_files` makes.
pub fn manifest_in_effect(
    document: &Document,
    passed: Option<&Value>,
    of_files: impl FnOnce() -> Manifest,
) -> (Manifest, Vec<Violation>) {
    let executed = document.results.at(&["execution_results", "manifest"]);
    let given = passed.map(|given| (given, "/result/manifest"));
    let given = given.or_else(|| Some((executed.as_ref()?, "/results/execution_results/manifest")));
    let before = || document.manifest.clone().unwrap_or_else(of_files);
    match given.filter(|(given, _)| !given.is_null()) {
        None => (before(), Vec::new()),
        Some((given, pointer)) => match Manifest::parse(given, pointer, &document.output_place()) {
            Ok(manifest) => (manifest, Vec::new()),
            Err(violations) => (before(), violations),
        },
    }
}
