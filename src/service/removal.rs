//! Common to a reset and a deletion: a person agrees after seeing what will be removed.

use super::refusals::refusal;
use super::{Consent, Service};
use crate::model::journal::Snapshot;
use crate::model::journal::removal::Removal;
use crate::model::{Name, Refusal, Version};

/// Refuses a call that does not repeat the artifact's name. This protects against slips; it is not
/// a person's consent.
pub(super) fn check_confirmed(name: &Name, confirm: &str) -> Result<(), Refusal> {
    if confirm == name.as_str() {
        Ok(())
    } else {
        Err(Refusal::argument(
            "confirm is not the artifact's name",
            format!("pass \"{name}\" as confirm if you mean this artifact"),
        ))
    }
}

/// Refuses a removal without a person's consent, or after the artifact changed since they saw it.
pub(super) fn check_agreed(
    before: &Snapshot,
    removal: Removal,
    consent: Option<&Consent>,
) -> Result<(), Refusal> {
    let name = &before.document.artifact_name;
    match consent {
        Some(consent) => consent.binding.check(&before.document, before.version),
        None => Err(Refusal::ApprovalRequired {
            what: what(removal, name),
            command: command(removal, name),
        }),
    }
}

fn what(removal: Removal, name: &Name) -> String {
    match removal {
        Removal::Reset => {
            format!("to reset {name}, which removes its goals, constraints, inputs, data and files")
        }
        Removal::Delete => format!("to delete {name}, which removes its files"),
        Removal::Purge => {
            format!("to delete {name} permanently, so that nothing of it can be restored")
        }
    }
}

fn command(removal: Removal, name: &Name) -> String {
    match removal {
        Removal::Reset => format!("refiner reset {name}"),
        Removal::Delete => format!("refiner delete {name}"),
        Removal::Purge => format!("refiner delete {name} --purge"),
    }
}

impl Service {
    /// Returns the folder of the files that a version removed.
    pub(super) async fn kept_in(
        &self,
        name: &Name,
        version: Version,
    ) -> Result<Option<String>, Refusal> {
        self.provider.kept_in(name, version).await.map_err(|error| refusal(name, &error))
    }
}
