//! Questions to a person about a decision that only a person may make.

use super::{Approvals, Service, catalog};
use crate::model::token::Grant;
use crate::model::workflow::question::{Asking, Question};
use crate::model::{Name, Refusal, Time};

impl Service {
    /// Returns the question for a person after a refusal that needs their decision.
    ///
    /// The shown text and the binding of the answer belong to one version; the files are the
    /// present ones.
    pub async fn question(&self, name: &Name, asking: Asking<'_>) -> Result<Question, Refusal> {
        let newest = self.newest(name).await?;
        let document = &newest.snapshot.document;
        let workflow = match asking.event {
            Some(_) => self.workflow_of(document).await?,
            // Only its events matter, and a removal or a save sends none. So a person can remove an
            // artifact whose workflow is not trusted.
            None => catalog::any_built_in(),
        };
        let files = self.files_now(document).await?;
        Ok(Question::of(&workflow, &newest.snapshot, asking, &files))
    }

    /// Returns whether a person's decision needs a token.
    pub fn wants_a_token(&self) -> bool {
        matches!(self.approvals, Approvals::Token(_))
    }

    /// Refuses a decision without the proof that the user's configuration requires.
    ///
    /// With [`Approvals::Token`] an answer alone decides nothing. The token is checked again,
    /// because it may have been revoked while the person was deciding.
    pub fn check_proven(&self, grant: Option<&Grant>) -> Result<(), Refusal> {
        match &self.approvals {
            Approvals::Person => Ok(()),
            Approvals::Token(tokens) => tokens.check_approves(grant),
        }
    }

    /// Returns the present time, for questions that expire.
    pub(crate) fn now(&self) -> Time {
        self.clock.now()
    }
}
