//! The context of a step, as its entry keeps it: what a step knew and no document says. With it, every
//! decision can be derived again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::document::constraint::Setter;
use crate::model::document::examination::RecordedFiles;
use crate::model::document::pins::Pinned;

/// The recorded context of a step.
///
/// The entry has the event, its reason and the time; the document after it has the phase's result and the
/// evidence. Here is the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordedContext {
    /// Whether a person sent the event.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub human: bool,
    /// Whether the constraints that the event sets are a person's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_person: bool,
    /// The person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Who confirmed it, and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// The cost of the phase.
    #[serde(skip_serializing_if = "is_zero")]
    pub cost: f64,
    /// How long the phase took.
    #[serde(skip_serializing_if = "is_zero")]
    pub time_seconds: f64,
    /// The result, where the workflow keeps none of that phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Map<String, Value>>,
    /// The protected files of each list of globs that are not as a constraint pinned them before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<(Vec<String>, Pinned)>,
    /// The files, if the step saw them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<RecordedFiles>,
}

impl RecordedContext {
    /// Returns whose constraints the event set.
    pub fn setter(&self) -> Setter {
        if self.of_person { Setter::Person } else { Setter::Model }
    }
}

fn is_zero(amount: &f64) -> bool {
    *amount == 0.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::document::examination::Examination;

    #[test]
    fn a_context_takes_few_bytes_and_survives_its_json() {
        let plain = RecordedContext::default();
        assert_eq!(json!(plain), json!({}));
        let full = RecordedContext {
            human: true,
            of_person: true,
            words: Some("yes".into()),
            decided_by: Some("anna".into()),
            cost: 0.1,
            time_seconds: 2.5,
            result: Some(Map::new()),
            protected: vec![(vec!["tests/**".into()], Pinned::new())],
            files: Some(Examination::default().record([])),
        };
        assert_eq!(serde_json::from_value::<RecordedContext>(json!(full)).unwrap(), full);
        assert!(serde_json::from_value::<RecordedContext>(json!({"hooman": true})).is_err());
    }
}
