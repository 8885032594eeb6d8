//! Events, as receivers see them.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::journal::lifecycle::{LifecycleEvent, LifecycleKind};
use crate::model::{Document, Entry, Name, Time, Version};

/// A lifecycle event of an artifact, with the facts that a receiver needs.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Event {
    /// The event's id, unique in the workspace and the same for every delivery. An event may be
    /// delivered more than once, and a receiver recognizes it by the id.
    pub(super) id: String,
    pub(super) event: LifecycleKind,
    pub(super) artifact: Name,
    pub(super) version: Version,
    pub(super) at: Time,
    pub(super) actor: String,
    pub(super) phase: String,
    pub(super) iteration: u32,
    pub(super) workflow: String,
    pub(super) artifact_type: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) detail: Option<Value>,
}

/// The variables of conditions and targets.
const VARIABLES: [&str; 12] = [
    "id",
    "event",
    "artifact",
    "version",
    "at",
    "actor",
    "phase",
    "iteration",
    "workflow",
    "artifact_type",
    "content_type",
    "detail",
];

/// The variables in the environment of a command: short texts and numbers.
const ENVIRONMENT: [(&str, &str); 11] = [
    ("REFINER_EVENT_ID", "id"),
    ("REFINER_EVENT_NAME", "event"),
    ("REFINER_EVENT_ARTIFACT", "artifact"),
    ("REFINER_EVENT_VERSION", "version"),
    ("REFINER_EVENT_AT", "at"),
    ("REFINER_EVENT_ACTOR", "actor"),
    ("REFINER_EVENT_PHASE", "phase"),
    ("REFINER_EVENT_ITERATION", "iteration"),
    ("REFINER_EVENT_WORKFLOW", "workflow"),
    ("REFINER_EVENT_ARTIFACT_TYPE", "artifact_type"),
    ("REFINER_EVENT_CONTENT_TYPE", "content_type"),
];

/// Returns whether conditions and targets have a variable of this name.
pub(super) fn is_variable(name: &str) -> bool {
    VARIABLES.contains(&name)
}

impl Event {
    /// Returns the events of an entry. `document` is the document of its version, or of a later
    /// version in the same cycle.
    pub(super) fn all_of(entry: &Entry, document: &Document) -> Vec<Self> {
        let events = entry.events.iter().enumerate();
        events.map(|(index, event)| Self::new(entry, index, event, document)).collect()
    }

    fn new(entry: &Entry, index: usize, event: &LifecycleEvent, document: &Document) -> Self {
        let artifact = document.artifact_name.clone();
        Self {
            id: format!("{artifact}@{}.{index}", entry.version),
            event: event.event,
            artifact,
            version: entry.version,
            at: entry.at,
            actor: entry.actor.clone(),
            phase: event.phase.clone(),
            iteration: event.iteration,
            workflow: document.workflow.to_string(),
            artifact_type: document.artifact_type.clone(),
            content_type: document.content_type.clone(),
            detail: event.detail.clone(),
        }
    }

    /// Returns the name of the event's kind in triggers.
    pub(super) fn kind(&self) -> String {
        text(&json!(self.event))
    }

    /// Returns the variables for conditions and targets. An absent value is empty, so its use is
    /// not an error.
    pub(super) fn facts(&self) -> Value {
        let mut facts = json!(self);
        for (name, absent) in
            [("artifact_type", json!("")), ("content_type", json!("")), ("detail", json!({}))]
        {
            if facts[name].is_null() {
                facts[name] = absent;
            }
        }
        facts
    }

    /// Returns the environment variables of a command.
    pub(super) fn environment(&self) -> Vec<(&'static str, String)> {
        let facts = self.facts();
        let variable = |(variable, part): (&'static str, &str)| {
            // An environment variable cannot contain NUL.
            (variable, text(&facts[part]).replace('\0', ""))
        };
        ENVIRONMENT.into_iter().map(variable).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Returns an event without optional parts.
    pub(in crate::hooks) fn event(kind: LifecycleKind, phase: &str) -> Event {
        Event {
            id: "a@3.0".into(),
            event: kind,
            artifact: Name::parse("a").unwrap(),
            version: 3,
            at: Time::from_millis(0),
            actor: "client 1".into(),
            phase: phase.into(),
            iteration: 2,
            workflow: "pmpo".into(),
            artifact_type: None,
            content_type: None,
            detail: None,
        }
    }

    #[test]
    fn every_part_of_an_event_is_a_variable_and_what_is_absent_is_empty() {
        let event = event(LifecycleKind::OnPhaseStart, "plan");
        let facts = event.facts();
        let mut names: Vec<&str> = facts.as_object().unwrap().keys().map(String::as_str).collect();
        let mut variables = VARIABLES;
        names.sort_unstable();
        variables.sort_unstable();
        assert_eq!(names, variables);
        assert_eq!((&facts["content_type"], &facts["detail"]), (&json!(""), &json!({})));
        let environment = event.environment();
        assert!(environment.contains(&("REFINER_EVENT_NAME", "on_phase_start".into())));
        assert!(environment.contains(&("REFINER_EVENT_ITERATION", "2".into())));
        assert!(environment.contains(&("REFINER_EVENT_ARTIFACT_TYPE", String::new())));
    }
}
