//! What must hold of the report: how each constraint is measured, and how its violation is mended.

use std::io;
use std::path::Path;

use super::measure::{self, Finding, Outline};
use super::report::{Dist, Edit};

/// Something that must hold of the report.
#[derive(Debug)]
pub(super) struct Constraint {
    pub(super) id: &'static str,
    pub(super) description: &'static str,
    pub(super) severity: &'static str,
    pub(super) measure: fn(&Outline, &Path) -> Finding,
    pub(super) mend: fn(&Dist) -> io::Result<Vec<Edit>>,
}

/// All of them, the worst first.
pub(super) const CONSTRAINTS: [Constraint; 4] = [
    Constraint {
        id: "headings-in-order",
        description: "No heading is more than one level below the one before it",
        severity: "blocking",
        measure: measure::headings_in_order,
        mend: Dist::order_headings,
    },
    Constraint {
        id: "links-resolve",
        description: "Every link to a file leads to a file",
        severity: "blocking",
        measure: measure::links_resolve,
        mend: Dist::mend_links,
    },
    Constraint {
        id: "sections-present",
        description: "Summary, Impact, Timeline, Root cause and Follow-up actions are there",
        severity: "blocking",
        measure: measure::sections_present,
        mend: Dist::add_follow_up,
    },
    Constraint {
        id: "summary-short",
        description: "The summary has 80 words at most",
        severity: "high",
        measure: measure::summary_short,
        mend: Dist::shorten_summary,
    },
];

/// Returns the constraint of that id.
pub(super) fn find(id: &str) -> Option<&'static Constraint> {
    CONSTRAINTS.iter().find(|one| one.id == id)
}
