//! `refiner doctor NAME --accept`: a person takes a journal as it is, whose end is missing or another one.

use std::sync::Arc;

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::refusals::refusal;
use super::write::Writing;
use super::{Caller, Consent, Service};
use crate::model::document::provenance::Lost;
use crate::model::journal::Transaction;
use crate::model::workflow::briefing::Briefing;
use crate::model::{Document, Name, Refusal, Time, Version};
use crate::storage::Doubt;

/// The arguments of `doctor --accept`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Accept {
    /// The artifact
    pub name: Name,
}

/// The answer of `doctor --accept`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Accepted {
    /// The artifact.
    pub name: Name,
    /// The version after which versions are lost.
    pub after: Version,
    /// The newest version that is known to have been given.
    pub up_to: Version,
    /// The version that records it.
    pub version: Version,
    /// Where the artifact stands.
    pub briefing: Briefing,
}

/// How a call of `accept` ended inside the provider.
type Outcome = Arc<Mutex<Option<Result<Doubt, Refusal>>>>;

impl Service {
    /// Goes on with a journal whose end is missing or another one, above every version that was given, and
    /// records what is lost. Only a person may do this, after seeing what was found.
    pub async fn accept(&self, arguments: Accept, caller: &Caller) -> Result<Accepted, Refusal> {
        let Accept { name } = arguments;
        let consent = self.consent(caller)?;
        let seen = self.newest(&name).await?.snapshot;
        if let Some(consent) = &consent {
            consent.binding.check(&seen.document, seen.version)?;
        }
        let writing = Writing::new("accept", &name, None, caller);
        let outcome = Outcome::default();
        let (told, now) = (Arc::clone(&outcome), self.now());
        let decide = move |transaction: &mut Transaction<'_>, doubt: &Doubt| {
            let drafted = drafted(transaction, doubt, consent.as_ref(), &writing, now);
            *told.lock() = Some(drafted.map(|()| doubt.clone()));
        };
        let accepted = self.provider.accept(&name, Box::new(decide)).await;
        let accepted = accepted.map_err(|error| refusal(&name, &error))?;
        let doubt = outcome.lock().take().ok_or_else(|| nothing_to_accept(&name))??;
        let newest = accepted.ok_or_else(|| nothing_to_accept(&name))?;
        let Doubt { after, given, .. } = doubt;
        let version = newest.snapshot.version;
        let briefing = self.brief(&newest.snapshot, newest.warnings).await?;
        Ok(Accepted { name, after, up_to: given, version, briefing })
    }
}

/// Drafts the entry, or refuses without a person.
fn drafted(
    transaction: &mut Transaction<'_>,
    doubt: &Doubt,
    consent: Option<&Consent>,
    writing: &Writing,
    now: Time,
) -> Result<(), Refusal> {
    let name = writing.name();
    let Some(consent) = consent else {
        return Err(Refusal::ApprovalRequired {
            what: format!("to go on with the journal of {name} as it is: {}", doubt.damage),
            command: format!("refiner doctor {name} --accept"),
        });
    };
    let Some(newest) = transaction.newest() else {
        return Err(Refusal::argument(
            "the journal that is there ends with a deletion",
            "restore the journal from a backup",
        ));
    };
    let mut document = Document::clone(&newest.document);
    let by = consent.decided_by();
    document.provenance.lose(Lost {
        after: doubt.after,
        up_to: doubt.given,
        found: doubt.damage.clone(),
        at: now,
        accepted_by: Some(by.clone()),
    });
    let summary = json!({
        "lost_after": doubt.after, "lost_up_to": doubt.given, "found": doubt.damage, "by": by,
        "note": consent.words,
    });
    transaction.append(writing.draft(now, document, summary)).map(drop)
}

fn nothing_to_accept(name: &Name) -> Refusal {
    Refusal::argument(
        format!("the journal of {name} contradicts nothing that is known of it"),
        format!("refiner doctor {name} says what is wrong, if anything is"),
    )
}
