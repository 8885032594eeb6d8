//! Which constraints need a method, as a cycle was opened.

use serde::{Deserialize, Serialize};

use crate::model::document::constraint::Severity;

/// Which constraints need a method.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum RequireMeasured {
    /// No constraint.
    None,
    /// Each blocking constraint.
    Blocking,
    /// Each constraint.
    All,
}

impl RequireMeasured {
    pub(super) fn none() -> Self {
        Self::None
    }

    pub(super) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// Returns whether a constraint of a severity needs a method.
    pub fn asks_for(self, severity: Severity) -> bool {
        match self {
            Self::None => false,
            Self::Blocking => severity == Severity::Blocking,
            Self::All => true,
        }
    }
}
