//! What the kind of an artifact adds to the floor and to a reflection: a composite needs each of its
//! components, and a prompt that is test-run needs what came out of it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::assessment::reported;
use super::lack::{listed, part};
use super::stepping::Stepping;
use crate::model::Refusal;
use crate::model::document::component::Component;
use crate::model::document::constraint::Status;
use crate::model::document::examination::Examination;
use crate::model::document::manifest::Variant;
use crate::model::refusal::{Unmet, Violation};
use crate::model::workflow::facts::Facts;

/// The field of a reflection with the findings of a composite's components.
const COMPONENTS: &str = "components";

/// Returns what the kind of an artifact lacks for an end with the status `converged`.
pub(super) fn unmet(facts: &Facts<'_>) -> Vec<Unmet> {
    let components = &facts.document.components;
    let open = listed(components.iter().filter(|one| !one.holds()).map(|one| one.name.as_str()));
    let open = open.map(|names| {
        part("a finding of each component", &format!("components do not hold: {names}"))
    });
    let without = |seen: &Examination| {
        let lacking = components.iter().filter(|one| !has_variant(seen, one));
        listed(lacking.map(|one| one.name.as_str()))
    };
    let without = facts.seen.and_then(without).map(|names| {
        let says = format!("no variant of the manifest has the name and a file of: {names}");
        part("a variant of each component", &says)
    });
    let lacks = facts.seen.map_or(&[][..], |seen| &seen.lacks);
    let lacks = lacks.iter().map(|says| part("files that the server can look at", says));
    open.into_iter().chain(without).chain(lacks).collect()
}

/// Returns whether a variant of the manifest has the component's name and a file with content.
fn has_variant(seen: &Examination, component: &Component) -> bool {
    let is_there = |variant: &Variant| {
        variant.file.iter().chain(&variant.files).any(|path| seen.files.contains_key(path))
    };
    let mut variants = seen.manifest.variants.iter();
    variants.any(|variant| variant.name.trim() == component.name.trim() && is_there(variant))
}

#[derive(Deserialize)]
struct ReportedComponent {
    name: String,
    status: Status,
    #[serde(default)]
    details: Option<String>,
}

impl Stepping<'_> {
    /// Takes the finding of each component over from the reflection, which needs one of each.
    pub(super) fn assess_components(&mut self) -> Result<(), Refusal> {
        if self.document.components.is_empty() {
            return Ok(());
        }
        let found = findings(self.event.result.as_ref(), &self.document.components)?;
        for one in &mut self.document.components {
            let finding = found.iter().find(|finding| finding.name == one.name);
            one.status = finding.map(|finding| finding.status);
            one.details = finding.and_then(|finding| finding.details.clone());
        }
        Ok(())
    }
}

fn findings(
    result: Option<&Map<String, Value>>,
    components: &[Component],
) -> Result<Vec<ReportedComponent>, Refusal> {
    let list = result.and_then(|result| result.get(COMPONENTS)).and_then(Value::as_array);
    let is_known = |name: &str| components.iter().any(|one| one.name == name);
    let name = |finding: &ReportedComponent| finding.name.clone();
    let list = list.map_or(&[][..], Vec::as_slice);
    let (found, mut violations) = reported(list, "component", name, is_known);
    violations.extend(left_out(&found, components));
    Refusal::unless_valid("the reflection", violations).map(|()| found)
}

/// Returns the violation of a reflection that has no finding of some components.
fn left_out(found: &[ReportedComponent], components: &[Component]) -> Option<Violation> {
    let has_finding = |one: &&Component| found.iter().any(|finding| finding.name == one.name);
    let missing = components.iter().filter(|one| !has_finding(one)).map(|one| one.name.as_str());
    let first = components.iter().find(|one| !has_finding(one))?.name.clone();
    let names = listed(missing)?;
    Some(Violation {
        pointer: format!("/result/{COMPONENTS}"),
        message: format!(
            "a finding of each component is needed, and there is none of {names}: such as {{\"name\": {first:?}, \"status\": \"satisfied\", \"details\": \"…\"}}"
        ),
    })
}
