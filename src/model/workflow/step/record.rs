//! What an entry keeps of the context of a step, so that the decision can be derived again.

use super::floor::said_modified;
use super::{Event, StepContext};
use crate::model::Document;
use crate::model::document::constraint::Setter;
use crate::model::document::pins::Pinned;
use crate::model::document::protection;
use crate::model::journal::context::RecordedContext;
use crate::model::workflow::Workflow;

/// Returns what the step knows that neither its entry nor a document says.
pub fn record(
    workflow: &Workflow,
    before: &Document,
    event: &Event,
    context: &StepContext,
) -> RecordedContext {
    let phase = workflow.phase(&before.phase);
    let is_kept = phase.is_some_and(|phase| phase.meta.result_at.is_some());
    let files = context.examination.as_deref().map(|seen| {
        let said = said_modified(&event.facts(before, Some(seen)));
        seen.record(said.iter().map(|one| &one.path))
    });
    RecordedContext {
        human: context.human,
        of_person: context.setter == Setter::Person,
        words: event.words.clone(),
        decided_by: event.decided_by.clone(),
        cost: event.cost,
        time_seconds: event.time_seconds,
        result: event.result.clone().filter(|_| !is_kept),
        protected: protection::differing(&before.constraints, seen_protected(context)),
        files,
    }
}

fn seen_protected(context: &StepContext) -> impl Iterator<Item = (&Vec<String>, &Pinned)> {
    let examined = context.examination.as_deref().map(|seen| &seen.protected);
    context.protected.iter().chain(examined.into_iter().flatten())
}
