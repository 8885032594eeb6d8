//! What a person is asked where only a person may decide, and what they agreed to.

use super::Service;
use crate::model::gate::{Question, Sight};
use crate::model::{Name, Refusal, Time, limits};

/// A person's agreement to a call.
///
/// Faces make it of what a person did: typed at a terminal, or answered through their client. It is
/// bound to what they saw, and refused for anything else.
#[derive(Clone, Debug)]
pub struct Consent {
    pub(super) sight: Sight,
    pub(super) words: Option<String>,
}

impl Consent {
    /// Makes one of what a person saw and what they said about it.
    pub fn new(sight: Sight, words: Option<&str>) -> Self {
        let words = words.map(str::trim).filter(|words| !words.is_empty());
        let cut = |words: &str| words.chars().take(limits::TEXT_CHARACTERS_MAX).collect();
        Self { sight, words: words.map(cut) }
    }
}

impl Service {
    /// Returns what to ask a person when a call of an artifact was refused because it needs one.
    ///
    /// `what` is what the refusal says, `event` the event that the call sends, and `why` what its
    /// caller gives as the reason. What is shown and what the answer is bound to are of one version.
    pub async fn question(
        &self,
        name: &Name,
        what: &str,
        event: Option<&str>,
        why: Option<&str>,
    ) -> Result<Question, Refusal> {
        let newest = self.newest(name).await?;
        let workflow = self.workflow_of(&newest.snapshot.document).await?;
        Ok(Question::of(&workflow, &newest.snapshot, what, event, why))
    }

    /// Returns the present time, for what a face lets expire.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
}
