//! Iterations: the record of each pass of a loop.

use serde::{Deserialize, Serialize};

use crate::model::Time;
use crate::model::document::constraint::{Constraint, Severity, violated};

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
    /// What git says of the folder of the work, where the work lies in a repository of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
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
