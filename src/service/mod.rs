//! Layer 6: the operations.
//!
//! Each operation has one file in `operations/`. It reads the state, calls the model to decide, and
//! writes through the queue. The interfaces only translate its arguments and its answer.

mod acceptance;
mod approvals;
mod artifact_parts;
mod caller;
mod captured;
mod catalog;
mod certificate;
mod clock;
mod doctor;
mod examination;
mod inventory;
mod loosening;
mod measures;
mod operations;
mod outlines;
mod progress;
mod prompt_files;
mod prompts;
mod protection;
mod question;
mod queue;
mod reading;
mod refusals;
mod removal;
mod replay;
mod setup;
mod tokens;
pub mod trace;
mod transfer;
mod trust;
mod watch;
mod write;

pub use self::acceptance::{Accept, Accepted};
pub use self::approvals::{Approvals, Consent};
pub(crate) use self::approvals::{lacks_approve, unproven};
pub use self::artifact_parts::{ArtifactParts, Part};
pub use self::caller::Caller;
pub use self::catalog::built_in_prompts;
pub use self::certificate::{CertificateOf, Disagreement, VerifiedCertificate, VerifyCertificate};
pub use self::clock::{Clock, SystemClock};
pub use self::doctor::{Diagnosis, Doctor};
pub use self::operations::*;
pub use self::progress::{Progress, Step};
pub use self::replay::{NotReplayable, Replay, Replayed, VersionDifference};
pub use self::setup::Service;
pub use self::tokens::{NewToken, Tokens};
pub use self::transfer::{Export, Exported, Import, Imported, ImportedArtifact, Remark};
pub use self::trust::{OwnWorkflow, PromptSize, Waiting, WantedCommand};
pub use self::watch::{Followed, News, Watching};

#[cfg(test)]
mod tests;
