//! Approvals: decisions of a person that a loop waits for.

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Time};

/// A decision of a person. It is opened once and decided once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id: the version that opened it.
    pub id: String,
    /// The digest of what the person sees.
    pub shown: Digest,
    /// Whether it is decided, and how.
    pub status: ApprovalStatus,
    /// The time of that status.
    pub at: Time,
    /// The digest of what an approval is valid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Digest>,
    /// Who decided, and how: an account or a token, at the terminal or through a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The person's comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a person has decided. In JSON it is `open`, or the event that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ApprovalStatus {
    /// The loop waits for a person.
    Open,
    /// A person sent this event.
    Decided(String),
}

/// The JSON of [`ApprovalStatus::Open`].
const OPEN: &str = "open";

impl From<String> for ApprovalStatus {
    fn from(status: String) -> Self {
        if status == OPEN { Self::Open } else { Self::Decided(status) }
    }
}

impl From<ApprovalStatus> for String {
    fn from(status: ApprovalStatus) -> Self {
        match status {
            ApprovalStatus::Open => OPEN.to_owned(),
            ApprovalStatus::Decided(event) => event,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_is_open_or_the_event_that_decided() {
        let decided = |event: &str| ApprovalStatus::Decided(event.to_owned());
        let statuses = [
            (ApprovalStatus::Open, "open"),
            (decided("approve"), "approve"),
            (decided("publish"), "publish"),
        ];
        for (status, stored) in statuses {
            assert_eq!(json!(status), json!(stored));
            assert_eq!(serde_json::from_value::<ApprovalStatus>(json!(stored)).unwrap(), status);
        }
    }
}
