//! The binding of a person's decision to what they saw.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::document::approval::{Approval, ApprovalStatus};
use crate::model::{Digest, Document, Refusal, Version};

/// What a person saw when they decided. The decision is valid for nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalBinding {
    /// An open gate. It does not change when the caller saves other parts of the document.
    Gate {
        /// Its id, used once in an artifact.
        id: String,
        /// The digest of what the person saw.
        shown: Digest,
        /// The version that the person saw.
        version: Version,
    },
    /// The artifact at one version, for decisions without a gate.
    Version {
        /// The id of the cycle.
        cycle: String,
        /// The version.
        version: Version,
    },
}

impl ApprovalBinding {
    /// Returns the binding to the open gate, if one is open.
    pub fn of_gate(document: &Document, version: Version) -> Option<Self> {
        let id = open_gate(document)?.id.clone();
        Some(Self::Gate { id, shown: decided_on(document), version })
    }

    /// Returns the binding to one version.
    pub fn of_version(document: &Document, version: Version) -> Self {
        Self::Version { cycle: document.refinement_id.clone(), version }
    }

    /// Refuses a decision about anything but the present state.
    pub fn check(&self, document: &Document, current: Version) -> Result<(), Refusal> {
        let (same, expected) = match self {
            Self::Gate { id, shown, version } => {
                let same = open_gate(document).is_some_and(|gate| gate.id == *id)
                    && *shown == decided_on(document);
                (same, *version)
            }
            Self::Version { cycle, version } => {
                (*version == current && *cycle == document.refinement_id, *version)
            }
        };
        if same { Ok(()) } else { Err(Refusal::Conflict { expected, current }) }
    }
}

/// Returns the digest of what a person decides on at a gate: everything that the question shows,
/// and the cycle, so that no two gates have the same digest.
pub fn decided_on(document: &Document) -> Digest {
    Digest::of_json(&json!([
        document.refinement_id,
        document.current_iteration,
        document.goals,
        document.constraints,
        document.results,
        document.manifest,
        document.reflected_files,
        document.components,
    ]))
}

/// Returns the digest of what an approval is valid for: goals, definitions of the constraints,
/// components, and the files that the reflection was about.
pub fn agreed_on(document: &Document) -> Digest {
    Digest::of_json(&json!([
        document.goals,
        document.definitions(),
        document.components,
        document.reflected_files,
    ]))
}

/// Returns whether goals, constraints or components are not those that a person approved.
pub fn is_void(document: &Document) -> bool {
    let agreed = document.approval.as_ref().and_then(|approval| approval.agreed);
    agreed.is_some_and(|agreed| agreed != agreed_on(document))
}

/// Returns the gate that is open.
pub fn open_gate(document: &Document) -> Option<&Approval> {
    document.approval.as_ref().filter(|approval| approval.status == ApprovalStatus::Open)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::Time;
    use crate::model::document::tests::empty;

    /// A document that waits for a person.
    pub(crate) fn waiting() -> Document {
        let mut document = empty("logo");
        document.approval = Some(Approval {
            id: "gate-5".into(),
            shown: Digest::ZERO,
            status: ApprovalStatus::Open,
            at: Time::from_millis(0),
            agreed: None,
            by: None,
            reason: None,
        });
        document
    }

    #[test]
    fn a_decision_holds_for_the_gate_that_was_seen_and_only_while_it_is_open() {
        let document = waiting();
        let binding = ApprovalBinding::of_gate(&document, 5).unwrap();
        assert_eq!(binding.check(&document, 5), Ok(()));
        let saved = Document { data: json!({"x": 1}).into(), ..waiting() };
        assert_eq!(binding.check(&saved, 6), Ok(()), "what a person does not decide on may change");

        let conflict = Err(Refusal::Conflict { expected: 5, current: 6 });
        let mut decided = waiting();
        decided.approval.as_mut().unwrap().status = ApprovalStatus::Decided("approve".into());
        let mut next = waiting();
        next.approval.as_mut().unwrap().id = "gate-9".into();
        let others = [
            decided,
            next,
            Document { approval: None, ..waiting() },
            Document { goals: vec!["another".into()], ..waiting() },
            Document { current_iteration: 3, ..waiting() },
            Document { refinement_id: "0194".into(), ..waiting() },
        ];
        for other in others {
            assert_eq!(binding.check(&other, 6), conflict, "{other:?}");
        }
    }

    #[test]
    fn a_decision_without_a_gate_holds_for_one_version_of_one_cycle() {
        let document = waiting();
        let binding = ApprovalBinding::Version { cycle: "0193".into(), version: 5 };
        assert_eq!(binding.check(&document, 5), Ok(()));
        assert!(binding.check(&document, 6).is_err());
        let recreated = Document { refinement_id: "0194".into(), ..waiting() };
        assert!(binding.check(&recreated, 5).is_err());
    }
}
