//! Iterations: the record of each pass of a loop.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::document::constraint::{Constraint, Severity, violated};
use crate::model::{Digest, Time, Version};

/// One finished pass of the loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// Its number, from 1.
    pub iteration: u32,
    /// When it was recorded.
    pub at: Time,
    /// The counts of the constraints.
    pub constraints: Counts,
    /// `continue` or `terminate`.
    pub decision: Choice,
    /// The reason of the decision.
    pub reason: String,
    /// The regressions of this iteration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<String>,
    /// The version that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The digest of what did not hold and of the files. Iterations that share it made no progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Digest>,
    /// What git says of the folder of the work, where the work lies in a repository of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
}

/// Returns the digest of what does not hold and of the files.
pub fn outcome(constraints: &[Constraint], files: Digest) -> Digest {
    let open = constraints.iter().filter(|one| !one.holds());
    let open: Vec<_> = open.map(|one| json!([one.id, one.status])).collect();
    Digest::of_json(&json!([open, files]))
}

/// Returns how many recorded iterations had an outcome: 1 is a stall, or an oscillation.
pub fn repeats(history: &[Iteration], outcome: Digest) -> usize {
    history.iter().filter(|one| one.outcome == Some(outcome)).count()
}

/// Returns the iteration with the fewest constraints open: blocking, then high, then any.
pub fn best(history: &[Iteration]) -> Option<&Iteration> {
    history.iter().filter(|one| one.version.is_some()).min_by_key(|one| {
        let Counts { total, satisfied, blocking_violated, high_violated } = one.constraints;
        (blocking_violated, high_violated, total - satisfied)
    })
}

/// What git says of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit that is checked out; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the files are those of the commit.
    pub tree: TreeState,
}

/// Whether the files of a repository are those of its commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TreeState {
    /// They are, and there are no others beside those that git ignores.
    Clean,
    /// A file was changed, added or removed since.
    Changed,
    /// The user allows no command in the project, so git was not asked, or git failed.
    Unknown,
}

/// Whether the loop goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Choice {
    /// Another iteration, or another try at this one.
    Continue,
    /// The loop has ended.
    Terminate,
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Continue => "continue",
            Self::Terminate => "terminate",
        })
    }
}

/// The numbers of constraints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub total: usize,
    /// Those that hold.
    pub satisfied: usize,
    /// Blocking ones that do not.
    pub blocking_violated: usize,
    /// High ones that do not.
    pub high_violated: usize,
}

impl Counts {
    /// Counts.
    pub fn of(constraints: &[Constraint]) -> Self {
        let count = |severity| violated(constraints, severity).count();
        Self {
            total: constraints.len(),
            satisfied: constraints.iter().filter(|one| one.holds()).count(),
            blocking_violated: count(Severity::Blocking),
            high_violated: count(Severity::High),
        }
    }
}
