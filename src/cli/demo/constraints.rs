//! The constraints of the report: how the server measures each, and how the host mends it.

use serde_json::{Value, json};

use super::report::{self, Edit, REPORT};

/// A constraint of the report.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) severity: &'static str,
    /// The validation method of the server.
    pub(super) method: &'static str,
    pub(super) params: fn() -> Value,
    /// Returns the edits of a text that satisfy the constraint.
    pub(super) mend: fn(&str) -> Vec<Edit>,
}

impl Constraint {
    /// Returns the constraint as the result of `specify` contains it.
    pub(super) fn definition(&self) -> Value {
        json!({
            "id": self.id,
            "description": self.description,
            "severity": self.severity,
            "validation": { "method": self.method, "params": (self.params)() },
        })
    }
}

/// All constraints, most severe first.
pub(super) const CONSTRAINTS: [Constraint; 4] = [
    Constraint {
        id: "headings-in-order",
        description: "No heading is more than one level below the one before it",
        severity: "blocking",
        method: "headings_in_order",
        params: || json!({ "path": REPORT }),
        mend: report::order_headings,
    },
    Constraint {
        id: "links-resolve",
        description: "Every link to a file leads to a file",
        severity: "blocking",
        method: "links_resolve",
        params: || json!({ "path": REPORT }),
        mend: report::mend_links,
    },
    Constraint {
        id: "sections-present",
        description: "Summary, Impact, Timeline, Root cause and Follow-up actions are there",
        severity: "blocking",
        method: "sections_present",
        params: || json!({ "path": REPORT, "sections": report::SECTIONS }),
        mend: report::add_follow_up,
    },
    Constraint {
        id: "summary-short",
        description: "The summary has 80 words at most",
        severity: "high",
        method: "word_count",
        params: || json!({ "path": REPORT, "section": "Summary", "max": 80 }),
        mend: report::shorten_summary,
    },
];

/// Returns the constraint of that id.
pub(super) fn find(id: &str) -> Option<&'static Constraint> {
    CONSTRAINTS.iter().find(|one| one.id == id)
}
