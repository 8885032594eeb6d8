//! How a cycle ended, in one line: what was measured, what was only asserted, and who approved.

use crate::model::Document;
use crate::model::document::approval::ApprovalStatus;
use crate::model::document::constraint::{Severity, violated};
use crate::model::text::plain;

/// Characters of the person's name in the line.
const NAME_CHARACTERS_MAX: usize = 80;

/// Returns how a cycle stands or ended, such as `converged: 5 measured, 1 asserted, 0 high open,
/// approved by anna at the terminal`.
pub fn ending(document: &Document) -> String {
    let constraints = &document.constraints;
    let measured = constraints.iter().filter(|one| one.counts_as_measured()).count();
    let asserted = constraints.len() - measured;
    let open = |severity: Severity| violated(constraints, severity).count();
    let blocking = match open(Severity::Blocking) {
        0 => String::new(),
        count => format!("{count} blocking open, "),
    };
    let (status, high) = (document.convergence_status, open(Severity::High));
    let approved =
        approved_by(document).map_or_else(String::new, |by| format!(", approved by {by}"));
    format!(
        "{status}: {measured} measured, {asserted} asserted, {blocking}{high} high open{approved}"
    )
}

fn approved_by(document: &Document) -> Option<String> {
    let approval = document.approval.as_ref()?;
    match &approval.status {
        ApprovalStatus::Decided(event) if event == "approve" => {
            let by = approval.by.as_deref().unwrap_or("a person");
            Some(plain(by, NAME_CHARACTERS_MAX))
        }
        _ => None,
    }
}
